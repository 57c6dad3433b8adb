//! How one value of a payload is read: numbers from text, units, times, transcripts.
//!
//! Every function is total: a value that cannot be read gives `None`, and the caller decides where it goes instead.

use aftercall_config::decl::ParseDecl;
use aftercall_config::functions::{self, present, text};
use jiff::fmt::rfc2822;
use jiff::fmt::temporal::{Pieces, PiecesOffset};
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, civil};
use serde_json::{Number, Value};

/// Reads a value as the source declares it. `zone` is meant by times without an offset.
pub(super) fn parse(how: ParseDecl, value: &Value, zone: &TimeZone) -> Option<Value> {
    match how {
        ParseDecl::Number => number(value).and_then(rounded),
        ParseDecl::Milliseconds => number(value).and_then(|n| rounded(n / 1000.0)),
        ParseDecl::Minutes => number(value).and_then(|n| rounded(n * 60.0)),
        ParseDecl::Time => time(value, zone).map(Value::String),
        ParseDecl::Boolean => boolean(value).map(Value::Bool),
        ParseDecl::Transcript => transcript(value).map(Value::String),
    }
}

/// A number, also from text.
pub(super) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
    .filter(|n: &f64| n.is_finite())
}

/// As a JSON number, whole where it is whole, with at most three digits behind the point: no clock of a platform is finer.
fn rounded(number: f64) -> Option<Value> {
    let thousandths = (number * 1000.0).round();
    if thousandths.abs() < 9e15 {
        #[expect(clippy::cast_possible_truncation, reason = "whole, and below 2^53 by the line above")]
        let whole = thousandths as i64;
        return if whole % 1000 == 0 { Some(Value::from(whole / 1000)) } else { Number::from_f64(thousandths / 1000.0).map(Value::Number) };
    }
    Number::from_f64(number).map(Value::Number)
}

/// Whether there is anything in a value: an empty list and an empty group say nothing.
pub(super) fn says_something(value: &Value) -> bool {
    match value {
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        value => present(value),
    }
}

/// A boolean, also from text and from 0 and 1.
pub(super) fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::Number(number) => match number.as_f64() {
            Some(0.0) => Some(false),
            Some(1.0) => Some(true),
            _ => None,
        },
        Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "y" | "1" => Some(true),
            "false" | "no" | "n" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// A moment or a day, as far as text says.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum When {
    /// A moment as ISO 8601, with the offset that it came with, or `Z`.
    Moment(String),
    /// A time of the clock somewhere.
    Clock(civil::DateTime),
    /// A day without a time.
    Day(civil::Date),
}

/// Reads a time: ISO 8601 in its usual variants, the form of e-mail headers, or seconds or milliseconds since 1970.
pub(super) fn when(value: &Value) -> Option<When> {
    let Value::String(text) = value else {
        return functions::timestamp(value).map(|t| When::Moment(t.to_string()));
    };
    let text = text.trim();
    if let Some(number) = text.parse::<f64>().ok().filter(|n| n.abs() >= 1e8) {
        return functions::timestamp(&Number::from_f64(number).map(Value::Number)?).map(|t| When::Moment(t.to_string()));
    }
    let Ok(pieces) = Pieces::parse(text) else {
        let zoned = rfc2822::parse(text).ok()?;
        return Some(When::Moment(with_offset(zoned.timestamp(), zoned.offset())));
    };
    let Some(time) = pieces.time() else { return Some(When::Day(pieces.date())) };
    let clock = pieces.date().to_datetime(time);
    let moment = match (pieces.offset(), pieces.time_zone_annotation()) {
        (Some(PiecesOffset::Numeric(offset)), _) => {
            let offset = offset.offset();
            with_offset(offset.to_timestamp(clock).ok()?, offset)
        }
        (Some(_), _) => Offset::UTC.to_timestamp(clock).ok()?.to_string(),
        (None, Some(annotation)) => {
            let zoned = annotation.to_time_zone().ok()?.to_zoned(clock).ok()?;
            with_offset(zoned.timestamp(), zoned.offset())
        }
        (None, None) => return Some(When::Clock(clock)),
    };
    Some(When::Moment(moment))
}

/// A time as ISO 8601 with offset. One without an offset is meant in `zone`; a day without a time gives nothing.
pub(super) fn time(value: &Value, zone: &TimeZone) -> Option<String> {
    match when(value)? {
        When::Moment(text) => Some(text),
        When::Clock(clock) => in_zone(clock, zone),
        When::Day(_) => None,
    }
}

/// The time by which something is due: as [`time`], and a day without a time means the end of that day.
pub(super) fn deadline(value: &Value, zone: &TimeZone) -> Option<String> {
    match when(value)? {
        When::Day(day) => in_zone(day.at(23, 59, 59, 0), zone),
        _ => time(value, zone),
    }
}

fn in_zone(clock: civil::DateTime, zone: &TimeZone) -> Option<String> {
    let zoned = zone.to_zoned(clock).ok()?;
    Some(with_offset(zoned.timestamp(), zoned.offset()))
}

fn with_offset(moment: Timestamp, offset: Offset) -> String {
    if offset == Offset::UTC { moment.to_string() } else { moment.display_with_offset(offset).to_string() }
}

