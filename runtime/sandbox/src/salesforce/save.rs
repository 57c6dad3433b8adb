//! Create, update, upsert, delete: what a record must satisfy, in the vendor's words when it does not.
//!
//! Not for what follows from a record's values (that is `rules`), nor for requests.

use serde_json::{Map, Value};

use super::{
    cell::{self, Cell, Misfit},
    error::ApiError,
    id::Id,
    org::Org,
    rules,
    schema::{Default, Field, Kind},
    store::{Key, Row},
};

/// What a request's headers say about its writes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Options {
    /// `Sforce-Duplicate-Rule-Header: allowSave=true`.
    pub(crate) allow_duplicates: bool,
    /// `If-Unmodified-Since`, in seconds since 1970.
    pub(crate) unmodified_since: Option<i64>,
    /// `?updateOnly=true` on an upsert.
    pub(crate) update_only: bool,
    /// API version, for the URLs in errors.
    pub(crate) version: u32,
}

/// What an upsert did.
#[derive(Debug, PartialEq)]
pub(crate) enum Upserted {
    Created(Id),
    Updated(Id),
    /// The key fits several records; nothing was written.
    Several(Vec<Id>),
}

/// Values of a request, by field; `None` is null.
type Values = Vec<(usize, Option<Cell>)>;

impl Org {
    pub(crate) fn create(&mut self, table: usize, body: &Map<String, Value>, options: &Options) -> Result<Id, ApiError> {
        let values = self.read_body(table, body, true)?;
        self.create_from(table, values, options)
    }

    pub(crate) fn update(&mut self, table: usize, at: u32, body: &Map<String, Value>, options: &Options) -> Result<Id, ApiError> {
        let values = self.read_body(table, body, false)?;
        self.update_from(table, at, values, options)
    }

    /// Creates or updates the record that has `value` in the field `key`.
    pub(crate) fn upsert(
        &mut self,
        table: usize,
        key: usize,
        value: &str,
        body: &Map<String, Value>,
        options: &Options,
    ) -> Result<Upserted, ApiError> {
        let field = &self.schema.objects[table].fields[key];
        if body.keys().any(|name| name.eq_ignore_ascii_case(&field.name) || name.eq_ignore_ascii_case("Id")) {
            let name = if body.keys().any(|name| name.eq_ignore_ascii_case("Id")) { "Id" } else { &field.name };
            let message = format!("The {name} field should not be specified in the sobject data.");
            return Err(ApiError::new(400, "INVALID_FIELD", message));
        }
        let found = self.store.look_up(table, key, &Key::text(value)).unwrap_or_default().to_vec();
        match found.as_slice() {
            [] if options.update_only => Err(ApiError::not_found()),
            [] => {
                let mut values = self.read_body(table, body, true)?;
                values.push((key, Some(Cell::Text(value.into()))));
                self.create_from(table, values, options).map(Upserted::Created)
            }
            [at] => {
                let values = self.read_body(table, body, false)?;
                self.update_from(table, *at, values, options).map(Upserted::Updated)
            }
            several => Ok(Upserted::Several(several.iter().map(|at| self.store.row(table, *at).id).collect())),
        }
    }

    /// Moves a record to the recycle bin.
    pub(crate) fn delete(&mut self, table: usize, at: u32, options: &Options) -> Result<(), ApiError> {
        let mut row = self.store.row(table, at).clone();
        if row.deleted {
            return Err(ApiError::deleted());
        }
        self.check_unmodified(table, &row, options)?;
        self.check_lock(row.id)?;
        if let Some(field) = self.schema.objects[table].slot("IsDeleted") {
            row.set(field, Some(Cell::Bool(true)));
        }
        row.deleted = true;
        self.store.replace(table, at, row);
        Ok(())
    }

    fn create_from(&mut self, table: usize, values: Values, options: &Options) -> Result<Id, ApiError> {
        let object = &self.schema.objects[table];
        let id = Id::nth(object.prefix, 0);
        let mut row = Row::new(id);
        let given: Vec<usize> = values.iter().map(|(field, _)| *field).collect();
        for (field, cell) in values {
            row.set(field, cell);
        }
        let missing: Vec<&str> = object
            .visible()
            .filter(|(at, field)| {
                let null = row.get(*at).is_none();
                let left_out = !given.contains(at);
                field.createable && !field.nillable && null && (field.default == Default::No || !left_out)
            })
            .map(|(_, field)| field.name.as_str())
            .collect();
        if !missing.is_empty() {
            return Err(required(&missing));
        }
        for (at, field) in object.fields.iter().enumerate() {
            if given.contains(&at) {
                continue;
            }
            match field.default {
                Default::Text(text) => row.set(at, Some(Cell::Text(text.into()))),
                Default::Bool(value) => row.set(at, Some(Cell::Bool(value))),
                Default::System if field.name == "OwnerId" => row.set(at, Some(Cell::Id(self.user))),
                Default::System | Default::No => {}
            }
        }
        rules::before(self, table, None, &mut row, &given)?;
        self.check_unique(table, None, &row)?;
        self.check_duplicates(table, &row, options)?;
        self.check_lock(rules::parent(self, table, &row).unwrap_or(id))?;
        // Numbers are given last, so that what was refused leaves no gap.
        let id = self.free_id(table);
        row.id = id;
        row.searchable_ms = self.now_ms;
        if self.schema.objects[table].name == "Case"
            && let Some(field) = self.schema.objects[table].slot("CaseNumber")
        {
            let number = self.next_case_number();
            row.set(field, Some(Cell::Text(number.into())));
        }
        self.stamp(table, &mut row, true);
        self.store.insert(table, row.clone());
        rules::after(self, table, None, &row);
        Ok(id)
    }

