//! Salesforce: an org with the Sales Cloud objects that a finished call touches.
//!
//! Not here: Apex, flows, validation rules, sharing, Bulk API, metadata changes by API.

mod call;
mod cell;
mod collections;
mod composite;
mod describe;
mod duplicate;
mod error;
mod id;
mod load;
mod oauth;
mod objects;
mod org;
mod rest;
mod rules;
mod save;
mod schema;
mod search;
mod settings;
mod soql;
mod store;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use serde_json::{Value, json};

use self::{
    call::{Answer, Call},
    error::ApiError,
    oauth::{ORG_ID, Oauth, header, json_response},
    org::Org,
    rest::Cursors,
    save::Options,
};
use crate::vendor::{Refusal, Request, Response, Seed, Vendor};

/// The newest API version that the list of versions names; any from v50.0 is answered.
const NEWEST: u32 = 67;

/// The stand-in for Salesforce.
///
/// Client `sandbox-client` with secret `sandbox-secret` and refresh token `sandbox-refresh`; the users are
/// ana@acme.example (who is logged in), ben@acme.example and office.manager@acme.example. Contact and Lead
/// have the unique external id `Caller_Key__c`; Task, Event and Case have `Call_Key__c`.
pub struct Salesforce {
    org: Org,
    tokens: Oauth,
    cursors: Cursors,
    /// API calls so far, as the limits count them.
    used: u64,
    /// Where this org is served, for the URLs that name their host.
    origin: String,
}

impl Salesforce {
    /// A fresh org.
    pub fn new() -> Self {
        Self { org: Org::new(), tokens: Oauth::new(), cursors: Cursors::default(), used: 0, origin: String::new() }
    }

    fn data(&mut self, request: &Request) -> Response {
        if !self.tokens.admits(request) {
            let error = ApiError::new(401, "INVALID_SESSION_ID", "Session expired or invalid");
            return json_response(401, &json!([error.to_json()]));
        }
        self.used += 1;
        let answer = match self.read_call(request) {
            Ok(call) => self.dispatch(&call),
            Err(error) => error.into(),
        };
        let mut response = to_response(answer);
        response.headers.push(self.limit_info());
        response
    }

    fn read_call(&self, request: &Request) -> Result<Call, ApiError> {
        let (version, path) = Call::split(&request.path).ok_or_else(ApiError::not_found)?;
        let mut call = Call {
            method: request.method.clone(),
            path,
            query: request.query.clone(),
            body: Value::Null,
            options: Options { version, ..Options::default() },
            modified_since: None,
            batch_size: 2_000,
        };
        call.options.update_only = call.get("updateOnly") == Some("true");
        if let Some(method) = call.get("_HttpMethod").map(str::to_ascii_uppercase) {
            call.method = method;
        }
        for (name, value) in &request.headers {
            call.header(name, value);
        }
        if !request.body.is_empty() {
            let kind = header(request, "content-type").unwrap_or("application/json");
            if !kind.contains("json") {
                let message = format!("Content type of '{kind}' is not supported");
                return Err(ApiError::new(415, "UNSUPPORTED_MEDIA_TYPE", message));
            }
            call.body = serde_json::from_slice(&request.body).map_err(|error| {
                ApiError::json_parser(format!("{} at [line:{}, column:{}]", "Unexpected character", error.line(), error.column()))
            })?;
        }
        Ok(call)
    }

    fn limit_info(&self) -> (String, String) {
        ("sforce-limit-info".to_owned(), format!("api-usage={}/{}", self.used, self.org.settings.api_limit))
    }

    fn user_info(&self, request: &Request) -> Response {
        if !self.tokens.admits(request) {
            // This one is OAuth's, and says so in its own way.
            return Response { status: 403, body: b"Bad_OAuth_Token".to_vec(), ..Response::default() };
        }
        let id = self.org.user.to_string();
        let (_, first, last, email) = objects::USERS[0];
        json_response(
            200,
            &json!({
                "sub": format!("{}/id/{ORG_ID}/{id}", request.origin),
                "id": format!("{}/id/{ORG_ID}/{id}", request.origin),
                "user_id": id,
                "organization_id": ORG_ID,
                "preferred_username": email,
                "username": email,
                "nickname": first.to_lowercase(),
                "name": format!("{first} {last}"),
                "display_name": format!("{first} {last}"),
                "email": email,
                "email_verified": true,
                "given_name": first,
                "family_name": last,
                "zoneinfo": "America/New_York",
                "active": true,
                "user_type": "STANDARD",
                "language": "en_US",
                "locale": "en_US",
                "urls": {
                    "rest": format!("{}/services/data/v{{version}}/", request.origin),
                    "query": format!("{}/services/data/v{{version}}/query/", request.origin),
                    "sobjects": format!("{}/services/data/v{{version}}/sobjects/", request.origin),
                },
            }),
        )
    }
}

