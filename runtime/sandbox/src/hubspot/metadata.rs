//! `/crm/v3/properties/{type}`: reading definitions and making new ones.
//!
//! Source: HubSpot's guide on properties. Deleting and changing definitions is not there; settings do what an administrator would.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    kind::Kind,
    object::body,
    problem::Problem,
    property::{self, Property},
    store::Store,
};
use crate::{
    vendor::{Request, Response},
    wire,
};

/// How many unique properties an object may have, HubSpot's own not counted.
const MOST_UNIQUE: usize = 10;

fn missing(name: &str) -> Problem {
    Problem::new(404, Some("OBJECT_NOT_FOUND"), format!("Property {name} does not exist"))
}

/// Answers a request for the properties of one type.
pub(super) fn properties(store: &mut Store, request: &Request, rest: &[String]) -> Result<Response, Problem> {
    let name = rest.first().map_or("", String::as_str);
    let kind = Kind::named(name).ok_or_else(|| super::unknown_type(name))?;
    match (request.method.as_str(), &rest[1..]) {
        ("GET", []) => {
            let results: Vec<Value> = store.table(kind).schema.values().map(Property::json).collect();
            Ok(wire::json(200, &json!({"results": results})))
        }
        ("GET", [groups]) if groups == "groups" => {
            let group = format!("{}information", kind.singular());
            Ok(wire::json(200, &json!({"results": [{"name": group, "label": group, "displayOrder": 0, "archived": false}]})))
        }
        ("GET", [name]) => {
            let found = store.table(kind).schema.get(name.as_str());
            found.map(|property| wire::json(200, &property.json())).ok_or_else(|| missing(name))
        }
        ("POST", []) => create(store, kind, &body(request)?).map(|made| wire::json(201, &made)),
        ("POST", [batch, create_word]) if batch == "batch" && create_word == "create" => {
            let body = body(request)?;
            let inputs = body.get("inputs").and_then(Value::as_array).cloned().unwrap_or_default();
            let results = inputs.iter().map(|input| create(store, kind, input)).collect::<Result<Vec<_>, _>>()?;
            Ok(wire::json(201, &json!({"status": "COMPLETE", "results": results})))
        }
        _ => Err(Problem::method()),
    }
}

fn create(store: &mut Store, kind: Kind, body: &Value) -> Result<Value, Problem> {
    let property = property::parse(body).map_err(Problem::validation)?;
    let schema = &store.table(kind).schema;
    if schema.contains_key(&property.name) {
        return Err(Problem::new(409, Some("OBJECT_ALREADY_EXISTS"), format!("Property \"{}\" already exists", property.name)));
    }
    let unique = schema.values().filter(|one| one.unique && !one.shipped).count();
    if property.unique && unique >= MOST_UNIQUE {
        return Err(Problem::validation(format!("An object type has at most {MOST_UNIQUE} unique properties")));
    }
    if property.unique {
        store.index.also(kind, Arc::clone(&property.name));
    }
    let made = property.json();
    store.schema_mut(kind).insert(Arc::clone(&property.name), property);
    Ok(made)
}

/// What an administrator does to definitions, as a setting: `custom_properties` or `hidden_properties`.
///
/// Errors: a sentence about the setting.
pub(super) fn set(store: &mut Store, setting: &str, value: &Value) -> Result<(), String> {
    let kinds = value.as_object().ok_or_else(|| format!("{setting} is an object: {{\"contacts\": [...]}}"))?;
    for (name, list) in kinds {
        let kind = Kind::named(name).ok_or_else(|| format!("there is no object {name}"))?;
        for one in list.as_array().ok_or_else(|| format!("the properties of {name} are not a list"))? {
            if setting == "hidden_properties" {
                let hidden = one.as_str().and_then(|hidden| store.schema_mut(kind).shift_remove(hidden));
                hidden.ok_or_else(|| format!("{name} has no property {one}"))?;
                continue;
            }
            let property = property::parse(one)?;
            if property.unique {
                store.index.also(kind, Arc::clone(&property.name));
            }
            store.schema_mut(kind).insert(Arc::clone(&property.name), property);
        }
    }
    Ok(())
}
