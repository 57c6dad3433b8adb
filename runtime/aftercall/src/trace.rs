//! What happened to a call, as spans: one trace per call, from its intake to its last write, however much later that is.
//!
//! At the bottom of the house like `meters`: rooms put spans here, and `signals` brings them out. The ids follow from the call's id, so a call
//! that is worked again after an hour or a restart goes on with its trace. Off until somebody wants them; then a bounded number is held. Values
//! are names out of the config, words and ids of ours: never anything of a caller.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Spans that are held at most: what a collector that is away does not get is lost, and the service goes on.
const MOST: usize = 8_192;

static WANTED: AtomicBool = AtomicBool::new(false);
static HELD: Mutex<Vec<Value>> = Mutex::new(Vec::new());
static LOST: AtomicU64 = AtomicU64::new(0);
static NUMBER: AtomicU64 = AtomicU64::new(0);

/// A part of a call's way.
#[derive(Debug)]
pub struct Span<'a> {
    /// Our id of the call.
    pub call: &'a str,
    /// `intake`, `match`, `plan`, `write`, `work`.
    pub name: &'static str,
    /// When it began.
    pub from: Timestamp,
    /// When it ended.
    pub to: Timestamp,
    /// Whether something went wrong.
    pub failed: bool,
    /// What is known of it.
    pub about: &'a [(&'static str, &'a str)],
}

fn held() -> MutexGuard<'static, Vec<Value>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether anybody wants spans.
pub fn wanted() -> bool {
    WANTED.load(Ordering::Relaxed)
}

/// Somebody wants them from now on, or nobody does any more.
pub fn want(wanted: bool) {
    if !wanted && WANTED.load(Ordering::Relaxed) {
        held().clear();
    }
    WANTED.store(wanted, Ordering::Relaxed);
}

/// Puts a span down, where anybody wants it.
pub fn span(span: &Span<'_>) {
    if !wanted() {
        return;
    }
    let value = value(span, NUMBER.fetch_add(1, Ordering::Relaxed));
    let mut held = held();
    if held.len() < MOST {
        held.push(value);
    } else {
        LOST.fetch_add(1, Ordering::Relaxed);
    }
}

/// Takes what is held, in the form of OTLP's JSON, and how many were lost since.
pub fn take(most: usize) -> (Vec<Value>, u64) {
    let mut held = held();
    let count = held.len().min(most);
    (held.drain(..count).collect(), LOST.swap(0, Ordering::Relaxed))
}

fn hex(text: &str, bytes: usize) -> String {
    Sha256::digest(text.as_bytes()).iter().take(bytes).map(|byte| format!("{byte:02x}")).collect()
}

/// The id of a call's trace: 32 hexadecimal digits.
pub fn trace_id(call: &str) -> String {
    hex(&format!("trace {call}"), 16)
}

/// A span as OTLP writes it. The intake is the root, whose id every other knows without having seen it.
fn value(span: &Span<'_>, number: u64) -> Value {
    let root = hex(&format!("root {}", span.call), 8);
    let is_root = span.name == "intake";
    let own = if is_root { root.clone() } else { hex(&format!("{} {} {} {number}", span.call, span.name, span.from), 8) };
    let about = span.about.iter().copied().chain([("aftercall.call", span.call)]);
    let attributes: Vec<Value> = about.map(|(key, value)| json!({"key": key, "value": {"stringValue": value}})).collect();
    let mut value = json!({
        "traceId": trace_id(span.call), "spanId": own, "name": span.name, "kind": 1,
        "startTimeUnixNano": span.from.as_nanosecond().to_string(), "endTimeUnixNano": span.to.max(span.from).as_nanosecond().to_string(),
        "attributes": attributes, "status": {"code": if span.failed { 2 } else { 1 }},
    });
    if !is_root {
        value["parentSpanId"] = root.into();
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_has_one_trace() {
        let at = Timestamp::UNIX_EPOCH;
        let make = |name, number| value(&Span { call: "json:c-1", name, from: at, to: at, failed: false, about: &[] }, number);
        let (intake, write, again) = (make("intake", 0), make("write", 1), make("write", 2));
        assert!(intake.get("parentSpanId").is_none());
        for span in [&write, &again] {
            assert_eq!((&span["traceId"], &span["parentSpanId"]), (&intake["traceId"], &intake["spanId"]));
        }
        assert_ne!(write["spanId"], again["spanId"]);
        assert_eq!((intake["traceId"].as_str().map(str::len), intake["spanId"].as_str().map(str::len)), (Some(32), Some(16)));
    }
}
