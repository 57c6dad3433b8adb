//! Who somebody is: passwords, and the secrets that stand for a session or a program.
//!
//! What it is not for: who may do what is the guard's of `web`, and what is kept of all this is the journal's.

mod password;
mod secret;

pub use password::{Weak, hash, is_strong, verify};
pub use secret::{key_of, new_session, new_token, same};

/// Errors: why this cannot be the name of a user or a token, as a sentence.
pub fn is_name(name: &str) -> Result<(), String> {
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '@' | '+');
    match name.chars().count() {
        1..=64 if name.chars().all(fits) => Ok(()),
        _ => Err(format!("{name:?} is no name; use up to 64 letters, digits and `.`, `-`, `_`, `@`, `+`")),
    }
}
