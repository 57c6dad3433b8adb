//! The fields of one write: values from templates, verdicts from policies, and who gives way to whom.

use aftercall_config::decl::PolicyDecl;
use aftercall_config::project::{FieldRule, WriteRule};
use aftercall_config::template::Scope;
use serde_json::{Map, Value};

use super::build::Ground;
use crate::context::Record;
use crate::model::{FieldChange, FieldVerdict, Note};
use crate::policy::{self, Asked, Decided, Prepared, prepare};
use crate::record;

/// One field on its way.
struct Draft<'r> {
    rule: &'r FieldRule,
    policy: PolicyDecl,
    prepared: Prepared,
    decided: Decided,
}

/// Decides every field of a write. `record` is what is there; absent for a new record.
///
/// Values that give way to another field by `else_to` are placed last: they see what the other lines write, so that no
/// two lines take the same field.
pub(super) fn decide(ground: &Ground<'_>, rule: &WriteRule, record: Option<&Record>, scope: &Scope, notes: &mut Vec<Note>) -> Vec<FieldChange> {
    let empty = Map::new();
    let held = record.map_or(&empty, |record| &record.fields);
    let written = record.and_then(|record| ground.context.written.get(&format!("{}/{}/{}", rule.connection.id, rule.object, record.id)));
    let ask = |draft: &Draft<'_>, elsewhere: Vec<(&str, Option<&Value>)>| {
        policy::decide(Asked {
            rule: draft.rule,
            policy: draft.policy,
            before: record::field(held, &draft.rule.field),
            after: draft.prepared.value.clone(),
            written: written.and_then(|written| written.get(&draft.rule.field)),
            elsewhere,
            call: &ground.key,
            started_at: ground.started_at,
            region: &ground.project.phone_region,
        })
    };
    let mut drafts: Vec<Draft<'_>> = Vec::with_capacity(rule.fields.len());
    for field in &rule.fields {
        let policy = if record.is_some() { field.on_update } else { field.on_create };
        let prepared = prepare(field, policy, field.value.eval(scope));
        let mut draft = Draft { rule: field, policy, prepared, decided: Decided { verdict: FieldVerdict::Absent, after: None, because: None, instead: None } };
        draft.decided = ask(&draft, Vec::new());
        drafts.push(draft);
    }
    for at in 0..drafts.len() {
        let draft = &drafts[at];
        if draft.decided.verdict != FieldVerdict::Kept || draft.policy != PolicyDecl::Fill || draft.rule.else_to.is_empty() {
            continue;
        }
        let coming = |name: &str| {
            let lands = |other: &&Draft<'_>| {
                other.decided.verdict == FieldVerdict::Write && other.decided.instead.as_deref().unwrap_or(&other.rule.field) == name
            };
            drafts.iter().find(lands).and_then(|other| other.decided.after.as_ref())
        };
        let elsewhere = draft.rule.else_to.iter().map(|name| (name.as_str(), coming(name).or_else(|| record::field(held, name)))).collect();
        let decided = ask(draft, elsewhere);
        drafts[at].decided = decided;
    }
    drafts.into_iter().map(|draft| change(draft, rule, held, notes)).collect()
}

fn change(draft: Draft<'_>, rule: &WriteRule, held: &Map<String, Value>, notes: &mut Vec<Note>) -> FieldChange {
    let Draft { rule: field, policy, prepared, decided } = draft;
    let name = decided.instead.unwrap_or_else(|| field.field.clone());
    let cut = prepared.because.filter(|_| decided.verdict == FieldVerdict::Write);
    let cut_by_policy = policy == PolicyDecl::Append && decided.verdict == FieldVerdict::Write && decided.because.is_some();
    let because = match (decided.because, cut.clone()) {
        (Some(why), Some(cut)) => Some(format!("{why}; {cut}")),
        (why, cut) => why.or(cut),
    };
    if cut.is_some() || cut_by_policy {
        notes.push(Note {
            write: Some(rule.id.clone()),
            text: format!("`{name}` is {}", because.clone().unwrap_or_default()),
            origin: Some(field.origin.clone()),
        });
    }
    FieldChange {
        before: record::field(held, &name).cloned(),
        field: name,
        after: decided.after,
        policy,
        verdict: decided.verdict,
        because,
        required: field.required,
        origin: field.origin.clone(),
    }
}
