//! What a voice platform sends, read by every source that ships: raw bytes as they come, and the fixtures with parts of them replaced.
//!
//! Nothing may fall over, and the same bytes must be the same call: a repetition is known by its key.
#![no_main]

use std::sync::LazyLock;

use aftercall::{intake, load, service};
use aftercall_config::project::Project;
use aftercall_config::resolve;
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value, json};

const SOURCES: [&str; 5] = ["bland", "elevenlabs", "json", "retell", "vapi"];

const FIXTURES: &[&str] = &[
    include_str!("../../fixtures/sources/bland/booked.json"),
    include_str!("../../fixtures/sources/elevenlabs/escalated.json"),
    include_str!("../../fixtures/sources/elevenlabs/reached-nobody.json"),
    include_str!("../../fixtures/sources/json/whole.json"),
    include_str!("../../fixtures/sources/retell/call_analyzed.json"),
    include_str!("../../fixtures/sources/vapi/booked.json"),
];

static PROJECT: LazyLock<Project> = LazyLock::new(|| {
    let sections: String = SOURCES.iter().map(|name| format!("[source.{name}]\nallow_unsigned = true\n")).collect();
    let head = "name = \"fuzz\"\ntimezone = \"America/Chicago\"\nphone_region = \"US\"\n";
    let loaded = resolve::load(&load::shipped().with("aftercall.toml", format!("{head}{sections}")));
    loaded.project.unwrap_or_else(|| panic!("what ships does not load"))
});

/// Parts of a fixture replaced, as the bytes say: which part, and by what.
fn edited(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let (which, rest) = bytes.split_first()?;
    bytes = rest;
    let mut payload: Value = serde_json::from_str(FIXTURES[usize::from(*which) % FIXTURES.len()]).ok()?;
    while let [at, also, what, rest @ ..] = bytes {
        let (text, rest) = rest.split_at((usize::from(*what) / 16).min(rest.len()));
        let mut count = usize::from(*at) + 256 * usize::from(also % 2);
        replace(&mut payload, &mut count, &value(what % 16, text));
        bytes = rest;
    }
    serde_json::to_vec(&payload).ok()
}

fn replace(value: &mut Value, count: &mut usize, new: &Value) -> bool {
    if *count == 0 {
        *value = new.clone();
        return true;
    }
    *count -= 1;
    match value {
        Value::Array(items) => items.iter_mut().any(|item| replace(item, count, new)),
        Value::Object(fields) => fields.values_mut().any(|field| replace(field, count, new)),
        _ => false,
    }
}

fn value(what: u8, bytes: &[u8]) -> Value {
    let text = String::from_utf8_lossy(bytes).into_owned();
    match what {
        0 => Value::Null,
        1 => json!(true),
        2 => json!([]),
        3 => json!({}),
        4 => json!(-1),
        5 => json!(1e300),
        6 => json!(i64::MIN),
        7 => json!(u64::MAX),
        8 => json!([text, null, {"role": text, "message": text}]),
        9 => json!({"value": text, "result": {"outcome": text}}),
        10 => text.parse::<f64>().map_or(Value::Null, |number| json!(number)),
        11 => Value::Object(Map::from_iter([(text, json!("x"))])),
        _ => json!(text),
    }
}

fn look(body: &[u8]) {
    let project = &*PROJECT;
    let keys = |call: &_| service::lane_keys(project, call);
    let now = Timestamp::UNIX_EPOCH;
    for source in project.sources.values() {
        let first = intake::take(project, source, body.to_vec(), now, &keys);
        let again = intake::take(project, source, body.to_vec(), now, &keys);
        assert_eq!(first.verdict, again.verdict);
        assert_eq!(first.arrival.event_key, again.arrival.event_key);
        if let intake::Verdict::Call { id, .. } = &first.verdict {
            assert!(id.starts_with(&source.name), "{id}");
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    match bytes.split_first() {
        Some((0xff, edits)) => {
            if let Some(body) = edited(edits) {
                look(&body);
            }
        }
        _ => look(bytes),
    }
});
