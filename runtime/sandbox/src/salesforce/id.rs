//! Record ids: 15 case-sensitive characters, and 3 more that carry the case of the first 15.
//!
//! Not for knowing whether a record exists.

use std::fmt;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const SUFFIX: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

/// One id, kept in its 15-character form.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Id([u8; 15]);

impl Id {
    /// The nth id of an object. Mixed case on purpose: a client that folds case must fail here too.
    pub(crate) fn nth(prefix: &str, serial: u64) -> Self {
        let mut out = *b"000Sb0000000000";
        for (to, from) in out.iter_mut().zip(prefix.bytes().take(3)) {
            *to = from;
        }
        let mut rest = serial;
        for place in out[6..].iter_mut().rev() {
            // The remainder is below 62, so it always fits.
            *place = ALPHABET[usize::try_from(rest % 62).unwrap_or_default()];
            rest /= 62;
        }
        Self(out)
    }

    /// Reads 15 or 18 characters; the suffix of the long form is not looked at.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if !matches!(bytes.len(), 15 | 18) || !bytes.iter().all(u8::is_ascii_alphanumeric) {
            return None;
        }
        bytes[..15].try_into().ok().map(Self)
    }

    /// The three characters that name the object.
    pub(crate) fn prefix(&self) -> &str {
        std::str::from_utf8(&self.0[..3]).unwrap_or_default()
    }

    /// The 15-character form, as it appears in some error messages.
    pub(crate) fn short(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut long = [0; 18];
        long[..15].copy_from_slice(&self.0);
        for (chunk, to) in self.0.chunks(5).zip(&mut long[15..]) {
            let bits = chunk.iter().enumerate().fold(0, |bits, (place, byte)| bits | usize::from(byte.is_ascii_uppercase()) << place);
            *to = SUFFIX[bits];
        }
        f.write_str(std::str::from_utf8(&long).unwrap_or_default())
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.short())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(short: &str, long: &str) {
        assert_eq!(Id::parse(short).expect("an id").to_string(), long);
        assert_eq!(Id::parse(long).expect("an id").short(), short);
    }

    #[test]
    fn the_suffix_carries_the_case() {
        // The 18-character forms of these two stand in many of the vendor's examples.
        check("001D000000IqhSL", "001D000000IqhSLIAZ");
        check("003000000000001", "003000000000001AAA");
    }

    #[test]
    fn ids_count_up_in_order() {
        assert!(Id::nth("003", 61) < Id::nth("003", 62));
        assert_eq!(Id::nth("003", 62).short(), "003Sb0000000010");
        assert_eq!(Id::parse("003-"), None);
    }
}
