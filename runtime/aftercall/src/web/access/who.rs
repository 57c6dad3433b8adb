//! Who asks: a program by its token, somebody whom a trusted proxy names, somebody at this machine while there are no users, or a user by
//! their session.

use aftercall_config::decl::RoleDecl;
use aftercall_config::project::WebRules;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use jiff::{SignedDuration, Timestamp};

use super::super::page::Refusal;
use super::super::{Person, Web};
use super::csrf::Proof;
use super::session;
use crate::access::{is_name, key_of};
use crate::intake::from_here;
use crate::journal::{Role, Way};

/// How often it is noted that somebody was there: a page that keeps itself up to date is not worth a commit each time.
const NOTED: SignedDuration = SignedDuration::from_mins(1);

/// What whoever comes from elsewhere is told before there is a user.
const ELSEWHERE: &str = "these pages show who called and what they said, so without users they answer only a browser on the machine that \
                         aftercall runs on. To let people in from here, make the first user there: `aftercall user add NAME --role admin`";

/// Who asks; `None` where they have to sign in first. Errors: why nobody may from there.
pub(super) async fn who(web: &Web, rules: &WebRules, request: &Parts, now: Timestamp) -> Result<Option<Person>, Refusal> {
    let Parts { headers, extensions, uri, .. } = request;
    if uri.path().starts_with("/v1/")
        && let Some(value) = headers.get(header::AUTHORIZATION)
    {
        let token = value.to_str().ok().and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        return program(web, token.map(|(_, token)| token.trim()).unwrap_or_default(), now).await.map(Some);
    }
    let users = web.service.journal.users().await?;
    if let Some(trust) = rules.trust.as_ref().filter(|_| session::by_proxy(rules, extensions)) {
        let mut said = headers.get_all(&trust.name).into_iter();
        if let Some(name) = said.next() {
            let name = name.to_str().ok().filter(|name| said.next().is_none() && is_name(name).is_ok());
            let Some(name) = name else {
                return Err(Refusal::new(StatusCode::FORBIDDEN, "proxy_name", "the proxy names nobody whom we understand".to_owned()));
            };
            let known = users.iter().find(|user| user.name == name);
            if known.is_some_and(|user| user.disabled) {
                return Err(Refusal::new(StatusCode::FORBIDDEN, "kept_out", format!("{name} is kept out; ask an admin")));
            }
            let declared = trust.roles.get(name).map(|role| of(*role));
            let role = declared.or(known.map(|user| user.role)).or(trust.default_role.map(of));
            let Some(role) = role else {
                let sentence = format!("the proxy knows {name}, and they have no role here; an admin adds one to `[web.roles]`");
                return Err(Refusal::new(StatusCode::FORBIDDEN, "no_role", sentence));
            };
            return Ok(Some(person(name, role, Way::Web, Proof::of(&web.door.key, name))));
        }
    }
    if users.is_empty() {
        // Whoever says that there is a proxy has one in front: what comes from this machine may then come from anybody, whatever its headers.
        let has_proxy = rules.url.is_some() || rules.trust.is_some() || !rules.proxies.is_empty();
        return if web.local && !has_proxy && from_here(headers) {
            Ok(Some(person("local", Role::Admin, Way::Web, Proof::of(&web.door.key, "local"))))
        } else {
            Err(Refusal::new(StatusCode::FORBIDDEN, "no_users", ELSEWHERE.to_owned()))
        };
    }
    let Some(id) = session::id(headers, session::is_https(rules, headers, extensions)) else { return Ok(None) };
    let idle = SignedDuration::try_from(rules.idle).unwrap_or(SignedDuration::MAX);
    let key = key_of(id);
    let Some(found) = web.service.journal.session(key, idle, now).await? else { return Ok(None) };
    if now.duration_since(found.seen_at) >= NOTED {
        web.service.journal.session_seen(key, now).await?;
    }
    Ok(Some(Person { signed_in: true, ..person(&found.user, found.role, Way::Web, Proof::of(id, &found.user)) }))
}

async fn program(web: &Web, token: &str, now: Timestamp) -> Result<Person, Refusal> {
    let found = if token.is_empty() { None } else { web.service.journal.api_token(key_of(token), now).await? };
    let Some(found) = found else {
        let sentence = "this token is not known, or its time is over; `aftercall user token add` makes one".to_owned();
        return Err(Refusal::new(StatusCode::UNAUTHORIZED, "token", sentence));
    };
    if found.used_at.is_none_or(|used| now.duration_since(used) >= NOTED) {
        web.service.journal.token_used(found.name.clone(), now).await?;
    }
    Ok(person(&found.name, found.role, Way::Api, Proof::of(token, &found.name)))
}

fn person(name: &str, role: Role, way: Way, proof: Proof) -> Person {
    Person { name: name.to_owned(), role, way, signed_in: false, proof }
}

fn of(role: RoleDecl) -> Role {
    match role {
        RoleDecl::Viewer => Role::Viewer,
        RoleDecl::Operator => Role::Operator,
        RoleDecl::Admin => Role::Admin,
    }
}
