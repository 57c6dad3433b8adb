//! Vapi: `GET /call` and `GET /call/{id}`, from the public reference of its API.
//!
//! The list is an array, the newest first, at most `limit` (100, up to 1,000), bounded by `createdAtGt`, `createdAtGe`, `createdAtLt` and
//! `createdAtLe`, and the same of `updatedAt`; there is no cursor.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Platform, find};
use crate::{
    vendor::{Refusal, Request, Response},
    wire,
};

/// Vapi.
#[derive(Debug)]
pub struct Vapi;

fn error(status: u16, error: &str, message: &str) -> Response {
    wire::json(status, &json!({"message": message, "error": error, "statusCode": status}))
}

fn time(call: &Value, key: &str) -> Option<Timestamp> {
    call.get(key)?.as_str()?.parse().ok()
}

impl Platform for Vapi {
    const NAME: &'static str = "vapi";
    const ID: &'static str = "id";

    fn started(call: &Value) -> Option<i64> {
        time(call, "createdAt").map(Timestamp::as_millisecond)
    }

    fn key(request: &Request) -> Option<&str> {
        wire::bearer(request)
    }

    fn denied() -> Response {
        error(401, "Unauthorized", "Invalid Key. Hot tip, you may be using the public key instead of the private key, or vice versa.")
    }

    fn answer(calls: &[Value], most: usize, request: &Request) -> Response {
        let segments = wire::segments(&request.path);
        match (request.method.as_str(), segments.iter().map(String::as_str).collect::<Vec<_>>().as_slice()) {
            ("GET", ["call"]) => list(calls, most, request),
            ("GET", ["call", id]) => match find(calls, Self::ID, id) {
                Some(call) => wire::json(200, call),
                None => error(404, "Not Found", "Couldn't find call."),
            },
            _ => error(404, "Not Found", &format!("Cannot {} {}", request.method, request.path)),
        }
    }

    fn refuse(refusal: Refusal) -> Response {
        match refusal {
            Refusal::RateLimited => error(429, "Too Many Requests", "Rate limit exceeded."),
            Refusal::ServerError => error(500, "Internal Server Error", "Internal server error"),
            Refusal::Unavailable => error(503, "Service Unavailable", "Service unavailable"),
        }
    }
}

fn list(calls: &[Value], most: usize, request: &Request) -> Response {
    let mut limit = 100;
    let mut rows: Vec<&Value> = calls.iter().rev().collect();
    for (name, value) in &request.query {
        if name == "limit" {
            match value.parse::<usize>() {
                Ok(number) if number <= 1000 => limit = number,
                _ => return error(400, "Bad Request", "limit must not be greater than 1000"),
            }
            continue;
        }
        let same = ["id", "assistantId", "phoneNumberId"].contains(&name.as_str());
        if same {
            rows.retain(|call| call.get(name).and_then(Value::as_str) == Some(value));
            continue;
        }
        let bound = name.split_at_checked(9).filter(|(key, _)| ["createdAt", "updatedAt"].contains(key));
        let (Some((key, op)), Ok(moment)) = (bound, value.parse::<Timestamp>()) else {
            return error(400, "Bad Request", &format!("property {name} should not exist, or is no time"));
        };
        rows.retain(|call| {
            time(call, key).is_some_and(|at| match op {
                "Gt" => at > moment,
                "Ge" => at >= moment,
                "Lt" => at < moment,
                _ => at <= moment,
            })
        });
    }
    rows.truncate(limit.min(most));
    wire::json(200, &json!(rows))
}
