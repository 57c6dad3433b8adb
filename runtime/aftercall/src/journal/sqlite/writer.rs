//! The one thread that writes: it takes what is queued, commits it at once, and answers after the disk has it.
//!
//! One `fdatasync` carries up to a whole batch. Each transaction runs in its own savepoint, so that one that fails takes
//! nothing with it but itself.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    time::Instant,
};

use rusqlite::Connection;
use tokio::sync::{mpsc, watch};

use super::{
    super::error::Error,
    fault::{Fault, Moment},
    lock::Lock,
    queue::{Job, Tx},
};
use crate::meters::meters;

/// What the writer thread owns.
pub(super) struct Writer {
    pub(super) conn: Connection,
    pub(super) path: PathBuf,
    /// The row of `epochs` that says the file is ours.
    pub(super) epoch: i64,
    pub(super) queue: mpsc::Receiver<Box<dyn Job>>,
    /// Which file it is, where the platform tells: its name may come to mean another, or none.
    pub(super) identity: Option<(u64, u64)>,
    /// At most so many transactions in one commit.
    pub(super) batch: usize,
    pub(super) ready: watch::Sender<u64>,
    /// Held as long as the thread lives: the file is free only after the last commit. Memory has none.
    pub(super) lock: Option<Lock>,
}

impl Writer {
    /// Works until every sender is gone and the queue is empty.
    pub(super) fn run(mut self) {
        let mut batch: Vec<Box<dyn Job>> = Vec::with_capacity(self.batch);
        while self.queue.blocking_recv_many(&mut batch, self.batch) > 0 {
            let begun = Instant::now();
            let committed = self.commit(&mut batch);
            meters().journal_seconds.took(&[], begun.elapsed().as_secs_f64());
            match committed {
                Ok(true) => self.ready.send_modify(|count| *count += 1),
                Ok(false) => {}
                Err(error) => {
                    tracing::error!(transactions = batch.len(), %error, "the journal could not commit");
                    meters().journal_failures.add(&[], 1);
                    for job in &mut batch {
                        job.fail(error.clone());
                    }
                }
            }
            for job in batch.drain(..) {
                job.answer();
            }
        }
        if let Err((_, error)) = self.conn.close() {
            tracing::warn!(%error, "the journal did not close cleanly; it will recover when it is opened next");
        }
        drop(self.lock);
    }

    /// Runs a batch and commits it. `Ok` says whether a lane got something to do; after `Err` nothing of it stands.
    pub(super) fn commit(&mut self, batch: &mut [Box<dyn Job>]) -> Result<bool, Error> {
        let path = &self.path;
        let worked = |error: Fault| error.explain(path, "commit", Moment::Working);
        execute(&self.conn, "BEGIN IMMEDIATE").map_err(worked)?;
        let mut woke = false;
        let ran = self.still_ours().and_then(|()| {
            for job in batch {
                woke |= run_one(&self.conn, job.as_mut(), path)?;
            }
            Ok(())
        });
        let ended = match ran {
            Ok(()) => execute(&self.conn, "COMMIT").map_err(|error| error.explain(path, "commit", Moment::Committing)),
            Err(error) => Err(error),
        };
        // Some failures end the transaction themselves, others leave it open.
        if ended.is_err() && !self.conn.is_autocommit() {
            execute(&self.conn, "ROLLBACK").map_err(worked)?;
        }
        ended.map(|()| woke)
    }

    /// The lock keeps other processes out; where locks do nothing, the epoch row still tells.
    fn still_ours(&self) -> Result<(), Error> {
        if self.identity.is_some() && identity(&self.path) != self.identity {
            return Err(Error::Gone { path: self.path.clone() });
        }
        let last: rusqlite::Result<i64> = self
            .conn
            .prepare_cached("SELECT epoch FROM epochs ORDER BY epoch DESC LIMIT 1")
            .and_then(|mut statement| statement.query_row([], |row| row.get(0)));
        match last {
            Ok(epoch) if epoch == self.epoch => Ok(()),
            Ok(_) => Err(Error::Superseded { path: self.path.clone() }),
            Err(error) => Err(Fault::Sql(error).explain(&self.path, "look at its epoch", Moment::Working)),
        }
    }
}

/// Which file stands at a path: its device and number. `None` where there is none, or the platform does not tell.
pub(super) fn identity(path: &Path) -> Option<(u64, u64)> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        std::fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

/// Runs one job in its savepoint. `Err` means that the whole transaction is gone, not only this job.
fn run_one(conn: &Connection, job: &mut dyn Job, path: &Path) -> Result<bool, Error> {
    let doing = job.doing();
    let explain = |fault: Fault| fault.explain(path, doing, Moment::Working);
    execute(conn, "SAVEPOINT job").map_err(explain)?;
    let mut tx = Tx { conn, woke: false };
    // A fault of ours in one transaction must not end the thread that every other one depends on.
    let error = match catch_unwind(AssertUnwindSafe(|| job.run(&mut tx))) {
        Ok(Ok(())) => {
            execute(conn, "RELEASE job").map_err(explain)?;
            return Ok(tx.woke);
        }
        Ok(Err(fault)) => explain(fault),
        Err(_) => Error::Fault { doing },
    };
    // A full disk or a failing one can roll everything back on its own; then the jobs before this one are gone as well.
    if conn.is_autocommit() {
        return Err(error);
    }
    execute(conn, "ROLLBACK TO job").map_err(explain)?;
    execute(conn, "RELEASE job").map_err(explain)?;
    job.fail(error);
    Ok(false)
}

/// Runs a statement without parameters, prepared once.
pub(super) fn execute(conn: &Connection, sql: &str) -> Result<(), Fault> {
    conn.prepare_cached(sql)?.execute([])?;
    Ok(())
}
