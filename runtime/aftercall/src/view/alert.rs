//! What whoever is told of an alert reads, and how alerts stand, for people and programs.

use std::fmt::Write as _;

use aftercall_config::upkeep::AlertRule;
use serde_json::{Value, json};

use super::words::{bold, dim, green, red, yellow};
use crate::journal::{AlertRow, NoticeRow};

/// One line.
pub fn subject(kind: &str, data: &Value) -> String {
    let word = |key: &str| data[key].as_str().unwrap_or_default();
    let (project, alert, value) = (word("project"), word("alert"), word("value"));
    match kind {
        "over" => format!("[{project}] {alert} is over"),
        "still" => format!("[{project}] {alert} still: {value}"),
        "trial" => format!("[{project}] this is a trial: alerts reach you here"),
        _ => format!("[{project}] {alert}: {value}"),
    }
}

/// The rest, in some lines.
pub fn text(kind: &str, data: &Value) -> String {
    if kind == "trial" {
        return "Nothing is wrong. Somebody asked for this with `aftercall alerts --test`.".to_owned();
    }
    let word = |key: &str| data[key].as_str().unwrap_or_default();
    let mut out = String::new();
    if kind == "over" {
        let _ = writeln!(out, "It was so for {} s, since {}. Now: {}.", data["lasted_s"], word("since"), word("value"));
    } else {
        let _ = writeln!(out, "{}, since {}.", word("value"), word("since"));
        for line in data["lines"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let _ = writeln!(out, "{line}.");
        }
        let first = &data["first"];
        if first.is_object() {
            let place: Vec<&str> = ["connection", "object"].iter().filter_map(|key| first[*key].as_str()).collect();
            let call = first["call"].as_str().map(|call| format!(", call {call}")).unwrap_or_default();
            let _ = writeln!(out, "The first: {} at {}{call}.", first["code"].as_str().unwrap_or_default(), place.join("/"));
            let _ = writeln!(out, "What to do: {}.", first["remedy"].as_str().unwrap_or_default());
            if let Some(call) = first["call"].as_str() {
                let _ = writeln!(out, "  aftercall show {call}");
            }
        }
        for command in data["commands"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let _ = writeln!(out, "  {command}");
        }
    }
    let _ = write!(out, "Declared at {}: {}", word("declared"), word("when"));
    out
}

/// How alerts stand, for people.
pub fn list(rules: &[AlertRule], rows: &[AlertRow], notices: &[NoticeRow]) -> String {
    let mut out = String::new();
    if rules.is_empty() {
        return "this project has no alerts; `[alert.NAME]` in aftercall.toml declares one\n".to_owned();
    }
    for rule in rules {
        let row = rows.iter().find(|row| row.name == rule.name);
        let state = match row {
            Some(row) => format!("{} since {}", red("holds"), row.since.strftime("%Y-%m-%d %H:%M:%SZ")),
            None => green("quiet"),
        };
        let _ = writeln!(out, "{} {state}  {}", bold(&rule.name), dim(&rule.when.source));
        if let Some(row) = row {
            let said: Value = row.said.read().unwrap_or_default();
            let _ = writeln!(out, "  {}", said["value"].as_str().unwrap_or_default());
        }
        let _ = writeln!(out, "  tells {}", rule.notify.join(", "));
    }
    out + &troubles(notices)
}

/// Who could not be told, one line each.
pub fn troubles(notices: &[NoticeRow]) -> String {
    let mut out = String::new();
    let mut seen = std::collections::BTreeSet::new();
    // The newest message to each decides: what went through since makes an older trouble no trouble.
    for notice in notices.iter().filter(|notice| notice.attempts > 0) {
        if seen.insert(notice.notifier.as_str())
            && let Some(trouble) = &notice.trouble
        {
            let then = if notice.done_at.is_some() { "given up" } else { "tried again" };
            let _ = writeln!(out, "{} {} could not be told of {}: {trouble}; {then}", yellow("notify"), notice.notifier, notice.alert);
        }
    }
    out
}

/// How alerts stand, for programs.
pub fn json(rules: &[AlertRule], rows: &[AlertRow], notices: &[NoticeRow]) -> Value {
    let alerts: Vec<Value> = rules
        .iter()
        .map(|rule| {
            let row = rows.iter().find(|row| row.name == rule.name);
            json!({
                "name": rule.name, "when": rule.when.source, "notify": rule.notify, "holds": row.is_some(),
                "since": row.map(|row| row.since), "said": row.map(|row| &row.said),
            })
        })
        .collect();
    json!({ "version": 1, "alerts": alerts, "notices": notices })
}
