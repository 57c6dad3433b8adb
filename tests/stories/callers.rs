//! Stories of who called: known, known by another sign, new, hidden, or one of several.

use serde_json::json;

use crate::support::{Desk, call, known_callers, only, repository, rows, text};

/// Story: a patient calls from the number on file. No new contact; the call stands on the one that is there.
#[test]
fn known_by_the_number() {
    let desk = Desk::salesforce();
    desk.sync(&[call("c-1", json!({"caller": {"phone": "+15125550142", "name": "Nora Whitfield"}}))]).exits(0);
    assert_eq!(desk.crm_rows("Contact").len(), 6, "nobody new");
    let entry = only(desk.logged(), "the call's entry");
    assert_eq!((text(&entry, "WhoId"), text(&entry, "CallObject")), ("0035e0000000001AAA", "c-1"));
    assert_eq!(text(&entry, "WhatId"), "0065e0000000001AAA", "next to what she has open");
    let shown = desk.run(&["show", "json:c-1"]).exits(0);
    assert!(
        shown.stdout.contains("the number +15125550142 belongs to Nora Whitfield (0035e0000000001AAA), and no other record fits"),
        "{}",
        shown.stdout
    );
}

/// Story: numbers stand in a CRM as people type them, and are found all the same.
#[test]
fn known_however_the_number_is_written() {
    let desk = Desk::salesforce();
    let calls: Vec<_> = known_callers().into_iter().map(|(name, _, phone)| call(name, json!({"caller": {"phone": phone}}))).collect();
    desk.sync(&calls).exits(0);
    for (name, id, _) in known_callers() {
        let entry = only(desk.logged().into_iter().filter(|e| e["CallObject"] == name).collect(), name);
        // "512.555.0188 (cell, after 5)" and "5125550121 x2" are text to the CRM; the pattern leaves room between the digits and after them.
        assert_eq!(text(&entry, "WhoId"), id, "{name}");
    }
}

/// Story: a patient calls from a phone that nobody knows and gives her address. It is she, and the new number is kept where
/// there is room for it.
#[test]
fn known_by_the_address_from_another_number() {
    let desk = Desk::salesforce();
    let caller = json!({"phone": "+15125550777", "email": "Priya.Raman@example.com", "name": "Priya Raman"});
    desk.sync(&[call("c-1", json!({"caller": caller}))]).exits(0);
    let contacts = desk.crm_rows("Contact");
    assert_eq!(contacts.len(), 6);
    let priya = only(contacts.into_iter().filter(|c| c["FirstName"] == "Priya").collect(), "Priya");
    assert_eq!(text(&priya, "MobilePhone"), "+15125550777", "the number that called, in the free field");
    assert_eq!(text(&priya, "Phone"), "5125550121 x2", "what was there stays as it was typed");
    assert_eq!(text(&priya, "Email"), "Priya.Raman@Example.com", "and so does the address");
    assert_eq!(text(&only(desk.logged(), "the call's entry"), "WhoId"), text(&priya, "Id"));
}

/// Story: somebody with a withheld number gives an address that is on file.
#[test]
fn withheld_number_with_an_address() {
    let desk = Desk::salesforce();
    let caller = json!({"phone": "anonymous", "email": "len@hillcountry.example", "name": "Len Bassett"});
    desk.sync(&[call("c-1", json!({"caller": caller}))]).exits(0);
    assert_eq!(desk.crm_rows("Contact").len(), 6);
    assert_eq!(text(&only(desk.logged(), "the call's entry"), "WhoId"), "0035e0000000005AAA");
    let leonard = only(desk.crm_rows("Contact").into_iter().filter(|c| c["LastName"] == "Bassett").collect(), "Leonard");
    let numbers = ["Phone", "MobilePhone", "OtherPhone"].map(|field| text(&leonard, field).to_owned());
    assert!(!numbers.iter().any(|n| n.contains("anonymous")), "no number is made of a word: {numbers:?}");
}

/// Story: two strangers withhold their numbers and give nothing. Two people, not one.
#[test]
fn two_strangers_without_a_trace_are_two() {
    let desk = Desk::salesforce();
    let calls = ["c-1", "c-2"].map(|id| call(id, json!({"caller": {"phone": "anonymous"}})));
    desk.sync(&calls).exits(0);
    assert_eq!(desk.crm_rows("Contact").len(), 8);
    let mut on: Vec<String> = desk.logged().iter().map(|e| text(e, "WhoId").to_owned()).collect();
    on.sort();
    on.dedup();
    assert_eq!(on.len(), 2, "each entry on a record of its own");
}

