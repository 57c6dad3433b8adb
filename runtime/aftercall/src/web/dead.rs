//! `GET /dead`: what did not land and waits for a person, by what went wrong: what that means, what to do, and the buttons for one call or for all
//! of a kind.
//!
//! What is done is what the call's own page does (`act`), once for each call.

use aftercall_config::call::CallOutcome;
use aftercall_plan::model::Plan;
use axum::Form;
use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::tz::TimeZone;
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

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
/// Calls that are read at once.
const TOGETHER: usize = 8;
/// Calls that are acted on at once.
const ACTS: usize = 64;
/// How long a worker is waited for that has a call in hand.
const PATIENCE: Duration = Duration::from_secs(15);
/// The most calls of one button, so that a form stays a form.
const AT_ONCE: usize = 200;
/// Calls with the same failure that are seen at once.
const SEEN: usize = 5;
/// Characters that are shown of what a system said; the call's page has it all.
const SAID: usize = 160;
/// What stands for writes of which nobody knows whether they are there.
const IN_DOUBT: &str = "in_doubt";

/// What waits for a person, by what went wrong; the most calls first. Whether there is more than was looked at.
pub(super) async fn kinds(web: &Web) -> Result<(Vec<(String, Vec<Story>)>, bool), Refusal> {
    let filter = CallFilter { status: OPEN.to_vec(), order: Order::OldestFirst, limit: MOST + 1, ..CallFilter::default() };
    let found = web.service.journal.calls(filter).await?;
    let more = found.len() > MOST;
    let mut kinds: BTreeMap<String, Vec<Story>> = BTreeMap::new();
    // Several at once: one after the other, each would wait for the thread that reads.
    let stories: Vec<_> = found.into_iter().take(MOST).map(|call| web.service.journal.call(call.id)).collect();
    let mut stories = stream::iter(stories).buffered(TOGETHER);
    while let Some(story) = stories.try_next().await? {
        // It may be gone by now.
        if let Some(story) = story {
            kinds.entry(kind(&story)).or_default().push(story);
        }
    }
    let mut kinds: Vec<(String, Vec<Story>)> = kinds.into_iter().collect();
    kinds.sort_by_key(|(_, calls)| std::cmp::Reverse(calls.len()));
    Ok((kinds, more))
}

/// Those of a kind that can be worked again. Where nobody knows whether something is there, looking comes first.
pub(super) fn to_retry<'c>(word: &str, calls: &'c [Story]) -> Vec<&'c Story> {
    calls.iter().filter(|story| word != IN_DOUBT && can_be_retried(story)).collect()
}

