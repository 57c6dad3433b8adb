//! Whether a system is worth a request. One that fails again and again, or refuses our credentials, is left alone, and asked now and
//! then by one small read whether it is back.
//!
//! Not for the pace, which is `limit`; and not for who waits meanwhile, which is `work`.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aftercall_config::decl::{BreakerDecl, ErrorClass};
use aftercall_config::resolve::duration;
use tokio::sync::watch;
use tokio::time::Instant;

use super::failure::Failure;

/// Failures that open the circuit, where nobody says otherwise. A receptionist makes a few requests a minute: more would take half an hour.
const FAILURES: u32 = 5;
const WITHIN: Duration = Duration::from_secs(60);
const OPEN_FOR: Duration = Duration::from_secs(15);
const OPEN_MAX: Duration = Duration::from_secs(120);
const SUCCESSES: u32 = 2;
const REVOKED_FOR: Duration = Duration::from_secs(60);
/// Answers that are remembered at most, where the circuit does not need more of them to open.
const REMEMBERED: usize = 64;
/// No wait is shorter, whatever is declared: a system that is away is not asked in a loop.
const SHORTEST: Duration = Duration::from_millis(100);
/// A system that let us in when it was asked has said that a refusal was about the request. So long, others like it are no reason to ask again.
const CLEARED_FOR: Duration = Duration::from_secs(300);
/// Between two of the reads that must succeed one after the other.
const NEXT_SUCCESS: Duration = Duration::from_secs(1);

#[derive(Debug)]
enum State {
    Closed {
        answers: VecDeque<(Instant, bool)>,
        last: Option<Last>,
    },
    /// `suspected`: one request was not let in, and whether that is about us has not been asked yet.
    Open {
        because: ErrorClass,
        message: String,
        since: Instant,
        next: Instant,
        waits: u32,
        successes: u32,
        suspected: bool,
    },
}

/// How the last time ended for which the system was left alone.
#[derive(Clone, Copy, Debug)]
struct Last {
    closed: Instant,
    /// How often the time was doubled.
    waits: u32,
    /// It let us in as soon as it was asked.
    cleared: bool,
}

/// The circuit breaker of one connection.
#[derive(Debug)]
pub(super) struct Breaker {
    connection: String,
    failures: usize,
    within: Duration,
    open_for: Duration,
    open_max: Duration,
    successes: u32,
    revoked_for: Duration,
    state: Mutex<State>,
    changed: watch::Sender<u64>,
}

