//! The config that a service starts with: what the files say, or the last good one from the journal where they cannot be loaded.
//!
//! A bad deployment on a Friday evening then loses no calls. Not for what follows: that is `reload`.

use std::path::Path;
use std::sync::Arc;

use aftercall_config::project::Project;
use aftercall_config::resolve::{self, Known, Loaded};
use aftercall_config::source::Files;
use jiff::Timestamp;
use serde_json::Value;

use super::look::Look;
use crate::journal::{Journal as _, ReloadFilter, ReloadRow, ReloadState, SqliteJournal};
use crate::load;
use crate::work::files_of;

/// So many of the last configs are looked through for sources that went.
const REMEMBERED: usize = 100;

/// What a service starts with.
pub struct Start {
    /// The project that is put to work.
    pub project: Arc<Project>,
    /// What the disk gives, with everything that is wrong with it.
    pub loaded: Loaded,
    /// Since when the project was at work, where it is an older one because the disk gives none.
    pub since: Option<Timestamp>,
    /// The files that the project was loaded from.
    pub(super) active: Look,
    /// The files on the disk.
    pub(super) seen: Look,
    /// Sources that earlier versions had: the last project that had each, and when it went.
    pub(super) left: Vec<(String, Arc<Project>, Timestamp)>,
    /// What that load understood, for the next one.
    pub(super) known: Known,
}

impl Start {
    /// Finds what to start with.
    ///
    /// Errors: the disk gives no project, and no journal has one; with everything that is wrong.
    pub async fn find(root: &Path) -> Result<Self, Loaded> {
        let seen = Look::at(root);
        let mut known = load::known();
        let mut loaded = seen.load(&mut known);
        let journal = SqliteJournal::open_read_only(load::journal_path(root)).ok();
        let history = History::of(journal).await;
        if let Some(project) = loaded.project.take() {
            let left = history.left(&project).await;
            return Ok(Self { project: Arc::new(project), loaded, since: None, active: seen.clone(), seen, left, known });
        }
        match history.last().await {
            Some((active, project, at)) => {
                let left = history.left(&project).await;
                Ok(Self { project, loaded, since: Some(at), active, seen, left, known })
            }
            None => Err(loaded),
        }
    }

    /// The files that the project was loaded from.
    pub fn files(&self) -> &Files {
        &self.active.files
    }
}

/// What was at work, the newest first, as the journal has it.
struct History {
    journal: Option<SqliteJournal>,
    rows: Vec<ReloadRow>,
}

impl History {
    /// Of a journal; none where there is none, or it is another program's.
    async fn of(journal: Option<SqliteJournal>) -> Self {
        let filter = ReloadFilter { id: None, states: vec![ReloadState::Accepted], limit: REMEMBERED };
        let rows = match &journal {
            Some(journal) => journal.reloads(filter).await.unwrap_or_default(),
            None => Vec::new(),
        };
        Self { journal, rows }
    }

    /// The version that was at work last, and since when.
    async fn last(&self) -> Option<(Look, Arc<Project>, Timestamp)> {
        let row = self.rows.first()?;
        let (files, project) = self.load(row).await?;
        let whole = files.iter().fold(load::shipped(), |all, (path, text)| all.with(path, text.clone()));
        Some((Look::of(whole), project, row.changed_at))
    }

    async fn load(&self, row: &ReloadRow) -> Option<(Files, Arc<Project>)> {
        let (version, operation) = (row.version.clone()?, row.operation.clone()?);
        let parts = self.journal.as_ref()?.config_get(version).await.ok()??;
        // How systems are reached does not count for the version, so the text that is kept by it may have older addresses.
        let files = files_of(&parts)?.with("aftercall.toml", operation);
        let project = resolve::load(&files).project?;
        Some((files, Arc::new(project)))
    }

    /// Sources that were there lately and are not in this project.
    async fn left(&self, project: &Project) -> Vec<(String, Arc<Project>, Timestamp)> {
        let mut left: Vec<(String, Arc<Project>, Timestamp)> = Vec::new();
        let mut went = Timestamp::now();
        for row in &self.rows {
            let detail: Value = row.detail.as_ref().and_then(|detail| detail.read().ok()).unwrap_or_default();
            let names = detail["sources"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let names: Vec<&str> =
                names.filter(|name| !project.sources.contains_key(*name) && !left.iter().any(|(known, ..)| known == name)).collect();
            if !names.is_empty()
                && let Some((_, last)) = self.load(row).await
            {
                left.extend(names.into_iter().map(|name| (name.to_owned(), last.clone(), went)));
            }
            went = row.changed_at;
        }
        left
    }
}
