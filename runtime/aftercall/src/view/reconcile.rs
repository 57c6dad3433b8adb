//! Days of calls held against what platforms had, for people at a terminal.

use std::fmt::Write as _;

use serde_json::Value;

use super::words::{bold, dim, pad, value, yellow};
use crate::journal::CallStatus;
use crate::reconcile::{ListState, Report, Suspicion};

/// Missing calls that are named.
const NAMED: usize = 20;

/// For people.
pub fn text(report: &Report) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}", bold(&format!("{} to {}, {}", report.from, report.to, report.timezone)));
    let head = [
        "platform", "missing", "fetched", "received", "landed", "partial", "waiting", "dead", "review", "held", "skipped", "resolved",
        "unclear",
    ];
    let _ = writeln!(out, "{}{}", pad("day", 12), pad("source", 14) + &head.map(|word| format!("{word:>9}")).concat());
    for line in &report.days {
        let numbers = [
            line.listed.map_or_else(|| "-".to_owned(), |n| if line.listed_whole { n.to_string() } else { format!("{n}+") }),
            line.missing.to_string(),
            line.fetched.to_string(),
            line.received.to_string(),
            line.of(CallStatus::Landed).to_string(),
            line.of(CallStatus::Partial).to_string(),
            line.of(CallStatus::Waiting).to_string(),
            line.of(CallStatus::Dead).to_string(),
            line.of(CallStatus::Review).to_string(),
            line.of(CallStatus::Held).to_string(),
            line.of(CallStatus::Skipped).to_string(),
            line.of(CallStatus::Resolved).to_string(),
            line.unrecognised.to_string(),
        ];
        let row = format!("{}{}{}", pad(&line.day, 12), pad(&line.source, 14), numbers.map(|n| format!("{n:>9}")).concat());
        let _ = writeln!(out, "{}", if line.missing > 0 { yellow(&row) } else { row });
    }
    if report.days.is_empty() {
        let _ = writeln!(out, "nothing came in");
    }
    out.push('\n');
    for source in &report.sources {
        let said = match (&source.list, &source.last_look) {
            (ListState::Connected, None) => "its list was not looked at yet".to_owned(),
            (ListState::Connected, Some(look)) => match (&look.trouble, look.ended_at) {
                (Some(trouble), _) => format!("looked at {}: {trouble}", look.began_at),
                (None, Some(at)) => format!("looked at {at}"),
                (None, None) => format!("looked at since {}", look.began_at),
            },
            _ => source.because.clone().unwrap_or_default(),
        };
        let _ = writeln!(out, "{}{}", pad(&source.source, 14), dim(&plain(&said, 160)));
    }
    if !report.missing.is_empty() {
        let _ = writeln!(out, "\n{}", bold(&format!("{} calls never came", report.missing.len())));
        for call in report.missing.iter().take(NAMED) {
            let _ = writeln!(out, "  {}  {}:{}", call.started_at, call.source, plain(&call.id, 80));
        }
        let _ = writeln!(out, "  {}", dim("aftercall backfill SOURCE --since DAY takes them in"));
    }
    duplicates(&mut out, report);
    coverage(&mut out, report);
    out
}

fn duplicates(out: &mut String, report: &Report) {
    if report.duplicates.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{}", bold("may be duplicates"));
    for one in &report.duplicates {
        let what = match one.kind {
            Suspicion::SeveralFit => "several fit one caller",
            Suspicion::Refused => "refused as a duplicate",
            Suspicion::SaidToBeOne => "said to be one, and not merged",
        };
        let records: Vec<String> = one
            .records
            .iter()
            .map(|twin| {
                let name = twin.name.as_deref().unwrap_or(if twin.made { "the new one" } else { "" });
                format!("{} {}", plain(name, 40), twin.record_url.as_deref().unwrap_or(&twin.record_id)).trim().to_owned()
            })
            .collect();
        let _ = writeln!(out, "  {}  {} {}: {}  {}", one.at, one.connection, one.object, what, dim(&one.call));
        for record in records {
            let _ = writeln!(out, "    {record}");
        }
    }
}

fn coverage(out: &mut String, report: &Report) {
    let coverage = &report.coverage;
    if coverage.values.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{}", bold(&format!("what was captured, of the newest {} calls", coverage.calls)));
    let head = ["calls", "field", "text", "waiting", "kept", "refused", "nowhere"].map(|word| format!("{word:>9}")).concat();
    let mut pipeline = None;
    for line in &coverage.values {
        if pipeline != Some(&line.pipeline) {
            let name = line.pipeline.as_deref().unwrap_or("no pipeline");
            let _ = writeln!(out, "  {}{head}", pad(name, 30));
            pipeline = Some(&line.pipeline);
        }
        let numbers = [line.calls, line.field, line.text, line.waiting, line.kept, line.refused, line.nowhere];
        let row = format!("  {}{}", pad(&plain(&line.value, 28), 30), numbers.map(|n| format!("{n:>9}")).concat());
        let way = line.ways.first().map(|way| format!("  {}.{} {}", way.write, way.field, way.origin)).unwrap_or_default();
        let _ = writeln!(out, "{}{}", if line.field == 0 { yellow(&row) } else { row }, dim(&way));
        if let Some(advice) = &line.advice {
            let _ = writeln!(out, "    {}", dim(&format!("{}, write `{}`: {}", advice.file, advice.write, plain(&advice.line, 200))));
        }
    }
}

fn plain(text: &str, width: usize) -> String {
    value(&Value::from(text), width)
}
