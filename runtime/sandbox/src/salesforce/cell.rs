//! Values as they are stored: from JSON, to JSON, and in the order of the vendor.
//!
//! Not for rules about a value (required, unique, length): those are `save`.

use std::cmp::Ordering;

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde_json::Value;

use super::{id::Id, schema::Kind};

/// One value that is not null.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    Text(Box<str>),
    Bool(bool),
    Int(i64),
    Number(f64),
    Date(Date),
    /// Seconds since 1970 UTC: the vendor drops fractions.
    Time(i64),
    Id(Id),
}

impl Cell {
    /// As the vendor's JSON has it.
    pub(crate) fn to_json(&self) -> Value {
        match self {
            Self::Text(text) => Value::from(&**text),
            Self::Bool(value) => Value::Bool(*value),
            Self::Int(value) => Value::from(*value),
            Self::Number(value) => Value::from(*value),
            Self::Date(date) => Value::String(date.to_string()),
            Self::Time(seconds) => Value::String(time_text(*seconds)),
            Self::Id(id) => Value::String(id.to_string()),
        }
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn as_id(&self) -> Option<Id> {
        match self {
            Self::Id(id) => Some(*id),
            _ => None,
        }
    }

    pub(crate) fn as_time(&self) -> Option<i64> {
        match self {
            Self::Time(seconds) => Some(*seconds),
            _ => None,
        }
    }

    pub(crate) fn as_date(&self) -> Option<Date> {
        match self {
            Self::Date(date) => Some(*date),
            _ => None,
        }
    }

    pub(crate) fn as_number(&self) -> Option<f64> {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "the vendor's own numbers are doubles")]
            Self::Int(value) => Some(*value as f64),
            Self::Number(value) => Some(*value),
            _ => None,
        }
    }

    /// The vendor's order: text without regard to case. `None` when the types do not compare.
    pub(crate) fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => Some(compare_text(a, b)),
            (Self::Bool(a), Self::Bool(b)) => Some(a.cmp(b)),
            (Self::Date(a), Self::Date(b)) => Some(a.cmp(b)),
            (Self::Time(a), Self::Time(b)) => Some(a.cmp(b)),
            (Self::Id(a), Self::Id(b)) => Some(a.cmp(b)),
            (a, b) => a.as_number()?.partial_cmp(&b.as_number()?),
        }
    }
}

fn compare_text(a: &str, b: &str) -> Ordering {
    if a.is_ascii() && b.is_ascii() {
        let bytes = a.bytes().map(|byte| byte.to_ascii_lowercase());
        return bytes.cmp(b.bytes().map(|byte| byte.to_ascii_lowercase()));
    }
    a.to_lowercase().cmp(&b.to_lowercase())
}

/// `2026-11-22T16:00:00.000+0000`.
pub(crate) fn time_text(seconds: i64) -> String {
    let time = Timestamp::from_second(seconds).unwrap_or_default();
    let time = TimeZone::UTC.to_datetime(time);
    format!("{}T{:02}:{:02}:{:02}.000+0000", time.date(), time.hour(), time.minute(), time.second())
}

/// A date as the vendor reads it: `2026-11-22`.
pub(crate) fn parse_date(text: &str) -> Option<Date> {
    (text.len() == 10).then(|| text.parse().ok()).flatten()
}

/// A time as the vendor reads it: date, `T`, time, and an offset that must be there, with or without colon.
pub(crate) fn parse_time(text: &str) -> Option<i64> {
    if text.as_bytes().get(10) != Some(&b'T') {
        return None;
    }
    let bytes = text.as_bytes();
    // `+0000`, which RFC 3339 spells `+00:00`.
    let bare = bytes.len() > 20 && matches!(bytes[bytes.len() - 5], b'+' | b'-') && bytes[bytes.len() - 4..].iter().all(u8::is_ascii_digit);
    let time: Timestamp = if bare {
        let (front, minutes) = text.split_at(text.len() - 2);
        format!("{front}:{minutes}").parse().ok()?
    } else {
        text.parse().ok()?
    };
    // Towards the past, as truncation of the written second does.
    Some(time.as_millisecond().div_euclid(1_000))
}

/// The day of a time, in UTC: the org's time zone here.
pub(crate) fn day(seconds: i64) -> Date {
    TimeZone::UTC.to_datetime(Timestamp::from_second(seconds).unwrap_or_default()).date()
}

