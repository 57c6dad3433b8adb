//! Stories of files of calls: `aftercall sync`, whatever is in the file.

use serde_json::json;

use crate::support::{Desk, aftercall, call, rows, text};

fn three() -> Vec<String> {
    ["c-1", "c-2", "c-3"]
        .into_iter()
        .zip(["+15125550142", "+15125550190", "+15125550143"])
        .map(|(id, phone)| call(id, json!({"caller": {"phone": phone}})).to_string())
        .collect()
}

/// Story: one line of a file is broken. It is named with its number, the others land, and the exit code says that not all is well.
#[test]
fn a_bad_line_stops_nobody() {
    let desk = Desk::salesforce();
    let [one, two, three] = three().try_into().expect("three");
    desk.write("calls.jsonl", &format!("{one}\n{{\"id\": \"c-9\", oops\n{two}\n\n{{\"no_id\": true}}\n{three}\n"));
    let ran = desk.run(&["sync", "calls.jsonl"]).exits(1);
    assert!(ran.stderr.contains("calls.jsonl:2: "), "{}", ran.stderr);
    assert!(ran.stderr.contains("calls.jsonl:5: "), "{}", ran.stderr);
    assert!(!ran.stderr.contains("oops"), "what stood there is not repeated: {}", ran.stderr);
    assert!(
        ran.stderr.contains("3 new, 0 amended, 0 known already, 0 not for us, 2 bad lines; the journal has 3 landed"),
        "{}",
        ran.stderr
    );
    assert_eq!(desk.logged().len(), 3);
}

/// Story: a pipe. `-` is stdin, and the summary can be read by a program.
#[test]
fn calls_from_a_pipe() {
    let desk = Desk::salesforce();
    let input = three().join("\n");
    let ran = aftercall(desk.root(), &["sync", "-", "--format", "json"], input.as_bytes()).exits(0);
    let summary = ran.json();
    assert_eq!((&summary["version"], &summary["new"], &summary["bad"]), (&json!(1), &json!(3), &json!(0)), "{summary:#}");
    assert_eq!(summary["calls"], json!({"landed": 3}));
    // The same again is nothing new, and asks nobody.
    let before = desk.crm.requests().len();
    let again = aftercall(desk.root(), &["sync", "-", "--format", "json"], input.as_bytes()).exits(0).json();
    assert_eq!((&again["new"], &again["duplicate"]), (&json!(0), &json!(3)), "{again:#}");
    assert_eq!(desk.crm.requests().len(), before);
    assert_eq!(desk.logged().len(), 3);
}

/// Story: an empty file is no error, and no file is one.
#[test]
fn empty_and_missing_files() {
    let desk = Desk::salesforce();
    desk.write("empty.jsonl", "");
    let ran = desk.run(&["sync", "empty.jsonl"]).exits(0);
    assert!(ran.stderr.contains("0 new") && ran.stderr.contains("the journal has no calls"), "{}", ran.stderr);
    let ran = desk.run(&["sync", "nowhere.jsonl"]).exits(1);
    assert!(ran.stderr.contains("nowhere.jsonl"), "{}", ran.stderr);
    assert_eq!(desk.run(&["plan", "nowhere.jsonl"]).code, Some(1));
}

/// Story: files as people have them: a list, an object over several lines, a byte order mark, line ends of another system.
#[test]
fn files_as_people_have_them() {
    let desk = Desk::salesforce();
    let [one, two, three] = three().try_into().expect("three");
    desk.write("list.json", &format!("[{one},\n{two}]"));
    let pretty: serde_json::Value = serde_json::from_str(&three).expect("JSON");
    desk.write("pretty.json", &format!("{pretty:#}\n"));
    let fourth = call("c-4", json!({"caller": {"phone": "+15125550142"}}));
    desk.write("dos.jsonl", &format!("\u{feff}{fourth}\r\n"));
    let ran = desk.run(&["sync", "list.json", "pretty.json", "dos.jsonl"]).exits(0);
    assert!(ran.stderr.contains("4 new"), "{}", ran.stderr);
    assert_eq!(desk.logged().len(), 4);
}

/// Story: the payloads of a platform from a file, as they were exported.
#[test]
fn payloads_of_a_platform() {
    let desk = Desk::salesforce();
    let ran = desk.run(&["sync", "calls/03-known-escalation.json", "--source", "retell"]).exits(0);
    assert!(ran.stderr.contains("1 new"), "{}", ran.stderr);
    assert_eq!(desk.to_dos().len(), 1);
    let wrong = desk.run(&["sync", "calls/03-known-escalation.json", "--source", "retel"]).exits(1);
    assert!(wrong.stderr.contains("no source retel; did you mean retell?"), "{}", wrong.stderr);
    let other = desk.run(&["sync", "calls/03-known-escalation.json", "--source", "vapi"]).exits(1);
    assert!(other.stderr.contains("calls/03-known-escalation.json:1: no event rule of `vapi` holds"), "{}", other.stderr);
}

/// Story: what came in by webhook is known when the export of the same day is synced afterwards.
#[test]
fn an_export_after_the_webhooks_adds_nothing() {
    let desk = Desk::salesforce();
    let service = desk.serve();
    let body = std::fs::read(desk.root().join("calls/03-known-escalation.json")).expect("the example's call");
    assert_eq!(service.deliver("retell", &body).status, 202);
    desk.settled(1);
    service.terminate();
    let ran = desk.run(&["sync", "calls/03-known-escalation.json", "--source", "retell"]).exits(0);
    assert!(ran.stderr.contains("0 new, 0 amended, 1 known already"), "{}", ran.stderr);
    assert_eq!((desk.logged().len(), desk.to_dos().len()), (1, 1));
}

/// Story: calls that are not for this pipeline are told apart from those that landed.
#[test]
fn a_call_that_no_pipeline_takes() {
    let desk = Desk::salesforce();
    let wrong_number = call("c-1", json!({"duration_s": 2, "caller": {"phone": "+15125550142"}}));
    let ran = desk.sync(&[wrong_number]).exits(0);
    assert!(ran.stderr.contains("the journal has 1 skipped"), "{}", ran.stderr);
    assert_eq!(text(&desk.story("json:c-1")["call"], "status_reason"), "no pipeline takes this call");
    assert!(desk.logged().is_empty());
}

/// Story: many calls, more than fit one commit or one turn of the workers, in any order of callers.
#[test]
fn several_hundred_calls() {
    let desk = Desk::salesforce();
    let lines: Vec<String> = (0..600)
        .map(|n| {
            call(
                &format!("c-{n}"),
                json!({"caller": {"phone": format!("+1512555{:04}", 2000 + n % 50), "name": format!("Caller Number{}", n % 50)}}),
            )
            .to_string()
        })
        .collect();
    desk.write("many.jsonl", &lines.join("\n"));
    let ran = desk.run(&["sync", "many.jsonl", "--format", "json", "--wait", "60s"]).exits(0);
    assert_eq!(ran.json()["calls"], json!({"landed": 600}), "{}", ran.seen());
    assert_eq!(desk.crm_rows("Contact").len(), 6 + 50, "one contact for each of the fifty");
    assert_eq!(desk.logged().len(), 600);
    assert_eq!(rows(&desk.calls(), "calls").len(), 600);
}
