//! Stories of a CRM that is not always well: limits, tokens, silence, and answers that get lost.

use std::time::Duration;

use aftercall_sandbox::{FaultKind, FaultSpec};
use serde_json::{Value, json};

use crate::support::{Desk, call, eventually, known_callers, only, slot, text};

fn nora(id: &str) -> Value {
    call(
        id,
        json!({"outcome": "message", "follow_up": {"reason": "Call back"}, "caller": {"phone": "+15125550142", "name": "Nora Whitfield"}}),
    )
}

fn stranger(id: &str) -> Value {
    call(
        id,
        json!({"outcome": "message", "follow_up": {"reason": "Call back"}, "caller": {"phone": "+15125559001", "name": "Tess Newman"}}),
    )
}

/// One entry, one task and nobody twice.
#[track_caller]
fn landed_once(desk: &Desk, contacts: usize) {
    assert_eq!((desk.logged().len(), desk.to_dos().len(), desk.crm_rows("Contact").len()), (1, 1, contacts));
}

/// Story: the CRM says "too many requests". The call waits as long as asked, goes out again by itself, and lands once.
#[test]
fn too_many_requests_then_fine() {
    let desk = Desk::salesforce().impatient();
    desk.crm.fault(FaultSpec::next(FaultKind::RateLimited, 1).on_path("composite"));
    desk.sync(&[stranger("c-1")]).exits(0);
    landed_once(&desk, 7);
    assert_eq!(desk.status("json:c-1"), "landed");
    let shown = desk.run(&["show", "json:c-1"]).exits(0).stdout;
    assert!(shown.contains("attempt_failed") && shown.contains("rate_limited"), "the story tells of it:\n{shown}");
}

/// Story: the CRM is too busy four times, and then it fails once. Two attempts are allowed, and only the failure was one.
#[test]
fn a_pace_uses_up_no_attempts() {
    let desk = Desk::salesforce().impatient();
    desk.edit("pipelines/front-desk.toml", "[retry.default]\n", "[retry.default]\nmax_attempts = 2\n");
    desk.crm.fault(FaultSpec::next(FaultKind::RateLimited, 4).on_path("composite"));
    desk.crm.fault(FaultSpec::next(FaultKind::ServerError, 1).on_path("composite"));
    desk.sync(&[stranger("c-1")]).exits(0);
    landed_once(&desk, 7);
    let attempts: Vec<i64> =
        desk.story("json:c-1")["writes"].as_array().into_iter().flatten().filter_map(|w| w["attempt"].as_i64()).collect();
    assert_eq!(attempts.iter().max(), Some(&2), "{attempts:?}");
}

/// Story: without time to wait, the batch ends, says that something waits, and the next run goes on with it.
#[test]
fn what_waits_is_kept_for_the_next_run() {
    let desk = Desk::salesforce().impatient();
    desk.crm.fault(FaultSpec::new(FaultKind::RateLimited));
    let ran = crate::support::aftercall(desk.root(), &["sync", "-"], format!("{}\n", stranger("c-1")).as_bytes()).exits(1);
    assert!(ran.stdout.contains("waiting") && ran.stderr.contains("1 waiting"), "{}", ran.seen());
    assert!(desk.logged().is_empty());
    desk.crm.clear_faults();
    desk.sync(&[]).exits(0);
    landed_once(&desk, 7);
}

/// Story: the token expires in the middle of the work of many callers. One new one is fetched, and everybody goes on with it.
#[test]
fn an_expired_token_is_refreshed_once() {
    let desk = Desk::salesforce();
    let service = desk.serve();
    service.take(&nora("c-0"));
    desk.settled(1);
    let tokens = Desk::token_requests(&desk.crm);
    desk.crm.fault(FaultSpec::new(FaultKind::ExpireToken));
    std::thread::scope(|threads| {
        for (name, _, phone) in known_callers() {
            let service = &service;
            threads.spawn(move || service.take(&call(name, json!({"caller": {"phone": phone}}))));
        }
    });
    let statuses = desk.settled(7);
    assert!(statuses.values().all(|s| s == "landed"), "{statuses:?}");
    assert_eq!(desk.logged().len(), 7);
    assert_eq!(Desk::token_requests(&desk.crm), tokens + 1, "one refresh for all of them");
}

