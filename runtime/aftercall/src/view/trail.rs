//! The trail, for people, programs and spreadsheets.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::words::{bold, dim, pad, value};
use crate::trail::{Kind, Line};

/// For people: a line each.
pub fn text(lines: &[Line]) -> String {
    if lines.is_empty() {
        return "nothing of that is on the trail\n".to_owned();
    }
    let mut out = String::new();
    for line in lines {
        let at = line.at.strftime("%Y-%m-%d %H:%M:%SZ").to_string();
        let who = pad(&plain(&line.who, 30), 18);
        match line.kind {
            Kind::Field => {
                let word = |text: &Option<String>| plain(text.as_deref().unwrap_or_default(), 80);
                let stood = |value: &Option<Value>| value.as_ref().map_or_else(|| "nothing".to_owned(), |value| self::value(value, 60));
                let _ = writeln!(
                    out,
                    "{at}  {who}  {} {} {} {}: {} -> {}  {}",
                    line.what,
                    word(&line.object),
                    word(&line.record),
                    bold(&word(&line.field)),
                    stood(&line.before),
                    stood(&line.after),
                    dim(&format!("{} by {}, {}, config {}", word(&line.call), word(&line.origin), word(&line.policy), word(&line.version)))
                );
            }
            Kind::Deed => {
                let about = [&line.call, &line.write, &line.record].into_iter().flatten().map(|text| plain(text, 80));
                let about: String = about.map(|text| format!(" {text}")).collect();
                let reason = line.reason.as_ref().map(|reason| format!(": {}", plain(reason, 100))).unwrap_or_default();
                let _ = writeln!(out, "{at}  {who}  {}{about}{reason}  {}", bold(&plain(&line.what, 40)), dim(&format!("by {}", line.way)));
            }
        }
    }
    out
}

fn plain(text: &str, width: usize) -> String {
    value(&Value::from(text), width)
}

/// For programs. `next` is where the next page begins.
pub fn json(lines: &[Line], next: Option<String>) -> Value {
    json!({ "version": 1, "trail": lines, "next": next })
}

/// The columns of [`csv`].
const COLUMNS: [&str; 18] = [
    "at",
    "kind",
    "who",
    "way",
    "what",
    "call",
    "write",
    "connection",
    "object",
    "record",
    "url",
    "field",
    "before",
    "after",
    "policy",
    "origin",
    "version",
    "reason",
];

/// The first line of a table for spreadsheets.
pub fn csv_head() -> String {
    format!("{}\r\n", COLUMNS.join(","))
}

/// Lines of a table for spreadsheets, RFC 4180. What a caller said is never a formula there.
pub fn csv(lines: &[Line]) -> String {
    let mut out = String::new();
    for line in lines {
        let line = serde_json::to_value(line).unwrap_or_default();
        let cells = COLUMNS.map(|column| match &line[column] {
            Value::Null => String::new(),
            Value::String(text) => cell(text),
            other => cell(&other.to_string()),
        });
        out.push_str(&cells.join(","));
        out.push_str("\r\n");
    }
    out
}

/// A cell. One that a spreadsheet would take for a formula begins with a quote.
fn cell(text: &str) -> String {
    let quote = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    let text = format!("{quote}{text}");
    if text.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn no_cell_is_a_formula() {
        assert_eq!(cell("=1+1"), "'=1+1");
        assert_eq!(cell("+13125550142"), "'+13125550142");
        assert_eq!(cell("=HYPERLINK(\"x\",\"y\")"), "\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\"");
        assert_eq!(cell("a, b"), "\"a, b\"");
        assert_eq!(cell("Nora"), "Nora");
    }
}
