//! A test of a call that was worked: what it gives, from the context that is on record.
//!
//! Not for what it expects (`compare::expectation`), nor for whose names stand in it (`pseudonym`).

use aftercall_config::call::CallOutcome;
use aftercall_config::decl::{TestBusyDecl, TestDecl, TestRecordDecl};
use aftercall_config::project::{Pipeline, Project};
use indexmap::IndexMap;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::run::{Ran, run};
use crate::context::{Answered, Context, Record};
use crate::matching;
use crate::scope::lists_of;

/// What a call and its recorded context give a test. Records stand in the order of their ids.
///
/// Errors: a sentence, where a test cannot say what was known.
pub fn recorded(project: &Project, pipeline: &Pipeline, call: &CallOutcome, context: &Context, now: Timestamp) -> Result<TestDecl, String> {
    let mut test = TestDecl { call: Some(call.clone()), now: now.to_string(), ..blank() };
    test.source = Some(call.source.clone()).filter(|source| !source.is_empty());
    test.incomplete = context.incomplete.clone();
    test.turns = context.turns.iter().map(|(route, turn)| (route.clone(), *turn)).collect();
    test.users = context.users.iter().map(|(who, id)| (who.clone(), id.clone().unwrap_or_default())).collect();
    test.answer = match &context.answered {
        Some(Answered::Contact(id)) => Some(id.clone()),
        Some(Answered::New) => Some("new".to_owned()),
        Some(Answered::Merge { .. }) => return Err("a person has made one record of two for this call, which a test cannot say".to_owned()),
        None => remembered(project, pipeline, call, context),
    };
    let callers = pipeline.connection.connector.decl.find.as_ref().map(|find| find.object.clone()).unwrap_or_default();
    let mut records: Vec<TestRecordDecl> = Vec::new();
    for record in &context.candidates {
        add(&mut records, of(record, pipeline, None));
    }
    if let Some(known) = context.known.get(&pipeline.connection.id) {
        let unseen = Record { id: known.id.clone(), object: callers, fields: known.fields.clone() };
        add(&mut records, of(&unseen, pipeline, None));
        records.iter_mut().filter(|record| record.id == known.id).for_each(|record| record.known = true);
    }
    let contact = matching::decide(project, pipeline, call, context).contact;
    for (list, all) in contact.iter().flat_map(|contact| lists_of(context, contact)) {
        records.extend(all.into_iter().map(|record| TestRecordDecl { list: Some(list.to_owned()), ..of(record, pipeline, None) }));
    }
    for (write, id) in &context.own {
        let Some(rule) = pipeline.writes.iter().find(|rule| rule.id == *write) else { continue };
        let fields = context.own_records.iter().find(|record| record.id == *id).map(|record| record.fields.clone()).unwrap_or_default();
        let own = Record { id: id.clone(), object: rule.object.clone(), fields };
        add(&mut records, of(&own, pipeline, Some(&rule.connection.id)));
        let mine = records.iter_mut().find(|record| record.id == *id && record.list.is_none());
        mine.into_iter().for_each(|record| record.own = Some(write.clone()));
    }
    for (key, fields) in &context.written {
        let id = key.rsplit('/').next().unwrap_or_default();
        for record in records.iter_mut().filter(|record| record.id == id) {
            let told =
                fields.iter().map(|(field, w)| (field.clone(), json!({"value": w.value, "by": w.call, "at": w.started_at.to_string()})));
            record.written = told.collect();
        }
    }
    // Nothing is ordered by chance: the next recording of the same call is the same text.
    records.sort_by(|a, b| {
        a.list.is_some().cmp(&b.list.is_some()).then_with(|| if a.list.is_some() { std::cmp::Ordering::Equal } else { a.id.cmp(&b.id) })
    });
    test.record = records;
    test.busy = busy(pipeline, context);
    // Whoever came by another way than a search (an index, a refusal of the system) is found all the same.
    let searched = run(project, &test, call, now);
    if !same_people(&searched, context) {
        test.record.iter_mut().filter(|record| record.list.is_none() && record.own.is_none()).for_each(|record| record.found = true);
    }
    Ok(test)
}

/// A test that gives nothing.
fn blank() -> TestDecl {
    TestDecl {
        name: String::new(),
        now: String::new(),
        call: None,
        call_file: None,
        payload: None,
        payload_file: None,
        source: None,
        record: Vec::new(),
        users: IndexMap::new(),
        turns: IndexMap::new(),
        busy: Vec::new(),
        answer: None,
        incomplete: None,
        fault: Vec::new(),
        expect: aftercall_config::decl::TestExpectDecl::default(),
    }
}

/// What a person has answered about another call of this caller, which holds for this one.
fn remembered(project: &Project, pipeline: &Pipeline, call: &CallOutcome, context: &Context) -> Option<String> {
    let asker = matching::asker(project, pipeline, call);
    let of = context.remembered.iter().filter(|one| one.of.is_like(&asker));
    of.max_by_key(|one| one.at).map(|one| one.contact.clone())
}

