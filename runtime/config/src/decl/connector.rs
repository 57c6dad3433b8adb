//! `mappings/<system>/connector.toml`: how to talk to a system.
//!
//! A closed set of mechanisms; what a system needs is data. Templates inside see `settings`, `base_url`, `object`
//! and what the place itself offers, which each field's description names.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::many::{FindManyDecl, RelatedManyDecl, WriteManyDecl};
use super::matching::KeyId;
use super::{BreakerDecl, MetadataDecl};

/// How to talk to a system.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectorDecl {
    /// The folder's name, by which connections and mappings refer to the system.
    pub system: String,
    /// The product's name for people.
    pub title: String,
    /// Where the system is reached. A connection may say otherwise, and must where this is left out.
    pub base_url: Option<String>,
    /// Values that a connection may override, read as `settings.NAME`.
    #[serde(default)]
    pub settings: IndexMap<String, Value>,
    /// Settings that a connection must give.
    #[serde(default)]
    pub required_settings: Vec<String>,
    /// Seconds to wait for an answer. Left out: 15.
    pub timeout_s: Option<u32>,
    /// Headers of every request.
    #[serde(default)]
    pub headers: IndexMap<String, String>,
    /// Ways to be let in; the first whose credentials the connection gives is used.
    #[serde(default)]
    pub auth: Vec<GrantDecl>,
    /// The pace that the system allows.
    #[serde(default)]
    pub limits: LimitsDecl,
    /// When a system that does not answer is left alone.
    #[serde(default)]
    pub breaker: BreakerDecl,
    /// A small read that shows whether the system is there and lets us in. Left out: `base_url` itself is read, which says nothing of the credentials.
    pub probe: Option<RequestDecl>,
    /// Who might the caller be? Left out: this system knows no people.
    pub find: Option<FindDecl>,
    /// What else is read about a matched caller, by the name that templates use: `context.NAME`.
    #[serde(default)]
    pub related: IndexMap<String, RelatedDecl>,
    /// How a colleague's e-mail becomes the system's id for them.
    pub users: Option<LookupDecl>,
    /// How the system tells of its own fields. Left out: it does not, and nothing can be proved about them.
    pub metadata: Option<MetadataDecl>,
    /// Objects, by the name that mappings use.
    pub object: IndexMap<String, ObjectDecl>,
    /// Writes of every object that does not say otherwise.
    #[serde(default)]
    pub write: WritesDecl,
    /// Many writes in one request. Left out: one request each.
    pub pack: Option<PackDecl>,
    /// Where an error answer says what is wrong.
    #[serde(default)]
    pub error_body: ErrorBodyDecl,
    /// What an error answer means; the first rule that fits counts. Without one: 429 is `rate_limited`, 401 `auth_expired`, 404 `not_found`, other 4xx `invalid`, 5xx `transient`.
    #[serde(default)]
    pub error: Vec<ErrorRuleDecl>,
    /// Seconds after which a write whose answer was lost can no longer take effect. Left out: 60.
    pub settle_s: Option<u32>,
    /// What `aftercall init` writes for this system, so that a new project runs against the stand-in as it is.
    pub starter: Option<StarterDecl>,
}

/// What a new project starts with.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StarterDecl {
    /// The connection's name.
    pub connection: String,
    /// What follows the stand-in's address.
    #[serde(default)]
    pub path: String,
    /// Settings for the stand-in; `{origin}` is its address.
    #[serde(default)]
    pub settings: IndexMap<String, Value>,
    /// Credentials that the stand-in takes, by name.
    #[serde(default)]
    pub auth: IndexMap<String, String>,
    /// The writes of the first pipeline.
    #[serde(default)]
    pub write: Vec<StarterWriteDecl>,
}

/// One write of the first pipeline.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StarterWriteDecl {
    /// Its name.
    pub id: String,
    /// Its mapping.
    pub mapping: String,
    /// The record that it changes.
    pub target: Option<String>,
    /// Its condition.
    pub when: Option<String>,
    /// Its route: `follow_up` is the one that a new project has.
    pub route: Option<String>,
}

