//! Records in and out for tests: the shapes of `records` and `load`.
//!
//! `{"calendars": [...], "events": [{"calendarId": "...", ...event}], "notices": [...]}`; notices are what
//! `sendUpdates` asked for and are only read. Not for the vendor's API.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    problem::Problem,
    store::{Access, Calendar, Store, ZONE},
    write::{self, Writer},
};

/// Who has made the events that are loaded or put in beside a client's.
pub(super) const PERSON: &str = "person@acme.example";

/// All calendars, events (cancelled ones too) and notices.
pub(super) fn records(store: &Store) -> Value {
    let mut events = Vec::new();
    for calendar in &store.calendars {
        for event in calendar.events.values() {
            let mut out = json!({"calendarId": calendar.id});
            if let (Some(all), Value::Object(fields)) = (out.as_object_mut(), event.json(&calendar.id, &calendar.zone, &calendar.zone_name))
            {
                all.extend(fields);
            }
            events.push(out);
        }
    }
    let calendars: Vec<Value> = store.calendars.iter().map(Calendar::json).collect();
    let notices: Vec<Value> = store.notices.iter().map(|notice| notice.json()).collect();
    json!({"calendars": calendars, "events": events, "notices": notices})
}

/// Adds calendars and events; free/busy knows them at once. Records that `records` answered load again.
pub(super) fn load(store: &mut Store, records: &Value, now: Timestamp) -> Result<(), String> {
    let objects = records.as_object().ok_or("records must be an object of lists")?;
    for (name, list) in objects {
        let list = list.as_array().ok_or_else(|| format!("{name}: a list is expected"))?;
        match name.as_str() {
            "calendars" => {
                for calendar in list {
                    load_calendar(store, calendar)?;
                }
            }
            "events" | "notices" => {}
            other => return Err(format!("{other} is not an object: there are calendars and events")),
        }
    }
    for event in objects.get("events").and_then(Value::as_array).into_iter().flatten() {
        let calendar = event.get("calendarId").and_then(Value::as_str).unwrap_or("primary");
        place(store, calendar, event, now).map_err(|problem| format!("events: {}", problem.message))?;
    }
    for calendar in &mut store.calendars {
        calendar.settle();
    }
    Ok(())
}

fn load_calendar(store: &mut Store, calendar: &Value) -> Result<(), String> {
    let text = |key: &str| calendar.get(key).and_then(Value::as_str);
    let id = text("id").ok_or("calendars: `id` is missing")?;
    if store.calendars.iter().any(|one| one.id == id) {
        return Ok(());
    }
    let role = text("accessRole").unwrap_or("writer");
    let access = Access::named(role).ok_or_else(|| format!("calendars: {role} is not an accessRole"))?;
    let zone = text("timeZone").unwrap_or(ZONE);
    jiff::tz::TimeZone::get(zone).map_err(|_| format!("calendars: {zone} is not a time zone"))?;
    store.calendars.push(Calendar::new(id, text("summary").unwrap_or(id), zone, access, false));
    Ok(())
}

/// Puts an event in as a person would have, whatever the account may write.
pub(super) fn place(store: &mut Store, calendar: &str, event: &Value, now: Timestamp) -> Result<(), Problem> {
    let body = event.as_object().ok_or_else(|| Problem::invalid("an event is an object"))?;
    let before = store.calendar(calendar)?.access;
    store.calendar(calendar)?.access = Access::Owner;
    let writer = Writer { creator: PERSON, may_invite: true, send_updates: "none".to_owned(), if_match: None, now };
    let done = write::insert(store, calendar, body, &writer);
    store.calendar(calendar)?.access = before;
    store.notices.pop_if(|_| done.is_ok());
    done.map(|_| ())
}
