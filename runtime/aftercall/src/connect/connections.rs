//! All accounts of a process: their tokens, their pace, their counters.
//!
//! What a connection may do is in the types that it hands out: a [`Reader`] cannot write.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use aftercall_config::decl::ErrorClass;
use aftercall_config::project::{Connection, Project};
use futures_util::future::join_all;
use tokio::sync::watch;
use tokio::time::Instant;

use super::auth::{Auth, TokenStore, World};
use super::breaker::Breaker;
use super::classify::Effect;
use super::crowd::{Crowd, Door};
use super::exchange::{Asking, exchange};
use super::failure::Failure;
use super::http::Transport;
use super::limit::{Limiter, Usage};
use super::read::Reader;
use super::request::{Rendered, render, scope};
use super::write::Writer;
use crate::meters::course;

/// Configs that are remembered with their accounts; beyond it all are looked up again.
const REMEMBERED: usize = 64;

/// Every account that this process speaks to. Cheap to clone; clones share everything.
///
/// Connections of a newer config take over what still holds: a token as long as address, credentials and way in are the
/// same, a pace as long as the limits are.
#[derive(Clone)]
pub struct Connections(Arc<Inner>);

pub(super) struct Inner {
    pub(super) world: Arc<World>,
    /// By the address of a config that is held here, so that an address cannot come to mean another.
    known: RwLock<HashMap<usize, Known>>,
    parts: Mutex<Parts>,
    /// The accounts of the project that is at work; absent where nobody said which that is.
    live: RwLock<Option<BTreeMap<String, Arc<Account>>>>,
    /// Counts up whenever a circuit opens or closes.
    circuits: watch::Sender<u64>,
    /// What many calls ask at once.
    pub(super) door: Door,
}

/// How a connection stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// For how long its system has been left alone, and because of what; absent where it is not.
    pub left_alone: Option<(std::time::Duration, ErrorClass)>,
    /// Its credentials: `none` where nothing has asked for them yet, `valid`, `ending`, `refused`.
    pub credentials: &'static str,
    /// How busy it is.
    pub usage: Usage,
}

/// A config and its account.
type Known = (Arc<Connection>, Arc<Account>);

#[derive(Default)]
struct Parts {
    auths: HashMap<(String, u64), Arc<Auth>>,
    limiters: HashMap<(String, u64), Arc<Limiter>>,
    breakers: HashMap<(String, u64), Arc<Breaker>>,
    /// The newest config of each connection with its breaker.
    doors: BTreeMap<String, (Arc<Connection>, Arc<Breaker>)>,
    /// The newest of each connection, for display.
    newest: BTreeMap<String, Arc<Limiter>>,
    requests: BTreeMap<String, Arc<AtomicU64>>,
}

/// One account as one config means it.
pub(super) struct Account {
    /// The connection's name.
    id: String,
    pub(super) auth: Arc<Auth>,
    pub(super) limiter: Arc<Limiter>,
    pub(super) breaker: Arc<Breaker>,
    requests: Arc<AtomicU64>,
    /// The number of the last refresh whose failure counted.
    heard_of: AtomicU64,
}

impl Account {
    pub(super) fn count(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// There is no token. Where a person must renew the credentials, whoever asks waits until that is done.
    pub(super) fn not_let_in(&self, failure: Failure) -> Failure {
        // Whoever waited for the same refresh brings the same failure.
        let number = self.auth.refreshes();
        if self.heard_of.swap(number, Ordering::AcqRel) != number {
            course().failed(&self.id, failure.class.as_str());
            self.breaker.not_let_in(&failure);
        }
        if failure.class == ErrorClass::AuthRevoked { self.breaker.admit().err().unwrap_or(failure) } else { failure }
    }
}

impl Inner {
    /// The account of a connection; made at first use.
    pub(super) fn account(&self, connection: &Arc<Connection>) -> Arc<Account> {
        let address = Arc::as_ptr(connection) as usize;
        if let Some((_, account)) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(&address) {
            return Arc::clone(account);
        }
        let account = Arc::new(self.make(connection));
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        let entry = known.entry(address).or_insert_with(|| (Arc::clone(connection), account));
        Arc::clone(&entry.1)
    }

    /// Why nothing is sent to a connection that the project at work does not have any more.
    fn removed(&self, id: &str) -> Option<Failure> {
        if self.live.read().unwrap_or_else(PoisonError::into_inner).as_ref().is_none_or(|live| live.contains_key(id)) {
            return None;
        }
        let message = format!(
            "the project has no connection `{id}` any more; this waits until it has one again, or until the call is worked under the \
             config as it is now"
        );
        Some(Failure::away(ErrorClass::Unreachable, message))
    }

