//! Associations, v4 and the date versions: read, create, remove.
//!
//! Source: HubSpot's guide on associations v4. The type ids are in `kind`, the links in `store`.
//! Unlike search, what is read here does not lag.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    kind::{self, Kind, Relation},
    object::body,
    problem::Problem,
    store::Store,
    value,
    write::{id_text, invalid_target, read_spec},
};
use crate::{
    vendor::{Request, Response},
    wire,
};

/// The most inputs of a batch of writes; a batch of reads takes 1,000.
const MOST_WRITES: usize = 2_000;
const MOST_READS: usize = 1_000;

fn types_json(kind: Kind, types: &[u32]) -> Vec<Value> {
    let relations = types.iter().filter_map(|number| kind::relation(kind, *number));
    relations.map(|relation| json!({"category": "HUBSPOT_DEFINED", "typeId": relation.id, "label": relation.label()})).collect()
}

fn to_json(kind: Kind, other: u64, types: &[u32]) -> Value {
    json!({"toObjectId": other.to_string(), "associationTypes": types_json(kind, types)})
}

/// `GET /crm/v4/objects/{from}/{id}/associations/{to}`
pub(super) fn list(store: &Store, request: &Request, kind: Kind, id: &str, to: Kind) -> Result<Response, Problem> {
    let record = store.find(kind, id).ok_or_else(Problem::not_found)?;
    let limit: usize = match wire::query(request, "limit").unwrap_or("500").parse() {
        Ok(limit) if (1..=500).contains(&limit) => limit,
        _ => return Err(Problem::validation("limit must be between 1 and 500")),
    };
    let after: u64 = wire::query(request, "after").and_then(|after| after.parse().ok()).unwrap_or(0);
    let mut page = store.linked(kind, record.id, to).filter(|(other, _)| *other > after);
    let results: Vec<Value> = page.by_ref().take(limit).map(|(other, types)| to_json(kind, other, types)).collect();
    let mut answer = json!({"results": results});
    if page.next().is_some() {
        let last = answer["results"][limit - 1]["toObjectId"].clone();
        answer["paging"] = json!({"next": {"after": last}});
    }
    Ok(wire::json(200, &answer))
}

/// The plain association and, where there is no primary one yet, that too.
fn default_relations(store: &Store, from: Kind, id: u64, to: Kind, other: u64) -> Result<Vec<Relation>, Problem> {
    let plain =
        kind::plain(from, to).ok_or_else(|| Problem::validation(format!("{} and {} cannot be associated", from.plural(), to.plural())))?;
    let primary = kind::relations(from, to).find(|relation| relation.primary);
    let (near, held, far) = if to == Kind::Company { (from, id, to) } else { (to, other, from) };
    let primary = primary.filter(|_| !store.has_primary(near, held, far));
    Ok(primary.into_iter().chain([plain]).collect())
}

