//! How a value meets what is there: one file per write policy, and what happens to the value before.
//!
//! Not for where the values come from (`plan`), nor for whether the system takes them (the edge).

mod advance;
mod append;
mod fill;
mod newest;
mod ours;
mod prepare;
pub mod value;

use aftercall_config::decl::PolicyDecl;
use aftercall_config::project::FieldRule;
use jiff::Timestamp;
use serde_json::Value;

use crate::context::Written;
use crate::model::FieldVerdict;

pub use prepare::{Prepared, cut, prepare};

/// One field's question: what comes of this value?
#[derive(Clone, Debug)]
pub struct Asked<'a> {
    /// The rule of the mapping.
    pub rule: &'a FieldRule,
    /// The rule's policy for this record: of a new one, or of one that is there.
    pub policy: PolicyDecl,
    /// What the record holds.
    pub before: Option<&'a Value>,
    /// What we bring, prepared; `None` where the call has no such value.
    pub after: Option<Value>,
    /// What we wrote there last.
    pub written: Option<&'a Written>,
    /// The fields of `else_to` with what they will hold, in order.
    pub elsewhere: Vec<(&'a str, Option<&'a Value>)>,
    /// `source:id` of the call.
    pub call: &'a str,
    /// When the call began.
    pub started_at: Option<Timestamp>,
    /// Two-letter country of numbers without a country code.
    pub region: &'a str,
}

/// What comes of a field.
#[derive(Clone, Debug, PartialEq)]
pub struct Decided {
    /// The verdict.
    pub verdict: FieldVerdict,
    /// The value that is sent, or would be.
    pub after: Option<Value>,
    /// Why, where it is not plain.
    pub because: Option<String>,
    /// The field of `else_to` that takes the value, or has it already.
    pub instead: Option<String>,
}

impl Decided {
    fn new(verdict: FieldVerdict, after: Value) -> Self {
        Self { verdict, after: Some(after), because: None, instead: None }
    }
    fn because(mut self, because: impl Into<String>) -> Self {
        self.because = Some(because.into());
        self
    }
}

/// Decides what comes of one field.
///
/// Shape: an absent value is `Absent` and never blanks a field; a value that is there already, in whatever spelling, is
/// `Same`; everything else is the policy's.
pub fn decide(asked: Asked<'_>) -> Decided {
    let Some(after) = asked.after.clone().filter(|value| !value::is_empty(value)) else {
        return Decided { verdict: FieldVerdict::Absent, after: None, because: None, instead: None };
    };
    let before = asked.before.filter(|value| !value::is_empty(value));
    if before.is_some_and(|before| value::same(before, &after, asked.region)) {
        return Decided::new(FieldVerdict::Same, after);
    }
    match asked.policy {
        PolicyDecl::Set => Decided::new(FieldVerdict::Write, after),
        PolicyDecl::Fill => fill::decide(&asked, before, after),
        PolicyDecl::Ours => ours::decide(&asked, before, after),
        PolicyDecl::Append => append::decide(&asked, before, after),
        PolicyDecl::Advance => advance::decide(&asked, before, after),
        PolicyDecl::Newest => newest::decide(&asked, after),
        PolicyDecl::Never => Decided::new(FieldVerdict::Kept, after).because("the policy `never` leaves this field alone"),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use aftercall_config::project::Origin;
    use aftercall_config::template::Template;
    use indexmap::IndexMap;
    use serde_json::json;

    /// A rule whose template gives nothing.
    pub(crate) fn rule(policy: PolicyDecl) -> FieldRule {
        FieldRule {
            field: "Field".to_owned(),
            value: Template::fixed(Value::Null),
            on_create: policy,
            on_update: policy,
            else_to: Vec::new(),
            map: IndexMap::new(),
            order: Vec::new(),
            max_chars: None,
            separator: "\n".to_owned(),
            required: false,
            origin: Origin { file: "mappings/x/y.toml".into(), line: 1 },
        }
    }

    /// What comes of `after` where `before` stands, with the reason.
    pub(crate) fn ask(rule: &FieldRule, before: Value, after: Value, written: Option<(Value, &str, &str)>) -> Decided {
        let written = written.map(|(value, call, at)| Written { value, call: call.to_owned(), started_at: at.parse().unwrap_or_default() });
        decide(Asked {
            rule,
            policy: rule.on_update,
            before: Some(&before),
            after: Some(after),
            written: written.as_ref(),
            elsewhere: Vec::new(),
            call: "phone:c2",
            started_at: "2026-11-24T15:00:00Z".parse().ok(),
            region: "US",
        })
    }

    #[track_caller]
    fn check(policy: PolicyDecl, before: Value, after: Value, expected: FieldVerdict) {
        assert_eq!(ask(&rule(policy), before, after, None).verdict, expected);
    }

    #[test]
    fn absent_never_blanks() {
        for policy in [
            PolicyDecl::Set,
            PolicyDecl::Fill,
            PolicyDecl::Ours,
            PolicyDecl::Append,
            PolicyDecl::Advance,
            PolicyDecl::Newest,
            PolicyDecl::Never,
        ] {
            check(policy, json!("x"), json!(null), FieldVerdict::Absent);
            check(policy, json!("x"), json!("  "), FieldVerdict::Absent);
            check(policy, json!("x"), json!("x "), FieldVerdict::Same);
        }
    }

    #[test]
    fn set_and_never() {
        check(PolicyDecl::Set, json!("a"), json!("b"), FieldVerdict::Write);
        check(PolicyDecl::Set, json!(null), json!("b"), FieldVerdict::Write);
        check(PolicyDecl::Set, json!(true), json!(false), FieldVerdict::Write);
        check(PolicyDecl::Never, json!("a"), json!("b"), FieldVerdict::Kept);
        check(PolicyDecl::Never, json!(null), json!("b"), FieldVerdict::Kept);
    }
}
