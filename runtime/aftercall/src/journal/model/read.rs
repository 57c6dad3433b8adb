//! What people and pages are shown: the call log, one call's whole story, the counts.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::{AnswerRow, CallSeq, CallStatus, Json, LaneId, LaneLink, PlanRow, WriteRow, WriteState, WrittenRecord};

/// Which calls to list. The default is the 100 newest.
#[derive(Clone, Debug)]
pub struct CallFilter {
    /// Any of these; empty for all.
    pub status: Vec<CallStatus>,
    /// Planned by this pipeline.
    pub pipeline: Option<String>,
    /// Delivered by this source.
    pub source: Option<String>,
    /// Received at or after.
    pub since: Option<Timestamp>,
    /// Received before.
    pub until: Option<Timestamp>,
    /// Contains this text in its id, its reason or its outcome; case does not matter for ASCII letters. Reads every
    /// outcome in question, so narrow it by time where there are many.
    pub text: Option<String>,
    /// Only those about which a person is asked and has not answered.
    pub asking: bool,
    /// Beyond this call in the chosen order: the last one of the page before.
    pub after: Option<CallSeq>,
    /// Which end first.
    pub order: Order,
    /// At most so many.
    pub limit: usize,
    /// Whether to bring each call's outcome along.
    pub with_outcome: bool,
}

impl Default for CallFilter {
    fn default() -> Self {
        Self {
            status: Vec::new(),
            pipeline: None,
            source: None,
            since: None,
            until: None,
            text: None,
            asking: false,
            after: None,
            order: Order::NewestFirst,
            limit: 100,
            with_outcome: false,
        }
    }
}

/// The order of a list, by arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Order {
    /// For people.
    #[default]
    NewestFirst,
    /// For working through them.
    OldestFirst,
}

/// Which calls to read as they were planned last, oldest first.
#[derive(Clone, Debug, Default)]
pub struct PlannedFilter {
    /// Exactly these, by their whole ids; empty for all.
    pub ids: Vec<String>,
    /// Received at or after.
    pub since: Option<Timestamp>,
    /// Received before.
    pub until: Option<Timestamp>,
    /// Beyond this call: the last one of the page before.
    pub after: Option<CallSeq>,
    /// At most so many.
    pub limit: usize,
}

/// A call with its last plan and what that was made from.
#[derive(Clone, Debug)]
pub struct PlannedCall {
    /// Its place in the order of arrival.
    pub seq: CallSeq,
    /// Our id of it.
    pub id: String,
    /// The canonical outcome: the one that was planned, or the one that counts where none was.
    pub outcome: Json,
    /// The last plan; absent where there is none.
    pub plan: Option<PlanRow>,
}

/// A line of the call log.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct CallSummary {
    /// Its place in the order of arrival.
    pub seq: CallSeq,
    /// Our id of it.
    pub id: String,
    /// The source that delivered it.
    pub source: String,
    /// The lane it is in.
    pub lane: LaneId,
    /// Number of the outcome that counts.
    pub revision: i64,
    /// Whether a better word about it is still expected.
    pub provisional: bool,
    /// Where it stands.
    pub status: CallStatus,
    /// Why, in words.
    pub status_reason: Option<String>,
    /// What a person is asked about it and has not answered yet.
    pub question: Option<String>,
    /// Pipeline of the last plan.
    pub pipeline: Option<String>,
    /// Config version of the last plan, or of intake before there is one.
    pub config_version: String,
    /// When the call began.
    pub started_at: Option<Timestamp>,
    /// When its first word came in.
    pub received_at: Timestamp,
    /// When it is worked again.
    pub next_at: Option<Timestamp>,
    /// Whether it keeps later calls of its lane waiting.
    pub blocks_lane: bool,
    /// The earlier call of its lane that it waits for, while it waits.
    pub behind: Option<String>,
    /// When it was last changed.
    pub changed_at: Timestamp,
    /// The match decision of the last plan: `matched`, `new`, `ambiguous` or `no_identity`.
    pub verdict: Option<String>,
    /// How many of its writes are in which state.
    pub writes: BTreeMap<WriteState, u32>,
    /// The records that they left in the systems, in plan order.
    pub records: Vec<WrittenRecord>,
    /// The canonical outcome, if asked for.
    pub outcome: Option<Json>,
}

