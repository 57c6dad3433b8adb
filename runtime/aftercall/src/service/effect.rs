//! What another version of the config would have done to calls that were recorded: `aftercall diff` for the pages. Offline, and nothing is written.

use std::sync::Arc;

use aftercall_config::difference::{DiffDocument, RevisionSaid};
use aftercall_config::project::Project;
use aftercall_config::resolve;
use aftercall_config::source::Files;
use aftercall_plan::revisions::{Compared, Revisions};
use jiff::Timestamp;

use super::Service;
use super::recorded::Recording;
use super::then::{Then, colleagues};
use crate::journal::{self, LogFilter, LogKind, PlannedFilter};
use crate::view;
use crate::work::VersionError;

/// Calls that are read at once.
const PAGE: usize = 128;

/// What came of it.
pub(crate) struct Effect {
    /// The difference, in the words of `aftercall diff`.
    pub(crate) document: DiffDocument,
    /// Calls of that time.
    pub(crate) calls: u64,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoEffect {
    /// A version cannot be had.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// The journal failed.
    #[error(transparent)]
    Journal(#[from] journal::Error),
}

/// Plans the newest of the calls that were received in a time under two versions, from what was recorded with them; at most so many.
///
/// Errors: a version that the journal does not have or that no longer loads, and the journal's.
pub(crate) async fn effect(
    service: &Service,
    (old, new): (&str, &str),
    (since, until): (Timestamp, Timestamp),
    most: usize,
) -> Result<Effect, NoEffect> {
    let (old, new) = (side(service, old).await?, side(service, new).await?);
    let journal = service.journal.clone();
    let of = LogKind { since: Some(since), until: Some(until), ..LogKind::default() };
    let calls = journal.log_counts(of.clone()).await?.calls.values().sum();
    let mut ids = Vec::new();
    let mut after = None;
    while ids.len() < most {
        let log = journal.log(LogFilter { of: of.clone(), after, limit: (most - ids.len()).min(PAGE), ..LogFilter::default() }).await?;
        ids.extend(log.calls.into_iter().map(|call| call.id));
        after = log.next;
        if after.is_none() {
            break;
        }
    }
    // As they came in.
    ids.reverse();
    let then = Then::knowing([&old.0, &new.0]);
    let (mut number, mut recorded) = (0, Vec::with_capacity(ids.len()));
    for ids in ids.chunks(PAGE) {
        let page = journal.planned(PlannedFilter { ids: ids.to_vec(), limit: PAGE, ..PlannedFilter::default() }).await?;
        let page: Vec<Recording> = page.into_iter().filter_map(|call| Recording::of(call, &mut number)).collect();
        then.find(journal.as_ref(), &page).await?;
        recorded.extend(page);
    }
    let colleagues = colleagues(Some(journal.as_ref()), [&old.0, &new.0]).await?;
    let said = |project: &Project| RevisionSaid { name: project.version.0.clone(), commit: None, config: project.version.0.clone() };
    let work = move || {
        let names = (said(&old.0), said(&new.0));
        let revisions = Revisions::new((old.0.clone(), &old.1), (new.0, &new.1), colleagues);
        let compared: Vec<Compared> = recorded
            .iter()
            .map(|call| {
                let then = then.of(&call.config).unwrap_or_else(|| old.0.clone());
                revisions.compare(&call.understood(), &then)
            })
            .collect();
        view::revisions::document(names.0, names.1, &compared, true)
    };
    Ok(Effect { document: blocking(work).await, calls })
}

/// A version with its files, as it was written.
async fn side(service: &Service, version: &str) -> Result<(Arc<Project>, Files), VersionError> {
    let files = service.versions.files(version).await?;
    let (project, files) = blocking(move || (resolve::load(&files).project, files)).await;
    Ok((Arc::new(project.ok_or_else(|| VersionError::Unreadable(version.to_owned()))?), files))
}

/// Beside the threads that serve others. A panic in there is ours, and goes on here.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|gone| std::panic::resume_unwind(gone.into_panic()))
}
