//! What differs between two plans of one call, as lines and as JSON.

use std::fmt::Write as _;

use aftercall_plan::diff::{Change, Side, What};
use serde_json::{Value, json};

use super::words::{bold, cut, dim, green, red, value, yellow};

/// One call's difference. `versions` are the one that it was planned under and the one of now.
pub(crate) fn text(call: &str, versions: (&str, &str), changes: &Result<Vec<Change>, String>, done: &[String]) -> String {
    let mut out = String::new();
    let under = match versions {
        (from, to) if from == to => format!("config {to}, as before"),
        (from, to) => format!("config {from} -> {to}"),
    };
    let _ = writeln!(out, "{}  {}", bold(&cut(call, 60)), dim(&under));
    if !done.is_empty() {
        let _ = writeln!(out, "  = done already, and not done again: {}", done.join(", "));
    }
    match changes {
        Err(obstacle) => {
            let _ = writeln!(out, "  {} {obstacle}", red("!"));
        }
        Ok(changes) if changes.is_empty() => {
            out.push_str("  nothing differs in what is still to be done: it would be tried again as it was\n")
        }
        Ok(changes) => changes.iter().for_each(|change| out.push_str(&line(change))),
    }
    out
}

fn line(change: &Change) -> String {
    let what = match &change.what {
        What::Pipeline => "pipeline".to_owned(),
        What::Match => "caller".to_owned(),
        What::Write | What::Op => String::new(),
        What::Booking => "time".to_owned(),
        What::Field(field) => field.clone(),
        What::Link(link) => format!("link {link}"),
    };
    let name = [change.write.as_deref().unwrap_or_default(), &what].join(" ");
    let at = |side: &Side| side.origin.as_ref().map(|origin| format!("  {}", dim(&origin.to_string()))).unwrap_or_default();
    let said = |side: &Side| side.value.as_ref().map_or_else(|| "nothing".to_owned(), |it| value(it, 60));
    let (sign, words, origin) = match (&change.old, &change.new) {
        (None, Some(new)) => (green("+"), said(new), at(new)),
        (Some(old), None) => (red("-"), said(old), at(old)),
        (Some(old), Some(new)) => (yellow("~"), format!("{} -> {}", said(old), said(new)), at(new)),
        (None, None) => (yellow("~"), String::new(), String::new()),
    };
    let verdict = |side: &Option<Side>| side.as_ref().and_then(|side| side.verdict);
    let kept = match (verdict(&change.old), verdict(&change.new)) {
        (old, Some(new)) if old != Some(new) => format!("  {}", dim(&format!("{new:?}").to_lowercase())),
        _ => String::new(),
    };
    format!("  {sign} {}: {words}{kept}{origin}\n", name.trim())
}

/// The same for programs.
pub(crate) fn json(changes: &[Change]) -> Value {
    let side = |side: &Option<Side>| {
        side.as_ref().map(|side| {
            let at = side.origin.as_ref().map(ToString::to_string);
            json!({"value": side.value, "verdict": side.verdict, "at": at})
        })
    };
    let of = |change: &Change| {
        let (what, name) = match &change.what {
            What::Pipeline => ("pipeline", None),
            What::Match => ("match", None),
            What::Write => ("write", None),
            What::Op => ("op", None),
            What::Booking => ("booking", None),
            What::Field(name) => ("field", Some(name)),
            What::Link(name) => ("link", Some(name)),
        };
        json!({"write": change.write, "what": what, "name": name, "old": side(&change.old), "new": side(&change.new)})
    };
    changes.iter().map(of).collect()
}
