//! What a person does about a call: retry, resolve, work it under the config as it is now. An intervention like the command line's, with the
//! person's name; a worker carries it out.

use std::time::Duration;

use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use jiff::Timestamp;
use maud::html;
use serde::Deserialize;
use serde_json::{Value, json};

use super::call::{find, standing};
use super::form::form;
use super::page::{self, Refusal};
use super::parts::{call_address, plain};
use super::{Person, Role, Web};
use crate::journal::{Error, Intervention, NewEvent, Record, Recorded, Seen, Story};
use crate::service::Differences;
use crate::view;
use crate::work::{can_be_resolved, can_be_retried, resolved, retried};

/// How long a worker that has the caller's calls in hand is waited for: as long as somebody looks at a button.
pub(super) const IN_HAND: Duration = Duration::from_secs(5);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// What a form of ours says.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Said {
    /// A digest of where the call stood when the person decided; see [`standing`].
    #[serde(default)]
    seen: Option<String>,
    /// Why.
    #[serde(default)]
    reason: String,
    /// The config version that was shown.
    #[serde(default)]
    version: Option<String>,
}

impl Said {
    /// A person has seen where the call stood.
    pub(super) fn seen(seen: &str, reason: &str) -> Self {
        Self { seen: Some(seen.to_owned()), reason: reason.to_owned(), version: None }
    }

    /// The same, of whoever was shown what this version would do.
    pub(super) fn under(self, version: Option<String>) -> Self {
        Self { version, ..self }
    }

    /// A program says why, and has seen no page.
    pub(super) fn because(reason: &str) -> Self {
        Self { reason: reason.to_owned(), ..Self::default() }
    }
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// Work it again, under its own version.
    Retry,
    /// Work it again, under the live version.
    Replan,
    /// It needs no more work.
    Resolve,
}

impl Act {
    fn word(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Replan => "replan",
            Self::Resolve => "resolve",
        }
    }
}

pub(super) fn conflict(sentence: String) -> Refusal {
    Refusal::new(StatusCode::CONFLICT, "conflict", sentence)
}

/// Does it, where it can be done and the call stands where the person saw it. A worker that has it in hand is waited for at most so long. Errors: why not; then nothing is done.
pub(super) async fn act(
    web: &Web,
    person: &Person,
    id: &str,
    act: Act,
    said: &Said,
    patience: Duration,
) -> Result<(Story, Recorded), Refusal> {
    person.must_be(Role::Operator)?;
    let story = find(web, id).await?;
    let can = if act == Act::Resolve { can_be_resolved(&story) } else { can_be_retried(&story) };
    if !can {
        return Err(conflict(format!(
            "{} is {}; there is nothing that did not land, so nothing was done",
            story.call.id, story.call.status
        )));
    }
    if said.seen.as_ref().is_some_and(|seen| *seen != standing(&story)) {
        return Err(conflict(format!("{} has changed since it was shown, so nothing was done; look at it again", story.call.id)));
    }
    let now = Timestamp::now();
    let mut records = match act {
        Act::Resolve if said.reason.trim().is_empty() => {
            return Err(Refusal::wrong("say why it needs no more work, as `reason`".to_owned()));
        }
        Act::Resolve => vec![resolved(&said.reason)],
        Act::Retry | Act::Replan => retried(&story, &[], now).map_err(conflict)?,
    };
    if act == Act::Replan {
        let version = web.service.versions.live().version.0.clone();
        if said.version.as_ref().is_some_and(|shown| *shown != version) {
            return Err(conflict(
                "the config has changed since the difference was shown, so nothing was done; look at it again".to_owned(),
            ));
        }
        records.insert(0, Record::Version { config_version: version });
    }
    let what = if act == Act::Resolve { "resolve" } else { "retry" };
    records.push(Record::Event(NewEvent { kind: what.to_owned(), write: None, data: json!({"reason": said.reason.trim()}).into() }));
    let recorded = intervene(web, person, &story, act.word(), &said.reason, records, patience).await?;
    Ok((story, recorded))
}

/// Puts on record what a person has decided about a call as it was read; waits for a worker that has it in hand.
pub(super) async fn intervene(
    web: &Web,
    person: &Person,
    story: &Story,
    what: &'static str,
    reason: &str,
    records: Vec<Record>,
    patience: Duration,
) -> Result<Recorded, Refusal> {
    let intervention = Intervention {
        call: story.call.seq,
        actor: person.name.clone(),
        way: person.way,
        what,
        reason: reason.trim().chars().take(500).collect(),
        now: Timestamp::now(),
        seen: Some(Seen::of(story)),
        records,
    };
    let end = tokio::time::Instant::now() + patience;
    let recorded = loop {
        match web.service.journal.intervene(intervention.clone()).await {
            Err(Error::Leased { .. }) if tokio::time::Instant::now() < end => tokio::time::sleep(LOOK).await,
            told => break told?,
        }
    };
    tracing::info!(call = %story.call.id, person = %person.name, act = what, "a person has decided about a call");
    Ok(recorded)
}

