//! What happens to a value before any policy: translated by `map`, cut to `max_chars`.

use aftercall_config::decl::PolicyDecl;
use aftercall_config::functions::text;
use aftercall_config::project::FieldRule;
use serde_json::Value;
use unicode_normalization::char::is_combining_mark;

/// Stands where text was cut; it counts as one character.
pub(super) const ELLIPSIS: char = '…';

/// A value as the system shall have it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prepared {
    /// The value; `None` where the call has none.
    pub value: Option<Value>,
    /// That it was cut, in words.
    pub because: Option<String>,
}

/// Applies the rule's `map` and `max_chars`.
///
/// Shape: a value that `map` does not list goes in as it is; of a list, each element is translated. Text is cut at a
/// word, and `…` shows it. With `append` the limit is for the whole field, so it is the policy that cuts.
pub fn prepare(rule: &FieldRule, policy: PolicyDecl, value: Option<Value>) -> Prepared {
    let Some(value) = value else { return Prepared::default() };
    let value = if rule.map.is_empty() { value } else { translated(rule, value) };
    match (rule.max_chars, &value) {
        (Some(limit), Value::String(text)) if text.len() > limit && text.chars().count() > limit => {
            let because = (policy != PolicyDecl::Append).then(|| format!("cut to {limit} characters"));
            Prepared { value: Some(Value::String(cut(text, limit))), because }
        }
        _ => Prepared { value: Some(value), because: None },
    }
}

fn translated(rule: &FieldRule, value: Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(|item| translated(rule, item)).collect()),
        one => rule.map.get(&text(&one)).cloned().unwrap_or(one),
    }
}

/// The text in at most `limit` characters: cut at the last space of its second half, or anywhere where there is none,
/// and closed with `…`. A letter keeps its accents.
pub fn cut(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let Some(room) = limit.checked_sub(1).filter(|room| *room > 0) else {
        return text.chars().take(limit).collect();
    };
    let end = |chars: usize| text.char_indices().nth(chars).map_or(text.len(), |(at, _)| at);
    let (half, whole) = (end(room / 2), end(room));
    // A word that ends exactly here is whole.
    let at = if text[whole..].starts_with(char::is_whitespace) {
        whole
    } else {
        text[half..whole].rfind(char::is_whitespace).map_or_else(|| unsplit(text, whole), |space| half + space)
    };
    let mut kept = text[..at].trim_end_matches(|c: char| c.is_whitespace() || ",;:-–".contains(c)).to_owned();
    kept.push(ELLIPSIS);
    kept
}

/// The nearest place at or before `at` that does not part a letter from its accents, or a picture from its colour.
fn unsplit(text: &str, at: usize) -> usize {
    let joins = |c: char| is_combining_mark(c) || matches!(c, '\u{200d}' | '\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}');
    let mut at = at;
    while at > 0 {
        let next = text[at..].chars().next();
        let before = text[..at].chars().next_back();
        if !next.is_some_and(joins) && before != Some('\u{200d}') {
            break;
        }
        at -= before.map_or(1, char::len_utf8);
    }
    at
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::policy::tests::rule;

    #[track_caller]
    fn check(text: &str, limit: usize, expected: &str) {
        assert_eq!(cut(text, limit), expected);
    }

    #[test]
    fn cut_at_a_word() {
        check("short", 10, "short");
        check("exactly ten", 11, "exactly ten");
        check("one two three", 10, "one two…");
        check("one two three", 8, "one two…");
        check("Unbreakable", 5, "Unbr…");
        check("one, two", 5, "one…");
        check("äöü äöü", 5, "äöü…");
        check("abc", 1, "a");
        check("abc", 0, "");
        check("xe\u{301}e\u{301}y", 3, "x…");
        check("ab👩\u{200d}🔧cd", 5, "ab…");
    }

    #[test]
    fn translated() {
        let mut rule = rule(PolicyDecl::Set);
        rule.map = [("high".to_owned(), json!("1 - High")), ("1".to_owned(), json!("one"))].into_iter().collect();
        let value = |v: Value| prepare(&rule, PolicyDecl::Set, Some(v)).value;
        assert_eq!(value(json!("high")), Some(json!("1 - High")));
        assert_eq!(value(json!("other")), Some(json!("other")));
        assert_eq!(value(json!(1)), Some(json!("one")));
        assert_eq!(value(json!(["high", "low"])), Some(json!(["1 - High", "low"])));
        assert_eq!(prepare(&rule, PolicyDecl::Set, None), Prepared::default());
    }

    proptest! {
        #[test]
        fn never_longer_and_never_split(text in "\\PC{0,60}", limit in 0usize..50) {
            let cut = cut(&text, limit);
            prop_assert!(cut.chars().count() <= limit);
            let kept = cut.strip_suffix(ELLIPSIS).unwrap_or(&cut);
            prop_assert!(text.starts_with(kept));
            if limit > 1 && !kept.is_empty() && kept.len() < text.len() {
                // What follows does not belong to the last letter that stayed.
                let next = text[kept.len()..].chars().next();
                prop_assert!(!next.is_some_and(is_combining_mark));
            }
        }
    }
}
