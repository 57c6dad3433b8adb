//! The trail: what people did, and which field of which record was written, when, by which call, over what.

use jiff::Timestamp;
use serde::Serialize;

use super::{Json, ids::Way};

/// Something that a person, or a program with a token, did. Appended, never changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    /// When.
    pub at: Timestamp,
    /// Who: a user's name, a token's, or the account that a command ran under.
    pub who: String,
    /// By which way.
    pub way: Way,
    /// What, in a word or two: `retry`, `sign-in`, `user add`.
    pub what: String,
    /// The id of the call that it is about.
    pub call: Option<String>,
    /// The write that it is about.
    pub write: Option<String>,
    /// What else it is about: a user, a token, a record.
    pub target: Option<String>,
    /// Why, in their words.
    pub reason: Option<String>,
}

impl Deed {
    /// Without a call, a target and a reason.
    pub fn new(at: Timestamp, who: impl Into<String>, way: Way, what: impl Into<String>) -> Self {
        Self { at, who: who.into(), way, what: what.into(), call: None, write: None, target: None, reason: None }
    }

    /// The same, about something.
    pub fn about(self, target: impl Into<String>) -> Self {
        Self { target: Some(target.into()), ..self }
    }
}

/// A line of the trail: what somebody did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeedRow {
    /// Ascending.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub who: String,
    /// By which way.
    pub way: Way,
    /// What.
    pub what: String,
    /// The call.
    pub call: Option<String>,
    /// The write.
    pub write: Option<String>,
    /// What else it is about.
    pub target: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// Which deeds, the newest first.
#[derive(Clone, Debug, Default)]
pub struct DeedFilter {
    /// Only of this person or token.
    pub who: Option<String>,
    /// Only about this call, by its whole id.
    pub call: Option<String>,
    /// At or after.
    pub since: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
    /// Beyond this one: the last of the page before.
    pub after: Option<i64>,
    /// At most so many.
    pub limit: usize,
}

/// A write that has landed, with its receipt: what it wrote into each field and what stood there before.
#[derive(Clone, Debug)]
pub struct LandedRow {
    /// Where it stands in the order of this answer, for the next page.
    pub place: Landed,
    /// When the answer of the system was put on record.
    pub at: Timestamp,
    /// Id of the call.
    pub call: String,
    /// The write.
    pub write: String,
    /// The connection.
    pub connection: String,
    /// The object.
    pub object: String,
    /// What it did there.
    pub op: String,
    /// The record.
    pub record_id: String,
    /// Where a person finds it.
    pub record_url: Option<String>,
    /// The pipeline that asked.
    pub pipeline: String,
    /// The config version that it was planned under.
    pub config_version: String,
    /// The receipt; absent where it was erased.
    pub receipt: Option<Json>,
    /// What was asked for, of a write with [`REVERT`](super::REVERT) as its `op`; absent where it was erased.
    pub request: Option<Json>,
}

/// A place in a list of writes that have landed: by time, and of one time by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Landed {
    /// The time, or the call's place in the order of arrival where one config version is asked for.
    pub key: i64,
    /// Tells rows of one key apart.
    pub row: i64,
}

/// Which writes that have landed, the newest first. Writes that gave way to a later one are among them.
#[derive(Clone, Debug, Default)]
pub struct LandedFilter {
    /// Only to this record.
    pub record_id: Option<String>,
    /// Only of this call, by its whole id.
    pub call: Option<String>,
    /// Only under this config version. Then the order is that of the calls' arrival, unless a record, a call or a time is asked for too.
    pub version: Option<String>,
    /// Landed at or after.
    pub since: Option<Timestamp>,
    /// Landed before.
    pub until: Option<Timestamp>,
    /// Beyond this one: the last of the page before.
    pub after: Option<Landed>,
    /// At most so many.
    pub limit: usize,
}
