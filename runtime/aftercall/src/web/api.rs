//! `/v1/log`: what the pages show, as JSON for programs, in the shapes that the command line prints.
//!
//! Beside the intake's addresses and none of them: `/v1/calls/{source}` takes calls in.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::act::{Act, IN_HAND, Said, act};
use super::calls::Pairs;
use super::filter::Asked;
use super::page::Refusal;
use super::{Person, Web, call};
use crate::journal::LogFilter;
use crate::view;
use crate::view::mask::{HIDDEN, Seen, mask, of_outcome};

/// What a viewer does not get: whatever a caller said, and what was made of it.
const NOT_FOR_VIEWERS: [&str; 11] = [
    "context",
    "decision",
    "plan",
    "request",
    "receipt",
    "record",
    "data",
    "identity",
    "marker",
    // A system repeats in its words what it was sent.
    "message",
    "status_reason",
];
/// What says which one: whoever may see the call may follow it.
const NAMES: [&str; 6] = ["id", "behind", "record_id", "record_url", "config_version", "digest"];

/// A value as a viewer may see it: without what was said, and numbers and addresses masked in what is left.
pub(super) fn for_viewer(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                // The number of a plan is called so, too.
                if name == "outcome" && value.is_object() {
                    outcome_for_viewer("", value);
                } else if NOT_FOR_VIEWERS.contains(&name.as_str()) && !value.is_number() {
                    *value = Value::Null;
                } else if !NAMES.contains(&name.as_str()) {
                    for_viewer(value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(for_viewer),
        // A moment has as many digits as a number that calls.
        Value::String(text) if text.parse::<Timestamp>().is_err() => *text = mask(text),
        _ => {}
    }
}

/// A call outcome as a viewer may see it: as on the pages.
fn outcome_for_viewer(path: &str, value: &mut Value) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Value::Object(fields) => fields.iter_mut().for_each(|(name, value)| outcome_for_viewer(&below(name), value)),
        Value::Array(items) => items.iter_mut().enumerate().for_each(|(at, value)| outcome_for_viewer(&below(&at.to_string()), value)),
        Value::Null => {}
        value => match of_outcome(path) {
            Seen::Whole => {}
            Seen::Masked => {
                if let Value::String(text) = value {
                    *text = mask(text);
                }
            }
            Seen::Hidden => *value = HIDDEN.into(),
        },
    }
}

fn answer(person: &Person, mut value: Value) -> Response {
    if !person.sees_all() {
        for_viewer(&mut value);
    }
    Json(value).into_response()
}

/// `GET /v1/log/calls`.
pub(super) async fn calls(State(web): State<Web>, person: Person, Query(pairs): Pairs) -> Result<Response, Refusal> {
    let zone = web.service.versions.live().timezone.clone();
    let asked = Asked::read(&pairs, &zone, Timestamp::now(), false).map_err(|error| Refusal::wrong(error).for_program())?;
    let log = web.service.journal.log(LogFilter { whole_words: !person.sees_all(), ..asked.filter.clone() }).await.map_err(json_error)?;
    let counts = web.service.journal.log_counts(asked.filter.of).await.map_err(json_error)?;
    Ok(answer(&person, view::calls::log_json(&log, &counts)))
}

/// `GET /v1/log/calls/{id}`.
pub(super) async fn one(State(web): State<Web>, person: Person, Path(id): Path<String>) -> Result<Response, Refusal> {
    let story = call::find(&web, &id).await.map_err(Refusal::for_program)?;
    Ok(answer(&person, view::story::json(&story)))
}

/// What is sent to have something done.
#[derive(Debug, Default, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Wish {
    /// Why; kept with the call. Needed to resolve it.
    #[serde(default)]
    reason: String,
    /// To retry: under the config as it is now, and not under the version that the call was taken in under.
    #[serde(default)]
    current: bool,
}

/// `POST /v1/log/calls/{id}/retry`.
pub(super) async fn retry(State(web): State<Web>, person: Person, Path(id): Path<String>, wish: Json<Wish>) -> Result<Response, Refusal> {
    let what = if wish.current { Act::Replan } else { Act::Retry };
    done(&web, &person, &id, what, &wish).await
}

/// `POST /v1/log/calls/{id}/resolve`.
pub(super) async fn resolve(State(web): State<Web>, person: Person, Path(id): Path<String>, wish: Json<Wish>) -> Result<Response, Refusal> {
    done(&web, &person, &id, Act::Resolve, &wish).await
}

async fn done(web: &Web, person: &Person, id: &str, what: Act, wish: &Wish) -> Result<Response, Refusal> {
    let (story, recorded) = act(web, person, id, what, &Said::because(&wish.reason), IN_HAND).await.map_err(Refusal::for_program)?;
    Ok(answer(person, json!({"version": 1, "call": story.call.id, "status": recorded.status})))
}

fn json_error(error: crate::journal::Error) -> Refusal {
    Refusal::from(error).for_program()
}

/// `GET /v1/openapi.json`.
pub(super) async fn openapi() -> Response {
    Json(super::openapi::document()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_viewer_gets_nothing_that_was_said() {
        let mut value = json!({
            "plan": 3, "received_at": "2026-11-27T15:00:00Z", "status_reason": "call +13125550142 back",
            "id": "json:550e8400-e29b-41d4-a716-446655440000", "question": "is it +13125550142?",
            "outcome": {
                "started_at": "2026-11-27T14:58:00Z", "outcome": "booked", "summary": "wants +13125550142 called", "captured": {"age": 42},
                "caller": {"phone": "+13125550142", "name": "Nora"}, "tags": ["vip +13125550142"],
            },
            "writes": [{"record_id": "003A", "receipt": [{"value": "x"}]}],
        });
        for_viewer(&mut value);
        let expected = json!({
            "plan": 3, "received_at": "2026-11-27T15:00:00Z", "status_reason": null,
            "id": "json:550e8400-e29b-41d4-a716-446655440000", "question": "is it +1312 *** 42?",
            "outcome": {
                "started_at": "2026-11-27T14:58:00Z", "outcome": "booked", "summary": "***", "captured": {"age": "***"},
                "caller": {"phone": "+1312 *** 42", "name": "Nora"}, "tags": ["vip +1312 *** 42"],
            },
            "writes": [{"record_id": "003A", "receipt": null}],
        });
        assert_eq!(value, expected);
    }
}
