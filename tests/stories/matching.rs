//! Stories of match rules: why a call went where it went, and how good the rules are.

use serde_json::{Value, json};

use crate::support::{Desk, aftercall, call, repository};

/// Story: a sales manager asks why a call went to this record, and is told line by line.
#[test]
fn why_this_record() {
    let desk = Desk::salesforce();
    let caller = json!({"phone": "+15125550135", "name": "Demitry Volcov", "email": "d.volkov@example.net"});
    desk.sync(&[call("c-1", json!({"caller": caller}))]).exits(0);
    let ran = desk.run(&["match", "explain", "json:c-1"]).exits(0);
    insta::assert_snapshot!("explain", ran.stdout);
    let ran = desk.run(&["match", "explain", "json:c-1", "--format", "json"]).exits(0);
    let document: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let best = &document["decisions"][0]["decision"]["candidates"][0];
    let sum: f64 = best["evidence"].as_array().into_iter().flatten().filter_map(|line| line["bits"].as_f64()).sum();
    assert!((sum - best["bits"].as_f64().unwrap_or_default()).abs() < 1e-9, "the lines add up to the sum: {best:#}");
}

/// Story: whoever changes the rules sees first what that does to calls whose right answer is known.
#[test]
fn how_good_the_rules_are() {
    let sample = repository().join("tests/match");
    let file = |name: &str| sample.join(name).display().to_string();
    let (contacts, calls, truth) = (file("contacts.jsonl"), file("calls.jsonl"), file("truth.jsonl"));
    let arguments = ["match", "backtest", "--contacts", &contacts, "--calls", &calls, "--truth", &truth, "--format", "json"];
    let ran = aftercall(&repository(), &arguments, b"").exits(0);
    let document: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let total = &document["report"]["total"];
    let count = |key: &str| total[key].as_array().map_or(usize::MAX, Vec::len);
    assert_eq!(total["calls"], 201);
    assert_eq!((count("wrong"), count("duplicates"), count("unflagged")), (0, 0, 0), "{total:#}");
    assert!(count("needless") <= 3, "{total:#}");
    assert!(document["requests_most"].as_u64().is_some_and(|most| most <= 6), "{document:#}");
    assert!(document["requests"].as_f64().is_some_and(|requests| requests <= 2.1), "{document:#}");
}