/// The first second of a day in UTC.
pub(crate) fn start_of_day(date: Date) -> i64 {
    TimeZone::UTC.to_timestamp(date.to_datetime(jiff::civil::Time::midnight())).map_or(0, Timestamp::as_second)
}

/// Why a JSON value does not fit a field.
#[derive(Debug, PartialEq)]
pub(crate) enum Misfit {
    /// The wrong JSON type, or text that is not of the field's form; holds the vendor's words for it.
    Json(String),
    /// Not an id at all.
    MalformedId,
}

/// Reads a value for a field of this type; `None` for null and for empty text, which the vendor stores as null.
pub(crate) fn read(kind: Kind, value: &Value) -> Result<Option<Cell>, Misfit> {
    let misfit = || {
        let token = match value {
            Value::String(text) => format!("VALUE_STRING value {text}"),
            Value::Bool(true) => "VALUE_TRUE value true".to_owned(),
            Value::Bool(false) => "VALUE_FALSE value false".to_owned(),
            Value::Number(number) if number.is_f64() => format!("VALUE_NUMBER_FLOAT value {number}"),
            Value::Number(number) => format!("VALUE_NUMBER_INT value {number}"),
            Value::Array(_) => "START_ARRAY value [".to_owned(),
            Value::Object(_) => "START_OBJECT value {".to_owned(),
            Value::Null => "VALUE_NULL".to_owned(),
        };
        Misfit::Json(format!(
            "Cannot deserialize instance of {} from {token} or request may be missing a required field at \
             [line:1, column:1]",
            kind.name()
        ))
    };
    let text = || value.as_str().ok_or_else(misfit);
    let cell = match kind {
        _ if value.is_null() => return Ok(None),
        kind if kind.is_text() => match text()?.trim() {
            "" => return Ok(None),
            text => Cell::Text(text.into()),
        },
        Kind::Boolean => Cell::Bool(value.as_bool().ok_or_else(misfit)?),
        Kind::Int => match value.as_i64() {
            Some(number) if i32::try_from(number).is_ok() => Cell::Int(number),
            _ => return Err(misfit()),
        },
        Kind::Double | Kind::Currency | Kind::Percent => Cell::Number(value.as_f64().ok_or_else(misfit)?),
        Kind::Date => match text()? {
            "" => return Ok(None),
            text => Cell::Date(parse_date(text).ok_or_else(misfit)?),
        },
        Kind::DateTime => match text()? {
            "" => return Ok(None),
            text => Cell::Time(parse_time(text).ok_or_else(misfit)?),
        },
        _ => match text()? {
            "" => return Ok(None),
            text => Cell::Id(Id::parse(text).ok_or(Misfit::MalformedId)?),
        },
    };
    Ok(Some(cell))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(kind: Kind, input: &Value, expected: &Value) {
        let read = read(kind, input).map(|cell| cell.map_or(Value::Null, |cell| cell.to_json()));
        assert_eq!(read.unwrap_or_else(|misfit| json!(format!("{misfit:?}"))), *expected);
    }

    #[test]
    fn values_are_read_and_written() {
        check(Kind::DateTime, &json!("2026-11-22T16:00:00-05:00"), &json!("2026-11-22T21:00:00.000+0000"));
        check(Kind::DateTime, &json!("2026-11-22T16:00:00.123+0000"), &json!("2026-11-22T16:00:00.000+0000"));
        check(Kind::Date, &json!("2026-11-22"), &json!("2026-11-22"));
        check(Kind::Text, &json!("  x "), &json!("x"));
        check(Kind::Phone, &json!(""), &json!(null));
    }

    #[test]
    fn wrong_values_are_named() {
        let words = "Json(\"Cannot deserialize instance of datetime from VALUE_STRING value 2026-11-22 16:00 or \
                     request may be missing a required field at [line:1, column:1]\")";
        check(Kind::DateTime, &json!("2026-11-22 16:00"), &json!(words));
        check(Kind::Reference, &json!("abc"), &json!("MalformedId"));
        assert!(read(Kind::Int, &json!(1.5)).is_err());
        assert!(read(Kind::Boolean, &json!("true")).is_err());
        assert!(read(Kind::DateTime, &json!("2026-11-22T16:00:00")).is_err());
    }
}
