//! Google's error bodies: the envelope of the Calendar API.
//!
//! Source: the Calendar API's guide "resolve errors". The token endpoint has its own shape: see `token`.

use serde_json::{Value, json};

use crate::{vendor::Response, wire};

/// An error on its way to an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) status: u16,
    domain: &'static str,
    reason: &'static str,
    pub(super) message: String,
    /// The kind of place and the place.
    location: Option<(&'static str, String)>,
}

impl Problem {
    pub(super) fn new(status: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { status, domain: "global", reason, message: message.into(), location: None }
    }

    fn domain(self, domain: &'static str) -> Self {
        Self { domain, ..self }
    }

    fn at(self, kind: &'static str, place: impl Into<String>) -> Self {
        Self { location: Some((kind, place.into())), ..self }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "invalid", message)
    }

    pub(super) fn invalid_parameter(name: &str, value: &str) -> Self {
        Self::new(400, "invalidParameter", format!("Invalid value '{value}'.")).at("parameter", name)
    }

    pub(super) fn required(message: impl Into<String>) -> Self {
        Self::new(400, "required", message)
    }

    pub(super) fn empty_range() -> Self {
        Self::new(400, "timeRangeEmpty", "The specified time range is empty.").domain("calendar").at("parameter", "timeMax")
    }

    pub(super) fn unauthorised() -> Self {
        Self::new(401, "authError", "Invalid Credentials").at("header", "Authorization")
    }

    pub(super) fn login_required() -> Self {
        Self::new(401, "required", "Login Required.").at("header", "Authorization")
    }

    pub(super) fn scope() -> Self {
        Self::new(403, "insufficientPermissions", "Request had insufficient authentication scopes.")
    }

    pub(super) fn access_level() -> Self {
        Self::new(403, "requiredAccessLevel", "You need to have writer access to this calendar.").domain("calendar")
    }

    pub(super) fn service_account() -> Self {
        let message = "Service accounts cannot invite attendees without Domain-Wide Delegation of Authority.";
        Self::new(403, "forbiddenForServiceAccounts", message).domain("calendar")
    }

    pub(super) fn not_found() -> Self {
        Self::new(404, "notFound", "Not Found")
    }

    pub(super) fn duplicate() -> Self {
        Self::new(409, "duplicate", "The requested identifier already exists.")
    }

    pub(super) fn deleted() -> Self {
        Self::new(410, "deleted", "Resource has been deleted")
    }

    pub(super) fn full_sync() -> Self {
        let message = "Sync token is no longer valid, a full sync is required.";
        Self::new(410, "fullSyncRequired", message).domain("calendar").at("parameter", "syncToken")
    }

    pub(super) fn condition() -> Self {
        Self::new(412, "conditionNotMet", "Precondition Failed").at("header", "If-Match")
    }

    pub(super) fn rate_limited() -> Self {
        Self::new(403, "rateLimitExceeded", "Rate Limit Exceeded").domain("usageLimits")
    }

    pub(super) fn backend(status: u16, message: &str) -> Self {
        Self::new(status, "backendError", message)
    }

    /// The answer in the envelope that the API's first version brought and still has.
    pub(super) fn answer(&self) -> Response {
        let mut entry = json!({"domain": self.domain, "reason": self.reason, "message": self.message});
        if let Some((kind, place)) = &self.location {
            entry["locationType"] = json!(kind);
            entry["location"] = json!(place);
        }
        let body = json!({"error": {"errors": [entry], "code": self.status, "message": self.message}});
        let mut response = wire::json(self.status, &body);
        if self.status == 401 {
            let value = "Bearer realm=\"https://accounts.google.com/\", error=\"invalid_token\"";
            response.headers.push(("WWW-Authenticate".to_owned(), value.to_owned()));
        }
        response
    }
}

/// The newer wording of a rate limit: 429, with a status and details.
pub(super) fn quota_exceeded() -> Response {
    let message = "Quota exceeded for quota metric 'Queries' and limit 'Queries per minute per user' of service \
                   'calendar-json.googleapis.com' for consumer 'project_number:123456789'.";
    let details: Value = json!([{
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "RATE_LIMIT_EXCEEDED",
        "domain": "googleapis.com",
        "metadata": {"service": "calendar-json.googleapis.com", "quota_limit": "defaultPerMinutePerUser"},
    }]);
    let errors = json!([{"message": message, "domain": "usageLimits", "reason": "rateLimitExceeded"}]);
    wire::json(
        429,
        &json!({"error": {
            "code": 429, "message": message, "errors": errors, "status": "RESOURCE_EXHAUSTED", "details": details,
        }}),
    )
}
