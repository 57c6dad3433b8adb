//! Stories of the way back: fields that still hold what we wrote go back to what stood there before, and nothing that a person changed does.

use std::collections::BTreeMap;

use aftercall_plan::revert::RevertDocument;
use aftercall_sandbox::{FaultKind, FaultSpec, Sandbox};
use serde_json::{Value, json};

use crate::support::{Desk, call, eventually, get, known_callers, only, rows, slot, text};

/// Nora, who is known, calls: her record gets a second and a third number, a language and a line in its description.
fn nora(id: &str, more: Value) -> Value {
    let (_, _, phone) = known_callers()[0];
    let mut call = call(
        id,
        json!({
            "caller": {"phone": phone, "first_name": "Nora", "callback_phone": "+15125550199"}, "captured": {"language": "es"},
            "summary": "Asked about her crown.",
        }),
    );
    for (key, value) in more.as_object().cloned().unwrap_or_default() {
        call[key] = value;
    }
    call
}

/// Nora's record in Salesforce.
#[track_caller]
fn contact(desk: &Desk) -> Value {
    let (_, id, _) = known_callers()[0];
    only(desk.crm_rows("Contact").into_iter().filter(|row| row["Id"] == *id).collect(), "Nora's record")
}

/// What of it calls write, as far as something stands there.
fn written(row: &Value) -> BTreeMap<&str, &str> {
    let names = ["FirstName", "LastName", "Phone", "MobilePhone", "OtherPhone", "Email", "Description", "Preferred_Language__c"];
    names.into_iter().map(|name| (name, text(row, name))).filter(|(_, value)| !value.is_empty()).collect()
}

/// A colleague changes a field of Nora's record.
fn changed_by_hand(desk: &Desk, field: &str, value: Value) {
    let mut row = contact(desk);
    row[field] = value;
    desk.crm.load(&json!({"Contact": [row]})).expect("the record loads");
}

/// The config version under which a call was planned.
fn version(desk: &Desk, id: &str) -> String {
    text(&desk.story(id)["call"], "config_version").to_owned()
}

/// `aftercall revert`, as JSON.
#[track_caller]
fn revert(desk: &Desk, args: &[&str], exit: i32) -> Value {
    desk.run(&[&["revert", "--format", "json"], args].concat()).exits(exit).json()
}

/// The same, done.
#[track_caller]
fn reverted(desk: &Desk, args: &[&str], exit: i32) -> Value {
    revert(desk, &[args, &["--apply", "--reason", "the mapping was wrong", "--by", "olga"]].concat(), exit)
}

/// A field of an answer.
#[track_caller]
fn field(answer: &Value, name: &str) -> Value {
    let fields = rows(answer, "records").into_iter().flat_map(|record| rows(&record, "fields"));
    only(fields.filter(|field| field["field"] == name).collect(), name)
}

/// How many fields go back, are left alone, and hold again what stood there before.
fn counts(answer: &Value) -> [u64; 3] {
    ["fields", "alone", "already"].map(|name| answer["counts"][name].as_u64().unwrap_or_default())
}

/// Changes of records by their ids that a stand-in was asked for, those of which the answer was lost among them.
fn patches(stand_in: &Sandbox) -> usize {
    stand_in.requests().iter().filter(|request| request.method == "PATCH" && request.path.contains("ontact")).count()
}

/// The receipt of what was put back, by field: state, value before, and why.
#[track_caller]
fn receipt(desk: &Desk, call: &str) -> BTreeMap<String, Value> {
    let writes = rows(&desk.story(call), "writes");
    let row = only(writes.into_iter().filter(|row| row["op"] == "revert").collect(), "the write that puts back");
    rows(&row, "receipt").into_iter().map(|line| (text(&line, "field").to_owned(), line)).collect()
}

