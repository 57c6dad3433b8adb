//! What is known of the time when calls were recorded: the configs of then, and the colleagues who were looked up.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use aftercall_config::project::Project;
use aftercall_config::resolve;
use aftercall_plan::revisions::Colleagues;

use super::recorded::Recording;
use crate::journal::{self, Journal};
use crate::work::files_of;

/// The projects under which calls were recorded, by version; one that is not known any more is absent.
#[derive(Default)]
pub(crate) struct Then(Mutex<BTreeMap<String, Option<Arc<Project>>>>);

impl Then {
    /// With projects that need not be read, since they are loaded.
    pub(crate) fn knowing<const N: usize>(projects: [&Arc<Project>; N]) -> Self {
        Self(Mutex::new(projects.into_iter().map(|project| (project.version.0.clone(), Some(project.clone()))).collect()))
    }

    /// Reads those that a page needs. Errors: the journal's.
    pub(crate) async fn find(&self, journal: &dyn Journal, page: &[Recording]) -> Result<(), journal::Error> {
        for call in page {
            let version = &call.config;
            if version.is_empty() || self.0.lock().unwrap_or_else(PoisonError::into_inner).contains_key(version) {
                continue;
            }
            let files = journal.config_get(version.clone()).await?.and_then(|parts| files_of(&parts));
            let found = files.and_then(|files| resolve::load(&files).project).map(Arc::new);
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(version.clone(), found);
        }
        Ok(())
    }

    /// The project of a version, where it is known.
    pub(crate) fn of(&self, version: &str) -> Option<Arc<Project>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(version).cloned().flatten()
    }
}

/// Ids of colleagues whom routes name by address and the journal has looked up, however long ago.
pub(crate) async fn colleagues<const N: usize>(
    journal: Option<&dyn Journal>,
    projects: [&Arc<Project>; N],
) -> Result<Colleagues, journal::Error> {
    let mut found = Colleagues::new();
    let Some(journal) = journal else { return Ok(found) };
    for pipeline in projects.into_iter().flat_map(|project| &project.pipelines) {
        let owners = pipeline.routes.values().flatten().flat_map(|rule| &rule.owners).filter_map(|owner| owner.as_fixed());
        for email in owners.filter_map(|owner| owner.as_str()?.strip_prefix("user:")) {
            let email = email.trim().to_lowercase();
            for connection in pipeline.writes.iter().map(|write| write.connection.id.clone()) {
                let kept = journal.lookup_get(connection.clone(), "user".to_owned(), email.clone()).await?;
                if let Some(id) = kept.and_then(|kept| kept.value.read::<Option<String>>().ok()) {
                    found.insert(format!("{connection}/{email}"), id);
                }
            }
        }
    }
    Ok(found)
}
