//! What stands in the systems, held against the calls.
//!
//! One reading per system; not for how it came there.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use crate::platform::{Made, text};
use crate::support::rows;

/// A contact.
#[derive(Debug)]
pub(crate) struct Contact {
    pub(crate) id: String,
    pub(crate) phone: String,
    first: String,
    last: String,
    email: String,
}

/// An entry of the call log, a task, or an appointment.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) id: String,
    /// The call's id, as it stands in the record.
    pub(crate) call: String,
    /// Contacts that it is linked to; `None` where the system has no such link.
    contacts: Option<Vec<String>>,
    /// What it says, by our own words for it.
    facts: BTreeMap<&'static str, String>,
}

/// All records.
#[derive(Debug, Default)]
pub(crate) struct Books {
    pub(crate) contacts: Vec<Contact>,
    pub(crate) logs: Vec<Entry>,
    pub(crate) tasks: Vec<Entry>,
    pub(crate) events: Vec<Entry>,
}

/// What is not as it should be, a line each, with the call's id.
#[derive(Debug, Default)]
pub(crate) struct Audit {
    pub(crate) lost: Vec<String>,
    pub(crate) doubled: Vec<String>,
    pub(crate) wrong: Vec<String>,
}

/// The id behind the last of these words.
fn id_after(text: &str, word: &str) -> String {
    let rest = text.rsplit(word).next().filter(|rest| rest.len() < text.len()).unwrap_or_default();
    rest.chars().take_while(|c| c.is_alphanumeric() || *c == '-').collect()
}

/// Salesforce's records.
pub(crate) fn salesforce(records: &Value) -> Books {
    let mut books = Books::default();
    for row in rows(records, "Contact") {
        let phone = [&row["MobilePhone"], &row["Phone"]].into_iter().map(text).find(|phone| !phone.is_empty()).unwrap_or_default();
        let (first, last) = (text(&row["FirstName"]), text(&row["LastName"]));
        books.contacts.push(Contact { id: text(&row["Id"]), phone, first, last, email: text(&row["Email"]) });
    }
    for row in rows(records, "Task") {
        let contacts = Some(row["WhoId"].as_str().map(str::to_owned).into_iter().collect());
        let (id, said, status) = (text(&row["Id"]), text(&row["Description"]), text(&row["Status"]));
        if row["TaskSubtype"] == "Call" {
            let facts = BTreeMap::from([
                ("text", said),
                ("state", status.to_lowercase()),
                ("seconds", text(&row["CallDurationInSeconds"])),
                ("direction", text(&row["CallType"]).to_lowercase()),
                ("outcome", text(&row["CallDisposition"]).to_lowercase()),
            ]);
            books.logs.push(Entry { id, call: text(&row["CallObject"]), contacts, facts });
        } else {
            let subject = text(&row["Subject"]);
            let facts = BTreeMap::from([("text", said.clone()), ("state", status.to_lowercase().replace(' ', "_")), ("subject", subject)]);
            books.tasks.push(Entry { id, call: id_after(&said, "Call "), contacts, facts });
        }
    }
    books
}

/// HubSpot's records.
pub(crate) fn hubspot(records: &Value) -> Books {
    let mut books = Books::default();
    for row in rows(records, "contacts") {
        let it = &row["properties"];
        let (first, last) = (text(&it["firstname"]), text(&it["lastname"]));
        books.contacts.push(Contact { id: text(&row["id"]), phone: text(&it["phone"]), first, last, email: text(&it["email"]) });
    }
    let contacts = |row: &Value| Some(rows(&row["associations"], "contacts").iter().map(text).collect());
    for row in rows(records, "calls") {
        let it = &row["properties"];
        let (said, title) = (text(&it["hs_call_body"]), text(&it["hs_call_title"]));
        let seconds = text(&it["hs_call_duration"]).parse::<i64>().map_or(-1, |ms| ms / 1000);
        let outcome = title.strip_prefix("Call: ").and_then(|rest| rest.split(',').next()).unwrap_or_default().to_lowercase();
        let facts = BTreeMap::from([
            ("text", said.clone()),
            ("seconds", seconds.to_string()),
            ("direction", text(&it["hs_call_direction"]).to_lowercase()),
            ("outcome", outcome),
        ]);
        books.logs.push(Entry { id: text(&row["id"]), call: id_after(&said, "Call "), contacts: contacts(&row), facts });
    }
    for row in rows(records, "tasks") {
        let it = &row["properties"];
        let said = text(&it["hs_task_body"]);
        let state = text(&it["hs_task_status"]).to_lowercase();
        let facts = BTreeMap::from([("text", said.clone()), ("state", state), ("subject", text(&it["hs_task_subject"]))]);
        books.tasks.push(Entry { id: text(&row["id"]), call: id_after(&said, "Call "), contacts: contacts(&row), facts });
    }
    books
}

