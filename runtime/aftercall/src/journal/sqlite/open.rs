//! Opening a journal: the file, the lock, the pragmas, the migrations, and the take-over from whoever had it before.

use std::{
    fs::{File, OpenOptions},
    io::ErrorKind,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, TransactionBehavior, config::DbConfig, params};

use super::{
    super::error::Error,
    fault::{Fault, Moment, io_error},
    lock::{Lock, beside, private},
    migrate,
    queue::Tx,
    row::Us,
    write,
};

/// Where a journal is and how it is run.
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    /// The database file; `-wal`, `-shm` and `.lock` stand beside it. A local disk, not a network file system.
    pub path: PathBuf,
    /// How many transactions may wait for the writer before intake is told to come back. 1,024 is about a tenth of a
    /// second of work.
    pub queue: usize,
    /// At most so many transactions share one commit. 256 keeps a commit in the low milliseconds.
    pub batch: usize,
    /// Threads that read, at least 1.
    pub readers: usize,
    /// How long to wait for a program outside of aftercall that holds the database.
    pub busy_timeout: Duration,
}

impl SqliteOptions {
    /// The usual ones, at this path.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), queue: 1024, batch: 256, readers: 2, busy_timeout: Duration::from_secs(5) }
    }
}

/// A journal that is ours, ready for its threads.
pub(super) struct Opened {
    pub(super) path: PathBuf,
    pub(super) writer: Connection,
    pub(super) readers: Vec<Connection>,
    pub(super) epoch: i64,
    pub(super) lock: Lock,
}

/// Opens for writing: makes the file and its folder if need be, and voids what earlier processes held.
pub(super) fn open(options: &SqliteOptions, now: Timestamp) -> Result<Opened, Error> {
    let path = make(&options.path)?;
    let lock = Lock::take(&path)?;
    // Before SQLite makes a log: without one, what stands in the file is all there is.
    let whole = beside(&path, "-wal").metadata().map_or(0, |log| log.len()) == 0;
    let opened = || -> Result<_, Fault> {
        let mut writer = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        writer.busy_timeout(options.busy_timeout)?;
        // Before anything else changes the file: a newer version's journal must be left exactly as it is.
        if let migrate::Found::Journal(found) = migrate::look(&writer, &path)?
            && found > migrate::KNOWN
        {
            return Err(Error::NewerSchema { path: path.clone(), found, known: migrate::KNOWN }.into());
        }
        if whole {
            ends_with_a_page(&writer, &path)?;
        }
        if writer.is_readonly("main")? {
            return Err(Error::ReadOnly { path: path.clone() }.into());
        }
        let epoch = set_up(&mut writer, &path, now)?;
        let readers = (0..options.readers.max(1)).map(|_| reader(&path, options.busy_timeout)).collect::<Result<_, _>>()?;
        Ok((writer, readers, epoch))
    };
    let (writer, readers, epoch) = opened().map_err(|fault| fault.explain(&path, "be opened", Moment::Working))?;
    Ok(Opened { path, writer, readers, epoch, lock })
}

/// A file that ends within a page was cut short. SQLite itself takes the rest of the page for zeros, and notices when it comes there.
fn ends_with_a_page(conn: &Connection, path: &Path) -> Result<(), Fault> {
    let page: u64 = conn.query_row("PRAGMA page_size", [], |row| row.get::<_, i64>(0))?.unsigned_abs().max(512);
    let length = path.metadata().map_err(|source| io_error("looking at", path, source))?.len();
    if length.is_multiple_of(page) {
        return Ok(());
    }
    let detail = format!("it has {length} bytes and should end with a page of {page}");
    Err(Error::Corrupt { path: path.to_path_buf(), detail }.into())
}

/// Brings a connection that writes to the shape and the habits of a journal, and takes it over. Gives the new epoch.
pub(super) fn set_up(writer: &mut Connection, path: &Path, now: Timestamp) -> Result<i64, Fault> {
    migrate::migrate(writer, path, now)?;
    writer.pragma_update(None, "journal_mode", "WAL")?;
    // FULL: a commit that was answered survives the loss of power.
    writer.pragma_update(None, "synchronous", "FULL")?;
    writer.pragma_update(None, "foreign_keys", true)?;
    // A checkpoint costs two more syncs, so not at every megabyte; 4,000 pages are 16 MiB.
    writer.pragma_update(None, "wal_autocheckpoint", 4_000)?;
    writer.pragma_update(None, "journal_size_limit", 64 << 20)?;
    // What is deleted or overwritten must not stand in the file for somebody to find.
    writer.pragma_update(None, "secure_delete", true)?;
    common(writer, 16_000)?;
    take_over(writer, now)
}

