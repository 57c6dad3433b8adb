//! Access: the static token of a private app, and OAuth tokens with their refresh.
//!
//! Source: HubSpot's guides on private apps and on OAuth (token endpoints v1, v3 and by date).
//! There is one client (`sandbox-client`, `sandbox-secret`) and one refresh token (`sandbox-refresh`).

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{account::HUB_ID, problem::Problem, value};
use crate::{
    text,
    vendor::{Request, Response},
    wire,
};

/// The token of the private app.
const STATIC: &str = "pat-sandbox";
const CLIENT: &str = "sandbox-client";
const SECRET: &str = "sandbox-secret";
const REFRESH: &str = "sandbox-refresh";
/// The code of a finished authorization, for those who want to go that way.
const CODE: &str = "sandbox-code";
/// Seconds an access token lives.
const LIFE: i64 = 1_800;

const SCOPES: &[&str] = &[
    "oauth",
    "crm.objects.contacts.read",
    "crm.objects.contacts.write",
    "crm.objects.companies.read",
    "crm.objects.companies.write",
    "crm.objects.deals.read",
    "crm.objects.deals.write",
    "crm.objects.owners.read",
    "crm.schemas.contacts.read",
    "tickets",
];

/// What tokens are good for now.
#[derive(Debug)]
pub(super) struct Tokens {
    /// Access tokens and when each ends.
    issued: HashMap<String, Timestamp>,
    made: u64,
    /// Whether the static token is taken at all.
    pub(super) static_token: bool,
    /// Whether `expire` ends the static token too.
    pub(super) static_token_expires: bool,
    static_expired: bool,
    revoked: bool,
    seen: Timestamp,
}

/// Which kind of app is calling: their limits differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum App {
    Private,
    OAuth,
}

impl Tokens {
    pub(super) fn new() -> Self {
        Self {
            issued: HashMap::new(),
            made: 0,
            static_token: true,
            static_token_expires: false,
            static_expired: false,
            revoked: false,
            seen: Timestamp::UNIX_EPOCH,
        }
    }

    /// Who is calling, or a 401.
    pub(super) fn check(&mut self, request: &Request, now: Timestamp) -> Result<App, Problem> {
        self.seen = now;
        let token = wire::bearer(request).unwrap_or_default();
        if token == STATIC && self.static_token && !self.revoked {
            return if self.static_expired { Err(expired(now, now)) } else { Ok(App::Private) };
        }
        match self.issued.get(token) {
            Some(end) if *end > now => Ok(App::OAuth),
            Some(end) => Err(expired(*end, now)),
            None => Err(Problem::new(
                401,
                Some("INVALID_AUTHENTICATION"),
                "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more \
                 details at https://developers.hubspot.com/docs/methods/auth/oauth-overview",
            )),
        }
    }

    /// Ends all access tokens; refreshing still works.
    pub(super) fn expire(&mut self) {
        for end in self.issued.values_mut() {
            *end = (*end).min(self.seen);
        }
        self.static_expired |= self.static_token_expires;
    }

    /// Ends the grant: refresh token, access tokens and the static token.
    pub(super) fn revoke(&mut self) {
        self.issued.clear();
        self.revoked = true;
    }

    pub(super) fn restore(&mut self) {
        self.revoked = false;
    }

    /// `POST /oauth/{v1,v3,date}/token`
    pub(super) fn token(&mut self, request: &Request, version: &str, now: Timestamp) -> Response {
        self.seen = now;
        let body = String::from_utf8_lossy(&request.body);
        let form = text::form(&body);
        let field = |name: &str| form.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
        let refuse = |error: &str, status: &str, message: &str| {
            wire::json(400, &json!({"error": error, "error_description": message, "status": status, "message": message}))
        };
        let kind = wire::header(request, "content-type").unwrap_or_default();
        if !kind.starts_with("application/x-www-form-urlencoded") {
            return refuse("invalid_request", "BAD_GRANT_TYPE", "missing or unknown grant type");
        }
        if field("client_id") != CLIENT {
            return refuse("invalid_client", "BAD_CLIENT_ID", "missing or unknown client id");
        }
        if field("client_secret") != SECRET {
            return refuse("invalid_client", "BAD_CLIENT_SECRET", "missing or invalid client secret");
        }
        match field("grant_type") {
            "refresh_token" if field("refresh_token") != REFRESH || self.revoked => {
                return refuse("invalid_grant", "BAD_REFRESH_TOKEN", "refresh token is invalid, expired or revoked");
            }
            "authorization_code" if field("redirect_uri").is_empty() => {
                return refuse("invalid_grant", "MISMATCH_REDIRECT_URI_AUTH_CODE", "redirect URI does not match");
            }
            "authorization_code" if field("code") != CODE || self.revoked => {
                return refuse("invalid_grant", "BAD_AUTH_CODE", "missing or unknown auth code");
            }
            "refresh_token" | "authorization_code" => {}
            _ => return refuse("unsupported_grant_type", "BAD_GRANT_TYPE", "missing or unknown grant type"),
        }
        self.made += 1;
        let token = format!("CO-sandbox-{}", self.made);
        let end = now.saturating_add(SignedDuration::from_secs(LIFE)).unwrap_or(Timestamp::MAX);
        self.issued.insert(token.clone(), end);
        let mut answer = json!({
            "token_type": "bearer", "refresh_token": REFRESH, "access_token": token, "expires_in": LIFE,
        });
        if version != "v1" {
            answer["hub_id"] = json!(HUB_ID);
            answer["user_id"] = json!(90_001);
            answer["scopes"] = json!(SCOPES);
        }
        wire::json(200, &answer)
    }

    /// `GET /oauth/v1/access-tokens/{token}`
    pub(super) fn about(&self, token: &str, now: Timestamp) -> Result<Response, Problem> {
        let end = self.issued.get(token).filter(|end| **end > now).ok_or_else(Problem::not_found)?;
        Ok(wire::json(
            200,
            &json!({
                "token": token, "user": "admin@acme.example", "hub_domain": "acme.example", "scopes": SCOPES,
                "hub_id": HUB_ID, "app_id": 111_111, "expires_in": end.duration_since(now).as_secs(),
                "user_id": 90_001, "token_type": "access",
            }),
        ))
    }
}

fn expired(end: Timestamp, now: Timestamp) -> Problem {
    let minutes = now.duration_since(end).as_mins();
    Problem::new(401, Some("EXPIRED_AUTHENTICATION"), format!("The OAuth token used to make this call expired {minutes} minute(s) ago."))
        .with("expire time", vec![value::print(end)])
}
