//! The pages: what an operator sees in a browser, rendered on the server, and the same as JSON for programs.
//!
//! A request comes in by the guard of `access`, which knows who asks ([`Person`]); a handler reads the journal and gives a page. Pages work without
//! script; the one script that we have keeps them up to date and moves the focus by keys.
//!
//! What it is not for: it decides nothing about calls, speaks to no system, and takes no calls in.

mod access;
mod act;
mod api;
mod assets;
mod audit;
mod call;
mod calls;
mod config;
mod connections;
mod coverage;
mod dead;
mod export;
mod filter;
mod form;
mod live;
mod openapi;
mod page;
mod parts;
mod people;
mod person;
mod plot;
mod reconciliation;
mod replan;
mod reviews;
mod story;
mod versions;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::response::Redirect;
use axum::routing::{get, post};
use axum::{Router, middleware};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower_http::timeout::TimeoutLayer;

use crate::service::Service;

pub use access::roles;
pub use openapi::text as openapi;
pub use person::{Person, Role};

/// The most that a form of ours has to say, in bytes.
const LARGEST_FORM: usize = 64 * 1024;

/// The longest that whoever sends a form may take over it, and that an answer may take to begin: a system that is read has its own limits.
const PATIENCE: Duration = Duration::from_secs(60);

/// What pages are made from.
#[derive(Clone)]
pub struct Web {
    service: Arc<Service>,
    /// Whether only this machine can reach the address.
    local: bool,
    stop: CancellationToken,
    door: access::Door,
    /// Who compares two versions over many calls.
    comparing: Arc<Semaphore>,
    /// Pages that are told of what happens.
    listening: Arc<Semaphore>,
}

impl Web {
    /// Puts it together. `local` says whether only this machine can reach the address; `stop` ends answers that would go on for ever.
    ///
    /// Errors: the machine has no random numbers.
    pub fn new(service: Arc<Service>, local: bool, stop: CancellationToken) -> Result<Self, String> {
        // What is drawn is counted from now on.
        crate::meters::course();
        Ok(Self {
            service,
            local,
            stop,
            door: access::Door::new()?,
            comparing: Arc::new(Semaphore::new(1)),
            listening: Arc::new(Semaphore::new(live::MOST)),
        })
    }
}

/// The routes, without a fallback, for merging with those of the intake: pages below `/`, JSON below `/v1/log`.
pub fn router(web: Web) -> Router {
    Router::new()
        .route("/", get(|| async { Redirect::to("/calls") }))
        .route("/calls", get(calls::page))
        .route("/calls.csv", get(export::csv))
        .route("/calls.json", get(export::json))
        .route("/calls/{id}", get(call::page))
        .route("/calls/{id}/payloads/{number}", get(call::payload))
        .route("/calls/{id}/retry", post(act::retry))
        .route("/calls/{id}/replan", get(act::difference).post(act::replan))
        .route("/calls/{id}/resolve", post(act::resolve))
        .route("/dead", get(dead::page))
        .route("/dead/retry", post(dead::retry))
        .route("/dead/resolve", post(dead::resolve))
        .route("/dead/replan", get(replan::page).post(replan::replan))
        .route("/reviews", get(reviews::page))
        .route("/reviews/answer", post(reviews::answer))
        .route("/reconciliation", get(reconciliation::page))
        .route("/reconciliation/look", post(reconciliation::look))
        .route("/reconciliation/fetch", post(reconciliation::fetch))
        .route("/v1/reconciliation", get(reconciliation::json))
        .route("/v1/reconciliation/look", post(reconciliation::api_look))
        .route("/v1/reconciliation/fetch", post(reconciliation::api_fetch))
        .route("/connections", get(connections::page))
        .route("/v1/connections", get(connections::json))
        .route("/config", get(config::page))
        .route("/config/diff", get(versions::diff))
        .route("/config/effect", get(versions::effect_page))
        .route("/people", get(people::page))
        .route("/people/add", post(people::add))
        .route("/people/role", post(people::role))
        .route("/people/disable", post(people::disable))
        .route("/people/password", post(people::password))
        .route("/people/sign-out", post(people::sign_out))
        .route("/people/tokens/add", post(people::token_add))
        .route("/people/tokens/revoke", post(people::token_revoke))
        .route("/v1/people", get(people::json))
        .route("/v1/config", get(versions::json))
        .route("/v1/config/diff", get(versions::diff_json))
        .route("/v1/config/effect", get(versions::effect_json))
        .route("/v1/log/calls", get(api::calls))
        .route("/v1/log/calls/{id}", get(api::one))
        .route("/v1/log/calls/{id}/retry", post(api::retry))
        .route("/v1/log/calls/{id}/resolve", post(api::resolve))
        .route("/v1/openapi.json", get(api::openapi))
        .route("/events", get(live::events))
        .route("/audit", get(audit::page))
        .route("/audit.csv", get(audit::csv))
        .route("/v1/audit", get(audit::json))
        .route_layer(middleware::from_fn_with_state(web.clone(), access::guard))
        .merge(access::router(&web))
        .with_state(web)
        .merge(assets::router())
        .layer(DefaultBodyLimit::max(LARGEST_FORM))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, PATIENCE))
        .layer(middleware::from_fn(access::headers))
}
