//! The plan: the ordered writes of one call under one version of the config. Data, not behaviour.

use aftercall_config::decl::PolicyDecl;
pub use aftercall_config::project::Guarantee;
use aftercall_config::project::{ConfigVersion, Origin};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::decision::MatchDecision;

/// What one call would change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// `source:id` of the call.
    pub call: String,
    /// The version of the config that was used.
    pub config: ConfigVersion,
    /// The pipeline.
    pub pipeline: String,
    /// The moment of planning: due dates count from it.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// Who called.
    pub decision: MatchDecision,
    /// Writes, in the order in which one may depend on another.
    pub writes: Vec<Write>,
    /// What a person should know: an owner that the system does not know, a value that was cut.
    pub notes: Vec<Note>,
}

/// Something that a person should know, with the line that it is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Note {
    /// The write that it is about.
    pub write: Option<String>,
    /// A sentence.
    pub text: String,
    /// The line.
    pub origin: Option<Origin>,
}

/// One intended change of one object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Write {
    /// The write's name in the pipeline.
    pub id: String,
    /// Where it goes.
    pub connection: String,
    /// The object, by the name that mappings use.
    pub object: String,
    /// What happens to it.
    pub op: Op,
    /// Fields in order. Of a write that is not done, empty.
    pub fields: Vec<FieldChange>,
    /// Links to other records; of a record that is there, those that move.
    pub links: Vec<Link>,
    /// Writes that come first although nothing here refers to them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<String>,
    /// How well a repetition is told apart.
    pub guarantee: Guarantee,
    /// The time that it takes in a calendar.
    pub booking: Option<Booking>,
    /// Who follows up, where the write has a route and a rule of it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routed: Option<FollowUp>,
    /// The line that asked, in the pipeline.
    pub origin: Origin,
}

/// Who follows up, by when and how urgent, as a route decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FollowUp {
    /// The owner as the system knows them.
    pub owner: Option<Value>,
    /// By when, RFC 3339 with the offset of the project's zone.
    pub due: Option<String>,
    /// The same as a date.
    pub due_date: Option<String>,
    /// Priority as written.
    pub priority: Option<String>,
    /// The line of the rule that held.
    pub origin: Origin,
}

/// What happens to the object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Op {
    /// A new record, which carries the marker where the connector declares an identity.
    Create {
        /// How the system will know it again.
        marker: String,
    },
    /// An existing record.
    Update {
        /// Its id.
        id: String,
    },
    /// Two records become one, as a person answered.
    Merge {
        /// The record that stays.
        id: String,
        /// The record that goes.
        other: String,
    },
    /// Nothing changes: every field is there already, or the policies keep what is there.
    Nothing {
        /// The record that was looked at, if any.
        id: Option<String>,
        /// Why, as a phrase.
        because: String,
    },
    /// It would be wrong to go on: the time is taken, or a person must answer first.
    Blocked {
        /// Why, as a sentence.
        because: String,
    },
    /// Its condition does not hold, or there is no such record.
    Skipped {
        /// Why, as a phrase.
        because: String,
    },
}

/// One field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FieldChange {
    /// The system's name.
    pub field: String,
    /// What is there; absent where the record is new or the field empty.
    pub before: Option<Value>,
    /// What we bring; absent where the call has no such value.
    pub after: Option<Value>,
    /// The policy that decided.
    pub policy: PolicyDecl,
    /// What comes of it.
    pub verdict: FieldVerdict,
    /// Why, where it is not plain: "a person changed it since", "cut to 255 characters".
    pub because: Option<String>,
    /// When the system refuses this field, the whole write fails.
    pub required: bool,
    /// The line that asked.
    pub origin: Origin,
}

/// What comes of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FieldVerdict {
    /// It is sent.
    Write,
    /// It is there already.
    Same,
    /// The policy keeps what is there.
    Kept,
    /// A person changed what we wrote: kept, and shown.
    Conflict,
    /// The call has no such value.
    Absent,
}

/// A link to another record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Link {
    /// The connector's name for it.
    pub link: String,
    /// The other end.
    pub to: LinkTo,
    /// Of a link that moves: the other end until now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The line that asked.
    pub origin: Origin,
}

/// The other end of a link.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LinkTo {
    /// A record that is there.
    Id(String),
    /// The record that another write of this plan makes.
    Write(String),
}

/// A time that is taken once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Booking {
    /// What is taken: `connection/calendar`.
    pub resource: String,
    /// From.
    #[schemars(with = "String")]
    pub start: Timestamp,
    /// To, exclusive.
    #[schemars(with = "String")]
    pub end: Timestamp,
}
