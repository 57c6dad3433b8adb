//! The way back: which fields still hold what we wrote, and what goes there in its place.
//!
//! A revert is a plan like any other: a value over another one, under the policy `ours`. Not for finding what was written, nor for reading what
//! stands there: that is the edge's.

use std::sync::Arc;

use aftercall_config::decl::PolicyDecl;
use aftercall_config::project::Origin;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::context::Record;
use crate::model::{FieldChange, FieldVerdict, Guarantee, Op, Write};
use crate::policy::value::{is_empty, same, short};
use crate::record::field;

/// One time that we wrote a field, as its receipt tells.
#[derive(Clone, Debug, PartialEq)]
pub struct Wrote {
    /// The call.
    pub call: String,
    /// The write of it.
    pub write: String,
    /// The config version that asked.
    pub version: String,
    /// The line that asked, as `FILE:LINE`.
    pub origin: String,
    /// What stood there before; `None` for nothing.
    pub before: Option<Value>,
    /// What stood there afterwards: what we wrote, or what the system made of it.
    pub value: Value,
    /// The record was made with it.
    pub created: bool,
    /// It is among what is to go back.
    pub asked: bool,
    /// It was a revert itself.
    pub back: bool,
}

/// A field that goes back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Back {
    /// The field, by the system's name.
    pub field: String,
    /// What we wrote last: it goes back only as long as this stands there.
    pub ours: Value,
    /// What goes there: what stood there before the first of our writes that go back; null for nothing.
    pub to: Value,
    /// The line that had asked for what goes away, as `FILE:LINE`.
    pub origin: String,
    /// The config version that had.
    pub version: String,
    /// The version under which `to` was written, where that was ours as well.
    pub earlier: Option<String>,
}

/// Why a field is left alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Alone {
    /// What stood there before stands there again.
    Already,
    /// It does not hold what we wrote last: somebody has changed it since.
    Changed,
    /// We wrote it since, and that is not to go back.
    WrittenSince {
        /// The call.
        call: String,
        /// The config version.
        version: String,
    },
    /// The record was made with it, so nothing stood there before.
    Created,
    /// Nothing stood there before, and the system takes no record without it.
    Needed,
    /// The record is gone.
    Gone,
    /// The record went into another one, which may hold either's values.
    Merged {
        /// The record that stayed.
        into: String,
    },
    /// It is an appointment: people come to it.
    Appointment,
    /// It is no field: a link that moved, or records that became one, as a person answered.
    Moved,
    /// Its call is being worked, and may write there yet.
    AtWork,
    /// What stands there cannot be read.
    Unreadable {
        /// Why, as a phrase.
        because: String,
    },
}

impl Alone {
    fn since(last: &Wrote) -> Self {
        Self::WrittenSince { call: last.call.clone(), version: last.version.clone() }
    }

    /// The sentence for people, without a full stop.
    pub fn said(&self) -> String {
        match self {
            Self::Already => "what stood there before stands there again".to_owned(),
            Self::Changed => "somebody has changed it since".to_owned(),
            Self::WrittenSince { call, version } => format!("{call} wrote it since, under config {version}"),
            Self::Created => "the record was made with it; nothing stood there before".to_owned(),
            Self::Needed => "nothing stood there before, and the system takes no record without it".to_owned(),
            Self::Gone => "the record is gone".to_owned(),
            Self::Merged { into } => format!("the record went into {into}"),
            Self::Appointment => "an appointment is for a person to move or cancel".to_owned(),
            Self::Moved => "it moved as a person answered".to_owned(),
            Self::AtWork => "its call is being worked; say it again when it has ended".to_owned(),
            Self::Unreadable { because } => format!("what stands there cannot be read: {because}"),
        }
    }
}

/// What is known of a record just now.
#[derive(Clone, Debug, PartialEq)]
pub struct Stands<'a> {
    /// The record as it was read; `None` where it is gone.
    pub record: Option<&'a Record>,
    /// Two-letter country of numbers without a country code.
    pub region: &'a str,
}

