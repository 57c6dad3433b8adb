//! `GET /calls/{id}`: one call's whole story on one page, with what a person can do about it.

use aftercall_config::call::CallOutcome;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use jiff::tz::TimeZone;
use maud::{Markup, html};
use sha2::{Digest as _, Sha256};

use super::calls::{Pairs, caller};
use super::form::form;
use super::page::{self, Refusal};
use super::parts::{self, plain, state, time};
use super::{Person, Role, Web, story as told};
use crate::journal::{CallStatus, Seen, Story};
use crate::work::{can_be_resolved, can_be_retried, in_doubt, sent_again};

/// A payload of more bytes is not on the page, but by itself.
const FOLDED: u64 = 64 * 1024;

/// The call of an address, by its whole id or the beginning of it. Errors: there is none, or several.
pub(super) async fn find(web: &Web, id: &str) -> Result<Story, Refusal> {
    let story = web.service.journal.call(id.to_owned()).await?;
    let missing =
        || Refusal::missing(format!("the journal has no call that begins with `{}`", plain(id).chars().take(80).collect::<String>()));
    story.ok_or_else(missing)
}

/// The page.
pub(super) async fn page(State(web): State<Web>, person: Person, Path(id): Path<String>, Query(pairs): Pairs) -> Result<Response, Refusal> {
    let story = find(&web, &id).await?;
    let zone = web.service.versions.live().timezone.clone();
    let outcome: CallOutcome = story.call.outcome.as_ref().and_then(|outcome| outcome.read().ok()).unwrap_or_default();
    let (who, reach) = caller(&person, &outcome);
    let done = pairs.iter().find(|(name, _)| name == "done").and_then(|(_, what)| said(what));
    let mut bodies = Vec::new();
    for payload in story.payloads.iter().filter(|payload| person.sees_all() && payload.bytes <= FOLDED).rev().take(3) {
        bodies.extend(web.service.journal.payload(payload.id).await?.map(|body| (payload.id, body)));
    }
    let title = if who.is_empty() { story.call.id.clone() } else { who.clone() };
    let main = html! {
        h1 { (who) " " span.soft { (reach) } }
        @if let Some(done) = done { p.note role="status" { (done) } }
        div #head data-live { (head(&person, &story, &outcome, &zone)) }
        div #acts data-live { (acts(&person, &story, &web.service.versions.live().version.0)) }
        (told::outcome(&person, &story))
        (told::payloads(&person, &story, &bodies))
        (told::decision(&person, &story))
        div #writes data-live { (told::writes(&person, &story, &zone)) }
        (told::revisions(&person, &story, &zone))
        div #events data-live { (told::events(&person, &story, &zone)) }
    };
    Ok(page::page(&person, &title, "/calls", &main))
}

/// What was done, after it was done.
fn said(what: &str) -> Option<&'static str> {
    match what {
        "retry" => Some("It is worked again; this page shows what comes of it."),
        "replan" => Some("It is worked again under the current version; this page shows what comes of it."),
        "resolve" => Some("It is resolved, and needs no more work."),
        _ => None,
    }
}

