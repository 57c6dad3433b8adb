//! What a stand-in was asked: the last requests, and totals by path.
//!
//! Not for bodies: what was written is in the records.

use std::collections::VecDeque;

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

/// How many entries are kept; totals go on.
const KEPT: usize = 10_000;
/// How many different paths are counted one by one, before the rest is counted together.
const PATHS: usize = 10_000;

/// One request, as it was answered.
#[derive(Clone, Debug, Serialize)]
pub struct Logged {
    /// When it arrived.
    pub at: Timestamp,
    /// Upper-case HTTP method.
    pub method: String,
    /// Path as sent, without the query.
    pub path: String,
    /// Status of the answer; 0 when the connection was closed without one.
    pub status: u16,
    /// The fault that hit it, as named in `POST /_sandbox/faults`.
    pub fault: Option<&'static str>,
    /// Size of the request's body.
    pub body_bytes: usize,
}

#[derive(Default)]
pub(crate) struct Log {
    count: u64,
    by: IndexMap<String, u64>,
    last: VecDeque<Logged>,
}

impl Log {
    pub(crate) fn push(&mut self, entry: Logged) {
        self.count += 1;
        let mut key = String::with_capacity(entry.method.len() + 1 + entry.path.len());
        key.push_str(&entry.method);
        key.push(' ');
        key.push_str(&entry.path);
        let room = self.by.len() < PATHS;
        match self.by.get_mut(&key) {
            Some(count) => *count += 1,
            None if room => {
                self.by.insert(key, 1);
            }
            None => *self.by.entry(format!("{} (other)", entry.method)).or_default() += 1,
        }
        if self.last.len() == KEPT {
            self.last.pop_front();
        }
        self.last.push_back(entry);
    }

    pub(crate) fn last(&self) -> Vec<Logged> {
        self.last.iter().cloned().collect()
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({ "count": self.count, "by": self.by, "requests": self.last })
    }
}
