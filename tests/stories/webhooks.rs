//! Stories of payloads that come in over HTTP: genuine and forged, twice, late, and in shapes that nobody foresaw.

use aftercall_sandbox::{FaultKind, FaultSpec};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::support::{Desk, call, get, only, post, raw, repository, rows, secret, signed, signed_at, text};

fn payload(file: &str) -> Vec<u8> {
    let path = repository().join("examples/front-desk/calls").join(file);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Story: each platform's own payload, signed as the platform signs it, lands.
#[test]
fn every_platform_is_understood() {
    let desk = Desk::salesforce();
    let service = desk.serve();
    let payloads = [
        ("vapi", "01-known-booked.json", "vapi:57205d1f-fb05-49cc-828f-47fb61c9f5dc"),
        ("elevenlabs", "02-known-new-email.json", "elevenlabs:conv_aa0e814cc2929433bf545ebb8d"),
        ("retell", "03-known-escalation.json", "retell:call_0c88882589db1292094abe37667118df"),
        ("bland", "04-known-message.json", "bland:"),
    ];
    for (source, file, id) in payloads {
        let answer = service.deliver(source, &payload(file));
        let said = answer.json();
        assert_eq!((answer.status, text(&said, "status")), (202, "accepted"), "{source}: {}", answer.body);
        assert!(text(&said, "call").starts_with(id), "{source}: {}", answer.body);
    }
    let statuses = desk.settled(4);
    assert!(statuses.values().all(|s| s == "landed"), "{statuses:?}");
    assert_eq!(desk.crm_rows("Contact").len(), 6, "all four are Nora");
    let logged = desk.logged();
    assert_eq!(logged.len(), 4);
    assert!(logged.iter().all(|entry| entry["WhoId"] == "0035e0000000001AAA"), "{logged:#?}");
    let nora = only(desk.crm_rows("Contact").into_iter().filter(|c| c["FirstName"] == "Nora").collect(), "Nora");
    assert_eq!(text(&nora, "Email"), "nora.whitfield@example.com", "the address that she gave is kept");
}

/// Story: a platform that heard no answer sends again. The second one is known, and nothing happens twice.
#[test]
fn a_repeated_payload_is_known() {
    let desk = Desk::salesforce();
    let service = desk.serve();
    let body = payload("03-known-escalation.json");
    assert_eq!(service.deliver("retell", &body).status, 202);
    let again = service.deliver("retell", &body);
    assert_eq!((again.status, again.json()["status"].clone()), (200, json!("duplicate")));
    desk.settled(1);
    assert_eq!(service.deliver("retell", &body).status, 200, "also when it is worked");
    desk.settled(1);
    let requests = desk.crm.requests().iter().filter(|r| r.path.ends_with("/composite")).count();
    assert_eq!((desk.logged().len(), desk.to_dos().len(), requests), (1, 1, 1));
}

/// Story: Retell says first that a call ended and then what it was about. One call, worked with the better word.
#[test]
fn ended_and_analysed_are_one_call() {
    let desk = Desk::salesforce();
    let service = desk.serve();
    let analysed: Value = serde_json::from_slice(&payload("03-known-escalation.json")).expect("JSON");
    let mut ended = analysed.clone();
    ended["event"] = json!("call_ended");
    ended["call"].as_object_mut().expect("a call").remove("call_analysis");
    let (ended, analysed) = (ended.to_string(), analysed.to_string());
    assert_eq!(service.deliver("retell", ended.as_bytes()).status, 202);
    assert!(desk.logged().is_empty(), "the analysis is waited for");
    let better = service.deliver("retell", analysed.as_bytes());
    assert_eq!((better.status, better.json()["status"].clone()), (202, json!("amended")));
    desk.settled(1);
    assert_eq!(desk.to_dos().len(), 1, "the follow-up that only the analysis has");
    let entry = only(desk.logged(), "one entry");
    assert!(text(&entry, "Description").contains("invoice PS-20417"), "{entry:#}");
    // The poorer word, late: platforms do not keep the order.
    let late = service.deliver("retell", (ended + " ").as_bytes());
    assert_eq!((late.status, late.json()["status"].clone()), (200, json!("duplicate")));
    desk.settled(1);
    assert!(text(&only(desk.logged(), "still one"), "Description").contains("invoice PS-20417"));
}

/// Story: the analysis never comes. After the time that the source gives it, the call is worked with what is known.
#[test]
fn an_analysis_that_never_comes() {
    let desk = Desk::salesforce();
    let shipped = std::fs::read_to_string(repository().join("mappings/retell/source.toml")).expect("the source that ships");
    assert!(shipped.contains("wait_s = 120"));
    desk.write("mappings/retell/source.toml", &shipped.replace("wait_s = 120", "wait_s = 1"));
    let service = desk.serve();
    let mut ended: Value = serde_json::from_slice(&payload("03-known-escalation.json")).expect("JSON");
    ended["event"] = json!("call_ended");
    ended["call"].as_object_mut().expect("a call").remove("call_analysis");
    assert_eq!(service.deliver("retell", ended.to_string().as_bytes()).status, 202);
    let statuses = desk.settled(1);
    assert!(statuses.values().all(|s| s == "landed"), "{statuses:?}");
    assert_eq!(text(&only(desk.logged(), "the entry"), "WhoId"), "0035e0000000001AAA");
}

/// Story: a better word comes in while the first is being written. Both are heard, and the records end with the better one.
#[test]
fn a_better_word_while_it_is_worked() {
    let desk = Desk::salesforce();
    desk.crm.fault(FaultSpec::next(FaultKind::Slow, 1).on_path("composite").delayed_ms(500));
    let service = desk.serve();
    let mut said = call(
        "c-1",
        json!({"outcome": "message", "follow_up": {"reason": "Call back"}, "caller": {"phone": "+15125559001", "name": "Tess Newman"}}),
    );
    service.take(&said);
    // It has been read, and is planned or being written just now.
    desk.asked("/query", 1);
    said["follow_up"]["reason"] = json!("Split bill 77");
    assert_eq!(service.deliver("json", said.to_string().as_bytes()).json()["status"], "amended");
    assert_eq!(desk.settled(1)["json:c-1"], "landed");
    assert_eq!(text(&only(desk.to_dos(), "one task"), "Subject"), "Split bill 77");
    assert_eq!((desk.logged().len(), desk.crm_rows("Contact").len()), (1, 7));
}

/// Story: hours later the platform analyses the call anew. The same records get the better words; none is added.
#[test]
fn a_late_analysis_amends_the_same_records() {
    let desk = Desk::salesforce();
    let service = desk.serve();
    let first = call(
        "c-1",
        json!({"summary": "She asks about a bill.", "outcome": "message", "follow_up": {"reason": "Call back"},
        "caller": {"phone": "+15125550142"}}),
    );
    service.take(&first);
    desk.settled(1);
    let (entry, task) = (only(desk.logged(), "the entry"), only(desk.to_dos(), "the task"));
    let mut second = first;
    second["summary"] = json!("She asks about bill 77 and wants it split.");
    second["follow_up"]["reason"] = json!("Split bill 77");
    let answer = service.deliver("json", second.to_string().as_bytes());
    assert_eq!((answer.status, answer.json()["revision"].clone()), (202, json!(2)));
    let statuses = desk.settled(1);
    assert_eq!(statuses["json:c-1"], "landed");
    let (entry_now, task_now) = (only(desk.logged(), "still one entry"), only(desk.to_dos(), "still one task"));
    assert_eq!((&entry_now["Id"], &task_now["Id"]), (&entry["Id"], &task["Id"]));
    assert!(text(&entry_now, "Description").contains("wants it split"), "{entry_now:#}");
    assert_eq!(text(&task_now, "Subject"), "Split bill 77");
    let shown = desk.run(&["show", "json:c-1"]).exits(0).stdout;
    assert!(shown.contains("revision 2"), "{shown}");
}

/// Story: whoever does not know the secret is refused, is told nothing, and leaves no trace but a line in the log.
#[test]
fn forged_payloads_are_refused() {
    let desk = Desk::salesforce();
    let service = desk.serve();
    let body = payload("01-known-booked.json");
    let minute = SignedDuration::from_mins(1);
    let mut changed = body.clone();
    let at = changed.len() / 2;
    changed[at] = changed[at].wrapping_add(1);
    type Attempt<'a> = (&'a str, Vec<(String, String)>, &'a [u8]);
    let attempts: [Attempt<'_>; 7] = [
        ("unsigned", Vec::new(), &body),
        ("another secret", signed_at("vapi", "a guess", &body, SignedDuration::ZERO), &body),
        ("another body", signed("vapi", &body), &changed),
        ("an old one, sent again", signed_at("vapi", &secret("vapi"), &body, minute * 10), &body),
        ("from the future", signed_at("vapi", &secret("vapi"), &body, minute * -10), &body),
        ("the signature of another platform", signed("bland", &body), &body),
        ("rubbish as a signature", vec![("x-signature".into(), "zz".into()), ("x-timestamp".into(), "soon".into())], &body),
    ];
    for (what, headers, body) in &attempts {
        let answer = post(&service.endpoint("vapi"), headers, body);
        assert_eq!(answer.status, 401, "{what}: {}", answer.body);
        assert!(!answer.body.contains("secret") && !answer.body.contains("timestamp"), "{what} is told why: {}", answer.body);
    }
    assert_eq!(post(&service.endpoint("json"), &[("authorization".into(), "Bearer wrong".into())], b"{\"id\": \"c-1\"}").status, 401);
    service.says("a payload was refused");
    assert_eq!(desk.calls()["calls"], json!([]));
    assert!(desk.run(&["calls", "--unrecognised"]).exits(0).stdout.contains("every payload was understood"), "nothing of it is kept");
    assert!(!service.log().contains(&secret("vapi")), "no secret in the log");
    // And the genuine one still gets in.
    assert_eq!(service.deliver("vapi", &body).status, 202);
}

/// Story: while a secret is changed, the old one and the new one are both good.
#[test]
fn a_secret_is_changed_without_a_gap() {
    let desk = Desk::salesforce();
    desk.edit("aftercall.toml", "[source.bland]\n", "[source.bland]\nprevious_secret = \"file:secrets/OLD\"\n");
    desk.write("secrets/OLD", "the old one");
    let service = desk.serve();
    let (one, two) = (payload("04-known-message.json"), payload("07-email-third-number.json"));
    assert_eq!(service.deliver("bland", &one).status, 202);
    assert_eq!(post(&service.endpoint("bland"), &signed_at("bland", "the old one", &two, SignedDuration::ZERO), &two).status, 202);
}

/// Story: a wrong address says what there is.
#[test]
fn unknown_sources_and_methods() {
    let desk = Desk::salesforce();
    let service = desk.serve();
    let unknown = post(&service.endpoint("twillio"), &[], b"{}");
    assert_eq!(unknown.status, 404);
    assert_eq!(unknown.json()["sources"], json!(["vapi", "retell", "elevenlabs", "bland", "json"]));
    let wrong = get(&service.endpoint("vapi"));
    assert_eq!((wrong.status, wrong.header("allow")), (405, Some("POST")));
    let health = get(&format!("{}/healthz", service.address));
    assert_eq!((health.status, health.json()["status"].clone()), (200, json!("ok")));
}

/// Story: a genuine payload that nobody understands is kept and answered well, since most platforms send it but once.
#[test]
fn what_is_not_understood_is_kept_and_listed() {
    let desk = Desk::salesforce();
    let service = desk.serve();
    let new_kind = br#"{"event": "call_dreamt_of", "call": {"call_id": "x"}}"#;
    let without_id = br#"{"event": "call_analyzed", "call": {"call_type": "phone_call"}}"#;
    for body in [new_kind.as_slice(), without_id, b"{\"event\": \"call_ana", b"\xff\xfe\x00", b"", b"[]", b"null"] {
        let answer = service.deliver("retell", body);
        assert_eq!(
            (answer.status, answer.json()["status"].clone()),
            (202, json!("kept")),
            "{:?}: {}",
            String::from_utf8_lossy(body),
            answer.body
        );
        assert_eq!(service.deliver("retell", body).status, 200, "known the second time");
    }
    let listed = desk.run(&["calls", "--unrecognised"]).exits(0).stdout;
    assert_eq!(listed.lines().filter(|line| line.contains("retell")).count(), 7, "{listed}");
    assert!(listed.contains("no event rule of `retell` holds") && listed.contains("the body is cut off"), "{listed}");
    let hint = desk.run(&["calls"]).exits(0).stderr;
    assert!(hint.contains("7 payloads not understood"), "{hint}");
    let list = desk.run(&["calls", "--unrecognised", "--format", "json"]).exits(0).json();
    assert_eq!(rows(&list, "unrecognised").len(), 7);
    // What is understood and not for us is no trouble.
    let started = service.deliver("retell", br#"{"event": "call_started", "call": {"call_id": "x"}}"#);
    assert_eq!((started.status, started.json()["status"].clone()), (200, json!("ignored")));
    assert_eq!(desk.calls()["calls"], json!([]));
}

/// Story: a body without end is cut off before it is taken in, whether it says its size or not.
#[test]
fn too_large_is_refused() {
    let desk = Desk::salesforce();
    let service = desk.serve();
    let body = vec![b' '; 9 * 1024 * 1024];
    let answer = service.deliver("bland", &body);
    assert_eq!(answer.status, 413, "{}", answer.body);
    let unsaid =
        format!("POST /v1/calls/bland HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n", body.len());
    let answer = raw(service.host(), &[unsaid.as_bytes(), &body, b"\r\n0\r\n\r\n"].concat());
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert_eq!(service.deliver("bland", &payload("04-known-message.json")).status, 202, "and it still works");
}

/// Story: a value that does not fit its field costs nothing else of the call, and the sender is told.
#[test]
fn a_value_that_does_not_fit_is_set_aside() {
    let desk = Desk::salesforce();
    let service = desk.serve();
    let call = call("c-1", json!({"duration_s": "long", "shoe_size": 43, "caller": {"phone": "+15125550142"}}));
    let answer = service.deliver("json", call.to_string().as_bytes());
    assert_eq!(answer.status, 202);
    assert!(answer.json()["notes"].to_string().contains("duration_s"), "{}", answer.body);
    desk.settled(1);
    let entry = only(desk.logged(), "the entry");
    assert!(text(&entry, "Description").contains("43"), "nothing that was said is lost: {entry:#}");
}

/// Story: our own trouble is never the sender's fault: without a readable secret the answer is "later", and mending it is enough.
#[test]
fn our_own_trouble_is_a_503() {
    let desk = Desk::salesforce();
    let file = desk.root().join("secrets/BLAND_SECRET");
    std::fs::remove_file(&file).expect("the secret");
    let service = desk.serve();
    service.says("the source's secret cannot be read");
    let body = payload("04-known-message.json");
    let answer = service.deliver("bland", &body);
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert!(answer.header("retry-after").is_some());
    desk.write("secrets/BLAND_SECRET", &secret("bland"));
    assert_eq!(service.deliver("bland", &body).status, 202, "without a restart");
}

/// Story: what a caller says is data. It is stored as said, escaped where it goes, and never evaluated.
#[test]
fn what_a_caller_says_is_never_evaluated() {
    let desk = Desk::salesforce();
    let hostile = "' OR Name LIKE '%' -- {{caller.email}} <script>alert(1)</script> \u{202e}@{contact.id}";
    let said = json!({"outcome": "booked", "summary": hostile, "caller": {"phone": "+15125559009", "email": "o'neil+x@example.com", "name": hostile},
        "appointment": crate::support::slot(15)});
    desk.sync(&[call("c-1", said)]).exits(0);
    assert_eq!(desk.crm_rows("Contact").len(), 7, "the quote found nobody");
    let entry = only(desk.logged(), "the entry");
    assert!(text(&entry, "Description").contains("{{caller.email}}") && text(&entry, "Description").contains("<script>"), "{entry:#}");
    let event = only(desk.events(), "the appointment");
    assert!(text(&event, "description").contains("&lt;script&gt;"), "HTML is escaped where HTML is shown: {event:#}");
}