/// Opens for reading, while a service runs or while none does. Nothing in the file is changed.
pub(super) fn open_read_only(path: &Path, readers: usize) -> Result<(PathBuf, Vec<Connection>), Error> {
    if !path.exists() {
        return Err(Error::Missing { path: path.to_path_buf() });
    }
    let path = canonical(path)?;
    let opened = || -> Result<_, Fault> {
        let connections = (0..readers.max(1)).map(|_| reader(&path, Duration::from_secs(5))).collect::<Result<Vec<_>, _>>()?;
        for conn in connections.iter().take(1) {
            migrate::readable(migrate::look(conn, &path)?, &path)?;
        }
        Ok(connections)
    };
    let connections = opened().map_err(|fault| fault.explain(&path, "be opened for reading", Moment::Working))?;
    Ok((path, connections))
}

/// A connection that cannot write.
fn reader(path: &Path, busy_timeout: Duration) -> Result<Connection, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let ordinary = || -> Result<Connection, Fault> {
        let conn = Connection::open_with_flags(path, flags)?;
        conn.busy_timeout(busy_timeout)?;
        conn.pragma_update(None, "query_only", true)?;
        common(&conn, 4_000)?;
        // Touches the file, so that trouble shows here and not at the first question.
        conn.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        Ok(conn)
    };
    ordinary().or_else(|fault| {
        // A database in WAL mode needs its `-shm` beside it, which a folder without write rights does not take. Where there
        // is no `-wal` either, nobody writes, and SQLite can be told that the file stands still.
        let still = beside(path, "-wal").metadata().map_or(true, |wal| wal.len() == 0);
        let refused = matches!(&fault, Fault::Sql(error) if matches!(
            error.sqlite_error_code(),
            Some(rusqlite::ErrorCode::CannotOpen | rusqlite::ErrorCode::ReadOnly)
        ));
        if !(still && refused) {
            return Err(fault);
        }
        let escaped = path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
        let conn = Connection::open_with_flags(format!("file:{escaped}?immutable=1"), flags | OpenFlags::SQLITE_OPEN_URI)?;
        common(&conn, 4_000)?;
        Ok(conn)
    })
}

/// What every connection has.
fn common(conn: &Connection, cache_kib: i64) -> Result<(), Fault> {
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    conn.pragma_update(None, "cache_size", -cache_kib)?;
    // Or SQLite plans a statement anew whenever a bound value could change its mind: 50 us for every claim.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // As many as there are statements: one that falls out of the cache costs more than the query it prepares.
    conn.set_prepared_statement_cache_capacity(256);
    Ok(())
}

/// A new epoch: leases of earlier processes are void at once, and what they were sending is in doubt.
pub(super) fn take_over(conn: &mut Connection, now: Timestamp) -> Result<i64, Fault> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    tx.execute("INSERT INTO epochs (pid, opened_at) VALUES (?1, ?2)", params![std::process::id(), Us(now)])?;
    let epoch = tx.last_insert_rowid();
    let voided = write::void_leases(&mut Tx { conn: &tx, woke: false }, now)?;
    tx.commit()?;
    if voided > 0 {
        tracing::info!(lanes = voided, "took over the lanes of the process before");
    }
    Ok(epoch)
}

/// Makes the file, for its owner alone, and gives its real path: two names of one file must meet in one lock.
fn make(path: &Path) -> Result<PathBuf, Error> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|source| io_error("making the folder", folder, source))?;
    }
    // Only where there is none: to open and close a database file beside SQLite would drop the locks that this process has
    // on it, should it be open here already.
    let fresh = match private(OpenOptions::new().write(true).create_new(true)).open(path) {
        Ok(_) => true,
        Err(source) if source.kind() == ErrorKind::AlreadyExists => false,
        Err(source) => return Err(io_error("making", path, source)),
    };
    let path = canonical(path)?;
    if fresh && let Some(folder) = path.parent() {
        // Or the loss of power could take the file's name, and with it all that was acknowledged.
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(|source| io_error("syncing", folder, source))?;
    }
    Ok(path)
}

fn canonical(path: &Path) -> Result<PathBuf, Error> {
    path.canonicalize().map_err(|source| io_error("looking for", path, source))
}
