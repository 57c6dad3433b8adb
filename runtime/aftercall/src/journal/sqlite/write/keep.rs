//! Small things kept: turns, look-ups, configs.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use super::super::{
    super::model::{ConfigPart, Lookup, SealedToken},
    fault::Fault,
    queue::Tx,
    row::Us,
};

/// See [`Journal::take_turn`](super::super::super::api::Journal::take_turn).
pub(crate) fn take_turn(tx: &mut Tx<'_>, route: &str, call: &str) -> Result<i64, Fault> {
    let taken: Option<i64> = tx
        .conn
        .prepare_cached("SELECT turn FROM turns WHERE route = ?1 AND call = ?2")?
        .query_row([route, call], |row| row.get(0))
        .optional()?;
    if let Some(turn) = taken {
        return Ok(turn);
    }
    let next: i64 = tx
        .conn
        .prepare_cached(
            "INSERT INTO routes (route, next) VALUES (?1, 1) ON CONFLICT (route) DO UPDATE SET next = next + 1
             RETURNING next",
        )?
        .query_row([route], |row| row.get(0))?;
    tx.conn.prepare_cached("INSERT INTO turns (route, call, turn) VALUES (?1, ?2, ?3)")?.execute(params![route, call, next - 1])?;
    Ok(next - 1)
}

/// See [`Journal::lookup_put`](super::super::super::api::Journal::lookup_put).
pub(crate) fn lookup_put(tx: &mut Tx<'_>, lookup: &Lookup) -> Result<(), Fault> {
    tx.conn
        .prepare_cached(
            "INSERT INTO lookups (connection, kind, key, value, fetched_at) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (connection, kind, key) DO UPDATE SET value = excluded.value, fetched_at = excluded.fetched_at",
        )?
        .execute(params![lookup.connection, lookup.kind, lookup.key, lookup.value, Us(lookup.fetched_at)])?;
    Ok(())
}

/// See [`Journal::token_put`](super::super::super::api::Journal::token_put).
pub(crate) fn token_put(tx: &mut Tx<'_>, token: &SealedToken) -> Result<(), Fault> {
    tx.conn
        .prepare_cached(
            "INSERT INTO tokens (connection, origin, sealed, saved_at) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (connection) DO UPDATE SET origin = excluded.origin, sealed = excluded.sealed, saved_at = excluded.saved_at",
        )?
        .execute(params![token.connection, token.origin, token.sealed, Us(token.saved_at)])?;
    Ok(())
}

/// See [`Journal::people_put`](super::super::super::api::Journal::people_put).
pub(crate) fn people_put(tx: &mut Tx<'_>, connection: &str, people: &[(String, Option<Vec<i64>>)]) -> Result<(), Fault> {
    let mut put = tx.conn.prepare_cached("INSERT OR IGNORE INTO people (connection, key, id) VALUES (?1, ?2, ?3)")?;
    let mut forget = tx.conn.prepare_cached("DELETE FROM people WHERE connection = ?1 AND id = ?2")?;
    for (id, keys) in people {
        match keys {
            Some(keys) => {
                for key in keys {
                    put.execute(params![connection, key, id])?;
                }
            }
            None => {
                forget.execute(params![connection, id])?;
            }
        }
    }
    Ok(())
}

/// See [`Journal::config_put`](super::super::super::api::Journal::config_put).
pub(crate) fn config_put(tx: &mut Tx<'_>, hash: &str, parts: &[ConfigPart], now: Timestamp) -> Result<(), Fault> {
    let digests: Vec<&str> = parts.iter().map(|part| &*part.digest).collect();
    let listed = serde_json::Value::from(digests).to_string();
    let mut put = tx.conn.prepare_cached("INSERT OR IGNORE INTO configs (hash, parts, kept_at) VALUES (?1, ?2, ?3)")?;
    if put.execute(params![hash, listed, Us(now)])? == 0 {
        return Ok(());
    }
    for part in parts {
        // Most are there: a text is handed over only where it is not.
        let known = tx.conn.prepare_cached("SELECT 1 FROM config_parts WHERE digest = ?1")?.exists([&part.digest])?;
        if !known {
            tx.conn.prepare_cached("INSERT INTO config_parts (digest, text) VALUES (?1, ?2)")?.execute([&part.digest, &part.text])?;
        }
    }
    Ok(())
}
