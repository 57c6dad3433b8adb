//! Events: reading what a client sends, keeping it, and answering it.
//!
//! Source: the Calendar API's reference of the event resource. Not for where events are kept
//! (`store`) or for what a write does to them (`write`).

use jiff::{Timestamp, civil, tz::TimeZone};
use serde_json::{Map, Value, json};

use super::problem::Problem;

/// A start or an end: a day, or a time with the zone it was given in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum When {
    Day(civil::Date),
    Time(Timestamp, Option<String>),
}

impl When {
    /// The instant it means; a day begins at midnight of the calendar's zone.
    pub(super) fn instant(&self, zone: &TimeZone) -> Timestamp {
        match self {
            Self::Time(at, _) => *at,
            Self::Day(day) => day.to_zoned(zone.clone()).map_or(Timestamp::UNIX_EPOCH, |zoned| zoned.timestamp()),
        }
    }

    /// As an answer has it: the time in `shown`, with the zone it was given in or the calendar's.
    fn json(&self, shown: &TimeZone, calendar: &str) -> Value {
        match self {
            Self::Day(day) => json!({"date": day.to_string()}),
            Self::Time(at, zone) => {
                json!({"dateTime": rfc3339(*at, shown), "timeZone": zone.as_deref().unwrap_or(calendar)})
            }
        }
    }
}

/// A time with the offset of a zone, `Z` for UTC.
pub(super) fn rfc3339(at: Timestamp, zone: &TimeZone) -> String {
    let text = at.to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
    match text.strip_suffix("+00:00") {
        Some(plain) => format!("{plain}Z"),
        None => text,
    }
}

/// A time as `created` and `updated` have it.
pub(super) fn stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// One event, or one changed instance of a repeating event.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) id: String,
    /// What the client may write, beside times and status.
    pub(super) fields: Map<String, Value>,
    pub(super) start: When,
    pub(super) end: When,
    pub(super) status: Status,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
    /// Rises with every write to any event; the etag and sync tokens are made of it.
    pub(super) version: u64,
    pub(super) sequence: u64,
    pub(super) ical_uid: String,
    pub(super) creator: String,
    /// Of an instance: the repeating event and when this one would have begun.
    pub(super) instance_of: Option<(String, When)>,
}

/// Whether an event takes place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Confirmed,
    Tentative,
    Cancelled,
}

impl Status {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Tentative => "tentative",
            Self::Cancelled => "cancelled",
        }
    }
}

/// The fields a client may write, beside id, iCalUID, start, end, status and sequence.
const WRITABLE: &[&str] = &[
    "summary",
    "description",
    "location",
    "colorId",
    "transparency",
    "visibility",
    "recurrence",
    "attendees",
    "attendeesOmitted",
    "extendedProperties",
    "reminders",
    "source",
    "guestsCanInviteOthers",
    "guestsCanModify",
    "guestsCanSeeOtherGuests",
    "anyoneCanAddSelf",
    "eventType",
    "conferenceData",
    "attachments",
];

/// An event as a client sent it, checked.
#[derive(Clone, Debug)]
pub(super) struct Input {
    pub(super) id: Option<String>,
    pub(super) ical_uid: Option<String>,
    pub(super) fields: Map<String, Value>,
    pub(super) start: When,
    pub(super) end: When,
    pub(super) status: Status,
    pub(super) sequence: Option<u64>,
}

/// Reads and checks an event; `zone` is the calendar's.
pub(super) fn read(body: &Map<String, Value>, zone: &TimeZone) -> Result<Input, Problem> {
    let text = |key: &str| match body.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Problem::invalid(format!("Invalid value for: {key}"))),
    };
    let id = text("id")?;
    if id.as_deref().is_some_and(|id| !is_event_id(id)) {
        return Err(Problem::invalid("Invalid resource id value."));
    }
    let repeats = body.get("recurrence").and_then(Value::as_array).is_some_and(|lines| !lines.is_empty());
    let start = read_when(body.get("start"), "start", repeats)?;
    let end = read_when(body.get("end"), "end", repeats)?;
    if matches!(start, When::Day(_)) != matches!(end, When::Day(_)) {
        return Err(Problem::invalid("Start and end times must either both be date or both be dateTime."));
    }
    if end.instant(zone) <= start.instant(zone) {
        return Err(Problem::empty_range());
    }
    let status = match text("status")?.as_deref() {
        None | Some("confirmed") => Status::Confirmed,
        Some("tentative") => Status::Tentative,
        Some("cancelled") => Status::Cancelled,
        Some(other) => return Err(Problem::invalid(format!("Invalid value for: {other} is not a valid value"))),
    };
    for (key, allowed) in
        [("transparency", &["opaque", "transparent"][..]), ("visibility", &["default", "public", "private", "confidential"][..])]
    {
        if let Some(word) = text(key)?
            && !allowed.contains(&word.as_str())
        {
            return Err(Problem::invalid(format!("Invalid value for: {word} is not a valid value")));
        }
    }
    for key in ["summary", "description", "location"] {
        text(key)?;
    }
    let mut fields = Map::new();
    for key in WRITABLE {
        if let Some(value) = body.get(*key).filter(|value| !value.is_null()) {
            fields.insert((*key).to_owned(), value.clone());
        }
    }
    read_attendees(&mut fields)?;
    read_extended(&fields)?;
    Ok(Input { id, ical_uid: text("iCalUID")?, fields, start, end, status, sequence: body.get("sequence").and_then(Value::as_u64) })
}

