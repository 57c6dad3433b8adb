//! A platform that asks about a caller while the call begins: which payloads do, whom they mean, and the answer in the platform's shape.
//!
//! All of it is declared by the source's `[live]`. Such a question is no call: nothing of it is journaled. There is always an answer, since
//! without one a caller would hear silence.

use std::sync::Arc;

use aftercall_config::call::{CallOutcome, Caller};
use aftercall_config::caller::{CallerContext, CallerVerdict};
use aftercall_config::functions::text;
use aftercall_config::project::{Live, Project, Source};
use aftercall_config::template::Scope;
use aftercall_plan::caller::{nobody, seen};
use axum::Json;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::ask::{About, call, log, of_source};
use super::outcome::field;

/// The payload, when it is a question about a caller.
pub(super) fn question(source: &Source, body: &[u8]) -> Option<Value> {
    let live = source.live.as_ref()?;
    let payload: Value = serde_json::from_slice(body).ok()?;
    live.when.holds(&json!({"payload": payload, "settings": source.settings})).then_some(payload)
}

impl About {
    /// The platform's answer. Where nobody has proved who asks, it tells nothing, and is an answer all the same.
    pub(super) async fn answer(&self, project: &Arc<Project>, source: &Source, payload: &Value, proven: bool) -> Response {
        let Some(live) = &source.live else { return Json(json!({})).into_response() };
        let call = call(&source.name, caller(live, source, payload, project));
        let told = match of_source(project, &source.name) {
            _ if !proven => nobody(CallerVerdict::Unknown, "nobody has proved who asks"),
            None => nobody(CallerVerdict::Unknown, "no pipeline takes such calls"),
            Some(pipeline) => self.callers.about(project, &pipeline, &call).await,
        };
        if !proven {
            tracing::warn!(source = %source.name, "a question about a caller was not signed, and is told nothing");
        }
        log(&told, &source.name);
        Json(worded(live, source, payload, project, &call, &told)).into_response()
    }
}

fn caller(live: &Live, source: &Source, payload: &Value, project: &Project) -> Caller {
    let scope = Scope::new(json!({"payload": payload, "settings": source.settings}));
    let mut caller = Caller::default();
    for part in &live.caller {
        let value = field(part, &scope, &project.timezone).map(|value| text(&value));
        match part.path.last().map(String::as_str) {
            Some("phone") => caller.phone = value,
            Some("email") => caller.email = value,
            _ => caller.name = value,
        }
    }
    caller
}

/// The answer as the source declares it.
fn worded(live: &Live, source: &Source, payload: &Value, project: &Project, call: &CallOutcome, told: &CallerContext) -> Value {
    let mut data = seen(project, call, told);
    data.insert("text".to_owned(), json!(told.text));
    data.insert("payload".to_owned(), payload.clone());
    data.insert("settings".to_owned(), source.settings.clone());
    live.answer.eval(&Scope::new(Value::Object(data))).unwrap_or_else(|| json!({}))
}