impl Stands<'_> {
    /// What stands in a field, or why nobody can tell.
    fn value(&self, id: &str, name: &str) -> Result<Value, Alone> {
        match self.record {
            None => Err(Alone::Gone),
            Some(record) if record.id != id => Err(Alone::Merged { into: record.id.clone() }),
            Some(record) => Ok(field(&record.fields, name).cloned().unwrap_or_default()),
        }
    }
}

/// What comes of one field of the record `id`, from all that we ever wrote there, oldest first.
///
/// Shape: only what was written last goes back, and with it what is asked for right before it, as long as nobody else wrote in between: so a
/// person's value that we wrote over comes back, and not the one before it.
pub fn way_back(name: &str, history: &[Wrote], id: &str, stands: &Stands<'_>, takes_nothing: bool) -> Result<Back, Alone> {
    let brought = history.iter().rev().find(|one| one.back);
    let history = still_count(history, stands.region);
    let last = history.last();
    let Some(last) = last.filter(|_| history.iter().any(|one| one.asked)) else {
        // Nothing of what is asked for counts any more: it went back.
        let is = stands.value(id, name)?;
        return Err(match last {
            _ if brought.is_some_and(|brought| same(&is, &brought.value, stands.region)) => Alone::Already,
            Some(last) if same(&is, &last.value, stands.region) => Alone::since(last),
            _ => Alone::Changed,
        });
    };
    if !last.asked {
        return Err(Alone::since(last));
    }
    let mut first = history.len() - 1;
    while let Some(before) = first.checked_sub(1).map(|at| &history[at]) {
        let unbroken = same(history[first].before.as_ref().unwrap_or(&Value::Null), &before.value, stands.region);
        if !before.asked || history[first].created || !unbroken {
            break;
        }
        first -= 1;
    }
    if history[first].created {
        return Err(Alone::Created);
    }
    let to = history[first].before.clone().unwrap_or_default();
    let is = stands.value(id, name)?;
    if same(&is, &to, stands.region) {
        return Err(Alone::Already);
    }
    if !same(&is, &last.value, stands.region) {
        return Err(Alone::Changed);
    }
    if is_empty(&to) && !takes_nothing {
        return Err(Alone::Needed);
    }
    let earlier = first.checked_sub(1).map(|at| &history[at]).filter(|one| same(&one.value, &to, stands.region));
    let (origin, version) = (last.origin.clone(), last.version.clone());
    Ok(Back { field: name.to_owned(), ours: last.value.clone(), to, origin, version, earlier: earlier.map(|one| one.version.clone()) })
}

/// What of it was written last: of what still counts where there is any, and otherwise of what went back already.
pub fn last_asked<'a>(history: &'a [Wrote], region: &str) -> Option<&'a Wrote> {
    let counts = still_count(history, region).into_iter().rev().find(|one| one.asked);
    counts.or_else(|| history.iter().rev().find(|one| one.asked))
}

/// What was written, without what has gone back since: a revert takes away what was written after the value that it brought back.
fn still_count<'a>(history: &'a [Wrote], region: &str) -> Vec<&'a Wrote> {
    let mut count: Vec<&Wrote> = Vec::with_capacity(history.len());
    for one in history {
        if one.back {
            while count.pop_if(|last| !same(&last.value, &one.value, region)).is_some() {}
        } else {
            count.push(one);
        }
    }
    count
}

