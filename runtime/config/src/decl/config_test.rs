//! `tests/*.toml`: what a call must come to. This call, these records, this time: these writes.
//!
//! Not for running one: that is the planning room's `trial`, and the edge's where a system is to fail.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::call::CallOutcome;

/// A file of config tests. `aftercall test` runs them; they change nothing of what the project means.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfigTestDecl {
    /// The tests.
    #[serde(default)]
    pub test: Vec<TestDecl>,
}

/// One test: what is given, and what is expected.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TestDecl {
    /// What it shows, in a few words; unique in its file.
    pub name: String,
    /// The moment of planning, ISO 8601 with offset: due dates count from it.
    pub now: String,
    /// The finished call, in our own form.
    pub call: Option<CallOutcome>,
    /// A file with the call as JSON, by its path from the project's folder; in place of `call`.
    pub call_file: Option<String>,
    /// What a platform sends; `source` says which. In place of `call`.
    pub payload: Option<IndexMap<String, Value>>,
    /// A file with a platform's payload, by its path from the project's folder; in place of `call`.
    pub payload_file: Option<String>,
    /// The source that maps the payload. With `call` or `call_file`: the source that delivered it; left out: `json`.
    pub source: Option<String>,
    /// What the systems hold. Whoever is searched is looked for among these.
    #[serde(default)]
    pub record: Vec<TestRecordDecl>,
    /// Colleagues: e-mail address = the system's id; an empty id is somebody whom the system does not know. Whoever is not named here has
    /// `user:ADDRESS` for an id.
    #[serde(default)]
    pub users: IndexMap<String, String>,
    /// Turns taken so far in routes with several owners: `"PIPELINE/ROUTE/RULE"` = number, rules counted from 0. Left out: nobody has had a turn.
    #[serde(default)]
    pub turns: IndexMap<String, u64>,
    /// What stands in a calendar.
    #[serde(default)]
    pub busy: Vec<TestBusyDecl>,
    /// What a person has answered about this call: a record's id, or `new`.
    pub answer: Option<String>,
    /// The search cannot be trusted to be complete; why, in a phrase.
    pub incomplete: Option<String>,
    /// What goes wrong while the call is delivered. A test with a fault is delivered to stand-ins on this machine, in which the records are.
    #[serde(default)]
    pub fault: Vec<TestFaultDecl>,
    /// What must come of it. What is not named is not looked at.
    #[serde(default)]
    pub expect: TestExpectDecl,
}

/// A record that a system holds.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TestRecordDecl {
    /// The connection. Left out: the one in which the pipeline looks for the caller.
    pub connection: Option<String>,
    /// The object, by the name that mappings use. Left out: the one in which callers are looked for.
    pub object: Option<String>,
    /// The system's id.
    pub id: String,
    /// Its fields, as the system returns them.
    #[serde(default)]
    pub fields: IndexMap<String, Value>,
    /// The list of the context in which it stands, such as `open_opportunities`; the newest first, as the system orders them.
    pub list: Option<String>,
    /// With `list`: the contact whose list it is. Left out: whoever is matched.
    pub of: Option<String>,
    /// An earlier call of this caller was about this record.
    #[serde(default)]
    pub known: bool,
    /// Every search returns it, whether or not it would fit.
    #[serde(default)]
    pub found: bool,
    /// The write of this same call that has made it already, in an earlier revision of the call.
    pub own: Option<String>,
    /// What we wrote last into its fields: a value, or `{ value, by, at }` with the call and when that call began.
    #[serde(default)]
    pub written: IndexMap<String, Value>,
}

/// Something that takes a time in a calendar.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TestBusyDecl {
    /// The connection of the calendar.
    pub connection: String,
    /// From, ISO 8601 with offset.
    pub start: String,
    /// To, exclusive.
    pub end: String,
    /// What a person sees.
    pub title: Option<String>,
    /// The entry's id. Left out: one that is nobody's.
    pub id: Option<String>,
}

/// Something that goes wrong at a system, in the words of its stand-in.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TestFaultDecl {
    /// The connection whose system it is.
    pub connection: String,
    /// What goes wrong.
    pub kind: TestFaultKind,
    /// How many requests it hits. Left out: one.
    pub times: Option<u32>,
    /// Only requests whose path holds this text. Left out: any but those for tokens.
    pub path: Option<String>,
    /// Only requests with this method, such as `POST`.
    pub method: Option<String>,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum TestFaultKind {
    /// Too many requests.
    #[serde(rename = "429")]
    RateLimited,
    /// An internal error of the system.
    #[serde(rename = "500")]
    ServerError,
    /// Down for maintenance.
    #[serde(rename = "503")]
    Unavailable,
    /// Done, and the answer is lost.
    #[serde(rename = "commit_then_drop")]
    CommitThenDrop,
    /// Not done, and no answer.
    #[serde(rename = "down")]
    Down,
    /// The access token is refused; a new one is given.
    #[serde(rename = "expire_token")]
    ExpireToken,
}

impl TestFaultKind {
    /// The stand-ins' word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RateLimited => "429",
            Self::ServerError => "500",
            Self::Unavailable => "503",
            Self::CommitThenDrop => "commit_then_drop",
            Self::Down => "down",
            Self::ExpireToken => "expire_token",
        }
    }
}

