//! Whether a document fits the schema of its kind: what is unknown, missing or of the wrong type, in words; and the rest made to fit.

use std::collections::BTreeMap;

use jsonschema::error::{TypeKind, ValidationErrorKind};
use serde_json::{Value, json};

use super::Kind;
use crate::finding::{Code, Finding, listed, nearest};
use crate::source::{Document, KeyPath, Step};

/// Checks a document against the schema of its kind; true when nothing is wrong.
pub fn validate(kind: Kind, document: &Document, findings: &mut Vec<Finding>) -> bool {
    misfits(kind, document, findings).is_empty()
}

/// Makes a document fit, so that the rest of it can be looked at: what does not fit is left out, and what is missing stands in empty.
///
/// Errors: `None` where it cannot be made to fit; otherwise the paths of all that was left out or stands in.
pub(crate) fn mend(kind: Kind, document: &mut Document, findings: &mut Vec<Finding>) -> Option<Vec<LeftOut>> {
    let mut misfits = misfits(kind, document, findings);
    let mut touched = Vec::new();
    // Each round goes one level up at least.
    for _ in 0..16 {
        if misfits.is_empty() {
            return Some(touched);
        }
        for misfit in misfits {
            if misfit.path.is_empty() {
                return None;
            }
            document.put(&misfit.path, misfit.stand_in);
            touched.push(LeftOut { path: misfit.path, unknown: misfit.unknown });
        }
        misfits = self::misfits(kind, document, &mut Vec::new());
    }
    None
}

/// Something that was left out of a document, or stands in empty because it is missing.
#[derive(Clone, Debug)]
pub(crate) struct LeftOut {
    /// Where.
    pub(crate) path: KeyPath,
    /// A key that is not known, and so may be any of its siblings misspelled.
    pub(crate) unknown: bool,
}

/// What does not fit, and what could stand in for it; nothing where it must go.
struct Misfit {
    path: KeyPath,
    stand_in: Option<Value>,
    unknown: bool,
}

impl Misfit {
    /// What must go. Of a list, all goes: the places of its other items must not shift.
    fn without(path: &[Step]) -> Self {
        let keys = path.iter().rposition(|step| matches!(step, Step::Key(_))).map_or(0, |last| last + 1);
        Self { path: path[..keys].to_vec(), stand_in: None, unknown: false }
    }
}

/// Keys that a table lacks or has too many of.
#[derive(Default)]
struct Keys {
    unknown: Vec<(String, Option<String>)>,
    missing: Vec<String>,
    /// Where the schema describes the table.
    schema: String,
}

fn misfits(kind: Kind, document: &Document, findings: &mut Vec<Finding>) -> Vec<Misfit> {
    let (schema, validator) = kind.validator();
    let mut misfits = Vec::new();
    let mut tables: BTreeMap<KeyPath, Keys> = BTreeMap::new();
    for error in validator.iter_errors(&document.value) {
        let path = key_path(error.instance_path().as_str(), &document.value);
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                let keys = tables.entry(path).or_default();
                keys.schema = parent(error.schema_path().as_str()).to_owned();
                let names = properties(schema, &keys.schema);
                let near = |key: &String| nearest(key, names.iter().map(String::as_str)).map(str::to_owned);
                keys.unknown.extend(unexpected.iter().map(|key| (key.clone(), near(key))));
            }
            ValidationErrorKind::Required { property } => {
                let keys = tables.entry(path).or_default();
                keys.schema = parent(error.schema_path().as_str()).to_owned();
                keys.missing.push(property.as_str().unwrap_or_default().to_owned());
            }
            kind => {
                // A value that JSON lacks has its finding.
                if !error.instance().is_null() {
                    let (code, message, help) = wrong_value(kind, error.instance(), &path, document);
                    let message = message.unwrap_or_else(|| {
                        format!("{} does not fit: {}", here(&path, document), error.masked().to_string().replace('"', "`"))
                    });
                    let mut finding = Finding::new(code, message, document.place(&path));
                    if let ValidationErrorKind::Enum { options } = kind {
                        let names: Vec<&str> = options.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
                        finding = finding.suggest(error.instance().as_str().unwrap_or_default(), names);
                    }
                    finding.help = finding.help.or(help);
                    findings.push(finding);
                }
                misfits.push(Misfit::without(&path));
            }
        }
    }
    let lacking: Vec<String> = tables.get(&Vec::new()).map(|root| root.missing.clone()).unwrap_or_default();
    for (path, keys) in &tables {
        for (key, near) in &keys.unknown {
            findings.push(unknown_key(key, near.as_deref(), path, document, schema, keys, &lacking));
            misfits.push(Misfit { path: below(path, key), stand_in: None, unknown: true });
        }
        for key in &keys.missing {
            // Some values can stand in empty; otherwise the table cannot be used.
            match stand_in(schema, &keys.schema, key) {
                Some(value) => misfits.push(Misfit { path: below(path, key), stand_in: Some(value), unknown: false }),
                None => misfits.push(Misfit::without(path)),
            }
        }
        // A misspelled key is one slip, not a key too many and one too few.
        let elsewhere = |key: &String| {
            path.is_empty() && tables.iter().any(|(at, other)| !at.is_empty() && other.unknown.iter().any(|(k, _)| k == key))
        };
        let explained =
            |key: &String| keys.unknown.iter().any(|(k, near)| near.as_ref() == Some(key) || (near.is_none() && dotted(path, k).is_some()));
        let missing: Vec<&String> = keys.missing.iter().filter(|key| !explained(key) && !elsewhere(key)).collect();
        if !missing.is_empty() {
            findings.push(missing_keys(&missing, path, document, schema, &keys.schema));
        }
    }
    misfits
}