/// The write of a revert, against what has just been read: what still holds what we wrote goes back, all else stays.
///
/// Shape: `said` is who wants it and why, in words. Where nobody knows whether an attempt has landed (`in_doubt`), what stands there already is ours
/// to call written. An update where something is to be sent; nothing to do otherwise, and what was written then has landed.
pub fn write(place: &Place<'_>, fields: &[Back], stands: &Stands<'_>, in_doubt: bool, said: &str) -> Write {
    let mut sends = false;
    let changes: Vec<FieldChange> = fields
        .iter()
        .map(|back| {
            let (before, verdict, because) = match stands.value(place.record, &back.field) {
                Err(alone) => (None, FieldVerdict::Kept, alone.said()),
                Ok(is) if same(&is, &back.to, stands.region) && in_doubt => (Some(back.ours.clone()), FieldVerdict::Write, said.to_owned()),
                Ok(is) if same(&is, &back.to, stands.region) => (Some(is), FieldVerdict::Same, Alone::Already.said()),
                Ok(is) if same(&is, &back.ours, stands.region) => {
                    sends = true;
                    (Some(is), FieldVerdict::Write, said.to_owned())
                }
                Ok(is) => {
                    let because = format!("{}: we wrote \"{}\"", Alone::Changed.said(), short(&back.ours));
                    (Some(is), FieldVerdict::Conflict, because)
                }
            };
            FieldChange {
                field: back.field.clone(),
                before: before.filter(|value| !is_empty(value)),
                after: Some(back.to.clone()),
                policy: PolicyDecl::Ours,
                verdict,
                because: Some(because),
                required: false,
                origin: origin(&back.origin),
            }
        })
        .collect();
    let id = place.record.to_owned();
    let op = match changes.iter().find(|_| !sends) {
        None => Op::Update { id },
        Some(first) => Op::Nothing { id: Some(id), because: first.because.clone().unwrap_or_default() },
    };
    Write {
        id: place.write.to_owned(),
        connection: place.connection.to_owned(),
        object: place.object.to_owned(),
        op,
        origin: changes.first().map_or_else(|| origin(""), |first| first.origin.clone()),
        fields: changes,
        links: Vec::new(),
        after: Vec::new(),
        guarantee: Guarantee::Exact,
        booking: None,
        routed: None,
    }
}

/// Where a revert writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// The write's name.
    pub write: &'a str,
    /// The connection.
    pub connection: &'a str,
    /// The object, by the name that mappings use.
    pub object: &'a str,
    /// The record.
    pub record: &'a str,
}

