//! `[metadata]` of a connector: how the system tells of its own objects and fields.
//!
//! Not for what it told: that is `lock`.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::RequestDecl;

/// How a system tells of its fields, for `aftercall describe`. Conditions and the template `type` see one `field` as the answer has it.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MetadataDecl {
    /// Describes one object; templates see `object.name`.
    pub request: RequestDecl,
    /// Where the fields stand in the answer.
    pub fields: String,
    /// Where a field has the name that mappings use.
    pub name: String,
    /// Where a field has its name for people.
    pub label: Option<String>,
    /// The system's word for a field's type, a template: `{{field.type}}`.
    pub r#type: String,
    /// What those words mean; the first that fits counts, and `*` at either end stands for anything. A type that is not listed is `other`: it takes
    /// whatever a mapping gives it.
    pub types: IndexMap<String, FieldType>,
    /// Where a field has the most characters that it takes; nothing or 0 there is no limit.
    pub length: Option<String>,
    /// Whether a new record may say it, a condition. Left out: always.
    pub create: Option<String>,
    /// Whether a record that is there may be told otherwise, a condition. Left out: always.
    pub update: Option<String>,
    /// Whether there is no new record without it, a condition. Left out: never; see `required` of an object.
    pub required: Option<String>,
    /// Whether no two records have the same value, and a record is found by it: a condition. Left out: never.
    pub unique: Option<String>,
    /// Where a picklist has its values.
    pub values: Option<String>,
    /// Where one of them has what is written into the field. Left out: `/value`.
    pub value: Option<String>,
    /// Which of them may still be chosen, a condition over `value`. Left out: all.
    pub active: Option<String>,
    /// Whether a value is refused that the picklist lacks, a condition. Left out: never.
    pub closed: Option<String>,
    /// The system takes numbers and truth values where a field is text, and times as numbers.
    #[serde(default)]
    pub converts: bool,
}

/// What a field holds, whatever the system calls it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FieldType {
    /// A line of text.
    Text,
    /// Text of several lines.
    LongText,
    /// A number.
    Number,
    /// A whole number.
    Integer,
    /// True or false.
    Boolean,
    /// A day.
    Date,
    /// A moment.
    Datetime,
    /// A telephone number.
    Phone,
    /// An e-mail address.
    Email,
    /// An address on the web.
    Url,
    /// One value of a list.
    Picklist,
    /// Several values of a list, with semicolons between.
    MultiPicklist,
    /// Another record's id.
    Reference,
    /// The record's own id.
    Id,
    /// Something else.
    #[default]
    Other,
}

impl FieldType {
    /// For messages, with its article.
    pub fn word(self) -> &'static str {
        match self {
            Self::Text | Self::LongText => "text",
            Self::Number => "a number",
            Self::Integer => "a whole number",
            Self::Boolean => "true or false",
            Self::Date => "a day",
            Self::Datetime => "a moment",
            Self::Phone => "a telephone number",
            Self::Email => "an e-mail address",
            Self::Url => "an address on the web",
            Self::Picklist => "a picklist",
            Self::MultiPicklist => "a picklist of several values",
            Self::Reference => "another record's id",
            Self::Id => "the record's id",
            Self::Other => "something else",
        }
    }
}
