//! What people answered when they were asked whose record a call is.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CallSeq, Json};

/// What was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AnswerKind {
    /// The caller is the contact that is named.
    Contact,
    /// The caller has no record yet.
    New,
    /// The contact that is named and the record that the call made are one person.
    Merge,
}

impl AnswerKind {
    /// The word that is stored and shown.
    pub fn word(self) -> &'static str {
        match self {
            Self::Contact => "contact",
            Self::New => "new",
            Self::Merge => "merge",
        }
    }
}

impl std::str::FromStr for AnswerKind {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        [Self::Contact, Self::New, Self::Merge].into_iter().find(|kind| kind.word() == word).ok_or_else(|| word.to_owned())
    }
}

/// An answer to put on record. Who gave it, why and when stands in the intervention that carries it.
#[derive(Clone, Debug, PartialEq)]
pub struct NewAnswer {
    /// What was answered.
    pub kind: AnswerKind,
    /// The record that is the caller's; with `New` absent until there is one.
    pub contact: Option<String>,
    /// With `Merge`: the record that goes.
    pub other: Option<String>,
    /// For whom it was given: the executor's JSON.
    pub identity: Json,
}

/// An answer on record.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct AnswerRow {
    /// The call.
    pub call: CallSeq,
    /// Our id of it.
    pub call_id: String,
    /// Counts the answers of the call, from 1; the last one counts.
    pub number: i64,
    /// What was answered.
    pub kind: AnswerKind,
    /// The record that is the caller's, once there is one.
    pub contact: Option<String>,
    /// With `Merge`: the record that goes.
    pub other: Option<String>,
    /// For whom it was given: the executor's JSON.
    pub identity: Json,
    /// Who gave it.
    pub actor: String,
    /// Why, in their words.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}
