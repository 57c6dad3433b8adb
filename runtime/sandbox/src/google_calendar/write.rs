//! Inserting, patching, replacing, cancelling and moving events.
//!
//! Source: the Calendar API's reference of events and its guide on versioned resources. There is no
//! check for conflicts: two events may overlap freely.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{
    event::{self, Event, Input, Status},
    problem::Problem,
    store::{Access, Calendar, Notice, Store},
};
use crate::{vendor::Request, wire};

/// Who writes, and what the request says about it.
pub(super) struct Writer<'a> {
    /// The address that events are created by; of the calendar when empty.
    pub(super) creator: &'a str,
    /// A service account that acts for nobody cannot invite guests.
    pub(super) may_invite: bool,
    pub(super) send_updates: String,
    pub(super) if_match: Option<String>,
    pub(super) now: Timestamp,
}

impl Writer<'_> {
    /// The writer of a request.
    ///
    /// Errors: 400 when `sendUpdates` is no word that it takes.
    pub(super) fn of(request: &Request, may_invite: bool, now: Timestamp) -> Result<Self, Problem> {
        let send_updates = match wire::query(request, "sendUpdates") {
            None if wire::query(request, "sendNotifications") == Some("true") => "all",
            None => "none",
            Some(word @ ("all" | "externalOnly" | "none")) => word,
            Some(other) => return Err(Problem::invalid_parameter("sendUpdates", other)),
        };
        Ok(Self {
            creator: "",
            may_invite,
            send_updates: send_updates.to_owned(),
            if_match: wire::header(request, "if-match").map(str::to_owned),
            now,
        })
    }

    fn check_guests(&self, input: &Input) -> Result<(), Problem> {
        if !self.may_invite && input.fields.contains_key("attendees") {
            return Err(Problem::service_account());
        }
        Ok(())
    }

    fn check_match(&self, event: &Event) -> Result<(), Problem> {
        match &self.if_match {
            Some(etag) if etag != "*" && *etag != event.etag() => Err(Problem::condition()),
            _ => Ok(()),
        }
    }

    fn notice(&self, calendar: &str, event: &Event, action: &'static str) -> Notice {
        let to = if self.send_updates == "none" { Vec::new() } else { event.guests() };
        Notice {
            calendar: calendar.to_owned(),
            event: event.id.clone(),
            action,
            send_updates: self.send_updates.clone(),
            to: to.into_iter().map(str::to_owned).collect(),
            at: self.now,
        }
    }
}

fn writable<'s>(store: &'s mut Store, id: &str) -> Result<&'s mut Calendar, Problem> {
    let calendar = store.calendar(id)?;
    if matches!(calendar.access, Access::Owner | Access::Writer) { Ok(calendar) } else { Err(Problem::access_level()) }
}

/// `events.insert`
pub(super) fn insert(store: &mut Store, id: &str, body: &Map<String, Value>, writer: &Writer<'_>) -> Result<Event, Problem> {
    let calendar = writable(store, id)?;
    let input = event::read(body, &calendar.zone)?;
    writer.check_guests(&input)?;
    // An id stays taken after its event was cancelled.
    if input.id.as_ref().is_some_and(|id| calendar.events.contains_key(id)) {
        return Err(Problem::duplicate());
    }
    let name = calendar.id.clone();
    let id = input.id.unwrap_or_else(|| store.fresh_id());
    let event = Event {
        ical_uid: input.ical_uid.unwrap_or_else(|| format!("{id}@google.com")),
        id,
        fields: input.fields,
        start: input.start,
        end: input.end,
        status: input.status,
        created: writer.now,
        updated: writer.now,
        version: store.next_version(),
        sequence: input.sequence.unwrap_or(0),
        creator: if writer.creator.is_empty() { name.clone() } else { writer.creator.to_owned() },
        instance_of: None,
    };
    store.notices.push(writer.notice(&name, &event, "insert"));
    store.calendar(&name)?.put(event.clone(), writer.now);
    Ok(event)
}

