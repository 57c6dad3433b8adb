//! The voice platform: calls that were made, delivered until they are acknowledged, and now and then once more.
//!
//! Not for what should come of them: that is `books`.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::support::http::try_post;
use crate::support::{call, signed};

/// A generator with a seed: SplitMix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// From 0 to `end`, exclusive.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % end.max(1)
    }
}

/// A call that was made, and what must be found of it.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    /// The platform's id.
    pub(crate) id: String,
    pub(crate) phone: String,
    pub(crate) first: String,
    pub(crate) last: String,
    pub(crate) email: String,
    pub(crate) summary: String,
    pub(crate) reason: String,
    pub(crate) outcome: &'static str,
    pub(crate) duration_s: i64,
    /// Start and end of the appointment that was agreed.
    pub(crate) slot: Option<(Timestamp, Timestamp)>,
}

impl Made {
    /// The n-th call. Six in a row come from two callers in turn, so that a caller's calls wait for each other; every fourth books a time.
    pub(crate) fn nth(n: usize, day: Timestamp) -> Self {
        let caller = n / 6 * 2 + n % 2;
        let (first, last) = name(caller);
        let start = day + SignedDuration::from_mins(30 * i64::try_from(n).unwrap_or(0));
        let slot = n.is_multiple_of(4).then(|| (start, start + SignedDuration::from_mins(30)));
        Self {
            id: format!("k-{n:04}"),
            phone: format!("+1512{:07}", 2_000_000 + caller * 37),
            email: format!("{first}.{last}{caller}@example.org").to_lowercase(),
            first,
            last,
            summary: format!("The matter of k-{n:04}."),
            reason: format!("Ring back k-{n:04}"),
            outcome: if slot.is_some() { "booked" } else { "message" },
            duration_s: 60 + i64::try_from(n % 240).unwrap_or(0),
            slot,
        }
    }

    fn body(&self) -> String {
        let caller = json!({"phone": self.phone, "name": format!("{} {}", self.first, self.last), "email": self.email});
        let mut more = json!({
            "outcome": self.outcome, "summary": self.summary, "duration_s": self.duration_s, "caller": caller, "follow_up": {"reason": self.reason},
        });
        if let Some((start, end)) = self.slot {
            more["appointment"] =
                json!({"start": start.to_string(), "end": end.to_string(), "timezone": "America/Chicago", "service": "Cleaning"});
        }
        call(&self.id, more).to_string()
    }
}

/// A name that sounds like nobody else's.
fn name(person: usize) -> (String, String) {
    const FIRST: [&str; 8] = ["Ada", "Bruno", "Cleo", "Dimitri", "Esther", "Felix", "Greta", "Hugo"];
    const PARTS: [&str; 16] =
        ["ba", "ker", "li", "mont", "dro", "fis", "gal", "hun", "jor", "nev", "pol", "rux", "sten", "tav", "wick", "zem"];
    let part = |place: u32| PARTS[person.wrapping_mul(2_654_435_761) >> (4 * place) & 15];
    let last: String = (0..5).map(part).collect();
    (FIRST[person % 8].to_owned(), format!("{}{}", last[..1].to_uppercase(), &last[1..]))
}

#[derive(Default)]
struct State {
    queue: VecDeque<usize>,
    bodies: Vec<String>,
    acknowledged: BTreeSet<usize>,
    endpoint: Option<String>,
    under_way: usize,
    deliveries: usize,
    odd: Vec<String>,
    over: bool,
}

/// Delivers until it is acknowledged.
pub(crate) struct Platform {
    state: Arc<Mutex<State>>,
    senders: Vec<JoinHandle<()>>,
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Platform {
    pub(crate) fn start() -> Self {
        let state: Arc<Mutex<State>> = Arc::default();
        let senders = (0..3).map(|_| {
            let state = state.clone();
            std::thread::spawn(move || {
                while !lock(&state).over {
                    if !deliver(&state) {
                        std::thread::sleep(Duration::from_millis(3));
                    }
                }
            })
        });
        Self { senders: senders.collect(), state }
    }

    /// One more call is over.
    pub(crate) fn made(&self, call: &Made) {
        let mut state = lock(&self.state);
        let number = state.bodies.len();
        state.bodies.push(call.body());
        state.queue.push_back(number);
    }

    /// Where the service is reached now.
    pub(crate) fn reach(&self, endpoint: Option<String>) {
        lock(&self.state).endpoint = endpoint;
    }

    /// Whether a delivery waits for its answer.
    pub(crate) fn is_under_way(&self) -> bool {
        lock(&self.state).under_way > 0
    }

    /// Waits until everything was acknowledged. How often was delivered, and answers that no platform should get.
    pub(crate) fn finish(mut self) -> (usize, Vec<String>) {
        let end = Instant::now() + crate::support::PATIENCE;
        loop {
            let state = lock(&self.state);
            if state.acknowledged.len() == state.bodies.len() && state.queue.is_empty() && state.under_way == 0 {
                break;
            }
            assert!(Instant::now() < end, "{} of {} calls were acknowledged", state.acknowledged.len(), state.bodies.len());
            drop(state);
            std::thread::sleep(Duration::from_millis(10));
        }
        lock(&self.state).over = true;
        self.senders.drain(..).for_each(|sender| drop(sender.join()));
        let mut state = lock(&self.state);
        (state.deliveries, std::mem::take(&mut state.odd))
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        lock(&self.state).over = true;
    }
}

/// One delivery. `false`: there was nothing to do, or it was not acknowledged.
fn deliver(state: &Mutex<State>) -> bool {
    let (number, endpoint, body) = {
        let mut state = lock(state);
        let Some(endpoint) = state.endpoint.clone() else { return false };
        let Some(number) = state.queue.pop_front() else { return false };
        state.under_way += 1;
        state.deliveries += 1;
        (number, endpoint, state.bodies[number].clone())
    };
    let answer = try_post(&endpoint, &signed("json", body.as_bytes()), body.as_bytes());
    let mut state = lock(state);
    state.under_way -= 1;
    match answer.as_ref().map(|answer| answer.status) {
        Some(200 | 202) => {
            // Platforms repeat themselves: every eighth comes once more although it was acknowledged.
            if state.acknowledged.insert(number) && number.is_multiple_of(8) {
                state.queue.push_back(number);
            }
            return true;
        }
        // No answer, or our own trouble said as such.
        None | Some(503) => {}
        Some(status) => state.odd.push(format!("the platform was answered {status}: {}", answer.map(|a| a.body).unwrap_or_default())),
    }
    state.queue.push_back(number);
    false
}

/// JSON that a person put down wrongly is worth a loud end.
#[track_caller]
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
