//! The parts of a call's story: what came in, who it was, what was written, field by field, and what happened.

use std::collections::BTreeMap;

use aftercall_config::project::Origin;
use aftercall_plan::decision::MatchDecision;
use aftercall_plan::model::{FieldChange, Plan};
use jiff::tz::TimeZone;
use maud::{Markup, html};
use serde_json::Value;

use super::Person;
use super::parts::{outside, plain, state, time};
use crate::journal::{Story, WriteRow};
use crate::view::mask::{self, Seen};
use crate::view::remedy;

/// A value on a page, as text.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => plain(text),
        other => plain(&other.to_string()),
    }
}

/// The outcome as it was received, a line for each value, and the payloads.
pub(super) fn outcome(person: &Person, story: &Story) -> Markup {
    let outcome: Value = story.call.outcome.as_ref().and_then(|outcome| outcome.read().ok()).unwrap_or_default();
    let mut lines = Vec::new();
    flat("", &outcome, &mut lines);
    html! {
        h2 { "As received" }
        div.wide { table.pairs {
            caption { "The call outcome, revision " (story.call.revision) }
            thead { tr { th scope="col" { "Value" } th scope="col" { "What it is" } } }
            tbody { @for (name, value) in &lines { tr { th scope="row" { (plain(name)) } td { (of_outcome(person, name, value)) } } } }
        } }
    }
}

/// What was delivered, byte for byte, for who may see it. Those whose bytes are in `bodies` are folded in; the others are linked.
pub(super) fn payloads(person: &Person, story: &Story, bodies: &[(i64, Vec<u8>)]) -> Markup {
    let address = |id: i64| format!("{}/payloads/{id}", super::parts::call_address(&story.call.id));
    let body = |id: i64| bodies.iter().find(|(known, _)| *known == id).map(|(_, body)| plain(&String::from_utf8_lossy(body)));
    html! {
        @for payload in story.payloads.iter().filter(|_| person.sees_all()) {
            @let name = format!("Payload {} from {}, {} bytes, as it came", payload.id, payload.source, payload.bytes);
            @match body(payload.id) {
                Some(text) => details {
                    summary { (name) }
                    p { a href=(address(payload.id)) { "By itself" } }
                    pre tabindex="0" { (text) }
                },
                None => p { a href=(address(payload.id)) { (name) } },
            }
        }
    }
}

/// A value of the outcome as somebody may see it.
fn of_outcome(person: &Person, name: &str, value: &str) -> String {
    match mask::of_outcome(name) {
        Seen::Whole => value.to_owned(),
        Seen::Masked => person.sees(value).into_owned(),
        Seen::Hidden => person.sees_value(value).into_owned(),
    }
}

/// Every value below a value, by its path.
fn flat(path: &str, value: &Value, out: &mut Vec<(String, String)>) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| flat(&below(name), value, out)),
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            items.iter().enumerate().for_each(|(at, value)| flat(&below(&at.to_string()), value, out));
        }
        Value::Array(items) => out.push((path.to_owned(), items.iter().map(text).collect::<Vec<_>>().join(", "))),
        Value::Null => {}
        other => out.push((path.to_owned(), text(other))),
    }
}

/// Whose record it is, with the sum behind it.
pub(super) fn decision(person: &Person, story: &Story) -> Markup {
    let decision = story.plans.last().and_then(|row| row.decision.read::<MatchDecision>().ok());
    let Some(decision) = decision else { return html! {} };
    let side = |side: &Option<String>| side.as_deref().map(|text| person.sees(&plain(text)).into_owned()).unwrap_or_default();
    html! {
        h2 { "Who called" }
        p { (state(decision.verdict.as_str())) " " (person.sees(&plain(&decision.because))) }
        @for candidate in &decision.candidates {
            details open[Some(&candidate.id) == decision.contact.as_ref()] {
                summary { (plain(&candidate.name)) " (" (candidate.id) "), " (format!("{:.1}", candidate.bits)) " bits" }
                div.wide { table {
                    caption { "The evidence for " (plain(&candidate.name)) ", in bits; " (format!("{:.1}", decision.accept)) " are needed, and a lead of " (format!("{:.1}", decision.margin)) }
                    thead { tr { th scope="col" { "Compared" } th scope="col" { "Caller" } th scope="col" { "Record" } th scope="col" { "How" } th.num scope="col" { "Bits" } } }
                    tbody { @for line in &candidate.evidence {
                        tr { th scope="row" { (line.on) } td data-is="Caller" { (side(&line.caller)) } td data-is="Record" { (side(&line.record)) } td data-is="How" { (line.level) } td.num data-is="Bits" { (format!("{:+.1}", line.bits)) } }
                    } }
                } }
            }
        }
        @for answer in &story.answers {
            p { strong { "Answered" } " by " (answer.actor) ": " (crate::view::review::answer(answer)) @if !answer.reason.is_empty() { ", because " (person.sees(&plain(&answer.reason))) } }
        }
    }
}

