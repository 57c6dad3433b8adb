//! `GET /people`: who may look at the pages and act, and which programs may; and what an admin does about it. What is done is what `aftercall user` does, with
//! the admin's name on the trail.

use aftercall_config::resolve::duration;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::{Form, Json};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use maud::{Markup, html};
use serde::{Deserialize, Deserializer};
use serde_json::json;
use zeroize::Zeroizing;

use super::calls::Pairs;
use super::form::form;
use super::page::{self, Refusal};
use super::parts::time;
use super::{Person, Role, Web};
use crate::access::{hash, is_name, is_strong, key_of, new_token};
use crate::journal::{AccessChange, Deed, TokenRow, UserRow};

const ROLES: [Role; 3] = [Role::Viewer, Role::Operator, Role::Admin];

/// The page.
pub(super) async fn page(State(web): State<Web>, person: Person, Query(pairs): Pairs) -> Result<Response, Refusal> {
    let done = pairs.iter().find(|(name, _)| name == "done").and_then(|(_, what)| said(what));
    shown(&web, &person, done.map(|done| html! { p.note role="status" { (done) } })).await
}

async fn shown(web: &Web, person: &Person, note: Option<Markup>) -> Result<Response, Refusal> {
    let (users, tokens) = (web.service.journal.users().await?, web.service.journal.api_tokens().await?);
    let project = web.service.versions.live();
    let zone = &project.timezone;
    let main = html! {
        h1 { "People" }
        @if let Some(note) = note { (note) }
        @if users.is_empty() {
            p.note { "There is no user yet: whoever opens a browser on this machine may do everything, and nobody else is let in. The first user is an admin; from then on everybody signs in." }
        } @else {
            div.wide { table {
                caption.soft { "Who signs in. Another role, another password and being kept out end what is signed in under the name." }
                thead { tr { th scope="col" { "Name" } th scope="col" { "Role" } th scope="col" { "State" } th scope="col" { "Since" } th scope="col" { "What to do" } } }
                tbody { @for user in &users { (of_user(person, user, zone)) } }
            } }
        }
        (new_user(person, users.is_empty(), project.web.trust.is_some()))
        h2 { "Programs" }
        @if tokens.is_empty() { p { "No program has a token." } } @else {
            div.wide { table {
                caption.soft { "Tokens for " code { "/v1/" } }
                thead { tr { th scope="col" { "Name" } th scope="col" { "Role" } th scope="col" { "Since" } th scope="col" { "Ends" } th scope="col" { "Used last" } th scope="col" { "What to do" } } }
                tbody { @for token in &tokens { (of_token(person, token, zone)) } }
            } }
        }
        (form(person, "/people/tokens/add", &html! {
            div.filters {
                label { "Name of the new token" input type="text" name="name" required maxlength="64" autocomplete="off"; }
                label { "Role" (roles(Role::Viewer)) }
                label { "Ends after, such as 90d; empty for never" input type="text" name="expires" maxlength="20" autocomplete="off"; }
                button { "Make a token" }
            }
        }))
    };
    Ok(page::page(person, "People", "/people", &main))
}

/// What was done, after it was done.
fn said(what: &str) -> Option<&'static str> {
    Some(match what {
        "add" => "They may sign in.",
        "role" => "They have the other role from now on, and have to sign in again.",
        "disable" => "They are signed out and kept out.",
        "enable" => "They may sign in again.",
        "password" => "They have another password, and have to sign in again.",
        "sign-out" => "They are signed out, and may sign in again.",
        "revoke" => "The token is void.",
        _ => return None,
    })
}

fn roles(chosen: Role) -> Markup {
    html! { select name="role" { @for role in ROLES { option value=(role.word()) selected[role == chosen] { (role.word()) } } } }
}

