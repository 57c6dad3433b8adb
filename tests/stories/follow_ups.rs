//! Stories of what somebody must still do: whose it is, by when, and where the deal stands.

use jiff::civil::{Date, Weekday, date};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};
use serde_json::json;

use crate::support::{Desk, call, known_callers, only, text};

const ANA: &str = "005Sb0000000001IAA";
const BEN: &str = "005Sb0000000002IAA";
const MANAGER: &str = "005Sb0000000003IAA";

/// The office's hours, written a second time and minute by minute, so that the test does not share a mistake with the program.
fn after_business_minutes(from: Timestamp, mut minutes: u32) -> Zoned {
    let zone = TimeZone::get("America/Chicago").expect("the zone is bundled");
    let holidays: [Date; 3] = [date(2026, 11, 26), date(2026, 12, 25), date(2027, 1, 1)];
    let open = |time: &Zoned| {
        !matches!(time.weekday(), Weekday::Saturday | Weekday::Sunday) && !holidays.contains(&time.date()) && (8..17).contains(&time.hour())
    };
    let mut time = from.to_zoned(zone);
    while minutes > 0 {
        minutes -= u32::from(open(&time));
        time += SignedDuration::from_mins(1);
    }
    time
}

/// Story: a complaint becomes one task of high priority for the office manager, due within an hour in which somebody is there.
#[test]
fn a_complaint_goes_to_the_manager() {
    let desk = Desk::salesforce();
    let before = Timestamp::now();
    let said = json!({"outcome": "complaint", "summary": "The crown came off again.", "caller": {"phone": "+15125550142", "name": "Nora Whitfield"}});
    let call = call("c-1", said);
    // Platforms repeat themselves.
    desk.sync(&[call.clone(), call]).exits(0);
    let after = Timestamp::now();
    let task = only(desk.to_dos(), "one task");
    assert_eq!((text(&task, "OwnerId"), text(&task, "Priority"), text(&task, "Status")), (MANAGER, "High", "Not Started"));
    assert_eq!(text(&task, "WhoId"), "0035e0000000001AAA");
    assert!(text(&task, "Description").contains("The crown came off again."), "{task:#}");
    let (early, late) = (after_business_minutes(before, 60), after_business_minutes(after, 60));
    let days = [early.date().to_string(), late.date().to_string()];
    assert!(days.iter().any(|day| day == text(&task, "ActivityDate")), "due {} and not {days:?}", task["ActivityDate"]);
    let reminder: Timestamp = text(&task, "ReminderDateTime").replace("+0000", "Z").parse().expect("a time");
    // The minute-wise count above is up to a minute coarse.
    let slack = SignedDuration::from_mins(1);
    assert!(early.timestamp() - slack <= reminder && reminder <= late.timestamp() + slack, "{reminder} is not in {early} to {late}");
    let hour = reminder.to_zoned(TimeZone::get("America/Chicago").expect("a zone"));
    assert!((8..=17).contains(&hour.hour()), "somebody is there at {hour}");
}

/// Story: an escalation is a task as well, and whoever knows the caller is not asked: the manager is.
#[test]
fn an_escalation_goes_to_the_manager() {
    let desk = Desk::salesforce();
    desk.sync_payload("03-known-escalation.json", "retell").exits(0);
    let task = only(desk.to_dos(), "one task");
    assert_eq!((text(&task, "OwnerId"), text(&task, "Priority")), (MANAGER, "High"));
    assert_eq!(text(&task, "Subject"), "Billing dispute, invoice PS-20417");
}

/// Story: a caller whom somebody looks after goes to that colleague, the next working day at ten.
#[test]
fn the_known_owner_follows_up() {
    let desk = Desk::salesforce();
    desk.crm
        .load(&json!({"Contact": [{"FirstName": "Omar", "LastName": "Haddad", "Phone": "5125550160", "OwnerId": BEN}]}))
        .expect("a record");
    let said = json!({"outcome": "message", "caller": {"phone": "+15125550160"}, "follow_up": {"reason": "Send the estimate"}});
    desk.sync(&[call("c-1", said)]).exits(0);
    let task = only(desk.to_dos(), "one task");
    assert_eq!((text(&task, "OwnerId"), text(&task, "Subject")), (BEN, "Send the estimate"));
    let reminder: Timestamp = text(&task, "ReminderDateTime").replace("+0000", "Z").parse().expect("a time");
    let local = reminder.to_zoned(TimeZone::get("America/Chicago").expect("a zone"));
    assert_eq!((local.hour(), local.minute()), (10, 0));
    assert!(!matches!(local.weekday(), Weekday::Saturday | Weekday::Sunday), "{local}");
}

