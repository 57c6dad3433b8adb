//! What every story needs: a project with its stand-ins, the program, a platform that sends signed payloads, redaction.
//!
//! Not for asserting: a story says itself what must hold.

mod browser;
mod calls;
pub(crate) mod desk;
mod git;
pub(crate) mod http;
mod inside;
mod program;
mod receiver;
mod redact;
mod sign;

pub(crate) use browser::{Browser, escaped};
pub(crate) use calls::{call, known_callers, slot};
pub(crate) use desk::{Desk, stand_in};
pub(crate) use git::{commit, git};
pub(crate) use http::{Answer, get, get_with, post, raw, send};
pub(crate) use inside::Inside;
pub(crate) use program::{Ran, Running, aftercall};
pub(crate) use receiver::Receiver;
pub(crate) use redact::redacted;
pub(crate) use sign::{secret, signed, signed_at};

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long anything that is awaited may take. Far beyond what it does take, so that a slow machine fails no story.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A folder of the repository.
pub(crate) fn repository() -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().unwrap_or(root)
}

/// A page that is there.
#[track_caller]
pub(crate) fn page(service: &Running, path: &str) -> String {
    let answer = get(&format!("{}{path}", service.address));
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    answer.body
}

/// Waits until something is there. What is asked must be cheap: it is asked every 10 ms.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "waited {} s in vain: {what}", PATIENCE.as_secs());
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The rows of an object among a stand-in's records.
pub(crate) fn rows(records: &Value, object: &str) -> Vec<Value> {
    records[object].as_array().cloned().unwrap_or_default()
}

/// A text of a record; empty where there is none.
pub(crate) fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().unwrap_or_default()
}

/// The one row that fits.
#[track_caller]
pub(crate) fn only(rows: Vec<Value>, what: &str) -> Value {
    assert_eq!(rows.len(), 1, "{what}: {rows:#?}");
    rows.into_iter().next().unwrap_or_default()
}

/// Compares with the stored file `snapshots/NAME.snap`; `INSTA_UPDATE=always` writes it.
#[track_caller]
pub(crate) fn snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(repository().join("tests/stories/snapshots"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}
