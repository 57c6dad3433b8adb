//! Stories of the dry run: it shows what a run would do, counts its requests right, and writes nothing.

use aftercall_sandbox::{FaultKind, FaultSpec, Sandbox};
use serde_json::{Value, json};

use crate::support::{Desk, aftercall, call, only, redacted, repository, rows, slot, snapshot, text};

fn booked() -> Value {
    let said = json!({
        "outcome": "booked", "summary": "Booked a cleaning.", "caller": {"phone": "+15125550142", "name": "Nora Whitfield"},
        "follow_up": {"reason": "Send the forms"}, "appointment": slot(9),
    });
    call("c-1", said)
}

/// Reads and writes that the plan counts for a connection.
fn counted(plan: &Value, connection: &str) -> (u64, u64) {
    let count = only(rows(&plan["calls"][0], "requests").into_iter().filter(|r| r["connection"] == connection).collect(), connection);
    (count["reads"].as_u64().unwrap_or_default(), count["writes"].as_u64().unwrap_or_default())
}

/// Requests since a moment, without those for tokens and for who is who: what a plan does not foresee.
fn since(stand_in: &Sandbox, from: usize) -> Vec<String> {
    let all = stand_in.requests();
    let asked = all.iter().skip(from).filter(|r| !r.path.ends_with("/token") && !r.path.contains("/owners"));
    asked.map(|r| format!("{} {}", r.method, r.path)).collect()
}

/// Story: a consultant looks before anything is written, and sees each field with what stands there and which line asks.
#[test]
fn what_a_person_sees() {
    let desk = Desk::salesforce();
    let plan = desk.run(&["plan", "calls/01-known-booked.json", "--source", "vapi"]).exits(0);
    snapshot("plan_known_booked", &redacted(&plan.seen(), desk.root()));
    let plan = desk.run(&["plan", "calls/08-burst-dropped.json", "--source", "retell", "--all"]).exits(0);
    snapshot("plan_new_caller_all", &redacted(&plan.seen(), desk.root()));
}

/// Story: a dry run can be aimed at the real CRM: it reads, and that is all.
#[test]
fn it_writes_nothing() {
    let desk = Desk::salesforce();
    let (crm, calendar) = (desk.crm.records(), desk.calendar.records());
    for _ in 0..2 {
        desk.plan(&[booked()]);
    }
    assert_eq!((desk.crm.records(), desk.calendar.records()), (crm, calendar));
    let other: Vec<String> = since(&desk.crm, 0).into_iter().chain(since(&desk.calendar, 0)).filter(|r| !r.starts_with("GET ")).collect();
    assert!(other.is_empty(), "{other:?}");
    assert!(!desk.root().join("state").exists(), "and no journal is made for it");
}

/// Story: the plan says how many requests it takes. A known caller costs one read and one write in Salesforce, and a booking
/// two looks and one entry in the calendar; the stand-ins' logs agree.
#[test]
fn requests_are_counted_right() {
    let desk = Desk::salesforce();
    // Who is who is remembered after the first call; it is no part of what a call costs.
    desk.sync(&[call("c-0", json!({"caller": {"phone": "+15125550143"}, "outcome": "message", "follow_up": {"reason": "x"}}))]).exits(0);
    let plan = desk.plan(&[booked()]);
    assert_eq!((counted(&plan, "crm"), counted(&plan, "calendar")), ((1, 1), (2, 1)));
    let (crm, calendar) = (desk.crm.requests().len(), desk.calendar.requests().len());
    desk.sync(&[booked()]).exits(0);
    let version = "/services/data/v67.0";
    assert_eq!(since(&desk.crm, crm), [format!("GET {version}/query"), format!("POST {version}/composite")]);
    let events = "/calendar/v3/calendars/front-desk%40acme.example/events";
    assert_eq!(
        since(&desk.calendar, calendar).iter().map(|r| r.replace("front-desk@", "front-desk%40")).collect::<Vec<_>>(),
        [format!("GET {events}"), format!("POST {events}"), format!("GET {events}"),]
    );
    let human =
        aftercall(desk.root(), &["plan", "-"], format!("{}\n", call("c-2", json!({"caller": {"phone": "+15125550142"}}))).as_bytes())
            .exits(0);
    assert!(human.stdout.contains("requests: crm 1 read + 1 write"), "{}", human.stdout);
}