fn unknown_key(
    key: &str,
    near: Option<&str>,
    path: &KeyPath,
    document: &Document,
    schema: &Value,
    keys: &Keys,
    lacking: &[String],
) -> Finding {
    let names = properties(schema, &keys.schema);
    let place = document.place(path).down(key).key();
    let finding = Finding::new(Code::UnknownKey, format!("{} has no key `{key}`", here(path, document)), place);
    if !path.is_empty() && lacking.iter().any(|missing| missing == key) {
        return finding.help(format!("`{key}` belongs at the top of the file: what follows a `[section]` line is part of that section"));
    }
    if near.is_none()
        && let Some(name) = dotted(path, key)
    {
        return finding.help(format!("a name with a dot stands in quotes: \"{name}\""));
    }
    match (near, home(schema, key)) {
        (Some(near), _) => finding.help(format!("did you mean `{near}`?")),
        (None, Some(home)) if home.is_empty() => {
            finding.help(format!("`{key}` belongs at the top of the file, above the first `[section]`"))
        }
        (None, Some(home)) => finding.help(format!("`{key}` belongs in `{home}`")),
        (None, None) => finding.suggest(key, names.iter().map(String::as_str)),
    }
}

/// `Address.Street = ...` in `[fields]`, or `caller.phone = ...` in `[outcome]`: without quotes the dot makes a table.
fn dotted(path: &KeyPath, key: &str) -> Option<String> {
    match path.as_slice() {
        [.., Step::Key(section), Step::Key(name)] if section == "fields" || section == "outcome" => Some(format!("{name}.{key}")),
        _ => None,
    }
}

fn missing_keys(missing: &[&String], path: &KeyPath, document: &Document, schema: &Value, at: &str) -> Finding {
    let place = document.place(path).key();
    let (last, before) = missing.split_last().map_or(("", &[] as &[&String]), |(last, before)| (last.as_str(), before));
    let names = match before {
        [] => format!("`{last}`"),
        before => format!("{} and `{last}`", listed(before.iter().map(|k| k.as_str()))),
    };
    let lacks =
        if document.text.trim().is_empty() { "this file is empty: it lacks".to_owned() } else { format!("{} lacks", here(path, document)) };
    let finding = Finding::new(Code::MissingKey, format!("{lacks} {names}"), place);
    let described: Vec<String> = missing.iter().filter_map(|key| Some(format!("`{key}`: {}", describe(schema, at, key)?))).collect();
    if described.is_empty() { finding } else { finding.help(described.join("\n")) }
}

