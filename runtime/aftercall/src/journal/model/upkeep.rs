//! Alerts and their messages, and what is let go of.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::Json;

/// What is open.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Vitals {
    /// Calls that wait.
    pub waiting: u64,
    /// Since when the one waits that waits longest: its arrival, or what a person last did about it.
    pub oldest_waiting: Option<Timestamp>,
    /// Calls that wait for a person because something gave up.
    pub dead: u64,
    /// Calls about which a person is asked.
    pub asking: u64,
    /// Payloads that nobody understood.
    pub unrecognised: u64,
    /// Calls that platforms' own lists have and that never came, by source.
    pub never_received: BTreeMap<String, u64>,
}

/// What went wrong since a moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Lately {
    /// Calls of which something gave up.
    pub dead: u64,
    /// The first of them.
    pub first: Option<DeadLetter>,
    /// Payloads that were not understood.
    pub unrecognised: u64,
}

/// Something that gave up, without a word of what a caller said.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeadLetter {
    /// Id of the call.
    pub call: String,
    /// Where it should have gone; absent where the call could not even be planned.
    pub connection: Option<String>,
    /// The object.
    pub object: Option<String>,
    /// The error class.
    pub class: Option<String>,
    /// The HTTP status.
    pub http_status: Option<u16>,
}

/// An alert that holds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AlertRow {
    /// Its name.
    pub name: String,
    /// Since when it holds.
    pub since: Timestamp,
    /// Since when its condition does not hold any more, while it is too early to say that it is over.
    pub quiet_since: Option<Timestamp>,
    /// When somebody was told last.
    pub told_at: Timestamp,
    /// What they were told.
    pub said: Json,
}

/// A change of an alert.
#[derive(Clone, Debug)]
pub struct AlertChange {
    /// Its name.
    pub name: String,
    /// How it is now; `None` where it is over.
    pub state: Option<AlertRow>,
    /// What is to be told.
    pub notices: Vec<NewNotice>,
    /// When.
    pub now: Timestamp,
}

/// A message to send.
#[derive(Clone, Debug)]
pub struct NewNotice {
    /// Whom.
    pub notifier: String,
    /// `begun`, `still`, `over`, `trial`.
    pub kind: String,
    /// What is said, without anything of a caller.
    pub body: Json,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NoticeRow {
    /// Its number; the order in which one notifier gets them.
    pub id: i64,
    /// The alert.
    pub alert: String,
    /// Whom.
    pub notifier: String,
    /// `begun`, `still`, `over`, `trial`.
    pub kind: String,
    /// What is said.
    pub body: Json,
    /// When it was made.
    pub made_at: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried again.
    pub next_at: Timestamp,
    /// When it was sent or given up.
    pub done_at: Option<Timestamp>,
    /// Why it did not go out; with `done_at`, why it was given up.
    pub trouble: Option<String>,
}

/// What came of sending a message.
#[derive(Clone, Debug)]
pub struct NoticeTried {
    /// Its number.
    pub id: i64,
    /// When.
    pub now: Timestamp,
    /// When it is tried again; `None`: it is done.
    pub next_at: Option<Timestamp>,
    /// Why it did not go out.
    pub trouble: Option<String>,
}

/// What is let go of. A kind without a time is kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Purging {
    /// Time of the record.
    pub now: Timestamp,
    /// Bodies of payloads that came in before; those of calls that are still open stay.
    pub payloads: Option<Timestamp>,
    /// What calls that came in before, and are finished, say of people.
    pub calls: Option<Timestamp>,
    /// Look-ups from before.
    pub lookups: Option<Timestamp>,
    /// What is remembered of records that were created before.
    pub created: Option<Timestamp>,
    /// What was told of configs before, and configs from before that no whole call names.
    pub configs: Option<Timestamp>,
    /// Messages of alerts from before.
    pub notices: Option<Timestamp>,
    /// Where to go on: what the last portion gave.
    pub from: Place,
    /// At most so many payloads and calls.
    pub limit: usize,
}

/// How far letting go has come: the last rows that were looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Of the payloads.
    pub payload: i64,
    /// Of the calls.
    pub call: i64,
}

/// What was let go of in a portion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// Bodies of payloads.
    pub payloads: u64,
    /// Calls.
    pub calls: u64,
    /// Rows of other kinds.
    pub others: u64,
    /// Where to go on.
    pub next: Place,
    /// Whether there is more.
    pub more: bool,
}

/// Whom to take out.
#[derive(Clone, Debug, Default)]
pub struct Erasing {
    /// Time of the record.
    pub now: Timestamp,
    /// Identity keys of the person: all calls of their lanes.
    pub keys: Vec<String>,
    /// Digits of a number without the country's, at least seven: what holds them, written in any way, goes as well.
    pub digits: Option<String>,
    /// An address in small letters: what holds it goes as well.
    pub address: Option<String>,
    /// Only look.
    pub dry_run: bool,
}

/// What was found, and taken out unless it was only looked at.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Erased {
    /// Ids of the calls.
    pub calls: Vec<String>,
    /// Ids of calls that are still open: nothing was taken out of them.
    pub open: Vec<String>,
    /// Payloads, look-ups and reports beside them.
    pub others: u64,
    /// Records in systems that these calls wrote, which stay there.
    pub records: Vec<Remains>,
}

/// A record in a system.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Remains {
    /// The connection.
    pub connection: String,
    /// The object.
    pub object: String,
    /// The record.
    pub record_id: String,
    /// Where a person finds it.
    pub record_url: Option<String>,
}
