//! Stories of a CRM that refuses: one field, one record, or all of it. What can land lands, and what did not is said.

use serde_json::{Value, json};

use crate::support::{Desk, call, only, rows, text};

fn new_caller(id: &str, more: Value) -> Value {
    let mut call = call(
        id,
        json!({"outcome": "message", "follow_up": {"reason": "Call back"}, "caller": {"phone": "+15125559001", "name": "Tess Newman"}}),
    );
    for (key, value) in more.as_object().cloned().unwrap_or_default() {
        call[key] = value;
    }
    call
}

fn write(story: &Value, id: &str) -> Value {
    only(rows(story, "writes").into_iter().filter(|w| w["write"] == id).collect(), id)
}

fn field(write: &Value, name: &str) -> Value {
    only(rows(write, "receipt").into_iter().filter(|f| f["field"] == name).collect(), name)
}

/// Story: an admin has closed a picklist, and our value is not in it. The field is left out, the record lands, and the receipt says so.
#[test]
fn a_refused_field_costs_only_itself() {
    let desk = Desk::salesforce();
    desk.edit("mappings/acme/contact.toml", "spanish = \"Spanish\"", "spanish = \"Spanish\", klingon = \"Klingon\"");
    let language = json!({"name": "Preferred_Language__c", "type": "picklist", "values": ["English", "Spanish"], "restricted": true});
    desk.crm.configure(&json!({"custom_fields": {"Contact": [language]}})).expect("a setting");
    let ran = desk.sync(&[new_caller("c-1", json!({"captured": {"language": "klingon"}}))]).exits(1);
    assert!(ran.stdout.contains("partial") && ran.stdout.contains("a field was refused; everything else landed"), "{}", ran.stdout);
    let tess = only(desk.crm_rows("Contact").into_iter().filter(|c| c["LastName"] == "Newman").collect(), "the contact");
    assert!(tess["Preferred_Language__c"].is_null());
    assert_eq!((desk.logged().len(), desk.to_dos().len()), (1, 1), "and so do the others");
    let story = desk.story("json:c-1");
    assert_eq!(story["call"]["status"], "partial");
    let contact = write(&story, "contact");
    assert_eq!(contact["state"], "applied");
    let refused = field(&contact, "Preferred_Language__c");
    assert_eq!((text(&refused, "state"), text(&refused, "value")), ("refused", "Klingon"));
    assert!(text(&refused, "because").to_lowercase().contains("picklist"), "in the CRM's own words: {refused}");
    assert_eq!(field(&contact, "MobilePhone")["state"], "landed");
    let shown = desk.run(&["show", "json:c-1"]).exits(0).stdout;
    assert!(
        shown.lines().any(|line| line.contains("refused") && line.contains("Preferred_Language__c") && line.contains("Klingon")),
        "{shown}"
    );
}

/// Story: an admin has made a field required that nobody fills. The record does not land, and what does not need it does.
#[test]
fn a_refused_record_holds_up_only_what_needs_it() {
    let desk = Desk::salesforce();
    let insurance = json!({"name": "Insurance__c", "type": "string", "length": 40, "required": true});
    desk.crm.configure(&json!({"custom_fields": {"Contact": [insurance]}})).expect("a setting");
    let booked = json!({"outcome": "booked", "appointment": crate::support::slot(9)});
    let ran = desk.sync(&[new_caller("c-1", booked)]).exits(1);
    assert!(ran.seen().contains("contact did not land"), "{}", ran.seen());
    assert_eq!(desk.crm_rows("Contact").len(), 6);
    assert!(desk.logged().is_empty() && desk.to_dos().is_empty(), "what hangs on the contact waits for it");
    assert_eq!(desk.events().len(), 1, "the appointment does not need it");
    let story = desk.story("json:c-1");
    assert_eq!(story["call"]["status"], "partial");
    let contact = write(&story, "contact");
    assert_eq!(contact["state"], "dead");
    assert!(contact["trouble"]["message"].as_str().is_some_and(|m| m.contains("Insurance__c")), "{contact:#}");
    assert_eq!(write(&story, "call")["state"], "blocked");
    assert_eq!(write(&story, "appointment")["state"], "applied");
}

