//! Stories of the review queue: a person says whose record it is, and everything of the call goes there.

use aftercall_sandbox::{FaultKind, FaultSpec};
use serde_json::{Value, json};

use crate::support::{Desk, call, only, rows, text};

const NORA: &str = "0035e0000000001AAA";
const OWEN: &str = "0035e0000000009AAA";

/// A household: Nora and Owen on one number.
fn household() -> Desk {
    let desk = Desk::salesforce();
    let twin = json!({"Contact": [{"Id": OWEN, "FirstName": "Owen", "LastName": "Whitfield", "MobilePhone": "5125550142"}]});
    desk.crm.load(&twin).expect("a record");
    desk
}

/// A call from the household, with something to follow up.
fn from_home(id: &str, name: &str) -> Value {
    call(id, json!({"caller": {"phone": "+15125550142", "name": name}, "follow_up": {"reason": "Send the price list"}}))
}

fn entry(desk: &Desk, id: &str) -> Value {
    only(desk.logged().into_iter().filter(|entry| entry["CallObject"] == id).collect(), "the call's entry")
}

fn step(moved: &Value, write: &str) -> Option<Value> {
    rows(&moved["moved"], "moved").into_iter().find(|step| step["write"] == write)
}

/// Story: two people share a number, and a person says which of them it was. The entry and the task go to her, once; her next call is no
/// question any more, and another name on the same number is.
#[test]
fn this_person() {
    let desk = household();
    desk.sync(&[from_home("c-1", "N. Whitfield")]).exits(0);
    let made = text(&entry(&desk, "c-1"), "WhoId").to_owned();
    assert!(made != NORA && made != OWEN, "on neither of the two so far");

    let listed = desk.run(&["review"]).exits(0);
    for part in ["json:c-1", "Nora Whitfield (0035e0000000001AAA)", "/lightning/r/Contact/0035e0000000009AAA/view", "bits", "written:"] {
        assert!(listed.stdout.contains(part), "{part}: {}", listed.stdout);
    }
    let beside = desk.run(&["review", "json:c-1"]).exits(0);
    for part in ["the caller", "first_name", "number", "--is ID"] {
        assert!(beside.stdout.contains(part), "{part}: {}", beside.stdout);
    }
    let shown = desk.run(&["show", "json:c-1"]).exits(0);
    assert!(shown.stdout.contains("a person is asked"), "{}", shown.stdout);

    let answer = ["review", "json:c-1", "--is", NORA, "--reason", "her voice", "--by", "olga", "--format", "json"];
    let moved = desk.run(&answer).exits(0).json();
    let link = step(&moved, "call").expect("the entry moved");
    assert_eq!((&link["from"], &link["to"], text(&link, "state")), (&json!(made), &json!(NORA), "landed"));
    assert!(text(&moved["moved"], "left").contains(&made), "the record that was made is named and not deleted: {moved}");
    assert_eq!(text(&entry(&desk, "c-1"), "WhoId"), NORA);
    assert_eq!(text(&only(desk.to_dos(), "the task"), "WhoId"), NORA);
    assert_eq!(desk.crm_rows("Contact").len(), 8, "nothing is deleted, and nobody is made twice");
    assert_eq!(desk.status("json:c-1"), "landed");
    assert!(desk.run(&["review"]).exits(0).stdout.contains("nobody is asked anything"));
    let shown = desk.run(&["show", "json:c-1"]).exits(0);
    for part in ["olga", "her voice", &format!("{made} -> {NORA}")] {
        assert!(shown.stdout.contains(part), "{part}: {}", shown.stdout);
    }

    // Remembered: the same voice calls again, and then somebody else of the house.
    desk.sync(&[from_home("c-2", "N. Whitfield"), from_home("c-3", "Zelda Whitfield")]).exits(0);
    assert_eq!((desk.status("json:c-2").as_str(), text(&entry(&desk, "c-2"), "WhoId")), ("landed", NORA));
    let explained = desk.run(&["match", "explain", "json:c-2"]).exits(0);
    for part in ["a person answered for the call json:c-1 on ", "answered"] {
        assert!(explained.stdout.contains(part), "{part}: {}", explained.stdout);
    }
    assert_eq!(desk.status("json:c-3"), "review", "another name is asked about: {}", desk.run(&["show", "json:c-3"]).stdout);
    assert_ne!(text(&entry(&desk, "c-3"), "WhoId"), NORA);
}

