//! What a worker puts on record: plans, intents, outcomes, and the story.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CallSeq, CallStatus, Guard, Json, NewAnswer, Story, Way, WriteRow, WriteState};

/// A plan to put on record, with its writes, in one commit.
///
/// It replaces the plan before it: a write of an earlier plan that this one does not name, and that is `Planned`,
/// `Blocked`, `Waiting`, `Held` or `Dead`, becomes `Skipped` with the trouble `superseded`, and gives its booked times back.
#[derive(Clone, Debug)]
pub struct NewPlan {
    /// The lane in hand.
    pub guard: Guard,
    /// The call.
    pub call: CallSeq,
    /// The revision of the outcome that was planned. If it is no longer the last, nothing is recorded.
    pub revision: i64,
    /// Time of the record.
    pub now: Timestamp,
    /// What was read about the caller.
    pub context: Json,
    /// The match decision.
    pub decision: Json,
    /// The decision in a word: `matched`, `new`, `ambiguous` or `no_identity`.
    pub verdict: String,
    /// What a person is asked about whose record it is.
    pub question: Option<String>,
    /// The plan.
    pub plan: Json,
    /// Name of the pipeline.
    pub pipeline: String,
    /// The config version it was planned under.
    pub config_version: String,
    /// Digest of the plan.
    pub digest: String,
    /// Its writes, in plan order. What an existing write of the same id becomes: see [`WriteOutcome`].
    pub writes: Vec<NewWrite>,
    /// Anything else that belongs into the same commit, applied after the writes.
    pub records: Vec<Record>,
    /// Whether to keep the lane.
    pub then: Then,
}

/// What a write that undoes something does: the `op` of a write that is of no plan, and that later plans leave as it is.
pub const REVERT: &str = "revert";

/// One write of a new plan.
#[derive(Clone, Debug)]
pub struct NewWrite {
    /// Its id, unique within the call and the same whenever the call is planned again.
    pub write: String,
    /// The connection it goes to.
    pub connection: String,
    /// The object it changes.
    pub object: String,
    /// What it does there.
    pub op: String,
    /// The identity under which the system can know it again.
    pub marker: Option<String>,
    /// Goes up with each answer of a person: what was applied before it gives way. 0 at first.
    pub generation: i64,
    /// The record that it is about, where that is known already. The address of another one, from an earlier plan, is forgotten.
    pub record_id: Option<String>,
    /// The promise.
    pub guarantee: String,
    /// The writes of the same call that come first.
    pub depends_on: Vec<String>,
    /// `Planned`, `Blocked`, `Skipped`, `Held`, or `Intent` when it is sent right after this commit.
    pub state: WriteState,
    /// Digest of the request, with an intent.
    pub request_digest: Option<String>,
    /// The request, with an intent.
    pub request: Option<Json>,
    /// What is to be said of each field already (a skipped write is nothing but this).
    pub receipt: Option<Json>,
    /// The times it books. They are checked against all other calls in the same commit.
    pub slots: Vec<SlotAsk>,
}

/// A time that a write wants for itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SlotAsk {
    /// What is booked: a calendar, a chair, a person; the executor's name for it, unique across connections.
    pub resource: String,
    /// From, inclusive.
    pub starts_at: Timestamp,
    /// To, exclusive.
    pub ends_at: Timestamp,
}

/// What became of a plan, in the order of the plans. One that fails does not touch the others.
#[derive(Clone, Debug, PartialEq)]
pub enum PlanOutcome {
    /// It stands.
    Recorded {
        /// Counts the plans of the call, from 1.
        number: i64,
        /// What became of each write, in the plan's order.
        writes: Vec<WriteOutcome>,
    },
    /// The outcome was amended meanwhile: nothing is recorded, plan again. The lane is still in hand, unless `then` was
    /// [`Then::Release`].
    Amended {
        /// The revision that counts now.
        revision: i64,
    },
    /// The lane is no longer ours: nothing is recorded, drop everything.
    Fenced,
}

