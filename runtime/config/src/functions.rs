//! Functions that templates may call: pure, total, the same in mappings, sources and connectors.
//!
//! An absent argument is `None`; a function that has nothing to say gives `None`, and the field is left out.

use jiff::{Timestamp, Zoned, tz::TimeZone};
use serde_json::{Map, Value};

/// A value or its absence.
pub type Arg = Option<Value>;

/// One function.
pub struct Function {
    /// Its name in templates.
    pub name: &'static str,
    /// Fewest and most values that it takes.
    pub arity: (usize, usize),
    /// How it is called and what it gives, for messages and the documentation.
    pub usage: &'static str,
    /// The function.
    pub call: fn(&[Arg]) -> Arg,
}

/// Whether a value is there: null and empty text are not.
pub fn present(value: &Value) -> bool {
    !matches!(value, Value::Null) && value.as_str() != Some("")
}

/// A value as text: text as it is, numbers without a superfluous `.0`, lists with commas.
pub fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 9e15 => format!("{float:.0}"),
            _ => number.to_string(),
        },
        Value::Bool(flag) => flag.to_string(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(", "),
        Value::Object(_) => value.to_string(),
    }
}

/// Truth as in conditions: absent, false, 0, empty text and empty lists are false.
pub fn truthy(value: &Arg) -> bool {
    match value {
        None | Some(Value::Null) => false,
        Some(Value::Bool(flag)) => *flag,
        Some(Value::Number(number)) => number.as_f64() != Some(0.0),
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Array(items)) => !items.is_empty(),
        Some(Value::Object(fields)) => !fields.is_empty(),
    }
}

/// Whether text fits a pattern in which `*` at either end stands for anything; case does not matter.
pub fn like(text: &str, pattern: &str) -> bool {
    let text = text.to_lowercase();
    let pattern = pattern.to_lowercase();
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(""), _) => true,
        (Some(rest), Some(_)) => text.contains(rest.trim_end_matches('*')),
        (Some(end), None) => text.ends_with(end),
        (None, Some(start)) => text.starts_with(start),
        (None, None) => text == pattern,
    }
}

/// Percent-encodes everything but letters, digits and `-._~`.
pub fn percent_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for digit in [byte >> 4, byte & 15] {
                out.push(char::from_digit(u32::from(digit), 16).unwrap_or('0').to_ascii_uppercase());
            }
        }
    }
    out
}

/// Reads a time: ISO 8601 with offset, or seconds or milliseconds since 1970 as number or text.
pub fn timestamp(value: &Value) -> Option<Timestamp> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => {
            let text = text.trim();
            if let Ok(time) = text.parse::<Timestamp>() {
                return Some(time);
            }
            if let Ok(zoned) = text.parse::<Zoned>() {
                return Some(zoned.timestamp());
            }
            // `+0000` without a colon, as some systems write it.
            let split = text.len().checked_sub(5).filter(|at| text.is_char_boundary(*at));
            if let Some(at) = split {
                let (head, tail) = text.split_at(at);
                if tail.starts_with(['+', '-']) && tail[1..].bytes().all(|b| b.is_ascii_digit()) {
                    return format!("{head}{}:{}", &tail[..3], &tail[3..]).parse().ok();
                }
            }
            text.parse::<f64>().ok()
        }
        _ => None,
    }?;
    // Seconds since 1970 stay below 1e11 until the year 5138; anything above is milliseconds.
    let milliseconds = if number.abs() < 1e11 { number * 1000.0 } else { number };
    if !milliseconds.is_finite() || milliseconds.abs() > 2.5e14 {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "bounded in the line above")]
    Timestamp::from_millisecond(milliseconds.round() as i64).ok()
}