/// The rule for ids that clients choose: base32hex in lower case, 5 to 1024 characters.
fn is_event_id(id: &str) -> bool {
    (5..=1024).contains(&id.len()) && id.bytes().all(|byte| matches!(byte, b'a'..=b'v' | b'0'..=b'9'))
}

fn read_when(value: Option<&Value>, which: &str, repeats: bool) -> Result<When, Problem> {
    let Some(value) = value.and_then(Value::as_object) else {
        return Err(Problem::required(format!("Missing {which} time.")));
    };
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    let bad = |text: &str| Problem::invalid(format!("Invalid value for: Invalid format: \"{text}\""));
    let zone = text("timeZone");
    if zone.is_some_and(|zone| TimeZone::get(zone).is_err()) {
        return Err(Problem::invalid(format!("Invalid time zone definition for {which} time.")));
    }
    match (text("date"), text("dateTime")) {
        (Some(_), Some(_)) => Err(Problem::invalid(format!("Invalid {which} time."))),
        (Some(day), None) => {
            let date: civil::Date = day.parse().map_err(|_| bad(day))?;
            if day.len() == 10 { Ok(When::Day(date)) } else { Err(bad(day)) }
        }
        (None, Some(time)) => {
            let missing = || Problem::required(format!("Missing time zone definition for {which} time."));
            if repeats && zone.is_none() {
                return Err(missing());
            }
            let kept = zone.map(str::to_owned);
            if let Ok(at) = time.parse::<Timestamp>() {
                return Ok(When::Time(at, kept));
            }
            let local: civil::DateTime = time.parse().ok().filter(|_| time.contains('T')).ok_or_else(|| bad(time))?;
            let zone = zone.and_then(|zone| TimeZone::get(zone).ok()).ok_or_else(missing)?;
            Ok(When::Time(zone.to_timestamp(local).map_err(|_| bad(time))?, kept))
        }
        (None, None) => Err(Problem::required(format!("Missing {which} time."))),
    }
}

/// Every guest needs an address, and has not answered yet.
fn read_attendees(fields: &mut Map<String, Value>) -> Result<(), Problem> {
    let Some(attendees) = fields.get_mut("attendees") else { return Ok(()) };
    let list = attendees.as_array_mut().ok_or_else(|| Problem::invalid("Invalid value for: attendees"))?;
    for attendee in list.iter_mut() {
        let email = attendee.get("email").and_then(Value::as_str).unwrap_or_default();
        if email.is_empty() {
            return Err(Problem::required("Missing attendee email."));
        }
        if !email.contains('@') {
            return Err(Problem::invalid("Invalid attendee email."));
        }
        if attendee.get("responseStatus").is_none() {
            attendee["responseStatus"] = json!("needsAction");
        }
    }
    if list.is_empty() {
        fields.remove("attendees");
    }
    Ok(())
}

fn read_extended(fields: &Map<String, Value>) -> Result<(), Problem> {
    let Some(extended) = fields.get("extendedProperties") else { return Ok(()) };
    for kind in ["private", "shared"] {
        let properties = extended.get(kind).and_then(Value::as_object);
        if properties.into_iter().flatten().any(|(_, value)| !value.is_string()) {
            return Err(Problem::invalid(format!("Invalid value for: extendedProperties.{kind}")));
        }
    }
    Ok(())
}

impl Event {
    /// The etag with its quotes.
    pub(super) fn etag(&self) -> String {
        format!("\"{}\"", 3_500_000_000_000_000 + self.version * 2_000)
    }

    /// Whether it keeps others from booking its time.
    pub(super) fn blocks(&self) -> bool {
        self.status != Status::Cancelled && self.text("transparency") != Some("transparent")
    }