/// What became of one write of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteOutcome {
    /// It stands as asked. An earlier write of that id gave way; if it was ever sent, the story keeps it as it was. The
    /// record's id and address carry over, and within one revision and generation so does the count of attempts.
    Recorded,
    /// It had been applied for this revision already, so the old row was left alone. Do not send.
    Kept,
    /// It is an intent without an outcome, or unknown: the old row was left alone. Look first, then plan again.
    InDoubt,
    /// Another call has the time. The row stands as `Held` with the trouble `slot_taken`. Do not send.
    SlotTaken {
        /// Id of the call that has it.
        by: String,
    },
}

/// Whether the lane stays in hand after a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// There is more to do.
    Keep,
    /// Give it back in the same commit, as `release` would.
    Release,
}

/// What happened to one call, to be committed at once: outcomes, the next intents, the story.
#[derive(Clone, Debug)]
pub struct Recording {
    /// The lane in hand.
    pub guard: Guard,
    /// The call.
    pub call: CallSeq,
    /// The revision that was worked. If it is no longer the last, a final status becomes `Waiting`, due at once.
    pub revision: i64,
    /// Time of the record.
    pub now: Timestamp,
    /// What happened, in order.
    pub records: Vec<Record>,
    /// Whether to keep the lane.
    pub then: Then,
}

/// What the journal says to a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The revision that counts now. Higher than the recording's: the call was amended meanwhile, plan again.
    pub revision: i64,
    /// Where the call stands after it.
    pub status: CallStatus,
}

/// A person's hand in it: retry a dead letter, resolve a doubt, answer a review. It needs no lane, but a free one.
#[derive(Clone, Debug)]
pub struct Intervention {
    /// The call.
    pub call: CallSeq,
    /// Who did it.
    pub actor: String,
    /// By which way.
    pub way: Way,
    /// What it is, in a word, for the trail: `retry`, `resolve`, `answer`.
    pub what: &'static str,
    /// Why, in their words.
    pub reason: String,
    /// Time of the record.
    pub now: Timestamp,
    /// The call as it stood when they decided, where that matters: two people who say the same must not have it done twice.
    pub seen: Option<Seen>,
    /// What changes. To have it worked again: a [`Record::Call`] with `Waiting` and a `next_at`.
    pub records: Vec<Record>,
}

/// Where a call stood when somebody looked at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its revision.
    pub revision: i64,
    /// Its status.
    pub status: CallStatus,
    /// Its writes in the order of their ids: id, state, attempts made.
    pub writes: Vec<(String, WriteState, i64)>,
}

impl Seen {
    /// As a story tells it.
    pub fn of(story: &Story) -> Self {
        Self::new(story.call.revision, story.call.status, &story.writes)
    }

    /// From its parts.
    pub fn new(revision: i64, status: CallStatus, writes: &[WriteRow]) -> Self {
        let mut writes: Vec<_> = writes.iter().map(|row| (row.write.clone(), row.state, row.attempt)).collect();
        writes.sort_by(|a, b| a.0.cmp(&b.0));
        Self { revision, status, writes }
    }
}

/// One thing to put on record.
#[derive(Clone, Debug)]
pub enum Record {
    /// A write changed its state.
    Write(WriteChange),
    /// A write beside the plan, with [`REVERT`] as its `op`. Its id must be new to the call, which must have been planned.
    Beside(Box<NewWrite>),
    /// A line of the story.
    Event(NewEvent),
    /// The call changed its status.
    Call(CallChange),
    /// The caller's record in a connection; `None` forgets it (it was deleted or merged away).
    Link {
        /// The connection.
        connection: String,
        /// The contact's record: the executor's JSON.
        record: Option<Json>,
    },
    /// What we wrote into a field last.
    Field(FieldWritten),
    /// What we wrote into a field last is forgotten: what stands there is not ours.
    Unwritten {
        /// The connection.
        connection: String,
        /// The object.
        object: String,
        /// The record.
        record_id: String,
        /// The field.
        field: String,
    },
    /// A record that we created, so that a search that lags behind does not lead to a second one.
    Created(Created),
    /// By which keys a person whom we wrote is found, beside those that are kept.
    Person {
        /// The connection.
        connection: String,
        /// The record.
        id: String,
        /// The keys.
        keys: Vec<i64>,
    },
    /// From now on the call is worked under this version of the config; the journal has its text.
    Version {
        /// The version.
        config_version: String,
    },
    /// A person's answer to the call's question; in an intervention alone, which says who and why.
    Answer(NewAnswer),
    /// The record that the call's last answer has led to, where it did not name one.
    AnswerLedTo {
        /// The record.
        contact: String,
    },
    /// A record that was merged into another: what we remember of its making and of what we wrote there is forgotten.
    Gone {
        /// The connection.
        connection: String,
        /// The object.
        object: String,
        /// The record.
        record_id: String,
    },
    /// Gives back the booked times of one write, or of all writes of the call.
    SlotsReleased {
        /// The write; `None` for all.
        write: Option<String>,
    },
}