/// Text in single quotes, with a backslash before quotes, backslashes and line breaks.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('\'');
    for c in text.chars() {
        match c {
            '\'' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out.push('\'');
    out
}

fn list(arg: &Arg) -> Vec<Value> {
    match arg {
        Some(Value::Array(items)) => items.clone(),
        Some(value) if present(value) => vec![value.clone()],
        _ => Vec::new(),
    }
}

fn text_arg(args: &[Arg], index: usize) -> Option<String> {
    args.get(index).and_then(Option::as_ref).map(text)
}

fn non_empty(text: String) -> Arg {
    if text.is_empty() { None } else { Some(Value::String(text)) }
}

fn map_text(args: &[Arg], f: impl Fn(&str) -> String) -> Arg {
    text_arg(args, 0).and_then(|t| non_empty(f(&t)))
}

fn zoned(args: &[Arg], zone: usize) -> Option<Zoned> {
    let time = timestamp(args.first()?.as_ref()?)?;
    let zone = match text_arg(args, zone) {
        Some(name) => TimeZone::get(&name).ok()?,
        None => TimeZone::UTC,
    };
    Some(time.to_zoned(zone))
}

fn number(arg: &Arg) -> Option<f64> {
    match arg {
        Some(Value::Number(number)) => number.as_f64(),
        Some(Value::String(text)) => text.trim().parse().ok(),
        _ => None,
    }
}

fn number_value(number: f64) -> Arg {
    #[expect(clippy::cast_possible_truncation, reason = "whole and far below the limits of i64")]
    if number.fract() == 0.0 && number.abs() < 9e15 {
        return Some(Value::from(number as i64));
    }
    serde_json::Number::from_f64(number).map(Value::Number)
}

fn capitalise(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().collect::<String>() + chars.as_str())
}

fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("<br>"),
            '\r' => {}
            c => out.push(c),
        }
    }
    out
}

fn elements(arg: &Arg) -> Vec<Value> {
    match arg {
        Some(Value::Object(fields)) => fields.values().cloned().collect(),
        other => list(other),
    }
}

fn object(arg: Option<&Arg>) -> Option<&Map<String, Value>> {
    arg?.as_ref()?.as_object()
}

