//! `[list]` of a source: the platform's own list of calls, and how a call on it becomes the payload that would have been delivered.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ErrorBodyDecl, ErrorRuleDecl, GrantDecl, LimitsDecl, RequestDecl};

/// The platform's own list of calls. Its templates see `since` and `until` as ISO 8601 text, `since_s` and `until_s` as seconds since 1970,
/// `after` (absent for the first page), `settings` and `base_url`.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListDecl {
    /// Where the platform is reached. A project may say otherwise.
    pub base_url: String,
    /// Ways to be let in; the first whose credentials `[source.NAME] auth` gives is used.
    pub auth: Vec<GrantDecl>,
    /// The pace that the platform allows.
    #[serde(default)]
    pub limits: LimitsDecl,
    /// Where an error answer says what is wrong.
    #[serde(default)]
    pub error_body: ErrorBodyDecl,
    /// What an error answer means, where its status does not say so.
    #[serde(default)]
    pub error: Vec<ErrorRuleDecl>,
    /// One page.
    pub request: RequestDecl,
    /// Where the rows stand in the answer; empty where the answer is the list.
    pub rows: String,
    /// Where a row has the call's id: the same that `outcome.id` reads.
    pub id: String,
    /// Where a row says when the call began. What lies outside the time asked for is passed over.
    pub started: String,
    /// Where the answer says what `after` is for the next page; nothing there means that this was the last.
    pub next: Option<String>,
    /// Without `next`: where the last row has it. A page on which nothing is new was the last.
    pub next_in_row: Option<String>,
    /// Which rows are finished calls: a condition over `row`. The others are under way, and their time comes.
    pub finished: String,
    /// Where a row says when the call ended, for a platform that lists a call before it is analysed: what ended within the last five minutes
    /// is left to its webhook.
    pub ended: Option<String>,
    /// The whole call, where a row is not all of it: a request whose templates also see `id` and `row`. Left out: the row.
    pub call: Option<RequestDecl>,
    /// The payload as a webhook would have brought it: templates over `call` and `row`. It takes the same way in.
    pub payload: IndexMap<String, Value>,
}
