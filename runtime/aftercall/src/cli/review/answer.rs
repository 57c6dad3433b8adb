//! An answer: checked, put on record, carried out, and shown.

use std::time::Duration;

use aftercall_config::project::Pipeline;
use jiff::Timestamp;

use super::super::Format;
use super::super::intervene::{Word, intervene};
use super::super::talk::{self, data, talk as say};
use super::{Args, Pages, no_question, told};
use crate::journal::{AnswerKind, CallStatus, NewAnswer, Record, Story};
use crate::view;
use crate::work::{Choice, NoAnswer, again, answer, question};

/// Answers a call's question. 0: carried out; 1: it did not land, or not yet; 2: there is nothing to answer so.
pub(super) fn run(args: &Args, call: &str) -> anyhow::Result<u8> {
    let Some(patience) = aftercall_config::resolve::duration(&args.wait).and_then(|d| Duration::try_from(d).ok()) else {
        say(&format!("`{}` is no duration; write `30s` or `5m`\n", args.wait));
        return Ok(2);
    };
    let story = match told(args, call)? {
        Ok(story) => story,
        Err(code) => return Ok(code),
    };
    let Some((_, name)) = question(&story) else { return Ok(no_question(&story)) };
    let Some(pages) = Pages::of(args) else { anyhow::bail!("the project does not load; `aftercall check` says why") };
    let Some(pipeline) = pages.pipeline(name) else {
        anyhow::bail!("the project has no pipeline `{name}` any more, which the call has taken")
    };
    let choice = match (&args.is, &args.merge) {
        (Some(id), _) => Choice::Is(id),
        (None, Some(id)) => Choice::Merge(id),
        (None, None) => Choice::New,
    };
    talk::runtime()?.block_on(async {
        let answer = match answer(&pages.reader, &pages.project, pipeline, &story, choice).await {
            Ok(answer) => answer,
            Err(NoAnswer::Wrong(why)) => {
                say(&format!("{why}\n"));
                return Ok(2);
            }
            Err(NoAnswer::Unknown(why)) => anyhow::bail!(why),
        };
        if answer.kind == AnswerKind::Merge {
            merge_by_hand(&answer, &pages, pipeline);
        }
        carry_out(args, &story, answer, patience).await
    })
}

/// Where the system merges nothing on request, that is said, with both pages.
fn merge_by_hand(answer: &NewAnswer, pages: &Pages, pipeline: &Pipeline) {
    let connector = &pipeline.connection.connector;
    let object = connector.decl.find.as_ref().and_then(|find| connector.objects.get(&find.object));
    if object.is_some_and(|object| object.merge.is_some()) {
        return;
    }
    let page =
        |id: &Option<String>| id.as_ref().map(|id| pages.contact(&pipeline.name, id).unwrap_or_else(|| id.clone())).unwrap_or_default();
    let (stays, goes) = (page(&answer.contact), page(&answer.other));
    say(&format!(
        "{} merges no records on request. What the call wrote moves; the two records are for a person to merge:\n  {stays}\n  {goes}\n",
        connector.decl.title
    ));
}

/// Puts the answer on record, and waits until it is carried out.
async fn carry_out(args: &Args, story: &Story, answer: NewAnswer, patience: Duration) -> anyhow::Result<u8> {
    let word = Word {
        call: story.call.seq,
        id: story.call.id.clone(),
        seen: None,
        what: "answer",
        // Or the caller's next call would be matched before this one stands where it belongs.
        records: vec![Record::Answer(answer), again("a person has answered", true, Timestamp::now())],
    };
    let told = intervene(&args.project.project, args.by.as_deref(), &args.reason, vec![word], patience).await?;
    let Some(told) = told.first() else { anyhow::bail!("the journal has lost {}", story.call.id) };
    show(args, told)
}

fn show(args: &Args, story: &Story) -> anyhow::Result<u8> {
    match args.format {
        Format::Human => data(&view::review::moved_text(story)),
        Format::Json => data(&format!(
            "{:#}\n",
            serde_json::json!({
                "version": 1, "call": story.call.id, "status": story.call.status, "answer": story.answers.last(),
                "moved": view::review::moved(story),
            })
        )),
    }
    if let Some(reason) = story.call.status_reason.as_deref().filter(|_| story.call.status != CallStatus::Landed) {
        say(&format!("{reason}\n"));
    }
    Ok(u8::from(matches!(story.call.status, CallStatus::Waiting | CallStatus::Dead | CallStatus::Partial | CallStatus::Held)))
}
