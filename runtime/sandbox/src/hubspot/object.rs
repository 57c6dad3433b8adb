//! `/crm/v3/objects/{type}` and the date-versioned paths: one record at a time, lists, merge.
//!
//! Source: HubSpot's guide on using object APIs. Not for batches (`batch`) or search (`search`).

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    kind::{self, Kind},
    problem::Problem,
    render::{Ask, View},
    store::{Record, Store},
    write::{self, Claims, id_text},
};
use crate::{
    vendor::{Request, Response},
    wire,
};

/// Refuses a body that does not say that it is JSON.
pub(super) fn expect_json(request: &Request) -> Result<(), Problem> {
    let kind = wire::header(request, "content-type").unwrap_or_default();
    let json = kind.to_ascii_lowercase().starts_with("application/json");
    if json { Ok(()) } else { Err(Problem::new(415, None, "Unsupported Media Type")) }
}

/// A JSON body.
pub(super) fn body(request: &Request) -> Result<Value, Problem> {
    expect_json(request)?;
    let body: Value = serde_json::from_slice(&request.body).map_err(|error| Problem::bad_json(&error.to_string()))?;
    if body.is_object() || body.is_array() { Ok(body) } else { Err(Problem::bad_json("an object is expected")) }
}

/// The property that an id names, when it is not the record id; it must be unique.
pub(super) fn id_property<'a>(store: &Store, kind: Kind, name: Option<&'a str>) -> Result<Option<&'a str>, Problem> {
    match name {
        None | Some("" | "hs_object_id") => Ok(None),
        Some(name) if store.table(kind).schema.get(name).is_some_and(|property| property.unique) => Ok(Some(name)),
        Some(name) => {
            Err(Problem::validation(format!("{name} is not a unique property of {}, so it cannot be an idProperty", kind.plural())))
        }
    }
}

/// A record by its id or by a unique property.
pub(super) fn by<'s>(store: &'s Store, kind: Kind, property: Option<&str>, id: &str) -> Option<&'s Record> {
    match property {
        None => store.find(kind, id),
        Some(property) => store.get(kind, store.holder(kind, property, id)?),
    }
}

/// Names given as one comma-separated parameter, as several parameters, or both.
fn names<'r>(request: &'r Request, key: &'r str) -> impl Iterator<Item = &'r str> {
    wire::queries(request, key).flat_map(|list| list.split(',')).map(str::trim).filter(|name| !name.is_empty())
}

/// The kinds whose associations are asked for.
fn asked_associations(request: &Request) -> Result<Vec<Kind>, Problem> {
    names(request, "associations").map(|name| Kind::named(name).ok_or_else(|| super::unknown_type(name))).collect()
}

/// Adds `associations`; kinds with none are left out, and all of it when there are none at all.
fn associate(store: &Store, kind: Kind, id: u64, with: &[Kind], origin: &str, out: &mut Value) {
    /// How many associations of a kind come with a record.
    const PAGE: usize = 100;
    for to in with {
        let mut all = Vec::new();
        for (other, types) in store.linked(kind, id, *to) {
            let names = types.iter().filter_map(|number| kind::relation(kind, *number)).map(|relation| relation.name());
            all.extend(names.map(|name| json!({"id": other.to_string(), "type": name})));
        }
        if all.is_empty() {
            continue;
        }
        let more = all.len() > PAGE;
        all.truncate(PAGE);
        let last = all.last().and_then(|entry| entry["id"].as_str()).unwrap_or_default().to_owned();
        let mut entry = json!({"results": all});
        if more {
            let (from, to) = (kind.plural(), to.plural());
            let link = format!("{origin}/crm/v3/objects/{from}/{id}/associations/{to}?after={last}&limit=500");
            entry["paging"] = json!({"next": {"after": last, "link": link}});
        }
        out["associations"][to.plural()] = entry;
    }
}

