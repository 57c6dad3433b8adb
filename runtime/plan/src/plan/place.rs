//! Which record a write is about, and in which order writes are planned.

use std::borrow::Cow;
use std::collections::BTreeMap;

use aftercall_config::project::{Pick, Pipeline, Target, WriteRule};

use super::build::Ground;
use super::contact::{self, Contact};
use crate::context::Record;
use crate::model::LinkTo;
use crate::scope;

/// The records that stand behind the writes planned so far, by write.
#[derive(Debug, Default)]
pub(super) struct Made {
    ends: BTreeMap<String, LinkTo>,
    /// The write that makes the contact.
    contact: Option<String>,
}

impl Made {
    /// Remembers a record that this plan makes.
    pub(super) fn create(&mut self, pipeline: &Pipeline, rule: &WriteRule) {
        self.ends.insert(rule.id.clone(), LinkTo::Write(rule.id.clone()));
        if contact::is_contact(pipeline, rule) && self.contact.is_none() {
            self.contact = Some(rule.id.clone());
        }
    }

    /// Remembers a record that is there.
    pub(super) fn there(&mut self, rule: &WriteRule, id: &str) {
        self.ends.insert(rule.id.clone(), LinkTo::Id(id.to_owned()));
    }

    /// The record behind a write, if it has one.
    pub(super) fn get(&self, write: &str) -> Option<&LinkTo> {
        self.ends.get(write)
    }
}

/// The record that a write is about.
pub(super) enum Where<'a> {
    /// A record that is there.
    There(Cow<'a, Record>),
    /// A new one.
    New,
    /// None; the phrase says why.
    Skip(String),
    /// A person first; the sentence says why.
    Block(String),
}

/// Finds the record that a write is about.
pub(super) fn place<'a>(ground: &'a Ground<'_>, rule: &WriteRule, made: &Made) -> Where<'a> {
    if let Contact::Held(because) = ground.contact {
        return Where::Block(because.clone());
    }
    if let Some(target) = &rule.target {
        return targeted(ground, target);
    }
    if contact::is_contact(ground.pipeline, rule) {
        return match ground.contact {
            Contact::There { record, .. } => Where::There(Cow::Borrowed(record.as_ref())),
            Contact::New => match &made.contact {
                Some(first) => Where::Skip(format!("the contact is new, and `{first}` makes it")),
                None => Where::New,
            },
            Contact::Nobody(because) | Contact::Held(because) => Where::Skip(because.clone()),
        };
    }
    match ground.context.own.get(&rule.id) {
        Some(id) => Where::There(contact::own_record(ground.context, &rule.connection.id, &rule.object, id)),
        None => Where::New,
    }
}

fn targeted<'a>(ground: &'a Ground<'_>, target: &Target) -> Where<'a> {
    let list = target.list.replace('_', " ");
    let Some(contact) = ground.contact.record() else {
        let why = if *ground.contact == Contact::New { "the contact is new" } else { "there is no contact" };
        return Where::Skip(format!("{why}, so there are no {list}"));
    };
    let records =
        scope::lists_of(ground.context, &contact.id).into_iter().find(|(name, _)| *name == target.list).map(|(_, records)| records);
    match (records.unwrap_or_default().as_slice(), target.pick) {
        ([], _) => Where::Skip(format!("the contact has no {list}")),
        ([newest, ..], Pick::Newest) | ([newest], Pick::Only) => Where::There(Cow::Borrowed(newest)),
        (several, Pick::Only) => Where::Skip(format!("the contact has {} {list}, and only a single one would be changed", several.len())),
    }
}

/// The pipeline's writes, each after those that it links to, otherwise in the order of the file.
///
/// Writes that link to each other in a circle stay where they are; the link back is left out when it is planned.
pub(super) fn in_order(pipeline: &Pipeline) -> Vec<&WriteRule> {
    let mut ordered: Vec<&WriteRule> = Vec::with_capacity(pipeline.writes.len());
    let mut waiting: Vec<&WriteRule> = pipeline.writes.iter().collect();
    while !waiting.is_empty() {
        let ready =
            |rule: &&WriteRule| rule.links.iter().all(|link| link.write == rule.id || !waiting.iter().any(|other| other.id == link.write));
        let at = waiting.iter().position(ready).unwrap_or_default();
        ordered.push(waiting.remove(at));
    }
    ordered
}
