//! What is told about a caller while the call is under way: the answer of `GET /v1/context`, in our canonical form.
//!
//! Not for how it is read or worded: a pipeline's `[context]` declares that.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What is known about a caller. Of somebody who is not certainly the caller nothing is told.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct CallerContext {
    /// Version of this shape: 1. Members may be added without another number; none changes its meaning.
    pub version: u32,
    /// The pipeline whose rules decided.
    pub pipeline: String,
    /// The connection that was read.
    pub connection: String,
    /// Whose record is the caller's.
    pub verdict: CallerVerdict,
    /// Why, in a sentence.
    pub because: String,
    /// How many records may be the caller's.
    pub candidates: usize,
    /// The caller's record: `id`, `url`, `fields` as the system returned them, and the connector's roles such as `name`, `phone`, `email`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<Map<String, Value>>,
    /// The business that the caller belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<Named>,
    /// Who looks after the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Named>,
    /// What is to be heeded, such as `do_not_call`.
    #[serde(default)]
    pub flags: IndexMap<String, bool>,
    /// When somebody was last in touch with the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_touch: Option<String>,
    /// When something is planned next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_activity: Option<String>,
    /// Lists about the caller by the connector's names, such as `open_opportunities`, `open_tickets`, `recent_calls`, `upcoming_events`.
    #[serde(default)]
    pub context: IndexMap<String, Vec<Map<String, Value>>>,
    /// What could not be read in time, or at all. Empty: nothing is missing.
    #[serde(default)]
    pub missing: Vec<Missing>,
    /// The same as text for a prompt, as the pipeline words it.
    pub text: String,
    /// How long reading took, in milliseconds; of what is still being read, how long it was waited for.
    pub read_ms: u64,
    /// Whether this was read for an earlier question.
    pub from_cache: bool,
}

/// Whose record is the caller's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallerVerdict {
    /// One record is the caller's.
    Matched,
    /// The caller has no record.
    New,
    /// Several records fit, or the search cannot be trusted: nothing of any of them is told.
    Ambiguous,
    /// There was nothing to search by.
    NoIdentity,
    /// The system has not answered in time, or not at all.
    #[default]
    Unknown,
}

impl CallerVerdict {
    /// The word in JSON and for templates.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Matched => "matched",
            Self::New => "new",
            Self::Ambiguous => "ambiguous",
            Self::NoIdentity => "no_identity",
            Self::Unknown => "unknown",
        }
    }
}

/// Something with a name, as far as known.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct Named {
    /// The system's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// What is missing, and why.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct Missing {
    /// `contact`, or the name of a list.
    pub what: String,
    /// Why, in a sentence.
    pub because: String,
}
