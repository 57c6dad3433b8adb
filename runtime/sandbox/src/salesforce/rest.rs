//! The resources below `/services/data/vNN.0` that concern one record or one query.
//!
//! Not for requests that hold many: those are `composite` and `collections`.

use std::collections::VecDeque;

use serde_json::{Map, Value, json};

use super::{
    Salesforce,
    call::{Answer, Call},
    error::ApiError,
    id::Id,
    oauth::ORG_ID,
    save::Upserted,
    soql::{self, bind::Query},
    store::Key,
};

/// How many unfinished queries are kept; the vendor keeps ten per user.
const CURSORS: usize = 10;

/// Queries with more pages to come.
#[derive(Default)]
pub(crate) struct Cursors {
    serial: u64,
    open: VecDeque<Cursor>,
}

struct Cursor {
    id: String,
    query: Query,
    rows: Vec<u32>,
    page: usize,
}

impl Salesforce {
    /// Answers one call; the token was checked, the call was counted.
    pub(crate) fn dispatch(&mut self, call: &Call) -> Answer {
        let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
        let result = match (call.method.as_str(), path.as_slice()) {
            ("GET", []) => Ok(Answer::ok(self.resources(call.options.version))),
            ("GET", ["limits"]) => Ok(Answer::ok(self.limits())),
            ("GET", [which @ ("query" | "queryAll")]) => self.query(call, *which == "queryAll"),
            ("GET", ["query" | "queryAll", locator]) => self.next_page(locator, call),
            ("GET" | "POST", ["search"]) => self.search(call),
            ("GET" | "POST", ["parameterizedSearch"]) => self.parameterized_search(call),
            ("GET", ["sobjects"]) => Ok(Answer::ok(self.org.describe_global(call.options.version))),
            ("GET", ["sobjects", object, "describe"]) => self.describe(object, call),
            (_, ["sobjects", object, rest @ ..]) => match self.org.schema.find(object) {
                Some(table) => self.sobjects(table, rest, call),
                None => Err(ApiError::not_found()),
            },
            ("POST", ["composite"]) => self.composite(call),
            ("POST", ["composite", "graph"]) => self.graphs(call),
            ("POST", ["composite", "batch"]) => self.batch(call),
            (_, ["composite", "sobjects", rest @ ..]) => self.collections(rest, call),
            (_, ["limits" | "query" | "queryAll" | "search" | "sobjects"] | ["composite", ..]) => Err(not_allowed(&call.method)),
            _ => Err(ApiError::not_found()),
        };
        result.unwrap_or_else(Answer::from)
    }

    fn sobjects(&mut self, table: usize, rest: &[&str], call: &Call) -> Result<Answer, ApiError> {
        match (call.method.as_str(), rest) {
            ("GET", []) => Ok(Answer::ok(self.org.describe_basic(table, call.options.version))),
            ("POST", []) => {
                let id = self.org.create(table, body_of(call)?, &call.options)?;
                let body = json!({ "id": id.to_string(), "success": true, "errors": [] });
                Ok(Answer { status: 201, body: Some(body), location: Some(self.url(table, id, call)) })
            }
            (method, [id]) => {
                let at = self.locate(table, id, method == "GET")?;
                self.one(table, at, call)
            }
            ("PATCH", [field, value]) => {
                let key = self.key_field(table, field)?;
                let done = self.org.upsert(table, key, value, body_of(call)?, &call.options)?;
                Ok(self.upserted(table, done, call))
            }
            (_, [field, value]) => {
                let key = self.key_field(table, field)?;
                let found = self.org.store.look_up(table, key, &Key::text(value)).unwrap_or_default().to_vec();
                match found.as_slice() {
                    [] => Err(ApiError::not_found()),
                    [at] => self.one(table, *at, call),
                    several => {
                        let ids = several.iter().map(|at| self.org.store.row(table, *at).id).collect();
                        Ok(self.upserted(table, Upserted::Several(ids), call))
                    }
                }
            }
            _ => Err(not_allowed(&call.method)),
        }
    }

