//! ElevenLabs Agents: `GET /v1/convai/conversations` and `/v1/convai/conversations/{id}`, from its OpenAPI description.
//!
//! The list is a page of summaries by start, the newest first unless asked otherwise; `next_cursor` leads to the next while `has_more`.

use serde_json::{Value, json};

use super::{Platform, find};
use crate::{
    vendor::{Refusal, Request, Response},
    wire,
};

/// ElevenLabs Agents.
#[derive(Debug)]
pub struct ElevenLabs;

fn error(status: u16, code: &str, message: &str) -> Response {
    wire::json(status, &json!({"detail": {"status": code, "message": message}}))
}

/// What its validation answers.
fn invalid(name: &str, message: &str) -> Response {
    wire::json(422, &json!({"detail": [{"loc": ["query", name], "msg": message, "type": "value_error"}]}))
}

impl Platform for ElevenLabs {
    const NAME: &'static str = "elevenlabs";
    const ID: &'static str = "conversation_id";

    fn started(call: &Value) -> Option<i64> {
        Some(call.pointer("/metadata/start_time_unix_secs")?.as_i64()? * 1000)
    }

    fn key(request: &Request) -> Option<&str> {
        wire::header(request, "xi-api-key")
    }

    fn denied() -> Response {
        error(401, "invalid_api_key", "Invalid API key")
    }

    fn answer(calls: &[Value], most: usize, request: &Request) -> Response {
        let segments = wire::segments(&request.path);
        match (request.method.as_str(), segments.iter().map(String::as_str).collect::<Vec<_>>().as_slice()) {
            ("GET", ["v1", "convai", "conversations"]) => list(calls, most, request).unwrap_or_else(|refusal| refusal),
            ("GET", ["v1", "convai", "conversations", id]) => match find(calls, Self::ID, id) {
                Some(call) => wire::json(200, call),
                None => error(404, "conversation_not_found", &format!("Conversation with id {id} not found.")),
            },
            _ => wire::json(404, &json!({"detail": "Not Found"})),
        }
    }

    fn refuse(refusal: Refusal) -> Response {
        match refusal {
            Refusal::RateLimited => error(429, "too_many_concurrent_requests", "Too many concurrent requests."),
            Refusal::ServerError => error(500, "internal_server_error", "An unexpected error occurred."),
            Refusal::Unavailable => error(503, "system_busy", "We are experiencing heavy traffic."),
        }
    }
}

fn list(calls: &[Value], most: usize, request: &Request) -> Result<Response, Response> {
    let mut rows: Vec<&Value> = calls.iter().collect();
    let number = |name: &str| match wire::query(request, name) {
        None => Ok(None),
        Some(text) => text.parse::<i64>().map(Some).map_err(|_| invalid(name, "Input should be a valid integer")),
    };
    let start = |call: &Value| ElevenLabs::started(call).unwrap_or_default() / 1000;
    if let Some(after) = number("call_start_after_unix")? {
        rows.retain(|call| start(call) >= after);
    }
    if let Some(before) = number("call_start_before_unix")? {
        rows.retain(|call| start(call) <= before);
    }
    match wire::query(request, "sort_direction") {
        None | Some("desc") => rows.reverse(),
        Some("asc") => {}
        Some(_) => return Err(invalid("sort_direction", "Input should be 'asc' or 'desc'")),
    }
    let size = number("page_size")?.unwrap_or(30);
    let size = usize::try_from(size).ok().filter(|size| (1..=100).contains(size));
    let size = size.ok_or_else(|| invalid("page_size", "Input should be less than or equal to 100"))?;
    let from = match wire::query(request, "cursor") {
        None => 0,
        Some(cursor) => {
            let at = rows.iter().position(|call| call[ElevenLabs::ID] == cursor);
            1 + at.ok_or_else(|| error(400, "invalid_cursor", "The cursor is invalid."))?
        }
    };
    let page: Vec<&Value> = rows.iter().skip(from).take(size.min(most)).copied().collect();
    let has_more = from + page.len() < rows.len();
    let next = page.last().filter(|_| has_more).map_or(Value::Null, |last| last[ElevenLabs::ID].clone());
    let summaries: Vec<Value> = page.iter().map(|call| summary(call)).collect();
    Ok(wire::json(200, &json!({"conversations": summaries, "next_cursor": next, "has_more": has_more})))
}

/// A conversation as the list shows it.
fn summary(call: &Value) -> Value {
    let of = |pointer: &str| call.pointer(pointer).cloned().unwrap_or_default();
    json!({
        "agent_id": of("/agent_id"), "agent_name": of("/agent_name"), "conversation_id": of("/conversation_id"),
        "start_time_unix_secs": of("/metadata/start_time_unix_secs"), "call_duration_secs": of("/metadata/call_duration_secs"),
        "message_count": call["transcript"].as_array().map_or(0, Vec::len), "status": of("/status"),
        "call_successful": call.pointer("/analysis/call_successful").cloned().unwrap_or_else(|| json!("unknown")),
        "direction": of("/metadata/phone_call/direction"),
    })
}
