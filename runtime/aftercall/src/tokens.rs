//! Refresh tokens that a system replaces at each use, kept in the journal under a key that is not in it.
//!
//! What is kept is sealed with ChaCha20-Poly1305 under a key that HKDF derives from the configured one; which connection a token is of, and
//! which configured token it descends from, are sealed with it. Not for access tokens: those live in memory.

use std::path::PathBuf;
use std::sync::Arc;

use aftercall_config::project::SecretRef;
use arc_swap::ArcSwapOption;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Salt};
use ring::rand::{SecureRandom as _, SystemRandom};
use zeroize::Zeroizing;

use crate::connect::{MemoryTokens, Secret, StoredToken, TokenError, TokenStore, resolve_secret};
use crate::journal::{self, Journal, SealedToken, SqliteJournal, SqliteOptions, token_beside};

/// The form of what is sealed: the first byte.
const FORM: u8 = 1;

/// A key of fewer characters can be guessed.
const SHORTEST_KEY: usize = 32;

/// Where the journal is.
enum Place {
    /// In this process.
    Here(Arc<dyn Journal>),
    /// In a file that another process may work.
    Beside(PathBuf),
}

/// Keeps tokens in the journal where the project names a key, else in memory.
pub struct KeptTokens {
    place: Place,
    key: ArcSwapOption<SecretRef>,
    root: PathBuf,
    memory: MemoryTokens,
}

impl KeptTokens {
    /// Tokens in a journal of this process. A key in a file is read below `root`.
    pub fn here(journal: Arc<dyn Journal>, key: Option<SecretRef>, root: impl Into<PathBuf>) -> Self {
        Self { place: Place::Here(journal), key: ArcSwapOption::from_pointee(key), root: root.into(), memory: MemoryTokens::default() }
    }

    /// Tokens in a journal that another process may have open; it is made where there is none and a token must be kept.
    pub fn beside(path: impl Into<PathBuf>, key: Option<SecretRef>, root: impl Into<PathBuf>) -> Self {
        Self {
            place: Place::Beside(path.into()),
            key: ArcSwapOption::from_pointee(key),
            root: root.into(),
            memory: MemoryTokens::default(),
        }
    }

    /// Goes by this key from now on.
    pub fn rekey(&self, key: Option<SecretRef>) {
        self.key.store(key.map(Arc::new));
    }

    /// The key that the reference names. Errors: what cannot be read, or is too short, naming the reference only.
    fn key(&self, reference: &SecretRef) -> Result<LessSafeKey, TokenError> {
        let secret = resolve_secret(reference, &self.root).map_err(|e| TokenError::Locked(format!("the key of the journal: {e}")))?;
        if secret.reveal().chars().count() < SHORTEST_KEY {
            let message = format!(
                "the key of the journal (`{reference}`) is too short: give it at least {SHORTEST_KEY} characters, as `openssl rand -base64 32` does"
            );
            return Err(TokenError::Locked(message));
        }
        let broken = || TokenError::Trouble("a key could not be derived".to_owned());
        let derived = Salt::new(HKDF_SHA256, b"aftercall journal").extract(secret.reveal().as_bytes());
        let derived = derived.expand(&[b"tokens"], &CHACHA20_POLY1305).map_err(|_| broken())?;
        Ok(LessSafeKey::new(UnboundKey::from(derived)))
    }

