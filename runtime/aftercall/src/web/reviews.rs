//! `GET /reviews`: whose record is it? What people are asked about callers, the candidates side by side, and an answer by one click; what cannot be undone
//! asks once more.
//!
//! An answer is the command line's: it is put on record, and whoever works the call moves what was written (`work::review`).

use std::collections::BTreeSet;

use aftercall_config::call::CallOutcome;
use aftercall_plan::decision::Evidence;
use axum::Form;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use maud::{Markup, html};
use serde::Deserialize;

use super::act::{IN_HAND, conflict, intervene};
use super::call::{find, standing};
use super::calls::{Pairs, caller};
use super::form::form;
use super::page::{self, Refusal};
use super::parts::{call_address, outside, plain, time};
use super::{Person, Role, Web};
use crate::journal::{CallFilter, Order, Record, Story};
use crate::view::review::{Asked, Candidate, asked_with};
use crate::work::{Choice, NoAnswer, again, answer as answered, made, question};

/// The most questions on the page: the oldest come first.
const MOST: usize = 50;
/// The most candidates side by side.
const BESIDE: usize = 4;

/// The page.
pub(super) async fn page(State(web): State<Web>, person: Person, Query(pairs): Pairs) -> Result<Response, Refusal> {
    person.must_be(Role::Operator)?;
    let filter = CallFilter { asking: true, order: Order::OldestFirst, limit: MOST, ..CallFilter::default() };
    let mut open = Vec::new();
    for call in web.service.journal.calls(filter).await? {
        open.extend(web.service.journal.call(call.id).await?);
    }
    let zone = web.service.versions.live().timezone.clone();
    let main = html! {
        h1 { "Reviews" }
        @if pairs.iter().any(|(name, _)| name == "done") { p.note role="status" { "Answered. What the call wrote is moved to where it belongs, and later calls go by the answer." } }
        div #reviews data-live {
            @if open.is_empty() { p { "Nobody is asked anything. " a href="/calls" { "All calls" } } }
            @for story in &open { (one(&web, &person, story, &zone)) }
        }
    };
    Ok(page::page(&person, "Reviews", "/reviews", &main))
}

fn one(web: &Web, person: &Person, story: &Story, zone: &TimeZone) -> Markup {
    let project = web.service.versions.live();
    let reader = web.service.connections.reader();
    let Some((decision, name)) = question(story) else {
        return html! { section { p { a href=(call_address(&story.call.id)) { (story.call.id) } " asks, and its decision can no longer be read." } } };
    };
    let pipeline = project.pipeline(name);
    let contact_page = |id: &str| {
        let connection = &pipeline?.connection;
        reader.page(connection, &connection.connector.decl.find.as_ref()?.object, id)
    };
    let asked = asked_with(story, &decision, contact_page);
    let own = pipeline.and_then(|pipeline| made(story, pipeline));
    let outcome: CallOutcome = story.call.outcome.as_ref().and_then(|outcome| outcome.read().ok()).unwrap_or_default();
    let (who, reach) = caller(person, &outcome);
    let shown: Vec<&Candidate> = asked.candidates.iter().take(BESIDE).collect();
    html! {
        section aria-labelledby={ "of-" (story.call.seq.0) } {
            h2 id={ "of-" (story.call.seq.0) } { a href=(call_address(&story.call.id)) { (who) " " (reach) } " " span.soft { (time(asked.received_at, zone, true)) } }
            p { strong { (plain(&asked.question)) } @if let Some(summary) = &outcome.summary { " " span.soft { (plain(summary)) } } }
            (beside(&shown))
            @if pipeline.is_none() { p.note { "The pipeline " (name) " is not in the project any more, so this cannot be answered here." } }
            @else { (buttons(person, story, &asked, &shown, own.as_deref())) }
        }
    }
}

