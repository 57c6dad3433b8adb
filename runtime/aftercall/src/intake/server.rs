//! The endpoint: `POST /v1/calls/{source}` and `GET /v1/context`.
//!
//! Limits before work, verified before parsed, committed before acknowledged. What is refused for the sender's fault gets a
//! 4xx, what fails through ours a 503, and everything genuine a 2xx: a payload that is not understood is kept all the same,
//! since most platforms send it but once. Not for the header time-out and the number of connections: those belong to
//! whoever listens.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aftercall_config::call::CallOutcome;
use aftercall_config::project::{Project, Source};
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use axum::routing::{get, post};
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::Semaphore;

use super::arrival::{Taken, Verdict, count, pipeline_of, take};
use super::ask::{About, asked};
use super::signature::{Refusal, is_signed, verify};
use super::{answer, body, live};
use crate::journal::{Accepted, Journal};
use crate::meters::meters;
use crate::plant::{Plant, planted};
use crate::trace::{self, Span};

/// A body above this is worked beside the runtime's own threads: parsing it takes longer than they should be held.
const LARGE: usize = 128 * 1024;

/// How long the journal may take to commit. Platforms give up after 10 to 20 seconds; what is committed later all the same
/// is known when they send it again.
const COMMIT: Duration = Duration::from_secs(8);

/// The project as it is now.
pub type CurrentProject = Arc<dyn Fn() -> Arc<Project> + Send + Sync>;

/// The last project that had a source, as long as one that was removed is taken in.
pub type Leaving = Arc<dyn Fn(&str) -> Option<Arc<Project>> + Send + Sync>;

/// The secrets of a source that are valid now, the newest first. Errors: what cannot be read, naming the reference only.
pub type Secrets = Arc<dyn Fn(&Source) -> Result<Vec<Vec<u8>>, String> + Send + Sync>;

/// A caller's identities as opaque keys, each from [`lane_key`](super::lane_key); none for what identifies nobody, such as a
/// withheld number, which would put strangers into one lane.
pub type LaneKeys = Arc<dyn Fn(&Project, &CallOutcome) -> Vec<String> + Send + Sync>;

/// The time.
pub type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What the endpoint needs of the rest of the program.
#[derive(Clone)]
pub struct Intake {
    project: CurrentProject,
    journal: Arc<dyn Journal>,
    secrets: Secrets,
    lane_keys: LaneKeys,
    now: Now,
    budget: Arc<Semaphore>,
    about: Option<About>,
    leaving: Option<Leaving>,
}

/// What a genuine delivery is.
enum Worked {
    /// For the journal.
    Taken(Box<Taken>),
    /// A question about a caller, and whether its sender has proved itself.
    Asked(Value, bool),
}

impl Intake {
    /// Puts the endpoint together. Every request asks for the project anew, so that a reload counts at once.
    pub fn new(project: CurrentProject, journal: Arc<dyn Journal>, secrets: Secrets, lane_keys: LaneKeys, now: Now) -> Self {
        Self { project, journal, secrets, lane_keys, now, budget: Arc::new(body::budget()), about: None, leaving: None }
    }

    /// The same, where questions about a caller are answered, too.
    pub fn telling(self, about: About) -> Self {
        Self { about: Some(about), ..self }
    }

    /// The same, where a source that was removed is taken in for a while, under the last project that had it: platforms repeat what they
    /// could not deliver.
    pub fn still_taking(self, leaving: Leaving) -> Self {
        Self { leaving: Some(leaving), ..self }
    }

    /// The routes, without a fallback, for merging with others.
    pub fn router(self) -> Router {
        let about = self.about.clone().map(|about| Router::new().route("/v1/context", get(asked)).with_state(about));
        let calls = Router::new().route("/v1/calls/{source}", post(receive).fallback(wrong_method));
        calls.with_state(self).merge(about.unwrap_or_default())
    }
}

async fn wrong_method(Path(source): Path<String>) -> Response {
    answer::wrong_method(&source)
}

async fn receive(State(intake): State<Intake>, Path(name): Path<String>, request: Request) -> Response {
    let mut project = (intake.project)();
    if !project.sources.contains_key(&name)
        && let Some(last) = intake.leaving.as_ref().and_then(|leaving| leaving(&name))
    {
        tracing::warn!(source = %name, config = %last.version, "a payload for a source that was removed is taken in under the last config that had it");
        project = last;
    }
    let Some(source) = project.sources.get(&name).cloned() else {
        let known: Vec<&str> = project.sources.keys().map(String::as_str).collect();
        return answer::unknown_source(&name, &known);
    };
    let begun = Instant::now();
    let (parts, stream) = request.into_parts();
    let announced = parts.headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok());
    let budget = intake.budget.clone();
    let mut held = match body::read(stream, announced, &budget, body::PATIENCE).await {
        Ok(held) => held,
        Err(why) => {
            tracing::warn!(source = %name, ?why, "a payload was not read");
            return answer::no_body(why);
        }
    };
    let bytes = std::mem::take(&mut held.bytes);
    let open = project.clone();
    let kind = source.clone();
    let worked = if bytes.len() <= LARGE {
        Ok(intake.work(&project, &source, &parts.headers, bytes))
    } else {
        let (intake, source, headers) = (intake.clone(), source.clone(), parts.headers);
        tokio::task::spawn_blocking(move || intake.work(&project, &source, &headers, bytes)).await
    };
    match (worked, &intake.about) {
        (Ok(Ok(Worked::Asked(payload, proven))), Some(about)) => about.answer(&open, &kind, &payload, proven).await,
        (Ok(Ok(Worked::Taken(taken))), _) => {
            let answer = intake.commit(&open, &name, *taken).await;
            meters().commit_seconds.took(&[&name], begun.elapsed().as_secs_f64());
            answer
        }
        (Ok(Err(answer)), _) => {
            meters().payloads.add(&[&name, if answer.status().is_server_error() { "failed" } else { "refused" }], 1);
            *answer
        }
        (Ok(Ok(Worked::Asked(..))), None) | (Err(_), _) => answer::later("this payload could not be worked"),
    }
}

