//! Stories of the trail: who or what wrote which field of which record, over what, and what people did.

use serde_json::json;

use crate::access::{lines, token, user};
use crate::support::{Desk, call, get_with, only, text};

/// Story: somebody asks who put a value into a field. One command says which call, which line, which version, and what stood there before.
#[test]
fn who_wrote_this_field() {
    let desk = Desk::salesforce();
    desk.sync(&[call("one", json!({"caller": {"phone": "+15125550142", "name": "Nora Whitfield"}}))]).exits(0);
    let logged = only(desk.logged(), "the entry in the call log");
    let id = text(&logged, "Id");
    let all = desk.run(&["audit", "--record", id, "--format", "json"]).exits(0).json();
    let fields = lines(&all);
    assert!(!fields.is_empty(), "{all:#}");
    let subject = only(fields.iter().filter(|line| line["field"] == "Subject").cloned().collect(), "its subject");
    assert_eq!(subject["after"], logged["Subject"]);
    assert_eq!((text(&subject, "call"), text(&subject, "what")), ("json:one", "create"));
    assert!(text(&subject, "origin").contains(".toml:") && text(&subject, "version").len() == 16, "{subject:#}");
    assert!(subject["before"].is_null(), "the record is new");
    let version = text(&subject, "version");
    let of = |args: &[&str]| lines(&desk.run(&[&["audit", "--format", "json"], args].concat()).exits(0).json());
    assert_eq!(of(&["--record", id, "--field", "Subject"]).len(), 1);
    assert!(of(&["--version", version]).len() >= fields.len() && of(&["--version", "0000000000000000"]).is_empty());
    assert_eq!(of(&["--call", "json:one"]).len(), of(&[]).len(), "there is only one call");
    assert!(of(&["--until", "1h"]).is_empty() && !of(&["--since", "1h"]).is_empty());
}

/// Story: what a person did about a call stands on the trail with their name and reason, and a spreadsheet takes it without calculating.
#[test]
fn what_people_did() {
    let desk = Desk::salesforce();
    let required = json!({"custom_fields": {"Contact": [{"name": "Insurance__c", "type": "string", "length": 40, "required": true}]}});
    desk.crm.configure(&required).expect("a setting");
    desk.sync(&[call("one", json!({"outcome": "message", "caller": {"phone": "+15125559002", "name": "Theo Newman"}}))]).exits(1);
    let id = "json:one".to_owned();
    desk.run(&["resolve", &id, "--reason", "=done by hand", "--by", "olga"]).exits(0);
    let trail = desk.run(&["audit", "--who", "olga", "--format", "json"]).exits(0).json();
    let line = only(lines(&trail), "what olga did");
    assert_eq!((text(&line, "what"), text(&line, "call"), text(&line, "way")), ("resolve", id.as_str(), "cli"));
    assert_eq!(text(&line, "reason"), "=done by hand");
    let csv = desk.run(&["audit", "--who", "olga", "--format", "csv"]).exits(0).stdout;
    assert!(csv.lines().count() == 2 && csv.contains(",'=done by hand"), "{csv}");
    let seen = desk.run(&["audit", "--call", &id]).exits(0).stdout;
    assert!(seen.contains("olga") && seen.contains("resolve"), "{seen}");
}

/// Story: the same for programs, page by page, and for whoever may only look it is not there.
#[test]
fn the_trail_for_programs() {
    let desk = Desk::salesforce();
    for number in 0..3 {
        user(&desk, &format!("user{number}"), "viewer").exits(0);
    }
    let service = desk.serve();
    let token = token(&desk, "siem", "operator");
    let ask = |path: &str| get_with(&format!("{}{path}", service.address), &[("authorization".to_owned(), format!("Bearer {token}"))]);
    let (mut seen, mut path) = (Vec::new(), "/v1/audit?limit=1".to_owned());
    loop {
        let page = ask(&path);
        assert_eq!(page.status, 200, "{}", page.body);
        let page = page.json();
        seen.extend(lines(&page).iter().map(|line| text(line, "record").to_owned()));
        match page["next"].as_str() {
            Some(next) => path = format!("/v1/audit?limit=1&after={next}"),
            None => break,
        }
    }
    assert_eq!(seen, ["siem, operator", "user2, viewer", "user1, viewer", "user0, viewer"]);
    assert_eq!(ask("/v1/audit?after=nonsense").status, 400);
    assert_eq!(ask("/v1/audit?since=nonsense").status, 400);
}
