//! What a store does beside the way of calls: its pulse, alerts and their messages, and letting go of what names people.
//!
//! Not for workers: nothing here touches a lane or a write that is still open. Model and transactions are as in [`Journal`].

use jiff::Timestamp;

use super::{
    api::Answer,
    model::{
        AlertChange, AlertRow, CapturedCall, Day, Lately, Look, NoticeRow, NoticeTried, Purged, Purging, Reconciled, Suspects, Vitals,
    },
};

/// The upkeep of the store that a [`Journal`](super::Journal) is: each method is one transaction.
pub trait Upkeep: Send + Sync {
    /// Commits something small. Called by whoever wants to know whether the journal takes anything.
    fn pulse(&self, now: Timestamp) -> Answer<'_, ()>;

    /// What is open, in numbers that cost little with a million calls behind them.
    fn vitals(&self) -> Answer<'_, Vitals>;

    /// What went wrong since then.
    fn lately(&self, since: Timestamp) -> Answer<'_, Lately>;

    /// The alerts that hold, by name.
    fn alerts(&self) -> Answer<'_, Vec<AlertRow>>;

    /// Puts an alert's state on record together with the messages that it causes: neither is there without the other.
    fn alert_put(&self, change: AlertChange) -> Answer<'_, ()>;

    /// Messages of alerts, the newest first; `open` gives those that are still to be sent, the oldest first.
    fn notices(&self, open: bool, limit: usize) -> Answer<'_, Vec<NoticeRow>>;

    /// A message was sent, or could not be.
    fn notice_tried(&self, tried: NoticeTried) -> Answer<'_, ()>;

    /// Puts on record that a look at a source's list has begun, or what came of it.
    fn look_put(&self, look: Look) -> Answer<'_, ()>;

    /// These days of calls, in order, held against what the lists had; at most so many of the calls that are missing. A day costs a millisecond,
    /// so whoever asks bounds them.
    fn reconciled(&self, days: Vec<Day>, most: usize) -> Answer<'_, Reconciled>;

    /// What calls of a time, and what people said in it, make suspected of being duplicates in a system; at most so many of each kind.
    fn suspects(&self, since: Timestamp, until: Timestamp, most: usize) -> Answer<'_, Suspects>;

    /// The newest calls of a time with what they captured and what became of it, at most so many; those that were erased are left out.
    fn captured(&self, since: Timestamp, until: Timestamp, most: usize) -> Answer<'_, Vec<CapturedCall>>;

    /// Lets go of what is older than it is to be kept, a small portion: intake commits in between. What is still open stays whole.
    fn purge(&self, purging: Purging) -> Answer<'_, Purged>;
}