/// A write's new state. Make one with [`WriteChange::to`] and fill in what belongs to it.
#[derive(Clone, Debug)]
pub struct WriteChange {
    /// Id of the write.
    pub write: String,
    /// The new state. `Intent` counts one more attempt.
    pub state: WriteState,
    /// What went wrong. Set as given: `None` clears the last trouble.
    pub trouble: Option<Trouble>,
    /// Since when. Set as given.
    pub since: Option<Timestamp>,
    /// When to go on. Set as given.
    pub next_at: Option<Timestamp>,
    /// Digest of the request. `None` leaves what is there; so do all below.
    pub request_digest: Option<String>,
    /// The request.
    pub request: Option<Json>,
    /// The record in the system.
    pub record_id: Option<String>,
    /// Where a person finds it.
    pub record_url: Option<String>,
    /// What the system confirmed, field by field.
    pub receipt: Option<Json>,
    /// Sets the attempt counter (0 when a person lets it start over) before an intent adds to it.
    pub attempt: Option<i64>,
}

impl WriteChange {
    /// Into `state`, without trouble, `since` and `next_at`, and with everything else left as it is.
    pub fn to(write: impl Into<String>, state: WriteState) -> Self {
        Self {
            write: write.into(),
            state,
            trouble: None,
            since: None,
            next_at: None,
            request_digest: None,
            request: None,
            record_id: None,
            record_url: None,
            receipt: None,
            attempt: None,
        }
    }
}

/// What went wrong with a write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Trouble {
    /// The error class (`transient`, `rate_limited`, `auth`, …; the executor's word).
    pub class: String,
    /// The sentence for people. No secrets, no personal data.
    pub message: String,
    /// The HTTP status, if there was one.
    pub http_status: Option<u16>,
}

/// A line of a call's story: appended, never changed.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// What happened, in the past tense (`attempt_failed`).
    pub kind: String,
    /// The write it is about, if it is about one.
    pub write: Option<String>,
    /// The particulars.
    pub data: Json,
}

/// A call's new status: all of it is set as given.
#[derive(Clone, Debug)]
pub struct CallChange {
    /// The new status.
    pub status: CallStatus,
    /// Why, in words.
    pub reason: Option<String>,
    /// When to work it again, with `Waiting`. `None`: not before it is woken, amended, or a person says so.
    pub next_at: Option<Timestamp>,
    /// The connections that it waits for, with `Waiting`: [`wake`](super::super::Journal::wake) gives it a time.
    pub waits_for: Vec<String>,
    /// Whether later calls of the lane wait for this one. It holds with a final status too: that is how a call that is
    /// held for a person keeps its caller's next call from making a second contact.
    pub blocks_lane: bool,
}

/// A value that we wrote.
#[derive(Clone, Debug)]
pub struct FieldWritten {
    /// The connection.
    pub connection: String,
    /// The object.
    pub object: String,
    /// The record.
    pub record_id: String,
    /// The field.
    pub field: String,
    /// The value as the system has it after the write.
    pub value: Json,
    /// When the call behind it began: an older call must not overwrite a newer one.
    pub call_started_at: Option<Timestamp>,
    /// The config version that asked for it.
    pub config_version: String,
}

/// A record that we created.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Created {
    /// The connection.
    pub connection: String,
    /// The object.
    pub object: String,
    /// The record.
    pub record_id: String,
    /// The identity values that we gave it, for matching by hand while the system's index lags.
    pub identity: Json,
    /// When it was created.
    pub created_at: Timestamp,
}
