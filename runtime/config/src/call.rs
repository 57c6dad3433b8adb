//! The call outcome: one finished call in our canonical form, whatever platform answered it.
//!
//! Its JSON Schema is what plain JSON sources must meet and what templates and conditions are checked against.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One finished call.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CallOutcome {
    /// The call's id at its source. Two payloads with one id are one call.
    pub id: String,
    /// The source that reported it, such as `retell`; filled in on intake.
    #[serde(default)]
    pub source: String,
    /// `inbound` or `outbound`.
    #[serde(default)]
    pub direction: Direction,
    /// When the call began, ISO 8601 with offset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    /// When the call ended, ISO 8601 with offset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<String>,
    /// Length in seconds.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "whole_number")]
    pub duration_s: Option<f64>,
    /// The business line that was called, or called from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<String>,
    /// What became of the call, in a word: `booked`, `escalated`, `complaint`, `message`, `answered`, `voicemail`, `no_answer`, or a tag of your own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// What was said, in a few sentences.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// Who called, as far as known.
    #[serde(default)]
    pub caller: Caller,
    /// Further values that the receptionist captured, by name.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub captured: IndexMap<String, Value>,
    /// The appointment that was agreed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub appointment: Option<Appointment>,
    /// What somebody must still do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub follow_up: Option<FollowUp>,
    /// The recording.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recording: Option<Recording>,
    /// Everything that was said, as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transcript: Option<String>,
    /// How the call ended, in the platform's word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_reason: Option<String>,
    /// The caller's mood, in the platform's word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sentiment: Option<String>,
    /// The carrier's id of the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub carrier_id: Option<String>,
    /// Labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
}

/// Who placed the call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The caller called the business.
    #[default]
    Inbound,
    /// The business called.
    Outbound,
}

/// Who called, as far as known. Numbers and addresses are as reported; matching normalises them.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Caller {
    /// The number from the network; absent when it was withheld.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// A number that the caller gave for calling back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub callback_phone: Option<String>,
    /// The e-mail address that the caller gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The whole name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The given name; taken from `name` where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    /// The family name; taken from `name` where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    /// The company that the caller named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub company: Option<String>,
    /// The name that the network shows for the number. Weak evidence: it is the line's holder at best.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caller_id_name: Option<String>,
}

/// An appointment that was agreed on the call.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Appointment {
    /// Start, ISO 8601 with offset.
    pub start: String,
    /// End, ISO 8601 with offset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<String>,
    /// IANA time zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// What for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// Anything else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
}

/// What somebody must still do.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FollowUp {
    /// What, in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// By when, ISO 8601 with offset, where the caller said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due: Option<String>,
    /// `high`, `normal` or `low`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<String>,
    /// Who, where the caller asked for somebody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

/// The recording of a call.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recording {
    /// Where it can be heard.
    pub url: String,
}

/// Whole seconds are written as such: `253`, not `253.0`, wherever they go.
fn whole_number<S: serde::Serializer>(number: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    match number {
        None => serializer.serialize_none(),
        #[expect(clippy::cast_possible_truncation, reason = "whole and far below the limits of i64")]
        Some(n) if n.fract() == 0.0 && n.abs() < 9e15 => serializer.serialize_i64(*n as i64),
        Some(n) => serializer.serialize_f64(*n),
    }
}
