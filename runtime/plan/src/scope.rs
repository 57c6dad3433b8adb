//! What templates and conditions see of a call: its values in one form, then what was read about the caller.
//!
//! Not for deciding anything: who called is `matching`, who follows up is `route`.

use aftercall_config::call::CallOutcome;
use aftercall_config::functions::timestamp;
use aftercall_config::project::{Connection, Object, Pipeline, Project};
use aftercall_config::template::Scope;
use jiff::SignedDuration;
use serde_json::{Map, Value};

use crate::context::{Context, Record};
use crate::decision::MatchDecision;
use crate::normalise;
use crate::record;
use crate::route::Routed;

/// How long an appointment takes that has no end.
const APPOINTMENT: SignedDuration = SignedDuration::from_mins(30);

/// What is repeated of a call under `call`, in the order of the outcome.
pub(crate) const CALL_KEYS: &[&str] =
    &["id", "source", "direction", "started_at", "ended_at", "duration_s", "line", "ended_reason", "sentiment", "carrier_id"];

/// `source:id`, the name of a call in plans, in the journal and in markers.
pub fn call_key(call: &CallOutcome) -> String {
    format!("{}:{}", call.source, call.id)
}

/// The values of a call before anything was read about the caller.
///
/// Shape: the outcome's own fields at the top; `call` with what is about the call itself, and `key`; `project`. Of
/// `caller`, numbers stand as E.164 and addresses in lower case where they can be read, otherwise as given; a withheld
/// number is absent; `national`, `first_name` and `last_name` are filled in. `appointment.end` is 30 minutes after
/// the start where the call gives none.
pub fn of_call(project: &Project, call: &CallOutcome) -> Map<String, Value> {
    // A `CallOutcome` always serialises: its maps have text keys.
    let mut data = match serde_json::to_value(call) {
        Ok(Value::Object(data)) => data,
        _ => Map::new(),
    };
    let mut about = Map::with_capacity(CALL_KEYS.len() + 1);
    for key in CALL_KEYS {
        if let Some(value) = data.get(*key) {
            about.insert((*key).to_owned(), value.clone());
        }
    }
    about.insert("key".to_owned(), Value::String(call_key(call)));
    if let Some(Value::Object(caller)) = data.get_mut("caller") {
        normalise_caller(caller, project, call);
    }
    if let Some(Value::Object(appointment)) = data.get_mut("appointment")
        && !appointment.contains_key("end")
        && let Some(start) = appointment.get("start").and_then(|start| start.as_str())
        && let Some(end) = later(start, APPOINTMENT)
    {
        appointment.insert("end".to_owned(), Value::String(end));
    }
    data.insert("call".to_owned(), Value::Object(about));
    let mut about = Map::new();
    about.insert("name".to_owned(), Value::String(project.name.clone()));
    about.insert("timezone".to_owned(), Value::String(project.timezone.iana_name().unwrap_or("UTC").to_owned()));
    data.insert("project".to_owned(), Value::Object(about));
    data
}

fn normalise_caller(caller: &mut Map<String, Value>, project: &Project, call: &CallOutcome) {
    let region = &project.phone_region;
    for key in ["phone", "callback_phone"] {
        let Some(text) = caller.get(key).and_then(|value| value.as_str()) else { continue };
        match normalise::phone(text, region) {
            Some(phone) => {
                caller.insert(key.to_owned(), Value::String(phone.e164));
                if key == "phone" {
                    caller.insert("national".to_owned(), Value::String(phone.national));
                }
            }
            None if normalise::withheld(text) => {
                caller.shift_remove(key);
            }
            None => {}
        }
    }
    if let Some(email) = call.caller.email.as_deref().and_then(normalise::email) {
        caller.insert("email".to_owned(), Value::String(email));
    }
    let (first, last) = normalise::name(&call.caller);
    for (key, part) in [("first_name", first), ("last_name", last)] {
        match part {
            Some(part) => caller.insert(key.to_owned(), Value::String(part)),
            None => caller.shift_remove(key),
        };
    }
}

/// The time so much later, written as the start is: with its offset, or without one where it has none.
fn later(start: &str, by: SignedDuration) -> Option<String> {
    if let Ok(pieces) = jiff::fmt::temporal::DateTimeParser::new().parse_pieces(start)
        && let Some(jiff::fmt::temporal::PiecesOffset::Numeric(offset)) = pieces.offset()
    {
        let zone = jiff::tz::TimeZone::fixed(offset.offset());
        let end = start.parse::<jiff::Timestamp>().ok()?.checked_add(by).ok()?.to_zoned(zone);
        return Some(end.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string());
    }
    if let Ok(civil) = start.parse::<jiff::civil::DateTime>()
        && !start.ends_with(['Z', 'z'])
    {
        return civil.checked_add(by).ok().map(|end| end.to_string());
    }
    timestamp(&Value::from(start))?.checked_add(by).ok().map(|end| end.to_string())
}

