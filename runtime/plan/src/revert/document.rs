//! What `aftercall revert --format json` says.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Alone;

/// What goes back of what we wrote, and what is left alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RevertDocument {
    /// Version of this shape: 1. Members may be added without another number; none changes its meaning.
    pub version: u32,
    /// What was asked about.
    pub asked: Asked,
    /// How much of everything there is.
    pub counts: Counts,
    /// Records with fields that we wrote, in the order in which they were written first.
    pub records: Vec<RevertRecord>,
    /// Records that we made. They are not deleted: a person decides.
    pub made: Vec<MadeRecord>,
    /// With `--apply`: where the calls stand of which something was to go back.
    pub calls: Vec<WorkedCall>,
}

/// What was asked about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Asked {
    /// What was written under this config version.
    pub config: Option<String>,
    /// What this call wrote.
    pub call: Option<String>,
    /// What this pipeline wrote.
    pub pipeline: Option<String>,
    /// What was written there.
    pub connection: Option<String>,
    /// What was written at or after.
    pub since: Option<String>,
    /// What was written before.
    pub until: Option<String>,
}

/// How much of everything there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// Fields that go back.
    pub fields: usize,
    /// Records that they are of.
    pub records: usize,
    /// Fields that are left alone, without those that hold again what stood there before.
    pub alone: usize,
    /// Fields that hold again what stood there before.
    pub already: usize,
    /// Records that we made.
    pub made: usize,
    /// Writes of which the journal has let go what they wrote: nothing is said about those.
    pub erased: usize,
}

/// One record, as far as one call wrote its fields last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RevertRecord {
    /// The call.
    pub call: String,
    /// The write of it.
    pub write: String,
    /// The connection.
    pub connection: String,
    /// The object, by the name that mappings use.
    pub object: String,
    /// The record.
    pub record: String,
    /// Where a person finds it.
    pub url: Option<String>,
    /// Its fields.
    pub fields: Vec<RevertField>,
}

/// One field that we wrote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RevertField {
    /// The system's name.
    pub field: String,
    /// What stands there now; null for nothing, and where it was not read.
    pub now: Option<Value>,
    /// What we wrote last.
    pub ours: Option<Value>,
    /// Whether it goes back.
    pub goes_back: bool,
    /// What it goes back to; null for nothing.
    pub to: Option<Value>,
    /// Why it is left alone.
    pub alone: Option<Alone>,
    /// The line that had asked for what we wrote.
    pub origin: String,
    /// With `--apply`: what came of it. `landed`: it went back; `conflict`, `kept`, `same`: it was left alone; `refused`: the system takes no such
    /// value; `changed`, `missing`: it confirmed it, and something else or nothing stands there; `planned`: it is still to come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// With `--apply`: why, where it did not go back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

/// A record that we made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MadeRecord {
    /// The call.
    pub call: String,
    /// The write of it.
    pub write: String,
    /// The connection.
    pub connection: String,
    /// The object, by the name that mappings use.
    pub object: String,
    /// The record.
    pub record: String,
    /// Where a person finds it.
    pub url: Option<String>,
    /// Whether people come to it: it is to be cancelled with them, not deleted.
    pub appointment: bool,
}

/// A call of which something was to go back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WorkedCall {
    /// The call.
    pub call: String,
    /// Where it stands: `waiting`, `landed`, ...
    pub status: String,
    /// Why.
    pub reason: Option<String>,
}

impl RevertDocument {
    /// Counts anew what is in it.
    pub fn count(&mut self) {
        let fields = || self.records.iter().flat_map(|record| &record.fields);
        self.counts.fields = fields().filter(|field| field.goes_back).count();
        self.counts.already = fields().filter(|field| field.alone == Some(Alone::Already)).count();
        self.counts.alone = fields().filter(|field| !field.goes_back).count() - self.counts.already;
        let mut records: Vec<_> = self
            .records
            .iter()
            .filter(|record| record.fields.iter().any(|field| field.goes_back))
            .map(|record| (&record.connection, &record.object, &record.record))
            .collect();
        records.sort();
        records.dedup();
        self.counts.records = records.len();
        self.counts.made = self.made.len();
    }
}