/// Story: a mapping was wrong. What it wrote goes back to what stood there before; the call, its receipts and the trail say who wanted that, and why.
/// Looking writes nothing, and a second time there is nothing to do.
#[test]
fn it_goes_back() {
    let desk = Desk::salesforce();
    let before = contact(&desk);
    desk.sync(&[nora("c-1", json!({}))]).exits(0);
    let after = contact(&desk);
    assert_ne!(written(&before), written(&after));
    let version = version(&desk, "json:c-1");
    let looked = desk.run(&["revert", "--version", &version[..6]]).exits(0);
    assert!(looked.stdout.starts_with("4 fields of 1 record go back\n"), "{}", looked.stdout);
    assert!(looked.stdout.contains("OtherPhone: +15125550199 -> nothing  mappings/acme/contact.toml:"), "{}", looked.stdout);
    assert!(looked.stderr.contains("nothing was written; the same with --apply"), "{}", looked.stderr);
    assert_eq!(contact(&desk), after);
    assert_eq!(counts(&revert(&desk, &["--version", &version, "--exit-code"], 3)), [4, 0, 0]);
    let done = reverted(&desk, &["--version", &version], 0);
    assert_eq!((field(&done, "OtherPhone")["state"].as_str(), &done["calls"][0]["status"]), (Some("landed"), &json!("landed")));
    assert_eq!(written(&contact(&desk)), written(&before));
    // The call's own writes stay as they were told, and what went back stands beside them.
    let story = desk.story("json:c-1");
    assert_eq!(text(&story["call"], "status_reason"), "some of it was put back by olga: the mapping was wrong");
    assert_eq!(rows(&story, "writes")[0]["state"], "applied");
    let language = receipt(&desk, "json:c-1")["Preferred_Language__c"].clone();
    assert_eq!((text(&language, "state"), text(&language, "before"), &language["value"]), ("landed", "Spanish", &Value::Null));
    assert_eq!((text(&language, "because"), &language["verified"]), ("put back by olga: the mapping was wrong", &json!(true)));
    let kinds: Vec<String> = rows(&story, "events").iter().map(|event| text(event, "kind").to_owned()).collect();
    assert!(kinds.contains(&"person_intervened".to_owned()) && kinds.contains(&"goes_back".to_owned()), "{kinds:?}");
    let trail = rows(&desk.run(&["audit", "--record", text(&after, "Id"), "--format", "json"]).exits(0).json(), "trail");
    let went = trail.iter().filter(|line| line["what"] == "revert" && line["who"] == "olga" && line["way"] == "cli");
    let went: Vec<&Value> = went.filter(|line| line["field"] == "OtherPhone").collect();
    assert_eq!((went.len(), text(went[0], "before"), text(went[0], "reason")), (1, "+15125550199", "the mapping was wrong"), "{trail:#?}");
    let deeds = rows(&desk.run(&["audit", "--who", "olga", "--format", "json"]).exits(0).json(), "trail");
    assert_eq!((text(&deeds[0], "what"), text(&deeds[0], "call"), deeds.len()), ("revert", "json:c-1", 1));
    // Twice is nothing.
    let sent = patches(&desk.crm);
    assert_eq!(counts(&reverted(&desk, &["--version", &version], 0)), [0, 0, 4]);
    assert_eq!(counts(&revert(&desk, &["--version", &version, "--exit-code"], 0)), [0, 0, 4]);
    assert_eq!(patches(&desk.crm), sent);
    assert_eq!(rows(&desk.story("json:c-1"), "writes").iter().filter(|row| row["op"] == "revert").count(), 1);
}

/// Story: the same in the other CRM: a stage goes back where it was, and a field that was empty is empty again.
#[test]
fn in_another_system() {
    let desk = Desk::hubspot();
    let nora = || only(desk.crm_rows("contacts").into_iter().filter(|row| row["properties"]["firstname"] == "Nora").collect(), "Nora");
    let stages = || desk.crm_rows("deals").iter().map(|deal| text(&deal["properties"], "dealstage").to_owned()).collect::<Vec<_>>();
    let (before, stages_before) = (nora(), stages());
    desk.sync(&[self::nora("c-1", json!({"outcome": "booked", "appointment": slot(9)}))]).exits(0);
    assert_ne!(stages(), stages_before);
    assert_eq!(
        (text(&nora()["properties"], "mobilephone"), text(&nora()["properties"], "preferred_language")),
        ("+15125550199", "spanish")
    );
    let done = reverted(&desk, &["--call", "json:c-1"], 0);
    let stage = field(&done, "dealstage");
    assert_eq!((text(&stage, "to"), text(&stage, "state")), (stages_before[0].as_str(), "landed"), "{stage:#}");
    assert_eq!(stages(), stages_before);
    for name in ["mobilephone", "preferred_language", "phone"] {
        assert_eq!(text(&nora()["properties"], name), text(&before["properties"], name), "{name}");
    }
    assert_eq!(counts(&revert(&desk, &["--call", "json:c-1"], 0))[0], 0);
}

