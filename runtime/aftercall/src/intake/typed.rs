//! From a tree of mapped values to a [`CallOutcome`]: each value into its type, and nothing lost on the way.
//!
//! A value that does not fit its field is converted where the meaning is plain (a number to text); otherwise it moves to
//! `captured` under a name of its own, with a note that names the field and never the value. Not for the source's words:
//! what has to be translated is translated before.

use aftercall_config::call::{Appointment, CallOutcome, Caller, Direction, FollowUp, Recording};
use aftercall_config::functions;
use indexmap::IndexMap;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::read;

/// Longest id that we take: ids of platforms have below 100 characters, and each of ours is a key in the journal.
const LONGEST_ID: usize = 200;

/// Deepest nesting of a captured value. An outcome is read again from the journal, and JSON readers stop at 128 levels.
const DEEPEST: usize = 32;

/// Notes that are passed on; there can be one per key of a payload.
const MOST_NOTES: usize = 20;

/// Fits a tree into a call outcome. `aside` is what could not be read on the way, by its name under `captured`; `zone` is meant
/// by times that name none.
///
/// Gives the outcome and notes on what did not fit. Errors: why it is not a call, as a sentence without its values.
pub(super) fn outcome(
    tree: Map<String, Value>,
    aside: Vec<(String, Value)>,
    source: &str,
    zone: &TimeZone,
) -> Result<(CallOutcome, Vec<String>), String> {
    let mut from = Reader { tree, captured: IndexMap::new(), notes: Vec::new() };
    let id = from.id()?;
    from.collect_captured();
    for (name, value) in aside {
        from.keep(name, value);
    }
    for (group, field) in [("appointment", "start"), ("recording", "url"), ("follow_up", "reason")] {
        from.unfold(group, field);
    }
    let direction = from.direction();
    let started_at = from.time("started_at", &TimeZone::UTC);
    let ended_at = from.time("ended_at", &TimeZone::UTC);
    let duration_s = from.seconds("duration_s");
    let mut outcome = CallOutcome {
        id,
        source: source.to_owned(),
        direction,
        started_at,
        ended_at,
        duration_s,
        line: from.text("line"),
        outcome: from.text("outcome"),
        summary: from.text("summary"),
        caller: Caller {
            phone: from.text("caller.phone"),
            callback_phone: from.text("caller.callback_phone"),
            email: from.text("caller.email"),
            name: from.text("caller.name"),
            first_name: from.text("caller.first_name"),
            last_name: from.text("caller.last_name"),
            company: from.text("caller.company"),
            caller_id_name: from.text("caller.caller_id_name"),
        },
        captured: IndexMap::new(),
        appointment: from.appointment(zone),
        follow_up: from.follow_up(zone),
        recording: from.recording(),
        transcript: from.transcript(),
        ended_reason: from.text("ended_reason"),
        sentiment: from.text("sentiment"),
        carrier_id: from.text("carrier_id"),
        tags: from.tags(),
    };
    from.tree.shift_remove("source");
    from.leftovers();
    outcome.captured = from.captured;
    complete(&mut outcome);
    let more = from.notes.len().saturating_sub(MOST_NOTES);
    if more > 0 {
        from.notes.truncate(MOST_NOTES);
        from.notes.push(format!("{more} more values did not fit"));
    }
    Ok((outcome, from.notes))
}

/// Fills in what follows from the other values: the length from the two times, the end from beginning and length.
fn complete(outcome: &mut CallOutcome) {
    let moment = |text: &Option<String>| text.as_ref().and_then(|t| t.parse::<Timestamp>().ok());
    match (moment(&outcome.started_at), moment(&outcome.ended_at), outcome.duration_s) {
        (Some(start), Some(end), None) if end >= start => outcome.duration_s = Some(end.duration_since(start).as_secs_f64()),
        (Some(start), None, Some(seconds)) => {
            let length = SignedDuration::try_from_secs_f64(seconds).ok();
            outcome.ended_at = length.and_then(|length| start.checked_add(length).ok()).map(|end| end.to_string());
        }
        _ => {}
    }
}

