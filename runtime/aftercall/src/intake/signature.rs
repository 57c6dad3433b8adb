//! Who sent it: signatures and tokens, checked over the raw bytes before anything reads them.
//!
//! Everything that can vary (which header, what is signed, how it is written) is declared by the source. Not for finding
//! secrets: they come in as bytes, all that are valid just now.

use aftercall_config::decl::{SignatureDecl, SignatureEncoding, SignatureScheme};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// Base64 with or without padding: senders differ, and the length of a signature is checked anyway.
const BASE64: GeneralPurpose =
    GeneralPurpose::new(&alphabet::STANDARD, GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent));

/// Seconds that a timestamp may be off when the source does not say: what the common libraries use.
const TOLERANCE_S: u64 = 300;

/// Signatures that one header may list. Two are usual while a secret is rotated.
const MOST_SIGNATURES: usize = 16;

/// Why a payload was not taken for genuine. For our log: a sender is told only that it was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A header that proves the sender is not there, or is no text.
    #[error("the header `{0}` is missing")]
    Missing(String),
    /// The header is there, and what it should hold is not in it.
    #[error("the header `{header}` has no {what}")]
    Malformed {
        /// The header.
        header: String,
        /// What was looked for.
        what: &'static str,
    },
    /// The signed time is too far from ours.
    #[error("the timestamp is {off_s} seconds {}; at most {tolerance_s} are tolerated (is a clock wrong, or is this a replay?)", if *.ahead { "ahead" } else { "old" })]
    Stale {
        /// How far off, in seconds.
        off_s: u64,
        /// Whether it lies in the future.
        ahead: bool,
        /// What the source tolerates, in seconds.
        tolerance_s: u64,
    },
    /// No signature in the header fits the body under any secret.
    #[error("the signature does not fit the body: another secret, or the body was changed on its way")]
    Mismatch,
    /// There is no secret that could verify anything: our own trouble, and not the sender's.
    #[error("no usable secret: {0}")]
    NoSecret(&'static str),
    /// The source declares a signature that cannot be checked: our own trouble as well.
    #[error("the declared signature cannot be checked: {0}")]
    Declaration(String),
}

impl Refusal {
    /// Whether the fault lies here and not with the sender, who should then try again later.
    pub fn is_ours(&self) -> bool {
        matches!(self, Self::NoSecret(_) | Self::Declaration(_))
    }
}

/// Whether there is anything in the request that claims to be a signature.
pub fn is_signed<'h>(decl: &SignatureDecl, headers: impl Fn(&str) -> Option<&'h str>) -> bool {
    headers(&decl.header).is_some_and(|value| !value.trim().is_empty())
}

/// Checks that whoever sent `body` knows one of `secrets`.
///
/// `headers` gives a header's value by its name in lower case. `body` is what came over the wire, byte for byte. The time
/// of `hmac_sha256` does not depend on where a signature differs, nor that of `token` on where or how long the value is.
///
/// Errors: the [`Refusal`], of which `is_ours` tells a broken set-up from a stranger.
pub fn verify<'h>(
    decl: &SignatureDecl,
    secrets: &[&[u8]],
    headers: impl Fn(&str) -> Option<&'h str>,
    body: &[u8],
    now: Timestamp,
) -> Result<(), Refusal> {
    let keys = keys(decl, secrets)?;
    let value = headers(&decl.header).map(str::trim).filter(|v| !v.is_empty());
    let value = value.ok_or_else(|| Refusal::Missing(decl.header.clone()))?;
    match decl.scheme {
        SignatureScheme::Token => token(decl, &keys, value),
        SignatureScheme::HmacSha256 => {
            let claimed = signatures(decl, value)?;
            let timestamp = timestamp(decl, value, &headers)?;
            if let Some(timestamp) = timestamp {
                fresh(decl, timestamp, now)?;
            }
            let id = match &decl.id_header {
                Some(name) => Some(headers(name).map(str::trim).filter(|v| !v.is_empty()).ok_or_else(|| Refusal::Missing(name.clone()))?),
                None => None,
            };
            let message = message(decl, body, timestamp, id)?;
            let mut fits = false;
            for key in &keys {
                let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(|e| Refusal::Declaration(e.to_string()))?;
                for part in &message {
                    mac.update(part);
                }
                for signature in &claimed {
                    fits |= mac.clone().verify_slice(signature).is_ok();
                }
            }
            if fits { Ok(()) } else { Err(Refusal::Mismatch) }
        }
    }
}

