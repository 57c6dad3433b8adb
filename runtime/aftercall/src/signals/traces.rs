//! Brings spans to a collector, OTLP over HTTP as JSON, while the project says where to.
//!
//! Nothing waits for it: a collector that is away costs spans and nothing else.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::connect::{Transport, post_traces};
use crate::service::Service;
use crate::trace;

/// How often.
const EVERY: Duration = Duration::from_secs(1);
/// Spans in one request.
const MOST: usize = 1_000;

/// Brings them until told to stop, and the last ones after that.
pub async fn export(service: Arc<Service>, transport: Arc<dyn Transport>, stop: CancellationToken) {
    let mut trouble: Option<String> = None;
    loop {
        let telemetry = service.versions.live().upkeep.telemetry.clone();
        trace::want(telemetry.otlp.is_some());
        let (spans, lost) = trace::take(MOST);
        let more = spans.len() == MOST;
        if !spans.is_empty() {
            let body = json!({"resourceSpans": [{
                "resource": {"attributes": [
                    {"key": "service.name", "value": {"stringValue": "aftercall"}},
                    {"key": "service.version", "value": {"stringValue": env!("CARGO_PKG_VERSION")}},
                    {"key": "aftercall.project", "value": {"stringValue": service.versions.live().name}},
                ]},
                "scopeSpans": [{"scope": {"name": "aftercall"}, "spans": spans}],
            }]});
            let now = post_traces(transport.as_ref(), service.root(), &telemetry, body.to_string()).await.err().map(|error| error.why);
            // Said when it begins and when it is over, not for each request.
            match (&trouble, &now) {
                (None, Some(why)) => tracing::warn!(why, "the collector does not take traces; they are lost until it does"),
                (Some(_), None) => tracing::info!("the collector takes traces again"),
                _ => {}
            }
            trouble = now;
        }
        if lost > 0 {
            tracing::warn!(lost, "more spans than could be held");
        }
        if stop.is_cancelled() {
            return;
        }
        if more {
            continue;
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}