/// One way to be let in.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GrantDecl {
    /// The mechanism.
    pub kind: GrantKind,
    /// Names of the credentials that the connection's `auth` must give.
    pub needs: Vec<String>,
    /// Where tokens come from, a template over `base_url` and `settings`.
    pub token_url: Option<String>,
    /// Scopes to ask for, separated by spaces.
    pub scope: Option<String>,
    /// The header that carries the token. Left out: `authorization`.
    pub header: Option<String>,
    /// What stands before the token in the header. Left out: `Bearer `.
    pub prefix: Option<String>,
    /// With `refresh_token`: the system replaces the refresh token at each use, so a project needs `[store] key`.
    #[serde(default)]
    pub rotates: bool,
    /// Where the token's answer names the host to use from now on, as a JSON pointer.
    pub base_url_from: Option<String>,
}

/// Mechanisms of authentication.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GrantKind {
    /// The credential `token` goes into the header as it is.
    Token,
    /// `username` and `password`.
    Basic,
    /// OAuth 2 refresh token: `client_id`, `client_secret`, `refresh_token`.
    RefreshToken,
    /// OAuth 2 client credentials: `client_id`, `client_secret`.
    ClientCredentials,
    /// OAuth 2 JWT bearer with a service account's key file: `service_account`, and `subject` where it acts for a person.
    ServiceAccount,
}

/// The pace that a system allows.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitsDecl {
    /// Requests under way at once. Left out: 8.
    pub concurrency: Option<u32>,
    /// Windows that all hold.
    #[serde(default)]
    pub rate: Vec<RateDecl>,
    /// Further windows for requests that name this bucket.
    #[serde(default)]
    pub bucket: IndexMap<String, Vec<RateDecl>>,
    /// The header that says how many requests are left in the window.
    pub remaining_header: Option<String>,
    /// The header that says how long the window is, in milliseconds.
    pub window_ms_header: Option<String>,
    /// The header that says how much of a daily allowance is used, as `name=used/max`.
    pub usage_header: Option<String>,
    /// The header of a refusal that says when there is room again, where the system sends no `Retry-After`: seconds from now, or a time in
    /// seconds or milliseconds since 1970.
    pub reset_header: Option<String>,
    /// How many repetitions are sent for a hundred requests that are none; one a second is always allowed. Left out: 20.
    pub retry_percent: Option<u32>,
}

/// So many requests in so many seconds.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateDecl {
    /// Requests in the window.
    pub requests: u32,
    /// The window, in seconds.
    pub per_s: u32,
}

/// One request, as templates.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestDecl {
    /// GET, POST, PATCH, PUT or DELETE.
    pub method: String,
    /// The path below `base_url`; what templates put in is percent-encoded.
    pub path: String,
    /// Query parameters; an absent value leaves the parameter out, a list repeats it.
    #[serde(default)]
    pub query: IndexMap<String, Value>,
    /// Headers of this request.
    #[serde(default)]
    pub headers: IndexMap<String, String>,
    /// The JSON body. A table with `"$if" = "NAME"` stands only where that value is present.
    pub body: Option<Value>,
    /// A bucket of `[limits.bucket]` that this request draws from, too.
    pub bucket: Option<String>,
}

