//! The door: who may come in, what may be changed from where, and what every answer says to the browser.

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;

use super::super::page::Refusal;
use super::super::{LARGEST_FORM, Web};
use super::{csrf, roles, sign_in, who};
use crate::journal::Way;

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

/// What somebody is told whose form is not believed.
const CROSS_SITE: &str = "this was sent from a page that is not ours, so nothing was done; go to the page itself and do it there";

/// The same, where the form is one of ours and older than the session.
const STALE: &str =
    "this form is from before you signed in, or from before a restart, so nothing was done; load the page again and do it there";

/// Lets in whom we know and who may, with a [`Person`](super::super::Person) in the request.
pub(in crate::web) async fn guard(State(web): State<Web>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let refuse = |refusal: Refusal| refusal.asked_at(&path).into_response();
    let forbidden = |code, sentence: &str| refuse(Refusal::new(StatusCode::FORBIDDEN, code, sentence.to_owned()));
    let project = web.service.versions.live();
    let changes = !matches!(parts.method, Method::GET | Method::HEAD);
    let person = match who::who(&web, &project.web, &parts, Timestamp::now()).await {
        Ok(Some(person)) => person,
        Ok(None) if path.starts_with("/v1/") => {
            let sentence = "send a token as `Authorization: Bearer ...`; `aftercall user token add` makes one".to_owned();
            let mut response = refuse(Refusal::new(StatusCode::UNAUTHORIZED, "sign_in", sentence));
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            return response;
        }
        // A form that comes too late has nothing done; its page is where to begin again.
        Ok(None) => return sign_in::first(if changes { "/calls" } else { parts.uri.path_and_query().map_or("/", |at| at.as_str()) }),
        Err(refusal) => return refuse(refusal),
    };
    let address = parts.extensions.get::<MatchedPath>().map(|matched| matched.as_str().to_owned()).unwrap_or_default();
    let Some(role) = roles::needs(&parts.method, &address) else {
        if !address.is_empty() {
            tracing::error!(method = %parts.method, address, "nobody has said who may ask for this, so nobody may");
        }
        return forbidden("no_rule", "nobody may ask for this");
    };
    if let Err(refusal) = person.must_be(role) {
        return refuse(refusal);
    }
    // A program's token is sent by nobody but the program; a browser sends a cookie by itself.
    let mut request = Request::from_parts(parts, body);
    if changes && person.way != Way::Api {
        if !csrf::is_ours(request.headers(), project.web.url.as_deref()) {
            return forbidden("cross_site", CROSS_SITE);
        }
        if !csrf::is_for_programs(&request) {
            request = match csrf::carries(&person.proof, request, LARGEST_FORM).await {
                Some(request) => request,
                None => return forbidden("no_proof", STALE),
            };
        }
    }
    request.extensions_mut().insert(person);
    next.run(request).await
}

/// Puts what every answer says onto this one. What holds people's data is kept by nobody on the way, unless the answer says otherwise.
pub(in crate::web) async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let own = response.headers_mut();
    for (name, value) in HEADERS {
        own.insert(name, HeaderValue::from_static(value));
    }
    own.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
