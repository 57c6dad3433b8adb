//! `GET /connections`: how each system stands just now, whether it is left alone, what waits for it, its credentials, how much of its pace is used; and how
//! its answers went over time. The same as JSON at `/v1/connections`.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;
use maud::{Markup, html};
use schemars::JsonSchema;
use serde::Serialize;

use super::calls::Pairs;
use super::page::{self, Refusal};
use super::parts::{marked, number, time};
use super::{Person, Web, plot};
use crate::connect;
use crate::meters::{Grain, Slot, course};
use crate::view::remedy;

/// The page. `over=day` asks for the last day.
pub(super) async fn page(State(web): State<Web>, person: Person, Query(pairs): Pairs) -> Result<Response, Refusal> {
    let (project, standings) = (web.service.versions.live(), web.service.connections.standings());
    let parked = web.service.journal.parked().await?;
    let gone: Vec<&String> = parked.keys().filter(|id| !project.connections.contains_key(*id)).collect();
    let is_day = pairs.iter().any(|(name, value)| name == "over" && value == "day");
    let grain = if is_day { Grain::HalfHour } else { Grain::Minute };
    let (now, zone) = (Timestamp::now(), &project.timezone);
    let main = html! {
        h1 { "Connections" }
        div #connections data-live {
            div.wide { table {
                caption.soft { "How each system stands just now" }
                thead { tr { th scope="col" { "Connection" } th scope="col" { "System" } th scope="col" { "Standing" } th scope="col" { "Credentials" } th scope="col" { "Calls that wait" } th scope="col" { "Requests" } th scope="col" { "Left" } } }
                tbody {
                    @for (id, connection) in &project.connections { tr {
                        th scope="row" { (id) }
                        td data-is="System" { (connection.connector.decl.title) }
                        (line(standings.get(id), parked.get(id).copied().unwrap_or(0)))
                    } }
                    @for id in &gone { tr {
                        th scope="row" { (id) }
                        td {} td data-is="Standing" { (marked("held", "not in the project any more")) ": calls wait until it is there again" } td {}
                        td data-is="Calls that wait" { (number(parked.get(*id).copied().unwrap_or(0))) } td {} td {}
                    } }
                }
            } }
            @if project.connections.is_empty() && gone.is_empty() { p { "The project names no connection." } }
        }
        nav.presets aria-label="Time" {
            a href="/connections" aria-current=[(!is_day).then_some("true")] { "Last hour" }
            a href="/connections?over=day" aria-current=[is_day.then_some("true")] { "Last 24 hours" }
        }
        p.soft { "Counted since " (time(since(now), zone, true)) ", when this service was started; by the " @if is_day { "half hour" } @else { "minute" } "." }
        div #courses data-live {
            @for id in project.connections.keys() {
                section aria-labelledby={ "course-" (id) } {
                    h2 id={ "course-" (id) } { (id) }
                    (plot::course(id, &course().of(id, grain), grain, now, zone))
                }
            }
        }
    };
    Ok(page::page(&person, "Connections", "/connections", &main))
}

/// Since when there are counts.
fn since(now: Timestamp) -> Timestamp {
    now.checked_sub(course().age()).unwrap_or(now)
}

fn line(standing: Option<&connect::Standing>, waiting: u64) -> Markup {
    let alone = standing.and_then(|standing| standing.left_alone);
    html! {
        td data-is="Standing" {
            @match alone {
                Some((since, class)) => {
                    (marked("held", &format!("left alone for {}", span(since)))) ", since it was " (class.as_str().replace('_', " "))
                    div.soft { (remedy::while_away(class)) }
                },
                None => (marked("applied", "in use")),
            }
        }
        td data-is="Credentials" { (standing.map_or("none", |standing| standing.credentials)) }
        td data-is="Calls that wait" { (number(waiting)) }
        @match standing {
            Some(standing) => {
                td data-is="Requests" {
                    (standing.usage.in_flight) " of " (standing.usage.concurrency) " under way"
                    @if standing.usage.waiting > 0 { ", " (standing.usage.waiting) " in line" }
                    @if let Some(held) = standing.usage.held_for { div.soft { "paced by the system for " (span(held)) } }
                }
                td data-is="Left" {
                    @if let Some(left) = standing.usage.remaining { (number(left)) " in its window" }
                    @if let Some((used, most)) = standing.usage.allowance { div { (number(used)) " of " (number(most)) " used of its allowance" } }
                    @if standing.usage.remaining.is_none() && standing.usage.allowance.is_none() { span.soft { "it does not say" } }
                }
            },
            None => { td data-is="Requests" { span.soft { "none yet" } } td {} },
        }
    }
}

/// Whole seconds, minutes or hours.
fn span(time: Duration) -> String {
    match time.as_secs() {
        s if s < 120 => format!("{s} s"),
        s if s < 7200 => format!("{} min", s / 60),
        s => format!("{} h", s / 3600),
    }
}

