//! What people answered, as planning needs it: about this call, about others of its caller, and what the call's records are linked to.
//!
//! Not for asking or for recording an answer: that is the command's.

use std::collections::BTreeMap;

use aftercall_config::call::CallOutcome;
use aftercall_config::project::Pipeline;
use aftercall_plan::context::{Answered, KnownContact, Remembered};
use aftercall_plan::model::{LinkTo, Plan};

use super::gather::Before;
use super::perform::Hand;
use super::progress::own;
use super::revert::put_back;
use crate::journal::{self, AnswerKind, AnswerRow, CallSeq, Journal, LaneLink, Story, WriteRow, WriteState};

impl Hand<'_> {
    /// The answer to this call's question, where a person has given one.
    pub(super) fn answer(&self) -> Option<&AnswerRow> {
        of_call(&self.claim.answers, self.claim.call.seq)
    }

    /// What is known before anything is read.
    pub(super) async fn before(&self) -> Result<Before, journal::Error> {
        let claim = self.claim;
        let known = claim.links.iter().filter_map(|link| Some((link.connection.clone(), link.record.read().ok()?))).collect();
        let answer = self.answer();
        // All plans of the call are needed to know what its records are linked to; that is rare enough to be read by itself.
        let story = match answer {
            Some(_) => self.worker.journal.call(claim.call.id.clone()).await?,
            None => None,
        };
        Ok(Before {
            known,
            own: own(&self.pipeline, &claim.writes),
            own_links: story.as_ref().map(links).unwrap_or_default(),
            put_back: put_back(&claim.writes),
            answered: answer.map(answered),
            remembered: remembered(&claim.answers, Some(claim.call.seq)),
            evidence: self.evidence.clone(),
            turns: BTreeMap::new(),
        })
    }
}

impl Before {
    /// What the journal knows of a call before anything is read, also of one that never came in. `keys` are its lane's.
    ///
    /// Errors: the journal's.
    pub async fn of(journal: &dyn Journal, pipeline: &Pipeline, call: &CallOutcome, keys: Vec<String>) -> Result<Self, journal::Error> {
        let (known, answers) = (journal.lane_links(keys.clone()).await?, journal.answers(keys).await?);
        let id = format!("{}:{}", call.source, call.id);
        // The beginning of an id is enough for a story, and would be another call's.
        let story = journal.call(id.clone()).await.ok().flatten().filter(|story| story.call.id == id);
        Ok(match story {
            Some(story) => of_story(pipeline, &story, known, &answers),
            None => Self { known: contacts(known), remembered: remembered(&answers, None), ..Self::default() },
        })
    }
}

/// The contacts that a lane knows, by connection.
fn contacts(known: Vec<LaneLink>) -> BTreeMap<String, KnownContact> {
    known.into_iter().filter_map(|link| Some((link.connection, link.record.read().ok()?))).collect()
}

/// What is known of a call before anything is read, from its story, and from what is known and was answered about its caller.
pub fn of_story(pipeline: &Pipeline, story: &Story, known: Vec<LaneLink>, answers: &[AnswerRow]) -> Before {
    let answer = of_call(answers, story.call.seq);
    Before {
        known: contacts(known),
        own: own(pipeline, &story.writes),
        own_links: answer.map(|_| links(story)).unwrap_or_default(),
        put_back: put_back(&story.writes),
        answered: answer.map(answered),
        remembered: remembered(answers, Some(story.call.seq)),
        evidence: Vec::new(),
        turns: BTreeMap::new(),
    }
}

/// The answer about this call that counts.
fn of_call(answers: &[AnswerRow], call: CallSeq) -> Option<&AnswerRow> {
    answers.iter().filter(|row| row.call == call).max_by_key(|row| row.number)
}

/// An answer as planning takes it. A new record that is there by now is a record like any other.
fn answered(row: &AnswerRow) -> Answered {
    match (row.kind, &row.contact, &row.other) {
        (AnswerKind::Merge, Some(id), Some(other)) => Answered::Merge { id: id.clone(), other: other.clone() },
        (_, Some(id), _) => Answered::Contact(id.clone()),
        (_, None, _) => Answered::New,
    }
}

/// What was answered about other calls than this one, as far as it has led to a record.
fn remembered(answers: &[AnswerRow], but: Option<CallSeq>) -> Vec<Remembered> {
    let others = answers.iter().filter(|row| Some(row.call) != but);
    let of = |row: &AnswerRow| {
        Some(Remembered { contact: row.contact.clone()?, call: row.call_id.clone(), at: row.at, of: row.identity.read().ok()? })
    };
    others.filter_map(of).collect()
}

/// What the call's records are linked to: of each write the links with which it was last applied, over those before.
fn links(story: &Story) -> BTreeMap<String, BTreeMap<String, String>> {
    let plans: BTreeMap<i64, Plan> = story.plans.iter().filter_map(|row| Some((row.number, row.plan.read().ok()?))).collect();
    let mut rows: Vec<&WriteRow> = story.past_writes.iter().chain(&story.writes).filter(|row| row.state == WriteState::Applied).collect();
    rows.sort_by_key(|row| row.plan);
    let record = |write: &str, until: i64| {
        let rows = rows.iter().filter(|row| row.write == write && row.plan <= until);
        rows.max_by_key(|row| row.plan).and_then(|row| row.record_id.clone())
    };
    let mut links: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for row in &rows {
        let write = plans.get(&row.plan).and_then(|plan| plan.writes.iter().find(|write| write.id == row.write));
        for link in write.into_iter().flat_map(|write| &write.links) {
            let id = match &link.to {
                LinkTo::Id(id) => Some(id.clone()),
                LinkTo::Write(other) => record(other, row.plan),
            };
            if let Some(id) = id {
                links.entry(row.write.clone()).or_default().insert(link.link.clone(), id);
            }
        }
    }
    links
}
