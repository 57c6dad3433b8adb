//! The fields of one write: values from templates, verdicts from policies, and who gives way to whom.

use aftercall_config::decl::PolicyDecl;
use aftercall_config::functions::text;
use aftercall_config::project::{FieldRule, Object, WriteRule};
use aftercall_config::template::Scope;
use serde_json::{Map, Value};

use super::build::Ground;
use crate::context::{PutBack, Record};
use crate::model::{FieldChange, FieldVerdict, Note};
use crate::normalise;
use crate::policy::{self, Asked, Decided, Prepared, prepare};
use crate::record;

/// One field on its way.
struct Draft<'r> {
    rule: &'r FieldRule,
    policy: PolicyDecl,
    prepared: Prepared,
    decided: Decided,
}

/// What a field is told whose record was not read.
const UNREAD: &str = "the record was not read, so what stands there is not known";

/// Decides every field of a write. `record` is what is there; absent for a new record.
///
/// Values that give way to another field by `else_to` are placed last: they see what the other lines write, so that no
/// two lines take the same field. Of a record of which no field is known, nothing is changed that depends on what is there.
pub(super) fn decide(
    ground: &Ground<'_>,
    rule: &WriteRule,
    record: Option<&Record>,
    scope: &Scope,
    notes: &mut Vec<Note>,
) -> Vec<FieldChange> {
    let empty = Map::new();
    let held = record.map_or(&empty, |record| &record.fields);
    let unread = record.is_some_and(|record| record.fields.is_empty());
    let written = record.and_then(|record| ground.context.written.get(&format!("{}/{}/{}", rule.connection.id, rule.object, record.id)));
    let ask = |rule: &FieldRule, policy, prepared: &Prepared, elsewhere: Vec<(&str, Option<&Value>)>| {
        policy::decide(Asked {
            rule,
            policy,
            before: record::field(held, &rule.field),
            after: prepared.value.clone(),
            written: written.and_then(|written| written.get(&rule.field)),
            elsewhere,
            call: &ground.key,
            started_at: ground.started_at,
            region: &ground.project.phone_region,
        })
    };
    let mut drafts: Vec<Draft<'_>> = Vec::with_capacity(rule.fields.len());
    for rule in &rule.fields {
        let policy = if record.is_some() { rule.on_update } else { rule.on_create };
        let prepared = prepare(rule, policy, rule.value.eval(scope));
        let mut decided = ask(rule, policy, &prepared, Vec::new());
        if unread && depends(policy) && decided.verdict != FieldVerdict::Absent {
            decided = Decided { verdict: FieldVerdict::Kept, because: Some(UNREAD.to_owned()), ..decided };
        }
        drafts.push(Draft { rule, policy, prepared, decided });
    }
    let object = rule.connection.connector.objects.get(&rule.object);
    for draft in &mut drafts {
        if draft.decided.verdict == FieldVerdict::Write
            && let Some(because) = unreadable(object, &draft.rule.field, draft.prepared.value.as_ref(), &ground.project.phone_region)
        {
            draft.decided = Decided { verdict: FieldVerdict::Kept, because: Some(because.to_owned()), ..draft.decided.clone() };
        }
    }
    for at in 0..drafts.len() {
        let draft = &drafts[at];
        if draft.decided.verdict != FieldVerdict::Kept
            || draft.policy != PolicyDecl::Fill
            || draft.rule.else_to.is_empty()
            || unread
            || unreadable(object, &draft.rule.field, draft.prepared.value.as_ref(), &ground.project.phone_region).is_some()
        {
            continue;
        }
        let coming = |name: &str| {
            let lands = |other: &&Draft<'_>| {
                other.decided.verdict == FieldVerdict::Write && other.decided.instead.as_deref().unwrap_or(&other.rule.field) == name
            };
            drafts.iter().find(lands).and_then(|other| other.decided.after.as_ref())
        };
        let elsewhere = draft.rule.else_to.iter().map(|name| (name.as_str(), coming(name).or_else(|| record::field(held, name)))).collect();
        drafts[at].decided = ask(draft.rule, draft.policy, &draft.prepared, elsewhere);
    }
    if let Some(record) = record {
        let of = format!("{}/{}/{}", rule.connection.id, rule.object, record.id);
        drafts.iter_mut().for_each(|draft| stays_back(ground, &of, draft));
    }
    drafts.into_iter().map(|draft| change(draft, rule, held, notes)).collect()
}

/// What a person has put back is not written again by the same call under the same version, whatever else it is planned again for.
fn stays_back(ground: &Ground<'_>, of: &str, draft: &mut Draft<'_>) {
    let name = draft.decided.instead.as_ref().unwrap_or(&draft.rule.field);
    let is = |one: &&PutBack| one.record == of && one.field == *name && one.version == ground.project.version.0;
    if draft.decided.verdict == FieldVerdict::Write
        && let Some(back) = ground.context.put_back.iter().find(is)
    {
        draft.decided = Decided { verdict: FieldVerdict::Kept, because: Some(back.said.clone()), ..draft.decided.clone() };
    }
}

/// Why a value does not belong into a field by which callers are recognised. Written there, it would push out what recognises them, and the
/// next plan would make a second record.
fn unreadable(object: Option<&Object>, field: &str, value: Option<&Value>, region: &str) -> Option<&'static str> {
    let has = |role: &str| record::role_fields(object, role).iter().any(|name| name == field);
    let value = text(value?);
    if has("phone") && normalise::phone(&value, region).is_none() {
        return Some("it cannot be read as a number");
    }
    (has("email") && normalise::email(&value).is_none()).then_some("it cannot be read as an address")
}

