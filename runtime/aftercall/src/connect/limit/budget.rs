//! How much of the traffic may be repetition: a system in trouble is not helped by being asked everything three times.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aftercall_config::decl::ErrorClass;
use tokio::time::Instant;

use crate::connect::failure::Failure;

/// Repetitions for a hundred requests, where the manifest does not say.
const PERCENT: u32 = 20;
/// Repetitions saved up at most, in thousandths: a minute of the one a second that is always allowed.
const SAVED: u64 = 60_000;

/// What is left for repetitions.
#[derive(Debug)]
pub(super) struct Budget {
    /// Of a repetition, what each request adds, in thousandths.
    share: u64,
    /// In thousandths, and as of when.
    left: Mutex<(u64, Instant)>,
}

impl Budget {
    pub(super) fn new(percent: Option<u32>) -> Self {
        Self { share: u64::from(percent.unwrap_or(PERCENT)) * 10, left: Mutex::new((SAVED / 6, Instant::now())) }
    }

    /// A request goes out. Errors: it is a repetition, and there were too many: nothing was sent, and one may be sent after the time given.
    pub(super) fn spend(&self, again: bool) -> Result<(), Failure> {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let passed = u64::try_from((now - left.1).as_millis()).unwrap_or(SAVED);
        let saved = left.0.saturating_add(passed).min(SAVED);
        *left = (saved, left.1 + Duration::from_millis(passed));
        if !again {
            left.0 = (saved + self.share).min(SAVED);
            return Ok(());
        }
        if saved < 1000 {
            let wait = Duration::from_millis(1000 - saved);
            let message = "not sent: too many of the requests to this system are repetitions";
            return Err(Failure::unsent(ErrorClass::RateLimited, message).with(|f| f.retry_after = Some(wait)));
        }
        left.0 -= 1000;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn repetitions_are_a_share() {
        let budget = Budget::new(Some(20));
        let spend = |again| budget.spend(again).is_ok();
        assert_eq!((0..30).filter(|_| spend(true)).count(), 10, "what is saved up at first");
        assert_eq!(budget.spend(true).expect_err("nothing left").retry_after, Some(Duration::from_secs(1)));
        (0..50).for_each(|_| assert!(spend(false)));
        assert_eq!((0..30).filter(|_| spend(true)).count(), 10, "a fifth of fifty");
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!((0..30).filter(|_| spend(true)).count(), 3, "one a second");
    }
}
