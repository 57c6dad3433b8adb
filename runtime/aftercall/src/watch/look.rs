//! What stands on the disk, read once into memory.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aftercall_config::finding::Finding;
use aftercall_config::resolve::{Known, Loaded};
use aftercall_config::source::Files;

use crate::load::{self, Stamps};

/// A reading of the project's files. Two that are equal were read from the same texts.
#[derive(Clone, Debug)]
pub(super) struct Look {
    /// The project's files over the shipped ones.
    pub(super) files: Files,
    /// What could not be read.
    unread: Vec<Finding>,
    /// How the files looked.
    stamps: Stamps,
    /// Whether everything was looked at, and not only what was touched.
    pub(super) whole: bool,
}

impl PartialEq for Look {
    fn eq(&self, other: &Self) -> bool {
        self.files == other.files && self.unread == other.unread
    }
}

impl Look {
    /// Reads every file.
    pub(super) fn at(root: &Path) -> Self {
        let (files, unread, stamps) = load::files_again(root, &Stamps::default());
        Self { files, unread, stamps, whole: true }
    }

    /// Reads the files that look otherwise than they did.
    pub(super) fn again(&self, root: &Path) -> Self {
        let (files, unread, stamps) = load::files_again(root, &self.stamps);
        Self { files, unread, stamps, whole: true }
    }

    /// Reads what was touched since; `None` where that does not tell all that may be another, such as a folder that came or went.
    pub(super) fn touched(&self, root: &Path, paths: &BTreeSet<PathBuf>) -> Option<Self> {
        let mut look = Self { whole: false, ..self.clone() };
        for path in paths {
            load::file_again(root, path, &mut look.files, &mut look.unread)?;
        }
        Some(look)
    }

    /// A reading that somebody else took.
    pub(super) fn of(files: Files) -> Self {
        Self { files, unread: Vec::new(), stamps: Stamps::default(), whole: true }
    }

    /// What it means, and everything that is wrong with it.
    pub(super) fn load(&self, known: &mut Known) -> Loaded {
        load::read(&self.files, self.unread.clone(), known)
    }

    /// Files that differ from an earlier reading, by path; those that are gone among them.
    pub(super) fn changed(&self, before: &Self) -> Vec<Arc<str>> {
        self.files.changed(&before.files)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// What was touched, and whether that tells all. Whatever it says of the files is what reading everything says.
    #[track_caller]
    fn check(root: &Path, before: &Look, paths: &[&str], tells_all: bool) -> Look {
        let touched = before.touched(root, &paths.iter().map(PathBuf::from).collect());
        assert_eq!(touched.is_some(), tells_all, "{paths:?}");
        let whole = Look::at(root);
        if let Some(touched) = touched {
            assert!(touched == whole, "{paths:?}: {:?}", touched.changed(&whole));
        }
        whole
    }

    #[test]
    fn what_was_touched_tells_what_changed() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        let put = |path: &str, text: &str| {
            fs::create_dir_all(root.join(path).parent().expect("a folder")).expect("a folder");
            fs::write(root.join(path), text).expect("a file");
        };
        put("aftercall.toml", "a = 1\n");
        put("pipelines/p.toml", "a = 1\n");
        put("mappings/own/deep/m.toml", "a = 1\n");
        let mut look = Look::at(root);
        put("pipelines/p.toml", "a = 2\n");
        put("aftercall.toml", "a = 2\n");
        put("mappings/own/deep/new.toml", "a = 2\n");
        look = check(root, &look, &["pipelines/p.toml", "aftercall.toml", "mappings/own/deep/new.toml"], true);
        // What editors and a careful replacement leave on the way.
        put("pipelines/.p.toml.swp", "x");
        put("pipelines/p.toml~", "x");
        put("pipelines/p.new", "a = 3\n");
        fs::rename(root.join("pipelines/p.new"), root.join("pipelines/p.toml")).expect("in its place");
        look = check(root, &look, &["pipelines/.p.toml.swp", "pipelines/p.toml~", "pipelines/p.new", "pipelines/p.toml"], true);
        assert_eq!(look.files.get("pipelines/p.toml").map(|text| &**text), Some("a = 3\n"));
        // One that is gone, one in a shipped one's place, and that one gone again; one that is no text, and mended.
        fs::remove_file(root.join("mappings/own/deep/new.toml")).expect("it goes");
        let shipped = load::shipped().iter().map(|(path, _)| path.to_owned()).find(|path| path.ends_with("contact.toml")).expect("one");
        put(&shipped, "a = 4\n");
        look = check(root, &look, &["mappings/own/deep/new.toml", &shipped], true);
        fs::remove_file(root.join(&shipped)).expect("it goes");
        fs::write(root.join("pipelines/p.toml"), [0xff, 0x00]).expect("no text");
        look = check(root, &look, &[&shipped, "pipelines/p.toml"], true);
        assert_eq!(look.unread.len(), 1);
        put("pipelines/p.toml", "a = 5\n");
        look = check(root, &look, &["pipelines/p.toml"], true);
        // What does not tell all of it.
        fs::rename(root.join("mappings/own/deep"), root.join("mappings/own/other")).expect("another name");
        check(root, &look, &["mappings/own/other"], false);
        check(root, &look, &["mappings/own/deep"], false);
        look = check(root, &look, &["mappings"], false);
        check(root, &look, &["pipelines/..data"], false);
        check(root, &look, &[""], false);
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(root.join("mappings/own/other"), root.join("pipelines/linked")).expect("a link");
            check(root, &look, &["pipelines/linked"], false);
            check(root, &look, &["pipelines/linked/m.toml"], false);
        }
    }
}
