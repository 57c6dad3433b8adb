//! Stories of somebody who begins: the demo, a project of one's own, and every mistake that is made on the first day.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use aftercall_sandbox::Sandbox;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Desk, aftercall, call, get, post, repository, rows, slot, stand_in};

fn folder() -> TempDir {
    TempDir::with_prefix("aftercall-story-").expect("a folder for the story")
}

fn text(root: &Path, path: &str) -> String {
    std::fs::read_to_string(root.join(path)).unwrap_or_else(|e| panic!("reading {path}: {e}"))
}

/// Story: the newcomer's first minute. The demo runs the whole road and checks its own result aloud.
#[test]
fn the_demo_passes() {
    let home = folder();
    let ran = aftercall(home.path(), &["demo", "--keep", "kept"], b"").exits(0);
    assert!(ran.stdout.contains("all checks passed"), "{}", ran.stdout);
    assert!(!ran.stdout.contains('✗'), "{}", ran.stdout);
    // What it leaves is a project like any other.
    aftercall(home.path(), &["check", "kept/front-desk"], b"").exits(0);
    let calls = aftercall(home.path(), &["calls", "--project", "kept/front-desk", "--format", "json"], b"").exits(0).json();
    assert_eq!(rows(&calls, "calls").len(), 12);
}

/// Story: `init` makes a project that checks and runs against the stand-ins as it is.
#[test]
fn a_project_of_ones_own() {
    let home = folder();
    let args = ["init", "desk", "--system", "salesforce", "--system", "google-calendar", "--source", "vapi", "--source", "json"];
    let ran = aftercall(home.path(), &args, b"").exits(0);
    assert!(ran.stdout.contains("aftercall.toml") && ran.stderr.contains("aftercall sandbox"), "{}", ran.seen());
    let root = home.path().join("desk");
    let checked = aftercall(&root, &["check"], b"").exits(0);
    assert!(checked.stderr.contains("clean"), "{}", checked.seen());
    assert!(text(&root, ".gitignore").contains("/secrets/"), "secrets stay out of git");
    assert!(!text(&root, "aftercall.toml").contains("sandbox-secret"), "no secret stands in the config");
    let (crm, calendar) = (stand_in("salesforce"), stand_in("google-calendar"));
    let moved =
        text(&root, "aftercall.toml").replace("http://127.0.0.1:9001", &crm.origin()).replace("http://127.0.0.1:9002", &calendar.origin());
    std::fs::write(root.join("aftercall.toml"), moved).expect("the project file");
    let said = json!({"outcome": "complaint", "caller": {"phone": "+15125550142", "name": "Nora Whitfield"}, "appointment": slot(9)});
    aftercall(&root, &["sync", "-", "--wait", "60s"], format!("{}\n", call("c-1", said)).as_bytes()).exits(0);
    let count = |stand_in: &Sandbox, object: &str| rows(&stand_in.records(), object).len();
    assert_eq!((count(&crm, "Contact"), count(&crm, "Task"), count(&calendar, "events")), (1, 2, 1));
    // A second time it overwrites nothing.
    let again = aftercall(home.path(), &args, b"").exits(1);
    assert!(again.stderr.contains("already"), "{}", again.stderr);
}

/// Story: every system and every source that ships can be begun with.
#[test]
fn every_system_and_source_begins_clean() {
    let home = folder();
    for (n, system) in aftercall_sandbox::NAMES.iter().enumerate() {
        let name = format!("d{n}");
        aftercall(home.path(), &["init", &name, "--system", system], b"").exits(0);
        aftercall(home.path(), &["check", &name], b"").exits(0);
    }
    for source in ["vapi", "retell", "elevenlabs", "bland", "json"] {
        aftercall(home.path(), &["init", source, "--system", "hubspot", "--source", source], b"").exits(0);
        aftercall(home.path(), &["check", source], b"").exits(0);
    }
}

/// Story: wrong names are answered with near ones, and with exit code 2.
#[test]
fn wrong_names_are_helped() {
    let home = folder();
    let ran = aftercall(home.path(), &["init", "desk", "--system", "sales-force"], b"").exits(2);
    assert!(ran.stderr.contains("did you mean salesforce?"), "{}", ran.stderr);
    let ran = aftercall(home.path(), &["init", "desk", "--system", "hubspot", "--source", "vappi"], b"").exits(2);
    assert!(ran.stderr.contains("did you mean vapi?"), "{}", ran.stderr);
    assert!(!home.path().join("desk").exists(), "nothing is made on the way to a mistake");
    // Without a terminal it does not ask, and does not hang.
    let ran = aftercall(home.path(), &["init", "desk"], b"").exits(2);
    assert!(ran.stderr.contains("which systems?"), "{}", ran.stderr);
    let ran = aftercall(home.path(), &["sandbox", "saleforce"], b"").exits(2);
    assert!(ran.stderr.contains("did you mean salesforce?"), "{}", ran.stderr);
}

/// A child that ends with its story.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Story: the stand-ins as a command of their own: a ready line for programs, and control over HTTP.
#[test]
fn stand_ins_by_command() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aftercall"));
    command.args(["sandbox", "hubspot", "--port", "0"]).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = Ends(command.spawn().expect("the binary starts"));
    let mut line = String::new();
    BufReader::new(child.0.stdout.take().expect("a pipe")).read_line(&mut line).expect("a ready line");
    let ready: Value = serde_json::from_str(&line).unwrap_or_default();
    assert_eq!((&ready["version"], &ready["ready"]), (&json!(1), &json!(true)), "{line}");
    let origin = ready["addresses"]["hubspot"].as_str().unwrap_or_default();
    let load = post(&format!("{origin}/_sandbox/load"), &[], br#"{"contacts": [{"firstname": "Ann"}]}"#);
    assert_eq!(load.status, 200, "{}", load.body);
    let records = get(&format!("{origin}/_sandbox/records")).json();
    assert_eq!(records["contacts"][0]["properties"]["firstname"], "Ann");
}

/// Story: the whole scenario of the example by webhook-like order, in HubSpot, from one command per payload.
#[test]
fn the_example_in_hubspot() {
    let desk = Desk::hubspot();
    let index: Value = serde_json::from_str(&text(&repository(), "examples/front-desk/calls/index.json")).expect("JSON");
    let calls = index.as_array().cloned().unwrap_or_default();
    for entry in &calls {
        let file = format!("{}/examples/front-desk/calls/{}", repository().display(), entry["file"].as_str().unwrap_or_default());
        desk.run(&["sync", &file, "--source", entry["source"].as_str().unwrap_or_default(), "--wait", "60s"]).exits(0);
    }
    assert_eq!(desk.crm_rows("calls").len(), calls.len());
    assert_eq!(desk.crm_rows("contacts").len(), 7, "the one new caller");
    let statuses = desk.statuses();
    assert!(statuses.values().all(|s| s == "landed"), "{statuses:?}");
}