/// Story: the person is one whom the search by this number does not find. The record is read all the same, and what stands there stays.
#[test]
fn somebody_whom_the_search_does_not_find() {
    const LEONARD: &str = "0035e0000000005AAA";
    let desk = household();
    desk.sync(&[from_home("c-1", "N. Whitfield")]).exits(0);
    desk.run(&["review", "json:c-1", "--is", LEONARD]).exits(0);
    assert_eq!(text(&entry(&desk, "c-1"), "WhoId"), LEONARD);
    let contact = only(rows(&desk.story("json:c-1"), "writes").into_iter().filter(|w| w["write"] == "contact").collect(), "the write");
    assert_eq!(text(&contact, "record_id"), LEONARD);
    let name = only(rows(&contact, "receipt").into_iter().filter(|f| f["field"] == "LastName").collect(), "the receipt of LastName");
    assert_eq!(text(&name, "before"), "Bassett", "it was read");
}

/// Story: the record that a person named was deleted since. The answer holds for nothing any more.
#[test]
fn an_answer_about_a_record_that_is_gone() {
    let desk = household();
    desk.sync(&[from_home("c-1", "N. Whitfield")]).exits(0);
    desk.run(&["review", "json:c-1", "--is", OWEN]).exits(0);
    let mut gone = only(desk.crm_rows("Contact").into_iter().filter(|c| c["Id"] == OWEN).collect(), "Owen");
    gone["IsDeleted"] = json!(true);
    desk.crm.load(&json!({"Contact": [gone]})).expect("a record");
    desk.sync(&[from_home("c-2", "N. Whitfield")]).exits(0);
    assert_ne!(text(&entry(&desk, "c-2"), "WhoId"), OWEN);
    let decision = desk.run(&["match", "explain", "json:c-2"]).exits(0).stdout;
    assert!(!decision.contains("a person answered"), "{decision}");
}

/// Story: the answer is the record that the call made itself. Nothing moves, and it is remembered.
#[test]
fn the_new_person_it_made() {
    let desk = household();
    desk.sync(&[from_home("c-1", "N. Whitfield")]).exits(0);
    let made = text(&entry(&desk, "c-1"), "WhoId").to_owned();
    let moved = desk.run(&["review", "json:c-1", "--new", "--format", "json"]).exits(0).json();
    assert_eq!((rows(&moved["moved"], "moved"), moved["moved"]["left"].clone()), (vec![], Value::Null));
    assert_eq!(text(&entry(&desk, "c-1"), "WhoId"), made);
    desk.sync(&[from_home("c-2", "N. Whitfield")]).exits(0);
    assert_eq!((desk.status("json:c-2").as_str(), text(&entry(&desk, "c-2"), "WhoId")), ("landed", made.as_str()));
    assert_eq!(desk.crm_rows("Contact").len(), 8);
}

