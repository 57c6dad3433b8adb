//! Stories of what is not to be kept for good: time that passes, and a person who asks to be forgotten.

use std::path::Path;

use aftercall_sandbox::{FaultKind, FaultSpec};
use serde_json::{Value, json};

use crate::support::{Desk, call, eventually, get, text};

fn of(n: usize, phone: &str, name: &str) -> Value {
    let email = format!("{}@example.org", name.split(' ').next().unwrap_or_default().to_lowercase());
    let more = json!({
        "outcome": "message", "follow_up": {"reason": "Call back about the crown"}, "summary": format!("{name} asks for a call back."),
        "caller": {"phone": phone, "name": name, "email": email}, "captured": {"tooth": "upper right"},
    });
    call(&format!("c-{n}"), more)
}

/// Whether these words stand anywhere in the journal's files, in any case.
fn stands(root: &Path, words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for file in std::fs::read_dir(root.join("state")).expect("the journal's folder").flatten() {
        let bytes = std::fs::read(file.path()).unwrap_or_default().to_ascii_lowercase();
        for word in words {
            let word = word.to_lowercase();
            if bytes.windows(word.len()).any(|part| part == word.as_bytes()) {
                found.push(format!("{word} in {}", file.file_name().to_string_lossy()));
            }
        }
    }
    found
}