/// Searching for the caller, in rounds: each is this request with what the round goes by, and nothing else. Templates see `phones` (the
/// caller's numbers in the spellings people type), `digits` (those spellings' digits), `e164`, `national` (the same numbers in one form),
/// `emails`; in a later round one of
/// `near` (`emails` that sound alike, `host` of a company, `initials`), `name` (`last` in its spellings, `initials` of the first) and
/// `account` (`words` of its name, `last` and `initials` of the person); always `fields.OBJECT` (the fields that this project reads), and
/// `callers`, a list of one with all of that.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FindDecl {
    /// The object searched.
    pub object: String,
    /// The search; it must find every record that has one of the numbers or addresses, and for each further key those that fit.
    pub request: RequestDecl,
    /// The keys of match rules that the request can search by.
    #[serde(default = "reach")]
    pub by: Vec<KeyId>,
    /// The most values that one list takes in a request, the likeliest first. Left out: as many as the match rules say.
    pub max_values: Option<u32>,
    /// Where the rows stand in the answer.
    pub rows: String,
    /// Where a row has its id.
    pub id: String,
    /// Where a row has its fields. Left out: the row itself.
    #[serde(default)]
    pub fields: String,
    /// Where the answer says that there are more rows than it gives: `true`, or a value at all.
    pub more: Option<String>,
    /// Seconds by which the search lags behind writes. Left out: 0, what was written is found at once.
    #[serde(default)]
    pub lag_s: u32,
    /// The searches of many callers in one request, when many calls wait. Left out: one request each.
    pub many: Option<FindManyDecl>,
    /// Everybody, page by page, to fill an index of our own. Left out: it fills from what is read and written.
    pub all: Option<AllDecl>,
    /// Lists that came along in each row, by the name that templates use: `context.NAME`.
    #[serde(default)]
    pub related: IndexMap<String, RowsDecl>,
}

/// Everybody whom the system knows. Templates see `after` (absent for the first page) and `fields.OBJECT`.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AllDecl {
    /// One page.
    pub request: RequestDecl,
    /// Where the answer says what `after` is for the next page; nothing there means that this was the last. Left out: the id of the last row,
    /// until a page is empty.
    pub next: Option<String>,
}

fn reach() -> Vec<KeyId> {
    vec![KeyId::Number, KeyId::Email]
}

/// Rows in an answer.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RowsDecl {
    /// The object that the rows are.
    pub object: String,
    /// Where the rows stand.
    pub rows: String,
    /// Where a row has its id.
    pub id: String,
    /// Where a row has its fields. Left out: the row itself.
    #[serde(default)]
    pub fields: String,
}

/// One more read about a matched caller. Templates see `contact` and `fields.OBJECT`.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RelatedDecl {
    /// The request.
    pub request: RequestDecl,
    /// The same about many contacts at once, when many calls wait. Left out: one request each.
    pub many: Option<RelatedManyDecl>,
    /// The object that the rows are.
    pub object: String,
    /// Where the rows stand.
    pub rows: String,
    /// Where a row has its id.
    pub id: String,
    /// Where a row has its fields. Left out: the row itself.
    #[serde(default)]
    pub fields: String,
}

/// A look-up that gives one id. Templates see `email` of a colleague, `marker` of a record of ours, `id` of a record that was merged.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LookupDecl {
    /// The request.
    pub request: RequestDecl,
    /// Where the rows stand.
    pub rows: String,
    /// Where a row has its id.
    pub id: String,
}

/// One object of the system.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ObjectDecl {
    /// The object's name in the system's own API.
    pub name: String,
    /// The page where a person sees the record; a template over `id`, `base_url`, `settings`, `record` (the answer to the write).
    pub url: Option<String>,
    /// How the system will know a record of ours again. Left out: it cannot, so an unknown outcome waits for a person.
    pub identity: Option<IdentityDecl>,
    /// Fields without which the system refuses a new record, where its own metadata does not say so. Of each list one is enough:
    /// `[["email", "lastname"], ["owner"]]`.
    #[serde(default)]
    pub required: Vec<Vec<String>>,
    /// Fields that are always read.
    #[serde(default)]
    pub select: Vec<String>,
    /// What the fields mean: `phone`, `email`, `first_name`, `last_name`, `owner`, `account`, `name`, `stage`, `status`, `updated`; `account_name`, `owner_name`, `last_touch`, `next_activity` of a contact; `starts_at`, `ends_at` of what has a time. Templates read them as `contact.NAME`; matching compares `phone` and `email`.
    #[serde(default)]
    pub roles: IndexMap<String, Vec<String>>,
    /// What is to be heeded about such a record, each a field that says so: `do_not_call = "DoNotCall"`.
    #[serde(default)]
    pub flags: IndexMap<String, String>,
    /// Links to other records, by name.
    #[serde(default)]
    pub links: IndexMap<String, LinkDecl>,
    /// How this object is written, where it differs from `[write]`.
    #[serde(default)]
    pub write: WritesDecl,
    /// For appointments: how a time is looked up, taken and given back.
    pub booking: Option<BookingDecl>,
}

