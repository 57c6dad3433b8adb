//! What a sender is told. Platforms look at the status alone; the sentences are for the person who reads their log.

use axum::Json;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::arrival::Verdict;
use super::body::{LARGEST, NoBody, PATIENCE};
use crate::journal::Accepted;

/// Seconds after which a sender should try again. Platforms that heed it at all wait about that long by themselves.
const AGAIN_S: &str = "5";

/// The journal has it: the only answers with a status of 2xx.
pub(super) fn taken(verdict: &Verdict, accepted: Accepted) -> Response {
    let (status, mut body) = match (verdict, accepted) {
        (Verdict::Call { id, .. }, Accepted::Duplicate { .. }) => (StatusCode::OK, json!({"status": "duplicate", "call": id})),
        (Verdict::Call { id, .. }, Accepted::Amended { revision, .. }) => {
            (StatusCode::ACCEPTED, json!({"status": "amended", "call": id, "revision": revision}))
        }
        (Verdict::Call { id, .. }, _) => (StatusCode::ACCEPTED, json!({"status": "accepted", "call": id})),
        (Verdict::Ignored, _) => (StatusCode::OK, json!({"status": "ignored"})),
        (Verdict::Unrecognised { .. }, Accepted::Duplicate { .. }) => (StatusCode::OK, json!({"status": "duplicate"})),
        (Verdict::Unrecognised { reason }, _) => (StatusCode::ACCEPTED, json!({"status": "kept", "reason": reason})),
    };
    if let Verdict::Call { notes, .. } = verdict
        && !notes.is_empty()
    {
        body["notes"] = json!(notes);
    }
    (status, Json(body)).into_response()
}

fn refusal(status: StatusCode, sentence: impl Into<String>) -> Response {
    (status, Json(json!({"error": sentence.into()}))).into_response()
}

/// A source that the project does not have.
pub(super) fn unknown_source(name: &str, known: &[&str]) -> Response {
    let sentence = match known {
        [] => "this project has no source; `[source.NAME]` in aftercall.toml makes one".to_owned(),
        known => format!("there is no source `{}`; this project has: {}", short(name), known.join(", ")),
    };
    let mut body = json!({"error": sentence});
    body["sources"] = Value::from(known.to_vec());
    (StatusCode::NOT_FOUND, Json(body)).into_response()
}

/// Not genuine. Says nothing of what was wrong: our log does.
pub(super) fn unverified() -> Response {
    let sentence = "this request could not be verified; whoever runs this address finds the reason in its log";
    let mut response = refusal(StatusCode::UNAUTHORIZED, sentence);
    response.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Signature realm=\"aftercall\""));
    response
}

/// No body that could be kept.
pub(super) fn no_body(why: NoBody) -> Response {
    match why {
        NoBody::TooLarge => refusal(StatusCode::PAYLOAD_TOO_LARGE, format!("at most {} MiB are taken", LARGEST / 1024 / 1024)),
        NoBody::Unfinished => {
            refusal(StatusCode::REQUEST_TIMEOUT, format!("the body did not arrive within {} seconds", PATIENCE.as_secs()))
        }
        NoBody::Crowded => later("too much is coming in at once"),
    }
}

/// Another method than POST.
pub(super) fn wrong_method(source: &str) -> Response {
    let sentence = format!("finished calls are sent here with POST, as JSON: POST /v1/calls/{}", short(source));
    let mut response = refusal(StatusCode::METHOD_NOT_ALLOWED, sentence);
    response.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static("POST"));
    response
}

/// Our own trouble: never a 4xx, which some platforms take for final.
pub(super) fn later(sentence: &str) -> Response {
    const RETRY_AFTER: HeaderName = header::RETRY_AFTER;
    let mut response = refusal(StatusCode::SERVICE_UNAVAILABLE, format!("{sentence}; send it again, and it is taken in once"));
    response.headers_mut().insert(RETRY_AFTER, header::HeaderValue::from_static(AGAIN_S));
    response
}

/// A stranger's word, cut to what fits a sentence.
fn short(word: &str) -> String {
    let clean: String = word.chars().filter(|c| !c.is_control()).take(41).collect();
    if clean.chars().count() > 40 { format!("{}…", clean.chars().take(40).collect::<String>()) } else { clean }
}
