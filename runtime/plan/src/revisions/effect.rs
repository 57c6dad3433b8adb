//! What a revision changes about one call, in the words in which it is counted: who, which records, who follows up, which fields.
//!
//! Built over [`diff`](crate::diff::diff); what only follows from another effect is left out.

use std::sync::Arc;

use aftercall_config::project::Origin;
use serde_json::Value;

use super::blame::{Blame, Cause, Revision};
use crate::diff::{Change, Side, What, diff};
use crate::model::{FieldVerdict, Op, Plan, Write};

/// One effect.
#[derive(Clone, Debug, PartialEq)]
pub struct Effect {
    /// What it is counted as.
    pub kind: Kind,
    /// The write; absent where the call as a whole changes.
    pub write: Option<String>,
    /// The connection and the object that the write is about.
    pub object: Option<(String, String)>,
    /// The field or link.
    pub field: Option<String>,
    /// How it was; absent where there was nothing.
    pub old: Option<Value>,
    /// How it is; absent where there is nothing any more.
    pub new: Option<Value>,
    /// The line that causes it.
    pub cause: Cause,
}

/// What an effect is counted as.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Another pipeline takes the call, or none.
    Pipeline(Move),
    /// Another record is taken for the caller's.
    Contact(ContactChange),
    /// A person is asked whose record it is, or is not any more.
    Question(Move),
    /// A write is done that was not, or the other way round, or otherwise. With its name.
    Write(String, Move),
    /// A time in a calendar.
    Time(Move),
    /// Who follows up, by when, how urgent.
    Part(Part, Move),
    /// A field: object and system's name.
    Field(String, String, Move),
    /// A link: object and connector's name.
    Link(String, String, Move),
}

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Move {
    /// It comes.
    Gains,
    /// It goes.
    Loses,
    /// It is another.
    Other,
}

/// What becomes of the contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ContactChange {
    /// Another record.
    Another,
    /// A record that is there, where there was none.
    Found,
    /// None any more: a new one, or nobody.
    Lost,
    /// None as before, for another reason.
    Otherwise,
}

/// What a route decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// Who follows up.
    Owner,
    /// By when.
    Due,
    /// How urgent.
    Priority,
}

fn movement<T>(old: Option<T>, new: Option<T>) -> Move {
    match (old.is_some(), new.is_some()) {
        (false, _) => Move::Gains,
        (_, false) => Move::Loses,
        _ => Move::Other,
    }
}

/// The effects of a call whose plan was `old` and is `new`, each with the line that causes it.
///
/// Where another pipeline or another contact is the reason of everything else, only what has a changed line of its own is told beside it.
pub(super) fn effects(blame: &Blame, whole: &[Arc<str>], old: &Plan, new: &Plan) -> Vec<Effect> {
    let telling = Telling { blame, whole, old, new };
    let changes = diff(old, new);
    let mut found: Vec<Effect> = changes.iter().filter_map(|change| telling.whole(change)).collect();
    found.extend(telling.question());
    let is_whole = found.iter().any(|effect| matches!(effect.kind, Kind::Pipeline(_) | Kind::Contact(_)));
    for change in &changes {
        let Some((effect, own_line)) = telling.of_write(change) else { continue };
        if !is_whole || own_line {
            found.push(effect);
        }
    }
    found
}

/// Both plans with what tells about them.
struct Telling<'a> {
    blame: &'a Blame,
    /// Files that decide about a call as a whole, the likeliest first.
    whole: &'a [Arc<str>],
    old: &'a Plan,
    new: &'a Plan,
}

