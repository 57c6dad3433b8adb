//! The JSON Schemas of every kind of file, made from the Rust types, and the check of a document against them.
//!
//! `schema/*.schema.json` are these, written out; a test fails when they drift.

use std::sync::LazyLock;

use jsonschema::Validator;
use jsonschema::error::{TypeKind, ValidationErrorKind};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::call::CallOutcome;
use crate::decl::{ConnectorDecl, MappingDecl, MatchDecl, PipelineDecl, ProjectDecl, SourceDecl};
use crate::finding::{Code, Finding};
use crate::source::{Document, KeyPath, Step};

/// The kinds of file that a project is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// `aftercall.toml`.
    Project,
    /// `pipelines/*.toml`.
    Pipeline,
    /// `mappings/**/*.toml`.
    Mapping,
    /// `mappings/<system>/connector.toml`.
    Connector,
    /// `mappings/<source>/source.toml`.
    Source,
    /// `mappings/match/*.toml`.
    Match,
    /// One finished call, as JSON.
    CallOutcome,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 7] = [Self::Project, Self::Pipeline, Self::Mapping, Self::Connector, Self::Source, Self::Match, Self::CallOutcome];

    /// The name in `schema/<name>.schema.json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Project => "project",
            Self::Pipeline => "pipeline",
            Self::Mapping => "mapping",
            Self::Connector => "connector",
            Self::Source => "source",
            Self::Match => "match",
            Self::CallOutcome => "call-outcome",
        }
    }

    /// What kind of file a path is; `None` where it is none of ours.
    pub fn of_path(path: &str) -> Option<Self> {
        if !path.ends_with(".toml") {
            return None;
        }
        let parts: Vec<&str> = path.split('/').collect();
        match parts.as_slice() {
            ["aftercall.toml"] => Some(Self::Project),
            ["pipelines", ..] => Some(Self::Pipeline),
            ["mappings", "match", _] => Some(Self::Match),
            ["mappings", _, "connector.toml"] => Some(Self::Connector),
            ["mappings", _, "source.toml"] => Some(Self::Source),
            ["mappings", _, _, ..] => Some(Self::Mapping),
            _ => None,
        }
    }

    /// The schema, as it is published.
    pub fn schema(self) -> Value {
        let mut schema = match self {
            Self::Project => generate::<ProjectDecl>(),
            Self::Pipeline => generate::<PipelineDecl>(),
            Self::Mapping => generate::<MappingDecl>(),
            Self::Connector => generate::<ConnectorDecl>(),
            Self::Source => generate::<SourceDecl>(),
            Self::Match => generate::<MatchDecl>(),
            Self::CallOutcome => generate::<CallOutcome>(),
        };
        simplify(&mut schema);
        schema
    }

    fn validator(self) -> &'static (Value, Validator) {
        static ALL: LazyLock<Vec<(Value, Validator)>> = LazyLock::new(|| {
            Kind::ALL
                .iter()
                .map(|kind| {
                    let schema = kind.schema();
                    #[expect(clippy::expect_used, reason = "the schema comes from our own types; a test compiles all of them")]
                    let validator = jsonschema::validator_for(&schema).expect("our own schema is valid");
                    (schema, validator)
                })
                .collect()
        });
        &ALL[self as usize]
    }
}

fn generate<T: JsonSchema>() -> Value {
    let generator = SchemaSettings::draft07().into_generator();
    generator.into_root_schema_for::<T>().to_value()
}

/// Makes messages and editors happier: no `null` (TOML has none), plain `enum` instead of `oneOf` of constants.
fn simplify(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            if let Some(Value::Array(types)) = map.get_mut("type") {
                types.retain(|t| t != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    map.insert("type".to_owned(), only);
                }
            }
            if let Some(Value::Array(branches)) = map.get_mut("anyOf") {
                branches.retain(|b| b.get("type") != Some(&json!("null")));
                if branches.len() == 1
                    && let Some(Value::Object(only)) = map.remove("anyOf").and_then(|mut b| b.as_array_mut().and_then(Vec::pop))
                {
                    map.extend(only);
                }
            }
            // Draft 7 ignores what stands beside `$ref`; `allOf` keeps the description of the place.
            if map.len() > 1
                && let Some(reference) = map.remove("$ref")
            {
                map.insert("allOf".to_owned(), json!([{ "$ref": reference }]));
            }
            if let Some(Value::Array(branches)) = map.get("oneOf") {
                let constants: Option<Vec<(Value, Value)>> = branches
                    .iter()
                    .map(|b| {
                        let value = b.get("const").or_else(|| b.get("enum").and_then(|e| e.get(0)))?;
                        Some((value.clone(), b.get("description").cloned().unwrap_or(json!(""))))
                    })
                    .collect();
                if let Some(constants) = constants {
                    let (values, docs): (Vec<Value>, Vec<Value>) = constants.into_iter().unzip();
                    map.remove("oneOf");
                    map.insert("type".to_owned(), json!("string"));
                    map.insert("enum".to_owned(), Value::Array(values));
                    map.insert("x-taplo".to_owned(), json!({ "docs": { "enumValues": docs } }));
                }
            }
            // serde's defaults of optional lists and tables tell nobody anything.
            if matches!(map.get("default"), Some(Value::Null)) {
                map.remove("default");
            }
            map.values_mut().for_each(simplify);
        }
        Value::Array(items) => items.iter_mut().for_each(simplify),
        _ => {}
    }
}

