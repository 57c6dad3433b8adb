//! The plan of one call, from its match decision to the last write.

use std::sync::Arc;

use aftercall_config::call::CallOutcome;
use aftercall_config::project::{Pipeline, Project, WriteRule};
use aftercall_config::template::Scope;
use jiff::Timestamp;
use serde_json::Value;

use super::contact::{self, Contact};
use super::marker;
use super::merge;
use super::place::{self, Made};
use super::write;
use crate::context::Context;
use crate::decision::MatchDecision;
use crate::model::{Note, Plan, Write};
use crate::{matching, scope};

/// What must be fetched before a plan can be made; the caller records it in the context and plans again.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Need {
    /// A turn of a route with several owners, for `context.turns`: the key `pipeline/route/rule`.
    Turn(String),
    /// A colleague's id, for `context.users` under `connection/email`; null there when the system knows nobody.
    User {
        /// The connection to ask.
        connection: String,
        /// The address, in lower case.
        email: String,
    },
}

/// What is the same for every write of a plan.
pub(super) struct Ground<'a> {
    pub(super) project: &'a Project,
    pub(super) pipeline: &'a Pipeline,
    pub(super) call: &'a CallOutcome,
    /// `source:id`.
    pub(super) key: String,
    pub(super) started_at: Option<Timestamp>,
    pub(super) context: &'a Context,
    pub(super) now: Timestamp,
    pub(super) contact: &'a Contact<'a>,
    pub(super) scope: &'a Scope,
}

impl Ground<'_> {
    /// How the systems will know this write's record again.
    pub(super) fn marker(&self, rule: &WriteRule) -> String {
        marker(&self.project.name, &self.pipeline.name, &self.key, &rule.id, self.context.generation)
    }
}

/// The pipeline that a call takes: the first whose sources and condition fit.
pub fn pipeline_for<'a>(project: &'a Project, call: &CallOutcome) -> Option<&'a Arc<Pipeline>> {
    let mut data: Option<Value> = None;
    project.pipelines.iter().find(|pipeline| {
        if !pipeline.sources.is_empty() && !pipeline.sources.contains(&call.source) {
            return false;
        }
        let Some(condition) = &pipeline.when else { return true };
        condition.holds(data.get_or_insert_with(|| Value::Object(scope::of_call(project, call))))
    })
}

/// What this call would change, under this pipeline, given what was read about the caller.
///
/// Shape: one write per `[[write]]`, in an order in which a write comes after those that it links to; every field that a
/// mapping names has a verdict. The same input gives the same bytes, whatever the order of the candidates.
/// Units: `now` is the moment from which due dates count.
/// Errors: the first thing that must be fetched; it is never asked for again once the context has it.
pub fn plan(project: &Project, pipeline: &Pipeline, call: &CallOutcome, context: &Context, now: Timestamp) -> Result<Plan, Need> {
    let decision = matching::decide(project, pipeline, call, context);
    let contact = contact::settle(pipeline, context, &decision);
    let scope = seen(project, pipeline, call, context, &decision, &contact);
    let mut notes = contact::notes(pipeline, context, &decision, &contact);
    notes.extend(unreadable(project, call));
    let ground = Ground {
        project,
        pipeline,
        call,
        key: scope::call_key(call),
        started_at: moment(call),
        context,
        now,
        contact: &contact,
        scope: &scope,
    };
    let mut made = Made::default();
    let mut writes: Vec<Write> = Vec::with_capacity(pipeline.writes.len());
    for rule in place::in_order(pipeline) {
        writes.push(write::plan(&ground, rule, &mut made, &mut notes)?);
    }
    writes.extend(merge::plan(&ground, &writes, &mut notes));
    let key = ground.key;
    Ok(Plan { call: key, config: project.version.clone(), pipeline: pipeline.name.clone(), at: now, decision, writes, notes })
}