/// Story: a version wrote into many records. All of them go back at once, in either CRM.
#[test]
fn many_at_once() {
    for (desk, object) in [(Desk::salesforce(), "Contact"), (Desk::hubspot(), "contacts")] {
        let people = || -> Vec<BTreeMap<String, String>> {
            let names = [
                "Phone",
                "MobilePhone",
                "OtherPhone",
                "Description",
                "Preferred_Language__c",
                "phone",
                "mobilephone",
                "preferred_language",
            ];
            let of = |row: &Value| {
                let row = if row["properties"].is_object() { &row["properties"] } else { row };
                names.iter().map(|name| ((*name).to_owned(), text(row, name).to_owned())).collect()
            };
            // Whom a system does not recognise is made, and stays.
            desk.crm_rows(object).iter().take(known_callers().len()).map(of).collect()
        };
        let before = people();
        let spanish = |(at, (name, _, phone)): (usize, &(&str, &str, &str))| {
            let caller = json!({"phone": phone, "first_name": name, "callback_phone": format!("+1512555019{at}")});
            call(&format!("c-{at}"), json!({"caller": caller, "captured": {"language": "es"}}))
        };
        let calls: Vec<Value> = known_callers().iter().take(5).enumerate().map(spanish).collect();
        desk.sync(&calls).exits(0);
        assert_ne!(people(), before);
        let done = reverted(&desk, &["--version", &version(&desk, "json:c-0")], 0);
        let went = rows(&done, "calls").len();
        assert!(went >= 4 && done["counts"]["records"] == went, "{:#}", done["counts"]);
        assert_eq!(people(), before);
        assert!(rows(&done, "calls").iter().all(|call| call["status"] == "landed"), "{:#}", done["calls"]);
    }
}

/// Story: a colleague has changed a field since. It is left alone and that is said; the others go back. So it is where they change it after it was
/// looked at and before it is written: the CRM is away for a moment, and each field is read again before it is sent.
#[test]
fn what_a_person_changed_stays() {
    let desk = Desk::salesforce().impatient();
    desk.sync(&[nora("c-1", json!({}))]).exits(0);
    changed_by_hand(&desk, "OtherPhone", json!("+15125550111"));
    let shown = revert(&desk, &["--call", "json:c-1"], 0);
    assert_eq!((counts(&shown), &field(&shown, "OtherPhone")["alone"]), ([3, 1, 0], &json!({"why": "changed"})));
    let looked = desk.run(&["revert", "--call", "json:c-1"]).exits(0).stdout;
    assert!(looked.contains("1 is left alone: 1 somebody has changed since"), "{looked}");
    assert!(looked.contains("OtherPhone: +15125550111, we wrote +15125550199; somebody has changed it since"), "{looked}");
    desk.crm.fault(FaultSpec::new(FaultKind::ServerError).on_method("PATCH"));
    let open = reverted(&desk, &["--call", "json:c-1", "--wait", "1s"], 1);
    assert_eq!((&open["calls"][0]["status"], field(&open, "MobilePhone")["state"].as_str()), (&json!("waiting"), Some("planned")));
    changed_by_hand(&desk, "MobilePhone", json!("+15125550112"));
    desk.crm.clear_faults();
    let service = desk.serve();
    assert_eq!(desk.settled(1)["json:c-1"], "landed");
    drop(service);
    let row = contact(&desk);
    let left = [("FirstName", "Nora"), ("LastName", "Whitfield"), ("MobilePhone", "+15125550112"), ("OtherPhone", "+15125550111")];
    assert_eq!(written(&row), left.into_iter().chain([("Phone", "(512) 555-0142")]).collect());
    let receipt = receipt(&desk, "json:c-1");
    let states: Vec<(&str, &str)> = receipt.iter().map(|(name, line)| (name.as_str(), text(line, "state"))).collect();
    assert_eq!(states, [("Description", "landed"), ("MobilePhone", "conflict"), ("Preferred_Language__c", "landed")]);
    assert!(text(&receipt["MobilePhone"], "because").contains("somebody has changed it since"), "{receipt:#?}");
}

