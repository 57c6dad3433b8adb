//! The lock: what a system told of its own objects and fields, kept as `schema/<connection>.json` and held in git.
//!
//! Evidence, and not a part of what a project means: it changes no config version. Not for asking the system, which is the edge's.

mod change;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::change::{Change, What, diff, lines};
use crate::decl::FieldType;
use crate::functions::percent_encode;
use crate::project::{Connection, Project};

/// The version of the file.
pub const VERSION: u32 = 1;

/// What a system told of its own objects and fields. Written by `aftercall describe`, never by hand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct Lock {
    /// The version of this form.
    pub version: u32,
    /// The system that was asked.
    pub system: String,
    /// Objects, by the system's own names.
    pub objects: BTreeMap<String, LockedObject>,
}

/// What a system told of one object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct LockedObject {
    /// Fields, by the system's own names.
    pub fields: BTreeMap<String, LockedField>,
}

/// What a system told of one field.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[expect(clippy::struct_excessive_bools, reason = "systems have them so")]
pub struct LockedField {
    /// Its name for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub label: String,
    /// What it holds.
    pub r#type: FieldType,
    /// The system's own word for that.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub system_type: String,
    /// The most characters that it takes. Left out: no limit is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<usize>,
    /// Whether a new record may say it. Left out: yes.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub create: bool,
    /// Whether a record that is there may be told otherwise. Left out: yes.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub update: bool,
    /// Whether there is no new record without it.
    #[serde(default, skip_serializing_if = "is_no")]
    pub required: bool,
    /// Whether no two records have the same value, and a record is found by it.
    #[serde(default, skip_serializing_if = "is_no")]
    pub unique: bool,
    /// Whether a value is refused that is not among `values`.
    #[serde(default, skip_serializing_if = "is_no")]
    pub closed: bool,
    /// The values of a picklist that may be chosen, in the system's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
}

impl Default for LockedField {
    fn default() -> Self {
        Self {
            label: String::new(),
            r#type: FieldType::Other,
            system_type: String::new(),
            length: None,
            create: true,
            update: true,
            required: false,
            unique: false,
            closed: false,
            values: Vec::new(),
        }
    }
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_yes(flag: &bool) -> bool {
    *flag
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_no(flag: &bool) -> bool {
    !flag
}

/// A value on one line.
fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// Where the lock of a connection lies, from the project's root.
pub fn path_of(connection: &str) -> String {
    format!("schema/{}.json", percent_encode(connection))
}

/// Whether a file could be a lock: JSON in `schema/`, and no JSON Schema.
pub fn is_lock(path: &str) -> bool {
    path.strip_prefix("schema/").is_some_and(|name| !name.contains('/') && name.ends_with(".json") && !name.ends_with(".schema.json"))
}

impl Lock {
    /// Reads a lock.
    ///
    /// Errors: what is wrong, as a phrase.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.lines().any(|line| line.starts_with("<<<<<<< ") || line.starts_with(">>>>>>> ")) {
            return Err("two branches have changed it, and git has left both".to_owned());
        }
        let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        match value.get("version").and_then(Value::as_u64) {
            Some(version) if version == u64::from(VERSION) => {}
            Some(version) => return Err(format!("its version is {version}, and this program reads {VERSION}")),
            None => return Err("it has no `version`".to_owned()),
        }
        serde_path_to_error::deserialize(value).map_err(|error| format!("{}: {}", error.path(), error.inner()))
    }

    /// The lock as a file: sorted, a line per field, the same bytes for the same system.
    pub fn text(&self) -> String {
        let mut out = format!("{{\n  \"version\": {},\n  \"system\": {},\n  \"objects\": {{", self.version, json(&self.system));
        for (index, (name, object)) in self.objects.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            out.push_str(&format!("{comma}\n    {}: {{\n      \"fields\": {{", json(name)));
            for (index, (name, field)) in object.fields.iter().enumerate() {
                let comma = if index == 0 { "" } else { "," };
                out.push_str(&format!("{comma}\n        {}: {}", json(name), json(field)));
            }
            out.push_str("\n      }\n    }");
        }
        out.push_str("\n  }\n}\n");
        out
    }

    /// A field of an object.
    pub fn field(&self, object: &str, field: &str) -> Option<&LockedField> {
        self.objects.get(object)?.fields.get(field)
    }

    /// How many fields there are, all objects together.
    pub fn fields(&self) -> usize {
        self.objects.values().map(|object| object.fields.len()).sum()
    }
}

/// The objects of a connection that the project reads or writes, by the connector's names: one for each that the system knows.
pub fn touched(project: &Project, connection: &Connection) -> Vec<String> {
    let mut names: BTreeSet<&str> = BTreeSet::new();
    for pipeline in &project.pipelines {
        if pipeline.connection.id == connection.id {
            let decl = &connection.connector.decl;
            names.extend(decl.find.iter().map(|find| find.object.as_str()));
            names.extend(decl.find.iter().flat_map(|find| find.related.values()).map(|rows| rows.object.as_str()));
            names.extend(decl.related.values().map(|rows| rows.object.as_str()));
        }
        let own = pipeline.writes.iter().filter(|write| write.connection.id == connection.id);
        names.extend(own.map(|write| write.object.as_str()));
    }
    let objects = &connection.connector.objects;
    let mut seen = BTreeSet::new();
    let first = names.into_iter().filter(|name| objects.get(*name).is_some_and(|object| seen.insert(object.decl.name.as_str())));
    first.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn lock(fields: Value) -> Lock {
        let text = json!({"version": 1, "system": "acme", "objects": {"Contact": {"fields": fields}}}).to_string();
        Lock::parse(&text).unwrap_or_else(|e| panic!("{e}"))
    }

    #[test]
    fn a_lock_reads_as_it_was_written() {
        let lock = lock(json!({
            "Zulu \"q\"": {"type": "text", "length": 3}, "Alpha": {"type": "picklist", "values": ["x", "y"], "closed": true, "create": false},
        }));
        let text = lock.text();
        assert_eq!(Lock::parse(&text).as_ref(), Ok(&lock));
        assert_eq!(text.lines().filter(|line| line.contains("\"type\"")).count(), 2, "a line per field: {text}");
        assert_eq!(
            Lock { version: 1, system: "acme".to_owned(), ..Lock::default() }.text().parse::<Value>().ok(),
            Some(json!({
                "version": 1, "system": "acme", "objects": {},
            }))
        );
    }

    #[test]
    fn what_is_no_lock_is_told() {
        let wrong = |text: &str| Lock::parse(text).err().unwrap_or_default();
        assert!(wrong("{").contains("line 1"));
        assert!(wrong("{}").contains("no `version`"));
        assert!(wrong("{\"version\": 2}").contains("reads 1"));
        assert!(wrong("<<<<<<< HEAD\n{}").contains("git"));
        assert!(
            wrong("{\"version\": 1, \"system\": \"a\", \"objects\": {\"C\": {\"fields\": {\"F\": {}}}}}").contains("objects.C.fields.F")
        );
    }

    #[test]
    fn a_connection_has_one_file() {
        assert_eq!(path_of("crm"), "schema/crm.json");
        assert_eq!(path_of("a/b"), "schema/a%2Fb.json");
        assert!(is_lock("schema/crm.json") && !is_lock("schema/pipeline.schema.json") && !is_lock("schema/codes/x.json"));
    }
}
