//! The worker: takes lanes from the journal and works their calls, many lanes at once, one call of a lane at a time.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::callers::Callers;
use super::gather::Memory;
use super::memory::JournalMemory;
use super::perform;
use super::versions::Versions;
use crate::connect::{Connections, Crowd};
use crate::journal::{self, CallSeq, CallStatus, Claim, Claiming, Guard, Journal, LaneId};

/// How long a lane is held; renewed before each sending that could outlast it, and every third of it while it is in hand.
const LEASE: Duration = Duration::from_secs(60);
/// Lanes worked at once as they come. Systems' own limits hold on top of it.
const LANES: usize = 64;
/// Lanes worked at once in a backlog, where what they ask goes out together: more fill the systems' batches no better, and each takes memory.
const CROWD: usize = 512;
/// So many lanes in hand are a backlog: no more than what is woken first when a system is back.
const BACKLOG: usize = 8;
/// The longest rest: a person's command writes into the journal from beside, and nothing wakes us then.
const REST: Duration = Duration::from_secs(2);
/// How long to wait when the journal fails, before asking again.
const JOURNAL_PAUSE: Duration = Duration::from_millis(500);

/// What time it is. A seam: tests hand in their own.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What carries the calls that are worked at once. A seam: a simulated node stops and dies with all of them.
pub type Spawn = Arc<dyn Fn(BoxFuture<'static, ()>) + Send + Sync>;

/// A write that may be on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Doubt {
    /// The attempt that it is about: the plan that it was of, and its number. Another process may have sent one since.
    attempt: (i64, i64),
    /// Since when this process knows.
    pub(super) since: Instant,
    /// How often it was looked for in vain after it could not come any more.
    pub(super) absent: u32,
}

/// Works calls.
pub struct Worker {
    pub(super) journal: Arc<dyn Journal>,
    pub(super) connections: Connections,
    pub(super) versions: Versions,
    pub(super) memory: Arc<dyn Memory>,
    pub(super) callers: Callers,
    clock: Clock,
    spawn: Spawn,
    rest: Duration,
    owner: String,
    read_failures: Mutex<BTreeMap<CallSeq, (u32, Timestamp)>>,
    doubts: Mutex<BTreeMap<(CallSeq, String), Doubt>>,
    done: AtomicU64,
    pub(super) finished: Notify,
    /// A call waits for a system now.
    pub(super) parked: Notify,
    /// What waited for a system that is back has not all been given back yet.
    pub(super) draining: AtomicBool,
}

impl Worker {
    /// A worker of one process; `owner` is shown to people.
    pub fn new(journal: Arc<dyn Journal>, connections: Connections, versions: Versions, clock: Clock, owner: String) -> Self {
        let memory: Arc<dyn Memory> = Arc::new(JournalMemory::new(journal.clone()));
        let callers = Callers::new(connections.reader(), memory.clone(), clock.clone());
        Self {
            journal,
            connections,
            versions,
            memory,
            callers,
            clock,
            spawn: Arc::new(|work| drop(tokio::spawn(work))),
            rest: REST,
            owner,
            read_failures: Mutex::default(),
            doubts: Mutex::default(),
            done: AtomicU64::new(0),
            finished: Notify::new(),
            parked: Notify::new(),
            draining: AtomicBool::new(true),
        }
    }

    /// The same with its calls carried by something else than the runtime, and with another longest rest between two looks for due
    /// work: only a journal that others write into from beside needs a short one.
    #[must_use]
    pub fn carried_by(self, spawn: Spawn, rest: Duration) -> Self {
        Self { spawn, rest, ..self }
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// What is told about callers, kept true by what this worker writes.
    pub fn callers(&self) -> Callers {
        self.callers.clone()
    }

    pub(super) fn lease(&self) -> SignedDuration {
        SignedDuration::try_from(LEASE).unwrap_or(SignedDuration::from_secs(60))
    }

    /// Calls worked so far that came to an end of any kind.
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// How often reading failed for a call, and since when.
    pub(super) fn read_failed(&self, call: CallSeq, since: Timestamp, now: Timestamp) -> (u32, Timestamp) {
        let mut failures = self.read_failures.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = failures.entry(call).or_insert((0, now.min(since.max(now))));
        entry.0 += 1;
        *entry
    }

    pub(super) fn forget_read_failures(&self, call: CallSeq) {
        self.read_failures.lock().unwrap_or_else(PoisonError::into_inner).remove(&call);
    }

    /// What is known of an attempt that may be on its way: begins with the first question about it.
    ///
    /// In memory, by the steady clock: a restart, a take-over and a wall clock that jumps make the waiting longer, never shorter.
    pub(super) fn doubt(&self, call: CallSeq, write: &str, attempt: (i64, i64)) -> Doubt {
        let new = Doubt { attempt, since: Instant::now(), absent: 0 };
        let mut doubts = self.doubts.lock().unwrap_or_else(PoisonError::into_inner);
        let doubt = doubts.entry((call, write.to_owned())).or_insert(new);
        // What was known of an earlier attempt says nothing about this one.
        if doubt.attempt != attempt {
            *doubt = new;
        }
        *doubt
    }

    /// It was looked for after its time, in vain. Gives how often by now.
    pub(super) fn not_there(&self, call: CallSeq, write: &str) -> u32 {
        let mut doubts = self.doubts.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(doubt) = doubts.get_mut(&(call, write.to_owned())) else { return 0 };
        doubt.absent += 1;
        doubt.absent
    }

    /// It is decided, or sent again: a new doubt begins from nothing.
    pub(super) fn forget_doubt(&self, call: CallSeq, write: &str) {
        self.doubts.lock().unwrap_or_else(PoisonError::into_inner).remove(&(call, write.to_owned()));
    }

    /// Gives a lane back whose work the journal could not take, as soon as it takes anything again: a full disk with room on it must not
    /// keep a caller waiting until the lease is over.
    async fn let_go(&self, claim: &Claim, stop: &tokio_util::sync::CancellationToken) {
        while self.now() < claim.until {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = tokio::time::sleep(JOURNAL_PAUSE) => {}
            }
            if matches!(self.journal.release(claim.guard, self.now()).await, Ok(()) | Err(journal::Error::Fenced { .. })) {
                return;
            }
        }
    }

