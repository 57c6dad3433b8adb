//! `GET /dead`: what did not land and waits for a person, by what went wrong: what that means, what to do, and the buttons for one call or for all
//! of a kind.
//!
//! What is done is what the call's own page does (`act`), once for each call.

use std::collections::BTreeMap;
use std::time::Duration;

use aftercall_config::call::CallOutcome;
use axum::Form;
use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use jiff::tz::TimeZone;
use maud::{Markup, html};
use serde::Deserialize;

use super::act::{Act, Said, act};
use super::call::standing;
use super::calls::{Pairs, caller};
use super::form::form;
use super::page::{self, Refusal};
use super::parts::{call_address, number, plain, state, time};
use super::{Person, Role, Web};
use crate::journal::{CallFilter, Order, Story, WriteRow};
use crate::view::{cut, remedy};
use crate::work::{OPEN, can_be_resolved, can_be_retried, in_doubt, sent_again};

/// The most calls that are looked at for the page: a person who mends these comes back for more.
const MOST: usize = 500;
/// The most calls of one button, so that a form stays a form.
const AT_ONCE: usize = 200;
/// Characters that are shown of what a system said; the call's page has it all.
const SAID: usize = 160;
/// What stands for writes of which nobody knows whether they are there.
const IN_DOUBT: &str = "in_doubt";

/// The page.
pub(super) async fn page(State(web): State<Web>, person: Person, Query(pairs): Pairs) -> Result<Response, Refusal> {
    let filter = CallFilter { status: OPEN.to_vec(), order: Order::OldestFirst, limit: MOST + 1, ..CallFilter::default() };
    let found = web.service.journal.calls(filter).await?;
    let more = found.len() > MOST;
    let mut kinds: BTreeMap<String, Vec<Story>> = BTreeMap::new();
    for call in found.iter().take(MOST) {
        // It may be gone by now.
        if let Some(story) = web.service.journal.call(call.id.clone()).await? {
            kinds.entry(kind(&story)).or_default().push(story);
        }
    }
    let mut kinds: Vec<(String, Vec<Story>)> = kinds.into_iter().collect();
    kinds.sort_by_key(|(_, calls)| std::cmp::Reverse(calls.len()));
    let zone = web.service.versions.live().timezone.clone();
    let given = |name: &str| pairs.iter().find(|(key, _)| key == name).and_then(|(_, value)| value.parse::<u64>().ok());
    let main = html! {
        h1 { "Dead letters" }
        @if let Some(done) = given("done") {
            p.note role="status" {
                (calls_of(done)) " in hand now; what comes of it is seen on the page of each."
                @if let Some(left) = given("left").filter(|left| *left > 0) { " " (calls_of(left)) " had changed since, or was being worked, and was left as it is." }
            }
        }
        div #dead data-live {
            @if kinds.is_empty() { p { "Nothing waits for a person. " a href="/calls" { "All calls" } } }
            @for (word, calls) in &kinds { (group(&person, word, calls, &zone)) }
            @if more { p.soft { "There are more; these are the oldest " (number(MOST as u64)) "." } }
        }
    };
    Ok(page::page(&person, "Dead letters", "/dead", &main))
}

fn calls_of(n: u64) -> String {
    format!("{} {}", number(n), if n == 1 { "call" } else { "calls" })
}

/// What went wrong with a call, in one word: with the first write that is for a person, or, where nothing could be planned, with the last reading.
fn kind(story: &Story) -> String {
    let class = |write: &WriteRow| write.trouble.as_ref().map(|trouble| trouble.class.clone());
    let read = || {
        let failed = story.events.iter().rev().find(|event| event.kind == "read_failed")?;
        failed.data.read::<serde_json::Value>().ok()?["class"].as_str().map(str::to_owned)
    };
    if in_doubt(story).next().is_some() {
        return IN_DOUBT.to_owned();
    }
    sent_again(story).find_map(class).or_else(read).unwrap_or_else(|| "other".to_owned())
}

fn meaning(word: &str) -> &'static str {
    match word {
        IN_DOUBT => "an answer was lost, and the system cannot tell whether the record is there: look, and say it on the command line",
        word => remedy::of_class(word).unwrap_or("the call's page says what happened"),
    }
}

