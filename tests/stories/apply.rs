//! Stories of a plan as a promise: it is looked at, kept in a file, and carried out as it was shown, or not at all.

use serde_json::{Value, json};

use crate::support::{Desk, aftercall, call, known_callers, only, rows, slot, snapshot, text};

/// Nora, who is known, books; and somebody new leaves a message.
fn calls() -> Vec<Value> {
    let (_, _, phone) = known_callers()[0];
    vec![
        call("a-1", json!({"outcome": "booked", "caller": {"phone": phone, "first_name": "Nora"}, "appointment": slot(9)})),
        call(
            "a-2",
            json!({"outcome": "message", "caller": {"phone": "+17135550101", "name": "Ada Baker"}, "follow_up": {"reason": "Send forms"}}),
        ),
    ]
}

/// `aftercall plan --out`: the plan is in `plan.json`.
#[track_caller]
fn planned(desk: &Desk) -> Value {
    let lines: String = calls().iter().map(|call| format!("{call}\n")).collect();
    desk.write("calls.jsonl", &lines);
    let ran = desk.run(&["plan", "calls.jsonl", "--out", "plan.json", "--exit-code", "--format", "json"]).exits(3);
    assert!(ran.stderr.contains("`aftercall apply plan.json` carries it out"), "{}", ran.stderr);
    ran.json()
}

/// `aftercall apply plan.json`, as JSON: what became of each call.
#[track_caller]
fn applied(desk: &Desk, exit: i32) -> Vec<Value> {
    rows(&desk.run(&["apply", "plan.json", "--format", "json"]).exits(exit).json(), "calls")
}

fn words(calls: &[Value]) -> Vec<(&str, &str)> {
    calls.iter().map(|call| (text(call, "applied"), text(call, "status"))).collect()
}

/// Writing requests that a stand-in has had.
fn writes(stand_in: &aftercall_sandbox::Sandbox) -> Vec<String> {
    let writes =
        stand_in.requests().into_iter().filter(|r| r.method != "GET" && !r.path.ends_with("/token") && !r.path.ends_with("/freeBusy"));
    writes.map(|r| format!("{} {}", r.method, r.path)).collect()
}

/// Story: what was shown is what is done, by the road of every other call; and a second time it is recognised.
#[test]
fn it_does_what_it_has_shown() {
    let desk = Desk::salesforce();
    let shown = planned(&desk);
    assert!(writes(&desk.crm).is_empty());
    assert_eq!(words(&applied(&desk, 0)), [("now", "landed"), ("now", "landed")]);
    for call in rows(&shown, "calls") {
        let id = text(&call["plan"], "call").to_owned();
        let story = desk.story(&id);
        let plan = rows(&story, "plans").pop().unwrap_or_default();
        // Down to the moment from which due dates count: the plan on record is the one that was approved.
        assert_eq!(plan["plan"]["writes"], call["plan"]["writes"], "{id}");
        assert_eq!(plan["plan"]["at"], call["plan"]["at"]);
        let kinds: Vec<String> = rows(&story, "events").iter().map(|event| text(event, "kind").to_owned()).collect();
        let at = |kind: &str| kinds.iter().position(|known| known == kind);
        assert!(at("plan_recorded").is_some() && at("promise_kept").is_some() && at("plan_recorded") < at("landed"), "{kinds:?}");
    }
    let (crm, calendar) = (desk.crm.records(), desk.calendar.records());
    assert_eq!(words(&applied(&desk, 0)), [("before", "landed"), ("before", "landed")]);
    assert_eq!((desk.crm.records(), desk.calendar.records()), (crm, calendar));
    let human = desk.run(&["apply", "plan.json"]).exits(0);
    assert!(human.stderr.contains("0 of 2 applied, 2 applied before, 0 not"), "{}", human.stderr);
}

/// Story: a colleague has changed a field meanwhile that would be written. Nothing of that call is written, the other goes on, and the sentence says
/// which field of which record was what, and is what. The plan made anew is applied.
#[test]
fn something_has_changed_since() {
    let desk = Desk::salesforce();
    planned(&desk);
    let (_, nora, _) = known_callers()[0];
    let records = std::fs::read_to_string(desk.root().join("records.json")).expect("the example's records");
    let records: Value = serde_json::from_str(&records).expect("JSON");
    let mut row = only(rows(&records, "Contact").into_iter().filter(|row| row["Id"] == *nora).collect(), "Nora");
    row["OtherPhone"] = json!("+15125550199");
    row["MobilePhone"] = json!("+15125550198");
    desk.crm.load(&json!({"Contact": [row]})).expect("the record loads");
    let done = applied(&desk, 1);
    assert_eq!(words(&done), [("not", "held"), ("now", "landed")]);
    let reason = text(&done[0], "reason");
    let expected =
        format!("not as it was planned: `MobilePhone` of contact {nora} was nothing when the plan was made, and is \"+15125550198\" now");
    assert!(reason.starts_with(&expected), "{reason}");
    assert!(desk.events().is_empty(), "nothing of it is written, in no system");
    assert!(desk.logged().iter().all(|task| task["CallObject"] != "a-1"));
    // What was said still stands; what was applied is recognised.
    assert_eq!(words(&applied(&desk, 1)), [("not", "held"), ("before", "landed")]);
    let lines = format!("{}\n", calls()[0]);
    desk.write("calls.jsonl", &lines);
    desk.run(&["plan", "calls.jsonl", "--out", "plan.json"]).exits(0);
    assert_eq!(words(&applied(&desk, 0)), [("now", "landed")]);
    assert_eq!(desk.events().len(), 1);
}