    /// Works until told to stop, then finishes what is in hand.
    ///
    /// `idle` ends the run when nothing is due any more: for a batch. Calls that wait for a later time stay in the journal.
    pub async fn run(self: &Arc<Self>, stop: &tokio_util::sync::CancellationToken, idle: bool) {
        let over = stop.child_token();
        // What is in hand is renewed until it is done, after the stop as well.
        let done = tokio_util::sync::CancellationToken::new();
        let _done = done.clone().drop_guard();
        self.draining.store(true, Ordering::Release);
        let gates = TaskTracker::new();
        {
            let (worker, over) = (self.clone(), over.clone());
            (self.spawn)(Box::pin(gates.track_future(async move { worker.keep_gates(&over).await })));
        }
        let lanes = Arc::new(Semaphore::new(CROWD));
        let tasks = TaskTracker::new();
        let held: Held = Held::default();
        {
            let (worker, done, held) = (self.clone(), done.clone(), held.clone());
            (self.spawn)(Box::pin(gates.track_future(async move {
                tokio::select! {
                    biased;
                    () = done.cancelled() => {}
                    () = renew(worker, held) => {}
                }
            })));
        }
        let mut ready = self.journal.ready();
        while !stop.is_cancelled() {
            ready.mark_unchanged();
            let now = self.now();
            let in_hand = CROWD - lanes.available_permits();
            // The next of a backlog are taken when most of these are done: who come together go out together.
            let free = if in_hand < LANES { CROWD - in_hand } else { 0 };
            let claims = if free == 0 {
                Ok(Vec::new())
            } else {
                self.journal.claim(Claiming { now, owner: self.owner.clone(), lease: LEASE, max: free }).await
            };
            match claims {
                Ok(claims) if !claims.is_empty() => {
                    let crowd = Some(self.connections.crowd()).filter(|_| in_hand + claims.len() >= BACKLOG);
                    // All of them before the first begins, or it would not wait for the others.
                    let claims: Vec<_> = claims.into_iter().map(|claim| (claim, crowd.as_ref().map(Crowd::enter))).collect();
                    for (claim, member) in claims {
                        let Ok(permit) = lanes.clone().acquire_owned().await else { break };
                        let (worker, stop, held) = (self.clone(), stop.clone(), held.clone());
                        let work = tasks.track_future(async move {
                            lock(&held).insert(claim.guard.lane, claim.guard);
                            let work = perform::work(&worker, &claim);
                            let worked = match member {
                                Some(member) => member.work(work).await,
                                None => work.await,
                            };
                            lock(&held).remove(&claim.guard.lane);
                            match worked {
                                Ok(status) if status != CallStatus::Waiting => {
                                    worker.done.fetch_add(1, Ordering::Relaxed);
                                }
                                Ok(_) => {}
                                Err(journal::Error::Fenced { .. }) => {
                                    tracing::debug!(call = %claim.call.id, "the lane has another worker now")
                                }
                                Err(error) => {
                                    tracing::error!(call = %claim.call.id, %error, "the journal failed; the call is taken up again");
                                    worker.let_go(&claim, &stop).await;
                                }
                            }
                            drop(permit);
                            worker.finished.notify_one();
                        });
                        (self.spawn)(Box::pin(work));
                    }
                }
                Ok(_) => {
                    let busy = lanes.available_permits() < CROWD;
                    let next = self.journal.next_due(now).await.ok().flatten();
                    if idle && !busy && !self.draining.load(Ordering::Acquire) && next.is_none_or(|at| at > self.now()) {
                        break;
                    }
                    // A lane that is due but leased is ours, in hand.
                    let wait = next
                        .map_or(Duration::from_secs(30), |at| Duration::try_from(at.duration_since(self.now())).unwrap_or(Duration::ZERO));
                    let wait = wait.min(self.rest);
                    let wait = if busy { wait.max(Duration::from_millis(50)) } else { wait.max(Duration::from_millis(1)) };
                    tokio::select! {
                        biased;
                        () = stop.cancelled() => break,
                        changed = ready.changed() => if changed.is_err() { break },
                        () = self.finished.notified() => {}
                        () = tokio::time::sleep(wait) => {}
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "the journal does not give out work");
                    tokio::select! {
                        biased;
                        () = stop.cancelled() => break,
                        () = tokio::time::sleep(JOURNAL_PAUSE) => {}
                    }
                }
            }
        }
        tasks.close();
        tasks.wait().await;
        over.cancel();
        done.cancel();
        gates.close();
        gates.wait().await;
    }
}

/// The lanes in hand.
type Held = Arc<Mutex<BTreeMap<LaneId, Guard>>>;

fn lock(held: &Held) -> MutexGuard<'_, BTreeMap<LaneId, Guard>> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Renews the lanes in hand: reading for many may take longer than a lease. Who has lost his lane hears it when he records.
async fn renew(worker: Arc<Worker>, held: Held) {
    loop {
        tokio::time::sleep(LEASE / 3).await;
        let guards: Vec<Guard> = lock(&held).values().copied().collect();
        if guards.is_empty() {
            continue;
        }
        if let Err(error) = worker.journal.renew(guards, worker.now() + worker.lease()).await {
            tracing::warn!(%error, "the journal does not renew what is in hand");
        }
    }
}
