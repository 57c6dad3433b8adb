//! `append`: added below what is there, once per call.

use aftercall_config::functions::text;
use serde_json::Value;

use super::{Asked, Decided, prepare, value};
use crate::model::FieldVerdict;

/// Less room than this is no room: a sentence would be cut to a word.
const ROOM: usize = 40;

/// Decides. The newest stands last. Text that is there already is not added again; where the field has a limit, ours is
/// cut, never what is there.
pub(super) fn decide(asked: &Asked<'_>, before: Option<&Value>, after: Value) -> Decided {
    let ours = value::lines(&text(&after));
    let Some(before) = before else {
        return Decided::new(FieldVerdict::Write, after);
    };
    let before = text(before);
    if contains(&value::lines(&before), &ours) {
        return Decided::new(FieldVerdict::Same, after).because("the text is there already");
    }
    // What is there stays as it is, but for space at its end.
    let there = before.trim_end();
    let separator = &asked.rule.separator;
    let Some(limit) = asked.rule.max_chars else {
        return Decided::new(FieldVerdict::Write, Value::String(format!("{there}{separator}{ours}")));
    };
    if ends_with_cut(&value::lines(there), &ours) {
        return Decided::new(FieldVerdict::Same, after).because("as much of the text as the field has room for is there already");
    }
    let room = limit.saturating_sub(there.chars().count() + separator.chars().count());
    let length = ours.chars().count();
    if length <= room {
        Decided::new(FieldVerdict::Write, Value::String(format!("{there}{separator}{ours}")))
    } else if room < ROOM {
        Decided::new(FieldVerdict::Kept, after).because(format!("the field is full: it takes {limit} characters"))
    } else {
        let ours = prepare::cut(&ours, room);
        Decided::new(FieldVerdict::Write, Value::String(format!("{there}{separator}{ours}")))
            .because(format!("cut to the {room} characters that the field has room for"))
    }
}

/// Whether `ours` stands in `there`, not as a part of a longer word or line.
fn contains(there: &str, ours: &str) -> bool {
    there.match_indices(ours).any(|(at, found)| {
        let left = there[..at].chars().next_back().is_none_or(char::is_whitespace);
        let right = there[at + found.len()..].chars().next().is_none_or(char::is_whitespace);
        left && right
    })
}

/// Whether `there` ends with a beginning of `ours` that was cut for want of room.
fn ends_with_cut(there: &str, ours: &str) -> bool {
    let Some(kept) = there.strip_suffix(prepare::ELLIPSIS) else { return false };
    let head: String = ours.chars().take(ROOM / 2).collect();
    kept.match_indices(&head).any(|(at, _)| ours.starts_with(&kept[at..]))
}

#[cfg(test)]
mod tests {
    use aftercall_config::decl::PolicyDecl;
    use serde_json::json;

    use super::*;
    use crate::policy::tests::{ask, rule};

    #[track_caller]
    fn check(before: Value, after: &str, limit: Option<usize>, expected: FieldVerdict, text: &str) -> Value {
        let mut rule = rule(PolicyDecl::Append);
        rule.max_chars = limit;
        let decided = ask(&rule, before, json!(after), None);
        assert_eq!((decided.verdict, decided.after.as_ref().and_then(Value::as_str)), (expected, Some(text)), "{:?}", decided.because);
        decided.after.unwrap_or_default()
    }

    #[test]
    fn newest_last_and_once() {
        check(json!(null), "Called.", None, FieldVerdict::Write, "Called.");
        let twice = check(json!("Old note.  \r\n"), "Called.", None, FieldVerdict::Write, "Old note.\nCalled.");
        check(twice, "Called.", None, FieldVerdict::Same, "Called.");
        check(json!("Called.\r\nLater."), "Called.", None, FieldVerdict::Same, "Called.");
        check(json!("He booked"), "book", None, FieldVerdict::Write, "He booked\nbook");
    }

    #[test]
    fn what_is_there_is_never_cut() {
        let ours = "The caller wants the boiler looked at before the weekend, after five o'clock.";
        let there = "x".repeat(40);
        let text = format!("{there}\nThe caller wants the boiler looked at before the…");
        let cut = check(json!(there), ours, Some(90), FieldVerdict::Write, &text);
        assert!(cut.as_str().is_some_and(|text| text.chars().count() <= 90));
        // Planned again, after it was applied.
        check(cut, ours, Some(90), FieldVerdict::Same, ours);
        check(json!("x".repeat(80)), ours, Some(90), FieldVerdict::Kept, ours);
    }
}