impl Telling<'_> {
    /// A change of the call as a whole.
    fn whole(&self, change: &Change) -> Option<Effect> {
        let kind = match change.what {
            What::Pipeline => Kind::Pipeline(Move::Other),
            What::Match => Kind::Contact(match (&self.old.decision.contact, &self.new.decision.contact) {
                (Some(old), Some(new)) if old == new => return None,
                (Some(_), Some(_)) => ContactChange::Another,
                (None, Some(_)) => ContactChange::Found,
                (Some(_), None) => ContactChange::Lost,
                (None, None) => ContactChange::Otherwise,
            }),
            _ => return None,
        };
        let value = |side: &Option<Side>| side.as_ref().and_then(|side| side.value.clone());
        Some(Effect {
            kind,
            write: None,
            object: None,
            field: None,
            old: value(&change.old),
            new: value(&change.new),
            cause: self.somewhere(),
        })
    }

    /// Whether a person is asked.
    fn question(&self) -> Option<Effect> {
        let (old, new) = (&self.old.decision.review, &self.new.decision.review);
        if old.is_some() == new.is_some() {
            return None;
        }
        let text = |review: &Option<String>| review.clone().map(Value::from);
        let kind = Kind::Question(movement(old.as_ref(), new.as_ref()));
        Some(Effect { kind, write: None, object: None, field: None, old: text(old), new: text(new), cause: self.somewhere() })
    }

    /// A change of a write, and whether its own line has changed.
    fn of_write(&self, change: &Change) -> Option<(Effect, bool)> {
        let id = change.write.as_deref()?;
        let find = |plan: &'_ Plan| plan.writes.iter().find(|write| write.id == id).cloned();
        let (old, new) = (find(self.old), find(self.new));
        let (was, is) = (old.as_ref().is_some_and(sends), new.as_ref().is_some_and(sends));
        let write = new.as_ref().or(old.as_ref())?;
        let value = |side: &Option<Side>| side.as_ref().and_then(|side| side.value.clone());
        let origin = |side: &Option<Side>| side.as_ref().and_then(|side| side.origin.clone());
        let (kind, own, sides) = match &change.what {
            What::Pipeline | What::Match => return None,
            What::Write | What::Op => {
                let stands = |write: &Option<Write>| write.as_ref().is_some_and(stands);
                let kind = match (was, is) {
                    (false, true) if !stands(&old) => Move::Gains,
                    (true, false) if !stands(&new) => Move::Loses,
                    // Fields tell it: all of them are there already, or one is not any more.
                    _ if stands(&old) && stands(&new) && target(&old) == target(&new) => return None,
                    (false, false) if !blocked(&old) && !blocked(&new) => return None,
                    _ => Move::Other,
                };
                (Kind::Write(id.to_owned(), kind), self.write_line(old.as_ref(), new.as_ref()), (value(&change.old), value(&change.new)))
            }
            // Of a write that is done in one plan only, the write is told.
            _ if !(old.as_ref().is_some_and(stands) && new.as_ref().is_some_and(stands)) => return None,
            What::Booking => {
                let kind = Kind::Time(movement(change.old.as_ref(), change.new.as_ref()));
                (kind, self.write_line(old.as_ref(), new.as_ref()), (value(&change.old), value(&change.new)))
            }
            What::Field(name) => {
                let written = |side: &Option<Side>| {
                    side.as_ref().and_then(|side| side.value.clone().filter(|_| side.verdict == Some(FieldVerdict::Write)))
                };
                let (before, after) = (origin(&change.old), origin(&change.new));
                let sides = self.values(name, old.as_ref(), new.as_ref());
                if sides.0 == sides.1 && written(&change.old).is_some() == written(&change.new).is_some() {
                    return None;
                }
                let own = self.blame.in_entry(before.as_ref(), after.as_ref());
                let way = movement(sides.0.as_ref(), sides.1.as_ref());
                let kind = match self.part(before.as_ref(), after.as_ref()) {
                    Some(part) => Kind::Part(part, way),
                    None => Kind::Field(write.object.clone(), name.clone(), way),
                };
                (kind, own, sides)
            }
            What::Link(name) => {
                let own = self.blame.in_entry(origin(&change.old).as_ref(), origin(&change.new).as_ref());
                let way = movement(change.old.as_ref(), change.new.as_ref());
                (Kind::Link(write.object.clone(), name.clone(), way), own, (value(&change.old), value(&change.new)))
            }
        };
        let is_own = own.is_some();
        let cause = own
            .or_else(|| matches!(kind, Kind::Part(..)).then(|| self.route_line(id)).flatten())
            .or_else(|| self.write_line(old.as_ref(), new.as_ref()))
            .or_else(|| self.behind(&kind, [origin(&change.new), origin(&change.old)], write))
            .unwrap_or_else(|| self.at(origin(&change.new), origin(&change.old), write));
        let object = Some((write.connection.clone(), write.object.clone()));
        let field = match &change.what {
            What::Field(name) | What::Link(name) => Some(name.clone()),
            _ => None,
        };
        Some((Effect { kind, write: Some(id.to_owned()), object, field, old: sides.0, new: sides.1, cause }, is_own))
    }

    /// What would stand in the field under each: what is sent, else what is there.
    fn values(&self, field: &str, old: Option<&Write>, new: Option<&Write>) -> (Option<Value>, Option<Value>) {
        let value = |write: Option<&Write>| {
            let fields = write?.fields.iter().filter(|change| change.field == field);
            fields.max_by_key(|change| change.verdict == FieldVerdict::Write).and_then(|change| match change.verdict {
                FieldVerdict::Write => change.after.clone(),
                _ => change.before.clone(),
            })
        };
        (value(old), value(new))
    }

    /// Whether a field is what a route decides, by what its line says.
    fn part(&self, old: Option<&Origin>, new: Option<&Origin>) -> Option<Part> {
        let text = match (new, old) {
            (Some(new), _) => self.blame.entry_text(Revision::New, new),
            (None, Some(old)) => self.blame.entry_text(Revision::Old, old),
            (None, None) => return None,
        };
        let parts = [("route.owner", Part::Owner), ("route.due", Part::Due), ("route.priority", Part::Priority)];
        parts.iter().find(|(words, _)| text.contains(words)).map(|(_, part)| *part)
    }

    /// The changed line of the route's rule that decided about a write.
    fn route_line(&self, write: &str) -> Option<Cause> {
        let rule = |plan: &Plan| {
            let mut notes = plan.notes.iter().filter(|note| note.write.as_deref() == Some(write) && note.text.contains("of route `"));
            notes.find_map(|note| note.origin.clone())
        };
        let (old, new) = (rule(self.old), rule(self.new));
        self.blame.in_section(old.as_ref(), new.as_ref())
    }

    /// The changed line in the pipeline's words about a write, or in the head of its mapping.
    fn write_line(&self, old: Option<&Write>, new: Option<&Write>) -> Option<Cause> {
        self.blame.in_section(old.map(|write| &write.origin), new.map(|write| &write.origin))
    }

    /// The first changed line in the files that stand behind a write. Times and people are a matter of the project's hours first.
    fn behind(&self, kind: &Kind, own: [Option<Origin>; 2], write: &Write) -> Option<Cause> {
        let project = "aftercall.toml";
        let first = matches!(kind, Kind::Part(..)).then_some(project);
        let own = own.iter().flatten().map(|origin| &*origin.file);
        let mut files = first.into_iter().chain(own).chain([&*write.origin.file, project]);
        files.find_map(|file| self.blame.in_file(file)).or_else(|| self.blame.anywhere())
    }

    /// The line behind what a call does as a whole.
    fn somewhere(&self) -> Cause {
        let found = self.whole.iter().find_map(|file| self.blame.in_file(file)).or_else(|| self.blame.anywhere());
        found.unwrap_or_else(|| self.blame.line(Revision::New, &Origin { file: "aftercall.toml".into(), line: 1 }))
    }

    fn at(&self, new: Option<Origin>, old: Option<Origin>, write: &Write) -> Cause {
        match (new, old) {
            (Some(new), _) => self.blame.line(Revision::New, &new),
            (None, Some(old)) => self.blame.line(Revision::Old, &old),
            (None, None) => self.blame.line(Revision::New, &write.origin),
        }
    }
}

fn sends(write: &Write) -> bool {
    matches!(write.op, Op::Create { .. } | Op::Update { .. } | Op::Merge { .. })
}

/// Whether the write is about a record, be it that nothing has to be sent.
fn stands(write: &Write) -> bool {
    sends(write) || matches!(write.op, Op::Nothing { id: Some(_), .. })
}

fn blocked(write: &Option<Write>) -> bool {
    write.as_ref().is_some_and(|write| matches!(write.op, Op::Blocked { .. }))
}

/// The record that a write is about.
fn target(write: &Option<Write>) -> Option<String> {
    match &write.as_ref()?.op {
        Op::Update { id } | Op::Merge { id, .. } => Some(id.clone()),
        Op::Nothing { id, .. } => id.clone(),
        _ => None,
    }
}