    fn seal(&self, reference: &SecretRef, connection: &str, token: &StoredToken) -> Result<Vec<u8>, TokenError> {
        let key = self.key(reference)?;
        let broken = || TokenError::Trouble("a token could not be sealed".to_owned());
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).map_err(|_| broken())?;
        let mut text = Zeroizing::new(token.refresh_token.reveal().as_bytes().to_vec());
        let tag = key
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(whose(connection, &token.from)), text.as_mut_slice())
            .map_err(|_| broken())?;
        Ok([&[FORM], nonce.as_slice(), text.as_slice(), tag.as_ref()].concat())
    }

    fn open(&self, reference: &SecretRef, kept: &SealedToken) -> Result<Secret, TokenError> {
        let key = self.key(reference)?;
        let locked = || {
            TokenError::Locked(format!(
                "the refresh token of `{0}` that the journal keeps cannot be opened with `{reference}`: name the key under which it was kept \
                 (`[store] key`), or authorise `{0}` again and configure the new refresh token",
                kept.connection
            ))
        };
        let (form, rest) = kept.sealed.split_first().ok_or_else(locked)?;
        let (nonce, sealed) = rest.split_at_checked(NONCE_LEN).ok_or_else(locked)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| locked())?;
        let mut text = Zeroizing::new(sealed.to_vec());
        if *form != FORM {
            return Err(locked());
        }
        let opened = key.open_in_place(nonce, Aad::from(whose(&kept.connection, &kept.origin)), text.as_mut_slice());
        let opened = opened.map_err(|_| locked())?;
        std::str::from_utf8(opened).map(Secret::new).map_err(|_| locked())
    }

    async fn find(&self, connection: &str) -> Result<Option<SealedToken>, journal::Error> {
        match &self.place {
            Place::Here(journal) => journal.token_get(connection.to_owned()).await,
            Place::Beside(path) => match SqliteJournal::open_read_only(path) {
                Ok(journal) => journal.token_get(connection.to_owned()).await,
                // A journal of an older program has none yet.
                Err(journal::Error::Missing { .. } | journal::Error::OlderSchema { .. }) => Ok(None),
                Err(error) => Err(error),
            },
        }
    }

    async fn keep(&self, token: SealedToken) -> Result<(), journal::Error> {
        match &self.place {
            Place::Here(journal) => journal.token_put(token).await,
            Place::Beside(path) => {
                let path = path.clone();
                let work = move || match token_beside(&path, &token) {
                    Err(journal::Error::Missing { .. } | journal::Error::OlderSchema { .. }) => {
                        drop(SqliteJournal::open(SqliteOptions::at(path.clone()), Timestamp::now())?);
                        token_beside(&path, &token)
                    }
                    other => other,
                };
                tokio::task::spawn_blocking(work).await.unwrap_or(Err(journal::Error::Closed))
            }
        }
    }
}

/// What is sealed along with a token, so that it serves for no other.
fn whose(connection: &str, origin: &str) -> Vec<u8> {
    [connection.as_bytes(), b"\0", origin.as_bytes()].concat()
}

