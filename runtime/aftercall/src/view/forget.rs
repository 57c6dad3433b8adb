//! What was taken out of the journal about a person, and what of them stays in systems.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::words::{bold, many};
use crate::journal::Erased;

/// For people.
pub fn text(erased: &Erased, dry_run: bool) -> String {
    let verb = if dry_run { "would be taken out" } else { "taken out" };
    let mut out = format!(
        "{}, {} beside them: {verb}\n",
        many(erased.calls.len(), "call"),
        many(usize::try_from(erased.others).unwrap_or(0), "other place")
    );
    for call in &erased.calls {
        let _ = writeln!(out, "  {call}");
    }
    for call in &erased.open {
        let _ = writeln!(out, "  {call} is still open, and stays whole");
    }
    if !erased.records.is_empty() {
        let _ = writeln!(out, "{}; delete there what has to go", bold("what these calls wrote stays in the systems"));
    }
    for record in &erased.records {
        let place = record.record_url.as_deref().unwrap_or_default();
        let _ = writeln!(out, "  {} {} {}  {place}", record.connection, record.object, record.record_id);
    }
    out
}

/// For programs.
pub fn json(erased: &Erased, dry_run: bool) -> Value {
    json!({
        "version": 1, "dry_run": dry_run, "calls": erased.calls, "open": erased.open, "others": erased.others, "remains": erased.records,
    })
}
