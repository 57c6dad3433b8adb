//! Stories of many calls that wait: their searches and writes go out together, each call gets what is its own, and nobody pays for another.

use std::collections::{BTreeMap, BTreeSet};

use aftercall_sandbox::{FaultKind, FaultSpec};
use serde_json::{Value, json};

use crate::support::{Desk, call, rows, text};

const FIRST: [&str; 8] = ["Ada", "Bruno", "Cleo", "Dimitri", "Esther", "Felix", "Greta", "Hugo"];
const PARTS: [&str; 16] = ["ba", "ker", "li", "mont", "dro", "fis", "gal", "hun", "jor", "nev", "pol", "rux", "sten", "tav", "wick", "zem"];

/// A name that sounds like nobody else's.
fn name(person: usize) -> (String, String) {
    let part = |place: u32| PARTS[person.wrapping_mul(2_654_435_761) >> (4 * place) & 15];
    let last: String = (0..3).map(part).collect();
    (FIRST[person % 8].to_owned(), format!("{}{}", last[..1].to_uppercase(), &last[1..]))
}

fn phone(person: usize) -> String {
    format!("+1512{:07}", 6_000_000 + person)
}

/// A number as people type it, in one of several ways.
fn typed(person: usize) -> String {
    let digits = phone(person);
    let (area, exchange, line) = (&digits[2..5], &digits[5..8], &digits[8..]);
    match person % 4 {
        0 => format!("({area}) {exchange}-{line}"),
        1 => digits,
        2 => format!("{area}.{exchange}.{line}"),
        _ => format!("1-{area}-{exchange}-{line} x7"),
    }
}

/// Whether the CRM knows a person before the calls.
fn known(person: usize) -> bool {
    person.is_multiple_of(2)
}

/// One call of each person: every second is known to the CRM, every eighth of the others gives an address, every fourth call leaves something
/// to do.
fn said(person: usize) -> Value {
    let (first, last) = name(person);
    let mut said = json!({
        "outcome": "message", "summary": format!("Message of person {person}."), "captured": {"language": "en"},
        "caller": {"phone": phone(person), "name": format!("{first} {last}")},
    });
    if person % 16 == 1 {
        said["caller"]["email"] = json!(format!("{}.{}@gmail.com", first.to_lowercase(), last.to_lowercase()));
    }
    if person.is_multiple_of(4) {
        said["follow_up"] = json!({"reason": format!("Call person {person} back")});
    }
    call(&format!("c-{person}"), said)
}

/// What stands in one CRM, in words that both share.
struct World {
    desk: Desk,
    contacts: &'static str,
    phones: &'static [&'static str],
    last_name: &'static str,
}

impl World {
    fn salesforce(people: usize) -> Self {
        let desk = Desk::salesforce();
        let contact = |person: usize| {
            let (first, last) = name(person);
            json!({"FirstName": first, "LastName": last, "Phone": typed(person)})
        };
        let contacts: Vec<Value> = (0..people).filter(|person| known(*person)).map(contact).collect();
        desk.crm.load(&json!({"Contact": contacts})).expect("they load");
        Self { desk, contacts: "Contact", phones: &["Phone", "MobilePhone"], last_name: "LastName" }
    }

    fn hubspot(people: usize) -> Self {
        let desk = Desk::hubspot();
        let contact = |person: usize| {
            let (first, last) = name(person);
            json!({"properties": {"firstname": first, "lastname": last, "phone": typed(person)}})
        };
        let contacts: Vec<Value> = (0..people).filter(|person| known(*person)).map(contact).collect();
        desk.crm.load(&json!({"contacts": contacts})).expect("they load");
        desk.edit("aftercall.toml", "system = \"hubspot\"", "system = \"hubspot\"\nlimits = { rate = [{ requests = 1000, per_s = 1 }], bucket = { search = [{ requests = 1000, per_s = 1 }] } }");
        Self { desk, contacts: "contacts", phones: &["phone", "mobilephone"], last_name: "lastname" }
    }

