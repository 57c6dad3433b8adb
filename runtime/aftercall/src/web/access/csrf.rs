//! What shows that a form came from a page of ours, opened by the same person: a proof that each form of theirs carries.
//!
//! It follows from a secret that another site can neither read nor guess, so nothing has to be kept for it.

use axum::body::{Body, Bytes};
use axum::extract::{Form, FromRequest as _, Request};
use axum::http::{HeaderMap, HeaderName, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::access::{key_of, same};

/// The name of the field in a form.
pub(in crate::web) const FIELD: &str = "proof";

/// The proof of one person in one session. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::web) struct Proof(String);

impl std::fmt::Debug for Proof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Proof(***)")
    }
}

impl Proof {
    /// From something that nobody else has, and what tells its owners apart.
    pub(super) fn of(secret: &str, owner: &str) -> Self {
        Self(URL_SAFE_NO_PAD.encode(key_of(&format!("proof of a form\n{secret}\n{owner}"))))
    }

    /// As it stands in a form.
    pub(in crate::web) fn text(&self) -> &str {
        &self.0
    }

    fn is(&self, text: &str) -> bool {
        same(&self.0, text)
    }
}

/// Whether the form in a request carries the proof. Gives the request back as it was.
pub(super) async fn carries(proof: &Proof, request: Request, most: usize) -> Option<Request> {
    let (parts, body) = request.into_parts();
    let bytes: Bytes = axum::body::to_bytes(body, most).await.ok()?;
    let copy = Request::from_parts(parts.clone(), Body::from(bytes.clone()));
    let Form(fields) = Form::<Vec<(String, String)>>::from_request(copy, &()).await.ok()?;
    let carried = fields.iter().any(|(name, value)| name == FIELD && proof.is(value));
    carried.then(|| Request::from_parts(parts, Body::from(bytes)))
}

/// Whether this is JSON for the API. No form can be sent as JSON, and a script of another site would have to ask first, which we never allow.
pub(super) fn is_for_programs(request: &Request) -> bool {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    request.uri().path().starts_with("/v1/") && kind.eq_ignore_ascii_case("application/json")
}

/// Whether a page of ours sent this. A browser says so; what says nothing is no browser, and carries nobody's cookie by itself. `url` is how
/// browsers reach us, where a proxy gives us another name.
pub(super) fn is_ours(headers: &HeaderMap, url: Option<&str>) -> bool {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text(HeaderName::from_static("sec-fetch-site")) {
        return site == "same-origin";
    }
    match text(header::ORIGIN) {
        Some(origin) => {
            let host = text(header::HOST).unwrap_or_default();
            let here = origin.split_once("://").is_some_and(|(_, from)| !host.is_empty() && from.eq_ignore_ascii_case(host));
            here || url.is_some_and(|url| origin.eq_ignore_ascii_case(url))
        }
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn ours(headers: &[(&'static str, &'static str)], expected: bool) {
        let headers: HeaderMap = headers.iter().map(|(n, v)| (n.parse().expect("a name"), v.parse().expect("a value"))).collect();
        assert_eq!(is_ours(&headers, Some("https://calls.acme.example")), expected, "{headers:?}");
    }

    #[test]
    fn a_page_of_somebody_else_changes_nothing() {
        ours(&[("host", "127.0.0.1:8787"), ("origin", "http://127.0.0.1:8787")], true);
        ours(&[("host", "127.0.0.1:8787"), ("sec-fetch-site", "same-origin")], true);
        ours(&[("host", "127.0.0.1:8787")], true);
        ours(&[("host", "127.0.0.1:8787"), ("origin", "https://calls.acme.example")], true);
        ours(&[("host", "127.0.0.1:8787"), ("origin", "http://127.0.0.1:9999")], false);
        ours(&[("host", "127.0.0.1:8787"), ("origin", "null")], false);
        ours(&[("host", "127.0.0.1:8787"), ("sec-fetch-site", "cross-site")], false);
        ours(&[("host", "127.0.0.1:8787"), ("sec-fetch-site", "same-site"), ("origin", "http://127.0.0.1:8787")], false);
        ours(&[("origin", "http://")], false);
    }

    #[tokio::test]
    async fn a_form_carries_its_proof() {
        let proof = Proof::of("secret", "ann");
        let form = async |body: &str, kind: &str| {
            let request = Request::post("/x").header("content-type", kind).body(Body::from(body.to_owned())).expect("a request");
            carries(&proof, request, 200).await.is_some()
        };
        let kind = "application/x-www-form-urlencoded";
        assert!(form(&format!("a=1&proof={}", proof.text()), kind).await);
        assert!(!form(&format!("a=1&proof={}", Proof::of("secret", "ben").text()), kind).await, "of somebody else");
        assert!(!form("a=1", kind).await && !form("proof=", kind).await && !form("", kind).await);
        assert!(!form(&format!("proof={}", proof.text()), "text/plain").await, "what another site can send without being asked");
        assert!(!form(&format!("proof={}&a={}", proof.text(), "a".repeat(200)), kind).await, "larger than a form of ours");
        assert_eq!(format!("{proof:?}"), "Proof(***)");
    }
}