    /// GET, PATCH or DELETE of one record.
    fn one(&mut self, table: usize, at: u32, call: &Call) -> Result<Answer, ApiError> {
        match call.method.as_str() {
            "GET" => self.read(table, at, call).map(Answer::ok),
            "PATCH" => self.org.update(table, at, body_of(call)?, &call.options).map(|_| Answer::empty(204)),
            "DELETE" => self.org.delete(table, at, &call.options).map(|()| Answer::empty(204)),
            method => Err(not_allowed(method)),
        }
    }

    /// The place of a record by its id. For reading a deleted record is not there; for writing it is, as deleted.
    fn locate(&self, table: usize, id: &str, reading: bool) -> Result<u32, ApiError> {
        if !matches!(id.len(), 15 | 18) {
            let message = format!("Provided external ID field does not exist or is not accessible: {id}");
            return Err(ApiError::new(404, "NOT_FOUND", message));
        }
        let Some(parsed) = Id::parse(id) else {
            return Err(ApiError::new(400, "MALFORMED_ID", format!("malformed id {id}")));
        };
        match self.org.store.place(table, parsed) {
            Some(at) if !(reading && self.org.store.row(table, at).deleted) => Ok(at),
            _ => Err(ApiError::not_found()),
        }
    }

    /// A field that may be the key of an upsert.
    pub(crate) fn key_field(&self, table: usize, name: &str) -> Result<usize, ApiError> {
        let object = &self.org.schema.objects[table];
        object.find(name).filter(|at| object.fields[*at].id_lookup).ok_or_else(|| {
            let message = format!("Provided external ID field does not exist or is not accessible: {name}");
            ApiError::new(404, "NOT_FOUND", message)
        })
    }

