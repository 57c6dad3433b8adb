//! From a declared request and the values at hand to one that can go out.
//!
//! Not for sending it, and not for the credentials: those are added last, by `exchange`.

use std::time::Duration;

use aftercall_config::functions::{percent_encode, text};
use aftercall_config::project::{Connection, Object, Request};
use aftercall_config::template::Scope;
use bytes::Bytes;
use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::failure::Failure;
use super::http::Prepared;

/// How long an answer may take where the manifest does not say.
const TIMEOUT_S: u32 = 15;

/// A request below the base address, rendered and not yet let in.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rendered {
    pub(super) method: String,
    /// Path and query, percent-encoded.
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Option<Value>,
}

impl Rendered {
    /// What was asked, as 32 hexadecimal digits: method, path and body, and no header.
    pub(super) fn digest(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(self.method.as_bytes());
        hash.update(b" ");
        hash.update(self.path.as_bytes());
        hash.update(b"\n");
        if let Some(body) = &self.body {
            hash.update(body.to_string().as_bytes());
        }
        let hash = hash.finalize();
        hash.iter().take(16).flat_map(|byte| [byte >> 4, byte & 15]).filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
    }
}

/// What every template of a request sees beside what its place offers.
pub(super) fn scope(connection: &Connection, base_url: &str, object: Option<&Object>, place: &Map<String, Value>) -> Scope {
    let mut data = place.clone();
    data.insert("settings".to_owned(), connection.settings.clone());
    data.insert("base_url".to_owned(), Value::from(base_url));
    if let Some(object) = object {
        let key = object.decl.identity.as_ref().map(|identity| identity.field.clone());
        data.insert("object".to_owned(), json!({"name": object.decl.name, "key": key}));
    }
    Scope::new(Value::Object(data))
}

/// Renders a request. Absent query values are left out, lists repeat their parameter.
///
/// Errors: `invalid` where the path would name another place than the manifest means: a part is empty, `.` or `..`.
pub(super) fn render(request: &Request, scope: &Scope) -> Result<Rendered, Failure> {
    let mut path = request.path.encoded(scope);
    let (plain, _) = path.split_once('?').unwrap_or((&path, ""));
    // An absent id would turn "this record" into "all records", and the URL standard folds dots, encoded or not.
    if plain.contains("//") || plain.split('/').any(|part| matches!(part.replace("%2E", ".").replace("%2e", ".").as_str(), "." | "..")) {
        return Err(Failure::invalid("a part of the request's path has no value"));
    }
    let mut separator = if path.contains('?') { '&' } else { '?' };
    for (name, template) in &request.query {
        let values = match template.eval(scope) {
            None => Vec::new(),
            Some(Value::Array(values)) => values,
            Some(value) => vec![value],
        };
        for value in values {
            path.push(separator);
            path.push_str(&percent_encode(name));
            path.push('=');
            path.push_str(&percent_encode(&text(&value)));
            separator = '&';
        }
    }
    let headers = request.headers.iter().filter_map(|(name, value)| Some((name.clone(), text(&value.eval(scope)?)))).collect();
    let body = request.body.as_ref().and_then(|body| body.eval(scope));
    Ok(Rendered { method: request.method.clone(), path, headers, body })
}

/// A rendered request with its address and the headers of the manifest.
///
/// Errors: `invalid` where a header or the address cannot be written.
pub(super) fn prepare(connection: &Connection, base_url: &str, rendered: &Rendered) -> Result<Prepared, Failure> {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    let body = match &rendered.body {
        Some(body) => {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            let bytes = serde_json::to_vec(body).map_err(|e| Failure::invalid(format!("the body cannot be written: {e}")))?;
            Some(Bytes::from(bytes))
        }
        None => None,
    };
    let own = rendered.headers.iter().map(|(name, value)| (name, value));
    for (name, value) in connection.connector.decl.headers.iter().chain(own) {
        let bad = || Failure::invalid(format!("the header `{name}` cannot be written"));
        headers.insert(HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?, HeaderValue::from_str(value).map_err(|_| bad())?);
    }
    let method =
        Method::from_bytes(rendered.method.as_bytes()).map_err(|_| Failure::invalid(format!("`{}` is no method", rendered.method)))?;
    Ok(Prepared { method, url: format!("{base_url}{}", rendered.path), headers, body, timeout: timeout(connection) })
}

/// How long an answer of this system may take.
pub(super) fn timeout(connection: &Connection) -> Duration {
    Duration::from_secs(connection.connector.decl.timeout_s.unwrap_or(TIMEOUT_S).into())
}
