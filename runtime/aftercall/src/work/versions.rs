//! Which project a call is worked under: the version that it was taken in under, with the newest operation.
//!
//! What is at work is swapped in one piece. Not for deciding when: that is `watch`.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aftercall_config::project::Project;
use aftercall_config::resolve;
use aftercall_config::source::Files;
use arc_swap::ArcSwap;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use super::parts::{Parts, files_of};
use crate::journal::{self, Journal};

/// Older versions that are kept in memory as they were written: calls that wait need the last few.
const KEPT: usize = 8;

/// The project that is at work, and the older versions that calls still need. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Versions(Arc<Inner>);

struct Inner {
    live: ArcSwap<Live>,
    journal: Arc<dyn Journal>,
    /// What of the live version is in the journal.
    parts: Mutex<Parts>,
    /// As they were written, with their own operation.
    older: Mutex<VecDeque<Arc<Project>>>,
    /// One reads an old version; who needs it as well waits for that.
    reading: tokio::sync::Mutex<()>,
    swapped: watch::Sender<u64>,
}

/// What is at work, in one piece.
struct Live {
    project: Arc<Project>,
    /// Older versions with the operation of this one: they go when it goes.
    operated: Mutex<BTreeMap<String, Arc<Project>>>,
    /// Sources that this one no longer has.
    leaving: BTreeMap<String, Leaving>,
}

/// A source that was removed, and is taken in for a while.
#[derive(Clone)]
struct Leaving {
    /// The last project that had it.
    project: Arc<Project>,
    until: Timestamp,
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
        let mut parts = Parts::default();
        journal.config_put(live.version.0.clone(), parts.of(&live, files), now).await?;
        let live = Live { project: live, operated: Mutex::default(), leaving: BTreeMap::new() };
        Ok(Self(Arc::new(Inner {
            live: ArcSwap::from_pointee(live),
            journal,
            parts: Mutex::new(parts),
            older: Mutex::default(),
            reading: tokio::sync::Mutex::default(),
            swapped: watch::Sender::new(0),
        })))
    }

    /// The live version.
    pub fn live(&self) -> Arc<Project> {
        self.0.live.load().project.clone()
    }

    /// Puts another version to work: what is taken in from now on is worked under it. It is in the journal before any call can name it.
    ///
    /// Errors: those of the journal; then nothing has changed.
    pub async fn swap(&self, project: Arc<Project>, files: &Files, now: Timestamp) -> Result<(), journal::Error> {
        let before = self.0.live.load_full();
        if before.project.version != project.version {
            let parts = lock(&self.0.parts).of(&project, files);
            self.0.journal.config_put(project.version.0.clone(), parts, now).await?;
            self.remember(before.project.clone());
        }
        let grace = SignedDuration::try_from(project.service.source_grace).unwrap_or(SignedDuration::ZERO);
        let until = now.checked_add(grace).unwrap_or(now);
        let removed = before.project.sources.keys().map(|name| (name.clone(), Leaving { project: before.project.clone(), until }));
        let leaving = before.leaving.iter().map(|(name, leaving)| (name.clone(), leaving.clone())).chain(removed);
        let leaving = leaving.filter(|(name, left)| left.until > now && !project.sources.contains_key(name)).collect();
        self.0.live.store(Arc::new(Live { project, operated: Mutex::default(), leaving }));
        self.0.swapped.send_modify(|count| *count += 1);
        Ok(())
    }

    /// Changes whenever another version was put to work.
    pub fn swapped(&self) -> watch::Receiver<u64> {
        self.0.swapped.subscribe()
    }

    /// The last project that had this source, as long as a source that was removed is taken in.
    pub fn leaving(&self, source: &str, now: Timestamp) -> Option<Arc<Project>> {
        let live = self.0.live.load();
        live.leaving.get(source).filter(|leaving| leaving.until > now).map(|leaving| leaving.project.clone())
    }

    /// Lets a source of an earlier version be taken in until then: after a start, what was removed shortly before.
    pub fn still_takes(&self, source: &str, project: &Arc<Project>, until: Timestamp) {
        self.0.live.rcu(|live| {
            let mut leaving = live.leaving.clone();
            leaving.insert(source.to_owned(), Leaving { project: project.clone(), until });
            Live { project: live.project.clone(), operated: Mutex::default(), leaving }
        });
    }

    /// A version by its name.
    ///
    /// Errors: see [`VersionError`].
    pub async fn get(&self, version: &str) -> Result<Arc<Project>, VersionError> {
        let live = self.0.live.load_full();
        if version == live.project.version.0 {
            return Ok(live.project.clone());
        }
        let known = || lock(&live.operated).get(version).cloned();
        if let Some(project) = known() {
            return Ok(project);
        }
        let _one = self.0.reading.lock().await;
        if let Some(project) = known() {
            return Ok(project);
        }
        let written = self.written(version).await?;
        let project = Arc::new(Project::clone(&written).operated_by(&live.project));
        lock(&live.operated).insert(version.to_owned(), project.clone());
        Ok(project)
    }

    /// A version as it was written.
    async fn written(&self, version: &str) -> Result<Arc<Project>, VersionError> {
        if let Some(project) = lock(&self.0.older).iter().find(|project| project.version.0 == version) {
            return Ok(project.clone());
        }
        let files = self.files(version).await?;
        let project = resolve::load(&files).project.ok_or_else(|| VersionError::Unreadable(version.to_owned()))?;
        let project = Arc::new(project);
        self.remember(project.clone());
        Ok(project)
    }

    /// The files of a version, as they were written. What a person sees of it, and what is held against another one.
    ///
    /// Errors: see [`VersionError`].
    pub async fn files(&self, version: &str) -> Result<Files, VersionError> {
        let parts = self.0.journal.config_get(version.to_owned()).await?.ok_or_else(|| VersionError::Unknown(version.to_owned()))?;
        files_of(&parts).ok_or_else(|| VersionError::Unreadable(version.to_owned()))
    }

    fn remember(&self, project: Arc<Project>) {
        let mut older = lock(&self.0.older);
        older.retain(|known| known.version != project.version);
        older.push_back(project);
        while older.len() > KEPT {
            older.pop_front();
        }
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
