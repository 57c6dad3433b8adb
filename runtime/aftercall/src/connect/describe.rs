//! What a system tells of its own objects and fields: its answer read as the connector's `[metadata]` declares.
//!
//! Not for keeping it or for what it means to a project: that is `lock` of the config room.

use std::sync::Arc;

use aftercall_config::condition::Condition;
use aftercall_config::functions::{like, text};
use aftercall_config::lock::{Lock, LockedField, LockedObject, VERSION};
use aftercall_config::project::{Connection, Metadata};
use aftercall_config::template::Scope;
use serde_json::{Map, Value, json};

use super::failure::Failure;
use super::pointer;
use super::read::{Reader, known, rows};

impl Reader {
    /// What the system tells of one object, by the name that mappings use; `None` where the connector does not say how to ask.
    ///
    /// Errors: what the system refuses, and an answer without fields: never mistaken for an object that has none.
    pub async fn described(&self, connection: &Arc<Connection>, object: &str) -> Result<Option<LockedObject>, Failure> {
        let Some(metadata) = &connection.connector.metadata else { return Ok(None) };
        let known = known(connection, object)?;
        let body = self.ask(connection, "describe", &metadata.request, Some(known), &Map::new()).await?.body;
        let mut described = LockedObject::default();
        for row in rows(&body, &metadata.decl.fields)? {
            if let Some(name) = pointer::first_text(row, &metadata.decl.name) {
                described.fields.insert(name, field(metadata, row));
            }
        }
        if described.fields.is_empty() {
            return Err(Failure::invalid(format!("the answer has no fields at `{}`", metadata.decl.fields)));
        }
        Ok(Some(described))
    }

    /// What the system tells of these objects, as a lock; `None` where the connector does not say how to ask.
    ///
    /// Errors: the object by the system's name, and the failure: half a lock would prove nothing.
    pub async fn lock(&self, connection: &Arc<Connection>, objects: &[String]) -> Result<Option<Lock>, (String, Failure)> {
        let mut lock = Lock { version: VERSION, system: connection.connector.decl.system.clone(), ..Lock::default() };
        for object in objects {
            let name = connection.connector.objects.get(object).map_or(object, |object| &object.decl.name);
            match self.described(connection, object).await {
                Ok(Some(described)) => drop(lock.objects.insert(name.clone(), described)),
                Ok(None) => return Ok(None),
                Err(failure) => return Err((name.clone(), failure)),
            }
        }
        Ok(Some(lock))
    }
}

fn field(metadata: &Metadata, row: &Value) -> LockedField {
    let decl = &metadata.decl;
    let seen = json!({ "field": row });
    let holds = |condition: &Option<Condition>, left_out: bool| condition.as_ref().map_or(left_out, |condition| condition.holds(&seen));
    let at = |place: &Option<String>| place.as_ref().and_then(|place| pointer::one(row, place));
    let system_type = metadata.kind.text(&Scope::new(seen.clone()));
    let known = decl.types.iter().find(|(pattern, _)| like(&system_type, pattern)).map(|(_, known)| *known);
    let place = decl.value.as_deref().unwrap_or("/value");
    let listed = at(&decl.values).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let active = listed.iter().filter(|value| metadata.active.as_ref().is_none_or(|active| active.holds(&json!({ "value": value }))));
    LockedField {
        label: at(&decl.label).map(text).unwrap_or_default(),
        r#type: known.unwrap_or_default(),
        system_type,
        length: at(&decl.length).and_then(Value::as_u64).and_then(|length| usize::try_from(length).ok()).filter(|length| *length > 0),
        create: holds(&metadata.create, true),
        update: holds(&metadata.update, true),
        required: holds(&metadata.required, false),
        unique: holds(&metadata.unique, false),
        closed: holds(&metadata.closed, false),
        values: active.filter_map(|value| pointer::first_text(value, place)).collect(),
    }
}
