//! HubSpot's error bodies, once for all endpoints.
//!
//! Source: HubSpot's guide on error handling and recorded answers. Every member of a body is optional
//! there; what a case is known to carry is set here, no more.

use std::ops::{Deref, DerefMut};

use serde_json::{Map, Value, json};

use super::{kind::Kind, value::Fault};
use crate::{vendor::Response, wire};

/// An error on its way to an answer, or to an entry of a batch answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Problem(Box<Details>);

/// What there is to say about it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Details {
    pub(super) status: u16,
    pub(super) message: String,
    pub(super) category: Option<&'static str>,
    pub(super) sub: Option<&'static str>,
    pub(super) errors: Vec<Value>,
    pub(super) context: Map<String, Value>,
    /// Known only inside: a 207 names it in the context, a single answer only in the text.
    pub(super) existing: Option<u64>,
}

impl Deref for Problem {
    type Target = Details;

    fn deref(&self) -> &Details {
        &self.0
    }
}

impl DerefMut for Problem {
    fn deref_mut(&mut self) -> &mut Details {
        &mut self.0
    }
}

impl Problem {
    pub(super) fn new(status: u16, category: Option<&'static str>, message: impl Into<String>) -> Self {
        Self(Box::new(Details {
            status,
            message: message.into(),
            category,
            sub: None,
            errors: Vec::new(),
            context: Map::new(),
            existing: None,
        }))
    }

    pub(super) fn validation(message: impl Into<String>) -> Self {
        Self::new(400, Some("VALIDATION_ERROR"), message)
    }

    /// A body that is no JSON, or not of the right shape; HubSpot gives no category.
    pub(super) fn bad_json(detail: &str) -> Self {
        Self::new(400, None, format!("Invalid input JSON on line 1, column 1: {detail}"))
    }

    pub(super) fn with(mut self, key: &str, values: Vec<String>) -> Self {
        self.context.insert(key.to_owned(), json!(values));
        self
    }

    pub(super) fn sub(mut self, sub: &'static str) -> Self {
        self.sub = Some(sub);
        self
    }

    /// One or more values that are not valid; the message holds the results as JSON text.
    pub(super) fn values(faults: &[Fault]) -> Self {
        let results: Vec<Value> = faults
            .iter()
            .map(|fault| json!({"isValid": false, "message": fault.message, "error": fault.code, "name": fault.name}))
            .collect();
        let mut problem = Self::validation(format!("Property values were not valid: {}", json!(results)));
        problem.errors = faults
            .iter()
            .map(|fault| json!({"message": fault.message, "code": fault.code, "context": {"propertyName": [fault.name]}}))
            .collect();
        problem
    }

    pub(super) fn required(kind: Kind, names: Vec<String>) -> Self {
        let kind = kind.singular().to_uppercase();
        Self::validation(format!("Error creating {kind}. Some required properties were not set.")).with("properties", names)
    }

    pub(super) fn not_found() -> Self {
        Self::new(404, Some("OBJECT_NOT_FOUND"), "resource not found")
    }

    pub(super) fn ids_not_found(kind: Kind, ids: Vec<String>) -> Self {
        let kind = kind.singular().to_uppercase();
        Self::new(
            404,
            Some("OBJECT_NOT_FOUND"),
            format!("Could not get some {kind} objects, they may be deleted or not exist. Check that ids are valid."),
        )
        .with("ids", ids)
    }

    pub(super) fn duplicate_ids(ids: Vec<String>) -> Self {
        Self::validation(format!("Duplicate IDs found in batch input: [{}]. IDs must be unique", ids.join(", "))).with("ids", ids)
    }

    pub(super) fn method() -> Self {
        Self::new(405, None, "Method Not Allowed")
    }

    /// The answer; a correlation id is added.
    pub(super) fn answer(&self, correlation: &str) -> Response {
        let mut body = self.body();
        body["correlationId"] = json!(correlation);
        wire::json(self.status, &body)
    }

    /// The entry of a batch answer's `errors`, with the trace id of its input.
    pub(super) fn entry(&self, trace: Option<&str>) -> Value {
        let mut body = self.body();
        let mut context = self.context.clone();
        if let Some(trace) = trace {
            context.insert("objectWriteTraceId".to_owned(), json!([trace]));
        }
        if let Some(existing) = self.existing {
            context.insert("existingId".to_owned(), json!([existing.to_string()]));
        }
        if !context.is_empty() {
            body["context"] = Value::Object(context);
        }
        body
    }

    fn body(&self) -> Value {
        let mut body = json!({"status": "error", "message": self.message});
        if !self.errors.is_empty() {
            body["errors"] = json!(self.errors);
        }
        if !self.context.is_empty() {
            body["context"] = Value::Object(self.context.clone());
        }
        if let Some(category) = self.category {
            body["category"] = json!(category);
        }
        if let Some(sub) = self.sub {
            body["subCategory"] = json!(sub);
        }
        body
    }
}
