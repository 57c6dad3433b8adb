//! `[web]`: the pages of `aftercall run`, and who a proxy in front of them may vouch for. Operation, so the config version does not go by it.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The pages of `aftercall run`. Users and tokens are kept in the journal: see `aftercall user`.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WebDecl {
    /// How browsers reach the pages, such as `https://calls.acme.example`, where a proxy in front ends TLS. With `https` the cookie is never
    /// sent in the clear. Left out: what a trusted proxy says in `x-forwarded-proto`, otherwise plain HTTP.
    pub url: Option<String>,
    /// How long somebody stays signed in, such as `12h`. Left out: `12h`, so that a morning begins with a password.
    pub session: Option<String>,
    /// How long somebody who does nothing stays signed in, such as `1h`. Left out: `1h`.
    pub session_idle: Option<String>,
    /// The proxies in front, as addresses or ranges such as `10.0.0.0/8`. Only what they say about whom they pass on is believed. Left out: none.
    #[serde(default)]
    pub trusted_proxies: Vec<String>,
    /// The header in which a trusted proxy says who has signed in there, such as `x-forwarded-user`. From anybody else it means nothing. The
    /// proxy must remove it from what comes in. Left out: people sign in here.
    pub trust_header: Option<String>,
    /// What people may do whom the proxy names, by that name. Who is not here gets `default_role`.
    #[serde(default)]
    pub roles: IndexMap<String, RoleDecl>,
    /// What anybody else may do whom the proxy names. Left out: nothing.
    pub default_role: Option<RoleDecl>,
}

/// What somebody may do; each may do all that the one before may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RoleDecl {
    /// Sees calls, without numbers, addresses and captured values.
    Viewer,
    /// Sees all of a call, and works what did not land.
    Operator,
    /// Sees and does everything.
    Admin,
}
