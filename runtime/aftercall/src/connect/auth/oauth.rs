//! OAuth 2: refresh tokens and client credentials, RFC 6749 sections 4.4, 5 and 6.
//!
//! A system may replace the refresh token at each use and kill the old one. So a new one is handed to the store before
//! anything is done with the access token that came with it; until the store has it, nothing goes out.

use std::time::Duration;

use aftercall_config::decl::{ErrorClass, GrantDecl};
use aftercall_config::functions::percent_encode;
use bytes::Bytes;
use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::sync::atomic::Ordering;

use super::super::classify::retry_after;
use super::super::failure::{Failure, cut};
use super::super::http::{Prepared, SendError};
use super::super::pointer;
use super::super::secret::Secret;
use super::{Auth, Grant, StoredToken, revoked};

/// How long a token's answer may take.
const TIMEOUT: Duration = Duration::from_secs(15);

pub(super) async fn client_credentials(auth: &Auth, decl: &GrantDecl) -> Result<Grant, Failure> {
    let id = auth.credential("client_id")?;
    let secret = auth.credential("client_secret")?;
    let form = [("grant_type", "client_credentials"), ("client_id", id.reveal()), ("client_secret", secret.reveal())];
    let answer = ask(auth, decl, &form).await?;
    grant(auth, decl, &answer)
}

pub(super) async fn refresh_token(auth: &Auth, decl: &GrantDecl) -> Result<Grant, Failure> {
    let connection = auth.connection.id.as_str();
    let id = auth.credential("client_id")?;
    // A public client has none.
    let secret = match auth.connection.credentials.contains_key("client_secret") {
        true => Some(auth.credential("client_secret")?),
        false => None,
    };
    let configured = auth.credential("refresh_token")?;
    let from = fingerprint(&configured);
    save(auth).await?;
    let mut tried: Option<Secret> = None;
    loop {
        let stored = auth.world.tokens.load(connection, &from).await.map_err(|e| e.failure("reading the stored refresh token"))?;
        let token = stored.filter(|stored| stored.from == from).map_or_else(|| configured.clone(), |stored| stored.refresh_token);
        let mut form = vec![("grant_type", "refresh_token"), ("refresh_token", token.reveal()), ("client_id", id.reveal())];
        form.extend(secret.as_ref().map(|secret| ("client_secret", secret.reveal())));
        match ask(auth, decl, &form).await {
            // Another worker may have used it a moment ago: then the store has a newer one.
            Err(failure) if failure.class == ErrorClass::AuthRevoked && tried.is_none() => {
                let again = auth.world.tokens.load(connection, &from).await.ok().flatten().filter(|stored| stored.from == from);
                if again.is_none_or(|again| again.refresh_token == token) {
                    return Err(failure);
                }
                tried = Some(token);
            }
            Err(failure) => return Err(failure),
            Ok(answer) => {
                if let Some(new) = pointer::first_text(&answer, "/refresh_token").filter(|new| new != token.reveal()) {
                    auth.set_unsaved(Some(StoredToken { refresh_token: Secret::new(&new), from }));
                    save(auth).await?;
                }
                return grant(auth, decl, &answer);
            }
        }
    }
}

/// Hands over a new refresh token. Until that has worked, every try begins with it.
async fn save(auth: &Auth) -> Result<(), Failure> {
    let Some(token) = auth.unsaved() else { return Ok(()) };
    let saved = auth.world.tokens.save(&auth.connection.id, token).await;
    saved.map_err(|e| e.failure("keeping the new refresh token"))?;
    auth.set_unsaved(None);
    Ok(())
}

