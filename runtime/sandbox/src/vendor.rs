//! What a stand-in is to the server that carries it: a state and a function from request to answer.
//!
//! Not for HTTP, faults, logs or control: those are `server`, once for all vendors.

use jiff::Timestamp;
use serde_json::{Map, Value};

/// One request as it arrived, without the socket.
#[derive(Clone, Debug)]
pub struct Request {
    /// Upper-case HTTP method.
    pub method: String,
    /// The path as sent, still percent-encoded, without the query.
    pub path: String,
    /// Query parameters, decoded, in order.
    pub query: Vec<(String, String)>,
    /// Header names in lower case, with their values.
    pub headers: Vec<(String, String)>,
    /// The raw body.
    pub body: bytes::Bytes,
    /// `http://127.0.0.1:PORT` of this stand-in, for answers that name their own host.
    pub origin: String,
}

/// One answer.
#[derive(Clone, Debug, Default)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Headers beside content-type and content-length.
    pub headers: Vec<(String, String)>,
    /// Content type; empty for none.
    pub content_type: String,
    /// The body.
    pub body: Vec<u8>,
}

/// A failure that the control plane can ask a vendor to word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Over the rate limit, with the vendor's own status, headers and body.
    RateLimited,
    /// An internal error of the vendor.
    ServerError,
    /// Down for maintenance.
    Unavailable,
}

/// A record as a config test has it: by the vendor's name of its object, flat, with a dot for each level down.
#[derive(Clone, Copy, Debug)]
pub struct Seed<'a> {
    /// The object, such as `Contact`.
    pub object: &'a str,
    /// Its id.
    pub id: &'a str,
    /// Its fields. What the vendor would work out by itself, and fields of other records, may stand there and are left out.
    pub fields: &'a Map<String, Value>,
    /// The contact that it is about.
    pub contact: Option<&'a str>,
}

/// A stand-in: state plus behaviour, written from the vendor's public documentation.
pub trait Vendor: Send {
    /// The name on the command line and in URLs, such as `hubspot`.
    fn name(&self) -> &'static str;
    /// Answers one request. `now` is handed in so that index lag and expiry follow the server's clock.
    fn handle(&mut self, request: &Request, now: Timestamp) -> Response;
    /// How this vendor words a refusal.
    fn refuse(&self, refusal: Refusal) -> Response;
    /// All records by object, for `GET /_sandbox/records`: `{"Contact":[{...}], ...}`.
    fn records(&self) -> Value;
    /// Adds records in the shape of [`Vendor::records`]; ids are made where missing.
    ///
    /// Errors: a sentence naming the object or field that is not understood.
    fn load(&mut self, records: &Value) -> Result<(), String>;
    /// Adds one record of a config test; what the vendor asks for and the test leaves out is filled in.
    ///
    /// Errors: a sentence naming what is not understood.
    fn seed(&mut self, seed: &Seed<'_>) -> Result<(), String> {
        Err(format!("the stand-in for {} takes no {} of a test", self.name(), seed.object))
    }
    /// The fields of every record of an object, as [`Seed`] has them.
    fn held(&self, object: &str) -> Vec<Map<String, Value>> {
        let records = self.records();
        let rows = records.get(object).and_then(Value::as_array).into_iter().flatten();
        rows.filter_map(Value::as_object).map(flat).collect()
    }
    /// Changes settings such as `index_lag_ms`; unknown names are an error.
    fn configure(&mut self, settings: &Value) -> Result<(), String>;
    /// Empties the stand-in: as it was when it started.
    fn reset(&mut self);
    /// Makes all access tokens invalid; refresh still works.
    fn expire_tokens(&mut self);
    /// Makes refresh tokens (and access tokens) invalid until `reset`.
    fn revoke_tokens(&mut self);
    /// Gives back what was revoked: the credentials that the stand-in begins with are good again.
    fn restore_tokens(&mut self);
}

/// A record's members with a dot for each level down.
pub(crate) fn flat(record: &Map<String, Value>) -> Map<String, Value> {
    fn down(prefix: &str, members: &Map<String, Value>, out: &mut Map<String, Value>) {
        for (key, value) in members {
            let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
            match value {
                Value::Object(inner) => down(&name, inner, out),
                value => drop(out.insert(name, value.clone())),
            }
        }
    }
    let mut out = Map::new();
    down("", record, &mut out);
    out
}

/// The same the other way round.
pub(crate) fn nested(fields: &Map<String, Value>) -> Value {
    fn put(into: &mut Map<String, Value>, name: &str, value: &Value) {
        match name.split_once('.') {
            None => drop(into.insert(name.to_owned(), value.clone())),
            Some((first, rest)) => {
                if let Value::Object(inner) = into.entry(first).or_insert_with(|| Value::Object(Map::new())) {
                    put(inner, rest, value);
                }
            }
        }
    }
    let mut out = Map::new();
    fields.iter().for_each(|(name, value)| put(&mut out, name, value));
    Value::Object(out)
}
