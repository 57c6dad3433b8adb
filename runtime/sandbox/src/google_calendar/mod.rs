//! A stand-in for Google Calendar: calendars, free/busy, events, batch, tokens.
//!
//! Written from the public reference, discovery document and guides of the Calendar API v3. What
//! is not atomic or not checked there is not here either. Not there: access lists, push channels,
//! conference data, settings but the time zone.

mod batch;
mod event;
mod fixture;
mod freebusy;
mod list;
mod problem;
mod repeat;
mod store;
mod token;
mod write;

#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use self::{
    event::Event,
    problem::Problem,
    store::{Access, Store},
    token::{Grant, Tokens},
    write::Writer,
};
use crate::{
    vendor::{Refusal, Request, Response, Seed, Vendor, flat, nested},
    wire,
};

/// A Google account with its calendars `front-desk@acme.example` (the primary one) and `tech-1@acme.example`.
///
/// Credentials at `POST /token`: `sandbox-client`, `sandbox-secret` and the refresh token
/// `sandbox-refresh`, or any service account's assertion.
///
/// Settings:
/// - `busy_lag_ms`: how long free/busy does not know of a write; 0.
/// - `public_key`: PEM of the RSA key that assertions must be signed with; none, unchecked.
/// - `check_clock`: whether an assertion's times are held against the clock; false.
/// - `unreadable`: calendars that fail inside a free/busy answer; none.
/// - `expire_sync_tokens`: ends the sync tokens given out so far.
/// - `insert_before_next`, `insert_after_next`: an event, or a list, that a person books just before or
///   after the next insert arrives, in its `calendarId` or in the calendar of that insert.
#[derive(Debug)]
pub struct GoogleCalendar {
    store: Store,
    tokens: Tokens,
    /// How far free/busy lags behind writes.
    busy_lag: SignedDuration,
    /// Calendars that fail inside a free/busy answer.
    unreadable: Vec<String>,
    /// Sync tokens below this version have expired.
    oldest_sync: u64,
    /// Events that other people will book just before and just after the next insert.
    before_next: VecDeque<Value>,
    after_next: VecDeque<Value>,
    refused: Cell<u64>,
    now: Timestamp,
}

impl GoogleCalendar {
    /// An account with two empty calendars.
    pub fn new() -> Self {
        Self {
            store: Store::new(),
            tokens: Tokens::default(),
            busy_lag: SignedDuration::ZERO,
            unreadable: Vec::new(),
            oldest_sync: 0,
            before_next: VecDeque::new(),
            after_next: VecDeque::new(),
            refused: Cell::new(0),
            now: Timestamp::UNIX_EPOCH,
        }
    }

    fn batch(&mut self, request: &Request, now: Timestamp) -> Response {
        let Some(calls) = batch::calls(request).filter(|calls| !calls.is_empty()) else {
            return Problem::new(400, "badRequest", "Failed to parse batch request, no batch boundary.").answer();
        };
        if calls.len() > batch::MOST {
            return Problem::new(400, "badRequest", "The batch request contains too many calls.").answer();
        }
        let answers = calls.into_iter().map(|call| {
            let answer = self.call(&call.request, now);
            (call, answer)
        });
        batch::answer(answers.collect())
    }

    fn call(&mut self, request: &Request, now: Timestamp) -> Response {
        let answer = self.tokens.check(request, now).and_then(|grant| self.route(request, &grant, now));
        answer.unwrap_or_else(|problem| problem.answer())
    }

