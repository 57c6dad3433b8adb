//! Stories of the lock: what a system tells of its own fields is kept in git, and from then on a mistake about a field is found before it runs.

use aftercall_sandbox::{FaultKind, FaultSpec};
use serde_json::{Value, json};

use crate::support::{Desk, repository};

const MAPPING: &str = "mappings/acme/contact.toml";

fn describe(desk: &Desk) -> String {
    desk.run(&["describe", "crm"]).exits(0).seen()
}

fn lock(desk: &Desk) -> String {
    std::fs::read_to_string(desk.root().join("schema/crm.json")).expect("the lock is there")
}

/// What `check` finds: code, place and words, one a line.
fn findings(desk: &Desk, more: &[&str], code: i32) -> Vec<String> {
    let found = desk.run(&[&["check", "--format", "json"], more].concat()).exits(code).json();
    let line = |f: &Value| {
        let text = |key: &str| f[key].as_str().unwrap_or_default().to_owned();
        format!("{} {}:{} {}; {}", text("code"), text("file"), f["line"], text("message"), text("help"))
    };
    found["findings"].as_array().into_iter().flatten().map(line).collect()
}

#[track_caller]
fn says(findings: &[String], words: &[&str]) {
    assert!(findings.iter().any(|line| words.iter().all(|word| line.contains(word))), "{words:?} is not in {findings:#?}");
}

/// The line of a file that has this.
fn line_of(desk: &Desk, file: &str, what: &str) -> usize {
    let text = std::fs::read_to_string(desk.root().join(file)).expect("the file is there");
    text.lines().position(|line| line.contains(what)).unwrap_or_else(|| panic!("{file} has no {what}")) + 1
}

/// Story: the lock is taken, taken again without a change, and the project that ships stands up to it.
#[test]
fn an_unchanged_system_gives_an_unchanged_lock() {
    for desk in [Desk::salesforce(), Desk::hubspot()] {
        assert!(describe(&desk).contains("schema/crm.json: written"), "the first lock");
        let first = lock(&desk);
        assert!(!first.contains("acme.example") && !first.contains("2026-"), "neither people nor times: {first}");
        assert!(describe(&desk).contains("nothing changed"));
        assert_eq!(lock(&desk), first);
        assert_eq!(findings(&desk, &[], 0), Vec::<String>::new());
        assert_eq!(findings(&desk, &["--live"], 0), Vec::<String>::new());
    }
}

/// Story: an administrator changes the org. `describe` says what changed and which lines it touches, `check` says what is wrong with them.
#[test]
fn what_changed_in_the_org_is_told_with_the_lines_that_it_touches() {
    let desk = Desk::salesforce();
    describe(&desk);
    let line = line_of(&desk, MAPPING, "Preferred_Language__c =");
    desk.crm
        .configure(&json!({
            "custom_fields": {"Contact": [
                {"name": "Preferred_Language__c", "type": "picklist", "values": ["English", "Vietnamese"], "restricted": true},
                {"name": "Insurer__c", "type": "string", "length": 60, "required": true},
            ]},
            "hidden_fields": {"Contact": ["OtherPhone"], "Task": ["Recording_URL__c"]},
        }))
        .expect("settings");
    // Before the lock is taken again, the old one still counts, and only a look at the system tells.
    assert_eq!(findings(&desk, &[], 0), Vec::<String>::new());
    let live = findings(&desk, &["--live"], 1);
    says(&live, &["AC0702 schema/crm.json", "not how `crm` is now", "and 3 more", "aftercall describe crm"]);
    says(&live, &[&format!("AC0708 {MAPPING}:{line}"), "`French`"]);

    let kept = lock(&desk);
    let dry = desk.run(&["describe", "crm", "--dry-run", "--exit-code", "--format", "json"]).exits(3).json();
    assert_eq!(lock(&desk), kept, "a dry run writes nothing");
    assert_eq!(dry["changes"].as_array().map(Vec::len), Some(6), "{dry:#}");
    let seen = describe(&desk);
    assert!(seen.contains("Contact.Preferred_Language__c: has no value `Spanish` any more"), "{seen}");
    assert!(seen.contains(&format!("{MAPPING}:{line}")), "{seen}");
    assert!(seen.contains("Contact.Insurer__c: is new") && seen.contains("Contact.OtherPhone: is gone"), "{seen}");
    assert!(seen.contains("Task.Recording_URL__c: is gone") && seen.contains("mappings/salesforce/call-log.toml:"), "{seen}");

    let found = findings(&desk, &[], 1);
    says(&found, &[&format!("AC0708 {MAPPING}:{line}"), "`Contact.Preferred_Language__c` has no value `Spanish`"]);
    says(&found, &["AC0703", MAPPING, "no field `OtherPhone` on `Contact`"]);
    says(&found, &["AC0703 mappings/salesforce/call-log.toml", "no field `Recording_URL__c` on `Task`"]);
    says(&found, &["AC0710 pipelines/front-desk.toml", "a new `Contact` needs `Insurer__c`"]);
}