/// One pair as the default endpoints answer it: both directions.
fn default_json(relation: Relation, from: u64, to: u64) -> [Value; 2] {
    let one = |from: u64, to: u64, id: u32| {
        json!({
            "from": {"id": from.to_string()}, "to": {"id": to.to_string()},
            "associationSpec": {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": id},
        })
    };
    [one(from, to, relation.id), one(to, from, relation.inverse)]
}

/// The answer of a batch; 207 when there are errors.
pub(super) fn complete(status: u16, results: Vec<Value>, errors: Vec<Value>, now: Timestamp) -> Response {
    let mut body = json!({"status": "COMPLETE", "results": results});
    if !errors.is_empty() {
        body["numErrors"] = json!(errors.len());
        body["errors"] = json!(errors);
    }
    body["startedAt"] = json!(value::print(now));
    body["completedAt"] = json!(value::print(now));
    wire::json(if errors.is_empty() { status } else { 207 }, &body)
}

/// Both records of a pair, or what is wrong with it.
pub(super) fn ends(store: &Store, from: Kind, id: &str, to: Kind, other: &str) -> Result<(u64, u64), Problem> {
    let one = store.find(from, id).ok_or_else(|| invalid_target(from, id))?.id;
    let two = store.find(to, other).ok_or_else(|| invalid_target(to, other))?.id;
    Ok((one, two))
}

/// `PUT /crm/v4/objects/{from}/{id}/associations/default/{to}/{other}`
pub(super) fn put_default(
    store: &mut Store,
    (from, id): (Kind, &str),
    (to, other): (Kind, &str),
    now: Timestamp,
) -> Result<Response, Problem> {
    let (one, two) = ends(store, from, id, to, other)?;
    let mut results = Vec::new();
    for relation in default_relations(store, from, one, to, two)? {
        store.link(relation, one, two, now);
        results.extend(default_json(relation, one, two));
    }
    Ok(complete(200, results, Vec::new(), now))
}

fn labels_json(relations: &[Relation], from: u64, to: u64) -> Value {
    let labels: Vec<&str> = relations.iter().filter_map(|relation| relation.label()).collect();
    json!({
        "fromObjectTypeId": relations.first().map_or("", |relation| relation.from.type_id()),
        "fromObjectId": from.to_string(),
        "toObjectTypeId": relations.first().map_or("", |relation| relation.to.type_id()),
        "toObjectId": to.to_string(),
        "labels": labels,
    })
}

/// The specs of a pair; each must lead to the kind it is said to.
fn specs(from: Kind, to: Kind, list: &[Value]) -> Result<Vec<Relation>, Problem> {
    if list.is_empty() {
        return Err(Problem::bad_json("Some required fields were not set: [types]"));
    }
    let relations = list.iter().map(|spec| read_spec(from, spec)).collect::<Result<Vec<_>, _>>()?;
    match relations.iter().find(|relation| relation.to != to) {
        Some(wrong) => Err(Problem::validation(format!(
            "HUBSPOT_DEFINED association type {} does not go from {} to {}",
            wrong.id,
            from.type_id(),
            to.type_id()
        ))),
        None => Ok(relations),
    }
}

/// `PUT /crm/v4/objects/{from}/{id}/associations/{to}/{other}` with a list of types.
pub(super) fn put(
    store: &mut Store,
    request: &Request,
    (from, id): (Kind, &str),
    (to, other): (Kind, &str),
    now: Timestamp,
) -> Result<Response, Problem> {
    let body = body(request)?;
    let relations = specs(from, to, body.as_array().map_or(&[], Vec::as_slice))?;
    let (one, two) = ends(store, from, id, to, other)?;
    for relation in &relations {
        store.link(*relation, one, two, now);
    }
    Ok(wire::json(201, &labels_json(&relations, one, two)))
}

/// `DELETE /crm/v4/objects/{from}/{id}/associations/{to}/{other}`
pub(super) fn delete(store: &mut Store, (from, id): (Kind, &str), (to, other): (Kind, &str), now: Timestamp) -> Result<Response, Problem> {
    if let Ok((one, two)) = ends(store, from, id, to, other) {
        store.unlink(from, one, to, two, now);
    }
    Ok(wire::empty(204))
}

/// `GET /crm/v4/associations/{from}/{to}/labels`
pub(super) fn labels(from: Kind, to: Kind) -> Response {
    let results: Vec<Value> = kind::relations(from, to)
        .map(|relation| json!({"category": "HUBSPOT_DEFINED", "typeId": relation.id, "label": relation.label()}))
        .collect();
    wire::json(200, &json!({"results": results}))
}

/// `POST /crm/v4/associations/{from}/{to}/batch/{read,create,archive,associate/default}`
pub(super) fn batch(
    store: &mut Store,
    request: &Request,
    from: Kind,
    to: Kind,
    operation: &[String],
    now: Timestamp,
) -> Result<Response, Problem> {
    let operation = operation.join("/");
    let most = match operation.as_str() {
        "read" => MOST_READS,
        "create" | "archive" | "associate/default" => MOST_WRITES,
        _ => return Err(Problem::not_found()),
    };
    let body = body(request)?;
    let Some(inputs) = body.get("inputs").and_then(Value::as_array) else {
        return Err(Problem::bad_json("Some required fields were not set: [inputs]"));
    };
    if inputs.is_empty() || inputs.len() > most {
        return Err(Problem::validation(format!("inputs: between 1 and {most} are allowed, {} were given", inputs.len())));
    }
    if operation == "read" {
        return Ok(read_all(store, from, to, inputs, now));
    }
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for input in inputs {
        let end = |pointer: &str| input.pointer(pointer).map(id_text).unwrap_or_default();
        let (id, others) = match input.get("to").and_then(Value::as_array) {
            // Archiving takes a list of targets for each record.
            Some(list) => (end("/from/id"), list.iter().filter_map(|to| to.get("id")).map(id_text).collect()),
            None => (end("/from/id"), vec![end("/to/id")]),
        };
        for other in others {
            match write_one(store, (from, &id), (to, &other), &operation, input, now) {
                Ok(more) => results.extend(more),
                Err(problem) => errors.push(problem.entry(None)),
            }
        }
    }
    if operation == "archive" {
        return Ok(wire::empty(204));
    }
    Ok(complete(if operation == "create" { 201 } else { 200 }, results, errors, now))
}

fn write_one(
    store: &mut Store,
    (from, id): (Kind, &str),
    (to, other): (Kind, &str),
    operation: &str,
    input: &Value,
    now: Timestamp,
) -> Result<Vec<Value>, Problem> {
    let (one, two) = ends(store, from, id, to, other)?;
    match operation {
        "archive" => {
            store.unlink(from, one, to, two, now);
            Ok(Vec::new())
        }
        "create" => {
            let relations = specs(from, to, input.get("types").and_then(Value::as_array).map_or(&[], Vec::as_slice))?;
            for relation in &relations {
                store.link(*relation, one, two, now);
            }
            Ok(vec![labels_json(&relations, one, two)])
        }
        _ => {
            let mut results = Vec::new();
            for relation in default_relations(store, from, one, to, two)? {
                store.link(relation, one, two, now);
                results.extend(default_json(relation, one, two));
            }
            Ok(results)
        }
    }
}

fn read_all(store: &Store, from: Kind, to: Kind, inputs: &[Value], now: Timestamp) -> Response {
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for id in inputs.iter().filter_map(|input| input.get("id")).map(id_text) {
        let record = store.find(from, &id);
        let all: Vec<Value> = record
            .into_iter()
            .flat_map(|record| store.linked(from, record.id, to))
            .map(|(other, types)| to_json(from, other, types))
            .collect();
        if all.is_empty() {
            let message = format!("No {} is associated with {} {id}.", to.singular(), from.singular());
            let problem = Problem::new(404, Some("OBJECT_NOT_FOUND"), message)
                .sub("crm.associations.NO_ASSOCIATIONS_FOUND")
                .with("fromObjectId", vec![id])
                .with("fromObjectType", vec![from.singular().to_owned()])
                .with("toObjectType", vec![to.singular().to_owned()]);
            errors.push(problem.entry(None));
        } else {
            results.push(json!({"from": {"id": id}, "to": all}));
        }
    }
    complete(200, results, errors, now)
}