/// Story: a call log entry that the CRM refuses does not take the contact and the task with it.
#[test]
fn a_refused_sibling_holds_up_nobody() {
    let desk = Desk::salesforce();
    desk.edit(
        "pipelines/front-desk.toml",
        "mapping = \"salesforce/call-log\"",
        "mapping = \"salesforce/call-log\"\nfields.WhoId = \"0035e00000000ZZAAA\"",
    );
    let ran = desk.sync(&[new_caller("c-1", json!({}))]);
    let story = desk.story("json:c-1");
    assert_eq!(write(&story, "contact")["state"], "applied", "{}", ran.seen());
    assert_eq!(write(&story, "follow_up")["state"], "applied");
    assert_eq!(desk.crm_rows("Contact").len(), 7);
}

/// Story: an admin has not added our key to the CRM yet. Nothing is written half, and the sentence names what is missing.
#[test]
fn a_missing_key_field_is_named() {
    let desk = Desk::salesforce();
    desk.crm.configure(&json!({"hidden_fields": {"Contact": ["Caller_Key__c"], "Task": ["Call_Key__c"]}})).expect("a setting");
    desk.sync(&[new_caller("c-1", json!({}))]).exits(1);
    assert_eq!(desk.status("json:c-1"), "dead");
    assert_eq!((desk.crm_rows("Contact").len(), desk.logged().len()), (6, 0));
    let shown = desk.run(&["show", "json:c-1"]).exits(0).stdout;
    assert!(shown.contains("Caller_Key__c") || shown.to_lowercase().contains("external id"), "{shown}");
}

/// Story: the number on file has a remark behind it, so that no search finds it; but the CRM's own duplicate rule does. The record
/// that it names is compared like any other. It is the caller's, and the call lands there.
#[test]
fn a_duplicate_rule_knows_better() {
    let desk = Desk::salesforce();
    let hank = json!({"Id": "0035e0000000009AAA", "FirstName": "Hank", "LastName": "Holt", "MobilePhone": "home: 512/555/0177"});
    desk.crm.load(&json!({"Contact": [hank]})).expect("a record");
    desk.crm.configure(&json!({"duplicate_rule": "block"})).expect("a setting");
    desk.sync(&[new_caller("c-1", json!({"caller": {"phone": "+15125550177", "name": "Hank Holt"}}))]).exits(0);
    assert_eq!(desk.crm_rows("Contact").len(), 7, "nobody new");
    assert_eq!(text(&only(desk.logged(), "the entry"), "WhoId"), "0035e0000000009AAA");
    assert_eq!(desk.status("json:c-1"), "landed");
}

/// Story: the rule names somebody similar who has none of the caller's signs. Similar is not the same: nobody is overwritten, nobody
/// is doubled in silence, and a person sees it.
#[test]
fn similar_is_not_the_same() {
    let desk = Desk::salesforce();
    let similar = json!({"Id": "0035e0000000009AAA", "FirstName": "Lena", "LastName": "Basset", "Fax": "5125559001"});
    desk.crm.load(&json!({"Contact": [similar]})).expect("a record");
    desk.crm.configure(&json!({"duplicate_rule": "block"})).expect("a setting");
    let lena = |desk: &Desk| only(desk.crm_rows("Contact").into_iter().filter(|c| c["Id"] == "0035e0000000009AAA").collect(), "Lena");
    let before = lena(&desk);
    let ran = desk.sync(&[new_caller("c-1", json!({"caller": {"phone": "+15125559001", "name": "Lenn Basset"}}))]).exits(1);
    assert_eq!((lena(&desk), desk.crm_rows("Contact").len()), (before, 7));
    assert!(ran.seen().contains("json:c-1") && ran.seen().contains("contact did not land"), "{}", ran.seen());
    let shown = desk.run(&["show", "json:c-1"]).exits(0).stdout;
    assert!(shown.contains("Use one of these records?"), "in the CRM's words:\n{shown}");
}

