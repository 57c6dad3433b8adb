//! Being let in: one account's credentials become a header, and stay fresh.
//!
//! Tokens live in memory only. Whoever finds a token missing, about to end or refused waits for one refresh that all
//! share; the refresh goes on when its caller is dropped, so that a token that was given is never lost on the way.

mod basic;
mod oauth;
mod service_account;
mod token;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aftercall_config::decl::{ErrorClass, GrantDecl, GrantKind};
use aftercall_config::finding::Place;
use aftercall_config::project::Connection;
use aftercall_config::template::{Scope, Template};
use aftercall_config::types::Type;
use futures_util::future::BoxFuture;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::failure::Failure;
use super::http::Transport;
use super::secret::{Secret, resolve};
use crate::plant::{Plant, planted};

/// A token is fetched anew so long before it ends.
const EARLY: Duration = Duration::from_secs(60);

/// After trouble with the next token, the old one serves so long before the next try.
const RESPITE: Duration = Duration::from_secs(5);

/// A refresh token that replaces the one that the operator configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredToken {
    /// The token to use next.
    pub refresh_token: Secret,
    /// Which configured token it descends from: when the operator configures another one, this is void.
    pub from: String,
}

/// A token could not be kept, or not be found again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Trouble that may pass.
    #[error("{0}")]
    Trouble(String),
    /// A person must act: what is kept cannot be opened, or there is no key to keep it with.
    #[error("{0}")]
    Locked(String),
}

impl TokenError {
    /// What it means for whoever wanted to be let in. `doing` is a phrase: `reading the stored refresh token`.
    fn failure(self, doing: &str) -> Failure {
        let class = match self {
            Self::Trouble(_) => ErrorClass::Transient,
            Self::Locked(_) => ErrorClass::AuthRevoked,
        };
        Failure::unsent(class, format!("{doing}: {self}"))
    }
}

/// Keeps refresh tokens that the system replaces at each use. Shared by all workers of a journal.
///
/// `save` is called before the first use of what came with it, and must not return before the token is safe: the old one
/// may be dead already. What is kept is a credential: encrypted at rest, never shown.
pub trait TokenStore: Send + Sync + 'static {
    /// The token of this connection that descends from a configured one, if there is one.
    fn load<'a>(&'a self, connection: &'a str, from: &'a str) -> BoxFuture<'a, Result<Option<StoredToken>, TokenError>>;
    /// Keeps the token of this connection in place of the one before.
    fn save<'a>(&'a self, connection: &'a str, token: StoredToken) -> BoxFuture<'a, Result<(), TokenError>>;
}

/// Keeps tokens as long as the process lives: enough for systems that do not replace them.
#[derive(Debug, Default)]
pub struct MemoryTokens(Mutex<std::collections::HashMap<String, StoredToken>>);

impl TokenStore for MemoryTokens {
    fn load<'a>(&'a self, connection: &'a str, from: &'a str) -> BoxFuture<'a, Result<Option<StoredToken>, TokenError>> {
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(connection).filter(|token| token.from == from).cloned();
        Box::pin(std::future::ready(Ok(found)))
    }
    fn save<'a>(&'a self, connection: &'a str, token: StoredToken) -> BoxFuture<'a, Result<(), TokenError>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(connection.to_owned(), token);
        Box::pin(std::future::ready(Ok(())))
    }
}

/// What one refresh gave.
#[derive(Debug)]
struct Grant {
    /// The header's value, prefix included.
    value: Secret,
    expires_in: Option<Duration>,
    base_url: Option<String>,
}

/// A pass that requests go out with.
#[derive(Debug)]
pub(super) struct Pass {
    header: Option<(HeaderName, HeaderValue)>,
    /// The host to use, where the system named one.
    pub(super) base_url: Option<String>,
    value: Option<Secret>,
    number: u64,
    good_until: Option<Instant>,
}

impl Pass {
    /// Adds the credentials to a request's headers.
    pub(super) fn stamp(&self, headers: &mut HeaderMap) {
        if let Some((name, value)) = &self.header {
            headers.insert(name.clone(), value.clone());
        }
    }
}

