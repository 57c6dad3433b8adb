//! `pipelines/*.toml`: what happens to a call.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ContextDecl, FieldDecl, RetryDecl};

/// A pipeline: which calls, who called, what is written, who follows up.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PipelineDecl {
    /// The pipeline's name; it appears in the call log.
    pub name: String,
    /// Sources whose calls come here. Left out: all of the project's sources.
    #[serde(default)]
    pub source: Vec<String>,
    /// A condition that a call must meet, such as `call.direction == "inbound"`. A call takes the first pipeline, by file name, that fits.
    pub when: Option<String>,
    /// The connection of every write that names none, and the one whose records are searched for the caller.
    pub connection: String,
    /// Who called?
    #[serde(default)]
    pub r#match: PipelineMatchDecl,
    /// What is written, in this order where one depends on another.
    #[serde(default)]
    pub write: Vec<WriteDecl>,
    /// Who follows up: by name, rules of which the first that holds decides.
    #[serde(default)]
    pub route: IndexMap<String, Vec<RouteDecl>>,
    /// How often and how long a failed write is tried again, per error class; `default` is for all the others.
    #[serde(default)]
    pub retry: IndexMap<String, RetryDecl>,
    /// What is told about a caller while the call is under way.
    #[serde(default)]
    pub context: ContextDecl,
}

/// How this pipeline decides who called.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PipelineMatchDecl {
    /// The rules to use: the name of a file in `mappings/match/`.
    pub r#use: String,
    /// What happens when several records fit.
    pub on_ambiguous: OnAmbiguous,
    /// What happens when there is neither number nor e-mail to search by.
    pub on_no_identity: OnNoIdentity,
}

impl Default for PipelineMatchDecl {
    fn default() -> Self {
        Self { r#use: "person".to_owned(), on_ambiguous: OnAmbiguous::default(), on_no_identity: OnNoIdentity::default() }
    }
}

/// What happens when several records fit the caller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnAmbiguous {
    /// A new record holds the data, and a review asks a person to merge it.
    #[default]
    CreateAndReview,
    /// The likeliest record gets the data, and a review asks a person to confirm.
    BestAndReview,
    /// Nothing is written until a person has answered.
    Hold,
}

/// What happens when there is nothing to search by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnNoIdentity {
    /// A new record.
    #[default]
    Create,
    /// No contact: the call log and tasks stand alone.
    Skip,
}

/// One write: a mapping applied when a condition holds.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WriteDecl {
    /// A name of your own for this write, unique in the pipeline. It goes into the marker: renaming it makes a new record on replay.
    pub id: String,
    /// The mapping to use: `mappings/<this>.toml`.
    pub mapping: String,
    /// The connection to write to. Left out: the pipeline's.
    pub connection: Option<String>,
    /// An existing record to change, such as `context.open_opportunities.newest`. Nothing happens where there is none.
    pub target: Option<String>,
    /// A condition that the call must meet, such as `outcome == "booked"`. Left out: always.
    pub when: Option<String>,
    /// The route that decides owner, due date and priority; the mapping reads them as `route.owner`, `route.due`, `route.priority`.
    pub route: Option<String>,
    /// Fields added to the mapping's, or in place of them.
    #[serde(default)]
    pub fields: IndexMap<String, FieldDecl>,
    /// Links to other records, added to the mapping's: the connector's name for the link, or `name = "write id"`.
    #[serde(default)]
    pub links: Vec<String>,
    /// How this write is tried again, over the pipeline's own `retry`: per error class, `default` for all the others.
    #[serde(default)]
    pub retry: IndexMap<String, RetryDecl>,
    /// `at_least_once`: where the answer is lost and the system cannot tell a second record from the first, send again rather than wait for a
    /// person. It may then be there twice. Left out: the strongest promise that the system keeps.
    pub guarantee: Option<GuaranteeDecl>,
    /// Whether the record is read back after it was written, one request each time: `always`, `sample` (one write in twenty) or `never`. Some
    /// systems confirm a value and keep another, or none. Left out: `never`.
    #[serde(default)]
    pub verify: VerifyDecl,
}

/// Whether a record is read back after it was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VerifyDecl {
    /// Each time.
    Always,
    /// One write in twenty.
    Sample,
    /// What the system confirms is believed.
    #[default]
    Never,
}

/// A promise that is chosen, not kept by the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GuaranteeDecl {
    /// Never lost, perhaps twice.
    AtLeastOnce,
}

/// One rule of a route. The first whose condition holds decides.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteDecl {
    /// A condition. Left out: always, so put such a rule last.
    pub when: Option<String>,
    /// Who: `user:ann@acme.example` is looked up in the system; anything else is the system's own id. A list is taken in turn.
    pub owner: Option<OneOrMany>,
    /// By when: `in 4 business hours`, `in 30 minutes`, `in 2 days`, `next business day 10:00`, or a template that gives a time.
    pub due: Option<String>,
    /// `high`, `normal` or `low`; mappings translate it.
    pub priority: Option<String>,
}

/// A string, or a list of strings.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
pub struct OneOrMany(pub Vec<String>);

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(one) => Ok(Self(vec![one])),
            serde_json::Value::Array(many) => many
                .into_iter()
                .map(|item| item.as_str().map(str::to_owned).ok_or_else(|| serde::de::Error::custom("expected a list of strings")))
                .collect::<Result<_, _>>()
                .map(Self),
            _ => Err(serde::de::Error::custom("expected a string or a list of strings")),
        }
    }
}

impl JsonSchema for OneOrMany {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "OneOrMany".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": ["string", "array"], "items": { "type": "string" }, "minItems": 1 })
    }
}
