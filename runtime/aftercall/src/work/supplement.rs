//! Reads what a recorded call lacks under another config: into a copy of its context, with a `Reader`, which cannot write.
//!
//! What is read is of today, and the record of then: good enough to compare two configs, and nothing is ever sent from it.

use std::collections::{BTreeMap, BTreeSet};

use aftercall_config::project::{Pipeline, Project};
use aftercall_plan::context::{Context, Record};
use aftercall_plan::revisions::{Recorded, Replayed, Unread};
use serde_json::Value;

use super::gather::{Before, Memory, Trouble, find, plan_call, user};
use crate::connect::{Failure, Reader};

/// Reads what `replayed` lacks into the record, as far as the systems have it. Gives what was asked for.
///
/// Errors: [`Trouble`] when a system or the journal does not answer; the record is as it was then, or has some of it.
pub async fn supplement(
    reader: &Reader,
    memory: &dyn Memory,
    project: &Project,
    recorded: &mut Recorded,
    replayed: &Replayed,
) -> Result<BTreeSet<Unread>, Trouble> {
    let Some(pipeline) = &replayed.pipeline else { return Ok(BTreeSet::new()) };
    let now = jiff::Timestamp::now();
    let Some(mut context) = recorded.context.clone() else {
        // Nothing was read: all of it is, as a dry run does.
        let (context, plan) = plan_call(reader, memory, project, pipeline, &recorded.call, Before::default(), now).await?;
        recorded.contact.clone_from(&plan.decision.contact);
        let looked = plan.writes.iter().filter_map(|write| Some((write.id.clone(), write.booking.as_ref()?)));
        recorded.looked = looked.map(|(id, booking)| (id, (booking.start, booking.end))).collect();
        recorded.pipeline.clone_from(&pipeline.name);
        recorded.context = Some(context);
        return Ok(replayed.unread.clone());
    };
    let asks = Asks { reader, memory, project, pipeline, replayed };
    let mut done = BTreeSet::new();
    let mut fields: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for unread in &replayed.unread {
        match unread {
            // Another system knows this caller under another record: that would be another call.
            Unread::Caller { .. } => continue,
            Unread::Field { object, field } => fields.entry(object).or_default().push(field.clone()),
            Unread::Search { .. } => asks.search(recorded, &mut context).await?,
            Unread::List { .. } => asks.lists(&mut context).await?,
            Unread::Written { object } => asks.written(object, &mut context).await?,
            Unread::Calendar { write } => asks.calendar(write, recorded, &mut context).await?,
            Unread::Colleague { connection, email } => {
                let id = user(reader, memory, project, connection, email, now).await?;
                context.users.insert(format!("{connection}/{email}"), id);
            }
        }
        done.insert(unread.clone());
    }
    for (object, fields) in fields {
        asks.fields(object, &fields, &mut context).await?;
    }
    recorded.context = Some(context);
    Ok(done)
}

/// What is asked, and for which plan.
struct Asks<'a> {
    reader: &'a Reader,
    memory: &'a dyn Memory,
    project: &'a Project,
    pipeline: &'a Pipeline,
    replayed: &'a Replayed,
}

impl Asks<'_> {
    fn trouble(&self) -> impl Fn(Failure) -> Trouble + '_ {
        |failure| Trouble::System { connection: self.pipeline.connection.id.clone(), failure }
    }

    /// The record of the caller under this plan, as far as it was found.
    fn contact(&self, context: &Context) -> Option<Record> {
        let id = self.replayed.plan.as_ref()?.decision.contact.as_ref()?;
        context.candidates.iter().find(|record| &record.id == id).cloned()
    }

    /// All searches again; whom they find beside those of then is a candidate, too.
    async fn search(&self, recorded: &Recorded, context: &mut Context) -> Result<(), Trouble> {
        let mut fresh = Context { known: context.known.clone(), remembered: context.remembered.clone(), ..Context::default() };
        find(self.reader, self.memory, self.project, self.pipeline, &recorded.call, &mut fresh, context.read_at).await?;
        for record in fresh.candidates {
            if !context.candidates.iter().any(|known| known.id == record.id) {
                context.candidates.push(record);
            }
        }
        for (id, lists) in fresh.candidate_lists {
            context.candidate_lists.entry(id).or_insert(lists);
        }
        context.searched.extend(fresh.searched);
        context.incomplete = context.incomplete.take().or(fresh.incomplete);
        Ok(())
    }

    async fn lists(&self, context: &mut Context) -> Result<(), Trouble> {
        let Some(contact) = self.contact(context) else { return Ok(()) };
        let pipeline = self.pipeline;
        let lists = self.reader.related(&pipeline.connection, &contact, &[], &pipeline.read_fields).await.map_err(self.trouble())?;
        let known = context.candidate_lists.entry(contact.id).or_default();
        for (name, records) in lists {
            known.entry(name.clone()).or_insert_with(|| records.clone());
            context.lists.entry(name).or_insert(records);
        }
        Ok(())
    }

    async fn written(&self, object: &str, context: &mut Context) -> Result<(), Trouble> {
        let Some(plan) = &self.replayed.plan else { return Ok(()) };
        for write in plan.writes.iter().filter(|write| write.object == object) {
            let (aftercall_plan::model::Op::Update { id } | aftercall_plan::model::Op::Nothing { id: Some(id), .. }) = &write.op else {
                continue;
            };
            let found = self.memory.written(&write.connection, object, vec![id.clone()]).await?;
            context.written.entry(format!("{}/{object}/{id}", write.connection)).or_default();
            context.written.extend(found);
        }
        Ok(())
    }

    async fn calendar(&self, id: &str, recorded: &mut Recorded, context: &mut Context) -> Result<(), Trouble> {
        let write = self.replayed.plan.as_ref().and_then(|plan| plan.writes.iter().find(|write| write.id == id));
        let Some((write, booking)) = write.and_then(|write| Some((write, write.booking.as_ref()?))) else { return Ok(()) };
        let Some(connection) = self.project.connections.get(&write.connection) else { return Ok(()) };
        let entries = self.reader.look(connection, &write.object, booking.start, booking.end).await;
        let entries = entries.map_err(|failure| Trouble::System { connection: connection.id.clone(), failure })?;
        let known = context.bookings.entry(id.to_owned()).or_default();
        for entry in entries {
            if !known.iter().any(|other| other.id == entry.id) {
                known.push(entry);
            }
        }
        recorded.looked.insert(id.to_owned(), (booking.start, booking.end));
        Ok(())
    }

    /// Fields of the records that are at hand; what was recorded stays as it was.
    async fn fields(&self, object: &str, fields: &[String], context: &mut Context) -> Result<(), Trouble> {
        let connection = self.pipeline.writes.iter().find(|rule| rule.object == object).map(|rule| &rule.connection);
        let connection = connection.unwrap_or(&self.pipeline.connection);
        let lists = context.lists.values_mut().flatten();
        let at_hand = context.candidates.iter_mut().chain(lists).chain(&mut context.own_records);
        for record in at_hand.filter(|record| record.object == object) {
            let read = self.reader.read(connection, object, &record.id, fields).await;
            let read = read.map_err(|failure| Trouble::System { connection: connection.id.clone(), failure })?;
            let Some(read) = read else { continue };
            for field in fields {
                let value = read.fields.get(field).cloned().unwrap_or(Value::Null);
                record.fields.entry(field.clone()).or_insert(value);
            }
        }
        Ok(())
    }
}
