//! A journal without threads: the same transactions over one connection in memory, each done where it is asked for.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::Connection;
use tokio::sync::{mpsc, watch};

use super::{super::error::Error, fault::Moment, open, queue::Job, reader, writer::Writer};

/// One connection that writes and reads.
pub(super) struct Inline {
    writer: Writer,
}

impl Inline {
    /// A new journal in memory, in the shape that a file would have.
    pub(super) fn open(now: Timestamp) -> Result<Self, Error> {
        let path = PathBuf::from(":memory:");
        let opened = || {
            let mut conn = Connection::open_in_memory()?;
            let epoch = open::set_up(&mut conn, &path, now)?;
            Ok((conn, epoch))
        };
        let (conn, epoch) = opened().map_err(|fault: super::fault::Fault| fault.explain(&path, "be opened", Moment::Working))?;
        let (_, queue) = mpsc::channel(1);
        Ok(Self { writer: Writer { conn, path, epoch, identity: None, queue, batch: 1, ready: watch::channel(0).0, lock: None } })
    }

    pub(super) fn path(&self) -> &Path {
        &self.writer.path
    }

    /// Whoever had it before is dead.
    pub(super) fn take_over(&mut self, now: Timestamp) -> Result<(), Error> {
        let path = self.writer.path.clone();
        let epoch = open::take_over(&mut self.writer.conn, now);
        self.writer.epoch = epoch.map_err(|fault| fault.explain(&path, "be opened", Moment::Working))?;
        Ok(())
    }

    /// One job in a transaction of its own, answered. Says whether a lane got something to do.
    pub(super) fn run(&mut self, mut job: Box<dyn Job>, writes: bool) -> bool {
        let ran = if writes {
            self.writer.commit(std::slice::from_mut(&mut job))
        } else {
            reader::read(&self.writer.conn, &self.writer.path, job.as_mut()).map(|()| false)
        };
        let woke = ran.unwrap_or_else(|error| {
            job.fail(error);
            false
        });
        job.answer();
        woke
    }
}
