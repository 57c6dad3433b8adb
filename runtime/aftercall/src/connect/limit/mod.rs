//! The pace of one connection: how many requests at once, how many per window, and when to hold.
//!
//! Everybody who waits stands in one line, first come, first served. Not for waits of minutes: who would stand too long
//! is told at once how long it takes, and comes back. Durable waiting belongs to `work`.

mod budget;
mod window;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aftercall_config::decl::{ErrorClass, LimitsDecl, RateDecl};
use reqwest::header::HeaderMap;
use tokio::sync::{Mutex as Line, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::failure::Failure;
use budget::Budget;
use window::Window;

/// Requests at once where the manifest does not say.
const CONCURRENCY: u32 = 8;

/// The longest stand in line. Longer, and the lease of the caller's lane would be at stake.
pub(super) const MAX_WAIT: Duration = Duration::from_secs(20);

/// Holds after a `rate_limited` that says no time, doubling.
const FIRST_HOLD: Duration = Duration::from_secs(1);
const LONGEST_HOLD: Duration = Duration::from_secs(30);

/// How busy a connection is, for display.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Usage {
    /// Requests under way.
    pub in_flight: usize,
    /// Requests that may be under way at once.
    pub concurrency: usize,
    /// Requests that stand in line.
    pub waiting: usize,
    /// Windows, the general ones first.
    pub windows: Vec<WindowUsage>,
    /// What the system says is left in its window.
    pub remaining: Option<u64>,
    /// Of a longer allowance, as the system says: used, and at most.
    pub allowance: Option<(u64, u64)>,
    /// How long everybody must hold.
    pub held_for: Option<Duration>,
}

/// How full a window is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowUsage {
    /// The bucket; absent for all requests.
    pub bucket: Option<String>,
    /// Requests in the window now.
    pub used: u32,
    /// Requests that it allows.
    pub max: u32,
    /// Its length in seconds.
    pub per_s: u32,
}

/// Windows that hold together, with what the system says about them.
#[derive(Debug)]
struct Bucket {
    windows: Vec<Window>,
    hold: Option<(Instant, ErrorClass)>,
    strikes: u32,
}

impl Bucket {
    fn new(rates: &[RateDecl]) -> Self {
        Self { windows: rates.iter().map(Window::new).collect(), hold: None, strikes: 0 }
    }

    fn held(&mut self, now: Instant) -> Option<(Instant, ErrorClass)> {
        self.hold = self.hold.filter(|(until, _)| *until > now);
        self.hold
    }

    fn room(&mut self, now: Instant) -> Option<(Instant, ErrorClass)> {
        if let Some(hold) = self.held(now) {
            return Some(hold);
        }
        self.windows.iter_mut().filter_map(|w| w.room(now)).max().map(|at| (at, ErrorClass::RateLimited))
    }
}

#[derive(Debug, Default)]
struct Told {
    remaining: Option<u64>,
    allowance: Option<(u64, u64)>,
}

/// A place in which requests of one kind stand.
#[derive(Debug)]
struct Queue {
    line: Line<()>,
    bucket: Mutex<Bucket>,
}

impl Queue {
    fn new(rates: &[RateDecl]) -> Self {
        Self { line: Line::new(()), bucket: Mutex::new(Bucket::new(rates)) }
    }

    fn bucket(&self) -> MutexGuard<'_, Bucket> {
        self.bucket.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is room, without taking it. Errors: it would take beyond `until`.
    async fn room(&self, until: Instant) -> Result<(), Failure> {
        loop {
            let now = Instant::now();
            let room = self.bucket().room(now);
            match room {
                None => return Ok(()),
                Some((at, class)) if at > until => return Err(too_long(class, at - now)),
                Some((at, _)) => sleep_until(at).await,
            }
        }
    }
}

fn too_long(class: ErrorClass, wait: Duration) -> Failure {
    let message = format!("not sent: this connection must hold for {} s", wait.as_secs() + 1);
    Failure::unsent(class, message).with(|f| f.retry_after = Some(wait))
}

/// The pace of one connection.
#[derive(Debug)]
pub(super) struct Limiter {
    decl: LimitsDecl,
    slots: Arc<Semaphore>,
    general: Queue,
    buckets: BTreeMap<String, Queue>,
    told: Mutex<Told>,
    waiting: AtomicUsize,
    budget: Budget,
}