    fn update_from(&mut self, table: usize, at: u32, values: Values, options: &Options) -> Result<Id, ApiError> {
        let old = self.store.row(table, at).clone();
        if old.deleted {
            return Err(ApiError::deleted());
        }
        self.check_unmodified(table, &old, options)?;
        let object = &self.schema.objects[table];
        let missing: Vec<&str> = values
            .iter()
            .filter(|(field, cell)| cell.is_none() && !object.fields[*field].nillable)
            .map(|(field, _)| object.fields[*field].name.as_str())
            .collect();
        if !missing.is_empty() {
            return Err(required(&missing));
        }
        let mut row = old.clone();
        let given: Vec<usize> = values.iter().map(|(field, _)| *field).collect();
        for (field, cell) in values {
            row.set(field, cell);
        }
        rules::before(self, table, Some(&old), &mut row, &given)?;
        self.check_unique(table, Some(at), &row)?;
        self.check_lock(row.id)?;
        if given.iter().any(|field| is_searched(&self.schema.objects[table].fields[*field]) && old.get(*field) != row.get(*field)) {
            row.searchable_ms = self.now_ms;
        }
        self.stamp(table, &mut row, false);
        self.store.replace(table, at, row.clone());
        rules::after(self, table, Some(&old), &row);
        Ok(row.id)
    }

    /// Reads a body for a create or an update; checks each value by itself.
    fn read_body(&self, table: usize, body: &Map<String, Value>, creating: bool) -> Result<Values, ApiError> {
        let object = &self.schema.objects[table];
        let mut values = Values::with_capacity(body.len());
        let mut closed = Vec::new();
        for (name, value) in body {
            if name == "attributes" {
                continue;
            }
            let Some(at) = object.find(name) else {
                if let (Some(at), Value::Object(key)) = (object.relation(name), value) {
                    let id = self.by_key(&object.fields[at], key)?;
                    values.push((at, Some(Cell::Id(id))));
                    continue;
                }
                let message = format!("No such column '{name}' on sobject of type {}", object.name);
                return Err(ApiError::new(400, "INVALID_FIELD", message));
            };
            let field = &object.fields[at];
            if field.kind == Kind::Id {
                return Err(if creating {
                    let message = "cannot specify Id in an insert call";
                    ApiError::save("INVALID_FIELD_FOR_INSERT_UPDATE", message, &["Id"])
                } else {
                    let message = "The Id field should not be specified in the sobject data.";
                    ApiError::new(400, "INVALID_FIELD", message)
                });
            }
            if !(if creating { field.createable } else { field.updateable }) {
                closed.push(field.name.as_str());
                continue;
            }
            values.push((at, self.read_value(field, value)?));
        }
        if closed.is_empty() {
            return Ok(values);
        }
        let message = format!(
            "Unable to create/update fields: {}. Please check the security settings of this field and verify that \
             it is read/write for your profile or permission set.",
            closed.join(", ")
        );
        Err(ApiError::save("INVALID_FIELD_FOR_INSERT_UPDATE", message, &closed))
    }

