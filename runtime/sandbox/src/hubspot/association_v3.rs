//! Associations in their v3 form, where a type is a name such as `contact_to_company`.
//!
//! Source: HubSpot's legacy guide on associations v3. Not for the forms that came after: `association`.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    association::{complete, ends},
    kind::{self, Kind, Relation},
    object::body,
    problem::Problem,
    store::Store,
    write::id_text,
};
use crate::{
    vendor::{Request, Response},
    wire,
};

/// The most inputs in one batch.
const MOST: usize = 2_000;

/// Every association of a record as id and type name.
fn all(store: &Store, kind: Kind, id: u64, to: Kind) -> Vec<Value> {
    let mut out = Vec::new();
    for (other, types) in store.linked(kind, id, to) {
        let relations = types.iter().filter_map(|number| kind::relation(kind, *number));
        out.extend(relations.map(|relation| json!({"id": other.to_string(), "type": relation.name()})));
    }
    out
}

fn named(from: Kind, to: Kind, name: &str) -> Result<Relation, Problem> {
    let found = kind::relations(from, to).find(|relation| relation.name() == name || relation.id.to_string() == name);
    found.ok_or_else(|| Problem::validation(format!("{name} is not an association type")))
}

/// `GET /crm/v3/objects/{from}/{id}/associations/{to}`
pub(super) fn list(store: &Store, kind: Kind, id: &str, to: Kind) -> Result<Response, Problem> {
    let record = store.find(kind, id).ok_or_else(Problem::not_found)?;
    Ok(wire::json(200, &json!({"results": all(store, kind, record.id, to)})))
}

/// `GET /crm/v3/associations/{from}/{to}/types`
pub(super) fn types(from: Kind, to: Kind) -> Response {
    let results: Vec<Value> =
        kind::relations(from, to).map(|relation| json!({"id": relation.id.to_string(), "name": relation.name()})).collect();
    wire::json(200, &json!({"results": results}))
}

/// `PUT /crm/v3/objects/{from}/{id}/associations/{to}/{other}/{type}`; answers the id of the first record.
pub(super) fn put(
    store: &mut Store,
    (from, id): (Kind, &str),
    (to, other): (Kind, &str),
    name: &str,
    now: Timestamp,
) -> Result<u64, Problem> {
    let relation = named(from, to, name)?;
    let (one, two) = ends(store, from, id, to, other)?;
    store.link(relation, one, two, now);
    Ok(one)
}

/// `POST /crm/v3/associations/{from}/{to}/batch/{read,create,archive}`
pub(super) fn batch(
    store: &mut Store,
    request: &Request,
    from: Kind,
    to: Kind,
    operation: &str,
    now: Timestamp,
) -> Result<Response, Problem> {
    let body = body(request)?;
    let Some(inputs) = body.get("inputs").and_then(Value::as_array) else {
        return Err(Problem::bad_json("Some required fields were not set: [inputs]"));
    };
    if inputs.is_empty() || inputs.len() > MOST {
        return Err(Problem::validation(format!("inputs: between 1 and {MOST} are allowed, {} were given", inputs.len())));
    }
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for input in inputs {
        let text = |pointer: &str| input.pointer(pointer).map(id_text).unwrap_or_default();
        match operation {
            "read" => {
                let id = text("/id");
                let found = store.find(from, &id).map(|record| all(store, from, record.id, to)).unwrap_or_default();
                if !found.is_empty() {
                    results.push(json!({"from": {"id": id}, "to": found}));
                }
            }
            "create" => {
                let made = named(from, to, &text("/type"))
                    .and_then(|relation| Ok((relation, ends(store, from, &text("/from/id"), to, &text("/to/id"))?)));
                match made {
                    Ok((relation, (one, two))) => {
                        store.link(relation, one, two, now);
                        results.push(input.clone());
                    }
                    Err(problem) => errors.push(problem.entry(None)),
                }
            }
            "archive" => {
                if let Ok((one, two)) = ends(store, from, &text("/from/id"), to, &text("/to/id")) {
                    store.unlink(from, one, to, two, now);
                }
            }
            _ => return Err(Problem::not_found()),
        }
    }
    match operation {
        "archive" => Ok(wire::empty(204)),
        "create" => Ok(complete(201, results, errors, now)),
        _ => Ok(complete(200, results, errors, now)),
    }
}
