//! `GET /reconciliation`: day by day what each platform had, what came in and where it stands; what never came, and the buttons that look and fetch.
//!
//! A platform may be slow: a button begins a look and does not wait for it. What comes of it stands in the journal, where the open page finds it.

use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::{Form, Json};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use maud::{Markup, html};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::act::conflict;
use super::calls::Pairs;
use super::form::form;
use super::page::{self, Refusal};
use super::parts::{number, plain, state, time};
use super::{Person, Role, Web, coverage};
use crate::journal::{CallStatus, Deed};
use crate::reconcile::{DayLine, ListState, MOST_NEWEST, NEWEST, Range, Report, SourceLine};
use crate::service::{LookFor, Looking};

/// Missing calls that are listed for a source.
const LISTED: usize = 50;
/// Where they stand: status, how the column is called.
const COLUMNS: [(CallStatus, &str); 8] = [
    (CallStatus::Landed, "Landed"),
    (CallStatus::Partial, "Partial"),
    (CallStatus::Waiting, "Waiting"),
    (CallStatus::Dead, "Dead"),
    (CallStatus::Review, "In review"),
    (CallStatus::Held, "Held"),
    (CallStatus::Skipped, "Skipped"),
    (CallStatus::Resolved, "Resolved"),
];

/// What is asked for.
struct Asked {
    range: Range,
    newest: usize,
}

fn asked(web: &Web, pairs: &[(String, String)]) -> Result<Asked, Refusal> {
    let of = |name: &str| pairs.iter().rev().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
    let known = ["from", "to", "day", "newest", "done", "source"];
    if let Some((unknown, _)) = pairs.iter().find(|(name, _)| !known.contains(&name.as_str())) {
        let short: String = unknown.chars().filter(|c| !c.is_control()).take(40).collect();
        return Err(Refusal::wrong(format!("there is no parameter `{short}`; there is: from, to, day, newest")));
    }
    let day = of("day");
    let (from, to) = if day.is_empty() { (of("from"), of("to")) } else { (day, day) };
    let zone = web.service.versions.live().timezone.clone();
    let range = Range::read(from, to, &zone, Timestamp::now()).map_err(Refusal::wrong)?;
    let newest = match of("newest") {
        "" => NEWEST,
        text => text
            .parse()
            .ok()
            .filter(|n| *n <= MOST_NEWEST)
            .ok_or_else(|| Refusal::wrong(format!("`newest` is a number up to {MOST_NEWEST}")))?,
    };
    Ok(Asked { range, newest })
}

async fn report(web: &Web, person: &Person, asked: &Asked) -> Result<Report, Refusal> {
    let project = web.service.versions.live();
    let reader = web.service.connections.reader();
    let report = Report::read(web.service.upkeep.as_ref(), &project, &reader, &asked.range, asked.newest).await?;
    Ok(if person.sees_all() { report } else { report.for_viewer() })
}

/// The page.
pub(super) async fn page(State(web): State<Web>, person: Person, Query(pairs): Pairs) -> Result<Response, Refusal> {
    let asked = asked(&web, &pairs)?;
    let report = report(&web, &person, &asked).await?;
    let zone = web.service.versions.live().timezone.clone();
    let looking = web.service.looks.now();
    let of = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let main = html! {
        h1 { "Reconciliation" }
        (times(&asked.range, &zone))
        @if let Some(done) = of("done") {
            p.note role="status" {
                @match done {
                    "look" => "The list is being asked; what it has is shown here as soon as it is there.",
                    "fetch" => "What is missing is being fetched; each call is shown here as soon as it is in.",
                    _ => "A look at this list goes on already; what comes of it is shown here.",
                }
            }
        }
        div #lists data-live {
            @for source in report.sources.iter().filter(|source| source.list == ListState::Connected) {
                (list(&person, source, &report, looking.get(&source.source), &zone))
            }
            (not_asked(&report))
            @if report.sources.is_empty() { p { "The project names no source, so nothing can come in: add " code { "[source.NAME]" } " to aftercall.toml." } }
        }
        div #days data-live { (days(&report)) }
        div #duplicates data-live { (coverage::duplicates(&person, &report, &zone)) }
        div #coverage data-live { (coverage::coverage(&report)) }
    };
    Ok(page::page(&person, "Reconciliation", "/reconciliation", &main))
}