    fn route(&mut self, request: &Request, grant: &Grant, now: Timestamp) -> Result<Response, Problem> {
        let segments = wire::segments(&request.path);
        let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
        let ["calendar", "v3", rest @ ..] = parts.as_slice() else { return Err(Problem::not_found()) };
        let method = request.method.as_str();
        match (method, rest) {
            ("GET", ["users", "me", "calendarList"]) => {
                let items: Vec<Value> = self.store.calendars.iter().map(store::Calendar::json).collect();
                Ok(wire::json(200, &json!({"kind": "calendar#calendarList", "etag": "\"p1\"", "items": items})))
            }
            ("GET", ["users", "me", "calendarList", id]) => Ok(wire::json(200, &self.store.calendar(id)?.json())),
            ("GET", ["users", "me", "settings", "timezone"]) => {
                Ok(wire::json(200, &json!({"kind": "calendar#setting", "etag": "\"1\"", "id": "timezone", "value": store::ZONE})))
            }
            ("GET", ["calendars", id]) => {
                let calendar = self.store.calendar(id)?;
                Ok(wire::json(
                    200,
                    &json!({
                        "kind": "calendar#calendar", "etag": "\"1\"", "id": calendar.id,
                        "summary": calendar.summary, "timeZone": calendar.zone_name,
                    }),
                ))
            }
            ("POST", ["freeBusy"]) => {
                let answer = freebusy::query(&mut self.store, &body(request)?, &self.unreadable, self.busy_lag, now)?;
                Ok(wire::json(200, &answer))
            }
            ("GET", ["calendars", id, "events"]) => {
                let (version, oldest) = (self.store.version(), self.oldest_sync);
                let calendar = readable(&mut self.store, id)?;
                Ok(wire::json(200, &list::list(calendar, request, version, oldest)?))
            }
            ("POST", ["calendars", id, "events"]) => {
                let writer = Writer::of(request, grant.may_invite, now)?;
                self.insert(request, id, &writer)
            }
            ("GET", ["calendars", id, "events", event]) => {
                let found = readable(&mut self.store, id)?.find(event).ok_or_else(Problem::not_found)?;
                if wire::header(request, "if-none-match").is_some_and(|etag| etag == found.etag()) {
                    return Ok(Response { headers: vec![("ETag".to_owned(), found.etag())], ..wire::empty(304) });
                }
                self.answer(request, id, &found)
            }
            ("PATCH" | "PUT", ["calendars", id, "events", event]) => {
                let writer = Writer::of(request, grant.may_invite, now)?;
                let event = write::change(&mut self.store, id, event, &body(request)?, method == "PUT", &writer)?;
                self.answer(request, id, &event)
            }
            ("DELETE", ["calendars", id, "events", event]) => {
                write::delete(&mut self.store, id, event, &Writer::of(request, grant.may_invite, now)?)?;
                Ok(wire::empty(204))
            }
            ("GET", ["calendars", id, "events", event, "instances"]) => {
                let calendar = readable(&mut self.store, id)?;
                Ok(wire::json(200, &list::instances(calendar, request, event)?))
            }
            ("POST", ["calendars", id, "events", event, "move"]) => {
                let to = wire::query(request, "destination");
                let to = to.ok_or_else(|| Problem::required("Required parameter: destination"))?;
                let writer = Writer::of(request, grant.may_invite, now)?;
                let event = write::relocate(&mut self.store, id, event, to, &writer)?;
                self.answer(request, to, &event)
            }
            _ => Err(Problem::not_found()),
        }
    }

    /// `events.insert`, with the people who book at the same moment.
    fn insert(&mut self, request: &Request, id: &str, writer: &Writer<'_>) -> Result<Response, Problem> {
        let body = body(request)?;
        let (before, after) = (std::mem::take(&mut self.before_next), std::mem::take(&mut self.after_next));
        self.others(before, id, writer.now);
        let done = write::insert(&mut self.store, id, &body, writer);
        self.others(after, id, writer.now);
        self.answer(request, id, &done?)
    }

    /// Puts in what other people book; what cannot be booked is left out.
    fn others(&mut self, events: VecDeque<Value>, id: &str, now: Timestamp) {
        for event in events {
            let calendar = event.get("calendarId").and_then(Value::as_str).unwrap_or(id).to_owned();
            // They were checked when they were configured, so the only failure left is a taken id.
            let _taken = fixture::place(&mut self.store, &calendar, &event, now);
        }
    }

    fn answer(&mut self, request: &Request, id: &str, event: &Event) -> Result<Response, Problem> {
        let calendar = self.store.calendar(id)?;
        let zone = list::shown(request, calendar)?;
        let mut response = wire::json(200, &event.json(&calendar.id, &zone, &calendar.zone_name));
        response.headers.push(("ETag".to_owned(), event.etag()));
        Ok(response)
    }
}

fn readable<'s>(store: &'s mut Store, id: &str) -> Result<&'s mut store::Calendar, Problem> {
    let calendar = store.calendar(id)?;
    if calendar.access == Access::FreeBusy { Err(Problem::not_found()) } else { Ok(calendar) }
}

