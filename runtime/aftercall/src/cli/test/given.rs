//! The call of a test: written in it, or in a file, or as a platform's payload that its source maps.

use std::path::Path;

use aftercall_config::call::CallOutcome;
use aftercall_config::config_test::ConfigTest;
use aftercall_config::project::Project;

use crate::intake::{Verdict, take};
use crate::journal::ArrivalKind;

/// The source of a call in our own form that names none.
const PLAIN: &str = "json";

/// The test's call.
///
/// Errors: a sentence; a file that is not there, or is no call.
pub(crate) fn given(root: &Path, project: &Project, test: &ConfigTest) -> Result<CallOutcome, String> {
    let decl = &test.decl;
    let read = |file: &String| {
        std::fs::read(root.join(file)).map_err(|e| format!("{file} cannot be read: {e}; its path is meant from the project's folder"))
    };
    let payload = match (&decl.payload, &decl.payload_file) {
        (Some(payload), _) => Some(("the payload", serde_json::to_vec(payload).map_err(|e| e.to_string())?)),
        (None, Some(file)) => Some((file.as_str(), read(file)?)),
        (None, None) => None,
    };
    if let Some((what, body)) = payload {
        let source = decl.source.as_ref().and_then(|name| project.sources.get(name)).ok_or("nothing says which source maps the payload")?;
        let taken = take(project, source, body, test.now, &|_| Vec::new());
        return match (&taken.arrival.kind, taken.verdict) {
            (ArrivalKind::Call(call), _) => call.outcome.read().map_err(|e| e.to_string()),
            (_, Verdict::Unrecognised { reason }) => Err(format!("{what} is no call: {reason}")),
            _ => Err(format!("{what} is none of the payloads that are calls; {} tells of something else with it", source.title)),
        };
    }
    let mut call = match (&decl.call, &decl.call_file) {
        (Some(call), _) => call.clone(),
        (None, Some(file)) => serde_json::from_slice(&read(file)?).map_err(|e| format!("{file} is no call in our own form: {e}"))?,
        (None, None) => return Err("the test has no call".to_owned()),
    };
    if call.source.is_empty() {
        call.source = decl.source.clone().unwrap_or_else(|| PLAIN.to_owned());
    }
    Ok(call)
}