    /// The calls of so many people, given to `sync` in one file.
    fn sync(&self, people: usize) {
        let lines: Vec<String> = (0..people).map(|person| said(person).to_string()).collect();
        self.desk.write("many.jsonl", &lines.join("\n"));
        let ran = self.desk.run(&["sync", "many.jsonl", "--format", "json", "--wait", "60s"]).exits(0);
        assert_eq!(ran.json()["calls"], json!({"landed": people}), "{}", ran.seen());
    }

    /// Every request, those for tokens too, by method and path without ids.
    fn requests(&self) -> (usize, BTreeMap<String, usize>) {
        let mut by = BTreeMap::new();
        let all = self.desk.crm.requests();
        for request in &all {
            *by.entry(format!("{} {}", request.method, request.path)).or_default() += 1;
        }
        (all.len(), by)
    }

    #[track_caller]
    fn took_at_most(&self, most: usize) {
        let (count, by) = self.requests();
        assert!(count <= most, "{count} requests: {by:#?}");
    }

    fn field<'a>(row: &'a Value, name: &str) -> &'a str {
        text(if row["properties"].is_object() { &row["properties"] } else { row }, name)
    }

    /// Each person once among the contacts, under the own name and number, and one entry for the call on that contact and no other.
    fn each_has_its_own(&self, people: usize) {
        let records = self.desk.crm.records();
        let contacts = rows(&records, self.contacts);
        let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
        let mut entries: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (entry, contact) in self.entries(&records) {
            entries.entry(entry).or_default().push(contact);
        }
        let mut of_number: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
        for contact in &contacts {
            let numbers: BTreeSet<String> = self
                .phones
                .iter()
                .map(|field| digits(Self::field(contact, field)).trim_start_matches('1').chars().take(10).collect())
                .collect();
            numbers.into_iter().filter(|number| !number.is_empty()).for_each(|number| of_number.entry(number).or_default().push(contact));
        }
        for person in 0..people {
            let found = of_number.get(&phone(person)[2..]).cloned().unwrap_or_default();
            assert_eq!(found.len(), 1, "person {person} stands there once: {found:#?}");
            assert_eq!(Self::field(found[0], self.last_name), name(person).1, "person {person}");
            let id = found[0].get("Id").or_else(|| found[0].get("id")).and_then(Value::as_str).unwrap_or_default().to_owned();
            assert_eq!(entries.remove(&format!("Message of person {person}.")), Some(vec![id.clone()]), "the call of person {person}");
            let to_do = entries.remove(&format!("Call person {person} back"));
            assert_eq!(to_do, person.is_multiple_of(4).then(|| vec![id]), "the to-do of person {person}");
        }
        assert!(entries.is_empty(), "{entries:#?}");
    }

    /// What was written about calls: the sentence of the person, and the contact on whom it stands.
    fn entries(&self, records: &Value) -> Vec<(String, String)> {
        let sentence = |body: &str| {
            let from = body.find("Message of person ").or_else(|| body.find("Call person "))?;
            let end = body[from..].find(['.', '<', '\n']).map_or(body.len(), |at| from + at);
            let sentence = &body[from..end];
            Some(if sentence.starts_with("Message") { format!("{sentence}.") } else { sentence.to_owned() })
        };
        let salesforce = rows(records, "Task").into_iter().filter_map(|task| {
            let body = if task["TaskSubtype"] == "Call" { text(&task, "Description") } else { text(&task, "Subject") };
            Some((sentence(body)?, text(&task, "WhoId").to_owned()))
        });
        let linked = |kind: &str, row: &Value| {
            let contacts = row["associations"]["contacts"].as_array().cloned().unwrap_or_default();
            let one =
                contacts.first().map(|id| id.as_str().map_or_else(|| id["id"].as_str().unwrap_or_default().to_owned(), str::to_owned));
            assert_eq!(contacts.len(), 1, "{kind}: {row:#?}");
            one.unwrap_or_default()
        };
        let calls = rows(records, "calls")
            .into_iter()
            .filter_map(|row| Some((sentence(text(&row["properties"], "hs_call_body"))?, linked("call", &row))));
        let tasks = rows(records, "tasks")
            .into_iter()
            .filter_map(|row| Some((sentence(text(&row["properties"], "hs_task_subject"))?, linked("task", &row))));
        salesforce.chain(calls).chain(tasks).collect()
    }
}

