//! What a connector says about doing for many calls in one request what it else does for one.
//!
//! Not for the requests of one call: those, and the packing of its writes, are in `connector`.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::connector::RequestDecl;
use super::matching::KeyId;

/// The searches of many callers in one request. Each caller is given those rows that fit what he is searched by; where the answer may lack
/// some, fewer are asked about together, down to one.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FindManyDecl {
    /// Callers in one search at most.
    pub max_callers: u32,
    /// Characters of a search's rendered path, query and body at most. Left out: no limit.
    pub max_chars: Option<u32>,
    /// Searches in one request as `[pack]` makes it. Left out: each search is a request.
    pub searches: Option<u32>,
    /// Rows in one answer at most: as many mean that there may be more. Left out: only `more` says so.
    pub max_rows: Option<u32>,
    /// Whether the search finds a number with other digits in between, as an extension's may be: such a row is the caller's, too.
    #[serde(default)]
    pub gaps: bool,
    /// The keys whose searches go together. Left out: all of `find.by`.
    pub by: Option<Vec<KeyId>>,
    /// The search, which may find more than the callers' own would, and nothing less. Templates see what those of `[find]` see, each list with
    /// what all the callers have in it, and `addresses`, `emails` with `near.emails`; `near.host` is the same for all. Left out: the search of `[find]`, which then goes by `callers`, a
    /// list of what each of them is searched by.
    pub request: Option<RequestDecl>,
}

/// One list about many contacts: first which records belong to whom, then the records.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RelatedManyDecl {
    /// Contacts in one request at most.
    pub max: u32,
    /// Which records belong to whom. Templates see `contact_ids`, and `contacts`, a list in which each has an `id`.
    pub links: RequestDecl,
    /// Where the answer has an entry for each contact. One without records may be missing.
    pub link_rows: String,
    /// Where an entry names the contact.
    pub from: String,
    /// Where it names the records.
    pub to: String,
    /// The records, as `request` gives those of one contact. Templates see `ids` and `fields.OBJECT`.
    pub request: RequestDecl,
    /// Records in one request at most.
    pub max_ids: u32,
    /// Records of one contact at most, the first ones.
    pub most: u32,
}

/// Writes of one kind to one object in one request.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WriteManyDecl {
    /// Writes in one request at most.
    pub max: u32,
    /// The request. Templates see `items` and `object`.
    pub request: RequestDecl,
    /// One write inside it: what the request for one write sees, and `ref`, a name by which the answer may tell it. `fields` hold our key in a
    /// new record. `"$with" = "NAME"` puts the members of that value beside those of the table.
    pub item: Value,
    /// Where the results stand in the answer.
    pub results: String,
    /// Where a result names its write. Left out: the results stand in the order of the writes.
    pub result_ref: Option<String>,
    /// Where a result says that it is one: true. Left out: what stands among the results is.
    pub result_ok: Option<String>,
    /// Where a result says that the record is new: true. Left out: `create` makes new ones.
    pub created: Option<String>,
    /// Where refusals stand: in a result with `result_ok`, else in the answer.
    pub errors: String,
    /// Where a refusal in the answer names its write.
    pub error_ref: Option<String>,
    /// Where a refusal has the word by which `error_status` knows it.
    pub error_kind: Option<String>,
    /// The status that such a refusal would have by itself, by its word. Left out, or a word that is not here: 400.
    #[serde(default)]
    pub error_status: IndexMap<String, u16>,
}
