//! Whether two values are the same to a person who looks at the field.

use aftercall_config::functions::{text, timestamp};
use jiff::Timestamp;
use serde_json::Value;
use unicode_normalization::UnicodeNormalization;

use crate::normalise;

/// Whether a field with this value is empty: null, blank text, an empty list.
pub fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

/// Whether two values say the same.
///
/// Shape: "5" and 5; "true" and true; `a;b` and ["b", "a"]; a time in two offsets, down to the second; text that
/// differs in line ends or space at the ends of lines; one number in two spellings, in `region` where a country code is
/// missing; one e-mail address in two cases. Anything empty is the same as anything empty.
pub fn same(a: &Value, b: &Value, region: &str) -> bool {
    if is_empty(a) || is_empty(b) {
        return is_empty(a) && is_empty(b);
    }
    match (a, b) {
        (Value::String(a), Value::String(b)) => same_text(a, b, region),
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Bool(flag), Value::String(word)) | (Value::String(word), Value::Bool(flag)) => {
            word.trim().eq_ignore_ascii_case(&flag.to_string())
        }
        (number @ Value::Number(_), Value::String(word)) | (Value::String(word), number @ Value::Number(_)) => same_number(number, word),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().all(|one| b.iter().any(|other| same(one, other, region))),
        (Value::Array(items), Value::String(list)) | (Value::String(list), Value::Array(items)) => {
            let parts: Vec<Value> = list.split(';').map(|part| Value::from(part.trim())).collect();
            items.len() == parts.len() && items.iter().all(|one| parts.iter().any(|part| same(one, part, region)))
        }
        // What we do not name is the system's own, such as a time zone that it adds.
        (Value::Object(a), Value::Object(b)) => b.iter().all(|(key, value)| same(a.get(key).unwrap_or(&Value::Null), value, region)),
        _ => false,
    }
}

fn same_number(number: &Value, word: &str) -> bool {
    if word.trim().parse::<f64>().is_ok_and(|parsed| number.as_f64() == Some(parsed)) {
        return true;
    }
    // A time in milliseconds against one in words.
    word.contains('-') && moment(word).is_some_and(|time| timestamp(number).is_some_and(|other| other.as_second() == time.as_second()))
}

fn same_text(a: &str, b: &str, region: &str) -> bool {
    if a == b {
        return true;
    }
    let (a, b) = (a.trim(), b.trim());
    if a == b {
        return true;
    }
    if let (Some(a), Some(b)) = (moment(a), moment(b)) {
        return a.as_second() == b.as_second();
    }
    if a.contains('@')
        && b.contains('@')
        && let (Some(a), Some(b)) = (normalise::email(a), normalise::email(b))
    {
        return a == b;
    }
    if like_phone(a)
        && like_phone(b)
        && let (Some(a), Some(b)) = (normalise::phone(a, region), normalise::phone(b, region))
    {
        return a.e164 == b.e164;
    }
    let plain = |text: &str| text.is_ascii() && !text.contains(['\r', '\n', '\t']);
    if plain(a) && plain(b) {
        return false;
    }
    lines(a).nfc().eq(lines(b).nfc())
}

/// A time, or a date as its first moment in UTC; only where the text begins like one.
fn moment(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    if !(10..=40).contains(&bytes.len()) || bytes[4] != b'-' || bytes[7] != b'-' || !bytes[..4].iter().all(u8::is_ascii_digit) {
        return None;
    }
    if bytes.len() == 10 {
        return text.parse::<jiff::civil::Date>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    }
    timestamp(&Value::from(text))
}

/// Digits and what people put between them; whether it is a number at all, `normalise` decides.
fn like_phone(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    (7..=20).contains(&digits) && text.len() <= 40 && text.chars().all(|c| c.is_ascii_digit() || "+()-./ xX,;ext".contains(c))
}

/// Text as it is compared: line feeds only, no space at the ends of lines, nothing around it.
pub(super) fn lines(text: &str) -> String {
    let text = text.trim();
    if !text.contains('\r') && !text.contains(" \n") && !text.contains("\t\n") {
        return text.to_owned();
    }
    let unix = text.replace("\r\n", "\n").replace('\r', "\n");
    unix.split('\n').map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// The value in a few words, for a sentence.
pub(crate) fn short(value: &Value) -> String {
    super::cut(&text(value).split_whitespace().collect::<Vec<_>>().join(" "), 40)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(a: Value, b: Value, expected: bool) {
        assert_eq!(same(&a, &b, "US"), expected, "{a} and {b}");
        if !a.is_object() {
            assert_eq!(same(&b, &a, "US"), expected, "{b} and {a}");
        }
    }

    #[test]
    fn one_meaning() {
        check(json!("5"), json!(5), true);
        check(json!("5.00"), json!(5), true);
        check(json!(5.0), json!(5), true);
        check(json!("true"), json!(true), true);
        check(json!(null), json!(" "), true);
        check(json!([]), json!(null), true);
        check(json!("a;b"), json!(["b", "a"]), true);
        check(json!("one \r\ntwo\r\n"), json!("one\ntwo"), true);
        check(json!("2026-11-24T09:00:00-06:00"), json!("2026-11-24T15:00:00Z"), true);
        check(json!("2026-11-24T15:00:00.000+0000"), json!("2026-11-24T15:00:00Z"), true);
        check(json!("2026-11-24T15:00:00.250Z"), json!("2026-11-24T15:00:00Z"), true);
        check(json!("2026-11-24"), json!("2026-11-24T00:00:00Z"), true);
        check(json!(1_795_194_131_000_i64), json!("2026-11-20T17:02:11Z"), true);
        check(json!("(312) 555-0142"), json!("+13125550142"), true);
        check(json!("312-555-0142 x7"), json!("+13125550142"), true);
        check(json!("Ann@Example.com"), json!("ann@example.com"), true);
        check(json!("Zoe\u{308}"), json!("Zo\u{eb}"), true);
        check(json!({"dateTime": "2026-11-24T15:00:00Z", "timeZone": "UTC"}), json!({"dateTime": "2026-11-24T09:00:00-06:00"}), true);
    }

    #[test]
    fn two_meanings() {
        check(json!("5"), json!(6), false);
        check(json!("05"), json!("5"), false);
        check(json!("yes"), json!(true), false);
        check(json!("a"), json!("A"), false);
        check(json!(0), json!(null), false);
        check(json!(false), json!(null), false);
        check(json!("a;b"), json!(["a"]), false);
        check(json!("2026-11-24T15:00:01Z"), json!("2026-11-24T15:00:00Z"), false);
        check(json!("2026-11-24"), json!("2026-11-25"), false);
        check(json!("(312) 555-0142"), json!("+13125550143"), false);
        check(json!("ann@example.com"), json!("bob@example.com"), false);
        check(json!("one\ntwo"), json!("one two"), false);
        check(json!({"a": 1}), json!({"a": 2}), false);
    }
}
