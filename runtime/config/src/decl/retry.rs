//! What happens when something fails: how often it is tried again, and when a system is left alone.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How often and how long a failed write is tried again.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryDecl {
    /// How waits grow. Left out: `exponential`.
    pub backoff: Option<BackoffDecl>,
    /// The waits one by one, with `backoff = "schedule"`; the last one repeats.
    pub schedule: Option<Vec<String>>,
    /// The first wait, such as `2s`.
    pub initial: Option<String>,
    /// Each wait is so many times the one before, with `exponential`.
    pub factor: Option<f64>,
    /// The longest wait, such as `10m`.
    pub max_interval: Option<String>,
    /// How waits are spread: `full` (anything up to the wait), `equal` (half to the whole), `none`.
    pub jitter: Option<JitterDecl>,
    /// When to give up, counted from the first failure, such as `72h`. The write becomes a dead letter.
    pub max_elapsed: Option<String>,
    /// How many attempts at most; 0 is no limit. Whichever limit is met first ends it.
    pub max_attempts: Option<u32>,
    /// Wait at least as long as the system asks.
    pub respect_retry_after: Option<bool>,
    /// The longest that the system may ask for, such as `6h`; whoever asks for more is waited for so long. Left out: `7d`.
    pub max_retry_after: Option<String>,
    /// Whether such a failure uses up an attempt. Left out: yes, but for `rate_limited`, `quota`, `unreachable`, `auth_expired` and `auth_revoked`.
    pub counts_as_attempt: Option<bool>,
    /// What becomes of a write that is given up. Left out: a dead letter.
    pub on_exhausted: Option<ExhaustedDecl>,
    /// What to do instead of trying again.
    pub action: Option<RetryAction>,
}

/// How waits grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BackoffDecl {
    /// `initial`, then `factor` times the one before.
    Exponential,
    /// `initial`, then `initial` more each time.
    Linear,
    /// `initial` each time.
    Fixed,
    /// As `schedule` says.
    Schedule,
}

/// What becomes of a write that is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExhaustedDecl {
    /// A dead letter: somebody has to look.
    DeadLetter,
    /// It is left out, which is on record; the call counts as landed without it.
    Skip,
}

/// How waits are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JitterDecl {
    /// Anything up to the wait.
    Full,
    /// Half of the wait to the whole.
    Equal,
    /// Exactly the wait.
    None,
}

/// What to do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RetryAction {
    /// Try again after a wait.
    Retry,
    /// Leave the refused fields out and send the rest.
    DropFields,
    /// Give up at once: a dead letter.
    DeadLetter,
}

/// When a system that does not answer is left alone, and how it is asked whether it is back. Calls that need it wait until then: nothing is
/// sent in vain, no attempt is used up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BreakerDecl {
    /// So many failures (not reached, no answer, a status of 500 or more), and more than half of all answers in that time. Left out: 5.
    pub failures: Option<u32>,
    /// Within this time. Left out: `60s`.
    pub within: Option<String>,
    /// How long it is left alone before one small read asks whether it is back; twice as long each time that it is not. Left out: `15s`.
    pub open_for: Option<String>,
    /// The longest of these times. Left out: `2m`.
    pub open_max: Option<String>,
    /// How many such reads in a row must succeed. Left out: 2.
    pub successes: Option<u32>,
    /// How often a system that refuses our credentials is asked again. Left out: `1m`.
    pub revoked_for: Option<String>,
    /// How many waiting calls a second go on when it is back, the oldest first. Left out: 8 in the first second, and twice as many in each that follows.
    pub drain_per_s: Option<u32>,
}

impl BreakerDecl {
    /// These words, and where they are silent those of `other`.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        let text = |own: &Option<String>, other: &Option<String>| own.clone().or_else(|| other.clone());
        Self {
            failures: self.failures.or(other.failures),
            within: text(&self.within, &other.within),
            open_for: text(&self.open_for, &other.open_for),
            open_max: text(&self.open_max, &other.open_max),
            successes: self.successes.or(other.successes),
            revoked_for: text(&self.revoked_for, &other.revoked_for),
            drain_per_s: self.drain_per_s.or(other.drain_per_s),
        }
    }
}