/// Story: the office's access is withdrawn. Calls are taken in all the same and wait; once it is given back, they land.
#[test]
fn withdrawn_access_loses_nothing() {
    let desk = Desk::salesforce().impatient();
    desk.crm.fault(FaultSpec::new(FaultKind::RevokeToken));
    let service = desk.serve();
    service.take(&stranger("c-1"));
    eventually("the call has met the refusal", || {
        let story = desk.story("json:c-1");
        text(&story["call"], "status_reason").contains("auth_revoked").then_some(())
    });
    assert_eq!(desk.status("json:c-1"), "waiting");
    desk.crm.reset();
    assert_eq!(desk.settled(1)["json:c-1"], "landed");
    landed_once(&desk, 1);
}

/// Story: the CRM is down. Every call gets its 202, waits, and lands when the CRM is back.
#[test]
fn a_crm_that_is_down_loses_nothing() {
    let desk = Desk::salesforce().impatient();
    desk.crm.fault(FaultSpec::new(FaultKind::Down));
    let service = desk.serve();
    for (n, (_, _, phone)) in known_callers().into_iter().enumerate() {
        service.take(&call(&format!("c-{n}"), json!({"caller": {"phone": phone}})));
    }
    // After enough of them have met that, the system is left alone.
    eventually("the list says why they wait", || {
        desk.run(&["calls", "--status", "waiting"]).exits(0).stdout.contains("crm does not answer").then_some(())
    });
    assert!(desk.statuses().values().all(|status| status == "waiting"), "{:?}", desk.statuses());
    desk.crm.clear_faults();
    let statuses = desk.settled(6);
    assert!(statuses.values().all(|s| s == "landed"), "{statuses:?}");
    assert_eq!(desk.logged().len(), 6);
}

/// Story: the CRM is away for longer than the service runs. The next start goes on where it was.
#[test]
fn an_outage_outlives_a_restart() {
    let desk = Desk::salesforce().impatient();
    desk.crm.fault(FaultSpec::new(FaultKind::Down));
    let service = desk.serve();
    service.take(&stranger("c-1"));
    eventually("it was tried", || service.log().contains("cannot read").then_some(()));
    service.terminate().exits(0);
    desk.crm.clear_faults();
    let service = desk.serve();
    assert_eq!(desk.settled(1)["json:c-1"], "landed");
    landed_once(&desk, 7);
    drop(service);
}

/// Story: the CRM writes, and its answer gets lost. We look before we write again: every record is there once.
#[test]
fn a_lost_answer_doubles_nothing() {
    let desk = Desk::salesforce().impatient();
    desk.crm.fault(FaultSpec::next(FaultKind::CommitThenDrop, 1).on_path("composite"));
    desk.sync(&[stranger("c-1")]).exits(0);
    landed_once(&desk, 7);
    assert_eq!(desk.status("json:c-1"), "landed");
}

/// Story: the same for one write at a time, where the CRM has no composite.
#[test]
fn a_lost_answer_doubles_nothing_without_packs() {
    for path in ["/contacts", "/calls", "/tasks"] {
        let desk = Desk::hubspot().impatient();
        desk.crm.fault(FaultSpec::next(FaultKind::CommitThenDrop, 1).on_path(path).on_method("POST"));
        desk.crm.fault(FaultSpec::next(FaultKind::ServerError, 1).on_path("/search"));
        desk.sync(&[stranger("c-1")]).exits(0);
        let counts = ["contacts", "calls", "tasks"].map(|object| desk.crm_rows(object).len());
        assert_eq!(counts, [7, 1, 1], "after a lost answer to {path}");
        assert_eq!(desk.status("json:c-1"), "landed", "after a lost answer to {path}");
    }
}

/// Story: the request seemed lost and is applied seconds later, when ours has gone out again. Still one record.
#[test]
fn a_late_application_doubles_nothing() {
    let desk = Desk::salesforce().impatient();
    desk.crm.fault(FaultSpec::next(FaultKind::ApplyLate, 1).on_path("composite").delayed_ms(700));
    desk.sync(&[stranger("c-1")]).exits(0);
    // Whatever was still under way has arrived now.
    std::thread::sleep(Duration::from_millis(800));
    landed_once(&desk, 7);
}

/// An opportunity carries no key of ours: of all records of the example it alone cannot be told from a second one.
fn with_a_new_deal() -> Desk {
    let desk = Desk::salesforce().impatient();
    let deal = "\n[[write]]\nid = \"deal\"\nmapping = \"salesforce/opportunity\"\nwhen = 'outcome == \"message\"'\n";
    desk.add("pipelines/front-desk.toml", deal);
    let warned = desk.run(&["check"]).exits(0);
    assert!(
        warned.stdout.contains("AC0507") && warned.stdout.contains("a lost answer waits for a person"),
        "it is said before it runs: {}",
        warned.seen()
    );
    desk
}

