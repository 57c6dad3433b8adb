//! [`SqliteJournal`]: the handle, and which transaction goes to which thread.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
};

use futures_util::FutureExt;
use jiff::{SignedDuration, Timestamp};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};

use super::{
    super::{
        api::{Answer, Journal},
        error::Error,
        model::{
            Accepted, AccessChange, AnswerRow, Arrival, Booking, CallFilter, CallSummary, Claim, Claiming, ConfigPart, Counts, Created,
            Deed, DeedFilter, DeedRow, Guard, Intervention, Key, LandedFilter, LandedRow, LaneLink, LogCounts, LogFilter, LogKind, LogPage,
            Lookup, NewPlan, NewReload, NewSession, PlanOutcome, PlannedCall, PlannedFilter, Recorded, Recording, ReloadAnswer,
            ReloadFilter, ReloadRow, SealedToken, SessionRow, SignInTry, Story, TokenRow, Unrecognised, UserRow, WriteFilter, WriteRow,
            Written,
        },
    },
    fault::{Fault, io_error},
    inline::Inline,
    open::{self, SqliteOptions},
    queue::{Job, Tx, job},
    read,
    reader::Reader,
    write,
    writer::{Writer, identity},
};

/// A journal in one SQLite file. Dropping it waits until everything that was queued is on disk.
pub struct SqliteJournal {
    path: PathBuf,
    /// `None` when opened for reading.
    writes: Option<mpsc::Sender<Box<dyn Job>>>,
    /// `None` only while it is dropped.
    reads: Option<mpsc::Sender<Box<dyn Job>>>,
    capacity: usize,
    ready: watch::Sender<u64>,
    readers: Vec<JoinHandle<()>>,
    writer: Option<JoinHandle<()>>,
    /// In place of the threads: whoever asks does the work itself.
    inline: Option<Mutex<Inline>>,
}

impl SqliteJournal {
    /// Opens or makes the journal, and takes it over: leases of earlier processes are void, and their intents without an
    /// outcome are unknown since `now`. Blocks for the disk, so not on a thread that serves others.
    ///
    /// Errors: [`Error::InUse`] when another process has it; [`Error::NewerSchema`], [`Error::NotAJournal`],
    /// [`Error::Corrupt`], [`Error::ReadOnly`], [`Error::DiskFull`], [`Error::Io`] by what is wrong with the file.
    pub fn open(options: SqliteOptions, now: Timestamp) -> Result<Self, Error> {
        let opened = open::open(&options, now)?;
        let (writes, queue) = mpsc::channel(options.queue.max(1));
        let (ready, _) = watch::channel(0);
        let writer = Writer {
            conn: opened.writer,
            path: opened.path.clone(),
            epoch: opened.epoch,
            identity: identity(&opened.path),
            queue,
            batch: options.batch.max(1),
            ready: ready.clone(),
            lock: Some(opened.lock),
        };
        let mut journal = Self::reading(opened.path, opened.readers, ready)?;
        journal.writer = Some(spawn("journal-writer", &journal.path, move || writer.run())?);
        journal.writes = Some(writes);
        journal.capacity = options.queue.max(1);
        Ok(journal)
    }

    /// Makes a journal in memory that has no threads: each transaction happens within the first poll of its answer, so that nothing but
    /// the caller decides in which order. For simulations, and for nothing that has to last.
    ///
    /// Errors: [`Error::Sql`], when SQLite has no memory.
    pub fn in_memory(now: Timestamp) -> Result<Self, Error> {
        let (inline, ready) = (Inline::open(now)?, watch::channel(0).0);
        let mut journal = Self::reading(inline.path().to_owned(), Vec::new(), ready)?;
        journal.inline = Some(Mutex::new(inline));
        Ok(journal)
    }

    /// What opening the file anew after a crash would do to a journal in memory: a new epoch, leases void, intents without an outcome
    /// unknown. Does nothing to any other.
    ///
    /// Errors: those of the transaction.
    pub fn reopen(&self, now: Timestamp) -> Result<(), Error> {
        let Some(inline) = &self.inline else { return Ok(()) };
        inline.lock().unwrap_or_else(PoisonError::into_inner).take_over(now)?;
        self.ready.send_modify(|count| *count += 1);
        Ok(())
    }

    /// Runs a job on the spot, where there are no threads. Gives it back where there are.
    fn at_once(&self, job: Box<dyn Job>, writes: bool) -> Option<Box<dyn Job>> {
        let Some(inline) = &self.inline else { return Some(job) };
        let woke = inline.lock().unwrap_or_else(PoisonError::into_inner).run(job, writes);
        if woke {
            self.ready.send_modify(|count| *count += 1);
        }
        None
    }