/// A line as it stands on a receipt.
fn origin(text: &str) -> Origin {
    let (file, line) = text.rsplit_once(':').unwrap_or((text, ""));
    Origin { file: Arc::from(file), line: line.parse().unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A write of a call: `asked` where its name begins with `v`.
    fn wrote(call: &str, before: Value, value: Value) -> Wrote {
        Wrote {
            call: call.to_owned(),
            write: "contact".to_owned(),
            version: call.chars().take(1).collect(),
            origin: "mappings/x.toml:7".to_owned(),
            before: Some(before).filter(|value| !value.is_null()),
            value,
            created: false,
            asked: call.starts_with('v'),
            back: call.starts_with("back"),
        }
    }

    fn record(value: &Value) -> Record {
        Record { id: "p1".to_owned(), object: "contact".to_owned(), fields: [("F".to_owned(), value.clone())].into_iter().collect() }
    }

    #[track_caller]
    fn check(history: &[Wrote], is: Value, expected: Result<Value, Alone>) {
        let record = record(&is);
        let stands = Stands { record: Some(&record), region: "US" };
        assert_eq!(way_back("F", history, "p1", &stands, true).map(|back| back.to), expected);
    }

    #[test]
    fn where_it_goes() {
        let (a, b, c, d) = (json!("A"), json!("B"), json!("C"), json!("D"));
        let one = [wrote("v1", a.clone(), b.clone())];
        check(&one, b.clone(), Ok(a.clone()));
        check(&one, c.clone(), Err(Alone::Changed));
        check(&one, a.clone(), Err(Alone::Already));
        check(&[wrote("v1", json!(null), b.clone())], b.clone(), Ok(json!(null)));
        // Several of ours: before the first.
        check(&[wrote("v1", a.clone(), b.clone()), wrote("v2", b.clone(), c.clone())], c.clone(), Ok(a.clone()));
        // A person's value that we wrote over comes back, and so does another version's.
        check(&[wrote("v1", a.clone(), b.clone()), wrote("v2", d.clone(), c.clone())], c.clone(), Ok(d.clone()));
        check(&[wrote("w1", a.clone(), b.clone()), wrote("v2", b.clone(), c.clone())], c.clone(), Ok(b.clone()));
        // Another version wrote it since.
        let since = Alone::WrittenSince { call: "w2".to_owned(), version: "w".to_owned() };
        check(&[wrote("v1", a.clone(), b.clone()), wrote("w2", b.clone(), c.clone())], c.clone(), Err(since));
        // It went back already; what was written since then goes back alone.
        let back = wrote("back", b.clone(), a.clone());
        check(&[wrote("v1", a.clone(), b.clone()), back.clone()], a.clone(), Err(Alone::Already));
        check(&[wrote("v1", a.clone(), b.clone()), back.clone()], d.clone(), Err(Alone::Changed));
        // Of two one went back: the other may follow, and does not where it is not asked for.
        let newest = wrote("back", c.clone(), b.clone());
        check(&[wrote("v1", a.clone(), b.clone()), wrote("v2", b.clone(), c.clone()), newest.clone()], b.clone(), Ok(a.clone()));
        let other = [wrote("w1", a.clone(), b.clone()), wrote("v2", b.clone(), c.clone()), newest];
        check(&other, b.clone(), Err(Alone::Already));
        check(&other, d.clone(), Err(Alone::Changed));
        let since = Alone::WrittenSince { call: "w2".to_owned(), version: "w".to_owned() };
        check(&[wrote("v1", a.clone(), b.clone()), back.clone(), wrote("w2", a.clone(), c.clone())], c.clone(), Err(since));
        check(&[wrote("v1", d, b.clone()), back, wrote("v2", a.clone(), b.clone())], b.clone(), Ok(a.clone()));
        // Of two one went back, and then it was written again: all of ours goes.
        let again = [wrote("v1", a.clone(), b.clone()), wrote("v2", b.clone(), c.clone()), wrote("back", c.clone(), b.clone())];
        check(&[&again[..], &[wrote("v3", b.clone(), c.clone())]].concat(), c.clone(), Ok(json!("A")));
        let made = Wrote { created: true, ..wrote("v1", json!(null), b.clone()) };
        check(std::slice::from_ref(&made), b.clone(), Err(Alone::Created));
        check(&[made, wrote("v2", b, c.clone())], c, Err(Alone::Created));
    }

    #[test]
    fn nothing_where_something_is_needed() {
        let there = record(&json!("B"));
        let way = |record| {
            let stands = Stands { record, region: "US" };
            way_back("F", &[wrote("v1", json!(null), json!("B"))], "p1", &stands, false).map(|back| back.to)
        };
        assert_eq!((way(Some(&there)), way(None)), (Err(Alone::Needed), Err(Alone::Gone)));
        let other = Record { id: "p2".to_owned(), ..there.clone() };
        assert_eq!(way(Some(&other)), Err(Alone::Merged { into: "p2".to_owned() }));
    }

    #[test]
    fn what_is_sent() {
        let origin = "mappings/x.toml:7".to_owned();
        let back = Back { field: "F".into(), ours: json!("B"), to: json!("A"), origin, version: "v".into(), earlier: None };
        let place = Place { write: "revert-1.contact", connection: "crm", object: "contact", record: "p1" };
        let of = |is: Value, in_doubt: bool| {
            let record = record(&is);
            let stands = Stands { record: Some(&record), region: "US" };
            let write = write(&place, std::slice::from_ref(&back), &stands, in_doubt, "put back by ann");
            (matches!(write.op, Op::Update { .. }), write.fields[0].verdict, write.fields[0].before.clone())
        };
        assert_eq!(of(json!("B"), false), (true, FieldVerdict::Write, Some(json!("B"))));
        assert_eq!(of(json!("B"), true), (true, FieldVerdict::Write, Some(json!("B"))));
        assert_eq!(of(json!("A"), false), (false, FieldVerdict::Same, Some(json!("A"))));
        // The attempt of which nobody knew has landed.
        assert_eq!(of(json!("A"), true), (false, FieldVerdict::Write, Some(json!("B"))));
        assert_eq!(of(json!("C"), true), (false, FieldVerdict::Conflict, Some(json!("C"))));
        assert_eq!(of(json!(""), false), (false, FieldVerdict::Conflict, None));
    }
}