fn of_user(person: &Person, user: &UserRow, zone: &TimeZone) -> Markup {
    let state = match (user.disabled, &user.hash) {
        (true, _) => "kept out",
        (false, Some(_)) => "may sign in",
        (false, None) => "signed in by the proxy alone",
    };
    let name = || html! { input type="hidden" name="name" value=(user.name); };
    let of = |what: &str| format!("{what} {}", user.name);
    html! { tr {
        th scope="row" { (user.name) @if user.name == person.name { " " span.soft { "(you)" } } }
        td data-is="Role" {
            (form(person, "/people/role", &html! { span.acts {
                (name())
                select name="role" aria-label=(of("Role of")) { @for role in ROLES { option value=(role.word()) selected[role == user.role] { (role.word()) } } }
                button aria-label=(of("Change the role of")) { "Change" }
            } }))
        }
        td data-is="State" { (state) }
        td data-is="Since" { (time(user.created_at, zone, true)) }
        td data-is="What to do" {
            div.acts {
                (form(person, "/people/disable", &html! {
                    (name())
                    input type="hidden" name="disabled" value=(if user.disabled { "no" } else { "yes" });
                    button aria-label=(of(if user.disabled { "Let in again" } else { "Keep out" })) { (if user.disabled { "Let in again" } else { "Keep out" }) }
                }))
                (form(person, "/people/sign-out", &html! { (name()) button aria-label=(of("Sign out everywhere")) { "Sign out everywhere" } }))
            }
            details id={ "password-" (user.name) } {
                summary { "Another password …" }
                (form(person, "/people/password", &html! { span.acts {
                    (name())
                    label { "New password of " (user.name) " " input type="password" name="password" autocomplete="new-password" required; }
                    button { "Set it" }
                } }))
            }
        }
    } }
}

fn new_user(person: &Person, is_first: bool, has_proxy: bool) -> Markup {
    html! {
        h2 { "Somebody new" }
        (form(person, "/people/add", &html! {
            div.filters {
                label { "Name" input type="text" name="name" required maxlength="64" autocomplete="off" autocapitalize="none" spellcheck="false"; }
                label { "Role" (roles(if is_first { Role::Admin } else { Role::Viewer })) }
                label { "Password" input type="password" name="password" autocomplete="new-password" required[!has_proxy]; }
                button.main { "Add" }
            }
        }))
        p.soft {
            "A password has at least 12 characters; tell it to them by another way than their mail."
            @if has_proxy { " Without one, the proxy alone signs them in." }
        }
    }
}

fn of_token(person: &Person, token: &TokenRow, zone: &TimeZone) -> Markup {
    html! { tr {
        th scope="row" { (token.name) }
        td data-is="Role" { (token.role.word()) }
        td data-is="Since" { (time(token.created_at, zone, true)) }
        td data-is="Ends" { @match token.ends_at { Some(at) => (time(at, zone, true)), None => "never" } }
        td data-is="Used last" { @match token.used_at { Some(at) => (time(at, zone, true)), None => "never" } }
        td data-is="What to do" {
            (form(person, "/people/tokens/revoke", &html! {
                input type="hidden" name="name" value=(token.name);
                button aria-label={ "Revoke " (token.name) } { "Revoke" }
            }))
        }
    } }
}

/// What a form of the page says.
#[derive(Deserialize)]
pub(super) struct Said {
    name: String,
    #[serde(default)]
    role: String,
    #[serde(default, deserialize_with = "wiped")]
    password: Zeroizing<String>,
    #[serde(default)]
    disabled: String,
    #[serde(default)]
    expires: String,
}

fn wiped<'de, D: Deserializer<'de>>(from: D) -> Result<Zeroizing<String>, D::Error> {
    String::deserialize(from).map(Zeroizing::new)
}

impl Said {
    fn name(&self) -> Result<&str, Refusal> {
        let name = self.name.trim();
        is_name(name).map_err(Refusal::wrong)?;
        Ok(name)
    }

    fn role(&self) -> Result<Role, Refusal> {
        self.role.parse().map_err(|_| Refusal::wrong("`role` is `viewer`, `operator` or `admin`".to_owned()))
    }

    /// The password's hash. Errors: it is none, or cannot be worked out just now.
    async fn hash(&self, web: &Web, name: &str) -> Result<String, Refusal> {
        is_strong(&self.password, name).map_err(|weak| Refusal::wrong(weak.to_string()))?;
        let password = self.password.clone();
        let hashed = web.door.slowly(move || hash(&password)).await.unwrap_or_else(|| Err("too many passwords are in hand".to_owned()));
        hashed.map_err(|why| {
            tracing::error!(why, "a password could not be hashed");
            Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "this cannot be done just now; try again in a moment".to_owned())
        })
    }
}

/// One change, with its line on the trail, and back to the page.
async fn put(web: &Web, person: &Person, change: AccessChange, what: &str, about: &str, done: &str) -> Result<Response, Refusal> {
    let deed = Deed::new(Timestamp::now(), person.name.as_str(), person.way, what).about(about);
    web.service.journal.access_put(change, deed).await?;
    tracing::info!(person = %person.name, act = what, "an admin has changed who may come in");
    Ok(Redirect::to(&format!("/people?done={done}")).into_response())
}

