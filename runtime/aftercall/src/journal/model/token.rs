//! What is kept of a refresh token.

use jiff::Timestamp;

/// A refresh token of a connection, sealed: a store cannot read it. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedToken {
    /// The connection.
    pub connection: String,
    /// A fingerprint of the configured token that it descends from.
    pub origin: String,
    /// The token, sealed.
    pub sealed: Vec<u8>,
    /// When it was kept.
    pub saved_at: Timestamp,
}

impl std::fmt::Debug for SealedToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { connection, origin, sealed: _, saved_at } = self;
        f.debug_struct("SealedToken").field("connection", connection).field("origin", origin).field("saved_at", saved_at).finish()
    }
}
