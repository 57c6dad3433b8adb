//! `GET /metrics`, `/healthz` and `/readyz`: what monitors and whoever keeps services running ask.
//!
//! Alive is whose journal answers: what a restart would not mend, such as a full disk, makes nobody dead. Ready is who takes calls in and
//! works them. A system that is away is neither: calls wait for it, and are taken in.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::task::AbortHandle;

use super::gauges;
use crate::connect::resolve_secret;
use crate::intake::{Refused, admit};
use crate::journal;
use crate::meters::meters;
use crate::service::Service;

/// How long the journal may take for its pulse.
const PATIENCE: Duration = Duration::from_secs(5);
/// Whoever asks more often hears the last answer: asking costs a commit.
const PULSE: Duration = Duration::from_secs(1);

/// What is asked about.
pub struct Health {
    service: Arc<Service>,
    /// Only this machine can reach the address.
    local: bool,
    worker: AbortHandle,
    pulse: Mutex<Option<(Instant, Pulse)>>,
    /// One looks at a time, since what is looked at is set for all.
    looking: Mutex<()>,
}

/// What the journal said to a small commit.
#[derive(Clone, Debug)]
enum Pulse {
    Committed,
    /// It answers, and cannot write: why.
    Refused(String),
    /// It does not answer, or is not ours any more: why.
    Dead(String),
}

impl Health {
    /// `worker` is the task that works calls.
    pub fn new(service: Arc<Service>, local: bool, worker: AbortHandle) -> Self {
        Self { service, local, worker, pulse: Mutex::default(), looking: Mutex::default() }
    }

    async fn pulse(&self) -> Pulse {
        let mut last = self.pulse.lock().await;
        if let Some((_, pulse)) = last.as_ref().filter(|(at, _)| at.elapsed() < PULSE) {
            return pulse.clone();
        }
        let pulse = match tokio::time::timeout(PATIENCE, self.service.upkeep.pulse(Timestamp::now())).await {
            Ok(Ok(())) => Pulse::Committed,
            Ok(Err(error @ (journal::Error::Closed | journal::Error::Gone { .. } | journal::Error::Superseded { .. }))) => {
                Pulse::Dead(error.to_string())
            }
            Ok(Err(error)) => Pulse::Refused(error.to_string()),
            Err(_) => Pulse::Dead(format!("the journal did not answer in {} seconds", PATIENCE.as_secs())),
        };
        *last = Some((Instant::now(), pulse.clone()));
        pulse
    }
}

/// The routes, without a fallback, for merging with others.
pub fn router(health: Health) -> Router {
    Router::new().route("/metrics", get(metrics)).route("/healthz", get(healthz)).route("/readyz", get(readyz)).with_state(Arc::new(health))
}

async fn healthz(State(health): State<Arc<Health>>) -> Response {
    let project = health.service.versions.live();
    let about =
        |status: &str, why: Option<String>| json!({"status": status, "project": project.name, "config": project.version, "why": why});
    match health.pulse().await {
        Pulse::Committed => Json(about("ok", None)).into_response(),
        Pulse::Refused(why) => Json(about("troubled", Some(why))).into_response(),
        Pulse::Dead(why) => (StatusCode::SERVICE_UNAVAILABLE, Json(about("dead", Some(why)))).into_response(),
    }
}

async fn readyz(State(health): State<Arc<Health>>) -> Response {
    let mut missing: Vec<Value> = Vec::new();
    if let Pulse::Refused(why) | Pulse::Dead(why) = health.pulse().await {
        missing.push(json!({"what": "journal", "why": why}));
    }
    if health.worker.is_finished() {
        missing.push(json!({"what": "worker", "why": "it has ended: the service is about to end, or must be started again"}));
    }
    let project = health.service.versions.live();
    if project.pipelines.is_empty() {
        missing.push(json!({"what": "config", "why": "the project has no pipeline, so no call is worked"}));
    }
    let status = if missing.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({"ready": missing.is_empty(), "missing": missing, "config": project.version}))).into_response()
}

async fn metrics(State(health): State<Arc<Health>>, headers: HeaderMap) -> Response {
    let project = health.service.versions.live();
    let secret = project.upkeep.telemetry.metrics_secret.as_ref().map(|reference| {
        resolve_secret(reference, health.service.root()).map(|found| vec![found.reveal().as_bytes().to_vec()]).map_err(|e| e.to_string())
    });
    if let Err(refused) = admit(secret, health.local, &headers) {
        return refuse(&refused);
    }
    let _one = health.looking.lock().await;
    if let Err(error) = gauges::look(&health.service).await {
        tracing::warn!(%error, "the journal does not say how much waits; the rest of the metrics is told");
    }
    ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], meters().text()).into_response()
}

fn refuse(refused: &Refused) -> Response {
    let (status, sentence) = match refused {
        Refused::NotHere => (
            StatusCode::FORBIDDEN,
            "without a secret the metrics are for programs on this machine: write `[telemetry] metrics_secret = \"env:NAME\"` into aftercall.toml \
             and send it as `Authorization: Bearer ...`",
        ),
        Refused::Unreadable(error) => {
            tracing::error!(error, "the secret of [telemetry] cannot be read");
            (StatusCode::SERVICE_UNAVAILABLE, "the secret of this address cannot be read just now")
        }
        Refused::Unknown => (StatusCode::UNAUTHORIZED, "send the metrics_secret of [telemetry] as `Authorization: Bearer ...`"),
    };
    (status, Json(json!({"error": sentence}))).into_response()
}
