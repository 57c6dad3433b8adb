//! How a service stands: its config, its calls, the systems that calls wait for.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::alert::troubles;
use super::words::{bold, dim, value};
use crate::journal::{AlertRow, Counts, NoticeRow, ReloadRow, ReloadState};

/// What a journal knows of the service that works it.
pub struct Status {
    /// The process; absent where none works it now.
    pub process: Option<u32>,
    /// The config that is at work, or was last.
    pub active: Option<ReloadRow>,
    /// What was offered last, and what came of it.
    pub last: Option<ReloadRow>,
    /// How much of everything there is.
    pub counts: Counts,
    /// Calls that wait for a system, by connection.
    pub parked: BTreeMap<String, u64>,
    /// Alerts that hold.
    pub alerts: Vec<AlertRow>,
    /// Messages of alerts, the newest first.
    pub notices: Vec<NoticeRow>,
}

/// For people.
pub fn text(status: &Status) -> String {
    let mut out = String::new();
    let _ = match status.process {
        Some(0) => writeln!(out, "{} running", bold("service")),
        Some(pid) => writeln!(out, "{} running, process {pid}", bold("service")),
        None => writeln!(out, "{} not running; `aftercall run` starts it", bold("service")),
    };
    let _ = match &status.active {
        Some(row) => writeln!(out, "{} {} since {}", bold("config "), row.version.as_deref().unwrap_or("none"), time(row)),
        None => writeln!(out, "{} none has been at work yet", bold("config ")),
    };
    if let Some(last) = status.last.as_ref().filter(|last| matches!(last.state, ReloadState::Refused | ReloadState::Held)) {
        out.push_str(&reload(last));
    }
    let calls: Vec<String> = status.counts.calls.iter().map(|(status, count)| format!("{count} {status}")).collect();
    let _ = writeln!(out, "{} {}", bold("calls  "), if calls.is_empty() { "none".to_owned() } else { calls.join(", ") });
    if status.counts.unrecognised > 0 {
        let _ = writeln!(out, "        {} payloads not understood (`aftercall calls --unrecognised`)", status.counts.unrecognised);
    }
    for (connection, waiting) in &status.parked {
        let _ = writeln!(out, "{} {connection}: {waiting} wait until it is back", bold("system "));
    }
    for alert in &status.alerts {
        let said: Value = alert.said.read().unwrap_or_default();
        let _ = writeln!(out, "{} {}: {}", bold("alert  "), alert.name, said["value"].as_str().unwrap_or_default());
    }
    out + &troubles(&status.notices)
}

/// What came of one config that was offered.
pub fn reload(row: &ReloadRow) -> String {
    let detail = detail(row);
    let version = row.version.as_deref().unwrap_or("it");
    match row.state {
        ReloadState::Asked => "the service has not answered yet\n".to_owned(),
        ReloadState::Accepted => format!("config {version} is at work\n{}", said(&detail["shadow"])),
        ReloadState::Unchanged => format!("config {version} is at work already\n"),
        ReloadState::Refused => {
            let why = detail["why"].as_str().map(|why| format!("{why}\n")).unwrap_or_default();
            let text = detail["text"].as_str().unwrap_or_default();
            format!("the project as it was at {} is refused; what is at work goes on\n{why}{text}", time(row))
        }
        ReloadState::Held => match &detail["gone"] {
            Value::Array(gone) => {
                let lines: String =
                    gone.iter().filter_map(Value::as_str).map(|name| format!("  {}\n", dim(&format!("gone: {name}")))).collect();
                format!("config {version} is held back, because something has disappeared; it is believed if it stays so\n{lines}")
            }
            _ => format!("config {version} is held back\n{}", said(&detail["shadow"])),
        },
    }
}

/// What a version would have done that was planned beside the one at work.
fn said(shadow: &Value) -> String {
    let Some(calls) = shadow["calls"].as_array() else { return String::new() };
    let mut out =
        format!("it has planned {} of {} calls beside the one at work; {} differ\n", shadow["planned"], shadow["wanted"], shadow["differ"]);
    for call in calls {
        let id = call["call"].as_str().unwrap_or_default();
        if let Some(obstacle) = call["obstacle"].as_str() {
            let _ = writeln!(out, "  {id}: {obstacle}");
        }
        for change in call["changes"].as_array().into_iter().flatten() {
            let word = |key: &str| change[key].as_str().unwrap_or_default();
            let side = |key: &str| if change[key].is_null() { "nothing".to_owned() } else { value(&change[key]["value"], 60) };
            let name = [word("write"), if change["name"].is_null() { word("what") } else { word("name") }].join(" ");
            let at = change["new"]["at"].as_str().or_else(|| change["old"]["at"].as_str()).unwrap_or_default();
            let _ = writeln!(out, "  {id}: {}: {} -> {}  {}", name.trim(), side("old"), side("new"), dim(at));
        }
    }
    out
}

/// For programs.
pub fn json(status: &Status) -> Value {
    json!({
        "version": 1,
        "running": status.process.is_some(),
        "process": status.process.filter(|pid| *pid != 0),
        "active": status.active,
        "last_reload": status.last,
        "calls": status.counts.calls,
        "unrecognised": status.counts.unrecognised,
        "oldest_waiting": status.counts.oldest_waiting,
        "waits_for": status.parked,
        "alerts": status.alerts,
        "notices": status.notices,
    })
}

fn detail(row: &ReloadRow) -> Value {
    row.detail.as_ref().and_then(|detail| detail.read().ok()).unwrap_or_default()
}

fn time(row: &ReloadRow) -> String {
    row.changed_at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}
