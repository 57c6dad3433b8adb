//! One reading about a caller, published step by step: the search, the decision, then the lists as they come.
//!
//! Not for telling: what has come is put into words by `plan::caller`.

use std::sync::Arc;
use std::time::Duration;

use aftercall_config::call::CallOutcome;
use aftercall_config::caller::Missing;
use aftercall_config::project::{Pipeline, Project};
use aftercall_plan::caller::SoFar;
use aftercall_plan::context::{Context, Record};
use aftercall_plan::decision::Verdict;
use aftercall_plan::matching;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::watch;
use tokio::time::Instant;

use super::Callers;
use crate::connect::Failure;
use crate::work::gather::{Trouble, find};

/// What has been read, and what is still to come.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    pub(super) so_far: SoFar,
    /// What has not come yet: `contact`, then names of lists.
    pub(super) outstanding: Vec<String>,
    /// Since when nothing more will come.
    pub(super) done: Option<Instant>,
    /// Whether it is worth keeping: nothing failed, and no search lagged behind what we wrote.
    pub(super) whole: bool,
}

impl Default for Reading {
    fn default() -> Self {
        Self { so_far: SoFar::default(), outstanding: vec!["contact".to_owned()], done: None, whole: false }
    }
}

impl Reading {
    pub(super) fn is_done(&self) -> bool {
        self.done.is_some()
    }

    fn end(&mut self, whole: bool) {
        (self.done, self.whole) = (Some(Instant::now()), whole && self.so_far.missing.is_empty());
        self.outstanding.clear();
    }
}

/// Reads about the caller of `call` and publishes what comes. It ends, whatever happens, and without waiting for anybody.
pub(super) async fn read(
    callers: &Callers,
    project: &Project,
    pipeline: &Arc<Pipeline>,
    call: &CallOutcome,
    publish: &watch::Sender<Reading>,
) {
    let begun = Instant::now();
    let now = (callers.clock)();
    let mut context = Context { read_at: now, ..Context::default() };
    let memory = callers.memory.as_ref();
    if let Err(trouble) = find(&callers.reader, memory, project, pipeline, call, &mut context, now).await {
        let because = match &trouble {
            Trouble::System { failure, .. } => unread(pipeline, failure),
            Trouble::Journal(_) => "the journal cannot be read".to_owned(),
        };
        tracing::warn!(pipeline = %pipeline.name, error = %trouble, "a caller cannot be looked up");
        publish.send_modify(|reading| {
            reading.so_far.missing.push(Missing { what: "contact".to_owned(), because });
            reading.end(false);
        });
        return;
    }
    let lagged = catch_up(callers, pipeline, &mut context).await;
    let decision = matching::decide(project, pipeline, call, &context);
    let matched = decision.contact.clone().filter(|_| decision.verdict == Verdict::Matched);
    let contact = matched.and_then(|id| context.candidates.iter().find(|c| c.id == id).cloned());
    let lists: Vec<String> = contact.iter().flat_map(|_| pipeline.connection.connector.related.keys().cloned()).collect();
    publish.send_modify(|reading| {
        reading.so_far = SoFar { context, decision: Some(decision), missing: Vec::new() };
        reading.outstanding.clone_from(&lists);
    });
    if let Some(contact) = &contact {
        related(callers, pipeline, contact, lists, publish).await;
    }
    publish.send_modify(|reading| reading.end(!lagged));
    tracing::debug!(pipeline = %pipeline.name, ms = begun.elapsed().as_millis(), "read about a caller");
}

/// The lists about the caller, all at once, each published as it comes.
async fn related(callers: &Callers, pipeline: &Pipeline, contact: &Record, lists: Vec<String>, publish: &watch::Sender<Reading>) {
    let connection = &pipeline.connection;
    let read = async |name: String| {
        let read = callers.reader.related(connection, contact, std::slice::from_ref(&name), &pipeline.read_fields).await;
        (name, read)
    };
    let mut reads: FuturesUnordered<_> = lists.into_iter().map(read).collect();
    while let Some((name, result)) = reads.next().await {
        publish.send_modify(|reading| {
            reading.outstanding.retain(|list| *list != name);
            match result {
                Ok(lists) => reading.so_far.context.lists.extend(lists),
                Err(failure) => reading.so_far.missing.push(Missing { what: name, because: unread(pipeline, &failure) }),
            }
        });
    }
}

/// Reads by id whom we wrote to a moment ago, where the search lags behind writes; true where it did. Reading by id does not.
async fn catch_up(callers: &Callers, pipeline: &Pipeline, context: &mut Context) -> bool {
    let connection = &pipeline.connection;
    let Some(find) = connection.connector.decl.find.as_ref().filter(|find| find.lag_s > 0) else { return false };
    let lag = Duration::from_secs(u64::from(find.lag_s));
    let fields = pipeline.read_fields.get(&find.object).map(Vec::as_slice).unwrap_or_default();
    let mut lagged = false;
    for record in context.candidates.iter_mut().filter(|c| callers.cache.written_within(&connection.id, &c.id, lag)) {
        lagged = true;
        if let Ok(Some(now)) = callers.reader.read(connection, &find.object, &record.id, fields).await {
            record.fields.extend(now.fields);
        }
    }
    lagged
}

/// Why something was not read, without what the system says: it may repeat what identifies somebody.
fn unread(pipeline: &Pipeline, failure: &Failure) -> String {
    format!("{} cannot be read: {failure}", pipeline.connection.connector.decl.title)
}
