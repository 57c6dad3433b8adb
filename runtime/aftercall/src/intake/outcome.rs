//! From a payload to a call outcome: which kind of payload it is, and its values in our places.
//!
//! All of it is declared by the source; nothing here knows a platform. Pure and total: whatever JSON comes in, the answer is a
//! call, a payload that is not for us, or a sentence that says what was missing.

use aftercall_config::call::CallOutcome;
use aftercall_config::condition::Condition;
use aftercall_config::decl::EventKind;
use aftercall_config::functions::{self, present};
use aftercall_config::project::{Source, SourceField};
use aftercall_config::template::Scope;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use super::{read, typed};

/// What a payload is.
#[derive(Clone, Debug, PartialEq)]
pub enum Mapped {
    /// A finished call.
    Call {
        /// The call.
        outcome: Box<CallOutcome>,
        /// When a better word about it is expected: how long to wait for that word, in seconds.
        provisional_wait_s: Option<u32>,
        /// What did not fit its field and where it went: names of fields, never their values.
        notes: Vec<String>,
    },
    /// Understood, and not for us.
    Ignore {
        /// The rule that says so, as written.
        rule: String,
    },
    /// No rule fits, or the call has no id.
    Unrecognised {
        /// What was missing, without the payload's values.
        reason: String,
    },
}

/// Maps a payload. `zone` is what a time of the clock means where nothing says otherwise: the project's.
pub fn map(source: &Source, payload: &Value, zone: &TimeZone) -> Mapped {
    let mut scope = Scope::new(json!({"payload": payload, "let": {}}));
    let Some((rule, kind, wait_s)) = source.events.iter().find(|(when, ..)| when.holds(scope.data())) else {
        let rules = source.events.iter().map(|(when, ..)| format!("`{}`", written(when))).collect::<Vec<_>>().join(", ");
        return Mapped::Unrecognised { reason: format!("no event rule of `{}` holds: {rules}", source.name) };
    };
    if *kind == EventKind::Ignore {
        return Mapped::Ignore { rule: written(rule) };
    }
    for (name, template) in &source.lets {
        if let Some(value) = template.eval(&scope) {
            let mut data = scope.data().clone();
            data["let"][name.as_str()] = value;
            scope = Scope::new(data);
        }
    }
    let mut tree = Map::new();
    let mut notes = Vec::new();
    let mut aside = Vec::new();
    for field in &source.outcome {
        match value(field, &scope, zone) {
            Found::Value(value) => put(&mut tree, &field.path, value),
            Found::Unread(value) => {
                let name = name_aside(&field.path);
                let path = field.path.join(".");
                notes.push(format!("`{path}` cannot be read as its `parse` says ({}); it is kept as `captured.{name}`", field.origin));
                aside.push((name, value));
            }
            Found::Nothing => {}
        }
    }
    match typed::outcome(tree, aside, &source.name, zone) {
        Ok((outcome, more)) => {
            notes.extend(more);
            let provisional_wait_s = (*kind == EventKind::Provisional).then_some(*wait_s);
            Mapped::Call { outcome: Box::new(outcome), provisional_wait_s, notes }
        }
        Err(why) => Mapped::Unrecognised { reason: format!("{why}{}", asked_for(source)) },
    }
}

/// A condition as one short line.
fn written(rule: &Condition) -> String {
    let line = rule.source().split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= 80 { line } else { line.chars().take(79).chain(['…']).collect() }
}

/// Where the id was looked for, to end a sentence with.
fn asked_for(source: &Source) -> String {
    let Some(field) = source.outcome.iter().find(|f| f.path == ["id"]) else {
        return format!("; `{}` does not say where it stands", source.name);
    };
    let places: Vec<String> = field.first_of.iter().map(|t| format!("`{}`", t.describe())).collect();
    format!("; it is read from {} ({})", places.join(", "), field.origin)
}

enum Found {
    Value(Value),
    /// There is a value, and it is not what `parse` reads.
    Unread(Value),
    Nothing,
}

/// The first alternative that gives a value, translated and read.
fn value(field: &SourceField, scope: &Scope, zone: &TimeZone) -> Found {
    let mut unread = Found::Nothing;
    for template in &field.first_of {
        let Some(value) = template.eval(scope).filter(read::says_something) else { continue };
        let value = translate(field, value);
        // Translated into nothing: "anonymous" is no number.
        if !present(&value) {
            continue;
        }
        match field.parse {
            None => return Found::Value(value),
            Some(how) => match read::parse(how, &value, zone) {
                Some(read) => return Found::Value(read),
                None if matches!(unread, Found::Nothing) => unread = Found::Unread(value),
                None => {}
            },
        }
    }
    unread
}

