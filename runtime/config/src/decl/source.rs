//! `mappings/<source>/source.toml`: how a voice platform's payload becomes a call outcome.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ListDecl;

/// A voice platform as input.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceDecl {
    /// The name in `POST /v1/calls/{source}`; the folder's name.
    pub source: String,
    /// The platform's name for people.
    pub title: Option<String>,
    /// How the sender proves itself. Left out: the platform cannot, and the project must say `allow_unsigned`.
    pub signature: Option<SignatureDecl>,
    /// Which payloads are about a finished call. The first rule whose condition holds decides; a payload that meets none is kept and listed.
    pub event: Vec<EventDecl>,
    /// Values with a name of their own for the templates below, such as an extracted object that may stand in several places. Read as `let.NAME`.
    #[serde(default)]
    pub r#let: IndexMap<String, Value>,
    /// The call outcome's fields, each a template over `payload` and `let`; of a list, the first that gives a value counts. A dot goes one level down: `caller.phone`.
    pub outcome: IndexMap<String, SourceFieldDecl>,
    /// Values that a project may set under `[source.NAME] settings`, with what holds where it does not; empty text is no value. Read as
    /// `settings.NAME` in `[live]`.
    #[serde(default)]
    pub settings: IndexMap<String, Value>,
    /// How the platform asks about a caller while the call begins. Left out: it does not.
    pub live: Option<LiveDecl>,
    /// The platform's own list of calls, from which `aftercall backfill` takes in what was never delivered. Left out: there is none.
    pub list: Option<ListDecl>,
}

/// A request of the platform that waits for an answer about the caller. It comes to the same address as finished calls, is verified like
/// them, and is not kept.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LiveDecl {
    /// Which payloads: a condition over `payload` and `settings`, such as `payload.event == "call_inbound"`.
    pub when: String,
    /// The caller's number: a template over `payload`, a list of which the first that gives a value counts, or a table.
    pub phone: SourceFieldDecl,
    /// The caller's e-mail address.
    pub email: Option<SourceFieldDecl>,
    /// The caller's name.
    pub name: Option<SourceFieldDecl>,
    /// The answer: a table of templates over `payload`, `settings`, `text` (the pipeline's text) and all that `[context] text` sees. What is
    /// not known is left out, so give a `default` where the platform wants a value.
    pub answer: IndexMap<String, Value>,
}

/// One kind of payload.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventDecl {
    /// A condition over `payload`, such as `payload.event == "call_analyzed"`.
    pub when: String,
    /// What such a payload is.
    pub is: EventKind,
    /// With `provisional`: how long to wait for the analysis before the call is worked without it, in seconds.
    pub wait_s: Option<u32>,
}

/// What a payload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// The finished call.
    Call,
    /// The finished call before its analysis; worked after `wait_s` if nothing better comes.
    Provisional,
    /// Nothing for us: accepted, kept, not listed.
    Ignore,
}

/// One field of the outcome: a template, a list of templates, or a table.
#[derive(Clone, Debug, Serialize)]
pub struct SourceFieldDecl {
    /// Templates; the first that gives a value counts.
    pub first_of: Vec<Value>,
    /// Translates the platform's word into ours. `*` at either end stands for anything; the first that fits counts, and without one the value stays.
    pub map: IndexMap<String, Value>,
    /// How the value is read.
    pub parse: Option<ParseDecl>,
}

/// The table form.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SourceFieldTable {
    /// A template.
    value: Option<Value>,
    /// Templates; the first that gives a value counts.
    #[serde(default)]
    first_of: Vec<Value>,
    /// Translates the platform's word into ours. `*` at either end stands for anything.
    #[serde(default)]
    map: IndexMap<String, Value>,
    /// How the value is read.
    parse: Option<ParseDecl>,
}

impl<'de> Deserialize<'de> for SourceFieldDecl {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Ok(match value {
            Value::Array(first_of) => Self { first_of, map: IndexMap::new(), parse: None },
            Value::Object(_) => {
                let table: SourceFieldTable = serde_json::from_value(value).map_err(serde::de::Error::custom)?;
                let first_of = table.value.into_iter().chain(table.first_of).collect();
                Self { first_of, map: table.map, parse: table.parse }
            }
            one => Self { first_of: vec![one], map: IndexMap::new(), parse: None },
        })
    }
}

impl JsonSchema for SourceFieldDecl {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "SourceField".into()
    }
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let mut schema = SourceFieldTable::json_schema(generator);
        schema.insert("type".to_owned(), serde_json::json!(["string", "number", "boolean", "array", "object"]));
        schema.insert(
            "description".to_owned(),
            serde_json::json!("A template, a list of templates of which the first that gives a value counts, or a table."),
        );
        schema
    }
}

/// How a value of the payload is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ParseDecl {
    /// A number, also from text.
    Number,
    /// Milliseconds; the value becomes seconds.
    Milliseconds,
    /// Minutes; the value becomes seconds.
    Minutes,
    /// A time as ISO 8601 text, or as seconds or milliseconds since 1970.
    Time,
    /// A boolean, also from text.
    Boolean,
    /// A list of `{role, message}` becomes readable lines.
    Transcript,
}

/// How the sender proves itself, over the raw bytes.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignatureDecl {
    /// `hmac_sha256` over the message below, or `token`: the header holds the secret itself.
    pub scheme: SignatureScheme,
    /// The header with the signature, in lower case.
    pub header: String,
    /// What is signed, from `{body}`, `{timestamp}` and `{id}`. Left out: `{body}`.
    pub message: Option<String>,
    /// How the signature is written. Left out: `hex`.
    pub encoding: Option<SignatureEncoding>,
    /// When the header holds several `key=value` parts: the key of the signature. Several with that key may come.
    pub signature_key: Option<String>,
    /// A prefix before the signature, such as `v1,` or `sha256=` or `Bearer `.
    pub prefix: Option<String>,
    /// When the header holds several parts: the key of the timestamp.
    pub timestamp_key: Option<String>,
    /// The header with the timestamp, when it has one of its own.
    pub timestamp_header: Option<String>,
    /// The header with the message id, when `{id}` is signed.
    pub id_header: Option<String>,
    /// How old or how far ahead a timestamp may be, in seconds. Left out: 300.
    pub tolerance_s: Option<u64>,
    /// The secret is base64 after this prefix, such as `whsec_`.
    pub secret_base64_prefix: Option<String>,
}

/// How the sender proves itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignatureScheme {
    /// HMAC with SHA-256 over the message.
    HmacSha256,
    /// The header holds the secret itself.
    Token,
}

/// How a signature is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignatureEncoding {
    /// Hexadecimal.
    Hex,
    /// Base64 with padding.
    Base64,
}
