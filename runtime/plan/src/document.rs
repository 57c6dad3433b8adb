//! What `aftercall plan --format json` says: plans with the requests that they take.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::Plan;

/// Plans of some calls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlanDocument {
    /// Version of this shape: 1. Members may be added without another number; none changes its meaning.
    pub version: u32,
    /// Calls in the order of the input.
    pub calls: Vec<PlannedCall>,
    /// Lines of the input that could not be planned.
    pub errors: Vec<PlanError>,
}

/// One call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedCall {
    /// What it would change.
    pub plan: Plan,
    /// The requests that this takes, by connection.
    pub requests: Vec<Requests>,
}

/// Requests to one connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Requests {
    /// The connection.
    pub connection: String,
    /// Reads.
    pub reads: u32,
    /// Writes, packed as the connector packs them.
    pub writes: u32,
}

/// What could not be planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlanError {
    /// The line of the input, from 1.
    pub line: u64,
    /// Why.
    pub message: String,
}
