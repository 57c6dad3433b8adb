//! Stories of the command line: what it offers, how it answers mistakes, and what programs can rely on.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Desk, aftercall, call, redacted, repository, rows, snapshot, text};

/// Story: `--help` of everything, as it is kept in the repository. What changes here changes for people.
#[test]
fn help_of_every_command() {
    let mut seen = 0;
    let mut open: Vec<Vec<String>> = vec![Vec::new()];
    while let Some(command) = open.pop() {
        let mut args: Vec<&str> = command.iter().map(String::as_str).collect();
        args.push("--help");
        let help = aftercall(Path::new("/"), &args, b"").exits(0).stdout;
        snapshot(&[vec!["help".to_owned()], command.clone()].concat().join("_"), &help);
        seen += 1;
        let listed = help.lines().skip_while(|line| !line.starts_with("Commands:")).skip(1).take_while(|line| !line.is_empty());
        let names =
            listed.filter(|line| line.starts_with("  ") && !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next());
        open.extend(names.filter(|name| *name != "help").map(|name| [command.clone(), vec![name.to_owned()]].concat()));
    }
    assert!(seen >= 13, "only {seen} commands");
}

/// Story: used wrongly is 2, with a word about what was meant; no command at all shows what there is.
#[test]
fn used_wrongly_is_two() {
    let desk = Desk::salesforce();
    for args in [
        &["plann"][..],
        &["plan"],
        &["sync"],
        &["show"],
        &["calls", "--limit", "many"],
        &["calls", "--status", "landd"],
        &["calls", "--last", "soon"],
        &["check", "--format", "xml"],
        &["run", "--listen", "here"],
        &["sync", "-", "--wait", "a while"],
    ] {
        let ran = desk.run(args).exits(2);
        assert!(ran.stdout.is_empty() && !ran.stderr.is_empty(), "{args:?}: {}", ran.seen());
    }
    let near = desk.run(&["plann"]).stderr;
    assert!(near.contains("'plan'"), "{near}");
    assert_eq!(desk.run(&[]).code, Some(2));
    assert!(desk.run(&["--version"]).exits(0).stdout.starts_with("aftercall 0."));
}

/// Story: the exit codes of the manual: 0 done, 1 not all is well, 2 used wrongly, 3 changes pending.
#[test]
fn exit_codes() {
    let desk = Desk::salesforce();
    let pending = format!("{}\n", call("c-1", json!({"caller": {"phone": "+15125550142"}})));
    let run = |args: &[&str], stdin: &str| aftercall(desk.root(), args, stdin.as_bytes()).code;
    assert_eq!(run(&["plan", "-"], &pending), Some(0));
    assert_eq!(run(&["plan", "-", "--exit-code"], &pending), Some(3));
    assert_eq!(run(&["plan", "-", "--exit-code"], ""), Some(0), "nothing pending");
    assert_eq!(run(&["plan", "-", "--exit-code"], "nonsense\n"), Some(1));
    assert_eq!(run(&["sync", "-"], &pending), Some(0));
    assert_eq!(run(&["show", "nobody"], ""), Some(1));
    assert_eq!(run(&["check", "nowhere"], ""), Some(1));
    assert_eq!(run(&["check", "--format", "nothing"], ""), Some(2));
    assert_eq!(run(&["explain", "AC9999"], ""), Some(1));
}

/// A project with three mistakes in two files.
fn broken() -> Desk {
    let desk = Desk::salesforce();
    desk.edit("mappings/acme/contact.toml", "{{caller.first_name}}", "{{caller.frist_name}}");
    desk.edit("pipelines/front-desk.toml", "mapping = \"salesforce/task\"", "mapping = \"salesforce/tasks\"");
    desk.edit("aftercall.toml", "timezone = \"America/Chicago\"", "timezone = \"Chicago\"");
    desk
}

