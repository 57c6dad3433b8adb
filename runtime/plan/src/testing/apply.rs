//! A stand-in for the edge: what a context looks like once a plan was applied.

use aftercall_config::call::CallOutcome;
use aftercall_config::functions::timestamp;
use aftercall_config::project::Project;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::front_desk;
use crate::context::{Busy, Context, KnownContact, Record, Written};
use crate::model::{FieldVerdict, LinkTo, Op, Plan, Write};

/// The context in which the same call would be planned again, had the plan been applied and everything been found.
pub(crate) fn apply(project: &Project, call: &CallOutcome, plan: &Plan, context: &Context) -> Context {
    let mut context = context.clone();
    let started_at = call.started_at.as_deref().and_then(|text| timestamp(&Value::from(text))).unwrap_or(Timestamp::UNIX_EPOCH);
    for write in &plan.writes {
        let id = match &write.op {
            Op::Create { marker } => {
                // What the system would make of it: an id of its own, or ours where it takes one.
                let id = if write.connection == "calendar" { marker.clone() } else { format!("new-{}", write.id) };
                context.own.insert(write.id.clone(), id.clone());
                id
            }
            Op::Update { id } => id.clone(),
            _ => continue,
        };
        let fields = sent(write);
        let key = format!("{}/{}/{id}", write.connection, write.object);
        for (field, value) in &fields {
            let written = Written { value: value.clone(), call: plan.call.clone(), started_at };
            context.written.entry(key.clone()).or_default().insert(field.clone(), written);
        }
        if let Some(booking) = &write.booking {
            let busy = Busy { id: id.clone(), start: booking.start, end: booking.end, title: None };
            let entries = context.bookings.entry(write.id.clone()).or_default();
            entries.retain(|entry| entry.id != id);
            entries.push(busy);
        }
        store(project, &mut context, write, &id, &fields, plan);
    }
    context
}

fn sent(write: &Write) -> Map<String, Value> {
    let fields = write.fields.iter().filter(|field| field.verdict == FieldVerdict::Write);
    let mut sent: Map<String, Value> = fields.filter_map(|field| Some((field.field.clone(), field.after.clone()?))).collect();
    for link in &write.links {
        let id = match &link.to {
            LinkTo::Id(id) => id.clone(),
            LinkTo::Write(write) => format!("new-{write}"),
        };
        sent.insert(format!("link.{}", link.link), Value::String(id));
    }
    sent
}

fn store(project: &Project, context: &mut Context, write: &Write, id: &str, fields: &Map<String, Value>, plan: &Plan) {
    let lists =
        context.lists.values_mut().flatten().chain(context.candidate_lists.values_mut().flat_map(|lists| lists.values_mut().flatten()));
    for record in context.candidates.iter_mut().chain(lists).filter(|record| record.id == id) {
        record.fields.extend(fields.clone());
    }
    let contact = front_desk(project).connection.connector.decl.find.as_ref().is_some_and(|find| find.object == write.object);
    if contact {
        if !context.candidates.iter().any(|record| record.id == id) {
            // A record that only the lane knew is found now, with all that was in it.
            let mut all =
                context.known.get(&write.connection).filter(|known| known.id == id).map(|known| known.fields.clone()).unwrap_or_default();
            all.extend(fields.clone());
            context.candidates.push(Record { id: id.to_owned(), object: write.object.clone(), fields: all });
        }
        let known = context.known.entry(write.connection.clone()).or_insert_with(|| KnownContact {
            id: id.to_owned(),
            call: plan.call.clone(),
            fields: Map::new(),
        });
        if known.id != id {
            *known = KnownContact { id: id.to_owned(), call: plan.call.clone(), fields: Map::new() };
        }
        known.fields.extend(fields.clone());
    }
}
