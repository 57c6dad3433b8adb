//! What is otherwise in a system than it was, and which lines of a project that touches.
//!
//! Not for what is wrong with those lines: that is `resolve`'s.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{Lock, LockedField, LockedObject};
use crate::decl::FieldType;
use crate::project::{Connection, Origin, Project, WriteRule};

/// What is otherwise in a system than it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The object, by the system's name.
    pub object: String,
    /// The field; absent where it is about the object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What is otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum What {
    /// It is new.
    Added,
    /// It is gone.
    Gone,
    /// It holds something else.
    Type {
        /// What it held.
        old: FieldType,
        /// What it holds.
        new: FieldType,
    },
    /// It takes more text, or less.
    Length {
        /// So much, absent without a limit.
        old: Option<usize>,
        /// So much now.
        new: Option<usize>,
    },
    /// A trait of it: `create`, `update`, `required`, `unique`, `closed`.
    Flag {
        /// Its name in the lock.
        name: &'static str,
        /// What it is now.
        new: bool,
    },
    /// A picklist has a new value.
    ValueAdded {
        /// The value.
        value: String,
    },
    /// A picklist has lost a value.
    ValueGone {
        /// The value.
        value: String,
    },
    /// A name for people, the system's word for a type, or the order of values: nothing that a mapping could meet.
    Wording,
}

/// What is otherwise in `new`: by object and field, what matters first.
pub fn diff(old: &Lock, new: &Lock) -> Vec<Change> {
    let mut out = Vec::new();
    let (none, names) = (LockedObject::default(), |lock: &Lock| lock.objects.keys().cloned().collect::<BTreeSet<_>>());
    for object in names(old).union(&names(new)) {
        let change = |field: Option<&str>, what| Change { object: object.clone(), field: field.map(str::to_owned), what };
        let (before, after) = match (old.objects.get(object), new.objects.get(object)) {
            (None, _) => {
                out.push(change(None, What::Added));
                continue;
            }
            (Some(_), None) => {
                out.push(change(None, What::Gone));
                continue;
            }
            (before, after) => (before.unwrap_or(&none), after.unwrap_or(&none)),
        };
        let all: BTreeSet<&String> = before.fields.keys().chain(after.fields.keys()).collect();
        for name in all {
            match (before.fields.get(name), after.fields.get(name)) {
                (None, _) => out.push(change(Some(name), What::Added)),
                (Some(_), None) => out.push(change(Some(name), What::Gone)),
                (Some(was), Some(is)) => out.extend(differences(was, is).into_iter().map(|what| change(Some(name), what))),
            }
        }
    }
    out
}

fn differences(was: &LockedField, is: &LockedField) -> Vec<What> {
    let mut out = Vec::new();
    if was.r#type != is.r#type {
        out.push(What::Type { old: was.r#type, new: is.r#type });
    }
    if was.length != is.length {
        out.push(What::Length { old: was.length, new: is.length });
    }
    let flags = [
        ("create", was.create, is.create),
        ("update", was.update, is.update),
        ("required", was.required, is.required),
        ("unique", was.unique, is.unique),
        ("closed", was.closed, is.closed),
    ];
    out.extend(flags.into_iter().filter(|(_, old, new)| old != new).map(|(name, _, new)| What::Flag { name, new }));
    let gone = was.values.iter().filter(|value| !is.values.contains(value));
    out.extend(gone.map(|value| What::ValueGone { value: value.clone() }));
    let added = is.values.iter().filter(|value| !was.values.contains(value));
    out.extend(added.map(|value| What::ValueAdded { value: value.clone() }));
    if out.is_empty() && was != is {
        out.push(What::Wording);
    }
    out
}

/// The lines of a project that a change touches: mappings of the field, the writes that a newly required field is missing from, and
/// what the connector says of it. Sorted, each once.
pub fn lines(project: &Project, connection: &Connection, change: &Change) -> Vec<Origin> {
    let mut out: Vec<Origin> = Vec::new();
    let of_object = |write: &&WriteRule| {
        write.connection.id == connection.id
            && connection.connector.objects.get(&write.object).is_some_and(|object| object.decl.name == change.object)
    };
    // More to choose from harms no mapping.
    if matches!(change.what, What::Wording | What::ValueAdded { .. }) || (change.field.is_none() && change.what == What::Added) {
        return out;
    }
    for write in project.pipelines.iter().flat_map(|pipeline| &pipeline.writes).filter(of_object) {
        let Some(field) = &change.field else {
            out.push(write.origin.clone());
            continue;
        };
        let rules = write.fields.iter().filter(|rule| &rule.field == field || rule.else_to.contains(field));
        let before = out.len();
        out.extend(rules.map(|rule| rule.origin.clone()));
        let needed = matches!(change.what, What::Flag { name: "required", new: true });
        if needed && out.len() == before && write.target.is_none() {
            out.push(write.origin.clone());
        }
    }
    for object in connection.connector.objects.values().filter(|object| object.decl.name == change.object) {
        let Some(field) = &change.field else { continue };
        if object.decl.identity.as_ref().is_some_and(|identity| &identity.field == field) {
            out.push(object.identity_origin.clone());
        } else if object.decl.roles.values().flatten().chain(object.decl.flags.values()).chain(&object.decl.select).any(|f| f == field)
            && matches!(change.what, What::Gone | What::Type { .. })
        {
            out.push(object.origin.clone());
        }
    }
    out.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
    out.dedup();
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn lock(fields: Value) -> Lock {
        let text = json!({"version": 1, "system": "acme", "objects": {"Contact": {"fields": fields}}}).to_string();
        Lock::parse(&text).unwrap_or_else(|e| panic!("{e}"))
    }

    #[track_caller]
    fn check(old: Value, new: Value, expected: &[What]) {
        let found: Vec<What> = diff(&lock(old), &lock(new)).into_iter().map(|change| change.what).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn what_changes_is_told() {
        let field = |more: Value| {
            let mut field = json!({"type": "picklist", "length": 40, "values": ["a", "b"]});
            field.as_object_mut().unwrap_or_else(|| panic!("an object")).extend(more.as_object().cloned().unwrap_or_default());
            json!({"F": field})
        };
        check(field(json!({})), field(json!({})), &[]);
        check(field(json!({})), json!({}), &[What::Gone]);
        check(json!({}), field(json!({})), &[What::Added]);
        check(field(json!({})), field(json!({"length": 20})), &[What::Length { old: Some(40), new: Some(20) }]);
        check(field(json!({})), field(json!({"required": true})), &[What::Flag { name: "required", new: true }]);
        check(field(json!({})), field(json!({"label": "Other"})), &[What::Wording]);
        check(field(json!({})), field(json!({"values": ["b", "a"]})), &[What::Wording]);
        check(
            field(json!({})),
            field(json!({"values": ["b", "c"], "type": "text"})),
            &[
                What::Type { old: FieldType::Picklist, new: FieldType::Text },
                What::ValueGone { value: "a".to_owned() },
                What::ValueAdded { value: "c".to_owned() },
            ],
        );
    }
}
