//! All accounts of a process: their tokens, their pace, their counters.
//!
//! What a connection may do is in the types that it hands out: a [`Reader`] cannot write.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use aftercall_config::project::Connection;

use super::auth::{Auth, TokenStore, World};
use super::http::Transport;
use super::limit::{Limiter, Usage};
use super::read::Reader;
use super::write::Writer;

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
}

/// A config and its account.
type Known = (Arc<Connection>, Arc<Account>);

#[derive(Default)]
struct Parts {
    auths: HashMap<(String, u64), Arc<Auth>>,
    limiters: HashMap<(String, u64), Arc<Limiter>>,
    /// The newest of each connection, for display.
    newest: BTreeMap<String, Arc<Limiter>>,
    requests: BTreeMap<String, Arc<AtomicU64>>,
}

/// One account as one config means it.
pub(super) struct Account {
    pub(super) auth: Arc<Auth>,
    pub(super) limiter: Arc<Limiter>,
    requests: Arc<AtomicU64>,
}

impl Account {
    pub(super) fn count(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
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
        parts.newest.insert(id.clone(), Arc::clone(&limiter));
        let requests = Arc::clone(parts.requests.entry(id).or_default());
        Account { auth, limiter, requests }
    }
}

impl Connections {
    /// Accounts over one transport. Secrets in files are read below `root`; refresh tokens that a system replaces go to
    /// `tokens`.
    pub fn new(transport: Arc<dyn Transport>, root: impl Into<PathBuf>, tokens: Arc<dyn TokenStore>) -> Self {
        let world = Arc::new(World { transport, tokens, root: root.into(), token_requests: AtomicU64::new(0) });
        Self(Arc::new(Inner { world, known: RwLock::default(), parts: Mutex::default() }))
    }

    /// What may only read.
    pub fn reader(&self) -> Reader {
        Reader::new(Arc::clone(&self.0))
    }

    /// What may write: for `work`, with a committed intent.
    pub fn writer(&self) -> Writer {
        Writer::new(Arc::clone(&self.0))
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