/// Message and help for a value of the wrong type, or outside of what is allowed.
fn wrong_value(kind: &ValidationErrorKind, value: &Value, path: &KeyPath, document: &Document) -> (Code, Option<String>, Option<String>) {
    let here = here(path, document);
    match kind {
        ValidationErrorKind::Type { kind } => {
            let types: Vec<&str> = match kind {
                TypeKind::Single(one) => vec![one.as_str()],
                TypeKind::Multiple(many) => many.iter().map(|t| t.as_str()).collect(),
            };
            let expected = types.iter().map(|t| type_word(t)).collect::<Vec<_>>().join(" or ");
            let message = format!("{here} is {}, not {expected}", value_word(value));
            (Code::WrongType, Some(message), type_help(&types, value, path))
        }
        ValidationErrorKind::Enum { .. } => match value {
            Value::String(written) => (Code::NotAllowed, Some(format!("{here} cannot be `{written}`")), None),
            other => (Code::WrongType, Some(format!("{here} is {}, not text", value_word(other))), None),
        },
        ValidationErrorKind::Minimum { limit } => (Code::NotAllowed, Some(format!("{here} cannot be below {limit}")), None),
        ValidationErrorKind::Maximum { limit } => (Code::NotAllowed, Some(format!("{here} cannot be above {limit}")), None),
        ValidationErrorKind::MinItems { .. } => {
            (Code::NotAllowed, Some(format!("{here} is an empty list")), Some("leave it out, or write something into it".to_owned()))
        }
        other => (if other.keyword() == "type" { Code::WrongType } else { Code::NotAllowed }, None, None),
    }
}

fn type_help(types: &[&str], value: &Value, path: &KeyPath) -> Option<String> {
    let keys: Vec<&str> = path.iter().filter_map(|step| if let Step::Key(key) = step { Some(key.as_str()) } else { None }).collect();
    let (key, whole) = (keys.last()?, keys.join("."));
    let has = |name: &str| types.contains(&name);
    match value {
        Value::Array(items) if has("string") && items.len() == 1 && items[0].is_string() => {
            Some("write it without brackets: there is only one".to_owned())
        }
        Value::Number(_) | Value::Bool(_) if has("string") => Some(format!("write it in quotes: \"{value}\"")),
        Value::String(text) if has("boolean") && matches!(text.as_str(), "true" | "false") => {
            Some(format!("write `{text}` without quotes"))
        }
        Value::String(text) if (has("integer") || has("number")) && text.parse::<f64>().is_ok() => {
            Some(format!("write `{text}` without quotes"))
        }
        Value::String(_) if has("boolean") => Some("write `true` or `false`".to_owned()),
        Value::String(text) if has("array") => Some(format!("write it in brackets: `{key} = [\"{text}\"]`")),
        Value::Object(_) if has("array") => Some(format!("write `[[{whole}]]`, with two brackets: there may be several")),
        Value::Array(items) if has("object") && items.iter().all(Value::is_object) => {
            Some(format!("write `[{whole}]`, with one pair of brackets: there is only one"))
        }
        _ if has("object") => Some(format!("write `{key} = {{ ... }}`, or a section `[{whole}]`")),
        _ => None,
    }
}

/// What can stand in for a missing value without meaning anything.
fn stand_in(schema: &Value, at: &str, key: &str) -> Option<Value> {
    let property = follow(schema, at)?.get("properties")?.get(key)?;
    let target = property.get("allOf").and_then(|list| list.get(0)).unwrap_or(property);
    let target = match target.get("$ref").and_then(Value::as_str) {
        Some(reference) => schema.pointer(reference.trim_start_matches('#'))?,
        None => target,
    };
    match target.get("type").and_then(Value::as_str) {
        Some("string") if target.get("enum").is_none() => Some(json!("")),
        Some("array") => Some(json!([])),
        Some("object") if target.get("required").is_none() => Some(json!({})),
        _ => None,
    }
}

/// The only table of this kind of file that has such a key: its path, with `NAME` for names of one's own; empty for the top.
fn home(schema: &Value, key: &str) -> Option<String> {
    fn walk(schema: &Value, here: &Value, key: &str, trail: &mut Vec<String>, found: &mut Vec<String>) {
        if trail.len() > 4 {
            return;
        }
        let here = here.get("allOf").and_then(|list| list.get(0)).unwrap_or(here);
        let here = match here.get("$ref").and_then(Value::as_str) {
            Some(reference) => schema.pointer(reference.trim_start_matches('#')).unwrap_or(here),
            None => here,
        };
        let properties = here.get("properties").and_then(Value::as_object);
        if properties.is_some_and(|p| p.contains_key(key)) {
            found.push(trail.join("."));
        }
        let named = properties.into_iter().flatten().map(|(name, inner)| (name.as_str(), inner));
        let own = here.get("additionalProperties").filter(|a| a.is_object()).map(|inner| ("NAME", inner));
        for (name, inner) in named.chain(own) {
            trail.push(name.to_owned());
            let inner = inner.get("items").unwrap_or(inner);
            walk(schema, inner, key, trail, found);
            trail.pop();
        }
    }
    let mut found = Vec::new();
    walk(schema, schema, key, &mut Vec::new(), &mut found);
    found.dedup();
    match found.as_slice() {
        [only] => Some(only.clone()),
        _ => None,
    }
}

