//! Story: whoever changes a mapping has tests that say what a call must come to.
//!
//! Not for what a plan decides: that is tested where it decides.

use crate::support::{Desk, Ran, repository, snapshot};

/// A test of a new caller, with whatever is expected of the contact's fields.
fn new_caller(fields: &str) -> String {
    format!(
        r##"# What a first call comes to.
[[test]]
name = "a new caller"
now = "2026-11-24T15:10:00Z"
call = {{ id = "c1", started_at = "2026-11-24T15:02:00Z", duration_s = 60, outcome = "message", caller = {{ phone = "+15125550177", name = "Ines Marsh" }} }}

[test.expect]
match = "new" # nobody has the number
[[test.expect.write]]
id = "contact"
op = "create"
# First and last name apart.
fields = {{ {fields} }}
"##
    )
}

#[track_caller]
fn test(desk: &Desk, more: &[&str]) -> Ran {
    desk.run(&[&["test"], more].concat())
}

/// A project without its tests.
fn bare() -> Desk {
    let desk = Desk::salesforce();
    std::fs::remove_dir_all(desk.root().join("tests")).expect("the example has tests");
    desk
}

#[test]
fn what_ships_keeps_its_word() {
    let desk = Desk::salesforce();
    let ran = test(&desk, &[]).exits(0);
    assert_eq!(ran.stdout, "✓ tests/callers.toml  3 tests\n✓ tests/faults.toml  3 tests\n✓ tests/follow-ups.toml  3 tests\n");
    assert_eq!(ran.stderr, "ok: 9 tests passed\n");
    // Nothing is asked of the systems that the project is connected to.
    assert!(desk.crm.requests().is_empty() && desk.calendar.requests().is_empty());
    let some = test(&desk, &["complaint", "callers.toml"]).exits(0);
    assert_eq!(some.stderr, "ok: 4 tests passed\n");
    let none = test(&desk, &["complane"]).exits(1);
    assert!(none.stderr.starts_with("no test has complane in its name; there is: a known caller books"), "{}", none.stderr);
    let other = crate::support::aftercall(&repository(), &["test", "--project", "examples/hubspot-desk"], b"").exits(0);
    assert_eq!(other.stderr, "ok: 1 test passed\n");
}

#[test]
fn a_project_without_tests_is_told_how() {
    let desk = bare();
    let ran = test(&desk, &[]).exits(1);
    assert!(ran.stderr.starts_with("there are no tests here"), "{}", ran.stderr);
    // What is shown is a test that passes.
    let example: String = ran.stderr.lines().filter_map(|line| line.strip_prefix("    ")).map(|line| format!("{line}\n")).collect();
    desk.write("tests/booking.toml", &example);
    test(&desk, &[]).exits(0);
}

