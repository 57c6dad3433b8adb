//! The voice platform: delivers each call until it is acknowledged or patience is over, and repeats itself.

use std::sync::Arc;
use std::time::Duration;

use aftercall::intake::Intake;
use aftercall::service::lane_keys;
use aftercall_config::project::Project;
use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use tower::ServiceExt as _;

use crate::fate::Planned;
use crate::process::Process;
use crate::run::Fleet;
use crate::store::Store;

/// How long the platform waits for an answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// What the world must hold of a call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    /// The platform's id.
    pub(crate) call: String,
    /// What it said, the last acknowledged word last.
    pub(crate) summaries: Vec<String>,
    /// Whether the first word was acknowledged.
    heard_first: bool,
    /// Whether anything of it was acknowledged.
    pub(crate) acknowledged: bool,
}

/// The platform's id of a call.
pub(crate) fn id(planned: &Planned) -> String {
    format!("c{}-{}", planned.caller, planned.number)
}

fn payload(planned: &Planned, summary: &str) -> Value {
    const NAMES: [&str; 4] = ["Ada Lovelace", "Bruno Quist", "Cleo Ferrante", "Dimitri Okafor"];
    let caller = planned.caller;
    let mut call = json!({
        "id": id(planned), "direction": "inbound", "started_at": "2026-11-24T14:00:00Z", "duration_s": 60 + planned.number, "summary": summary,
        "caller": { "phone": format!("+1512555{:04}", 100 + caller), "name": NAMES[caller % NAMES.len()], "email": format!("caller{caller}@example.com") },
        "captured": { "colour": planned.colour },
    });
    if planned.follow_up {
        call["follow_up"] = json!({"reason": format!("call {caller} back about {}", planned.number)});
    }
    call
}

/// All that the platform does about one call. Gives what was told.
pub(crate) async fn deliver(fleet: Arc<Fleet>, planned: Planned) -> Told {
    sleep(planned.at).await;
    let first = format!("It was about {}.", planned.number);
    let mut told = Told { call: id(&planned), ..Told::default() };
    if word(&fleet, &planned, &first, planned.patience).await {
        (told.acknowledged, told.heard_first) = (true, true);
    }
    told.summaries.push(first.clone());
    let mut later: Vec<(Duration, bool)> = planned.again.iter().map(|wait| (*wait, false)).collect();
    later.extend(planned.amended.map(|wait| (wait, true)));
    later.sort();
    for (wait, amends) in later {
        sleep(wait).await;
        if amends {
            // Somebody listened to it again.
            let second = format!("It was about {}, as it turned out.", planned.number);
            if word(&fleet, &planned, &second, 30).await {
                told.acknowledged = true;
                // The first word may have been taken in without an answer, and after the second one: then it is the newer.
                if told.heard_first {
                    told.summaries.clear();
                }
            }
            told.summaries.push(second);
        } else if let Some(again) = told.summaries.last().cloned() {
            // An old word that comes late is known, if it was ever heard; else nobody could tell it from a new one.
            let old = told.heard_first && fleet.sim.state().rng.chance(0.5);
            told.acknowledged |= word(&fleet, &planned, if old { &first } else { &again }, 1).await;
        }
    }
    told
}

/// One word, until it is acknowledged.
async fn word(fleet: &Arc<Fleet>, planned: &Planned, summary: &str, patience: u32) -> bool {
    for attempt in 0..patience {
        if attempt > 0 {
            sleep(Duration::from_secs(5 * u64::from(attempt))).await;
        }
        let process = fleet.someone();
        let status = match &process {
            Some(process) => post(fleet.project.clone(), process, payload(planned, summary)).await,
            None => None,
        };
        fleet.sim.trace(|| format!("platform {} {:?} {status:?}", id(planned), process.map(|p| p.number)));
        if status.is_some_and(|status| (200..300).contains(&status)) {
            return true;
        }
    }
    false
}

/// One request to one process; `None` where no answer came.
async fn post(project: Arc<Project>, process: &Arc<Process>, payload: Value) -> Option<u16> {
    let (answer, heard) = oneshot::channel();
    let here = process.clone();
    process.control.spawn(Box::pin(async move {
        let (sim, current) = (here.sim.clone(), project.clone());
        let router = Intake::new(
            Arc::new(move || current.clone()),
            Arc::new(Store(here)),
            Arc::new(|_| Ok(Vec::new())),
            Arc::new(lane_keys),
            Arc::new(move || sim.now()),
        )
        .router();
        let request = Request::post("/v1/calls/json").header("content-type", "application/json").body(Body::from(payload.to_string()));
        let request = request.expect("a request");
        let Ok(response) = router.oneshot(request).await;
        let _ = answer.send(response.status().as_u16());
    }));
    timeout(PATIENCE, heard).await.ok()?.ok()
}
