//! What is kept of a config that was offered to a running service, and of the config itself.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use super::{Deed, Json, ReloadState};

/// Somebody wants the config read again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewReload {
    /// Who asks, in a word: `command`.
    pub asked_by: String,
    /// Whether it is to be taken without waiting for what holds a version back.
    pub at_once: bool,
    /// When.
    pub now: Timestamp,
    /// The line of the trail, where a person asks.
    pub deed: Option<Deed>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReloadAnswer {
    /// The rows that are answered; none of them: a row of its own is made.
    pub ids: Vec<i64>,
    /// What set it off, for a row of its own: `start`, `files`, `scan`, `signal`.
    pub asked_by: String,
    /// Where it stands.
    pub state: ReloadState,
    /// The version that was offered; absent where the files give none.
    pub version: Option<String>,
    /// What is to be told about it.
    pub detail: Option<Json>,
    /// The project file, of an accepted one.
    pub operation: Option<String>,
    /// When.
    pub now: Timestamp,
}

/// A config that was offered, or asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReloadRow {
    /// Ascending.
    pub id: i64,
    /// What set it off.
    pub asked_by: String,
    /// Whether it is to be taken without waiting.
    pub at_once: bool,
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// Where it stands.
    pub state: ReloadState,
    /// The version that was offered.
    pub version: Option<String>,
    /// What is told about it.
    pub detail: Option<Json>,
    /// The project file, of an accepted one.
    #[serde(skip)]
    pub operation: Option<String>,
    /// When it came to stand so.
    pub changed_at: Timestamp,
}

/// Which of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReloadFilter {
    /// Only this one.
    pub id: Option<i64>,
    /// Only of these states; all where there is none.
    pub states: Vec<ReloadState>,
    /// At most so many, the newest first.
    pub limit: usize,
}

/// A part of a config: some of its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigPart {
    /// Of the text; two parts of one digest are the same.
    pub digest: Arc<str>,
    /// What it says.
    pub text: Arc<str>,
}
