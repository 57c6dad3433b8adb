//! Putting the rooms together: a project, its journal, its connections and a worker. What `sync`, `run` and `demo` share.

mod differences;
mod effect;
mod looks;
mod recorded;
mod then;
mod way_back;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aftercall_config::call::CallOutcome;
use aftercall_config::project::{Pipeline, Project, Source};
use aftercall_config::source::Files;
use aftercall_plan::matching::Identity;
use aftercall_plan::plan::pipeline_for;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::connect::{Connections, Http, resolve_secret};
use crate::intake::{About, Access, lane_key};
use crate::journal::{self, CallStatus, Journal, SqliteJournal, SqliteOptions, Upkeep};
use crate::tokens::KeptTokens;
use crate::work::{Versions, Worker};

pub use differences::{Difference, Differences};
pub(crate) use effect::{Effect, NoEffect, effect};
pub use looks::{LookError, LookFor, Looked, Looking, Looks, NoList, list_of};
pub(crate) use recorded::Recording;
pub(crate) use then::{Then, colleagues};
pub use way_back::{Wanted, WayBack};

/// A project that runs.
pub struct Service {
    /// The project that it was opened with.
    pub project: Arc<Project>,
    /// Its journal.
    pub journal: Arc<dyn Journal>,
    /// The same, for what is beside the way of calls.
    pub upkeep: Arc<dyn Upkeep>,
    /// Its accounts.
    pub connections: Connections,
    /// Its worker.
    pub worker: Arc<Worker>,
    /// What is at work, which may be another project than it was opened with.
    pub versions: Versions,
    /// The looks at platforms' lists that go on.
    pub looks: Looks,
    tokens: Arc<KeptTokens>,
    root: PathBuf,
}

impl Service {
    /// Opens the journal and makes a worker. Nothing is sent yet.
    ///
    /// Errors: what is wrong with the journal, in a sentence that names the file and the remedy.
    pub async fn open(root: &Path, project: Project, files: &Files) -> anyhow::Result<Self> {
        let project = Arc::new(project);
        let now = Timestamp::now();
        let path = root.join(&project.store_path);
        let journal = tokio::task::spawn_blocking(move || SqliteJournal::open(SqliteOptions::at(path), now)).await??;
        let store = Arc::new(journal);
        let (journal, upkeep): (Arc<dyn Journal>, Arc<dyn Upkeep>) = (store.clone(), store);
        let tokens = Arc::new(KeptTokens::here(journal.clone(), project.store_key.clone(), root));
        let connections = Connections::new(Arc::new(Http::new()?), root, tokens.clone());
        connections.adopt(&project);
        let versions = Versions::new(project.clone(), files, journal.clone(), now).await?;
        let owner = format!("pid {}", std::process::id());
        let worker = Worker::new(journal.clone(), connections.clone(), versions.clone(), Arc::new(Timestamp::now), owner);
        Ok(Self {
            project,
            journal,
            upkeep,
            connections,
            worker: Arc::new(worker),
            versions,
            looks: Looks::default(),
            tokens,
            root: root.to_owned(),
        })
    }

    /// Puts another version to work, in one swap: calls that were taken in keep theirs.
    ///
    /// Errors: those of the journal; then nothing has changed.
    pub async fn take_over(&self, project: Arc<Project>, files: &Files) -> Result<(), journal::Error> {
        self.versions.swap(project.clone(), files, Timestamp::now()).await?;
        self.tokens.rekey(project.store_key.clone());
        self.connections.adopt(&project);
        Ok(())
    }

    /// Works until nothing waits any more, at most for so long. Calls that have to be tried again later are waited for.
    ///
    /// Errors: those of the journal.
    pub async fn settle(&self, patience: Duration, stop: &CancellationToken) -> anyhow::Result<()> {
        let end = tokio::time::Instant::now() + patience;
        let over = stop.child_token();
        let task = {
            let (worker, over) = (self.worker.clone(), over.clone());
            tokio::spawn(async move { worker.run(&over, false).await })
        };
        loop {
            let waiting = self.journal.counts().await?.calls.get(&CallStatus::Waiting).copied().unwrap_or(0);
            if waiting == 0 || tokio::time::Instant::now() >= end || stop.is_cancelled() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        over.cancel();
        task.await?;
        Ok(())
    }

    /// Questions about callers, answered by this service. `local` says whether only this machine can reach it.
    pub fn about(&self, local: bool) -> About {
        let (root, versions) = (self.root.clone(), self.versions.clone());
        let secrets = Arc::new(move |project: &Project| context_secrets(&root, project));
        About::new(Arc::new(move || versions.live()), self.worker.callers(), Access::new(secrets, local))
    }

    /// The project's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The secrets of a source, the newest first; see [`crate::intake::Secrets`].
    pub fn secrets(&self) -> crate::intake::Secrets {
        let root = self.root.clone();
        Arc::new(move |source: &Source| source_secrets(&root, source))
    }
}

/// The accounts of a command that works no journal. Errors: none in practice.
pub fn connections(root: &Path, project: &Project) -> anyhow::Result<Connections> {
    let tokens = KeptTokens::beside(root.join(&project.store_path), project.store_key.clone(), root);
    Ok(Connections::new(Arc::new(Http::new()?), root, Arc::new(tokens)))
}

/// Reads what whoever asks about a caller must send. Errors: what cannot be read, naming the reference only.
pub fn context_secrets(root: &Path, project: &Project) -> Result<Vec<Vec<u8>>, String> {
    let read = |reference| resolve_secret(reference, root).map(|found| found.reveal().as_bytes().to_vec()).map_err(|e| e.to_string());
    project.context_secrets.iter().map(read).collect()
}

/// Reads a source's secrets. Errors: what cannot be read, naming the reference only.
pub fn source_secrets(root: &Path, source: &Source) -> Result<Vec<Vec<u8>>, String> {
    let mut secrets = Vec::new();
    for reference in [&source.secret, &source.previous_secret].into_iter().flatten() {
        let found = resolve_secret(reference, root).map_err(|e| e.to_string())?;
        secrets.push(found.reveal().as_bytes().to_vec());
    }
    Ok(secrets)
}

/// The caller's identities as opaque keys: who shares one is worked one call after the other.
pub fn lane_keys(project: &Project, call: &CallOutcome) -> Vec<String> {
    pipeline_for(project, call).map(|pipeline| keys_under(project, pipeline, call)).unwrap_or_default()
}

/// The same under the rules of one pipeline.
pub fn keys_under(project: &Project, pipeline: &Pipeline, call: &CallOutcome) -> Vec<String> {
    let identity = Identity::of(&pipeline.matching.values, &project.phone_region, call);
    let phones = identity.phones.iter().map(|p| lane_key(project.name.as_bytes(), "phone", &p.e164));
    let emails = identity.emails.iter().map(|e| lane_key(project.name.as_bytes(), "email", e));
    let mut keys: Vec<String> = phones.chain(emails).collect();
    keys.sort();
    keys.dedup();
    keys
}
