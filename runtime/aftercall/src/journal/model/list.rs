//! What platforms' lists had, what never came, and what pages hold against it: counts of days, suspected duplicates, what was captured.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::{CallStatus, Json};

/// A look at a source's list: that it has begun, or what came of it.
#[derive(Clone, Debug)]
pub struct Look {
    /// The source.
    pub source: String,
    /// From when calls are looked for, by when they began.
    pub since: Timestamp,
    /// To when.
    pub until: Timestamp,
    /// When the look began.
    pub began_at: Timestamp,
    /// When this is put on record.
    pub now: Timestamp,
    /// What came of it; absent while it goes on.
    pub end: Option<LookEnd>,
}

/// What came of a look.
#[derive(Clone, Debug, Default)]
pub struct LookEnd {
    /// Why it did not come to its end, in a sentence.
    pub trouble: Option<String>,
    /// What the list had; absent where it was not read to its end.
    pub listed: Option<Vec<ListedDay>>,
    /// Calls of the time that are still missing; those that are not named are not missing any more. Means nothing without `listed`.
    pub missing: Vec<Missing>,
    /// How many were taken in from the list, by day.
    pub fetched: BTreeMap<String, u64>,
}

/// How many calls a list had of a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedDay {
    /// The day, such as `2026-11-27`.
    pub day: String,
    /// Whether all of it was looked at, as far as it had passed.
    pub whole: bool,
    /// Finished calls.
    pub calls: u64,
}

/// A call that a list has and the journal has not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The platform's id.
    pub id: String,
    /// When it began, as far as the list says.
    pub started_at: Timestamp,
    /// What it turned out to be when it was asked for: `ignored` or `not_understood`; absent where it was not asked for, or in vain.
    pub kept: Option<&'static str>,
}

/// The last look at a source's list.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct LookRow {
    /// The source.
    pub source: String,
    /// From when calls were looked for.
    pub since: Timestamp,
    /// To when.
    pub until: Timestamp,
    /// When it began.
    pub began_at: Timestamp,
    /// When it ended; absent while it goes on, or where it was broken off.
    pub ended_at: Option<Timestamp>,
    /// Why it did not come to its end.
    pub trouble: Option<String>,
}

/// A day as the journal is asked about it.
#[derive(Clone, Debug)]
pub struct Day {
    /// Its name, such as `2026-11-27`.
    pub name: String,
    /// From, inclusive.
    pub from: Timestamp,
    /// To, exclusive.
    pub to: Timestamp,
}

/// Days of calls, held against what platforms' lists had.
#[derive(Clone, Debug, Default)]
pub struct Reconciled {
    /// What came in, by day and source.
    pub received: BTreeMap<(String, String), Received>,
    /// What the lists had, by day and source.
    pub listed: BTreeMap<(String, String), ListedRow>,
    /// What is missing, the oldest first.
    pub missing: Vec<MissingRow>,
    /// The last look at each source's list.
    pub looks: Vec<LookRow>,
}

/// What came in from a source on a day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// Calls by status.
    pub calls: BTreeMap<CallStatus, u64>,
    /// Deliveries that nobody understood.
    pub unrecognised: u64,
}

/// What a list had of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedRow {
    /// When it was looked at.
    pub looked_at: Timestamp,
    /// Whether all of the day was looked at, as far as it had passed.
    pub whole: bool,
    /// Finished calls.
    pub calls: u64,
    /// How many of them were taken in from the list.
    pub fetched: u64,
}

/// A call that a list has and the journal has not.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct MissingRow {
    /// The source.
    pub source: String,
    /// The platform's id.
    pub id: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When the list was seen to have it.
    pub seen_at: Timestamp,
}

/// What may be duplicates in a system, the newest first of each kind.
#[derive(Clone, Debug, Default)]
pub struct Suspects {
    /// Calls for which several records fit.
    pub several: Vec<Several>,
    /// Creates that a system refused, since it has such a record.
    pub refused: Vec<RefusedTwin>,
    /// Records that a person said are one, and that have not become one.
    pub said: Vec<SaidOne>,
}

/// A call for which several records fit.
#[derive(Clone, Debug)]
pub struct Several {
    /// Id of the call.
    pub call: String,
    /// When it came in.
    pub received_at: Timestamp,
    /// Its pipeline.
    pub pipeline: String,
    /// The decision, with its candidates.
    pub decision: Json,
    /// Records that the call made, as connection, object, id.
    pub made: Vec<(String, String, String)>,
}

/// A create that a system refused, since it has such a record.
#[derive(Clone, Debug)]
pub struct RefusedTwin {
    /// Id of the call.
    pub call: String,
    /// When it was refused.
    pub at: Timestamp,
    /// The connection.
    pub connection: String,
    /// The object.
    pub object: String,
    /// What the system said.
    pub message: String,
}

/// Two records that are one, as a person said.
#[derive(Clone, Debug)]
pub struct SaidOne {
    /// Id of the call.
    pub call: String,
    /// When they said so.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// The pipeline of the call.
    pub pipeline: Option<String>,
    /// The record that stays.
    pub contact: String,
    /// The other.
    pub other: String,
}

/// A call with what it captured and what became of each field.
#[derive(Clone, Debug)]
pub struct CapturedCall {
    /// Its pipeline; absent before it is planned.
    pub pipeline: Option<String>,
    /// Where it stands.
    pub status: CallStatus,
    /// The canonical outcome.
    pub outcome: Json,
    /// Its writes: name, state, receipt.
    pub writes: Vec<(String, super::WriteState, Option<Json>)>,
}
