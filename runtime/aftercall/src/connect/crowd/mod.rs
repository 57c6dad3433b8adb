//! Many calls at once: what they ask of one system is gathered, and goes out together.
//!
//! For a crowd only: calls that are worked at the same time because many wait. What they ask stands in lines, one for each kind of request and
//! account. A line goes out when it is full, when nobody of the crowd is under way any more (so nobody else can come), or after [`LINGER`];
//! what is written waits for those who still read, so that they write together.
//! Who is in no crowd, or alone in his line, sends by himself, at once. Not for what a request says: see `find`, `related`, `user` and `write`.

pub(super) mod find;
pub(super) mod related;
pub(super) mod user;
pub(super) mod write;

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aftercall_config::project::Connection;
use futures_util::future::BoxFuture;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot, watch};
use tokio::time::{Instant, sleep_until};

use super::connections::Inner;

/// The longest stand in a line for others to come: they may be waiting for a slow answer. Far less than a lease.
const LINGER: Duration = Duration::from_secs(2);

/// Requests that calls of a crowd send by themselves to one account at once. With more, the last would stand in the line of the pace for longer
/// than anybody may.
const SOLITARY: usize = 32;

tokio::task_local! {
    /// The call of a crowd that this task works.
    static CALL: Arc<Call>;
}

/// Calls that are worked at the same time and go out together. Cheap to clone; clones are one crowd.
#[derive(Clone, Default)]
pub struct Crowd(Arc<Counts>);

#[derive(Default)]
struct Counts {
    calls: Mutex<Calls>,
    /// Says whenever all of them stand, and whether somebody wants to read.
    still: watch::Sender<bool>,
}

#[derive(Default)]
struct Calls {
    in_hand: usize,
    /// How many of them stand in a line.
    standing: usize,
    /// Places in lines for reads.
    reading: usize,
}

/// One call of the crowd. It counts from when it was made, so that nobody goes out before the last has come.
pub struct Member(Arc<Call>);

struct Call {
    crowd: Crowd,
    /// In how many lines it stands; changed under the lock of the crowd.
    lines: AtomicUsize,
}

impl Crowd {
    /// One more call.
    pub fn enter(&self) -> Member {
        self.calls().in_hand += 1;
        Member(Arc::new(Call { crowd: self.clone(), lines: AtomicUsize::new(0) }))
    }

    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.0.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look(&self, calls: MutexGuard<'_, Calls>) {
        let (all, reading) = (calls.in_hand > 0 && calls.standing >= calls.in_hand, calls.reading > 0);
        drop(calls);
        if all {
            self.0.still.send_replace(reading);
        }
    }
}

impl Member {
    /// Works the call: what it asks meanwhile is gathered with what the others ask.
    pub async fn work<F: Future>(self, call: F) -> F::Output {
        CALL.scope(Arc::clone(&self.0), call).await
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let mut calls = self.0.crowd.calls();
        calls.in_hand = calls.in_hand.saturating_sub(1);
        // Given up while it stood in a line: it stands there no more.
        if self.0.lines.swap(0, Ordering::Relaxed) > 0 {
            calls.standing -= 1;
        }
        self.0.crowd.look(calls);
    }
}

impl Call {
    fn stands(&self, reads: bool) {
        let mut calls = self.crowd.calls();
        calls.reading += usize::from(reads);
        if self.lines.fetch_add(1, Ordering::Relaxed) == 0 {
            calls.standing += 1;
        }
    }

    fn goes(&self, reads: bool) {
        let mut calls = self.crowd.calls();
        calls.reading -= usize::from(reads);
        let lines = self.lines.load(Ordering::Relaxed);
        self.lines.store(lines.saturating_sub(1), Ordering::Relaxed);
        calls.standing -= usize::from(lines == 1);
    }
}

/// Whether what this task asks is gathered.
pub(super) fn in_crowd() -> bool {
    CALL.try_with(|_| ()).is_ok()
}

/// A kind of request that many can share.
pub(super) trait Together: Send + Sync + Sized + 'static {
    /// What one of them asks.
    type Ask: Send + 'static;
    /// What it gets.
    type Got: Send + 'static;
    /// Whether it only reads.
    const READS: bool;

    /// The lines of this kind.
    fn lines(door: &Door) -> &Lines<Self>;

    /// So many fill a request.
    fn most(&self) -> usize;

    /// Takes those out of the line that go out together: the first, and others as they fit to it.
    fn pick(&self, line: &mut VecDeque<Waiting<Self>>) -> Vec<Waiting<Self>>;

    /// Sends and answers everybody. Nobody of `together` has gone away meanwhile, and there are two of them at least.
    fn send(self: Arc<Self>, inner: Arc<Inner>, together: Vec<Waiting<Self>>) -> BoxFuture<'static, ()>;

    /// What somebody gets whose answer was lost with us.
    fn lost() -> Self::Got;
}