/// Whether a policy asks what is there; the others write whatever it is.
fn depends(policy: PolicyDecl) -> bool {
    matches!(policy, PolicyDecl::Fill | PolicyDecl::Ours | PolicyDecl::Append | PolicyDecl::Advance)
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::context::{Context, PutBack, Written};
    use crate::model::FieldVerdict::{self, Absent, Kept, Same, Write};
    use crate::testing::{call, context, field, now, person, planned, project, record, write};

    /// Name, verdict and value of the fields that a line of `Phone`, `MobilePhone` or `OtherPhone` ended in.
    fn phones(held: Value, phone: Option<&str>, callback: Option<&str>) -> Vec<(String, FieldVerdict, Option<Value>)> {
        let mut call = call();
        call.caller.phone = phone.map(str::to_owned);
        call.caller.callback_phone = callback.map(str::to_owned);
        let mut held = held;
        held["Email"] = json!("ann@example.com");
        let plan = planned(project(), &call, &context(vec![person("p1", held)]));
        let fields = write(&plan, "contact").fields.iter().filter(|field| field.field.ends_with("Phone"));
        fields.map(|field| (field.field.clone(), field.verdict, field.after.clone())).collect()
    }

    #[track_caller]
    fn check(held: Value, phone: Option<&str>, callback: Option<&str>, expected: [(&str, FieldVerdict, Option<&str>); 2]) {
        let expected = expected.map(|(name, verdict, value)| (name.to_owned(), verdict, value.map(Value::from)));
        assert_eq!(phones(held, phone, callback), expected);
    }

    const A: &str = "+13125550142";
    const B: &str = "+13125550143";

    #[test]
    fn two_lines_never_take_one_field() {
        check(json!({}), Some(A), Some(B), [("Phone", Write, Some(A)), ("MobilePhone", Write, Some(B))]);
        // `MobilePhone` is taken by its own line, so the other number goes further.
        check(json!({"Phone": "312 555 0100"}), Some(A), Some(B), [("OtherPhone", Write, Some(A)), ("MobilePhone", Write, Some(B))]);
        check(json!({"Phone": "312 555 0100"}), Some(A), None, [("MobilePhone", Write, Some(A)), ("MobilePhone", Absent, None)]);
        // One number, said twice, stands once.
        check(json!({"Phone": "312 555 0100"}), Some(A), Some(A), [("MobilePhone", Same, Some(A)), ("MobilePhone", Write, Some(A))]);
        // Both give way, and there is room for one.
        let full = json!({"Phone": "312 555 0100", "MobilePhone": "312 555 0101"});
        check(full, Some(A), Some(B), [("OtherPhone", Write, Some(A)), ("MobilePhone", Kept, Some(B))]);
        let there = json!({"Phone": "312 555 0100", "MobilePhone": "312 555 0101", "OtherPhone": "(312) 555-0143"});
        check(there, Some(A), Some(B), [("Phone", Kept, Some(A)), ("OtherPhone", Same, Some(B))]);
    }

    /// What was put back stays so; another version may write it.
    #[test]
    fn what_was_put_back() {
        let ann = || context(vec![person("p1", json!({"Email": "ann@example.com", "LastOutcome": "complaint"}))]);
        let put_back = |version: &str| {
            let (record, field) = ("crm/contact/p1".to_owned(), "LastOutcome".to_owned());
            vec![PutBack { record, field, version: version.to_owned(), said: "put back by olga".to_owned() }]
        };
        let verdict = |context: Context| {
            let plan = planned(project(), &call(), &context);
            let field = field(write(&plan, "contact"), "LastOutcome");
            (field.verdict, field.because.clone())
        };
        assert_eq!(verdict(ann()), (Write, None));
        let said = Some("put back by olga".to_owned());
        assert_eq!(verdict(Context { put_back: put_back(&project().version.0), ..ann() }), (Kept, said));
        assert_eq!(verdict(Context { put_back: put_back("another"), ..ann() }), (Write, None));
    }

    #[test]
    fn a_record_that_was_not_read() {
        let own = Context { own: [("follow_up".to_owned(), "t1".to_owned())].into_iter().collect(), ..context(vec![]) };
        let plan = planned(project(), &call(), &own);
        let subject = field(write(&plan, "follow_up"), "Subject");
        assert_eq!((subject.verdict, subject.because.as_deref()), (Kept, Some(super::UNREAD)));
        assert_eq!(field(write(&plan, "follow_up"), "Priority").verdict, Write);
        // What we wrote last is taken for what is there.
        let written = Written { value: json!("Call back"), call: "json:c1".to_owned(), started_at: now() };
        let written = [("crm/task/t1".to_owned(), [("Subject".to_owned(), written)].into_iter().collect())].into_iter().collect();
        let ours = Context { written, ..own };
        let plan = planned(project(), &call(), &ours);
        assert_eq!(field(write(&plan, "follow_up"), "Subject").verdict, Write);
        // And what was read counts more: a person has changed it.
        let read = Context { own_records: vec![record("task", "t1", json!({"Subject": "Call her mother"}))], ..ours };
        let plan = planned(project(), &call(), &read);
        let subject = field(write(&plan, "follow_up"), "Subject");
        assert_eq!((subject.verdict, subject.before.clone()), (FieldVerdict::Conflict, Some(json!("Call her mother"))));
    }
}
