//! Taking work out of the queue: who asks, and everything a worker needs to go on where the last one stopped.

use std::time::Duration;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::{AnswerRow, CallSeq, CallStatus, Fence, Json, LaneId, Trouble, WriteState};

/// A worker asks for work.
#[derive(Clone, Debug)]
pub struct Claiming {
    /// The worker's clock; with several machines, the store's.
    pub now: Timestamp,
    /// Who asks: shown to people, and told apart from another worker.
    pub owner: String,
    /// How long the lanes are held before another may take them over. 60 s is usual, renewed at 20 s.
    pub lease: Duration,
    /// At most so many lanes. 0 gives none.
    pub max: usize,
}

/// The proof that a lane is ours: every record carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Guard {
    /// The lane.
    pub lane: LaneId,
    /// Its fence when it was claimed.
    pub fence: Fence,
}

/// One lane in hand, with the call to work and all that is known of it.
#[derive(Clone, Debug, Serialize)]
pub struct Claim {
    /// Goes with every record.
    pub guard: Guard,
    /// When the lane may be taken over. Before each send: `now + request time-out < until`, or give the lane up.
    pub until: Timestamp,
    /// The call to work.
    pub call: ClaimedCall,
    /// The plan recorded last, of whatever revision; `None` before the first.
    pub plan: Option<PlanRow>,
    /// The call's writes in plan order. Those without an outcome at a take-over are `Unknown` here, never `Intent`.
    pub writes: Vec<WriteRow>,
    /// The records that this caller is known to be.
    pub links: Vec<LaneLink>,
    /// What people answered about calls of this lane: of each call the answer that counts, oldest first.
    pub answers: Vec<AnswerRow>,
}

/// The call inside a claim.
#[derive(Clone, Debug, Serialize)]
pub struct ClaimedCall {
    /// Its place in the order of arrival.
    pub seq: CallSeq,
    /// Our id of it.
    pub id: String,
    /// The source that delivered it.
    pub source: String,
    /// Number of the outcome below. A plan of a lower revision has to be made again.
    pub revision: i64,
    /// The canonical call outcome.
    pub outcome: Json,
    /// Digest of the outcome.
    pub digest: String,
    /// When the call began.
    pub started_at: Option<Timestamp>,
    /// When its first word came in.
    pub received_at: Timestamp,
    /// Whether the better word never came: it is worked with what there is.
    pub provisional: bool,
    /// The config version that mapped the payload.
    pub config_version: String,
    /// Where it stands: `Waiting`, in a claim.
    pub status: CallStatus,
    /// Why, in words.
    pub status_reason: Option<String>,
    /// Whether it keeps later calls of its lane waiting.
    pub blocks_lane: bool,
}

/// A recorded plan with what it was made from.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PlanRow {
    /// Counts the plans of the call, from 1.
    pub number: i64,
    /// The revision of the outcome that it plans.
    pub revision: i64,
    /// What was read about the caller.
    pub context: Json,
    /// The match decision.
    pub decision: Json,
    /// The plan.
    pub plan: Json,
    /// Name of the pipeline.
    pub pipeline: String,
    /// The config version it was planned under.
    pub config_version: String,
    /// Digest of the plan.
    pub digest: String,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

/// One write as it stands.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct WriteRow {
    /// The call it belongs to.
    pub call: CallSeq,
    /// Its id, unique within the call.
    pub write: String,
    /// Its place in the plan, from 0.
    pub position: i64,
    /// Number of the plan that asked for it.
    pub plan: i64,
    /// Revision of the outcome that it carries.
    pub revision: i64,
    /// The connection it goes to.
    pub connection: String,
    /// The object it changes.
    pub object: String,
    /// What it does there (`create`, `update`, `upsert`, …; the executor's word).
    pub op: String,
    /// The identity under which the system can know it again, if there is one.
    pub marker: Option<String>,
    /// Goes up when a person asks for it as new.
    pub generation: i64,
    /// The promise (`exact`, `reconciled`, `ask`, `at_least_once`).
    pub guarantee: String,
    /// The writes of the same call that come first.
    pub depends_on: Vec<String>,
    /// Where it stands.
    pub state: WriteState,
    /// How many times it has been an intent.
    pub attempt: i64,
    /// Digest of the request of the last intent.
    pub request_digest: Option<String>,
    /// The request of the last intent, so that a retry sends the same.
    pub request: Option<Json>,
    /// What went wrong last; `None` when the last change named no trouble.
    pub trouble: Option<Trouble>,
    /// The record in the system, once known.
    pub record_id: Option<String>,
    /// Where a person finds it.
    pub record_url: Option<String>,
    /// What the system confirmed, field by field.
    pub receipt: Option<Json>,
    /// Since when it is in doubt, or waits: the executor's meaning, per state.
    pub since: Option<Timestamp>,
    /// When to go on with it.
    pub next_at: Option<Timestamp>,
    /// When the row last changed.
    pub changed_at: Timestamp,
}

/// What a lane's caller is known to be in one connection.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct LaneLink {
    /// The lane.
    pub lane: LaneId,
    /// The connection.
    pub connection: String,
    /// The contact's record: the executor's JSON.
    pub record: Json,
    /// When it was noted.
    pub noted_at: Timestamp,
}
