//! A version that is held back as a shadow: it plans calls that the version at work has planned, from what was read for them, and
//! nothing is written by it.
//!
//! Not for holding it back: that is `reload`.

use std::collections::BTreeSet;
use std::sync::Arc;

use aftercall_config::call::CallOutcome;
use aftercall_config::project::Project;
use aftercall_plan::context::Context;
use aftercall_plan::diff::{Change, diff};
use aftercall_plan::model::Plan;
use aftercall_plan::plan::{Need, pipeline_for, plan};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::journal::{self, CallFilter, Journal, Order, Story};
use crate::view;

/// Calls that are looked at in one go.
const PAGE: usize = 500;

/// The version, and what it would have done.
pub(super) struct Shadow {
    project: Arc<Project>,
    wanted: usize,
    since: Timestamp,
    seen: BTreeSet<String>,
    /// Calls with what would have differed; a sentence where that cannot be told.
    compared: Vec<(String, Result<Vec<Change>, String>)>,
}

impl Shadow {
    /// One that is to be held against so many calls, those that come in from now on.
    pub(super) fn new(project: Arc<Project>, wanted: u32, since: Timestamp) -> Self {
        Self { project, wanted: wanted as usize, since, seen: BTreeSet::new(), compared: Vec::new() }
    }

    /// Whether it was held against as many as it should.
    pub(super) fn is_done(&self) -> bool {
        self.compared.len() >= self.wanted
    }

    /// Looks for calls that were planned since. Gives whether there were any. Errors: those of the journal.
    pub(super) async fn look(&mut self, journal: &dyn Journal) -> Result<bool, journal::Error> {
        let filter = CallFilter { since: Some(self.since), order: Order::OldestFirst, limit: PAGE, ..CallFilter::default() };
        let before = self.compared.len();
        for call in journal.calls(filter).await? {
            if self.is_done() {
                break;
            }
            if self.seen.contains(&call.id) {
                continue;
            }
            let Some(story) = journal.call(call.id.clone()).await? else { continue };
            if let Some(compared) = self.compare(&story) {
                self.seen.insert(call.id.clone());
                self.compared.push((call.id, compared));
            }
        }
        Ok(self.compared.len() > before)
    }

    /// What would differ for a call; `None` while it has no plan, or was planned by this version.
    fn compare(&self, story: &Story) -> Option<Result<Vec<Change>, String>> {
        let row = story.plans.last().filter(|row| row.config_version != self.project.version.0)?;
        let outcome = story.call.outcome.as_ref()?;
        let (Ok(call), Ok(context), Ok(old)) = (outcome.read::<CallOutcome>(), row.context.read::<Context>(), row.plan.read::<Plan>())
        else {
            return Some(Err("what was recorded of it cannot be read".to_owned()));
        };
        let Some(pipeline) = pipeline_for(&self.project, &call) else { return Some(Err("no pipeline would take it".to_owned())) };
        Some(match plan(&self.project, pipeline, &call, &context, old.at) {
            Ok(new) => Ok(diff(&old, &new)),
            Err(Need::Turn(route)) => Err(format!("it would take a turn in `{route}`, which it had not before")),
            Err(Need::User { connection, .. }) => {
                Err(format!("it would look for a colleague in `{connection}`, whom nobody has read before"))
            }
        })
    }

    /// What is told of it.
    pub(super) fn told(&self) -> Value {
        let calls: Vec<Value> = self
            .compared
            .iter()
            .map(|(call, compared)| match compared {
                Ok(changes) => json!({"call": call, "changes": view::difference::json(changes)}),
                Err(obstacle) => json!({"call": call, "obstacle": obstacle}),
            })
            .collect();
        let differ = self.compared.iter().filter(|(_, compared)| !compared.as_ref().is_ok_and(Vec::is_empty)).count();
        json!({"wanted": self.wanted, "planned": self.compared.len(), "differ": differ, "calls": calls})
    }
}
