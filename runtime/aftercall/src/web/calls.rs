//! `GET /calls`: every call of a time with its status and the records that it wrote; yesterday by default.

use aftercall_config::call::CallOutcome;
use aftercall_config::project::Project;
use axum::extract::{Query, State};
use axum::response::Response;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use maud::{Markup, html};

use super::filter::{Asked, DECISIONS, before};
use super::page::{self, Refusal};
use super::parts::{call_address, number, outside, plain, state, time};
use super::{Person, Web};
use crate::journal::{CallStatus, CallSummary, LogCounts, LogFilter, LogPage};

/// The pairs of an address.
pub(super) type Pairs = Query<Vec<(String, String)>>;

/// The page.
pub(super) async fn page(State(web): State<Web>, person: Person, Query(pairs): Pairs) -> Result<Response, Refusal> {
    let project = web.service.versions.live();
    let zone = project.timezone.clone();
    let now = Timestamp::now();
    let asked = Asked::read(&pairs, &zone, now, true).map_err(Refusal::wrong)?;
    let journal = &web.service.journal;
    let log = journal.log(LogFilter { whole_words: !person.sees_all(), ..asked.filter.clone() }).await?;
    let counts = journal.log_counts(asked.filter.of.clone()).await?;
    let is_first = asked.filter.after.is_none();
    let main = html! {
        h1 { "Calls " span.soft { (received(&asked)) } }
        (presets(&asked, &zone, now))
        (filters(&asked, &project))
        div #summary data-live[is_first] aria-live="off" {
            (gap(&asked, &counts))
            (statuses(&asked, &counts))
        }
        div #log data-live[is_first] {
            (table(&person, &asked, &log, &zone))
            (pager(&asked, &log))
        }
    };
    Ok(page::page(&person, "Calls", "/calls", &main))
}

/// By what time they are chosen: a call that was delivered late is one of the day on which it came in.
fn received(asked: &Asked) -> String {
    match (asked.from.as_str(), asked.to.as_str()) {
        ("", "") => "received at any time".to_owned(),
        (from, to) if from == to => format!("received on {}", plain(from)),
        (from, "") => format!("received since {}", plain(from)),
        ("", to) => format!("received until {}", plain(to)),
        (from, to) => format!("received from {} to {}", plain(from), plain(to)),
    }
}

/// When a call came in and, where that was another time, when it had begun.
fn moments(call: &CallSummary, zone: &TimeZone, with_day: bool) -> Markup {
    let day = |at: Timestamp| at.to_zoned(zone.clone()).date();
    let began = call.started_at.filter(|began| began.as_second() != call.received_at.as_second());
    html! {
        a href=(call_address(&call.id)) { (time(call.received_at, zone, with_day)) }
        @if let Some(began) = began { div.soft.nowrap { "began " (time(began, zone, day(began) != day(call.received_at))) } }
    }
}

fn presets(asked: &Asked, zone: &TimeZone, now: Timestamp) -> Markup {
    let today = now.to_zoned(zone.clone()).date();
    let day = |days| before(today, days);
    let presets = [
        ("Yesterday", day(1), day(1)),
        ("Today", day(0), day(0)),
        ("7 days", day(6), day(0)),
        ("30 days", day(29), day(0)),
        ("All", String::new(), String::new()),
    ];
    html! {
        nav.presets aria-label="Time" {
            @for (name, from, to) in &presets {
                @let is_here = *from == asked.from && *to == asked.to;
                a href=(asked.address("/calls", &[("from", from), ("to", to)])) aria-current=[is_here.then_some("true")] { (name) }
            }
        }
    }
}