/// What is known of one field: as it was planned, and as it came out.
#[derive(Default)]
struct Field {
    planned: Option<FieldChange>,
    receipt: Option<Value>,
}

impl Field {
    fn of_receipt(&self, key: &str) -> &Value {
        self.receipt.as_ref().and_then(|receipt| receipt.get(key)).unwrap_or(&Value::Null)
    }

    fn policy(&self) -> String {
        self.planned.as_ref().map_or_else(|| text(self.of_receipt("policy")), |field| field.policy.as_str().to_owned())
    }

    fn origin(&self) -> String {
        let planned = self.planned.as_ref().map(|field| &field.origin).map(Origin::to_string);
        planned.unwrap_or_else(|| text(self.of_receipt("origin")))
    }

    fn before(&self) -> String {
        let planned = self.planned.as_ref().and_then(|field| field.before.as_ref());
        planned.map(text).unwrap_or_else(|| text(self.of_receipt("before")))
    }

    fn after(&self) -> String {
        let planned = self.planned.as_ref().and_then(|field| field.after.as_ref());
        planned.map(text).unwrap_or_else(|| text(self.of_receipt("value")))
    }
}

/// The fields of a write, in the plan's order; what only the receipt knows comes last.
fn fields(write: &WriteRow, plan: Option<&Plan>) -> Vec<(String, Field)> {
    let receipts: Vec<Value> = write.receipt.as_ref().and_then(|receipt| receipt.read().ok()).unwrap_or_default();
    let mut known: BTreeMap<String, Value> =
        receipts.iter().filter_map(|row| Some((row["field"].as_str()?.to_owned(), row.clone()))).collect();
    let planned =
        plan.and_then(|plan| plan.writes.iter().find(|one| one.id == write.write)).map(|one| one.fields.clone()).unwrap_or_default();
    let mut out: Vec<(String, Field)> = planned
        .into_iter()
        .map(|field| (field.field.clone(), Field { receipt: known.remove(&field.field), planned: Some(field) }))
        .collect();
    out.extend(known.into_iter().map(|(name, receipt)| (name, Field { planned: None, receipt: Some(receipt) })));
    out
}

/// The writes, each with its attempts and its fields.
pub(super) fn writes(person: &Person, story: &Story, zone: &TimeZone) -> Markup {
    let plan = story.plans.last().and_then(|row| row.plan.read::<Plan>().ok());
    html! {
        @if !story.writes.is_empty() { h2 { "Writes" } }
        @for row in &story.writes { (write(person, row, plan.as_ref(), zone)) }
        @if let Some(plan) = plan.as_ref().filter(|plan| !plan.notes.is_empty()) {
            h3 { "Notes" }
            ul { @for note in &plan.notes { li { (person.sees_said(&plain(&note.text))) @if let Some(origin) = &note.origin { " " code { (origin) } } } } }
        }
        @if !story.past_writes.is_empty() {
            details {
                summary { "Sent under earlier plans (" (story.past_writes.len()) ")" }
                @for row in &story.past_writes { (write(person, row, None, zone)) }
            }
        }
    }
}

