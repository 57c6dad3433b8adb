//! A project's own schemas: those of every kind of file, with the project's names in place of any text, and a schema of its own for each object
//! whose fields a lock knows.
//!
//! For editors. Not for checking: `check` knows more, and says it better.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{Kind, published, written};
use crate::lock::{Lock, LockedField, LockedObject, path_of};
use crate::project::{Connection, Object, Project};
use crate::source::Files;

/// The schemas of a project as files: name → text. Its locks are read from its files; a connection without one gets no schema for its objects.
pub fn files(project: &Project, files: &Files) -> Vec<(String, String)> {
    let locks: BTreeMap<&str, Lock> = project
        .connections
        .keys()
        .filter_map(|id| Some((id.as_str(), files.get(&path_of(id)).and_then(|text| Lock::parse(text).ok())?)))
        .collect();
    let mut out: Vec<(String, String)> = Vec::new();
    for kind in Kind::ALL {
        let mut schema = published(kind);
        match kind {
            Kind::Pipeline => pipeline(&mut schema, project, files, &locks),
            Kind::Project => of_project(&mut schema, files),
            Kind::Mapping => choose(&mut schema, "/properties/system", systems(files)),
            _ => {}
        }
        out.push((format!("{}.schema.json", kind.name()), written(&schema)));
    }
    for (id, lock) in &locks {
        let Some(connection) = project.connections.get(*id) else { continue };
        for (name, object) in &connection.connector.objects {
            if let Some(known) = lock.objects.get(&object.decl.name) {
                let schema = mapping(connection, name, object, known);
                out.push((format!("mapping.{id}.{name}.schema.json"), written(&schema)));
            }
        }
    }
    out
}

/// Names of files of a kind, without folder and end.
fn names(files: &Files, kind: Kind, folder: &str) -> Vec<String> {
    let of_kind = files.iter().map(|(path, _)| path).filter(|path| Kind::of_path(path) == Some(kind));
    of_kind.filter_map(|path| path.strip_prefix(folder)?.strip_suffix(".toml")).map(str::to_owned).collect()
}

fn systems(files: &Files) -> Vec<String> {
    names(files, Kind::Connector, "mappings/").iter().filter_map(|name| name.strip_suffix("/connector")).map(str::to_owned).collect()
}

/// Lets a place take these texts only; a place without any takes what it took.
fn choose(schema: &mut Value, place: &str, names: impl IntoIterator<Item = String>) {
    let names: BTreeSet<String> = names.into_iter().collect();
    if let Some(Value::Object(at)) = schema.pointer_mut(place).filter(|_| !names.is_empty()) {
        at.insert("enum".to_owned(), json!(names));
    }
}

/// Offers these texts in a place for one text or several, which takes others as well.
fn offer(schema: &mut Value, place: &str, names: impl IntoIterator<Item = String>) {
    let names: BTreeSet<String> = names.into_iter().collect();
    if let Some(Value::Object(at)) = schema.pointer_mut(place).filter(|_| !names.is_empty()) {
        let taken = at.remove("allOf").unwrap_or_else(|| json!([]));
        let known = json!({ "type": "string", "enum": names });
        let several = json!({ "type": "array", "items": { "anyOf": [known, { "type": "string" }] } });
        let all = [known, several].into_iter().chain(taken.as_array().cloned().unwrap_or_default());
        at.insert("anyOf".to_owned(), all.collect());
    }
}

/// Whom the project's routes name already.
fn owners(project: &Project) -> impl Iterator<Item = String> {
    let rules = project.pipelines.iter().flat_map(|pipeline| pipeline.routes.values().flatten());
    rules.flat_map(|rule| &rule.owners).filter_map(|owner| owner.as_fixed()?.as_str().map(str::to_owned))
}

