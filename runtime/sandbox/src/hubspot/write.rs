//! What a create or an update may do, and doing it.
//!
//! Preparing checks everything and changes nothing, so that a batch can fail as a whole.
//! Not for the requests (`object`, `batch`) or for single values (`value`).

use std::collections::HashSet;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::{
    account,
    kind::{self, Kind, Relation},
    problem::Problem,
    store::{Record, Store, Values},
    value::{self, Fault},
};

/// Unique values that earlier inputs of the same batch will take.
#[derive(Debug, Default)]
pub(super) struct Claims(HashSet<(Arc<str>, String)>);

/// A new record, checked.
#[derive(Debug)]
pub(super) struct Create {
    pub(super) kind: Kind,
    values: Values,
    links: Vec<(Relation, u64)>,
    /// The names that were given.
    pub(super) given: Vec<String>,
}

/// A change of a record, checked.
#[derive(Debug)]
pub(super) struct Update {
    pub(super) kind: Kind,
    pub(super) id: u64,
    changes: Vec<(Arc<str>, String)>,
    pub(super) given: Vec<String>,
}

/// The `properties` of an input; numbers and booleans are taken as their text, null as empty.
fn given(input: &Value) -> Result<Vec<(&str, String)>, Problem> {
    let Some(properties) = input.get("properties").and_then(Value::as_object) else {
        return Err(Problem::bad_json("Some required fields were not set: [properties]"));
    };
    properties
        .iter()
        .map(|(name, value)| match value {
            Value::String(text) => Ok((name.as_str(), text.clone())),
            Value::Null => Ok((name.as_str(), String::new())),
            Value::Number(_) | Value::Bool(_) => Ok((name.as_str(), value.to_string())),
            _ => Err(Problem::bad_json(&format!("Cannot deserialize value of type `java.lang.String` for \"{name}\""))),
        })
        .collect()
}

/// Checks names and values against the definitions.
fn check(store: &Store, kind: Kind, given: &[(&str, String)]) -> Result<Vec<(Arc<str>, String)>, Problem> {
    let schema = &store.table(kind).schema;
    let mut faults = Vec::new();
    let mut values = Vec::with_capacity(given.len());
    for (name, value) in given {
        let fault = |code, message| Fault { name: (*name).to_owned(), code, message };
        let Some(property) = schema.get(*name) else {
            faults.push(fault("PROPERTY_DOESNT_EXIST", format!("Property \"{name}\" does not exist")));
            continue;
        };
        if property.read_only {
            let message = format!("\"{name}\" is a read only property; its value cannot be set.");
            faults.push(fault("READ_ONLY_VALUE", message));
            continue;
        }
        match value::accept(property, value, &store.owner_ids) {
            Ok(value) => values.push((Arc::clone(&property.name), value)),
            Err(fault) => faults.push(fault),
        }
    }
    if faults.is_empty() { Ok(values) } else { Err(Problem::values(&faults)) }
}

/// Checks that a stage is one of its pipeline.
fn check_stage(kind: Kind, values: &Values) -> Result<(), Problem> {
    let (pipeline, stage) = match kind {
        Kind::Deal => ("pipeline", "dealstage"),
        Kind::Ticket => ("hs_pipeline", "hs_pipeline_stage"),
        _ => return Ok(()),
    };
    let (Some(pipeline), Some(value)) = (values.get(pipeline), values.get(stage)) else { return Ok(()) };
    match account::pipelines(kind).iter().find(|one| one.id == pipeline) {
        Some(found) if !account::stage_in(found, value) => {
            let message = format!("{value} is not a stage of pipeline {pipeline}");
            Err(Problem::values(&[Fault { name: stage.to_owned(), code: "INVALID_OPTION", message }]))
        }
        _ => Ok(()),
    }
}

