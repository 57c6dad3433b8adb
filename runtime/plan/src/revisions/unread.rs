//! What a revision wants to read about a recorded call, and the record does not have.
//!
//! Not for reading it: that is the edge's, where somebody asks for it.

use std::collections::BTreeSet;

use aftercall_config::call::CallOutcome;
use aftercall_config::decl::{KeyId, PolicyDecl};
use aftercall_config::project::{Pipeline, Project, WriteRule};
use serde::{Deserialize, Serialize};

use super::replay::Recorded;
use crate::context::{Context, Record};
use crate::matching::{self, Asked, Query};
use crate::model::{Op, Plan};

/// Something that was not recorded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unread {
    /// Nothing at all: the call was not worked, or its caller was looked for in another system.
    Caller {
        /// Where the caller would be looked for.
        connection: String,
    },
    /// Another search for the caller.
    Search {
        /// What it goes by.
        by: KeyId,
    },
    /// A field.
    Field {
        /// The object, by the name that mappings use.
        object: String,
        /// The system's name of it.
        field: String,
    },
    /// A list about the contact.
    List {
        /// Its name.
        list: String,
    },
    /// What we wrote last into a record, which a policy asks for.
    Written {
        /// The object.
        object: String,
    },
    /// The calendar at the time that a write wants.
    Calendar {
        /// The write.
        write: String,
    },
    /// A colleague's id.
    Colleague {
        /// The connection.
        connection: String,
        /// The address.
        email: String,
    },
}

impl std::fmt::Display for Unread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Caller { connection } => write!(f, "who the caller is in {connection}"),
            Self::Search { by } => match by {
                KeyId::Number => f.write_str("a search by number and e-mail"),
                KeyId::Email => f.write_str("a search by e-mail"),
                KeyId::EmailNear => f.write_str("a search by e-mails that sound alike"),
                KeyId::Name => f.write_str("a search by name"),
                KeyId::Account => f.write_str("a search by company"),
            },
            Self::Field { object, field } => write!(f, "`{field}` of {object}"),
            Self::List { list } => write!(f, "the contact's {}", list.replace('_', " ")),
            Self::Written { object } => write!(f, "what was written last into {object}"),
            Self::Calendar { write } => write!(f, "the calendar at the time of `{write}`"),
            Self::Colleague { connection, email } => write!(f, "who {email} is in {connection}"),
        }
    }
}

/// What a plan would have to read beyond what the recording revision has read.
///
/// `read` is the pipeline under which the context was recorded, in the project of then.
pub(super) fn unread(
    (project, pipeline): (&Project, &Pipeline),
    (then, read): (&Project, &Pipeline),
    recorded: &Recorded,
    context: &Context,
    plan: &Plan,
) -> BTreeSet<Unread> {
    let mut found = BTreeSet::new();
    fields(pipeline, read, context, plan, &mut found);
    let has_contact = plan.decision.contact.is_some();
    if has_contact {
        let lists = |pipeline: &Pipeline| -> Vec<String> {
            let along = pipeline.connection.connector.decl.find.iter().flat_map(|find| find.related.keys());
            along.chain(pipeline.connection.connector.related.keys()).cloned().collect()
        };
        let known = lists(read);
        let elsewhere = plan.decision.contact != recorded.contact;
        for list in lists(pipeline).into_iter().filter(|list| !context.lists.contains_key(list)) {
            if elsewhere && pipeline.connection.connector.related.contains_key(&list) || !known.contains(&list) {
                found.insert(Unread::List { list });
            }
        }
    }
    written(pipeline, read, context, plan, &mut found);
    for write in plan.writes.iter().filter(|write| !matches!(write.op, Op::Skipped { .. })) {
        let Some(booking) = &write.booking else { continue };
        if recorded.looked.get(&write.id) != Some(&(booking.start, booking.end)) {
            found.insert(Unread::Calendar { write: write.id.clone() });
        }
    }
    searches((project, pipeline), (then, read), &recorded.call, context, &mut found);
    found
}

