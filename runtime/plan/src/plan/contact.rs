//! Which record the call goes to, once it is decided who called.

use std::borrow::Cow;

use aftercall_config::decl::{OnAmbiguous, OnNoIdentity};
use aftercall_config::project::{Pipeline, WriteRule};
use serde_json::Map;

use crate::context::{Answered, Context, Record};
use crate::decision::{MatchDecision, Verdict};
use crate::matching;
use crate::model::Note;

/// The record of the caller.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Contact<'a> {
    /// A record that is there.
    There {
        /// The record.
        record: Cow<'a, Record>,
        /// An earlier revision of this call made it.
        own: bool,
    },
    /// The plan makes one.
    New,
    /// There is none, and none is made; why, as a sentence.
    Nobody(String),
    /// A person must answer first; why, as a sentence.
    Held(String),
}

impl Contact<'_> {
    /// The record, where it is there.
    pub(super) fn record(&self) -> Option<&Record> {
        match self {
            Self::There { record, .. } => Some(record),
            _ => None,
        }
    }

    /// Whether a person must answer first.
    pub(super) fn is_held(&self) -> bool {
        matches!(self, Self::Held(_))
    }

    /// Whether the call is the record's first.
    pub(super) fn is_new(&self) -> bool {
        matches!(self, Self::New | Self::There { own: true, .. })
    }
}

/// Whether this write is about the caller's own record.
pub(crate) fn is_contact(pipeline: &Pipeline, rule: &WriteRule) -> bool {
    let find = pipeline.connection.connector.decl.find.as_ref();
    rule.target.is_none() && rule.connection.id == pipeline.connection.id && find.is_some_and(|find| find.object == rule.object)
}

/// From decision to record, as the pipeline's `on_ambiguous` and `on_no_identity` say.
pub(super) fn settle<'a>(pipeline: &Pipeline, context: &'a Context, decision: &MatchDecision) -> Contact<'a> {
    // A revision of a call that made its contact already goes on with that one.
    let own = pipeline.writes.iter().filter(|rule| is_contact(pipeline, rule)).find_map(|rule| context.own.get(&rule.id));
    if let Some(id) = &decision.contact {
        return Contact::There { record: record(pipeline, context, id), own: own == Some(id) };
    }
    let refusal = match decision.verdict {
        Verdict::Ambiguous if pipeline.on_ambiguous == OnAmbiguous::Hold => {
            Some(Contact::Held(format!("{}; the pipeline holds such calls until a person has answered", decision.because)))
        }
        Verdict::NoIdentity if pipeline.on_no_identity == OnNoIdentity::Skip => {
            Some(Contact::Nobody(format!("{}, and the pipeline makes no contact then", decision.because)))
        }
        _ => None,
    };
    if let Some(refusal) = refusal {
        return refusal;
    }
    match own {
        Some(id) => Contact::There { record: record(pipeline, context, id), own: true },
        None => Contact::New,
    }
}

/// The record of that id: as it was read, else what we know to have written.
fn record<'a>(pipeline: &Pipeline, context: &'a Context, id: &str) -> Cow<'a, Record> {
    if let Some(record) = matching::record(pipeline, context, id) {
        return record;
    }
    let object = pipeline.connection.connector.decl.find.as_ref().map(|find| find.object.as_str()).unwrap_or_default();
    own_record(context, &pipeline.connection.id, object, id)
}

/// A record that an earlier revision of this call made: as it was read, else as we wrote it last.
pub(super) fn own_record<'a>(context: &'a Context, connection: &str, object: &str, id: &str) -> Cow<'a, Record> {
    let lists = context.lists.values().flatten();
    if let Some(record) = context.own_records.iter().chain(lists).find(|record| record.id == id && record.object == object) {
        return Cow::Borrowed(record);
    }
    let written = context.written.get(&format!("{connection}/{object}/{id}"));
    let fields: Map<_, _> = written.into_iter().flatten().map(|(field, written)| (field.clone(), written.value.clone())).collect();
    Cow::Owned(Record { id: id.to_owned(), object: object.to_owned(), fields })
}

/// What a person should know about the contact.
pub(super) fn notes(pipeline: &Pipeline, context: &Context, decision: &MatchDecision, contact: &Contact<'_>) -> Vec<Note> {
    let write = pipeline.writes.iter().find(|rule| is_contact(pipeline, rule));
    let note = |text: String| Note { write: write.map(|rule| rule.id.clone()), text, origin: write.map(|rule| rule.origin.clone()) };
    let mut notes = Vec::new();
    if let Some(record) = contact.record()
        && !context.candidates.iter().any(|candidate| candidate.id == record.id)
    {
        notes.push(note(format!("the search has not returned {} yet: it is compared with what we wrote there", record.id)));
    }
    let own = pipeline.writes.iter().filter(|rule| is_contact(pipeline, rule)).find_map(|rule| context.own.get(&rule.id));
    if let (Some(own), Some(contact)) = (own, &decision.contact)
        && own != contact
    {
        let left = match &context.answered {
            Some(Answered::Merge { other, .. }) if other == own => format!("{own} is the same person"),
            _ => format!("{own} is left as it is"),
        };
        let who = if context.answered.is_some() { "before a person answered" } else { "an earlier revision of" };
        notes.push(note(format!("{who} this call made {own}; the call now goes to {contact}, and {left}")));
    }
    notes
}