/// Story: a consultant's slips are found at the desk, each at its line, with what to write.
#[test]
fn a_mistake_about_a_field_is_found_before_it_runs() {
    let desk = Desk::salesforce();
    describe(&desk);
    desk.edit(MAPPING, "FirstName = ", "FrstName = ");
    desk.edit(
        MAPPING,
        "[fields]\n",
        "[fields]\nName = \"{{caller.name}}\"\nBirthdate = \"{{call.started_at}}\"\nTitle = \"{{summary}}\"\n",
    );
    desk.edit("pipelines/front-desk.toml", "\"Needs Analysis\"", "\"Need Analysis\"");
    let found = findings(&desk, &[], 1);
    says(&found, &["AC0703", MAPPING, "`FrstName`", "did you mean `FirstName`?"]);
    says(&found, &["AC0704", MAPPING, "`Contact.Name` cannot be written"]);
    says(&found, &["AC0705", MAPPING, "`Contact.Birthdate` is a day, and this is a moment", "{{date call.started_at project.timezone}}"]);
    says(&found, &["AC0707", MAPPING, "`Contact.Title` takes 128 characters", "max_chars = 128"]);
    says(&found, &["AC0709", "pipelines/front-desk.toml", "no value `Need Analysis`", "did you mean `Needs Analysis`?"]);
    assert_eq!(found.len(), 5, "{found:#?}");
}

/// Story: the key field was never made in the org. That is said at the desk, and not by a second record after a lost answer.
#[test]
fn a_key_that_the_org_lacks_is_found() {
    let desk = Desk::salesforce();
    desk.crm.configure(&json!({"hidden_fields": {"Contact": ["Caller_Key__c"]}})).expect("a setting");
    desk.crm
        .configure(&json!({"custom_fields": {"Task": [{"name": "Call_Key__c", "type": "string", "external_id": true}]}}))
        .expect("a setting");
    describe(&desk);
    let found = findings(&desk, &[], 1);
    says(&found, &["AC0711 mappings/salesforce/connector.toml", "no field `Caller_Key__c` on `Contact`"]);
    says(&found, &["AC0711 mappings/salesforce/connector.toml", "`Task.Call_Key__c` takes one value twice"]);
}

/// Story: the same in a system that tells of its fields in other words.
#[test]
fn another_system_is_held_to_its_own_words() {
    let desk = Desk::hubspot();
    describe(&desk);
    let option = |word: &str| json!({"label": word, "value": word});
    desk.crm
        .configure(&json!({
            "custom_properties": {"contacts": [{
                "name": "preferred_language", "label": "Language", "type": "enumeration", "fieldType": "select", "groupName": "contactinformation",
                "options": [option("english"), option("french")],
            }]},
            "hidden_properties": {"calls": ["hs_call_title"]},
        }))
        .expect("settings");
    let seen = describe(&desk);
    assert!(seen.contains("contacts.preferred_language: has no value `spanish` any more"), "{seen}");
    assert!(seen.contains("calls.hs_call_title: is gone"), "{seen}");
    let found = findings(&desk, &[], 1);
    says(&found, &["AC0708 pipelines/front-desk.toml", "no value `spanish`"]);
    says(&found, &["AC0703 mappings/hubspot/call.toml", "no field `hs_call_title` on `calls`"]);
    // What HubSpot does not tell, the connector knows: a task has a due time.
    desk.write(
        "mappings/acme/task.toml",
        "system = \"hubspot\"\nobject = \"task\"\n[fields]\nhs_task_subject = \"Call back\"\nhs_task_priority = \"URGENT\"\n",
    );
    desk.edit("pipelines/front-desk.toml", "mapping = \"hubspot/task\"", "mapping = \"acme/task\"");
    let found = findings(&desk, &[], 1);
    says(&found, &["AC0710 pipelines/front-desk.toml", "a new `tasks` needs `hs_timestamp`"]);
    says(&found, &["AC0708 mappings/acme/task.toml", "no value `URGENT`"]);
}

/// Story: a mapping for an object that was never described is a warning, and the lock of an older day no proof.
#[test]
fn what_the_lock_does_not_know_is_said() {
    let desk = Desk::salesforce();
    describe(&desk);
    desk.write("schema/crm.json", &lock(&desk).replace("    \"Task\": {", "    \"Tusk\": {"));
    let found = findings(&desk, &[], 0);
    says(&found, &["AC0702 pipelines/front-desk.toml", "does not describe `Task`", "run `aftercall describe crm`"]);
    desk.write("schema/crm.json", "<<<<<<< HEAD\n{}\n");
    says(&findings(&desk, &[], 1), &["AC0701 schema/crm.json", "git has left both"]);
    assert!(describe(&desk).contains("written"), "a broken lock is not in the way of the next");
    assert_eq!(findings(&desk, &[], 0), Vec::<String>::new());
}