fn below(path: &KeyPath, key: &str) -> KeyPath {
    let mut path = path.clone();
    path.push(Step::Key(key.to_owned()));
    path
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

fn type_word(name: &str) -> String {
    match name {
        "string" => "text",
        "number" => "a number",
        "integer" => "a whole number",
        "boolean" => "true or false",
        "array" => "a list",
        "object" => "a table",
        other => other,
    }
    .to_owned()
}

fn value_word(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "text",
        Value::Number(n) if n.is_f64() => "a fraction",
        Value::Number(_) => "a number",
        Value::Bool(true) => "`true`",
        Value::Bool(false) => "`false`",
        Value::Array(_) => "a list",
        Value::Object(_) => "a table",
        Value::Null => "nothing",
    }
}

/// What a path is called in a message. The excerpt shows which item of a list it is, so no number is needed.
fn here(path: &KeyPath, document: &Document) -> String {
    let key = |step: &Step| match step {
        Step::Key(key) => key.clone(),
        Step::Index(index) => (index + 1).to_string(),
    };
    let name = |steps: &[Step]| steps.iter().filter(|s| matches!(s, Step::Key(_))).map(key).collect::<Vec<_>>().join(".");
    match path.iter().rposition(|step| matches!(step, Step::Index(_))) {
        _ if path.is_empty() => "this file".to_owned(),
        None => format!("`{}`", name(path)),
        Some(last) if last + 1 < path.len() => format!("`{}`", name(&path[last + 1..])),
        Some(last) if document.text[document.span(&document.place(path))].starts_with("[[") => {
            format!("this `[[{}]]`", name(&path[..last]))
        }
        Some(last) => format!("item {} of `{}`", key(&path[last]), name(&path[..last])),
    }
}

/// A JSON pointer as a key path; what it points into says whether a number is a key or an index.
fn key_path(pointer: &str, root: &Value) -> KeyPath {
    let mut here = Some(root);
    pointer
        .split('/')
        .skip(1)
        .map(|part| {
            let part = part.replace("~1", "/").replace("~0", "~");
            let step = match here {
                Some(Value::Array(_)) => part.parse().map_or_else(|_| Step::Key(part.clone()), Step::Index),
                _ => Step::Key(part.clone()),
            };
            here = here.and_then(|value| match &step {
                Step::Key(key) => value.get(key),
                Step::Index(index) => value.get(index),
            });
            step
        })
        .collect()
}

fn properties(schema: &Value, parent: &str) -> Vec<String> {
    let at = follow(schema, parent);
    at.and_then(|s| s.get("properties")).and_then(Value::as_object).map(|p| p.keys().cloned().collect()).unwrap_or_default()
}

/// The first sentence of a key's description, as the second half of a sentence.
fn describe(schema: &Value, at: &str, key: &str) -> Option<String> {
    let text = follow(schema, at)?.get("properties")?.get(key)?.get("description")?.as_str()?;
    let sentence = text.split(". ").next().unwrap_or(text).trim_end_matches('.');
    let mut chars = sentence.chars();
    let first = chars.next()?;
    // `IANA time zone` stays as it is.
    let word = sentence.split(' ').next().unwrap_or_default();
    let shouts = word.chars().count() > 1 && word.chars().all(char::is_uppercase);
    Some(if shouts { sentence.to_owned() } else { first.to_lowercase().collect::<String>() + chars.as_str() })
}

/// Walks a schema path, which steps through `$ref`.
fn follow<'a>(schema: &'a Value, path: &str) -> Option<&'a Value> {
    let mut here = schema;
    for part in path.split('/').skip(1) {
        if part == "$ref" {
            here = schema.pointer(here.get("$ref")?.as_str()?.trim_start_matches('#'))?;
            continue;
        }
        let part = part.replace("~1", "/").replace("~0", "~");
        here = match here {
            Value::Array(items) => items.get(part.parse::<usize>().ok()?)?,
            other => other.get(&part)?,
        };
    }
    Some(here)
}