fn group(person: &Person, word: &str, calls: &[Story], zone: &TimeZone) -> Markup {
    let may = person.must_be(Role::Operator).is_ok();
    let retry: Vec<&Story> = calls.iter().filter(|story| word != IN_DOUBT && can_be_retried(story)).take(AT_ONCE).collect();
    let resolve: Vec<&Story> = calls.iter().filter(|story| can_be_resolved(story)).take(AT_ONCE).collect();
    html! {
        section aria-labelledby={ "kind-" (word) } {
            h2 id={ "kind-" (word) } { (word.replace('_', " ")) " " span.soft { (calls_of(calls.len() as u64)) } }
            p { strong { "What to do: " } (meaning(word)) "." }
            div.wide { table {
                caption.soft { "Calls that failed so, the oldest first" }
                thead { tr { th scope="col" { "Received" } th scope="col" { "Caller" } th scope="col" { "Status" } th scope="col" { "What failed" } th scope="col" { "Said by the system" } } }
                tbody { @for story in calls { (line(person, story, zone)) } }
            } }
            @if may && word == "invalid" {
                p.soft { "Once the mapping is mended, all of them under the config as it is now, after what that changes was shown: " code { "aftercall retry --class invalid --current" } }
            }
            @if may {
                div.acts {
                    @if !retry.is_empty() { (form(person, "/dead/retry", &html! { (chosen(&retry)) button.main { "Retry " (calls_of(retry.len() as u64)) } })) }
                    @if !resolve.is_empty() {
                        (form(person, "/dead/resolve", &html! {
                            (chosen(&resolve))
                            label { "Why they need no more work " input name="reason" required maxlength="500"; }
                            button { "Resolve " (calls_of(resolve.len() as u64)) }
                        }))
                    }
                }
            }
        }
    }
}

/// Which calls a button is about, each with where it stood.
fn chosen(calls: &[&Story]) -> Markup {
    let lines: Vec<String> = calls.iter().map(|story| format!("{} {}", standing(story), story.call.id)).collect();
    html! { input type="hidden" name="calls" value=(lines.join("\n")); }
}

fn line(person: &Person, story: &Story, zone: &TimeZone) -> Markup {
    let outcome: CallOutcome = story.call.outcome.as_ref().and_then(|outcome| outcome.read().ok()).unwrap_or_default();
    let (who, reach) = caller(person, &outcome);
    let name = if who.is_empty() && reach.is_empty() { story.call.id.clone() } else { format!("{who} {reach}") };
    let failed: Vec<&WriteRow> = sent_again(story).chain(in_doubt(story)).collect();
    let said = failed.iter().find_map(|write| write.trouble.as_ref()).map(|trouble| trouble.message.as_str());
    let said = said.or(story.call.status_reason.as_deref()).unwrap_or_default();
    html! { tr {
        td { (time(story.call.received_at, zone, true)) }
        th scope="row" { a href=(call_address(&story.call.id)) { (name) } }
        td { (state(story.call.status.word())) }
        td { @for (at, write) in failed.iter().enumerate() { @if at > 0 { ", " } (write.connection) "/" (write.write) } }
        td { (person.sees_said(&cut(&plain(said), SAID))) }
    } }
}

/// What a button says.
#[derive(Deserialize)]
pub(super) struct Chosen {
    /// A line for each call: a digest of where it stood, and its id.
    calls: String,
    #[serde(default)]
    reason: String,
}

async fn all(web: &Web, person: &Person, what: Act, chosen: &Chosen) -> Result<Response, Refusal> {
    person.must_be(Role::Operator)?;
    if what == Act::Resolve && chosen.reason.trim().is_empty() {
        return Err(Refusal::wrong("say why they need no more work, as `reason`".to_owned()));
    }
    let lines: Option<Vec<(&str, &str)>> = chosen.calls.lines().map(|line| line.trim().split_once(' ')).collect();
    let Some(lines) = lines.filter(|lines| !lines.is_empty() && lines.len() <= AT_ONCE) else {
        return Err(Refusal::wrong("this form does not say which calls: use the buttons of the page".to_owned()));
    };
    let (mut done, mut left) = (0, 0);
    for (seen, id) in lines {
        match act(web, person, id, what, &Said::seen(seen, &chosen.reason), Duration::ZERO).await {
            Ok(_) => done += 1,
            // Somebody was quicker, or a worker has it in hand just now. The others are not to blame.
            Err(refusal) if refusal.is_about_the_call() => left += 1,
            Err(refusal) => return Err(refusal),
        }
    }
    Ok(Redirect::to(&format!("/dead?done={done}&left={left}")).into_response())
}

/// `POST /dead/retry`.
pub(super) async fn retry(State(web): State<Web>, person: Person, Form(chosen): Form<Chosen>) -> Result<Response, Refusal> {
    all(&web, &person, Act::Retry, &chosen).await
}

/// `POST /dead/resolve`.
pub(super) async fn resolve(State(web): State<Web>, person: Person, Form(chosen): Form<Chosen>) -> Result<Response, Refusal> {
    all(&web, &person, Act::Resolve, &chosen).await
}