/// Fields that nothing has read of records that are there.
fn fields(pipeline: &Pipeline, read: &Pipeline, context: &Context, plan: &Plan, found: &mut BTreeSet<Unread>) {
    let of = |object: &str| -> Vec<&Record> {
        let lists = context.lists.values().flatten();
        context.candidates.iter().chain(lists).chain(&context.own_records).filter(|record| record.object == object).collect()
    };
    let mut ask = |object: &str, field: &str, records: &[&Record]| {
        if !records.is_empty() && !records.iter().any(|record| record.fields.contains_key(field)) {
            found.insert(Unread::Field { object: object.to_owned(), field: field.to_owned() });
        }
    };
    for (object, wanted) in &pipeline.read_fields {
        let known = read.read_fields.get(object).map(Vec::as_slice).unwrap_or_default();
        let records = of(object);
        wanted.iter().filter(|field| !known.contains(field)).for_each(|field| ask(object, field, &records));
    }
    // Records that this call has made, as far as the pipeline reads them again.
    for rule in pipeline.writes.iter().filter(|rule| context.own.contains_key(&rule.id)) {
        let before = read.writes.iter().find(|other| other.id == rule.id);
        let known = |field: &str| before.is_some_and(|before| names(before).any(|name| name == field));
        let planned = plan.writes.iter().any(|write| write.id == rule.id && matches!(write.op, Op::Update { .. } | Op::Nothing { .. }));
        let records: Vec<&Record> = context.own_records.iter().filter(|record| Some(&record.id) == context.own.get(&rule.id)).collect();
        names(rule).filter(|field| planned && !known(field)).for_each(|field| ask(&rule.object, field, &records));
    }
}

fn names(rule: &WriteRule) -> impl Iterator<Item = &str> {
    rule.fields.iter().flat_map(|field| std::iter::once(&field.field).chain(&field.else_to)).map(String::as_str)
}

/// What we wrote last, where a policy asks for it that did not before.
fn written(pipeline: &Pipeline, read: &Pipeline, context: &Context, plan: &Plan, found: &mut BTreeSet<Unread>) {
    let asks = |rule: &WriteRule| {
        rule.fields.iter().any(|f| [f.on_create, f.on_update].iter().any(|p| matches!(p, PolicyDecl::Ours | PolicyDecl::Newest)))
    };
    for write in &plan.writes {
        let (Op::Update { id } | Op::Nothing { id: Some(id), .. }) = &write.op else { continue };
        let asked = |pipeline: &Pipeline| {
            pipeline.writes.iter().any(|rule| rule.object == write.object && rule.connection.id == write.connection && asks(rule))
        };
        let known = context.written.contains_key(&format!("{}/{}/{id}", write.connection, write.object));
        if asked(pipeline) && !asked(read) && !known {
            found.insert(Unread::Written { object: write.object.clone() });
        }
    }
}

/// Searches that were not made, or not with these words.
fn searches(
    (project, pipeline): (&Project, &Pipeline),
    (then, read): (&Project, &Pipeline),
    call: &CallOutcome,
    context: &Context,
    found: &mut BTreeSet<Unread>,
) {
    let wants = |project: &Project, pipeline: &Pipeline| -> Vec<(KeyId, Query)> {
        let mut asked = Asked::default();
        std::iter::from_fn(|| matching::next_search(project, pipeline, call, context, &mut asked)).collect()
    };
    if std::sync::Arc::ptr_eq(&pipeline.matching, &read.matching) {
        return;
    }
    let known = wants(then, read);
    for (by, query) in wants(project, pipeline) {
        let was = known.iter().find(|(key, _)| *key == by);
        let is_known = match was {
            Some((_, before)) => *before == query && context.searched.contains(&by),
            None => context.searched.contains(&by),
        };
        if !is_known {
            found.insert(Unread::Search { by });
        }
    }
}