/// Takes values out of the tree, one by one; what is left at the end had no place.
struct Reader {
    tree: Map<String, Value>,
    captured: IndexMap<String, Value>,
    notes: Vec<String>,
}

impl Reader {
    /// Takes the value at a path of one or two names.
    fn take(&mut self, path: &str) -> Option<Value> {
        let value = match path.split_once('.') {
            None => self.tree.shift_remove(path),
            Some((group, name)) => self.tree.get_mut(group).and_then(Value::as_object_mut)?.shift_remove(name),
        };
        value.filter(read::says_something)
    }

    /// Keeps a value that does not fit where it was meant to go.
    fn misfit(&mut self, path: &str, value: Value, why: &str) {
        let name = path.replace('.', "_");
        self.notes.push(format!("`{path}` {why}; it is kept as `captured.{name}`"));
        self.keep(name, value);
    }

    fn keep(&mut self, name: String, value: Value) {
        let mut too_deep = false;
        if let Some(value) = meaningful(value, 1, &mut too_deep) {
            if too_deep {
                self.notes.push(format!("`captured.{name}` is nested deeper than {DEEPEST} levels; what is deeper is left out"));
            }
            self.captured.entry(name).or_insert(value);
        }
    }

    fn id(&mut self) -> Result<String, String> {
        let id = match self.take("id") {
            Some(Value::String(id)) => id.trim().to_owned(),
            Some(number @ Value::Number(_)) => functions::text(&number),
            Some(_) => return Err("`id` is neither text nor a number".to_owned()),
            None => String::new(),
        };
        match id.chars().count() {
            0 => Err("`id` is empty".to_owned()),
            n if n > LONGEST_ID => Err(format!("`id` has {n} characters; at most {LONGEST_ID} are taken")),
            // Dropping such characters could make one id of two.
            _ if id.chars().any(char::is_control) => Err("`id` has control characters in it".to_owned()),
            _ => Ok(id),
        }
    }

    fn collect_captured(&mut self) {
        match self.take("captured") {
            Some(Value::Object(fields)) => {
                for (name, value) in fields {
                    self.keep(read::clean(&name), value);
                }
            }
            Some(value) => self.keep("value".to_owned(), value),
            None => {}
        }
    }

    /// A group that was given as its one main value: `appointment = "2026-11-24T09:00:00-06:00"`.
    fn unfold(&mut self, group: &str, field: &str) {
        if let Some(value) = self.tree.get_mut(group)
            && value.is_string()
        {
            let inner = value.take();
            *value = Value::Object(std::iter::once((field.to_owned(), inner)).collect());
        }
    }

    fn text(&mut self, path: &str) -> Option<String> {
        let value = self.take(path)?;
        let plain = match &value {
            Value::Object(_) => false,
            Value::Array(items) => items.iter().all(|item| !item.is_object() && !item.is_array()),
            _ => true,
        };
        if !plain {
            self.misfit(path, value, "is no text");
            return None;
        }
        Some(read::clean(functions::text(&value).trim())).filter(|text| !text.is_empty())
    }

    fn time(&mut self, path: &str, zone: &TimeZone) -> Option<String> {
        let value = self.take(path)?;
        let read = read::time(&value, zone);
        if read.is_none() {
            self.misfit(path, value, "is no time");
        }
        read
    }

    fn seconds(&mut self, path: &str) -> Option<f64> {
        let value = self.take(path)?;
        let read = read::number(&value).filter(|n| *n >= 0.0);
        if read.is_none() {
            self.misfit(path, value, "is no number of seconds");
        }
        read
    }

    fn direction(&mut self) -> Direction {
        let Some(word) = self.text("direction") else { return Direction::default() };
        match word.to_ascii_lowercase().as_str() {
            "inbound" => Direction::Inbound,
            "outbound" => Direction::Outbound,
            _ => {
                self.misfit("direction", Value::String(word), "is neither `inbound` nor `outbound`");
                Direction::default()
            }
        }
    }

