//! Stories of `route`: why a follow-up went to whom it went, and what the routes come to over recorded calls.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde_json::{Value, json};

use crate::support::{Desk, call, known_callers, only, rows, text};

const PIPELINE: &str = "pipelines/front-desk.toml";

fn today() -> String {
    Timestamp::now().to_zoned(TimeZone::get("America/Chicago").expect("a zone")).date().to_string()
}

fn message(id: &str, n: usize, outcome: &str) -> Value {
    let caller = json!({"phone": format!("+1512555{:04}", 7100 + n), "name": format!("Caller Number{n}")});
    call(id, json!({"outcome": outcome, "caller": caller, "follow_up": {"reason": format!("Call back {n}")}}))
}

/// `aftercall route explain` as JSON: the routes of one call.
#[track_caller]
fn explained(desk: &Desk, args: &[&str]) -> Value {
    let said = desk.run(&[&["route", "explain", "--format", "json"], args].concat()).exits(0).json();
    only(rows(&said, "calls"), "call")
}

/// The route of one write of a call.
fn of<'a>(told: &'a Value, write: &str) -> &'a Value {
    let routes = told["routes"].as_array().expect("routes");
    routes.iter().find(|route| text(route, "write") == write).unwrap_or_else(|| panic!("no route of {write}: {told:#}"))
}

/// Story: why did the complaint go to the manager, and this message to Ana? Each rule is told with what it saw, and whose turn it was.
#[test]
fn every_rule_with_what_it_saw() {
    let desk = Desk::salesforce();
    desk.sync(&[message("c-1", 1, "complaint"), message("c-2", 2, "message")]).exits(0);
    let told = explained(&desk, &["json:c-1"]);
    let complaint = of(&told, "follow_up");
    assert_eq!(
        (&complaint["taken"], text(complaint, "who"), text(complaint, "about")),
        (&json!(1), "office.manager@acme.example", "follow_up")
    );
    let told = explained(&desk, &["json:c-2"]);
    let follow_up = of(&told, "follow_up");
    assert_eq!((&follow_up["taken"], text(follow_up, "priority")), (&json!(3), ""));
    let rules = rows(follow_up, "rules");
    assert_eq!(rules.iter().map(|rule| rule["holds"].as_bool()).collect::<Vec<_>>(), [Some(false), Some(false), Some(true)]);
    assert_eq!(rules[0]["parts"][0]["values"], json!([["outcome", "message"]]));
    assert_eq!(rules[1]["parts"][0], json!({"text": "has(contact.owner)", "holds": false, "values": [["contact.owner", null]]}));
    let task = only(desk.to_dos().into_iter().filter(|task| text(task, "Subject") == "Call back 2").collect(), "the task");
    assert_eq!(
        (text(follow_up, "owner"), &follow_up["due"].as_str().unwrap_or_default()[..10]),
        (text(&task, "OwnerId"), text(&task, "ActivityDate"))
    );
    let human = desk.run(&["route", "explain", "json:c-2"]).exits(0).stdout;
    for part in ["does not hold", "outcome is message", "contact.owner is absent", "whose turn it is (1 of 2)", "in 4 business hours"] {
        assert!(human.contains(part), "{part}: {human}");
    }
    // A call that nobody follows up says why.
    desk.sync(&[call("c-3", json!({"outcome": "answered", "caller": {"phone": "+15125557199", "name": "Ida Quick"}}))]).exits(0);
    let told = explained(&desk, &["json:c-3"]);
    assert!(text(of(&told, "follow_up"), "not_done").contains("its condition does not hold"), "{told:#}");
    assert_eq!(text(of(&told, "contact"), "about"), "contact");
}

/// Story: the routes have changed since. A call is explained by those of its time, and by those of now where that is asked for.
#[test]
fn by_the_routes_of_then_or_of_now() {
    let desk = Desk::salesforce();
    desk.sync(&[message("c-1", 1, "complaint")]).exits(0);
    desk.edit(PIPELINE, "in 1 business hour", "in 2 days");
    let due = |args: &[&str]| text(&rows(of(&explained(&desk, args), "follow_up"), "rules")[0], "due").to_owned();
    assert_eq!((due(&["json:c-1"]), due(&["json:c-1", "--current"])), ("in 1 business hour".to_owned(), "in 2 days".to_owned()));
}

/// Story: a holiday stands between the question and the answer. It is named, and so are the days on which nobody works.
#[test]
fn days_on_which_nobody_is_there() {
    let desk = Desk::salesforce();
    let tomorrow = Timestamp::now().to_zoned(TimeZone::get("America/Chicago").expect("a zone")).date() + 1.day();
    desk.edit("aftercall.toml", "holidays = [", &format!("holidays = [\"{}\", \"{tomorrow}\", ", today()));
    let file = desk.write("calls.jsonl", &message("c-1", 1, "complaint").to_string());
    let told = explained(&desk, &[&file.display().to_string()]);
    let follow_up = of(&told, "follow_up");
    let closed: BTreeMap<String, String> =
        rows(follow_up, "closed").iter().map(|day| (text(day, "day").to_owned(), text(day, "because").to_owned())).collect();
    assert_eq!((told["open"].as_bool(), closed.get(&today()).map(String::as_str)), (Some(false), Some("holiday")), "{told:#}");
    assert_eq!(closed.get(&tomorrow.to_string()).map(String::as_str), Some("holiday"));
    let due = &text(follow_up, "due")[..10];
    assert!(due > tomorrow.to_string().as_str() && !closed.contains_key(due), "due on {due}, closed on {closed:?}");
    assert_eq!(desk.to_dos(), Vec::<Value>::new(), "a dry run writes nothing");
}

