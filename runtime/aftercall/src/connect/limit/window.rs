//! So many requests in so many seconds, whichever seconds one looks at.
//!
//! Not for holds that a system asks for: those stand beside the windows.

use std::collections::VecDeque;
use std::time::Duration;

use aftercall_config::decl::RateDecl;
use tokio::time::Instant;

/// Systems count when a request arrives, we when it leaves: a window is kept a little longer than it is.
const MARGIN: Duration = Duration::from_millis(50);

/// One sliding window: when requests left, the nearest ones merged so that long windows stay small.
#[derive(Debug)]
pub(super) struct Window {
    pub(super) rate: RateDecl,
    sent: VecDeque<Sent>,
    pub(super) used: u32,
}

/// Requests that left close to each other.
#[derive(Debug)]
struct Sent {
    first: Instant,
    last: Instant,
    count: u32,
}

impl Window {
    pub(super) fn new(rate: &RateDecl) -> Self {
        Self { rate: rate.clone(), sent: VecDeque::new(), used: 0 }
    }

    /// Lets go of what has left the window.
    pub(super) fn forget(&mut self, now: Instant) {
        while let Some(sent) = self.sent.pop_front_if(|sent| sent.last + length(&self.rate) <= now) {
            self.used -= sent.count;
        }
    }

    /// When there is room; `None` for now.
    pub(super) fn room(&mut self, now: Instant) -> Option<Instant> {
        self.forget(now);
        if self.used < self.rate.requests.max(1) {
            return None;
        }
        self.sent.front().map(|sent| sent.last + length(&self.rate))
    }

    /// Counts a request that leaves now.
    pub(super) fn take(&mut self, now: Instant) {
        self.used += 1;
        // A thousandth of the window; merged under the later time, so that it is never thought emptier than it is.
        let grain = Duration::from_millis(self.rate.per_s.into());
        match self.sent.back_mut() {
            Some(sent) if now.duration_since(sent.first) < grain => {
                sent.last = now;
                sent.count += 1;
            }
            _ => self.sent.push_back(Sent { first: now, last: now, count: 1 }),
        }
    }
}

fn length(rate: &RateDecl) -> Duration {
    Duration::from_secs(rate.per_s.into()) + MARGIN
}
