//! One recorded call under another revision: from what was recorded, and nothing else.
//!
//! What the record lacks is said and not guessed; only a turn in a route that the call never took is assumed, by its place among the calls.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aftercall_config::call::CallOutcome;
use aftercall_config::project::{Pipeline, Project};
use jiff::Timestamp;

use super::unread::{Unread, unread};
use crate::context::Context;
use crate::model::Plan;
use crate::plan::{Need, pipeline_for, plan};

/// A call as it was recorded.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The call.
    pub call: CallOutcome,
    /// What was read for its last plan; absent where it was never planned.
    pub context: Option<Context>,
    /// The pipeline that it took then.
    pub pipeline: String,
    /// The contact that it went to.
    pub contact: Option<String>,
    /// The times at which the calendar was looked at, by write.
    pub looked: BTreeMap<String, (Timestamp, Timestamp)>,
    /// Its place among the calls that are compared, from 0.
    pub number: u64,
}

/// Ids of colleagues that are known beside the record: `connection/email` → id; null when the system knows nobody.
pub type Colleagues = BTreeMap<String, Option<String>>;

/// A recorded call under a revision.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// The pipeline that takes it; absent where none does.
    pub pipeline: Option<Arc<Pipeline>>,
    /// The plan; absent where no pipeline takes it, or nothing was recorded.
    pub plan: Option<Plan>,
    /// What would have to be read beside it.
    pub unread: BTreeSet<Unread>,
    /// The context that it was planned from.
    pub context: Option<Context>,
}

/// More needs than any plan has: a guard against going round in a circle.
const MAX_NEEDS: usize = 64;

/// The turn of a call in a route in which it took none: by its place among the calls, so that all owners get their share.
pub fn assumed_turn(context: &Context, route: &str, number: u64) -> u64 {
    // The rules of a route may have moved: a call takes one turn in each route, whichever rule it is now.
    let name = |key: &str| key.rsplit_once('/').map(|(route, _)| route.to_owned());
    let wanted = name(route);
    context.turns.iter().find(|(key, _)| name(key) == wanted).map_or(number, |(_, turn)| *turn)
}

/// Plans a recorded call under `project`. `then` is the project under which it was recorded, or the nearest that is known.
///
/// Shape: the moment of planning is that of the record, and so are turns, colleagues and whatever else was read; so the project
/// of then gives the plan of then.
pub fn replay(project: &Project, then: &Project, recorded: &Recorded, colleagues: &Colleagues) -> Replayed {
    let Some(pipeline) = pipeline_for(project, &recorded.call) else {
        return Replayed { pipeline: None, plan: None, unread: BTreeSet::new(), context: None };
    };
    let mut missing = BTreeSet::new();
    let Some(read) = recorded.context.as_ref() else {
        missing.insert(Unread::Caller { connection: pipeline.connection.id.clone() });
        return Replayed { pipeline: Some(pipeline.clone()), plan: None, unread: missing, context: None };
    };
    let before = then.pipeline(&recorded.pipeline);
    let mut context = Cow::Borrowed(read);
    if before.is_some_and(|before| before.connection.id != pipeline.connection.id) {
        missing.insert(Unread::Caller { connection: pipeline.connection.id.clone() });
        context = Cow::Owned(Context {
            turns: read.turns.clone(),
            users: read.users.clone(),
            read_at: read.read_at,
            generation: read.generation,
            ..Context::default()
        });
    }
    let planned = plan_all(project, pipeline, recorded, colleagues, &mut context, &mut missing);
    if let (Some(plan), Some(before)) = (&planned, before)
        && before.connection.id == pipeline.connection.id
    {
        missing.extend(unread((project, pipeline), (then, before), recorded, &context, plan));
    }
    Replayed { pipeline: Some(pipeline.clone()), plan: planned, unread: missing, context: Some(context.into_owned()) }
}

/// Plans, and answers what the plan asks for, until it asks for nothing.
fn plan_all(
    project: &Project,
    pipeline: &Pipeline,
    recorded: &Recorded,
    colleagues: &Colleagues,
    context: &mut Cow<'_, Context>,
    missing: &mut BTreeSet<Unread>,
) -> Option<Plan> {
    let mut moved = false;
    for _ in 0..MAX_NEEDS {
        match plan(project, pipeline, &recorded.call, context, context.read_at) {
            Ok(made) => {
                let contact = made.decision.contact.clone();
                if contact == recorded.contact || moved {
                    return Some(made);
                }
                // The lists of the record are those of another contact.
                moved = true;
                let lists = contact.and_then(|id| context.candidate_lists.get(&id).cloned()).unwrap_or_default();
                context.to_mut().lists = lists;
            }
            Err(Need::Turn(route)) => {
                let turn = assumed_turn(context, &route, recorded.number);
                context.to_mut().turns.insert(route, turn);
            }
            Err(Need::User { connection, email }) => {
                let key = format!("{connection}/{email}");
                let id = colleagues.get(&key).cloned().unwrap_or_else(|| {
                    // The address stands for the id, so that who is meant can be seen.
                    let id = Some(email.clone());
                    missing.insert(Unread::Colleague { connection, email });
                    id
                });
                context.to_mut().users.insert(key, id);
            }
        }
    }
    None
}