/// Story: somebody deletes the contact between the reading and the writing. The caller is made anew, and the call lands.
#[test]
fn a_contact_that_is_gone_is_made_anew() {
    let desk = Desk::salesforce();
    desk.sync(&[new_caller("c-1", json!({}))]).exits(0);
    let tess = only(desk.crm_rows("Contact").into_iter().filter(|c| c["LastName"] == "Newman").collect(), "the contact");
    let mut gone = tess.clone();
    gone["IsDeleted"] = json!(true);
    desk.crm.load(&json!({"Contact": [gone]})).expect("a record");
    desk.sync(&[new_caller("c-2", json!({}))]).exits(0);
    let entry = only(desk.logged().into_iter().filter(|e| e["CallObject"] == "c-2").collect(), "the second call");
    assert_ne!(entry["WhoId"], tess["Id"], "not on a record in the bin");
    assert_eq!(desk.status("json:c-2"), "landed");
}

/// Story: the admin has mended what the CRM refused. An operator says "again", for one call or for all that failed so, and everything lands
/// once. Of what needs no more work she says why.
#[test]
fn what_did_not_land_is_worked_again() {
    let desk = Desk::salesforce();
    let insurance = |required: bool| json!({"custom_fields": {"Contact": [{"name": "Insurance__c", "type": "string", "length": 40, "required": required}]}});
    desk.crm.configure(&insurance(true)).expect("a setting");
    let other = call("c-2", json!({"outcome": "message", "caller": {"phone": "+15125559002", "name": "Theo Newman"}}));
    desk.sync(&[new_caller("c-1", json!({})), other]).exits(1);
    assert!(desk.run(&["retry"]).exits(2).stderr.contains("--all"));
    assert!(desk.run(&["retry", "--class", "nope"]).exits(2).stderr.contains("auth_revoked"));
    assert!(desk.run(&["retry", "json:c-9"]).exits(2).stderr.contains("json:c-9"));
    assert!(desk.run(&["resolve", "json:c-2"]).exits(2).stderr.contains("--reason"));
    let still = desk.run(&["retry", "json:c-1"]).exits(1);
    assert!(still.stdout.contains("did not land"), "nothing was mended yet: {}{}", still.stdout, still.stderr);
    assert_eq!(desk.run(&["retry", "--class", "quota"]).exits(0).stdout, "", "nothing failed so");
    desk.crm.configure(&insurance(false)).expect("a setting");
    let preview = desk.run(&["retry", "--class", "invalid", "--dry-run"]).exits(0);
    assert_eq!(preview.stdout.lines().count(), 2, "{}", preview.stdout);
    assert_eq!(desk.crm_rows("Contact").len(), 6, "and nothing was done");
    desk.run(&["resolve", "json:c-2", "--reason", "wrong number"]).exits(0);
    let ran = desk.run(&["retry", "--class", "invalid"]).exits(0);
    assert!(ran.stdout.contains("json:c-1") && ran.stdout.contains("landed") && !ran.stdout.contains("c-2"), "{}", ran.stdout);
    assert_eq!((desk.crm_rows("Contact").len(), desk.to_dos().len()), (7, 1));
    let entry = only(desk.logged().into_iter().filter(|e| e["CallObject"] == "c-1").collect(), "the entry");
    let tess = only(desk.crm_rows("Contact").into_iter().filter(|c| c["FirstName"] == "Tess").collect(), "the contact");
    assert_eq!(entry["WhoId"], tess["Id"]);
    assert_eq!((desk.status("json:c-1").as_str(), desk.status("json:c-2").as_str()), ("landed", "resolved"));
    let shown = desk.run(&["show", "json:c-2"]).exits(0).stdout;
    assert!(shown.contains("resolved: wrong number"), "{shown}");
    assert_eq!(desk.run(&["retry", "--all"]).exits(0).stdout, "", "nothing is left");
}

