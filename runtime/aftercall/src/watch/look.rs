//! What stands on the disk, read once into memory.

use std::path::Path;
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
        Self { files, unread, stamps }
    }

    /// Reads the files that look otherwise than they did.
    pub(super) fn again(&self, root: &Path) -> Self {
        let (files, unread, stamps) = load::files_again(root, &self.stamps);
        Self { files, unread, stamps }
    }

    /// A reading that somebody else took.
    pub(super) fn of(files: Files) -> Self {
        Self { files, unread: Vec::new(), stamps: Stamps::default() }
    }

    /// What it means, and everything that is wrong with it.
    pub(super) fn load(&self, known: &mut Known) -> Loaded {
        load::read(&self.files, self.unread.clone(), known)
    }

    /// Files that differ from an earlier reading, by path; those that are gone among them.
    pub(super) fn changed(&self, before: &Self) -> Vec<String> {
        let differs = |path: &str, text: &Arc<str>| before.files.get(path) != Some(text);
        let new = self.files.iter().filter(|(path, text)| differs(path, text)).map(|(path, _)| path.to_owned());
        let gone = before.files.iter().filter(|(path, _)| self.files.get(path).is_none()).map(|(path, _)| path.to_owned());
        let mut all: Vec<String> = new.chain(gone).collect();
        all.sort();
        all
    }
}
