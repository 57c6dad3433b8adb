//! One call, worked as it would be: rounds of searches, the decision, the lists, the plan and whatever it still needs.
//!
//! The same order as where systems are really asked (`work::gather`), with a test's records in their place.

use std::sync::Arc;

use aftercall_config::call::CallOutcome;
use aftercall_config::decl::TestDecl;
use aftercall_config::project::{Pipeline, Project};
use jiff::Timestamp;

use super::world::World;
use crate::context::Context;
use crate::matching::{self, Asked};
use crate::model::Plan;
use crate::plan::{Need, RequestCount, pipeline_for, plan, requests};

/// Rounds of "the plan needs one more thing" before something is wrong with us.
const MAX_ROUNDS: usize = 64;

/// What came of a test's call.
#[derive(Clone, Debug, Default)]
pub struct Ran {
    /// The pipeline that takes it; absent where none does, and then the rest is, too.
    pub pipeline: Option<Arc<Pipeline>>,
    /// What was read.
    pub context: Context,
    /// What would be written.
    pub plan: Option<Plan>,
    /// The requests that it takes.
    pub requests: Vec<RequestCount>,
}

/// Works a call against what a test gives.
///
/// Shape: colleagues whom the test does not name are known by `user:ADDRESS`, and turns that it does not name were taken by nobody.
pub fn run(project: &Project, test: &TestDecl, call: &CallOutcome, now: Timestamp) -> Ran {
    let Some(pipeline) = pipeline_for(project, call) else { return Ran::default() };
    let world = World { project, pipeline, test, now };
    let mut context = world.context();
    let mut asked = Asked::default();
    for round in 0.. {
        let next = matching::next_search(project, pipeline, call, &context, &mut asked);
        let is_last = next.is_none();
        if let Some((key, query)) = next {
            world.search(&query, &mut context);
            context.searched.push(key);
        }
        if round == 0 {
            world.behind(&mut context);
        }
        if is_last {
            break;
        }
    }
    let decision = matching::decide(project, pipeline, call, &context);
    if let Some(contact) = &decision.contact {
        context.lists = world.lists(contact);
    }
    let plan = planned(&world, call, &mut context);
    let requests = plan.as_ref().map(|plan| requests(project, plan)).unwrap_or_default();
    Ran { pipeline: Some(pipeline.clone()), context, plan, requests }
}

fn planned(world: &World<'_>, call: &CallOutcome, context: &mut Context) -> Option<Plan> {
    for _ in 0..MAX_ROUNDS {
        match plan(world.project, world.pipeline, call, context, world.now) {
            Ok(plan) if world.look(&plan, context) => {}
            Ok(plan) => return Some(plan),
            Err(Need::Turn(route)) => {
                let turn = world.test.turns.get(&route).copied().unwrap_or_default();
                context.turns.insert(route, turn);
            }
            Err(Need::User { connection, email }) => {
                let id = super::user_id(world.test, &connection, &email);
                context.users.insert(format!("{connection}/{email}"), id);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use aftercall_config::decl::{TestBusyDecl, TestRecordDecl};
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::{call, now, op, project, write};

    fn test(records: Value) -> TestDecl {
        let decl = json!({"name": "t", "now": now().to_string(), "record": records});
        serde_json::from_value(decl).expect("a test")
    }

    #[track_caller]
    fn check(test: &TestDecl, expected: &[(&str, &str)]) -> Ran {
        let ran = run(project(), test, &call(), now());
        let plan = ran.plan.clone().expect("a plan");
        for (id, wanted) in expected {
            assert_eq!(op(write(&plan, id)), *wanted, "{id}");
        }
        ran
    }

    #[test]
    fn whoever_is_searched_is_found_among_the_records() {
        let ran = check(&test(json!([])), &[("contact", "create"), ("follow_up", "create")]);
        assert_eq!(ran.context.users["crm/ana@acme.example"].as_deref(), Some("user:ana@acme.example"));
        let ann = json!({"id": "p1", "fields": {"Phone": "(312) 555-0142", "FirstName": "Ann", "LastName": "Lee"}});
        let bob = json!({"id": "p2", "fields": {"Phone": "(312) 555-0199"}});
        let deal = json!({"id": "d1", "object": "deal", "list": "open_deals", "fields": {"Stage": "New"}});
        let ran = check(&test(json!([ann, bob, deal])), &[("contact", "update p1"), ("stage", "update d1")]);
        assert_eq!(ran.context.candidates.len(), 1, "the search returns whoever fits, and nobody else");
    }

    #[test]
    fn what_the_lane_knows_is_read_by_id() {
        let mut known = test(json!([{"id": "p9", "known": true, "fields": {"Phone": "+13125550142"}}]));
        let ran = check(&known, &[("contact", "update p9")]);
        assert_eq!(ran.context.known["crm"].id, "p9");
        known.record[0] = TestRecordDecl { known: false, ..known.record[0].clone() };
        known.answer = Some("new".to_owned());
        check(&known, &[("contact", "create")]);
    }

    #[test]
    fn a_time_that_is_taken() {
        let mut taken = test(json!([]));
        let at = |time: &str| format!("2026-11-30T{time}:00-06:00");
        taken.busy.push(TestBusyDecl { connection: "calendar".to_owned(), start: at("09:15"), end: at("10:00"), title: None, id: None });
        let ran = run(project(), &taken, &call(), now());
        let plan = ran.plan.expect("a plan");
        assert!(op(write(&plan, "appointment")).starts_with("blocked: the time"));
    }
}
