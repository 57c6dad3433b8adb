//! Systems that are left alone: asks whether they are back, and gives the calls that waited for them back to the queue, the oldest first
//! and not all at once.
//!
//! Not for finding out that a system is away: that is `connect`, by what its answers say.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::worker::Worker;
use crate::journal;

/// Between two portions of what waited.
const PORTION: Duration = Duration::from_secs(1);
/// The first portion, where the manifest does not say; each is twice the one before.
const FIRST: usize = 8;
/// How often the journal is asked while it fails.
const JOURNAL_PAUSE: Duration = Duration::from_millis(500);

/// What of a connection goes on next.
struct Portion {
    calls: usize,
    /// Not before: calls that come back meanwhile do not make it go faster.
    next: Instant,
}

impl Worker {
    /// A call waits for a system now.
    pub(super) fn parked(&self) {
        self.parked.notify_one();
    }

    /// Asks systems that are away whether they are back, and wakes what waited for them, until told to stop.
    pub(super) async fn keep_gates(&self, stop: &CancellationToken) {
        // Side by side: who is slow to answer holds up neither what waits for another nor the end.
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = self.ask_who_is_away() => {}
            () = self.wake_who_waits() => {}
        }
    }

    async fn ask_who_is_away(&self) {
        let mut changed = self.connections.circuits_changed();
        loop {
            changed.mark_unchanged();
            let due = self.connections.probe_due().await;
            tokio::select! {
                biased;
                _seen = changed.changed() => {}
                () = until(due) => {}
            }
        }
    }

    async fn wake_who_waits(&self) {
        let mut changed = self.connections.circuits_changed();
        let mut portions: BTreeMap<String, Portion> = BTreeMap::new();
        loop {
            changed.mark_unchanged();
            let more = match self.wake_portion(&mut portions).await {
                Ok(next) => next,
                Err(error) => {
                    tracing::error!(%error, "the journal does not give back what waited");
                    Some(Instant::now() + JOURNAL_PAUSE)
                }
            };
            if self.draining.swap(more.is_some(), Ordering::AcqRel) && more.is_none() {
                self.finished.notify_one();
            }
            tokio::select! {
                biased;
                _seen = changed.changed() => {}
                () = self.parked.notified() => {}
                () = until(more) => {}
            }
        }
    }

    /// Wakes the next portion of each connection that is there, and whose time has come. Gives when the next one is due, if anything is left.
    async fn wake_portion(&self, portions: &mut BTreeMap<String, Portion>) -> Result<Option<Instant>, journal::Error> {
        let parked = self.journal.parked().await?;
        let now = Instant::now();
        portions.retain(|connection, portion| parked.contains_key(connection) || portion.next > now);
        let mut next: Option<Instant> = None;
        for (connection, waiting) in parked {
            if self.connections.left_alone(&connection).is_some() {
                portions.remove(&connection);
                continue;
            }
            let portion = portions.entry(connection.clone()).or_insert(Portion { calls: FIRST, next: now });
            let mut left = true;
            if portion.next <= now {
                let max = self.connections.drain_per_s(&connection).map_or(portion.calls, |calls| calls as usize);
                (portion.calls, portion.next) = (portion.calls.saturating_mul(2), now + PORTION);
                let woken = self.journal.wake(connection, max, self.now()).await?;
                left = u64::try_from(woken).unwrap_or(u64::MAX) < waiting;
            }
            next = next.into_iter().chain(left.then_some(portion.next)).min();
        }
        Ok(next)
    }
}

/// Sleeps until then; for ever without a time.
async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