fn head(person: &Person, story: &Story, outcome: &CallOutcome, zone: &TimeZone) -> Markup {
    let call = &story.call;
    html! {
        p {
            (state(call.status.word()))
            // A question is said once, below.
            @if let Some(reason) = call.status_reason.as_ref().filter(|reason| call.question.as_ref() != Some(*reason)) { " " (person.sees_said(&plain(reason))) }
            @if let Some(behind) = &call.behind { " · waits for " a href=(parts::call_address(behind)) { (behind) } " of the same caller" }
        }
        @if let Some(question) = &call.question {
            p.note { "A person is asked: " (person.sees(&plain(question))) " " @if person.role >= Role::Operator { a href="/reviews" { "Answer it" } } }
        }
        dl.facts {
            div { dt { "Call" } dd.mono { (call.id) } }
            div { dt { "Source" } dd { (call.source) } }
            div { dt { "Outcome" } dd { (outcome.outcome.as_deref().map(plain).unwrap_or_else(|| "none".to_owned())) } }
            @if let Some(at) = call.started_at { div { dt { "Began" } dd { (time(at, zone, true)) @if let Some(s) = outcome.duration_s { ", " (format!("{s:.0}")) " s" } } } }
            div { dt { "Received" } dd { (time(call.received_at, zone, true)) } }
            @if call.status == CallStatus::Waiting { div { dt { "Worked next" } dd { @match call.next_at { Some(at) => (time(at, zone, true)), None => "when what it waits for is back" } } } }
            div { dt { "Pipeline" } dd { (call.pipeline.as_deref().unwrap_or("none yet")) } }
            div { dt { "Config version" } dd.mono { (call.config_version) } }
            div { dt { "Last change" } dd { (time(call.changed_at, zone, true)) } }
        }
    }
}

/// A digest of where the call stands: what somebody decided about is what is changed, or nothing is.
pub(super) fn standing(story: &Story) -> String {
    Sha256::digest(format!("{:?}", Seen::of(story)).as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn acts(person: &Person, story: &Story, live: &str) -> Markup {
    let (retry, resolve) = (can_be_retried(story), can_be_resolved(story));
    let may = person.must_be(Role::Operator).is_ok();
    let address = |what: &str| format!("{}/{what}", parts::call_address(&story.call.id));
    let seen = standing(story);
    html! {
        @if retry {
            h2 #retry { "What a retry would do" }
            (would(story))
        }
        @if may && (retry || resolve) {
            div.acts {
                @if retry {
                    (form(person, &address("retry"), &html! { input type="hidden" name="seen" value=(seen); button.main { "Retry" } }))
                    a.button href=(address("replan")) { @if story.call.config_version == live { "Plan it anew" } @else { "Re-plan under the current version" } " …" }
                }
                @if resolve {
                    (form(person, &address("resolve"), &html! {
                        input type="hidden" name="seen" value=(seen);
                        label { span.soft { "Why it needs no more work " } input name="reason" required maxlength="500"; }
                        button { "Resolve" }
                    }))
                }
            }
        }
    }
}

/// What a retry under the call's own version would do, as far as the journal knows.
fn would(story: &Story) -> Markup {
    let again: Vec<_> = sent_again(story).collect();
    let doubts: Vec<_> = in_doubt(story).collect();
    let done: Vec<&str> =
        story.writes.iter().filter(|write| write.state == crate::journal::WriteState::Applied).map(|write| write.write.as_str()).collect();
    html! {
        ul {
            @if story.writes.is_empty() { li { "The caller is looked for, and the call planned: there is no plan yet." } }
            @else { li { "The caller is read and the call planned anew under " code { (story.call.config_version) } "." } }
            @for write in &again { li { "Sent again: " strong { (write.write) } " (" (write.op) " " (write.connection) " " (write.object) ")" } }
            @for write in &doubts { li { "Looked for first, and sent only where it is certainly not there: " strong { (write.write) } " in " (write.connection) } }
            @if !done.is_empty() { li { "Left as it is, since it landed: " (done.join(", ")) } }
        }
    }
}

/// `GET /calls/{id}/payloads/{number}`: what was delivered, byte for byte, as plain text.
pub(super) async fn payload(State(web): State<Web>, person: Person, Path((id, number)): Path<(String, i64)>) -> Result<Response, Refusal> {
    person.must_be(Role::Operator)?;
    let story = find(&web, &id).await?;
    let is_its = story.payloads.iter().any(|payload| payload.id == number);
    let body = if is_its { web.service.journal.payload(number).await? } else { None };
    let body = body.ok_or_else(|| Refusal::missing("this payload is no longer kept, or never was".to_owned()))?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], body).into_response())
}
