//! Who asks, and what they may do.
//!
//! Not for how somebody proves who they are: that is the guard's.

use std::borrow::Cow;

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;

use super::access::Proof;
use super::page::Refusal;
pub use crate::journal::Role;
use crate::journal::Way;
use crate::view::mask::{HIDDEN, mask};

/// Whoever asks for a page or does something on one. The guard puts it into the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The name under which their doings stand in the stories of calls.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// On a page, or by a token.
    pub way: Way,
    /// Whether they have signed in here, and can sign out.
    pub(super) signed_in: bool,
    /// What their forms carry.
    pub(super) proof: Proof,
}

impl Person {
    /// Whether they see how callers are reached and what they said.
    pub fn sees_all(&self) -> bool {
        self.role >= Role::Operator
    }

    /// A text as they may see it: numbers and addresses masked where they may not.
    pub fn sees<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.sees_all() { text.into() } else { mask(text).into() }
    }

    /// Words of a system about what it was sent, in which it may repeat what a caller said: not at all where they may not.
    pub fn sees_said<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.sees_value(text)
    }

    /// A captured value as they may see it: not at all where they may not.
    pub fn sees_value<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.sees_all() || text.is_empty() { text.into() } else { HIDDEN.into() }
    }

    /// Errors: a refusal that says what is needed, for who may do less.
    pub fn must_be(&self, role: Role) -> Result<(), Refusal> {
        if self.role >= role {
            return Ok(());
        }
        let sentence = format!("this needs the role `{}`, and {} is `{}`: ask an admin", role.word(), self.name, self.role.word());
        Err(Refusal::new(StatusCode::FORBIDDEN, "role_too_low", sentence))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Person {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let unknown = || Refusal::new(StatusCode::FORBIDDEN, "nobody", "nobody is known to ask for this".to_owned());
        parts.extensions.get::<Self>().cloned().ok_or_else(unknown).map_err(|refusal| refusal.asked_at(parts.uri.path()))
    }
}