/// Story: several calls wrote one field. It goes back to what stood there before the first of them; of one call alone, to what the one before it had
/// written, which counts as ours again, so that the next call may write it. What a person then enters is nobody's but theirs.
#[test]
fn two_calls_wrote_one_field() {
    let desk = Desk::salesforce();
    desk.sync(&[nora("c-1", json!({}))]).exits(0);
    desk.sync(&[nora("c-2", json!({"captured": {"language": "fr"}}))]).exits(0);
    let language = || text(&contact(&desk), "Preferred_Language__c").to_owned();
    assert_eq!(language(), "French");
    let done = reverted(&desk, &["--call", "json:c-2"], 0);
    assert_eq!((language().as_str(), text(&field(&done, "Preferred_Language__c"), "to")), ("Spanish", "Spanish"));
    desk.sync(&[nora("c-3", json!({"captured": {"language": "en"}}))]).exits(0);
    assert_eq!(language(), "English", "what c-1 wrote is ours, so it may be written over");
    let version = version(&desk, "json:c-1");
    let done = reverted(&desk, &["--version", &version], 0);
    assert_eq!((language().as_str(), &field(&done, "Description")["to"]), ("", &Value::Null));
    assert!(contact(&desk)["Description"].is_null());
    // What we wrote is forgotten: a colleague's word is not taken for ours.
    changed_by_hand(&desk, "Preferred_Language__c", json!("Spanish"));
    desk.sync(&[nora("c-4", json!({"captured": {"language": "fr"}}))]).exits(0);
    assert_eq!(language(), "Spanish");
}

/// Story: one call is tried first, then the one before it, then all of them. Each goes back to what stood there before it, and a colleague's word in
/// between is told as such.
#[test]
fn one_after_the_other() {
    let desk = Desk::salesforce();
    desk.sync(&[nora("c-1", json!({}))]).exits(0);
    desk.sync(&[nora("c-2", json!({"captured": {"language": "fr"}}))]).exits(0);
    desk.sync(&[nora("c-3", json!({"captured": {"language": "en"}}))]).exits(0);
    let language = || text(&contact(&desk), "Preferred_Language__c").to_owned();
    reverted(&desk, &["--call", "json:c-3"], 0);
    assert_eq!(language(), "French");
    let again = revert(&desk, &["--call", "json:c-3"], 0);
    assert_eq!(field(&again, "Preferred_Language__c")["alone"]["why"], "already", "{again:#}");
    reverted(&desk, &["--call", "json:c-2"], 0);
    assert_eq!(language(), "Spanish");
    let version = version(&desk, "json:c-1");
    let all = reverted(&desk, &["--version", &version], 0);
    assert_eq!((language().as_str(), all["counts"]["fields"].as_u64() > Some(0)), ("", true), "{all:#}");
    changed_by_hand(&desk, "Preferred_Language__c", json!("German"));
    let shown = revert(&desk, &["--call", "json:c-3"], 0);
    assert_eq!(field(&shown, "Preferred_Language__c")["alone"]["why"], "changed", "{shown:#}");
}

/// Story: the mapping was mended, and a call under it wrote the field since: that stays.
#[test]
fn another_version_wrote_it_since() {
    let desk = Desk::salesforce();
    desk.sync(&[nora("c-1", json!({}))]).exits(0);
    let old = version(&desk, "json:c-1");
    desk.edit("mappings/acme/contact.toml", "Spanish", "Spanish\", x = \"Spanish");
    desk.sync(&[nora("c-2", json!({"captured": {"language": "fr"}}))]).exits(0);
    let new = version(&desk, "json:c-2");
    let shown = revert(&desk, &["--version", &old], 0);
    let since = json!({"why": "written_since", "call": "json:c-2", "version": new});
    assert_eq!(field(&shown, "Preferred_Language__c")["alone"], since, "{shown:#}");
    reverted(&desk, &["--version", &old], 0);
    assert_eq!(text(&contact(&desk), "Preferred_Language__c"), "French");
    // Of the later version alone, it goes back to what the older one had written.
    reverted(&desk, &["--version", &new], 0);
    assert_eq!(text(&contact(&desk), "Preferred_Language__c"), "Spanish");
}

