//! A test of a real call with other people in it: the same person has the same other name everywhere, and matching decides as it did.
//!
//! Deterministic: the same test gives the same pseudonyms. Whether it does decide alike is for `recorded::unlike` to say.

mod names;
mod reach;

use std::collections::{BTreeMap, BTreeSet};

use aftercall_config::call::CallOutcome;
use aftercall_config::decl::{TestDecl, TestRecordDecl};
use aftercall_config::project::{Pipeline, Project};
use aftercall_config::tables::fold;
use indexmap::IndexMap;
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;

use self::names::{Names, Part};
use self::reach::{Emails, Phones};
use crate::normalise::phone;

/// The test with other people, and the other names of records and colleagues.
#[derive(Clone, Debug)]
pub struct Pseudonymised {
    /// The test.
    pub test: TestDecl,
    /// Ids of the systems: as it was → as it is.
    pub ids: BTreeMap<String, String>,
}

/// What a person wrote freely is kept, but for what is known to be personal in it; or it is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FreeText {
    /// Kept.
    Keep,
    /// A placeholder stands for it, the same one for the same text.
    Cut,
}

/// Gives a test's people other names, numbers and addresses. `said` tells whether a text stands in the config itself: such a text is nobody's.
pub fn pseudonymise(project: &Project, pipeline: &Pipeline, test: &TestDecl, text: FreeText, said: &dyn Fn(&str) -> bool) -> Pseudonymised {
    let rules = &pipeline.matching;
    let mut mask = Mask {
        pipeline,
        region: &project.phone_region,
        said,
        text,
        now: test.now.parse().unwrap_or_default(),
        names: Names::new(rules),
        phones: Phones::new(rules, &project.phone_region),
        emails: Emails::default(),
        ids: BTreeMap::new(),
        calls: BTreeMap::new(),
        texts: BTreeMap::new(),
        links: BTreeMap::new(),
    };
    mask.name_records(test);
    mask.keep_apart(test);
    let mut out = test.clone();
    out.call = test.call.as_ref().map(|call| mask.call(call));
    for record in &mut out.record {
        mask.record(record);
    }
    for id in out.users.values_mut() {
        *id = mask.id(id);
    }
    for busy in &mut out.busy {
        busy.title = busy.title.as_ref().map(|title| mask.free(title));
        busy.id = busy.id.as_ref().map(|id| mask.id(id));
    }
    out.answer = test.answer.as_ref().map(|answer| if answer == "new" { answer.clone() } else { mask.id(answer) });
    out.incomplete = test.incomplete.as_ref().map(|_| "as it was recorded".to_owned());
    Pseudonymised { test: out, ids: mask.ids }
}

struct Mask<'a> {
    pipeline: &'a Pipeline,
    region: &'a str,
    said: &'a dyn Fn(&str) -> bool,
    text: FreeText,
    now: Timestamp,
    names: Names<'a>,
    phones: Phones<'a>,
    emails: Emails,
    ids: BTreeMap<String, String>,
    calls: BTreeMap<String, String>,
    texts: BTreeMap<String, String>,
    links: BTreeMap<String, String>,
}

