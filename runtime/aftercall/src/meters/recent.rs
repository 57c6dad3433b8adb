//! What happened lately, for alerts: counts of the last day in short steps. After a restart it begins anew.
//!
//! Not for anything that the journal knows: dead letters are counted there.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The grain: an event may count for so much longer than asked.
const STEP: Duration = Duration::from_secs(5);
/// Nothing is remembered for longer: the same day that `within` of an alert ends with.
const LONGEST: Duration = Duration::from_hours(24);

/// What can be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Recent {
    /// A request to a connection that was answered well.
    Answered,
    /// A request to a connection that was not.
    Failed,
    /// A call of a source that was never delivered.
    NeverDelivered,
}

type Steps = VecDeque<(Instant, u64)>;

/// Counts by what happened and the connection or source.
#[derive(Default)]
pub struct Counted(Mutex<BTreeMap<(Recent, String), Steps>>);

/// The process's own.
pub fn recent() -> &'static Counted {
    static COUNTED: LazyLock<Counted> = LazyLock::new(Counted::default);
    &COUNTED
}

impl Counted {
    /// It happened so often just now.
    pub fn note(&self, what: Recent, name: &str, times: u64) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let steps = all.entry((what, name.to_owned())).or_default();
        match steps.back_mut() {
            Some((begun, count)) if now.duration_since(*begun) < STEP => *count += times,
            _ => steps.push_back((now, times)),
        }
        while steps.front().is_some_and(|(begun, _)| now.duration_since(*begun) > LONGEST + STEP) {
            steps.pop_front();
        }
    }

    /// How often it happened within the last so long; of one connection or source, or of all.
    pub fn within(&self, what: Recent, name: Option<&str>, time: Duration) -> u64 {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let counts = |steps: &Steps| -> u64 {
            steps.iter().rev().take_while(|(begun, _)| now.duration_since(*begun) <= time + STEP).map(|(_, count)| count).sum()
        };
        all.iter().filter(|((is, of), _)| *is == what && name.is_none_or(|name| name == of)).map(|(_, steps)| counts(steps)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_old_does_not_count() {
        let counted = Counted::default();
        counted.note(Recent::Failed, "crm", 2);
        tokio::time::advance(Duration::from_secs(60)).await;
        counted.note(Recent::Failed, "crm", 3);
        counted.note(Recent::Failed, "calendar", 1);
        counted.note(Recent::Answered, "crm", 7);
        let failed = |name, s| counted.within(Recent::Failed, name, Duration::from_secs(s));
        assert_eq!((failed(Some("crm"), 30), failed(Some("crm"), 90), failed(None, 90)), (3, 5, 6));
    }
}
