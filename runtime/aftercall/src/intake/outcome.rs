//! From a payload to a call outcome: which kind of payload it is, and its values in our places.
//!
//! All of it is declared by the source; nothing here knows a platform. Pure and total: whatever JSON comes in, the answer is a
//! call, a payload that is not for us, or a sentence that says what was missing.

use aftercall_config::call::CallOutcome;
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
        let rules = source.events.iter().map(|(when, ..)| format!("`{}`", when.source())).collect::<Vec<_>>().join(", ");
        return Mapped::Unrecognised { reason: format!("no event rule of `{}` holds: {rules}", source.name) };
    };
    if *kind == EventKind::Ignore {
        return Mapped::Ignore { rule: rule.source().to_owned() };
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
    for field in &source.outcome {
        match value(field, &scope, zone) {
            Found::Value(value) => put(&mut tree, &field.path, value),
            Found::Unread(value) => {
                let path = field.path.join(".");
                let (place, name) = aside(&field.path);
                notes.push(format!("`{path}` cannot be read as its `parse` says ({}); it is kept as `{}`", field.origin, place.join(".")));
                if let Some(captured) = tree.entry("captured").or_insert_with(|| json!({})).as_object_mut() {
                    captured.entry(name).or_insert(value);
                }
            }
            Found::Nothing => {}
        }
    }
    match typed::outcome(tree, &source.name, zone) {
        Ok((outcome, more)) => {
            notes.extend(more);
            let provisional_wait_s = (*kind == EventKind::Provisional).then_some(*wait_s);
            Mapped::Call { outcome: Box::new(outcome), provisional_wait_s, notes }
        }
        Err(why) => Mapped::Unrecognised { reason: format!("{why}{}", asked_for(source)) },
    }
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

/// Our word for the platform's: the first pattern that fits, or the word as it is.
fn translate(field: &SourceField, value: Value) -> Value {
    if field.map.is_empty() || value.is_array() || value.is_object() {
        return value;
    }
    let word = functions::text(&value);
    let word = word.trim();
    field.map.iter().find(|(pattern, _)| functions::like(word, pattern)).map_or(value, |(_, ours)| ours.clone())
}

/// The place under `captured` for a value that its own place cannot take.
fn aside(path: &[String]) -> (Vec<String>, String) {
    let own = path.strip_prefix(&["captured".to_owned()]).filter(|rest| !rest.is_empty()).unwrap_or(path);
    let name = own.join("_");
    (vec!["captured".to_owned(), name.clone()], name)
}

/// Puts a value at a path. Groups that meet are united; of single values the later counts.
fn put(tree: &mut Map<String, Value>, path: &[String], value: Value) {
    let Some((name, rest)) = path.split_first() else { return };
    if rest.is_empty() {
        match (tree.get_mut(name), value) {
            (Some(Value::Object(there)), Value::Object(new)) => there.extend(new),
            (_, value) => {
                tree.insert(name.clone(), value);
            }
        }
        return;
    }
    let group = tree.entry(name.clone()).or_insert_with(|| json!({}));
    if !group.is_object() {
        *group = json!({});
    }
    if let Some(group) = group.as_object_mut() {
        put(group, rest, value);
    }
}
