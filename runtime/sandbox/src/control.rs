//! The endpoints under `/_sandbox`: look at a stand-in, fill it, and make it fail.
//!
//! Not for the vendor's API, and never hit by faults.

use serde_json::{Value, json};

use crate::{fault::FaultSpec, server::Shared, vendor::Response};

/// Where the endpoints live.
pub(crate) const PREFIX: &str = "/_sandbox";

/// Answers one control request.
pub(crate) fn handle(shared: &Shared, method: &str, path: &str, body: &[u8]) -> Response {
    let rest = path.strip_prefix(PREFIX).unwrap_or(path).trim_end_matches('/');
    let done = |result: Result<(), String>| match result {
        Ok(()) => answer(200, &json!({ "ok": true })),
        Err(message) => answer(400, &json!({ "error": message })),
    };
    match (method, rest) {
        ("GET", "/records") => answer(200, &shared.records()),
        ("GET", "/requests") => answer(200, &shared.log_json()),
        ("POST", "/reset") => {
            shared.reset();
            done(Ok(()))
        }
        ("POST", "/load") => done(parse(body).and_then(|records| shared.load(&records))),
        ("POST", "/configure") => done(parse(body).and_then(|settings| shared.configure(&settings))),
        ("POST", "/faults") => done(parse(body).and_then(|spec| faults(shared, spec))),
        (_, "/records" | "/requests" | "/reset" | "/load" | "/configure" | "/faults") => {
            answer(405, &json!({ "error": format!("{method} is not for this path") }))
        }
        _ => answer(404, &json!({ "error": "there are records, requests, load, faults, reset and configure" })),
    }
}

fn parse(body: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(body).map_err(|error| format!("the body is not JSON: {error}"))
}

/// All of them or, when one is not understood, none.
fn faults(shared: &Shared, spec: Value) -> Result<(), String> {
    let list = match spec {
        Value::Array(list) => list,
        one => vec![one],
    };
    let mut specs = Vec::with_capacity(list.len());
    for item in list {
        if item.get("clear") == Some(&Value::Bool(true)) {
            specs.push(None);
        } else {
            let spec: FaultSpec = serde_json::from_value(item).map_err(|error| format!("not a fault: {error}"))?;
            specs.push(Some(spec));
        }
    }
    for spec in specs {
        match spec {
            Some(spec) => shared.fault(spec),
            None => shared.clear_faults(),
        }
    }
    Ok(())
}

fn answer(status: u16, body: &Value) -> Response {
    Response { status, headers: Vec::new(), content_type: "application/json".to_owned(), body: body.to_string().into_bytes() }
}
