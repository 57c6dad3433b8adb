//! Faults planted on purpose, so that the simulation can be seen to find them (`tests/simulate --planted`).
//!
//! Without the feature `plants` every question here is `false` at compile time, and nothing of it is in the program.

/// A fault that would hurt. Each stands at one place, where the code that it breaks is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Plant {
    /// A write whose answer was lost is sent again without a look, whatever its guarantee.
    BlindResend,
    /// A look in vain counts before the uncertainty has settled.
    LookTooEarly,
    /// The store takes the word of a worker that has lost its lane.
    NoFence,
    /// Requests go out on leases that are over.
    NoSendGuard,
    /// A webhook is acknowledged before it is committed.
    AcknowledgeBeforeCommit,
    /// Markers hold the time of the attempt.
    MarkerFromTheClock,
    /// Everybody fetches a token by themselves.
    RefreshWithoutSingleFlight,
    /// A call that waits for a person lets the caller's next one pass.
    ParkedCallFreesTheCaller,
    /// Requests go out before their intents are on record.
    SendBeforeIntent,
    /// Whoever takes a lane over believes that what was under way was never sent.
    TakeOverForgetsIntents,
    /// A lost answer is taken for a refusal.
    LostAnswerIsRefusal,
    /// A redelivered webhook is another call.
    RedeliveryIsNews,
    /// A caller's calls are worked at once.
    CallerWithoutLane,
    /// What a lagging search does not show does not exist.
    SearchIsBelieved,
    /// Answers inside a pack are read by place, from the wrong end.
    PackAnswersByPlace,
    /// Nobody waits as long as a system asks.
    RetryAfterIgnored,
    /// A refusal of the whole request is taken for a success of its parts.
    RefusalIsSuccess,
    /// What depends on a record goes out without it.
    LinksAreForgotten,
}

impl Plant {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::BlindResend,
        Self::LookTooEarly,
        Self::NoFence,
        Self::NoSendGuard,
        Self::AcknowledgeBeforeCommit,
        Self::MarkerFromTheClock,
        Self::RefreshWithoutSingleFlight,
        Self::ParkedCallFreesTheCaller,
        Self::SendBeforeIntent,
        Self::TakeOverForgetsIntents,
        Self::LostAnswerIsRefusal,
        Self::RedeliveryIsNews,
        Self::CallerWithoutLane,
        Self::SearchIsBelieved,
        Self::PackAnswersByPlace,
        Self::RetryAfterIgnored,
        Self::RefusalIsSuccess,
        Self::LinksAreForgotten,
    ];
}

#[cfg(feature = "plants")]
mod field {
    use std::cell::Cell;

    use super::Plant;

    thread_local! {
        static PLANTED: Cell<Option<Plant>> = const { Cell::new(None) };
    }

    /// Plants a fault for everything that this thread runs from now on, in place of the one before.
    pub fn plant(fault: Option<Plant>) {
        PLANTED.set(fault);
    }

    /// Whether this fault is planted.
    pub fn planted(fault: Plant) -> bool {
        PLANTED.get() == Some(fault)
    }
}

#[cfg(feature = "plants")]
pub use field::{plant, planted};

/// Whether this fault is planted: never, in a program that ships.
#[cfg(not(feature = "plants"))]
#[inline(always)]
pub const fn planted(_: Plant) -> bool {
    false
}
