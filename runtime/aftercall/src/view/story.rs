//! One call's whole story: what came in, who it was, what was written, what landed, field by field.

use std::fmt::Write as _;

use aftercall_config::call::CallOutcome;
use aftercall_plan::decision::MatchDecision;
use serde_json::{Value, json};

use super::words::{bold, dim, many, pad, status, value};
use crate::journal::{REVERT, Story, WriteRow};

/// A story as text.
pub fn text(story: &Story) -> String {
    let mut out = String::new();
    let call = &story.call;
    let _ = writeln!(out, "{}  {}", bold(&call.id), status(call.status.word()));
    if let Some(reason) = &call.status_reason {
        let _ = writeln!(out, "  {reason}");
    }
    if let Some(outcome) = call.outcome.as_ref().and_then(|o| o.read::<CallOutcome>().ok()) {
        outcome_text(&mut out, &outcome);
    }
    let _ = writeln!(
        out,
        "  received {}, revision {}, {}, config version {}",
        call.received_at,
        call.revision,
        call.pipeline.as_deref().map_or("no pipeline yet".to_owned(), |p| format!("pipeline {p}")),
        call.config_version
    );
    if let Some(decision) = story.plans.last().and_then(|p| p.decision.read::<MatchDecision>().ok()) {
        decision_text(&mut out, &decision);
    }
    answers_text(&mut out, story);
    if !story.writes.is_empty() {
        let _ = writeln!(out, "\n{}", bold("writes"));
    }
    for write in &story.writes {
        write_text(&mut out, write);
    }
    let _ = writeln!(out, "\n{}", bold("what happened"));
    for event in &story.events {
        let write = event.write.as_deref().map(|w| format!(" {w}")).unwrap_or_default();
        let data: Value = event.data.read().unwrap_or(Value::Null);
        let data = match &data {
            Value::Object(fields) if fields.is_empty() => String::new(),
            Value::Object(fields) => fields.iter().map(|(k, v)| format!("{k}={}", value(v, 80))).collect::<Vec<_>>().join(" "),
            other => value(other, 80),
        };
        let _ = writeln!(out, "  {}  {}{write}  {}", event.at.strftime("%m-%d %H:%M:%S%.3fZ"), event.kind, dim(&data));
    }
    out
}

/// A story in a few lines: who called, why that record, what was written, with links.
pub fn short(story: &Story) -> String {
    let mut out = String::new();
    let call = &story.call;
    let outcome: Option<CallOutcome> = call.outcome.as_ref().and_then(|o| o.read().ok());
    let tag = outcome.as_ref().and_then(|o| o.outcome.clone()).unwrap_or_default();
    let _ = writeln!(out, "{}  {}  {tag}", bold(&call.id), status(call.status.word()));
    if let Some(decision) = story.plans.last().and_then(|p| p.decision.read::<MatchDecision>().ok()) {
        let _ = writeln!(out, "  {}: {}", status(decision.verdict.as_str()), decision.because);
    }
    for write in story.writes.iter().filter(|w| w.op == "create" || w.op == "update") {
        let record = write.record_url.as_deref().or(write.record_id.as_deref()).unwrap_or_default();
        let attempts = if write.attempt > 1 { format!(" ({} attempts)", write.attempt) } else { String::new() };
        let _ = writeln!(
            out,
            "  {}  {} {} {}{attempts}",
            pad(&format!("{}/{}", write.connection, write.write), 22),
            status(write.state.word()),
            write.op,
            dim(record)
        );
    }
    let retries = story.events.iter().filter(|e| e.kind == "read_failed" || e.kind == "attempt_failed").count();
    if retries > 0 {
        let _ = writeln!(out, "  {}", dim(&format!("{} before the CRM took it", many(retries, "refusal"))));
    }
    out
}

fn outcome_text(out: &mut String, call: &CallOutcome) {
    let caller = [&call.caller.name, &call.caller.phone, &call.caller.email].into_iter().flatten().cloned().collect::<Vec<_>>().join(", ");
    let caller = if caller.is_empty() { "unknown caller".to_owned() } else { caller };
    let length = call.duration_s.map(|s| format!(", {s:.0} s")).unwrap_or_default();
    let outcome = call.outcome.as_deref().unwrap_or("no outcome");
    let _ = writeln!(out, "  {}  {outcome}{length}", value(&Value::from(caller), 100));
    if let Some(summary) = &call.summary {
        let _ = writeln!(out, "  {}", dim(&value(&Value::from(summary.as_str()), 300)));
    }
}