    /// Opens an existing journal for reading alone, also while a service runs on it. Everything that would write fails with
    /// [`Error::ReadOnly`].
    ///
    /// Errors: [`Error::Missing`], [`Error::OlderSchema`], [`Error::NewerSchema`], [`Error::NotAJournal`].
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self, Error> {
        let (path, readers) = open::open_read_only(path.as_ref(), 2)?;
        Self::reading(path, readers, watch::channel(0).0)
    }

    /// The file, by its real name.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many transactions wait for the writer.
    #[cfg(test)]
    pub(super) fn queued(&self) -> usize {
        self.writes.as_ref().map_or(0, |writes| writes.max_capacity() - writes.capacity())
    }

    fn reading(path: PathBuf, readers: Vec<Connection>, ready: watch::Sender<u64>) -> Result<Self, Error> {
        let (reads, queue) = mpsc::channel(256);
        let queue = Arc::new(Mutex::new(queue));
        let mut threads = Vec::with_capacity(readers.len());
        for conn in readers {
            let reader = Reader { conn, path: path.clone(), queue: Arc::clone(&queue) };
            threads.push(spawn("journal-reader", &path, move || reader.run())?);
        }
        Ok(Self { path, writes: None, reads: Some(reads), capacity: 0, ready, readers: threads, writer: None, inline: None })
    }

    /// Queues a write and waits for room if need be: what a worker has to say must not be dropped.
    pub(super) fn write<T, F>(&self, doing: &'static str, work: F) -> Answer<'_, T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T, Fault> + Send + 'static,
    {
        let (job, answer) = job(doing, work);
        async move {
            let Some(job) = self.at_once(job, true) else { return received(answer).await };
            let writes = self.writes.as_ref().ok_or_else(|| Error::ReadOnly { path: self.path.clone() })?;
            writes.send(job).await.map_err(|_| Error::Closed)?;
            received(answer).await
        }
        .boxed()
    }

    /// Queues a write, or says at once that there is no room.
    fn write_now<T, F>(&self, doing: &'static str, work: F) -> Answer<'_, T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T, Fault> + Send + 'static,
    {
        let (job, answer) = job(doing, work);
        async move {
            let Some(job) = self.at_once(job, true) else { return received(answer).await };
            let writes = self.writes.as_ref().ok_or_else(|| Error::ReadOnly { path: self.path.clone() })?;
            writes.try_send(job).map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => Error::Busy { queued: self.capacity },
                mpsc::error::TrySendError::Closed(_) => Error::Closed,
            })?;
            received(answer).await
        }
        .boxed()
    }

    pub(super) fn read<T, F>(&self, doing: &'static str, work: F) -> Answer<'_, T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        let (job, answer) = job(doing, move |tx: &mut Tx<'_>| work(tx.conn));
        async move {
            let Some(job) = self.at_once(job, false) else { return received(answer).await };
            let reads = self.reads.as_ref().ok_or(Error::Closed)?;
            reads.send(job).await.map_err(|_| Error::Closed)?;
            received(answer).await
        }
        .boxed()
    }
}

async fn received<T>(answer: oneshot::Receiver<Result<T, Error>>) -> Result<T, Error> {
    answer.await.unwrap_or(Err(Error::Closed))
}

fn spawn(name: &str, path: &Path, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, Error> {
    thread::Builder::new().name(name.to_owned()).spawn(work).map_err(|source| io_error("starting a thread for", path, source))
}

impl Drop for SqliteJournal {
    fn drop(&mut self) {
        // The writer last: SQLite folds the log into the file when the last connection closes, if that one may write. A
        // thread that panicked has said so already.
        self.reads = None;
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
        self.writes = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

impl Journal for SqliteJournal {
    fn accept(&self, arrivals: Vec<Arrival>) -> Answer<'_, Vec<Accepted>> {
        self.write_now("accept a call", move |tx| write::accept(tx, arrivals))
    }

    fn claim(&self, claiming: Claiming) -> Answer<'_, Vec<Claim>> {
        self.write("hand out work", move |tx| write::claim(tx, &claiming))
    }

    fn record_plan(&self, plans: Vec<NewPlan>) -> Answer<'_, Vec<PlanOutcome>> {
        self.write("record a plan", move |tx| write::record_plans(tx, plans))
    }

    fn record(&self, recording: Recording) -> Answer<'_, Recorded> {
        self.write("record what happened", move |tx| write::record(tx, recording))
    }

