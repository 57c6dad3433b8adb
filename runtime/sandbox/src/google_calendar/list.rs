//! `events.list` and `events.instances`: filters, order, pages, sync tokens.
//!
//! Source: the Calendar API's reference of `events.list` and its guide on synchronisation.

use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value, json};

use super::{
    event::{Event, stamp},
    problem::Problem,
    store::{Calendar, is_on},
};
use crate::{vendor::Request, wire};

/// How many events a page has, when nothing else is asked for, and at most.
const PAGE: usize = 250;
const LARGEST_PAGE: usize = 2_500;

/// Parameters that a sync token excludes.
const NOT_WITH_SYNC: &[&str] =
    &["iCalUID", "orderBy", "privateExtendedProperty", "q", "sharedExtendedProperty", "timeMin", "timeMax", "updatedMin"];

/// A time parameter, which must carry an offset.
pub(super) fn time(request: &Request, name: &str) -> Result<Option<Timestamp>, Problem> {
    let Some(text) = wire::query(request, name) else { return Ok(None) };
    text.parse().map(Some).map_err(|_| Problem::new(400, "badRequest", "Bad Request"))
}

fn flag(request: &Request, name: &str) -> Result<Option<bool>, Problem> {
    match wire::query(request, name) {
        None => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(other) => Err(Problem::invalid_parameter(name, other)),
    }
}

/// The zone that answers are shown in.
pub(super) fn shown(request: &Request, calendar: &Calendar) -> Result<TimeZone, Problem> {
    match wire::query(request, "timeZone") {
        None => Ok(calendar.zone.clone()),
        Some(name) => TimeZone::get(name).map_err(|_| Problem::invalid_parameter("timeZone", name)),
    }
}

/// Everything a list asks for.
struct Query<'a> {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    updated_min: Option<Timestamp>,
    since: Option<u64>,
    single: bool,
    deleted: bool,
    words: Vec<String>,
    private: Vec<(&'a str, &'a str)>,
    shared: Vec<(&'a str, &'a str)>,
    ical: Option<&'a str>,
    types: Vec<&'a str>,
}

/// Answers `events.list`. `version` is that of the last write, `oldest` the oldest sync token still good.
pub(super) fn list(calendar: &Calendar, request: &Request, version: u64, oldest: u64) -> Result<Value, Problem> {
    let query = read(request, oldest)?;
    let order = wire::query(request, "orderBy");
    match order {
        None | Some("updated") => {}
        Some("startTime") if query.single => {}
        Some("startTime") => {
            let message = "The requested ordering is not available for the particular query.";
            return Err(Problem::new(400, "badRequest", message));
        }
        Some(other) => return Err(Problem::invalid_parameter("orderBy", other)),
    }
    let size = match wire::query(request, "maxResults") {
        None => PAGE,
        Some(text) => match text.parse::<usize>() {
            Ok(size) if size > 0 => size.min(LARGEST_PAGE),
            _ => return Err(Problem::invalid_parameter("maxResults", text)),
        },
    };
    let mut found = run(calendar, &query);
    match order {
        Some("updated") => found.sort_by_key(|event| event.version),
        Some(_) => found.sort_by_cached_key(|event| (event.start.instant(&calendar.zone), event.id.clone())),
        None => {}
    }
    // A page token is the place to go on from and the version that the token of the last page will carry.
    let (offset, version) = match wire::query(request, "pageToken") {
        None => (0, version),
        Some(text) => read_page(text).ok_or_else(|| Problem::invalid_parameter("pageToken", text))?,
    };
    let zone = shown(request, calendar)?;
    let items: Vec<Value> =
        found.iter().skip(offset).take(size).map(|event| event.json(&calendar.id, &zone, &calendar.zone_name)).collect();
    let mut answer = json!({
        "kind": "calendar#events", "etag": format!("\"p{version}\""), "summary": calendar.summary, "description": "",
        "updated": stamp(calendar.updated), "timeZone": calendar.zone_name, "accessRole": calendar.access.word(),
        "defaultReminders": [],
    });
    if offset + items.len() < found.len() {
        answer["nextPageToken"] = json!(format!("page.{}.{version}", offset + items.len()));
    } else {
        answer["nextSyncToken"] = json!(format!("sync.{version}"));
    }
    answer["items"] = json!(items);
    Ok(answer)
}

fn read_page(text: &str) -> Option<(usize, u64)> {
    let (offset, version) = text.strip_prefix("page.")?.split_once('.')?;
    Some((offset.parse().ok()?, version.parse().ok()?))
}