/// One field's value, where there is one and it can be read.
pub(super) fn field(field: &SourceField, scope: &Scope, zone: &TimeZone) -> Option<Value> {
    match value(field, scope, zone) {
        Found::Value(value) => Some(value),
        Found::Unread(_) | Found::Nothing => None,
    }
}

/// Our word for the platform's: the first pattern that fits, or the word as it is.
fn translate(field: &SourceField, value: Value) -> Value {
    if field.map.is_empty() || value.is_array() || value.is_object() {
        return value;
    }
    let word = functions::text(&value);
    let word = word.trim();
    field.map.iter().find(|(pattern, _)| functions::like(word, pattern)).map_or(value, |(_, ours)| ours.clone())
}

/// The name under `captured` for a value that its own place cannot take.
fn name_aside(path: &[String]) -> String {
    match path {
        [captured, own @ ..] if captured == "captured" && !own.is_empty() => own.join("_"),
        path => path.join("_"),
    }
}

/// Puts a value at a path. Groups that meet are united, and a single value that meets a group becomes its `value`; of two
/// single values the later counts.
fn put(tree: &mut Map<String, Value>, path: &[String], value: Value) {
    let Some((name, rest)) = path.split_first() else { return };
    if !rest.is_empty() {
        let group = tree.entry(name.clone()).or_insert_with(|| json!({}));
        if !group.is_object() {
            *group = json!({"value": group.take()});
        }
        if let Some(group) = group.as_object_mut() {
            put(group, rest, value);
        }
        return;
    }
    match (tree.get_mut(name), value) {
        (Some(Value::Object(there)), Value::Object(new)) => there.extend(new),
        (Some(Value::Object(there)), single) => {
            there.insert("value".to_owned(), single);
        }
        (Some(there), Value::Object(mut new)) => {
            new.entry("value").or_insert(there.take());
            *there = Value::Object(new);
        }
        (_, value) => {
            tree.insert(name.clone(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{self, shipped};
    use super::*;

    const MANIFEST: &str = r#"
source = "desk"
[[event]]
when = 'payload.kind == "late"'
is = "call"
[[event]]
when = 'payload.kind == "early"'
is = "provisional"
wait_s = 30
[[event]]
when = "like(payload.kind, 'noise*')"
is = "ignore"
[let]
one = "{{payload.data}}"
two = "{{default let.one.inner payload.inner}}"
[outcome]
id = ["{{payload.a}}", "{{let.two.b}}"]
outcome = { value = "{{payload.word}}", map = { "done*" = "booked", "*angry*" = "complaint", "nothing" = "" } }
duration_s = { first_of = ["{{payload.ms}}", "{{payload.later_ms}}"], parse = "milliseconds" }
summary = "Said: {{payload.said}}"
"caller.phone" = { value = "{{payload.phone}}", map = { "anonymous" = "" } }
captured = "{{let.one.all}}"
"captured.vip" = { value = "{{payload.vip}}", parse = "boolean" }
"captured.seen" = { value = "{{payload.seen}}", parse = "time" }
"#;

    /// Checks the fields that `expected` names, and gives wait and notes.
    #[track_caller]
    fn check(payload: Value, expected: Value) -> (Option<u32>, Vec<String>) {
        let zone = TimeZone::get("America/Chicago").expect("bundled");
        let mapped = map(&testing::source(MANIFEST), &payload, &zone);
        let Mapped::Call { outcome, provisional_wait_s, notes } = mapped else { panic!("{mapped:?}") };
        let found = serde_json::to_value(outcome).expect("JSON");
        for (name, value) in expected.as_object().expect("an object") {
            assert_eq!(found.get(name).unwrap_or(&Value::Null), value, "{name}; notes: {notes:?}");
        }
        (provisional_wait_s, notes)
    }

    #[track_caller]
    fn unrecognised(payload: Value, expected: &str) {
        let mapped = map(&testing::source(MANIFEST), &payload, &TimeZone::UTC);
        assert_eq!(mapped, Mapped::Unrecognised { reason: expected.to_owned() });
    }

    #[test]
    fn the_first_rule_decides() {
        assert_eq!(check(json!({"kind": "late", "a": 1}), json!({"id": "1"})).0, None);
        assert_eq!(check(json!({"kind": "early", "a": 1}), json!({"id": "1"})).0, Some(30));
        let mapped = map(&testing::source(MANIFEST), &json!({"kind": "noise-5"}), &TimeZone::UTC);
        assert_eq!(mapped, Mapped::Ignore { rule: "like(payload.kind, 'noise*')".to_owned() });
    }

    #[test]
    fn what_is_not_understood_says_what_was_missing() {
        let none = r#"no event rule of `desk` holds: `payload.kind == "late"`, `payload.kind == "early"`, `like(payload.kind, 'noise*')`"#;
        unrecognised(json!({"kind": "other", "name": "Ada"}), none);
        unrecognised(json!("text"), none);
        unrecognised(json!([]), none);
        let id = "`id` is empty; it is read from `payload.a`, `let.two.b` (mappings/desk/source.toml:17)";
        unrecognised(json!({"kind": "late"}), id);
        unrecognised(json!({"kind": "late", "a": ""}), id);
    }

    #[test]
    fn alternatives_words_and_units() {
        let payload = json!({"kind": "late", "inner": {"b": "x-1"}, "word": "Done and dusted", "ms": "soon", "later_ms": 1500, "phone": "Anonymous",
            "data": {"all": {"k": 1}}, "vip": "yes", "seen": "2026-11-24 09:00"});
        check(
            payload,
            json!({"id": "x-1", "outcome": "booked", "duration_s": 1.5, "caller": {}, "summary": null,
                "captured": {"k": 1, "vip": true, "seen": "2026-11-24T09:00:00-06:00"}}),
        );
        check(json!({"kind": "late", "a": 1, "word": "very angry", "said": "Hi"}), json!({"outcome": "complaint", "summary": "Said: Hi"}));
        check(json!({"kind": "late", "a": 1, "word": "nothing"}), json!({"outcome": null}));
        check(json!({"kind": "late", "a": 1, "word": "undecided"}), json!({"outcome": "undecided"}));
    }

    #[test]
    fn what_cannot_be_read_is_kept_aside() {
        let (_, notes) = check(
            json!({"kind": "late", "a": 1, "ms": "soon", "vip": "perhaps", "data": {"all": 5}}),
            json!({"duration_s": null, "captured": {"value": 5, "duration_s": "soon", "vip": "perhaps"}}),
        );
        assert_eq!(
            notes[0],
            "`duration_s` cannot be read as its `parse` says (mappings/desk/source.toml:19); it is kept as `captured.duration_s`"
        );
        assert_eq!(notes.len(), 2);
    }

    /// JSON of any shape, in which the names of `names` come up often.
    fn any_json(names: Vec<&'static str>) -> impl Strategy<Value = Value> {
        let text = prop_oneof![
            Just(String::new()),
            any::<String>(),
            proptest::sample::select(vec![
                "inbound",
                "true",
                "2026-11-24T09:00:00-06:00",
                "2026-11-24",
                "1795194131000",
                "anonymous",
                "voicemail"
            ])
            .prop_map(str::to_owned)
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            text.prop_map(Value::from),
        ];
        let name = prop_oneof![4 => proptest::sample::select(names).prop_map(str::to_owned), 1 => any::<String>()];
        leaf.prop_recursive(6, 64, 8, move |inner| {
            prop_oneof![
                1 => proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                4 => proptest::collection::vec((name.clone(), inner), 0..8).prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    #[test]
    fn any_json_is_mapped_by_every_source() {
        let sources = shipped();
        let names = [
            "id",
            "message",
            "call",
            "data",
            "type",
            "event",
            "completed",
            "call_id",
            "conversation_id",
            "artifact",
            "analysis",
            "structuredOutputs",
            "result",
            "metadata",
            "variables",
            "appointment",
            "start",
            "end",
            "timezone",
            "follow_up",
            "due",
            "reason",
            "caller",
            "phone",
            "captured",
            "recording",
            "url",
            "transcript",
            "tags",
            "duration_s",
            "started_at",
            "ended_at",
            "direction",
            "outcome",
            "follow_up_required",
        ];
        let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(300));
        let zone = TimeZone::get("America/Chicago").expect("bundled");
        let ran = runner.run(&any_json(names.to_vec()), |payload| {
            for source in sources.values() {
                // Beneath what every source takes for a finished call, so that mapping begins.
                let call = json!({"id": 1, "type": "post_call_transcription", "event": "call_analyzed", "completed": true, "call_id": "1", "payload": payload});
                let mut wrapped = call.clone();
                for at in ["message", "data", "call", "variables", "appointment", "caller", "captured", "follow_up"] {
                    wrapped[at] = payload.clone();
                }
                wrapped["message"] = json!({"type": "end-of-call-report", "call": {"id": 1}, "artifact": payload, "analysis": payload});
                for payload in [&payload, &wrapped] {
                    if let Mapped::Call { outcome, .. } = map(source, payload, &zone) {
                        prop_assert!(!outcome.id.is_empty());
                        let text = serde_json::to_string(&outcome).expect("JSON");
                        let again: CallOutcome = serde_json::from_str(&text).expect("a call outcome");
                        prop_assert_eq!(super::super::digest(&again), super::super::digest(&outcome));
                    }
                }
            }
            Ok(())
        });
        ran.unwrap_or_else(|failure| panic!("{failure}"));
    }
}
