//! Who may ask about a caller: whoever knows the secret or, where there is none, a program on this machine.
//!
//! Not for voice platforms: their requests are signed, see `signature`.

use std::sync::Arc;

use aftercall_config::project::Project;
use axum::http::{HeaderMap, StatusCode, header};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// Secrets that are valid now. Errors: what cannot be read, naming the reference only.
pub(super) type ContextSecrets = Arc<dyn Fn(&Project) -> Result<Vec<Vec<u8>>, String> + Send + Sync>;

/// What a proxy adds to a request that it passes on. Somebody behind it is not on this machine, though the proxy is.
const PASSED_ON: [&str; 6] = ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"];

/// Who may ask.
#[derive(Clone)]
pub struct Access {
    secrets: ContextSecrets,
    local: bool,
}

impl Access {
    /// `local` says whether only this machine can reach the address.
    pub fn new(secrets: ContextSecrets, local: bool) -> Self {
        Self { secrets, local }
    }

    /// Errors: the status and the sentence for whoever asks.
    pub(super) fn check(&self, project: &Project, headers: &HeaderMap) -> Result<(), (StatusCode, &'static str)> {
        let named = !project.context_secrets.is_empty();
        admit(named.then(|| (self.secrets)(project)), self.local, headers).map_err(|refused| match refused {
            Refused::NotHere => (StatusCode::FORBIDDEN, OPEN),
            Refused::Unreadable(error) => {
                tracing::error!(error, "the secret of [context] cannot be read");
                (StatusCode::SERVICE_UNAVAILABLE, "the secret of this address cannot be read just now")
            }
            Refused::Unknown => (StatusCode::UNAUTHORIZED, "send the secret of [context] as `Authorization: Bearer ...`"),
        })
    }
}

/// Why somebody may not ask.
#[derive(Debug)]
pub(crate) enum Refused {
    /// There is no secret, and they are not a program on this machine.
    NotHere,
    /// The secret cannot be read: why, naming the reference only.
    Unreadable(String),
    /// They do not know the secret.
    Unknown,
}

/// Whether whoever sends these headers knows one of the secrets or, where none is named, is a program on this machine.
pub(crate) fn admit(secrets: Option<Result<Vec<Vec<u8>>, String>>, local: bool, headers: &HeaderMap) -> Result<(), Refused> {
    let Some(secrets) = secrets else {
        return if local && from_here(headers) { Ok(()) } else { Err(Refused::NotHere) };
    };
    let secrets = secrets.map_err(Refused::Unreadable)?;
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(bearer);
    match token {
        Some(token) if secrets.iter().any(|secret| same(secret.trim_ascii(), token.as_bytes())) => Ok(()),
        _ => Err(Refused::Unknown),
    }
}

/// What whoever may not ask is told.
const OPEN: &str = "this tells about people, so without a secret it answers only programs on this machine: write `[context] secret = \"env:NAME\"` \
                    into aftercall.toml and send it as `Authorization: Bearer ...`";

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.trim().split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty()).then(|| token.trim())
}

/// Equal, in a time that tells neither where they differ nor how long the secret is. An empty secret is none.
fn same(secret: &[u8], token: &[u8]) -> bool {
    !secret.is_empty() && bool::from(Sha256::digest(secret).as_slice().ct_eq(Sha256::digest(token).as_slice()))
}

/// Whether a request was made on this machine and for it: not passed on by a proxy, nor by a page whose name was made to point here.
pub(crate) fn from_here(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = match host.strip_prefix('[') {
        Some(six) => six.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    ["localhost", "127.0.0.1", "::1"].contains(&name) && !PASSED_ON.iter().any(|name| headers.contains_key(*name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn local(headers: &[(&'static str, &'static str)], expected: bool) {
        let headers: HeaderMap = headers.iter().map(|(n, v)| (n.parse().expect("a name"), v.parse().expect("a value"))).collect();
        assert_eq!(from_here(&headers), expected, "{headers:?}");
    }

    #[test]
    fn who_is_on_this_machine() {
        local(&[("host", "127.0.0.1:8787")], true);
        local(&[("host", "localhost")], true);
        local(&[("host", "[::1]:8787")], true);
        local(&[("host", "calls.acme.example")], false);
        local(&[("host", "127.0.0.1.acme.example")], false);
        local(&[("host", "127.0.0.1:8787"), ("x-forwarded-for", "203.0.113.9")], false);
        local(&[], false);
    }

    #[test]
    fn what_is_the_secret() {
        assert!(same(b"s3cret", b"s3cret"));
        assert!(!same(b"s3cret", b"s3cre") && !same(b"s3cret", b"") && !same(b"", b""));
        assert_eq!(bearer("bearer  s3cret "), Some("s3cret"));
        assert_eq!((bearer("Basic s3cret"), bearer("Bearer "), bearer("s3cret")), (None, None, None));
    }
}
