//! `freeBusy.query`.
//!
//! Source: the Calendar API's reference. A calendar that cannot be read is an error inside a 200 with an
//! empty list, which is easily mistaken for free. What it knows may lag behind writes.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde_json::{Map, Value, json};

use super::{event::rfc3339, problem::Problem, store::Store};

/// The most calendars in one query.
const MOST: usize = 50;

/// Answers one query. `unreadable` are calendars that fail inside the answer.
pub(super) fn query(
    store: &mut Store,
    body: &Map<String, Value>,
    unreadable: &[String],
    lag: SignedDuration,
    now: Timestamp,
) -> Result<Value, Problem> {
    let time = |name: &str| match body.get(name).and_then(Value::as_str) {
        None => Err(Problem::required(format!("Missing {name} parameter."))),
        Some(text) => text.parse::<Timestamp>().map_err(|_| Problem::new(400, "badRequest", "Bad Request")),
    };
    let (from, to) = (time("timeMin")?, time("timeMax")?);
    if to <= from {
        return Err(Problem::empty_range());
    }
    let zone = match body.get("timeZone").and_then(Value::as_str) {
        None => TimeZone::UTC,
        Some(name) => TimeZone::get(name).map_err(|_| Problem::invalid(format!("Invalid time zone: {name}")))?,
    };
    let items = body.get("items").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if items.len() > MOST {
        let message = "The number of calendars requested is too large for a single query.";
        return Err(Problem::new(400, "tooManyCalendarsRequested", message));
    }
    let mut calendars = Map::new();
    for id in items.iter().filter_map(|item| item.get("id")?.as_str()) {
        let error = |reason: &str| json!({"errors": [{"domain": "global", "reason": reason}], "busy": []});
        let entry = match store.calendar(id) {
            Err(_) => error("notFound"),
            Ok(calendar) if unreadable.contains(&calendar.id) => error("internalError"),
            Ok(calendar) => {
                let busy: Vec<Value> = calendar
                    .busy(from, to, lag, now)
                    .into_iter()
                    .map(|(start, end)| json!({"start": rfc3339(start, &zone), "end": rfc3339(end, &zone)}))
                    .collect();
                json!({"busy": busy})
            }
        };
        calendars.insert(id.to_owned(), entry);
    }
    Ok(json!({
        "kind": "calendar#freeBusy", "timeMin": rfc3339(from, &TimeZone::UTC), "timeMax": rfc3339(to, &TimeZone::UTC),
        "calendars": calendars,
    }))
}