/// Story: the pipeline wrote into the best record, and it was somebody new. The call goes to a contact of its own, and what it wrote into
/// the wrong one is listed with what stood there.
#[test]
fn a_new_person_and_not_the_best_one() {
    let desk = household();
    desk.edit("pipelines/front-desk.toml", "on_ambiguous = \"create-and-review\"", "on_ambiguous = \"best-and-review\"");
    desk.sync(&[from_home("c-1", "N. Whitfield")]).exits(0);
    let best = text(&entry(&desk, "c-1"), "WhoId").to_owned();
    assert!(best == NORA || best == OWEN, "{best}");
    let moved = desk.run(&["review", "json:c-1", "--new", "--format", "json"]).exits(0).json();
    let now = text(&entry(&desk, "c-1"), "WhoId").to_owned();
    assert!(now != NORA && now != OWEN, "{now}");
    assert_eq!(text(&only(desk.to_dos(), "the task"), "WhoId"), now);
    assert_eq!(desk.crm_rows("Contact").len(), 8);
    let wrote = rows(&moved["moved"], "written_elsewhere");
    assert!(wrote.iter().all(|step| text(step, "what").ends_with(&best)), "{wrote:#?}");
    assert_eq!(moved["answer"]["contact"], Value::from(now), "what the answer has led to is remembered");
}

/// Story: the pipeline holds such calls. The answer lets the call go on.
#[test]
fn a_held_call_goes_on() {
    let desk = household();
    desk.edit("pipelines/front-desk.toml", "on_ambiguous = \"create-and-review\"", "on_ambiguous = \"hold\"");
    desk.sync(&[from_home("c-1", "N. Whitfield")]);
    assert_eq!((desk.status("json:c-1").as_str(), desk.logged().len()), ("held", 0));
    desk.run(&["review", "json:c-1", "--is", OWEN]).exits(0);
    assert_eq!(text(&entry(&desk, "c-1"), "WhoId"), OWEN);
    assert_eq!(desk.crm_rows("Contact").len(), 7);
}

/// Story: the answer was wrong, and is given again. Everything goes on to the other record.
#[test]
fn the_last_answer_counts() {
    let desk = household();
    desk.sync(&[from_home("c-1", "N. Whitfield")]).exits(0);
    desk.run(&["review", "json:c-1", "--is", OWEN]).exits(0);
    desk.run(&["review", "json:c-1", "--is", NORA]).exits(0);
    assert_eq!((text(&entry(&desk, "c-1"), "WhoId"), desk.to_dos().len()), (NORA, 1));
    desk.sync(&[from_home("c-2", "N. Whitfield")]).exits(0);
    assert_eq!(text(&entry(&desk, "c-2"), "WhoId"), NORA);
}

/// Story: the service runs while a person answers. It carries the answer out.
#[test]
fn while_the_service_runs() {
    let desk = household();
    let service = desk.serve();
    service.take(&from_home("c-1", "N. Whitfield"));
    assert_eq!(desk.settled(1)["json:c-1"], "review");
    let ran = desk.run(&["review", "json:c-1", "--is", NORA]).exits(0);
    assert!(ran.stderr.contains("a service works this journal"), "{}", ran.stderr);
    assert_eq!(text(&entry(&desk, "c-1"), "WhoId"), NORA);
    service.take(&from_home("c-2", "N. Whitfield"));
    assert_eq!(desk.settled(2)["json:c-2"], "landed", "and it goes on");
}

/// Story: two records are one person, in a CRM that merges on request.
#[test]
fn one_person_twice() {
    let desk = Desk::hubspot().impatient();
    let twin =
        json!({"contacts": [{"id": "59", "properties": {"firstname": "Owen", "lastname": "Whitfield", "mobilephone": "+15125550142"}}]});
    desk.crm.load(&twin).expect("a record");
    desk.sync(&[from_home("c-1", "N. Whitfield")]).exits(0);
    let contacts_of = |object: &str| only(desk.crm_rows(object), object)["associations"]["contacts"].clone();
    let made = contacts_of("calls")[0].as_str().unwrap_or_default().to_owned();
    assert_ne!(made, "59");
    assert_eq!(desk.crm_rows("contacts").len(), 8);
    // The answer is lost. It is looked at before it is asked for again, for a second merge would be refused.
    desk.crm.fault(FaultSpec::next(FaultKind::CommitThenDrop, 1).on_path("merge"));
    let moved = desk.run(&["review", "json:c-1", "--merge", "59", "--format", "json"]).exits(0).json();
    let merged = step(&moved, "contact.merge").expect("a merge");
    assert_eq!((text(&merged, "from"), text(&merged, "to"), text(&merged, "state")), (made.as_str(), "59", "landed"));
    assert_eq!(moved["moved"]["left"], Value::Null, "nothing is left over");
    assert_eq!(desk.crm_rows("contacts").len(), 7);
    assert_eq!(desk.crm.requests().iter().filter(|request| request.path.ends_with("/merge")).count(), 1);
    for object in ["calls", "tasks"] {
        assert_eq!(contacts_of(object), json!(["59"]), "{object}");
    }
    desk.sync(&[from_home("c-2", "N. Whitfield")]).exits(0);
    assert_eq!(desk.status("json:c-2"), "landed", "{}", desk.run(&["show", "json:c-2"]).stdout);
    assert_eq!(desk.crm_rows("contacts").len(), 7);
}

