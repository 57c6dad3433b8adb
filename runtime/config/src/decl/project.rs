//! `aftercall.toml`: connections, store, defaults. It holds no secret, only references.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The project file, `aftercall.toml`, one per project.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectDecl {
    /// The project's name. It goes into every marker, so renaming a live project makes new markers.
    pub name: String,
    /// IANA time zone in which due dates and business hours are meant, such as `America/Chicago`.
    pub timezone: String,
    /// Two-letter country for phone numbers without a country code, such as `US`.
    pub phone_region: String,
    /// When somebody is there. Left out: Monday to Friday, 09:00 to 17:00.
    pub business_hours: Option<BusinessHoursDecl>,
    /// Where the journal is kept. Left out: `sqlite:state/aftercall.db` beside this file.
    pub store: Option<StoreDecl>,
    /// One account of one system each, by the name that pipelines use.
    #[serde(default)]
    pub connection: IndexMap<String, ConnectionDecl>,
    /// One voice platform each, by the name of its folder in `mappings/`.
    #[serde(default)]
    pub source: IndexMap<String, SourceSettingsDecl>,
    /// Who may ask about a caller while the call is under way.
    #[serde(default)]
    pub context: super::ContextAccessDecl,
    /// How `aftercall run` takes over a changed project.
    #[serde(default)]
    pub service: super::ServiceDecl,
    /// The pages of `aftercall run`.
    #[serde(default)]
    pub web: super::WebDecl,
    /// What somebody is told of, by names of your own.
    #[serde(default)]
    pub alert: IndexMap<String, super::AlertDecl>,
    /// Who is told, by the names that alerts use.
    #[serde(default)]
    pub notify: IndexMap<String, super::NotifyDecl>,
    /// What other programs are told of the service.
    #[serde(default)]
    pub telemetry: super::TelemetryDecl,
}

/// When somebody is there.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BusinessHoursDecl {
    /// Days of the week: `mon-fri`, or a list such as `mon,tue,sat`.
    pub days: String,
    /// Opening time, `HH:MM`.
    pub from: String,
    /// Closing time, `HH:MM`.
    pub to: String,
    /// Dates on which nobody is there, `YYYY-MM-DD`.
    #[serde(default)]
    pub holidays: Vec<String>,
}

/// Where the journal is kept.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StoreDecl {
    /// `sqlite:PATH`, relative to the project file.
    pub url: String,
    /// The key for the credentials that are kept in it, by reference: `env:NAME` or `file:PATH`; at least 32 characters, such as
    /// `openssl rand -base64 32` gives. It is needed only where a system replaces refresh tokens: they are kept sealed. Left out: they are kept
    /// in memory alone, and after a restart such a connection has to be authorised again.
    pub key: Option<String>,
    /// For how long things are kept, such as `{ payloads = "30d", calls = "400d" }`. Left out: for good.
    pub keep: Option<super::KeepDecl>,
}

/// One account of one system.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionDecl {
    /// The system's folder in `mappings/`, such as `salesforce`.
    pub system: String,
    /// Where the system is reached. Left out: the connector's own address.
    pub base_url: Option<String>,
    /// Credentials by reference: `env:NAME` or `file:PATH`. The connector says which are needed.
    #[serde(default)]
    pub auth: IndexMap<String, String>,
    /// Values for the connector's `[settings]`, such as a calendar's address.
    #[serde(default)]
    pub settings: IndexMap<String, serde_json::Value>,
    /// Keep an index of the system's people beside the journal: digits, addresses and names as they sound, hashed. For a system that cannot be
    /// searched by digits, or holds names as people misspell them. It fills from what is read and written, and at once by `aftercall match index`.
    #[serde(default)]
    pub index: bool,
    /// A slower pace than the connector's own, when others use the same account.
    pub limits: Option<super::LimitsDecl>,
    /// When this system is left alone, where that differs from the connector's own `[breaker]`.
    #[serde(default)]
    pub breaker: super::BreakerDecl,
}

/// What this project knows of a source.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceSettingsDecl {
    /// The signing secret, or the token the platform sends, by reference: `env:NAME` or `file:PATH`.
    pub secret: Option<String>,
    /// A second secret that is accepted while the first is being rotated.
    pub previous_secret: Option<String>,
    /// Accept unsigned payloads. Only for a platform that cannot sign, behind a network that you trust.
    #[serde(default)]
    pub allow_unsigned: bool,
    /// Credentials for the platform's own list of calls, by reference: `env:NAME` or `file:PATH`. `aftercall backfill` needs them.
    #[serde(default)]
    pub auth: IndexMap<String, String>,
    /// Where that list is reached. Left out: the platform's own address.
    pub list_url: Option<String>,
    /// How often `aftercall run` looks there for what was never delivered and takes it in, such as `15m`; each time it looks back to the beginning
    /// of yesterday. Left out: it looks once an hour where `auth` is given, says what is missing, and takes nothing in.
    pub backfill_every: Option<String>,
    /// Values for the source's `[settings]`, such as the assistant that answers.
    #[serde(default)]
    pub settings: IndexMap<String, serde_json::Value>,
}