/// Somebody in a line.
pub(super) struct Waiting<T: Together> {
    pub(super) ask: T::Ask,
    answer: oneshot::Sender<Option<T::Got>>,
    call: Arc<Call>,
    since: Instant,
}

impl<T: Together> Waiting<T> {
    pub(super) fn gets(self, got: T::Got) {
        let _gone = self.answer.send(Some(got));
    }

    /// Sends by himself, as if nobody else were there.
    pub(super) fn goes_alone(self) {
        let _gone = self.answer.send(None);
    }
}

struct Line<T: Together> {
    kind: Arc<T>,
    waiting: Mutex<Standing<T>>,
    full: Notify,
}

struct Standing<T: Together> {
    line: VecDeque<Waiting<T>>,
    /// A task sees to the line.
    conducted: bool,
}

impl<T: Together> Line<T> {
    fn lock(&self) -> MutexGuard<'_, Standing<T>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lines by account and what they are for.
pub(super) struct Lines<T: Together>(Mutex<BTreeMap<String, Arc<Line<T>>>>);

impl<T: Together> Default for Lines<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

/// All lines of a process, and the gates for who goes by himself.
#[derive(Default)]
pub(super) struct Door {
    pub(super) crowd: Crowd,
    finds: Lines<find::Finds>,
    related: Lines<related::Lists>,
    users: Lines<user::Users>,
    writes: Lines<write::Writes>,
    gates: Mutex<BTreeMap<String, Arc<Semaphore>>>,
}

/// Who is of a crowd and sends by himself holds this meanwhile; nobody else needs it.
pub(super) async fn gate(inner: &Inner, connection: &Connection) -> Option<OwnedSemaphorePermit> {
    if !in_crowd() {
        return None;
    }
    let gate = {
        let mut gates = inner.door.gates.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(gates.entry(connection.id.clone()).or_insert_with(|| Arc::new(Semaphore::new(SOLITARY))))
    };
    gate.acquire_owned().await.ok()
}

/// Stands in a line until the answer is there; `None` for who has to send by himself.
async fn join<T: Together>(inner: &Arc<Inner>, key: String, kind: impl FnOnce() -> T, ask: T::Ask) -> Option<T::Got> {
    let call = CALL.try_with(Arc::clone).ok()?;
    let line = {
        let mut lines = T::lines(&inner.door).0.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Line {
            kind: Arc::new(kind()),
            waiting: Mutex::new(Standing { line: VecDeque::new(), conducted: false }),
            full: Notify::new(),
        };
        Arc::clone(lines.entry(key).or_insert_with(|| Arc::new(new())))
    };
    let (answer, got) = oneshot::channel();
    // Before anybody can take it out of the line; and the sign is waited for before it can be given.
    call.stands(T::READS);
    let still = call.crowd.0.still.subscribe();
    let begins = {
        let mut standing = line.lock();
        standing.line.push_back(Waiting { ask, answer, call: Arc::clone(&call), since: Instant::now() });
        if standing.line.len() >= line.kind.most() {
            line.full.notify_one();
        }
        !std::mem::replace(&mut standing.conducted, true)
    };
    if begins {
        tokio::spawn(conduct(Arc::clone(inner), line, still));
    }
    call.crowd.look(call.crowd.calls());
    got.await.unwrap_or_else(|_| Some(T::lost()))
}

/// Sees to a line until nobody stands in it.
async fn conduct<T: Together>(inner: Arc<Inner>, line: Arc<Line<T>>, mut still: watch::Receiver<bool>) {
    loop {
        let first = {
            let mut standing = line.lock();
            let Some(first) = standing.line.front().map(|waiting| waiting.since) else {
                standing.conducted = false;
                return;
            };
            first
        };
        let everybody = tokio::select! {
            biased;
            () = line.full.notified() => false,
            _said = still.changed() => T::READS || !*still.borrow_and_update(),
            () = sleep_until(first + LINGER) => true,
        };
        loop {
            let mut together = {
                let mut standing = line.lock();
                let enough = if everybody { 1 } else { line.kind.most().max(1) };
                if standing.line.len() < enough {
                    break;
                }
                line.kind.pick(&mut standing.line)
            };
            together.iter().for_each(|waiting| waiting.call.goes(T::READS));
            together.retain(|waiting| !waiting.answer.is_closed());
            if together.len() > 1 {
                tokio::spawn(Arc::clone(&line.kind).send(Arc::clone(&inner), together));
            } else {
                together.into_iter().for_each(Waiting::goes_alone);
            }
        }
    }
}

/// Both halves of those who cannot go together; one is not a group any more.
async fn halves<T: Together>(kind: &Arc<T>, inner: &Arc<Inner>, mut together: Vec<Waiting<T>>) {
    let rest = together.split_off(together.len().div_ceil(2));
    let half = |half: Vec<Waiting<T>>| async move {
        if half.len() > 1 {
            Arc::clone(kind).send(Arc::clone(inner), half).await;
        } else {
            half.into_iter().for_each(Waiting::goes_alone);
        }
    };
    futures_util::future::join(half(together), half(rest)).await;
}
