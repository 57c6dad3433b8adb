//! One recorded call under both revisions, and what that comes to.

use std::collections::BTreeSet;
use std::sync::Arc;

use aftercall_config::project::{Pipeline, Project};
use aftercall_config::source::Files;
use serde_json::Value;

use super::blame::Blame;
use super::effect::{Effect, Kind, Move, effects};
use super::replay::{Colleagues, Recorded, Replayed, replay};
use super::unread::Unread;
use crate::scope::call_key;

/// Two revisions, ready to be held against each other.
pub struct Revisions {
    /// The first.
    pub old: Arc<Project>,
    /// The second.
    pub new: Arc<Project>,
    blame: Blame,
    colleagues: Colleagues,
}

/// What a call comes to.
#[derive(Clone, Debug)]
pub struct Compared {
    /// Its place among the calls.
    pub number: u64,
    /// `source:id`.
    pub call: String,
    /// Whether some pipeline of either revision takes it.
    pub taken: bool,
    /// Whether there is a record of what was read about it.
    pub recorded: bool,
    /// What changes.
    pub effects: Vec<Effect>,
    /// What the second revision wants to read, and the record does not have.
    pub unread: BTreeSet<Unread>,
}

impl Revisions {
    /// Holds the texts of both against each other, once for all calls.
    pub fn new(old: (Arc<Project>, &Files), new: (Arc<Project>, &Files), colleagues: Colleagues) -> Self {
        let blame = Blame::new((&old.0, old.1), (&new.0, new.1));
        Self { old: old.0, new: new.0, blame, colleagues }
    }

    /// Plans a call under the second revision alone: to see what it would have to read.
    pub fn replay_new(&self, recorded: &Recorded, then: &Project) -> Replayed {
        replay(&self.new, then, recorded, &self.colleagues)
    }

    /// Plans a call under both. `then` is the project under which it was recorded, or the nearest that is known.
    pub fn compare(&self, recorded: &Recorded, then: &Project) -> Compared {
        let old = replay(&self.old, then, recorded, &self.colleagues);
        let new = replay(&self.new, then, recorded, &self.colleagues);
        let name = |pipeline: &Option<Arc<Pipeline>>| pipeline.as_ref().map(|pipeline| pipeline.name.clone());
        let effects = match (&old.plan, &new.plan) {
            (Some(a), Some(b)) => {
                let pipelines = [&new.pipeline, &old.pipeline];
                let whole: Vec<Arc<str>> = pipelines.into_iter().flatten().flat_map(|pipeline| deciding(pipeline)).collect();
                effects(&self.blame, &whole, a, b)
            }
            _ if name(&old.pipeline) != name(&new.pipeline) => {
                let (was, is) = (name(&old.pipeline), name(&new.pipeline));
                let files: Vec<Arc<str>> = [&new.pipeline, &old.pipeline].into_iter().flatten().map(|p| p.origin.file.clone()).collect();
                let way = match (&was, &is) {
                    (None, _) => Move::Gains,
                    (_, None) => Move::Loses,
                    _ => Move::Other,
                };
                let cause = files.iter().find_map(|file| self.blame.in_file(file)).or_else(|| self.blame.anywhere());
                let (old, new) = (was.map(Value::from), is.map(Value::from));
                let effect = |cause| Effect { kind: Kind::Pipeline(way), write: None, object: None, field: None, old, new, cause };
                cause.map(effect).into_iter().collect()
            }
            _ => Vec::new(),
        };
        Compared {
            number: recorded.number,
            call: call_key(&recorded.call),
            taken: old.pipeline.is_some() || new.pipeline.is_some(),
            recorded: recorded.context.is_some(),
            effects,
            unread: new.unread,
        }
    }
}

/// The files that decide who called and which pipeline it is, the likeliest first.
fn deciding(pipeline: &Pipeline) -> Vec<Arc<str>> {
    let tables = pipeline.matching.table_files.iter().cloned();
    let rest = [pipeline.origin.file.clone(), pipeline.connection.connector.file.clone()];
    std::iter::once(pipeline.matching_file.clone()).chain(tables).chain(rest).collect()
}