impl Intake {
    /// Everything between the bytes and the journal. Errors: the answer to give instead.
    fn work(&self, project: &Project, source: &Source, headers: &HeaderMap, body: Vec<u8>) -> Result<Worked, Box<Response>> {
        let now = (self.now)();
        // A question has its answer within seconds or not at all, and is told from a call before anything else is made of it.
        let question = || self.about.as_ref().and_then(|_| live::question(source, &body));
        let proven = match self.check(source, headers, &body, now) {
            Ok(proven) => proven,
            // Our own trouble must not become the caller's silence: an answer that tells nothing needs no proof.
            Err(trouble) if trouble.status() == StatusCode::SERVICE_UNAVAILABLE => {
                return question().map(|payload| Worked::Asked(payload, false)).ok_or(trouble);
            }
            Err(refusal) => return Err(refusal),
        };
        let lane_keys = |outcome: &CallOutcome| (self.lane_keys)(project, outcome);
        Ok(match question() {
            Some(payload) => Worked::Asked(payload, proven),
            None => Worked::Taken(Box::new(take(project, source, body, now, &lane_keys))),
        })
    }

    /// Whether the sender is who it says: true where it was proved, false where that is not asked for.
    fn check(&self, source: &Source, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<bool, Box<Response>> {
        let lookup = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let Some(decl) = &source.signature else {
            if source.allow_unsigned {
                return Ok(false);
            }
            tracing::error!(source = %source.name, "the source has no signature, and unsigned payloads are not allowed");
            return Err(answer::later("this source is not set up").into());
        };
        // Where there is a secret, a signature that does come must fit: a wrong one is a mistake that somebody wants to hear of.
        if source.allow_unsigned && (source.secret.is_none() || !is_signed(decl, lookup)) {
            return Ok(false);
        }
        let secrets = (self.secrets)(source).map_err(|error| {
            tracing::error!(source = %source.name, %error, "the secret of a source cannot be read");
            Box::new(answer::later("the secret of this source cannot be read"))
        })?;
        let secrets: Vec<&[u8]> = secrets.iter().map(Vec::as_slice).collect();
        match verify(decl, &secrets, lookup, body, now) {
            Ok(()) => Ok(true),
            Err(refusal) if refusal.is_ours() => {
                tracing::error!(source = %source.name, %refusal, "payloads cannot be verified");
                Err(answer::later("payloads of this source cannot be verified just now").into())
            }
            Err(refusal) => {
                log_refusal(source, headers, &refusal);
                Err(answer::unverified().into())
            }
        }
    }

    async fn commit(&self, project: &Project, source: &str, taken: Taken) -> Response {
        let Taken { arrival, verdict } = taken;
        match &verdict {
            Verdict::Call { notes, .. } if notes.is_empty() => {}
            Verdict::Call { id, notes } => {
                tracing::info!(source, call = %id, notes = notes.join("; "), "some values did not fit their fields")
            }
            Verdict::Unrecognised { reason } => tracing::warn!(source, reason, "a payload was not understood; it is kept"),
            Verdict::Ignored => tracing::debug!(source, "a payload is not for us"),
        }
        if planted(Plant::AcknowledgeBeforeCommit) {
            drop(tokio::spawn({
                let journal = self.journal.clone();
                async move { journal.accept(vec![arrival]).await }
            }));
            return answer::taken(&verdict, Accepted::Kept);
        }
        let (pipeline, from) = (pipeline_of(project, &arrival), arrival.received_at);
        let failed = || {
            meters().payloads.add(&[source, "failed"], 1);
            answer::later("this cannot be kept just now")
        };
        match tokio::time::timeout(COMMIT, self.journal.accept(vec![arrival])).await {
            Ok(Ok(accepted)) => match accepted.first() {
                Some(accepted) => {
                    count(source, &pipeline, &verdict, *accepted);
                    traced(source, &pipeline, &verdict, from, (self.now)());
                    answer::taken(&verdict, *accepted)
                }
                None => answer::later("the journal gave no answer"),
            },
            Ok(Err(error)) => {
                tracing::error!(source, %error, "a payload could not be journaled");
                failed()
            }
            Err(_) => {
                tracing::error!(source, "the journal did not commit in {} seconds", COMMIT.as_secs());
                failed()
            }
        }
    }
}

fn traced(source: &str, pipeline: &str, verdict: &Verdict, from: Timestamp, to: Timestamp) {
    if let Verdict::Call { id, .. } = verdict {
        let about = [("aftercall.source", source), ("aftercall.pipeline", pipeline)];
        trace::span(&Span { call: id, name: "intake", from, to, failed: false, about: &about });
    }
}

/// Tells the operator what the sender is not told. Of the headers their names alone: a value may be somebody's secret.
fn log_refusal(source: &Source, headers: &HeaderMap, refusal: &Refusal) {
    let names = headers.keys().map(header::HeaderName::as_str).filter(|n| n.contains("sign") || n.contains("auth") || n.starts_with("x-"));
    let names = names.take(20).collect::<Vec<_>>().join(", ");
    tracing::warn!(source = %source.name, %refusal, headers = %names, "a payload was refused");
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
