//! What is open, what went wrong lately, and whom it was told to.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row};

use super::super::{
    super::model::{AlertRow, DeadLetter, Lately, NoticeRow, Vitals},
    fault::Fault,
    row::{Us, count, limit, time},
};

/// See [`Upkeep::vitals`](super::super::super::upkeep::Upkeep::vitals).
pub(crate) fn vitals(conn: &Connection) -> Result<Vitals, Fault> {
    let number = |sql: &str| -> Result<u64, Fault> { Ok(conn.prepare_cached(sql)?.query_row([], |row| count(row, 0))?) };
    Ok(Vitals {
        waiting: number("SELECT count(*) FROM calls WHERE status = 'waiting'")?,
        oldest_waiting: super::queue::oldest_waiting(conn)?,
        dead: number("SELECT count(*) FROM calls INDEXED BY calls_status WHERE status IN ('dead', 'partial', 'held')")?,
        asking: number(
            "SELECT count(*) FROM calls c WHERE question IS NOT NULL AND NOT EXISTS (SELECT 1 FROM answers a WHERE a.call = c.seq)",
        )?,
        unrecognised: number("SELECT count(*) FROM payloads WHERE kind = 'unrecognised'")?,
        never_received: super::list::missing(conn)?,
    })
}

/// Calls of which something gave up since a moment, each once. What a person has resolved is nobody's trouble any more.
const DEAD: &str = "SELECT w.call FROM writes w JOIN calls c ON c.seq = w.call
     WHERE w.state = 'dead' AND w.state NOT IN ('applied', 'skipped') AND w.changed_at >= ?1 AND c.status <> 'resolved'
     UNION SELECT seq FROM calls WHERE status = 'dead' AND changed_at >= ?1";

/// See [`Upkeep::lately`](super::super::super::upkeep::Upkeep::lately).
pub(crate) fn lately(conn: &Connection, since: Timestamp) -> Result<Lately, Fault> {
    let dead = conn.prepare_cached(&format!("SELECT count(*) FROM ({DEAD})"))?.query_row([Us(since)], |row| count(row, 0))?;
    let first = conn
        .prepare_cached(&format!(
            "SELECT c.id, w.connection, w.object, w.trouble_class, w.http_status
             FROM calls c LEFT JOIN writes w ON w.call = c.seq AND w.state = 'dead'
             WHERE c.seq IN ({DEAD}) ORDER BY coalesce(w.changed_at, c.changed_at), c.seq, w.position LIMIT 1"
        ))?
        .query_row([Us(since)], |row| {
            Ok(DeadLetter { call: row.get(0)?, connection: row.get(1)?, object: row.get(2)?, class: row.get(3)?, http_status: row.get(4)? })
        })
        .optional()?;
    let unrecognised = conn
        .prepare_cached("SELECT count(*) FROM payloads WHERE kind = 'unrecognised' AND received_at >= ?1")?
        .query_row([Us(since)], |row| count(row, 0))?;
    Ok(Lately { dead, first, unrecognised })
}

/// See [`Upkeep::alerts`](super::super::super::upkeep::Upkeep::alerts).
pub(crate) fn alerts(conn: &Connection) -> Result<Vec<AlertRow>, Fault> {
    let mut statement = conn.prepare_cached("SELECT name, since, quiet_since, told_at, said FROM alerts ORDER BY name")?;
    let rows = statement.query_map([], |row| {
        Ok(AlertRow {
            name: row.get(0)?,
            since: row.get::<_, Us>(1)?.0,
            quiet_since: time(row, 2)?,
            told_at: row.get::<_, Us>(3)?.0,
            said: row.get(4)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// See [`Upkeep::notices`](super::super::super::upkeep::Upkeep::notices).
pub(crate) fn notices(conn: &Connection, open: bool, max: usize) -> Result<Vec<NoticeRow>, Fault> {
    let which = if open { "WHERE done_at IS NULL ORDER BY id" } else { "ORDER BY id DESC" };
    let mut statement = conn.prepare_cached(&format!(
        "SELECT id, alert, notifier, kind, body, made_at, attempts, next_at, done_at, trouble FROM notices {which} LIMIT ?1"
    ))?;
    let rows = statement.query_map([limit(max)], notice)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn notice(row: &Row<'_>) -> rusqlite::Result<NoticeRow> {
    Ok(NoticeRow {
        id: row.get(0)?,
        alert: row.get(1)?,
        notifier: row.get(2)?,
        kind: row.get(3)?,
        body: row.get(4)?,
        made_at: row.get::<_, Us>(5)?.0,
        attempts: row.get(6)?,
        next_at: row.get::<_, Us>(7)?.0,
        done_at: time(row, 8)?,
        trouble: row.get(9)?,
    })
}

/// Configs that were kept before, and that neither a whole call nor the last accepted reload names.
pub(crate) fn unused_configs(conn: &Connection, before: Timestamp) -> Result<Vec<String>, Fault> {
    let old: Vec<String> = {
        let mut statement = conn.prepare_cached(
            "SELECT hash FROM configs WHERE kept_at < ?1
             AND hash NOT IN (SELECT version FROM reloads WHERE state = 'accepted' AND version IS NOT NULL ORDER BY id DESC LIMIT 8)",
        )?;
        let rows = statement.query_map([Us(before)], |row| row.get(0))?;
        rows.collect::<rusqlite::Result<_>>()?
    };
    if old.is_empty() {
        return Ok(old);
    }
    let mut statement = conn.prepare_cached("SELECT DISTINCT config_version FROM calls WHERE erased_at IS NULL")?;
    let used: std::collections::BTreeSet<String> = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    Ok(old.into_iter().filter(|hash| !used.contains(hash)).collect())
}
