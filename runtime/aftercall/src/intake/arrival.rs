//! From the bytes of a delivery to what the journal is handed: the one way in, for the endpoint as for files.
//!
//! Nothing here fails: bytes that are no JSON, and JSON that is no call, are kept with the reason why.

use std::panic::{AssertUnwindSafe, catch_unwind};

use aftercall_config::call::CallOutcome;
use aftercall_config::functions;
use aftercall_config::project::{Project, Source};
use aftercall_plan::plan::pipeline_for;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::key;
use super::outcome::{Mapped, map};
use super::words::words;
use crate::journal::{Accepted, Arrival, ArrivalKind, Json, NewCall};
use crate::meters::meters;
use crate::plant::{Plant, planted};

/// A delivery as understood, ready for the journal.
#[derive(Clone)]
pub struct Taken {
    /// What the journal is handed.
    pub arrival: Arrival,
    /// What it turned out to be, for whoever asks.
    pub verdict: Verdict,
}

/// What a delivery turned out to be.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// A finished call.
    Call {
        /// Our id of the call, `source:id`.
        id: String,
        /// Values that did not fit their fields: names, never the values.
        notes: Vec<String>,
    },
    /// Nothing for us.
    Ignored,
    /// Kept, and listed for a person.
    Unrecognised {
        /// What was missing.
        reason: String,
    },
}

/// Reads, maps and names a delivery.
///
/// `lane_keys` gives a caller's identities as opaque keys, each from [`key::lane_key`]. A payload that was kept before and is
/// looked at again keeps its key: put the stored one into the arrival.
pub fn take(project: &Project, source: &Source, body: Vec<u8>, now: Timestamp, lane_keys: &dyn Fn(&CallOutcome) -> Vec<String>) -> Taken {
    match serde_json::from_slice::<Value>(&body) {
        Ok(payload) => take_payload(project, source, body, &payload, now, lane_keys),
        Err(error) => unrecognised(source, not_json(&body, &error), body, now),
    }
}

/// The same for bytes that were parsed already: `payload` is what `body` says.
pub fn take_payload(
    project: &Project,
    source: &Source,
    body: Vec<u8>,
    payload: &Value,
    now: Timestamp,
    lane_keys: &dyn Fn(&CallOutcome) -> Vec<String>,
) -> Taken {
    // Mapping is total; should it fall over a fault of ours after all, the payload is kept rather than lost.
    let Ok(mapped) = catch_unwind(AssertUnwindSafe(|| map(source, payload, &project.timezone))) else {
        return unrecognised(source, "mapping this payload failed inside aftercall: please report it".to_owned(), body, now);
    };
    match mapped {
        Mapped::Call { outcome, provisional_wait_s, notes } => {
            let event_key = key::event_key(&outcome, provisional_wait_s.is_some());
            let event_key = if planted(Plant::RedeliveryIsNews) { format!("{event_key}@{now}") } else { event_key };
            let call = call(project, &outcome, provisional_wait_s, now, lane_keys);
            let verdict = Verdict::Call { id: call.id.clone(), notes };
            Taken { arrival: arrival(source, event_key, ArrivalKind::Call(call), body, now), verdict }
        }
        Mapped::Ignore { rule } => {
            let kind = ArrivalKind::Ignored { reason: rule };
            Taken { arrival: arrival(source, key::body_key(&body), kind, body, now), verdict: Verdict::Ignored }
        }
        Mapped::Unrecognised { reason } => unrecognised(source, reason, body, now),
    }
}

/// A call that is in our own form already, as its source would have brought it.
pub fn of_outcome(project: &Project, outcome: &CallOutcome, now: Timestamp, lane_keys: &dyn Fn(&CallOutcome) -> Vec<String>) -> Arrival {
    Arrival {
        source: outcome.source.clone(),
        event_key: key::event_key(outcome, false),
        body: serde_json::to_vec(outcome).unwrap_or_default(),
        received_at: now,
        kind: ArrivalKind::Call(call(project, outcome, None, now, lane_keys)),
    }
}

fn arrival(source: &Source, event_key: String, kind: ArrivalKind, body: Vec<u8>, now: Timestamp) -> Arrival {
    Arrival { source: source.name.clone(), event_key, body, received_at: now, kind }
}

fn unrecognised(source: &Source, reason: String, body: Vec<u8>, now: Timestamp) -> Taken {
    let kind = ArrivalKind::Unrecognised { reason: reason.clone() };
    Taken { arrival: arrival(source, key::body_key(&body), kind, body, now), verdict: Verdict::Unrecognised { reason } }
}

/// The pipeline that an arrival comes to, for counting; `none` where none takes it, or it is no call.
pub(super) fn pipeline_of(project: &Project, arrival: &Arrival) -> String {
    let ArrivalKind::Call(call) = &arrival.kind else { return "none".to_owned() };
    let outcome = call.outcome.read::<CallOutcome>().ok();
    outcome.and_then(|outcome| pipeline_for(project, &outcome).map(|pipeline| pipeline.name.clone())).unwrap_or_else(|| "none".to_owned())
}

/// Counts a delivery that is in the journal.
pub(super) fn count(source: &str, pipeline: &str, verdict: &Verdict, accepted: Accepted) {
    let result = match (verdict, accepted) {
        (Verdict::Ignored, _) => "ignored",
        (_, Accepted::Duplicate { .. }) => "repeated",
        (Verdict::Unrecognised { .. }, _) => "unrecognised",
        (Verdict::Call { .. }, Accepted::Amended { .. }) => "amended",
        (Verdict::Call { .. }, _) => "new",
    };
    meters().payloads.add(&[source, result], 1);
    if result == "new" {
        meters().received.add(&[source, pipeline], 1);
    }
}

/// The call as the journal queues it.
fn call(
    project: &Project,
    outcome: &CallOutcome,
    provisional_wait_s: Option<u32>,
    now: Timestamp,
    lane_keys: &dyn Fn(&CallOutcome) -> Vec<String>,
) -> NewCall {
    let wait = SignedDuration::from_secs(i64::from(provisional_wait_s.unwrap_or(0)));
    NewCall {
        id: if planted(Plant::RedeliveryIsNews) { format!("{}@{now}", key::call_id(outcome)) } else { key::call_id(outcome) },
        lane_keys: if planted(Plant::CallerWithoutLane) { Vec::new() } else { lane_keys(outcome) },
        // An outcome holds text, numbers and JSON values; none of them fails to serialise.
        outcome: Json::of(outcome).unwrap_or_else(|_| Json::from_text("{}")),
        words: words(outcome),
        started_at: outcome.started_at.as_ref().and_then(|t| functions::timestamp(&Value::from(t.as_str()))),
        config_version: project.version.to_string(),
        digest: key::digest(outcome),
        provisional: provisional_wait_s.is_some(),
        due_at: now.checked_add(wait).unwrap_or(now),
    }
}

/// Why bytes are no JSON, in the words of somebody who has seen it before. Quotes nothing of them.
fn not_json(body: &[u8], error: &serde_json::Error) -> String {
    let at = format!("line {} column {}", error.line(), error.column());
    match body {
        [] => "the body is empty".to_owned(),
        [0x1f, 0x8b, ..] => "the body is compressed; send it as it is".to_owned(),
        _ if error.is_eof() => format!("the body is cut off at {at}"),
        _ if error.to_string().starts_with("recursion limit") => format!("the body is nested deeper than 127 levels at {at}"),
        _ if !body.trim_ascii_start().starts_with(b"{") && body.contains(&b'=') => "the body is a form, and not JSON".to_owned(),
        _ => format!("the body is no JSON: something is wrong at {at}"),
    }
}
