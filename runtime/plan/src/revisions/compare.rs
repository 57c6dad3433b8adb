//! One recorded call under both revisions, and what that comes to.

use std::collections::BTreeSet;
use std::sync::Arc;

use aftercall_config::project::{Pipeline, Project};
use aftercall_config::source::Files;
use serde_json::Value;

use super::blame::Blame;
use super::effect::{Effect, Kind, Move, effects};
use super::replay::{Colleagues, Recorded, Replayed, replay};
use super::unread::Unread;
use crate::scope::call_key;

/// Two revisions, ready to be held against each other.
pub struct Revisions {
    /// The first.
    pub old: Arc<Project>,
    /// The second.
    pub new: Arc<Project>,
    blame: Blame,
    colleagues: Colleagues,
}

/// What a call comes to.
#[derive(Clone, Debug)]
pub struct Compared {
    /// Its place among the calls.
    pub number: u64,
    /// `source:id`.
    pub call: String,
    /// Whether some pipeline of either revision takes it.
    pub taken: bool,
    /// Whether there is a record of what was read about it.
    pub recorded: bool,
    /// What changes.
    pub effects: Vec<Effect>,
    /// What the second revision wants to read, and the record does not have.
    pub unread: BTreeSet<Unread>,
}

impl Revisions {
    /// Holds the texts of both against each other, once for all calls.
    pub fn new(old: (Arc<Project>, &Files), new: (Arc<Project>, &Files), colleagues: Colleagues) -> Self {
        let blame = Blame::new((&old.0, old.1), (&new.0, new.1));
        Self { old: old.0, new: new.0, blame, colleagues }
    }

    /// Plans a call under the second revision alone: to see what it would have to read.
    pub fn replay_new(&self, recorded: &Recorded, then: &Project) -> Replayed {
        replay(&self.new, then, recorded, &self.colleagues)
    }

    /// Plans a call under both. `then` is the project under which it was recorded, or the nearest that is known.
    pub fn compare(&self, recorded: &Recorded, then: &Project) -> Compared {
        let old = replay(&self.old, then, recorded, &self.colleagues);
        let new = replay(&self.new, then, recorded, &self.colleagues);
        let name = |pipeline: &Option<Arc<Pipeline>>| pipeline.as_ref().map(|pipeline| pipeline.name.clone());
        let effects = match (&old.plan, &new.plan) {
            (Some(a), Some(b)) => {
                let pipelines = [&new.pipeline, &old.pipeline];
                let whole: Vec<Arc<str>> = pipelines.into_iter().flatten().flat_map(|pipeline| deciding(pipeline)).collect();
                effects(&self.blame, &whole, a, b)
            }
            _ if name(&old.pipeline) != name(&new.pipeline) => {
                let (was, is) = (name(&old.pipeline), name(&new.pipeline));
                let files: Vec<Arc<str>> = [&new.pipeline, &old.pipeline].into_iter().flatten().map(|p| p.origin.file.clone()).collect();
                let way = match (&was, &is) {
                    (None, _) => Move::Gains,
                    (_, None) => Move::Loses,
                    _ => Move::Other,
                };
                let cause = files.iter().find_map(|file| self.blame.in_file(file)).or_else(|| self.blame.anywhere());
                let (old, new) = (was.map(Value::from), is.map(Value::from));
                let effect = |cause| Effect { kind: Kind::Pipeline(way), write: None, object: None, field: None, old, new, cause };
                cause.map(effect).into_iter().collect()
            }
            _ => Vec::new(),
        };
        Compared {
            number: recorded.number,
            call: call_key(&recorded.call),
            taken: old.pipeline.is_some() || new.pipeline.is_some(),
            recorded: recorded.context.is_some(),
            effects,
            unread: new.unread,
        }
    }
}

