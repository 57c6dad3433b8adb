//! `mappings/match/*.toml`: the rules that decide which record is the caller's.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Rules for deciding who called.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MatchDecl {
    /// What these rules are for, in a line.
    pub title: Option<String>,
    /// When is a candidate the caller?
    pub decide: DecideDecl,
    /// Comparisons of a candidate with the caller, each with what it adds or takes.
    pub compare: Vec<CompareDecl>,
    /// Values that identify nobody.
    #[serde(default)]
    pub values: ValuesDecl,
}

/// Thresholds, in bits of evidence.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DecideDecl {
    /// A candidate with at least this much is the caller, when it leads by `margin`.
    pub accept: f64,
    /// How far the best must lead the second; closer is ambiguous.
    pub margin: f64,
}

/// One comparison.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CompareDecl {
    /// What is compared.
    pub on: CompareOn,
    /// Bits when the two are equal after normalisation.
    pub equal: f64,
    /// Bits when both are known and differ.
    #[serde(default)]
    pub differ: f64,
}

/// What a comparison looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CompareOn {
    /// The caller's numbers against every number of the record, as E.164.
    Phone,
    /// The caller's e-mail against every address of the record, in lower case.
    Email,
}

/// Values that identify nobody.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ValuesDecl {
    /// Placeholder numbers, as digits.
    #[serde(default)]
    pub generic_phones: Vec<String>,
    /// Placeholder addresses; `*` stands for anything.
    #[serde(default)]
    pub generic_emails: Vec<String>,
    /// What networks send in place of a withheld number.
    #[serde(default)]
    pub withheld: Vec<String>,
}
