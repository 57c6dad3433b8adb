//! `[service]`: how `aftercall run` takes over a changed project. Operation, so the config version does not go by it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a changed project takes over while the service runs.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ServiceDecl {
    /// What happens with a changed project that has no errors. Left out: `swap`.
    pub on_reload: Option<OnReload>,
    /// How many calls a version is planned for, with nothing written, before it takes over; for `on_reload = "shadow"`. Left out: 20.
    pub shadow_calls: Option<u32>,
    /// How long the files must have been left alone before they are read, such as `500ms`; they are read again after half of it, and count
    /// when nothing has changed between. Most beginnings of a TOML file are TOML as well, so a file that is being written must not be taken for
    /// a whole one. Left out: `500ms`.
    pub quiet: Option<String>,
    /// How long what has disappeared (a file, a write, a field, any key) must stay away before that is believed. Left out: `5s`.
    pub shrink_hold: Option<String>,
    /// How often the files are compared without being told of a change: network disks and some mounts tell nothing. Left out: `30s`.
    pub scan_every: Option<String>,
    /// How long a source that was removed goes on being taken in: platforms repeat what they could not deliver. Left out: `72h`.
    pub source_grace: Option<String>,
}

/// What happens with a changed project.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnReload {
    /// It takes over at once.
    #[default]
    Swap,
    /// It is planned beside the one at work for a number of calls, with nothing written; the difference is reported, and it takes over.
    Shadow,
}
