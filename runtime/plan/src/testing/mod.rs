//! What the tests of this room share: a small project of real TOML, a call, records, and a stand-in for applying.

mod apply;
mod laws;

use std::sync::LazyLock;

use aftercall_config::call::{Appointment, CallOutcome, Caller, FollowUp};
use aftercall_config::decl::KeyId;
use aftercall_config::project::{Pipeline, Project};
use aftercall_config::resolve;
use aftercall_config::rules::MatchRules;
use aftercall_config::source::Files;
use aftercall_config::tables::Tables;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::context::{Context, Record};
use crate::model::{FieldChange, Op, Plan, Write};
use crate::plan::{Need, plan};

pub(crate) use apply::apply;

/// The fixture's files.
const FILES: &[(&str, &str)] = &[
    ("aftercall.toml", include_str!("project/aftercall.toml")),
    ("mappings/json/source.toml", include_str!("project/json-source.toml")),
    ("mappings/match/person.toml", include_str!("project/person.toml")),
    ("mappings/crm/connector.toml", include_str!("project/crm.toml")),
    ("mappings/crm/contact.toml", include_str!("project/contact.toml")),
    ("mappings/crm/call.toml", include_str!("project/call.toml")),
    ("mappings/crm/task.toml", include_str!("project/task.toml")),
    ("mappings/crm/deal.toml", include_str!("project/deal.toml")),
    ("mappings/cal/connector.toml", include_str!("project/cal.toml")),
    ("mappings/cal/event.toml", include_str!("project/event.toml")),
    ("pipelines/front-desk.toml", include_str!("project/front-desk.toml")),
];

/// The match rules that ship, with their tables.
const SHIPPED: &[(&str, &str)] = &[
    ("mappings/match/person.toml", include_str!("../../../../mappings/match/person.toml")),
    ("mappings/match/tables/countries.toml", include_str!("../../../../mappings/match/tables/countries.toml")),
    ("mappings/match/tables/endings.toml", include_str!("../../../../mappings/match/tables/endings.toml")),
    ("mappings/match/tables/fillers.toml", include_str!("../../../../mappings/match/tables/fillers.toml")),
    ("mappings/match/tables/free-mail.toml", include_str!("../../../../mappings/match/tables/free-mail.toml")),
    ("mappings/match/tables/given-names.toml", include_str!("../../../../mappings/match/tables/given-names.toml")),
    ("mappings/match/tables/households.toml", include_str!("../../../../mappings/match/tables/households.toml")),
    ("mappings/match/tables/legal-forms.toml", include_str!("../../../../mappings/match/tables/legal-forms.toml")),
    ("mappings/match/tables/nicknames.toml", include_str!("../../../../mappings/match/tables/nicknames.toml")),
    ("mappings/match/tables/nobody.toml", include_str!("../../../../mappings/match/tables/nobody.toml")),
    ("mappings/match/tables/particles.toml", include_str!("../../../../mappings/match/tables/particles.toml")),
    ("mappings/match/tables/refusals.toml", include_str!("../../../../mappings/match/tables/refusals.toml")),
    ("mappings/match/tables/signs.toml", include_str!("../../../../mappings/match/tables/signs.toml")),
    ("mappings/match/tables/sounds.toml", include_str!("../../../../mappings/match/tables/sounds.toml")),
    ("mappings/match/tables/spoken.toml", include_str!("../../../../mappings/match/tables/spoken.toml")),
    ("mappings/match/tables/suffixes.toml", include_str!("../../../../mappings/match/tables/suffixes.toml")),
    ("mappings/match/tables/titles.toml", include_str!("../../../../mappings/match/tables/titles.toml")),
    ("mappings/match/tables/trades.toml", include_str!("../../../../mappings/match/tables/trades.toml")),
    ("mappings/match/tables/transliterations.toml", include_str!("../../../../mappings/match/tables/transliterations.toml")),
];

/// Tuesday, 10:00 in Chicago.
pub(crate) const NOW: &str = "2026-11-24T16:00:00Z";

pub(crate) fn now() -> Timestamp {
    NOW.parse().expect("a time")
}

/// The tables and rules that ship.
pub(crate) fn person_rules() -> &'static MatchRules {
    static RULES: LazyLock<MatchRules> = LazyLock::new(|| {
        let mut files = Files::new();
        for (path, text) in SHIPPED {
            files.insert(*path, *text);
        }
        MatchRules::load("mappings/match/person.toml", &files).unwrap_or_else(|complaint| panic!("{complaint}"))
    });
    &RULES
}

/// The tables that ship.
pub(crate) fn tables() -> &'static Tables {
    &person_rules().tables
}

