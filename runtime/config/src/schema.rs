//! The JSON Schemas of every kind of file, made from the Rust types, and the check of a document against them.
//!
//! `schema/*.schema.json` are these, written out; a test fails when they drift.

mod fit;
pub mod own;

use std::sync::LazyLock;

use jsonschema::Validator;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::call::CallOutcome;
use crate::caller::CallerContext;
use crate::decl::{ConfigTestDecl, ConnectorDecl, MappingDecl, MatchDecl, PipelineDecl, ProjectDecl, SourceDecl, TableDecl};
use crate::difference::DiffDocument;
use crate::lock::Lock;

pub use self::fit::validate;
pub(crate) use self::fit::{LeftOut, mend};

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
    /// `mappings/match/tables/*.toml`.
    MatchTable,
    /// `tests/*.toml`.
    ConfigTest,
    /// One finished call, as JSON.
    CallOutcome,
    /// What is told about a caller, as JSON.
    CallerContext,
    /// `schema/<connection>.json`: what a system told of its own fields.
    Lock,
    /// Two revisions over the same calls, as JSON.
    Diff,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 12] = [
        Self::Project,
        Self::Pipeline,
        Self::Mapping,
        Self::Connector,
        Self::Source,
        Self::Match,
        Self::MatchTable,
        Self::ConfigTest,
        Self::CallOutcome,
        Self::CallerContext,
        Self::Lock,
        Self::Diff,
    ];

    /// The name in `schema/<name>.schema.json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Project => "project",
            Self::Pipeline => "pipeline",
            Self::Mapping => "mapping",
            Self::Connector => "connector",
            Self::Source => "source",
            Self::Match => "match",
            Self::MatchTable => "match-table",
            Self::ConfigTest => "config-test",
            Self::CallOutcome => "call-outcome",
            Self::CallerContext => "caller-context",
            Self::Lock => "lock",
            Self::Diff => "diff",
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
            ["tests", _] => Some(Self::ConfigTest),
            ["mappings", "match", "tables", _] => Some(Self::MatchTable),
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
            Self::MatchTable => generate::<TableDecl>(),
            Self::ConfigTest => generate::<ConfigTestDecl>(),
            Self::CallOutcome => generate::<CallOutcome>(),
            Self::CallerContext => generate::<CallerContext>(),
            Self::Lock => generate::<Lock>(),
            Self::Diff => generate::<DiffDocument>(),
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

/// A schema as it stands in its file.
fn published(kind: Kind) -> Value {
    titled(kind.name(), kind.schema())
}

fn titled(name: &str, mut of: Value) -> Value {
    let_anything(&mut of);
    let mut schema = Map::new();
    schema.insert("$schema".to_owned(), json!("http://json-schema.org/draft-07/schema#"));
    schema.insert("title".to_owned(), json!(format!("aftercall {name}")));
    if let Value::Object(rest) = of {
        schema.extend(rest.into_iter().filter(|(key, _)| key != "$schema" && key != "title"));
    }
    Value::Object(schema)
}

/// Says of whatever may hold any value that it may have any members: an editor that takes what is not named for a mistake asks for it.
fn let_anything(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            let says_nothing = map.keys().all(|key| ["description", "default", "title"].contains(&key.as_str()));
            if says_nothing && map.get("description").is_some_and(Value::is_string) {
                map.insert("additionalProperties".to_owned(), Value::Bool(true));
            }
            map.values_mut().for_each(let_anything);
        }
        Value::Array(items) => items.iter_mut().for_each(let_anything),
        _ => {}
    }
}

/// The text of a schema's file.
fn written(schema: &Value) -> String {
    serde_json::to_string_pretty(schema).unwrap_or_default() + "\n"
}

/// All schemas as files: path below `schema/` → text.
pub fn files() -> Vec<(String, String)> {
    Kind::ALL.iter().map(|kind| (format!("{}.schema.json", kind.name()), written(&published(*kind)))).collect()
}

/// The schema of a type of another room, as a file.
pub fn file_of<T: JsonSchema>(name: &str) -> (String, String) {
    let mut schema = generate::<T>();
    simplify(&mut schema);
    (format!("{name}.schema.json"), written(&titled(name, schema)))
}
