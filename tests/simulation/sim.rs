//! One simulated world: its clock, its chance, what is known of everybody, and what must never happen while it runs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aftercall::journal::{Fence, Journal as _, LaneId, SqliteJournal, WriteState};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::coverage::Coverage;
use crate::fate::{Draw, Fate};
use crate::rng::Rng;
use crate::world::System;

/// A lane in somebody's hands.
#[derive(Clone, Debug)]
pub(crate) struct Lease {
    pub(crate) process: u64,
    pub(crate) fence: Fence,
    pub(crate) until: Timestamp,
    pub(crate) call: String,
}

/// A request of a write as it went out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt {
    pub(crate) before: WriteState,
    pub(crate) fate: Fate,
    pub(crate) process: u64,
    pub(crate) freezes: u32,
    /// Whoever sent it lived to see what came of it.
    pub(crate) heard: bool,
    /// It stood still meanwhile.
    pub(crate) stood: bool,
}

/// What changes while it runs.
pub(crate) struct State {
    pub(crate) systems: [System; 2],
    pub(crate) rng: Rng,
    /// By lane.
    pub(crate) leases: BTreeMap<LaneId, Lease>,
    /// By process: where it hears that a lane has something to do, and how often it has heard it.
    ready: BTreeMap<u64, watch::Sender<u64>>,
    /// By process and system: nobody may ask before that.
    pub(crate) holds: BTreeMap<(u64, usize), Instant>,
    /// Requests for tokens under way, by process and system.
    pub(crate) tokens: BTreeMap<(u64, usize), u32>,
    /// The attempts at each write, by call and object.
    pub(crate) attempts: BTreeMap<(String, String), Vec<Attempt>>,
    /// Calls in the order in which the store took them in.
    pub(crate) accepted: Vec<String>,
    /// Calls that were planned at least once.
    pub(crate) planned: Vec<String>,
    /// Requests that are applied later.
    pub(crate) on_their_way: u32,
    /// Process numbers that were killed.
    pub(crate) killed: Vec<u64>,
    pub(crate) crashes: u32,
    pub(crate) requests: u64,
    /// Requests that came to nothing: refused, not answered, or never sent.
    pub(crate) in_vain: u64,
    /// When a system did something last.
    pub(crate) last_done: Duration,
    /// The moment, how often something happened in it, and how often at all.
    moment: (Duration, u32, u32),
    stuck: bool,
    violations: Vec<String>,
    trace: Sha256,
    log: Option<Vec<String>>,
    pub(crate) coverage: Coverage,
}

/// The world.
pub(crate) struct Sim {
    pub(crate) draw: Draw,
    pub(crate) journal: SqliteJournal,
    started: Instant,
    state: Mutex<State>,
}

/// When every simulated world begins.
const EPOCH: &str = "2026-11-24T15:00:00Z";

/// More at one moment is a circle: a seed's busiest one has some hundreds. Each call may add so many.
const MOST_AT_ONCE: (u32, u32) = (2_000, 20);

/// And so is more altogether: a busy seed has some thousands.
const MOST: (u32, u32) = (60_000, 200);

/// So many kills of a process in the middle of something are enough for a seed.
const MOST_CRASHES: u32 = 7;

