//! `POST /token`: refresh tokens and service accounts.
//!
//! Source: Google's guides on OAuth 2.0 for web servers and for service accounts. There is one client
//! (`sandbox-client`, `sandbox-secret`), one refresh token (`sandbox-refresh`), and any service account.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::{Value, json};

use super::problem::Problem;
use crate::{
    text,
    vendor::{Request, Response},
    wire,
};

const CLIENT: &str = "sandbox-client";
const SECRET: &str = "sandbox-secret";
const REFRESH: &str = "sandbox-refresh";
/// Seconds an access token lives.
const LIFE: i64 = 3_599;
/// Seconds an assertion may live.
const ASSERTION_LIFE: i64 = 3_600;
const SCOPE: &str = "https://www.googleapis.com/auth/calendar";

/// What an access token stands for.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    end: Timestamp,
    scope: String,
    /// Whether guests can be invited: not by a service account that acts for nobody.
    pub(super) may_invite: bool,
}

/// The access tokens, and how new ones are had.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    issued: HashMap<String, Grant>,
    made: u64,
    revoked: bool,
    /// DER of an RSA key (PKCS #1) that signatures of assertions are checked against; unchecked without.
    key: Option<Vec<u8>>,
    /// Whether an assertion's times are held against the clock.
    pub(super) check_clock: bool,
}

fn refuse(status: u16, error: &str, description: &str) -> Response {
    wire::json(status, &json!({"error": error, "error_description": description}))
}

impl Tokens {
    /// The grant of a request's token.
    pub(super) fn check(&self, request: &Request, now: Timestamp) -> Result<Grant, Problem> {
        let token = wire::bearer(request).or_else(|| wire::query(request, "access_token"));
        let grant = self.issued.get(token.ok_or_else(Problem::login_required)?);
        let grant = grant.filter(|grant| grant.end > now).ok_or_else(Problem::unauthorised)?;
        if grant.scope.contains("/auth/calendar") { Ok(grant.clone()) } else { Err(Problem::scope()) }
    }

    /// Ends all access tokens.
    pub(super) fn expire(&mut self) {
        for grant in self.issued.values_mut() {
            grant.end = Timestamp::MIN;
        }
    }

    /// Ends access tokens, the refresh token and all service accounts.
    pub(super) fn revoke(&mut self) {
        self.issued.clear();
        self.revoked = true;
    }

    pub(super) fn restore(&mut self) {
        self.revoked = false;
    }

    /// Sets the key that signatures are checked against, from PEM; empty for none.
    ///
    /// Errors: a sentence when it is no RSA public key.
    pub(super) fn set_key(&mut self, pem: &str) -> Result<(), String> {
        self.key = if pem.trim().is_empty() { None } else { Some(rsa_key(pem).ok_or("public_key is no RSA key in PEM")?) };
        Ok(())
    }

    /// Answers the token endpoint.
    pub(super) fn token(&mut self, request: &Request, now: Timestamp) -> Response {
        let body = String::from_utf8_lossy(&request.body);
        let kind = wire::header(request, "content-type").unwrap_or_default();
        let form: Vec<(String, String)> = if kind.starts_with("application/json") {
            let body: Value = serde_json::from_str(&body).unwrap_or_default();
            let members = body.as_object().into_iter().flatten();
            members.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
        } else {
            text::form(&body)
        };
        let field = |name: &str| form.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
        match field("grant_type") {
            "" => refuse(400, "invalid_request", "Missing required parameter: grant_type"),
            "refresh_token" => {
                if field("client_id") != CLIENT {
                    refuse(401, "invalid_client", "The OAuth client was not found.")
                } else if field("client_secret") != SECRET {
                    refuse(401, "invalid_client", "The provided client secret is invalid.")
                } else if field("refresh_token").is_empty() {
                    refuse(400, "invalid_request", "Missing required parameter: refresh_token")
                } else if field("refresh_token") != REFRESH || self.revoked {
                    refuse(400, "invalid_grant", "Token has been expired or revoked.")
                } else {
                    let mut answer = self.issue(SCOPE, true, now);
                    answer["scope"] = json!(SCOPE);
                    wire::json(200, &answer)
                }
            }
            "urn:ietf:params:oauth:grant-type:jwt-bearer" => match self.assertion(field("assertion"), now) {
                Ok((scope, may_invite)) => wire::json(200, &self.issue(&scope, may_invite, now)),
                Err(description) => refuse(400, "invalid_grant", &description),
            },
            other => refuse(400, "unsupported_grant_type", &format!("Invalid grant_type: {other}")),
        }
    }

