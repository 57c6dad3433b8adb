//! Why a follow-up went to whom it went: every rule of its route with what it looked at, and how the due time was counted.
//!
//! The same decision as `decide` makes, told. Not for how it looks: that is the edge's `view`.

use aftercall_config::call::CallOutcome;
use aftercall_config::condition::Told;
use aftercall_config::project::{BusinessHours, Due, Origin, Pipeline, Project, WriteRule};
use aftercall_config::template::Scope;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::due::is_open;
use super::{Routed, decide};
use crate::context::Context;
use crate::model::{Op, Plan};
use crate::plan::{is_contact, scope_of};

/// What `aftercall route explain --format json` says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RouteDocument {
    /// Version of this shape: 1. Members may be added without another number; none changes its meaning.
    pub version: u32,
    /// The calls, in the order of the input.
    pub calls: Vec<ExplainedCall>,
}

/// Who follows up a call, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExplainedCall {
    /// `source:id` of the call.
    pub call: String,
    /// The config version that decided.
    pub config: String,
    /// The pipeline.
    pub pipeline: String,
    /// The moment that due times count from, RFC 3339 with the offset of the project's zone.
    pub planned_at: String,
    /// Whether that moment is within business hours.
    pub open: bool,
    /// One for each write of the pipeline that has a route.
    pub routes: Vec<Explained>,
}

/// One write's route.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Explained {
    /// The write's name in the pipeline.
    pub write: String,
    /// Where it goes.
    pub connection: String,
    /// The route.
    pub route: String,
    /// What the route decides about.
    pub about: About,
    /// Whether the write makes a record.
    pub new: bool,
    /// Why the write is not done, so that nobody follows up; null where it is.
    pub not_done: Option<String>,
    /// The rules in order.
    pub rules: Vec<RuleTold>,
    /// Number of the rule that was taken, from 1; null where none holds.
    pub taken: Option<usize>,
    /// The owner as the system knows them; null where nobody is named.
    pub owner: Option<Value>,
    /// Who that is for people.
    pub who: Option<String>,
    /// By when, RFC 3339 with the offset of the project's zone.
    pub due: Option<String>,
    /// Days between asking and being due on which nobody is there.
    pub closed: Vec<Closed>,
    /// Priority as written.
    pub priority: Option<String>,
    /// All of it in a sentence.
    pub because: String,
    /// What a person should know.
    pub notes: Vec<String>,
}

/// What a route decides about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum About {
    /// The caller's own record: who looks after it.
    Contact,
    /// Something that is to be done.
    FollowUp,
}

/// One rule of a route.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RuleTold {
    /// The line.
    pub origin: Origin,
    /// Its condition as written; null where it always holds.
    pub when: Option<String>,
    /// Whether it holds, also where an earlier one was taken.
    pub holds: bool,
    /// Each comparison of the condition.
    pub parts: Vec<Told>,
    /// By when it wants it, in words.
    pub due: Option<String>,
}

/// A day on which nobody is there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Closed {
    /// The day, `2026-11-26`.
    pub day: String,
    /// `holiday`, or the day of the week.
    pub because: String,
}

/// Tells how each route of a planned call was decided.
///
/// Shape: one element for each write of the pipeline with a route, in the pipeline's order. `plan` is the plan of this project,
/// pipeline, call and context, so that nothing has to be fetched any more.
pub fn explain(project: &Project, pipeline: &Pipeline, call: &CallOutcome, context: &Context, plan: &Plan) -> ExplainedCall {
    let scope = scope_of(project, pipeline, call, context, &plan.decision);
    let local = plan.at.to_zoned(project.timezone.clone());
    let routed = pipeline.writes.iter().filter_map(|rule| Some((rule, rule.route.as_deref()?)));
    ExplainedCall {
        call: plan.call.clone(),
        config: project.version.to_string(),
        pipeline: pipeline.name.clone(),
        planned_at: local.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
        open: is_open(local.date(), &project.hours) && (project.hours.from..project.hours.to).contains(&local.time()),
        routes: routed.map(|(rule, name)| one(project, pipeline, rule, name, &scope, context, plan)).collect(),
    }
}

