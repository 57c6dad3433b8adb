//! How long to wait before the next attempt, and when to give up: the policies of `[retry.CLASS]` over our defaults.
//!
//! Not for waiting itself: the time of the next attempt lives in the journal.

use std::collections::BTreeMap;

use aftercall_config::decl::{BackoffDecl, ErrorClass, ExhaustedDecl, JitterDecl, RetryAction, RetryDecl};
use aftercall_config::resolve::duration;
use jiff::{SignedDuration, Timestamp};

/// A policy with every question answered.
#[derive(Clone, Debug, PartialEq)]
pub struct RetryPolicy {
    /// How waits grow.
    pub backoff: BackoffDecl,
    /// The waits one by one, with `Schedule`.
    pub schedule: Vec<SignedDuration>,
    /// The first wait.
    pub initial: SignedDuration,
    /// Each wait is so many times the one before.
    pub factor: f64,
    /// The longest wait.
    pub max_interval: SignedDuration,
    /// How waits are spread.
    pub jitter: JitterDecl,
    /// When to give up, from the first failure.
    pub max_elapsed: SignedDuration,
    /// Attempts at most; 0 is no limit.
    pub max_attempts: u32,
    /// Wait at least as long as the system asks.
    pub respect_retry_after: bool,
    /// The longest that the system may ask for.
    pub max_retry_after: SignedDuration,
    /// Whether such a failure uses up an attempt.
    pub counts: bool,
    /// What becomes of a write that is given up.
    pub on_exhausted: ExhaustedDecl,
    /// What to do.
    pub action: RetryAction,
}

/// The policy of a class: the words for it, then those for `default`, then ours. What stands later in `declared` counts more: a write's
/// own words over the pipeline's.
///
/// Ours: 2 s doubling to 10 min with full jitter for 72 h, which covers a long weekend. Revoked credentials ask once a minute
/// whether they are back; a used-up allowance asks every ten; refused data is sent again without the refused fields.
pub fn policy(declared: &[&BTreeMap<String, RetryDecl>], class: ErrorClass) -> RetryPolicy {
    let seconds = SignedDuration::from_secs;
    let (initial, max_interval) = match class {
        ErrorClass::AuthRevoked => (seconds(60), seconds(60)),
        ErrorClass::Quota => (seconds(600), seconds(600)),
        ErrorClass::Busy => (seconds(1), seconds(60)),
        _ => (seconds(2), seconds(600)),
    };
    let action = match class {
        ErrorClass::Invalid => RetryAction::DropFields,
        ErrorClass::Duplicate | ErrorClass::NotFound => RetryAction::DeadLetter,
        _ => RetryAction::Retry,
    };
    let mut policy = RetryPolicy {
        initial,
        factor: 2.0,
        max_interval,
        jitter: JitterDecl::Full,
        max_elapsed: seconds(72 * 3600),
        max_attempts: 0,
        respect_retry_after: true,
        max_retry_after: seconds(7 * 86_400),
        // An outage, a pace and lost credentials are not the write's fault.
        counts: !matches!(
            class,
            ErrorClass::RateLimited | ErrorClass::Unreachable | ErrorClass::AuthRevoked | ErrorClass::AuthExpired | ErrorClass::Quota
        ),
        on_exhausted: ExhaustedDecl::DeadLetter,
        backoff: BackoffDecl::Exponential,
        schedule: Vec::new(),
        action,
    };
    // What `default` says of the action is for errors that pass; refused data stays refused.
    let words = declared.iter().flat_map(|map| [(map.get("default"), false), (map.get(class.as_str()), true)]);
    for (decl, own) in words {
        let Some(decl) = decl else { continue };
        let read = |text: &Option<String>| text.as_deref().and_then(duration);
        policy.initial = read(&decl.initial).unwrap_or(policy.initial);
        policy.max_interval = read(&decl.max_interval).unwrap_or(policy.max_interval);
        policy.max_elapsed = read(&decl.max_elapsed).unwrap_or(policy.max_elapsed);
        policy.max_retry_after = read(&decl.max_retry_after).unwrap_or(policy.max_retry_after);
        policy.backoff = decl.backoff.unwrap_or(policy.backoff);
        if let Some(waits) = &decl.schedule {
            policy.schedule = waits.iter().filter_map(|text| duration(text)).collect();
        }
        policy.on_exhausted = decl.on_exhausted.unwrap_or(policy.on_exhausted);
        policy.factor = decl.factor.unwrap_or(policy.factor);
        policy.jitter = decl.jitter.unwrap_or(policy.jitter);
        policy.max_attempts = decl.max_attempts.unwrap_or(policy.max_attempts);
        policy.respect_retry_after = decl.respect_retry_after.unwrap_or(policy.respect_retry_after);
        if own {
            policy.counts = decl.counts_as_attempt.unwrap_or(policy.counts);
            policy.action = decl.action.unwrap_or(policy.action);
        }
    }
    policy
}

/// Whether it is time to give up: `failed` attempts were made, the first of which failed then. What uses up no attempt is ended by time alone.
pub(super) fn is_exhausted(policy: &RetryPolicy, failed: u32, first_failed: Timestamp, now: Timestamp) -> bool {
    let used_up = policy.counts && policy.max_attempts > 0 && failed >= policy.max_attempts;
    used_up || now.duration_since(first_failed) >= policy.max_elapsed
}