    fn issue(&mut self, scope: &str, may_invite: bool, now: Timestamp) -> Value {
        self.made += 1;
        let token = format!("ya29.sandbox-{}", self.made);
        let end = now.saturating_add(SignedDuration::from_secs(LIFE)).unwrap_or(Timestamp::MAX);
        self.issued.insert(token.clone(), Grant { end, scope: scope.to_owned(), may_invite });
        json!({"access_token": token, "expires_in": LIFE, "token_type": "Bearer"})
    }

    /// Checks a service account's assertion; answers its scope and whether it acts for a user.
    fn assertion(&self, assertion: &str, now: Timestamp) -> Result<(String, bool), String> {
        let parts: Vec<&str> = assertion.split('.').collect();
        let [head, claims, signature] = parts.as_slice() else {
            return Err("Invalid JWT: Failed to parse the assertion.".to_owned());
        };
        let read = |part: &str| -> Option<Value> { serde_json::from_slice(&wire::base64(part)?).ok() };
        let bad = || "Bad Request".to_owned();
        let (header, body) = (read(head).ok_or_else(bad)?, read(claims).ok_or_else(bad)?);
        if header.get("alg").and_then(Value::as_str) != Some("RS256") {
            return Err("Invalid JWT: The algorithm must be RS256.".to_owned());
        }
        let claim = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
        if claim("iss").is_empty() {
            return Err("Invalid JWT: iss field missing.".to_owned());
        }
        let second = |name: &str| body.get(name).and_then(Value::as_i64);
        let (Some(issued), Some(end)) = (second("iat"), second("exp")) else {
            return Err("Invalid JWT: iat or exp field missing.".to_owned());
        };
        let late = self.check_clock && (end <= now.as_second() || issued > now.as_second() + 300);
        if end <= issued || end - issued > ASSERTION_LIFE || late {
            let message = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. \
                           Check your iat and exp values in the JWT claim.";
            return Err(message.to_owned());
        }
        if let Some(key) = &self.key {
            let signed = &assertion[..head.len() + 1 + claims.len()];
            let signature = wire::base64(signature).unwrap_or_default();
            let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key);
            key.verify(signed.as_bytes(), &signature).map_err(|_| "Invalid JWT Signature.".to_owned())?;
        }
        if self.revoked {
            return Err("Invalid grant: account not found".to_owned());
        }
        if claim("scope").is_empty() {
            return Err("Invalid JWT: scope field missing.".to_owned());
        }
        Ok((claim("scope").to_owned(), !claim("sub").is_empty()))
    }
}

/// The PKCS #1 form of an RSA public key in PEM, which may also be a SubjectPublicKeyInfo.
fn rsa_key(pem: &str) -> Option<Vec<u8>> {
    let inner: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = wire::base64(&inner)?;
    if pem.contains("BEGIN RSA PUBLIC KEY") {
        return Some(der);
    }
    // SEQUENCE { SEQUENCE algorithm, BIT STRING key }
    let outer = element(&der, 0x30)?;
    let algorithm = element(outer.0, 0x30)?;
    let key = element(algorithm.1, 0x03)?.0;
    key.split_first().filter(|(unused, _)| **unused == 0).map(|(_, key)| key.to_vec())
}

/// The content of a DER element of that tag, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = der.split_first()?;
    let (length, rest) = rest.split_first()?;
    if *first != tag {
        return None;
    }
    let (length, rest) = if *length < 0x80 {
        (usize::from(*length), rest)
    } else {
        let bytes = usize::from(*length & 0x7f);
        let (size, rest) = rest.split_at_checked(bytes).filter(|_| bytes <= 4)?;
        (size.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
    };
    rest.split_at_checked(length)
}