/// Story: who gets how much? The simulation of the routes that are at work counts what stands in the CRM, owner by owner.
#[test]
fn the_load_is_that_of_the_crm() {
    let desk = Desk::salesforce();
    let mut calls: Vec<Value> = (0..12).map(|n| message(&format!("c-{n}"), n, if n % 4 == 0 { "complaint" } else { "message" })).collect();
    calls.push(call(
        "c-known",
        json!({"outcome": "answered", "caller": {"phone": known_callers()[0].2, "first_name": known_callers()[0].0}}),
    ));
    desk.sync(&calls).exits(0);
    let load = desk.run(&["route", "simulate", "--calls", "all", "--format", "json"]).exits(0).json();
    assert_eq!(
        (&load["calls"]["simulated"], &load["follow_ups"], rows(&load, "fell_through")),
        (&json!(13), &json!(12), vec![]),
        "{load:#}"
    );
    let simulated: BTreeMap<String, u64> =
        rows(&load, "owners").iter().map(|owner| (text(owner, "who").to_owned(), owner["follow_ups"].as_u64().unwrap_or(0))).collect();
    let mut stands: BTreeMap<String, u64> = BTreeMap::new();
    let people = [("005Sb0000000001IAA", "ana"), ("005Sb0000000002IAA", "ben"), ("005Sb0000000003IAA", "office.manager")];
    for task in desk.to_dos() {
        let (_, name) = people.iter().find(|(id, _)| text(&task, "OwnerId") == *id).unwrap_or_else(|| panic!("nobody owns {task:#}"));
        *stands.entry(format!("{name}@acme.example")).or_default() += 1;
    }
    assert_eq!(simulated, stands);
    assert_eq!(simulated["office.manager@acme.example"], 3);
    let rules: Vec<u64> = rows(&load, "rules").iter().map(|rule| rule["follow_ups"].as_u64().unwrap_or(0)).collect();
    assert_eq!(rules, [3, 0, 9], "the second rule is for callers whom somebody knows");
    let human = desk.run(&["route", "simulate", "--calls", "all"]).exits(0).stdout;
    assert!(human.contains("12 follow-ups from 13 calls") && human.contains("nothing falls through"), "{human}");
}

/// Story: before it is at work: a third colleague takes turns, a rule is made too narrow. The same calls show what that would come to.
#[test]
fn what_a_change_would_come_to() {
    let desk = Desk::salesforce();
    let calls: Vec<Value> = (0..12).map(|n| message(&format!("c-{n}"), n, if n % 4 == 0 { "complaint" } else { "message" })).collect();
    desk.sync(&calls).exits(0);
    let simulate = |exit| desk.run(&["route", "simulate", "--calls", "all", "--exit-code", "--format", "json"]).exits(exit).json();
    let shares =
        |load: &Value| -> Vec<u64> { rows(load, "owners").iter().map(|owner| owner["follow_ups"].as_u64().unwrap_or(0)).collect() };
    // A rule of its own for messages, that no call has taken a turn of: nine of them among three.
    let others = "[[route.front_desk]]                         # nobody does";
    desk.edit(
        PIPELINE,
        "route = \"front_desk\"\n\n[[write]]\nid = \"appointment\"",
        "route = \"tasks\"\n\n[[write]]\nid = \"appointment\"",
    );
    let tasks = "[[route.tasks]]\nwhen = 'outcome == \"message\"'\nowner = [\"user:ana@acme.example\", \"user:ben@acme.example\", \"005Sb0000000009IAA\"]\n\
                 due = \"in 4 business hours\"\n\n";
    desk.edit(PIPELINE, others, &format!("{tasks}{others}"));
    let load = simulate(1);
    assert_eq!(shares(&load)[..3], [3, 3, 3], "{load:#}");
    let fell = rows(&load, "fell_through");
    assert_eq!(fell.len(), 3);
    assert!(fell.iter().all(|one| text(one, "because").contains("no rule of route `tasks` holds")), "{fell:#?}");
    // Whom no write with a route is for, although a follow-up was promised.
    desk.edit(PIPELINE, "when = 'has(follow_up) || outcome in [\"complaint\", \"escalated\"]'", "when = 'outcome == \"escalated\"'");
    let load = simulate(1);
    assert_eq!((&load["follow_ups"], rows(&load, "fell_through").len()), (&json!(0), 12));
    let human = desk.run(&["route", "simulate", "--calls", "all"]).exits(0).stdout;
    assert!(human.contains("the caller was promised a follow-up, and `follow_up` is not done"), "{human}");
    // Today is a holiday: every call came on one.
    desk.edit("aftercall.toml", "holidays = [", &format!("holidays = [\"{}\", ", today()));
    let hours = simulate(1)["hours"].clone();
    assert_eq!(hours["holidays"][today()], json!(12), "{hours}");
}

/// Story: what cannot be explained is answered with the way to what can.
#[test]
fn what_cannot_be_explained() {
    let desk = Desk::salesforce();
    desk.sync(&[message("c-1", 1, "message")]).exits(0);
    let said = desk.run(&["route", "explain", "json:nobody"]).exits(1).stderr;
    assert!(said.contains("the journal has no call that begins with `json:nobody`; `aftercall calls` lists them"), "{said}");
    let said = desk.run(&["route", "simulate", "--calls", "yesterday"]).exits(2).stderr;
    assert!(said.contains("write `last:7d`"), "{said}");
    let said = desk.run(&["route", "simulate", "--calls", "since:2099-01-01"]).exits(0).stderr;
    assert!(said.contains("the journal has no calls for"), "{said}");
}