impl Mask<'_> {
    /// Nobody's other name or number is one that somebody really has here, nor the business's own line, which stays.
    fn keep_apart(&mut self, test: &TestDecl) {
        let mut numbers: Vec<&str> = Vec::new();
        let mut names: Vec<&str> = Vec::new();
        if let Some(call) = &test.call {
            let caller = &call.caller;
            numbers.extend([&call.line, &caller.phone, &caller.callback_phone].into_iter().flatten().map(String::as_str));
            let said = [&caller.name, &caller.first_name, &caller.last_name, &caller.caller_id_name, &caller.company];
            names.extend(said.into_iter().flatten().map(String::as_str));
        }
        let find = self.pipeline.connection.connector.decl.find.as_ref().map(|find| find.object.as_str()).unwrap_or_default();
        for record in &test.record {
            for (field, value) in &record.fields {
                let Some(text) = value.as_str() else { continue };
                match self.role(record.object.as_deref().unwrap_or(find), field) {
                    Some("phone") => numbers.push(text),
                    Some("first_name" | "last_name" | "name" | "company" | "account_name" | "owner_name") => names.push(text),
                    _ => {}
                }
            }
        }
        self.phones.avoid(&numbers);
        self.names.avoid(&names);
    }

    /// Records get names by their object and the order of their ids, which decides between equals.
    fn name_records(&mut self, test: &TestDecl) {
        let mut all: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
        for record in &test.record {
            all.entry(record.object.clone().unwrap_or_else(|| "contact".to_owned())).or_default().insert(&record.id);
        }
        all.insert("user".to_owned(), test.users.values().filter(|id| !id.is_empty()).map(String::as_str).collect());
        all.insert("entry".to_owned(), test.busy.iter().filter_map(|busy| busy.id.as_deref()).collect());
        for (object, ids) in all {
            let width = ids.len().to_string().len();
            for (at, id) in ids.into_iter().enumerate() {
                self.ids.entry(id.to_owned()).or_insert_with(|| format!("{object}-{:0width$}", at + 1));
            }
        }
    }

    fn id(&mut self, id: &str) -> String {
        if id.is_empty() {
            return String::new();
        }
        let number = self.ids.len() + 1;
        self.ids.entry(id.to_owned()).or_insert_with(|| format!("id-{number}")).clone()
    }

    /// `source:id` of a call.
    fn call_key(&mut self, key: &str) -> String {
        let (source, id) = key.split_once(':').unwrap_or(("json", key));
        let number = self.calls.len() + 1;
        let id = self.calls.entry(id.to_owned()).or_insert_with(|| format!("call-{number}"));
        format!("{source}:{id}")
    }

    fn call(&mut self, call: &CallOutcome) -> CallOutcome {
        let mut out = call.clone();
        out.id = self.call_key(&format!("x:{}", call.id)).split_off(2);
        out.carrier_id = call.carrier_id.as_ref().map(|_| "carrier-1".to_owned());
        let caller = &mut out.caller;
        for number in [&mut caller.phone, &mut caller.callback_phone].into_iter().flatten() {
            *number = self.phones.text(number);
        }
        // The parts first: they say which word is which.
        for (text, part, whole) in [
            (&mut caller.first_name, Part::First, false),
            (&mut caller.last_name, Part::Last, false),
            (&mut caller.name, Part::Last, true),
            (&mut caller.caller_id_name, Part::Last, true),
            (&mut caller.company, Part::Firm, false),
        ] {
            if let Some(text) = text {
                *text = self.names.text(text, part, whole);
            }
        }
        if let Some(email) = &mut caller.email {
            *email = self.email(email);
        }
        for text in [&mut out.summary, &mut out.transcript].into_iter().flatten() {
            *text = self.free(text);
        }
        for value in out.captured.values_mut() {
            *value = self.value("", None, value);
        }
        if let Some(appointment) = &mut out.appointment {
            for text in [&mut appointment.location, &mut appointment.notes].into_iter().flatten() {
                *text = self.free(text);
            }
            appointment.service = appointment.service.as_ref().map(|service| self.tag(service));
        }
        if let Some(follow_up) = &mut out.follow_up {
            follow_up.reason = follow_up.reason.as_ref().map(|reason| self.free(reason));
            follow_up.owner = follow_up
                .owner
                .as_ref()
                .map(|owner| if (self.said)(owner) { owner.clone() } else { self.names.text(owner, Part::Last, true) });
        }
        if let Some(recording) = &mut out.recording {
            recording.url = self.link(&recording.url);
        }
        out.tags = call.tags.iter().map(|tag| self.tag(tag)).collect();
        out
    }

    fn record(&mut self, record: &mut TestRecordDecl) {
        let find = self.pipeline.connection.connector.decl.find.as_ref().map(|find| find.object.clone()).unwrap_or_default();
        let object = record.object.clone().unwrap_or(find);
        record.id = self.id(&record.id);
        record.of = record.of.as_ref().map(|of| self.id(of));
        let mut fields = IndexMap::new();
        for (name, value) in &record.fields {
            fields.insert(name.clone(), self.value(name, Some(&object), value));
        }
        record.fields = fields;
        for (name, told) in &mut record.written {
            if let Some(told) = told.as_object_mut() {
                let value = told.get("value").cloned().unwrap_or_default();
                told.insert("value".to_owned(), self.value(name, Some(&object), &value));
                if let Some(Value::String(by)) = told.get_mut("by") {
                    *by = self.call_key(by);
                }
            }
        }
    }

    /// What the connector says that a field of a record is.
    fn role(&self, object: &str, name: &str) -> Option<&str> {
        let object = self.pipeline.connection.connector.objects.get(object)?;
        object.decl.roles.iter().find(|(_, fields)| fields.iter().any(|field| field == name)).map(|(role, _)| role.as_str())
    }

    fn value(&mut self, name: &str, object: Option<&str>, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.field(name, object, text)),
            Value::Array(items) => items.iter().map(|item| self.value(name, object, item)).collect(),
            Value::Object(members) => {
                let below = |key: &str| if name.is_empty() { key.to_owned() } else { format!("{name}.{key}") };
                Value::Object(members.iter().map(|(key, value)| (key.clone(), self.value(&below(key), object, value))).collect())
            }
            // A number of many digits is somebody's: an account, a policy, a birthday.
            Value::Number(number) if self.text == FreeText::Cut && number.as_i64().is_some_and(|number| number.abs() > 99_999) => {
                Value::from(100_000)
            }
            other => other.clone(),
        }
    }

    fn field(&mut self, name: &str, object: Option<&str>, text: &str) -> String {
        if text.trim().is_empty() {
            return text.to_owned();
        }
        match object.and_then(|object| self.role(object, name)).map(str::to_owned).as_deref() {
            Some("phone") => self.phones.text(text),
            Some("email") => self.email(text),
            Some("first_name") => self.names.text(text, Part::First, false),
            // A placeholder that the mapping itself writes.
            Some("last_name" | "name") if (self.said)(text) => text.to_owned(),
            Some("last_name") => self.names.text(text, Part::Last, false),
            Some("name") if object.is_some_and(|object| self.is_person(object)) => self.names.text(text, Part::Last, true),
            Some("owner_name") => self.names.text(text, Part::Last, true),
            Some("company" | "account_name") => self.names.text(text, Part::Firm, false),
            Some("owner" | "account") => self.id(text),
            _ => self.other(text),
        }
    }

    /// Whether records of this object are people: the object in which callers are looked for.
    fn is_person(&self, object: &str) -> bool {
        self.pipeline.connection.connector.decl.find.as_ref().is_some_and(|find| find.object == object)
    }

    /// A text of which nothing is declared.
    fn other(&mut self, text: &str) -> String {
        if let Some(known) = self.ids.get(text) {
            return known.clone();
        }
        if (self.said)(text) || is_plain(text) {
            return text.to_owned();
        }
        if let Some(day) = day(text) {
            let far = (day.year() - self.now.to_zoned(jiff::tz::TimeZone::UTC).year()).abs() > 3;
            return if far { "1970-01-01".to_owned() } else { text.to_owned() };
        }
        if !text.contains(char::is_whitespace) && text.contains('@') {
            return self.email(text);
        }
        if text.starts_with("http://") || text.starts_with("https://") {
            return self.link(text);
        }
        if text.chars().count() < 30 && phone(text, self.region).is_some() {
            return self.phones.text(text);
        }
        self.free(text)
    }

    fn email(&mut self, text: &str) -> String {
        let rules = &self.pipeline.matching;
        let said = |mask: &mut Self| mask.free(text);
        match self.emails.text(text, &mut self.names, rules) {
            Some(other) => other,
            None => said(self),
        }
    }

    fn link(&mut self, url: &str) -> String {
        let number = self.links.len() + 1;
        self.links.entry(url.to_owned()).or_insert_with(|| format!("https://files.example/{number}")).clone()
    }

    /// A label of a few words, kept unless it seems to name somebody: a capital inside is a name's.
    fn tag(&mut self, text: &str) -> String {
        let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
        let signs = text.chars().all(|c| c.is_alphabetic() || c.is_whitespace() || "-_&'".contains(c));
        let small = words.len() <= 3 && words.iter().skip(1).all(|word| !word.starts_with(char::is_uppercase));
        let named = words.iter().any(|word| self.names.known(&fold(word)).is_some());
        if (self.said)(text) || signs && small && !named { text.to_owned() } else { self.free(text) }
    }

    /// What somebody wrote or said freely.
    fn free(&mut self, text: &str) -> String {
        if text.trim().is_empty() {
            return text.to_owned();
        }
        if self.text == FreeText::Cut {
            let number = self.texts.len() + 1;
            return self.texts.entry(text.to_owned()).or_insert_with(|| format!("(text {number})")).clone();
        }
        let mut out = String::with_capacity(text.len());
        // Word by word, since an address and a number are one; what stands between words stays.
        for piece in text.split_inclusive(char::is_whitespace) {
            let word = piece.trim_end();
            let bare = word.trim_matches(|c: char| !c.is_alphanumeric() && c != '+' && c != '(' && c != ')');
            let new = if bare.contains('@') { self.email(bare) } else { self.words(bare) };
            out.push_str(&piece.replacen(bare, &new, usize::from(!bare.is_empty())));
        }
        self.numbers(&out)
    }

    /// Names that are known, in running text.
    fn words(&mut self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some(start) = rest.find(char::is_alphabetic) {
            out.push_str(&rest[..start]);
            let tail = &rest[start..];
            let end = tail.find(|c: char| !c.is_alphabetic()).unwrap_or(tail.len());
            let word = &tail[..end];
            let named = word.chars().next().is_some_and(char::is_uppercase) && self.names.known(&fold(word)).is_some();
            out.push_str(&if named { self.names.text(word, Part::Last, false) } else { word.to_owned() });
            rest = &tail[end..];
        }
        out + rest
    }

    /// Numbers of seven and more digits in running text.
    fn numbers(&mut self, text: &str) -> String {
        let part = |c: char| c.is_ascii_digit() || " -().+/".contains(c);
        let mut out = String::new();
        let mut rest = text;
        while let Some(start) = rest.find(|c: char| c.is_ascii_digit() || c == '+' || c == '(') {
            let tail = &rest[start..];
            let end = tail.find(|c: char| !part(c)).unwrap_or(tail.len());
            let run = &tail[..end];
            let digits = run.chars().filter(char::is_ascii_digit).count();
            out.push_str(&rest[..start]);
            let whole = run.trim_end_matches(|c: char| !c.is_ascii_digit());
            if digits >= 7 && day(whole).is_none() {
                out.push_str(&self.phones.text(whole));
                out.push_str(&run[whole.len()..]);
            } else {
                out.push_str(run);
            }
            rest = &tail[end..];
        }
        out + rest
    }
}