fn filters(asked: &Asked, project: &Project) -> Markup {
    let status: Vec<&str> = CallStatus::ALL.iter().map(|status| status.word()).collect();
    let mut pipelines: Vec<&str> = project.pipelines.iter().map(|pipeline| pipeline.name.as_str()).collect();
    pipelines.sort_unstable();
    let sources: Vec<&str> = project.sources.keys().map(String::as_str).collect();
    let connections: Vec<&str> = project.connections.keys().map(String::as_str).collect();
    let choices = [
        ("status", "Status", &asked.status, status),
        ("decision", "Match", &asked.decision, DECISIONS.to_vec()),
        ("pipeline", "Pipeline", &asked.pipeline, pipelines),
        ("source", "Source", &asked.source, sources),
        ("connection", "Connection", &asked.connection, connections),
    ];
    let kind = |text: &str| if text.contains('T') { "text" } else { "date" };
    html! {
        form.filters method="get" action="/calls" role="search" aria-label="Calls" {
            label { "Received from" input type=(kind(&asked.from)) name="from" value=(asked.from); }
            label { "To" input type=(kind(&asked.to)) name="to" value=(asked.to); }
            label.grow { "Name, number, e-mail, call or record" input type="search" name="q" value=(asked.q); }
            @for (name, title, chosen, words) in &choices {
                label {
                    (title)
                    select name=(name) {
                        option value="" { "all" }
                        @for word in words {
                            option value=(word) selected[word == chosen] { (word.replace('_', " ")) }
                        }
                        // One that the project no longer has can still be asked for.
                        @if !chosen.is_empty() && !words.contains(&chosen.as_str()) {
                            option value=(chosen) selected { (chosen) }
                        }
                    }
                }
            }
            button.main { "Show" }
        }
    }
}

/// What was delivered in this time and has not landed.
fn gap(asked: &Asked, counts: &LogCounts) -> Markup {
    let of = |status: CallStatus| counts.calls.get(&status).copied().unwrap_or_default();
    let parts = [
        (CallStatus::Waiting, "waiting"),
        (CallStatus::Dead, "given up"),
        (CallStatus::Partial, "landed in part"),
        (CallStatus::Held, "held"),
        (CallStatus::Review, "in review"),
    ];
    let never = counts.never_received;
    let open: u64 = parts.iter().map(|(status, _)| of(*status)).sum::<u64>() + counts.unrecognised;
    let delivered: u64 = counts.calls.values().sum::<u64>() + counts.unrecognised;
    html! {
        p.gap.none[open + never == 0] {
            @if open + never == 0 {
                strong { "No gap." } " " (number(delivered)) " delivered in this time, and nothing is open."
            } @else if open > 0 {
                strong { (number(open)) " of " (number(delivered)) " delivered are open: " }
                @for (at, (status, words)) in parts.iter().filter(|(status, _)| of(*status) > 0).enumerate() {
                    @if at > 0 { ", " }
                    a href=(asked.address("/calls", &[("status", status.word())])) { (number(of(*status))) " " (words) }
                }
                @if counts.unrecognised > 0 {
                    @if open > counts.unrecognised { ", " }
                    (number(counts.unrecognised)) " not understood ("
                    code { "aftercall calls --unrecognised" } ")"
                }
            }
            @if never > 0 {
                @if open > 0 { ". " }
                a href=(asked.days("/reconciliation")) { strong { (number(never)) @if never == 1 { " call" } @else { " calls" } " of the platforms' own lists never came" } }
                @if open == 0 { ". " (number(delivered)) " delivered in this time, and nothing of them is open." }
            }
        }
    }
}

fn statuses(asked: &Asked, counts: &LogCounts) -> Markup {
    let all: u64 = counts.calls.values().sum();
    html! {
        ul.counts aria-label="By status" {
            li { a href=(asked.address("/calls", &[("status", "")])) aria-current=[asked.filter.status.is_empty().then_some("true")] { "all " (number(all)) } }
            @for (status, count) in &counts.calls {
                @let is_here = asked.status == status.word();
                li {
                    a href=(asked.address("/calls", &[("status", status.word())])) aria-current=[is_here.then_some("true")] {
                        (state(status.word())) " " (number(*count))
                    }
                }
            }
        }
    }
}