/// Story: new callers are shared out in turn, and a call keeps its turn when it comes in again.
#[test]
fn new_callers_are_taken_in_turn() {
    let desk = Desk::salesforce();
    let calls: Vec<_> = (1..=4)
        .map(|n| {
            let said = json!({"outcome": "message", "caller": {"phone": format!("+1512555900{n}")}, "follow_up": {"reason": format!("Call back {n}")}});
            call(&format!("c-{n}"), said)
        })
        .collect();
    for call in &calls {
        desk.sync(std::slice::from_ref(call)).exits(0);
    }
    let mut tasks = desk.to_dos();
    tasks.sort_by_key(|task| text(task, "Subject").to_owned());
    let owners: Vec<&str> = tasks.iter().map(|task| text(task, "OwnerId")).collect();
    assert!(owners == [ANA, BEN, ANA, BEN] || owners == [BEN, ANA, BEN, ANA], "{owners:?}");
    // The contact that was made belongs to whoever follows up.
    for task in &tasks {
        let contact = only(desk.crm_rows("Contact").into_iter().filter(|c| c["Id"] == task["WhoId"]).collect(), "the contact");
        assert_eq!(contact["OwnerId"], task["OwnerId"]);
    }
}

/// Story: a colleague's name that the CRM does not know leaves the task with nobody in particular, and says so. It lands.
#[test]
fn an_unknown_colleague_is_said_and_the_task_lands() {
    let desk = Desk::salesforce();
    desk.edit("pipelines/front-desk.toml", "user:office.manager@acme.example", "user:nobody@acme.example");
    let call = call("c-1", json!({"outcome": "complaint", "caller": {"phone": "+15125550142"}}));
    let plan = desk.plan(std::slice::from_ref(&call));
    let notes = plan["calls"][0]["plan"]["notes"].to_string();
    assert!(notes.contains("nobody@acme.example"), "{notes}");
    desk.sync(&[call]).exits(0);
    assert_eq!(desk.to_dos().len(), 1);
}

/// Story: a deal moves forward and never back, whatever a later or a replayed call says.
#[test]
fn a_stage_only_advances() {
    let desk = Desk::salesforce();
    let booked = |id: &str, phone: &str| call(id, json!({"outcome": "booked", "caller": {"phone": phone}}));
    let stage = |id: &str| {
        let row = only(desk.crm_rows("Opportunity").into_iter().filter(|o| o["Id"] == id).collect(), id);
        text(&row, "StageName").to_owned()
    };
    let nora = "0065e0000000001AAA";
    desk.sync(&[booked("c-1", "+15125550142")]).exits(0);
    assert_eq!(stage(nora), "Qualification");
    // A colleague takes it further by hand.
    desk.crm.load(&json!({"Opportunity": [{"Id": nora, "Name": "Whitfield: crown", "StageName": "Negotiation/Review", "CloseDate": "2026-12-31"}]})).expect("a record");
    desk.sync(&[booked("c-2", "+15125550142")]).exits(0);
    assert_eq!(stage(nora), "Negotiation/Review");
    let write = only(
        desk.story("json:c-2")["writes"].as_array().cloned().unwrap_or_default().into_iter().filter(|w| w["write"] == "stage").collect(),
        "the write",
    );
    assert!(write["receipt"].to_string().contains("Negotiation/Review"), "and the receipt says what stayed: {write:#}");
}

/// Story: where nobody has anything open, no deal is touched and none is made.
#[test]
fn no_open_deal_no_stage() {
    let desk = Desk::salesforce();
    let (_, _, phone) = known_callers()[5];
    desk.sync(&[call("c-1", json!({"outcome": "booked", "caller": {"phone": phone}}))]).exits(0);
    assert_eq!(desk.crm_rows("Opportunity").len(), 2);
    assert!(desk.crm_rows("Opportunity").iter().all(|o| ["Prospecting", "Qualification"].contains(&text(o, "StageName"))));
}
