//! Headers and bodies that claim a signature, under the schemes of every source that ships and some more. Nothing is accepted without the
//! secret, which is a hash of the input and so cannot be guessed.
#![no_main]

use std::sync::LazyLock;

use aftercall::{intake, load};
use aftercall_config::decl::{SignatureDecl, SignatureEncoding, SignatureScheme};
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use sha2::{Digest as _, Sha256};

static DECLS: LazyLock<Vec<SignatureDecl>> = LazyLock::new(|| {
    let shipped = ["bland", "elevenlabs", "json", "retell", "vapi"].into_iter().filter_map(|name| load::shipped_source(name)?.signature.clone());
    let mut all: Vec<SignatureDecl> = shipped.collect();
    let standard = SignatureDecl {
        scheme: SignatureScheme::HmacSha256,
        header: "webhook-signature".to_owned(),
        message: Some("{id}.{timestamp}.{body}".to_owned()),
        encoding: Some(SignatureEncoding::Base64),
        signature_key: None,
        prefix: Some("v1,".to_owned()),
        timestamp_key: None,
        timestamp_header: Some("webhook-timestamp".to_owned()),
        id_header: Some("webhook-id".to_owned()),
        tolerance_s: None,
        secret_base64_prefix: None,
    };
    all.push(SignatureDecl { secret_base64_prefix: Some("whsec_".to_owned()), ..standard.clone() });
    all.push(standard);
    all
});

// Which scheme; then header, timestamp, id and body, each to the end of its line.
fuzz_target!(|bytes: &[u8]| {
    let Some((which, rest)) = bytes.split_first() else { return };
    let decl = &DECLS[usize::from(*which) % DECLS.len()];
    let text = String::from_utf8_lossy(rest);
    let parts: Vec<&str> = text.splitn(4, '\n').collect();
    let part = |index: usize| parts.get(index).copied();
    let headers = |name: &str| match name {
        _ if name == decl.header => part(0),
        _ if Some(name) == decl.timestamp_header.as_deref() => part(1),
        _ if Some(name) == decl.id_header.as_deref() => part(2),
        _ => None,
    };
    let secret = Sha256::digest(bytes);
    let body = part(3).unwrap_or_default().as_bytes();
    let now = Timestamp::from_second(1_764_000_000).unwrap_or_default();
    let _ = intake::is_signed(decl, headers);
    assert!(intake::verify(decl, &[&secret], headers, body, now).is_err(), "accepted without the secret");
});