/// A JSON body that is an object.
fn body(request: &Request) -> Result<Map<String, Value>, Problem> {
    match serde_json::from_slice(&request.body) {
        Ok(Value::Object(body)) => Ok(body),
        _ => Err(Problem::new(400, "parseError", "Parse Error")),
    }
}

/// One event or a list of them, checked.
fn bookings(name: &str, value: &Value) -> Result<VecDeque<Value>, String> {
    let list = match value {
        Value::Null => Vec::new(),
        Value::Array(list) => list.clone(),
        one => vec![one.clone()],
    };
    let zone = jiff::tz::TimeZone::get(store::ZONE).unwrap_or(jiff::tz::TimeZone::UTC);
    for event in &list {
        let body = event.as_object().ok_or_else(|| format!("{name} takes an event"))?;
        event::read(body, &zone).map_err(|problem| format!("{name}: {}", problem.message))?;
    }
    Ok(list.into())
}

impl Default for GoogleCalendar {
    fn default() -> Self {
        Self::new()
    }
}

impl Vendor for GoogleCalendar {
    fn name(&self) -> &'static str {
        "google-calendar"
    }

    fn handle(&mut self, request: &Request, now: Timestamp) -> Response {
        self.now = now;
        match (request.method.as_str(), request.path.as_str()) {
            ("POST", "/token" | "/oauth2/v4/token" | "/o/oauth2/token") => self.tokens.token(request, now),
            ("POST", "/batch/calendar/v3" | "/batch") => self.batch(request, now),
            _ => self.call(request, now),
        }
    }

    fn refuse(&self, refusal: Refusal) -> Response {
        match refusal {
            // Both are in use; which one comes cannot be foreseen, so they take turns.
            Refusal::RateLimited => {
                self.refused.set(self.refused.get() + 1);
                if self.refused.get() % 2 == 1 { Problem::rate_limited().answer() } else { problem::quota_exceeded() }
            }
            Refusal::ServerError => Problem::backend(500, "Backend Error").answer(),
            Refusal::Unavailable => Problem::backend(503, "The service is currently unavailable.").answer(),
        }
    }

    fn records(&self) -> Value {
        fixture::records(&self.store)
    }

    fn load(&mut self, records: &Value) -> Result<(), String> {
        fixture::load(&mut self.store, records, self.now)
    }

    fn seed(&mut self, seed: &Seed<'_>) -> Result<(), String> {
        let mut event = nested(seed.fields);
        event["id"] = json!(seed.id);
        self.load(&json!({ "events": [event] }))
    }

    fn held(&self, _: &str) -> Vec<Map<String, Value>> {
        let records = self.records();
        let rows = records.get("events").and_then(Value::as_array).into_iter().flatten();
        rows.filter_map(Value::as_object).filter(|event| event.get("status") != Some(&json!("cancelled"))).map(flat).collect()
    }

    fn configure(&mut self, settings: &Value) -> Result<(), String> {
        let settings = settings.as_object().ok_or("settings must be an object")?;
        for (name, value) in settings {
            match name.as_str() {
                "busy_lag_ms" => {
                    let millis = value.as_i64().filter(|millis| *millis >= 0);
                    let millis = millis.ok_or("busy_lag_ms must be a whole number")?;
                    self.busy_lag = SignedDuration::from_millis(millis);
                }
                "public_key" => self.tokens.set_key(value.as_str().unwrap_or_default())?,
                "check_clock" => {
                    self.tokens.check_clock = value.as_bool().ok_or("check_clock must be true or false")?;
                }
                "unreadable" => {
                    let list = value.as_array().ok_or("unreadable must be a list of calendar ids")?;
                    self.unreadable = list.iter().filter_map(Value::as_str).map(str::to_owned).collect();
                }
                "expire_sync_tokens" => self.oldest_sync = self.store.version() + 1,
                "insert_before_next" => self.before_next = bookings(name, value)?,
                "insert_after_next" => self.after_next = bookings(name, value)?,
                other => return Err(format!("google-calendar has no setting {other}")),
            }
        }
        Ok(())
    }

    fn reset(&mut self) {
        *self = Self { now: self.now, ..Self::new() };
    }

    fn expire_tokens(&mut self) {
        self.tokens.expire();
    }

    fn revoke_tokens(&mut self) {
        self.tokens.revoke();
    }

    fn restore_tokens(&mut self) {
        self.tokens.restore();
    }
}
