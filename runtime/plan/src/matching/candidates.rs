//! The records that may be the caller's, one per id, each compared with the caller.

use std::collections::BTreeSet;

use aftercall_config::project::{Object, Pipeline, Project};

use super::compare::person;
use super::{Compared, Identity, Person, Sought, compare};
use crate::context::{Context, KnownContact, Record};

/// The object in which callers are searched.
fn contact_object(pipeline: &Pipeline) -> Option<&Object> {
    let connector = &pipeline.connection.connector;
    connector.objects.get(&connector.decl.find.as_ref()?.object)
}

/// What the lane knows of the caller in the pipeline's system.
fn lane<'a>(pipeline: &Pipeline, context: &'a Context) -> Option<&'a KnownContact> {
    context.known.get(&pipeline.connection.id)
}

/// The lane's contact as a record, with what we wrote into it.
fn lane_record(pipeline: &Pipeline, known: &KnownContact) -> Record {
    let object = pipeline.connection.connector.decl.find.as_ref().map(|find| find.object.clone()).unwrap_or_default();
    Record { id: known.id.clone(), object, fields: known.fields.clone() }
}

/// Of two copies of one record, whether the first says more; between equals, something that does not depend on their order.
fn better(a: &Record, b: &Record) -> bool {
    let text = |record: &Record| serde_json::to_string(&record.fields).unwrap_or_default();
    (a.fields.len(), text(a)) > (b.fields.len(), text(b))
}

/// The record of that id: the best copy among the candidates, else what the lane knows.
pub(crate) fn record<'a>(pipeline: &Pipeline, context: &'a Context, id: &str) -> Option<std::borrow::Cow<'a, Record>> {
    use std::borrow::Cow;
    let copies = context.candidates.iter().filter(|record| record.id == id);
    if let Some(found) = copies.reduce(|best, other| if better(other, best) { other } else { best }) {
        return Some(Cow::Borrowed(found));
    }
    lane(pipeline, context).filter(|known| known.id == id).map(|known| Cow::Owned(lane_record(pipeline, known)))
}

/// One record, read for comparing.
pub(super) fn read(project: &Project, pipeline: &Pipeline, record: &Record) -> Person {
    person(&pipeline.matching, &project.phone_region, contact_object(pipeline), record, None)
}

/// Everybody in hand, read for comparing.
pub(super) fn people(project: &Project, pipeline: &Pipeline, context: &Context) -> Vec<Person> {
    let object = contact_object(pipeline);
    let known = lane(pipeline, context);
    let read = |record: &Record| {
        let known = known.filter(|known| known.id == record.id);
        person(&pipeline.matching, &project.phone_region, object, record, known)
    };
    let mut seen = BTreeSet::new();
    context.candidates.iter().filter(|record| seen.insert(record.id.as_str())).map(read).collect()
}

/// Every candidate, compared; and the lane's contact where the search has not caught up and our own fields agree.
pub(super) fn compared(project: &Project, pipeline: &Pipeline, identity: &Identity, sought: &Sought, context: &Context) -> Vec<Compared> {
    let object = contact_object(pipeline);
    let known = lane(pipeline, context);
    let mut records: Vec<&Record> = context.candidates.iter().collect();
    records.sort_by(|a, b| a.id.cmp(&b.id));
    records.dedup_by(|next, kept| {
        let twice = next.id == kept.id;
        if twice && better(next, kept) {
            *kept = *next;
        }
        twice
    });
    let behind = known.filter(|known| records.binary_search_by(|record| record.id.as_str().cmp(&known.id)).is_err());
    let own = behind.map(|known| lane_record(pipeline, known));
    let mut pairs: Vec<(&Record, Option<&KnownContact>)> =
        records.iter().map(|record| (*record, known.filter(|known| known.id == record.id))).collect();
    pairs.extend(own.as_ref().map(|record| (record, behind)));
    let of = |pairs: &[_]| compare(&pipeline.matching, &project.phone_region, identity, sought, object, pairs);
    let all = of(&pairs);
    match all.last() {
        // Not found, and nothing that we wrote there is the caller's: the record counts for nothing, and for nobody's share either.
        Some(last) if own.is_some() && last.phones.is_empty() && last.emails.is_empty() => {
            pairs.pop();
            of(&pairs)
        }
        _ => all,
    }
}