#[test]
fn a_difference_is_shown_with_both_lines() {
    let desk = bare();
    desk.write(
        "tests/new.toml",
        &new_caller(r#"FirstName = "Ines", LastName = "March", Email = "ines@example.com", LeadSource = { is = "kept" }"#),
    );
    let ran = test(&desk, &[]).exits(1);
    snapshot("config_test_difference", &ran.seen());
    let json = test(&desk, &["--format", "json"]).exits(1).json();
    assert_eq!((&json["version"], &json["tests"][0]["status"]), (&1.into(), &"failed".into()));
    let first = &json["tests"][0]["differences"][0];
    assert_eq!((&first["what"], &first["got"], &first["line"]), (&"contact.LastName".into(), &"\"Marsh\"".into(), &13.into()));
    assert_eq!(first["origin"]["file"], "mappings/acme/contact.toml");
    // The line that was changed is the line that is named.
    desk.write("tests/new.toml", &new_caller(r#"LastName = "Marsh""#));
    test(&desk, &[]).exits(0);
    desk.edit("mappings/acme/contact.toml", "caller.last_name 'Unknown caller') (choose", "caller.first_name 'Unknown caller') (choose");
    let ran = test(&desk, &[]).exits(1);
    let line = 1 + std::fs::read_to_string(desk.root().join("mappings/acme/contact.toml"))
        .expect("it is there")
        .lines()
        .position(|l| l.starts_with("LastName"))
        .expect("a line");
    assert!(ran.stdout.contains(&format!("mappings/acme/contact.toml:{line}")), "{}", ran.stdout);
}

#[test]
fn exact_finds_what_nobody_expects() {
    let desk = bare();
    let exact = new_caller(r#"FirstName = "Ines""#).replace("match = \"new\"", "exact = true\nmatch = \"new\"");
    desk.write("tests/new.toml", &exact);
    let ran = test(&desk, &[]).exits(1);
    for what in ["contact.LastName", "contact.OwnerId", "  call  "] {
        assert!(ran.stdout.contains(what), "{what}:\n{}", ran.stdout);
    }
    test(&desk, &["--update"]).exits(0);
    test(&desk, &[]).exits(0);
}

#[test]
fn an_update_rewrites_and_keeps_the_comments() {
    let desk = bare();
    let wrong = r#"FirstName = "Ines", LastName = "March""#;
    let file = desk.write("tests/new.toml", &new_caller(wrong).replace("match = \"new\"", "match = \"matched\""));
    let ran = test(&desk, &["--update"]).exits(0);
    assert!(ran.stderr.contains("tests/new.toml: 2 expectations rewritten"), "{}", ran.stderr);
    assert_eq!(std::fs::read_to_string(file).expect("it is there"), new_caller(r#"FirstName = "Ines", LastName = "Marsh""#));
    test(&desk, &[]).exits(0);
}

#[test]
fn what_no_test_has_used_is_named() {
    let desk = bare();
    desk.write("tests/new.toml", &new_caller(r#"FirstName = "Ines""#));
    let ran = test(&desk, &["--coverage"]).exits(0);
    let line = |file: &str, text: &str| {
        let lines = std::fs::read_to_string(desk.root().join(file)).expect("it is there");
        format!("{file}:{}", 1 + lines.lines().position(|line| line.contains(text)).expect("the line is there"))
    };
    let complaint = line("pipelines/front-desk.toml", "when = 'outcome in [\"complaint\", \"escalated\"]'");
    let email = line("mappings/acme/contact.toml", "Email = ");
    let first = line("mappings/acme/contact.toml", "FirstName = ");
    let booked = line("pipelines/front-desk.toml", "when = 'outcome == \"booked\"'");
    assert!(ran.stdout.contains(&format!("{email}  the field `Email`")), "{}", ran.stdout);
    assert!(ran.stdout.contains(&format!("{booked}  `stage` where its condition holds")), "{}", ran.stdout);
    assert!(!ran.stdout.contains(&first), "{}", ran.stdout);
    assert!(ran.stdout.contains("  rule 1 of route `front_desk`") && complaint.contains("front-desk.toml"), "{}", ran.stdout);
    assert!(ran.stdout.contains("used 1 of 1 pipelines") && ran.stdout.contains("that ship: --coverage=all names them"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("mappings/match/person.toml:"), "{}", ran.stdout);
    let all = test(&desk, &["--coverage=all"]).exits(0);
    assert!(
        all.stdout.contains("mappings/match/person.toml:") && all.stdout.contains("`number` that compares as `near`"),
        "{}",
        all.stdout
    );
}

#[test]
fn a_mistake_in_a_test_is_a_finding_and_stops_nothing_else() {
    let desk = bare();
    desk.write("tests/new.toml", &new_caller(r#"FristName = "Ines""#));
    let ran = desk.run(&["check"]).exits(1);
    assert!(ran.stdout.contains("error[AC0803]: `contact` writes no field `FristName`"), "{}", ran.stdout);
    assert!(ran.stdout.contains("did you mean `FirstName`?"), "{}", ran.stdout);
    // The project itself is fine, and a call is worked.
    let ran = desk.sync(&[crate::support::call("c1", serde_json::json!({"caller": {"phone": "+15125550177"}}))]).exits(0);
    assert!(ran.stderr.contains("AC0803"), "{}", ran.stderr);
    let ran = test(&desk, &[]).exits(1);
    assert!(ran.stderr.contains("1 finding above"), "{}", ran.stderr);
}

/// The recorded test, and what of these stands in it.
#[track_caller]
fn recorded(desk: &Desk, call: &str, more: &[&str], personal: &[&str]) -> String {
    let ran = desk.run(&[&["record", call], more].concat()).exits(0);
    assert!(ran.stderr.contains("passes, and decides as"), "{}", ran.stderr);
    let path = desk.root().join("tests/recorded-1.toml");
    let text = std::fs::read_to_string(&path).expect("the test is there");
    let digits: String = text.chars().filter(|c| c.is_ascii_digit() || *c == '\n').collect();
    let lower = text.to_lowercase();
    for word in personal {
        assert!(!lower.contains(&word.to_lowercase()) && !digits.contains(word), "{word} stands in\n{text}");
    }
    test(desk, &["recorded-1"]).exits(0);
    text
}

#[test]
fn a_recorded_call_is_a_test_with_other_people_in_it() {
    let desk = bare();
    desk.sync_payload("01-known-booked.json", "vapi").exits(0);
    let id = desk.calls()["calls"][0]["id"].as_str().expect("an id").to_owned();
    let raw = id.trim_start_matches("vapi:").to_owned();
    let personal = ["Nora", "Whitfield", "5550142", "Amari", "0035e0000000001AAA", "0065e0000000001AAA", "Reschedule", &raw];
    let text = recorded(&desk, &id, &[], &personal);
    for kept in [
        "match = \"matched\"",
        "StageName = \"Prospecting\"",
        "StageName = \"Qualification\"",
        "+1512555",
        "outcome = \"booked\"",
        "(text 1)",
    ] {
        assert!(text.contains(kept), "{kept} is not in\n{text}");
    }
    // The same person, the same other name: in the call and on file.
    let first =
        text.split("name = \"").filter_map(|rest| rest.split_once('"')).map(|(name, _)| name).find(|name| name.split(' ').count() == 2);
    let first = first.and_then(|name| name.split_once(' ')).expect("a caller with two names");
    assert!(text.contains(&format!("FirstName = \"{}\"", first.0)) && text.contains(&format!("LastName = \"{}\"", first.1)), "{text}");
    // The number on file keeps its form, and is still the caller's.
    assert!(text.contains("Phone = \"(512) 555-"), "{text}");
    // A change of the mapping is found by it.
    desk.edit(
        "mappings/acme/contact.toml",
        "MobilePhone = { value = \"{{caller.phone}}\"",
        "MobilePhone = { value = \"{{caller.national}}\"",
    );
    test(&desk, &["recorded-1"]).exits(1);
}

#[test]
fn what_an_earlier_call_wrote_is_part_of_the_test() {
    let desk = bare();
    desk.sync_payload("01-known-booked.json", "vapi").exits(0);
    desk.sync_payload("02-known-new-email.json", "elevenlabs").exits(0);
    let personal = ["Nora", "Whitfield", "5550142", "Amari", "0035e0000000001AAA", "Lone Star"];
    let text = recorded(&desk, "elevenlabs:", &[], &personal);
    for kept in ["known = true", "written = ", "Preferred_Language__c = \"English\""] {
        assert!(text.contains(kept), "{kept} is not in\n{text}");
    }
}

#[test]
fn a_recorded_text_keeps_its_words_and_loses_its_people() {
    let desk = bare();
    let call = crate::support::call(
        "c-77",
        serde_json::json!({
            "outcome": "message", "caller": {"phone": "+15125550188", "name": "Grace Okonkwo", "email": "grace.okonkwo@example.com"},
            "summary": "Grace Okonkwo asks for a call back on 512-555-0188 or at grace.okonkwo@example.com about whitening.",
            "captured": {"insurance_member": "QX-99812345", "language": "es"}, "follow_up": {"reason": "Call Grace back"},
        }),
    );
    desk.sync(&[call]).exits(0);
    let personal = ["Grace", "Okonkwo", "5550188", "grace.okonkwo", "99812345", "0035e0000000002AAA"];
    let text = recorded(&desk, "json:c-77", &["--keep-text"], &personal);
    assert!(text.contains("asks for a call back on 512-555-") && text.contains("about whitening"), "{text}");
    assert!(text.contains("language = \"es\"") && text.contains("Preferred_Language__c = \"Spanish\""), "{text}");
    let again = desk.run(&["record", "json:c-77", "--keep-text", "--out", "-"]).exits(0);
    assert_eq!(again.stdout, text, "the same call gives the same pseudonyms");
    let taken = desk.run(&["record", "json:c-77", "--out", "tests/recorded-1.toml"]).exits(1);
    assert!(taken.stderr.contains("is there already; choose another with --out"), "{}", taken.stderr);
    let none = desk.run(&["record", "json:nothing"]).exits(1);
    assert!(none.stderr.contains("the journal has no call that begins with `json:nothing`"), "{}", none.stderr);
}

#[test]
fn whoever_sounds_alike_still_does_in_a_recorded_test() {
    let desk = bare();
    // Heard as another spelling and by a nickname: what is on file compares as it did.
    let call = crate::support::call(
        "c-78",
        serde_json::json!({"outcome": "message", "caller": {"phone": "+15125550190", "name": "Len Basset", "email": "len@hillcountry.example"}}),
    );
    desk.sync(&[call]).exits(0);
    let text = recorded(&desk, "json:c-78", &[], &["Leonard", "Bassett", "hillcountry", "5550190", "0035e0000000005AAA"]);
    assert!(text.contains("match = \"matched\""), "{text}");
}

#[test]
fn a_failure_that_is_not_survived_is_shown() {
    let desk = bare();
    let shipped = std::fs::read_to_string(repository().join("examples/front-desk/tests/faults.toml")).expect("the example has it");
    // The write is given up at once, in place of being tried again.
    desk.write("tests/faults.toml", &shipped);
    desk.edit("pipelines/front-desk.toml", "respect_retry_after = true", "action = \"dead_letter\"");
    let ran = test(&desk, &["too much"]).exits(1);
    for words in
        ["status", "expected  \"landed\"", "contact.state", "expected  \"applied\"", "records of contact", "expected  1", "got       0"]
    {
        assert!(ran.stdout.contains(words), "{words}:\n{}", ran.stdout);
    }
    // A lost answer is another matter: what is there is found.
    test(&desk, &["is lost"]).exits(0);
    assert!(desk.crm.requests().is_empty(), "nothing is sent to the project's own systems");
    let left = std::fs::read_dir(std::env::temp_dir()).expect("it is there").flatten();
    let mine = format!("aftercall-test-{}-", std::process::id());
    assert!(!left.into_iter().any(|entry| entry.file_name().to_string_lossy().starts_with(&mine)), "the folder is removed");
}
