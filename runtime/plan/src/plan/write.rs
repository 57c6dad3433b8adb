//! One write: whether it is done, and what it says.
//!
//! Not for finding its record (`place`), nor for the single field (`fields`).

use aftercall_config::decl::PolicyDecl;
use aftercall_config::project::{Object, WriteRule};
use aftercall_config::template::Scope;
use serde_json::Value;

use super::build::{Ground, Need};
use super::place::{Made, Where, place};
use super::{booking, fields, links};
use crate::model::{FieldChange, FieldVerdict, FollowUp, Guarantee, Note, Op, Write};
use crate::{route, scope};

/// Plans one write and remembers its record in `made`.
pub(super) fn plan(ground: &Ground<'_>, rule: &WriteRule, made: &mut Made, notes: &mut Vec<Note>) -> Result<Write, Need> {
    let object = rule.connection.connector.objects.get(&rule.object);
    let mut write = Write {
        id: rule.id.clone(),
        connection: rule.connection.id.clone(),
        object: rule.object.clone(),
        op: Op::Skipped { because: String::new() },
        fields: Vec::new(),
        links: Vec::new(),
        after: Vec::new(),
        guarantee: object.map_or(Guarantee::Ask, |object| object.guarantee(rule.at_least_once)),
        booking: None,
        routed: None,
        origin: rule.origin.clone(),
    };
    let before = notes.len();
    write.op = settle(ground, rule, object, made, notes, &mut write)?;
    match &write.op {
        Op::Create { .. } => {}
        Op::Update { .. } | Op::Nothing { .. } | Op::Merge { .. } => write.guarantee = Guarantee::Exact,
        Op::Skipped { .. } | Op::Blocked { .. } => {
            write.fields.clear();
            write.routed = None;
            // Who would have followed up, and what would have been cut, is of no interest now.
            notes.truncate(before);
            if let Some(own) = ground.context.own.get(&rule.id) {
                let text = format!("an earlier revision of this call made {own}, which is left as it is");
                notes.push(Note { write: Some(rule.id.clone()), text, origin: Some(rule.origin.clone()) });
            }
        }
    }
    Ok(write)
}

/// Decides what is done, and fills in everything that goes with it.
fn settle(
    ground: &Ground<'_>,
    rule: &WriteRule,
    object: Option<&Object>,
    made: &mut Made,
    notes: &mut Vec<Note>,
    write: &mut Write,
) -> Result<Op, Need> {
    if let Some(condition) = rule.when.as_ref().filter(|condition| !condition.holds(ground.scope.data())) {
        return Ok(Op::Skipped { because: format!("its condition does not hold: {}", condition.source()) });
    }
    let Some(object) = object else {
        return Ok(Op::Skipped { because: format!("`{}` has no object `{}`", rule.connection.connector.decl.system, rule.object) });
    };
    let record = match place(ground, rule, made) {
        Where::There(record) => Some(record),
        Where::New => None,
        Where::Skip(because) => return Ok(Op::Skipped { because }),
        Where::Block(because) => return Ok(Op::Blocked { because }),
    };
    let routed_scope = routed(ground, rule, notes, write)?;
    let scope = routed_scope.as_ref().unwrap_or(ground.scope);
    write.fields = fields::decide(ground, rule, record.as_deref(), scope, notes);
    let mut op = match &record {
        Some(record) => update(&write.fields, &record.id),
        None => create(ground, rule, &write.fields),
    };
    if !matches!(op, Op::Skipped { .. }) {
        op = booking::settle(ground, rule, object, record.as_deref(), op, write);
    }
    if let Op::Update { id } | Op::Nothing { id: Some(id), .. } = &op {
        write.links = links::moved(ground, rule, object, id, made, notes);
        if !write.links.is_empty() {
            op = Op::Update { id: id.clone() };
        }
    }
    match &op {
        Op::Create { marker } => {
            made.create(ground.pipeline, rule);
            write.fields.extend(identity_field(object, marker));
            write.links = links::decide(ground, rule, made, notes);
        }
        Op::Update { id } | Op::Nothing { id: Some(id), .. } => made.there(rule, id),
        _ => {}
    }
    Ok(op)
}

