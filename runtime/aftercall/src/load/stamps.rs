//! What tells that a file is the one that was read before, without reading it again.
//!
//! Not for what nobody tells of: a file system whose times cannot be trusted is read through and through now and then, by the scan.

use std::collections::HashMap;
use std::fs::Metadata;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aftercall_config::source::Files;

/// A file that changed so shortly before it was read may have changed again within the same tick of the clock: the coarsest is FAT's.
const TICK: Duration = Duration::from_secs(2);

/// A reading of files, to read again from: which text each file had, and how it looked.
#[derive(Clone, Debug, Default)]
pub struct Stamps(Arc<HashMap<String, (Stamp, Arc<str>)>>);

/// How a file looked. Two equal ones are the same content, where neither is fresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    bytes: u64,
    modified: SystemTime,
    /// Device, inode, and the time of the last change of any kind, which nobody can set back.
    identity: (u64, u64, i64, i64),
}

/// A reading under way.
pub(super) struct Reading {
    before: Stamps,
    now: HashMap<String, (Stamp, Arc<str>)>,
    begun: SystemTime,
}

impl Reading {
    pub(super) fn after(before: &Stamps) -> Self {
        Self { before: before.clone(), now: HashMap::with_capacity(before.0.len()), begun: SystemTime::now() }
    }

    /// The text that a file had, if it is still the same file.
    pub(super) fn same(&mut self, name: &str, found: &Metadata) -> Option<Arc<str>> {
        let stamp = Stamp::of(found)?;
        let (_, text) = self.before.0.get(name).filter(|(before, _)| *before == stamp)?;
        self.now.insert(name.to_owned(), (stamp, text.clone()));
        Some(text.clone())
    }

    /// Notes what was read of a file.
    pub(super) fn read(&mut self, name: &str, found: &Metadata, text: &Arc<str>) {
        if let Some(stamp) = Stamp::of(found).filter(|stamp| stamp.is_settled(self.begun)) {
            self.now.insert(name.to_owned(), (stamp, text.clone()));
        }
    }

    pub(super) fn stamps(self) -> Stamps {
        Stamps(Arc::new(self.now))
    }
}

impl Stamp {
    /// `None` where the system does not tell who a file is.
    #[cfg(unix)]
    fn of(found: &Metadata) -> Option<Self> {
        use std::os::unix::fs::MetadataExt as _;
        let identity = (found.dev(), found.ino(), found.ctime(), found.ctime_nsec());
        Some(Self { bytes: found.len(), modified: found.modified().ok()?, identity })
    }

    #[cfg(not(unix))]
    fn of(_: &Metadata) -> Option<Self> {
        None
    }

    /// Whether the file was left alone for longer than clocks are coarse. One from the future is not believed.
    fn is_settled(&self, begun: SystemTime) -> bool {
        let Some(before) = begun.checked_sub(TICK) else { return false };
        let changed = u64::try_from(self.identity.2).ok().and_then(|s| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(s)));
        self.modified < before && changed.is_some_and(|changed| changed < before)
    }
}

/// Reads a project's files over the shipped ones, but takes from an earlier reading what has not changed since.
pub fn files_again(root: &Path, before: &Stamps) -> (Files, Vec<aftercall_config::finding::Finding>, Stamps) {
    let mut reading = Reading::after(before);
    let (files, findings) = super::read_files(root, &mut reading);
    (files, findings, reading.stamps())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(files: &Files) -> &str {
        files.get("pipelines/p.toml").map(|text| &**text).unwrap_or_default()
    }

    fn age(file: &Path, by: Duration) {
        let file = std::fs::File::options().append(true).open(file).expect("the file");
        file.set_modified(SystemTime::now() - by).expect("a time of its own");
    }

    #[test]
    fn what_changed_just_now_is_read_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("pipelines/p.toml");
        std::fs::create_dir(folder.path().join("pipelines")).expect("a folder");
        std::fs::write(&file, "a = 1\n").expect("a file");
        let (files, _, stamps) = files_again(folder.path(), &Stamps::default());
        assert_eq!(text(&files), "a = 1\n");
        // As long, and as old by its own word: the time of the change gives it away, or that it is too fresh to be trusted.
        std::fs::write(&file, "a = 2\n").expect("a file");
        age(&file, Duration::from_secs(3600));
        let (files, ..) = files_again(folder.path(), &stamps);
        assert_eq!(text(&files), "a = 2\n");
    }

    #[cfg(unix)]
    #[test]
    fn what_did_not_change_is_the_very_same_text() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("pipelines/p.toml");
        std::fs::create_dir(folder.path().join("pipelines")).expect("a folder");
        std::fs::write(&file, "a = 1\n").expect("a file");
        let found = std::fs::metadata(&file).expect("the file");
        let stamp = Stamp::of(&found).expect("a stamp");
        let kept: Arc<str> = "a = 1\n".into();
        let stamps = Stamps(Arc::new(HashMap::from([("pipelines/p.toml".to_owned(), (stamp, kept.clone()))])));
        let (files, _, again) = files_again(folder.path(), &stamps);
        assert!(Arc::ptr_eq(files.get("pipelines/p.toml").expect("the file"), &kept));
        assert!(again.0.contains_key("pipelines/p.toml"));
        std::fs::remove_file(&file).expect("the file goes");
        assert!(files_again(folder.path(), &stamps).0.get("pipelines/p.toml").is_none());
    }
}
