//! A plan that a person has approved: it is carried out as it was shown, or not at all.
//!
//! Not for sending: the one road of delivery holds a promise against what it has just read and planned.

use std::fmt;

use aftercall_config::call::CallOutcome;
use aftercall_config::project::ConfigVersion;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::context::Context;
use crate::diff::{Side, What, diff};
use crate::model::{FieldChange, FieldVerdict, Op, Plan, Write};

/// Plans as a file, for `aftercall apply`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanFile {
    /// Version of this shape: 1.
    pub version: u32,
    /// The project's name.
    pub project: String,
    /// The config version under which they were made.
    pub config: ConfigVersion,
    /// When.
    pub made_at: Timestamp,
    /// The calls.
    pub calls: Vec<Promise>,
}

impl PlanFile {
    /// The version of the shape that this program writes and reads.
    pub const VERSION: u32 = 1;
}

/// One call with its plan and what that was made from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Promise {
    /// The call.
    pub call: CallOutcome,
    /// What was read about it.
    pub context: Context,
    /// What is to be done.
    pub plan: Plan,
}

/// What is not as it was when the plan was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Changed {
    /// The write; absent where it is about the call as a whole.
    pub write: Option<String>,
    /// The record: its object and id; absent for a new one.
    pub record: Option<String>,
    /// What of it: a field by the system's name, or words.
    pub what: String,
    /// How it was when the plan was made.
    pub then: Option<Value>,
    /// How it is.
    pub now: Option<Value>,
}

impl fmt::Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = |value: &Option<Value>| match value {
            None => "nothing".to_owned(),
            Some(Value::String(text)) => format!("\"{text}\""),
            Some(other) => other.to_string(),
        };
        let of = self.record.as_ref().or(self.write.as_ref()).map(|of| format!(" of {of}")).unwrap_or_default();
        write!(f, "{}{of} was {} when the plan was made, and is {} now", self.what, side(&self.then), side(&self.now))
    }
}

impl Promise {
    /// What tells this promise from another: 16 hexadecimal digits over all of it.
    pub fn id(&self) -> String {
        let text = serde_json::to_string(self).unwrap_or_default();
        Sha256::digest(text.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    /// What stands in the way of keeping it, given what was `read` now and the plan that is made from it. Empty: nothing.
    ///
    /// Shape: of each field that either plan writes, what stands there must be what stood there; and the plans must do the same.
    pub fn broken(&self, fresh: &Plan, read: &Context) -> Vec<Changed> {
        let mut found = Vec::new();
        for then in &self.plan.writes {
            let Some(now) = fresh.writes.iter().find(|write| write.id == then.id) else { continue };
            for was in &then.fields {
                let is = now.fields.iter().find(|field| field.field == was.field);
                let writes = |field: &FieldChange| field.verdict == FieldVerdict::Write;
                let before = match standing(read, then, &was.field) {
                    Some(value) => value,
                    None if is.is_none() => continue,
                    None => is.and_then(|field| field.before.as_ref()),
                };
                if (writes(was) || is.is_some_and(writes)) && was.before.as_ref() != before {
                    found.push(Changed {
                        write: Some(then.id.clone()),
                        record: record(then).or_else(|| record(now)),
                        what: format!("`{}`", was.field),
                        then: was.before.clone(),
                        now: before.cloned(),
                    });
                }
            }
        }
        for change in diff(&self.plan, fresh) {
            let write = change.write.as_deref();
            let name = match &change.what {
                What::Field(name) => format!("`{name}`"),
                What::Link(name) => format!("the link `{name}`"),
                What::Booking => "the booked time".to_owned(),
                What::Write | What::Op => "what is done".to_owned(),
                What::Match => "the caller".to_owned(),
                What::Pipeline => "the pipeline".to_owned(),
            };
            // Said already, by what stands there.
            if found.iter().any(|one| one.write.as_deref() == write && one.what == name) {
                continue;
            }
            let of = |plan: &Plan| plan.writes.iter().find(|one| Some(one.id.as_str()) == write).and_then(record);
            let value = |side: Option<Side>| side.and_then(|side| side.value);
            let what = if matches!(change.what, What::Field(_)) { format!("the new value for {name}") } else { name };
            let record = of(fresh).or_else(|| of(&self.plan));
            found.push(Changed { write: change.write.clone(), record, what, then: value(change.old), now: value(change.new) });
        }
        found
    }
}

/// What stands in a field of the record that a write is about; `None` where the record was not read.
fn standing<'a>(read: &'a Context, write: &Write, field: &str) -> Option<Option<&'a Value>> {
    let (Op::Update { id } | Op::Nothing { id: Some(id), .. }) = &write.op else { return None };
    let lists = read.lists.values().flatten();
    let mut records = read.candidates.iter().chain(&read.own_records).chain(lists);
    let record = records.find(|record| &record.id == id && record.object == write.object)?;
    record.fields.contains_key(field).then(|| crate::record::field(&record.fields, field))
}

/// The record that a write is about, for people.
fn record(write: &Write) -> Option<String> {
    let (Op::Update { id } | Op::Nothing { id: Some(id), .. } | Op::Merge { id, .. }) = &write.op else { return None };
    Some(format!("{} {id}", write.object))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{call, context, person, planned, project};

    fn promise(fields: Value) -> Promise {
        let read = context(vec![person("p1", fields)]);
        Promise { call: call(), plan: planned(project(), &call(), &read), context: read }
    }

    #[track_caller]
    fn check(then: Value, now: Value, expected: &[&str]) {
        let fresh = promise(now);
        let found: Vec<String> = promise(then).broken(&fresh.plan, &fresh.context).iter().map(ToString::to_string).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn what_stands_in_the_way() {
        let ann = || json!({"Email": "ann@example.com", "LastOutcome": "message"});
        check(ann(), ann(), &[]);
        // Nobody writes there, so whoever changed it is in nobody's way.
        let moved = json!({"Email": "ann@example.com", "LastOutcome": "message", "Nickname": "Annie"});
        check(ann(), moved, &[]);
        // What is written over is not what was looked at, although the same would be written.
        let other = json!({"Email": "ann@example.com", "LastOutcome": "complaint"});
        check(ann(), other, &["`LastOutcome` of contact p1 was \"message\" when the plan was made, and is \"complaint\" now"]);
        let nobody = context(vec![]);
        let gone = promise(ann()).broken(&planned(project(), &call(), &nobody), &nobody);
        assert!(gone.iter().any(|one| one.what == "the caller"), "{gone:?}");
    }

    #[test]
    fn known_by_its_content() {
        let (a, b) = (promise(json!({"Email": "ann@example.com"})), promise(json!({})));
        assert_eq!((a.id(), a.id() == b.id()), (a.clone().id(), false));
        let read: Promise = serde_json::from_str(&serde_json::to_string(&a).expect("JSON")).expect("the same");
        assert_eq!(read.id(), a.id());
    }
}