/// `events.patch`, or `events.update` with `whole`.
pub(super) fn change(
    store: &mut Store,
    id: &str,
    event_id: &str,
    body: &Map<String, Value>,
    whole: bool,
    writer: &Writer<'_>,
) -> Result<Event, Problem> {
    let calendar = writable(store, id)?;
    let old = calendar.find(event_id).ok_or_else(Problem::not_found)?;
    writer.check_match(&old)?;
    let mut merged = if whole { Map::new() } else { old.writable() };
    for (key, value) in body {
        lay(&mut merged, key, value);
    }
    merged.remove("id");
    let input = event::read(&merged, &calendar.zone)?;
    if body.contains_key("attendees") {
        writer.check_guests(&input)?;
    }
    if whole && input.sequence.is_some_and(|sequence| sequence < old.sequence) {
        return Err(Problem::invalid(
            "Invalid sequence value. The specified sequence number is below the current sequence number of the resource. Re-fetch the resource and use its sequence number on the following request.",
        ));
    }
    let moved = input.start != old.start || input.end != old.end;
    let changed = moved || input.fields != old.fields || input.status != old.status;
    if !changed {
        return Ok(old);
    }
    let again = moved || input.fields.get("recurrence") != old.fields.get("recurrence") || input.status == Status::Cancelled;
    let name = calendar.id.clone();
    let event = Event {
        fields: input.fields,
        start: input.start,
        end: input.end,
        status: input.status,
        updated: writer.now,
        version: store.next_version(),
        sequence: input.sequence.unwrap_or(0).max(old.sequence + u64::from(again)),
        ..old
    };
    store.notices.push(writer.notice(&name, &event, if whole { "update" } else { "patch" }));
    store.calendar(&name)?.put(event.clone(), writer.now);
    Ok(event)
}

/// Lays one member of a patch over what is there: objects are merged, null removes, all else replaces.
fn lay(onto: &mut Map<String, Value>, key: &str, value: &Value) {
    match (onto.get_mut(key), value) {
        (_, Value::Null) => {
            onto.remove(key);
        }
        (Some(Value::Object(held)), Value::Object(more)) => {
            for (key, value) in more {
                lay(held, key, value);
            }
        }
        (_, Value::Object(more)) => {
            let mut fresh = Map::new();
            for (key, value) in more {
                lay(&mut fresh, key, value);
            }
            onto.insert(key.to_owned(), Value::Object(fresh));
        }
        _ => {
            onto.insert(key.to_owned(), value.clone());
        }
    }
}

/// `events.delete`: the event stays, cancelled.
pub(super) fn delete(store: &mut Store, id: &str, event_id: &str, writer: &Writer<'_>) -> Result<(), Problem> {
    let calendar = writable(store, id)?;
    let mut event = calendar.find(event_id).ok_or_else(Problem::not_found)?;
    if event.status == Status::Cancelled {
        return Err(Problem::deleted());
    }
    writer.check_match(&event)?;
    let name = calendar.id.clone();
    event.status = Status::Cancelled;
    event.updated = writer.now;
    event.version = store.next_version();
    event.sequence += 1;
    store.notices.push(writer.notice(&name, &event, "delete"));
    store.calendar(&name)?.put(event, writer.now);
    Ok(())
}

/// `events.move`
pub(super) fn relocate(store: &mut Store, id: &str, event_id: &str, to: &str, writer: &Writer<'_>) -> Result<Event, Problem> {
    let calendar = writable(store, id)?;
    let old = calendar.find(event_id).ok_or_else(Problem::not_found)?;
    if old.status == Status::Cancelled {
        return Err(Problem::deleted());
    }
    let from = calendar.id.clone();
    let target = writable(store, to)?;
    if target.events.contains_key(event_id) {
        return Err(Problem::duplicate());
    }
    let name = target.id.clone();
    let event = Event { updated: writer.now, version: store.next_version(), ..old.clone() };
    let gone = Event { status: Status::Cancelled, updated: writer.now, version: store.next_version(), ..old };
    store.notices.push(writer.notice(&name, &event, "move"));
    store.calendar(&from)?.put(gone, writer.now);
    store.calendar(&name)?.put(event.clone(), writer.now);
    Ok(event)
}