impl TokenStore for KeptTokens {
    fn load<'a>(&'a self, connection: &'a str, from: &'a str) -> BoxFuture<'a, Result<Option<StoredToken>, TokenError>> {
        let Some(reference) = self.key.load_full() else { return self.memory.load(connection, from) };
        Box::pin(async move {
            let kept = self.find(connection).await.map_err(|e| TokenError::Trouble(e.to_string()))?;
            let Some(kept) = kept.filter(|kept| kept.origin == from) else { return Ok(None) };
            Ok(Some(StoredToken { refresh_token: self.open(&reference, &kept)?, from: kept.origin }))
        })
    }

    fn save<'a>(&'a self, connection: &'a str, token: StoredToken) -> BoxFuture<'a, Result<(), TokenError>> {
        let Some(reference) = self.key.load_full() else {
            tracing::warn!(
                connection,
                "the system replaces its refresh tokens, and the new one is kept in memory alone: name a key, `[store] key = \"env:AFTERCALL_KEY\"`, or this connection must be authorised again after a restart"
            );
            return self.memory.save(connection, token);
        };
        Box::pin(async move {
            let sealed = self.seal(&reference, connection, &token)?;
            let sealed = SealedToken { connection: connection.to_owned(), origin: token.from, sealed, saved_at: Timestamp::now() };
            self.keep(sealed).await.map_err(|e| TokenError::Trouble(e.to_string()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "0123456789abcdef0123456789abcdef";

    fn place(key: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("key"), key).expect("written");
        let path = folder.path().join("j.db");
        (folder, path)
    }

    fn tokens(folder: &tempfile::TempDir, path: &std::path::Path) -> KeptTokens {
        KeptTokens::beside(path, Some(SecretRef::File("key".to_owned())), folder.path())
    }

    fn token(text: &str) -> StoredToken {
        StoredToken { refresh_token: Secret::new(text), from: "f".to_owned() }
    }

    #[tokio::test]
    async fn a_token_outlives_the_process_and_cannot_be_read_off_the_file() {
        let (folder, path) = place(KEY);
        assert_eq!(tokens(&folder, &path).load("crm", "f").await, Ok(None));
        tokens(&folder, &path).save("crm", token("old-refresh-token")).await.expect("kept");
        tokens(&folder, &path).save("crm", token("new-refresh-token")).await.expect("kept");
        assert_eq!(tokens(&folder, &path).load("crm", "f").await, Ok(Some(token("new-refresh-token"))));
        assert_eq!(tokens(&folder, &path).load("crm", "another").await, Ok(None), "another token was configured meanwhile");
        assert_eq!(tokens(&folder, &path).load("calendar", "f").await, Ok(None));
        for file in std::fs::read_dir(folder.path()).expect("readable").flatten().filter(|file| file.file_name() != "key") {
            let bytes = std::fs::read(file.path()).expect("readable");
            assert!(!bytes.windows(13).any(|part| part == b"refresh-token"), "{:?}", file.path());
        }
    }

    #[tokio::test]
    async fn another_key_opens_nothing_and_says_what_to_do() {
        let (folder, path) = place(KEY);
        tokens(&folder, &path).save("crm", token("refresh")).await.expect("kept");
        std::fs::write(folder.path().join("key"), KEY.to_uppercase()).expect("written");
        let Err(TokenError::Locked(said)) = tokens(&folder, &path).load("crm", "f").await else { panic!("opened") };
        assert!(said.contains("`crm`") && said.contains("file:key") && said.contains("authorise"), "{said}");
        std::fs::write(folder.path().join("key"), "short").expect("written");
        let Err(TokenError::Locked(said)) = tokens(&folder, &path).load("crm", "f").await else { panic!("opened") };
        assert!(said.contains("too short") && !said.contains("short\""), "{said}");
        std::fs::remove_file(folder.path().join("key")).expect("removed");
        assert!(matches!(tokens(&folder, &path).load("crm", "f").await, Err(TokenError::Locked(_))));
        assert_eq!(tokens(&folder, &path).load("crm", "fresh").await, Ok(None), "a token that was configured anew needs no key");
    }

    #[tokio::test]
    async fn a_token_serves_for_no_other_connection() {
        let (folder, path) = place(KEY);
        let kept = tokens(&folder, &path);
        kept.save("crm", token("refresh")).await.expect("kept");
        let mut sealed = kept.find("crm").await.expect("readable").expect("kept");
        sealed.connection = "calendar".to_owned();
        token_beside(&path, &sealed).expect("kept");
        assert!(matches!(kept.load("calendar", "f").await, Err(TokenError::Locked(_))));
        sealed.connection = "crm".to_owned();
        for at in 0..sealed.sealed.len() {
            let mut broken = sealed.clone();
            broken.sealed[at] ^= 1;
            token_beside(&path, &broken).expect("kept");
            assert!(matches!(kept.load("crm", "f").await, Err(TokenError::Locked(_))), "byte {at}");
            broken.sealed.truncate(at);
            token_beside(&path, &broken).expect("kept");
            assert!(matches!(kept.load("crm", "f").await, Err(TokenError::Locked(_))), "cut at {at}");
        }
    }

    #[tokio::test]
    async fn without_a_key_it_lives_as_long_as_the_process() {
        let (folder, path) = place(KEY);
        let memory = KeptTokens::beside(&path, None, folder.path());
        memory.save("crm", token("refresh")).await.expect("kept");
        assert_eq!(memory.load("crm", "f").await, Ok(Some(token("refresh"))));
        assert!(!path.exists());
    }
}
