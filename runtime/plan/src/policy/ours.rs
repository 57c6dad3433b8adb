//! `ours`: only over a value that we wrote last; a person's edit is kept and shown as a conflict.

use serde_json::Value;

use super::{Asked, Decided, value};
use crate::model::FieldVerdict;

/// Decides. A field that we never wrote is ours to fill while it is empty; one that a person emptied stays empty.
pub(super) fn decide(asked: &Asked<'_>, before: Option<&Value>, after: Value) -> Decided {
    let last = asked.written.filter(|written| !value::is_empty(&written.value));
    match (before, last) {
        (None, None) => Decided::new(FieldVerdict::Write, after),
        (None, Some(last)) => Decided::new(FieldVerdict::Conflict, after).because(format!(
            "a person emptied it since call {} wrote \"{}\"",
            last.call,
            value::short(&last.value)
        )),
        (Some(_), None) => Decided::new(FieldVerdict::Kept, after).because("it is not a value of ours"),
        (Some(before), Some(last)) if value::same(before, &last.value, asked.region) => Decided::new(FieldVerdict::Write, after),
        (Some(_), Some(last)) => Decided::new(FieldVerdict::Conflict, after).because(format!(
            "a person changed it since call {} wrote \"{}\"",
            last.call,
            value::short(&last.value)
        )),
    }
}

#[cfg(test)]
mod tests {
    use aftercall_config::decl::PolicyDecl;
    use serde_json::json;

    use super::*;
    use crate::policy::tests::{ask, rule};

    #[track_caller]
    fn check(before: Value, written: Option<Value>, expected: FieldVerdict) {
        let written = written.map(|value| (value, "phone:c1", "2026-11-23T15:00:00Z"));
        assert_eq!(ask(&rule(PolicyDecl::Ours), before, json!("new"), written).verdict, expected);
    }

    #[test]
    fn a_persons_edit_stays() {
        check(json!(null), None, FieldVerdict::Write);
        check(json!("old"), Some(json!("old")), FieldVerdict::Write);
        check(json!("old \r\n"), Some(json!("old")), FieldVerdict::Write);
        check(json!("edited"), Some(json!("old")), FieldVerdict::Conflict);
        check(json!(""), Some(json!("old")), FieldVerdict::Conflict);
        check(json!("theirs"), None, FieldVerdict::Kept);
        check(json!("new"), Some(json!("old")), FieldVerdict::Same);
    }
}
