//! A stand-in for HubSpot: CRM objects, search, associations, properties, owners, pipelines, OAuth.
//!
//! Written from HubSpot's public guides and reference (paths v3, v4 and the date versions). What lags,
//! is limited, or comes in another order there does so here. Not there: custom objects, leads,
//! engagement on other channels, lists, marketing, webhooks, property history.

mod account;
mod association;
mod association_v3;
mod batch;
mod fixture;
mod index;
mod kind;
mod limit;
mod metadata;
mod object;
mod problem;
mod property;
mod render;
mod search;
mod store;
mod token;
mod value;
mod write;

#[cfg(test)]
mod tests;

use std::cell::Cell;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use self::{
    kind::Kind,
    limit::{Limits, Policy},
    problem::Problem,
    store::Store,
    token::{App, Tokens},
};
use crate::{
    vendor::{Refusal, Request, Response, Seed, Vendor, flat},
    wire,
};

/// When HubSpot made what it ships, and what `load` makes before the first request.
const EPOCH: &str = "2026-01-01T00:00:00.000Z";

/// A HubSpot account with its records.
///
/// Credentials: the static token `pat-sandbox`; OAuth with `sandbox-client`, `sandbox-secret` and the
/// refresh token `sandbox-refresh`. Owners 7001 to 7003; ids of records are counted from 501.
///
/// Settings:
/// - `index_lag_ms`: how long search does not know of a write; 2000.
/// - `enforce_limits`: whether requests over the limits are refused; false.
/// - `burst_limit`: requests in ten seconds; 190, or 110 with an OAuth token.
/// - `search_limit`: searches in a second; 5.
/// - `static_token`: whether `pat-sandbox` is taken; true.
/// - `static_token_expires`: whether expiring tokens ends `pat-sandbox` too; false.
/// - `custom_properties`: `{"contacts": [...]}`, definitions as the API takes them; one of a known name takes its place.
/// - `hidden_properties`: `{"contacts": ["NAME"]}`, as if an administrator had archived them.
/// - `unique_conflict`: the status of a taken value of a custom unique property, 409 or 400; 409.
#[derive(Debug)]
pub struct HubSpot {
    store: Store,
    tokens: Tokens,
    limits: Limits,
    /// Correlation ids are counted, so that logs of two runs are alike.
    correlation: Cell<u64>,
    now: Timestamp,
}

impl HubSpot {
    /// An account without records.
    pub fn new() -> Self {
        Self {
            store: Store::new(),
            tokens: Tokens::new(),
            limits: Limits::new(),
            correlation: Cell::new(0),
            now: EPOCH.parse().unwrap_or_default(),
        }
    }

    fn correlation(&self) -> String {
        self.correlation.set(self.correlation.get() + 1);
        format!("00000000-0000-4000-8000-{:012x}", self.correlation.get())
    }

    fn oauth(&mut self, request: &Request, segments: &[String], now: Timestamp) -> Result<Response, Problem> {
        match (request.method.as_str(), segments) {
            ("POST", [_, version, token]) if token == "token" => Ok(self.tokens.token(request, version, now)),
            ("GET", [_, _, tokens, token]) if tokens == "access-tokens" => self.tokens.about(token, now),
            _ => Err(Problem::not_found()),
        }
    }

    fn crm(&mut self, request: &Request, segments: &[String], now: Timestamp) -> Result<Response, Problem> {
        let (area, version, rest) = split(segments).ok_or_else(Problem::not_found)?;
        match (area, request.method.as_str()) {
            ("objects", _) => self.objects(request, version, rest, now),
            ("associations", method) => {
                let [from, to, rest @ ..] = rest else { return Err(Problem::not_found()) };
                let (from, to) = (named(from)?, named(to)?);
                match (method, rest) {
                    ("GET", [labels]) if labels == "labels" => Ok(association::labels(from, to)),
                    ("GET", [types]) if types == "types" => Ok(association_v3::types(from, to)),
                    ("POST", [batch, operation]) if batch == "batch" && version == "v3" => {
                        association_v3::batch(&mut self.store, request, from, to, operation, now)
                    }
                    ("POST", [batch, operation @ ..]) if batch == "batch" => {
                        association::batch(&mut self.store, request, from, to, operation, now)
                    }
                    _ => Err(Problem::not_found()),
                }
            }
            ("properties", _) => metadata::properties(&mut self.store, request, rest),
            ("owners", "GET") => account::get_owners(&self.store, request, rest),
            ("pipelines", "GET") => account::get_pipelines(rest),
            ("owners" | "pipelines", _) => Err(Problem::method()),
            _ => Err(Problem::not_found()),
        }
    }