fn pipeline(schema: &mut Value, project: &Project, files: &Files, locks: &BTreeMap<&str, Lock>) {
    offer(schema, "/definitions/RouteDecl/properties/owner", owners(project));
    let connections = || project.connections.keys().cloned();
    let write = "/definitions/WriteDecl/properties";
    choose(schema, "/properties/connection", connections());
    choose(schema, "/properties/source/items", project.sources.keys().cloned());
    choose(schema, "/definitions/PipelineMatchDecl/properties/use", names(files, Kind::Match, "mappings/match/"));
    choose(schema, &format!("{write}/connection"), connections());
    choose(schema, &format!("{write}/mapping"), names(files, Kind::Mapping, "mappings/"));
    choose(schema, &format!("{write}/route"), project.pipelines.iter().flat_map(|pipeline| pipeline.routes.keys().cloned()));
    let lists = project.pipelines.iter().flat_map(|pipeline| {
        let decl = &pipeline.connection.connector.decl;
        decl.find.iter().flat_map(|find| find.related.keys()).chain(decl.related.keys())
    });
    choose(schema, &format!("{write}/target"), lists.flat_map(|list| [format!("context.{list}.newest"), format!("context.{list}.only")]));
    // A write may be of any object, so a field that none of them has is still a field.
    let mut fields = Map::new();
    for object in locks.values().flat_map(|lock| lock.objects.values()) {
        for (name, field) in object.fields.iter().filter(|(_, field)| field.create || field.update) {
            fields.entry(name.clone()).or_insert_with(|| one(field));
        }
    }
    if let Some(Value::Object(at)) = schema.pointer_mut(&format!("{write}/fields")).filter(|_| !fields.is_empty()) {
        at.insert("properties".to_owned(), Value::Object(fields));
    }
}

fn of_project(schema: &mut Value, files: &Files) {
    choose(schema, "/definitions/ConnectionDecl/properties/system", systems(files));
    let sources = names(files, Kind::Source, "mappings/");
    let known: Map<String, Value> = sources
        .iter()
        .filter_map(|name| name.strip_suffix("/source"))
        .map(|name| (name.to_owned(), json!({ "$ref": "#/definitions/SourceSettingsDecl" })))
        .collect();
    if let Some(Value::Object(at)) = schema.pointer_mut("/properties/source") {
        at.insert("properties".to_owned(), Value::Object(known));
        at.insert("additionalProperties".to_owned(), Value::Bool(false));
    }
}

/// The schema of mappings of one object, with the fields that the system has.
fn mapping(connection: &Connection, name: &str, object: &Object, known: &LockedObject) -> Value {
    let mut schema = published(Kind::Mapping);
    choose(&mut schema, "/properties/system", [connection.connector.decl.system.clone()]);
    choose(&mut schema, "/properties/object", [name.to_owned()]);
    choose(&mut schema, "/properties/links/items", object.decl.links.keys().cloned());
    let key = object.decl.identity.as_ref().map(|identity| identity.field.as_str());
    let writeable = known.fields.iter().filter(|(name, field)| (field.create || field.update) && Some(name.as_str()) != key);
    let fields: Map<String, Value> = writeable.map(|(name, field)| (name.clone(), one(field))).collect();
    if let Some(Value::Object(at)) = schema.pointer_mut("/properties/fields") {
        at.insert("properties".to_owned(), Value::Object(fields));
        at.insert("additionalProperties".to_owned(), Value::Bool(false));
    }
    schema["title"] = json!(format!("{} of {}", object.decl.name, connection.id));
    schema
}

/// One field: what it is in words, and the values of its picklist where a mapping lists values.
fn one(field: &LockedField) -> Value {
    let mut words = vec![field.r#type.word().to_owned()];
    words.extend(field.length.map(|most| format!("at most {most} characters")));
    words.extend(field.required.then(|| "needed by a new record".to_owned()));
    words.extend((!field.update).then(|| "on a new record only".to_owned()));
    let label = if field.label.is_empty() { String::new() } else { format!("{}: ", field.label) };
    let values = if field.values.is_empty() { String::new() } else { format!(". Values: {}", field.values.join(", ")) };
    let mut all = vec![json!({ "$ref": "#/definitions/Field" })];
    if field.closed && !field.values.is_empty() {
        let value = json!({ "enum": field.values });
        all.push(json!({ "properties": { "order": { "items": value }, "map": { "additionalProperties": value } } }));
    }
    json!({ "description": format!("{label}{}{values}.", words.join(", ")), "allOf": all })
}
