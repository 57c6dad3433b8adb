//! Calls in our own form, as any program would send them, and times for them.

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};
use serde_json::{Map, Value, json};

/// A finished call that began five minutes ago. `more` replaces or adds members; null takes one away.
pub(crate) fn call(id: &str, more: Value) -> Value {
    let mut call = json!({
        "id": id, "direction": "inbound", "started_at": at(-5), "duration_s": 120,
        "outcome": "answered", "summary": "Asked when the office is open.",
    });
    merge(&mut call, more);
    call
}

fn merge(into: &mut Value, more: Value) {
    let (Some(into), Value::Object(more)) = (into.as_object_mut(), more) else { return };
    for (key, value) in more {
        match into.get_mut(&key) {
            Some(Value::Object(_)) if value.is_object() => merge(&mut into[&key], value),
            _ if value.is_null() => drop(into.remove(&key)),
            _ => drop(into.insert(key, value)),
        }
    }
}

/// A time so many minutes from now.
fn at(minutes: i64) -> String {
    let time = Timestamp::now() + SignedDuration::from_mins(minutes);
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Half an hour on the Tuesday after next, at `hour` of the office's time: far enough away that no test meets a past time.
pub(crate) fn slot(hour: i8) -> Map<String, Value> {
    let zone = TimeZone::get("America/Chicago").expect("the zone is bundled");
    let day = Timestamp::now().to_zoned(zone.clone()).date() + Span::new().days(7);
    let day =
        std::iter::successors(Some(day), |day| day.tomorrow().ok()).find(|day| day.weekday() == Weekday::Tuesday).expect("a week has one");
    let start = day.at(hour, 0, 0, 0).to_zoned(zone).expect("an hour of business");
    let end = start.clone() + Span::new().minutes(30);
    let written = |time: &jiff::Zoned| Value::from(time.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string());
    let members =
        [("start", written(&start)), ("end", written(&end)), ("timezone", "America/Chicago".into()), ("service", "Cleaning".into())];
    members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// Whom the example's CRM knows, by first name: id and a number or address that calls reach us from.
pub(crate) fn known_callers() -> Vec<(&'static str, &'static str, &'static str)> {
    vec![
        ("Nora", "0035e0000000001AAA", "+15125550142"),
        ("Grace", "0035e0000000002AAA", "+15125550188"),
        ("Dmitri", "0035e0000000003AAA", "+15125550135"),
        ("Priya", "0035e0000000004AAA", "+15125550121"),
        ("Leonard", "0035e0000000005AAA", "+15125550190"),
        ("Paul", "0035e0000000006AAA", "+15125550143"),
    ]
}