/// When to try again, or `None` when it is time to give up.
///
/// Shape: `initial * factor^(failed - 1)` (or as `backoff` says), at most `max_interval`, spread by `jitter`; never before `asked`, or
/// before the longest that may be asked for.
/// Units: `failed` counts attempts made, from 1. `spread` is a random number in 0..1. `asked` is what the system asked for.
/// Errors: none; an exhausted policy is the `None`.
pub fn next_attempt(
    policy: &RetryPolicy,
    failed: u32,
    first_failed: Timestamp,
    now: Timestamp,
    asked: Option<std::time::Duration>,
    spread: f64,
) -> Option<Timestamp> {
    if is_exhausted(policy, failed, first_failed, now) {
        return None;
    }
    let before = failed.saturating_sub(1);
    let initial = policy.initial.as_secs_f64();
    let seconds = match policy.backoff {
        BackoffDecl::Exponential => initial * policy.factor.powi(i32::try_from(before.min(64)).unwrap_or(64)),
        BackoffDecl::Linear => initial * f64::from(failed.max(1)),
        BackoffDecl::Fixed => initial,
        BackoffDecl::Schedule => {
            let wait = policy.schedule.get(before as usize).or(policy.schedule.last());
            wait.map_or(initial, SignedDuration::as_secs_f64)
        }
    };
    // Whoever writes a wait down means it.
    let longest = if policy.backoff == BackoffDecl::Schedule { f64::MAX } else { policy.max_interval.as_secs_f64() };
    let seconds = seconds.min(longest);
    let spread = spread.clamp(0.0, 1.0);
    let seconds = match policy.jitter {
        JitterDecl::Full => seconds * spread,
        JitterDecl::Equal => seconds * (0.5 + spread / 2.0),
        JitterDecl::None => seconds,
    };
    let asked = asked.filter(|_| policy.respect_retry_after);
    let asked = asked.map_or(0.0, |a| a.as_secs_f64().min(policy.max_retry_after.as_secs_f64()) * (1.0 + spread / 20.0));
    // Some wait at all, so that a jitter near zero does not become a busy loop.
    let wait = SignedDuration::try_from_secs_f64(seconds.max(asked).max(0.05)).unwrap_or(policy.max_interval);
    now.checked_add(wait).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(failed: u32, after_s: i64, asked_s: Option<u64>, spread: f64, expected_ms: Option<i64>) {
        let first = Timestamp::UNIX_EPOCH;
        let now = first + SignedDuration::from_secs(after_s);
        let policy = policy(&[], ErrorClass::Transient);
        let next = next_attempt(&policy, failed, first, now, asked_s.map(std::time::Duration::from_secs), spread);
        assert_eq!(next.map(|t| t.duration_since(now).as_millis()), expected_ms.map(i128::from));
    }

    #[test]
    fn waits() {
        check(1, 0, None, 1.0, Some(2000));
        check(3, 10, None, 1.0, Some(8000));
        check(3, 10, None, 0.5, Some(4000));
        check(30, 10, None, 1.0, Some(600_000));
        check(1, 0, Some(30), 0.0, Some(30_000));
        check(1, 0, None, 0.0, Some(50));
        check(5, 72 * 3600, None, 1.0, None);
    }

    #[test]
    fn the_pipelines_word_counts() {
        let declared = |text: &str| serde_json::from_str::<BTreeMap<String, RetryDecl>>(text).expect("test input");
        let own = declared(r#"{"default": {"max_attempts": 3, "action": "dead_letter"}, "timeout": {"initial": "5s"}}"#);
        let timeout = policy(&[&own], ErrorClass::Timeout);
        assert_eq!((timeout.max_attempts, timeout.initial, timeout.action), (3, SignedDuration::from_secs(5), RetryAction::Retry));
        assert_eq!(policy(&[&own], ErrorClass::Invalid).action, RetryAction::DropFields);
        let writes = declared(r#"{"timeout": {"initial": "1m", "counts_as_attempt": false}}"#);
        let timeout = policy(&[&own, &writes], ErrorClass::Timeout);
        assert_eq!((timeout.max_attempts, timeout.initial, timeout.counts), (3, SignedDuration::from_secs(60), false));
    }

    #[test]
    fn waits_as_declared() {
        let waits = |text: &str| -> Vec<i128> {
            let own: BTreeMap<String, RetryDecl> = serde_json::from_str(text).expect("test input");
            let policy = policy(&[&own], ErrorClass::Transient);
            let at = |failed| next_attempt(&policy, failed, Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH, None, 1.0);
            (1..6).filter_map(at).map(|at| at.duration_since(Timestamp::UNIX_EPOCH).as_millis() / 1000).collect()
        };
        assert_eq!(waits(r#"{"default": {"backoff": "fixed", "initial": "7s"}}"#), [7, 7, 7, 7, 7]);
        assert_eq!(waits(r#"{"default": {"backoff": "linear", "initial": "7s", "max_interval": "20s"}}"#), [7, 14, 20, 20, 20]);
        assert_eq!(waits(r#"{"default": {"backoff": "schedule", "schedule": ["5s", "2h"], "max_attempts": 4}}"#), [5, 7200, 7200]);
    }

    #[test]
    fn what_does_not_count_is_ended_by_time_alone() {
        let own: BTreeMap<String, RetryDecl> = serde_json::from_str(r#"{"default": {"max_attempts": 1}}"#).expect("test input");
        let next = |class| next_attempt(&policy(&[&own], class), 5, Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH, None, 1.0);
        assert!(next(ErrorClass::RateLimited).is_some());
        assert!(next(ErrorClass::Transient).is_none());
    }

    #[test]
    fn no_system_may_ask_for_more_than_is_allowed() {
        let own: BTreeMap<String, RetryDecl> = serde_json::from_str(r#"{"quota": {"max_retry_after": "1h"}}"#).expect("test input");
        let day = Some(std::time::Duration::from_secs(86_400));
        let next = next_attempt(&policy(&[&own], ErrorClass::Quota), 1, Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH, day, 0.0);
        assert_eq!(next.map(Timestamp::as_second), Some(3600));
    }
}