/// `POST /people/add`.
pub(super) async fn add(State(web): State<Web>, person: Person, Form(said): Form<Said>) -> Result<Response, Refusal> {
    person.must_be(Role::Admin)?;
    let (name, role) = (said.name()?, said.role()?);
    let is_first = web.service.journal.users().await?.is_empty();
    if is_first && (role != Role::Admin || said.password.is_empty()) {
        return Err(Refusal::wrong(
            "the first user is an admin with a password: from then on everybody signs in, and nobody else could let people in".to_owned(),
        ));
    }
    let has_proxy = web.service.versions.live().web.trust.is_some();
    let hash = if said.password.is_empty() && has_proxy { None } else { Some(said.hash(&web, name).await?) };
    let change = AccessChange::UserAdded { name: name.to_owned(), role, hash };
    put(&web, &person, change, "user add", &format!("{name}, {role}"), "add").await
}

/// `POST /people/role`.
pub(super) async fn role(State(web): State<Web>, person: Person, Form(said): Form<Said>) -> Result<Response, Refusal> {
    person.must_be(Role::Admin)?;
    let (name, role) = (said.name()?, said.role()?);
    let change = AccessChange::UserRole { name: name.to_owned(), role, force: false };
    put(&web, &person, change, "user role", &format!("{name}, {role}"), "role").await
}

/// `POST /people/disable`: kept out, or let in again.
pub(super) async fn disable(State(web): State<Web>, person: Person, Form(said): Form<Said>) -> Result<Response, Refusal> {
    person.must_be(Role::Admin)?;
    let name = said.name()?;
    let (disabled, what, done) = match said.disabled.as_str() {
        "yes" => (true, "user disable", "disable"),
        "no" => (false, "user enable", "enable"),
        _ => return Err(Refusal::wrong("`disabled` is `yes` or `no`".to_owned())),
    };
    put(&web, &person, AccessChange::UserDisabled { name: name.to_owned(), disabled, force: false }, what, name, done).await
}

/// `POST /people/password`.
pub(super) async fn password(State(web): State<Web>, person: Person, Form(said): Form<Said>) -> Result<Response, Refusal> {
    person.must_be(Role::Admin)?;
    let name = said.name()?;
    let hash = said.hash(&web, name).await?;
    put(&web, &person, AccessChange::UserPassword { name: name.to_owned(), hash }, "user password", name, "password").await
}

/// `POST /people/sign-out`.
pub(super) async fn sign_out(State(web): State<Web>, person: Person, Form(said): Form<Said>) -> Result<Response, Refusal> {
    person.must_be(Role::Admin)?;
    let name = said.name()?;
    put(&web, &person, AccessChange::UserSignedOut { name: name.to_owned() }, "user sign-out", name, "sign-out").await
}

/// `POST /people/tokens/add`: the answer shows the token, this once.
pub(super) async fn token_add(State(web): State<Web>, person: Person, Form(said): Form<Said>) -> Result<Response, Refusal> {
    person.must_be(Role::Admin)?;
    let (name, role) = (said.name()?, said.role()?);
    let ends_at = match said.expires.trim() {
        "" => None,
        text => {
            let end = duration(text).and_then(|time| Timestamp::now().checked_add(time).ok());
            Some(end.ok_or_else(|| Refusal::wrong("`expires` is a duration such as `24h` or `90d`".to_owned()))?)
        }
    };
    let token = new_token().map_err(|why| Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "busy", why))?;
    let change = AccessChange::TokenAdded { name: name.to_owned(), key: key_of(&token), role, ends_at };
    put(&web, &person, change, "token add", &format!("{name}, {role}"), "").await?;
    let note = html! { p.note role="status" { "The token " (name) ", shown this once: " code { (*token) } ". A program sends it as " code { "Authorization: Bearer …" } "." } };
    shown(&web, &person, Some(note)).await
}

/// `POST /people/tokens/revoke`.
pub(super) async fn token_revoke(State(web): State<Web>, person: Person, Form(said): Form<Said>) -> Result<Response, Refusal> {
    person.must_be(Role::Admin)?;
    let name = said.name()?;
    put(&web, &person, AccessChange::TokenRevoked { name: name.to_owned() }, "token revoke", name, "revoke").await
}

/// `GET /v1/people`: what `aftercall user list` and `aftercall user token list` print.
pub(super) async fn json(State(web): State<Web>, _: Person) -> Result<Response, Refusal> {
    let of = |error: crate::journal::Error| Refusal::from(error).for_program();
    let (users, tokens) = (web.service.journal.users().await.map_err(of)?, web.service.journal.api_tokens().await.map_err(of)?);
    Ok(Json(json!({"version": 1, "users": users, "tokens": tokens})).into_response())
}
