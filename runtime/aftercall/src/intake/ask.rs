//! `GET /v1/context`: what is known about a caller, for whoever talks with them just now.
//!
//! Nothing that identifies a caller goes into the log. Not for reading systems: `work` does, within the pipeline's budget.

use std::collections::BTreeMap;
use std::sync::Arc;

use aftercall_config::call::{CallOutcome, Caller, Direction};
use aftercall_config::caller::CallerContext;
use aftercall_config::project::{Pipeline, Project};
use aftercall_plan::matching::identities;
use aftercall_plan::plan::pipeline_for;
use axum::Json;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use super::access::Access;
use super::server::CurrentProject;
use crate::work::Callers;

/// What may be asked by.
const PARAMETERS: [&str; 6] = ["phone", "email", "name", "source", "pipeline", "format"];

/// Answers questions about callers.
#[derive(Clone)]
pub struct About {
    project: CurrentProject,
    pub(super) callers: Callers,
    access: Access,
}

impl About {
    /// Puts it together. Every question asks for the project anew.
    pub fn new(project: CurrentProject, callers: Callers, access: Access) -> Self {
        Self { project, callers, access }
    }
}

type Asked = BTreeMap<String, String>;

pub(super) async fn asked(State(about): State<About>, headers: HeaderMap, Query(asked): Query<Asked>) -> Response {
    let project = (about.project)();
    if let Err((status, sentence)) = about.access.check(&project, &headers) {
        return refuse(status, sentence.to_owned());
    }
    let (pipeline, call) = match understand(&project, &asked) {
        Ok(both) => both,
        Err(sentence) => return refuse(StatusCode::BAD_REQUEST, sentence),
    };
    let told = about.callers.about(&project, &pipeline, &call).await;
    log(&told, "asked");
    // It is about a person, and old in a minute: nobody on the way keeps it.
    let private = [(header::CACHE_CONTROL, "no-store")];
    match asked.get("format").map(String::as_str) {
        Some("text") => (private, told.text + "\n").into_response(),
        _ => (private, Json(told)).into_response(),
    }
}

/// A line for the operator, with nothing that identifies the caller.
pub(super) fn log(told: &CallerContext, by: &str) {
    let missing: Vec<&str> = told.missing.iter().map(|m| m.what.as_str()).collect();
    tracing::info!(
        by,
        pipeline = %told.pipeline,
        verdict = told.verdict.as_str(),
        missing = missing.join(","),
        ms = told.read_ms,
        cached = told.from_cache,
        "told about a caller"
    );
}

fn refuse(status: StatusCode, sentence: String) -> Response {
    let mut response = (status, Json(json!({ "error": sentence }))).into_response();
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer realm=\"aftercall\""));
    }
    response
}

/// Whom the question is about, and by which pipeline's rules. Errors: the sentence for whoever asks.
fn understand(project: &Project, asked: &Asked) -> Result<(Arc<Pipeline>, CallOutcome), String> {
    if let Some(unknown) = asked.keys().find(|name| !PARAMETERS.contains(&name.as_str())) {
        return Err(format!("there is no parameter `{}`; there is: {}", short(unknown), PARAMETERS.join(", ")));
    }
    let given = |name: &str| asked.get(name).filter(|value| !value.trim().is_empty());
    if let Some(format) = given("format").filter(|format| !["json", "text"].contains(&format.as_str())) {
        return Err(format!("there is no format `{}`; there is: json, text", short(format)));
    }
    if given("phone").is_none() && given("email").is_none() {
        return Err("say whom you mean: `phone=` or `email=`, or both".to_owned());
    }
    let pipeline = choose(project, given("pipeline"), given("source"))?;
    // A plus that was not encoded arrives as a space.
    let phone = given("phone").map(|phone| if phone.starts_with(' ') { format!("+{}", phone.trim()) } else { phone.clone() });
    let caller = Caller { phone, email: given("email").cloned(), name: given("name").cloned(), ..Caller::default() };
    let call = call(given("source").map(String::as_str).unwrap_or_default(), caller);
    for (name, part) in [("phone", &call.caller.phone), ("email", &call.caller.email)] {
        let alone = match name {
            "phone" => Caller { phone: part.clone(), ..Caller::default() },
            _ => Caller { email: part.clone(), ..Caller::default() },
        };
        if part.is_some() && identities(project, &pipeline, &self::call("", alone)).is_empty() {
            return Err(match name {
                "phone" => "`phone` is no number that identifies anybody; write it as +15125550142".to_owned(),
                _ => "`email` is no address that identifies anybody".to_owned(),
            });
        }
    }
    Ok((pipeline, call))
}

/// A call that has just begun, as far as rules need one.
pub(super) fn call(source: &str, caller: Caller) -> CallOutcome {
    CallOutcome { source: source.to_owned(), direction: Direction::Inbound, caller, ..CallOutcome::default() }
}

/// The pipeline that a call of this source would take, as far as that is known before it is over.
pub(super) fn of_source(project: &Project, source: &str) -> Option<Arc<Pipeline>> {
    let takes = |p: &&Arc<Pipeline>| source.is_empty() || p.sources.is_empty() || p.sources.iter().any(|s| s == source);
    pipeline_for(project, &call(source, Caller::default())).or_else(|| project.pipelines.iter().find(takes)).cloned()
}

fn choose(project: &Project, pipeline: Option<&String>, source: Option<&String>) -> Result<Arc<Pipeline>, String> {
    let names = |names: Vec<&str>| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    if let Some(name) = pipeline {
        let known = || names(project.pipelines.iter().map(|p| p.name.as_str()).collect());
        return project.pipeline(name).cloned().ok_or_else(|| format!("there is no pipeline `{}`; there is: {}", short(name), known()));
    }
    if let Some(name) = source.filter(|name| !project.sources.contains_key(*name)) {
        let known = names(project.sources.keys().map(String::as_str).collect());
        return Err(format!("there is no source `{}`; there is: {known}", short(name)));
    }
    let source = source.map(String::as_str).unwrap_or_default();
    of_source(project, source).ok_or_else(|| "no pipeline takes such calls".to_owned())
}

/// A stranger's word, cut to what fits a sentence.
fn short(word: &str) -> String {
    word.chars().filter(|c| !c.is_control()).take(40).collect()
}