#[track_caller]
fn a_person_must_look(desk: &Desk, deals: usize) {
    let story = desk.story("json:c-1");
    assert_eq!(text(&story["call"], "status"), "held");
    assert!(text(&story["call"], "status_reason").starts_with("deal: perhaps written"), "{}", story["call"]["status_reason"]);
    assert_eq!(desk.crm_rows("Opportunity").len(), deals);
    landed_once(desk, 7);
}

/// The answer got lost of a record that nobody can look for, and it is there.
fn with_a_deal_in_doubt() -> Desk {
    let desk = with_a_new_deal();
    desk.crm.fault(FaultSpec::next(FaultKind::CommitThenDrop, 1).on_path("composite"));
    desk.sync(&[stranger("c-1")]).exits(1);
    a_person_must_look(&desk, 3);
    desk
}

/// The process died before the answer, and it is not there. The next one runs.
fn with_a_deal_in_doubt_after_a_kill() -> (Desk, crate::support::Running) {
    let desk = with_a_new_deal();
    desk.crm.fault(FaultSpec::next(FaultKind::Timeout, 1).on_path("composite"));
    let service = desk.serve();
    service.take(&stranger("c-1"));
    desk.asked("composite", 1);
    service.kill();
    let service = desk.serve();
    desk.settled(1);
    a_person_must_look(&desk, 2);
    (desk, service)
}

/// Story: the answer gets lost of a record that nobody can look for. It is not sent again on good luck: a person is asked, and all else lands.
#[test]
fn what_nobody_can_tell_waits_for_a_person() {
    let desk = with_a_deal_in_doubt();
    // Nor by the next run.
    desk.sync(&[]).exits(1);
    a_person_must_look(&desk, 3);
}

/// Story: the same when the process dies before the answer.
#[test]
fn what_nobody_can_tell_after_a_kill_waits_for_a_person() {
    drop(with_a_deal_in_doubt_after_a_kill());
}

/// Story: the person has looked, and it is there. It is taken for landed under the id that they give; one that is not there is not believed.
#[test]
fn what_a_person_has_found_has_landed() {
    let desk = with_a_deal_in_doubt();
    // Tried again without a look: nothing is sent, and it is said what to look for.
    let ran = desk.run(&["retry", "json:c-1"]).exits(1);
    assert!(ran.stderr.contains("look into crm") && ran.stderr.contains("--found deal=RECORD"), "{}", ran.stderr);
    a_person_must_look(&desk, 3);
    for (wrong, why) in [
        (["--found", "deal="], "--found WRITE=RECORD"),
        (["--found", "call=00T000000000001AAA"], "`call` of json:c-1 is not in doubt; deal is"),
        (["--absent", "dael"], "`dael` of json:c-1 is not in doubt"),
    ] {
        let ran = desk.run(&[&["retry", "json:c-1"][..], &wrong].concat()).exits(2);
        assert!(ran.stderr.contains(why), "{}", ran.stderr);
    }
    desk.run(&["retry", "json:c-1", "--found", "deal=006000000000999AAA"]).exits(1);
    let story = desk.story("json:c-1");
    let deal = only(crate::support::rows(&story, "writes").into_iter().filter(|w| w["write"] == "deal").collect(), "the deal");
    assert_eq!((text(&deal, "state"), text(&deal["trouble"], "message")), ("unknown", "there is no record `006000000000999AAA`"));
    let made = desk.crm_rows("Opportunity").pop().expect("the new deal");
    desk.run(&["retry", "json:c-1", "--found", &format!("deal={}", text(&made, "Id")), "--by", "olga"]).exits(0);
    assert_eq!((desk.status("json:c-1").as_str(), desk.crm_rows("Opportunity").len()), ("landed", 3));
    landed_once(&desk, 7);
}

/// Story: the person has looked, and it is not there. It goes out again, once; so does what waited behind it, and a service that runs
/// carries it out.
#[test]
fn what_a_person_has_not_found_goes_out_again() {
    let (desk, service) = with_a_deal_in_doubt_after_a_kill();
    desk.run(&["retry", "json:c-1", "--absent", "deal"]).exits(0);
    assert_eq!((desk.status("json:c-1").as_str(), desk.crm_rows("Opportunity").len()), ("landed", 3));
    landed_once(&desk, 7);
    drop(service);
}