/// Story: somebody new calls three times within a minute, and the three payloads come in at once. One contact, three calls.
#[test]
fn a_burst_of_one_new_caller_is_one_contact() {
    let desk = Desk::salesforce();
    // Search would not show the contact for as long as this story runs.
    desk.crm.configure(&json!({"index_lag_ms": 3_600_000})).expect("a setting");
    let service = desk.serve();
    std::thread::scope(|threads| {
        for id in ["c-1", "c-2", "c-3"] {
            let service = &service;
            let caller = json!({"phone": "+15125559001", "name": "Tess Newman"});
            threads.spawn(move || service.take(&call(id, json!({"caller": caller}))));
        }
    });
    let statuses = desk.settled(3);
    assert!(statuses.values().all(|s| s == "landed"), "{statuses:?}");
    let contacts = desk.crm_rows("Contact");
    assert_eq!(contacts.len(), 7);
    let tess = only(contacts.into_iter().filter(|c| c["LastName"] == "Newman").collect(), "Tess");
    let logged = desk.logged();
    assert_eq!(logged.len(), 3);
    assert!(logged.iter().all(|entry| entry["WhoId"] == tess["Id"]), "{logged:#?}");
}

/// Story: the same burst into a CRM whose search lags for a minute, with the e-mail in one call and the number in all.
#[test]
fn a_burst_is_one_contact_where_search_lags() {
    let desk = Desk::hubspot();
    desk.crm.configure(&json!({"index_lag_ms": 3_600_000})).expect("a setting");
    let caller = |email: &str| json!({"phone": "+15125559001", "name": "Tess Newman", "email": email});
    let calls = [("c-1", ""), ("c-2", "tess@example.org"), ("c-3", "")].map(|(id, email)| call(id, json!({"caller": caller(email)})));
    desk.sync(&calls).exits(0);
    let contacts = desk.crm_rows("contacts");
    assert_eq!(contacts.len(), 7);
    let tess = only(contacts.into_iter().filter(|c| c["properties"]["lastname"] == "Newman").collect(), "Tess");
    assert_eq!(text(&tess["properties"], "email"), "tess@example.org");
    let calls = desk.crm_rows("calls");
    assert_eq!(calls.len(), 3);
    assert!(calls.iter().all(|c| c["associations"]["contacts"] == json!([tess["id"]])), "{calls:#?}");
}

/// Story: two people of one household share a number. Nobody guesses: the call lands on a record of its own, and a person is asked.
#[test]
fn a_shared_number_is_a_question() {
    let desk = Desk::salesforce();
    let twin =
        json!({"Contact": [{"Id": "0035e0000000009AAA", "FirstName": "Owen", "LastName": "Whitfield", "MobilePhone": "5125550142"}]});
    desk.crm.load(&twin).expect("a record");
    let call = call("c-1", json!({"caller": {"phone": "+15125550142", "name": "N. Whitfield"}}));
    let ran = desk.sync(&[call]);
    assert_eq!(ran.code, Some(0), "everything landed; a question is no failure: {}", ran.seen());
    let story = desk.story("json:c-1");
    assert_eq!(story["call"]["status"], "review");
    let reason = text(&story["call"], "status_reason");
    for part in ["Nora Whitfield (0035e0000000001AAA)", "Owen Whitfield (0035e0000000009AAA)", "somebody new"] {
        assert!(reason.contains(part), "{reason}");
    }
    let contacts = desk.crm_rows("Contact");
    assert_eq!(contacts.len(), 8, "a record of its own");
    let who = only(desk.logged(), "the call's entry")["WhoId"].clone();
    assert!(!["0035e0000000001AAA", "0035e0000000009AAA"].iter().any(|known| who == *known), "on neither of the two");
    assert!(ran.stdout.contains("review") && ran.stdout.contains("Owen Whitfield"), "the question is shown: {}", ran.stdout);
    let listed = desk.run(&["calls", "--status", "review"]).exits(0);
    assert!(listed.stdout.contains("json:c-1"), "{}", listed.stdout);
}

/// Story: the address tells two people on one number apart.
#[test]
fn a_shared_number_with_an_address_is_no_question() {
    let desk = Desk::salesforce();
    let twin =
        json!({"Contact": [{"FirstName": "Owen", "LastName": "Whitfield", "MobilePhone": "5125550143", "Email": "owen@example.com"}]});
    desk.crm.load(&twin).expect("a record");
    let caller = json!({"phone": "+15125550143", "email": "paul.whitfield@example.com"});
    desk.sync(&[call("c-1", json!({"caller": caller}))]).exits(0);
    assert_eq!(desk.status("json:c-1"), "landed");
    assert_eq!(text(&only(desk.logged(), "the call's entry"), "WhoId"), "0035e0000000006AAA");
}

