//! A question about a caller and its answer: which decision asked, what the call has made meanwhile, and an answer that can be put on record.
//!
//! Not for carrying an answer out, which planning does like anything else, nor for how it looks.

use aftercall_config::call::CallOutcome;
use aftercall_config::project::{Pipeline, Project};
use aftercall_plan::decision::MatchDecision;
use aftercall_plan::matching::asker;

use super::own;
use crate::connect::Reader;
use crate::journal::{AnswerKind, Json, NewAnswer, Story, WriteState};

/// What a person says of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice<'a> {
    /// It is this contact.
    Is(&'a str),
    /// It is none of them.
    New,
    /// It is this contact, and the record that the call made is the same person.
    Merge(&'a str),
}

/// Why an answer cannot be given.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// What was said does not fit; as a sentence.
    #[error("{0}")]
    Wrong(String),
    /// Whether it fits cannot be known just now; as a sentence.
    #[error("{0}")]
    Unknown(String),
}

/// The last decision of a call that asked a person, and the pipeline that it was made under; also of one that was answered since.
pub fn question(story: &Story) -> Option<(MatchDecision, &str)> {
    let decisions = story.plans.iter().rev().filter_map(|plan| Some((plan.decision.read::<MatchDecision>().ok()?, plan.pipeline.as_str())));
    match story.call.question.is_some() || !story.answers.is_empty() {
        true => decisions.into_iter().find(|(decision, _)| decision.review.is_some()),
        false => None,
    }
}

/// The contact that the call has made: now, or before an answer sent it elsewhere.
pub fn made(story: &Story, pipeline: &Pipeline) -> Option<String> {
    let find = pipeline.connection.connector.decl.find.as_ref()?;
    let contact =
        |write: &str| pipeline.writes.iter().any(|r| r.id == write && r.object == find.object && r.connection.id == pipeline.connection.id);
    let now = own(pipeline, &story.writes).into_iter().find(|(write, _)| contact(write)).map(|(_, id)| id);
    let past = || {
        let created = story.past_writes.iter().rev().filter(|row| row.state == WriteState::Applied && row.op == "create");
        created.filter(|row| contact(&row.write)).find_map(|row| row.record_id.clone())
    };
    now.or_else(past)
}

/// The answer, when it can be given: a contact that is named is read before it counts.
///
/// Errors: see [`NoAnswer`]; nothing was changed then.
pub async fn answer(
    reader: &Reader,
    project: &Project,
    pipeline: &Pipeline,
    story: &Story,
    choice: Choice<'_>,
) -> Result<NewAnswer, NoAnswer> {
    let unreadable = |error: &dyn std::fmt::Display| NoAnswer::Unknown(format!("the call cannot be read: {error}"));
    let outcome: CallOutcome = match &story.call.outcome {
        Some(outcome) => outcome.read().map_err(|error| unreadable(&error))?,
        None => CallOutcome::default(),
    };
    let identity = Json::of(&asker(project, pipeline, &outcome)).map_err(|error| unreadable(&error))?;
    let made = made(story, pipeline);
    let (Choice::Is(id) | Choice::Merge(id)) = choice else {
        // What the call made for this caller is the new record.
        return Ok(NewAnswer { kind: AnswerKind::New, contact: made, other: None, identity });
    };
    let connection = &pipeline.connection;
    let object = connection.connector.decl.find.as_ref().map(|find| find.object.as_str()).unwrap_or_default();
    match reader.read(connection, object, id, &[]).await {
        Ok(Some(_)) => {}
        Ok(None) => return Err(NoAnswer::Wrong(format!("{} has no {object} `{id}`", connection.connector.decl.title))),
        Err(failure) => {
            return Err(NoAnswer::Unknown(format!("whether {id} is there cannot be read: {failure}: {}", failure.message)));
        }
    }
    let contact = Some(id.to_owned());
    if matches!(choice, Choice::Is(_)) {
        return Ok(NewAnswer { kind: AnswerKind::Contact, contact, other: None, identity });
    }
    match made.filter(|made| made != id) {
        Some(other) => Ok(NewAnswer { kind: AnswerKind::Merge, contact, other: Some(other), identity }),
        None => {
            Err(NoAnswer::Wrong(format!("{} made no record of its own that could become one with {id}; answer `--is {id}`", story.call.id)))
        }
    }
}
