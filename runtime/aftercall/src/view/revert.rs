//! The way back, for people: what goes back, what is left alone and why, and what we made.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use aftercall_plan::revert::{Alone, MadeRecord, RevertDocument, RevertField, RevertRecord};
use serde_json::Value;

use super::words::{bold, cut, dim, green, many, red, value, yellow};

/// What would go back: counts first, then each record with its fields, then what we made.
pub fn text(document: &RevertDocument) -> String {
    let counts = &document.counts;
    let mut out = String::new();
    let goes = match counts.fields {
        0 => "nothing goes back".to_owned(),
        1 => "1 field of 1 record goes back".to_owned(),
        fields => format!("{fields} fields of {} go back", many(counts.records, "record")),
    };
    let _ = writeln!(out, "{}", bold(&goes));
    if counts.alone > 0 {
        let _ = writeln!(out, "{} left alone: {}", are(counts.alone), alone(document));
    }
    if counts.already > 0 {
        let _ = writeln!(out, "{} again what stood there before", holds(counts.already));
    }
    if counts.made > 0 {
        let _ = writeln!(out, "{} made by us and not deleted: see below", were(counts.made));
    }
    if counts.erased > 0 {
        let _ = writeln!(out, "of {} the journal has let go what was written; nothing is known of those", many(counts.erased, "write"));
    }
    for record in &document.records {
        let _ = writeln!(out, "\n{}", head(record));
        record.fields.iter().for_each(|field| out.push_str(&line(field)));
    }
    if !document.made.is_empty() {
        let _ = writeln!(out, "\n{}", bold("made by us, for a person to look at"));
        document.made.iter().for_each(|made| out.push_str(&made_line(made)));
    }
    out
}

/// What came of it: counts first, then what did not go back, and where calls stand that are not done.
pub fn done(document: &RevertDocument) -> String {
    let fields =
        || document.records.iter().flat_map(|record| record.fields.iter().filter(|field| field.goes_back).map(move |f| (record, f)));
    let went = fields().filter(|(_, field)| has_gone_back(field)).count();
    let mut out = String::new();
    let _ = writeln!(out, "{} went back, {} did not", bold(&many(went, "field")), fields().count() - went);
    for (record, field) in fields().filter(|(_, field)| !has_gone_back(field)) {
        let state = field.state.as_deref().unwrap_or("planned");
        let state = if state == "refused" { red(state) } else { yellow(state) };
        let because = field.because.as_ref().map(|because| format!(": {}", plain(because, 200))).unwrap_or_default();
        let _ = writeln!(
            out,
            "  {state} {} {} of {}{because}",
            bold(&plain(&field.field, 60)),
            dim(&plain(&record.call, 60)),
            plain(&record.record, 60)
        );
    }
    for call in document.calls.iter().filter(|call| matches!(call.status.as_str(), "waiting" | "partial" | "dead")) {
        let reason = call.reason.as_ref().map(|reason| format!(": {}", plain(reason, 200))).unwrap_or_default();
        let _ = writeln!(out, "  {} is {}{reason}", plain(&call.call, 60), call.status);
    }
    out
}

/// Whether what was to go back stands there now.
pub fn has_gone_back(field: &RevertField) -> bool {
    matches!(field.state.as_deref(), Some("landed" | "same"))
}

fn plain(text: &str, width: usize) -> String {
    value(&Value::from(text), width)
}

fn are(count: usize) -> String {
    if count == 1 { "1 is".to_owned() } else { format!("{count} are") }
}

fn holds(count: usize) -> String {
    if count == 1 { "1 holds".to_owned() } else { format!("{count} hold") }
}

fn were(count: usize) -> String {
    if count == 1 { "1 record was".to_owned() } else { format!("{count} records were") }
}

/// Why fields are left alone, the most frequent reason first.
fn alone(document: &RevertDocument) -> String {
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for alone in document.records.iter().flat_map(|record| &record.fields).filter_map(|field| field.alone.as_ref()) {
        let words = match alone {
            Alone::Already => continue,
            Alone::Changed => "somebody has changed since",
            Alone::WrittenSince { .. } => "we wrote since",
            Alone::Created => "were made with the record",
            Alone::Needed => "cannot be empty",
            Alone::Gone => "of records that are gone",
            Alone::Merged { .. } => "of records that went into others",
            Alone::Appointment => "of appointments",
            Alone::Moved => "moved as a person answered",
            Alone::AtWork => "of calls that are being worked",
            Alone::Unreadable { .. } => "cannot be read",
        };
        *reasons.entry(words).or_default() += 1;
    }
    let mut reasons: Vec<_> = reasons.into_iter().collect();
    reasons.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    reasons.iter().map(|(words, count)| format!("{count} {words}")).collect::<Vec<_>>().join(", ")
}

fn head(record: &RevertRecord) -> String {
    let place = format!("{} {} {}", plain(&record.connection, 30), plain(&record.object, 30), plain(&record.record, 60));
    let url = record.url.as_ref().map(|url| format!("  {}", dim(&plain(url, 200)))).unwrap_or_default();
    format!("{}  {place}{url}", bold(&plain(&record.call, 60)))
}

fn line(field: &RevertField) -> String {
    let said = |side: &Option<Value>| side.as_ref().map_or_else(|| "nothing".to_owned(), |side| value(side, 60));
    let name = plain(&field.field, 60);
    let origin = dim(&field.origin);
    match &field.alone {
        None => format!("  {} {name}: {} -> {}  {origin}\n", green("~"), said(&field.now), said(&field.to)),
        Some(Alone::Already) => format!("  = {name}: {}  {}\n", said(&field.now), dim(&Alone::Already.said())),
        Some(alone) => {
            let is = if field.now.is_some() || *alone == Alone::Changed { format!("{}, ", said(&field.now)) } else { String::new() };
            format!("  {} {name}: {is}we wrote {}; {}  {origin}\n", yellow("="), said(&field.ours), cut(&alone.said(), 200))
        }
    }
}

fn made_line(made: &MadeRecord) -> String {
    let place = format!("{} {} {}", plain(&made.connection, 30), plain(&made.object, 30), plain(&made.record, 60));
    let todo = if made.appointment { "an appointment: cancel it with who comes" } else { "delete it there where nobody needs it" };
    let url = made.url.as_ref().map(|url| format!("  {}", plain(url, 200))).unwrap_or_default();
    format!("  {}  {place}{url}  {}\n", plain(&made.call, 60), dim(todo))
}
