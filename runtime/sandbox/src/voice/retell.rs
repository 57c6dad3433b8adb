//! Retell AI: `POST /v3/list-calls` and `GET /v2/get-call/{id}`, from its public reference.
//!
//! The list is a page of `items` without their transcripts, by `start_timestamp`, the newest first unless asked otherwise; `pagination_key`
//! leads to the next while `has_more`. Of the filters, the range of `start_timestamp` is there; another is refused.

use serde_json::{Value, json};

use super::{Platform, find};
use crate::{
    vendor::{Refusal, Request, Response},
    wire,
};

/// Retell AI.
#[derive(Debug)]
pub struct Retell;

fn error(status: u16, message: &str) -> Response {
    wire::json(status, &json!({"status": "error", "message": message}))
}

impl Platform for Retell {
    const NAME: &'static str = "retell";
    const ID: &'static str = "call_id";

    fn started(call: &Value) -> Option<i64> {
        call.get("start_timestamp")?.as_i64()
    }

    fn key(request: &Request) -> Option<&str> {
        wire::bearer(request)
    }

    fn denied() -> Response {
        error(401, "API key is missing or invalid.")
    }

    fn answer(calls: &[Value], most: usize, request: &Request) -> Response {
        let segments = wire::segments(&request.path);
        match (request.method.as_str(), segments.iter().map(String::as_str).collect::<Vec<_>>().as_slice()) {
            ("POST", ["v3", "list-calls"]) => list(calls, most, request).unwrap_or_else(|message| error(400, &message)),
            ("GET", ["v2", "get-call", id]) => match find(calls, Self::ID, id) {
                Some(call) => wire::json(200, call),
                None => error(422, "Cannot find requested asset under given api key."),
            },
            _ => error(404, "Not Found"),
        }
    }

    fn refuse(refusal: Refusal) -> Response {
        match refusal {
            Refusal::RateLimited => error(429, "Account rate limited, please throttle your requests."),
            Refusal::ServerError => error(500, "An unexpected server error occurred."),
            Refusal::Unavailable => error(503, "Service unavailable."),
        }
    }
}

fn list(calls: &[Value], most: usize, request: &Request) -> Result<Response, String> {
    let body: Value = serde_json::from_slice(&request.body).map_err(|_| "request body is no JSON".to_owned())?;
    let mut rows: Vec<&Value> = calls.iter().collect();
    for (name, filter) in body.get("filter_criteria").and_then(Value::as_object).into_iter().flatten() {
        let range = (name == "start_timestamp" && filter["type"] == "range" && filter["op"] == "bt").then(|| &filter["value"]);
        let bounds = range.and_then(|value| Some((value.get(0)?.as_i64()?, value.get(1)?.as_i64()?)));
        let (from, to) = bounds.ok_or_else(|| format!("request/body/filter_criteria/{name} must match a schema"))?;
        rows.retain(|call| Retell::started(call).is_some_and(|at| (from..=to).contains(&at)));
    }
    match body.get("sort_order").and_then(Value::as_str) {
        None | Some("descending") => rows.reverse(),
        Some("ascending") => {}
        Some(_) => return Err("request/body/sort_order must be equal to one of the allowed values".to_owned()),
    }
    let limit = match body.get("limit") {
        None => 50,
        Some(limit) => {
            let limit = limit.as_u64().filter(|limit| *limit <= 1000).and_then(|limit| usize::try_from(limit).ok());
            limit.ok_or("request/body/limit must be <= 1000")?
        }
    };
    // Opaque to others: the id of the last call of the page before.
    let after = body.get("pagination_key").and_then(Value::as_str);
    let from = match after {
        None => 0,
        Some(key) => 1 + rows.iter().position(|call| call[Retell::ID] == key).ok_or("pagination_key is invalid")?,
    };
    let page: Vec<&Value> = rows.iter().skip(from).take(limit.min(most)).copied().collect();
    let has_more = from + page.len() < rows.len();
    let mut answer = json!({"has_more": has_more, "items": page.iter().map(|call| short(call)).collect::<Vec<_>>()});
    if has_more {
        answer["pagination_key"] = page.last().map_or(Value::Null, |last| last[Retell::ID].clone());
    }
    Ok(wire::json(200, &answer))
}

/// A call as the list shows it.
fn short(call: &Value) -> Value {
    let mut call = call.clone();
    if let Some(fields) = call.as_object_mut() {
        for key in ["transcript", "transcript_object", "transcript_with_tool_calls", "scrubbed_transcript_with_tool_calls"] {
            fields.remove(key);
        }
    }
    call
}