/// Adds what was read about the caller: `contact`, `context`, `match`.
///
/// Shape: `contact` has `id`, the `url` of its page and the values of the connector's roles where the caller has a record, `fields` as the
/// system returned them, and `is_new` always; `context` has a list per name, each record in the same
/// form. What is not known is absent.
pub fn add_match(
    data: &mut Map<String, Value>,
    pipeline: &Pipeline,
    context: &Context,
    decision: &MatchDecision,
    contact: Option<&Record>,
    is_new: bool,
) {
    let mut about = contact.map(|record| described(pipeline, record)).unwrap_or_default();
    about.insert("is_new".to_owned(), Value::Bool(is_new));
    data.insert("contact".to_owned(), Value::Object(about));

    let mut lists = Map::new();
    if let Some(contact) = contact {
        for (name, records) in lists_of(context, &contact.id) {
            let records = records.into_iter().map(|record| Value::Object(described(pipeline, record))).collect();
            lists.insert(name.to_owned(), Value::Array(records));
        }
    }
    data.insert("context".to_owned(), Value::Object(lists));

    let mut about = Map::new();
    about.insert("verdict".to_owned(), Value::from(decision.verdict.as_str()));
    about.insert("because".to_owned(), Value::String(decision.because.clone()));
    data.insert("match".to_owned(), Value::Object(about));
}

/// The lists about a contact: those that were read for it, and those that came along with the search.
///
/// A record that the system names twice, as one does whose contact plays two roles in it, stands once: where it came first.
pub fn lists_of<'a>(context: &'a Context, contact: &str) -> Vec<(&'a str, Vec<&'a Record>)> {
    let along = context.candidate_lists.get(contact).into_iter().flatten().filter(|(name, _)| !context.lists.contains_key(*name));
    let mut lists = Vec::new();
    for (name, records) in context.lists.iter().chain(along) {
        let mut once: Vec<&Record> = Vec::with_capacity(records.len());
        for record in records {
            if !once.iter().any(|other| other.id == record.id) {
                once.push(record);
            }
        }
        lists.push((name.as_str(), once));
    }
    lists
}

/// What a connector's templates see of a connection and one of its objects: `settings`, `base_url`, and `object` with its
/// `name` and the `key` that carries our marker.
pub fn of_connection(connection: &Connection, object: &Object) -> Map<String, Value> {
    let mut about = Map::new();
    about.insert("name".to_owned(), Value::String(object.decl.name.clone()));
    if let Some(identity) = &object.decl.identity {
        about.insert("key".to_owned(), Value::String(identity.field.clone()));
    }
    let mut data = Map::with_capacity(4);
    data.insert("settings".to_owned(), connection.settings.clone());
    data.insert("base_url".to_owned(), Value::String(connection.base_url.clone()));
    data.insert("object".to_owned(), Value::Object(about));
    data
}

/// A record as templates see it.
pub(crate) fn described(pipeline: &Pipeline, record: &Record) -> Map<String, Value> {
    let object = pipeline.connection.connector.objects.get(&record.object);
    let mut about = Map::with_capacity(object.map_or(0, |object| object.decl.roles.len()) + 4);
    about.insert("id".to_owned(), Value::String(record.id.clone()));
    if let Some(object) = object {
        for role in object.decl.roles.keys() {
            if let Some(value) = record::role(Some(object), &record.fields, role) {
                about.insert(role.clone(), value.clone());
            }
        }
        if let Some(url) = &object.url {
            let mut data = of_connection(&pipeline.connection, object);
            data.insert("id".to_owned(), Value::String(record.id.clone()));
            if let Some(url) = url.eval(&Scope::new(Value::Object(data))) {
                about.insert("url".to_owned(), url);
            }
        }
    }
    if !about.contains_key("name")
        && let Some(name) = record::name(object, &record.fields)
    {
        about.insert("name".to_owned(), Value::String(name));
    }
    about.insert("fields".to_owned(), Value::Object(record.fields.clone()));
    about
}

