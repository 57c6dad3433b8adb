//! What differs between two plans of one call: by write and field, each with the line that asked.
//!
//! Not for how it looks: that is the edge's `view`.

use aftercall_config::project::Origin;
use serde_json::Value;

use crate::model::{FieldChange, FieldVerdict, Link, LinkTo, Op, Plan, Write};

/// One difference.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The write; absent where the plan as a whole differs.
    pub write: Option<String>,
    /// What of it.
    pub what: What,
    /// How it was, in the first plan; absent where it was not there.
    pub old: Option<Side>,
    /// How it is, in the second plan; absent where it is there no more.
    pub new: Option<Side>,
}

/// What of a write differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The pipeline that the call takes.
    Pipeline,
    /// Who called, or what follows from it.
    Match,
    /// The whole write: there in one plan only.
    Write,
    /// What happens to the object, or to which.
    Op,
    /// The time that it takes in a calendar.
    Booking,
    /// A field, by the system's name.
    Field(String),
    /// A link, by the connector's name.
    Link(String),
}

/// One side of a difference.
#[derive(Clone, Debug, PartialEq)]
pub struct Side {
    /// The value: of a field, what would stand in the record; otherwise words.
    pub value: Option<Value>,
    /// What comes of the field; absent where it is not a field.
    pub verdict: Option<FieldVerdict>,
    /// The line that asked.
    pub origin: Option<Origin>,
}

impl Side {
    fn words(words: impl Into<String>, origin: Option<&Origin>) -> Self {
        Self { value: Some(Value::String(words.into())), verdict: None, origin: origin.cloned() }
    }
}

/// The differences between two plans of one call, in the order of the second plan; what is gone comes last.
///
/// Shape: empty where both would do the same to the systems. Lines that moved, reasons worded otherwise and the moment
/// of planning make no difference by themselves.
pub fn diff(a: &Plan, b: &Plan) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut whole = |what, old: String, new: String| {
        if old != new {
            changes.push(Change { write: None, what, old: Some(Side::words(old, None)), new: Some(Side::words(new, None)) });
        }
    };
    whole(What::Pipeline, a.pipeline.clone(), b.pipeline.clone());
    whole(What::Match, matched(a), matched(b));
    for new in &b.writes {
        match a.writes.iter().find(|old| old.id == new.id) {
            Some(old) => write(old, new, &mut changes),
            None => changes.push(Change { write: Some(new.id.clone()), what: What::Write, old: None, new: Some(Side::words(op(new), Some(&new.origin))) }),
        }
    }
    for old in a.writes.iter().filter(|old| !b.writes.iter().any(|new| new.id == old.id)) {
        changes.push(Change { write: Some(old.id.clone()), what: What::Write, old: Some(Side::words(op(old), Some(&old.origin))), new: None });
    }
    changes
}

fn matched(plan: &Plan) -> String {
    match &plan.decision.contact {
        Some(id) => format!("{} {id}", plan.decision.verdict.as_str()),
        None => plan.decision.verdict.as_str().to_owned(),
    }
}

/// What happens, without why. The marker is left out: it follows from the names.
fn op(write: &Write) -> String {
    let what = match &write.op {
        Op::Create { .. } => "create".to_owned(),
        Op::Update { id } => format!("update {id}"),
        Op::Nothing { id: Some(id), .. } => format!("nothing {id}"),
        Op::Nothing { id: None, .. } => "nothing".to_owned(),
        Op::Blocked { .. } => "blocked".to_owned(),
        Op::Skipped { .. } => "skipped".to_owned(),
    };
    format!("{what} {}/{}", write.connection, write.object)
}

fn write(old: &Write, new: &Write, changes: &mut Vec<Change>) {
    let mut add = |what, old: Option<Side>, new: Option<Side>, id: &str| {
        if old.as_ref().map(meaning) != new.as_ref().map(meaning) {
            changes.push(Change { write: Some(id.to_owned()), what, old, new });
        }
    };
    let id = new.id.as_str();
    add(What::Op, Some(Side::words(op(old), Some(&old.origin))), Some(Side::words(op(new), Some(&new.origin))), id);
    let booked = |write: &Write| {
        let words = write.booking.as_ref().map(|booking| format!("{} {} to {}", booking.resource, booking.start, booking.end));
        words.map(|words| Side::words(words, Some(&write.origin)))
    };
    add(What::Booking, booked(old), booked(new), id);
    for name in names(&old.fields, &new.fields, |field| &field.field) {
        let side = |write: &Write| write.fields.iter().find(|field| field.field == name).map(field);
        add(What::Field(name.clone()), side(old), side(new), id);
    }
    for name in names(&old.links, &new.links, |link| &link.link) {
        let side = |write: &Write| write.links.iter().find(|link| link.link == name).map(link);
        add(What::Link(name.clone()), side(old), side(new), id);
    }
}

/// What counts of a side: not the line.
fn meaning(side: &Side) -> (&Option<Value>, Option<FieldVerdict>) {
    (&side.value, side.verdict)
}

/// The names of both, those of the second first.
fn names<T>(old: &[T], new: &[T], name: impl Fn(&T) -> &String) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for item in new.iter().chain(old) {
        if !all.contains(name(item)) {
            all.push(name(item).clone());
        }
    }
    all
}

fn field(field: &FieldChange) -> Side {
    Side { value: field.after.clone(), verdict: Some(field.verdict), origin: Some(field.origin.clone()) }
}

fn link(link: &Link) -> Side {
    let words = match &link.to {
        LinkTo::Id(id) => id.clone(),
        LinkTo::Write(write) => format!("the record of `{write}`"),
    };
    Side::words(words, Some(&link.origin))
}
