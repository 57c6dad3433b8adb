//! The sources that ship, on payloads of the form that their platforms send: `tests/fixtures/sources/<source>/`.
//!
//! Beside each payload stands the outcome that it becomes (`*.snap`), and in each folder `signatures.json`: headers that an independent
//! tool computed over the files' exact bytes.

use std::path::Path;

use aftercall_config::functions::timestamp;
use aftercall_config::project::Source;
use serde_json::{Value, json};

use super::testing::{entries, folder, shipped};
use super::{Mapped, Refusal, map, verify};

fn json_file(path: &Path) -> Value {
    let text = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn payloads(folder: &Path) -> Vec<(String, std::path::PathBuf)> {
    let stem = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let files = entries(folder).into_iter().filter(|p| p.extension().is_some_and(|e| e == "json")).map(|p| (stem(&p), p));
    files.filter(|(name, _)| name != "signatures").collect()
}

/// A payload's outcome as a value, for comparing.
fn mapped(source: &Source, payload: &Value) -> Value {
    let zone = jiff::tz::TimeZone::get("America/Chicago").expect("bundled");
    match map(source, payload, &zone) {
        Mapped::Call { outcome, provisional_wait_s, notes } => {
            json!({"call": outcome, "provisional_wait_s": provisional_wait_s, "notes": notes})
        }
        Mapped::Ignore { rule } => json!({"ignored": rule}),
        Mapped::Unrecognised { reason } => json!({"unrecognised": reason}),
    }
}

#[test]
fn every_payload_becomes_its_outcome() {
    let sources = shipped();
    for (name, source) in &sources {
        let found = payloads(&folder("tests/fixtures/sources").join(name));
        assert!(!found.is_empty(), "the source `{name}` has no payloads in tests/fixtures/sources/{name}");
        for (payload, path) in found {
            let mut settings = insta::Settings::clone_current();
            settings.set_snapshot_path(format!("../../../../tests/fixtures/sources/{name}"));
            settings.set_prepend_module_to_snapshot(false);
            settings.set_omit_expression(true);
            settings.bind(|| insta::assert_json_snapshot!(payload, mapped(source, &json_file(&path))));
        }
    }
}

#[test]
fn every_signature_verifies_and_no_other_does() {
    let sources = shipped();
    let mut seen = 0;
    for path in entries(&folder("tests/fixtures/sources")) {
        let file = path.join("signatures.json");
        if !file.exists() {
            continue;
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let vectors = json_file(&file);
        for vector in vectors["vectors"].as_array().expect("a list of vectors") {
            let decl = match vector.get("signature") {
                // A form that no source that ships uses.
                Some(own) => serde_json::from_value(own.clone()).expect("a signature declaration"),
                None => sources[&name].signature.clone().expect("a signature"),
            };
            let body = std::fs::read(path.join(vector["file"].as_str().expect("a file"))).expect("the file");
            let secret = vector["secret"].as_str().expect("a secret").as_bytes();
            let now = timestamp(&vector["verify_at"]).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
            let headers = |name: &str| vector["headers"].get(name).and_then(Value::as_str);
            let context = format!("{name}: {vector}");
            assert_eq!(verify(&decl, &[secret], headers, &body, now), Ok(()), "{context}");
            // A second secret is being rotated in.
            assert_eq!(verify(&decl, &[b"YW5vdGhlcnNlY3JldA==", secret], headers, &body, now), Ok(()), "{context}");
            assert!(matches!(verify(&decl, &[b"YW5vdGhlcnNlY3JldA=="], headers, &body, now), Err(Refusal::Mismatch)), "{context}");
            assert!(verify(&decl, &[secret], |_| None, &body, now).is_err(), "{context}");
            seen += 1;
            if vector["scheme"] == "token" {
                continue;
            }
            let mut changed = body.clone();
            changed[0] ^= 1;
            assert!(matches!(verify(&decl, &[secret], headers, &changed, now), Err(Refusal::Mismatch)), "{context}");
            if !vector["verify_at"].is_null() {
                let tolerance = jiff::SignedDuration::from_secs(3 + i64::try_from(decl.tolerance_s.unwrap_or(300)).unwrap_or(i64::MAX));
                for off in [now + tolerance, now - tolerance] {
                    assert!(matches!(verify(&decl, &[secret], headers, &body, off), Err(Refusal::Stale { .. })), "{context}");
                }
            }
        }
    }
    assert!(seen >= 8, "only {seen} vectors");
}

#[test]
fn the_calls_of_the_example_are_whole() {
    let sources = shipped();
    let calls = folder("examples/front-desk/calls");
    let index = json_file(&calls.join("index.json"));
    let index = index.as_array().expect("a list");
    let mut callers: Vec<(String, Option<String>, Option<String>)> = Vec::new();
    for entry in index {
        let payload = json_file(&calls.join(entry["file"].as_str().expect("a file")));
        let outcome = mapped(&sources[entry["source"].as_str().expect("a source")], &payload);
        assert_eq!(outcome["notes"], json!([]), "{entry}");
        assert_eq!(outcome["provisional_wait_s"], Value::Null, "{entry}");
        for field in ["outcome", "summary", "started_at", "ended_at", "duration_s", "line", "transcript", "recording"] {
            assert!(outcome["call"].get(field).is_some(), "{entry} lacks {field}");
        }
        let text = |at: &str| outcome["call"]["caller"][at].as_str().map(str::to_owned);
        callers.push((entry["group"].as_str().expect("a group").to_owned(), text("phone"), text("email")));
    }
    let of = |group: &str| callers.iter().filter(|c| c.0 == group).collect::<Vec<_>>();
    let (known, email, burst) = (of("known"), of("email"), of("burst"));
    assert_eq!((known.len(), email.len(), burst.len()), (4, 3, 3));
    for group in [&known, &burst] {
        assert!(group[0].1.is_some() && group.iter().all(|c| c.1 == group[0].1), "one number: {group:?}");
    }
    assert_eq!(known.iter().filter(|c| c.2.is_some()).count(), 1, "one of them gives an address: {known:?}");
    assert!(email.iter().all(|c| c.2.is_some()), "known by address: {email:?}");
    assert_eq!(email.iter().filter(|c| c.1.is_none()).count(), 1, "one of them withholds the number: {email:?}");
}