/// How the system knows a record of ours again.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IdentityDecl {
    /// The mechanism.
    pub kind: IdentityKind,
    /// The field that carries our marker.
    pub field: String,
    /// With `client_id`: a path in the record that holds our marker too, filled in by itself on create. When the system says that the id is
    /// taken, the record is ours only if it stands there. Left out: the id is proof enough.
    pub proof: Option<String>,
}

/// Mechanisms of identity, strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IdentityKind {
    /// The system refuses or updates a second record with the same key: `exact`.
    UniqueKey,
    /// The system lets us choose the record's id and refuses a second one: `exact`.
    ClientId,
    /// A field that can be searched afterwards: `reconciled`.
    Marker,
}

/// One link. Templates see `id`, the other record's id.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkDecl {
    /// The object at the other end.
    pub to: String,
    /// The field that takes the other record's id.
    pub field: Option<String>,
    /// An entry for `associations` in the body.
    pub association: Option<Value>,
}

/// How records are written. Templates see `object.name`, `object.key` (the identity's field), `marker`, `id`, `fields`, `associations`.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WritesDecl {
    /// A new record.
    pub create: Option<RequestDecl>,
    /// A new record or, when our key is there already, that record: used in place of `create`.
    pub upsert: Option<RequestDecl>,
    /// An existing record.
    pub update: Option<RequestDecl>,
    /// New records of many calls in one request, when many calls wait. Left out: one request each, or as `[pack]` says.
    pub create_many: Option<WriteManyDecl>,
    /// The same for `upsert`.
    pub upsert_many: Option<WriteManyDecl>,
    /// The same for `update`.
    pub update_many: Option<WriteManyDecl>,
    /// One record by id, to read it back.
    pub read: Option<RequestDecl>,
    /// Links a record that is there to another one, where `links` have an `association`. Templates see `id`, `other` (the other record's id),
    /// `to` (the other object's name) and `association`. Doing it twice must change nothing.
    pub link: Option<RequestDecl>,
    /// Takes such a link away; the same templates. It must be no error that there is none.
    pub unlink: Option<RequestDecl>,
    /// Makes one record of two, when a person has answered so. Templates see `id` (the record that stays) and `other` (the one that goes).
    /// Left out: a person does it in the system.
    pub merge: Option<RequestDecl>,
    /// Our record by its marker: asked when the answer to a create was lost. Left out: a `client_id` is read by its id; anything else that
    /// is `exact` is sent again.
    pub look: Option<LookupDecl>,
    /// Where a record went that is not there any more: the id of the one that it was merged into. Templates see `id`.
    pub merged: Option<LookupDecl>,
    /// Where the answer to `read` has the record's id: another one than was asked for means that it was merged into that one. Left out: the
    /// system answers under the id that was asked for.
    pub read_id: Option<String>,
    /// Where the answer to `create` and `upsert` has the new id. Left out: `/id`.
    pub id: Option<String>,
    /// Where the answer to `read` has the fields. Left out: the answer itself.
    pub fields: Option<String>,
    /// What is sent for a field that is to be empty, as a revert does. Left out: null.
    pub empty: Option<Value>,
}

