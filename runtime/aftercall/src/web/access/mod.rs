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

impl Door {
    /// Errors: the machine has no random numbers.
    pub(super) fn new() -> Result<Self, String> {
        Ok(Self { key: Arc::new(new_session()?), hashing: Arc::new(Semaphore::new(AT_ONCE)) })
    }
}