/// Story: somebody else took the time meanwhile: the booking that was approved is not made, and neither is anything else of it.
#[test]
fn the_time_was_taken_since() {
    let desk = Desk::salesforce();
    planned(&desk);
    let at = slot(9);
    let (start, end) = (json!({"dateTime": at["start"]}), json!({"dateTime": at["end"]}));
    let event = json!({"calendarId": "front-desk@acme.example", "summary": "Bob", "start": start, "end": end});
    desk.calendar.load(&json!({"events": [event]})).expect("an event");
    let done = applied(&desk, 1);
    assert_eq!(words(&done), [("not", "held"), ("now", "landed")]);
    assert!(desk.logged().iter().all(|task| task["CallObject"] != "a-1"));
}

/// Story: a plan of another config is refused, and so is a file that is none.
#[test]
fn what_is_refused() {
    let desk = Desk::salesforce();
    planned(&desk);
    desk.edit("mappings/acme/contact.toml", "'Phone Inquiry'", "'Receptionist'");
    let said = desk.run(&["apply", "plan.json"]).exits(1).stderr;
    assert!(said.contains("was made under config version") && said.contains("`aftercall plan` again"), "{said}");
    let said = desk.run(&["apply", "calls.jsonl"]).exits(1).stderr;
    assert!(said.contains("is no plan that can be applied") && said.contains("--out FILE` makes one"), "{said}");
    assert!(writes(&desk.crm).is_empty() && !desk.root().join("state").exists());
}

/// Story: the platform's webhook was quicker than the approval. The call is not written a second time.
#[test]
fn worked_by_itself_meanwhile() {
    let desk = Desk::salesforce();
    planned(&desk);
    desk.sync(&calls()[1..]).exits(0);
    let done = applied(&desk, 1);
    assert_eq!(words(&done), [("now", "landed"), ("not", "landed")]);
    assert_eq!(desk.to_dos().len(), 1);
}

/// Story: with the service running, it is the service that carries the plan out.
#[test]
fn beside_the_service() {
    let desk = Desk::salesforce();
    planned(&desk);
    let service = desk.serve();
    let ran = desk.run(&["apply", "plan.json", "--format", "json"]).exits(0);
    assert!(ran.stderr.contains("a service works this journal"), "{}", ran.stderr);
    assert_eq!(words(&rows(&ran.json(), "calls")), [("now", "landed"), ("now", "landed")]);
    drop(service);
}

/// Story: a sales manager gets a page, a ticket gets a table. What a caller said is text in both.
#[test]
fn for_whoever_approves() {
    let desk = Desk::salesforce();
    let said = json!({"caller": {"phone": "+17135550101", "name": "Ada <script>alert(1)</script>"}, "summary": "a|b `c` @all"});
    desk.write("calls.jsonl", &format!("{}\n", call("a-1", said)));
    let page = desk.run(&["plan", "calls.jsonl", "--format", "html"]).exits(0).stdout;
    assert!(page.starts_with("<!doctype html>") && page.trim_end().ends_with("</html>"), "{page}");
    assert!(!page.contains("<script") && page.contains("&lt;script&gt;"), "{page}");
    assert!(!page.contains("http://") && !page.contains("https://") && page.contains("prefers-color-scheme: dark"));
    assert!(page.contains("<code>mappings/acme/contact.toml:"), "{page}");
    let table = desk.run(&["plan", "calls.jsonl", "--format", "markdown"]).exits(0).stdout;
    assert!(table.contains("| field | before | after | policy | asked by |") && !table.contains("<script"), "{table}");
    assert!(table.contains("a\\|b \\`c\\` &#64;all"), "{table}");
    let fields = table.lines().filter(|line| line.starts_with("| ")).map(|line| line.split('|').nth(1).unwrap_or_default().trim());
    snapshot("plan_markdown_fields", &fields.collect::<Vec<_>>().join("\n"));
}

/// Story: the JSON of a plan and of a difference is what their schemas say.
#[test]
fn json_as_published() {
    let desk = Desk::salesforce();
    let plan = planned(&desk);
    let schema = std::fs::read_to_string(crate::support::repository().join("schema/plan.schema.json")).expect("a schema");
    let schema: Value = serde_json::from_str(&schema).expect("JSON");
    assert_eq!((&plan["version"], schema["title"].as_str()), (&json!(1), Some("aftercall plan")));
    let read: aftercall_plan::document::PlanDocument = serde_json::from_value(plan.clone()).expect("the type behind the schema");
    assert_eq!(serde_json::to_value(read).expect("JSON"), plan);
    let bad = aftercall(desk.root(), &["plan", "-", "--format", "json"], b"{}\n").exits(1).json();
    assert_eq!(rows(&bad, "errors").len(), 1);
}