fn write(person: &Person, row: &WriteRow, plan: Option<&Plan>, zone: &TimeZone) -> Markup {
    let fields = fields(row, plan);
    let record = row.record_id.as_deref().unwrap_or_default();
    let asked = plan.and_then(|plan| plan.writes.iter().find(|one| one.id == row.write)).map(|one| one.origin.to_string());
    html! {
        section.write aria-label={ "Write " (row.write) } {
            h3 { (state(row.state.word())) " " (row.write) ": " @if row.op != row.state.word() { (row.op) " " } (row.connection) " " (row.object) " " (outside(row.record_url.as_deref(), record)) }
            p.soft {
                (row.attempt) @if row.attempt == 1 { " attempt" } @else { " attempts" } " · guarantee " (row.guarantee)
                @if let Some(marker) = &row.marker { " · marker " code { (marker) } }
                @if let Some(line) = &asked { " · " code { (line) } }
                " · " (time(row.changed_at, zone, true))
                @if let Some(at) = row.next_at { " · next attempt at " (time(at, zone, true)) }
            }
            @if let Some(trouble) = &row.trouble {
                p { strong.bad { (trouble.class.replace('_', " ")) } @if let Some(status) = trouble.http_status { " (" (status) ")" } ": " (person.sees_said(&plain(&trouble.message))) }
                @if let Some(remedy) = remedy::of_class(&trouble.class) { p { strong { "What to do: " } (remedy) "." } }
            }
            @if !fields.is_empty() {
                div.wide { table {
                    caption { "Fields of " (row.write) }
                    thead { tr {
                        th scope="col" { "Field" } th scope="col" { "Before" } th scope="col" { "After" } th scope="col" { "Policy" } th scope="col" { "Receipt" } th scope="col" { "Asked by" }
                    } }
                    tbody { @for (name, one) in &fields { (field(person, name, one)) } }
                } }
            }
        }
    }
}

fn field(person: &Person, name: &str, field: &Field) -> Markup {
    let (before, after) = (field.before(), field.after());
    let receipt = text(field.of_receipt("state"));
    let found = text(field.of_receipt("found"));
    let planned = field.planned.as_ref().and_then(|field| field.because.clone());
    // What did not change is not struck out, and what did not come to stand is no insertion.
    let stands = ["same", "kept", "absent", "conflict", "refused"].contains(&receipt.as_str());
    let because = field.of_receipt("because").as_str().map(str::to_owned).or(planned);
    html! {
        tr {
            th scope="row" { (name) }
            td data-is="Before" { @if !before.is_empty() { @if stands { (person.sees_value(&before)) } @else { del { (person.sees_value(&before)) } } } }
            td data-is="After" { @if !after.is_empty() { @if stands { span.soft { (person.sees_value(&after)) } } @else { ins { (person.sees_value(&after)) } } } }
            td data-is="Policy" { (field.policy()) }
            td data-is="Receipt" {
                @if !receipt.is_empty() { (state(&receipt)) }
                @if let Some(because) = &because { " " span.soft { (person.sees_said(&plain(because))) } }
                @if !found.is_empty() { " " span.soft { "there: " (person.sees_value(&found)) } }
                @if let Some(remedy) = remedy::of_field(&receipt) { div { (remedy) "." } }
            }
            td.line data-is="Asked by" { code { (field.origin()) } }
        }
    }
}

/// What was said of the call, one word after the other.
pub(super) fn revisions(person: &Person, story: &Story, zone: &TimeZone) -> Markup {
    html! {
        @if story.revisions.len() > 1 {
            h2 { "Revisions" }
            @for revision in &story.revisions {
                @let outcome: Value = revision.outcome.read().unwrap_or_default();
                @let lines = { let mut lines = Vec::new(); flat("", &outcome, &mut lines); lines };
                details {
                    summary { "Revision " (revision.revision) @if revision.provisional { ", provisional" } ", " (time(revision.received_at, zone, true)) " under " code { (revision.config_version) } }
                    dl.facts { @for (name, value) in &lines { div { dt { (plain(name)) } dd { (of_outcome(person, name, value)) } } } }
                }
            }
        }
        @if !story.bookings.is_empty() {
            h2 { "Booked" }
            ul { @for booking in &story.bookings { li { (booking.resource) " from " (time(booking.starts_at, zone, true)) " to " (time(booking.ends_at, zone, true)) " (" (booking.write) ")" } } }
        }
    }
}

/// What happened, oldest first.
pub(super) fn events(person: &Person, story: &Story, zone: &TimeZone) -> Markup {
    html! {
        h2 { "What happened" }
        div.wide { table {
            caption { (story.events.len()) " events, oldest first" }
            thead { tr { th scope="col" { "Time" } th scope="col" { "What" } th scope="col" { "Write" } th scope="col" { "Particulars" } } }
            tbody { @for event in &story.events {
                @let data: Value = event.data.read().unwrap_or_default();
                @let lines = { let mut lines = Vec::new(); flat("", &data, &mut lines); lines };
                tr {
                    td { (time(event.at, zone, true)) }
                    th scope="row" { (event.kind.replace('_', " ")) }
                    td data-is="Write" { (event.write.as_deref().unwrap_or_default()) }
                    td.long { @for (at, (name, value)) in lines.iter().enumerate() { @if at > 0 { ", " } span.soft { (plain(name)) } " " (person.sees_said(value)) } }
                }
            } }
        } }
    }
}
