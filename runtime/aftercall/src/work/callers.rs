//! What is told about a caller while the call is under way: read once, in time, and true.
//!
//! Reading goes on when whoever asks has waited long enough, so that the next answer is whole. Answers are kept for a while, and dropped
//! when we write about that caller. In memory alone: nothing of it outlives the process.

mod cache;
mod reading;

use std::sync::Arc;
use std::time::Duration;

use aftercall_config::call::CallOutcome;
use aftercall_config::caller::{CallerContext, CallerVerdict, Missing};
use aftercall_config::project::{Pipeline, Project};
use aftercall_plan::caller::{SoFar, nobody, tell};
use aftercall_plan::matching;
use tokio::time::{Instant, timeout};

use self::cache::{Cache, Key};
use self::reading::{Reading, read};
use super::gather::Memory;
use super::worker::Clock;
use crate::connect::Reader;

/// Tells about callers. Cheap to clone; all clones share what they keep.
#[derive(Clone)]
pub struct Callers {
    reader: Reader,
    memory: Arc<dyn Memory>,
    clock: Clock,
    cache: Arc<Cache>,
}

impl Callers {
    /// Reads by `reader`, with what `memory` knows that a lagging search does not.
    pub fn new(reader: Reader, memory: Arc<dyn Memory>, clock: Clock) -> Self {
        Self { reader, memory, clock, cache: Arc::default() }
    }

    /// What is known about the caller of `call`, within the pipeline's budget. Never fails: what could not be read is named as missing.
    pub async fn about(&self, project: &Arc<Project>, pipeline: &Arc<Pipeline>, call: &CallOutcome) -> CallerContext {
        let begun = Instant::now();
        let identities = matching::identities(project, pipeline, call);
        if identities.is_empty() {
            let told = nobody(CallerVerdict::NoIdentity, "there is neither a number nor an e-mail address to search by");
            return CallerContext { pipeline: pipeline.name.clone(), connection: pipeline.connection.id.clone(), ..told };
        }
        let key = key(project, pipeline, call, identities);
        let (mut seen, from_cache) = self.cache.seen(key, pipeline.context.cache, |publish| {
            let (callers, project, pipeline, call) = (self.clone(), project.clone(), pipeline.clone(), call.clone());
            tokio::spawn(async move { read(&callers, &project, &pipeline, &call, &publish).await });
        });
        let budget = pipeline.context.budget;
        // Out of time, or a reader that fell over: either way what is there counts.
        let _ = timeout(budget.saturating_sub(begun.elapsed()), seen.wait_for(Reading::is_done)).await;
        let so_far = up_to_now(&seen.borrow(), pipeline, budget);
        let read_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        CallerContext { read_ms, from_cache, ..tell(project, pipeline, call, &so_far) }
    }

    /// Drops what was told about these contacts and about whoever made this call, also what is being read just now.
    pub fn forget(&self, project: &Project, pipeline: &Pipeline, call: &CallOutcome, contacts: &[&str]) {
        self.cache.forget(&pipeline.connection.id, contacts, &matching::identities(project, pipeline, call));
    }
}

/// What makes two questions the same: who is meant, where it is read, and by which rules.
fn key(project: &Project, pipeline: &Pipeline, call: &CallOutcome, identities: Vec<String>) -> Key {
    let caller = &call.caller;
    let names = [&caller.name, &caller.first_name, &caller.last_name, &caller.company];
    let names = names.into_iter().flatten().map(|name| name.trim().to_lowercase()).collect::<Vec<_>>().join("\n");
    Key { connection: pipeline.connection.id.clone(), rules: format!("{}/{}", project.version, pipeline.name), identities, names }
}

/// What was read, and with what has not come, the reason.
fn up_to_now(reading: &Reading, pipeline: &Pipeline, budget: Duration) -> SoFar {
    let mut so_far = reading.so_far.clone();
    let title = &pipeline.connection.connector.decl.title;
    let late = reading
        .outstanding
        .iter()
        .map(|what| Missing { what: what.clone(), because: format!("{title} had not answered within {} ms", budget.as_millis()) });
    so_far.missing.extend(late);
    so_far
}