/// Whether a text says nothing of anybody: a flag, a small number.
fn is_plain(text: &str) -> bool {
    matches!(text, "true" | "false") || text.len() <= 6 && text.parse::<f64>().is_ok()
}

/// The day of a time or a date; a text that only begins with one is neither.
fn day(text: &str) -> Option<Date> {
    let head = text.get(..10)?;
    let clock = text[10..].chars().all(|c| c.is_ascii_digit() || "T :.+-Z".contains(c));
    head.parse::<Date>().ok().filter(|_| clock && text.len() <= 35)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{call, front_desk, now, project};

    /// A test of a call by this caller, with these contacts.
    fn masked(caller: Value, contacts: &[Value], text: FreeText) -> TestDecl {
        let mut call = call();
        call.caller = serde_json::from_value(caller).expect("a caller");
        call.line = Some("+13125550100".to_owned());
        let records: Vec<Value> =
            contacts.iter().enumerate().map(|(at, fields)| json!({"id": format!("00{at}"), "fields": fields})).collect();
        let decl = json!({"name": "t", "now": now().to_string(), "call": call, "record": records});
        let test: TestDecl = serde_json::from_value(decl).expect("a test");
        let said = |text: &str| ["English", "Unknown caller"].contains(&text);
        let first = pseudonymise(project(), front_desk(project()), &test, text, &said);
        let again = pseudonymise(project(), front_desk(project()), &test, text, &said);
        assert_eq!(format!("{:?}", first.test), format!("{:?}", again.test), "the same test gives the same pseudonyms");
        first.test
    }

    fn field<'t>(test: &'t TestDecl, at: usize, name: &str) -> &'t str {
        test.record[at].fields[name].as_str().expect("a text")
    }

    #[test]
    fn one_person_is_one_person() {
        let caller = json!({"phone": "+13125550142", "name": "Ann LEE", "email": "Ann.Lee@work.example"});
        let ann = json!({"FirstName": "Ann", "LastName": "Lee", "Phone": "(312) 555-0142 cell", "Email": "ann.lee@work.example"});
        let test = masked(caller, &[ann, json!({"LastName": "Unknown caller", "Phone": "withheld"})], FreeText::Cut);
        let caller = &test.call.as_ref().expect("a call").caller;
        let name = format!("{} {}", field(&test, 0, "FirstName"), field(&test, 0, "LastName").to_uppercase());
        assert_eq!(caller.name.as_deref(), Some(name.as_str()), "the case stays");
        assert!(!name.contains("Ann") && !name.contains("LEE"));
        let number = caller.phone.clone().expect("a number");
        assert!(number.starts_with("+1312") && number.len() == 12 && number != "+13125550142" && number != "+13125550100", "{number}");
        assert_eq!(field(&test, 0, "Phone"), format!("({}) {}-{} cell", &number[2..5], &number[5..8], &number[8..]), "the form stays");
        let email = caller.email.clone().expect("an address").to_lowercase();
        assert_eq!(field(&test, 0, "Email"), email);
        assert_eq!(email, format!("{}@firm-1.example", name.to_lowercase().replace(' ', ".")));
        assert_eq!((field(&test, 1, "LastName"), field(&test, 1, "Phone")), ("Unknown caller", "withheld"), "nobody stays nobody");
        assert_eq!(test.record[0].id, "contact-1");
    }

    #[test]
    fn numbers_that_are_a_slip_apart_stay_so() {
        let of = |phone: &str| json!({"LastName": "Lee", "Phone": phone});
        let caller = json!({"phone": "+4930901820145"});
        let test =
            masked(caller, &[of("+49 30 901820146"), of("+49 30 901820415"), of("030 901820145"), of("+33 1 70 18 99 00")], FreeText::Cut);
        let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
        let own = digits(test.call.as_ref().and_then(|call| call.caller.phone.as_deref()).expect("a number"));
        let edits = |at: usize| crate::normalise::edits(&digits(field(&test, at, "Phone")), &own, 4);
        assert_eq!((edits(0), edits(1)), (Some(1), Some(1)), "another digit, and two that are swapped");
        assert_eq!(format!("49{}", &digits(field(&test, 2, "Phone"))[1..]), own, "one number in two spellings");
        assert!(field(&test, 3, "Phone").starts_with("+33 1 7"), "{}", field(&test, 3, "Phone"));
    }

    #[test]
    fn what_was_written_freely() {
        let caller = json!({"phone": "+13125550142", "name": "Ann Lee"});
        let note = json!({"Description": "2026-11-20 Ann Lee, or her brother on 312.555.0199, pays by 2026-11-30."});
        let cut = masked(caller.clone(), &[note.clone(), note.clone()], FreeText::Cut);
        assert_eq!(field(&cut, 0, "Description"), field(&cut, 1, "Description"), "one text, one placeholder");
        assert!(field(&cut, 0, "Description").starts_with("(text "));
        assert_eq!(
            cut.call.as_ref().map(|call| call.captured["language"].clone()),
            Some(json!("English")),
            "what the config says is nobody's"
        );
        let kept = masked(caller, &[note], FreeText::Keep);
        let text = field(&kept, 0, "Description");
        assert!(!text.contains("Ann") && !text.contains("Lee") && !text.contains("0199"), "{text}");
        assert!(
            text.starts_with("2026-11-20 ") && text.contains(", or her brother on 312.555.") && text.ends_with(", pays by 2026-11-30."),
            "{text}"
        );
    }
}
