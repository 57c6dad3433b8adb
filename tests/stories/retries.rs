//! Stories of limits and second thoughts: what attempts limit, what a policy leaves out, and what a person asks for again.

use aftercall_sandbox::{FaultKind, FaultSpec};
use serde_json::{Value, json};

use crate::support::{Desk, call, slot, text};

fn tess(id: &str, more: Value) -> Value {
    let mut call = call(id, json!({"outcome": "message", "caller": {"phone": "+15125559001", "name": "Tess Newman"}}));
    for (key, value) in more.as_object().cloned().unwrap_or_default() {
        call[key] = value;
    }
    call
}

/// The CRM takes no new contact until an admin mends that.
fn no_new_contacts(desk: &Desk, so: bool) {
    let insurance = json!({"name": "Insurance__c", "type": "string", "length": 40, "required": so});
    desk.crm.configure(&json!({"custom_fields": {"Contact": [insurance]}})).expect("a setting");
}

/// Story: the first call's contact was refused while its appointment landed. The caller calls again and gets a record. Asked for again, the
/// first call goes onto that record.
#[test]
fn who_came_meanwhile_is_found() {
    let desk = Desk::salesforce();
    no_new_contacts(&desk, true);
    desk.sync(&[tess("c-1", json!({"outcome": "booked", "appointment": slot(9)}))]).exits(1);
    assert_eq!(desk.status("json:c-1"), "partial");
    no_new_contacts(&desk, false);
    desk.sync(&[tess("c-2", json!({}))]).exits(1);
    assert_eq!((desk.status("json:c-2").as_str(), desk.crm_rows("Contact").len()), ("landed", 7));
    desk.run(&["retry", "json:c-1"]).exits(0);
    assert_eq!((desk.status("json:c-1").as_str(), desk.crm_rows("Contact").len(), desk.events().len()), ("landed", 7, 1));
    let people: Vec<Value> = desk.logged().into_iter().map(|row| row["WhoId"].clone()).collect();
    assert!(people.len() == 2 && people[0] == people[1], "{people:?}");
}

/// Story: a write that may be left out is refused. What refers to it is left out as well, the rest lands, and the call says what it is without.
/// Asked for again once that is mended, all of it lands once.
#[test]
fn what_may_be_left_out_is() {
    let desk = Desk::salesforce();
    desk.edit("pipelines/front-desk.toml", "id = \"contact\"\n", "id = \"contact\"\nretry.invalid = { on_exhausted = \"skip\" }\n");
    no_new_contacts(&desk, true);
    desk.sync(&[tess("c-1", json!({"outcome": "booked", "appointment": slot(9)}))]).exits(0);
    let story = desk.story("json:c-1");
    let reason = text(&story["call"], "status_reason");
    assert_eq!(story["call"]["status"], "landed", "{reason}");
    assert!(reason.contains("without contact") && reason.contains("retry policy"), "{reason}");
    assert_eq!((desk.crm_rows("Contact").len(), desk.logged().len(), desk.events().len()), (6, 0, 1));
    no_new_contacts(&desk, false);
    desk.run(&["retry", "json:c-1"]).exits(0);
    assert_eq!((desk.crm_rows("Contact").len(), desk.logged().len(), desk.events().len()), (7, 1, 1));
    assert!(desk.story("json:c-1")["call"]["status_reason"].is_null());
    assert!(desk.run(&["retry", "json:c-1"]).exits(2).stderr.contains("did not land"), "there is nothing more");
}

/// Story: all that a call wanted may be left out, and failed. That is not called landed, and an operator finds it.
#[test]
fn a_call_of_which_nothing_landed_is_no_success() {
    let desk = Desk::salesforce().impatient();
    desk.edit("pipelines/front-desk.toml", "[retry.default]\n", "[retry.default]\nmax_attempts = 1\non_exhausted = \"skip\"\n");
    desk.crm.fault(FaultSpec::new(FaultKind::ServerError).on_path("composite"));
    let ran = desk.sync(&[tess("c-1", json!({}))]).exits(1);
    assert!(ran.stdout.contains("nothing landed"), "{}", ran.seen());
    desk.crm.clear_faults();
    desk.run(&["retry", "--all"]).exits(0);
    assert_eq!((desk.status("json:c-1").as_str(), desk.crm_rows("Contact").len(), desk.logged().len()), ("landed", 7, 1));
}

/// Story: one attempt is allowed, and its answer is lost after the CRM has written everything. It is looked for, and has landed.
#[test]
fn attempts_limit_what_is_sent_and_not_what_is_looked_at() {
    let desk = Desk::salesforce().impatient();
    desk.edit("pipelines/front-desk.toml", "[retry.default]\n", "[retry.default]\nmax_attempts = 1\n");
    desk.crm.fault(FaultSpec::next(FaultKind::CommitThenDrop, 1).on_path("composite"));
    desk.sync(&[tess("c-1", json!({}))]).exits(0);
    assert_eq!((desk.status("json:c-1").as_str(), desk.crm_rows("Contact").len(), desk.logged().len()), ("landed", 7, 1));
    // Where it is not there, it is a dead letter, and was not sent a second time.
    desk.crm.fault(FaultSpec::next(FaultKind::Timeout, 1).on_path("composite"));
    let other = call("c-2", json!({"outcome": "message", "caller": {"phone": "+15125559002", "name": "Theo Newman"}}));
    desk.sync(&[other]).exits(1);
    assert_eq!((desk.status("json:c-2").as_str(), desk.crm_rows("Contact").len(), desk.logged().len()), ("dead", 7, 1));
    desk.run(&["retry", "json:c-2"]).exits(0);
    assert_eq!((desk.crm_rows("Contact").len(), desk.logged().len()), (8, 2));
}