    fn appointment(&mut self, zone: &TimeZone) -> Option<Appointment> {
        let timezone = self.text("appointment.timezone");
        let own_zone = timezone.as_deref().and_then(|name| TimeZone::get(name).ok());
        let timezone = match (&own_zone, timezone) {
            (None, Some(name)) => {
                self.misfit("appointment.timezone", Value::String(name), "is no IANA time zone");
                None
            }
            (_, timezone) => timezone,
        };
        let zone = own_zone.as_ref().unwrap_or(zone);
        // Without a start there is no appointment; what else was said about one is left over, and kept as such.
        let Some(start) = self.time("appointment.start", zone) else {
            if let Some(timezone) = timezone {
                self.keep("appointment_timezone".to_owned(), Value::String(timezone));
            }
            return None;
        };
        let end = self.time("appointment.end", zone).and_then(|end| match (start.parse::<Timestamp>(), end.parse::<Timestamp>()) {
            (Ok(from), Ok(to)) if to <= from => {
                self.misfit("appointment.end", Value::String(end), "is not after its start");
                None
            }
            _ => Some(end),
        });
        Some(Appointment {
            start,
            end,
            timezone,
            service: self.text("appointment.service"),
            location: self.text("appointment.location"),
            notes: self.text("appointment.notes"),
        })
    }

    fn follow_up(&mut self, zone: &TimeZone) -> Option<FollowUp> {
        let due = self.take("follow_up.due").and_then(|value| {
            let read = read::deadline(&value, zone);
            if read.is_none() {
                self.misfit("follow_up.due", value, "is no time");
            }
            read
        });
        let priority = self.text("follow_up.priority").and_then(|word| match word.to_ascii_lowercase().as_str() {
            known @ ("high" | "normal" | "low") => Some(known.to_owned()),
            _ => {
                self.misfit("follow_up.priority", Value::String(word), "is none of `high`, `normal` and `low`");
                None
            }
        });
        let follow_up = FollowUp { reason: self.text("follow_up.reason"), due, priority, owner: self.text("follow_up.owner") };
        (follow_up != FollowUp::default()).then_some(follow_up)
    }

    fn recording(&mut self) -> Option<Recording> {
        let url = self.text("recording.url")?;
        // People click on it: nothing but a web address goes in.
        if url.starts_with("https://") || url.starts_with("http://") {
            return Some(Recording { url });
        }
        self.misfit("recording.url", Value::String(url), "is no web address");
        None
    }

    fn transcript(&mut self) -> Option<String> {
        let value = self.take("transcript")?;
        let read = read::transcript(&value).map(|text| read::clean(text.trim()));
        if read.is_none() {
            self.misfit("transcript", value, "is neither text nor a list of turns");
        }
        read
    }

    fn tags(&mut self) -> Vec<String> {
        let tags: Vec<String> = match self.take("tags") {
            Some(Value::Array(items)) if items.iter().all(|i| !i.is_object() && !i.is_array()) => {
                items.iter().map(functions::text).collect()
            }
            Some(Value::String(text)) => text.split(',').map(str::to_owned).collect(),
            Some(value) => {
                self.misfit("tags", value, "is no list of words");
                Vec::new()
            }
            None => Vec::new(),
        };
        tags.iter().map(|tag| read::clean(tag.trim())).filter(|tag| !tag.is_empty()).collect()
    }

    /// Keeps what no field took.
    fn leftovers(&mut self) {
        for (group, value) in std::mem::take(&mut self.tree) {
            match value {
                Value::Object(fields) if matches!(group.as_str(), "caller" | "appointment" | "follow_up" | "recording") => {
                    for (name, value) in fields.into_iter().filter(|(_, value)| read::says_something(value)) {
                        let path = format!("{group}.{}", read::clean(&name));
                        let known = matches!(name.as_str(), "start" | "end" | "timezone" | "service" | "location" | "notes");
                        let why =
                            if group == "appointment" && known { "belongs to no appointment" } else { "is no field of a call outcome" };
                        self.misfit(&path, value, why);
                    }
                }
                value if read::says_something(&value) => self.misfit(&read::clean(&group), value, "is no field of a call outcome"),
                _ => {}
            }
        }
    }
}