/// Story: records that we made are listed, with their pages and what to do, and stay; appointments are for a person to cancel.
#[test]
fn what_we_made_is_listed() {
    let desk = Desk::salesforce();
    let ada = |id: &str, name: &str, more: Value| {
        let mut call =
            call(id, json!({"outcome": "booked", "caller": {"phone": "+17135550101", "name": name}, "summary": "Wants a cleaning."}));
        more.as_object().cloned().unwrap_or_default().into_iter().for_each(|(key, value)| call[key] = value);
        call
    };
    desk.sync(&[ada("c-1", "Ada Baker", json!({"appointment": slot(9), "captured": {"language": "es"}}))]).exits(0);
    desk.sync(&[ada("c-2", "Ada Baker", json!({"outcome": "message", "captured": {"language": "fr"}}))]).exits(0);
    let records = (desk.crm.records(), desk.calendar.records());
    let shown = revert(&desk, &["--version", &version(&desk, "json:c-1"), "--since", "1h"], 0);
    let made = rows(&shown, "made");
    let told = made.iter().map(|one| (text(one, "call"), text(one, "object"), one["appointment"].as_bool())).collect::<Vec<_>>();
    let first = [("json:c-1", "contact", Some(false)), ("json:c-1", "call", Some(false)), ("json:c-1", "event", Some(true))];
    assert!(first.iter().all(|one| told.contains(one)) && told.contains(&("json:c-2", "call", Some(false))), "{told:?}");
    assert!(made.iter().all(|one| !text(one, "record").is_empty()));
    // The second call changed what the record was made with: nothing stood there before.
    assert_eq!(field(&shown, "Preferred_Language__c")["alone"], json!({"why": "created"}));
    let looked = desk.run(&["revert", "--call", "json:c-1"]).exits(0);
    assert!(
        looked.stdout.contains("nothing goes back") && looked.stdout.contains("records were made by us and not deleted"),
        "{}",
        looked.stdout
    );
    assert!(looked.stdout.contains("/lightning/r/Contact/") && looked.stdout.contains("cancel it with who comes"), "{}", looked.stdout);
    reverted(&desk, &["--call", "json:c-1"], 0);
    assert_eq!((desk.crm.records(), desk.calendar.records()), records);
    assert!(revert(&desk, &["--call", "json:c-1", "--until", "1h"], 0)["made"].as_array().is_some_and(Vec::is_empty));
}

/// Story: the answer to what goes back is lost after the CRM has done it. It is looked at, counts as done, and is not sent again.
#[test]
fn a_lost_answer() {
    let desk = Desk::salesforce().impatient();
    desk.sync(&[nora("c-1", json!({}))]).exits(0);
    let sent = patches(&desk.crm);
    desk.crm.fault(FaultSpec::next(FaultKind::CommitThenDrop, 1).on_method("PATCH"));
    let done = reverted(&desk, &["--call", "json:c-1"], 0);
    assert_eq!((text(&field(&done, "OtherPhone"), "state"), &done["calls"][0]["status"]), ("landed", &json!("landed")));
    assert_eq!(patches(&desk.crm), sent + 1);
    let other = receipt(&desk, "json:c-1")["OtherPhone"].clone();
    assert_eq!((text(&other, "state"), text(&other, "before")), ("landed", "+15125550199"));
    assert_eq!(counts(&revert(&desk, &["--call", "json:c-1"], 0)), [0, 0, 4]);
}