/// The right to have one request under way.
#[derive(Debug)]
pub(super) struct Turn(#[expect(dead_code, reason = "held for its drop")] OwnedSemaphorePermit);

struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Limiter {
    pub(super) fn new(decl: &LimitsDecl) -> Self {
        let slots = decl.concurrency.unwrap_or(CONCURRENCY).max(1) as usize;
        Self {
            slots: Arc::new(Semaphore::new(slots)),
            general: Queue::new(&decl.rate),
            buckets: decl.bucket.iter().map(|(name, rates)| (name.clone(), Queue::new(rates))).collect(),
            told: Mutex::new(Told::default()),
            waiting: AtomicUsize::new(0),
            budget: Budget::new(decl.retry_percent),
            decl: decl.clone(),
        }
    }

    /// A request is about to stand in line. Errors: it is a repetition, and there were too many: nothing was sent, and one may be sent after
    /// the time given.
    pub(super) fn may_repeat(&self, again: bool) -> Result<(), Failure> {
        self.budget.spend(again)
    }

    /// Waits for a turn, at most until `until`.
    ///
    /// Errors: the class of the hold (`rate_limited`, or `quota`) with the time after which there is room; nothing was
    /// sent and nothing taken.
    pub(super) async fn turn(&self, bucket: Option<&str>, until: Instant) -> Result<Turn, Failure> {
        let until = until.min(Instant::now() + MAX_WAIT);
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.waiting);
        let named = bucket.and_then(|name| self.buckets.get(name));
        let late = |_| too_long(ErrorClass::RateLimited, FIRST_HOLD);
        // Nobody joins a line that does not move in time.
        for queue in [Some(&self.general), named].into_iter().flatten() {
            let now = Instant::now();
            if let Some((at, class)) = queue.bucket().held(now).filter(|(at, _)| *at > until) {
                return Err(too_long(class, at - now));
            }
        }
        // The line of the bucket first, so that who waits for it holds up nobody else; taken is only when all is at hand.
        let _first = match named {
            Some(queue) => Some(timeout_at(until, queue.line.lock()).await.map_err(late)?),
            None => None,
        };
        if let Some(queue) = named {
            queue.room(until).await?;
        }
        let _second = timeout_at(until, self.general.line.lock()).await.map_err(late)?;
        let slot = timeout_at(until, Arc::clone(&self.slots).acquire_owned()).await.map_err(late)?;
        let slot = slot.map_err(|_| Failure::unsent(ErrorClass::Busy, "this connection is being closed"))?;
        loop {
            self.general.room(until).await?;
            // While we stood in the general line, a hold may have come upon the bucket.
            let Some(queue) = named else { break };
            let now = Instant::now();
            let Some((at, class)) = queue.bucket().room(now) else { break };
            if at > until {
                return Err(too_long(class, at - now));
            }
            sleep_until(at).await;
        }
        let now = Instant::now();
        for queue in [Some(&self.general), named].into_iter().flatten() {
            queue.bucket().windows.iter_mut().for_each(|w| w.take(now));
        }
        Ok(Turn(slot))
    }

    /// Takes in what an answer says about the pace.
    pub(super) fn heard(&self, headers: &HeaderMap) {
        let number = |name: &Option<String>| -> Option<u64> { headers.get(name.as_deref()?)?.to_str().ok()?.trim().parse().ok() };
        if let Some(remaining) = number(&self.decl.remaining_header) {
            self.told().remaining = Some(remaining);
            if remaining == 0 {
                let declared = self.decl.rate.iter().map(|r| Duration::from_secs(r.per_s.into())).min();
                let window = number(&self.decl.window_ms_header).map(Duration::from_millis).or(declared).unwrap_or(FIRST_HOLD);
                self.hold_queue(&self.general, ErrorClass::RateLimited, window.min(Duration::from_secs(3600)));
            }
        }
        let usage = self.decl.usage_header.as_deref().and_then(|name| headers.get(name)?.to_str().ok());
        let usage = usage.and_then(|text| text.split([',', ';']).find_map(|part| part.split_once('=')?.1.trim().split_once('/')));
        if let Some((used, max)) = usage.and_then(|(used, max)| Some((used.trim().parse().ok()?, max.trim().parse().ok()?))) {
            self.told().allowance = Some((used, max));
        }
    }

    /// An answer that was no refusal by pace: the next hold is a short one again.
    pub(super) fn went_through(&self, bucket: Option<&str>) {
        self.queue(bucket).bucket().strikes = 0;
        self.general.bucket().strikes = 0;
    }

    /// Everybody holds: the system said that it was too fast, or that the allowance is used up.
    ///
    /// Units: `asked` is the time that the system or its manifest gives; without one, `rate_limited` holds for 1 s,
    /// doubling up to 30 s, and `quota` does not hold.
    pub(super) fn hold(&self, bucket: Option<&str>, class: ErrorClass, asked: Option<Duration>) {
        let queue = self.queue(bucket);
        let wait = match (asked, class) {
            (Some(asked), _) => asked,
            (None, ErrorClass::RateLimited) => {
                let mut bucket = queue.bucket();
                bucket.strikes += 1;
                (FIRST_HOLD * 2_u32.pow((bucket.strikes - 1).min(5))).min(LONGEST_HOLD)
            }
            (None, _) => return,
        };
        self.hold_queue(queue, class, wait);
    }

    fn queue(&self, bucket: Option<&str>) -> &Queue {
        bucket.and_then(|name| self.buckets.get(name)).unwrap_or(&self.general)
    }

    fn hold_queue(&self, queue: &Queue, class: ErrorClass, wait: Duration) {
        let until = Instant::now() + wait.min(Duration::from_secs(86_400));
        let mut bucket = queue.bucket();
        if bucket.hold.is_none_or(|(at, _)| at < until) {
            bucket.hold = Some((until, class));
        }
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How busy it is now.
    pub(super) fn usage(&self) -> Usage {
        let now = Instant::now();
        let concurrency = self.decl.concurrency.unwrap_or(CONCURRENCY).max(1) as usize;
        let mut windows = Vec::new();
        let mut held: Option<Instant> = None;
        let named = self.buckets.iter().map(|(name, queue)| (Some(name.clone()), queue));
        for (name, queue) in std::iter::once((None, &self.general)).chain(named) {
            let mut bucket = queue.bucket();
            held = held.max(bucket.held(now).map(|(at, _)| at));
            for window in &mut bucket.windows {
                window.forget(now);
                let (used, max, per_s) = (window.used, window.rate.requests, window.rate.per_s);
                windows.push(WindowUsage { bucket: name.clone(), used, max, per_s });
            }
        }
        let told = self.told();
        Usage {
            in_flight: concurrency.saturating_sub(self.slots.available_permits()),
            concurrency,
            waiting: self.waiting.load(Ordering::Relaxed),
            windows,
            remaining: told.remaining,
            allowance: told.allowance,
            held_for: held.map(|at| at - now),
        }
    }
}

#[cfg(test)]
#[path = "../tests/limit.rs"]
mod tests;