/// All functions, by name.
pub const FUNCTIONS: &[Function] = &[
    Function {
        name: "default",
        arity: (2, 9),
        usage: "default VALUE FALLBACK...: the first that is present",
        call: |args| args.iter().flatten().find(|v| present(v)).cloned(),
    },
    Function {
        name: "choose",
        arity: (3, 3),
        usage: "choose CONDITION YES NO: one of two values",
        call: |args| if truthy(&args[0]) { args[1].clone() } else { args[2].clone() },
    },
    Function {
        name: "eq",
        arity: (2, 2),
        usage: "eq A B: whether two values are the same",
        call: |args| Some(Value::Bool(args[0] == args[1])),
    },
    Function {
        name: "and",
        arity: (2, 9),
        usage: "and A B...: whether all are true or present",
        call: |args| Some(Value::Bool(args.iter().all(truthy))),
    },
    Function {
        name: "or",
        arity: (2, 9),
        usage: "or A B...: whether any is true or present",
        call: |args| Some(Value::Bool(args.iter().any(truthy))),
    },
    Function {
        name: "not",
        arity: (1, 1),
        usage: "not A: whether it is false or absent",
        call: |args| Some(Value::Bool(!truthy(&args[0]))),
    },
    Function {
        name: "like",
        arity: (2, 2),
        usage: "like TEXT PATTERN: whether text fits a pattern; * at either end stands for anything",
        call: |args| Some(Value::Bool(like(&text_arg(args, 0).unwrap_or_default(), &text_arg(args, 1).unwrap_or_default()))),
    },
    Function { name: "upper", arity: (1, 1), usage: "upper TEXT: in capitals", call: |args| map_text(args, str::to_uppercase) },
    Function { name: "lower", arity: (1, 1), usage: "lower TEXT: in small letters", call: |args| map_text(args, str::to_lowercase) },
    Function { name: "capitalize", arity: (1, 1), usage: "capitalize TEXT: first letter large", call: |args| map_text(args, capitalise) },
    Function {
        name: "words",
        arity: (1, 1),
        usage: "words TEXT: `drain_cleaning` becomes `Drain cleaning`",
        call: |args| map_text(args, |t| capitalise(t.replace(['_', '-'], " ").trim())),
    },
    Function {
        name: "trim",
        arity: (1, 1),
        usage: "trim TEXT: without space at the ends",
        call: |args| map_text(args, |t| t.trim().to_owned()),
    },
    Function {
        name: "truncate",
        arity: (2, 2),
        usage: "truncate TEXT N: at most N characters",
        call: |args| {
            let n = number(&args[1])?;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
            map_text(args, |t| t.chars().take(n.clamp(0.0, 1e9) as usize).collect())
        },
    },
    Function {
        name: "digits",
        arity: (1, 1),
        usage: "digits TEXT: only its digits",
        call: |args| map_text(args, |t| t.chars().filter(char::is_ascii_digit).collect()),
    },
    Function { name: "text", arity: (1, 1), usage: "text VALUE: as text", call: |args| map_text(args, str::to_owned) },
    Function { name: "html", arity: (1, 1), usage: "html TEXT: safe inside HTML, line breaks kept", call: |args| map_text(args, html) },
    Function { name: "encode", arity: (1, 1), usage: "encode TEXT: percent-encoded", call: |args| map_text(args, percent_encode) },
    Function {
        name: "quoted",
        arity: (1, 1),
        usage: "quoted TEXT: in single quotes, with backslashes where needed",
        call: |args| Some(Value::String(quoted(&text_arg(args, 0).unwrap_or_default()))),
    },
    Function {
        name: "quoted_all",
        arity: (1, 1),
        usage: "quoted_all LIST: each in single quotes, with commas between",
        call: |args| {
            let items = list(&args[0]);
            non_empty(items.iter().map(|item| quoted(&text(item))).collect::<Vec<_>>().join(","))
        },
    },
    Function {
        name: "join",
        arity: (1, 2),
        usage: "join LIST [SEPARATOR]: as text",
        call: |args| {
            let separator = text_arg(args, 1).unwrap_or_else(|| ", ".to_owned());
            non_empty(list(&args[0]).iter().map(text).filter(|t| !t.is_empty()).collect::<Vec<_>>().join(&separator))
        },
    },
    Function {
        name: "concat",
        arity: (1, 9),
        usage: "concat A B...: texts one after the other",
        call: |args| non_empty(args.iter().flatten().map(text).collect()),
    },
    Function {
        name: "spread",
        arity: (2, 2),
        usage: "spread TEXT BETWEEN: BETWEEN between the letters of a text",
        call: |args| {
            let between = text_arg(args, 1).unwrap_or_default();
            map_text(args, |text| text.chars().map(String::from).collect::<Vec<_>>().join(&between))
        },
    },
    Function { name: "first", arity: (1, 1), usage: "first LIST: its first element", call: |args| elements(&args[0]).into_iter().next() },
    Function {
        name: "pick",
        arity: (3, 4),
        usage: "pick LIST KEY VALUE [FIELD]: the first element whose KEY is VALUE, or a field of it",
        call: |args| {
            let key = text_arg(args, 1)?;
            let found = elements(&args[0]).into_iter().find(|e| e.get(&key) == args[2].as_ref())?;
            match text_arg(args, 3) {
                Some(field) => found.get(&field).cloned(),
                None => Some(found),
            }
        },
    },
    Function {
        name: "get",
        arity: (2, 9),
        usage: "get GROUP KEY...: a value inside",
        call: |args| {
            let mut here = args[0].clone()?;
            for key in args[1..].iter().flatten() {
                here = here.get(text(key))?.clone();
            }
            Some(here)
        },
    },
    Function {
        name: "without",
        arity: (2, 99),
        usage: "without GROUP KEY...: the group without these",
        call: |args| {
            let mut fields = object(args.first())?.clone();
            for key in args[1..].iter().flatten() {
                fields.shift_remove(&text(key));
            }
            Some(Value::Object(fields))
        },
    },
    Function {
        name: "only",
        arity: (2, 99),
        usage: "only GROUP KEY...: of the group these alone",
        call: |args| {
            let fields = object(args.first())?;
            let mut kept = Map::new();
            for key in args[1..].iter().flatten().map(text) {
                if let Some(value) = fields.get(&key) {
                    kept.insert(key, value.clone());
                }
            }
            Some(Value::Object(kept))
        },
    },
    Function {
        name: "each_value",
        arity: (2, 2),
        usage: "each_value GROUP FIELD: the group with each element's FIELD in its place",
        call: |args| {
            let field = text_arg(args, 1)?;
            let fields = object(args.first())?;
            let mapped = fields.iter().filter_map(|(key, value)| Some((key.clone(), value.get(&field)?.clone())));
            Some(Value::Object(mapped.filter(|(_, v)| present(v)).collect()))
        },
    },
    Function {
        name: "milliseconds",
        arity: (1, 1),
        usage: "milliseconds SECONDS: as whole milliseconds",
        call: |args| number(&args[0]).and_then(|n| number_value((n * 1000.0).round())),
    },
    Function {
        name: "round",
        arity: (1, 1),
        usage: "round NUMBER: the nearest whole number",
        call: |args| number(&args[0]).and_then(|n| number_value(n.round())),
    },
    Function {
        name: "minutes",
        arity: (1, 1),
        usage: "minutes SECONDS: as `4 min 13 s`",
        call: |args| {
            let seconds = number(&args[0])?.round();
            let (minutes, rest) = ((seconds / 60.0).floor(), seconds % 60.0);
            Some(Value::String(if minutes > 0.0 { format!("{minutes:.0} min {rest:.0} s") } else { format!("{rest:.0} s") }))
        },
    },
    Function {
        name: "date",
        arity: (1, 2),
        usage: "date TIME [ZONE]: as YYYY-MM-DD in that zone",
        call: |args| zoned(args, 1).map(|z| Value::String(z.strftime("%Y-%m-%d").to_string())),
    },
    Function {
        name: "time",
        arity: (2, 3),
        usage: "time TIME FORMAT [ZONE]: as strftime writes it",
        call: |args| {
            let format = text_arg(args, 1)?;
            zoned(args, 2).map(|z| Value::String(z.strftime(&format).to_string()))
        },
    },
    Function {
        name: "utc",
        arity: (1, 1),
        usage: "utc TIME: as ISO 8601 in UTC",
        call: |args| timestamp(args[0].as_ref()?).map(|t| Value::String(t.to_string())),
    },
    Function {
        name: "local",
        arity: (2, 2),
        usage: "local TIME ZONE: as ISO 8601 with that zone's offset",
        call: |args| zoned(args, 1).map(|z| Value::String(z.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string())),
    },
    Function {
        name: "epoch_ms",
        arity: (1, 1),
        usage: "epoch_ms TIME: milliseconds since 1970",
        call: |args| timestamp(args[0].as_ref()?).map(|t| Value::from(t.as_millisecond())),
    },
    Function {
        name: "plus_seconds",
        arity: (2, 2),
        usage: "plus_seconds TIME SECONDS: a later time, as ISO 8601 in UTC",
        call: |args| {
            let start = timestamp(args[0].as_ref()?)?;
            let later = number(&args[1])?.clamp(-1e9, 1e9) * 1000.0;
            #[expect(clippy::cast_possible_truncation, reason = "clamped")]
            let duration = jiff::SignedDuration::from_millis(later.round() as i64);
            start.checked_add(duration).ok().map(|t| Value::String(t.to_string()))
        },
    },
];