/// Story: the service is killed while the CRM has it in hand: once before it does it, and once when it has and the answer is lost. The next one looks,
/// and what went back went back once.
#[test]
fn killed_in_the_middle() {
    for (fault, stands, sends) in [(FaultKind::Slow, "intent", 2), (FaultKind::CommitThenDrop, "unknown", 1)] {
        let desk = Desk::salesforce();
        desk.add("pipelines/front-desk.toml", "\n[retry.default]\ninitial = \"3s\"\njitter = \"none\"\n");
        let before = contact(&desk);
        desk.sync(&[nora("c-1", json!({}))]).exits(0);
        let sent = patches(&desk.crm);
        let service = desk.serve();
        desk.crm.fault(FaultSpec::next(fault, 1).on_method("PATCH").delayed_ms(20_000));
        let asked = desk.run(&["revert", "--call", "json:c-1", "--apply", "--reason", "wrong", "--wait", "1ms"]);
        assert!(asked.stderr.contains("a service works this journal"), "{}", asked.seen());
        eventually("what goes back is under way", || {
            let writes = rows(&desk.story("json:c-1"), "writes");
            writes.iter().any(|row| row["op"] == "revert" && row["state"] == stands).then_some(())
        });
        service.kill();
        desk.crm.clear_faults();
        let service = desk.serve();
        assert_eq!(desk.settled(1)["json:c-1"], "landed");
        drop(service);
        assert_eq!(written(&contact(&desk)), written(&before));
        assert!(patches(&desk.crm) <= sent + sends, "{} after {sent}", patches(&desk.crm));
        assert!(receipt(&desk, "json:c-1").values().all(|line| line["state"] == "landed"), "{:#?}", receipt(&desk, "json:c-1"));
        assert_eq!(counts(&revert(&desk, &["--call", "json:c-1"], 0)), [0, 0, 4]);
    }
}

/// Story: with the service running, it is the service that does it, and the call's page says who wanted it, and why.
#[test]
fn beside_the_service() {
    let desk = Desk::salesforce();
    let before = contact(&desk);
    desk.sync(&[nora("c-1", json!({}))]).exits(0);
    let service = desk.serve();
    let ran = desk.run(&["revert", "--call", "json:c-1", "--apply", "--reason", "the mapping was wrong", "--by", "olga"]).exits(0);
    assert!(ran.stderr.contains("a service works this journal") && ran.stdout.contains("4 fields went back, 0 did not"), "{}", ran.seen());
    assert_eq!(written(&contact(&desk)), written(&before));
    let page = get(&format!("{}/calls/json:c-1", service.address)).body;
    assert!(page.contains("revert-1.contact") && page.contains("put back by olga: the mapping was wrong"), "{page}");
}

/// Story: a call did not land whole. What landed was put back; asked for again, the call does what was still missing, and writes nothing anew that was
/// put back. Neither does a later word of the platform about that call.
#[test]
fn what_was_put_back_stays_so() {
    let desk = Desk::salesforce();
    let before = contact(&desk);
    let required = |so: bool| {
        let field = json!({"name": "Room__c", "type": "string", "length": 40, "required": so});
        desk.crm.configure(&json!({"custom_fields": {"Task": [field]}})).expect("a setting");
    };
    required(true);
    desk.sync(&[nora("c-1", json!({}))]).exits(1);
    assert_eq!((desk.status("json:c-1").as_str(), desk.logged().len()), ("partial", 0));
    reverted(&desk, &["--call", "json:c-1"], 0);
    assert_eq!((desk.status("json:c-1").as_str(), written(&contact(&desk))), ("partial", written(&before)), "it is as whole as before");
    required(false);
    desk.run(&["retry", "json:c-1"]).exits(0);
    assert_eq!((desk.status("json:c-1").as_str(), desk.logged().len()), ("landed", 1));
    assert_eq!(written(&contact(&desk)), written(&before));
    desk.sync(&[nora("c-1", json!({"outcome": "message"}))]).exits(0);
    assert_eq!(written(&contact(&desk)), written(&before));
    let kept = rows(&desk.story("json:c-1"), "writes")[0].clone();
    let language =
        only(rows(&kept, "receipt").into_iter().filter(|line| line["field"] == "Preferred_Language__c").collect(), "the language");
    assert_eq!((text(&language, "state"), text(&language, "because")), ("kept", "put back by olga: the mapping was wrong"));
}

