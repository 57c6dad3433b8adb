//! Who may come in: people by a session, by a trusted proxy or from this machine, programs by a token; and what each may do.
//!
//! Not for what a page shows: a handler asks the [`Person`](super::Person) that the guard has put into the request.

mod csrf;
mod guard;
mod roles;
mod session;
mod sign_in;
mod who;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::access::new_session;

pub(super) use csrf::{FIELD, Proof};
pub(super) use guard::{guard, headers};
pub use roles::roles;
pub(super) use sign_in::router;

/// Passwords that are checked at once: each takes 19 MiB and a core for tens of milliseconds, and the calls need both as well.
const AT_ONCE: usize = 2;

/// What the guard has beside the journal.
#[derive(Clone)]
pub(super) struct Door {
    /// Makes the proofs of people without a session; another one after a restart.
    key: Arc<Zeroizing<String>>,
    hashing: Arc<Semaphore>,
}

/// How long a password waits for its turn.
const TURN: Duration = Duration::from_secs(5);

impl Door {
    /// Errors: the machine has no random numbers.
    pub(super) fn new() -> Result<Self, String> {
        Ok(Self { key: Arc::new(new_session()?), hashing: Arc::new(Semaphore::new(AT_ONCE)) })
    }

    /// Does what takes long on purpose, beside the threads that serve others and in its turn. `None`: too many passwords are in hand.
    pub(super) async fn slowly<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let turn = tokio::time::timeout(TURN, self.hashing.clone().acquire_owned()).await.ok()?.ok()?;
        let done = tokio::task::spawn_blocking(move || (work(), turn)).await;
        done.ok().map(|(done, _turn)| done)
    }
}
