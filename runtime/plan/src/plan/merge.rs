//! Two records that are one person, as somebody answered: the system makes one of them, where it does so on request.

use super::build::Ground;
use super::contact;
use crate::context::Answered;
use crate::model::{Guarantee, Note, Op, Write};

/// The write that makes one record of two. It is the last: what the call has written is on the record that stays by then, and a failure
/// there leaves both as they are. `None` where nobody answered so; a note where the system has no such request.
pub(super) fn plan(ground: &Ground<'_>, writes: &[Write], notes: &mut Vec<Note>) -> Option<Write> {
    let Some(Answered::Merge { id, other }) = ground.context.answered.as_ref().filter(|_| !ground.contact.is_held()) else { return None };
    let pipeline = ground.pipeline;
    let connector = &pipeline.connection.connector;
    let find = connector.decl.find.as_ref()?;
    let object = connector.objects.get(&find.object)?;
    let rule = pipeline.writes.iter().find(|rule| contact::is_contact(pipeline, rule));
    if object.merge.is_none() {
        let text = format!("{} merges no records on request: a person makes one of {id} and {other}", connector.decl.title);
        notes.push(Note { write: rule.map(|rule| rule.id.clone()), text, origin: rule.map(|rule| rule.origin.clone()) });
        return None;
    }
    let before = writes.iter().filter(|write| write.connection == pipeline.connection.id);
    let before = before.filter(|write| matches!(write.op, Op::Create { .. } | Op::Update { .. }));
    Some(Write {
        id: rule.map_or_else(|| "merge".to_owned(), |rule| format!("{}.merge", rule.id)),
        connection: pipeline.connection.id.clone(),
        object: find.object.clone(),
        op: Op::Merge { id: id.clone(), other: other.clone() },
        fields: Vec::new(),
        links: Vec::new(),
        after: before.map(|write| write.id.clone()).collect(),
        // Whether it was done already is looked at first.
        guarantee: Guarantee::Exact,
        booking: None,
        routed: None,
        origin: object.origin.clone(),
    })
}