/// Everything the journal knows about one call.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Story {
    /// The call, with its outcome.
    pub call: CallSummary,
    /// Its outcomes, oldest first; the last one counts.
    pub revisions: Vec<RevisionRow>,
    /// What was delivered for it, without the bodies.
    pub payloads: Vec<PayloadRow>,
    /// Its plans, oldest first; the last one counts.
    pub plans: Vec<PlanRow>,
    /// Its writes in plan order.
    pub writes: Vec<WriteRow>,
    /// Writes that were sent under an earlier plan and gave way to one of the same id, oldest first.
    pub past_writes: Vec<WriteRow>,
    /// The times it has booked.
    pub bookings: Vec<Booking>,
    /// What the caller is known to be.
    pub links: Vec<LaneLink>,
    /// What people answered about it, the last one last: that one counts.
    pub answers: Vec<AnswerRow>,
    /// What happened, oldest first.
    pub events: Vec<EventRow>,
}

/// One outcome of a call.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RevisionRow {
    /// Counts from 1.
    pub revision: i64,
    /// The canonical outcome.
    pub outcome: Json,
    /// Its digest.
    pub digest: String,
    /// Whether a better word was expected then.
    pub provisional: bool,
    /// The config version that mapped it.
    pub config_version: String,
    /// When it came in.
    pub received_at: Timestamp,
}

/// One delivery, without its body.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PayloadRow {
    /// Number of the delivery, for [`Journal::payload`](super::super::Journal::payload).
    pub id: i64,
    /// The source.
    pub source: String,
    /// Its key for recognising repetitions.
    pub event_key: String,
    /// Size of the body.
    pub bytes: u64,
    /// When it came in.
    pub received_at: Timestamp,
}

/// A delivery that nobody understood yet, with its body.
#[derive(Clone, Debug, Serialize)]
pub struct Unrecognised {
    /// Number of the delivery.
    pub id: i64,
    /// The source.
    pub source: String,
    /// Its key for recognising repetitions.
    pub event_key: String,
    /// What was missing.
    pub reason: String,
    /// When it came in.
    pub received_at: Timestamp,
    /// The payload, byte for byte.
    #[serde(skip)]
    pub body: Vec<u8>,
}

/// A line of a call's story.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct EventRow {
    /// Increases over all calls.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// What happened, in the past tense.
    pub kind: String,
    /// The write it is about.
    pub write: Option<String>,
    /// The particulars.
    pub data: Json,
}

/// Which writes to list, over all calls, longest unchanged first.
#[derive(Clone, Debug)]
pub struct WriteFilter {
    /// Any of these states; empty gives nothing.
    pub states: Vec<WriteState>,
    /// To this connection.
    pub connection: Option<String>,
    /// At most so many.
    pub limit: usize,
}

/// The value that we wrote into a field last.
#[derive(Clone, Debug, Serialize)]
pub struct Written {
    /// The record.
    pub record_id: String,
    /// The field.
    pub field: String,
    /// The value.
    pub value: Json,
    /// Id of the call behind it.
    pub call: String,
    /// When that call began.
    pub call_started_at: Option<Timestamp>,
    /// The config version that asked for it.
    pub config_version: String,
    /// When we wrote it.
    pub written_at: Timestamp,
}

/// A booked time.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Booking {
    /// What is booked.
    pub resource: String,
    /// From, inclusive.
    pub starts_at: Timestamp,
    /// To, exclusive.
    pub ends_at: Timestamp,
    /// Id of the call that has it.
    pub call: String,
    /// The write that books it.
    pub write: String,
}

/// Something looked up once and kept (a user's id, a pick list).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Lookup {
    /// The connection.
    pub connection: String,
    /// What kind of thing it is.
    pub kind: String,
    /// What was asked.
    pub key: String,
    /// The answer.
    pub value: Json,
    /// When it was asked; how long it stays good is the reader's business.
    pub fetched_at: Timestamp,
}

/// How much of everything there is.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Counts {
    /// Calls by status; a status without calls is missing.
    pub calls: BTreeMap<CallStatus, u64>,
    /// Writes by state, without the applied and skipped ones.
    pub open_writes: BTreeMap<WriteState, u64>,
    /// Deliveries that nobody understood yet.
    pub unrecognised: u64,
    /// Lanes that are being worked.
    pub lanes_leased: u64,
    /// Arrival of the longest waiting call that is due or will be.
    pub oldest_waiting: Option<Timestamp>,
}