/// Story: a thousand calls wait, half of them from people whom Salesforce does not know yet. A hundred requests carry all of it.
#[test]
fn a_thousand_calls_for_salesforce() {
    let world = World::salesforce(1000);
    world.sync(1000);
    world.took_at_most(100);
    world.each_has_its_own(1000);
}

/// Story: the same thousand for HubSpot, whose searches take fewer callers at once: two hundred requests.
#[test]
fn a_thousand_calls_for_hubspot() {
    let world = World::hubspot(1000);
    world.sync(1000);
    world.took_at_most(200);
    world.each_has_its_own(1000);
}

/// The calls come while the system is away. When it is back, what waited goes on by itself, in growing portions, and still together.
#[track_caller]
fn after_an_outage(world: &World, most: usize) {
    world.desk.crm.fault(FaultSpec::new(FaultKind::Down));
    let lines: Vec<String> = (0..1000).map(|person| said(person).to_string()).collect();
    world.desk.write("many.jsonl", &lines.join("\n"));
    world.desk.run(&["sync", "many.jsonl", "--wait", "1s"]).exits(1);
    world.desk.crm.clear_faults();
    let before = world.requests().0;
    world.desk.write("none.jsonl", "");
    let ran = world.desk.run(&["sync", "none.jsonl", "--format", "json", "--wait", "60s"]);
    let (after, by) = world.requests();
    assert_eq!(ran.json()["calls"], json!({"landed": 1000}), "{}", ran.seen());
    assert!(after - before <= most, "{} requests after the outage: {by:#?}", after - before);
    world.each_has_its_own(1000);
}

/// Story: Salesforce was away while a thousand calls came in. It takes a hundred requests to make up for it.
#[test]
fn a_thousand_calls_after_salesforce_was_away() {
    after_an_outage(&World::salesforce(1000), 100);
}

/// Story: the same with HubSpot, and two hundred.
#[test]
fn a_thousand_calls_after_hubspot_was_away() {
    after_an_outage(&World::hubspot(1000), 200);
}

/// Story: one of many is refused. It lands without the refused value, as it would alone, and the others do not notice.
#[test]
fn a_refused_one_among_many() {
    for world in [World::salesforce(60), World::hubspot(60)] {
        let mut calls: Vec<Value> = (0..60).map(said).collect();
        calls[7]["captured"] = json!({"language": "klingon"});
        world.desk.sync(&calls).exits(1);
        world.each_has_its_own(60);
        assert_eq!(
            world.desk.statuses().into_iter().filter(|(_, status)| status != "landed").collect::<Vec<_>>(),
            [("json:c-7".to_owned(), "partial".to_owned())]
        );
    }
}

/// Story: the answer to a batch never comes, although all of it was written. Each record is looked for and found: nothing stands there twice.
#[test]
fn the_answer_to_a_batch_is_lost() {
    for (world, batch) in [(World::salesforce(60), "composite/sobjects"), (World::hubspot(60), "batch/create")] {
        let world = World { desk: world.desk.impatient(), ..world };
        world.desk.crm.fault(FaultSpec::next(FaultKind::CommitThenDrop, 2).on_path(batch));
        world.desk.sync(&(0..60).map(said).collect::<Vec<_>>()).exits(0);
        world.each_has_its_own(60);
        let hit = world.desk.crm.requests().iter().filter(|request| request.fault == Some("commit_then_drop")).count();
        assert_eq!(hit, 2, "{batch}");
    }
}