/// Story: the entry goes to another contact in a CRM whose links are associations: one is made, the old one goes.
#[test]
fn links_that_are_associations() {
    let desk = Desk::hubspot().impatient();
    let twin =
        json!({"contacts": [{"id": "59", "properties": {"firstname": "Owen", "lastname": "Whitfield", "mobilephone": "+15125550142"}}]});
    desk.crm.load(&twin).expect("a record");
    desk.sync(&[from_home("c-1", "N. Whitfield")]).exits(0);
    // The answer to the first of it is lost, and it is asked for again.
    desk.crm.fault(FaultSpec::next(FaultKind::CommitThenDrop, 1).on_path("associations"));
    desk.run(&["review", "json:c-1", "--is", "59"]).exits(0);
    for object in ["calls", "tasks"] {
        assert_eq!(only(desk.crm_rows(object), object)["associations"]["contacts"], json!(["59"]), "{object}");
    }
    assert_eq!(desk.crm_rows("contacts").len(), 8);
}

/// Story: a CRM that merges nothing on request. What the call wrote moves, and the rest is said.
#[test]
fn a_merge_that_a_person_does() {
    let desk = household();
    desk.sync(&[from_home("c-1", "N. Whitfield")]).exits(0);
    let made = text(&entry(&desk, "c-1"), "WhoId").to_owned();
    let ran = desk.run(&["review", "json:c-1", "--merge", NORA]).exits(0);
    for part in ["Salesforce merges no records on request", &format!("{NORA}/view"), &format!("{made}/view")] {
        assert!(ran.stderr.contains(part), "{part}: {}", ran.stderr);
    }
    assert_eq!(text(&entry(&desk, "c-1"), "WhoId"), NORA);
    assert_eq!(desk.crm_rows("Contact").len(), 8);
}

/// Story: what cannot be an answer is refused, and changes nothing.
#[test]
fn wrong_use() {
    let desk = household();
    desk.sync(&[from_home("c-1", "N. Whitfield"), call("c-2", json!({"caller": {"phone": "+15125550190"}}))]).exits(0);
    for (args, says) in [
        (vec!["review", "json:none", "--new"], "the journal has no call that begins with `json:none`"),
        (vec!["review", "json:c-", "--new"], "several call ids"),
        (vec!["review", "json:c-2", "--new"], "json:c-2 asks nobody anything"),
        (vec!["review", "json:c-1", "--is", "0035e00000000ZZAAA"], "Salesforce has no contact `0035e00000000ZZAAA`"),
        (vec!["review", "json:c-1", "--is", NORA, "--new"], "cannot be used with"),
        (vec!["review", "--new"], "required"),
        (vec!["review", "--last", "soon"], "is no duration"),
    ] {
        let ran = desk.run(&args).exits(2);
        assert!(ran.stderr.contains(says), "{says}: {}", ran.stderr);
    }
    assert_eq!(desk.run(&["review", "--format", "json"]).exits(0).json()["reviews"][0]["call"], "json:c-1", "the question is still open");
}