/// Story: the same in HubSpot, which packs nothing: three reads about a known caller, and a write for each record.
#[test]
fn requests_are_counted_right_in_hubspot() {
    let desk = Desk::hubspot();
    let said = |id: &str, caller: Value| {
        call(
            id,
            json!({"outcome": "complaint", "caller": caller, "captured": {"language": "es"}, "follow_up": {"reason": "Look at the bill"}}),
        )
    };
    desk.sync(&[said("c-0", json!({"phone": "+15125550143"}))]).exits(0);
    let call = said("c-1", json!({"phone": "+15125550142", "name": "Nora Whitfield", "email": "nora@example.org"}));
    let plan = desk.plan(std::slice::from_ref(&call));
    assert_eq!(counted(&plan, "crm"), (3, 4), "contact, call, task, ticket");
    let from = desk.crm.requests().len();
    desk.sync(&[call]).exits(0);
    let asked = since(&desk.crm, from);
    let searches: Vec<&String> = asked.iter().filter(|r| r.ends_with("/search")).collect();
    assert_eq!((searches.len(), asked.len() - searches.len()), (3, 4), "{asked:#?}");
}

/// Story: everything at once, with the pipeline that ships: three reads and five writes in HubSpot, and a booking beside them.
#[test]
fn the_whole_of_a_call_in_hubspot() {
    let desk = Desk::hubspot();
    let shipped = std::fs::read_to_string(repository().join("pipelines/front-desk-hubspot.toml")).expect("the pipeline that ships");
    desk.write("pipelines/front-desk.toml", &shipped.replace("connection = \"hub\"", "connection = \"crm\""));
    let said = |id: &str, more: Value| {
        call(id, json!({"outcome": "booked", "tags": ["hubspot"], "follow_up": {"reason": "Send the forms"}, "caller": more}))
    };
    desk.sync(&[said("c-0", json!({"phone": "+15125550143"}))]).exits(0);
    let mut whole = said("c-1", json!({"phone": "+15125550142", "name": "Nora Whitfield", "email": "nora@example.org"}));
    whole["appointment"] = Value::Object(slot(9));
    let plan = desk.plan(std::slice::from_ref(&whole));
    assert_eq!((counted(&plan, "crm"), counted(&plan, "calendar")), ((3, 5), (2, 1)), "contact, call, deal, task and meeting");
    let (crm, calendar) = (desk.crm.requests().len(), desk.calendar.requests().len());
    desk.sync(&[whole]).exits(0);
    let asked = since(&desk.crm, crm);
    let searches = asked.iter().filter(|r| r.ends_with("/search")).count();
    assert_eq!((searches, asked.len() - searches), (3, 5), "{asked:#?}");
    assert_eq!(since(&desk.calendar, calendar).len(), 3);
}

/// Story: what was planned was done: planning the same call again finds nothing to do.
#[test]
fn planning_again_changes_nothing() {
    let desk = Desk::salesforce();
    let call = booked();
    let line = format!("{call}\n");
    aftercall(desk.root(), &["plan", "-", "--exit-code"], line.as_bytes()).exits(3);
    desk.sync(std::slice::from_ref(&call)).exits(0);
    let requests = desk.crm.requests().len();
    let again = aftercall(desk.root(), &["plan", "-", "--format", "json", "--exit-code"], line.as_bytes());
    let writes = rows(&again.json()["calls"][0]["plan"], "writes");
    let of = |id: &str| only(writes.clone().into_iter().filter(|w| w["id"] == id).collect(), id)["op"].to_string();
    for id in ["contact", "stage", "appointment"] {
        assert!(of(id).contains("nothing"), "{id}: {}", of(id));
    }
    // Nothing was written to find that out, and working the same call again writes nothing either.
    assert!(since(&desk.crm, requests).iter().all(|r| r.starts_with("GET ")));
    desk.sync(&[call]).exits(0);
    assert_eq!((desk.logged().len(), desk.to_dos().len(), desk.events().len()), (1, 1, 1));
}

