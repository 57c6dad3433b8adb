//! What sets a reload off: file events, a signal, a command through the journal, and a look now and then for what nobody tells of.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use notify::{RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::journal::{Journal, ReloadFilter, ReloadRow, ReloadState};
use crate::load::WATCHED;

/// How often the journal is asked whether a command wants something: a commit from beside wakes nobody.
const ASKED_EVERY: Duration = Duration::from_millis(200);

/// Something may have changed.
#[derive(Debug)]
pub(super) enum Trigger {
    /// Files were touched.
    Files(Touched),
    /// It is time to compare.
    Scan,
    /// SIGHUP.
    Signal,
    /// Commands ask.
    Asked(Vec<ReloadRow>),
}

/// What was touched since it was last asked.
#[derive(Debug, Default)]
pub(super) struct Touched {
    /// Paths from the project's root.
    pub(super) paths: BTreeSet<PathBuf>,
    /// What exactly is not known: everything is looked at.
    pub(super) unknown: bool,
}

impl Touched {
    /// More than this is no hand at work, and is as soon looked at as a whole.
    const MANY: usize = 1000;

    /// Nobody tells what was touched.
    pub(super) fn unknown() -> Self {
        Self { unknown: true, ..Self::default() }
    }

    /// Adds what was touched besides.
    pub(super) fn add(&mut self, more: Self) {
        self.unknown |= more.unknown;
        self.paths.extend(more.paths);
        self.unknown |= self.paths.len() > Self::MANY;
        if self.unknown {
            self.paths.clear();
        }
    }
}

/// Waits for triggers. Folders are watched and not files: editors and mounts put a new file in the old one's place.
pub(super) struct Triggers {
    root: PathBuf,
    journal: Arc<dyn Journal>,
    watcher: Option<notify::RecommendedWatcher>,
    events: mpsc::Receiver<()>,
    untold: Arc<Mutex<Touched>>,
    #[cfg(unix)]
    hangup: tokio::signal::unix::Signal,
    scan_at: Instant,
    ask_at: Instant,
    /// The last command that was heard.
    heard: i64,
    /// When a file was touched last.
    pub(super) touched: Instant,
}

impl Triggers {
    /// Begins to watch. A file system that tells of nothing is no error: files are compared now and then in any case.
    ///
    /// Errors: the signal cannot be awaited.
    pub(super) fn new(root: &Path, journal: Arc<dyn Journal>, scan_every: Duration) -> std::io::Result<Self> {
        let (tell, events) = mpsc::channel(1);
        let untold: Arc<Mutex<Touched>> = Arc::default();
        let told_of = untold.clone();
        let (ours, real) = (root.to_owned(), root.canonicalize().unwrap_or_else(|_| root.to_owned()));
        let told = move |event: notify::Result<notify::Event>| {
            // Errors of a watch, such as one that overflowed, mean that something was missed.
            let touched = match event {
                Ok(event) if event.need_rescan() => Touched::unknown(),
                Ok(event) if matches!(event.kind, notify::EventKind::Access(_)) => return,
                Ok(event) => {
                    let below = |path: &Path| path.strip_prefix(&real).or_else(|_| path.strip_prefix(&ours)).unwrap_or(path).to_owned();
                    Touched { paths: event.paths.iter().map(|path| below(path)).filter(|path| is_ours(path)).collect(), unknown: false }
                }
                Err(_) => Touched::unknown(),
            };
            if touched.unknown || !touched.paths.is_empty() {
                told_of.lock().unwrap_or_else(PoisonError::into_inner).add(touched);
                // One that waits says as much as two.
                let _ = tell.try_send(());
            }
        };
        let watcher = notify::recommended_watcher(told)
            .inspect_err(|error| tracing::warn!(%error, "changed files are not told of here; they are compared now and then"))
            .ok();
        let now = Instant::now();
        let mut triggers = Self {
            root: root.to_owned(),
            journal,
            watcher,
            events,
            untold,
            #[cfg(unix)]
            hangup: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup())?,
            scan_at: now + scan_every,
            ask_at: now,
            heard: 0,
            touched: now,
        };
        triggers.watch();
        Ok(triggers)
    }

    /// Watches the folders that are there now: one that was replaced is another one, and its watch went with it.
    pub(super) fn watch(&mut self) {
        let Some(watcher) = &mut self.watcher else { return };
        let _ = watcher.watch(&self.root, RecursiveMode::NonRecursive);
        for folder in WATCHED.map(|folder| self.root.join(folder)).iter().filter(|folder| folder.is_dir()) {
            if let Err(error) = watcher.watch(folder, RecursiveMode::Recursive) {
                tracing::debug!(folder = %folder.display(), %error, "this folder tells of no changes; it is compared now and then");
            }
        }
    }

    /// Waits for the next one. Dropping the future loses none.
    pub(super) async fn next(&mut self, scan_every: Duration) -> Trigger {
        // Where the setting has become shorter, it counts at once.
        self.scan_at = self.scan_at.min(Instant::now() + scan_every);
        loop {
            #[cfg(unix)]
            let hangup = self.hangup.recv();
            #[cfg(not(unix))]
            let hangup = std::future::pending::<Option<()>>();
            tokio::select! {
                biased;
                Some(()) = self.events.recv() => {
                    self.touched = Instant::now();
                    return Trigger::Files(std::mem::take(&mut *self.untold.lock().unwrap_or_else(PoisonError::into_inner)));
                }
                Some(()) = hangup => return Trigger::Signal,
                () = sleep_until(self.scan_at) => {
                    self.scan_at = Instant::now() + scan_every;
                    return Trigger::Scan;
                }
                () = sleep_until(self.ask_at) => {}
            }
            let filter = ReloadFilter { id: None, states: vec![ReloadState::Asked], limit: 100 };
            let asked = self.journal.reloads(filter).await;
            self.ask_at = Instant::now() + ASKED_EVERY;
            match asked {
                Ok(mut rows) => {
                    // Who was heard is answered later.
                    rows.retain(|row| row.id > self.heard);
                    if let Some(newest) = rows.iter().map(|row| row.id).max() {
                        self.heard = newest;
                        return Trigger::Asked(rows);
                    }
                }
                Err(error) => tracing::debug!(%error, "the journal does not say whether a reload is asked for"),
            }
        }
    }
}

/// Whether a path below the project's folder can be about its files. The journal may stand in the same folder.
fn is_ours(path: &Path) -> bool {
    let Some(first) = path.components().next() else { return true };
    let first = first.as_os_str().to_string_lossy();
    // A mount that is swapped renames `..data`; an editor writes `.aftercall.toml.swp`, which is no news but does no harm.
    first == "aftercall.toml" || first.starts_with("..") || WATCHED.contains(&first.as_ref())
}