/// The scope with the route's decision, where the write has a route.
fn routed(ground: &Ground<'_>, rule: &WriteRule, notes: &mut Vec<Note>, write: &mut Write) -> Result<Option<Scope>, Need> {
    let Some(name) = &rule.route else { return Ok(None) };
    let routed = route::decide(ground.project, ground.pipeline, name, &rule.connection, ground.scope, ground.context, ground.now)?;
    let mut note = |text: String, origin| notes.push(Note { write: Some(rule.id.clone()), text, origin: Some(origin) });
    match &routed {
        Some(routed) => {
            note(routed.because.clone(), routed.origin.clone());
            for text in &routed.notes {
                note(text.clone(), routed.origin.clone());
            }
        }
        None => note(format!("no rule of route `{name}` holds, so nobody is named and nothing is due"), rule.origin.clone()),
    }
    let scope = Scope::new(scope::with_route(ground.scope.data(), routed.as_ref()));
    write.routed = routed.map(|routed| FollowUp {
        owner: routed.owner,
        due: routed.due,
        due_date: routed.due_date,
        priority: routed.priority,
        origin: routed.origin,
    });
    Ok(Some(scope))
}

fn count(fields: &[FieldChange], verdict: FieldVerdict) -> usize {
    fields.iter().filter(|field| field.verdict == verdict).count()
}

fn update(fields: &[FieldChange], id: &str) -> Op {
    if count(fields, FieldVerdict::Write) > 0 {
        return Op::Update { id: id.to_owned() };
    }
    let (same, kept) = (count(fields, FieldVerdict::Same), count(fields, FieldVerdict::Kept));
    let conflict = count(fields, FieldVerdict::Conflict);
    let because = match (same, kept, conflict) {
        (0, 0, 0) => "the call has no value for any of its fields".to_owned(),
        (_, 0, 0) => "everything is there already".to_owned(),
        _ => {
            let all = [(same, "there already"), (kept, "kept by policy"), (conflict, "changed by a person")];
            let parts: Vec<String> = all.iter().filter(|(n, _)| *n > 0).map(|(n, words)| format!("{n} {words}")).collect();
            format!("nothing to change: {}", parts.join(", "))
        }
    };
    Op::Nothing { id: Some(id.to_owned()), because }
}

fn create(ground: &Ground<'_>, rule: &WriteRule, fields: &[FieldChange]) -> Op {
    if count(fields, FieldVerdict::Write) == 0 {
        return Op::Skipped { because: "the call has no value for any of its fields".to_owned() };
    }
    if let Some(missing) = fields.iter().find(|field| field.required && field.verdict == FieldVerdict::Absent) {
        return Op::Skipped {
            because: format!("the call has no value for `{}`, without which the record is not worth writing", missing.field),
        };
    }
    Op::Create { marker: ground.marker(rule) }
}