    fn wake(&self, connection: String, max: usize, now: Timestamp) -> Answer<'_, usize> {
        self.write("wake calls", move |tx| write::wake(tx, &connection, max, now))
    }

    fn intervene(&self, intervention: Intervention) -> Answer<'_, Recorded> {
        self.write("record what a person decided", move |tx| write::intervene(tx, intervention))
    }

    fn renew(&self, guards: Vec<Guard>, until: Timestamp) -> Answer<'_, Vec<Guard>> {
        self.write("renew leases", move |tx| write::renew(tx, guards, until))
    }

    fn release(&self, guard: Guard, now: Timestamp) -> Answer<'_, ()> {
        self.write("release a lane", move |tx| write::release(tx, guard, now))
    }

    fn take_turn(&self, route: String, call: String) -> Answer<'_, i64> {
        self.write("take a turn", move |tx| write::take_turn(tx, &route, &call))
    }

    fn lookup_put(&self, lookup: Lookup) -> Answer<'_, ()> {
        self.write("keep a look-up", move |tx| write::lookup_put(tx, &lookup))
    }

    fn people_put(&self, connection: String, people: Vec<(String, Option<Vec<i64>>)>) -> Answer<'_, ()> {
        self.write("keep people", move |tx| write::people_put(tx, &connection, &people))
    }

    fn people_find(&self, connection: String, keys: Vec<i64>, limit: usize) -> Answer<'_, Vec<String>> {
        self.read("find people", move |conn| read::people_find(conn, &connection, &keys, limit))
    }

    fn token_put(&self, token: SealedToken) -> Answer<'_, ()> {
        self.write("keep a refresh token", move |tx| write::token_put(tx, &token))
    }

    fn token_get(&self, connection: String) -> Answer<'_, Option<SealedToken>> {
        self.read("find a refresh token", move |conn| read::token_get(conn, &connection))
    }

    fn config_put(&self, hash: String, parts: Vec<ConfigPart>, now: Timestamp) -> Answer<'_, ()> {
        self.write("keep a config", move |tx| write::config_put(tx, &hash, &parts, now))
    }

    fn reload_ask(&self, new: NewReload) -> Answer<'_, i64> {
        self.write("ask for a reload", move |tx| write::reload_ask(tx, &new))
    }

    fn reload_answer(&self, answer: ReloadAnswer) -> Answer<'_, i64> {
        self.write("record a reload", move |tx| write::reload_answer(tx, &answer))
    }

    fn access_put(&self, change: AccessChange, deed: Deed) -> Answer<'_, ()> {
        self.write("change who may come in", move |tx| write::access_put(tx, change, &deed))
    }

    fn session_start(&self, session: NewSession, deed: Deed) -> Answer<'_, ()> {
        self.write("sign somebody in", move |tx| write::session_start(tx, &session, &deed))
    }

    fn session_seen(&self, key: Key, now: Timestamp) -> Answer<'_, ()> {
        self.write("note that somebody was there", move |tx| write::session_seen(tx, &key, now))
    }

    fn session_end(&self, key: Key, deed: Deed) -> Answer<'_, ()> {
        self.write("sign somebody out", move |tx| write::session_end(tx, &key, &deed))
    }

    fn token_used(&self, name: String, now: Timestamp) -> Answer<'_, ()> {
        self.write("note that a token was used", move |tx| write::token_used(tx, &name, now))
    }

    fn sign_in_try(&self, asked: SignInTry) -> Answer<'_, Option<Timestamp>> {
        self.write("count a try at signing in", move |tx| write::sign_in_try(tx, &asked))
    }

    fn sign_in_succeeded(&self, own: Key, others: Vec<Key>) -> Answer<'_, ()> {
        self.write("forget tries at signing in", move |tx| write::sign_in_succeeded(tx, &own, &others))
    }

    fn deed_put(&self, deed: Deed) -> Answer<'_, ()> {
        self.write("record what somebody did", move |tx| write::deed_put(tx, &deed))
    }

    fn users(&self) -> Answer<'_, Vec<UserRow>> {
        self.read("list users", read::users)
    }

    fn session(&self, key: Key, idle: SignedDuration, now: Timestamp) -> Answer<'_, Option<SessionRow>> {
        self.read("find a session", move |conn| read::session(conn, &key, idle, now))
    }

    fn api_tokens(&self) -> Answer<'_, Vec<TokenRow>> {
        self.read("list tokens", read::api_tokens)
    }

    fn api_token(&self, key: Key, now: Timestamp) -> Answer<'_, Option<TokenRow>> {
        self.read("find a token", move |conn| read::api_token(conn, &key, now))
    }

    fn deeds(&self, filter: DeedFilter) -> Answer<'_, Vec<DeedRow>> {
        self.read("list what people did", move |conn| read::deeds(conn, &filter))
    }

    fn landed(&self, filter: LandedFilter) -> Answer<'_, Vec<LandedRow>> {
        self.read("list what has landed", move |conn| read::landed(conn, &filter))
    }

    fn peek_turn(&self, route: String, call: String) -> Answer<'_, (i64, bool)> {
        self.read("look at a route's turns", move |conn| read::peek_turn(conn, &route, &call))
    }

    fn lookup_get(&self, connection: String, kind: String, key: String) -> Answer<'_, Option<Lookup>> {
        self.read("find a look-up", move |conn| read::lookup_get(conn, &connection, &kind, &key))
    }

    fn versions(&self, prefix: String, most: usize) -> Answer<'_, Vec<String>> {
        self.read("list the versions of configs", move |conn| read::versions(conn, &prefix, most))
    }

    fn config_get(&self, hash: String) -> Answer<'_, Option<Vec<String>>> {
        self.read("find a config", move |conn| read::config_get(conn, &hash))
    }

    fn reloads(&self, filter: ReloadFilter) -> Answer<'_, Vec<ReloadRow>> {
        self.read("list reloads", move |conn| read::reloads(conn, &filter))
    }

    fn calls(&self, filter: CallFilter) -> Answer<'_, Vec<CallSummary>> {
        self.read("list calls", move |conn| read::calls(conn, &filter))
    }

    fn log(&self, filter: LogFilter) -> Answer<'_, LogPage> {
        self.read("read the call log", move |conn| read::log(conn, &filter))
    }

    fn log_counts(&self, kind: LogKind) -> Answer<'_, LogCounts> {
        self.read("count calls", move |conn| read::log_counts(conn, &kind))
    }

    fn last_event(&self) -> Answer<'_, i64> {
        self.read("look for news", read::last_event)
    }

    fn planned(&self, filter: PlannedFilter) -> Answer<'_, Vec<PlannedCall>> {
        self.read("read planned calls", move |conn| read::planned(conn, &filter))
    }

    fn call(&self, id_or_prefix: String) -> Answer<'_, Option<Story>> {
        self.read("tell a call's story", move |conn| read::story(conn, &id_or_prefix))
    }

    fn payload(&self, id: i64) -> Answer<'_, Option<Vec<u8>>> {
        self.read("find a payload", move |conn| read::payload(conn, id))
    }

    fn writes(&self, filter: WriteFilter) -> Answer<'_, Vec<WriteRow>> {
        self.read("list writes", move |conn| read::writes(conn, &filter))
    }

    fn written(&self, connection: String, object: String, record_ids: Vec<String>) -> Answer<'_, Vec<Written>> {
        self.read("find what was written", move |conn| read::written(conn, &connection, &object, &record_ids))
    }

    fn recent_created(&self, connection: String, object: String, since: Timestamp) -> Answer<'_, Vec<Created>> {
        self.read("find what was created", move |conn| read::recent_created(conn, &connection, &object, since))
    }

    fn lane_links(&self, keys: Vec<String>) -> Answer<'_, Vec<LaneLink>> {
        self.read("find a caller's records", move |conn| read::links_of_keys(conn, &keys))
    }

    fn answers(&self, keys: Vec<String>) -> Answer<'_, Vec<AnswerRow>> {
        self.read("find what people answered", move |conn| read::answers_of_keys(conn, &keys))
    }

    fn unrecognised(&self, limit: usize) -> Answer<'_, Vec<Unrecognised>> {
        self.read("list what was not understood", move |conn| read::unrecognised(conn, limit))
    }

    fn counts(&self) -> Answer<'_, Counts> {
        self.read("count", read::counts)
    }

    fn parked(&self) -> Answer<'_, BTreeMap<String, u64>> {
        self.read("count what waits for a system", read::parked)
    }

    fn next_due(&self, now: Timestamp) -> Answer<'_, Option<Timestamp>> {
        self.read("look for what is due", move |conn| read::next_due(conn, now))
    }

    fn booked(&self, resource: String, from: Timestamp, to: Timestamp) -> Answer<'_, Vec<Booking>> {
        self.read("list bookings", move |conn| read::booked(conn, &resource, from, to))
    }

    fn ready(&self) -> watch::Receiver<u64> {
        self.ready.subscribe()
    }
}