impl Breaker {
    /// One for a connection; `changed` counts up whenever a circuit opens or closes.
    pub(super) fn new(connection: &str, decl: &BreakerDecl, changed: watch::Sender<u64>) -> Self {
        let read = |text: &Option<String>, ours: Duration| {
            text.as_deref().and_then(duration).and_then(|time| Duration::try_from(time).ok()).unwrap_or(ours)
        };
        let open_for = read(&decl.open_for, OPEN_FOR).max(SHORTEST);
        Self {
            connection: connection.to_owned(),
            failures: decl.failures.unwrap_or(FAILURES).max(1) as usize,
            within: read(&decl.within, WITHIN),
            open_for,
            open_max: read(&decl.open_max, OPEN_MAX).max(open_for),
            successes: decl.successes.unwrap_or(SUCCESSES).max(1),
            revoked_for: read(&decl.revoked_for, REVOKED_FOR).max(SHORTEST),
            state: Mutex::new(State::Closed { answers: VecDeque::new(), last: None }),
            changed,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Errors: the system is left alone, so nothing is sent; whoever asks is told when it is back.
    pub(super) fn admit(&self) -> Result<(), Failure> {
        match &*self.state() {
            State::Closed { .. } => Ok(()),
            State::Open { because, message, .. } => Err(Failure::away(*because, message.clone())),
        }
    }

    /// Since when it is left alone, and because of which class of failure.
    pub(super) fn open_since(&self) -> Option<(Instant, ErrorClass)> {
        match &*self.state() {
            State::Closed { .. } => None,
            State::Open { since, because, .. } => Some((*since, *because)),
        }
    }

    /// When the system is to be asked whether it is back.
    pub(super) fn next_probe(&self) -> Option<Instant> {
        match &*self.state() {
            State::Closed { .. } => None,
            State::Open { next, .. } => Some(*next),
        }
    }

    /// The system has answered, whatever it said.
    pub(super) fn answered(&self) {
        if let State::Closed { answers, .. } = &mut *self.state() {
            self.remember(answers, true);
        }
    }

    /// No token is to be had.
    pub(super) fn not_let_in(&self, failure: &Failure) {
        match failure.class {
            ErrorClass::AuthRevoked => self.open(ErrorClass::AuthRevoked, failure, Some(self.revoked_for)),
            _ => self.heard(failure),
        }
    }

    /// What a failure says about the system. One that is about the request says nothing against it.
    pub(super) fn heard(&self, failure: &Failure) {
        match failure.class {
            // An answer to one request may be about what it wanted, such as a permission for one object; whether it is about us is asked at once.
            ErrorClass::AuthRevoked | ErrorClass::AuthExpired => {
                if !self.is_cleared() {
                    self.open(ErrorClass::AuthRevoked, failure, Some(Duration::ZERO));
                }
            }
            ErrorClass::Unreachable | ErrorClass::Timeout | ErrorClass::Transient if failure.status.is_none_or(|status| status >= 500) => {
                if let State::Closed { answers, .. } = &mut *self.state() {
                    self.remember(answers, false);
                    let failed = answers.iter().filter(|(_, went)| !went).count();
                    if failed < self.failures || failed * 2 <= answers.len() {
                        return;
                    }
                }
                self.open(failure.class, failure, None);
            }
            _ => self.answered(),
        }
    }

    fn remember(&self, answers: &mut VecDeque<(Instant, bool)>, went: bool) {
        let now = Instant::now();
        answers.push_back((now, went));
        while answers.len() > REMEMBERED.max(2 * self.failures) || answers.front().is_some_and(|(at, _)| *at + self.within < now) {
            answers.pop_front();
        }
    }

    /// Whether the system said not long ago that a refusal was about the request.
    fn is_cleared(&self) -> bool {
        matches!(&*self.state(), State::Closed { last: Some(last), .. } if last.cleared && last.closed.elapsed() < CLEARED_FOR)
    }

    /// `wait` is until it is asked whether it is back. Left out: `open_for`, and longer where it was not back for long.
    fn open(&self, because: ErrorClass, failure: &Failure, wait: Option<Duration>) {
        let mut state = self.state();
        let State::Closed { last, .. } = &*state else { return };
        let now = Instant::now();
        // One that reads and does not write seems to be back each time that it is asked.
        let waits =
            last.filter(|last| wait.is_none() && !last.cleared && last.closed.elapsed() < self.open_max).map_or(0, |last| last.waits + 1);
        let suspected = wait == Some(Duration::ZERO);
        let wait = wait.unwrap_or_else(|| self.open_for_after(waits));
        let message = self.message(because, failure);
        let (connection, again_s) = (self.connection.as_str(), wait.as_secs_f64());
        if because == ErrorClass::AuthRevoked {
            tracing::error!(connection, %failure, again_s, "paused: the credentials are refused; everything for it waits until a person mends that");
        } else {
            tracing::error!(connection, %failure, again_s, "paused: the system does not answer; everything for it waits and goes on by itself");
        }
        *state = State::Open { because, message, since: now, next: now + wait, waits, successes: 0, suspected };
        drop(state);
        self.changed.send_modify(|count| *count += 1);
    }

    /// Twice as long each time.
    fn open_for_after(&self, waits: u32) -> Duration {
        (self.open_for * 2_u32.pow(waits.min(16))).min(self.open_max)
    }

    fn message(&self, because: ErrorClass, failure: &Failure) -> String {
        match because {
            // What is said about credentials names a reference, or is the token endpoint's own word.
            ErrorClass::AuthRevoked => {
                format!("{} does not let us in; it goes on when that is mended ({failure}: {})", self.connection, failure.message)
            }
            _ => format!("{} does not answer; what waits for it goes on when it is back ({failure})", self.connection),
        }
    }

    /// What came of asking whether it is back. Gives whether it is, by now.
    pub(super) fn probed(&self, result: &Result<(), Failure>) -> bool {
        let now = Instant::now();
        let mut state = self.state();
        let State::Open { because, message, since, next, waits, successes, suspected } = &mut *state else { return true };
        match result {
            Ok(()) => {
                *successes += 1;
                if *successes < self.successes {
                    *next = now + NEXT_SUCCESS.min(self.open_for);
                    return false;
                }
                let away_s = (now - *since).as_secs();
                tracing::warn!(connection = self.connection.as_str(), away_s, "the system is back: what waited goes on");
                let last = Last { closed: now, waits: *waits, cleared: *suspected };
                *state = State::Closed { answers: VecDeque::new(), last: Some(last) };
                drop(state);
                self.changed.send_modify(|count| *count += 1);
                true
            }
            Err(failure) => {
                (*successes, *suspected) = (0, false);
                let revoked = matches!(failure.class, ErrorClass::AuthRevoked | ErrorClass::AuthExpired);
                let wait = if revoked {
                    self.revoked_for
                } else {
                    *waits += 1;
                    self.open_for_after(*waits)
                };
                // A system that comes back may still refuse the credentials, and the other way round.
                if revoked != (*because == ErrorClass::AuthRevoked) {
                    *because = if revoked { ErrorClass::AuthRevoked } else { failure.class };
                    tracing::error!(connection = self.connection.as_str(), %failure, "still paused, and for another reason");
                }
                *message = self.message(*because, failure);
                *next = now + wait;
                false
            }
        }
    }
}

#[cfg(test)]
#[path = "tests/breaker.rs"]
mod tests;