/// Story: a person's own words in the CRM are worth more than what was heard over the phone.
#[test]
fn what_people_entered_stays() {
    let desk = Desk::salesforce();
    let caller = json!({"phone": "+15125550190", "name": "Lenard Basset", "email": "l.basset@example.net"});
    desk.sync(&[call("c-1", json!({"caller": caller}))]).exits(0);
    let leonard = only(desk.crm_rows("Contact").into_iter().filter(|c| c["Id"] == "0035e0000000005AAA").collect(), "Leonard");
    let kept = ["FirstName", "LastName", "Email"].map(|field| text(&leonard, field));
    assert_eq!(kept, ["Leonard", "Bassett", "len@hillcountry.example"]);
    let write = only(rows(&desk.story("json:c-1"), "writes").into_iter().filter(|w| w["write"] == "contact").collect(), "the write");
    let email = only(rows(&write, "receipt").into_iter().filter(|f| f["field"] == "Email").collect(), "the receipt of Email");
    assert_eq!((text(&email, "state"), text(&email, "before")), ("kept", "len@hillcountry.example"), "and the receipt says so");
}

/// Story: a person merges the contact that the first call made into the real one. The caller's next call goes to the one that stays, though
/// that one lacks the number, and so does a later look at the first call.
#[test]
fn a_contact_that_was_merged() {
    let desk = Desk::salesforce();
    let first = |summary: &str| call("c-1", json!({"summary": summary, "caller": {"phone": "+15125550955", "name": "Nora Whitfeld"}}));
    desk.sync(&[first("Asks for a quote.")]).exits(0);
    let before = desk.crm_rows("Contact").len();
    let made = text(&only(desk.logged(), "the call's entry"), "WhoId").to_owned();
    let nora = "0035e0000000001AAA";
    assert_ne!(made, nora);
    let merged = json!({"Contact": [{"Id": made, "LastName": "Whitfeld", "IsDeleted": true, "MasterRecordId": nora}]});
    desk.crm.load(&merged).expect("the stand-in merges");
    assert_eq!(desk.crm_rows("Contact").len(), before - 1);
    desk.sync(&[call("c-2", json!({"caller": {"phone": "+15125550955"}}))]).exits(0);
    desk.sync(&[first("Asks for a quote for two.")]).exits(0);
    assert_eq!(desk.crm_rows("Contact").len(), before - 1, "nobody new");
    let second = only(desk.logged().into_iter().filter(|e| e["CallObject"] == "c-2").collect(), "the second call's entry");
    assert_eq!(text(&second, "WhoId"), nora);
    let shown = desk.run(&["show", "json:c-1"]).exits(0);
    assert!(!shown.stdout.contains("dead"), "{}", shown.stdout);
}

/// Story: a system that can be searched by nothing but addresses. An index beside the journal, filled by one read of everybody and kept by what
/// is written, finds callers by their digits and by how their names sound.
#[test]
fn a_system_without_a_search_by_number() {
    let desk = Desk::salesforce();
    let connector = std::fs::read_to_string(repository().join("mappings/salesforce/connector.toml")).expect("the connector that ships");
    let poor = connector.replacen("by = [\"number\", \"email\", \"email_near\", \"name\", \"account\"]", "by = [\"email\"]", 1);
    assert_ne!(poor, connector);
    desk.write("mappings/salesforce/connector.toml", &poor);
    let refused = desk.run(&["match", "index", "crm"]).exits(1);
    assert!(refused.stderr.contains("index = true"), "{}", refused.stderr);
    let project = std::fs::read_to_string(desk.root().join("aftercall.toml")).expect("the project").replacen(
        "system = \"salesforce\"",
        "system = \"salesforce\"\nindex = true",
        1,
    );
    desk.write("aftercall.toml", &project);
    assert_eq!(desk.run(&["match", "index", "crm"]).exits(0).stdout, "6 people of crm are in the index\n");
    let grace = call("c-1", json!({"caller": {"phone": "+15125550188"}}));
    let heard = call("c-2", json!({"caller": {"phone": "anonymous", "callback_phone": "5125550121", "name": "Priya Ramen"}}));
    let newcomer = call("c-3", json!({"caller": {"phone": "+15125550977", "name": "Otto Brandt"}}));
    desk.sync(&[grace, heard, newcomer]).exits(0);
    let of = |id: &str| text(&only(desk.logged().into_iter().filter(|e| e["CallObject"] == id).collect(), id), "WhoId").to_owned();
    let known: Vec<_> = known_callers().into_iter().filter(|(name, ..)| ["Grace", "Priya"].contains(name)).map(|(_, id, _)| id).collect();
    assert!(known.contains(&of("c-1").as_str()) && known.contains(&of("c-2").as_str()) && of("c-1") != of("c-2"));
    assert_eq!(desk.crm_rows("Contact").len(), 7, "one new person");
    // Whom we wrote is found by it, too, though no search shows him and this caller has another lane.
    desk.sync(&[call("c-4", json!({"caller": {"phone": "+15125550978", "callback_phone": "512 555 0977", "name": "Otto Brandt"}}))])
        .exits(0);
    assert_eq!(of("c-4"), of("c-3"));
    assert_eq!(desk.crm_rows("Contact").len(), 7);
}