/// The secrets as keys. An empty one verifies for everybody and therefore counts as none.
fn keys(decl: &SignatureDecl, secrets: &[&[u8]]) -> Result<Vec<Vec<u8>>, Refusal> {
    let mut keys = Vec::with_capacity(secrets.len());
    let mut why = "none is configured";
    for secret in secrets {
        let key = match &decl.secret_base64_prefix {
            None => secret.to_vec(),
            Some(prefix) => {
                let encoded = secret.strip_prefix(prefix.as_bytes()).unwrap_or(secret);
                match BASE64.decode(encoded.trim_ascii()) {
                    Ok(key) => key,
                    Err(_) => {
                        why = "it is not base64";
                        continue;
                    }
                }
            }
        };
        if key.is_empty() {
            why = "it is empty";
        } else {
            keys.push(key);
        }
    }
    if keys.is_empty() { Err(Refusal::NoSecret(why)) } else { Ok(keys) }
}

/// The header holds the secret itself. Digests are compared, so that not even the length shows.
fn token(decl: &SignatureDecl, keys: &[Vec<u8>], value: &str) -> Result<(), Refusal> {
    let given = match decl.prefix.as_deref() {
        None => value,
        // `Bearer` and its like are written in any case.
        Some(prefix) => match value.split_at_checked(prefix.len()) {
            Some((head, rest)) if head.eq_ignore_ascii_case(prefix) => rest.trim_start(),
            _ => return Err(Refusal::Malformed { header: decl.header.clone(), what: "token with the declared prefix" }),
        },
    };
    let given = Sha256::digest(given.as_bytes());
    let fits = keys.iter().fold(subtle::Choice::from(0), |fits, key| fits | given.ct_eq(&Sha256::digest(key)));
    if fits.into() { Ok(()) } else { Err(Refusal::Mismatch) }
}

/// Parts `key=value` of a header, in order.
fn parts(value: &str) -> impl Iterator<Item = (&str, &str)> {
    value.split(',').filter_map(|part| part.trim().split_once('='))
}

/// The claimed signatures, decoded. What cannot be decoded is no signature.
fn signatures(decl: &SignatureDecl, value: &str) -> Result<Vec<Vec<u8>>, Refusal> {
    let texts: Vec<&str> = match (&decl.signature_key, &decl.prefix) {
        (Some(key), prefix) => {
            let prefix = prefix.as_deref().unwrap_or_default();
            parts(value).filter(|(k, _)| k == key).filter_map(|(_, v)| v.strip_prefix(prefix)).collect()
        }
        (None, Some(prefix)) if prefix.contains(' ') => value.strip_prefix(prefix.as_str()).into_iter().collect(),
        // Several with a space between them while a secret is rotated.
        (None, Some(prefix)) => value.split_ascii_whitespace().filter_map(|v| v.strip_prefix(prefix.as_str())).collect(),
        (None, None) => vec![value],
    };
    let decoded: Vec<Vec<u8>> = texts
        .into_iter()
        .take(MOST_SIGNATURES)
        .filter_map(|text| match decl.encoding.unwrap_or(SignatureEncoding::Hex) {
            SignatureEncoding::Hex => hex(text.trim()),
            SignatureEncoding::Base64 => BASE64.decode(text.trim()).ok(),
        })
        .collect();
    if decoded.is_empty() {
        return Err(Refusal::Malformed { header: decl.header.clone(), what: "signature in the declared form" });
    }
    Ok(decoded)
}

/// The timestamp as it was written, since just that text was signed.
fn timestamp<'h>(decl: &SignatureDecl, value: &'h str, headers: &impl Fn(&str) -> Option<&'h str>) -> Result<Option<&'h str>, Refusal> {
    match (&decl.timestamp_key, &decl.timestamp_header) {
        (Some(key), _) => {
            let found = parts(value).find(|(k, _)| k == key).map(|(_, v)| v.trim());
            found.map(Some).ok_or_else(|| Refusal::Malformed { header: decl.header.clone(), what: "timestamp" })
        }
        (None, Some(name)) => headers(name).map(str::trim).map(Some).ok_or_else(|| Refusal::Missing(name.clone())),
        (None, None) => Ok(None),
    }
}

