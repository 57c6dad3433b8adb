//! Records as JSON, with their attributes, parents and children.
//!
//! Not for finding them: that is `run`.

use serde_json::{Map, Value, json};

use super::bind::{Column, Leaf, Path, Query};
use crate::salesforce::{org::Org, store::Row};

impl Org {
    /// `{"type": ..., "url": ...}` of a record.
    pub(crate) fn attributes(&self, table: usize, row: &Row, version: u32) -> Value {
        let name = self.schema.objects[table].name;
        json!({ "type": name, "url": format!("/services/data/v{version}.0/sobjects/{name}/{}", row.id) })
    }

    /// One record with the columns of a query.
    pub(crate) fn render(&self, query: &Query, at: u32, version: u32) -> Value {
        let row = self.store.row(query.table, at);
        let mut out = Map::with_capacity(query.columns.len() + 1);
        out.insert("attributes".to_owned(), self.attributes(query.table, row, version));
        for column in &query.columns {
            match column {
                Column::Path(path) => self.render_path(&mut out, query.table, row, path, 0, version),
                Column::Child { relation, query, link } => {
                    let rows = self.find_rows(query, Some((*link, row.id)));
                    out.insert((*relation).to_owned(), self.render_children(query, &rows, version));
                }
            }
        }
        Value::Object(out)
    }

    /// No children are null, not an empty list.
    fn render_children(&self, query: &Query, rows: &[u32], version: u32) -> Value {
        if rows.is_empty() {
            return Value::Null;
        }
        let records: Vec<_> = rows.iter().map(|at| self.render(query, *at, version)).collect();
        json!({ "totalSize": records.len(), "done": true, "records": records })
    }

    /// Several fields of one parent share one object.
    fn render_path(&self, out: &mut Map<String, Value>, table: usize, row: &Row, path: &Path, depth: usize, version: u32) {
        let Some(step) = path.steps.get(depth) else {
            let value = self.leaf(table, row, path).map_or(Value::Null, |cell| cell.to_json());
            out.insert(path.name.clone(), value);
            return;
        };
        let parent = row.get(step.field).and_then(|cell| self.follow(cell.as_id()?));
        let Some((table, parent)) = parent else {
            out.insert(step.relation.clone(), Value::Null);
            return;
        };
        let inner = out.entry(step.relation.as_str()).or_insert_with(|| {
            let mut inner = Map::new();
            let mut attributes = self.attributes(table, parent, version);
            // Behind a polymorphic reference the vendor says `Name`, whatever the URL names.
            if matches!(path.leaf, Leaf::Named) && depth + 1 == path.steps.len() {
                attributes["type"] = Value::from("Name");
            }
            inner.insert("attributes".to_owned(), attributes);
            Value::Object(inner)
        });
        if let Value::Object(inner) = inner {
            self.render_path(inner, table, parent, path, depth + 1, version);
        }
    }
}