/// Story: a person asks to be forgotten while the service runs. Nothing of them is found in the journal's files afterwards, the skeleton of their
/// calls stays, what stands in the CRM is named, others are untouched, and the service goes on.
#[test]
fn a_person_is_forgotten() {
    let desk = Desk::salesforce().impatient();
    let service = desk.serve();
    let tess = ["Tess", "Quillfeather", "512555900", "5125559001"];
    (0..4).for_each(|n| service.take(&of(n, "+15125559001", "Tess Quillfeather")));
    (4..8).for_each(|n| service.take(&of(n, "+15125559002", "Rolf Umbermann")));
    // Somebody else's message is about her: her number is in it.
    let mut about = of(8, "+15125559003", "Ida Vossler");
    about["captured"]["call_instead"] = json!("(512) 555-9001");
    service.take(&about);
    // And one that nobody understands.
    assert_eq!(service.deliver("retell", br#"{"event": "dreamt_of", "who": "Tess Quillfeather, 512-555-9001"}"#).status, 202);
    desk.settled(9);
    assert!(!stands(desk.root(), &tess[1..2]).is_empty(), "she is in there at first");
    let dry = desk.run(&["forget", "--phone", "(512) 555-9001", "--dry-run"]).exits(0).stdout;
    assert!(dry.contains("5 calls") && dry.contains("would be taken out") && dry.contains("json:c-8"), "{dry}");
    assert!(!stands(desk.root(), &tess[1..2]).is_empty(), "looking changes nothing");
    let done = desk.run(&["forget", "--phone", "(512) 555-9001", "--format", "json"]).exits(0).json();
    assert_eq!(done["calls"].as_array().map(Vec::len), Some(5), "{done}");
    let contact = desk.crm_rows("Contact").into_iter().find(|row| row["LastName"] == "Quillfeather").expect("she stays in the CRM");
    let remains = done["remains"].to_string();
    assert!(remains.contains(text(&contact, "Id")) && remains.contains("http"), "where she stays is said: {done}");
    // As it is found by, a number stands from behind.
    let found = stands(desk.root(), &[tess[1], "512-555-9001", "5125559001", "(512) 555-9001", "tess@example.org", "1009555215"]);
    assert!(found.is_empty(), "{found:?}");
    // The pages show the skeleton, and find nobody by her name.
    let page = |path: &str| get(&format!("http://{}{path}", service.host()));
    let (calls, one) = (page("/calls?from=2026-01-01&q=Quillfeather"), page("/calls/json:c-1"));
    assert_eq!((calls.status, one.status), (200, 200), "{} {}", calls.body, one.body);
    assert!(!calls.body.contains("json:c-1") && !one.body.contains("Quillfeather"), "{}", calls.body);
    // The skeleton.
    let story = desk.story("json:c-1");
    assert_eq!(text(&story["call"], "status"), "landed");
    assert!(
        story["writes"].as_array().is_some_and(|writes| writes.iter().filter(|w| w["record_id"].is_string()).count() >= 2),
        "{story:#}"
    );
    assert!(story["events"].as_array().is_some_and(|events| !events.is_empty()));
    assert!(story["revisions"][0]["digest"].is_string());
    desk.run(&["show", "json:c-1"]).exits(0);
    desk.run(&["calls"]).exits(0);
    // Others.
    assert!(desk.story("json:c-5").to_string().contains("Umbermann"));
    // She calls again, and is a caller like any other.
    service.take(&of(9, "+15125559001", "Tess Quillfeather"));
    desk.settled(10);
    assert_eq!(desk.crm_rows("Contact").iter().filter(|row| row["LastName"] == "Quillfeather").count(), 1, "and found in the CRM");
    service.terminate().exits(0);
}

/// Story: what is still open is not forgotten, and that is said.
#[test]
fn what_is_open_stays_whole() {
    let desk = Desk::salesforce().impatient();
    desk.crm.fault(FaultSpec::new(FaultKind::Down));
    let service = desk.serve();
    service.take(&of(1, "+15125559001", "Tess Quillfeather"));
    service.says("paused: ");
    let ran = desk.run(&["forget", "--email", "Tess@Example.org"]).exits(1);
    assert!(ran.stdout.contains("json:c-1 is still open") && ran.stderr.contains("run this again"), "{}", ran.seen());
    desk.crm.clear_faults();
    desk.settled(1);
    assert_eq!(desk.crm_rows("Contact").iter().filter(|row| row["LastName"] == "Quillfeather").count(), 1, "it landed");
    desk.run(&["forget", "--email", "tess@example.org"]).exits(0);
    let found = stands(desk.root(), &["Quillfeather", "5125559001"]);
    assert!(found.is_empty(), "{found:?}");
    let nobody = desk.run(&["forget", "--phone", "none"]).exits(1);
    assert!(nobody.stderr.contains("no number"), "{}", nobody.seen());
}

/// Story: what is older than it is to be kept goes by itself, while calls come in; what waits, is dead or asked about stays.
#[test]
fn what_is_old_goes_and_what_is_open_stays() {
    let desk = Desk::salesforce().impatient();
    desk.edit(
        "aftercall.toml",
        "[store]\n",
        "[store]\nkeep = { payloads = \"1s\", calls = \"2s\", lookups = \"2s\", created = \"2s\", notices = \"2s\" }\n",
    );
    let service = desk.serve();
    (0..60).for_each(|n| service.take(&of(n, &format!("+1512555{:04}", 8000 + n), "Tess Quillfeather")));
    desk.settled(60);
    desk.crm.fault(FaultSpec::new(FaultKind::Down));
    service.take(&of(99, "+15125559002", "Rolf Umbermann"));
    service.says("paused: ");
    eventually("what is old is gone", || {
        let calls = desk.run(&["calls", "--format", "json", "--limit", "100"]).exits(0).stdout;
        (!calls.contains("Quillfeather")
            && desk.story("json:c-0").to_string().contains("erased")
            && desk.story("json:c-59").to_string().contains("erased"))
        .then_some(())
    });
    assert!(desk.story("json:c-99").to_string().contains("Umbermann"), "what waits stays whole");
    let story = desk.story("json:c-3");
    assert_eq!(text(&story["call"], "status"), "landed");
    assert!(!story.to_string().contains("Quillfeather") && !story.to_string().contains("upper right"), "{story:#}");
    assert!(story["writes"][0]["record_id"].is_string(), "the skeleton stays");
    desk.crm.clear_faults();
    assert_eq!(desk.settled(61)["json:c-99"], "landed");
    assert_eq!(desk.crm_rows("Contact").iter().filter(|row| row["LastName"] == "Umbermann").count(), 1);
}
