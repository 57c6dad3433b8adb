//! The call log.

use std::fmt::Write as _;

use aftercall_config::call::CallOutcome;
use serde_json::{Value, json};

use super::words::{bold, cut, dim, pad, status, value};
use crate::journal::{CallSummary, Counts, LogCounts, LogPage, Story, Unrecognised, WriteState};

/// The call log as a table.
pub fn text(calls: &[CallSummary]) -> String {
    if calls.is_empty() {
        return "no calls\n".to_owned();
    }
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{}",
        bold(&format!("{}{}{}{}{}", pad("RECEIVED", 18), pad("CALL", 40), pad("CALLER", 30), pad("STATUS", 10), "WRITES"))
    );
    for call in calls {
        let outcome: Option<CallOutcome> = call.outcome.as_ref().and_then(|o| o.read().ok());
        let who = outcome.map(|o| who(&o)).unwrap_or_default();
        let received = call.received_at.strftime("%m-%d %H:%M:%SZ").to_string();
        let word = call.status.word();
        let filled = " ".repeat(10_usize.saturating_sub(word.len()));
        let _ = write!(
            out,
            "{}{}{}{}{filled}{}",
            pad(&received, 18),
            pad(&cut(&call.id, 38), 40),
            pad(&cut(&who, 28), 30),
            status(word),
            writes(call)
        );
        if let Some(reason) = &call.status_reason {
            let _ = write!(out, "  {}", dim(&value(&Value::from(reason.as_str()), 100)));
        }
        if let Some(earlier) = call.behind.as_ref().filter(|_| call.status_reason.is_none()) {
            let _ = write!(out, "  {}", dim(&format!("waits for {earlier} of the same caller")));
        }
        if call.question.is_some() && call.question != call.status_reason {
            let _ = write!(out, "  {}", dim("a person is asked: `aftercall review`"));
        }
        out.push('\n');
    }
    out
}

fn who(call: &CallOutcome) -> String {
    let caller = &call.caller;
    let name = caller.name.clone().or_else(|| caller.first_name.clone());
    let reach = caller.phone.clone().or_else(|| caller.email.clone());
    value(&Value::from([name, reach].into_iter().flatten().collect::<Vec<_>>().join(" ")), 60)
}

fn writes(call: &CallSummary) -> String {
    let mut parts: Vec<String> = Vec::new();
    for (state, count) in &call.writes {
        match state {
            WriteState::Skipped => {}
            state => parts.push(format!("{count} {state}")),
        }
    }
    if parts.is_empty() { "–".to_owned() } else { parts.join(", ") }
}

/// The call log as versioned JSON.
pub fn json(calls: &[CallSummary], counts: &Counts) -> Value {
    json!({ "version": 1, "counts": counts, "calls": calls })
}

/// A page of the call log as versioned JSON, with what the next page is asked by.
pub fn log_json(log: &LogPage, counts: &LogCounts) -> Value {
    json!({ "version": 1, "counts": counts, "calls": log.calls, "next": log.next, "cut": log.cut })
}

/// What nobody understood yet.
pub fn unrecognised(list: &[Unrecognised]) -> String {
    let mut out = String::new();
    for one in list {
        let received = one.received_at.strftime("%m-%d %H:%M:%SZ").to_string();
        let _ = writeln!(out, "{}  payload {}  {}  {}", received, one.id, one.source, one.reason);
    }
    if list.is_empty() {
        out.push_str("every payload was understood\n");
    }
    out
}
/// Where calls stand: a line each.
pub(crate) fn standing(stories: &[Story]) -> String {
    let mut out = String::new();
    for story in stories {
        let reason = story.call.status_reason.as_deref().unwrap_or_default();
        let _ = writeln!(out, "{}  {}  {reason}", pad(&story.call.id, 40), status(story.call.status.word()));
    }
    out
}