/// Story: everything that is wrong is shown at once, with the line and what was meant, and `explain` says more.
#[test]
fn findings_for_people() {
    let desk = broken();
    let ran = desk.run(&["check"]).exits(1);
    snapshot("check_broken", &redacted(&ran.seen(), desk.root()));
    for code in ["AC0203", "AC0403", "AC0301"] {
        assert!(ran.stdout.contains(code), "{}", ran.stdout);
        let page = desk.run(&["explain", code]).exits(0).stdout;
        assert!(page.lines().count() > 5, "{code}: {page}");
    }
    assert_eq!(desk.run(&["explain"]).exits(0).stdout.lines().count(), aftercall_config::finding::Code::ALL.len());
    let near = desk.run(&["explain", "AC0204x"]).exits(1).stderr;
    assert!(near.contains("did you mean AC0204?"), "{near}");
}

/// Story: the same for an editor, for code scanning and for a workflow.
#[test]
fn findings_for_programs() {
    let desk = broken();
    let json = desk.run(&["check", "--format", "json"]).exits(1).json();
    assert_eq!(json["version"], 1);
    let findings = rows(&json, "findings");
    assert_eq!(findings.len(), 3, "{json:#}");
    for finding in &findings {
        for member in ["code", "severity", "message", "file"] {
            assert!(!text(finding, member).is_empty(), "{member} of {finding}");
        }
        let number = |member: &str| finding[member].as_u64().unwrap_or_default();
        assert!(number("line") >= 1 && number("column") >= 1 && number("end_line") >= number("line"), "{finding}");
    }
    let misspelt = findings.iter().find(|f| f["code"] == "AC0203").cloned().unwrap_or_default();
    assert_eq!((text(&misspelt, "file"), text(&misspelt, "help")), ("mappings/acme/contact.toml", "did you mean `first_name`?"));
    let source = std::fs::read_to_string(desk.root().join("mappings/acme/contact.toml")).expect("the mapping");
    let line = source.lines().nth(misspelt["line"].as_u64().unwrap_or(1) as usize - 1).unwrap_or_default();
    let column = misspelt["column"].as_u64().unwrap_or(1) as usize - 1;
    assert!(line[column..].starts_with("caller.frist_name") || line[column..].starts_with("frist_name"), "{line} at {column}");

    let sarif = desk.run(&["check", "--format", "sarif"]).exits(1).json();
    assert_eq!((text(&sarif, "version"), text(&sarif["runs"][0]["tool"]["driver"], "name")), ("2.1.0", "aftercall"));
    let results = rows(&sarif["runs"][0], "results");
    assert_eq!(results.len(), 3);
    for result in &results {
        let place = &result["locations"][0]["physicalLocation"];
        assert!(text(result, "ruleId").starts_with("AC") && ["error", "warning"].contains(&text(result, "level")), "{result:#}");
        assert!(!text(&place["artifactLocation"], "uri").is_empty() && place["region"]["startLine"].is_u64(), "{result:#}");
        assert!(!text(&result["message"], "text").is_empty());
    }
    let github = desk.run(&["check", "--format", "github"]).exits(1).stdout;
    assert_eq!(github.lines().count(), 3);
    assert!(
        github.lines().all(|line| line.starts_with("::error file=") && line.contains(",line=") && line.contains("title=AC")),
        "{github}"
    );
}

/// Story: a clean project says what it is, and what each write promises, before anything runs.
#[test]
fn a_clean_project() {
    let desk = Desk::salesforce();
    let ran = desk.run(&["check"]).exits(0);
    assert!(ran.stdout.is_empty(), "{}", ran.stdout);
    snapshot("check_clean", &redacted(&ran.stderr, desk.root()));
    assert_eq!(desk.run(&["check", "--format", "json"]).exits(0).json(), json!({"version": 1, "findings": []}));
    // Where it stands does not change what it is.
    let named = |dir: &Desk| dir.run(&["check"]).stderr.split("config version ").nth(1).map(|v| v[..16].to_owned()).unwrap_or_default();
    assert_eq!(named(&desk).len(), 16);
    assert_eq!(named(&desk), named(&desk));
}

/// Story: a colleague without a terminal reads plain text; nothing is coloured in a pipe.
#[test]
fn no_colours_in_a_pipe() {
    let desk = broken();
    for args in [&["check"][..], &["--help"], &["plan", "-"]] {
        let ran = desk.run(args);
        assert!(!ran.seen().contains('\u{1b}'), "{args:?}: {:?}", ran.seen());
    }
}