    /// Errors: the system is left alone, or was removed from the project; nothing is sent, and whoever asks waits until it is back.
    pub(super) fn admit(&self, connection: &Connection, account: &Account) -> Result<(), Failure> {
        self.removed(&connection.id).map_or(Ok(()), Err)?;
        account.breaker.admit()
    }

    fn make(&self, connection: &Arc<Connection>) -> Account {
        let id = connection.id.clone();
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut hash = DefaultHasher::new();
        (connection.base_url.as_str(), connection.settings.to_string()).hash(&mut hash);
        format!("{:?} {:?}", connection.grant, connection.credentials).hash(&mut hash);
        let world = &self.world;
        let new = || Auth::new(Arc::clone(connection), Arc::clone(world));
        let auth = Arc::clone(parts.auths.entry((id.clone(), hash.finish())).or_insert_with(new));
        let mut hash = DefaultHasher::new();
        format!("{:?}", connection.limits).hash(&mut hash);
        let limiter = parts.limiters.entry((id.clone(), hash.finish())).or_insert_with(|| Arc::new(Limiter::new(&connection.limits)));
        let limiter = Arc::clone(limiter);
        let mut hash = DefaultHasher::new();
        (connection.base_url.as_str(), format!("{:?}", connection.breaker)).hash(&mut hash);
        let breaker = || Arc::new(Breaker::new(&id, &connection.breaker, self.circuits.clone()));
        let breaker = Arc::clone(parts.breakers.entry((id.clone(), hash.finish())).or_insert_with(breaker));
        // An older version's connection must not stand for the one that is at work.
        if !self.live.read().unwrap_or_else(PoisonError::into_inner).as_ref().is_some_and(|live| live.contains_key(&id)) {
            parts.newest.insert(id.clone(), Arc::clone(&limiter));
            parts.doors.insert(id.clone(), (Arc::clone(connection), Arc::clone(&breaker)));
        }
        let requests = Arc::clone(parts.requests.entry(id.clone()).or_default());
        Account { id, auth, limiter, breaker, requests, heard_of: AtomicU64::new(0) }
    }
}

impl Connections {
    /// Accounts over one transport. Secrets in files are read below `root`; refresh tokens that a system replaces go to
    /// `tokens`.
    pub fn new(transport: Arc<dyn Transport>, root: impl Into<PathBuf>, tokens: Arc<dyn TokenStore>) -> Self {
        let world = Arc::new(World { transport, tokens, root: root.into(), token_requests: AtomicU64::new(0) });
        Self(Arc::new(Inner {
            world,
            known: RwLock::default(),
            parts: Mutex::default(),
            live: RwLock::default(),
            circuits: watch::Sender::new(0),
            door: Door::default(),
        }))
    }

    /// Goes by this project from now on: what did not change keeps its token, its pace and what is known about its system; what the project
    /// no longer has is left alone, and what waits for it stays as it is.
    pub fn adopt(&self, project: &Project) {
        let lists = project.sources.values().filter_map(|source| Some(&source.list.as_ref()?.account));
        let live: Vec<&Arc<Connection>> = project.connections.values().chain(lists).collect();
        let accounts: BTreeMap<String, Arc<Account>> = live.iter().map(|one| (one.id.clone(), self.0.account(one))).collect();
        {
            let mut parts = self.0.parts.lock().unwrap_or_else(PoisonError::into_inner);
            parts.doors.retain(|id, _| accounts.contains_key(id));
            for connection in live {
                let Some(account) = accounts.get(&connection.id) else { continue };
                parts.newest.insert(connection.id.clone(), Arc::clone(&account.limiter));
                parts.doors.insert(connection.id.clone(), (Arc::clone(connection), Arc::clone(&account.breaker)));
            }
        }
        *self.0.live.write().unwrap_or_else(PoisonError::into_inner) = Some(accounts);
        // What waited for a connection that is there again goes on.
        self.0.circuits.send_modify(|count| *count += 1);
    }

    /// What may only read.
    pub fn reader(&self) -> Reader {
        Reader::new(Arc::clone(&self.0))
    }

    /// What may write: for `work`, with a committed intent.
    pub fn writer(&self) -> Writer {
        Writer::new(Arc::clone(&self.0))
    }

