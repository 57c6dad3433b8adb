//! Bringing a journal to the shape that this version knows, one numbered file after another, all in one transaction.
//!
//! A file that was released never changes; its checksum is kept and compared.

use std::path::Path;

use jiff::Timestamp;
use rusqlite::{Connection, params};
use sha2::{Digest, Sha256};

use super::{super::error::Error, fault::Fault, row::Us};

/// Number, name and text of every migration, ascending.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "journal", include_str!("migrations/0001_journal.sql")),
    (2, "reviews", include_str!("migrations/0002_reviews.sql")),
    (3, "people", include_str!("migrations/0003_people.sql")),
    (4, "parked", include_str!("migrations/0004_parked.sql")),
    (5, "tokens", include_str!("migrations/0005_tokens.sql")),
    (6, "reloads", include_str!("migrations/0006_reloads.sql")),
    (7, "log", include_str!("migrations/0007_log.sql")),
    (8, "access", include_str!("migrations/0008_access.sql")),
    (9, "signals", include_str!("migrations/0009_signals.sql")),
    (10, "parts", include_str!("migrations/0010_parts.sql")),
    (11, "lists", include_str!("migrations/0011_lists.sql")),
];

/// Marks the file as ours: "ACJ1" in the header.
const APPLICATION_ID: i64 = 0x4143_4A31;

/// The schema version that this program reads and writes.
pub(super) const KNOWN: i64 = MIGRATIONS[MIGRATIONS.len() - 1].0;

/// What a database file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing in it yet.
    Empty,
    /// A journal of this schema version.
    Journal(i64),
}

/// Looks what the file is. Errors: [`Error::NotAJournal`] for a database of another program.
pub(super) fn look(conn: &Connection, path: &Path) -> Result<Found, Fault> {
    let id: i64 = conn.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let tables: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    match (id, tables) {
        (APPLICATION_ID, 1..) => {
            Ok(Found::Journal(conn.query_row("SELECT coalesce(max(number), 0) FROM migrations", [], |row| row.get(0))?))
        }
        (0 | APPLICATION_ID, 0) => Ok(Found::Empty),
        _ => Err(Error::NotAJournal { path: path.to_path_buf(), detail: "it is the SQLite database of another program".to_owned() }.into()),
    }
}

/// Refuses a journal that this program cannot read as it stands.
pub(super) fn readable(found: Found, path: &Path) -> Result<(), Fault> {
    let path = path.to_path_buf();
    match found {
        Found::Empty => Err(Error::Missing { path }.into()),
        Found::Journal(found) if found > KNOWN => Err(Error::NewerSchema { path, found, known: KNOWN }.into()),
        Found::Journal(found) if found < KNOWN => Err(Error::OlderSchema { path, found, known: KNOWN }.into()),
        Found::Journal(_) => Ok(()),
    }
}

/// Applies what is missing. Errors: [`Error::NewerSchema`], [`Error::ForeignMigration`]; then nothing was changed.
pub(super) fn migrate(conn: &mut Connection, path: &Path, now: Timestamp) -> Result<(), Fault> {
    migrate_with(conn, path, now, MIGRATIONS)
}

/// Brings it to the shape of an older version.
#[cfg(test)]
pub(super) fn migrate_to(conn: &mut Connection, path: &Path, now: Timestamp, version: usize) -> Result<(), Fault> {
    migrate_with(conn, path, now, &MIGRATIONS[..version])
}

fn migrate_with(conn: &mut Connection, path: &Path, now: Timestamp, all: &[(i64, &str, &str)]) -> Result<(), Fault> {
    let found = look(conn, path)?;
    if found == Found::Empty {
        // Only an empty file takes this one. It lets a later purge give space back without rewriting the file.
        conn.execute_batch("PRAGMA auto_vacuum = INCREMENTAL")?;
    }
    let tx = conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    tx.execute_batch(&format!(
        "PRAGMA application_id = {APPLICATION_ID};
         CREATE TABLE IF NOT EXISTS migrations (
           number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at INTEGER NOT NULL
         );"
    ))?;
    let applied: Vec<(i64, String)> = tx
        .prepare("SELECT number, checksum FROM migrations ORDER BY number")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let known = all.last().map_or(0, |(number, ..)| *number);
    if let Some((found, _)) = applied.last().filter(|(number, _)| *number > known) {
        return Err(Error::NewerSchema { path: path.to_path_buf(), found: *found, known }.into());
    }
    for (number, name, text) in all {
        let checksum = checksum(text);
        match applied.iter().find(|(applied, _)| applied == number) {
            Some((_, had)) if *had == checksum => {}
            Some(_) => return Err(Error::ForeignMigration { path: path.to_path_buf(), number: *number }.into()),
            None => {
                tx.execute_batch(text)?;
                tx.execute(
                    "INSERT INTO migrations (number, name, checksum, applied_at) VALUES (?1, ?2, ?3, ?4)",
                    params![number, name, checksum, Us(now)],
                )?;
            }
        }
    }
    Ok(tx.commit()?)
}

fn checksum(text: &str) -> String {
    use std::fmt::Write as _;
    Sha256::digest(text.as_bytes()).iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use rusqlite::Connection;

    use super::{super::super::error::Error, Fault, Found, look, migrate_with};

    type Files = &'static [(i64, &'static str, &'static str)];

    const ONE: Files = &[(1, "one", "CREATE TABLE a (x);")];
    const TWO: Files = &[(1, "one", "CREATE TABLE a (x);"), (2, "two", "CREATE TABLE b (x); INSERT INTO b VALUES (1);")];
    const CHANGED: Files = &[(1, "one", "CREATE TABLE a (y);")];
    const BROKEN: Files = &[ONE[0], (2, "two", "CREATE TABLE c (x); CREATE TABLE a (x);")];

    fn bring(conn: &mut Connection, files: Files) -> Result<(), Fault> {
        migrate_with(conn, "journal.db".as_ref(), Timestamp::UNIX_EPOCH, files)
    }

    fn found(conn: &Connection) -> Found {
        look(conn, "journal.db".as_ref()).expect("a journal")
    }

    #[test]
    fn each_file_is_applied_once() -> Result<(), Fault> {
        let mut conn = Connection::open_in_memory()?;
        assert_eq!(found(&conn), Found::Empty);
        for (files, version) in [(ONE, 1), (ONE, 1), (TWO, 2), (TWO, 2)] {
            bring(&mut conn, files)?;
            assert_eq!(found(&conn), Found::Journal(version));
        }
        let rows: i64 = conn.query_row("SELECT count(*) FROM b", [], |row| row.get(0))?;
        assert_eq!(rows, 1);
        Ok(())
    }

    #[test]
    fn what_does_not_fit_changes_nothing() -> Result<(), Fault> {
        let mut conn = Connection::open_in_memory()?;
        bring(&mut conn, ONE)?;
        let refused = bring(&mut conn, CHANGED);
        assert!(matches!(refused, Err(Fault::Said(Error::ForeignMigration { number: 1, .. }))), "{refused:?}");
        assert!(matches!(bring(&mut conn, BROKEN), Err(Fault::Sql(_))));
        assert_eq!(found(&conn), Found::Journal(1));
        assert!(conn.prepare("SELECT * FROM c").is_err(), "a file is applied whole or not at all");
        bring(&mut conn, TWO)?;
        let refused = bring(&mut conn, ONE);
        assert!(matches!(refused, Err(Fault::Said(Error::NewerSchema { found: 2, known: 1, .. }))), "{refused:?}");
        Ok(())
    }
}
