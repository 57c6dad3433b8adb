//! `GET /dead/replan`: what working all dead letters of a kind under the config as it is now would change, counted first; and the button that does it.
//!
//! What is worked out is the command line's (`Differences`), what is done is what a call's own page does (`act`), once for each call.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Form;
use axum::extract::{Query, State};
use axum::response::Response;
use maud::{Markup, html};
use serde_json::Value;
use tokio::time::Instant;

use super::act::{Act, conflict};
use super::calls::Pairs;
use super::dead::{Chosen, all, calls_of, chosen, kinds, of_all, to_retry};
use super::form::form;
use super::page::{self, Refusal};
use super::parts::{call_address, plain};
use super::{Person, Role, Web};
use crate::journal::Story;
use crate::service::{Difference, Differences};
use crate::view;

/// Calls that are planned for one page: each is some requests to the systems.
const PLANNED: usize = 50;
/// For how long it is planned: a slow system gets fewer of them onto the page.
const PATIENCE: Duration = Duration::from_secs(20);
/// Calls that are named for a change; the others are counted.
const NAMED: usize = 3;

/// What differs in the same way in several calls: the changed line of the plan, with the first call's values.
struct Change<'d> {
    line: Value,
    calls: Vec<&'d str>,
}

/// The changes of all calls, equal ones as one; the most calls first.
fn folded(calls: &[Difference]) -> Vec<Change<'_>> {
    let mut all: BTreeMap<String, Change<'_>> = BTreeMap::new();
    for one in calls {
        let Ok(changes) = &one.changes else { continue };
        for line in view::difference::json(changes).as_array().into_iter().flatten() {
            let key = format!("{} {} {} {} {}", line["write"], line["what"], line["name"], line["new"]["at"], line["new"]["verdict"]);
            all.entry(key).or_insert_with(|| Change { line: line.clone(), calls: Vec::new() }).calls.push(&one.call);
        }
    }
    let mut all: Vec<Change<'_>> = all.into_values().collect();
    all.sort_by_key(|change| std::cmp::Reverse(change.calls.len()));
    all
}

/// The page. `kind` is the group's word.
pub(super) async fn page(State(web): State<Web>, person: Person, Query(pairs): Pairs) -> Result<Response, Refusal> {
    person.must_be(Role::Operator)?;
    let kind = pairs.iter().find(|(name, _)| name == "kind").map(|(_, value)| value.as_str()).unwrap_or_default();
    let (kinds, _) = kinds(&web).await?;
    let calls = kinds.iter().find(|(word, _)| word == kind).map(|(word, calls)| to_retry(word, calls)).unwrap_or_default();
    if calls.is_empty() {
        return Err(Refusal::missing("there are no dead letters of this kind any more that could be planned anew".to_owned()));
    }
    let mut stories: Vec<Story> = calls.iter().take(PLANNED).map(|story| Story::clone(story)).collect();
    let project = web.service.versions.live();
    let reader = web.service.connections.reader();
    let end = Some(Instant::now() + PATIENCE);
    let found = Differences::until(&project, web.service.journal.clone(), &reader, &stories, end).await?;
    stories.truncate(found.calls.len());
    let able: Vec<&Story> = stories.iter().filter(|story| found.can(&story.call.id)).collect();
    let changed = found.calls.iter().filter(|one| one.changes.as_ref().is_ok_and(|changes| !changes.is_empty())).count();
    let title = format!("{}, planned under the current version", kind.replace('_', " "));
    let main = html! {
        h1 { (title) }
        p {
            "Of " (of_all(stories.len(), calls.len())) ", " strong { (calls_of(changed as u64)) " would be worked otherwise" } ", "
            (calls_of((able.len() - changed) as u64)) " just as before, and " (calls_of((stories.len() - able.len()) as u64)) " cannot be worked so. The version at work is " code { (found.version) } "."
        }
        @if calls.len() > stories.len() { p.soft { "The oldest " (stories.len()) " are done at once; come back for the rest." } }
        (changes(&folded(&found.calls)))
        (obstacles(&found.calls))
        div.acts {
            @if !able.is_empty() {
                (form(&person, "/dead/replan", &html! {
                    (chosen(&able))
                    input type="hidden" name="version" value=(found.version);
                    button.main { "Work " (calls_of(able.len() as u64)) " so" }
                }))
            }
            a.button href="/dead" { "Leave them" }
        }
    };
    Ok(page::page(&person, &title, "/dead", &main))
}

fn named(calls: &[&str]) -> Markup {
    html! {
        @for (at, id) in calls.iter().take(NAMED).enumerate() { @if at > 0 { ", " } a href=(call_address(id)) { (plain(id)) } }
        @if calls.len() > NAMED { " and " (calls_of((calls.len() - NAMED) as u64)) " more" }
    }
}

fn changes(changes: &[Change<'_>]) -> Markup {
    let side = |line: &Value, side: &str| match &line[side]["value"] {
        Value::Null => String::new(),
        Value::String(text) => plain(text),
        other => plain(&other.to_string()),
    };
    html! {
        @if changes.is_empty() { p { "Nothing differs in what is still to be done: they would be tried again as they were." } }
        @else { div.wide { table {
            caption { "What differs in what is still to be done, equal changes as one, with the values of the first call" }
            thead { tr { th.num scope="col" { "Calls" } th scope="col" { "Write" } th scope="col" { "What" } th scope="col" { "Until now" } th scope="col" { "Then" } th scope="col" { "Asked by" } th scope="col" { "Which" } } }
            tbody { @for Change { line, calls } in changes { tr {
                td.num data-is="Calls" { (calls.len()) }
                th scope="row" { (line["write"].as_str().unwrap_or_default()) }
                td data-is="What" { (line["name"].as_str().or(line["what"].as_str()).unwrap_or_default()) }
                td data-is="Until now" { del { (side(line, "old")) } }
                td data-is="Then" { ins { (side(line, "new")) } " " span.soft { (line["new"]["verdict"].as_str().unwrap_or_default()) } }
                td.line data-is="Asked by" { code { (line["new"]["at"].as_str().unwrap_or_default()) } }
                td.long data-is="Which" { (named(calls)) }
            } } }
        } } }
    }
}

/// Why some cannot be worked so.
fn obstacles(calls: &[Difference]) -> Markup {
    let mut all: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for one in calls {
        if let Err(obstacle) = &one.changes {
            all.entry(obstacle).or_default().push(&one.call);
        }
    }
    html! { @for (obstacle, calls) in &all { p.note { strong { "It cannot be worked so: " } (plain(obstacle)) ": " (named(calls)) } } }
}

/// `POST /dead/replan`.
pub(super) async fn replan(State(web): State<Web>, person: Person, Form(chosen): Form<Chosen>) -> Result<Response, Refusal> {
    person.must_be(Role::Operator)?;
    let live = web.service.versions.live().version.0.clone();
    match &chosen.version {
        None => return Err(Refusal::wrong("this form lacks `version`: use the button of the page".to_owned())),
        Some(shown) if *shown != live => {
            let sentence = "the config has changed since the difference was shown, so nothing was done; look at it again";
            return Err(conflict(sentence.to_owned()));
        }
        Some(_) => {}
    }
    all(&web, &person, Act::Replan, &chosen).await
}