fn decision_text(out: &mut String, decision: &MatchDecision) {
    let _ = writeln!(out, "\n{}  {}  {}", bold("who called"), status(decision.verdict.as_str()), decision.because);
    for candidate in &decision.candidates {
        let sum: Vec<String> = candidate
            .evidence
            .iter()
            .map(|e| {
                let record = e.record.as_deref().map(|r| format!(" {r}")).unwrap_or_default();
                format!("{} {}{record} {:+.1}", e.on, e.level, e.bits)
            })
            .collect();
        let _ = writeln!(out, "  {:>6.1} bits  {} ({})  {}", candidate.bits, candidate.name, candidate.id, dim(&sum.join("; ")));
    }
    if !decision.candidates.is_empty() {
        let _ = writeln!(out, "  {}", dim(&format!("accepted from {:.1} bits with a lead of {:.1}", decision.accept, decision.margin)));
    }
    if let Some(review) = &decision.review {
        let _ = writeln!(out, "  review: {review}");
    }
}

fn answers_text(out: &mut String, story: &Story) {
    for answer in &story.answers {
        let reason =
            if answer.reason.is_empty() { String::new() } else { format!(": {}", value(&Value::from(answer.reason.as_str()), 200)) };
        let _ = writeln!(out, "  {}  {} by {} at {}{reason}", status("answered"), super::review::answer(answer), answer.actor, answer.at);
    }
    if story.call.question.is_some() {
        let _ = writeln!(out, "  {}", dim(&format!("a person is asked: `aftercall review {}`", story.call.id)));
    }
}

fn write_text(out: &mut String, write: &WriteRow) {
    let name = format!("{}/{}", write.connection, write.write);
    let record = match (&write.record_url, &write.record_id) {
        (Some(url), _) => url.clone(),
        (None, Some(id)) => id.clone(),
        (None, None) => String::new(),
    };
    let attempts =
        if write.attempt > 1 { format!("  {}", many(usize::try_from(write.attempt).unwrap_or(0), "attempt")) } else { String::new() };
    let _ = writeln!(out, "  {}  {} {} {}  {}{attempts}", status(write.state.word()), pad(&name, 24), write.op, write.object, record);
    if let Some(trouble) = &write.trouble {
        let code = trouble.http_status.map(|s| format!(" ({s})")).unwrap_or_default();
        let _ = writeln!(out, "      {}{code}: {}", trouble.class, value(&Value::from(trouble.message.as_str()), 200));
    }
    if let Some(at) = &write.next_at {
        let _ = writeln!(out, "      next attempt at {at}");
    }
    let receipt: Vec<Value> = write.receipt.as_ref().and_then(|r| r.read().ok()).unwrap_or_default();
    let width = receipt.iter().filter_map(|f| f["field"].as_str()).map(|f| f.chars().count()).max().unwrap_or(0).min(34);
    for field in &receipt {
        let text = |key: &str| field[key].as_str().unwrap_or_default();
        let shown = field.get("value").filter(|v| !v.is_null()).map(|v| value(v, 60)).unwrap_or_default();
        // A link or a record that moved, or what went back: what it was says as much as what it is.
        let was = field.get("before").filter(|v| !v.is_null()).map_or_else(|| "nothing".to_owned(), |v| value(v, 60));
        let is = if shown.is_empty() { "nothing" } else { &shown };
        let moved = (matches!(text("policy"), "link" | "merge") || write.op == REVERT).then(|| format!("{was} -> {is}"));
        let shown = moved.unwrap_or(shown);
        let found = field.get("found").filter(|found| !found.is_null()).map(|found| format!(" (there: {})", value(found, 60)));
        let shown = shown + &found.unwrap_or_default();
        let because = field["because"].as_str().map(|b| format!(" ({b})")).unwrap_or_default();
        let tail = dim(&format!("{}  {}", text("policy"), text("origin")));
        let _ = writeln!(out, "      {} {} {shown}{because}   {tail}", pad(text("state"), 8), pad(text("field"), width));
    }
}

/// A story as versioned JSON.
pub fn json(story: &Story) -> Value {
    json!({ "version": 1, "story": story })
}
