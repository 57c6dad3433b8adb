//! Signing in and out.
//!
//! Who there is, a wrong name, a wrong password and somebody kept out are told apart by nothing: not by words, and not by time.

use std::net::IpAddr;

use axum::extract::{Form, FromRequest as _, Query, Request, State};
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use axum::{Router, middleware};
use jiff::{SignedDuration, Timestamp};
use maud::html;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::super::page::{Refusal, bare};
use super::super::{Person, Web};
use super::{csrf, guard, session};
use crate::access::{key_of, new_session, verify};
use crate::journal::{Deed, Error, Key, NewSession, SignInTry, UserRow, Way};

/// The time over which tries are counted.
const WITHIN: SignedDuration = SignedDuration::from_mins(15);

/// Tries for one name from one address. A person mistypes, but not so often.
const PAIR: u32 = 5;

/// Tries from one address, for whatever name.
const ADDRESS: u32 = 20;

/// Tries for one name, from wherever. More than one address has, so that nobody is kept out by somebody else's tries from one.
const NAME: u32 = 50;

/// Where somebody goes who came for nothing in particular.
const HOME: &str = "/calls";

/// The addresses; only signing out needs somebody to be known.
pub(in crate::web) fn router(web: &Web) -> Router<Web> {
    let out = Router::new().route("/sign-out", post(sign_out));
    let out = out.route_layer(middleware::from_fn_with_state(web.clone(), guard::guard));
    Router::new().route("/sign-in", get(form).post(sign_in)).merge(out)
}

/// To the form, and from there to where they wanted to go.
pub(super) fn first(to: &str) -> Response {
    let query: String = to
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect();
    Redirect::to(&format!("/sign-in?next={query}")).into_response()
}

/// Where somebody wanted to go, if it is one of our pages. An address of somebody else would make our form theirs.
fn ours(next: &str) -> &str {
    let local = next.starts_with('/') && !next.starts_with("//") && !next.contains(['\\', '\t', '\r', '\n', '\0']);
    let fits = next.len() <= 2000 && next.parse::<Uri>().is_ok_and(|uri| uri.authority().is_none() && uri.scheme().is_none());
    if local && fits { next } else { HOME }
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    next: String,
}

async fn form(Query(asked): Query<Asked>) -> Response {
    page(StatusCode::OK, &asked.next, None)
}

fn page(status: StatusCode, next: &str, trouble: Option<&str>) -> Response {
    let main = html! {
        h1 { "Sign in" }
        @if let Some(trouble) = trouble { p.trouble role="alert" { (trouble) } }
        form.sign-in method="post" action="/sign-in" {
            input type="hidden" name="next" value=(ours(next));
            label for="name" { "Name" }
            input #name name="name" type="text" autocomplete="username" autocapitalize="none" spellcheck="false" required autofocus;
            label for="password" { "Password" }
            input #password name="password" type="password" autocomplete="current-password" required;
            button { "Sign in" }
        }
    };
    (status, bare("Sign in", &main)).into_response()
}

#[derive(Deserialize)]
struct Tried {
    #[serde(default)]
    name: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    next: String,
}

async fn sign_in(State(web): State<Web>, request: Request) -> Response {
    let project = web.service.versions.live();
    let rules = &project.web;
    let (headers, extensions) = (request.headers().clone(), request.extensions().clone());
    if !csrf::is_ours(&headers, rules.url.as_deref()) {
        let sentence = "this was sent from a page that is not ours, so nobody is signed in; open our own page and do it there";
        return Refusal::new(StatusCode::FORBIDDEN, "cross_site", sentence.to_owned()).into_response();
    }
    let Ok(Form(tried)) = Form::<Tried>::from_request(request, &()).await else {
        return page(StatusCode::BAD_REQUEST, HOME, Some("this form cannot be read; try once more"));
    };
    let (name, next, password) = (tried.name, tried.next, Zeroizing::new(tried.password));
    let https = session::is_https(rules, &headers, &extensions);
    let before = session::id(&headers, https).map(key_of);
    let from = session::address(rules, &headers, &extensions);
    match web.let_in(&name, password, from, before, SignedDuration::try_from(rules.session).unwrap_or(WITHIN)).await {
        Ok(id) => {
            let mut response = Redirect::to(ours(&next)).into_response();
            response.headers_mut().extend(session::cookie(&id, https));
            response
        }
        Err(Not::Known) => page(StatusCode::UNAUTHORIZED, &next, Some("the name or the password is not right")),
        Err(Not::Now(wait)) => {
            let minutes = (wait + 59) / 60;
            let sentence = format!("too many tries; try again in {minutes} minute{}", if minutes == 1 { "" } else { "s" });
            let mut response = page(StatusCode::TOO_MANY_REQUESTS, &next, Some(&sentence));
            response.headers_mut().insert(header::RETRY_AFTER, wait.into());
            response
        }
        Err(Not::Able(why)) => {
            tracing::error!(why, "nobody can sign in just now");
            page(StatusCode::SERVICE_UNAVAILABLE, &next, Some("this cannot be done just now; try again in a moment"))
        }
    }
}

