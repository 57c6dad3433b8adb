//! Secrets that we make: a session's id, a program's token. Whoever has one is who it stands for, so the journal keeps a hash of it alone.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom as _, SystemRandom};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::journal::Key;

/// Bytes of chance: beyond guessing, and beyond guessing for a hash without a salt.
const BYTES: usize = 32;

/// A session's id. Errors: the machine has no random numbers.
pub fn new_session() -> Result<Zeroizing<String>, String> {
    random()
}

/// A token for a program. What it begins with tells a person, and a scanner for leaked secrets, what it is. Errors: as above.
pub fn new_token() -> Result<Zeroizing<String>, String> {
    Ok(Zeroizing::new(format!("aftercall_{}", *random()?)))
}

/// Under what the journal keeps it.
pub fn key_of(secret: &str) -> Key {
    Sha256::digest(secret.as_bytes()).into()
}

/// Equal, in a time that tells neither where they differ nor how long they are.
pub fn same(one: &str, other: &str) -> bool {
    !one.is_empty() && bool::from(key_of(one).ct_eq(&key_of(other)))
}

fn random() -> Result<Zeroizing<String>, String> {
    let mut bytes = Zeroizing::new([0; BYTES]);
    SystemRandom::new().fill(&mut *bytes).map_err(|_| "this machine gives no random numbers".to_owned())?;
    Ok(Zeroizing::new(URL_SAFE_NO_PAD.encode(*bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_are_the_same() {
        let (one, other) = (new_token().expect("a token"), new_token().expect("a token"));
        assert_ne!(*one, *other);
        assert!(one.starts_with("aftercall_") && one.len() == "aftercall_".len() + 43, "{}", one.len());
        assert_ne!(key_of(&one), key_of(&other));
        assert!(same(&one, &one) && !same(&one, &other) && !same("", ""));
    }
}