/// What the ways to be let in need of the world.
pub(super) struct World {
    pub(super) transport: Arc<dyn Transport>,
    pub(super) tokens: Arc<dyn TokenStore>,
    pub(super) root: PathBuf,
    /// Requests for tokens, all connections together.
    pub(super) token_requests: AtomicU64,
}

/// One account's way to be let in.
pub(super) struct Auth {
    connection: Arc<Connection>,
    world: Arc<World>,
    pass: Mutex<Option<Arc<Pass>>>,
    /// Held by who refreshes; inside, the last refresh when it failed.
    refresh: tokio::sync::Mutex<Option<(u64, Failure)>>,
    /// Refreshes that have ended; changed only by who holds `refresh`.
    refreshes: AtomicU64,
    /// When a refresh failed last.
    failed: Mutex<Option<Instant>>,
    /// A new refresh token that the store did not take yet.
    unsaved: Mutex<Option<StoredToken>>,
}

impl Auth {
    pub(super) fn new(connection: Arc<Connection>, world: Arc<World>) -> Arc<Self> {
        // Who needs no credentials has a pass from the start.
        let open = Pass { header: None, base_url: None, value: None, number: 0, good_until: None };
        let pass = connection.grant.is_none().then(|| Arc::new(open));
        Arc::new(Self {
            connection,
            world,
            pass: Mutex::new(pass),
            refresh: tokio::sync::Mutex::new(None),
            refreshes: AtomicU64::new(0),
            failed: Mutex::new(None),
            unsaved: Mutex::new(None),
        })
    }

    fn current(&self) -> Option<Arc<Pass>> {
        self.pass.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Where the credentials stand: `none` where nothing has asked for them yet, `valid`, `ending`, `refused`.
    pub(super) fn state(&self) -> &'static str {
        let now = Instant::now();
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        match self.current().map(|pass| pass.good_until) {
            Some(None) => "valid",
            Some(Some(until)) if now + EARLY < until => "valid",
            Some(Some(until)) if now < until => "ending",
            _ if failed => "refused",
            _ => "none",
        }
    }

    /// How many refreshes have ended, well or not.
    pub(super) fn refreshes(&self) -> u64 {
        self.refreshes.load(Ordering::Acquire)
    }

    /// The host that the system named with the current token.
    pub(super) fn base_url(&self) -> Option<String> {
        self.current()?.base_url.clone()
    }

    /// A pass that is good for at least a minute, if one can be had.
    ///
    /// Errors: `auth_revoked` where a person must act, else what kept us from a token; nothing was sent.
    pub(super) async fn pass(self: &Arc<Self>) -> Result<Arc<Pass>, Failure> {
        let now = Instant::now();
        let Some(pass) = self.current() else { return self.renew(None).await };
        if pass.good_until.is_none_or(|until| now + EARLY < until) {
            return Ok(pass);
        }
        let usable = pass.good_until.is_some_and(|until| now < until);
        let failed = *self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        if usable && failed.is_some_and(|at| now < at + RESPITE) {
            return Ok(pass);
        }
        match self.renew(Some(&pass)).await {
            // The old one still lives, so trouble with the new one can wait.
            Err(failure) if usable && failure.class != ErrorClass::AuthRevoked => Ok(pass),
            other => other,
        }
    }

