//! The marker: how a system will know a record of ours again.

use sha2::{Digest, Sha256};

/// `a` to `v` and digits: legal in a Google Calendar event id, an iCalendar UID, an external id and a property.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";

/// The marker of one write of one call: `ac` and 32 characters of `0`-`9`, `a`-`v`.
///
/// Shape: base32hex of the first 20 bytes of SHA-256 over the parts, each with its length before it, so that no two
/// lists of parts run together. It leaves out the version of the config, the attempt and the clock: neither a reload nor
/// a retry nor a lost database makes a second record. `generation` goes up only when a person asks for new records.
pub fn marker(project: &str, pipeline: &str, call: &str, write: &str, generation: u32) -> String {
    let mut hash = Sha256::new();
    let generation = generation.to_string();
    for part in [project, pipeline, call, write, &generation] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let digest = hash.finalize();
    let mut marker = String::with_capacity(34);
    marker.push_str("ac");
    // 20 bytes are 32 letters of 5 bits, without a rest.
    for five in digest[..20].chunks(5) {
        let bits = five.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        for letter in (0..8).rev() {
            marker.push(char::from(ALPHABET[(bits >> (5 * letter) & 31) as usize]));
        }
    }
    marker
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn legal_and_stable() {
        let one = marker("acme", "front-desk", "retell:c1", "contact", 0);
        // Written into the systems: a change of this value would make every record of ours a stranger.
        assert_eq!(one, "ac8fe1vbqa3su521ln540k7nirj11gpvf2");
        assert_eq!(one.len(), 34);
        assert!(one.bytes().all(|byte| ALPHABET.contains(&byte)));
    }

    #[test]
    fn parts_do_not_run_together() {
        let all: BTreeSet<String> = [
            marker("acme", "front", "json:c1", "contact", 0),
            marker("acme", "front", "json:c1", "contact", 1),
            marker("acme", "front", "json:c1", "contac", 0),
            marker("acmef", "ront", "json:c1", "contact", 0),
            marker("acme", "frontjson:c1", "", "contact", 0),
            marker("acme", "front", "json:c1contact", "", 0),
        ]
        .into_iter()
        .collect();
        assert_eq!(all.len(), 6);
    }
}