/// A captured value without control characters; nothing where there is nothing in it.
fn meaningful(value: Value, level: usize, too_deep: &mut bool) -> Option<Value> {
    match value {
        Value::String(text) => Some(read::clean(text.trim())).filter(|t| !t.is_empty()).map(Value::String),
        Value::Array(_) | Value::Object(_) if level > DEEPEST => {
            *too_deep = true;
            None
        }
        Value::Array(items) => {
            let items: Vec<Value> = items.into_iter().filter_map(|item| meaningful(item, level + 1, too_deep)).collect();
            (!items.is_empty()).then_some(Value::Array(items))
        }
        Value::Object(fields) => {
            let fields = fields.into_iter().filter_map(|(k, v)| Some((read::clean(&k), meaningful(v, level + 1, too_deep)?)));
            let fields: Map<String, Value> = fields.collect();
            (!fields.is_empty()).then_some(Value::Object(fields))
        }
        Value::Null => None,
        plain => Some(plain),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fit(tree: Value) -> Result<(Value, Vec<String>), String> {
        let Value::Object(tree) = tree else { panic!("an object") };
        let zone = TimeZone::get("America/Chicago").expect("bundled");
        outcome(tree, Vec::new(), "desk", &zone).map(|(outcome, notes)| (serde_json::to_value(outcome).expect("JSON"), notes))
    }

    /// Checks the fields that `expected` names.
    #[track_caller]
    fn check(tree: Value, expected: Value) -> Vec<String> {
        let (found, notes) = fit(tree).expect("a call");
        for (name, value) in expected.as_object().expect("an object") {
            assert_eq!(found.get(name).unwrap_or(&Value::Null), value, "{name}; notes: {notes:?}");
        }
        notes
    }

    #[test]
    fn ids() {
        assert_eq!(check(json!({"id": 17}), json!({"id": "17", "source": "desk", "direction": "inbound"})), [""; 0]);
        assert_eq!(fit(json!({"id": " "})), Err("`id` is empty".to_owned()));
        assert_eq!(fit(json!({"id": {"a": 1}})), Err("`id` is neither text nor a number".to_owned()));
        assert_eq!(fit(json!({"id": "a\u{7}b"})), Err("`id` has control characters in it".to_owned()));
        assert_eq!(fit(json!({"id": "x".repeat(201)})), Err("`id` has 201 characters; at most 200 are taken".to_owned()));
    }

    #[test]
    fn values_of_another_shape_are_converted_or_kept_aside() {
        let tree = json!({"id": "1", "caller": {"phone": 15_125_550_142_u64, "name": {"first": "Ada"}, "shoe_size": 9},
            "duration_s": "12.5", "sentiment": true, "direction": "sideways", "sumary": "typo", "tags": "vip, , new"});
        let notes = check(
            tree,
            json!({"caller": {"phone": "15125550142"}, "duration_s": 12.5, "sentiment": "true", "direction": "inbound", "tags": ["vip", "new"],
                "captured": {"direction": "sideways", "caller_name": {"first": "Ada"}, "caller_shoe_size": 9, "sumary": "typo"}}),
        );
        assert_eq!(
            notes,
            [
                "`direction` is neither `inbound` nor `outbound`; it is kept as `captured.direction`",
                "`caller.name` is no text; it is kept as `captured.caller_name`",
                "`caller.shoe_size` is no field of a call outcome; it is kept as `captured.caller_shoe_size`",
                "`sumary` is no field of a call outcome; it is kept as `captured.sumary`",
            ]
        );
    }

    #[test]
    fn an_appointment_needs_a_start() {
        check(
            json!({"id": "1", "appointment": {"start": "2026-12-01T09:00", "end": "2026-12-01 10:00", "service": "cleaning"}}),
            json!({"appointment": {"start": "2026-12-01T09:00:00-06:00", "end": "2026-12-01T10:00:00-06:00", "service": "cleaning"}}),
        );
        check(
            json!({"id": "1", "appointment": {"start": "2026-12-01T09:00", "timezone": "America/Denver"}}),
            json!({"appointment": {"start": "2026-12-01T09:00:00-07:00", "timezone": "America/Denver"}}),
        );
        check(json!({"id": "1", "appointment": "2026-12-01T15:00:00Z"}), json!({"appointment": {"start": "2026-12-01T15:00:00Z"}}));
        let notes = check(
            json!({"id": "1", "appointment": {"start": "some Tuesday", "service": "cleaning", "timezone": "America/Denver", "end": ""}}),
            json!({"appointment": null,
                "captured": {"appointment_start": "some Tuesday", "appointment_timezone": "America/Denver", "appointment_service": "cleaning"}}),
        );
        assert_eq!(notes.len(), 2, "{notes:?}");
        check(
            json!({"id": "1", "appointment": {"start": "2026-12-01T09:00:00Z", "end": "2026-12-01T09:00:00Z", "timezone": "Central"}}),
            json!({"appointment": {"start": "2026-12-01T09:00:00Z"},
                "captured": {"appointment_timezone": "Central", "appointment_end": "2026-12-01T09:00:00Z"}}),
        );
    }

    #[test]
    fn an_empty_follow_up_is_none() {
        check(json!({"id": "1", "follow_up": {"reason": " ", "due": null}}), json!({"follow_up": null, "captured": null}));
        check(
            json!({"id": "1", "follow_up": {"due": "2026-11-24", "priority": "HIGH"}}),
            json!({"follow_up": {"due": "2026-11-24T23:59:59-06:00", "priority": "high"}}),
        );
        check(
            json!({"id": "1", "follow_up": {"priority": "asap"}}),
            json!({"follow_up": null, "captured": {"follow_up_priority": "asap"}}),
        );
    }

    #[test]
    fn lengths_and_ends_follow_from_each_other() {
        check(json!({"id": "1", "started_at": 1_795_194_131, "ended_at": "2026-11-20T17:06:24.500Z"}), json!({"duration_s": 253.5}));
        check(
            json!({"id": "1", "started_at": "2026-11-20T11:02:11-06:00", "duration_s": 253}),
            json!({"ended_at": "2026-11-20T17:06:24Z"}),
        );
        check(json!({"id": "1", "started_at": 1_795_194_131, "ended_at": 1_795_194_130}), json!({"duration_s": null}));
        check(json!({"id": "1", "started_at": 1_795_194_131, "duration_s": 1e300}), json!({"ended_at": null}));
        check(json!({"id": "1", "duration_s": -1}), json!({"duration_s": null, "captured": {"duration_s": -1}}));
    }

    #[test]
    fn what_people_click_on_is_a_web_address() {
        check(
            json!({"id": "1", "recording": {"url": "javascript:alert(1)"}}),
            json!({"recording": null, "captured": {"recording_url": "javascript:alert(1)"}}),
        );
        check(json!({"id": "1", "recording": "https://x.example/a"}), json!({"recording": {"url": "https://x.example/a"}}));
    }

    #[test]
    fn captured_values_are_cleaned() {
        check(
            json!({"id": "1", "captured": {"a": "\u{202e}x\u{0}", "b": null, "c": {"d": ""}, "e": [null, 1], "f": {}}}),
            json!({"captured": {"a": "x", "e": [1]}}),
        );
    }

    #[test]
    fn what_is_too_deep_or_too_much_is_cut() {
        let deep = |levels: usize| (0..levels).fold(json!({"end": 1}), |inside, _| json!([{"a": 1}, inside]));
        let (found, notes) = fit(json!({"id": "1", "captured": {"deep": deep(120), "flat": deep(30)}})).expect("a call");
        assert_eq!(notes, ["`captured.deep` is nested deeper than 32 levels; what is deeper is left out"]);
        assert_eq!(found["captured"]["flat"], deep(30));
        let text = found.to_string();
        assert!(serde_json::from_str::<CallOutcome>(&text).is_ok());
        let caller: Map<String, Value> = (0..100).map(|n| (format!("x{n}"), json!(n))).collect();
        let (_, notes) = fit(json!({"id": "1", "caller": caller})).expect("a call");
        assert_eq!((notes.len(), notes[20].as_str()), (21, "80 more values did not fit"));
    }
}
