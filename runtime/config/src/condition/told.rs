//! A condition told: each comparison in it with the values that it looked at. For people who ask why it held, or did not.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Condition, Expr, Kind, eval, find};
use crate::functions::truthy;

/// One comparison of a condition, or one call of a function.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Told {
    /// As it is written.
    pub text: String,
    /// Whether it holds.
    pub holds: bool,
    /// The names in it, each with its value; null where the call has none.
    pub values: Vec<(String, Option<Value>)>,
}

impl Condition {
    /// Every comparison in the order in which it is written, also those that no longer mattered; what joins them is left out.
    pub fn told(&self, data: &Value) -> Vec<Told> {
        let mut told = Vec::new();
        self.tell(&self.root, data, &mut told);
        told
    }

    fn tell(&self, expr: &Expr, data: &Value, told: &mut Vec<Told>) {
        match &expr.kind {
            Kind::Both(left, right) | Kind::Either(left, right) => {
                self.tell(left, data, told);
                self.tell(right, data, told);
            }
            Kind::Not(inner) if matches!(inner.kind, Kind::Both(..) | Kind::Either(..)) => self.tell(inner, data, told),
            _ => {
                let mut values = Vec::new();
                names(expr, data, &mut values);
                told.push(Told { text: self.source[expr.span.clone()].to_owned(), holds: truthy(&eval(expr, data)), values });
            }
        }
    }
}

/// The names in an expression with their values, each once.
fn names(expr: &Expr, data: &Value, values: &mut Vec<(String, Option<Value>)>) {
    match &expr.kind {
        Kind::Fixed(_) => {}
        Kind::Path(path) => {
            let name = path.join(".");
            if !values.iter().any(|(known, _)| *known == name) {
                values.push((name, find(data, path).cloned()));
            }
        }
        Kind::List(items) | Kind::Call(_, items) => items.iter().for_each(|item| names(item, data, values)),
        Kind::Not(inner) => names(inner, data, values),
        Kind::Both(left, right) | Kind::Either(left, right) | Kind::Compare(_, left, right) => {
            names(left, data, values);
            names(right, data, values);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::finding::Place;
    use crate::types::Type;

    #[track_caller]
    fn check(source: &str, data: Value, expected: Value) {
        let mut findings = Vec::new();
        let condition = Condition::compile(source, &Place::file("x"), &Type::Any, &mut findings).unwrap_or_else(|| panic!("{findings:?}"));
        assert_eq!(json!(condition.told(&data)), expected);
    }

    #[test]
    fn each_comparison_with_what_it_saw() {
        check(
            "outcome == \"complaint\" && (call.duration_s >= 5 || !has(contact.owner))",
            json!({"outcome": "booked", "call": {"duration_s": 7.5}}),
            json!([
                {"text": "outcome == \"complaint\"", "holds": false, "values": [["outcome", "booked"]]},
                {"text": "call.duration_s >= 5", "holds": true, "values": [["call.duration_s", 7.5]]},
                {"text": "!has(contact.owner)", "holds": true, "values": [["contact.owner", null]]},
            ]),
        );
        check(
            "!(a || b)",
            json!({"b": true}),
            json!([
                {"text": "a", "holds": false, "values": [["a", null]]},
                {"text": "b", "holds": true, "values": [["b", true]]},
            ]),
        );
        check(
            "a in [b, \"c\", a]",
            json!({"a": "c"}),
            json!([
                {"text": "a in [b, \"c\", a]", "holds": true, "values": [["a", "c"], ["b", null]]},
            ]),
        );
    }
}