fn times(range: &Range, zone: &TimeZone) -> Markup {
    let today = Timestamp::now().to_zoned(zone.clone()).date();
    let before = |days: i64| today.checked_sub(days.days()).unwrap_or(today);
    let presets =
        [("Yesterday", before(1), before(1)), ("Today", today, today), ("7 days", before(6), today), ("30 days", before(29), today)];
    html! {
        nav.presets aria-label="Time" {
            @for (name, from, to) in presets {
                a href={ "/reconciliation?from=" (from) "&to=" (to) } aria-current=[((from, to) == (range.first, range.last)).then_some("true")] { (name) }
            }
        }
        form.filters method="get" action="/reconciliation" aria-label="Days" {
            label { "From" input type="date" name="from" value=(range.first); }
            label { "To" input type="date" name="to" value=(range.last); }
            button.main { "Show" }
        }
    }
}

/// How a source's list stands, what of it is missing, and the buttons.
fn list(person: &Person, source: &SourceLine, report: &Report, looking: Option<&Looking>, zone: &TimeZone) -> Markup {
    let name = &source.source;
    let may = person.must_be(Role::Operator).is_ok() && looking.is_none();
    let missing: Vec<_> = report.missing.iter().filter(|call| call.source == *name).collect();
    let button = |action: &str, label: &str, main: bool| {
        form(
            person,
            action,
            &html! {
                input type="hidden" name="source" value=(name);
                input type="hidden" name="from" value=(report.from);
                input type="hidden" name="to" value=(report.to);
                button class=[main.then_some("main")] { (label) }
            },
        )
    };
    html! {
        section.list aria-labelledby={ "list-" (name) } {
            h2 id={ "list-" (name) } { (source.title) " " span.soft { (name) } }
            @match (looking, &source.last_look) {
                (Some(looking), _) => p { (state("waiting")) " "
                    @if looking.what == LookFor::Fetching { "what is missing is being fetched" } @else { "its list is being asked" }
                    " since " (time(looking.began_at, zone, false)) },
                (None, None) => p.soft { "Its list of calls was not looked at yet." },
                (None, Some(look)) => {
                    @if let Some(trouble) = &look.trouble {
                        p.trouble { strong { "The list was not read to its end: " } (person.sees_said(&plain(trouble))) " " span.soft { (time(look.began_at, zone, true)) } }
                        p.soft { "Nothing is lost by it: what was taken in until then is safe. Look again when the platform answers; where it refuses the credentials, " code { "[source." (name) "] auth" } " names them." }
                    } @else if let Some(at) = look.ended_at {
                        p.soft { "Its list was looked at " (time(at, zone, true)) ", for calls from " (time(look.since, zone, true)) " to " (time(look.until, zone, true)) "." }
                    } @else {
                        p.soft { "A look that began " (time(look.began_at, zone, true)) " has not ended: it goes on elsewhere, or was broken off." }
                    }
                },
            }
            @if !missing.is_empty() {
                p.gap { strong { (calls(missing.len() as u64)) " never came" } " of those that the list has."
                    @if source.fetched_every_s.is_some() { " They are fetched by themselves at the next look." } }
                details {
                    summary { "Which ones" }
                    ul.plain {
                        @for call in missing.iter().take(LISTED) { li { (time(call.started_at, zone, true)) " " code { (plain(&call.id)) } } }
                        @if missing.len() > LISTED { li.soft { "and " (number((missing.len() - LISTED) as u64)) " more" } }
                    }
                }
            }
            @if may {
                div.acts {
                    (button("/reconciliation/look", "Look now", false))
                    @if !missing.is_empty() { (button("/reconciliation/fetch", &format!("Fetch {}", these(missing.len() as u64)), true)) }
                }
            }
        }
    }
}