async fn by_form(web: &Web, person: &Person, id: &str, what: Act, said: &Said) -> Result<Response, Refusal> {
    // A page of ours always says what it showed.
    if said.seen.is_none() {
        return Err(Refusal::wrong("this form lacks `seen`: use the buttons on the call's page".to_owned()));
    }
    let (story, _) = act(web, person, id, what, said, IN_HAND).await?;
    Ok(Redirect::to(&format!("{}?done={}", call_address(&story.call.id), what.word())).into_response())
}

/// `POST /calls/{id}/retry`.
pub(super) async fn retry(
    State(web): State<Web>,
    person: Person,
    Path(id): Path<String>,
    Form(said): Form<Said>,
) -> Result<Response, Refusal> {
    by_form(&web, &person, &id, Act::Retry, &said).await
}

/// `POST /calls/{id}/resolve`.
pub(super) async fn resolve(
    State(web): State<Web>,
    person: Person,
    Path(id): Path<String>,
    Form(said): Form<Said>,
) -> Result<Response, Refusal> {
    by_form(&web, &person, &id, Act::Resolve, &said).await
}

/// `POST /calls/{id}/replan`.
pub(super) async fn replan(
    State(web): State<Web>,
    person: Person,
    Path(id): Path<String>,
    Form(said): Form<Said>,
) -> Result<Response, Refusal> {
    by_form(&web, &person, &id, Act::Replan, &said).await
}

/// `GET /calls/{id}/replan`: what working it under the config as it is now would change. Reads the systems, and writes nothing.
pub(super) async fn difference(State(web): State<Web>, person: Person, Path(id): Path<String>) -> Result<Response, Refusal> {
    person.must_be(Role::Operator)?;
    let story = find(&web, &id).await?;
    if !can_be_retried(&story) {
        return Err(conflict(format!("{} is {}; there is nothing that did not land", story.call.id, story.call.status)));
    }
    let project = web.service.versions.live();
    let reader = web.service.connections.reader();
    let found = Differences::of(&project, web.service.journal.clone(), &reader, std::slice::from_ref(&story)).await?;
    let Some(one) = found.calls.first() else { return Err(Refusal::missing("there is no difference to show".to_owned())) };
    let changes = one.changes.as_ref().map(|changes| view::difference::json(changes));
    let lines = changes.as_ref().ok().and_then(Value::as_array).cloned().unwrap_or_default();
    let side = |line: &Value, side: &str, part: &str| match &line[side][part] {
        Value::Null => String::new(),
        Value::String(text) => plain(text),
        other => other.to_string(),
    };
    let back = call_address(&story.call.id);
    let main = html! {
        h1 { "Planned under the current version" }
        p { a href=(back) { (story.call.id) } ", planned under " code { (one.from) } ", against the version at work now, " code { (found.version) } }
        @if !one.done.is_empty() { p { "Done already, and not done again: " (one.done.join(", ")) } }
        @match &one.changes {
            Err(obstacle) => p.note { strong { "It cannot be worked so: " } (plain(obstacle)) },
            Ok(changes) if changes.is_empty() => p { "Nothing differs in what is still to be done: it would be tried again as it was." },
            Ok(_) => div.wide { table {
                caption { "What differs in what is still to be done" }
                thead { tr { th scope="col" { "Write" } th scope="col" { "What" } th scope="col" { "Until now" } th scope="col" { "Then" } th scope="col" { "Asked by" } } }
                tbody { @for line in &lines { tr {
                    th scope="row" { (line["write"].as_str().unwrap_or_default()) }
                    td data-is="What" { (line["name"].as_str().or(line["what"].as_str()).unwrap_or_default()) }
                    td data-is="Until now" { del { (side(line, "old", "value")) } }
                    td data-is="Then" { ins { (side(line, "new", "value")) } " " span.soft { (side(line, "new", "verdict")) } }
                    td.line data-is="Asked by" { code { (side(line, "new", "at")) } }
                } } }
            } },
        }
        div.acts {
            @if one.changes.is_ok() {
                (form(&person, &format!("{back}/replan"), &html! {
                    input type="hidden" name="seen" value=(standing(&story));
                    input type="hidden" name="version" value=(found.version);
                    button.main { "Work it so" }
                }))
            }
            a.button href=(back) { "Leave it" }
        }
    };
    Ok(page::page(&person, "Planned under the current version", "/calls", &main))
}
