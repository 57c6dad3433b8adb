//! A word to a journal that another process works, of a person or of a platform's list: one transaction from outside, and nothing else.
//!
//! SQLite lets one writer in after the other, and an intervention needs no lease of ours: it is refused while a worker has the call. Leases
//! and epochs are left alone, so the process that owns the journal goes on. It notices when it looks for due work the next time.

use std::{collections::BTreeSet, path::Path, time::Duration};

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::{
    super::{
        error::Error,
        model::{
            Accepted, AccessChange, Arrival, CallSeq, ConfigPart, Deed, Erased, Erasing, Intervention, Look, Lookup, NewReload, Recorded,
            SealedToken,
        },
    },
    fault::{Fault, Moment},
    migrate,
    queue::Tx,
    read, write,
};

/// Calls that are taken out in one transaction: intake waits for no longer than that.
const PORTION: usize = 50;
/// How often the log is tried to be emptied, and how long is waited in between.
const CHECKPOINTS: u32 = 50;
const CHECKPOINT_PAUSE: Duration = Duration::from_millis(100);

/// Does what a person asked, in a journal that a service has open. Blocks for the disk.
///
/// Errors: [`Error::Leased`] while a worker has the call (try again in a moment), [`Error::NotFound`], and those of opening.
pub fn intervene_beside(path: &Path, intervention: Intervention) -> Result<Recorded, Error> {
    beside(path, "record what a person decided", |tx| write::intervene(tx, intervention))
}

/// Takes in what a source has, into a journal that a service has open. Blocks for the disk. Errors: those of opening and of the disk.
pub fn accept_beside(path: &Path, arrivals: Vec<Arrival>) -> Result<Vec<Accepted>, Error> {
    beside(path, "take in calls", |tx| write::accept(tx, arrivals))
}

/// Keeps a config in a journal that a service has open. Blocks for the disk. Errors: those of opening and of the disk.
pub fn config_beside(path: &Path, hash: &str, parts: &[ConfigPart], now: Timestamp) -> Result<(), Error> {
    beside(path, "keep a config", |tx| write::config_put(tx, hash, parts, now))
}

/// Keeps a look-up in a journal that a service has open. Blocks for the disk. Errors: those of opening and of the disk.
pub fn lookup_beside(path: &Path, lookup: &Lookup) -> Result<(), Error> {
    beside(path, "keep a look-up", |tx| write::lookup_put(tx, lookup))
}

/// Puts a look at a platform's list on record in a journal that a service may have open. Blocks for the disk. Errors: those of opening and of the disk.
pub fn look_beside(path: &Path, look: &Look) -> Result<(), Error> {
    beside(path, "record a look at a list", |tx| write::look_put(tx, look))
}

/// Asks the service that has the journal open to read its config again. Gives the number under which it answers. Blocks for the disk.
///
/// Errors: those of opening and of the disk.
pub fn reload_beside(path: &Path, new: &NewReload) -> Result<i64, Error> {
    beside(path, "ask for a reload", |tx| write::reload_ask(tx, new))
}

/// Keeps a refresh token in a journal that another process may have open. Blocks for the disk. Errors: those of opening and of the disk.
pub fn token_beside(path: &Path, token: &SealedToken) -> Result<(), Error> {
    beside(path, "keep a refresh token", |tx| write::token_put(tx, token))
}

/// Changes who may look and act, in a journal that a service may have open; it counts from its next request on. Blocks for the disk.
///
/// Errors: those of [`Journal::access_put`](super::super::api::Journal::access_put), of opening and of the disk.
pub fn access_beside(path: &Path, change: AccessChange, deed: &Deed) -> Result<(), Error> {
    beside(path, "change who may come in", |tx| write::access_put(tx, change, deed))
}

/// Takes a person out of a journal, also while a service works it: small transactions, and in the end nothing of them in the log either. Blocks for
/// the disk, for as long as it takes to read every text once.
///
/// Errors: those of opening and of the disk. What was taken out until then is out; running it again goes on.
pub fn forget_beside(path: &Path, whom: &Erasing) -> Result<Erased, Error> {
    let work = || -> Result<Erased, Fault> {
        let mut conn = writing(path)?;
        let named = {
            let tx = conn.transaction()?;
            read::naming(&tx, whom)?
        };
        let mut erased = Erased { others: named.beside(), ..Erased::default() };
        let mut records = BTreeSet::new();
        for call in &named.calls {
            erased.calls.push(conn.query_row("SELECT id FROM calls WHERE seq = ?1", [call], |row| row.get(0))?);
            records.extend(write::remains(&conn, *call)?);
        }
        erased.records = records.into_iter().collect();
        let calls: Vec<CallSeq> = named.calls.iter().copied().collect();
        // Looking is taking out without a commit: so both say the same.
        for portion in calls.chunks(PORTION) {
            let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
            write::forget_calls(&mut Tx { conn: &tx, woke: false }, portion, whom.now, &mut erased)?;
            if whom.dry_run { tx.rollback()? } else { tx.commit()? }
        }
        if whom.dry_run {
            return Ok(erased);
        }
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        write::forget_others(&mut Tx { conn: &tx, woke: false }, &named)?;
        tx.commit()?;
        emptied(&conn)?;
        Ok(erased)
    };
    if !path.exists() {
        return Err(Error::Missing { path: path.to_path_buf() });
    }
    work().map_err(|fault| fault.explain(path, "take somebody out", Moment::Working))
}

/// Writes what stands in the log into the file and empties the log: old pages stand there as they were. A reader keeps it from that for moments.
fn emptied(conn: &Connection) -> Result<(), Fault> {
    for _ in 0..CHECKPOINTS {
        let busy: bool = conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        if !busy {
            return Ok(());
        }
        std::thread::sleep(CHECKPOINT_PAUSE);
    }
    tracing::warn!("the journal's log could not be emptied while the service reads; what was taken out leaves it with the next checkpoint");
    Ok(())
}

/// A connection that writes beside the service, and leaves nothing of what it deletes.
fn writing(path: &Path) -> Result<Connection, Fault> {
    let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    conn.busy_timeout(Duration::from_secs(5))?;
    migrate::readable(migrate::look(&conn, path)?, path)?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update(None, "foreign_keys", true)?;
    conn.pragma_update(None, "secure_delete", true)?;
    Ok(conn)
}

fn beside<T>(path: &Path, what: &'static str, change: impl FnOnce(&mut Tx<'_>) -> Result<T, Fault>) -> Result<T, Error> {
    if !path.exists() {
        return Err(Error::Missing { path: path.to_path_buf() });
    }
    let work = || -> Result<T, Fault> {
        let mut conn = writing(path)?;
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = change(&mut Tx { conn: &tx, woke: false })?;
        tx.commit()?;
        Ok(done)
    };
    work().map_err(|fault| fault.explain(path, what, Moment::Working))
}