/// The function of that name.
pub fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|f| f.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(name: &str, args: Value, expected: Value) {
        let args: Vec<Arg> = args.as_array().cloned().unwrap_or_default().into_iter().map(|v| Some(v).filter(|v| !v.is_null())).collect();
        let function = find(name).unwrap_or_else(|| panic!("no function {name}"));
        assert_eq!((function.call)(&args).unwrap_or(Value::Null), expected);
    }

    #[test]
    fn functions() {
        check("default", json!([null, "", "x"]), json!("x"));
        check("quoted", json!(["O'Brien\\ \n"]), json!("'O\\'Brien\\\\ \\n'"));
        check("quoted_all", json!([["a", "b'"]]), json!("'a','b\\''"));
        check("quoted_all", json!([[]]), json!(null));
        check("spread", json!(["3125", "%"]), json!("3%1%2%5"));
        check("spread", json!(["", "%"]), json!(null));
        check("words", json!(["drain_cleaning"]), json!("Drain cleaning"));
        check("date", json!(["2026-11-24T05:00:00Z", "America/Chicago"]), json!("2026-11-23"));
        check("local", json!(["2026-11-24T15:00:00Z", "America/Chicago"]), json!("2026-11-24T09:00:00-06:00"));
        check("utc", json!([1_795_194_131_000_i64]), json!("2026-11-20T17:02:11Z"));
        check("utc", json!([1_795_194_131]), json!("2026-11-20T17:02:11Z"));
        check("utc", json!(["2026-11-22T16:00:00.000+0000"]), json!("2026-11-22T16:00:00Z"));
        check("milliseconds", json!([1.5]), json!(1500));
        check("minutes", json!([253]), json!("4 min 13 s"));
        check("pick", json!([{"u": {"name": "a", "result": 1}}, "name", "a", "result"]), json!(1));
        check("each_value", json!([{"a": {"value": 1}, "b": {"value": null}}, "value"]), json!({"a": 1}));
        check("without", json!([{"a": 1, "b": 2}, "b"]), json!({"a": 1}));
        check("like", json!(["customer-did-not-answer", "*not-answer"]), json!(true));
        check("encode", json!(["a b+c"]), json!("a%20b%2Bc"));
        check("html", json!(["<b>\n&"]), json!("&lt;b&gt;<br>&amp;"));
        check("plus_seconds", json!(["2026-11-24T15:00:00Z", 90]), json!("2026-11-24T15:01:30Z"));
    }
}
