//! The threads that only read: each has a connection that cannot write, and each read sees one moment of the journal.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use rusqlite::Connection;
use tokio::sync::mpsc;

use super::{
    super::error::Error,
    fault::Moment,
    queue::{Job, Tx},
    writer::execute,
};

/// What a reader thread owns.
pub(super) struct Reader {
    pub(super) conn: Connection,
    pub(super) path: PathBuf,
    /// Shared by all readers: whoever is free takes the next.
    pub(super) queue: Arc<Mutex<mpsc::Receiver<Box<dyn Job>>>>,
}

impl Reader {
    /// Works until every sender is gone and the queue is empty.
    pub(super) fn run(self) {
        while let Some(mut job) = self.next() {
            if let Err(error) = read(&self.conn, &self.path, job.as_mut()) {
                job.fail(error);
            }
            job.answer();
        }
    }

    fn next(&self) -> Option<Box<dyn Job>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv()
    }
}

/// One read in one snapshot.
pub(super) fn read(conn: &Connection, path: &Path, job: &mut dyn Job) -> Result<(), Error> {
    let doing = job.doing();
    let explain = |fault: super::fault::Fault| fault.explain(path, doing, Moment::Working);
    execute(conn, "BEGIN").map_err(explain)?;
    let mut tx = Tx { conn, woke: false };
    let read = match catch_unwind(AssertUnwindSafe(|| job.run(&mut tx))) {
        Ok(read) => read.map_err(explain),
        Err(_) => Err(Error::Fault { doing }),
    };
    if !conn.is_autocommit() {
        execute(conn, "ROLLBACK").map_err(explain)?;
    }
    read
}