/// The files that decide who called and which pipeline it is, the likeliest first.
fn deciding(pipeline: &Pipeline) -> Vec<Arc<str>> {
    let tables = pipeline.matching.table_files.iter().cloned();
    let rest = [pipeline.origin.file.clone(), pipeline.connection.connector.file.clone()];
    std::iter::once(pipeline.matching_file.clone()).chain(tables).chain(rest).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::context::Context;
    use crate::testing::{call, context, files, now, person, planned, project, with};

    /// The fixture's call as it was recorded under the fixture.
    fn recorded(read: Context) -> Recorded {
        let read = Context { read_at: now(), ..read };
        let plan = planned(project(), &call(), &read);
        let looked = plan.writes.iter().filter_map(|write| Some((write.id.clone(), write.booking.as_ref()?)));
        Recorded {
            call: call(),
            pipeline: plan.pipeline.clone(),
            contact: plan.decision.contact.clone(),
            looked: looked.map(|(id, booking)| (id, (booking.start, booking.end))).collect(),
            context: Some(read),
            number: 0,
        }
    }

    fn compared(changes: &[(&str, &str, &str)], read: Context) -> Compared {
        let (old, new) = (Arc::new(with(&[])), Arc::new(with(changes)));
        let revisions = Revisions::new((old.clone(), &files(&[])), (new, &files(changes)), Colleagues::new());
        revisions.compare(&recorded(read), &old)
    }

    #[track_caller]
    fn check(changes: &[(&str, &str, &str)], read: Context, expected: &[(Kind, &str)], unread: &[&str]) {
        let found = compared(changes, read);
        let mut effects: Vec<(Kind, String)> =
            found.effects.iter().map(|effect| (effect.kind.clone(), effect.cause.origin.to_string())).collect();
        effects.dedup();
        let expected: Vec<(Kind, String)> = expected.iter().map(|(kind, at)| (kind.clone(), (*at).to_owned())).collect();
        assert_eq!(effects, expected);
        assert_eq!(found.unread.iter().map(ToString::to_string).collect::<Vec<_>>(), unread);
    }

    fn ann() -> Context {
        context(vec![person("p1", json!({"FirstName": "Ann", "Email": "ann@example.com"}))])
    }

    #[test]
    fn the_same_is_the_same() {
        for read in [ann(), context(vec![])] {
            check(&[], read.clone(), &[], &[]);
            check(&[("mappings/crm/contact.toml", "object = \"contact\"", "# Ours.\nobject = \"contact\"")], read, &[], &[]);
        }
    }

    #[test]
    fn hours_move_what_is_due() {
        let hours = [("aftercall.toml", "to = \"17:00\"", "to = \"13:00\"")];
        check(&hours, ann(), &[(Kind::Part(crate::revisions::Part::Due, Move::Other), "aftercall.toml:4")], &[]);
    }

    #[test]
    fn a_rule_in_between_takes_no_turn_away() {
        let rule = "[[route.front_desk]]\nwhen = \"has(captured.never)\"\nowner = \"u-zoe\"\n\n";
        let last = "[[route.front_desk]]\nowner = [";
        check(&[("pipelines/front-desk.toml", last, &format!("{rule}{last}"))], context(vec![]), &[], &[]);
    }

    #[test]
    fn what_was_not_read() {
        let change = ("mappings/crm/contact.toml", "LastOutcome = \"{{outcome}}\"", "Source = { value = \"phone\", policy = \"fill\" }");
        let field = |name: &str, way| Kind::Field("contact".to_owned(), name.to_owned(), way);
        let line = "mappings/crm/contact.toml:12";
        check(
            &[change],
            ann(),
            &[(field("Source", Move::Gains), line), (field("LastOutcome", Move::Loses), line)],
            &["`Source` of contact"],
        );
        check(&[change], context(vec![]), &[(field("Source", Move::Gains), line), (field("LastOutcome", Move::Loses), line)], &[]);
    }

    #[test]
    fn who_follows_up_is_not_known_yet() {
        let owner = [("pipelines/front-desk.toml", "owner = [\"user:ana@acme.example\", \"u-ben\"]", "owner = \"user:zoe@acme.example\"")];
        let part = Kind::Part(crate::revisions::Part::Owner, Move::Other);
        check(&owner, ann(), &[(part, "pipelines/front-desk.toml:48")], &["who zoe@acme.example is in crm"]);
    }
}
