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
            None => changes.push(Change {
                write: Some(new.id.clone()),
                what: What::Write,
                old: None,
                new: Some(Side::words(op(new), Some(&new.origin))),
            }),
        }
    }
    for old in a.writes.iter().filter(|old| !b.writes.iter().any(|new| new.id == old.id)) {
        changes.push(Change {
            write: Some(old.id.clone()),
            what: What::Write,
            old: Some(Side::words(op(old), Some(&old.origin))),
            new: None,
        });
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
        Op::Merge { id, other } => format!("merge {other} into {id}"),
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{call, context, now, person, planned, project, with};

    /// A difference in a line: write, what, old, new.
    fn line(change: &Change) -> String {
        let side = |side: &Option<Side>| match side {
            None => "-".to_owned(),
            Some(side) => {
                let value = side
                    .value
                    .as_ref()
                    .map_or_else(|| "nothing".to_owned(), |value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
                side.verdict.map_or(value.clone(), |verdict| format!("{verdict:?} {value}"))
            }
        };
        format!("{} {:?}: {} > {}", change.write.as_deref().unwrap_or("plan"), change.what, side(&change.old), side(&change.new))
    }

    #[track_caller]
    fn check(a: &Plan, b: &Plan, expected: &[&str]) {
        assert_eq!(diff(a, b).iter().map(line).collect::<Vec<_>>(), expected);
        assert_eq!(diff(a, a), []);
        // The way back has as many steps.
        assert_eq!(diff(b, a).len(), expected.len());
    }

    fn ann() -> crate::context::Context {
        context(vec![person("p1", json!({"FirstName": "Ann", "Email": "ann@example.com"}))])
    }

    #[test]
    fn two_revisions() {
        let old = planned(project(), &call(), &ann());
        let new = with(&[
            ("mappings/crm/contact.toml", "LastOutcome = \"{{outcome}}\"", "Source = \"phone\""),
            ("mappings/crm/call.toml", "max_chars = 60", "max_chars = 20"),
            ("pipelines/front-desk.toml", "when = \"has(follow_up)\"", "when = \"has(captured.never)\""),
            ("pipelines/front-desk.toml", "id = \"appointment\"", "id = \"visit\""),
        ]);
        let changed = diff(&old, &planned(&new, &call(), &ann()));
        assert_eq!(
            changed.iter().map(line).collect::<Vec<_>>(),
            [
                "contact Field(\"Source\"): - > Write phone",
                "contact Field(\"LastOutcome\"): Write booked > -",
                "call Field(\"Body\"): Write Wants a cleaning, and asked about whitening. > Write Wants a cleaning…",
                "follow_up Op: create crm/task > skipped crm/task",
                "follow_up Field(\"Subject\"): Write Send the price list > -",
                "follow_up Field(\"OwnerId\"): Write u-ana > -",
                "follow_up Field(\"Due\"): Write 2026-11-24T14:00:00-06:00 > -",
                "follow_up Field(\"DueDate\"): Write 2026-11-24 > -",
                "follow_up Field(\"Priority\"): Write 2 > -",
                "follow_up Link(\"contact\"): p1 > -",
                "visit Write: - > create calendar/event",
                "appointment Write: create calendar/event > -",
            ]
        );
        let origin = |side: &Option<Side>| side.as_ref().and_then(|side| side.origin.as_ref()).map(ToString::to_string);
        assert_eq!(origin(&changed[0].new).as_deref(), Some("mappings/crm/contact.toml:12"));
        assert_eq!(origin(&changed[2].old).as_deref(), Some("mappings/crm/call.toml:7"));
    }

    #[test]
    fn who_called() {
        let (new, known) = (planned(project(), &call(), &context(vec![])), planned(project(), &call(), &ann()));
        check(
            &new,
            &known,
            &[
                "plan Match: new > matched p1",
                "contact Op: create crm/contact > update p1 crm/contact",
                "contact Field(\"FirstName\"): Write Ann > Same Ann",
                "contact Field(\"Email\"): Write ann@example.com > Same ann@example.com",
                "call Link(\"contact\"): the record of `contact` > p1",
                "follow_up Link(\"contact\"): the record of `contact` > p1",
            ],
        );
    }

    #[test]
    fn what_makes_no_difference() {
        // A line further down, and a minute later.
        let moved = with(&[("mappings/crm/contact.toml", "object = \"contact\"", "object = \"contact\"\n# The caller's own record.")]);
        let old = planned(project(), &call(), &ann());
        let mut new = planned(&moved, &call(), &ann());
        assert_ne!(old.writes[0].fields[0].origin, new.writes[0].fields[0].origin);
        new.at = now().checked_add(jiff::SignedDuration::from_mins(1)).unwrap_or_default();
        check(&old, &new, &[]);
    }
}