/// Story: a plan for programs has a version, the config's name, the decision with its evidence, and each field with its line.
#[test]
fn a_plan_for_programs() {
    let desk = Desk::salesforce();
    let plan = desk.plan(&[booked()]);
    assert_eq!(plan["version"], 1);
    let one = &plan["calls"][0]["plan"];
    assert_eq!(
        (&one["call"], &one["pipeline"], &one["decision"]["verdict"]),
        (&json!("json:c-1"), &json!("front-desk"), &json!("matched"))
    );
    assert_eq!(text(one, "config").len(), 16);
    let contact = only(rows(one, "writes").into_iter().filter(|w| w["id"] == "contact").collect(), "the write");
    let number = only(rows(&contact, "fields").into_iter().filter(|f| f["field"] == "MobilePhone").collect(), "the field");
    assert_eq!((text(&number, "after"), text(&number, "policy"), text(&number, "verdict")), ("+15125550142", "fill", "write"));
    let origin = number["origin"].to_string();
    assert!(origin.contains("mappings/acme/contact.toml"), "{origin}");
    assert_eq!(plan["errors"], json!([]));
}

/// Story: a dry run of a batch with a bad line plans the others, and says so.
#[test]
fn a_bad_line_is_named() {
    let desk = Desk::salesforce();
    let input = format!("{}\nnot json\n", booked());
    let ran = aftercall(desk.root(), &["plan", "-", "--format", "json"], input.as_bytes()).exits(1);
    assert!(ran.stderr.contains("-:2: "), "{}", ran.stderr);
    let plan = ran.json();
    assert_eq!((rows(&plan, "calls").len(), &plan["errors"][0]["line"]), (1, &json!(2)));
}

/// Story: a credential that is not there is named by its reference, and by nothing else.
#[test]
fn a_missing_credential_is_named() {
    let desk = Desk::salesforce();
    desk.edit("aftercall.toml", "refresh_token = \"file:secrets/SF_REFRESH_TOKEN\"", "refresh_token = \"env:SF_REFRESH\"");
    let ran = aftercall(desk.root(), &["plan", "-"], format!("{}\n", booked()).as_bytes()).exits(1);
    assert!(
        ran.stderr.contains("the environment has no `SF_REFRESH`") && ran.stderr.contains("`refresh_token` of connection `crm`"),
        "{}",
        ran.stderr
    );
    let desk = Desk::salesforce();
    std::fs::remove_file(desk.root().join("secrets/SF_CLIENT_SECRET")).expect("the secret");
    let ran = aftercall(desk.root(), &["plan", "-"], format!("{}\n", booked()).as_bytes()).exits(1);
    assert!(ran.stderr.contains("secrets/SF_CLIENT_SECRET"), "{}", ran.stderr);
    // A wrong one is the system's word.
    let desk = Desk::salesforce();
    desk.write("secrets/SF_REFRESH_TOKEN", "not-the-one");
    let ran = aftercall(desk.root(), &["plan", "-"], format!("{}\n", booked()).as_bytes()).exits(1);
    assert!(ran.stderr.contains("crm cannot be read: auth_revoked") && !ran.stderr.contains("not-the-one"), "{}", ran.stderr);
}

/// Story: the CRM is down during a dry run: said at once, without minutes of trying.
#[test]
fn a_crm_that_is_down_is_said() {
    let desk = Desk::salesforce();
    desk.crm.fault(FaultSpec::new(FaultKind::Down));
    let ran = aftercall(desk.root(), &["plan", "-"], format!("{}\n", booked()).as_bytes()).exits(1);
    assert!(ran.stderr.contains("crm cannot be read"), "{}", ran.stderr);
}
