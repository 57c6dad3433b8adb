//! A config test as understood: what was written, its moment, and where it stands.
//!
//! Only `resolve` makes one, and only of a test without findings. Not for running it.

use std::sync::Arc;

use jiff::Timestamp;

use crate::decl::TestDecl;
use crate::source::{Document, KeyPath, Step};

/// One test, ready to run.
#[derive(Clone, Debug)]
pub struct ConfigTest {
    /// What was written.
    pub decl: TestDecl,
    /// The moment of planning.
    pub now: Timestamp,
    /// Its file.
    pub document: Arc<Document>,
    /// Its place in the file's list, from 0.
    pub index: usize,
}

impl ConfigTest {
    /// The file, by its path from the project's root.
    pub fn file(&self) -> &Arc<str> {
        &self.document.file
    }

    /// A key path inside the test as a key path of the file.
    pub fn path(&self, inside: &[Step]) -> KeyPath {
        let mut path = vec![Step::Key("test".to_owned()), Step::Index(self.index)];
        path.extend_from_slice(inside);
        path
    }

    /// The line of a key path inside the test, from 1; of the nearest thing that was written where the path itself was not.
    pub fn line(&self, inside: &[Step]) -> u32 {
        self.document.line(&self.path(inside))
    }
}