    fn read_value(&self, field: &Field, value: &Value) -> Result<Option<Cell>, ApiError> {
        let name = field.name.as_str();
        // The vendor calls fields by label here.
        let label = field.label.as_str();
        let cell = cell::read(field.kind, value).map_err(|misfit| match misfit {
            Misfit::Json(message) => ApiError::json_parser(message),
            Misfit::MalformedId => malformed(field, value.as_str().unwrap_or_default()),
        })?;
        match &cell {
            Some(Cell::Text(text)) => {
                if field.restricted && !field.values.iter().any(|known| known == &**text) {
                    let message = format!("{label}: bad value for restricted picklist field: {text}");
                    return Err(ApiError::save("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, &[name]));
                }
                if field.kind == Kind::Email && !is_email(text) {
                    let message = format!("{label}: invalid email address: {text}");
                    return Err(ApiError::save("INVALID_EMAIL_ADDRESS", message, &[name]));
                }
                if text.chars().count() > field.length {
                    let message = format!("{label}: data value too large: {text} (max length={})", field.length);
                    return Err(ApiError::save("STRING_TOO_LONG", message, &[name]));
                }
            }
            Some(Cell::Id(id)) => self.check_reference(field, *id)?,
            None if field.kind == Kind::Boolean => {
                let message = format!("{label}: value not of required type: null");
                return Err(ApiError::save("INVALID_TYPE_ON_FIELD_IN_RECORD", message, &[name]));
            }
            _ => {}
        }
        Ok(cell)
    }

    fn check_reference(&self, field: &Field, id: Id) -> Result<(), ApiError> {
        let Some(table) = self.schema.by_prefix(id.prefix()) else {
            return Err(malformed(field, &id.to_string()));
        };
        if !field.refers_to.contains(&self.schema.objects[table].name) {
            return Err(malformed(field, &id.to_string()));
        }
        match self.store.place(table, id).map(|at| self.store.row(table, at).deleted) {
            Some(false) => Ok(()),
            Some(true) => Err(ApiError::save("ENTITY_IS_DELETED", "entity is deleted", &[])),
            None => Err(ApiError::save("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", &[])),
        }
    }

    /// A parent named by its key, as in `"Account": {"Key__c": "x"}`.
    fn by_key(&self, field: &Field, key: &Map<String, Value>) -> Result<Id, ApiError> {
        let named = key.get("attributes").and_then(|attributes| attributes["type"].as_str());
        let parent = named.or_else(|| field.refers_to.first().copied()).unwrap_or_default();
        let missing = |name: &str, value: &str| {
            let message = format!("Foreign key external ID: {value} not found for field {name} in entity {parent}");
            ApiError::save("INVALID_FIELD", message, &[])
        };
        let entry = key.iter().find(|(name, _)| *name != "attributes");
        let Some((name, value)) = entry else {
            return Err(missing("Id", ""));
        };
        let value = value.as_str().unwrap_or_default();
        let table = self.schema.find(parent).filter(|_| field.refers_to.contains(&parent));
        let found = table.and_then(|table| {
            let object = &self.schema.objects[table];
            let at = object.find(name)?;
            if object.fields[at].kind == Kind::Id {
                return self.store.live(table, Id::parse(value)?).map(|row| row.id);
            }
            let at = object.fields[at].id_lookup.then_some(at)?;
            match self.store.look_up(table, at, &Key::text(value))? {
                [one] => Some(self.store.row(table, *one).id),
                _ => None,
            }
        });
        found.ok_or_else(|| missing(name, value))
    }

    fn check_unique(&self, table: usize, own: Option<u32>, row: &Row) -> Result<(), ApiError> {
        for (at, field) in self.schema.objects[table].fields.iter().enumerate().filter(|(_, field)| field.unique) {
            let Some(text) = row.text(at) else { continue };
            let holders = self.store.look_up(table, at, &Key::text(text)).unwrap_or_default();
            if let Some(holder) = holders.iter().find(|holder| Some(**holder) != own) {
                let message = format!(
                    "duplicate value found: {} duplicates value on record with id: {}",
                    field.name,
                    self.store.row(table, *holder).id.short()
                );
                return Err(ApiError::save("DUPLICATE_VALUE", message, &[]));
            }
        }
        Ok(())
    }

    fn check_lock(&mut self, id: Id) -> Result<(), ApiError> {
        if self.settings.row_lock_next == 0 {
            return Ok(());
        }
        self.settings.row_lock_next -= 1;
        let message = format!("unable to obtain exclusive access to this record or 1 records: {id}");
        Err(ApiError::save("UNABLE_TO_LOCK_ROW", message, &[]))
    }

    fn check_unmodified(&self, table: usize, row: &Row, options: &Options) -> Result<(), ApiError> {
        let modified = self.schema.objects[table].slot("LastModifiedDate").and_then(|field| row.get(field)?.as_time());
        match (options.unmodified_since, modified) {
            (Some(since), Some(modified)) if modified > since => {
                Err(ApiError::new(412, "PRECONDITION_FAILED", "The record has been modified since the client last accessed it"))
            }
            _ => Ok(()),
        }
    }
}

pub(crate) fn required(names: &[&str]) -> ApiError {
    let message = format!("Required fields are missing: [{}]", names.join(", "));
    ApiError::save("REQUIRED_FIELD_MISSING", message, names)
}

fn malformed(field: &Field, value: &str) -> ApiError {
    let message = format!("{}: id value of incorrect type: {value}", field.label);
    ApiError::save("MALFORMED_ID", message, &[&field.name])
}

fn is_searched(field: &Field) -> bool {
    matches!(field.kind, Kind::Phone | Kind::Email) || field.name.ends_with("Name")
}

/// About as strict as the vendor: one `@`, no spaces, a dot inside the domain.
fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    let plain = |text: &str| !text.is_empty() && !text.chars().any(|c| c.is_whitespace() || matches!(c, '@' | ',' | ';' | '<' | '>' | '"'));
    plain(local)
        && plain(domain)
        && domain.split('.').count() > 1
        && domain.split('.').all(|label| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-'))
}
