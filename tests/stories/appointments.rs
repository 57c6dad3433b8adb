//! Stories of appointments: a time is given to one caller, and never twice.

use aftercall_sandbox::{FaultKind, FaultSpec};
use serde_json::{Value, json};

use crate::support::{Desk, call, only, slot, text};

fn booking(id: &str, phone: &str, name: &str, hour: i8) -> Value {
    call(id, json!({"outcome": "booked", "caller": {"phone": phone, "name": name}, "appointment": slot(hour)}))
}

/// Story: an appointment that was agreed on the phone stands in the calendar, once, however often the platform says so.
#[test]
fn booked_once() {
    let desk = Desk::salesforce();
    let service = desk.serve();
    let body = booking("c-1", "+15125550142", "Nora Whitfield", 9).to_string();
    assert_eq!(service.deliver("json", body.as_bytes()).status, 202);
    desk.settled(1);
    assert_eq!(service.deliver("json", body.as_bytes()).status, 200, "known already");
    desk.settled(1);
    let event = only(desk.events(), "the appointment");
    assert_eq!(text(&event, "summary"), "Cleaning: Nora Whitfield");
    assert_eq!(text(&event["start"], "dateTime"), slot(9)["start"]);
    assert_eq!(text(&event["end"], "dateTime"), slot(9)["end"]);
    assert_eq!(text(&event["extendedProperties"]["private"], "ac_contact"), "0035e0000000001AAA");
    let opportunity =
        only(desk.crm_rows("Opportunity").into_iter().filter(|o| o["Id"] == "0065e0000000001AAA").collect(), "her opportunity");
    assert_eq!(text(&opportunity, "StageName"), "Qualification");
}

/// Story: the time is taken by somebody else's entry. Nothing is booked over it; the rest of the call lands, and a person sees why.
#[test]
fn a_taken_time_is_blocked_and_said() {
    let desk = Desk::salesforce();
    let mut taken = slot(9);
    let times = json!({"start": {"dateTime": taken.remove("start")}, "end": {"dateTime": taken.remove("end")}});
    let event = json!({"calendarId": "front-desk@acme.example", "summary": "Team meeting", "start": times["start"], "end": times["end"]});
    desk.calendar.load(&json!({"events": [event]})).expect("an event");
    let call = booking("c-1", "+15125550142", "Nora Whitfield", 9);
    let plan = desk.plan(std::slice::from_ref(&call));
    let write = only(
        plan["calls"][0]["plan"]["writes"]
            .as_array()
            .cloned()
            .unwrap_or_default()
            .into_iter()
            .filter(|w| w["id"] == "appointment")
            .collect(),
        "the write",
    );
    assert!(write["op"].to_string().contains("Team meeting"), "the dry run says who has the time: {}", write["op"]);
    desk.sync(&[call]);
    assert_eq!(only(desk.events(), "only theirs")["summary"], "Team meeting");
    assert_eq!(desk.logged().len(), 1, "the call is logged all the same");
    let story = desk.story("json:c-1");
    assert_eq!(story["call"]["status"], "review");
    assert!(text(&story["call"], "status_reason").contains("Team meeting"), "{}", story["call"]["status_reason"]);
}

/// Story: two callers agree on one time at the same moment. One has it; the other's call is shown to a person.
#[test]
fn two_callers_never_get_one_time() {
    let desk = Desk::salesforce();
    let service = desk.serve();
    let callers =
        [("c-1", "+15125550142", "Nora Whitfield"), ("c-2", "+15125550190", "Leonard Bassett"), ("c-3", "+15125559001", "Tess Newman")];
    std::thread::scope(|threads| {
        for (id, phone, name) in callers {
            let service = &service;
            threads.spawn(move || service.take(&booking(id, phone, name, 10)));
        }
    });
    let statuses = desk.settled(3);
    only(desk.events(), "one appointment at that time");
    assert_eq!(statuses.values().filter(|s| *s == "landed").count(), 1, "{statuses:?}");
    assert_eq!(statuses.values().filter(|s| *s == "review").count(), 2, "{statuses:?}");
    assert_eq!(desk.logged().len(), 3, "all three calls are logged");
    let inserts = desk.calendar.requests().iter().filter(|r| r.method == "POST" && r.path.ends_with("/events")).count();
    assert_eq!(inserts, 1, "who has no claim does not even try");
    let other = statuses.iter().find(|(_, status)| *status == "review").map(|(id, _)| id.clone()).unwrap_or_default();
    // Which of the two walls it met first is a matter of moments: our own claim, or the entry that stands there already.
    let reason = text(&desk.story(&other)["call"], "status_reason").to_owned();
    assert!(reason.starts_with("appointment: ") && (reason.contains("has booked this time") || reason.contains("is taken by")), "{reason}");
}