fn table(person: &Person, asked: &Asked, log: &LogPage, zone: &TimeZone) -> Markup {
    let is_one_day = asked.from == asked.to && !asked.from.is_empty();
    html! {
        @if log.calls.is_empty() {
            @if log.cut {
                p { "None of the calls that were looked at fits. Older ones may." }
            } @else {
                p { "No call fits. " @if asked.is_narrow() || !asked.from.is_empty() { a href=(asked.address("/calls", &[("from", ""), ("to", "")])) { "Look in all of the time" } } }
            }
        } @else {
            table.calls {
                caption { @match log.calls.len() { 1 => { "1 call" }, n => { (n) " calls" }, } @if log.next.is_some() { ", and more" } ", the last received first; times in " (zone.iana_name().unwrap_or("the project's zone")) }
                thead { tr {
                    th scope="col" { "Received" } th scope="col" { "Caller" } th scope="col" { "Outcome" } th scope="col" { "Status" }
                    th scope="col" { "Records" } th scope="col" { "Match" }
                } }
                tbody {
                    @for call in &log.calls { (line(person, call, zone, !is_one_day)) }
                }
            }
        }
    }
}

fn line(person: &Person, call: &CallSummary, zone: &TimeZone, with_day: bool) -> Markup {
    let outcome: CallOutcome = call.outcome.as_ref().and_then(|outcome| outcome.read().ok()).unwrap_or_default();
    let (who, reach) = caller(person, &outcome);
    html! {
        tr id={ "call-" (call.seq) } data-line {
            td { (moments(call, zone, with_day)) }
            th.long scope="row" { (who) @if !reach.is_empty() { " " span.soft { (reach) } } }
            td.long { (outcome.outcome.as_deref().map(plain).unwrap_or_default()) }
            td {
                (state(call.status.word()))
                @if let Some(reason) = call.status_reason.as_ref().filter(|_| person.sees_all()) { " " span.soft { (plain(reason)) } }
                @if let Some(behind) = call.behind.as_ref().filter(|_| call.status_reason.is_none()) { " " span.soft { "waits for " (behind) " of the same caller" } }
                @if let Some(question) = call.question.as_ref().filter(|question| Some(*question) != call.status_reason.as_ref()) { " " span.soft { (person.sees(&plain(question))) } }
            }
            td.records {
                ul.plain {
                    @for record in &call.records { li { (outside(record.record_url.as_deref(), &format!("{} {}", record.connection, record.object))) } }
                }
            }
            td { @if let Some(verdict) = &call.verdict { (state(verdict)) } }
        }
    }
}

/// The caller's name, and how they are reached, as this person may see it.
pub(super) fn caller(person: &Person, outcome: &CallOutcome) -> (String, String) {
    let caller = &outcome.caller;
    let parts: Vec<&str> = [&caller.first_name, &caller.last_name].into_iter().flatten().map(String::as_str).collect();
    let name = caller.name.clone().filter(|name| !name.is_empty()).unwrap_or_else(|| parts.join(" "));
    let reach = caller.phone.as_ref().or(caller.callback_phone.as_ref()).or(caller.email.as_ref()).cloned().unwrap_or_default();
    let name = if name.is_empty() { "unknown caller".to_owned() } else { plain(&name) };
    (person.sees(&name).into_owned(), person.sees(&plain(&reach)).into_owned())
}

fn pager(asked: &Asked, log: &LogPage) -> Markup {
    html! {
        nav.pager aria-label="Pages and exports" {
            @if asked.filter.after.is_some() { a rel="first" href=(asked.address("/calls", &[])) { "Newest" } }
            @if let Some(next) = log.next { a rel="next" href=(asked.address("/calls", &[("after", &next.to_string())])) { @if log.cut { "Look further back" } @else { "Older" } } }
            a href=(asked.address("/calls.csv", &[])) { "As CSV" }
            a href=(asked.address("/calls.json", &[])) { "As JSON" }
        }
    }
}
