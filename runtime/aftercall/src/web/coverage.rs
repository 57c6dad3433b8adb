//! Two parts of the page of reconciliation: what may be duplicates in a system, and what became of what was captured.

use jiff::tz::TimeZone;
use maud::{Markup, html};

use super::Person;
use super::parts::{call_address, number, outside, plain, time};
use crate::reconcile::{Duplicate, Report, Suspicion, Twin};

/// Lines that bring a value somewhere, as many as are shown.
const WAYS: usize = 3;

/// Records of which several may be one.
pub(super) fn duplicates(person: &Person, report: &Report, zone: &TimeZone) -> Markup {
    html! {
        h2 { "May be duplicates" }
        @if report.duplicates.is_empty() { p.soft { "No call of this time has seen two records that may be one." } } @else {
            div.wide { table {
                caption { "What calls of this time have seen in the systems, the newest first; a review asks about it, or the records are merged in the system itself" }
                thead { tr { th scope="col" { "Seen by" } th scope="col" { "Where" } th scope="col" { "Records" } th scope="col" { "Why" } } }
                tbody { @for one in &report.duplicates { (duplicate(person, one, zone)) } }
            } }
        }
    }
}

fn duplicate(person: &Person, one: &Duplicate, zone: &TimeZone) -> Markup {
    let why = match one.kind {
        Suspicion::SeveralFit => "several fit one caller",
        Suspicion::Refused => "the system refused a new one, since it has one like it",
        Suspicion::SaidToBeOne => "a person said that they are one, and they were not merged",
    };
    let name = |twin: &Twin| match (&twin.name, twin.made) {
        (Some(name), _) => plain(name),
        (None, true) => "the new one".to_owned(),
        (None, false) => "record".to_owned(),
    };
    html! { tr data-line {
        th scope="row" { a href=(call_address(&one.call)) { (time(one.at, zone, true)) } @if one.calls > 1 { " " span.soft { "and " (number(one.calls - 1)) " before" } } }
        td data-is="Where" { (one.connection) " " (one.object) }
        td data-is="Records" { ul.plain { @for twin in &one.records { li { (outside(twin.record_url.as_deref(), &name(twin))) " " code { (plain(&twin.record_id)) } } } } }
        td.long data-is="Why" { (why) @if let Some(because) = &one.because { div.soft { (person.sees_said(&plain(because))) } } }
    } }
}

/// What became of what was captured.
pub(super) fn coverage(report: &Report) -> Markup {
    let coverage = &report.coverage;
    let mut pipelines: Vec<&Option<String>> = coverage.values.iter().map(|line| &line.pipeline).collect();
    pipelines.dedup();
    html! {
        h2 { "What became of what was captured" }
        @if coverage.values.is_empty() { p.soft { "No call of this time has captured anything." } } @else {
            p.soft { "Of the newest " (number(coverage.calls as u64)) " calls of this time, by the receipts of their writes; what is lost comes first." }
            @for pipeline in pipelines { (table(report, pipeline)) }
        }
    }
}

fn table(report: &Report, pipeline: &Option<String>) -> Markup {
    let count = |n: u64| html! { @if n == 0 { span.soft { "0" } } @else { (number(n)) } };
    html! {
        div.wide { table.coverage {
            caption { @match pipeline { Some(name) => { "Pipeline " strong { (name) } }, None => "Calls that no pipeline has planned", } }
            thead { tr {
                th scope="col" { "Value" } th.num scope="col" { "Captured" } th.num scope="col" { "In a field" } th.num scope="col" { "Only in a text" } th.num scope="col" { "Nowhere" }
                th scope="col" { "By which line, or what to write" }
            } }
            tbody {
                @for line in report.coverage.values.iter().filter(|line| line.pipeline == *pipeline) {
                    @let nowhere = line.nowhere + line.kept + line.refused + line.waiting;
                    @let parts = [(line.nowhere, "no line brought them"), (line.kept, "kept as it stood"), (line.refused, "refused"), (line.waiting, "on the way")];
                    tr {
                        th.long scope="row" { code { (plain(&line.value)) } }
                        td.num data-is="Captured" { (number(line.calls)) }
                        td.num data-is="In a field" { (count(line.field)) }
                        td.num data-is="Only in a text" { (count(line.text)) }
                        td.num data-is="Nowhere" {
                            @if line.nowhere + line.refused > 0 { strong.care { (number(nowhere)) } } @else { (count(nowhere)) }
                            @for (n, why) in parts.iter().filter(|(n, _)| *n > 0) { div.soft { (number(*n)) " " (why) } }
                        }
                        td.line data-is="By" {
                            @for way in line.ways.iter().take(WAYS) { div { (way.write) "." (way.field) " " @if !way.alone { span.soft { "(text) " } } code { (way.origin) } } }
                            @if line.ways.len() > WAYS { div.soft { "and " (line.ways.len() - WAYS) " more" } }
                            @if let Some(advice) = &line.advice {
                                details { summary { "Give it a field" }
                                    p { "In " code { (advice.file) } ", under the write " code { (advice.write) } ":" }
                                    pre { (advice.line) }
                                }
                            }
                        }
                    }
                }
            }
        } }
    }
}