/// Whether a timestamp is near enough to now, before or after.
fn fresh(decl: &SignatureDecl, timestamp: &str, now: Timestamp) -> Result<(), Refusal> {
    let header = || decl.timestamp_header.clone().unwrap_or_else(|| decl.header.clone());
    let malformed = || Refusal::Malformed { header: header(), what: "timestamp in seconds or milliseconds" };
    if timestamp.is_empty() || !timestamp.bytes().all(|b| b.is_ascii_digit()) {
        return Err(malformed());
    }
    let number: i64 = timestamp.parse().map_err(|_| malformed())?;
    // Seconds since 1970 stay below 1e11 until the year 5138; anything above is milliseconds.
    let signed_ms = if number < 100_000_000_000 { number.checked_mul(1000).ok_or_else(malformed)? } else { number };
    let tolerance_s = decl.tolerance_s.unwrap_or(TOLERANCE_S);
    let off_ms = now.as_millisecond().abs_diff(signed_ms);
    if off_ms > tolerance_s.saturating_mul(1000) {
        return Err(Refusal::Stale { off_s: off_ms / 1000, ahead: signed_ms > now.as_millisecond(), tolerance_s });
    }
    Ok(())
}

/// What is signed, piece by piece: nothing is copied, and the body stands in it as it came.
fn message<'a>(decl: &'a SignatureDecl, body: &'a [u8], timestamp: Option<&'a str>, id: Option<&'a str>) -> Result<Vec<&'a [u8]>, Refusal> {
    let mut rest = decl.message.as_deref().unwrap_or("{body}");
    let mut out = Vec::new();
    let lacks = |name: &str, key: &str| Refusal::Declaration(format!("`{name}` is signed, and no `{key}` says where it is"));
    while let Some(open) = rest.find('{') {
        out.push(&rest.as_bytes()[..open]);
        let Some(close) = rest[open..].find('}') else { break };
        out.push(match &rest[open + 1..open + close] {
            "body" => body,
            "timestamp" => timestamp.ok_or_else(|| lacks("{timestamp}", "timestamp_key` or `timestamp_header"))?.as_bytes(),
            "id" => id.ok_or_else(|| lacks("{id}", "id_header"))?.as_bytes(),
            other => return Err(Refusal::Declaration(format!("`message` knows {{body}}, {{timestamp}} and {{id}}, and not {{{other}}}"))),
        });
        rest = &rest[open + close + 1..];
    }
    out.push(rest.as_bytes());
    Ok(out)
}

