//! What `aftercall diff` says, as JSON: two revisions of a config over the same recorded calls.
//!
//! Not for how it is found (`aftercall_plan::revisions`) or worded for people.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Two revisions over the same calls.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct DiffDocument {
    /// Version of this shape: 1. Members may be added without another number; none changes its meaning.
    pub version: u32,
    /// The first revision.
    pub old: RevisionSaid,
    /// The second revision.
    pub new: RevisionSaid,
    /// All of it in one sentence.
    pub summary: String,
    /// How many calls there are.
    pub calls: CallCounts,
    /// In how many calls each kind of change occurs; the most first.
    pub kinds: Vec<KindCount>,
    /// The changes by the line that causes them; the most calls first.
    pub causes: Vec<CauseSaid>,
    /// What the second revision wants to read and was not recorded; the most calls first.
    pub unread: Vec<UnreadCount>,
    /// Every call of which something changes, or about which something is not known, in order of arrival.
    pub changes: Vec<CallDifference>,
}

/// One revision.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct RevisionSaid {
    /// As it was asked for; `working tree` for the files as they are now.
    pub name: String,
    /// The commit; absent for the working tree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The config version.
    pub config: String,
}

/// How many calls there are.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct CallCounts {
    /// Compared.
    pub compared: u64,
    /// Of these, changed.
    pub changed: u64,
    /// Compared, although something that the second revision wants was not recorded.
    pub incomplete: u64,
    /// Not compared: nothing was recorded of what was read about them.
    pub not_recorded: u64,
    /// Not compared: no pipeline takes them in either revision.
    pub not_taken: u64,
}

/// A kind of change and in how many calls it occurs.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct KindCount {
    /// In words: `gain a due date`.
    pub words: String,
    /// Calls.
    pub calls: u64,
}

/// What one line of the config does.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct CauseSaid {
    /// The line.
    pub line: LineSaid,
    /// What it does, in words.
    pub words: String,
    /// In how many calls.
    pub calls: u64,
    /// The first of them, and what it comes to there.
    pub example: EffectSaid,
    /// That call.
    pub call: String,
}

/// A line of the config.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct LineSaid {
    /// The file, from the project's folder.
    pub file: String,
    /// Its number, from 1.
    pub line: u32,
    /// In which revision it stands: `old` for what went, else `new`.
    pub revision: String,
    /// Its text.
    pub text: String,
}

/// One change of one call.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct EffectSaid {
    /// What it is, in words: `gain a due date`.
    pub words: String,
    /// The write; absent where the call as a whole changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write: Option<String>,
    /// The connection that it goes to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// The object, by the name that mappings use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// The field or link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Under the first revision; absent where there is nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<Value>,
    /// Under the second revision; absent where there is nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<Value>,
    /// The line that causes it, as `file:line`.
    pub because_of: String,
}

/// Something that was not recorded, and for how many calls it is wanted.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct UnreadCount {
    /// In words.
    pub what: String,
    /// Calls.
    pub calls: u64,
}

/// One call.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct CallDifference {
    /// `source:id`.
    pub call: String,
    /// What changes.
    pub effects: Vec<EffectSaid>,
    /// What the second revision wants to read and was not recorded, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<String>,
}