    /// Calls that are worked at once, because many wait: what they ask goes out together.
    pub fn crowd(&self) -> Crowd {
        self.0.door.crowd.clone()
    }

    /// Requests sent so far, by connection; those for tokens are not among them.
    pub fn requests(&self) -> BTreeMap<String, u64> {
        let parts = self.0.parts.lock().unwrap_or_else(PoisonError::into_inner);
        parts.requests.iter().map(|(id, count)| (id.clone(), count.load(Ordering::Relaxed))).collect()
    }

    /// Requests for tokens so far, all connections together.
    pub fn token_requests(&self) -> u64 {
        self.0.world.token_requests.load(Ordering::Relaxed)
    }

    /// Whether the system of this connection is left alone now.
    pub fn is_away(&self, connection: &Arc<Connection>) -> bool {
        self.0.admit(connection, &self.0.account(connection)).is_err()
    }

    /// Why the system of a connection is left alone now, by the connection's name; one that nobody has used is not.
    pub fn left_alone(&self, id: &str) -> Option<Failure> {
        self.0.removed(id).or_else(|| self.doors().get(id).and_then(|(_, breaker)| breaker.admit().err()))
    }

    /// How many waiting calls a second go on when the system is back, where somebody says so.
    pub fn drain_per_s(&self, connection: &str) -> Option<u32> {
        self.doors().get(connection).and_then(|(connection, _)| connection.breaker.drain_per_s)
    }

    /// Changes whenever a system is found away, or is back.
    pub fn circuits_changed(&self) -> watch::Receiver<u64> {
        self.0.circuits.subscribe()
    }

    /// Asks the systems that are left alone, and due to be asked, whether they are back. Gives when the next one is due.
    pub async fn probe_due(&self) -> Option<Instant> {
        let now = Instant::now();
        let due = self.doors().into_values().filter(|(_, breaker)| breaker.next_probe().is_some_and(|at| at <= now));
        // At once: one that does not answer holds up no other.
        join_all(due.map(async |(connection, breaker)| breaker.probed(&self.probe(&connection).await))).await;
        self.doors().into_values().filter_map(|(_, breaker)| breaker.next_probe()).min()
    }

    /// One small read. Errors: the system does not answer it, or does not let us in.
    async fn probe(&self, connection: &Arc<Connection>) -> Result<(), Failure> {
        let asking = Asking { connection, what: "probe", effect: Effect::Read, bucket: None, again: false, probe: true, deadline: None };
        let declared = connection.connector.probe.as_ref();
        let rendered = |base: &str| match declared {
            Some(request) => render(request, &scope(connection, base, None, &serde_json::Map::new())),
            None => Ok(Rendered { method: "GET".to_owned(), path: String::new(), headers: Vec::new(), body: None }),
        };
        let failure = match exchange(&self.0, &asking, &rendered).await {
            Ok(_) => return Ok(()),
            Err(refused) => refused.failure,
        };
        // Whoever answers is there; only to a declared read the answer must be a good one.
        let answered = failure.status.is_some_and(|status| status < 500)
            && !matches!(failure.class, ErrorClass::AuthRevoked | ErrorClass::AuthExpired);
        let pace = matches!(failure.class, ErrorClass::RateLimited | ErrorClass::Quota);
        if answered && (declared.is_none() || pace) { Ok(()) } else { Err(failure) }
    }

    fn doors(&self) -> BTreeMap<String, (Arc<Connection>, Arc<Breaker>)> {
        self.0.parts.lock().unwrap_or_else(PoisonError::into_inner).doors.clone()
    }

    /// How each connection of the project at work stands.
    pub fn standings(&self) -> BTreeMap<String, Standing> {
        let now = Instant::now();
        let live = self.0.live.read().unwrap_or_else(PoisonError::into_inner);
        let standing = |account: &Arc<Account>| Standing {
            left_alone: account.breaker.open_since().map(|(since, because)| (now.duration_since(since), because)),
            credentials: account.auth.state(),
            usage: account.limiter.usage(),
        };
        live.iter().flatten().map(|(id, account)| (id.clone(), standing(account))).collect()
    }

    /// How busy each connection is now.
    pub fn usage(&self) -> BTreeMap<String, Usage> {
        let parts = self.0.parts.lock().unwrap_or_else(PoisonError::into_inner);
        parts.newest.iter().map(|(id, limiter)| (id.clone(), limiter.usage())).collect()
    }
}

impl std::fmt::Debug for Connections {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connections").field("requests", &self.requests()).finish_non_exhaustive()
    }
}