/// Story: a booking whose answer gets lost, or which arrives late, is one booking.
#[test]
fn a_booking_with_a_lost_answer_is_one_booking() {
    for fault in [FaultSpec::next(FaultKind::CommitThenDrop, 1), FaultSpec::next(FaultKind::ApplyLate, 1).delayed_ms(500)] {
        let desk = Desk::salesforce().impatient();
        desk.calendar.fault(fault.clone().on_path("/events").on_method("POST"));
        let caller = json!({"phone": "+15125550142", "name": "Nora Whitfield"});
        desk.sync(&[call("c-1", json!({"outcome": "booked", "caller": caller, "appointment": slot(9)}))]).exits(0);
        std::thread::sleep(Duration::from_millis(600));
        only(desk.events(), "one appointment");
        assert_eq!(desk.status("json:c-1"), "landed", "{fault:?}");
    }
}

/// Story: an internal error of the CRM, before or after it wrote. Nobody knows which, and nothing is there twice.
#[test]
fn an_internal_error_doubles_nothing() {
    let desk = Desk::salesforce().impatient();
    desk.crm.fault(FaultSpec::next(FaultKind::ServerError, 2).on_path("composite"));
    desk.crm.fault(FaultSpec::next(FaultKind::Unavailable, 1).on_path("query"));
    desk.sync(&[stranger("c-1")]).exits(0);
    landed_once(&desk, 7);
}

/// Story: somebody else holds the record for a moment. The write waits for it.
#[test]
fn a_locked_record_is_waited_for() {
    let desk = Desk::salesforce().impatient();
    desk.crm.configure(&json!({"row_lock_next": 1})).expect("a setting");
    desk.sync(&[nora("c-1")]).exits(0);
    landed_once(&desk, 6);
    assert_eq!(desk.status("json:c-1"), "landed");
}

/// Story: one system is down and the other is not. What can land lands at once.
#[test]
fn a_calendar_that_is_down_holds_up_nothing_else() {
    let desk = Desk::salesforce().impatient();
    let service = desk.serve();
    desk.calendar.fault(FaultSpec::next(FaultKind::Unavailable, 1).on_method("POST").on_path("/events"));
    let caller = json!({"phone": "+15125550142", "name": "Nora Whitfield"});
    service.take(&call("c-1", json!({"outcome": "booked", "caller": caller, "appointment": slot(9)})));
    assert_eq!(desk.settled(1)["json:c-1"], "landed");
    assert_eq!((desk.logged().len(), desk.events().len()), (1, 1));
    let contact = desk.crm.requests().iter().filter(|r| r.path.ends_with("/composite")).count();
    assert_eq!(contact, 1, "the CRM was not asked again for it");
}

/// Story: the calendar cannot even be looked at. The appointment waits for it; the call log and the task do not.
#[test]
fn a_calendar_that_cannot_be_read_holds_up_nothing_else() {
    let desk = Desk::salesforce().impatient();
    desk.calendar.fault(FaultSpec::new(FaultKind::Down));
    let service = desk.serve();
    let caller = json!({"phone": "+15125550142", "name": "Nora Whitfield"});
    service.take(&call("c-1", json!({"outcome": "complaint", "caller": caller, "appointment": slot(9)})));
    eventually("the calendar was asked", || (desk.calendar.requests().len() >= 3).then_some(()));
    assert_eq!((desk.logged().len(), desk.to_dos().len()), (1, 1), "the complaint is with the manager");
    desk.calendar.clear_faults();
    assert_eq!(desk.settled(1)["json:c-1"], "landed");
    assert_eq!((desk.logged().len(), desk.to_dos().len(), desk.events().len()), (1, 1, 1));
}

/// Story: one caller's record is refused for hours. Nobody else notices.
#[test]
fn one_callers_trouble_is_nobody_elses() {
    let desk = Desk::salesforce().impatient();
    desk.crm.fault(FaultSpec::next(FaultKind::Timeout, 1).on_path("composite").delayed_ms(3_000));
    let service = desk.serve();
    service.take(&stranger("c-0"));
    desk.asked("composite", 1);
    for (n, (_, _, phone)) in known_callers().into_iter().enumerate() {
        service.take(&call(&format!("c-{}", n + 1), json!({"caller": {"phone": phone}})));
    }
    eventually("the others land meanwhile", || (desk.logged().len() == 6).then_some(()));
    assert!(!desk.logged().iter().any(|entry| entry["CallObject"] == "c-0"), "while his still waits");
    assert_eq!(desk.settled(7).values().filter(|status| *status == "landed").count(), 7);
}

