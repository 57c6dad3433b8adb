//! The door: who may come in, what may be changed from where, and what every answer says to the browser.
//!
//! As long as the project has no users, whoever sits at this machine is `local` and may do everything; nobody else comes in.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::page::Refusal;
use super::{Person, Role, Web};
use crate::intake::from_here;

/// What whoever comes from elsewhere is told.
const ELSEWHERE: &str = "this page shows who called and what they said, so without users it answers only a browser on the machine that \
                         aftercall runs on: open it at http://127.0.0.1 or http://localhost there, not through a proxy";

/// What every answer of ours says to a browser: nothing from elsewhere, no script but ours, no frame around it.
const HEADERS: [(HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
         frame-ancestors 'none'; base-uri 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// Lets in whom we know, with a [`Person`] in the request.
pub(super) async fn guard(State(web): State<Web>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let refuse = |refusal: Refusal| refusal.asked_at(&path).into_response();
    let person = match who(&web, request.headers()) {
        Ok(person) => person,
        Err(refusal) => return refuse(refusal),
    };
    if !matches!(*request.method(), Method::GET | Method::HEAD) && !is_ours(request.headers()) {
        let sentence = "this was sent from a page that is not ours, so nothing was done; go to the page itself and do it there";
        return refuse(Refusal::new(StatusCode::FORBIDDEN, "cross_site", sentence.to_owned()));
    }
    request.extensions_mut().insert(person);
    next.run(request).await
}

/// Who asks. Errors: why nobody may from there.
fn who(web: &Web, headers: &HeaderMap) -> Result<Person, Refusal> {
    if web.local && from_here(headers) {
        return Ok(Person { name: "local".to_owned(), role: Role::Admin });
    }
    Err(Refusal::new(StatusCode::FORBIDDEN, "not_local", ELSEWHERE.to_owned()))
}

/// Whether a page of ours sent this. A browser says so; what says nothing is no browser, and has nobody's rights to misuse.
fn is_ours(headers: &HeaderMap) -> bool {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text(HeaderName::from_static("sec-fetch-site")) {
        return site == "same-origin";
    }
    match text(header::ORIGIN) {
        Some(origin) => {
            let host = text(header::HOST).unwrap_or_default();
            origin.split_once("://").is_some_and(|(_, from)| !host.is_empty() && from.eq_ignore_ascii_case(host))
        }
        None => true,
    }
}

/// Puts what every answer says onto this one. What holds people's data is kept by nobody on the way, unless the answer says otherwise.
pub(super) async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let own = response.headers_mut();
    for (name, value) in HEADERS {
        own.insert(name, HeaderValue::from_static(value));
    }
    own.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn ours(headers: &[(&'static str, &'static str)], expected: bool) {
        let headers: HeaderMap = headers.iter().map(|(n, v)| (n.parse().expect("a name"), v.parse().expect("a value"))).collect();
        assert_eq!(is_ours(&headers), expected, "{headers:?}");
    }

    #[test]
    fn a_page_of_somebody_else_changes_nothing() {
        ours(&[("host", "127.0.0.1:8787"), ("origin", "http://127.0.0.1:8787")], true);
        ours(&[("host", "127.0.0.1:8787"), ("sec-fetch-site", "same-origin")], true);
        ours(&[("host", "127.0.0.1:8787")], true);
        ours(&[("host", "127.0.0.1:8787"), ("origin", "http://127.0.0.1:9999")], false);
        ours(&[("host", "127.0.0.1:8787"), ("origin", "null")], false);
        ours(&[("host", "127.0.0.1:8787"), ("sec-fetch-site", "cross-site")], false);
        ours(&[("host", "127.0.0.1:8787"), ("sec-fetch-site", "same-site"), ("origin", "http://127.0.0.1:8787")], false);
        ours(&[("origin", "http://")], false);
    }
}