/// Story: the org lacks a field that a shipped mapping fills. The call log entry lands without it, and the receipt names it.
#[test]
fn a_field_that_the_org_does_not_have() {
    let desk = Desk::salesforce();
    let with = "mapping = \"salesforce/call-log\"\nfields.Nope__c = \"{{outcome}}\"";
    desk.edit("pipelines/front-desk.toml", "mapping = \"salesforce/call-log\"", with);
    let ran = desk.sync(&[new_caller("c-1", json!({}))]).exits(1);
    assert!(ran.stdout.contains("a field was refused; everything else landed"), "{}", ran.stdout);
    assert_eq!((desk.crm_rows("Contact").len(), desk.logged().len()), (7, 1));
    let refused = field(&write(&desk.story("json:c-1"), "call"), "Nope__c");
    assert_eq!(text(&refused, "state"), "refused");
    assert!(text(&refused, "because").contains("No such column"), "{refused}");
}

/// Story: a mapping lacks what the CRM requires. Tried again as it was, it fails again; under the mended mapping it lands, what had landed
/// before is not done again, and the call's story names the new version. Nothing happens before somebody has seen the difference.
#[test]
fn a_mended_mapping_mends_a_dead_letter() {
    let desk = Desk::salesforce();
    let insurance = json!({"name": "Insurance__c", "type": "string", "length": 40, "required": true});
    desk.crm.configure(&json!({"custom_fields": {"Contact": [insurance]}})).expect("a setting");
    let booked = |hour| json!({"outcome": "booked", "appointment": crate::support::slot(hour)});
    let mut other = new_caller("c-2", booked(11));
    other["caller"] = json!({"phone": "+15125559002", "name": "Umar Newman"});
    desk.sync(&[new_caller("c-1", booked(9)), other]).exits(1);
    let story = desk.story("json:c-1");
    assert_eq!(
        (write(&story, "contact")["state"].clone(), write(&story, "appointment")["state"].clone()),
        (json!("dead"), json!("applied"))
    );
    let (version, events) = (story["call"]["config_version"].clone(), desk.events().len());

    desk.edit("mappings/acme/contact.toml", "[fields]\n", "[fields]\nInsurance__c = { value = \"none\", policy = \"fill\" }\n");
    desk.run(&["retry", "json:c-1"]).exits(1);
    let story = desk.story("json:c-1");
    assert_eq!(
        (write(&story, "contact")["state"].clone(), &story["call"]["config_version"]),
        (json!("dead"), &version),
        "the old one again"
    );

    let sent = desk.crm.requests().iter().filter(|r| r.method != "GET").count();
    let looked = desk.run(&["retry", "--current", "--class", "invalid", "--dry-run"]).exits(0);
    assert!(looked.stdout.contains("+ contact Insurance__c: none"), "{}", looked.stdout);
    assert!(looked.stdout.contains("done already, and not done again: appointment"), "{}", looked.stdout);
    let asked = desk.run(&["retry", "json:c-1", "--current"]).exits(1);
    assert!(asked.stderr.contains("--yes") && asked.stderr.contains("nothing was done"), "{}", asked.stderr);
    let posts = desk.crm.requests().iter().filter(|r| r.method != "GET" && !r.path.contains("token")).count();
    assert!(posts <= sent, "looking writes nothing");
    assert_eq!(desk.status("json:c-1"), "partial");

    let done = desk.run(&["retry", "--current", "--class", "invalid", "--yes", "--format", "json"]).exits(0).json();
    let calls = rows(&done, "calls");
    assert_eq!(calls.len(), 2, "{done:#}");
    for call in &calls {
        assert_eq!((&call["status"], &call["from"]), (&json!("landed"), &version), "{call:#}");
        assert!(rows(call, "changes").iter().any(|change| change["name"] == "Insurance__c"), "{call:#}");
    }
    let story = desk.story("json:c-1");
    assert_eq!(story["call"]["config_version"], done["config"]);
    assert_ne!(story["call"]["config_version"], version);
    let changed = rows(&story, "events").into_iter().any(|event| event["kind"] == "config_version_changed");
    assert!(changed, "{story:#}");
    assert_eq!(desk.events().len(), events, "no second appointment");
    assert_eq!((desk.crm_rows("Contact").iter().filter(|c| c["LastName"] == "Newman").count(), desk.logged().len()), (2, 2));
}
