//! `advance`: only forward in the declared order.

use serde_json::Value;

use super::{Asked, Decided, value};
use crate::model::FieldVerdict;

/// Decides. What is not in the order is never left and never entered: "Closed Lost" is a person's word.
pub(super) fn decide(asked: &Asked<'_>, before: Option<&Value>, after: Value) -> Decided {
    let place = |wanted: &Value| asked.rule.order.iter().position(|one| value::same(wanted, &Value::from(one.as_str()), asked.region));
    let Some(to) = place(&after) else {
        let because = format!("\"{}\" is not in the declared order", value::short(&after));
        return Decided::new(FieldVerdict::Kept, after).because(because);
    };
    let Some(before) = before else {
        return Decided::new(FieldVerdict::Write, after);
    };
    match place(before) {
        None => Decided::new(FieldVerdict::Kept, after)
            .because(format!("it is at \"{}\", which is not in the declared order", value::short(before))),
        Some(from) if from < to => Decided::new(FieldVerdict::Write, after),
        Some(from) if from == to => Decided::new(FieldVerdict::Same, after),
        Some(_) => Decided::new(FieldVerdict::Kept, after).because(format!("it is further on, at \"{}\"", value::short(before))),
    }
}

#[cfg(test)]
mod tests {
    use aftercall_config::decl::PolicyDecl;
    use serde_json::json;

    use super::*;
    use crate::policy::tests::{ask, rule};

    #[track_caller]
    fn check(before: Value, after: &str, expected: FieldVerdict) {
        let mut rule = rule(PolicyDecl::Advance);
        rule.order = ["Prospecting", "Qualified", "Proposal"].map(str::to_owned).to_vec();
        assert_eq!(ask(&rule, before, json!(after), None).verdict, expected);
    }

    #[test]
    fn never_backwards() {
        check(json!(null), "Qualified", FieldVerdict::Write);
        check(json!("Prospecting"), "Qualified", FieldVerdict::Write);
        check(json!("Prospecting"), "Proposal", FieldVerdict::Write);
        check(json!("Qualified"), "Qualified", FieldVerdict::Same);
        check(json!("Proposal"), "Qualified", FieldVerdict::Kept);
        check(json!("Closed Lost"), "Qualified", FieldVerdict::Kept);
        check(json!("Prospecting"), "Nonsense", FieldVerdict::Kept);
        check(json!(null), "Nonsense", FieldVerdict::Kept);
    }
}