/// Story: the system is away, or does not let us in. It is said, with where to look, and the old lock stays.
#[test]
fn a_system_that_does_not_tell_leaves_the_lock_as_it_was() {
    let desk = Desk::salesforce();
    describe(&desk);
    let kept = lock(&desk);
    desk.crm.fault(FaultSpec::new(FaultKind::RevokeToken));
    let seen = desk.run(&["describe", "crm"]).exits(1).seen();
    assert!(
        seen.contains("Salesforce does not let us in") && seen.contains("[connection.crm]") && seen.contains("stays as it was"),
        "{seen}"
    );
    desk.crm.clear_faults();
    desk.crm.fault(FaultSpec::new(FaultKind::Down));
    let seen = desk.run(&["describe", "crm"]).exits(1).seen();
    assert!(seen.contains("does not answer") && seen.contains("stays as it was"), "{seen}");
    let seen = desk.run(&["check", "--live"]).exits(1).seen();
    assert!(seen.contains("does not answer"), "{seen}");
    assert_eq!(lock(&desk), kept);
    assert!(!desk.root().join("schema/crm.json.new").exists());
}

/// Story: a connection without fields of its own, and one that there is not.
#[test]
fn what_cannot_be_described_is_said() {
    let desk = Desk::salesforce();
    let seen = desk.run(&["describe", "calendar"]).exits(2).seen();
    assert!(seen.contains("tells nothing of its fields"), "{seen}");
    let seen = desk.run(&["describe", "crmm"]).exits(2).seen();
    assert!(seen.contains("did you mean crm?"), "{seen}");
    assert!(!desk.root().join("schema").exists());
}

/// Story: the lock is evidence and no part of what a project means: taking it changes no config version, and calls go on.
#[test]
fn a_lock_changes_no_config_version() {
    let desk = Desk::salesforce();
    let version = |desk: &Desk| {
        let seen = desk.run(&["check"]).exits(0).stderr;
        seen.split("config version ").nth(1).and_then(|rest| rest.split_whitespace().next()).map(str::to_owned)
    };
    let before = version(&desk);
    describe(&desk);
    assert!(before.is_some());
    assert_eq!(version(&desk), before);
}

/// Story: an editor knows the project: its names complete, the org's own fields with their labels, and a field that there is not is marked.
#[test]
fn a_project_has_schemas_of_its_own() {
    let desk = Desk::salesforce();
    describe(&desk);
    desk.run(&["schema", "--project", ".", "--out", "editor"]).exits(0);
    let read = |name: &str| -> Value {
        let text = std::fs::read_to_string(desk.root().join("editor").join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
        serde_json::from_str(&text).expect("JSON")
    };
    let pipeline = read("pipeline.schema.json");
    assert_eq!(pipeline["properties"]["connection"]["enum"], json!(["calendar", "crm"]));
    let write = &pipeline["definitions"]["WriteDecl"]["properties"];
    assert!(write["mapping"]["enum"].as_array().is_some_and(|names| names.contains(&json!("acme/contact"))), "{write}");
    assert_eq!(write["route"]["enum"], json!(["front_desk"]));
    assert!(read("project.schema.json")["properties"]["source"]["properties"]["vapi"].is_object());
    let owner = &read("pipeline.schema.json")["definitions"]["RouteDecl"]["properties"]["owner"]["anyOf"];
    let known = owner[0]["enum"].as_array().expect("owners are offered");
    assert!(known.contains(&json!("user:office.manager@acme.example")) && known.len() == 3, "{owner:#}");
    assert_eq!(owner[2]["$ref"], "#/definitions/OneOrMany", "and others are taken as well");
    let contact = read("mapping.crm.contact.schema.json");
    let fields = &contact["properties"]["fields"];
    assert_eq!(fields["additionalProperties"], json!(false));
    assert!(fields["properties"]["Name"].is_null() && fields["properties"]["Caller_Key__c"].is_null(), "what nobody writes is not offered");
    assert_eq!(fields["properties"]["LastName"]["description"], "Last Name: text, at most 80 characters, needed by a new record.");
    let language = &fields["properties"]["Preferred_Language__c"];
    assert_eq!(language.pointer("/allOf/1/properties/map/additionalProperties/enum"), Some(&json!(["English", "Spanish", "French"])));
    // The files that there are stand up to it, as an editor would see.
    let mapping: Value = toml::from_str(&std::fs::read_to_string(desk.root().join(MAPPING)).expect("a mapping")).expect("TOML");
    let known = fields["properties"].as_object().expect("fields");
    for name in mapping["fields"].as_object().expect("fields").keys() {
        assert!(known.contains_key(name), "{name}");
    }
}

/// Story: whoever copies the example finds the lock of the org that it is written for. `UPDATE=1` takes it anew.
#[test]
fn the_example_has_the_lock_of_its_stand_in() {
    let desk = Desk::salesforce();
    describe(&desk);
    let kept = repository().join("examples/front-desk/schema/crm.json");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(kept.parent().expect("a folder")).expect("a folder of the example");
        std::fs::write(&kept, lock(&desk)).expect("the lock can be written");
    }
    assert_eq!(std::fs::read_to_string(&kept).expect("the example has a lock"), lock(&desk), "UPDATE=1 takes it anew");
    let ran = desk.run(&["check", "--format", "json", &repository().join("examples/front-desk").to_string_lossy()]).exits(0);
    assert_eq!(ran.json()["findings"], json!([]));
}