    fn objects(&mut self, request: &Request, version: &str, rest: &[String], now: Timestamp) -> Result<Response, Problem> {
        let [name, rest @ ..] = rest else { return Err(Problem::not_found()) };
        let kind = named(name)?;
        let store = &mut self.store;
        let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
        match (request.method.as_str(), rest.as_slice()) {
            ("GET", []) => object::list(store, request, kind),
            ("POST", []) => object::create(store, request, kind, now),
            ("POST", ["search"]) => {
                object::expect_json(request)?;
                store.index.settle(now, false);
                let schema = &store.table(kind).schema;
                search::search(&store.index, schema, kind, &request.body).map(|body| wire::json(200, &body))
            }
            ("POST", ["merge"]) => object::merge(store, request, kind, now),
            ("POST", ["batch", operation]) => batch::batch(store, request, kind, operation, now),
            ("GET", [id]) => object::get(store, request, kind, id),
            ("PATCH", [id]) => object::update(store, request, kind, id, now),
            ("DELETE", [id]) => object::archive(store, request, kind, id, now),
            ("GET", [id, "associations", to]) if version == "v3" => association_v3::list(store, kind, id, named(to)?),
            ("GET", [id, "associations", to]) => association::list(store, request, kind, id, named(to)?),
            ("PUT", [id, "associations", "default", to, other]) => association::put_default(store, (kind, id), (named(to)?, other), now),
            ("PUT", [id, "associations", to, other]) => association::put(store, request, (kind, id), (named(to)?, other), now),
            ("DELETE", [id, "associations", to, other]) => association::delete(store, (kind, id), (named(to)?, other), now),
            ("PUT", [id, "associations", to, other, name]) => {
                let one = association_v3::put(store, (kind, id), (named(to)?, other), name, now)?;
                object::get(store, request, kind, &one.to_string())
            }
            ("DELETE", [id, "associations", to, other, _]) => association::delete(store, (kind, id), (named(to)?, other), now),
            (_, [] | [_] | ["batch", _]) => Err(Problem::method()),
            _ => Err(Problem::not_found()),
        }
    }
}

/// Area, version and the rest of `/crm/v3/objects/...`, `/crm/objects/v3/...` and `/crm/objects/2026-03/...`.
fn split(segments: &[String]) -> Option<(&str, &str, &[String])> {
    let is_number = |text: &str| matches!(text, "v3" | "v4");
    let is_date = |text: &str| {
        text.len() == 7
            && text.as_bytes()[4] == b'-'
            && text.chars().all(|char| char.is_ascii_digit() || char == '-')
            && (text.ends_with("-03") || text.ends_with("-09"))
    };
    match segments {
        [crm, version, area, rest @ ..] if crm == "crm" && is_number(version) => Some((area, version, rest)),
        [crm, area, version, rest @ ..] if crm == "crm" && (is_number(version) || is_date(version)) => Some((area, version, rest)),
        _ => None,
    }
}

fn named(name: &str) -> Result<Kind, Problem> {
    Kind::named(name).ok_or_else(|| unknown_type(name))
}

/// The answer for an object type that is not there; it has no category.
fn unknown_type(name: &str) -> Problem {
    Problem::new(400, None, format!("Unable to infer object type from: {name}"))
}

impl Default for HubSpot {
    fn default() -> Self {
        Self::new()
    }
}

