//! Records in and out for tests: the shapes of `records` and `load`.
//!
//! `{"contacts": [{"id": "512", "properties": {...}, "associations": {"deals": ["901"]}}]}`; members
//! of a record that has no `properties` are its properties. Not for the vendor's API.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    account,
    kind::{self, KINDS, Kind},
    store::Store,
    value,
    write::{self, Claims, id_text},
};

/// All records that are not archived, by plural name; kinds without records are left out.
pub(super) fn records(store: &Store) -> Value {
    let mut out = Map::new();
    for kind in KINDS {
        let all: Vec<Value> = store
            .table(kind)
            .live
            .values()
            .map(|record| {
                let mut associations = Map::new();
                for to in KINDS {
                    let ids: Vec<String> = store.linked(kind, record.id, to).map(|(id, _)| id.to_string()).collect();
                    if !ids.is_empty() {
                        associations.insert(to.plural().to_owned(), json!(ids));
                    }
                }
                json!({"id": record.id.to_string(), "properties": *record.values, "associations": associations})
            })
            .collect();
        if !all.is_empty() {
            out.insert(kind.plural().to_owned(), json!(all));
        }
    }
    Value::Object(out)
}

/// Adds records; search knows them at once. All records first, then their associations.
pub(super) fn load(store: &mut Store, records: &Value, now: Timestamp) -> Result<(), String> {
    let objects = records.as_object().ok_or("records must be an object of lists")?;
    let mut links: Vec<(Kind, u64, Kind, String)> = Vec::new();
    for (name, list) in objects {
        let list = list.as_array().ok_or_else(|| format!("{name}: a list is expected"))?;
        if name == "owners" {
            for owner in list {
                let owner = account::parse_owner(owner)?;
                store.owner_ids.push(owner.id.clone());
                store.owners.push(owner);
            }
            continue;
        }
        let kind = Kind::named(name).ok_or_else(|| format!("{name} is not an object type"))?;
        for record in list {
            let id = load_one(store, kind, record, now)?;
            let associations = record.get("associations").and_then(Value::as_object);
            for (to, ids) in associations.into_iter().flatten() {
                let to = Kind::named(to).ok_or_else(|| format!("{name} {id}: associations.{to} is not an object type"))?;
                links.extend(ids.as_array().into_iter().flatten().map(|other| (kind, id, to, id_text(other))));
            }
        }
    }
    let linked: Vec<(Kind, u64, Timestamp)> = links
        .iter()
        .flat_map(|(from, id, to, other)| [(*from, store.get(*from, *id)), (*to, store.find(*to, other))])
        .filter_map(|(kind, record)| record.map(|record| (kind, record.id, record.updated)))
        .collect();
    for (from, id, to, other) in links {
        let target = store.find(to, &other).map(|record| record.id);
        let target = target.ok_or_else(|| format!("{} {id}: there is no {} {other}", from.plural(), to.singular()))?;
        let primary = kind::relations(from, to).find(|relation| relation.primary);
        let relation = primary.filter(|_| !store.has_primary(from, id, to)).or_else(|| kind::plain(from, to));
        let relation = relation.ok_or_else(|| format!("{} and {} cannot be associated", from.plural(), to.plural()))?;
        if !store.linked(from, id, to).any(|(known, _)| known == target) {
            store.link(relation, id, target, now);
        }
    }
    // What associations change by themselves is no later change of a loaded record.
    for (kind, id, updated) in linked {
        store.date(kind, id, updated, now);
    }
    store.index.settle(now, true);
    Ok(())
}

fn load_one(store: &mut Store, kind: Kind, record: &Value, now: Timestamp) -> Result<u64, String> {
    let members = record.as_object().ok_or_else(|| format!("{}: a record is an object", kind.plural()))?;
    let mut properties = match members.get("properties") {
        Some(properties) => properties.as_object().cloned().ok_or("`properties` is an object")?,
        None => members
            .iter()
            .filter(|(key, _)| *key != "id" && *key != "associations")
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
    };
    let mut time = |names: &[&str]| {
        let found = names.iter().filter_map(|name| properties.remove(*name)).collect::<Vec<_>>();
        found.iter().filter_map(Value::as_str).find_map(value::instant)
    };
    let created = time(&["createdate", "hs_createdate"]);
    let updated = time(&["lastmodifieddate", "hs_lastmodifieddate"]);
    // What is calculated is calculated again.
    let schema = &store.table(kind).schema;
    properties.retain(|name, _| !schema.get(name.as_str()).is_some_and(|property| property.read_only));
    let given = members.get("id").map(id_text);
    let id = match &given {
        Some(text) => {
            let id = text.parse().map_err(|_| format!("{}: id {text} is not a number", kind.plural()))?;
            if store.get(kind, id).is_some() {
                return Err(format!("{}: there already is a record {id}", kind.plural()));
            }
            store.reserve(id);
            id
        }
        None => store.fresh_id(),
    };
    let input = json!({ "properties": properties });
    let prepared = write::prepare_create(store, kind, &input, &mut Claims::default())
        .map_err(|problem| format!("{} {id}: {}", kind.plural(), problem.message))?;
    let created = created.unwrap_or(now);
    write::create_as(store, prepared, id, created, updated.unwrap_or(created));
    Ok(id)
}