/// Story: one call's story, as a person reads it and as a program does, found by the beginning of its id.
#[test]
fn one_calls_story() {
    let desk = Desk::salesforce();
    desk.sync_payload("01-known-booked.json", "vapi").exits(0);
    let shown = desk.run(&["show", "vapi:57205d1f"]).exits(0);
    let stable = redacted(&shown.stdout, desk.root());
    for part in [
        "landed",
        "who called  matched",
        "applied  crm/contact",
        "applied  calendar/appointment",
        "what happened",
        "call_received",
        "plan_recorded",
    ] {
        assert!(stable.contains(part), "{part:?} is not in\n{stable}");
    }
    let json = desk.run(&["show", "vapi:57205d1f", "--format", "json"]).exits(0).json();
    assert_eq!((&json["version"], &json["story"]["call"]["status"]), (&json!(1), &json!("landed")));
    let missing = desk.run(&["show", "vapi:9"]).exits(1);
    assert!(missing.stderr.contains("the journal has no call that begins with `vapi:9`"), "{}", missing.stderr);
    desk.sync(&[call("c-1", json!({})), call("c-12", json!({})), call("c-13", json!({}))]);
    assert_eq!(desk.story("json:c-1")["call"]["id"], "json:c-1", "a whole id is no beginning");
    let several = desk.run(&["show", "json:c"]).exits(1);
    assert!(several.stderr.contains("is the beginning of several call ids"), "{}", several.stderr);
}

/// Story: the call log, narrowed down.
#[test]
fn the_call_log() {
    let desk = Desk::salesforce();
    let calls: Vec<Value> =
        [("c-1", "+15125550142"), ("c-2", "+15125550190")].map(|(id, phone)| call(id, json!({"caller": {"phone": phone}}))).to_vec();
    desk.sync(&calls).exits(0);
    desk.sync_payload("03-known-escalation.json", "retell").exits(0);
    let listed = |more: &[&str]| {
        let args = [&["calls", "--format", "json"][..], more].concat();
        let calls = desk.run(&args).exits(0).json();
        rows(&calls, "calls").iter().map(|c| text(c, "id").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(listed(&[]).len(), 3);
    assert_eq!(listed(&["--source", "json"]), ["json:c-2", "json:c-1"], "newest first");
    assert_eq!(listed(&["--find", "PS-20417"]).len(), 1);
    assert_eq!(listed(&["--status", "dead"]), Vec::<String>::new());
    assert_eq!(listed(&["--status", "landed", "--status", "dead"]).len(), 3);
    assert_eq!(listed(&["--last", "1h"]).len(), 3);
    assert_eq!(listed(&["--limit", "1"]).len(), 1);
    let human = desk.run(&["calls"]).exits(0);
    assert!(human.stdout.starts_with("RECEIVED") && human.stderr.contains("3 of 3 calls: 3 landed"), "{}", human.seen());
    assert_eq!(desk.run(&["calls", "--status", "dead"]).exits(0).stdout, "no calls\n");
}

/// Story: shells complete commands, and editors know the files.
#[test]
fn completions_and_schemas() {
    let desk = Desk::salesforce();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(desk.run(&["completions", shell]).exits(0).stdout.contains("sandbox"), "{shell}");
    }
    desk.run(&["schema", "--out", "schema"]).exits(0);
    for name in [
        "project.schema.json",
        "pipeline.schema.json",
        "mapping.schema.json",
        "connector.schema.json",
        "source.schema.json",
        "call-outcome.schema.json",
    ] {
        let file = std::fs::read_to_string(desk.root().join("schema").join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(serde_json::from_str::<Value>(&file).is_ok_and(|schema| schema["$schema"].is_string()), "{name}");
    }
}

/// Story: the repository is a project itself, and so is everything that it offers to copy.
#[test]
fn what_ships_is_clean() {
    for dir in [".", "examples/front-desk", "examples/hubspot-desk"] {
        let ran = aftercall(&repository(), &["check", dir], b"").exits(0);
        assert!(ran.stdout.is_empty() && ran.stderr.starts_with("clean"), "{dir}: {}", ran.seen());
    }
}