/// The calendar's records.
pub(crate) fn events(records: &Value) -> Vec<Entry> {
    let standing = rows(records, "events").into_iter().filter(|event| event["status"] != "cancelled");
    let time = |value: &Value| text(value).parse::<Timestamp>().map_or_else(|e| e.to_string(), |time| time.to_string());
    standing
        .map(|event| {
            let call = text(&event["extendedProperties"]["private"]["ac_call"]);
            let call = call.rsplit(':').next().unwrap_or_default().to_owned();
            let facts = BTreeMap::from([
                ("start", time(&event["start"]["dateTime"])),
                ("end", time(&event["end"]["dateTime"])),
                ("title", text(&event["summary"])),
            ]);
            Entry { id: text(&event["id"]), call, contacts: None, facts }
        })
        .collect()
}

impl Books {
    /// Holds them against the calls. `knows_mail`: whether contacts have an e-mail address here.
    pub(crate) fn audit(&self, calls: &[Made], knows_mail: bool) -> Audit {
        let mut audit = Audit::default();
        let mut ids: BTreeMap<&str, &str> = BTreeMap::new();
        let mut callers: BTreeMap<&str, Vec<&Made>> = BTreeMap::new();
        for call in calls {
            callers.entry(&call.phone).or_default().push(call);
        }
        for (phone, calls) in &callers {
            let of = calls.iter().map(|call| call.id.as_str()).collect::<Vec<_>>().join(", ");
            let found: Vec<&Contact> = self.contacts.iter().filter(|contact| contact.phone == *phone).collect();
            match found.as_slice() {
                [] => audit.lost.push(format!("{of}: there is no contact")),
                [contact] => {
                    ids.insert(phone, &contact.id);
                    let call = calls[0];
                    let mail = if knows_mail { call.email.as_str() } else { "" };
                    let is = (contact.first.as_str(), contact.last.as_str(), contact.email.as_str());
                    if is != (&call.first, &call.last, mail) {
                        audit.wrong.push(format!("{of}: the contact is {is:?}"));
                    }
                }
                more => audit.doubled.push(format!("{of}: {} contacts: {:?}", more.len(), more.iter().map(|c| &c.id).collect::<Vec<_>>())),
            }
        }
        for stranger in self.contacts.iter().filter(|contact| !callers.contains_key(contact.phone.as_str())) {
            audit.wrong.push(format!("nobody called from {:?}, and there is {stranger:?}", stranger.phone));
        }
        for call in calls {
            let contact = ids.get(call.phone.as_str()).copied();
            let log = [
                ("text", call.summary.clone()),
                ("seconds", call.duration_s.to_string()),
                ("direction", "inbound".to_owned()),
                ("outcome", call.outcome.to_owned()),
            ];
            audit.one(call, "entry of the call log", &self.logs, contact, &log);
            let task = [("text", call.summary.clone()), ("subject", call.reason.clone()), ("state", "not_started".to_owned())];
            audit.one(call, "task", &self.tasks, contact, &task);
            if let Some((start, end)) = call.slot {
                let title = format!("Cleaning: {} {}", call.first, call.last);
                let event = [("start", start.to_string()), ("end", end.to_string()), ("title", title)];
                audit.one(call, "appointment", &self.events, contact, &event);
            }
        }
        let booked = calls.iter().filter(|call| call.slot.is_some()).count();
        let counts = [
            ("entries of the call log", self.logs.len(), calls.len()),
            ("tasks", self.tasks.len(), calls.len()),
            ("appointments", self.events.len(), booked),
        ];
        for (what, is, wanted) in counts.into_iter().filter(|(_, is, wanted)| is > wanted) {
            audit.doubled.push(format!("{is} {what} for {wanted} calls"));
        }
        audit
    }
}

impl Audit {
    fn one(&mut self, call: &Made, what: &str, all: &[Entry], contact: Option<&str>, facts: &[(&'static str, String)]) {
        let found: Vec<&Entry> = all.iter().filter(|entry| entry.call == call.id).collect();
        let [entry] = found.as_slice() else {
            let line = format!("{}: {} of {what}: {:?}", call.id, found.len(), found.iter().map(|entry| &entry.id).collect::<Vec<_>>());
            return if found.is_empty() { self.lost.push(line) } else { self.doubled.push(line) };
        };
        if let (Some(contacts), Some(contact)) = (&entry.contacts, contact)
            && contacts.as_slice() != [contact]
        {
            self.wrong.push(format!("{}: the {what} belongs to {contacts:?} and not to {contact}", call.id));
        }
        for (fact, wanted) in facts {
            let is = entry.facts.get(fact).map(String::as_str).unwrap_or_default();
            let holds = if *fact == "text" { is.contains(wanted) } else { is == wanted };
            if !holds {
                self.wrong.push(format!("{}: {fact} of the {what} is {is:?} and not {wanted:?}", call.id));
            }
        }
    }
}