/// Sources whose lists cannot be asked, and what to write where that can be helped.
fn not_asked(report: &Report) -> Markup {
    let others: Vec<&SourceLine> = report.sources.iter().filter(|source| source.list != ListState::Connected).collect();
    html! {
        @if !others.is_empty() {
            section.list aria-labelledby="not-asked" {
                h2 #not-asked { "Without a list" }
                ul.plain {
                    @for source in others { li {
                        strong { (source.source) } ": "
                        span.soft { @for (at, part) in source.because.as_deref().unwrap_or_default().split('`').enumerate() { @if at % 2 == 1 { code { (plain(part)) } } @else { (plain(part)) } } }
                    } }
                }
            }
        }
    }
}

fn calls(n: u64) -> String {
    format!("{} {}", number(n), if n == 1 { "call" } else { "calls" })
}

fn these(n: u64) -> String {
    if n == 1 { "this call".to_owned() } else { format!("these {}", calls(n)) }
}

/// The table. Each number leads to the calls that it counts.
fn days(report: &Report) -> Markup {
    // A day on which a list had nothing and nothing came in says nothing.
    let said = |line: &&DayLine| line.received + line.missing + line.unrecognised + line.listed.unwrap_or_default() > 0;
    let lines: Vec<&DayLine> = report.days.iter().filter(said).collect();
    let received: u64 = lines.iter().map(|line| line.received).sum();
    html! {
        h2 { "Day by day" }
        @if lines.is_empty() { p { "Nothing came in in this time." } } @else {
            div.wide { table {
                caption { (calls(received)) " came in; what the platforms had counts by when a call began, the others by when it came in. Days in " (report.timezone) }
                thead { tr {
                    th scope="col" { "Day" } th scope="col" { "Source" } th.num scope="col" { "Platform had" } th.num scope="col" { "Never came" } th.num scope="col" { "Fetched" } th.num scope="col" { "Received" }
                    @for (_, title) in COLUMNS { th.num scope="col" { (title) } }
                    th.num scope="col" { "Not understood" }
                } }
                tbody { @for line in lines { (day(line)) } }
            } }
        }
    }
}

fn day(line: &DayLine) -> Markup {
    let address = |status: &str| {
        format!("/calls?from={0}&to={0}&source={1}{status}", line.day, aftercall_config::functions::percent_encode(&line.source))
    };
    let linked = |n: u64, status: &str| html! { @if n == 0 { span.soft { "0" } } @else { a href=(address(status)) { (number(n)) } } };
    html! { tr data-line {
        th scope="row" { a href=(address("")) { (line.day) } }
        td data-is="Source" { (line.source) }
        td.num data-is="Platform had" { @match line.listed {
            Some(n) if line.listed_whole => (number(n)),
            Some(n) => span title="part of the day was looked at" { (number(n)) " or more" },
            None => span.soft { span aria-hidden="true" { "–" } span.unseen { "not looked at" } },
        } }
        td.num.zero[line.missing == 0] data-is="Never came" { @if line.missing > 0 { strong.care { (number(line.missing)) } } @else { span.soft { "0" } } }
        td.num.zero[line.fetched == 0] data-is="Fetched" { @if line.fetched > 0 { (number(line.fetched)) } @else { span.soft { "0" } } }
        td.num data-is="Received" { (linked(line.received, "")) }
        @for (status, title) in COLUMNS { td.num.zero[line.of(status) == 0] data-is=(title) { (linked(line.of(status), &format!("&status={}", status.word()))) } }
        td.num.zero[line.unrecognised == 0] data-is="Not understood" { @if line.unrecognised > 0 { (number(line.unrecognised)) } @else { span.soft { "0" } } }
    } }
}

/// Which list is looked at, and for which days.
#[derive(Debug, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// The source.
    source: String,
    /// The first day, such as `2026-11-27`, `today` or `yesterday`; left out: seven days in all.
    #[serde(default)]
    from: String,
    /// The last day, included; left out: today.
    #[serde(default)]
    to: String,
}