    fn read(&self, table: usize, at: u32, call: &Call) -> Result<Value, ApiError> {
        let object = &self.org.schema.objects[table];
        let row = self.org.store.row(table, at);
        let mut out = Map::new();
        out.insert("attributes".to_owned(), self.org.attributes(table, row, call.options.version));
        let Some(names) = call.get("fields") else {
            for (at, field) in object.visible() {
                out.insert(field.name.clone(), row.get(at).map_or(Value::Null, |cell| cell.to_json()));
            }
            return Ok(Value::Object(out));
        };
        let mut named_id = false;
        for name in names.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let at = object.find(name).ok_or_else(|| no_column(name, object.name))?;
            named_id |= object.fields[at].name == "Id";
            out.insert(object.fields[at].name.clone(), row.get(at).map_or(Value::Null, |cell| cell.to_json()));
        }
        if !named_id {
            out.insert("Id".to_owned(), Value::String(row.id.to_string()));
        }
        Ok(Value::Object(out))
    }

    pub(crate) fn upserted(&self, table: usize, done: Upserted, call: &Call) -> Answer {
        let body = |id: Id, created: bool| json!({ "id": id.to_string(), "success": true, "errors": [], "created": created });
        match done {
            Upserted::Created(id) => Answer { status: 201, body: Some(body(id, true)), location: Some(self.url(table, id, call)) },
            Upserted::Updated(id) => Answer::ok(body(id, false)),
            Upserted::Several(ids) => {
                let urls: Vec<_> = ids.into_iter().map(|id| self.url(table, id, call)).collect();
                Answer { status: 300, body: Some(json!(urls)), location: None }
            }
        }
    }

    fn url(&self, table: usize, id: Id, call: &Call) -> String {
        let name = self.org.schema.objects[table].name;
        format!("/services/data/v{}.0/sobjects/{name}/{id}", call.options.version)
    }

    fn query(&mut self, call: &Call, all: bool) -> Result<Answer, ApiError> {
        let text = call.get("q").filter(|text| !text.trim().is_empty());
        let text = text.ok_or_else(|| ApiError::new(400, "MALFORMED_QUERY", "A query string has to be specified"))?;
        let query = Query { all, ..soql::bind::read(&self.org, text)? };
        let rows = self.org.find_rows(&query, None);
        if query.count {
            return Ok(Answer::ok(json!({ "totalSize": rows.len(), "done": true, "records": [] })));
        }
        self.cursors.serial += 1;
        let id = Id::nth("01g", self.cursors.serial).to_string();
        let cursor = Cursor { id, query, rows, page: call.batch_size };
        let answer = self.page(&cursor, 0, call);
        if cursor.rows.len() > cursor.page {
            if self.cursors.open.len() == CURSORS {
                self.cursors.open.pop_front();
            }
            self.cursors.open.push_back(cursor);
        }
        Ok(Answer::ok(answer))
    }

    fn next_page(&self, locator: &str, call: &Call) -> Result<Answer, ApiError> {
        let found = locator.rsplit_once('-').and_then(|(id, from)| {
            let cursor = self.cursors.open.iter().find(|cursor| cursor.id == id)?;
            let from: usize = from.parse().ok()?;
            (from < cursor.rows.len()).then_some((cursor, from))
        });
        let (cursor, from) = found.ok_or_else(|| ApiError::new(400, "INVALID_QUERY_LOCATOR", "invalid query locator"))?;
        Ok(Answer::ok(self.page(cursor, from, call)))
    }

    fn page(&self, cursor: &Cursor, from: usize, call: &Call) -> Value {
        let to = cursor.rows.len().min(from + cursor.page);
        let version = call.options.version;
        let records: Vec<_> = cursor.rows[from..to].iter().map(|at| self.org.render(&cursor.query, *at, version)).collect();
        let mut out = Map::new();
        out.insert("totalSize".to_owned(), Value::from(cursor.rows.len()));
        out.insert("done".to_owned(), Value::Bool(to == cursor.rows.len()));
        if to < cursor.rows.len() {
            let url = format!("/services/data/v{version}.0/query/{}-{to}", cursor.id);
            out.insert("nextRecordsUrl".to_owned(), Value::String(url));
        }
        out.insert("records".to_owned(), Value::Array(records));
        Value::Object(out)
    }

    fn resources(&self, version: u32) -> Value {
        let names = ["limits", "query", "queryAll", "search", "parameterizedSearch", "sobjects", "composite"];
        let url = |name: &&str| ((*name).to_owned(), Value::from(format!("/services/data/v{version}.0/{name}")));
        let mut out: Map<String, Value> = names.iter().map(url).collect();
        let identity = format!("{}/id/{ORG_ID}/{}", self.origin, self.org.user);
        out.insert("identity".to_owned(), Value::String(identity));
        Value::Object(out)
    }

    fn limits(&self) -> Value {
        let max = self.org.settings.api_limit;
        json!({
            "DailyApiRequests": { "Max": max, "Remaining": max.saturating_sub(self.used) },
            "DailyAsyncApexExecutions": { "Max": 250_000, "Remaining": 250_000 },
            "DataStorageMB": { "Max": 1_024, "Remaining": 1_000 },
        })
    }
}

pub(crate) fn body_of(call: &Call) -> Result<&Map<String, Value>, ApiError> {
    call.body.as_object().ok_or_else(|| ApiError::json_parser("Unexpected end-of-input: expected an object at [line:1, column:1]"))
}

pub(crate) fn no_column(name: &str, object: &str) -> ApiError {
    let message = format!(
        "\n{name}\n^\nERROR at Row:1:Column:1\nNo such column '{name}' on entity '{object}'. If you are attempting to use \
         a custom field, be sure to append the '__c' after the custom field name. Please reference your WSDL or the \
         describe call for the appropriate names."
    );
    ApiError::new(400, "INVALID_FIELD", message)
}

pub(crate) fn not_allowed(method: &str) -> ApiError {
    let message = format!("HTTP Method '{method}' not allowed. Allowed are HEAD,GET,POST,PATCH,DELETE");
    ApiError::new(405, "METHOD_NOT_ALLOWED", message)
}