/// Pairs of hexadecimal digits, in either case.
fn hex(text: &str) -> Option<Vec<u8>> {
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let pairs = text.as_bytes().chunks_exact(2);
    if text.is_empty() || !pairs.remainder().is_empty() {
        return None;
    }
    pairs.map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    // printf '1795195000.{"id":1}' | openssl dgst -sha256 -hmac lantern
    const SIGNED: &str = "ced6154dcdee8f89f9c455760d5e5e49d54594969aab7b949b282d004326e264";
    const BODY: &[u8] = br#"{"id":1}"#;

    fn decl(more: Value) -> SignatureDecl {
        let mut decl = json!({"scheme": "hmac_sha256", "header": "x-sig"});
        decl.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        serde_json::from_value(decl).expect("a declaration")
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    #[track_caller]
    fn check(decl: &SignatureDecl, secrets: &[&str], headers: &[(&str, &str)], expected: Result<(), &str>) {
        let secrets: Vec<&[u8]> = secrets.iter().map(|s| s.as_bytes()).collect();
        let lookup = |name: &str| headers.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
        let found = verify(decl, &secrets, lookup, BODY, at(1_795_195_000)).map_err(|r| r.to_string());
        assert_eq!(found, expected.map_err(str::to_owned));
    }

    fn in_parts() -> SignatureDecl {
        decl(json!({"signature_key": "s", "timestamp_key": "t", "message": "{timestamp}.{body}"}))
    }

    const MISMATCH: Result<(), &str> = Err("the signature does not fit the body: another secret, or the body was changed on its way");

    #[test]
    fn one_of_several_signatures_or_secrets_is_enough() {
        let good = format!("t=1795195000,s={SIGNED}");
        check(&in_parts(), &["lantern"], &[("x-sig", &good)], Ok(()));
        check(&in_parts(), &["new", "lantern"], &[("x-sig", &good)], Ok(()));
        check(&in_parts(), &["new"], &[("x-sig", &good)], MISMATCH);
        let several = format!(" s={}, t=1795195000 , s={}, other=1", "0".repeat(64), SIGNED.to_uppercase());
        check(&in_parts(), &["lantern"], &[("x-sig", &several)], Ok(()));
        // A cut signature is none, however right its beginning.
        check(&in_parts(), &["lantern"], &[("x-sig", &format!("t=1795195000,s={}", &SIGNED[..32]))], MISMATCH);
    }

    #[test]
    fn what_is_missing_is_named() {
        let lacks = |what: &str| Err(format!("the header `x-sig` has no {what}"));
        for (header, expected) in [
            ("t=1795195000", lacks("signature in the declared form")),
            ("t=1795195000,s=xyz", lacks("signature in the declared form")),
            (&format!("s={SIGNED}"), lacks("timestamp")),
            (&format!("t=soon,s={SIGNED}"), lacks("timestamp in seconds or milliseconds")),
            (&format!("t=-1795195000,s={SIGNED}"), lacks("timestamp in seconds or milliseconds")),
            (&format!("t=99999999999999999999,s={SIGNED}"), lacks("timestamp in seconds or milliseconds")),
            ("  ", Err("the header `x-sig` is missing".to_owned())),
        ] {
            check(&in_parts(), &["lantern"], &[("x-sig", header)], expected.as_ref().copied().map_err(String::as_str));
        }
        check(&in_parts(), &["lantern"], &[], Err("the header `x-sig` is missing"));
    }

    #[test]
    fn time_is_tolerated_both_ways_and_not_further() {
        let header = format!("t=1795195000,s={SIGNED}");
        let verdict = |now: i64| verify(&in_parts(), &[b"lantern"], |_| Some(header.as_str()), BODY, at(now));
        for now in [1_795_194_700, 1_795_195_000, 1_795_195_300] {
            assert_eq!(verdict(now), Ok(()));
        }
        assert_eq!(verdict(1_795_195_301), Err(Refusal::Stale { off_s: 301, ahead: false, tolerance_s: 300 }));
        assert_eq!(verdict(1_795_194_699), Err(Refusal::Stale { off_s: 301, ahead: true, tolerance_s: 300 }));
        assert!(matches!(verify(&in_parts(), &[b"lantern"], |_| Some(header.as_str()), BODY, Timestamp::MAX), Err(Refusal::Stale { .. })));
        let far = format!("t={},s={SIGNED}", i64::MAX);
        assert!(matches!(verify(&in_parts(), &[b"lantern"], |_| Some(far.as_str()), BODY, Timestamp::MIN), Err(Refusal::Stale { .. })));
    }

    #[test]
    fn what_cannot_be_checked_is_our_own_trouble() {
        let ours = |decl: &SignatureDecl, secrets: &[&[u8]]| verify(decl, secrets, |_| Some("00"), BODY, at(0)).expect_err("a refusal");
        for refusal in [
            ours(&decl(json!({})), &[]),
            ours(&decl(json!({})), &[b""]),
            ours(&decl(json!({"scheme": "token"})), &[b""]),
            ours(&decl(json!({"secret_base64_prefix": "whsec_"})), &[b"whsec_"]),
            ours(&decl(json!({"secret_base64_prefix": "whsec_"})), &[b"whsec_***"]),
            ours(&decl(json!({"message": "{url}{body}"})), &[b"x"]),
            ours(&decl(json!({"message": "{timestamp}{body}"})), &[b"x"]),
            ours(&decl(json!({"message": "{id}{body}"})), &[b"x"]),
        ] {
            assert!(refusal.is_ours(), "{refusal}");
        }
        assert!(!ours(&decl(json!({})), &[b"x"]).is_ours());
    }

    #[test]
    fn tokens() {
        let bearer = decl(json!({"scheme": "token", "prefix": "Bearer "}));
        check(&bearer, &["s3cret"], &[("x-sig", "bearer s3cret")], Ok(()));
        check(&bearer, &["new", "s3cret"], &[("x-sig", "Bearer  s3cret ")], Ok(()));
        check(&bearer, &["s3cret"], &[("x-sig", "Bearer s3cre")], MISMATCH);
        check(&bearer, &["s3cret"], &[("x-sig", "s3cret")], Err("the header `x-sig` has no token with the declared prefix"));
        check(&decl(json!({"scheme": "token"})), &["s3cret"], &[("x-sig", "s3cret")], Ok(()));
        check(&decl(json!({"scheme": "token"})), &["s3cret"], &[("x-sig", "S3cret")], MISMATCH);
    }

    proptest! {
        #[test]
        fn no_header_does_harm(header in ".{0,80}", number in any::<u64>(), prefix in proptest::option::of("[a-z ]{0,3}")) {
            for mut decl in [in_parts(), decl(json!({"encoding": "base64"})), decl(json!({"scheme": "token"}))] {
                decl.prefix.clone_from(&prefix);
                for header in [header.clone(), format!("t={number},s={header}"), format!("{header}é")] {
                    prop_assert!(verify(&decl, &[b"lantern"], |_| Some(header.as_str()), BODY, at(0)).is_err());
                }
            }
        }
    }
}