/// Which configured token a chain began with, without giving it away.
fn fingerprint(secret: &Secret) -> String {
    let hash = Sha256::digest(secret.reveal().as_bytes());
    hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// Asks for a token; gives the answer's JSON.
///
/// Errors: `auth_revoked` for every refusal, since a person must act; else the trouble on the way. Nothing was written.
pub(super) async fn ask(auth: &Auth, decl: &GrantDecl, form: &[(&str, &str)]) -> Result<Value, Failure> {
    let url = auth.token_url(decl)?.ok_or_else(|| revoked("the connector's `auth` has no `token_url`"))?;
    let scope = decl.scope.as_deref().filter(|_| form.iter().all(|(name, _)| *name != "assertion")).map(|scope| ("scope", scope));
    let pairs = form.iter().copied().chain(scope);
    let body = pairs.map(|(name, value)| format!("{name}={}", percent_encode(value))).collect::<Vec<_>>().join("&");
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    auth.world.token_requests.fetch_add(1, Ordering::Relaxed);
    let request = Prepared { method: Method::POST, url, headers, body: Some(Bytes::from(body)), timeout: TIMEOUT };
    let answer = auth.world.transport.send(request).await.map_err(|error| match error {
        SendError::NeverSent(reason) => Failure::unsent(ErrorClass::Unreachable, format!("the token endpoint was not reached: {reason}")),
        SendError::Lost(reason) => Failure::unsent(ErrorClass::Transient, format!("the token endpoint did not answer: {reason}")),
    })?;
    let json: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    if (200..300).contains(&answer.status) {
        if pointer::first_text(&json, "/access_token").is_some() {
            return Ok(json);
        }
        return Err(Failure::unsent(ErrorClass::Transient, "the token endpoint's answer has no `access_token`"));
    }
    let code = pointer::first_text(&json, "/error");
    let class = match (answer.status, code.as_deref()) {
        (429, _) => ErrorClass::RateLimited,
        (408 | 500.., _) | (_, Some("temporarily_unavailable" | "server_error")) => ErrorClass::Transient,
        _ => ErrorClass::AuthRevoked,
    };
    let said = ["/error_description", "/message"].iter().find_map(|p| pointer::first_text(&json, p));
    let said = said.map_or_else(String::new, |said| format!(": {}", cut(&said, 200)));
    let named = code.as_deref().unwrap_or("no reason");
    let message = format!("the token endpoint answered {} ({named}){said}", answer.status);
    Err(Failure::unsent(class, message).with(|f| {
        f.status = Some(answer.status);
        f.code = code;
        f.retry_after = retry_after(&answer.headers);
    }))
}

/// What a token's answer gives.
pub(super) fn grant(auth: &Auth, decl: &GrantDecl, answer: &Value) -> Result<Grant, Failure> {
    let token = pointer::first_text(answer, "/access_token").unwrap_or_default();
    let prefix = decl.prefix.as_deref().unwrap_or("Bearer ");
    let expires = pointer::first_text(answer, "/expires_in").and_then(|text| text.parse::<f64>().ok());
    let expires_in = expires.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let base_url = match &decl.base_url_from {
        Some(from) => Some(host(auth, decl, pointer::first_text(answer, from))?),
        None => None,
    };
    Ok(Grant { value: Secret::new(&format!("{prefix}{token}")), expires_in, base_url })
}

/// The address for later requests: the named host under the configured path.
///
/// Errors: no host, or one that would send the token in the clear where the token itself came over TLS.
fn host(auth: &Auth, decl: &GrantDecl, named: Option<String>) -> Result<String, Failure> {
    let bad = |why: &str| Failure::unsent(ErrorClass::Transient, format!("the token endpoint's answer {why}"));
    let named = named.ok_or_else(|| bad("names no host"))?;
    let url = reqwest::Url::parse(&named).map_err(|_| bad("names no usable host"))?;
    let secure = auth.token_url(decl)?.is_some_and(|token_url| token_url.starts_with("https:"));
    if url.host_str().is_none() || !matches!(url.scheme(), "https" | "http") || (secure && url.scheme() != "https") {
        return Err(bad("names no usable host"));
    }
    let path = match url.path() {
        "/" => reqwest::Url::parse(&auth.connection.base_url).map(|base| base.path().to_owned()).unwrap_or_default(),
        path => path.to_owned(),
    };
    Ok(format!("{}{}", url.origin().ascii_serialization(), path.trim_end_matches('/')))
}