    /// A pass newer than this one, which was refused or is about to end.
    pub(super) async fn renew(self: &Arc<Self>, old: Option<&Arc<Pass>>) -> Result<Arc<Pass>, Failure> {
        let auth = Arc::clone(self);
        let old = old.cloned();
        let seen = self.refreshes.load(Ordering::Acquire);
        // On its own: when the caller goes away in the middle, a token that the system has given must not be lost.
        let task = tokio::spawn(async move {
            if planted(Plant::RefreshWithoutSingleFlight) {
                return auth.fetch(auth.refreshes.fetch_add(1, Ordering::AcqRel) + 1, old.as_deref()).await.map(Arc::new);
            }
            let mut last = auth.refresh.lock().await;
            let old_number = old.as_ref().map(|pass| pass.number);
            if let Some(pass) = auth.current().filter(|pass| Some(pass.number) != old_number) {
                return Ok(pass);
            }
            // Who waited while another refresh failed shares its failure instead of knocking once more.
            if let Some((_, failure)) = last.as_ref().filter(|(number, _)| *number > seen) {
                return Err(failure.clone());
            }
            let number = auth.refreshes.load(Ordering::Acquire) + 1;
            let result = auth.fetch(number, old.as_deref()).await;
            auth.refreshes.store(number, Ordering::Release);
            *last = result.as_ref().err().map(|failure| (number, failure.clone()));
            *auth.failed.lock().unwrap_or_else(PoisonError::into_inner) = result.is_err().then(Instant::now);
            let mut current = auth.pass.lock().unwrap_or_else(PoisonError::into_inner);
            match result {
                Ok(pass) => Ok(Arc::clone(current.insert(Arc::new(pass)))),
                Err(failure) => {
                    // A dead pass is not tried again: the next one begins at the credentials.
                    if failure.class == ErrorClass::AuthRevoked && auth.connection.grant.is_some() {
                        *current = None;
                    }
                    Err(failure)
                }
            }
        });
        task.await.unwrap_or_else(|_| Err(Failure::unsent(ErrorClass::Transient, "fetching a token was broken off")))
    }

    async fn fetch(&self, number: u64, old: Option<&Pass>) -> Result<Pass, Failure> {
        let Some(decl) = &self.connection.grant else {
            return Err(revoked("the system wants credentials, and the connection gives none"));
        };
        let grant = match decl.kind {
            GrantKind::Token => token::grant(self, decl),
            GrantKind::Basic => basic::grant(self, decl),
            GrantKind::RefreshToken => oauth::refresh_token(self, decl).await,
            GrantKind::ClientCredentials => oauth::client_credentials(self, decl).await,
            GrantKind::ServiceAccount => service_account::grant(self, decl).await,
        }
        .inspect_err(|failure| tracing::warn!(connection = %self.connection.id, %failure, "not let in"))?;
        let fixed = matches!(decl.kind, GrantKind::Token | GrantKind::Basic);
        if fixed && old.is_some_and(|old| old.value.as_ref() == Some(&grant.value)) {
            return Err(revoked("the system refuses the configured credentials"));
        }
        if !fixed {
            tracing::debug!(connection = %self.connection.id, "a new token");
        }
        let name = decl.header.as_deref().map_or(Ok(AUTHORIZATION), |name| HeaderName::from_bytes(name.as_bytes()));
        let name = name.map_err(|_| revoked("`header` of the connector's `auth` is no header"))?;
        let mut value = HeaderValue::from_str(grant.value.reveal()).map_err(|_| revoked("the credentials cannot stand in a header"))?;
        value.set_sensitive(true);
        let good_until = grant.expires_in.map(|time| Instant::now() + time);
        Ok(Pass { header: Some((name, value)), base_url: grant.base_url, value: Some(grant.value), number, good_until })
    }

    /// A credential by name.
    fn credential(&self, name: &str) -> Result<Secret, Failure> {
        let connection = &self.connection.id;
        let Some(reference) = self.connection.credentials.get(name) else {
            return Err(revoked(format!("connection `{connection}` has no credential `{name}`")));
        };
        resolve(reference, &self.world.root).map_err(|e| revoked(format!("credential `{name}` of connection `{connection}`: {e}")))
    }

    /// Where tokens come from.
    fn token_url(&self, decl: &GrantDecl) -> Result<Option<String>, Failure> {
        let Some(url) = &decl.token_url else { return Ok(None) };
        let mut findings = Vec::new();
        let template = Template::compile(&Value::from(url.as_str()), &Place::file(""), &Type::Any, &mut findings);
        let scope = Scope::new(json!({"base_url": self.connection.base_url, "settings": self.connection.settings}));
        let text = template.map(|t| t.text(&scope)).filter(|text| !text.is_empty());
        text.map(Some).ok_or_else(|| revoked("`token_url` of the connector's `auth` gives no address"))
    }

    fn set_unsaved(&self, token: Option<StoredToken>) {
        *self.unsaved.lock().unwrap_or_else(PoisonError::into_inner) = token;
    }

    fn unsaved(&self) -> Option<StoredToken> {
        self.unsaved.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A person must act.
fn revoked(message: impl Into<String>) -> Failure {
    Failure::unsent(ErrorClass::AuthRevoked, message)
}