/// The page.
pub(super) async fn page(State(web): State<Web>, person: Person, Query(pairs): Pairs) -> Result<Response, Refusal> {
    let (kinds, more) = kinds(&web).await?;
    let zone = web.service.versions.live().timezone.clone();
    let given = |name: &str| pairs.iter().find(|(key, _)| key == name).and_then(|(_, value)| value.parse::<u64>().ok());
    let main = html! {
        h1 { "Dead letters" }
        @if let Some(done) = given("done") {
            p.note role="status" {
                (calls_of(done)) " in hand now; what comes of it is seen on the page of each."
                @if let Some(left) = given("left").filter(|left| *left > 0) { " Left for now: " (calls_of(left)) " that had changed since, or that a worker had in hand for longer. Look, and press again." }
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

pub(super) fn calls_of(n: u64) -> String {
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

/// What failed in the same way: the same writes of one pipeline, with the same words. Lines are those of the first call.
struct Same<'s> {
    pipeline: Option<&'s str>,
    failed: String,
    said: String,
    lines: Vec<String>,
    calls: Vec<&'s Story>,
}

/// Equal failures as one, the most calls first.
fn folded(calls: &[Story]) -> Vec<Same<'_>> {
    let mut all: Vec<Same<'_>> = Vec::new();
    for story in calls {
        let writes: Vec<&WriteRow> = sent_again(story).chain(in_doubt(story)).collect();
        let failed = writes.iter().map(|write| format!("{}/{}", write.connection, write.write)).collect::<Vec<_>>().join(", ");
        let said = writes.iter().find_map(|write| write.trouble.as_ref()).map(|trouble| trouble.message.as_str());
        let said = said.or(story.call.status_reason.as_deref()).unwrap_or_default().to_owned();
        let pipeline = story.call.pipeline.as_deref();
        match all.iter_mut().find(|one| one.failed == failed && one.said == said && one.pipeline == pipeline) {
            Some(one) => one.calls.push(story),
            None => {
                let lines = asked_by(story, &writes);
                all.push(Same { pipeline, failed, said, lines, calls: vec![story] });
            }
        }
    }
    all.sort_by_key(|one| std::cmp::Reverse(one.calls.len()));
    all
}

/// The lines of the config that asked for what failed: of the fields that were refused, or of the write where none was named.
fn asked_by(story: &Story, writes: &[&WriteRow]) -> Vec<String> {
    let plan = story.plans.last().and_then(|row| row.plan.read::<Plan>().ok());
    let mut lines = Vec::new();
    for write in writes {
        let receipts: Vec<Value> = write.receipt.as_ref().and_then(|receipt| receipt.read().ok()).unwrap_or_default();
        let refused = receipts.iter().filter(|row| row["state"] == "refused").filter_map(|row| row["origin"].as_str().map(str::to_owned));
        let before = lines.len();
        lines.extend(refused);
        if lines.len() == before {
            let planned = plan.as_ref().and_then(|plan| plan.writes.iter().find(|one| one.id == write.write));
            lines.extend(planned.map(|write| write.origin.to_string()));
        }
    }
    lines.sort();
    lines.dedup();
    lines
}

fn group(person: &Person, word: &str, calls: &[Story], zone: &TimeZone) -> Markup {
    let may = person.must_be(Role::Operator).is_ok();
    let retry = to_retry(word, calls);
    let resolve: Vec<&Story> = calls.iter().filter(|story| can_be_resolved(story)).collect();
    let (retried, resolved) = (retry.len().min(AT_ONCE), resolve.len().min(AT_ONCE));
    html! {
        section aria-labelledby={ "kind-" (word) } {
            h2 id={ "kind-" (word) } { (word.replace('_', " ")) " " span.soft { (calls_of(calls.len() as u64)) } }
            p { strong { "What to do: " } (meaning(word)) "." }
            @for (at, same) in folded(calls).iter().enumerate() { (one_failure(person, &format!("{word}-{at}"), same, zone)) }
            @if may {
                @if retry.len() > AT_ONCE || resolve.len() > AT_ONCE {
                    p.soft { "A button takes the oldest " (number(AT_ONCE as u64)) " at once; press it again for the rest." }
                }
                div.acts {
                    @if !retry.is_empty() {
                        (form(person, "/dead/retry", &html! { (chosen(&retry[..retried])) button.main { "Retry " (of_all(retried, retry.len())) } }))
                        a.button href={ "/dead/replan?kind=" (word) } { "Re-plan under the current version …" }
                    }
                    @if !resolve.is_empty() {
                        (form(person, "/dead/resolve", &html! {
                            (chosen(&resolve[..resolved]))
                            label { "Why they need no more work " input name="reason" required maxlength="500"; }
                            button { "Resolve " (of_all(resolved, resolve.len())) }
                        }))
                    }
                }
            }
        }
    }
}

/// `3 calls`, or `the first 200 of 302 calls`.
pub(super) fn of_all(these: usize, all: usize) -> String {
    if these == all { calls_of(all as u64) } else { format!("the first {} of {}", number(these as u64), calls_of(all as u64)) }
}

/// Calls that failed in the same way; of many, the first are seen at once.
fn one_failure(person: &Person, id: &str, same: &Same<'_>, zone: &TimeZone) -> Markup {
    let (seen, rest) = same.calls.split_at(same.calls.len().min(SEEN));
    let table = |calls: &[&Story], caption: &str| {
        html! {
            div.wide { table {
                caption.soft { (caption) }
                thead { tr { th scope="col" { "Received" } th scope="col" { "Caller" } th scope="col" { "Status" } } }
                tbody { @for story in calls { (line(person, story, zone)) } }
            } }
        }
    };
    html! {
        h3 { (calls_of(same.calls.len() as u64)) @if !same.failed.is_empty() { ": " (same.failed) } }
        @if !same.said.is_empty() { p { (person.sees_said(&cut(&plain(&same.said), SAID))) } }
        @if !same.lines.is_empty() { p.soft { "Asked for by " @for (at, line) in same.lines.iter().enumerate() { @if at > 0 { ", " } code { (line) } } } }
        (table(seen, "The oldest first"))
        @if !rest.is_empty() {
            details id={ "rest-" (id) } {
                summary { "And " (calls_of(rest.len() as u64)) " that failed so" }
                (table(rest, "The others, the oldest first"))
            }
        }
    }
}

/// Which calls a button is about, each with where it stood.
pub(super) fn chosen(calls: &[&Story]) -> Markup {
    let lines: Vec<String> = calls.iter().map(|story| format!("{} {}", standing(story), story.call.id)).collect();
    html! { input type="hidden" name="calls" value=(lines.join("\n")); }
}

fn line(person: &Person, story: &Story, zone: &TimeZone) -> Markup {
    let outcome: CallOutcome = story.call.outcome.as_ref().and_then(|outcome| outcome.read().ok()).unwrap_or_default();
    let (who, reach) = caller(person, &outcome);
    let name = if who.is_empty() && reach.is_empty() { story.call.id.clone() } else { format!("{who} {reach}") };
    html! { tr {
        td { (time(story.call.received_at, zone, true)) }
        th scope="row" { a href=(call_address(&story.call.id)) { (name) } }
        td { (state(story.call.status.word())) }
    } }
}

/// What a button says.
#[derive(Deserialize)]
pub(super) struct Chosen {
    /// A line for each call: a digest of where it stood, and its id.
    calls: String,
    #[serde(default)]
    reason: String,
    /// To re-plan: the config version that was shown.
    #[serde(default)]
    pub(super) version: Option<String>,
}

pub(super) async fn all(web: &Web, person: &Person, what: Act, chosen: &Chosen) -> Result<Response, Refusal> {
    person.must_be(Role::Operator)?;
    if what == Act::Resolve && chosen.reason.trim().is_empty() {
        return Err(Refusal::wrong("say why they need no more work, as `reason`".to_owned()));
    }
    let lines: Option<Vec<(&str, &str)>> = chosen.calls.lines().map(|line| line.trim().split_once(' ')).collect();
    let Some(lines) = lines.filter(|lines| !lines.is_empty() && lines.len() <= AT_ONCE) else {
        return Err(Refusal::wrong("this form does not say which calls: use the buttons of the page".to_owned()));
    };
    // Together, so that most are on record before a worker has begun with the first; it has a caller's other calls in hand with it, and is waited for.
    let acts: Vec<_> = lines
        .into_iter()
        .map(|(seen, id)| {
            let said = Said::seen(seen, &chosen.reason).under(chosen.version.clone());
            async move { act(web, person, id, what, &said, PATIENCE).await }
        })
        .collect();
    let mut told = stream::iter(acts).buffer_unordered(ACTS);
    let (mut done, mut left) = (0, 0);
    while let Some(one) = told.next().await {
        match one {
            Ok(_) => done += 1,
            // Somebody was quicker, or a worker had it in hand for longer. The others are not to blame.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_button_says_how_many_it_takes() {
        assert_eq!((of_all(1, 1), of_all(200, 302)), ("1 call".to_owned(), "the first 200 of 302 calls".to_owned()));
    }
}