/// Checks a document against the schema of its kind; true when nothing is wrong.
pub fn validate(kind: Kind, document: &Document, findings: &mut Vec<Finding>) -> bool {
    let before = findings.len();
    let (schema, validator) = kind.validator();
    for error in validator.iter_errors(&document.value) {
        let path = key_path(error.instance_path().as_str());
        let place = document.place(&path);
        let here = here(&path);
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                let parent = error.schema_path().as_str().rsplit_once('/').map_or("", |(parent, _)| parent);
                let names = properties(schema, parent);
                for key in unexpected {
                    let place = place.clone().down(key).key();
                    let finding = Finding::new(Code::UnknownKey, format!("{here} has no key `{key}`"), place);
                    findings.push(finding.suggest(key, names.iter().map(String::as_str)));
                }
            }
            ValidationErrorKind::Required { property } => {
                let key = property.as_str().unwrap_or_default();
                let mut finding = Finding::new(Code::MissingKey, format!("{here} lacks `{key}`"), place.key());
                if let Some(text) = describe(schema, error.schema_path().as_str(), key) {
                    finding = finding.help(format!("`{key}`: {text}"));
                }
                findings.push(finding);
            }
            ValidationErrorKind::Type { kind } => {
                let expected = match kind {
                    TypeKind::Single(one) => type_word(one.as_str()),
                    TypeKind::Multiple(many) => {
                        many.iter().map(|t| type_word(t.as_str())).collect::<Vec<_>>().join(" or ")
                    }
                };
                let found = value_word(error.instance());
                findings.push(Finding::new(Code::WrongType, format!("{here} is {found}, not {expected}"), place));
            }
            ValidationErrorKind::Enum { options } => {
                let names: Vec<&str> = options.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
                let written = error.instance().as_str().unwrap_or_default().to_owned();
                let message = format!("{here} cannot be `{written}`");
                findings.push(Finding::new(Code::NotAllowed, message, place).suggest(&written, names));
            }
            other => {
                let message = format!("{here} does not fit: {}", error.masked().to_string().replace('"', "`"));
                let code = if other.keyword() == "type" { Code::WrongType } else { Code::NotAllowed };
                findings.push(Finding::new(code, message, place));
            }
        }
    }
    findings.len() == before
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
        Value::Bool(_) => "true or false",
        Value::Array(_) => "a list",
        Value::Object(_) => "a table",
        Value::Null => "nothing",
    }
}

fn here(path: &KeyPath) -> String {
    if path.is_empty() {
        return "this file".to_owned();
    }
    let mut text = String::new();
    for step in path {
        match step {
            Step::Key(key) if text.is_empty() => text.push_str(key),
            Step::Key(key) => {
                text.push('.');
                text.push_str(key);
            }
            Step::Index(index) => text.push_str(&format!("[{}]", index + 1)),
        }
    }
    format!("`{text}`")
}

/// A JSON pointer as a key path. A number in a pointer is an index here, which the document's own spans decide.
fn key_path(pointer: &str) -> KeyPath {
    pointer
        .split('/')
        .skip(1)
        .map(|part| {
            let part = part.replace("~1", "/").replace("~0", "~");
            part.parse().map_or_else(|_| Step::Key(part.clone()), Step::Index)
        })
        .collect()
}

fn properties(schema: &Value, parent: &str) -> Vec<String> {
    let at = follow(schema, parent);
    at.and_then(|s| s.get("properties")).and_then(Value::as_object).map(|p| p.keys().cloned().collect()).unwrap_or_default()
}

fn describe(schema: &Value, path: &str, key: &str) -> Option<String> {
    let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
    let parent = parent.rsplit_once("/required").map_or(parent, |(p, _)| p);
    let text = follow(schema, parent)?.get("properties")?.get(key)?.get("description")?.as_str()?;
    Some(text.split('.').next().unwrap_or(text).to_owned())
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

/// All schemas as files: path below `schema/` → text.
pub fn files() -> Vec<(String, String)> {
    Kind::ALL
        .iter()
        .map(|kind| {
            let mut schema = Map::new();
            schema.insert("$schema".to_owned(), json!("http://json-schema.org/draft-07/schema#"));
            schema.insert("title".to_owned(), json!(format!("aftercall {}", kind.name())));
            if let Value::Object(rest) = kind.schema() {
                for (key, value) in rest {
                    if key != "$schema" && key != "title" {
                        schema.insert(key, value);
                    }
                }
            }
            let text = serde_json::to_string_pretty(&Value::Object(schema)).unwrap_or_default();
            (format!("{}.schema.json", kind.name()), text + "\n")
        })
        .collect()
}