/// What must come of a call. What is left out is not looked at.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TestExpectDecl {
    /// The pipeline that takes it; `none` where none does.
    pub pipeline: Option<String>,
    /// Who called.
    pub r#match: Option<TestVerdict>,
    /// The record that the call goes to.
    pub contact: Option<String>,
    /// Whether a person is asked whose record it is.
    pub review: Option<bool>,
    /// Requests per connection: what is read and written, without look-ups of colleagues and without what trouble costs.
    pub requests: IndexMap<String, u32>,
    /// Nothing else is written: no other record, and of the records below no other field where `fields` are named.
    pub exact: bool,
    /// Writes of the pipeline.
    pub write: Vec<TestWriteDecl>,
    /// With a fault: where the call stands at the end, such as `landed`.
    pub status: Option<String>,
    /// With a fault: what the systems hold at the end.
    pub record: Vec<TestHeldDecl>,
}

/// What was decided about who called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TestVerdict {
    /// One record is the caller's.
    Matched,
    /// The caller has no record.
    New,
    /// Several records fit, or the search cannot be trusted.
    Ambiguous,
    /// There was nothing to search by.
    NoIdentity,
}

impl TestVerdict {
    /// The word in the call log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Matched => "matched",
            Self::New => "new",
            Self::Ambiguous => "ambiguous",
            Self::NoIdentity => "no_identity",
        }
    }
}

/// What must come of one write.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TestWriteDecl {
    /// The write's name in the pipeline.
    pub id: String,
    /// What happens.
    pub op: Option<TestOp>,
    /// The connection that it goes to.
    pub connection: Option<String>,
    /// The object, by the name that mappings use.
    pub object: Option<String>,
    /// The record that it is about, by the system's id.
    pub record: Option<String>,
    /// What the reason must say, where nothing is done.
    pub because: Option<String>,
    /// Fields: a value that is written or there already, or a table with `is` (`written`, `same`, `kept`, `conflict`, `absent`), `value` (what
    /// the call brings) and `contains` (a part of it).
    #[serde(default)]
    pub fields: IndexMap<String, TestFieldDecl>,
    /// Links: the connector's name = a record's id, or the write whose record it is.
    #[serde(default)]
    pub links: IndexMap<String, String>,
    /// Who follows up: the system's id, or `user:ADDRESS`.
    pub owner: Option<String>,
    /// By when: a time, or a date.
    pub due: Option<String>,
    /// How urgent: the route's word.
    pub priority: Option<String>,
    /// With a fault: where the write stands at the end, such as `applied`.
    pub state: Option<String>,
}

/// What happens to the object of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TestOp {
    /// A new record.
    Create,
    /// An existing record is changed.
    Update,
    /// Two records become one.
    Merge,
    /// It is there already, or the policies keep what is there.
    Nothing,
    /// Its condition does not hold, or there is no such record.
    Skipped,
    /// It would be wrong to go on.
    Blocked,
}

impl TestOp {
    /// The word in tests.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Merge => "merge",
            Self::Nothing => "nothing",
            Self::Skipped => "skipped",
            Self::Blocked => "blocked",
        }
    }
}

/// What must come of one field.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct TestFieldDecl {
    /// What comes of it.
    pub is: Option<TestFieldIs>,
    /// What the call brings.
    pub value: Option<Value>,
    /// A part of the text that the call brings.
    pub contains: Option<String>,
    /// A value by itself: it is written, or there already.
    pub plain: bool,
}

/// What comes of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TestFieldIs {
    /// It is sent.
    Written,
    /// It is there already.
    Same,
    /// The policy keeps what is there.
    Kept,
    /// A person changed what we wrote: kept, and shown.
    Conflict,
    /// The call has no such value.
    Absent,
}

impl TestFieldIs {
    /// The word in tests.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Same => "same",
            Self::Kept => "kept",
            Self::Conflict => "conflict",
            Self::Absent => "absent",
        }
    }
}

/// The keys of the table form. Any other table is a value.
const WORDS: [&str; 3] = ["is", "value", "contains"];

/// The table form, as serde sees it.
#[derive(Deserialize)]
struct FieldTable {
    is: Option<TestFieldIs>,
    value: Option<Value>,
    contains: Option<String>,
}

impl<'de> Deserialize<'de> for TestFieldDecl {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let table = value.as_object().is_some_and(|map| !map.is_empty() && map.keys().all(|key| WORDS.contains(&key.as_str())));
        if !table {
            return Ok(Self { value: Some(value), plain: true, ..Self::default() });
        }
        let table: FieldTable = serde_json::from_value(value).map_err(serde::de::Error::custom)?;
        Ok(Self { is: table.is, value: table.value, contains: table.contains, plain: false })
    }
}

impl JsonSchema for TestFieldDecl {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "TestField".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A value that is written or there already; or a table with `is`, `value` and `contains`.",
            "properties": { "is": { "enum": ["written", "same", "kept", "conflict", "absent"] }, "contains": { "type": "string" } }
        })
    }
}

/// Records that a system must hold once everything is delivered.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TestHeldDecl {
    /// The connection. Left out: the one in which the pipeline looks for the caller.
    pub connection: Option<String>,
    /// The object, by the name that mappings use.
    pub object: String,
    /// Those with these values. Left out: all of the object.
    #[serde(default)]
    pub fields: IndexMap<String, Value>,
    /// How many there are. Left out: exactly one.
    pub count: Option<u32>,
}
