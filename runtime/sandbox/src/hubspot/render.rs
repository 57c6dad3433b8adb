//! Records as answers.
//!
//! Source: HubSpot's guide on using object APIs: without `properties` a small default set comes back,
//! names that do not exist are skipped, a property without a value is null.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    account::HUB_ID,
    kind::Kind,
    property::Schema,
    store::{Record, Values},
    value::print,
};

/// Which properties an answer carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// The default set of the kind.
    Default,
    /// These, and the id and times.
    Named(Vec<String>),
    /// After a write: these, the calculated ones that have a value, and the id and times.
    Written(Vec<String>),
}

impl Ask {
    /// The named properties without those that do not exist; the default set for none.
    pub(super) fn named<'a>(schema: &Schema, names: impl Iterator<Item = &'a str>) -> Self {
        let names: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
        if names.is_empty() {
            Self::Default
        } else {
            Self::Named(names.into_iter().filter(|name| schema.contains_key(*name)).map(str::to_owned).collect())
        }
    }
}

/// A record, or what search knows of it.
pub(super) struct View<'a> {
    pub(super) kind: Kind,
    pub(super) id: u64,
    pub(super) values: &'a Values,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
    pub(super) archived: Option<Timestamp>,
}

impl<'a> View<'a> {
    pub(super) fn of(kind: Kind, record: &'a Record) -> Self {
        Self { kind, id: record.id, values: &record.values, created: record.created, updated: record.updated, archived: record.archived }
    }

    /// The record as the object endpoints answer it.
    pub(super) fn json(&self, ask: &Ask) -> Value {
        let mut names: Vec<&str> = vec![self.kind.created(), "hs_object_id", self.kind.modified()];
        match ask {
            Ask::Default => names.extend(self.kind.defaults()),
            Ask::Named(asked) => names.extend(asked.iter().map(String::as_str)),
            Ask::Written(written) => {
                names.extend(written.iter().map(String::as_str));
                let calculated = ["hs_calculated_", "hs_searchable_calculated_", "hs_is_closed", "hs_task_is_"];
                let own = self.values.keys().map(|name| &**name);
                names.extend(own.filter(|name| calculated.iter().any(|start| name.starts_with(start))));
            }
        }
        names.sort_unstable();
        names.dedup();
        let properties: Map<String, Value> = names.into_iter().map(|name| (name.to_owned(), json!(self.values.get(name)))).collect();
        let mut out = json!({
            "id": self.id.to_string(),
            "properties": properties,
            "createdAt": print(self.created),
            "updatedAt": print(self.updated),
            "archived": self.archived.is_some(),
        });
        if let Some(at) = self.archived {
            out["archivedAt"] = json!(print(at));
        }
        let (hub, object) = (HUB_ID, self.kind.type_id());
        out["url"] = json!(format!("https://app.hubspot.com/contacts/{hub}/record/{object}/{}", self.id));
        out
    }
}