/// Taking a time once. Templates see `start`, `end`, `id`, `settings`.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BookingDecl {
    /// What can be taken only once at a time, such as the calendar's address.
    pub resource: String,
    /// The field with the start.
    pub start: String,
    /// The field with the end.
    pub end: String,
    /// What stands in the calendar between `start` and `end`. Asked before booking, and again after.
    pub look: RequestDecl,
    /// Where the rows stand.
    pub rows: String,
    /// Where a row has its id.
    pub id: String,
    /// Where a row has its start; the first that is there.
    pub row_start: Vec<String>,
    /// Where a row has its end; the first that is there.
    pub row_end: Vec<String>,
    /// Where a row has its title, for the message.
    pub row_title: Option<String>,
    /// Rows that take no time: pointer = value.
    #[serde(default)]
    pub free: IndexMap<String, String>,
    /// Gives the time back when the second look finds somebody else there.
    pub withdraw: RequestDecl,
}

/// Many writes in one request. `request` sees `items`; `item` sees `method`, `path`, `body`, `ref`.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PackDecl {
    /// Writes in one request at most.
    pub max: u32,
    /// The outer request.
    pub request: RequestDecl,
    /// One write inside it.
    pub item: Value,
    /// Where the results stand in the answer.
    pub results: String,
    /// Where a result names its write.
    pub result_ref: String,
    /// Where a result has its status.
    pub result_status: String,
    /// Where a result has its body.
    pub result_body: String,
    /// What stands before a `ref` where a later write names the id that an earlier one gets.
    pub reference_before: String,
    /// What stands after it.
    pub reference_after: String,
    /// Codes of results that only say that another write of the request failed.
    #[serde(default)]
    pub innocent: Vec<String>,
}

/// Where an error answer says what is wrong, as JSON pointers; the first that is there counts.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ErrorBodyDecl {
    /// The error's code.
    #[serde(default)]
    pub code: Vec<String>,
    /// The error's text.
    #[serde(default)]
    pub message: Vec<String>,
    /// The field at fault, or a list of fields.
    #[serde(default)]
    pub field: Vec<String>,
}

/// What an error answer means. Every condition given must hold.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ErrorRuleDecl {
    /// Statuses.
    #[serde(default)]
    pub status: Vec<u16>,
    /// Codes; `*` at either end stands for anything.
    #[serde(default)]
    pub code: Vec<String>,
    /// The text; `*` at either end stands for anything.
    pub message: Option<String>,
    /// The meaning.
    pub class: ErrorClass,
    /// With `duplicate`: where the answer names the record that is there already.
    pub existing_id: Option<String>,
    /// With `duplicate`: words after which the text names the record that is there already.
    pub existing_id_after: Option<String>,
    /// The words in the message behind which the refused field stands, where the answer names it nowhere else.
    pub field_after: Option<String>,
    /// How long to wait, in seconds, where the answer does not say.
    pub wait_s: Option<u32>,
}

/// What an error means for the write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorClass {
    /// It will pass: try again. Whether the write took effect is unknown for statuses of 500 and above.
    Transient,
    /// It will pass, and nothing was written: a lock, a changed record.
    Busy,
    /// Too fast: wait as the answer says.
    RateLimited,
    /// The day's allowance is used up.
    Quota,
    /// The access token is no longer good: refresh it.
    AuthExpired,
    /// The credentials are no longer good: a person must act.
    AuthRevoked,
    /// The data is refused.
    Invalid,
    /// The record is there already.
    Duplicate,
    /// The record is gone.
    NotFound,
    /// The record has changed since it was read.
    Conflict,
    /// The system was not reached, so nothing was sent.
    Unreachable,
    /// The answer was lost: perhaps written, perhaps not.
    Timeout,
}

impl ErrorClass {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Transient,
        Self::Busy,
        Self::RateLimited,
        Self::Quota,
        Self::AuthExpired,
        Self::AuthRevoked,
        Self::Invalid,
        Self::Duplicate,
        Self::NotFound,
        Self::Conflict,
        Self::Unreachable,
        Self::Timeout,
    ];

    /// The word that stands in TOML, in the journal and in the call log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Busy => "busy",
            Self::RateLimited => "rate_limited",
            Self::Quota => "quota",
            Self::AuthExpired => "auth_expired",
            Self::AuthRevoked => "auth_revoked",
            Self::Invalid => "invalid",
            Self::Duplicate => "duplicate",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
        }
    }
}
