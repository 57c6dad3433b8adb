//! The call log as pages ask for it: which calls, in which time, and how many of each kind.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::{CallSeq, CallStatus, CallSummary};

/// Which calls of the log to show, newest first. Everything that is named must hold.
#[derive(Clone, Debug, Default)]
pub struct LogFilter {
    /// What is counted, too.
    pub of: LogKind,
    /// Any of these; empty for all.
    pub status: Vec<CallStatus>,
    /// With a write to this connection that was not skipped.
    pub connection: Option<String>,
    /// What people look for a call by: a name, a number in any spelling, an address, the call's id, a record's id. Words may be cut off at
    /// their end from three letters on; all of them must be there.
    pub text: Option<String>,
    /// Only whole words count, numbers and addresses among them: who may not see a number must not find it out digit by digit.
    pub whole_words: bool,
    /// Beyond this call: the `next` of the page before.
    pub after: Option<CallSeq>,
    /// At most so many.
    pub limit: usize,
    /// Whether to bring each call's outcome along.
    pub with_outcome: bool,
}

/// Calls of one time and kind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogKind {
    /// Received at or after.
    pub since: Option<Timestamp>,
    /// Received before.
    pub until: Option<Timestamp>,
    /// Delivered by this source.
    pub source: Option<String>,
    /// Planned by this pipeline.
    pub pipeline: Option<String>,
    /// Whose match decision was this: `matched`, `new`, `ambiguous`, `no_identity`.
    pub verdict: Option<String>,
}

/// A page of the log.
#[derive(Clone, Debug)]
pub struct LogPage {
    /// The calls.
    pub calls: Vec<CallSummary>,
    /// Where the next page begins; absent where there is nothing more.
    pub next: Option<CallSeq>,
    /// Whether the page ends because so many calls were looked at, and not because it is full: what fits is rare, and further back.
    pub cut: bool,
}

/// How many calls of a kind there are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct LogCounts {
    /// By status; a status without calls is missing.
    pub calls: BTreeMap<CallStatus, u64>,
    /// Deliveries of that time and source that nobody understood yet.
    pub unrecognised: u64,
    /// Calls of that time and source that the platform's own list has and that never came, as far as it was looked at.
    pub never_received: u64,
}

/// A record that a call's write has left in a system.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct WrittenRecord {
    /// The write.
    pub write: String,
    /// The connection.
    pub connection: String,
    /// The object.
    pub object: String,
    /// The record.
    pub record_id: String,
    /// Where a person finds it.
    pub record_url: Option<String>,
}
