//! Passwords: argon2id, kept as a PHC string.
//!
//! Everything here takes tens of milliseconds and 19 MiB on purpose: not on a thread that serves others.

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use ring::rand::{SecureRandom as _, SystemRandom};
use subtle::ConstantTimeEq as _;

/// Memory in KiB, passes and lanes: OWASP's Password Storage Cheat Sheet, argon2id, "19 MiB of memory, an iteration count of 2, and 1 degree
/// of parallelism".
const COST: Cost = Cost { memory_kib: 19 * 1024, passes: 2, lanes: 1 };

/// A salt's length in bytes: RFC 9106, section 3.1, recommends 16.
const SALT: usize = 16;

/// A hash's length in bytes: 256 bits, RFC 9106, section 4.
const HASH: usize = 32;

/// The fewest characters. NIST SP 800-63B-4, section 3.1.1.2, asks for 15 where a password is all there is and 8 beside a second factor; we
/// are between, and throttle.
const FEWEST: usize = 12;

/// The most bytes: far above what anybody types, and nothing that costs much to hash.
const MOST: usize = 1024;

/// The most memory that a kept hash may ask for, in KiB: the journal is ours, and still no number in it takes the machine down.
const MOST_MEMORY: u32 = 256 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

/// Why a password is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Weak {
    /// Too short.
    #[error("a password has at least {FEWEST} characters; a sentence is easy to remember")]
    Short,
    /// Too long.
    #[error("a password has at most {MOST} bytes")]
    Long,
    /// A few characters, over and over.
    #[error("this is a few characters over and over; use a sentence")]
    Plain,
    /// The name is in it.
    #[error("the name is no part of the password")]
    Name,
}

/// Errors: why it is not taken.
pub fn is_strong(password: &str, name: &str) -> Result<(), Weak> {
    let mut letters: Vec<char> = password.to_lowercase().chars().collect();
    if letters.len() < FEWEST {
        return Err(Weak::Short);
    }
    if password.len() > MOST {
        return Err(Weak::Long);
    }
    if name.chars().count() > 3 && password.to_lowercase().contains(&name.to_lowercase()) {
        return Err(Weak::Name);
    }
    letters.sort_unstable();
    letters.dedup();
    if letters.len() < 5 { Err(Weak::Plain) } else { Ok(()) }
}

/// The hash of a password under a salt of its own, as a PHC string. Blocks for tens of milliseconds.
///
/// Errors: the machine has no random numbers, or no memory.
pub fn hash(password: &str) -> Result<String, String> {
    let mut salt = [0; SALT];
    SystemRandom::new().fill(&mut salt).map_err(|_| "this machine gives no random numbers".to_owned())?;
    let hash = argon(password, &salt, COST)?;
    let Cost { memory_kib, passes, lanes } = COST;
    let (salt, hash) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(hash));
    Ok(format!("$argon2id$v=19$m={memory_kib},t={passes},p={lanes}${salt}${hash}"))
}

/// Whether this is the password. `kept` is absent where there is no such user, or they have none: it takes as long all the same, so that time
/// tells nobody who there is. Blocks for tens of milliseconds.
pub fn verify(password: &str, kept: Option<&str>) -> bool {
    let (cost, salt, hash) = kept.and_then(parse).unwrap_or((COST, vec![0; SALT], Vec::new()));
    let password = if password.len() > MOST { "" } else { password };
    argon(password, &salt, cost).is_ok_and(|found| !hash.is_empty() && bool::from(found.as_slice().ct_eq(&hash)))
}

fn argon(password: &str, salt: &[u8], cost: Cost) -> Result<[u8; HASH], String> {
    let Cost { memory_kib, passes, lanes } = cost;
    let params = Params::new(memory_kib, passes, lanes, Some(HASH)).map_err(|error| error.to_string())?;
    let mut hash = [0; HASH];
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon.hash_password_into(password.as_bytes(), salt, &mut hash).map_err(|error| error.to_string())?;
    Ok(hash)
}

/// Cost, salt and hash of a PHC string; `None` for one that we do not write.
fn parse(kept: &str) -> Option<(Cost, Vec<u8>, Vec<u8>)> {
    let mut parts = kept.strip_prefix("$argon2id$v=19$")?.split('$');
    let (cost, salt, hash) = (parts.next()?, parts.next()?, parts.next()?);
    let mut numbers = cost.split(',').zip(["m=", "t=", "p="]).map(|(part, name)| part.strip_prefix(name)?.parse::<u32>().ok());
    let cost = Cost { memory_kib: numbers.next()??, passes: numbers.next()??, lanes: numbers.next()?? };
    let bounded = cost.memory_kib <= MOST_MEMORY && cost.passes <= 16 && cost.lanes <= 16;
    let decoded = (STANDARD_NO_PAD.decode(salt).ok()?, STANDARD_NO_PAD.decode(hash).ok()?);
    (bounded && parts.next().is_none()).then_some((cost, decoded.0, decoded.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_again() {
        let kept = hash("four words are enough").expect("a hash");
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert!(verify("four words are enough", Some(&kept)));
        assert!(!verify("four words are enougH", Some(&kept)) && !verify("", Some(&kept)) && !verify("", None));
        assert_ne!(kept, hash("four words are enough").expect("a hash"), "each has a salt of its own");
    }

    /// What we cannot read is nobody's password.
    #[test]
    fn what_is_damaged_lets_nobody_in() {
        let kept = hash("four words are enough").expect("a hash");
        for damaged in ["", "$argon2id$v=19$m=19456,t=2,p=1$$", "plain", &kept[..kept.len() - 1], &kept.replace("t=2", "t=3")] {
            assert!(!verify("four words are enough", Some(damaged)), "{damaged}");
        }
        assert_eq!(parse("$argon2id$v=19$m=99999999,t=2,p=1$AAAA$AAAA"), None, "no number in a journal takes the machine down");
    }

    #[test]
    fn what_is_strong() {
        let check = |password: &str, expected| assert_eq!(is_strong(password, "olga").err(), expected, "{password}");
        check("eleven char", Some(Weak::Short));
        check("twelve chars", None);
        check("аня пьёт чай", None);
        check("abababababababab", Some(Weak::Plain));
        check("Olga's own secret", Some(Weak::Name));
        check(&"long enough ".repeat(100), Some(Weak::Long));
    }
}