/// The caller and the candidates, a line for each thing that was compared.
fn beside(shown: &[&Candidate]) -> Markup {
    let mut seen = BTreeSet::new();
    let lines = shown.iter().flat_map(|one| one.scored.evidence.iter().map(|line| line.on.as_str()));
    let compared: Vec<&str> = lines.filter(|on| *on != "adjust" && seen.insert(*on)).collect();
    let of = |one: &Candidate, on: &str| -> Option<Evidence> { one.scored.evidence.iter().find(|line| line.on == on).cloned() };
    let said = |on: &str| shown.iter().find_map(|one| of(one, on)?.caller).unwrap_or_default();
    html! {
        div.wide { table {
            caption.soft { "Who it may be, best first; what was compared, with the bits of evidence" }
            thead { tr {
                th scope="col" { "Compared" } th scope="col" { "The caller" }
                @for one in shown { th scope="col" { (outside(one.url.as_deref(), &plain(&one.scored.name))) " " span.soft { (one.scored.id) } } }
            } }
            tbody {
                @for on in &compared { tr {
                    th scope="row" { (on.replace('_', " ")) }
                    td { (plain(&said(on))) }
                    @for one in shown { td { @if let Some(line) = of(one, on) { (plain(line.record.as_deref().unwrap_or(&line.level))) " " span.soft { (format!("{:+.1}", line.bits)) } } @else { "–" } } }
                } }
                tr { th scope="row" { "Bits in all" } td {} @for one in shown { td { strong { (format!("{:.1}", one.scored.bits)) } } } }
            }
        } }
    }
}

fn buttons(person: &Person, story: &Story, asked: &Asked, shown: &[&Candidate], own: Option<&str>) -> Markup {
    let ask = |choice: &str, contact: &str, label: &str, main: bool| {
        form(
            person,
            "/reviews/answer",
            &html! {
                input type="hidden" name="call" value=(asked.call);
                input type="hidden" name="seen" value=(standing(story));
                input type="hidden" name="choice" value=(choice);
                input type="hidden" name="contact" value=(contact);
                button class=[main.then_some("main")] { (label) }
            },
        )
    };
    html! {
        div.acts {
            @for (at, one) in shown.iter().enumerate() { (ask("is", &one.scored.id, &format!("It is {}", plain(&one.scored.name)), at == 0)) }
            (ask("new", "", "It is somebody new", false))
        }
        // What two records become cannot be taken apart again.
        @if let Some(own) = own {
            @for (at, one) in shown.iter().enumerate().filter(|(_, one)| own != one.scored.id) {
                details id={ "merge-" (story.call.seq.0) "-" (at) } {
                    summary { "It is " (plain(&one.scored.name)) ", and the new record is the same person …" }
                    p { "The record that this call made, " code { (own) } ", and that of " (plain(&one.scored.name)) ", " code { (one.scored.id) } ", are one person from now on, and become one record where the system merges records on request. That cannot be undone here." }
                    (ask("merge", &one.scored.id, "Make one of the two records", false))
                }
            }
        }
    }
}

/// What a button says.
#[derive(Deserialize)]
pub(super) struct Answer {
    call: String,
    /// A digest of where the call stood.
    seen: String,
    /// `is`, `new` or `merge`.
    choice: String,
    #[serde(default)]
    contact: String,
}

/// `POST /reviews/answer`.
pub(super) async fn answer(State(web): State<Web>, person: Person, Form(said): Form<Answer>) -> Result<Response, Refusal> {
    person.must_be(Role::Operator)?;
    let story = find(&web, &said.call).await?;
    let choice = match said.choice.as_str() {
        "is" => Choice::Is(&said.contact),
        "merge" => Choice::Merge(&said.contact),
        "new" => Choice::New,
        _ => return Err(Refusal::wrong("`choice` is `is`, `merge` or `new`".to_owned())),
    };
    if story.call.question.is_none() || said.seen != standing(&story) {
        return Err(conflict(format!("{} is not where it was when it was shown, so nothing was done; look at it again", story.call.id)));
    }
    let project = web.service.versions.live();
    let pipeline = question(&story).and_then(|(_, name)| project.pipeline(name));
    let Some(pipeline) = pipeline else {
        return Err(conflict(format!("the pipeline of {} is not in the project any more", story.call.id)));
    };
    let reader = web.service.connections.reader();
    let given = answered(&reader, &project, pipeline, &story, choice).await.map_err(|why| match why {
        NoAnswer::Wrong(why) => Refusal::wrong(why),
        NoAnswer::Unknown(why) => Refusal::new(StatusCode::BAD_GATEWAY, "system", why),
    })?;
    // Or the caller's next call would be matched before this one stands where it belongs.
    let records = vec![Record::Answer(given), again("a person has answered", true, Timestamp::now())];
    intervene(&web, &person, &story, "answer", "", records, IN_HAND).await?;
    Ok(Redirect::to("/reviews?done=1").into_response())
}