    /// A field that is text.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.fields.get(key).and_then(Value::as_str)
    }

    /// The lines of its recurrence; none for a single event.
    pub(super) fn recurrence(&self) -> Vec<&str> {
        let lines = self.fields.get("recurrence").and_then(Value::as_array);
        lines.into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// Whether it has guests.
    pub(super) fn guests(&self) -> Vec<&str> {
        let list = self.fields.get("attendees").and_then(Value::as_array);
        list.into_iter().flatten().filter_map(|guest| guest.get("email")?.as_str()).collect()
    }

    /// Whether an extended property has a value.
    pub(super) fn has_extended(&self, kind: &str, key: &str, value: &str) -> bool {
        let held = self.fields.get("extendedProperties").and_then(|all| all.get(kind)?.get(key)?.as_str());
        held == Some(value)
    }

    /// What a client could send to make it again; patches are laid over this.
    pub(super) fn writable(&self) -> Map<String, Value> {
        let mut body = self.fields.clone();
        let when = |when: &When| match when {
            When::Day(day) => json!({"date": day.to_string()}),
            When::Time(at, None) => json!({"dateTime": at.to_string()}),
            When::Time(at, Some(zone)) => json!({"dateTime": at.to_string(), "timeZone": zone}),
        };
        body.insert("start".to_owned(), when(&self.start));
        body.insert("end".to_owned(), when(&self.end));
        body.insert("status".to_owned(), json!(self.status.word()));
        body
    }

    /// The resource as answered. `shown` is the zone of its times, `zone` the calendar's name for its own.
    pub(super) fn json(&self, calendar: &str, shown: &TimeZone, zone: &str) -> Value {
        let mut out = json!({
            "kind": "calendar#event",
            "etag": self.etag(),
            "id": self.id,
            "status": self.status.word(),
            "htmlLink": format!("https://www.google.com/calendar/event?eid={}", self.id),
            "created": stamp(self.created),
            "updated": stamp(self.updated),
        });
        let Some(body) = out.as_object_mut() else { return out };
        for (key, value) in &self.fields {
            // The default is not answered.
            if !(key == "transparency" && value == "opaque") {
                body.insert(key.clone(), value.clone());
            }
        }
        let own = self.creator == calendar;
        let mut creator = json!({"email": self.creator});
        if own {
            creator["self"] = json!(true);
        }
        body.insert("creator".to_owned(), creator);
        body.insert("organizer".to_owned(), json!({"email": calendar, "self": true}));
        body.insert("start".to_owned(), self.start.json(shown, zone));
        body.insert("end".to_owned(), self.end.json(shown, zone));
        if let Some((master, original)) = &self.instance_of {
            body.insert("recurringEventId".to_owned(), json!(master));
            body.insert("originalStartTime".to_owned(), original.json(shown, zone));
        }
        body.insert("iCalUID".to_owned(), json!(self.ical_uid));
        body.insert("sequence".to_owned(), json!(self.sequence));
        body.entry("reminders").or_insert_with(|| json!({"useDefault": true}));
        body.entry("eventType").or_insert_with(|| json!("default"));
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(changes: Value, expected: Result<&str, &str>) {
        let mut body = json!({
            "start": {"dateTime": "2026-11-24T09:00:00-06:00"}, "end": {"dateTime": "2026-11-24T10:00:00-06:00"},
        });
        for (key, value) in changes.as_object().expect("an object") {
            body[key] = value.clone();
        }
        let chicago = TimeZone::get("America/Chicago").expect("a known zone");
        let found = read(body.as_object().expect("an object"), &chicago);
        let found = found.map(|input| input.start.instant(&chicago).to_string()).map_err(|problem| problem.message);
        assert_eq!(found.as_deref(), expected.map_err(str::to_owned).as_deref());
    }

    #[test]
    fn ids_follow_the_rule() {
        check(json!({"id": "k4m8n0p2q6r1s3t5"}), Ok("2026-11-24T15:00:00Z"));
        for bad in ["abcd", "with-dash", "Upper1", "wxyz12"] {
            check(json!({"id": bad}), Err("Invalid resource id value."));
        }
    }

    #[test]
    fn times_are_checked() {
        let nine = json!({"dateTime": "2026-11-24T09:00:00"});
        check(json!({"start": nine}), Err("Missing time zone definition for start time."));
        let zoned = json!({"dateTime": "2026-11-24T09:00:00", "timeZone": "America/Chicago"});
        check(json!({"start": zoned}), Ok("2026-11-24T15:00:00Z"));
        let nowhere = json!({"dateTime": "2026-11-24T09:00:00", "timeZone": "Nowhere/Land"});
        check(json!({"start": nowhere}), Err("Invalid time zone definition for start time."));
        check(json!({"end": null}), Err("Missing end time."));
        check(json!({"end": {"dateTime": "2026-11-24T15:00:00Z"}}), Err("The specified time range is empty."));
        check(json!({"end": {"date": "2026-11-25"}}), Err("Start and end times must either both be date or both be dateTime."));
        check(json!({"start": {"date": "2026-11-24"}, "end": {"date": "2026-11-25"}}), Ok("2026-11-24T06:00:00Z"));
        check(json!({"attendees": [{}]}), Err("Missing attendee email."));
    }
}