/// Story: many calls through bad weather. None is lost, and nothing stands there twice.
#[test]
fn bad_weather() {
    let desk = Desk::salesforce().impatient();
    let share = |kind, probability, seed| FaultSpec {
        probability: Some(probability),
        seed: Some(seed),
        for_ms: Some(8_000),
        ..FaultSpec::new(kind)
    };
    desk.crm.fault(share(FaultKind::ServerError, 0.1, 3));
    desk.crm.fault(share(FaultKind::CommitThenDrop, 0.1, 5).on_path("composite"));
    desk.crm.fault(share(FaultKind::ApplyLate, 0.1, 7).on_path("composite").delayed_ms(300));
    desk.crm.fault(share(FaultKind::Down, 0.05, 11));
    let calls: Vec<Value> = (0..60)
        .map(|n| {
            let caller = json!({"phone": format!("+1512555{:04}", 3000 + n % 15), "name": format!("Caller Number{}", n % 15)});
            call(&format!("c-{n}"), json!({"outcome": "message", "follow_up": {"reason": "Call back"}, "caller": caller}))
        })
        .collect();
    let ran = desk.sync(&calls);
    let statuses = desk.statuses();
    let other = statuses.iter().find(|(_, status)| *status != "landed").map(|(id, _)| desk.run(&["show", id]).stdout);
    assert_eq!((ran.code, statuses.len(), other), (Some(0), 60, None), "{}", ran.seen());
    std::thread::sleep(Duration::from_millis(400));
    assert_eq!((desk.crm_rows("Contact").len(), desk.logged().len(), desk.to_dos().len()), (6 + 15, 60, 60));
}

/// To-dos are known again by a field that can be searched and takes the same value twice: nothing but a look tells whether one is there.
fn with_to_dos_that_are_looked_for() -> Desk {
    let desk = Desk::salesforce().impatient();
    let ours = std::fs::read_to_string(crate::support::repository().join("mappings/salesforce/connector.toml")).expect("the connector");
    let (before, after) = ours.split_once("[object.task]").expect("tasks");
    let exact = "identity = { kind = \"unique_key\", field = \"Call_Key__c\" }";
    assert!(after.contains(exact));
    let marked = after.replacen(exact, "identity = { kind = \"marker\", field = \"CallDisposition\" }", 1);
    let settle = before.replacen("settle_s = 120", "settle_s = 2", 1);
    desk.write("mappings/salesforce/connector.toml", &format!("{settle}[object.task]{marked}"));
    let plan = desk.plan(&[stranger("c-1")]);
    assert!(plan.to_string().contains("reconciled"), "the promise is shown before it runs: {plan}");
    desk
}

/// Story: a write that only a look can tell. Landed, lost, or late: it is there once.
#[test]
fn what_can_be_looked_for_is_looked_for() {
    let late = || FaultSpec::next(FaultKind::ApplyLate, 1).delayed_ms(1_200);
    for fault in [FaultSpec::next(FaultKind::CommitThenDrop, 1), FaultSpec::next(FaultKind::Timeout, 1).delayed_ms(100), late()] {
        let desk = with_to_dos_that_are_looked_for();
        desk.crm.fault(fault.clone().on_path("composite"));
        desk.sync(&[stranger("c-1")]).exits(0);
        landed_once(&desk, 7);
        assert_eq!(desk.status("json:c-1"), "landed", "{fault:?}");
        let shown = desk.run(&["show", "json:c-1"]).exits(0).stdout;
        assert_eq!(shown.contains("not_there"), fault.kind == FaultKind::Timeout, "{fault:?}:\n{shown}");
    }
}

/// Story: the same when the process dies before the answer.
#[test]
fn what_can_be_looked_for_after_a_kill_is_looked_for() {
    let desk = with_to_dos_that_are_looked_for();
    desk.crm.fault(FaultSpec::next(FaultKind::ApplyLate, 1).on_path("composite").delayed_ms(1_000));
    let service = desk.serve();
    service.take(&stranger("c-1"));
    desk.asked("composite", 1);
    service.kill();
    let service = desk.serve();
    assert_eq!(desk.settled(1)["json:c-1"], "landed");
    landed_once(&desk, 7);
    drop(service);
}