/// What was said, as lines `who: what`. A text stays as it is but for space around its lines; turns without words (tool calls) are left out.
pub(super) fn transcript(value: &Value) -> Option<String> {
    let turns = match value {
        Value::String(text) => {
            let lines: Vec<&str> = text.trim().lines().map(str::trim).collect();
            return Some(lines.join("\n")).filter(|t| !t.is_empty());
        }
        Value::Array(turns) => turns,
        _ => return None,
    };
    let word =
        |turn: &Value, names: &[&str]| names.iter().find_map(|name| turn.get(name).filter(|v| v.is_string() && present(v)).map(text));
    let mut out = String::new();
    for turn in turns {
        let said = match turn {
            Value::String(said) => Some(said.clone()),
            turn => word(turn, &["message", "content", "text"]),
        };
        let Some(said) = said.map(|s| s.trim().to_owned()).filter(|s| !s.is_empty()) else { continue };
        if !out.is_empty() {
            out.push('\n');
        }
        if let Some(role) = word(turn, &["role", "speaker", "user"]) {
            out.push_str(&role);
            out.push_str(": ");
        }
        out.push_str(&said);
    }
    Some(out).filter(|t| !t.is_empty())
}

/// Text that people may be shown: control characters are dropped but for line breaks and tabs, and so are the characters
/// that turn the direction of writing, with which what a caller said could be made to read as something else.
pub(super) fn clean(text: &str) -> String {
    let unwanted =
        |c: char| (c.is_control() && c != '\n' && c != '\t') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    if text.contains(unwanted) { text.chars().filter(|c| !unwanted(*c)).collect() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(how: ParseDecl, value: Value, expected: Value) {
        let zone = TimeZone::get("America/Chicago").expect("bundled");
        assert_eq!(parse(how, &value, &zone).unwrap_or(Value::Null), expected, "{how:?} of {value}");
    }

    #[test]
    fn numbers_and_units() {
        check(ParseDecl::Number, json!(" 253 "), json!(253));
        check(ParseDecl::Number, json!(4.22), json!(4.22));
        check(ParseDecl::Number, json!("four"), json!(null));
        check(ParseDecl::Number, json!("inf"), json!(null));
        check(ParseDecl::Number, json!({"a": 1}), json!(null));
        check(ParseDecl::Milliseconds, json!(253_000), json!(253));
        check(ParseDecl::Milliseconds, json!("253140"), json!(253.14));
        check(ParseDecl::Minutes, json!(4.22), json!(253.2));
        check(ParseDecl::Minutes, json!(1e300), json!(6e301));
        check(ParseDecl::Minutes, json!(1.7e308), json!(null));
    }

    #[test]
    fn booleans() {
        check(ParseDecl::Boolean, json!("Yes"), json!(true));
        check(ParseDecl::Boolean, json!("false"), json!(false));
        check(ParseDecl::Boolean, json!(0), json!(false));
        check(ParseDecl::Boolean, json!("perhaps"), json!(null));
    }

    #[test]
    fn times_keep_their_offset() {
        check(ParseDecl::Time, json!("2026-11-24T09:00:00-08:00"), json!("2026-11-24T09:00:00-08:00"));
        check(ParseDecl::Time, json!("2026-11-24T09:00:00.250-0800"), json!("2026-11-24T09:00:00.25-08:00"));
        check(ParseDecl::Time, json!("2026-11-24T09:00-08"), json!("2026-11-24T09:00:00-08:00"));
        check(ParseDecl::Time, json!("2026-11-20T17:02:11.000Z"), json!("2026-11-20T17:02:11Z"));
        check(ParseDecl::Time, json!("2026-11-24T09:00:00-08:00[America/Los_Angeles]"), json!("2026-11-24T09:00:00-08:00"));
        check(ParseDecl::Time, json!("2026-11-24T09:00:00[America/Los_Angeles]"), json!("2026-11-24T09:00:00-08:00"));
        check(ParseDecl::Time, json!("Fri, 20 Nov 2026 19:15:31 +0000"), json!("2026-11-20T19:15:31Z"));
        check(ParseDecl::Time, json!(1_795_194_131), json!("2026-11-20T17:02:11Z"));
        check(ParseDecl::Time, json!("1795194131200"), json!("2026-11-20T17:02:11.2Z"));
    }

    #[test]
    fn times_without_offset_are_local() {
        check(ParseDecl::Time, json!("2026-11-24 09:00"), json!("2026-11-24T09:00:00-06:00"));
        check(ParseDecl::Time, json!("2026-07-24T09:00:00"), json!("2026-07-24T09:00:00-05:00"));
        // The hour that does not exist when summer time begins.
        check(ParseDecl::Time, json!("2026-03-08T02:30:00"), json!("2026-03-08T03:30:00-05:00"));
        check(ParseDecl::Time, json!("2026-11-24"), json!(null));
        check(ParseDecl::Time, json!("next Tuesday"), json!(null));
        check(ParseDecl::Time, json!("20261124"), json!(null));
        check(ParseDecl::Time, json!(1e300), json!(null));
        check(ParseDecl::Time, json!("9999-12-31T23:59:59-12:00"), json!(null));
        let zone = TimeZone::get("America/Chicago").expect("bundled");
        assert_eq!(deadline(&json!("2026-11-24"), &zone).as_deref(), Some("2026-11-24T23:59:59-06:00"));
    }

    #[test]
    fn transcripts() {
        check(ParseDecl::Transcript, json!(" User: Hi \n Agent: Hello"), json!("User: Hi\nAgent: Hello"));
        check(
            ParseDecl::Transcript,
            json!([{"role": "agent", "message": "Hello "}, {"role": "agent", "message": null}, {"role": "user", "content": "Hi"}, "well", 5]),
            json!("agent: Hello\nuser: Hi\nwell"),
        );
        check(ParseDecl::Transcript, json!([]), json!(null));
    }

    #[test]
    fn cleaning() {
        assert_eq!(clean("a\u{0}b\r\nc\u{202e}d\te"), "ab\ncd\te");
    }
}
