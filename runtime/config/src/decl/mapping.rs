//! `mappings/<system>/<object>.toml`: which outcome value goes into which field, under which policy.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A mapping of a call outcome onto one object of one system.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MappingDecl {
    /// The system's folder in `mappings/`.
    pub system: String,
    /// The object, by the name that the connector gives it: `contact`, `call`, `task`, `event`.
    pub object: String,
    /// What this mapping is for, in a line.
    pub title: Option<String>,
    /// The system's fields, each with the value that it gets. A dot in a field's name goes one level down.
    pub fields: IndexMap<String, FieldDecl>,
    /// Links to other records of the same call, by the connector's name for the link: `["contact"]`.
    #[serde(default)]
    pub links: Vec<String>,
}

/// The value of one field: a template by itself, or a table that also says how it is written.
#[derive(Clone, Debug, Serialize)]
pub struct FieldDecl {
    /// What goes in: text with `{{...}}`, or a fixed value. A template that is one expression keeps the value's type; an absent value leaves the field out.
    pub value: Value,
    /// How it meets what is there already. Left out: `set`.
    pub policy: PolicyDecl,
    /// The policy when the record is new, if it differs.
    pub on_create: Option<PolicyDecl>,
    /// The policy when the record exists, if it differs.
    pub on_update: Option<PolicyDecl>,
    /// With `fill`: further fields, the first empty one of which takes the value when this field already holds another.
    pub else_to: Vec<String>,
    /// Translates the value: what we say on the left, what the system says on the right. A value that is not listed goes in as it is.
    pub map: IndexMap<String, Value>,
    /// With `advance`: the values in their order; the field only ever moves forward.
    pub order: Vec<String>,
    /// The longest text that the field takes, in characters; longer text is cut at a word, and the receipt says so.
    pub max_chars: Option<usize>,
    /// With `append`: what stands between the old text and the new. Left out: a line break.
    pub separator: Option<String>,
    /// The record is not worth writing without this field: when the system refuses it, the whole write fails. Otherwise the field alone is left out.
    pub required: bool,
}

/// The table form of a field, as serde and the schema see it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FieldTable {
    /// What goes in: text with `{{...}}`, or a fixed value. A template that is one expression keeps the value's type; an absent value leaves the field out.
    value: Value,
    /// How it meets what is there already. Left out: `set`.
    policy: Option<PolicyDecl>,
    /// The policy when the record is new, if it differs.
    on_create: Option<PolicyDecl>,
    /// The policy when the record exists, if it differs.
    on_update: Option<PolicyDecl>,
    /// With `fill`: further fields, the first empty one of which takes the value when this field already holds another.
    #[serde(default)]
    else_to: Vec<String>,
    /// Translates the value: what we say on the left, what the system says on the right.
    #[serde(default)]
    map: IndexMap<String, Value>,
    /// With `advance`: the values in their order; the field only ever moves forward.
    #[serde(default)]
    order: Vec<String>,
    /// The longest text that the field takes, in characters; longer text is cut at a word, and the receipt says so.
    max_chars: Option<usize>,
    /// With `append`: what stands between the old text and the new. Left out: a line break.
    separator: Option<String>,
    /// When the system refuses this field, the whole write fails. Left out: the field alone is left out.
    #[serde(default)]
    required: bool,
}

impl<'de> Deserialize<'de> for FieldDecl {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        if !value.is_object() {
            return Ok(Self {
                value,
                policy: PolicyDecl::Set,
                on_create: None,
                on_update: None,
                else_to: Vec::new(),
                map: IndexMap::new(),
                order: Vec::new(),
                max_chars: None,
                separator: None,
                required: false,
            });
        }
        let table: FieldTable = serde_json::from_value(value).map_err(serde::de::Error::custom)?;
        Ok(Self {
            value: table.value,
            policy: table.policy.unwrap_or(PolicyDecl::Set),
            on_create: table.on_create,
            on_update: table.on_update,
            else_to: table.else_to,
            map: table.map,
            order: table.order,
            max_chars: table.max_chars,
            separator: table.separator,
            required: table.required,
        })
    }
}

impl JsonSchema for FieldDecl {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Field".into()
    }
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        // One schema and no `anyOf`: keywords for objects say nothing about strings, so the message names the key at fault.
        let mut schema = FieldTable::json_schema(generator);
        schema.insert("type".to_owned(), serde_json::json!(["string", "number", "boolean", "array", "object"]));
        schema.insert(
            "description".to_owned(),
            serde_json::json!("The value of one field: a template or fixed value by itself, or a table that also says how it is written."),
        );
        schema
    }
}

/// How a value meets what the field already holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PolicyDecl {
    /// Ours wins.
    Set,
    /// Only where the field is empty.
    Fill,
    /// Only over a value that we wrote last; a person's edit is kept and shown as a conflict.
    Ours,
    /// Added below what is there, once per call.
    Append,
    /// Only forward in the declared order.
    Advance,
    /// Only when this call is newer than the call that wrote the field last.
    Newest,
    /// Never written.
    Never,
}

impl PolicyDecl {
    /// The word that stands in TOML and in plans.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Set => "set",
            Self::Fill => "fill",
            Self::Ours => "ours",
            Self::Append => "append",
            Self::Advance => "advance",
            Self::Newest => "newest",
            Self::Never => "never",
        }
    }
}
