//! What can go wrong with the journal, in sentences that name the file and the way out.

use std::{io, path::PathBuf, sync::Arc};

use jiff::Timestamp;

use super::model::{CallStatus, LaneId};

/// A transaction that did not happen, or a journal that cannot be opened.
///
/// Cheap to clone: when a commit fails, every transaction in it gets the same error.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// More is queued than the writer takes: come back in a moment.
    #[error("the journal is busy: {queued} transactions are queued; try again in a moment")]
    Busy {
        /// How many the queue holds.
        queued: usize,
    },
    /// The lane has changed hands: whoever gets this is a ghost and has to drop everything.
    #[error("lane {lane} has changed hands; this worker no longer holds it")]
    Fenced {
        /// The lane.
        lane: LaneId,
    },
    /// A worker has the call in hand just now.
    #[error("call `{call}` is being worked until {until} at the latest; try again in a moment")]
    Leased {
        /// Id of the call.
        call: String,
        /// When the lease ends unless it is renewed.
        until: Timestamp,
    },
    /// It is not as it was when somebody decided about it.
    #[error("call `{call}` has changed since it was looked at: it is {status} now")]
    Changed {
        /// Id of the call.
        call: String,
        /// Where it stands.
        status: CallStatus,
    },
    /// It is not in the journal.
    #[error("the journal has no {what}")]
    NotFound {
        /// What was asked for.
        what: String,
    },
    /// Several call ids begin like that.
    #[error("`{prefix}` is the beginning of several call ids: {}", .candidates.join(", "))]
    AmbiguousPrefix {
        /// What was asked for.
        prefix: String,
        /// Some of them, at most five.
        candidates: Vec<String>,
    },
    /// Something of this name is there.
    #[error("there is a {what} already; choose another name, or change that one")]
    AlreadyThere {
        /// What it is, by its name.
        what: String,
    },
    /// Nobody would be left who may let people in.
    #[error("`{name}` is the only admin who is not kept out; make somebody else an admin first")]
    LastAdmin {
        /// The user.
        name: String,
    },
    /// Another process owns the file.
    #[error("{} is in use by process {pid}; stop it, or ask it over its own address, or give this one another journal", .path.display())]
    InUse {
        /// The journal.
        path: PathBuf,
        /// The process; `0` when its lock file does not say.
        pid: u32,
    },
    /// Another process has taken the file over although the lock should have kept it out (some network file systems).
    #[error(
        "{} was taken over by another process: file locks do not work on this file system; stop one of them and move the journal to a local disk",
        .path.display()
    )]
    Superseded {
        /// The journal.
        path: PathBuf,
    },
    /// The file was removed or replaced while it was open: what is committed now nobody would find again.
    #[error(
        "{} is gone, or another file stands in its place; nothing is taken in until the one that was there is put back or aftercall is started again",
        .path.display()
    )]
    Gone {
        /// The journal.
        path: PathBuf,
    },
    /// There is no such file.
    #[error("there is no journal at {}; it is made by `aftercall run` or `aftercall sync`", .path.display())]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// No space left.
    #[error("no space left for {}; free some on its disk. Nothing that was acknowledged is lost, and work goes on by itself", .path.display())]
    DiskFull {
        /// The journal.
        path: PathBuf,
    },
    /// Something outside of aftercall holds the database.
    #[error("{} is locked by another program (a backup? a database browser?); close it", .path.display())]
    Locked {
        /// The journal.
        path: PathBuf,
    },
    /// The file, its folder or its file system does not take writes, or the journal was opened for reading.
    #[error("{} cannot be written; check the owner and the rights of the file and of its folder", .path.display())]
    ReadOnly {
        /// The journal.
        path: PathBuf,
    },
    /// The database is damaged.
    #[error(
        "{} is damaged ({detail}); stop aftercall, keep the file and its `-wal`, and restore a backup or salvage it with `sqlite3 OLD .recover`",
        .path.display()
    )]
    Corrupt {
        /// The journal.
        path: PathBuf,
        /// What SQLite says.
        detail: String,
    },
    /// The file is something else.
    #[error("{} is not an aftercall journal ({detail}); give another path", .path.display())]
    NotAJournal {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        detail: String,
    },
    /// Written by a newer version.
    #[error(
        "{} was written by a newer aftercall (schema {found}, this one knows {known}); use that version, or a backup from before it",
        .path.display()
    )]
    NewerSchema {
        /// The journal.
        path: PathBuf,
        /// Its schema version.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// Opened for reading, and its schema is behind.
    #[error("{} has schema {found}, this aftercall reads {known}; start the service once, which brings it up to date", .path.display())]
    OlderSchema {
        /// The journal.
        path: PathBuf,
        /// Its schema version.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// A migration that was applied is not the one that we have: somebody built this program from changed files.
    #[error("migration {number} of {} differs from the one in this program; use the version that wrote the journal", .path.display())]
    ForeignMigration {
        /// The journal.
        path: PathBuf,
        /// Number of the migration.
        number: i64,
    },
    /// The file system said no.
    #[error("{doing} {}: {source}", .path.display())]
    Io {
        /// What was being done, as in `opening`.
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// What it said.
        source: Arc<io::Error>,
    },
    /// Reading or writing the disk failed under SQLite.
    #[error("the disk under {} does not read or write as it should ({detail}); look at the system log and the disk's health", .path.display())]
    Disk {
        /// The journal.
        path: PathBuf,
        /// What SQLite says.
        detail: String,
        /// Whether it failed while committing: the transaction may come to light again after a crash.
        committing: bool,
    },
    /// A stored value is not what its column holds: a damaged file, or a hand in it.
    #[error("{} holds a value that this version cannot read ({detail}); was it edited by hand?", .path.display())]
    Unreadable {
        /// The journal.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// Any other word of SQLite: a fault of ours.
    #[error("the journal could not {doing}: {source}")]
    Sql {
        /// The transaction.
        doing: &'static str,
        /// What SQLite says.
        source: Arc<rusqlite::Error>,
    },
    /// A transaction panicked: a fault of ours. It was rolled back, and the journal goes on.
    #[error("the journal failed inside while it wanted to {doing}; the log has the details")]
    Fault {
        /// The transaction.
        doing: &'static str,
    },
    /// The journal is closing.
    #[error("the journal is closed")]
    Closed,
}

impl Error {
    /// Whether the same transaction can succeed later without anyone's change to the config or the program.
    pub const fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Busy { .. } | Self::Leased { .. } | Self::DiskFull { .. } | Self::Locked { .. } | Self::Disk { .. } | Self::Gone { .. }
        )
    }

    /// Whether it is certain that nothing was written.
    pub const fn is_certain(&self) -> bool {
        !matches!(self, Self::Disk { committing: true, .. })
    }
}
