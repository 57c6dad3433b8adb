//! What working calls under the config as it is now would change: each call's plan on record against the plan of now. Reads only.

use std::sync::Arc;

use aftercall_config::call::CallOutcome;
use aftercall_config::project::Project;
use aftercall_plan::diff::{Change, diff};
use aftercall_plan::model::{Op, Plan};
use aftercall_plan::plan::pipeline_for;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::lane_keys;
use crate::connect::Reader;
use crate::journal::{self, Journal, Story, WriteState};
use crate::view;
use crate::work::{DryMemory, of_story, plan_call};

/// The differences of some calls.
pub struct Differences {
    /// The version of the config as it is now.
    pub version: String,
    /// In the order of the stories.
    pub calls: Vec<Difference>,
}

/// The difference of one call.
pub struct Difference {
    /// Its id.
    pub call: String,
    /// The version that it was planned under.
    pub from: String,
    /// What differs in what is still to be done; a sentence where it cannot be worked so.
    pub changes: Result<Vec<Change>, String>,
    /// Writes that are finished, and stay as they are.
    pub done: Vec<String>,
}

impl Differences {
    /// Plans each call under the config as it is now, and holds that against its plan on record.
    ///
    /// Errors: those of the journal. What a system refuses is the call's obstacle.
    pub async fn of(project: &Project, journal: Arc<dyn Journal>, reader: &Reader, stories: &[Story]) -> Result<Self, journal::Error> {
        Self::until(project, journal, reader, stories, None).await
    }

    /// The same of as many as can be had until then, and of one at least: somebody waits for it.
    ///
    /// Errors: as above.
    pub async fn until(
        project: &Project,
        journal: Arc<dyn Journal>,
        reader: &Reader,
        stories: &[Story],
        end: Option<Instant>,
    ) -> Result<Self, journal::Error> {
        let memory = DryMemory::new(Some(journal.clone()));
        let mut calls = Vec::with_capacity(stories.len());
        for story in stories {
            if !calls.is_empty() && end.is_some_and(|end| Instant::now() >= end) {
                break;
            }
            let done = story.writes.iter().filter(|write| write.state == WriteState::Applied).map(|write| write.write.clone()).collect();
            let changes = match planned(project, journal.as_ref(), reader, &memory, story).await? {
                Ok(plan) => against(story, &plan),
                Err(obstacle) => Err(obstacle),
            };
            calls.push(Difference { call: story.call.id.clone(), from: story.call.config_version.clone(), changes, done });
        }
        Ok(Self { version: project.version.0.clone(), calls })
    }

    /// Whether this call can be worked so.
    pub fn can(&self, call: &str) -> bool {
        self.calls.iter().any(|one| one.call == call && one.changes.is_ok())
    }

    /// Whether some call cannot.
    pub fn has_obstacles(&self) -> bool {
        self.calls.iter().any(|one| one.changes.is_err())
    }

    /// For people.
    pub fn text(&self) -> String {
        self.calls.iter().map(|one| view::difference::text(&one.call, (&one.from, &self.version), &one.changes, &one.done)).collect()
    }

    /// For programs; with where the calls stand, once they were worked.
    pub fn json(&self, stories: &[Story]) -> Value {
        let calls: Vec<Value> = self
            .calls
            .iter()
            .map(|one| {
                let mut out = json!({"call": one.call, "from": one.from, "to": self.version, "done": one.done});
                match &one.changes {
                    Ok(changes) => out["changes"] = view::difference::json(changes),
                    Err(obstacle) => out["obstacle"] = json!(obstacle),
                }
                if let Some(story) = stories.iter().find(|story| story.call.id == one.call) {
                    out["status"] = json!(story.call.status);
                    out["reason"] = json!(story.call.status_reason);
                }
                out
            })
            .collect();
        json!({"version": 1, "config": self.version, "calls": calls})
    }
}

/// The plan of now. `Err` is why there is none.
async fn planned(
    project: &Project,
    journal: &dyn Journal,
    reader: &Reader,
    memory: &DryMemory,
    story: &Story,
) -> Result<Result<Plan, String>, journal::Error> {
    let Some(outcome) = &story.call.outcome else { return Ok(Err("its outcome is no longer kept".to_owned())) };
    let call: CallOutcome = match outcome.read() {
        Ok(call) => call,
        Err(error) => return Ok(Err(format!("its outcome cannot be read: {error}"))),
    };
    let Some(pipeline) = pipeline_for(project, &call) else {
        return Ok(Err("no pipeline takes this call any more".to_owned()));
    };
    let keys = lane_keys(project, &call);
    let before = of_story(pipeline, story, journal.lane_links(keys.clone()).await?, &journal.answers(keys).await?);
    let planned = plan_call(reader, memory, project, pipeline, &call, before, Timestamp::now()).await;
    Ok(planned.map(|(_, plan)| plan).map_err(|trouble| trouble.said()))
}

/// What differs in what is still to be done. `Err` where going on so could make a second record of something.
fn against(story: &Story, new: &Plan) -> Result<Vec<Change>, String> {
    let Some(old) = story.plans.last().and_then(|row| row.plan.read::<Plan>().ok()) else {
        return Ok(diff(&Plan { writes: Vec::new(), ..new.clone() }, new));
    };
    let tried = |attempt: i64, state: WriteState| attempt > 0 || state == WriteState::Applied;
    if old.pipeline != new.pipeline && story.writes.iter().any(|write| tried(write.attempt, write.state)) {
        return Err(format!(
            "the pipeline `{}` takes it now, and `{}` has written of it already: its records would be made a second time",
            new.pipeline, old.pipeline
        ));
    }
    for write in &new.writes {
        let Op::Create { marker } = &write.op else { continue };
        let row = story.writes.iter().find(|row| row.write == write.id && tried(row.attempt, row.state));
        if row.is_some_and(|row| row.marker.as_ref().is_some_and(|known| known != marker)) {
            return Err(format!("`{}` would be known by another marker, since the project has another name now", write.id));
        }
    }
    let done = |id: &str| story.writes.iter().any(|row| row.write == id && row.state == WriteState::Applied);
    let open = diff(&old, new).into_iter().filter(|change| change.write.as_deref().is_none_or(|id| !done(id)));
    Ok(open.collect())
}