/// Story: the CRM takes no record without a field any more that was empty before: it refuses that one, the rest goes back, and the call says so.
/// With a lock that knows it, nobody even tries. And where the record is gone, there is nothing to be done.
#[test]
fn what_cannot_go_back() {
    let desk = Desk::salesforce();
    let set_room = |required: bool| {
        let field = json!({"name": "Room__c", "type": "string", "length": 40, "required": required});
        desk.crm.configure(&json!({"custom_fields": {"Contact": [field]}})).expect("a setting");
    };
    set_room(false);
    desk.edit("mappings/acme/contact.toml", "[fields]\n", "[fields]\nRoom__c = \"{{captured.room}}\"\n");
    desk.sync(&[nora("c-1", json!({"captured": {"language": "es", "room": "7"}}))]).exits(0);
    set_room(true);
    let done = reverted(&desk, &["--call", "json:c-1"], 1);
    let room = field(&done, "Room__c");
    assert_eq!((text(&room, "state"), text(&field(&done, "OtherPhone"), "state")), ("refused", "landed"), "{done:#}");
    assert!(!text(&room, "because").is_empty(), "{room:#}");
    let reason = text(&done["calls"][0], "reason").to_owned();
    assert_eq!((&done["calls"][0]["status"], reason.starts_with("not all went back: ")), (&json!("partial"), true), "{reason}");
    // It takes it now: what was refused goes back, and the call is as whole as before.
    set_room(false);
    let done = reverted(&desk, &["--call", "json:c-1"], 0);
    assert_eq!((counts(&done)[0], text(&field(&done, "Room__c"), "state"), &done["calls"][0]["status"]), (1, "landed", &json!("landed")));
    desk.sync(&[nora("c-2", json!({"captured": {"language": "es", "room": "8"}}))]).exits(0);
    set_room(true);
    desk.run(&["describe", "crm"]).exits(0);
    assert_eq!(field(&revert(&desk, &["--call", "json:c-2"], 0), "Room__c")["alone"], json!({"why": "needed"}));
    let mut gone = contact(&desk);
    gone["IsDeleted"] = json!(true);
    desk.crm.load(&json!({"Contact": [gone]})).expect("the record loads");
    let shown = revert(&desk, &["--call", "json:c-2"], 0);
    assert_eq!((counts(&shown)[0], &field(&shown, "Room__c")["alone"]), (0, &json!({"why": "gone"})), "{shown:#}");
}

/// Story: what is said wrongly is answered with what to write instead.
#[test]
fn what_to_write_instead() {
    let desk = Desk::salesforce();
    desk.sync(&[nora("c-1", json!({}))]).exits(0);
    let said = |args: &[&str]| desk.run(&[&["revert"], args].concat()).exits(2).stderr;
    assert!(said(&[]).contains("--version VERSION") && said(&["--since", "1d"]).contains("--call ID"));
    let unknown = said(&["--version", "ffffffff"]);
    assert!(unknown.contains("no config version that begins with `ffffffff`; `aftercall audit`"), "{unknown}");
    assert!(said(&["--call", "json:nobody"]).contains("`aftercall calls` lists them"));
    assert!(said(&["--call", "json:c-1", "--apply"]).contains("--reason TEXT"));
    assert!(said(&["--call", "json:c-1", "--since", "yesterday"]).contains("`2h` for two hours ago"));
    let other = desk.run(&["revert", "--call", "json:c-1", "--pipeline", "another"]).exits(0);
    assert!(other.stdout.is_empty() && other.stderr.contains("nothing of that was written"), "{}", other.seen());
}

/// Story: the JSON of a revert is what its schema says, before and after.
#[test]
fn json_as_published() {
    let desk = Desk::salesforce();
    desk.sync(&[nora("c-1", json!({}))]).exits(0);
    for answer in [revert(&desk, &["--call", "json:c-1"], 0), reverted(&desk, &["--call", "json:c-1"], 0)] {
        let read: RevertDocument = serde_json::from_value(answer.clone()).expect("the type behind the schema");
        assert_eq!((read.version, serde_json::to_value(read).expect("JSON")), (1, answer));
    }
}