impl Default for Salesforce {
    fn default() -> Self {
        Self::new()
    }
}

impl Vendor for Salesforce {
    fn name(&self) -> &'static str {
        "salesforce"
    }

    fn handle(&mut self, request: &Request, now: Timestamp) -> Response {
        self.org.now_ms = now.as_millisecond();
        if self.origin != request.origin {
            self.origin.clone_from(&request.origin);
        }
        let path = request.path.trim_end_matches('/');
        match (request.method.as_str(), path) {
            ("POST", "/services/oauth2/token") => {
                let user = self.org.user.to_string();
                self.tokens.token(request, &user, self.org.now_ms)
            }
            ("GET", "/services/oauth2/authorize") => self.tokens.authorize(request),
            ("POST" | "GET", "/services/oauth2/revoke") => self.tokens.revoke_one(request),
            ("GET" | "POST", "/services/oauth2/userinfo") => self.user_info(request),
            ("GET", "/services/data") => json_response(200, &versions()),
            ("GET", path) if path.starts_with("/id/") => self.user_info(request),
            (_, path) if path.starts_with("/services/data/") => self.data(request),
            _ => json_response(404, &json!([ApiError::not_found().to_json()])),
        }
    }

    fn refuse(&self, refusal: Refusal) -> Response {
        let error = match refusal {
            Refusal::RateLimited => {
                ApiError::new(403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded.")
            }
            Refusal::ServerError => ApiError::new(
                500,
                "UNKNOWN_EXCEPTION",
                "An unexpected error occurred. Please include this ErrorId if you contact support: 1795305600-00001 (-1234567890)",
            ),
            Refusal::Unavailable => ApiError::new(503, "SERVER_UNAVAILABLE", "Server Unavailable"),
        };
        let mut response = json_response(error.status, &json!([error.to_json()]));
        if refusal == Refusal::RateLimited {
            let limit = self.org.settings.api_limit;
            response.headers.push(("sforce-limit-info".to_owned(), format!("api-usage={}/{limit}", limit + 1)));
        }
        response
    }

    fn records(&self) -> Value {
        self.org.dump()
    }

    fn load(&mut self, records: &Value) -> Result<(), String> {
        self.org.now_ms = Timestamp::now().as_millisecond();
        self.org.load(records)
    }

    fn seed(&mut self, seed: &Seed<'_>) -> Result<(), String> {
        self.load(&load::seed(seed))
    }

    fn configure(&mut self, settings: &Value) -> Result<(), String> {
        self.apply(settings)
    }

    fn reset(&mut self) {
        *self = Self::new();
    }

    fn expire_tokens(&mut self) {
        self.tokens.expire();
    }

    fn revoke_tokens(&mut self) {
        self.tokens.revoke();
    }

    fn restore_tokens(&mut self) {
        self.tokens.restore();
    }
}

fn to_response(answer: Answer) -> Response {
    let mut response = match &answer.body {
        Some(body) => json_response(answer.status, body),
        None => Response { status: answer.status, ..Response::default() },
    };
    if let Some(location) = answer.location {
        response.headers.push(("location".to_owned(), location));
    }
    response
}

fn versions() -> Value {
    let version = |version: u32| {
        // Three releases a year, named after seasons; v60.0 was Spring '24.
        let season = ["Spring", "Summer", "Winter"][(version as usize) % 3];
        let year = version / 3 + 4 + u32::from(version % 3 == 2);
        json!({ "label": format!("{season} '{year}"), "url": format!("/services/data/v{version}.0"), "version": format!("{version}.0") })
    };
    (50..=NEWEST).map(version).collect()
}
