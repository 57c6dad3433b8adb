//! Links from one record to another: to one that is there, or to one that this plan makes.

use aftercall_config::project::{LinkRule, WriteRule};

use super::build::Ground;
use super::contact::{self, Contact};
use super::place::Made;
use crate::model::{Link, LinkTo, Note};

/// The links of a new record. A link whose other end does not exist is left out, with a note.
pub(super) fn decide(ground: &Ground<'_>, rule: &WriteRule, made: &Made, notes: &mut Vec<Note>) -> Vec<Link> {
    let mut links = Vec::with_capacity(rule.links.len());
    for wanted in &rule.links {
        match other_end(ground, rule, wanted, made) {
            Ok(to) => links.push(Link { link: wanted.link.clone(), to, origin: wanted.origin.clone() }),
            Err(why) => notes.push(Note {
                write: Some(rule.id.clone()),
                text: format!("the link `{}` is left out: {why}", wanted.link),
                origin: Some(wanted.origin.clone()),
            }),
        }
    }
    links
}

fn other_end(ground: &Ground<'_>, rule: &WriteRule, wanted: &LinkRule, made: &Made) -> Result<LinkTo, String> {
    if let Some(to) = made.get(&wanted.write) {
        return Ok(to.clone());
    }
    if to_contact(ground, rule, wanted) {
        return match ground.contact {
            Contact::There { record, .. } => Ok(LinkTo::Id(record.id.clone())),
            // The write that would have made it is skipped, or comes to nothing.
            Contact::New => Err("no write of this plan makes the contact".to_owned()),
            Contact::Nobody(why) | Contact::Held(why) => Err(format!("there is no contact, for {why}")),
        };
    }
    Err(format!("`{}` has no record", wanted.write))
}

/// Whether a link points to the caller's own record: by the write that it names, or by the object at its other end.
fn to_contact(ground: &Ground<'_>, rule: &WriteRule, wanted: &LinkRule) -> bool {
    let pipeline = ground.pipeline;
    if let Some(other) = pipeline.writes.iter().find(|other| other.id == wanted.write) {
        return contact::is_contact(pipeline, other);
    }
    let object = rule.connection.connector.objects.get(&rule.object);
    let end = object.and_then(|object| object.decl.links.get(&wanted.link)).map(|link| link.to.as_str());
    rule.connection.id == pipeline.connection.id && end.is_some() && end == pipeline.connection.connector.decl.find.as_ref().map(|find| find.object.as_str())
}
