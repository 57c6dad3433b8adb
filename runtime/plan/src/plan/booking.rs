//! Times that are taken once: which time a write takes, and whether it is free.

use aftercall_config::functions::{text, timestamp};
use aftercall_config::project::{Connection, Object, WriteRule};
use aftercall_config::template::Scope;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::build::Ground;
use crate::context::{Busy, Record};
use crate::model::{Booking, FieldChange, Op, Write};
use crate::scope;

/// Settles the time that a write takes, and with it what is done in place of `op`.
pub(super) fn settle(ground: &Ground<'_>, rule: &WriteRule, object: &Object, record: Option<&Record>, op: Op, write: &mut Write) -> Op {
    let wanted = match wanted(ground, &rule.connection, object, &write.fields) {
        None => return op,
        Some(Err(because)) => return Op::Blocked { because },
        Some(Ok(wanted)) => wanted,
    };
    let marker = ground.marker(rule);
    let ids: Vec<&str> = std::iter::once(marker.as_str()).chain(record.map(|record| record.id.as_str())).collect();
    let entries = ground.context.bookings.get(&rule.id).map_or(&[][..], Vec::as_slice);
    let settled = match standing(entries, &wanted, &ids) {
        Standing::Free => op,
        Standing::Taken(by) => Op::Blocked { because: taken(&wanted, by, &ground.project.timezone) },
        // An earlier revision's record was compared field by field already.
        Standing::Ours(_) if record.is_some() => op,
        // Of one whose answer was lost nobody knows the words: it may hold what was said before.
        Standing::Ours(id) => Op::Update { id: id.to_owned() },
    };
    write.booking = Some(wanted);
    settled
}

/// The time that a write takes, or a sentence that says why it cannot be booked. `None` where the object is no booking.
fn wanted(ground: &Ground<'_>, connection: &Connection, object: &Object, fields: &[FieldChange]) -> Option<Result<Booking, String>> {
    let (decl, booking) = (object.decl.booking.as_ref()?, object.booking.as_ref()?);
    let appointment = ground.call.appointment.as_ref();
    let zone = appointment
        .and_then(|a| a.timezone.as_deref())
        .and_then(|name| TimeZone::get(name).ok())
        .unwrap_or_else(|| ground.project.timezone.clone());
    let read = |field: &str, what: &str| {
        let value = fields.iter().find(|change| change.field == field).and_then(|change| change.after.as_ref().or(change.before.as_ref()));
        let Some(value) = value else { return Err(format!("the appointment has no {what}: `{field}` has no value")) };
        moment(value, &zone).ok_or_else(|| format!("the appointment's {what} cannot be read as a time: {}", text(value)))
    };
    let times = read(&decl.start, "start").and_then(|start| Ok((start, read(&decl.end, "end")?)));
    let (start, end) = match times {
        Ok((start, end)) if end <= start => {
            return Some(Err(format!("the appointment ends at {end}, which is not after its start at {start}")));
        }
        Ok(times) => times,
        Err(why) => return Some(Err(why)),
    };
    let taken = booking.resource.text(&Scope::new(Value::Object(scope::of_connection(connection, object))));
    let resource = if taken.is_empty() { connection.id.clone() } else { format!("{}/{taken}", connection.id) };
    Some(Ok(Booking { resource, start, end }))
}

/// A time; without an offset it is meant in `zone`.
fn moment(value: &Value, zone: &TimeZone) -> Option<Timestamp> {
    timestamp(value).or_else(|| Some(text(value).trim().parse::<DateTime>().ok()?.to_zoned(zone.clone()).ok()?.timestamp()))
}

/// What stands in the calendar at the wanted time.
#[derive(Clone, Debug, PartialEq)]
enum Standing<'a> {
    /// Nothing.
    Free,
    /// Our own entry by its id: at this time, or at another while this one is free.
    Ours(&'a str),
    /// Somebody else's; the first by time, then by id.
    Taken(&'a Busy),
}

/// Looks at what was read. `ids` are those of our own entry: the marker, and what an earlier revision made.
///
/// An entry that only touches the wanted time does not take it.
fn standing<'a>(entries: &'a [Busy], wanted: &Booking, ids: &[&str]) -> Standing<'a> {
    let ours = entries.iter().filter(|entry| ids.contains(&entry.id.as_str())).min_by_key(|entry| (entry.start, &entry.id));
    if let Some(ours) = ours
        && ours.start == wanted.start
        && ours.end == wanted.end
    {
        return Standing::Ours(&ours.id);
    }
    let overlaps = |entry: &&Busy| !ids.contains(&entry.id.as_str()) && entry.start < wanted.end && wanted.start < entry.end;
    if let Some(other) = entries.iter().filter(overlaps).min_by_key(|entry| (entry.start, &entry.id)) {
        return Standing::Taken(other);
    }
    match ours {
        Some(ours) => Standing::Ours(&ours.id),
        None => Standing::Free,
    }
}

/// The sentence for a time that is taken, in the project's zone.
fn taken(wanted: &Booking, by: &Busy, zone: &TimeZone) -> String {
    let local = |time: Timestamp| time.to_zoned(zone.clone());
    let from = local(wanted.start).strftime("%a %Y-%m-%d %H:%M").to_string();
    let title = by
        .title
        .as_deref()
        .filter(|title| !title.trim().is_empty())
        .map_or_else(|| "an entry without a title".to_owned(), |t| format!("\"{t}\""));
    let (start, end) = (local(by.start).strftime("%H:%M").to_string(), local(by.end).strftime("%H:%M").to_string());
    format!("the time {from} to {} is taken by {title} ({start} to {end})", local(wanted.end).strftime("%H:%M"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(1_795_500_000 + hour * 3600).unwrap_or_default()
    }

    #[track_caller]
    fn check(entries: &[(&str, i64, i64)], expected: &str) {
        let entries: Vec<Busy> =
            entries.iter().map(|(id, from, to)| Busy { id: (*id).to_owned(), start: at(*from), end: at(*to), title: None }).collect();
        let wanted = Booking { resource: "calendar/x".to_owned(), start: at(10), end: at(12) };
        let found = match standing(&entries, &wanted, &["mine", "own"]) {
            Standing::Free => "free".to_owned(),
            Standing::Ours(id) => id.to_owned(),
            Standing::Taken(by) => format!("taken by {}", by.id),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn who_stands_there() {
        check(&[], "free");
        check(&[("x", 8, 10), ("y", 12, 13)], "free");
        check(&[("y", 11, 13), ("x", 8, 11)], "taken by x");
        check(&[("x", 9, 14)], "taken by x");
        check(&[("mine", 10, 12), ("x", 11, 12)], "mine");
        check(&[("mine", 9, 11)], "mine");
        check(&[("own", 9, 11), ("x", 11, 12)], "taken by x");
    }
}
