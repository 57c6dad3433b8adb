//! Which project a call is worked under: the version that it was taken in under, with the newest operation.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use aftercall_config::project::Project;
use aftercall_config::resolve::{self, used_files};
use aftercall_config::source::Files;
use jiff::Timestamp;

use crate::journal::{self, Journal};

/// The live project and the older versions that calls still need.
pub struct Versions {
    live: Arc<Project>,
    journal: Arc<dyn Journal>,
    older: Mutex<BTreeMap<String, Arc<Project>>>,
}

/// A version that cannot be worked.
#[derive(Debug, thiserror::Error)]
pub enum VersionError {
    /// The journal does not have it.
    #[error("the journal has no config version {0}; it was taken in by another journal")]
    Unknown(String),
    /// It no longer loads: made by a program that read its config in another way.
    #[error("config version {0} no longer loads with this program; work the call under the current version instead")]
    Unreadable(String),
    /// The journal failed.
    #[error(transparent)]
    Journal(#[from] journal::Error),
}

impl Versions {
    /// Keeps the live version in the journal, so that whoever works its calls later can read it.
    ///
    /// Errors: those of the journal.
    pub async fn new(live: Arc<Project>, files: &Files, journal: Arc<dyn Journal>, now: Timestamp) -> Result<Self, journal::Error> {
        journal.config_put(live.version.0.clone(), text_of(&live, files), now).await?;
        Ok(Self { live, journal, older: Mutex::new(BTreeMap::new()) })
    }

    /// The live version.
    pub fn live(&self) -> &Arc<Project> {
        &self.live
    }

    /// A version by its name.
    ///
    /// Errors: see [`VersionError`].
    pub async fn get(&self, version: &str) -> Result<Arc<Project>, VersionError> {
        if version == self.live.version.0 {
            return Ok(self.live.clone());
        }
        let known = self.older.lock().unwrap_or_else(PoisonError::into_inner).get(version).cloned();
        if let Some(project) = known {
            return Ok(project);
        }
        let text = self.journal.config_get(version.to_owned()).await?.ok_or_else(|| VersionError::Unknown(version.to_owned()))?;
        let files: BTreeMap<String, String> = serde_json::from_str(&text).map_err(|_| VersionError::Unreadable(version.to_owned()))?;
        let files = files.into_iter().fold(Files::new(), |all, (path, text)| all.with(path, text));
        let project = resolve::load(&files).project.ok_or_else(|| VersionError::Unreadable(version.to_owned()))?;
        let project = Arc::new(project.operated_by(&self.live));
        self.older.lock().unwrap_or_else(PoisonError::into_inner).insert(version.to_owned(), project.clone());
        Ok(project)
    }
}

/// The files that a project's meaning comes from, as one JSON text.
pub fn text_of(project: &Project, files: &Files) -> String {
    let used: BTreeMap<String, String> =
        used_files(project).into_iter().filter_map(|path| files.get(&path).map(|text| (path.clone(), text.to_string()))).collect();
    serde_json::to_string(&used).unwrap_or_default()
}
