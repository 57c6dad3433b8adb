//! Records in and out by the control plane: no permissions, no checks of who may write what.
//!
//! Not for the vendor's API: that is `save`.

use serde_json::{Map, Value, json};

use super::{
    cell::{self, Cell},
    id::Id,
    org::Org,
    rules,
    schema::{Default, Kind},
    store::Row,
};
use crate::vendor::Seed;

/// What an object asks for, where a test leaves it out.
const ASKED: [(&str, &[(&str, &str)]); 3] = [
    ("Contact", &[("LastName", "Unknown caller")]),
    ("Opportunity", &[("Name", "Opportunity"), ("StageName", "Prospecting"), ("CloseDate", "2099-12-31")]),
    ("Account", &[("Name", "Account")]),
];
/// What is worked out from other fields, or stands in another record.
const WORKED_OUT: [&str; 6] = ["Name", "LastActivityDate", "CreatedDate", "LastModifiedDate", "IsClosed", "CaseNumber"];

/// A test's record in the shape of [`Org::dump`], with what ties it to its contact.
pub(crate) fn seed(seed: &Seed<'_>) -> Value {
    let named = matches!(seed.object, "Account" | "Opportunity");
    let takes = |name: &str| !name.contains('.') && (!WORKED_OUT.contains(&name) || named && name == "Name");
    let mut row: Map<String, Value> =
        seed.fields.iter().filter(|(name, value)| takes(name) && !value.is_object()).map(|(n, v)| (n.clone(), v.clone())).collect();
    for (field, value) in ASKED.iter().filter(|(object, _)| *object == seed.object).flat_map(|(_, asked)| asked.iter()) {
        row.entry(*field).or_insert_with(|| json!(value));
    }
    row.insert("Id".to_owned(), json!(seed.id));
    let link = match seed.object {
        "Task" | "Event" => "WhoId",
        "Case" => "ContactId",
        _ => "",
    };
    if let Some(contact) = seed.contact.filter(|_| !link.is_empty()) {
        row.insert(link.to_owned(), json!(contact));
    }
    let mut records = Map::new();
    records.insert(seed.object.to_owned(), json!([row]));
    if let Some(contact) = seed.contact.filter(|_| seed.object == "Opportunity") {
        records.insert("OpportunityContactRole".to_owned(), json!([{"OpportunityId": seed.id, "ContactId": contact}]));
    }
    Value::Object(records)
}

impl Org {
    /// All records with their values that are not null, by object. The users of the start are left out.
    pub(crate) fn dump(&self) -> Value {
        let mut out = Map::new();
        for (table, object) in self.schema.objects.iter().enumerate() {
            if object.name == "User" && self.users_untouched {
                continue;
            }
            let rows: Vec<Value> = self.store.rows(table).map(|(_, row)| self.dump_row(table, row)).collect();
            if !rows.is_empty() {
                out.insert(object.name.to_owned(), Value::Array(rows));
            }
        }
        Value::Object(out)
    }

    fn dump_row(&self, table: usize, row: &Row) -> Value {
        let fields = self.schema.objects[table].visible();
        let cells = fields.filter_map(|(at, field)| Some((field.name.clone(), row.get(at)?.to_json())));
        Value::Object(cells.collect())
    }

    /// Adds records in the shape of [`Org::dump`]; one whose id is known takes that record's place.
    pub(crate) fn load(&mut self, records: &Value) -> Result<(), String> {
        let objects = records.as_object().ok_or("records are an object: {\"Contact\": [...]}")?;
        for (name, list) in objects {
            let table = self.schema.find(name).ok_or_else(|| format!("there is no object `{name}`"))?;
            let list = list.as_array().ok_or_else(|| format!("the records of `{name}` are not a list"))?;
            for record in list {
                let body = record.as_object().ok_or_else(|| format!("a record of `{name}` is not an object"))?;
                self.load_record(table, body)?;
            }
        }
        Ok(())
    }

    pub(crate) fn load_record(&mut self, table: usize, body: &Map<String, Value>) -> Result<(), String> {
        let object = &self.schema.objects[table];
        let (name, prefix) = (object.name, object.prefix);
        let mut values = Vec::with_capacity(body.len());
        for (key, value) in body.iter().filter(|(key, _)| *key != "attributes") {
            let field = object.find(key).ok_or_else(|| format!("`{name}` has no field `{key}`"))?;
            let cell = cell::read(object.fields[field].kind, value).map_err(|_| format!("`{value}` is no value for `{name}.{key}`"))?;
            values.push((field, cell));
        }
        let id_at = object.slot("Id").unwrap_or_default();
        let given_id = values.iter().find(|(field, _)| *field == id_at).and_then(|(_, cell)| cell.as_ref()?.as_id());
        let id = match given_id {
            Some(id) if id.prefix() != prefix => return Err(format!("ids of `{name}` start with {prefix}, not as {id}")),
            Some(id) => id,
            None => self.free_id(table),
        };
        self.users_untouched &= name != "User";
        let mut row = Row::new(id);
        self.stamp(table, &mut row, true);
        for (at, field) in self.schema.objects[table].fields.iter().enumerate() {
            match field.default {
                Default::Text(text) => row.set(at, Some(Cell::Text(text.into()))),
                Default::Bool(value) => row.set(at, Some(Cell::Bool(value))),
                Default::System if field.name == "OwnerId" => row.set(at, Some(Cell::Id(self.user))),
                Default::System | Default::No => {}
            }
        }
        let given: Vec<usize> = values.iter().map(|(field, _)| *field).collect();
        for (field, cell) in values {
            let keeps = cell.is_none() && self.schema.objects[table].fields[field].kind == Kind::Boolean;
            if !keeps {
                row.set(field, cell);
            }
        }
        rules::before(self, table, None, &mut row, &given).map_err(|error| format!("a record of `{name}`: {}", error.message))?;
        if let Some(field) = self.schema.objects[table].slot("CaseNumber")
            && row.get(field).is_none()
        {
            let number = self.next_case_number();
            row.set(field, Some(Cell::Text(number.into())));
        }
        row.deleted = self.schema.objects[table].slot("IsDeleted").is_some_and(|field| row.is_true(field));
        match self.store.place(table, id) {
            Some(at) => self.store.replace(table, at, row.clone()),
            None => self.store.insert(table, row.clone()),
        }
        rules::after(self, table, None, &row);
        Ok(())
    }

    /// Loaded records bring ids of their own, so the next number may be taken.
    pub(crate) fn free_id(&mut self, table: usize) -> Id {
        loop {
            let id = Id::nth(self.schema.objects[table].prefix, self.store.next_serial());
            if self.store.place(table, id).is_none() {
                return id;
            }
        }
    }
}