/// Why somebody is not let in.
enum Not {
    /// The name or the password is wrong.
    Known,
    /// Too many tries; so many seconds.
    Now(i64),
    /// Our own trouble.
    Able(String),
}

impl From<Error> for Not {
    fn from(error: Error) -> Self {
        Self::Able(error.to_string())
    }
}

impl Web {
    /// Checks who somebody is, and gives the id of their session.
    async fn let_in(
        &self,
        name: &str,
        password: Zeroizing<String>,
        from: Option<IpAddr>,
        before: Option<Key>,
        lasts: SignedDuration,
    ) -> Result<Zeroizing<String>, Not> {
        let (journal, now) = (&self.service.journal, Timestamp::now());
        let from = from.map(|from| from.to_string()).unwrap_or_default();
        // Hashed, since people type their password into the field above.
        let pair = key_of(&format!("sign-in of\n{name}\nfrom\n{from}"));
        let (address, whole) = (key_of(&format!("sign-in from\n{from}")), key_of(&format!("sign-in of\n{name}")));
        let keys = vec![(pair, PAIR), (address, ADDRESS), (whole, NAME)];
        if let Some(free) = journal.sign_in_try(SignInTry { keys, within: WITHIN, now }).await? {
            tracing::warn!(from, "too many tries at signing in");
            return Err(Not::Now(free.duration_since(now).as_secs().max(1)));
        }
        let user = journal.users().await?.into_iter().find(|user| user.name == name && !user.disabled);
        let kept = user.as_ref().and_then(|user| user.hash.clone());
        let hash = kept.clone();
        let Some(known) = self.door.slowly(move || verify(&password, kept.as_deref())).await else {
            return Err(Not::Able("too many passwords are being checked".to_owned()));
        };
        let Some(UserRow { name: user, .. }) = user.filter(|_| known) else {
            tracing::warn!(from, "somebody was not let in");
            return Err(Not::Known);
        };
        let id = new_session().map_err(Not::Able)?;
        let now = Timestamp::now();
        let ends_at = now.checked_add(lasts).unwrap_or(now);
        let deed = Deed::new(now, user.as_str(), Way::Web, "sign-in").about(from);
        match journal.session_start(NewSession { key: key_of(&id), before, user, hash, ends_at }, deed).await {
            Ok(()) => {}
            // Kept out, or another password, in this very moment.
            Err(Error::NotFound { .. }) => return Err(Not::Known),
            Err(error) => return Err(error.into()),
        }
        journal.sign_in_succeeded(pair, vec![address, whole]).await?;
        Ok(id)
    }
}

async fn sign_out(State(web): State<Web>, person: Person, request: Request) -> Response {
    let project = web.service.versions.live();
    let https = session::is_https(&project.web, request.headers(), request.extensions());
    if let Some(id) = session::id(request.headers(), https) {
        let deed = Deed::new(Timestamp::now(), person.name.as_str(), person.way, "sign-out");
        if let Err(error) = web.service.journal.session_end(key_of(id), deed).await {
            return Refusal::from(error).into_response();
        }
    }
    let mut response = Redirect::to("/sign-in").into_response();
    response.headers_mut().extend(session::cookie("", https));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_elsewhere() {
        for next in ["/calls", "/calls?day=2026-11-27&text=%2B1", "/calls/json%3A1"] {
            assert_eq!(ours(next), next);
        }
        let elsewhere = [
            "",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "calls",
            "/\t/evil.example",
            "/a\r\nset-cookie: b=c",
            "javascript:alert(1)",
        ];
        for next in elsewhere {
            assert_eq!(ours(next), HOME, "{next:?}");
        }
        assert_eq!(ours(&format!("/{}", "a".repeat(2000))), HOME);
    }
}
