//! A word to a journal that another process works, of a person or of a platform's list: one transaction from outside, and nothing else.
//!
//! SQLite lets one writer in after the other, and an intervention needs no lease of ours: it is refused while a worker has the call. Leases
//! and epochs are left alone, so the process that owns the journal goes on. It notices when it looks for due work the next time.

use std::{path::Path, time::Duration};

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::{
    super::{
        error::Error,
        model::{Accepted, AccessChange, Arrival, Deed, Intervention, Lookup, NewReload, Recorded, SealedToken},
    },
    fault::{Fault, Moment},
    migrate,
    queue::Tx,
    write,
};

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

/// Keeps the text of a config in a journal that a service has open. Blocks for the disk. Errors: those of opening and of the disk.
pub fn config_beside(path: &Path, hash: &str, text: &str, now: Timestamp) -> Result<(), Error> {
    beside(path, "keep a config", |tx| write::config_put(tx, hash, text, now))
}

/// Keeps a look-up in a journal that a service has open. Blocks for the disk. Errors: those of opening and of the disk.
pub fn lookup_beside(path: &Path, lookup: &Lookup) -> Result<(), Error> {
    beside(path, "keep a look-up", |tx| write::lookup_put(tx, lookup))
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

fn beside<T>(path: &Path, what: &'static str, change: impl FnOnce(&mut Tx<'_>) -> Result<T, Fault>) -> Result<T, Error> {
    if !path.exists() {
        return Err(Error::Missing { path: path.to_path_buf() });
    }
    let work = || -> Result<T, Fault> {
        let mut conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        conn.busy_timeout(Duration::from_secs(5))?;
        migrate::readable(migrate::look(&conn, path)?, path)?;
        conn.pragma_update(None, "synchronous", "FULL")?;
        conn.pragma_update(None, "foreign_keys", true)?;
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = change(&mut Tx { conn: &tx, woke: false })?;
        tx.commit()?;
        Ok(done)
    };
    work().map_err(|fault| fault.explain(path, what, Moment::Working))
}
