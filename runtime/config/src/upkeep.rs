//! Alerts, whom they tell, and for how long things are kept: as understood.
//!
//! Only `resolve` makes these. Not for measuring or telling: that is the service's.

use std::time::Duration;

use indexmap::IndexMap;

use crate::project::{Origin, SecretRef};

/// Everything beside the way of calls.
#[derive(Clone, Debug, Default)]
pub struct UpkeepRules {
    /// What is watched, in the order of the file.
    pub alerts: Vec<AlertRule>,
    /// Who may be told, by name.
    pub notifiers: IndexMap<String, Notifier>,
    /// What other programs are told.
    pub telemetry: Telemetry,
    /// For how long things are kept.
    pub keep: Keep,
}

/// Something that is watched.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertRule {
    /// Its name.
    pub name: String,
    /// When it holds.
    pub when: AlertWhen,
    /// Who is told, by name.
    pub notify: Vec<String>,
    /// How often again.
    pub remind: Option<Duration>,
    /// How long it must be over before that is said.
    pub recover_after: Duration,
    /// Where it stands.
    pub origin: Origin,
}

/// When an alert holds.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertWhen {
    /// As written.
    pub source: String,
    /// What is measured.
    pub measure: Measure,
    /// Of which connection or source; absent for all of them.
    pub of: Option<String>,
    /// The comparison.
    pub op: AlertOp,
    /// A number; a share is from 0 to 1, a time in seconds.
    pub than: f64,
    /// Of how long ago at most.
    pub within: Option<Duration>,
}

impl AlertWhen {
    /// Whether it holds at this value.
    pub fn holds(&self, value: f64) -> bool {
        match self.op {
            AlertOp::AtLeast => value >= self.than,
            AlertOp::Above => value > self.than,
            AlertOp::AtMost => value <= self.than,
            AlertOp::Below => value < self.than,
        }
    }
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlertOp {
    /// `>=`
    AtLeast,
    /// `>`
    Above,
    /// `<=`
    AtMost,
    /// `<`
    Below,
}

/// What can be watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Calls of which something gave up.
    DeadLetters,
    /// Calls that wait.
    Backlog,
    /// How long the oldest of them has waited.
    BacklogAge,
    /// Calls about which a person is asked.
    Reviews,
    /// Payloads that nobody understood.
    Unrecognised,
    /// Calls on a platform's list that its webhook never brought.
    NeverDelivered,
    /// Of the requests to a system, those that failed.
    ErrorShare,
    /// Of a system's allowance, what is left.
    BudgetLeft,
    /// For how long a system has been left alone.
    CircuitOpen,
    /// For how long what stands on the disk has been refused.
    ReloadRefused,
}

/// Somebody who is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notifier {
    /// A Standard Webhook.
    Webhook {
        /// The address.
        url: String,
        /// The signing secret.
        secret: Option<SecretRef>,
    },
    /// Mail.
    Email {
        /// The server.
        server: MailServer,
        /// The sender.
        from: String,
        /// The recipients.
        to: Vec<String>,
        /// User name and password.
        credentials: Option<(SecretRef, SecretRef)>,
    },
    /// A chat's incoming webhook.
    Chat {
        /// The address.
        url: SecretRef,
    },
}

/// A mail server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailServer {
    /// Its name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// TLS from the first byte.
    pub tls: bool,
    /// On this machine: without TLS.
    pub local: bool,
}

/// What other programs are told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Telemetry {
    /// What whoever reads the metrics must send.
    pub metrics_secret: Option<SecretRef>,
    /// Where traces go.
    pub otlp: Option<String>,
    /// Headers for it.
    pub otlp_headers: IndexMap<String, SecretRef>,
}

/// For how long things are kept; what is absent is kept for good.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// Bodies of payloads.
    pub payloads: Option<Duration>,
    /// What calls say of people.
    pub calls: Option<Duration>,
    /// Look-ups.
    pub lookups: Option<Duration>,
    /// What was created.
    pub created: Option<Duration>,
    /// Reports of reloads, and configs.
    pub configs: Option<Duration>,
    /// Messages of alerts.
    pub notices: Option<Duration>,
}
