//! Stories of many dead letters at once: equal failures are read once, and all of a kind are planned anew after what that changes was shown.

use serde_json::{Value, json};

use crate::support::{Browser, Desk, call, eventually, get, page, text};

/// What a form of a page carries.
#[track_caller]
fn hidden(page: &str, name: &str) -> String {
    let mark = format!("name=\"{name}\" value=\"");
    let from = page.find(&mark).unwrap_or_else(|| panic!("no {name} in:\n{page}")) + mark.len();
    page[from..from + page[from..].find('"').expect("the value ends")].to_owned()
}

/// Story: since the morning the CRM wants a field that no mapping fills, and seven calls gave up. The page says so once, with the line that asked; when the
/// mapping is mended, it shows what that changes for all of them, and does it: each lands once, under the new version, and each is a deed of whoever did it.
#[test]
fn all_of_a_kind_are_planned_anew() {
    let desk = Desk::salesforce();
    desk.add("aftercall.toml", "\n[service]\nquiet = \"40ms\"\n");
    let required = json!({"custom_fields": {"Contact": [{"name": "Insurance__c", "type": "string", "length": 40, "required": true}]}});
    desk.crm.configure(&required).expect("a setting");
    let service = desk.serve();
    for n in 1..=7 {
        let caller = json!({"phone": format!("+1512555900{n}"), "name": format!("Tess Newman{n}")});
        service.take(&call(&format!("c-{n}"), json!({"outcome": "message", "caller": caller})));
    }
    eventually("all are dead", || (desk.statuses().values().filter(|status| *status == "dead").count() == 7).then_some(()));
    let shown = page(&service, "/dead");
    for expected in [
        "<h3>7 calls: crm/contact",
        "And 2 calls that failed so",
        "Asked for by <code>pipelines/front-desk.toml:",
        "Retry 7 calls",
        "/dead/replan?kind=invalid",
    ] {
        assert!(shown.contains(expected), "no {expected:?} in:\n{shown}");
    }
    assert_eq!(shown.matches("Required fields are missing").count(), 1, "equal words are said once:\n{shown}");

    let as_it_was = page(&service, "/dead/replan?kind=invalid");
    assert!(as_it_was.contains("<strong>0 calls would be worked otherwise</strong>, 7 calls just as before"), "{as_it_was}");
    let stale = hidden(&as_it_was, "version");
    desk.edit("mappings/acme/contact.toml", "[fields]\n", "[fields]\nInsurance__c = { value = \"unknown\", policy = \"fill\" }\n");
    let shown = eventually("the service takes it over", || {
        Some(page(&service, "/dead/replan?kind=invalid")).filter(|shown| shown.contains("7 calls would be worked otherwise"))
    });
    for expected in ["Insurance__c", "<ins>unknown</ins>", "mappings/acme/contact.toml:", "and 4 calls more", "Work 7 calls so"] {
        assert!(shown.contains(expected), "no {expected:?} in:\n{shown}");
    }
    assert_eq!(
        desk.crm_rows("Contact").iter().filter(|row| text(row, "LastName").starts_with("Newman")).count(),
        0,
        "looking does nothing"
    );

    let mut person = Browser::at(&service.address);
    let (proof, calls, version) = (hidden(&shown, "proof"), hidden(&shown, "calls"), hidden(&shown, "version"));
    let late = person.send("/dead/replan", &[("proof", &proof), ("calls", &calls), ("version", &stale)]);
    assert!(late.status == 409 && late.body.contains("the config has changed since"), "{}", late.body);
    assert_eq!(person.send("/dead/replan", &[("proof", &proof), ("calls", &calls)]).status, 400, "a form of ours says what it showed");
    let done = person.send("/dead/replan", &[("proof", &proof), ("calls", &calls), ("version", &version)]);
    assert_eq!((done.status, done.header("location")), (303, Some("/dead?done=7&left=0")), "{}", done.body);
    assert!(desk.settled(7).values().all(|status| status == "landed"));
    let made: Vec<Value> = desk.crm_rows("Contact").into_iter().filter(|row| text(row, "LastName").starts_with("Newman")).collect();
    assert!(made.len() == 7 && made.iter().all(|row| row["Insurance__c"] == "unknown"), "{made:#?}");
    assert_eq!(desk.story("json:c-3")["call"]["config_version"], version.as_str());
    let trail = desk.run(&["audit", "--who", "local", "--format", "json"]).exits(0).json();
    assert_eq!(trail["trail"].as_array().into_iter().flatten().filter(|line| text(line, "what") == "replan").count(), 7, "{trail:#}");
    assert_eq!(get(&format!("{}/dead/replan?kind=invalid", service.address)).status, 404, "nothing is left of them");
}

/// Story: one caller rang sixteen times while the CRM wanted a field that nobody filled. One click works them all, although they are worked one after
/// the other.
#[test]
fn one_click_takes_all_of_one_caller() {
    let desk = Desk::salesforce();
    let wants = |required: bool| {
        let field = json!([{"name": "Insurance__c", "type": "string", "length": 40, "required": required}]);
        desk.crm.configure(&json!({"custom_fields": {"Contact": field}})).expect("a setting");
    };
    wants(true);
    let service = desk.serve();
    for n in 1..=16 {
        let caller = json!({"phone": "+15125559001", "name": "Tess Newman"});
        service.take(&call(&format!("c-{n}"), json!({"outcome": "message", "caller": caller})));
    }
    eventually("all are dead", || (desk.statuses().values().filter(|status| *status == "dead").count() == 16).then_some(()));
    wants(false);
    let shown = page(&service, "/dead");
    let mut person = Browser::at(&service.address);
    let done = person.send("/dead/retry", &[("proof", &hidden(&shown, "proof")), ("calls", &hidden(&shown, "calls"))]);
    assert_eq!((done.status, done.header("location")), (303, Some("/dead?done=16&left=0")), "{}", done.body);
    assert!(desk.settled(16).values().all(|status| status == "landed"), "{:?}", desk.statuses());
}