/// How the connections stand.
#[derive(Serialize, JsonSchema)]
pub(super) struct Listing {
    /// The version of this shape.
    version: u32,
    /// Since when `hour` and `day` are counted: since the service was started.
    since: Timestamp,
    /// The connections of the project, and those that calls wait for although the project no longer has them.
    connections: Vec<One>,
}

/// One connection.
#[derive(Serialize, JsonSchema)]
struct One {
    /// Its name in the project.
    id: String,
    /// The system's name; absent where the project no longer has the connection.
    system: Option<String>,
    /// For how many seconds it has been left alone; absent where it is in use.
    left_alone_s: Option<u64>,
    /// The class of the errors because of which it is.
    left_alone_because: Option<String>,
    /// Its credentials: `none` (nothing has asked for them yet), `valid`, `ending`, `refused`.
    credentials: String,
    /// Calls that wait for it.
    waiting: u64,
    /// Requests under way.
    in_flight: usize,
    /// Requests that may be under way at once; absent where nothing was asked yet.
    concurrency: Option<usize>,
    /// Requests that stand in line.
    in_line: usize,
    /// For how many seconds the system wants nothing to be sent.
    held_s: Option<f64>,
    /// Requests that are left in the system's window, as its headers say.
    window_left: Option<u64>,
    /// Used of a longer allowance, as its headers say.
    allowance_used: Option<u64>,
    /// That allowance.
    allowance: Option<u64>,
    /// The last hour by the minute, the oldest first.
    hour: Vec<Stretch>,
    /// The last day by the half hour, the oldest first.
    day: Vec<Stretch>,
}

/// What happened in one stretch of time.
#[derive(Serialize, JsonSchema)]
struct Stretch {
    /// When it began.
    from: Timestamp,
    /// Requests that were sent.
    requests: u64,
    /// Half of the answers took at most so many milliseconds; null where there was none. A tenth too high at most.
    p50_ms: Option<f64>,
    /// 95 of 100.
    p95_ms: Option<f64>,
    /// 99 of 100.
    p99_ms: Option<f64>,
    /// Failures by the class of the error.
    errors: BTreeMap<String, u64>,
}

impl Stretch {
    fn of(slot: Slot, now: Timestamp) -> Self {
        let ms = |took: Option<Duration>| took.map(|took| (took.as_secs_f64() * 10_000.0).round() / 10.0);
        Self {
            from: now.checked_sub(slot.ago).unwrap_or(now),
            requests: slot.requests,
            p50_ms: ms(slot.p50),
            p95_ms: ms(slot.p95),
            p99_ms: ms(slot.p99),
            errors: slot.errors.into_iter().map(|(class, count)| (class.to_owned(), count)).collect(),
        }
    }
}

/// `GET /v1/connections`.
pub(super) async fn json(State(web): State<Web>, _: Person) -> Result<Response, Refusal> {
    let (project, standings) = (web.service.versions.live(), web.service.connections.standings());
    let parked = web.service.journal.parked().await.map_err(|error| Refusal::from(error).for_program())?;
    let now = Timestamp::now();
    let mut ids: Vec<&String> = project.connections.keys().chain(parked.keys()).collect();
    ids.sort();
    ids.dedup();
    let connections = ids.into_iter().map(|id| {
        let standing = standings.get(id);
        let usage = standing.map(|standing| &standing.usage);
        let alone = standing.and_then(|standing| standing.left_alone);
        let past = |grain| course().of(id, grain).into_iter().map(|slot| Stretch::of(slot, now)).collect();
        One {
            id: id.clone(),
            system: project.connections.get(id).map(|connection| connection.connector.decl.title.clone()),
            left_alone_s: alone.map(|(since, _)| since.as_secs()),
            left_alone_because: alone.map(|(_, class)| class.as_str().to_owned()),
            credentials: standing.map_or("none", |standing| standing.credentials).to_owned(),
            waiting: parked.get(id).copied().unwrap_or(0),
            in_flight: usage.map_or(0, |usage| usage.in_flight),
            concurrency: usage.map(|usage| usage.concurrency),
            in_line: usage.map_or(0, |usage| usage.waiting),
            held_s: usage.and_then(|usage| usage.held_for).map(|held| held.as_secs_f64()),
            window_left: usage.and_then(|usage| usage.remaining),
            allowance_used: usage.and_then(|usage| usage.allowance).map(|(used, _)| used),
            allowance: usage.and_then(|usage| usage.allowance).map(|(_, most)| most),
            hour: past(Grain::Minute),
            day: past(Grain::HalfHour),
        }
    });
    Ok(Json(Listing { version: 1, since: since(now), connections: connections.collect() }).into_response())
}
