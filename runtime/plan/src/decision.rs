//! Who called: the decision and its evidence, line by line.

use serde::{Deserialize, Serialize};

/// The answer to "whose record is this?", with everything needed to check it by hand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MatchDecision {
    /// What was decided.
    pub verdict: Verdict,
    /// One sentence for people, such as "the number +15125550142 is Ann Lee's, and nobody else's".
    pub because: String,
    /// The record that the call goes to: of `matched`, or of `ambiguous` under `best-and-review`.
    pub contact: Option<String>,
    /// Candidates, best first; ties by id.
    pub candidates: Vec<Scored>,
    /// What a candidate needed.
    pub accept: f64,
    /// How far the best had to lead.
    pub margin: f64,
    /// A person must look: the question to ask them.
    pub review: Option<String>,
}

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// What was compared: `phone`, `email`.
    pub on: String,
    /// The caller's value, normalised.
    pub caller: Option<String>,
    /// The record's value that was closest, normalised.
    pub record: Option<String>,
    /// How they compare: `equal`, `differ`, `missing`, `known`.
    pub level: String,
    /// What it adds or takes.
    pub bits: f64,
}