/// What the templates and conditions of a call's writes and routes see, once it is decided who called.
pub(crate) fn scope_of(project: &Project, pipeline: &Pipeline, call: &CallOutcome, context: &Context, decision: &MatchDecision) -> Scope {
    seen(project, pipeline, call, context, decision, &contact::settle(pipeline, context, decision))
}

fn seen(
    project: &Project,
    pipeline: &Pipeline,
    call: &CallOutcome,
    context: &Context,
    decision: &MatchDecision,
    contact: &Contact<'_>,
) -> Scope {
    let mut data = scope::of_call(project, call);
    scope::add_match(&mut data, pipeline, context, decision, contact.record(), contact.is_new());
    Scope::new(Value::Object(data))
}

/// When the call began, or ended where only that is known.
fn moment(call: &CallOutcome) -> Option<Timestamp> {
    let read = |text: &Option<String>| text.as_deref().and_then(|text| aftercall_config::functions::timestamp(&Value::from(text)));
    read(&call.started_at).or_else(|| read(&call.ended_at))
}

/// Notes about what the caller gave and nobody can use.
fn unreadable(project: &Project, call: &CallOutcome) -> Vec<Note> {
    let mut notes = Vec::new();
    let mut note = |text: String| notes.push(Note { write: None, text, origin: None });
    for (what, text) in [("number", &call.caller.phone), ("number for calling back", &call.caller.callback_phone)] {
        let Some(text) = text.as_deref().filter(|text| !text.trim().is_empty() && !crate::normalise::withheld(text)) else { continue };
        if crate::normalise::phone(text, &project.phone_region).is_none() {
            note(format!("the caller's {what} cannot be read as one: {text}"));
        }
    }
    if let Some(text) = call.caller.email.as_deref().filter(|text| !text.trim().is_empty())
        && crate::normalise::email(text).is_none()
    {
        note(format!("the caller's e-mail does not look like an address: {text}"));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{call, context, project, try_plan, with};

    #[track_caller]
    fn check(source: &str, seconds: f64, expected: Option<&str>) {
        let call = CallOutcome { source: source.to_owned(), duration_s: Some(seconds), ..call() };
        assert_eq!(pipeline_for(project(), &call).map(|pipeline| pipeline.name.as_str()), expected);
    }

    #[test]
    fn the_first_pipeline_that_fits() {
        check("json", 253.0, Some("front-desk"));
        check("json", 4.0, None);
        check("other", 253.0, None);
    }

    #[test]
    fn what_must_be_fetched() {
        let mut missing = context(vec![]);
        missing.turns.clear();
        missing.users.clear();
        assert_eq!(try_plan(project(), &call(), &missing), Err(Need::Turn("front-desk/front_desk/2".to_owned())));
        missing.turns.insert("front-desk/front_desk/2".to_owned(), 4);
        let user = Need::User { connection: "crm".to_owned(), email: "ana@acme.example".to_owned() };
        assert_eq!(try_plan(project(), &call(), &missing), Err(user));
        missing.users.insert("crm/ana@acme.example".to_owned(), None);
        assert!(try_plan(project(), &call(), &missing).is_ok());
        // Nothing is asked for a write that is not done.
        let without = with(&[("pipelines/front-desk.toml", "has(follow_up)", "has(captured.never)")]);
        assert!(try_plan(&without, &call(), &Context::default()).is_ok());
    }

    #[test]
    fn what_nobody_can_read() {
        let mut call = call();
        call.caller.phone = Some("extension 12".to_owned());
        call.caller.callback_phone = Some("withheld".to_owned());
        call.caller.email = Some("ann at example dot com".to_owned());
        let notes: Vec<String> = unreadable(project(), &call).into_iter().map(|note| note.text).collect();
        assert_eq!(
            notes,
            [
                "the caller's number cannot be read as one: extension 12",
                "the caller's e-mail does not look like an address: ann at example dot com",
            ]
        );
    }
}
