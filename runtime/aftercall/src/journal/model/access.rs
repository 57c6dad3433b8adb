//! People and programs that may look and act: users, their sessions, tokens, and how often a sign-in was tried.
//!
//! Not for how a password is checked: the journal keeps a hash that it does not read.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

use super::ids::Role;

/// The SHA-256 of a secret that somebody else has: a session's id, a token.
pub type Key = [u8; 32];

/// A user as they are kept.
#[derive(Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct UserRow {
    /// The name that they sign in with.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Their password's hash, as a PHC string; absent where there is no password.
    #[serde(skip)]
    pub hash: Option<String>,
    /// Whether they are kept out.
    pub disabled: bool,
    /// Since when there is this user.
    pub created_at: Timestamp,
    /// When something about them changed last.
    pub changed_at: Timestamp,
}

impl std::fmt::Debug for UserRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserRow").field("name", &self.name).field("role", &self.role).field("disabled", &self.disabled).finish()
    }
}

/// A change of who may look and act. Each is one transaction with its line in the trail.
#[derive(Clone)]
pub enum AccessChange {
    /// A new user. Errors: `AlreadyThere`.
    UserAdded {
        /// Their name.
        name: String,
        /// What they may do.
        role: Role,
        /// The hash of their password.
        hash: Option<String>,
    },
    /// Another role. Their sessions end: a page that is open must not keep rights that are gone. Errors: `LastAdmin`.
    UserRole {
        /// Whose.
        name: String,
        /// The new one.
        role: Role,
        /// Also where nobody is left who may let people in.
        force: bool,
    },
    /// Another password. Their sessions end: whoever knew the old one is out.
    UserPassword {
        /// Whose.
        name: String,
        /// The hash of the new one.
        hash: String,
    },
    /// Kept out, or let in again. Their sessions end. Errors: `LastAdmin`.
    UserDisabled {
        /// Whose.
        name: String,
        /// Whether they are kept out.
        disabled: bool,
        /// Also where nobody is left who may let people in.
        force: bool,
    },
    /// Their sessions end; they may sign in again.
    UserSignedOut {
        /// Whose.
        name: String,
    },
    /// A new token. Errors: `AlreadyThere`.
    TokenAdded {
        /// Its name.
        name: String,
        /// Its hash.
        key: Key,
        /// What it may do.
        role: Role,
        /// When it ends; `None` for never.
        ends_at: Option<Timestamp>,
    },
    /// A token is void.
    TokenRevoked {
        /// Its name.
        name: String,
    },
}

impl std::fmt::Debug for AccessChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::UserAdded { .. } => "UserAdded",
            Self::UserRole { .. } => "UserRole",
            Self::UserPassword { .. } => "UserPassword",
            Self::UserDisabled { .. } => "UserDisabled",
            Self::UserSignedOut { .. } => "UserSignedOut",
            Self::TokenAdded { .. } => "TokenAdded",
            Self::TokenRevoked { .. } => "TokenRevoked",
        })
    }
}

/// Somebody has signed in.
#[derive(Clone)]
pub struct NewSession {
    /// The hash of its id.
    pub key: Key,
    /// The session before it, of the same browser: it ends, so that an id which was put there by somebody else is worth nothing.
    pub before: Option<Key>,
    /// Who. Errors: `NotFound` where there is no such user any more, or they are kept out.
    pub user: String,
    /// The hash that their password was checked against; where it is another by now, nobody is let in.
    pub hash: Option<String>,
    /// When it ends at the latest.
    pub ends_at: Timestamp,
}

/// A session that counts, with what its user may do now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// Who.
    pub user: String,
    /// What they may do.
    pub role: Role,
    /// When they signed in.
    pub created_at: Timestamp,
    /// When they were last seen.
    pub seen_at: Timestamp,
    /// When it ends at the latest.
    pub ends_at: Timestamp,
}

/// A token, without itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TokenRow {
    /// Its name.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Since when there is this token.
    pub created_at: Timestamp,
    /// When it ends; absent for never.
    pub ends_at: Option<Timestamp>,
    /// When it was used last, to the minute.
    pub used_at: Option<Timestamp>,
}

/// Somebody wants to try a password. It counts before it is checked, or many at once would be free.
#[derive(Clone, Debug)]
pub struct SignInTry {
    /// For what it counts, each with how many are let through within `within`.
    pub keys: Vec<(Key, u32)>,
    /// The time over which is counted.
    pub within: SignedDuration,
    /// Now.
    pub now: Timestamp,
}