impl Sim {
    pub(crate) fn new(draw: Draw, rng: Rng, telling: bool) -> Arc<Self> {
        let journal = SqliteJournal::in_memory(epoch()).expect("a journal in memory");
        let state = State {
            systems: [System::new(draw.crm), System::new(draw.second)],
            rng,
            leases: BTreeMap::new(),
            ready: BTreeMap::new(),
            holds: BTreeMap::new(),
            tokens: BTreeMap::new(),
            attempts: BTreeMap::new(),
            accepted: Vec::new(),
            planned: Vec::new(),
            on_their_way: 0,
            killed: Vec::new(),
            crashes: 0,
            requests: 0,
            in_vain: 0,
            last_done: Duration::ZERO,
            moment: (Duration::ZERO, 0, 0),
            stuck: false,
            violations: Vec::new(),
            trace: Sha256::new(),
            log: telling.then(Vec::new),
            coverage: Coverage::default(),
        };
        Arc::new(Self { draw, journal, started: Instant::now(), state: Mutex::new(state) })
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where a process hears that a lane has something to do. Each has a channel of its own: whom one with several ears wakes first is left
    /// to a chance that is not ours.
    pub(crate) fn ears(&self, process: u64) -> watch::Receiver<u64> {
        self.state().ready.entry(process).or_insert_with(|| watch::channel(0).0).subscribe()
    }

    /// A transaction is over: if a lane has something to do since, all processes hear it, in their order.
    pub(crate) fn tell_ready(&self) {
        let count = *self.journal.ready().borrow();
        for ear in self.state().ready.values() {
            ear.send_if_modified(|heard| std::mem::replace(heard, count) != count);
        }
    }

    /// The process is no more.
    pub(crate) fn deafen(&self, process: u64) {
        self.state().ready.remove(&process);
    }

    /// Since the beginning.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// What the clock on the wall says.
    pub(crate) fn now(&self) -> Timestamp {
        epoch() + SignedDuration::try_from(self.elapsed()).expect("a time in range")
    }

    /// Whether nothing goes wrong any more.
    pub(crate) fn is_calm(&self) -> bool {
        self.elapsed() >= self.draw.calm_at
    }

    /// Something goes on. False when that happens again and again while hardly any time passes: it goes round in circles, and nothing may
    /// go on any more.
    pub(crate) fn goes_on(&self) -> bool {
        let (now, mut state) = (self.elapsed(), self.state());
        let count = if state.moment.0 == now { state.moment.1 + 1 } else { 0 };
        let all = state.moment.2 + 1;
        state.moment = (now, count, all);
        drop(state);
        let calls = u32::try_from(self.draw.calls.len()).unwrap_or(u32::MAX);
        let most = |(least, each): (u32, u32)| least.max(each.saturating_mul(calls));
        let circles = count >= most(MOST_AT_ONCE) || all >= most(MOST);
        if circles && !self.is_stuck() {
            self.violation("it goes round in circles");
            self.state().stuck = true;
        }
        !circles
    }

    /// Whether it went round in circles.
    pub(crate) fn is_stuck(&self) -> bool {
        self.state().stuck
    }

    /// Whether a process dies here.
    pub(crate) fn crashes(&self) -> bool {
        if self.is_calm() {
            return false;
        }
        let mut state = self.state();
        let hit = state.rng.chance(self.draw.crash) && state.crashes < MOST_CRASHES;
        state.crashes += u32::from(hit);
        hit
    }

    /// How long a process stands still here.
    pub(crate) fn freezes(&self) -> Option<Duration> {
        if self.is_calm() {
            return None;
        }
        let mut state = self.state();
        state.rng.chance(self.draw.freeze).then(|| state.rng.ms(500, 120_000))
    }

    /// Something that must never happen has happened.
    pub(crate) fn violation(&self, what: impl Into<String>) {
        let what = format!("{:>9.3} s  {}", self.elapsed().as_secs_f64(), what.into());
        self.trace(|| what.clone());
        self.state().violations.push(what);
    }

    pub(crate) fn violations(&self) -> Vec<String> {
        self.state().violations.clone()
    }

    /// One line of the trace, which is the same whenever the seed is.
    pub(crate) fn trace(&self, line: impl FnOnce() -> String) {
        let line = format!("{:>9.3} {}", self.elapsed().as_secs_f64(), line());
        let mut state = self.state();
        state.trace.update(line.as_bytes());
        if let Some(log) = &mut state.log {
            log.push(line);
        }
    }

    /// The trace's digest, and its lines where they were kept.
    pub(crate) fn traced(&self) -> (String, Vec<String>) {
        let state = self.state();
        let digest = state.trace.clone().finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        (digest, state.log.clone().unwrap_or_default())
    }
}

fn epoch() -> Timestamp {
    EPOCH.parse().expect("a time")
}

/// The caller of a call, by the call's id: `json:CALLER-NUMBER`.
pub(crate) fn caller_of(call: &str) -> &str {
    let name = call.strip_prefix("json:").unwrap_or(call);
    name.split('-').next().unwrap_or(name)
}