/// The same as a form of ours says it, among what else a form carries.
#[derive(Deserialize)]
pub(super) struct Sent {
    source: String,
    from: String,
    to: String,
}

/// Begins it, with its line on the trail. Whether it has begun: one may go on already.
async fn begin(web: &Web, person: &Person, wanted: &Wanted, what: LookFor) -> Result<(Range, bool), Refusal> {
    person.must_be(Role::Operator)?;
    let project = web.service.versions.live();
    let now = Timestamp::now();
    let range = Range::read(&wanted.from, &wanted.to, &project.timezone, now).map_err(Refusal::wrong)?;
    let Some(time) = range.listed(now) else { return Err(Refusal::wrong(format!("{} has not begun yet", range.first))) };
    crate::service::list_of(&project, &wanted.source).map_err(|why| Refusal::wrong(why.to_string()))?;
    if web.service.looks.now().contains_key(&wanted.source) {
        return Ok((range, false));
    }
    let word = if what == LookFor::Fetching { "backfill" } else { "look at list" };
    let about = format!("{} {}..{}", wanted.source, range.first, range.last);
    web.service.journal.deed_put(Deed::new(now, person.name.clone(), person.way, word).about(about)).await?;
    let begun = web.service.start_look(&wanted.source, time, what, web.stop.clone()).map_err(|why| Refusal::wrong(why.to_string()))?;
    tracing::info!(source = %wanted.source, person = %person.name, act = word, "a person has a platform's list looked at");
    Ok((range, begun))
}

async fn by_form(web: &Web, person: &Person, Sent { source, from, to }: Sent, what: LookFor) -> Result<Response, Refusal> {
    let (range, begun) = begin(web, person, &Wanted { source, from, to }, what).await?;
    let done = match (begun, what) {
        (false, _) => "under_way",
        (true, LookFor::Fetching) => "fetch",
        (true, LookFor::Saying) => "look",
    };
    Ok(Redirect::to(&format!("/reconciliation?from={}&to={}&done={done}", range.first, range.last)).into_response())
}

/// `POST /reconciliation/look`.
pub(super) async fn look(State(web): State<Web>, person: Person, Form(sent): Form<Sent>) -> Result<Response, Refusal> {
    by_form(&web, &person, sent, LookFor::Saying).await
}

/// `POST /reconciliation/fetch`.
pub(super) async fn fetch(State(web): State<Web>, person: Person, Form(sent): Form<Sent>) -> Result<Response, Refusal> {
    by_form(&web, &person, sent, LookFor::Fetching).await
}

/// `GET /v1/reconciliation`.
pub(super) async fn json(State(web): State<Web>, person: Person, Query(pairs): Pairs) -> Result<Response, Refusal> {
    let asked = asked(&web, &pairs).map_err(Refusal::for_program)?;
    Ok(Json(report(&web, &person, &asked).await.map_err(Refusal::for_program)?).into_response())
}

/// `POST /v1/reconciliation/look`.
pub(super) async fn api_look(State(web): State<Web>, person: Person, wanted: Json<Wanted>) -> Result<Response, Refusal> {
    by_program(&web, &person, &wanted, LookFor::Saying).await.map_err(Refusal::for_program)
}

/// `POST /v1/reconciliation/fetch`.
pub(super) async fn api_fetch(State(web): State<Web>, person: Person, wanted: Json<Wanted>) -> Result<Response, Refusal> {
    by_program(&web, &person, &wanted, LookFor::Fetching).await.map_err(Refusal::for_program)
}

async fn by_program(web: &Web, person: &Person, wanted: &Wanted, what: LookFor) -> Result<Response, Refusal> {
    match begin(web, person, wanted, what).await? {
        (range, true) => {
            Ok(Json(json!({"version": 1, "source": wanted.source, "from": range.first.to_string(), "to": range.last.to_string()}))
                .into_response())
        }
        (_, false) => Err(conflict(format!("a look at the list of {} goes on already", wanted.source))),
    }
}