fn one(project: &Project, pipeline: &Pipeline, write: &WriteRule, name: &str, scope: &Scope, context: &Context, plan: &Plan) -> Explained {
    let rules = pipeline.routes.get(name).map_or(&[][..], Vec::as_slice);
    let holds: Vec<bool> = rules.iter().map(|rule| rule.when.as_ref().is_none_or(|when| when.holds(scope.data()))).collect();
    let planned = plan.writes.iter().find(|planned| planned.id == write.id);
    let not_done = planned.and_then(|planned| match &planned.op {
        Op::Skipped { because } | Op::Blocked { because } => Some(because.clone()),
        _ => None,
    });
    // Of a write that is not done nobody was asked for, so what a rule would need may be missing: then the rules alone are told.
    let routed = decide(project, pipeline, name, &write.connection, scope, context, plan.at).ok().flatten();
    let taken = holds.iter().position(|holds| *holds);
    let because = match (&routed, taken) {
        (Some(routed), _) => routed.because.clone(),
        (None, Some(at)) => format!("rule {} of route `{name}` would decide", at + 1),
        (None, None) => format!("no rule of route `{name}` holds, so nobody is named and nothing is due"),
    };
    let told = rules.iter().zip(&holds).map(|(rule, holds)| RuleTold {
        origin: rule.origin.clone(),
        when: rule.when.as_ref().map(|when| when.source().to_owned()),
        holds: *holds,
        parts: rule.when.as_ref().map(|when| when.told(scope.data())).unwrap_or_default(),
        due: rule.due.as_ref().map(words),
    });
    let counted = taken.and_then(|at| rules[at].due.as_ref());
    let closed = match (&routed, counted) {
        (Some(Routed { due_date: Some(day), .. }), Some(Due::InBusiness(_) | Due::NextBusinessDay(_))) => {
            day.parse().map(|day| closed(project, plan.at, day)).unwrap_or_default()
        }
        _ => Vec::new(),
    };
    let (owner, who, due, priority, notes) = match routed {
        Some(routed) => (routed.owner, routed.who, routed.due, routed.priority, routed.notes),
        None => Default::default(),
    };
    Explained {
        write: write.id.clone(),
        connection: write.connection.id.clone(),
        route: name.to_owned(),
        about: if is_contact(pipeline, write) { About::Contact } else { About::FollowUp },
        new: planned.is_some_and(|planned| matches!(planned.op, Op::Create { .. })),
        not_done,
        rules: told.collect(),
        taken: taken.map(|at| at + 1),
        owner,
        who,
        due,
        closed,
        priority,
        because,
        notes,
    }
}

/// By when a rule wants it, in the words that a route takes.
fn words(due: &Due) -> String {
    match due {
        Due::In(wait) => format!("in {}", span(*wait)),
        Due::InDays(1) => "in 1 day".to_owned(),
        Due::InDays(days) => format!("in {days} days"),
        Due::InBusiness(wait) => match span(*wait).split_once(' ') {
            Some((number, unit)) if !unit.contains(' ') => format!("in {number} business {unit}"),
            _ => format!("in {} of business", span(*wait)),
        },
        Due::NextBusinessDay(at) => format!("next business day {}", at.strftime("%H:%M")),
        Due::At(_) => "at the time that the call or the record names".to_owned(),
    }
}

/// `90 minutes`, `4 hours`.
fn span(wait: SignedDuration) -> String {
    let minutes = wait.as_mins();
    let (number, unit) = if minutes != 0 && minutes % 60 == 0 { (minutes / 60, "hour") } else { (minutes, "minute") };
    format!("{number} {unit}{}", if number == 1 { "" } else { "s" })
}

/// The days from `asked` until `due` on which nobody is there.
fn closed(project: &Project, asked: Timestamp, due: Date) -> Vec<Closed> {
    let mut day = asked.to_zoned(project.timezone.clone()).date();
    let mut found = Vec::new();
    while day <= due {
        if !is_open(day, &project.hours) {
            found.push(Closed { day: day.to_string(), because: why(day, &project.hours) });
        }
        match day.tomorrow() {
            Ok(next) => day = next,
            Err(_) => break,
        }
    }
    found
}

/// Why nobody is there on a day: what stands in the list of holidays counts before the day of the week.
pub(super) fn why(day: Date, hours: &BusinessHours) -> String {
    if hours.holidays.contains(&day) { "holiday".to_owned() } else { day.strftime("%A").to_string() }
}
