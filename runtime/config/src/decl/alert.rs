//! `[alert.NAME]`, `[notify.NAME]`, `[telemetry]` and `[store] keep`: who is told what, and what is kept for how long. Operation, so the
//! config version does not go by it.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Something that somebody is told of: once when it begins, and once when it is over.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AlertDecl {
    /// When: a measure, a comparison and a quantity, such as `dead_letters >= 5 within 10m`, `circuit_open of crm > 2m`,
    /// `error_share > 20% within 15m`. Counts: `dead_letters`, `backlog`, `reviews`, `unrecognised` (payloads that nobody understood),
    /// `never_delivered` (calls on a platform's list that its webhook never brought). Shares: `error_share` (of the requests to a system),
    /// `budget_left` (of its allowance). Times: `backlog_age`, `circuit_open`, `reload_refused`.
    pub when: String,
    /// Who is told: the name of a `[notify.NAME]`; several with commas between.
    pub notify: String,
    /// How often those who were told are told again while it lasts, such as `4h`. Left out: they are not.
    pub remind: Option<String>,
    /// How long it must be over before that is said: what comes and goes is one alert. Left out: `1m`.
    pub recover_after: Option<String>,
}

/// Somebody who is told. One of `webhook`, `email` and `chat`.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NotifyDecl {
    /// An address that takes JSON, signed as Standard Webhooks says.
    pub webhook: Option<NotifyWebhookDecl>,
    /// Mail.
    pub email: Option<NotifyEmailDecl>,
    /// A chat's incoming webhook that takes `{"text": "..."}`, as Slack's does.
    pub chat: Option<NotifyChatDecl>,
}

/// An address that takes JSON.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotifyWebhookDecl {
    /// The address; `https`, or `http` on this machine.
    pub url: String,
    /// The signing secret by reference, `env:NAME` or `file:PATH`: `whsec_` and the base64 of 24 to 64 random bytes. Left out: not signed.
    pub secret: Option<String>,
}

/// Mail.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotifyEmailDecl {
    /// The server: `smtps://HOST:465` (TLS from the start), `smtp://HOST:587` (STARTTLS is required), or on this machine `smtp://127.0.0.1:25`.
    pub server: String,
    /// The sender's address.
    pub from: String,
    /// The addresses that it goes to.
    pub to: Vec<String>,
    /// The user name by reference.
    pub username: Option<String>,
    /// The password by reference.
    pub password: Option<String>,
}

/// A chat's incoming webhook.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotifyChatDecl {
    /// The address by reference, `env:NAME` or `file:PATH`: whoever knows it can write there.
    pub url: String,
}

/// What other programs are told of the service.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TelemetryDecl {
    /// What whoever reads `/metrics` must send as `Authorization: Bearer ...`, by reference. Left out: only programs on this machine may read.
    pub metrics_secret: Option<String>,
    /// Where traces go, OTLP over HTTP as JSON: a collector's address such as `http://127.0.0.1:4318`; `/v1/traces` is added. Left out: nowhere.
    pub otlp: Option<String>,
    /// Headers for it, their values by reference.
    pub otlp_headers: IndexMap<String, String>,
}

/// For how long things are kept, each such as `30d`. What is left out is kept.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct KeepDecl {
    /// What platforms delivered, byte for byte.
    pub payloads: Option<String>,
    /// What calls say of people: outcomes, what was read about the caller, plans, requests, receipts, the particulars of what happened, and what we
    /// wrote last into which field. Ids, times, states and hashes stay. A call that waits, is dead or in review is kept whole.
    pub calls: Option<String>,
    /// Look-ups such as colleagues' ids.
    pub lookups: Option<String>,
    /// What is remembered of records that were made, by which a lagging search is bridged; an hour is enough for the systems that ship.
    pub created: Option<String>,
    /// What was told of reloads, and configs that no whole call needs any more.
    pub configs: Option<String>,
    /// Messages of alerts.
    pub notices: Option<String>,
}