/// The field that carries the marker, where the request does not carry it itself.
fn identity_field(object: &Object, marker: &str) -> Option<FieldChange> {
    let identity = object.decl.identity.as_ref().filter(|_| !object.create_is_upsert)?;
    Some(FieldChange {
        field: identity.field.clone(),
        before: None,
        after: Some(Value::from(marker)),
        policy: PolicyDecl::Set,
        verdict: FieldVerdict::Write,
        because: Some("how the system will know this record again".to_owned()),
        required: true,
        origin: object.identity_origin.clone(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::context::{Busy, Context, Record};
    use crate::model::LinkTo;
    use crate::testing::{apply, call, context, field, op, person, planned, project, record, with, write};

    const PIPELINE: &str = "pipelines/front-desk.toml";
    const NUMBER: &str = "+13125550142";

    fn ann() -> Record {
        person(
            "p1",
            json!({"FirstName": "Ann", "LastName": "Lee", "Phone": "(312) 555-0100", "Email": "ann@example.com", "OwnerId": "u-cy"}),
        )
    }

    /// The ops of a plan, write by write.
    #[track_caller]
    fn check(plan: &crate::model::Plan, expected: &[(&str, &str)]) {
        let ops: Vec<(String, String)> = plan.writes.iter().map(|write| (write.id.clone(), op(write))).collect();
        let ops: Vec<(&str, &str)> = ops.iter().map(|(id, op)| (id.as_str(), op.as_str())).collect();
        assert_eq!(ops, expected);
    }

    #[test]
    fn a_new_caller() {
        let plan = planned(project(), &call(), &context(vec![]));
        check(
            &plan,
            &[
                ("contact", "create"),
                ("call", "create"),
                ("stage", "skipped: the contact is new, so there are no open deals"),
                ("follow_up", "create"),
                ("appointment", "create"),
            ],
        );
        let contact = write(&plan, "contact");
        assert_eq!(field(contact, "Phone").after, Some(json!(NUMBER)));
        // The upsert carries the key itself; a plain create carries it as a field.
        assert!(contact.fields.iter().all(|field| field.field != "Key"));
        let key = field(write(&plan, "call"), "CallKey");
        assert_eq!((key.origin.to_string(), key.policy), ("mappings/crm/connector.toml:58".to_owned(), PolicyDecl::Set));
        assert!(matches!(&write(&plan, "call").op, Op::Create { marker } if key.after == Some(json!(marker))));
        let levels: Vec<&str> = plan.writes.iter().map(|write| write.guarantee.as_str()).collect();
        assert_eq!(levels, ["exact", "reconciled", "exact", "ask", "exact"]);
        assert_eq!(write(&plan, "call").links[0].to, LinkTo::Write("contact".to_owned()));
    }

    #[test]
    fn a_caller_with_a_record() {
        let mut read = context(vec![ann()]);
        read.candidate_lists.entry("p1".to_owned()).or_default().insert(
            "open_deals".to_owned(),
            vec![
                record("deal", "d2", json!({"Stage": "New"})),
                record("deal", "d2", json!({"Stage": "New"})),
                record("deal", "d1", json!({})),
            ],
        );
        let plan = planned(project(), &call(), &read);
        check(
            &plan,
            &[("contact", "update p1"), ("call", "create"), ("stage", "update d2"), ("follow_up", "create"), ("appointment", "create")],
        );
        let contact = write(&plan, "contact");
        assert_eq!(contact.guarantee, Guarantee::Exact);
        // Her record has another number, so this one goes where there is room.
        let mobile = field(contact, "MobilePhone");
        assert_eq!((mobile.after.clone(), mobile.verdict), (Some(json!(NUMBER)), FieldVerdict::Write));
        assert_eq!(mobile.because.as_deref(), Some("`Phone` holds another value"));
        assert_eq!(field(contact, "FirstName").verdict, FieldVerdict::Same);
        assert_eq!(write(&plan, "call").links[0].to, LinkTo::Id("p1".to_owned()));
        // The second rule of the route: her own account manager.
        let task = write(&plan, "follow_up");
        assert_eq!(field(task, "OwnerId").after, Some(json!("u-cy")));
        assert_eq!(field(task, "Due").after, Some(json!("2026-11-25T10:00:00-06:00")));
        assert_eq!(field(task, "Priority").verdict, FieldVerdict::Absent);
        assert_eq!(field(write(&plan, "stage"), "Stage").before, Some(json!("New")));
    }

    #[test]
    fn planned_again() {
        for candidates in [vec![], vec![ann()]] {
            let read = context(candidates);
            let first = planned(project(), &call(), &read);
            let again = planned(project(), &call(), &apply(project(), &call(), &first, &read));
            let id = first.decision.contact.clone().unwrap_or_else(|| "new-contact".to_owned());
            let contact = format!("nothing {id}: everything is there already");
            check(
                &again,
                &[
                    ("contact", contact.as_str()),
                    ("call", "nothing new-call: everything is there already"),
                    ("stage", "skipped: the contact has no open deals"),
                    ("follow_up", "nothing new-follow_up: everything is there already"),
                    ("appointment", format!("nothing {}: everything is there already", marker_of(&first)).leak()),
                ],
            );
        }
    }

    #[test]
    fn several_records() {
        let pair = || context(vec![person("p1", json!({"Phone": NUMBER})), person("p2", json!({"Phone": NUMBER}))]);
        let mut call = call();
        call.caller.email = None;
        let plan = planned(project(), &call, &pair());
        assert_eq!(op(write(&plan, "contact")), "create");
        assert!(plan.decision.review.is_some());
        let best = planned(&with(&[(PIPELINE, "create-and-review", "best-and-review")]), &call, &pair());
        assert_eq!(op(write(&best, "contact")), "update p1");
        assert!(best.decision.review.is_some());
        let held = planned(&with(&[(PIPELINE, "create-and-review", "hold")]), &call, &pair());
        let because = "blocked: 2 records have the number +13125550142: +13125550142 (p1), +13125550142 (p2); the pipeline holds such calls until a person has answered";
        for write in &held.writes {
            assert_eq!(op(write), because);
            assert!(write.fields.is_empty() && write.links.is_empty());
        }
    }

    #[test]
    fn nobody_in_particular() {
        let mut call = call();
        call.caller = aftercall_config::call::Caller { phone: Some("anonymous".to_owned()), ..Default::default() };
        let plan = planned(project(), &call, &context(vec![]));
        assert_eq!(op(write(&plan, "contact")), "create");
        assert_eq!(field(write(&plan, "contact"), "LastName").after, Some(json!("Unknown caller")));
        assert_eq!(field(write(&plan, "contact"), "Phone").verdict, FieldVerdict::Absent);
        let skip = planned(&with(&[(PIPELINE, "on_no_identity = \"create\"", "on_no_identity = \"skip\"")]), &call, &context(vec![]));
        let because = "the call has neither a number nor an e-mail address to search by, and the pipeline makes no contact then";
        assert_eq!(op(write(&skip, "contact")), format!("skipped: {because}"));
        assert_eq!(op(write(&skip, "call")), "create");
        assert_eq!(write(&skip, "call").links, []);
        let note = skip.notes.iter().find(|note| note.write.as_deref() == Some("call")).map(|note| note.text.clone());
        assert_eq!(note, Some(format!("the link `contact` is left out: there is no contact, for {because}")));
    }

    #[test]
    fn conditions_and_required_fields() {
        let mut call = call();
        call.follow_up = None;
        call.outcome = None;
        let plan = planned(project(), &call, &context(vec![]));
        assert_eq!(op(write(&plan, "follow_up")), "skipped: its condition does not hold: has(follow_up)");
        assert_eq!(op(write(&plan, "call")), "skipped: the call has no value for `Subject`, without which the record is not worth writing");
        assert_eq!(op(write(&plan, "contact")), "create");
    }

    #[test]
    fn a_second_write_of_the_contact() {
        let more = "[[write]]\nid = \"more\"\nmapping = \"crm/contact\"\n";
        let project = with(&[(PIPELINE, "[[write]]\nid = \"stage\"", &format!("{more}\n[[write]]\nid = \"stage\""))]);
        let plan = planned(&project, &call(), &context(vec![]));
        assert_eq!(op(write(&plan, "more")), "skipped: the contact is new, and `contact` makes it");
        let plan = planned(&project, &call(), &context(vec![ann()]));
        assert_eq!(op(write(&plan, "more")), "update p1");
    }

    #[test]
    fn the_only_one_of_a_list() {
        let project = with(&[(PIPELINE, "open_deals.newest", "open_deals.only")]);
        let deals = |ids: &[&str]| {
            let deals = ids.iter().map(|id| record("deal", id, json!({"Stage": "Won"}))).collect();
            Context { lists: [("open_deals".to_owned(), deals)].into_iter().collect(), ..context(vec![ann()]) }
        };
        let of = |ids: &[&str]| op(write(&planned(&project, &call(), &deals(ids)), "stage"));
        assert_eq!(of(&["d1"]), "nothing d1: nothing to change: 1 kept by policy");
        assert_eq!(of(&["d1", "d2"]), "skipped: the contact has 2 open deals, and only a single one would be changed");
        assert_eq!(of(&[]), "skipped: the contact has no open deals");
    }

    #[test]
    fn times_that_are_taken() {
        let busy = |id: &str, from: &str, to: &str, title: &str| Busy {
            id: id.to_owned(),
            start: from.parse().unwrap_or_default(),
            end: to.parse().unwrap_or_default(),
            title: Some(title.to_owned()),
        };
        let of = |entries: Vec<Busy>| {
            let read = Context { bookings: [("appointment".to_owned(), entries)].into_iter().collect(), ..context(vec![ann()]) };
            let plan = planned(project(), &call(), &read);
            let write = write(&plan, "appointment").clone();
            assert!(write.booking.is_some());
            (op(&write), write.fields.len())
        };
        let marker = marker_of(&planned(project(), &call(), &context(vec![ann()])));
        assert_eq!(of(vec![busy("x", "2026-11-30T14:00:00Z", "2026-11-30T15:00:00Z", "Before")]), ("create".to_owned(), 4));
        let taken = "blocked: the time Mon 2026-11-30 09:00 to 09:30 is taken by \"Bob Ray\" (09:15 to 10:00)";
        assert_eq!(of(vec![busy("x", "2026-11-30T15:15:00Z", "2026-11-30T16:00:00Z", "Bob Ray")]), (taken.to_owned(), 0));
        let ours = busy(&marker, "2026-11-30T15:00:00Z", "2026-11-30T15:30:00Z", "Ann Lee");
        // Perhaps with older words, so it is written again.
        let booked = (format!("update {marker}"), 3);
        assert_eq!(of(vec![ours, busy("x", "2026-11-30T15:15:00Z", "2026-11-30T16:00:00Z", "Bob Ray")]), booked);
        let moved = busy(&marker, "2026-11-30T17:00:00Z", "2026-11-30T17:30:00Z", "Ann Lee");
        assert_eq!(of(vec![moved]), (format!("update {marker}"), 3));
        let mut backwards = call();
        backwards.appointment.get_or_insert_default().end = Some("2026-11-30T08:00:00-06:00".to_owned());
        let plan = planned(project(), &backwards, &context(vec![ann()]));
        let because = "blocked: the appointment ends at 2026-11-30T14:00:00Z, which is not after its start at 2026-11-30T15:00:00Z";
        assert_eq!(op(write(&plan, "appointment")), because);
    }

    #[test]
    fn a_later_revision_of_a_call() {
        let read = context(vec![]);
        let first = planned(project(), &call(), &read);
        let mut later = call();
        later.summary = Some("Wants a cleaning.".to_owned());
        later.appointment.get_or_insert_default().start = "2026-12-01T09:00:00-06:00".to_owned();
        let plan = planned(project(), &later, &apply(project(), &call(), &first, &read));
        check(
            &plan,
            &[
                ("contact", "update new-contact"),
                ("call", "update new-call"),
                ("stage", "skipped: the contact has no open deals"),
                ("follow_up", "nothing new-follow_up: everything is there already"),
                ("appointment", format!("update {}", marker_of(&first)).leak()),
            ],
        );
        let body = field(write(&plan, "call"), "Body");
        assert_eq!((body.before.clone(), body.after.clone()), (call().summary.map(Into::into), later.summary.map(Into::into)));
        assert_eq!(write(&plan, "call").links, []);
    }

    #[test]
    fn what_is_new_stays_new_for_its_own_call() {
        let said = "LastOutcome = \"{{choose contact.is_new 'first call' 'called again'}}\"";
        let project = with(&[("mappings/crm/contact.toml", "LastOutcome = \"{{outcome}}\"", said)]);
        let read = context(vec![]);
        let first = planned(&project, &call(), &read);
        assert_eq!(field(write(&first, "contact"), "LastOutcome").after, Some(json!("first call")));
        let again = planned(&project, &call(), &apply(&project, &call(), &first, &read));
        assert_eq!(op(write(&again, "contact")), "nothing new-contact: everything is there already");
    }

    #[test]
    fn nothing_is_said_about_what_is_not_done() {
        let cut = "summary = { value = \"{{default appointment.service 'Appointment'}}, {{caller.name}}\", max_chars = 10 }";
        let plain = "summary = \"{{default appointment.service 'Appointment'}}, {{caller.name}}\"";
        let project = with(&[("mappings/cal/event.toml", plain, cut)]);
        let about = |read: &Context| {
            let plan = planned(&project, &call(), read);
            plan.notes.iter().filter(|note| note.write.as_deref() == Some("appointment")).map(|note| note.text.clone()).collect::<Vec<_>>()
        };
        let mut read = context(vec![]);
        assert_eq!(about(&read), ["`summary` is cut to 10 characters"]);
        let at = |text: &str| text.parse().unwrap_or_default();
        let busy = Busy { id: "x".to_owned(), start: at("2026-11-30T14:00:00Z"), end: at("2026-11-30T16:00:00Z"), title: None };
        read.bookings.insert("appointment".to_owned(), vec![busy]);
        assert_eq!(about(&read), Vec::<String>::new());
    }

    #[test]
    fn what_a_later_revision_does_not_touch() {
        let read = context(vec![]);
        let first = planned(project(), &call(), &read);
        let mut later = call();
        later.follow_up = None;
        let plan = planned(project(), &later, &apply(project(), &call(), &first, &read));
        assert_eq!(op(write(&plan, "follow_up")), "skipped: its condition does not hold: has(follow_up)");
        let note = plan.notes.iter().find(|note| note.write.as_deref() == Some("follow_up")).map(|note| note.text.as_str());
        assert_eq!(note, Some("an earlier revision of this call made new-follow_up, which is left as it is"));
    }

    #[test]
    fn a_person_asked_for_new_records() {
        let once = planned(project(), &call(), &context(vec![]));
        let again = planned(project(), &call(), &Context { generation: 1, ..context(vec![]) });
        for (a, b) in once.writes.iter().zip(&again.writes) {
            assert_eq!(matches!(a.op, Op::Create { .. }), a.op != b.op);
        }
    }

    #[test]
    fn cut_and_said_so() {
        let mut call = call();
        call.summary = Some("The caller wants a cleaning as soon as possible, and asked about whitening too.".to_owned());
        let plan = planned(project(), &call, &context(vec![ann()]));
        let body = field(write(&plan, "call"), "Body");
        assert_eq!(body.after, Some(json!("The caller wants a cleaning as soon as possible, and asked…")));
        assert_eq!(body.because.as_deref(), Some("cut to 60 characters"));
        let note = plan.notes.iter().find(|note| note.write.as_deref() == Some("call")).map(|note| note.text.as_str());
        assert_eq!(note, Some("`Body` is cut to 60 characters"));
    }

    fn marker_of(plan: &crate::model::Plan) -> String {
        match &write(plan, "appointment").op {
            Op::Create { marker } => marker.clone(),
            other => panic!("no create: {other:?}"),
        }
    }
}