/// Checks that unique values are free, and notes them for the rest of the batch.
fn check_unique(store: &Store, kind: Kind, me: Option<u64>, values: &[(Arc<str>, String)], claims: &mut Claims) -> Result<(), Problem> {
    let mut news = Vec::new();
    for (name, value) in values.iter().filter(|(_, value)| !value.is_empty()) {
        let emails = kind == Kind::Contact && &**name == "hs_additional_emails";
        if !emails && !store.table(kind).schema.get(name).is_some_and(|property| property.unique) {
            continue;
        }
        let under = if emails { store.name(kind, "email") } else { Arc::clone(name) };
        for part in value.split(if emails { ';' } else { '\0' }) {
            match store.holder(kind, &under, part) {
                Some(holder) if Some(holder) != me => return Err(taken(store, kind, &under, part, me, Some(holder))),
                _ => {}
            }
            let claim = (Arc::clone(&under), part.trim().to_lowercase());
            if claims.0.contains(&claim) {
                return Err(taken(store, kind, &under, part, me, None));
            }
            news.push(claim);
        }
    }
    claims.0.extend(news);
    Ok(())
}

fn taken(store: &Store, kind: Kind, name: &str, value: &str, me: Option<u64>, holder: Option<u64>) -> Problem {
    let existing = holder.map(|id| format!(" Existing ID: {id}")).unwrap_or_default();
    let mut problem = if kind == Kind::Contact && name == "email" {
        Problem::new(409, Some("CONFLICT"), format!("Contact already exists.{existing}"))
    } else {
        let holder = holder.map_or_else(|| "another input".to_owned(), |id| id.to_string());
        let on = me.map_or_else(|| "a new record".to_owned(), |id| id.to_string());
        let message = format!(
            "Cannot set PropertyValueCoordinates{{propertyName={name}, value={value}}} on {on}. {holder} already has that value.{existing}"
        );
        if store.unique_conflict == 400 {
            Problem::values(&[Fault { name: name.to_owned(), code: "CONFLICTING_UNIQUE_VALUE", message }])
        } else {
            Problem::new(409, Some("CONFLICT"), message)
        }
    };
    problem.existing = holder;
    problem
}

/// Checks a new record with its associations.
pub(super) fn prepare_create(store: &Store, kind: Kind, input: &Value, claims: &mut Claims) -> Result<Create, Problem> {
    let given = given(input)?;
    let checked = check(store, kind, &given)?;
    let mut values: Values = checked.iter().filter(|(_, value)| !value.is_empty()).cloned().collect();
    let pipeline = match kind {
        Kind::Deal => Some("pipeline"),
        Kind::Ticket => Some("hs_pipeline"),
        _ => None,
    };
    if let (Some(name), Some(first)) = (pipeline, account::pipelines(kind).first()) {
        values.entry(store.name(kind, name)).or_insert_with(|| first.id.to_owned());
    }
    let missing: Vec<String> = kind
        .required()
        .iter()
        .filter(|any| !any.iter().any(|name| values.contains_key(*name)))
        .flat_map(|any| any.iter().map(|name| (*name).to_owned()))
        .collect();
    if !missing.is_empty() {
        return Err(Problem::required(kind, missing));
    }
    check_stage(kind, &values)?;
    let links = read_links(store, kind, input)?;
    check_unique(store, kind, None, &checked, claims)?;
    Ok(Create { kind, values, links, given: given.into_iter().map(|(name, _)| name.to_owned()).collect() })
}

/// The associations of a new record: each type must start at its kind, each target exist.
fn read_links(store: &Store, kind: Kind, input: &Value) -> Result<Vec<(Relation, u64)>, Problem> {
    let mut links = Vec::new();
    for association in input.get("associations").and_then(Value::as_array).into_iter().flatten() {
        let to = association.pointer("/to/id").map(id_text).unwrap_or_default();
        let types = association.get("types").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        if types.is_empty() {
            return Err(Problem::bad_json("Some required fields were not set: [types]"));
        }
        for spec in types {
            let relation = read_spec(kind, spec)?;
            let Some(record) = store.find(relation.to, &to) else {
                return Err(invalid_target(relation.to, &to));
            };
            links.push((relation, record.id));
        }
    }
    Ok(links)
}