impl Vendor for HubSpot {
    fn name(&self) -> &'static str {
        "hubspot"
    }

    fn handle(&mut self, request: &Request, now: Timestamp) -> Response {
        self.now = now;
        let segments = wire::segments(&request.path);
        if segments.first().is_some_and(|first| first == "oauth") {
            let answer = self.oauth(request, &segments, now);
            return answer.unwrap_or_else(|problem| problem.answer(&self.correlation()));
        }
        let app = match self.tokens.check(request, now) {
            Ok(app) => app,
            Err(problem) => return problem.answer(&self.correlation()),
        };
        let search = segments.last().is_some_and(|last| last == "search");
        let mut response = match self.limits.count(app, search, now) {
            Some(policy) => limit::refused(policy, &self.correlation()),
            None => {
                let answer = if segments.first().is_some_and(|first| first == "account-info") {
                    Ok(account::details())
                } else {
                    self.crm(request, &segments, now)
                };
                answer.unwrap_or_else(|problem| problem.answer(&self.correlation()))
            }
        };
        if !search {
            response.headers.extend(self.limits.headers(app));
        }
        response
    }

    fn refuse(&self, refusal: Refusal) -> Response {
        match refusal {
            Refusal::RateLimited => {
                let mut response = limit::refused(Policy::TenSecondly, &self.correlation());
                let mut headers = self.limits.headers(App::Private);
                for (name, value) in &mut headers {
                    if name == "X-HubSpot-RateLimit-Remaining" {
                        *value = "0".to_owned();
                    }
                }
                response.headers = headers;
                response
            }
            Refusal::ServerError => Problem::new(500, None, "internal error").answer(&self.correlation()),
            // What stands before the service answers, and it speaks HTML.
            Refusal::Unavailable => Response {
                status: 503,
                headers: Vec::new(),
                content_type: "text/html; charset=utf-8".to_owned(),
                body: b"<html><head><title>503 Service Temporarily Unavailable</title></head>\
                    <body><center><h1>503 Service Temporarily Unavailable</h1></center></body></html>"
                    .to_vec(),
            },
        }
    }

    fn records(&self) -> Value {
        fixture::records(&self.store)
    }

    fn load(&mut self, records: &Value) -> Result<(), String> {
        fixture::load(&mut self.store, records, self.now)
    }

    fn seed(&mut self, seed: &Seed<'_>) -> Result<(), String> {
        let mut record = json!({"id": seed.id, "properties": seed.fields});
        if let Some(contact) = seed.contact {
            record["associations"] = json!({"contacts": [contact]});
        }
        let mut records = Map::new();
        records.insert(seed.object.to_owned(), json!([record]));
        self.load(&Value::Object(records))
    }

    fn held(&self, object: &str) -> Vec<Map<String, Value>> {
        let records = self.records();
        let rows = records.get(object).and_then(Value::as_array).into_iter().flatten();
        rows.filter_map(|row| row.get("properties")?.as_object()).map(flat).collect()
    }

    fn configure(&mut self, settings: &Value) -> Result<(), String> {
        let settings = settings.as_object().ok_or("settings must be an object")?;
        for (name, value) in settings {
            let flag = || value.as_bool().ok_or_else(|| format!("{name} must be true or false"));
            let number = || value.as_u64().ok_or_else(|| format!("{name} must be a whole number"));
            let size = || number().map(|number| usize::try_from(number).unwrap_or(usize::MAX));
            match name.as_str() {
                "index_lag_ms" => {
                    let millis = i64::try_from(number()?).unwrap_or(i64::MAX);
                    self.store.index.lag = SignedDuration::from_millis(millis);
                }
                "enforce_limits" => self.limits.enforce = flag()?,
                "burst_limit" => self.limits.burst = Some(size()?),
                "search_limit" => self.limits.searches_a_second = size()?,
                "static_token" => self.tokens.static_token = flag()?,
                "static_token_expires" => self.tokens.static_token_expires = flag()?,
                "unique_conflict" => {
                    self.store.unique_conflict = match number()? {
                        400 => 400,
                        409 => 409,
                        other => return Err(format!("unique_conflict must be 400 or 409, not {other}")),
                    }
                }
                "custom_properties" | "hidden_properties" => metadata::set(&mut self.store, name, value)?,
                other => return Err(format!("hubspot has no setting {other}")),
            }
        }
        Ok(())
    }

    fn reset(&mut self) {
        *self = Self { now: self.now, ..Self::new() };
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