/// Story: times that only touch are two times.
#[test]
fn times_that_touch_are_both_booked() {
    let desk = Desk::salesforce();
    let mut second = booking("c-2", "+15125550190", "Leonard Bassett", 9);
    second["appointment"]["start"] = second["appointment"]["end"].take();
    desk.sync(&[booking("c-1", "+15125550142", "Nora Whitfield", 9), second]).exits(0);
    assert_eq!(desk.events().len(), 2);
}

/// A colleague books by hand while ours is on its way.
fn a_colleague_books(setting: &str) {
    let desk = Desk::salesforce();
    let time = slot(11);
    let event = json!({"summary": "Walk-in", "start": {"dateTime": time["start"]}, "end": {"dateTime": time["end"]}});
    desk.calendar.configure(&json!({ setting: event })).expect("a setting");
    let ran = desk.sync(&[booking("c-1", "+15125550142", "Nora Whitfield", 11)]);
    assert_eq!(only(desk.events(), "ours was withdrawn")["summary"], "Walk-in");
    let story = desk.story("json:c-1");
    let status = text(&story["call"], "status");
    assert!(["review", "partial"].contains(&status), "{status}");
    assert!(ran.seen().contains("json:c-1"), "the batch shows it: {}", ran.seen());
    let shown = desk.run(&["show", "json:c-1"]).exits(0).stdout;
    assert!(shown.contains("Walk-in"), "and the story says who has the time:\n{shown}");
    assert_eq!(desk.logged().len(), 1);
}

/// Story: a colleague books the same time just before ours arrives. A person's entry stands, ours goes.
#[test]
fn a_colleague_books_just_before() {
    a_colleague_books("insert_before_next");
}

/// Story: a colleague books the same time just after ours arrived. A person's entry stands, ours goes.
#[test]
fn a_colleague_books_just_after() {
    a_colleague_books("insert_after_next");
}

/// Story: the answer to our booking gets lost, and a colleague books the same time. We look twice all the same.
#[test]
fn a_lost_answer_is_looked_at_twice() {
    let desk = Desk::salesforce().impatient();
    let time = slot(11);
    let event = json!({"summary": "Walk-in", "start": {"dateTime": time["start"]}, "end": {"dateTime": time["end"]}});
    desk.calendar.configure(&json!({"insert_after_next": event})).expect("a setting");
    desk.calendar.fault(FaultSpec::next(FaultKind::CommitThenDrop, 1).on_method("POST").on_path("/events"));
    desk.sync(&[booking("c-1", "+15125550142", "Nora Whitfield", 11)]);
    assert_eq!(only(desk.events(), "ours was withdrawn")["summary"], "Walk-in");
    let status = desk.status("json:c-1");
    assert!(["review", "partial"].contains(&status.as_str()), "{status}");
}

/// Story: the caller calls again and moves the appointment within the same call's later analysis: moved, not doubled.
#[test]
fn a_corrected_time_moves_the_appointment() {
    let desk = Desk::salesforce();
    let service = desk.serve();
    service.take(&booking("c-1", "+15125550142", "Nora Whitfield", 9));
    desk.settled(1);
    let corrected = booking("c-1", "+15125550142", "Nora Whitfield", 14);
    let answer = service.deliver("json", corrected.to_string().as_bytes());
    assert_eq!((answer.status, answer.json()["status"].clone()), (202, json!("amended")));
    let statuses = desk.settled(1);
    assert_eq!(statuses["json:c-1"], "landed");
    assert_eq!(text(&only(desk.events(), "one appointment")["start"], "dateTime"), slot(14)["start"]);
}
