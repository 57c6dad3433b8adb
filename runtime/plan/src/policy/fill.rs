//! `fill`: only where the field is empty; where it is taken, the first empty field of `else_to`.

use serde_json::Value;

use super::{Asked, Decided, value};
use crate::model::FieldVerdict;

/// Decides; nothing that is there is ever overwritten, here or elsewhere.
pub(super) fn decide(asked: &Asked<'_>, before: Option<&Value>, after: Value) -> Decided {
    if before.is_none() {
        return Decided::new(FieldVerdict::Write, after);
    }
    let field = &asked.rule.field;
    let filled = |value: &Option<&Value>| value.filter(|value| !value::is_empty(value)).is_some();
    for (name, held) in &asked.elsewhere {
        if held.is_some_and(|held| value::same(held, &after, asked.region)) {
            let decided = Decided::new(FieldVerdict::Same, after)
                .because(format!("`{field}` holds another value, and `{name}` has this one already"));
            return Decided { instead: Some((*name).to_owned()), ..decided };
        }
    }
    if let Some((name, _)) = asked.elsewhere.iter().find(|(_, held)| !filled(held)) {
        let decided = Decided::new(FieldVerdict::Write, after).because(format!("`{field}` holds another value"));
        return Decided { instead: Some((*name).to_owned()), ..decided };
    }
    let kept = Decided::new(FieldVerdict::Kept, after);
    match asked.elsewhere.as_slice() {
        [] => kept.because("the field is filled already"),
        others => {
            let names: Vec<String> = others.iter().map(|(name, _)| format!("`{name}`")).collect();
            kept.because(format!(
                "`{field}` holds another value, and so {} {}",
                if names.len() == 1 { "does" } else { "do" },
                names.join(", ")
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use aftercall_config::decl::PolicyDecl;
    use serde_json::json;

    use super::*;
    use crate::policy::tests::rule;

    #[track_caller]
    fn check(before: Value, elsewhere: &[(&str, Value)], verdict: FieldVerdict, instead: Option<&str>) {
        let rule = rule(PolicyDecl::Fill);
        let asked = Asked {
            rule: &rule,
            policy: PolicyDecl::Fill,
            before: Some(&before),
            after: Some(json!("+13125550142")),
            written: None,
            elsewhere: elsewhere.iter().map(|(name, value)| (*name, Some(value))).collect(),
            call: "phone:c2",
            started_at: None,
            region: "US",
        };
        let decided = crate::policy::decide(asked);
        assert_eq!((decided.verdict, decided.instead.as_deref()), (verdict, instead), "{:?}", decided.because);
    }

    #[test]
    fn only_where_empty() {
        check(json!(null), &[], FieldVerdict::Write, None);
        check(json!(""), &[("MobilePhone", json!(null))], FieldVerdict::Write, None);
        check(json!("(312) 555-0142"), &[], FieldVerdict::Same, None);
        check(json!("(312) 555-0199"), &[], FieldVerdict::Kept, None);
    }

    #[test]
    fn elsewhere() {
        let other = json!("(312) 555-0199");
        check(other.clone(), &[("MobilePhone", json!(null)), ("OtherPhone", json!(null))], FieldVerdict::Write, Some("MobilePhone"));
        check(other.clone(), &[("MobilePhone", json!("312 555 0100")), ("OtherPhone", json!(""))], FieldVerdict::Write, Some("OtherPhone"));
        check(
            other.clone(),
            &[("MobilePhone", json!(null)), ("OtherPhone", json!("312.555.0142"))],
            FieldVerdict::Same,
            Some("OtherPhone"),
        );
        check(other, &[("MobilePhone", json!("312 555 0100"))], FieldVerdict::Kept, None);
    }
}