/// The fixture as it is.
pub(crate) fn project() -> &'static Project {
    static PROJECT: LazyLock<Project> = LazyLock::new(|| with(&[]));
    &PROJECT
}

/// The fixture with texts replaced: `(file, old, new)`; an empty `old` puts `new` at the end.
#[track_caller]
pub(crate) fn with(changes: &[(&str, &str, &str)]) -> Project {
    let loaded = resolve::load(&files(changes));
    let complaint = loaded.render(false);
    loaded.project.unwrap_or_else(|| panic!("{complaint}"))
}

/// The files of [`with`].
#[track_caller]
pub(crate) fn files(changes: &[(&str, &str, &str)]) -> Files {
    let mut files = Files::new();
    for (path, text) in FILES {
        let mut text = (*text).to_owned();
        for (_, old, new) in changes.iter().filter(|(file, ..)| file == path) {
            assert!(text.contains(old), "{path} does not say {old}");
            text = if old.is_empty() { format!("{text}\n{new}\n") } else { text.replace(old, new) };
        }
        files.insert(*path, text);
    }
    files
}

pub(crate) fn front_desk(project: &Project) -> &Pipeline {
    project.pipeline("front-desk").expect("the pipeline")
}

/// Ann Lee, who booked and gave her address.
pub(crate) fn call() -> CallOutcome {
    CallOutcome {
        id: "c1".to_owned(),
        source: "json".to_owned(),
        started_at: Some("2026-11-24T15:50:00Z".to_owned()),
        duration_s: Some(253.0),
        outcome: Some("booked".to_owned()),
        summary: Some("Wants a cleaning, and asked about whitening.".to_owned()),
        caller: Caller {
            phone: Some("(312) 555-0142".to_owned()),
            email: Some("Ann@Example.com".to_owned()),
            name: Some("Ann Lee".to_owned()),
            ..Caller::default()
        },
        captured: [("language".to_owned(), json!("English"))].into_iter().collect(),
        appointment: Some(Appointment {
            start: "2026-11-30T09:00:00-06:00".to_owned(),
            service: Some("Cleaning".to_owned()),
            ..Appointment::default()
        }),
        follow_up: Some(FollowUp { reason: Some("Send the price list".to_owned()), ..FollowUp::default() }),
        ..CallOutcome::default()
    }
}

/// A contact with these fields.
pub(crate) fn person(id: &str, fields: Value) -> Record {
    record("contact", id, fields)
}

pub(crate) fn record(object: &str, id: &str, fields: Value) -> Record {
    Record { id: id.to_owned(), object: object.to_owned(), fields: fields.as_object().cloned().unwrap_or_default() }
}

/// A context in which nothing has to be fetched any more.
pub(crate) fn context(candidates: Vec<Record>) -> Context {
    Context {
        candidates,
        searched: vec![KeyId::Number],
        users: [
            ("crm/ana@acme.example".to_owned(), Some("u-ana".to_owned())),
            ("crm/office.manager@acme.example".to_owned(), Some("u-om".to_owned())),
        ]
        .into_iter()
        .collect(),
        turns: [("front-desk/front_desk/2".to_owned(), 0)].into_iter().collect(),
        ..Context::default()
    }
}

pub(crate) fn try_plan(project: &Project, call: &CallOutcome, context: &Context) -> Result<Plan, Need> {
    plan(project, front_desk(project), call, context, now())
}

#[track_caller]
pub(crate) fn planned(project: &Project, call: &CallOutcome, context: &Context) -> Plan {
    try_plan(project, call, context).expect("nothing is missing")
}

#[track_caller]
pub(crate) fn write<'a>(plan: &'a Plan, id: &str) -> &'a Write {
    plan.writes.iter().find(|write| write.id == id).unwrap_or_else(|| panic!("no write {id}"))
}

#[track_caller]
pub(crate) fn field<'a>(write: &'a Write, name: &str) -> &'a FieldChange {
    write.fields.iter().find(|field| field.field == name).unwrap_or_else(|| panic!("no field {name} in {:#?}", write.fields))
}

/// An op in a line: the word, and the id or the reason.
pub(crate) fn op(write: &Write) -> String {
    match &write.op {
        Op::Create { .. } => "create".to_owned(),
        Op::Update { id } => format!("update {id}"),
        Op::Nothing { id, because } => format!("nothing {}: {because}", id.as_deref().unwrap_or("-")),
        Op::Merge { id, other } => format!("merge {other} into {id}"),
        Op::Blocked { because } => format!("blocked: {because}"),
        Op::Skipped { because } => format!("skipped: {because}"),
    }
}