/// Story: one attempt is allowed, and the CRM asks for a slower pace before anything can be read. That is no attempt.
#[test]
fn a_pace_while_reading_is_no_attempt() {
    let desk = Desk::salesforce().impatient();
    desk.edit("pipelines/front-desk.toml", "[retry.default]\n", "[retry.default]\nmax_attempts = 1\n");
    desk.crm.fault(FaultSpec::next(FaultKind::RateLimited, 12).on_path("query"));
    desk.sync(&[tess("c-1", json!({}))]).exits(0);
    assert_eq!((desk.status("json:c-1").as_str(), desk.logged().len()), ("landed", 1));
}

/// Story: reading failed for good. An operator finds the call by how it failed, and a resolved one can be taken up again.
#[test]
fn what_could_not_be_read_is_found_and_a_resolved_call_taken_up_again() {
    let desk = Desk::salesforce().impatient();
    desk.edit("pipelines/front-desk.toml", "[retry.default]\n", "[retry.default]\nmax_attempts = 1\n");
    desk.crm.fault(FaultSpec::new(FaultKind::ServerError).on_path("query"));
    desk.sync(&[tess("c-1", json!({}))]).exits(1);
    assert_eq!(desk.status("json:c-1"), "dead");
    assert!(desk.run(&["retry", "--class", "transient", "--dry-run"]).exits(0).stdout.contains("json:c-1"));
    desk.run(&["resolve", "json:c-1", "--reason", "too early"]).exits(0);
    desk.crm.clear_faults();
    desk.run(&["retry", "json:c-1"]).exits(0);
    assert_eq!((desk.status("json:c-1").as_str(), desk.logged().len()), ("landed", 1));
    let twice = desk.run(&["retry", "json:c-1", "--found", "call=X", "--absent", "call"]).exits(2);
    assert!(twice.stderr.contains("two things are said"), "{}", twice.stderr);
}

/// A call whose words are these; told again with others it is the same call.
fn told(words: &str) -> Value {
    tess("c-1", json!({"outcome": "booked", "appointment": slot(9), "summary": words, "follow_up": {"reason": words}}))
}

/// What of a call ended as a conflict with somebody else's words.
fn conflicts(desk: &Desk) -> Vec<String> {
    let story = desk.story("json:c-1");
    let writes = story["writes"].as_array().cloned().unwrap_or_default();
    let fields = writes.iter().flat_map(|write| write["receipt"].as_array().cloned().unwrap_or_default());
    fields.filter(|field| field["state"] == "conflict").map(|field| field.to_string()).collect()
}

/// Story: the platform tells a call, the answer to a write is lost, and then the platform tells the call again in other words. The newer words
/// stand in the CRM, and nobody is said to have edited the older ones.
#[test]
fn newer_words_follow_an_answer_that_was_lost() {
    let desk = Desk::hubspot();
    desk.crm.fault(FaultSpec::next(FaultKind::CommitThenDrop, 1).on_method("POST").on_path("objects/tasks"));
    let first = crate::support::aftercall(desk.root(), &["sync", "-", "--wait", "0s"], format!("{}\n", told("The first words")).as_bytes());
    first.exits(1);
    desk.sync(&[told("The newer words")]).exits(0);
    assert_eq!(desk.status("json:c-1"), "landed");
    let tasks = desk.crm_rows("tasks");
    assert_eq!(tasks.len(), 1, "{tasks:?}");
    let task = tasks[0].to_string();
    assert!(task.contains("The newer words") && !task.contains("The first words"), "{task}");
    assert_eq!(conflicts(&desk), [""; 0]);
}

/// Story: the same with the calendar's answer.
#[test]
fn newer_words_follow_into_the_calendar() {
    let desk = Desk::hubspot();
    desk.calendar.fault(FaultSpec::next(FaultKind::CommitThenDrop, 1).on_method("POST").on_path("/events"));
    let first = crate::support::aftercall(desk.root(), &["sync", "-", "--wait", "0s"], format!("{}\n", told("The first words")).as_bytes());
    first.exits(1);
    desk.sync(&[told("The newer words")]).exits(0);
    assert_eq!(desk.status("json:c-1"), "landed");
    let events = desk.events();
    assert_eq!(events.len(), 1, "{events:?}");
    let event = events[0].to_string();
    assert!(event.contains("The newer words") && !event.contains("The first words"), "{event}");
}

/// Story: a pipeline's condition was too narrow, and a call was skipped. When that is mended, the call is asked for again under the config as it is now,
/// and lands; under its own version it is skipped again, and that is said.
#[test]
fn what_was_skipped_is_asked_for_again() {
    let desk = Desk::salesforce();
    let narrow = "when = 'outcome == \"booked\" && call.direction == \"inbound\"";
    desk.edit("pipelines/front-desk.toml", "when = 'call.direction == \"inbound\"", narrow);
    desk.sync(&[tess("c-1", json!({}))]).exits(0);
    assert_eq!((desk.status("json:c-1").as_str(), desk.logged().len()), ("skipped", 0));
    let again = desk.run(&["retry", "json:c-1"]).exits(1);
    assert!(again.stdout.contains("no pipeline takes this call"), "{}", again.stdout);
    desk.edit("pipelines/front-desk.toml", narrow, "when = 'call.direction == \"inbound\"");
    let shown = desk.run(&["retry", "json:c-1", "--current", "--dry-run"]).exits(0).stdout;
    assert!(shown.contains("contact: create crm/contact"), "{shown}");
    desk.run(&["retry", "json:c-1", "--current", "--yes"]).exits(0);
    assert_eq!((desk.status("json:c-1").as_str(), desk.logged().len(), desk.crm_rows("Contact").len()), ("landed", 1, 7));
}