/// `GET /{type}`
pub(super) fn list(store: &Store, request: &Request, kind: Kind) -> Result<Response, Problem> {
    let limit: usize = match wire::query(request, "limit").unwrap_or("10").parse() {
        Ok(limit) if (1..=100).contains(&limit) => limit,
        _ => return Err(Problem::validation("limit must be between 1 and 100")),
    };
    let after: u64 = wire::query(request, "after").and_then(|after| after.parse().ok()).unwrap_or(0);
    let ask = Ask::named(&store.table(kind).schema, names(request, "properties"));
    let with = asked_associations(request)?;
    let table = store.table(kind);
    let archived = wire::query(request, "archived") == Some("true");
    let records = if archived { &table.archived } else { &table.live };
    let mut page = records.range(after..);
    let results: Vec<Value> = page
        .by_ref()
        .take(limit)
        .map(|(id, record)| {
            let mut out = View::of(kind, record).json(&ask);
            associate(store, kind, *id, &with, &request.origin, &mut out);
            out
        })
        .collect();
    let mut answer = json!({"results": results});
    // The cursor is the first id of the next page.
    if let Some((next, _)) = page.next() {
        let link = format!("{}{}?limit={limit}&after={next}", request.origin, request.path);
        answer["paging"] = json!({"next": {"after": next.to_string(), "link": link}});
    }
    Ok(wire::json(200, &answer))
}

/// `GET /{type}/{id}`
pub(super) fn get(store: &Store, request: &Request, kind: Kind, id: &str) -> Result<Response, Problem> {
    let property = id_property(store, kind, wire::query(request, "idProperty"))?;
    let ask = Ask::named(&store.table(kind).schema, names(request, "properties"));
    let with = asked_associations(request)?;
    let record = if wire::query(request, "archived") == Some("true") {
        id.parse().ok().and_then(|id: u64| store.table(kind).archived.get(&id))
    } else {
        by(store, kind, property, id)
    };
    let record = record.ok_or_else(Problem::not_found)?;
    let mut out = View::of(kind, record).json(&ask);
    associate(store, kind, record.id, &with, &request.origin, &mut out);
    Ok(wire::json(200, &out))
}

/// `POST /{type}`
pub(super) fn create(store: &mut Store, request: &Request, kind: Kind, now: Timestamp) -> Result<Response, Problem> {
    let prepared = write::prepare_create(store, kind, &body(request)?, &mut Claims::default())?;
    let ask = Ask::Written(prepared.given.clone());
    let id = write::create(store, prepared, now);
    written(store, kind, id, &ask, 201)
}

/// `PATCH /{type}/{id}`
pub(super) fn update(store: &mut Store, request: &Request, kind: Kind, id: &str, now: Timestamp) -> Result<Response, Problem> {
    let property = id_property(store, kind, wire::query(request, "idProperty"))?;
    let input = body(request)?;
    let id = by(store, kind, property, id).ok_or_else(Problem::not_found)?.id;
    let prepared = write::prepare_update(store, kind, id, &input, &mut Claims::default())?;
    write::update(store, &prepared, now);
    written(store, kind, id, &Ask::Written(prepared.given), 200)
}

fn written(store: &Store, kind: Kind, id: u64, ask: &Ask, status: u16) -> Result<Response, Problem> {
    let record = store.get(kind, id).ok_or_else(Problem::not_found)?;
    Ok(wire::json(status, &View::of(kind, record).json(ask)))
}

/// `DELETE /{type}/{id}`; a record that is not there is not an error.
pub(super) fn archive(store: &mut Store, request: &Request, kind: Kind, id: &str, now: Timestamp) -> Result<Response, Problem> {
    let property = id_property(store, kind, wire::query(request, "idProperty"))?;
    if let Some(id) = by(store, kind, property, id).map(|record| record.id) {
        store.archive(kind, id, now);
    }
    Ok(wire::empty(204))
}

/// `POST /{type}/merge`
pub(super) fn merge(store: &mut Store, request: &Request, kind: Kind, now: Timestamp) -> Result<Response, Problem> {
    if kind.is_activity() {
        return Err(Problem::not_found());
    }
    let body = body(request)?;
    let id = |key: &str| {
        let text = body.get(key).map(id_text).ok_or_else(|| Problem::bad_json(&format!("Some required fields were not set: [{key}]")))?;
        let missing = || Problem::ids_not_found(kind, vec![text.clone()]);
        store.find(kind, &text).map(|record| record.id).ok_or_else(missing)
    };
    let (primary, other) = (id("primaryObjectId")?, id("objectIdToMerge")?);
    if primary == other {
        return Err(Problem::validation(format!("Cannot merge {primary} with itself")));
    }
    store.merge(kind, primary, other, now);
    written(store, kind, primary, &Ask::Default, 200)
}
