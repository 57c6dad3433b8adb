//! `/crm/v3/objects/{type}/batch/{create,read,update,upsert,archive}`.
//!
//! Source: HubSpot's guide on using object APIs and its reference of the batch endpoints.
//! With `objectWriteTraceId` on every input each input stands alone (207 when some fail); without, one
//! bad input fails the whole batch and nothing is written. The order of results is not promised, so
//! it is never the order of the inputs here.

use std::collections::HashSet;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    kind::Kind,
    object::{body, by, id_property},
    problem::Problem,
    render::{Ask, View},
    store::Store,
    value,
    write::{self, Claims, Create, Update, id_text},
};
use crate::{
    vendor::{Request, Response},
    wire,
};

/// The most inputs in one batch.
const MOST: usize = 100;

/// An input that has been checked.
enum Prepared {
    Create(Create),
    Update(Update),
}

/// Answers one batch.
pub(super) fn batch(store: &mut Store, request: &Request, kind: Kind, operation: &str, now: Timestamp) -> Result<Response, Problem> {
    if !["create", "read", "update", "upsert", "archive"].contains(&operation) {
        return Err(Problem::not_found());
    }
    let body = body(request)?;
    let Some(inputs) = body.get("inputs").and_then(Value::as_array) else {
        return Err(Problem::bad_json("Some required fields were not set: [inputs]"));
    };
    if inputs.is_empty() || inputs.len() > MOST {
        return Err(Problem::validation(format!("inputs: between 1 and {MOST} are allowed, {} were given", inputs.len())));
    }
    if operation != "create" {
        distinct(inputs)?;
    }
    match operation {
        "read" => read(store, kind, &body, inputs, now),
        "archive" => {
            for input in inputs {
                let id = input.get("id").map(id_text).unwrap_or_default();
                if let Some(id) = store.find(kind, &id).map(|record| record.id) {
                    store.archive(kind, id, now);
                }
            }
            Ok(wire::empty(204))
        }
        _ => write_all(store, kind, operation, inputs, now),
    }
}

/// Checks that every input has an id and none has another's.
fn distinct(inputs: &[Value]) -> Result<(), Problem> {
    let mut seen = HashSet::new();
    let mut twice = Vec::new();
    for input in inputs {
        let Some(id) = input.get("id").map(id_text) else {
            return Err(Problem::bad_json("Some required fields were not set: [id]"));
        };
        if !seen.insert(id.to_lowercase()) && !twice.contains(&id) {
            twice.push(id);
        }
    }
    if twice.is_empty() { Ok(()) } else { Err(Problem::duplicate_ids(twice)) }
}

/// The answer of a batch: results against the order of the inputs, then what failed.
fn answer(good: u16, mut results: Vec<Value>, errors: Vec<Value>, now: Timestamp) -> Response {
    results.reverse();
    let mut body = json!({"status": "COMPLETE", "results": results});
    if !errors.is_empty() {
        body["numErrors"] = json!(errors.len());
        body["errors"] = json!(errors);
    }
    body["startedAt"] = json!(value::print(now));
    body["completedAt"] = json!(value::print(now));
    wire::json(if errors.is_empty() { good } else { 207 }, &body)
}

fn read(store: &Store, kind: Kind, body: &Value, inputs: &[Value], now: Timestamp) -> Result<Response, Problem> {
    let property = id_property(store, kind, body.get("idProperty").and_then(Value::as_str))?;
    let names = body.get("properties").and_then(Value::as_array).into_iter().flatten();
    let ask = Ask::named(&store.table(kind).schema, names.filter_map(Value::as_str));
    let mut results: Vec<Value> = Vec::new();
    let mut missing = Vec::new();
    let mut seen = HashSet::new();
    for id in inputs.iter().filter_map(|input| input.get("id")).map(id_text) {
        match by(store, kind, property, &id) {
            Some(record) if seen.insert(record.id) => results.push(View::of(kind, record).json(&ask)),
            Some(_) => {}
            None => missing.push(id),
        }
    }
    let errors = if missing.is_empty() { Vec::new() } else { vec![Problem::ids_not_found(kind, missing).entry(None)] };
    Ok(answer(200, results, errors, now))
}

fn prepare(store: &Store, kind: Kind, operation: &str, input: &Value, claims: &mut Claims) -> Result<Prepared, Problem> {
    if operation == "create" {
        return write::prepare_create(store, kind, input, claims).map(Prepared::Create);
    }
    let id = input.get("id").map(id_text).unwrap_or_default();
    let property = id_property(store, kind, input.get("idProperty").and_then(Value::as_str))?;
    match (by(store, kind, property, &id), property) {
        (Some(record), _) => write::prepare_update(store, kind, record.id, input, claims).map(Prepared::Update),
        (None, Some(property)) if operation == "upsert" => {
            let mut input = input.clone();
            if let Some(properties) = input.get_mut("properties").and_then(Value::as_object_mut) {
                properties.insert(property.to_owned(), json!(id));
            }
            write::prepare_create(store, kind, &input, claims).map(Prepared::Create)
        }
        (None, _) => Err(Problem::ids_not_found(kind, vec![id])),
    }
}

fn write_all(store: &mut Store, kind: Kind, operation: &str, inputs: &[Value], now: Timestamp) -> Result<Response, Problem> {
    let trace = |input: &Value| input.get("objectWriteTraceId").and_then(Value::as_str).map(str::to_owned);
    let property = |input: &Value| input.get("idProperty").and_then(Value::as_str).map(str::to_owned);
    let shared = inputs.first().and_then(property);
    if operation == "upsert" && inputs.iter().any(|input| property(input) != shared) {
        return Err(Problem::validation("All inputs of an upsert must have the same idProperty"));
    }
    // Partial upserts by email are not supported.
    let by_email = operation == "upsert" && shared.as_deref() == Some("email");
    let alone = !by_email && inputs.iter().all(|input| trace(input).is_some());
    let mut claims = Claims::default();
    let mut ready = Vec::with_capacity(inputs.len());
    let mut errors = Vec::new();
    for input in inputs {
        match prepare(store, kind, operation, input, &mut claims) {
            Ok(prepared) => ready.push((prepared, trace(input))),
            Err(problem) if alone => errors.push(problem.entry(trace(input).as_deref())),
            Err(mut problem) => {
                // A whole batch that fails on a contact that exists does not name it.
                if let Some(end) = problem.message.find(". Existing ID") {
                    problem.message.truncate(end);
                }
                return Err(problem);
            }
        }
    }
    let mut results = Vec::with_capacity(ready.len());
    for (prepared, trace) in ready {
        let (id, given, new) = match prepared {
            Prepared::Create(create) => {
                let given = create.given.clone();
                (write::create(store, create, now), given, true)
            }
            Prepared::Update(update) => {
                write::update(store, &update, now);
                (update.id, update.given, false)
            }
        };
        let Some(record) = store.get(kind, id) else { continue };
        let mut out = View::of(kind, record).json(&Ask::Written(given));
        if operation == "upsert" {
            out["new"] = json!(new);
        }
        if let Some(trace) = trace {
            out["objectWriteTraceId"] = json!(trace);
        }
        results.push(out);
    }
    Ok(answer(if operation == "create" { 201 } else { 200 }, results, errors, now))
}