fn read(request: &Request, oldest: u64) -> Result<Query<'_>, Problem> {
    let pairs = |name: &'static str| {
        let split = |text| str::split_once(text, '=').ok_or_else(|| Problem::invalid_parameter(name, text));
        wire::queries(request, name).map(split).collect::<Result<Vec<_>, _>>()
    };
    let (from, to) = (time(request, "timeMin")?, time(request, "timeMax")?);
    if from.zip(to).is_some_and(|(from, to)| to <= from) {
        return Err(Problem::empty_range());
    }
    let deleted = flag(request, "showDeleted")?;
    let since = match wire::query(request, "syncToken") {
        None => None,
        Some(token) => {
            if let Some(name) = NOT_WITH_SYNC.iter().find(|name| wire::query(request, name).is_some()) {
                return Err(Problem::new(400, "badRequest", format!("Sync token cannot be used with {name}.")));
            }
            if deleted == Some(false) {
                return Err(Problem::new(400, "badRequest", "showDeleted cannot be false with a sync token."));
            }
            let version = token.strip_prefix("sync.").and_then(|text| text.parse().ok());
            Some(version.filter(|version| *version >= oldest).ok_or_else(Problem::full_sync)?)
        }
    };
    let words = wire::query(request, "q").unwrap_or_default();
    Ok(Query {
        from,
        to,
        updated_min: time(request, "updatedMin")?,
        since,
        single: flag(request, "singleEvents")?.unwrap_or(false),
        deleted: deleted.unwrap_or(since.is_some()),
        words: words.split_whitespace().map(str::to_lowercase).collect(),
        private: pairs("privateExtendedProperty")?,
        shared: pairs("sharedExtendedProperty")?,
        ical: wire::query(request, "iCalUID"),
        types: wire::queries(request, "eventTypes").collect(),
    })
}

fn run(calendar: &Calendar, query: &Query<'_>) -> Vec<Event> {
    let near = match query.ical {
        Some(uid) => calendar.with_ical(uid),
        None => calendar.around(query.from, query.to),
    };
    let laid_out = near.into_iter().flat_map(|event| if query.single { calendar.expand(event, query.to) } else { vec![event.clone()] });
    laid_out.filter(|event| matches(calendar, query, event)).collect()
}

fn matches(calendar: &Calendar, query: &Query<'_>, event: &Event) -> bool {
    // A series without an end is open; its last instance does not close the window.
    let series = !event.recurrence().is_empty();
    let in_time = query.from.is_none_or(|from| series || event.end.instant(&calendar.zone) > from)
        && query.to.is_none_or(|to| event.start.instant(&calendar.zone) < to);
    let wanted = is_on(event) || query.deleted || query.updated_min.is_some();
    in_time
        && wanted
        && query.since.is_none_or(|since| event.version > since)
        && query.updated_min.is_none_or(|min| event.updated >= min)
        && query.private.iter().all(|(key, value)| event.has_extended("private", key, value))
        && query.shared.iter().all(|(key, value)| event.has_extended("shared", key, value))
        && (query.types.is_empty() || query.types.contains(&event.text("eventType").unwrap_or("default")))
        && speaks_of(calendar, event, &query.words)
}

/// Whether every word is in what `q` looks into.
fn speaks_of(calendar: &Calendar, event: &Event, words: &[String]) -> bool {
    if words.is_empty() {
        return true;
    }
    let mut text: Vec<&str> = ["summary", "description", "location"].iter().filter_map(|key| event.text(key)).collect();
    text.extend([calendar.id.as_str()]);
    for guest in event.fields.get("attendees").and_then(Value::as_array).into_iter().flatten() {
        text.extend(["email", "displayName"].iter().filter_map(|key| guest.get(*key)?.as_str()));
    }
    let text = text.join("\n").to_lowercase();
    words.iter().all(|word| text.contains(word.as_str()))
}

/// Answers `events.instances`.
pub(super) fn instances(calendar: &Calendar, request: &Request, id: &str) -> Result<Value, Problem> {
    let event = calendar.events.get(id).ok_or_else(Problem::not_found)?;
    let (from, to) = (time(request, "timeMin")?, time(request, "timeMax")?);
    let zone = shown(request, calendar)?;
    let own = calendar.events.values().filter(|one| one.instance_of.as_ref().is_some_and(|(master, _)| master == id));
    let mut all: Vec<Event> = calendar.expand(event, to).into_iter().chain(own.cloned()).collect();
    all.retain(|one| is_on(one) && one.instance_of.is_some());
    all.retain(|one| from.is_none_or(|from| one.end.instant(&calendar.zone) > from));
    all.sort_by_cached_key(|one| one.start.instant(&calendar.zone));
    let items: Vec<Value> = all.iter().take(PAGE).map(|one| one.json(&calendar.id, &zone, &calendar.zone_name)).collect();
    Ok(json!({
        "kind": "calendar#events", "summary": calendar.summary, "timeZone": calendar.zone_name,
        "accessRole": calendar.access.word(), "defaultReminders": [], "items": items,
    }))
}
