//! `[context]`: what is told about a caller while the call is under way, and to whom.
//!
//! What is told is the pipeline's, whose connector's lists it names; who may ask is the project's, since one address serves every pipeline.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is told about a caller, at `GET /v1/context` and to a platform that asks while a call begins. Of what it may say, the connector
/// declares what a system has: roles, flags, and lists.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ContextDecl {
    /// How long whoever asks is kept waiting, in milliseconds: then the answer has what was read, and says what is missing. Left out: 400,
    /// which a caller does not notice.
    pub budget_ms: Option<u32>,
    /// How long an answer is good for another, in seconds; 0 reads every time. What aftercall itself writes about a caller is never hidden by
    /// an older answer. Left out: 60.
    pub cache_s: Option<u32>,
    /// The text for a voice agent's prompt: a template over `caller`, `contact`, `account`, `owner`, `flags`, `last_touch`, `next_activity`,
    /// `context` (the connector's lists), `match` and `missing`. Left out: a plain summary of all of it.
    pub text: Option<String>,
    /// Flags of your own, each a condition, such as `vip = 'contact.fields.Tier__c == "Gold"'`; added to the connector's, or in place of them.
    pub flags: IndexMap<String, String>,
    /// Fields of the contact that are read for it, beside those that mappings and the connector name.
    pub fields: Vec<String>,
}

/// Who may ask about a caller at `GET /v1/context`.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ContextAccessDecl {
    /// What whoever asks sends as `Authorization: Bearer ...`, by reference: `env:NAME` or `file:PATH`. Left out: only programs on the same
    /// machine are answered.
    pub secret: Option<String>,
    /// A second secret that is accepted while the first is being rotated.
    pub previous_secret: Option<String>,
}
