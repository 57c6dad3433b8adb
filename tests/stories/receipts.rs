//! Stories of systems that say yes and do something else: what was written is read back, and each field has its receipt.

use serde_json::{Value, json};

use crate::support::{Desk, call};

fn nora() -> Value {
    let caller = json!({"phone": "+15125550142", "name": "Nora Whitfield"});
    call(
        "c-1",
        json!({"outcome": "message", "summary": "Wants to move her cleaning.", "follow_up": {"reason": "Call back"}, "caller": caller}),
    )
}

fn with_verify(word: &str) -> Desk {
    let desk = Desk::salesforce();
    desk.edit(
        "pipelines/front-desk.toml",
        "mapping = \"salesforce/call-log\"",
        &format!("mapping = \"salesforce/call-log\"\nverify = \"{word}\""),
    );
    desk
}

/// The receipt of a field of the call log.
fn line(desk: &Desk, field: &str) -> Value {
    let writes = desk.story("json:c-1")["writes"].take();
    let log = writes.as_array().into_iter().flatten().find(|write| write["write"] == "call").cloned().unwrap_or_default();
    log["receipt"].as_array().into_iter().flatten().find(|line| line["field"] == field).cloned().unwrap_or_default()
}

fn reads(desk: &Desk) -> usize {
    desk.crm.requests().iter().filter(|request| request.method == "GET" && request.path.contains("/sobjects/Task/")).count()
}

/// Story: all is well, and the receipt says that somebody looked.
#[test]
fn what_landed_is_seen() {
    let desk = with_verify("always");
    desk.sync(&[nora()]).exits(0);
    assert_eq!((reads(&desk), desk.status("json:c-1").as_str()), (1, "landed"));
    assert_eq!((&line(&desk, "Description")["state"], &line(&desk, "Description")["verified"]), (&json!("landed"), &json!(true)));
}

/// Story: a flow of the office empties one field and rewrites another. The system has confirmed both; the receipt tells the truth, and the
/// call is not called landed.
#[test]
fn what_is_confirmed_and_not_there_is_seen() {
    let desk = with_verify("always");
    desk.crm.configure(&json!({"flow": {"Task": {"CallDisposition": null, "Subject": "Call"}}})).expect("a flow");
    desk.sync(&[nora()]).exits(1);
    let (gone, other) = (line(&desk, "CallDisposition"), line(&desk, "Subject"));
    assert_eq!(
        (&gone["state"], &other["state"], &other["found"]),
        (&json!("missing"), &json!("changed"), &json!("Call")),
        "{gone} {other}"
    );
    assert_eq!(line(&desk, "Description")["state"], "landed");
    let shown = desk.run(&["show", "json:c-1"]).exits(0).stdout;
    assert!(shown.contains("partial") && shown.contains("the system confirmed `CallDisposition`, and nothing stands there"), "{shown}");
    assert!(shown.contains("(there: Call)"), "{shown}");
    // Nobody asks again for what is known.
    desk.sync(&[]).exits(1);
    assert_eq!(reads(&desk), 1);
}

/// Story: nobody asked for it, and nothing is asked.
#[test]
fn nothing_is_read_back_unasked() {
    let desk = with_verify("never");
    desk.crm.configure(&json!({"flow": {"Task": {"CallDisposition": null}}})).expect("a flow");
    desk.sync(&[nora()]).exits(0);
    assert_eq!(reads(&desk), 0);
}

/// Story: a sample of the calls, the same ones whenever they are worked.
#[test]
fn a_sample_is_a_twentieth() {
    let desk = with_verify("sample");
    let calls: Vec<Value> =
        (0..120).map(|n| call(&format!("s-{n}"), json!({"outcome": "message", "caller": {"phone": "+15125550142"}}))).collect();
    desk.sync(&calls).exits(0);
    let read = reads(&desk);
    assert!((1..=14).contains(&read), "{read} of 120");
}