/// An id as text, whether it came as text or as a number.
pub(super) fn id_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// An association type: `{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 194}`.
pub(super) fn read_spec(from: Kind, spec: &Value) -> Result<Relation, Problem> {
    let category = spec.get("associationCategory").and_then(Value::as_str).unwrap_or_default();
    let number = spec.get("associationTypeId").map(id_text).and_then(|text| text.parse::<u32>().ok());
    let found = number.filter(|_| category == "HUBSPOT_DEFINED").and_then(|number| kind::relation(from, number));
    found.ok_or_else(|| {
        let id = number.map_or_else(|| "null".to_owned(), |number| number.to_string());
        Problem::validation(format!("{category} association type {id} does not exist for objects of type {}", from.type_id()))
    })
}

pub(super) fn invalid_target(kind: Kind, id: &str) -> Problem {
    Problem::validation(format!("{}={id} is not valid", kind.singular().to_uppercase())).sub("crm.associations.INVALID_OBJECT_IDS")
}

/// Writes a new record; answers its id.
pub(super) fn create(store: &mut Store, create: Create, now: Timestamp) -> u64 {
    let id = store.fresh_id();
    create_as(store, create, id, now, now);
    id
}

/// Writes a new record under an id, with the times it shall have.
pub(super) fn create_as(store: &mut Store, mut create: Create, id: u64, created: Timestamp, now: Timestamp) {
    // A deal's or ticket's time of creation may be set by hand.
    let created = create.values.get("createdate").and_then(|text| value::instant(text)).unwrap_or(created);
    if create.values.contains_key("hubspot_owner_id") {
        let name = store.name(create.kind, "hubspot_owner_assigneddate");
        create.values.insert(name, value::print(now));
    }
    let mut record = Record { id, values: Arc::new(create.values), created, updated: created.max(now), archived: None };
    store.settle(create.kind, &mut record);
    store.put(create.kind, record, now);
    for (relation, to) in create.links {
        store.link(relation, id, to, now);
    }
}

/// Checks a change.
pub(super) fn prepare_update(store: &Store, kind: Kind, id: u64, input: &Value, claims: &mut Claims) -> Result<Update, Problem> {
    let given = given(input)?;
    let mut changes = check(store, kind, &given)?;
    let record = store.get(kind, id).ok_or_else(Problem::not_found)?;
    // A lifecycle stage that would go back is dropped without a word.
    changes.retain(|(name, value)| &**name != "lifecyclestage" || value::moves_forward(record.values.get(name).map(String::as_str), value));
    let mut after = (*record.values).clone();
    for (name, value) in &changes {
        set(&mut after, name, value);
    }
    check_stage(kind, &after)?;
    check_unique(store, kind, Some(record.id), &changes, claims)?;
    let given = given.into_iter().map(|(name, _)| name.to_owned()).collect();
    Ok(Update { kind, id: record.id, changes, given })
}

fn set(values: &mut Values, name: &Arc<str>, value: &str) {
    if value.is_empty() {
        values.remove(name);
    } else {
        values.insert(Arc::clone(name), value.to_owned());
    }
}

/// Writes a change. One that changes nothing leaves the time of the last change alone.
pub(super) fn update(store: &mut Store, update: &Update, now: Timestamp) {
    let Some(mut record) = store.get(update.kind, update.id).cloned() else { return };
    let mut values = (*record.values).clone();
    for (name, value) in &update.changes {
        let owner = &**name == "hubspot_owner_id" && values.get(name) != Some(value) && !value.is_empty();
        if owner {
            values.insert(store.name(update.kind, "hubspot_owner_assigneddate"), value::print(now));
        }
        set(&mut values, name, value);
    }
    if values == *record.values {
        return;
    }
    if let Some(at) = values.get("createdate").and_then(|text| value::instant(text)) {
        record.created = at;
    }
    record.values = Arc::new(values);
    record.updated = now;
    store.settle(update.kind, &mut record);
    store.put(update.kind, record, now);
}
