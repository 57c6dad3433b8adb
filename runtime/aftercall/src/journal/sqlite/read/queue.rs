//! How the queue stands: what is due, what waits for a person, how much of everything there is.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter, types::Value};

use super::super::{
    super::model::{Counts, Unrecognised, WriteFilter, WriteRow, WriteState},
    fault::Fault,
    row::{Us, WRITE_COLUMNS, count, limit, time, write_row},
};

/// See [`Journal::next_due`](super::super::super::api::Journal::next_due).
pub(crate) fn next_due(conn: &Connection, now: Timestamp) -> Result<Option<Timestamp>, Fault> {
    let next = conn.prepare_cached("SELECT min(ready_at) FROM lanes WHERE ready_at IS NOT NULL")?.query_row([], |row| time(row, 0))?;
    Ok(next.map(|at| at.max(now)))
}

/// See [`Journal::parked`](super::super::super::api::Journal::parked).
pub(crate) fn parked(conn: &Connection) -> Result<BTreeMap<String, u64>, Fault> {
    let mut statement = conn.prepare_cached("SELECT connection, count(*) FROM parked INDEXED BY parked_connection GROUP BY connection")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, count(row, 1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// See [`Journal::counts`](super::super::super::api::Journal::counts).
pub(crate) fn counts(conn: &Connection) -> Result<Counts, Fault> {
    let mut counts = Counts::default();
    let mut statement = conn.prepare_cached("SELECT status, count(*) FROM calls GROUP BY status")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        counts.calls.insert(row.get(0)?, count(row, 1)?);
    }
    let mut statement =
        conn.prepare_cached("SELECT state, count(*) FROM writes WHERE state NOT IN ('applied', 'skipped') GROUP BY state")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        counts.open_writes.insert(row.get(0)?, count(row, 1)?);
    }
    counts.unrecognised =
        conn.prepare_cached("SELECT count(*) FROM payloads WHERE kind = 'unrecognised'")?.query_row([], |row| count(row, 0))?;
    counts.lanes_leased = conn
        .prepare_cached("SELECT count(*) FROM lanes INDEXED BY lanes_ready WHERE ready_at IS NOT NULL AND owner IS NOT NULL")?
        .query_row([], |row| count(row, 0))?;
    counts.oldest_waiting = oldest_waiting(conn)?;
    Ok(counts)
}

/// Since when the call waits that waits longest: since it came in, or since a person last did something about it. A call of last week that is
/// asked for again has not waited for a week. Of very many, the oldest are looked at.
pub(super) fn oldest_waiting(conn: &Connection) -> Result<Option<Timestamp>, Fault> {
    let mut statement = conn.prepare_cached(
        "SELECT min(since) FROM (
           SELECT max(c.received_at, coalesce((SELECT max(d.at) FROM deeds d WHERE d.call = c.id), 0)) AS since
           FROM calls c WHERE c.status = 'waiting' ORDER BY c.seq LIMIT 1000)",
    )?;
    Ok(statement.query_row([], |row| time(row, 0))?)
}

/// See [`Journal::writes`](super::super::super::api::Journal::writes).
pub(crate) fn writes(conn: &Connection, filter: &WriteFilter) -> Result<Vec<WriteRow>, Fault> {
    if filter.states.is_empty() {
        return Ok(Vec::new());
    }
    let marks = vec!["?"; filter.states.len()].join(", ");
    let mut sql = format!("SELECT {WRITE_COLUMNS} FROM writes WHERE state IN ({marks})");
    let mut values: Vec<Value> = filter.states.iter().map(|state| state.word().to_owned().into()).collect();
    if !filter.states.iter().any(|state| matches!(state, WriteState::Applied | WriteState::Skipped)) {
        // Says nothing new, but lets SQLite use the index of the open ones.
        sql.push_str(" AND state NOT IN ('applied', 'skipped')");
    }
    if let Some(connection) = &filter.connection {
        sql.push_str(" AND connection = ?");
        values.push(connection.clone().into());
    }
    sql.push_str(" ORDER BY changed_at, call, position LIMIT ?");
    values.push(limit(filter.limit).into());
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(values), write_row)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// See [`Journal::payload`](super::super::super::api::Journal::payload).
pub(crate) fn payload(conn: &Connection, id: i64) -> Result<Option<Vec<u8>>, Fault> {
    let body: Option<Option<Vec<u8>>> =
        conn.prepare_cached("SELECT body FROM payloads WHERE id = ?1")?.query_row([id], |row| row.get(0)).optional()?;
    Ok(body.flatten())
}

/// See [`Journal::unrecognised`](super::super::super::api::Journal::unrecognised).
pub(crate) fn unrecognised(conn: &Connection, max: usize) -> Result<Vec<Unrecognised>, Fault> {
    let mut statement = conn.prepare_cached(
        "SELECT id, source, event_key, reason, received_at, body FROM payloads
         WHERE kind = 'unrecognised' ORDER BY id DESC LIMIT ?1",
    )?;
    let rows = statement.query_map(params![limit(max)], |row| {
        Ok(Unrecognised {
            id: row.get(0)?,
            source: row.get(1)?,
            event_key: row.get(2)?,
            reason: row.get::<_, Option<String>>(3)?.unwrap_or_default(),
            received_at: row.get::<_, Us>(4)?.0,
            body: row.get::<_, Option<Vec<u8>>>(5)?.unwrap_or_default(),
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