/// The same values with `route`: `owner`, `due`, `due_date`, `priority`, each where the route decided it.
pub fn with_route(data: &Value, routed: Option<&Routed>) -> Value {
    let mut about = Map::new();
    if let Some(routed) = routed {
        if let Some(owner) = &routed.owner {
            about.insert("owner".to_owned(), owner.clone());
        }
        for (key, value) in [("due", &routed.due), ("due_date", &routed.due_date), ("priority", &routed.priority)] {
            if let Some(value) = value {
                about.insert(key.to_owned(), Value::String(value.clone()));
            }
        }
    }
    let mut data = data.clone();
    if let Value::Object(fields) = &mut data {
        fields.insert("route".to_owned(), Value::Object(about));
    }
    data
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{call, context, front_desk, person, project, record};

    /// The value at a path of the scope of a call.
    fn at(call: &CallOutcome, pointer: &str) -> Value {
        Value::Object(of_call(project(), call)).pointer(pointer).cloned().unwrap_or(Value::Null)
    }

    #[track_caller]
    fn check(pointer: &str, expected: Value) {
        assert_eq!(at(&call(), pointer), expected, "{pointer}");
    }

    #[test]
    fn a_call() {
        check("/call/key", json!("json:c1"));
        check("/call/id", json!("c1"));
        check("/call/direction", json!("inbound"));
        check("/call/duration_s", json!(253));
        check("/call/ended_at", json!(null));
        check("/outcome", json!("booked"));
        check("/captured/language", json!("English"));
        check("/caller/phone", json!("+13125550142"));
        check("/caller/national", json!("3125550142"));
        check("/caller/email", json!("ann@example.com"));
        check("/caller/first_name", json!("Ann"));
        check("/caller/last_name", json!("Lee"));
        check("/project", json!({"name": "acme-dental", "timezone": "America/Chicago"}));
    }

    #[test]
    fn numbers_that_are_none() {
        let with = |phone: &str| {
            let mut call = call();
            call.caller.phone = Some(phone.to_owned());
            at(&call, "/caller/phone")
        };
        assert_eq!(with("anonymous"), json!(null));
        assert_eq!(with("extension 12"), json!("extension 12"));
    }

    #[test]
    fn the_end_of_an_appointment() {
        let end = |start: &str, end: Option<&str>| {
            let mut call = call();
            call.appointment =
                Some(aftercall_config::call::Appointment { start: start.to_owned(), end: end.map(str::to_owned), ..Default::default() });
            at(&call, "/appointment/end")
        };
        assert_eq!(end("2026-11-30T09:00:00-06:00", None), json!("2026-11-30T09:30:00-06:00"));
        assert_eq!(end("2026-11-30T09:00:00-06:00", Some("2026-11-30T11:00:00-06:00")), json!("2026-11-30T11:00:00-06:00"));
        assert_eq!(end("2026-11-30T15:00:00Z", None), json!("2026-11-30T15:30:00Z"));
        assert_eq!(end("2026-11-30T09:45:00", None), json!("2026-11-30T10:15:00"));
        assert_eq!(end("tomorrow", None), json!(null));
    }

    #[test]
    fn what_was_read() {
        let mut read = context(vec![]);
        let deal = record("deal", "d1", json!({"Name": "Whitening", "Stage": "New"}));
        read.lists.insert("open_deals".to_owned(), vec![deal.clone(), deal]);
        let contact =
            person("p1", json!({"FirstName": "Ann", "LastName": "Lee", "MobilePhone": "312-555-0142", "OwnerId": "u-cy", "X": 1}));
        let decision = crate::matching::decide(project(), front_desk(project()), &call(), &read);
        let mut data = of_call(project(), &call());
        add_match(&mut data, front_desk(project()), &read, &decision, Some(&contact), false);
        let expected = json!({
            "id": "p1", "phone": "312-555-0142", "first_name": "Ann", "last_name": "Lee", "owner": "u-cy",
            "url": "https://crm.example/contacts/p1", "name": "Ann Lee", "fields": contact.fields, "is_new": false,
        });
        assert_eq!(data["contact"], expected);
        let deal = json!({"id": "d1", "name": "Whitening", "stage": "New", "fields": {"Name": "Whitening", "Stage": "New"}});
        assert_eq!(data["context"], json!({ "open_deals": [deal] }));
        assert_eq!(data["match"]["verdict"], json!("new"));
        add_match(&mut data, front_desk(project()), &read, &decision, None, true);
        assert_eq!((&data["contact"], &data["context"]), (&json!({"is_new": true}), &json!({})));
    }
}
