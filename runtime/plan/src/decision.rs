//! Who called: the decision and its evidence, line by line.

use aftercall_config::decl::KeyId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The answer to "whose record is this?", with everything needed to check it by hand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MatchDecision {
    /// What was decided.
    pub verdict: Verdict,
    /// One sentence for people, such as "the number +15125550142 is Ann Lee's, and nobody else's".
    pub because: String,
    /// The record that the call goes to: of `matched`, or of `ambiguous` under `best-and-review`.
    pub contact: Option<String>,
    /// By which keys the system was searched, a request each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub searched: Vec<KeyId>,
    /// Candidates, best first; ties by id.
    pub candidates: Vec<Scored>,
    /// What a candidate needed.
    pub accept: f64,
    /// How far the best had to lead.
    pub margin: f64,
    /// From where a person was asked; absent where the rules name no threshold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review_from: Option<f64>,
    /// A person must look: the question to ask them.
    pub review: Option<String>,
    /// Which single difference would have changed the decision.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub what_if: Vec<WhatIf>,
}

/// A single difference that would have changed the decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WhatIf {
    /// The candidate that it is about.
    pub id: String,
    /// The comparison.
    pub on: String,
    /// How it compares now.
    pub level: String,
    /// How it would compare.
    pub then: String,
    /// What would have been decided.
    pub verdict: Verdict,
}

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// One record is the caller's.
    Matched,
    /// The caller has no record.
    New,
    /// Several records fit, or the search cannot be trusted.
    Ambiguous,
    /// There was nothing to search by.
    NoIdentity,
}

impl Verdict {
    /// The word in the call log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Matched => "matched",
            Self::New => "new",
            Self::Ambiguous => "ambiguous",
            Self::NoIdentity => "no_identity",
        }
    }
}

/// A candidate with its sum.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Scored {
    /// The record's id.
    pub id: String,
    /// The record's name, for people.
    pub name: String,
    /// Sum of the evidence, in bits.
    pub bits: f64,
    /// Each comparison.
    pub evidence: Vec<Evidence>,
}

/// One line of the sum.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// What was compared: `number`, `email`, `first_name`; `lane` for what an earlier call tells, `adjust` for a correction.
    pub on: String,
    /// The caller's value, normalised.
    pub caller: Option<String>,
    /// The record's value that was closest, normalised.
    pub record: Option<String>,
    /// How they compare: `equal`, `differ`, `missing`, `known`, or what else the comparison knows; of a correction, its name.
    pub level: String,
    /// What it adds or takes.
    pub bits: f64,
}
