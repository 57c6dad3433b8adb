//! Errors in the vendor's shape: a message, a code, the fields at fault.
//!
//! Not for HTTP faults on request: those are worded by `Vendor::refuse`.

use serde_json::{Map, Value, json};

/// One error, with the status it has when it is the answer to a request of its own.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ApiError {
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    /// `None` leaves the key out, as the vendor does for errors that are not about saving.
    pub(crate) fields: Option<Vec<String>>,
    /// A further key, such as `duplicateResult`.
    pub(crate) extra: Option<Box<(&'static str, Value)>>,
}

impl ApiError {
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), fields: None, extra: None }
    }

    /// An error about saving a record: status 400, with `fields`.
    pub(crate) fn save(code: &'static str, message: impl Into<String>, fields: &[&str]) -> Self {
        let fields = fields.iter().map(|field| (*field).to_owned()).collect();
        Self { fields: Some(fields), ..Self::new(400, code, message) }
    }

    pub(crate) fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    pub(crate) fn not_found() -> Self {
        Self::new(404, "NOT_FOUND", "The requested resource does not exist")
    }

    pub(crate) fn json_parser(message: impl Into<String>) -> Self {
        Self::new(400, "JSON_PARSER_ERROR", message)
    }

    pub(crate) fn deleted() -> Self {
        Self::save("ENTITY_IS_DELETED", "entity is deleted", &[]).with_status(404)
    }

    /// The shape inside an error list.
    pub(crate) fn to_json(&self) -> Value {
        let mut map = Map::new();
        map.insert("message".to_owned(), Value::from(self.message.as_str()));
        map.insert("errorCode".to_owned(), Value::from(self.code));
        if let Some(fields) = &self.fields {
            map.insert("fields".to_owned(), json!(fields));
        }
        if let Some(extra) = &self.extra {
            map.insert(extra.0.to_owned(), extra.1.clone());
        }
        Value::Object(map)
    }

    /// The shape inside the results of a collection, where the code is called `statusCode`.
    pub(crate) fn to_item_json(&self) -> Value {
        let mut map = Map::new();
        map.insert("statusCode".to_owned(), Value::from(self.code));
        map.insert("message".to_owned(), Value::from(self.message.as_str()));
        map.insert("fields".to_owned(), json!(self.fields.as_deref().unwrap_or_default()));
        if let Some(extra) = &self.extra {
            map.insert(extra.0.to_owned(), extra.1.clone());
        }
        Value::Object(map)
    }
}