fn of(record: &Record, pipeline: &Pipeline, connection: Option<&String>) -> TestRecordDecl {
    let callers = pipeline.connection.connector.decl.find.as_ref().map(|find| &find.object);
    TestRecordDecl {
        id: record.id.clone(),
        connection: connection.filter(|id| **id != pipeline.connection.id).cloned(),
        object: Some(record.object.clone()).filter(|object| Some(object) != callers),
        fields: asked_for(&record.fields, pipeline.read_fields.get(&record.object).map_or(&[][..], Vec::as_slice)),
        ..TestRecordDecl::default()
    }
}

/// The fields that were asked for, without what a system sends along; all of them where nothing was asked for by name.
fn asked_for(fields: &Map<String, Value>, names: &[String]) -> IndexMap<String, Value> {
    let mut kept = IndexMap::new();
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
        let below: Vec<String> =
            names.iter().filter_map(|asked| Some(asked.strip_prefix(name.as_str())?.strip_prefix('.')?.to_owned())).collect();
        match value {
            Value::Object(members) if !below.is_empty() => {
                let inner: Map<String, Value> = asked_for(members, &below).into_iter().collect();
                kept.insert(name.clone(), Value::Object(inner));
            }
            value if names.is_empty() || names.contains(name) => drop(kept.insert(name.clone(), value.clone())),
            _ => {}
        }
    }
    kept
}

fn add(records: &mut Vec<TestRecordDecl>, record: TestRecordDecl) {
    if !records.iter().any(|known| known.id == record.id && known.list.is_none()) {
        records.push(record);
    }
}

fn busy(pipeline: &Pipeline, context: &Context) -> Vec<TestBusyDecl> {
    let mut all: Vec<TestBusyDecl> = Vec::new();
    for (write, entries) in &context.bookings {
        let Some(rule) = pipeline.writes.iter().find(|rule| rule.id == *write) else { continue };
        for entry in entries {
            if all.iter().any(|known| known.id.as_ref() == Some(&entry.id)) {
                continue;
            }
            all.push(TestBusyDecl {
                connection: rule.connection.id.clone(),
                start: entry.start.to_string(),
                end: entry.end.to_string(),
                title: entry.title.clone(),
                id: Some(entry.id.clone()),
            });
        }
    }
    all
}

fn same_people(ran: &Ran, context: &Context) -> bool {
    let ids = |context: &Context| {
        let mut ids: Vec<String> = context.candidates.iter().map(|record| record.id.clone()).collect();
        ids.sort();
        ids.dedup();
        ids
    };
    ids(&ran.context) == ids(context)
}

/// In what two runs of one call differ, once its people have other names: empty where both decide alike. `id` gives the other name of a record.
///
/// Shape: the decision with every comparison of every candidate, what happens to which record, and what comes of each field. Values are not
/// compared: they are what differs.
pub fn unlike(a: &Ran, b: &Ran, id: &dyn Fn(&str) -> String) -> Vec<String> {
    let mut found = Vec::new();
    let mut differ = |what: String, a: Value, b: Value| {
        if a != b {
            found.push(format!("{what}: {a} became {b}"));
        }
    };
    let name = |ran: &Ran| json!(ran.pipeline.as_ref().map(|pipeline| pipeline.name.clone()));
    differ("the pipeline".to_owned(), name(a), name(b));
    let (Some(a), Some(b)) = (&a.plan, &b.plan) else { return found };
    differ("who called".to_owned(), json!(a.decision.verdict), json!(b.decision.verdict));
    differ("the contact".to_owned(), json!(a.decision.contact.as_ref().map(|one| id(one))), json!(b.decision.contact));
    for one in &a.decision.candidates {
        let other = b.decision.candidates.iter().find(|other| other.id == id(&one.id));
        let levels = |scored: &crate::decision::Scored| scored.evidence.iter().map(|e| format!("{} {}", e.on, e.level)).collect::<Vec<_>>();
        differ(format!("how {} compares", id(&one.id)), json!(levels(one)), json!(other.map(levels)));
    }
    for write in &a.writes {
        let other = b.writes.iter().find(|other| other.id == write.id);
        let op = |write: &crate::model::Write| match &write.op {
            crate::model::Op::Update { id } | crate::model::Op::Nothing { id: Some(id), .. } => (op_word(&write.op), Some(id.clone())),
            _ => (op_word(&write.op), None),
        };
        let mine = (op(write).0, op(write).1.map(|one| id(&one)));
        differ(format!("`{}`", write.id), json!(mine), json!(other.map(op)));
        let fields = |write: &crate::model::Write| write.fields.iter().map(|f| json!([f.field, f.verdict])).collect::<Vec<_>>();
        differ(format!("the fields of `{}`", write.id), json!(fields(write)), json!(other.map(fields)));
    }
    found
}

fn op_word(op: &crate::model::Op) -> &'static str {
    use crate::model::Op;
    match op {
        Op::Create { .. } => "create",
        Op::Update { .. } => "update",
        Op::Merge { .. } => "merge",
        Op::Nothing { .. } => "nothing",
        Op::Blocked { .. } => "blocked",
        Op::Skipped { .. } => "skipped",
    }
}
