//! What was written, created, linked, booked and kept.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::super::{
    super::model::{Booking, Created, LaneId, LaneLink, Lookup, SealedToken, Written},
    fault::Fault,
    row::{Us, limit, time},
};

/// See [`Journal::written`](super::super::super::api::Journal::written).
pub(crate) fn written(conn: &Connection, connection: &str, object: &str, record_ids: &[String]) -> Result<Vec<Written>, Fault> {
    let mut statement = conn.prepare_cached(
        "SELECT f.record_id, f.field, f.value, c.id, f.call_started_at, f.config_version, f.written_at
         FROM fields_written f JOIN calls c ON c.seq = f.call
         WHERE f.connection = ?1 AND f.object = ?2 AND f.record_id = ?3 ORDER BY f.field",
    )?;
    let mut all = Vec::new();
    for id in record_ids {
        let rows = statement.query_map(params![connection, object, id], |row| {
            Ok(Written {
                record_id: row.get(0)?,
                field: row.get(1)?,
                value: row.get(2)?,
                call: row.get(3)?,
                call_started_at: time(row, 4)?,
                config_version: row.get(5)?,
                written_at: row.get::<_, Us>(6)?.0,
            })
        })?;
        for row in rows {
            all.push(row?);
        }
    }
    Ok(all)
}

/// See [`Journal::recent_created`](super::super::super::api::Journal::recent_created).
pub(crate) fn recent_created(conn: &Connection, connection: &str, object: &str, since: Timestamp) -> Result<Vec<Created>, Fault> {
    let mut statement = conn.prepare_cached(
        "SELECT connection, object, record_id, identity, created_at FROM created
         WHERE connection = ?1 AND object = ?2 AND created_at >= ?3 ORDER BY created_at, record_id",
    )?;
    let rows = statement.query_map(params![connection, object, Us(since)], |row| {
        Ok(Created {
            connection: row.get(0)?,
            object: row.get(1)?,
            record_id: row.get(2)?,
            identity: row.get(3)?,
            created_at: row.get::<_, Us>(4)?.0,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// What the caller of a lane is known to be.
pub(crate) fn links(conn: &Connection, lane: LaneId) -> Result<Vec<LaneLink>, Fault> {
    let mut statement =
        conn.prepare_cached("SELECT lane, connection, record, noted_at FROM lane_links WHERE lane = ?1 ORDER BY connection")?;
    let rows = statement.query_map([lane], |row| {
        Ok(LaneLink { lane: row.get(0)?, connection: row.get(1)?, record: row.get(2)?, noted_at: row.get::<_, Us>(3)?.0 })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// See [`Journal::lane_links`](super::super::super::api::Journal::lane_links).
pub(crate) fn links_of_keys(conn: &Connection, keys: &[String]) -> Result<Vec<LaneLink>, Fault> {
    let mut lanes = std::collections::BTreeSet::new();
    for key in keys {
        let lane: Option<LaneId> =
            conn.prepare_cached("SELECT lane FROM identities WHERE key = ?1")?.query_row([key], |row| row.get(0)).optional()?;
        lanes.extend(lane);
    }
    let mut all = Vec::new();
    for lane in lanes {
        all.extend(links(conn, lane)?);
    }
    Ok(all)
}

/// See [`Journal::booked`](super::super::super::api::Journal::booked).
pub(crate) fn booked(conn: &Connection, resource: &str, from: Timestamp, to: Timestamp) -> Result<Vec<Booking>, Fault> {
    let mut statement = conn.prepare_cached(
        "SELECT s.resource, s.starts_at, s.ends_at, c.id, s.write FROM slots s JOIN calls c ON c.seq = s.call
         WHERE s.resource = ?1 AND s.ends_at > ?2 AND s.starts_at < ?3 ORDER BY s.starts_at, s.ends_at",
    )?;
    let rows = statement.query_map(params![resource, Us(from), Us(to)], booking)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Resource, start, end, call id, write.
pub(super) fn booking(row: &rusqlite::Row<'_>) -> rusqlite::Result<Booking> {
    Ok(Booking {
        resource: row.get(0)?,
        starts_at: row.get::<_, Us>(1)?.0,
        ends_at: row.get::<_, Us>(2)?.0,
        call: row.get(3)?,
        write: row.get(4)?,
    })
}

/// See [`Journal::peek_turn`](super::super::super::api::Journal::peek_turn).
pub(crate) fn peek_turn(conn: &Connection, route: &str, call: &str) -> Result<(i64, bool), Fault> {
    let mut statement = conn.prepare_cached("SELECT turn FROM turns WHERE route = ?1 AND call = ?2")?;
    if let Some(taken) = statement.query_row([route, call], |row| row.get(0)).optional()? {
        return Ok((taken, true));
    }
    let next: Option<i64> =
        conn.prepare_cached("SELECT next FROM routes WHERE route = ?1")?.query_row([route], |row| row.get(0)).optional()?;
    Ok((next.unwrap_or(0), false))
}

/// See [`Journal::lookup_get`](super::super::super::api::Journal::lookup_get).
pub(crate) fn lookup_get(conn: &Connection, connection: &str, kind: &str, key: &str) -> Result<Option<Lookup>, Fault> {
    Ok(conn
        .prepare_cached("SELECT connection, kind, key, value, fetched_at FROM lookups WHERE connection = ?1 AND kind = ?2 AND key = ?3")?
        .query_row([connection, kind, key], |row| {
            Ok(Lookup {
                connection: row.get(0)?,
                kind: row.get(1)?,
                key: row.get(2)?,
                value: row.get(3)?,
                fetched_at: row.get::<_, Us>(4)?.0,
            })
        })
        .optional()?)
}

/// See [`Journal::token_get`](super::super::super::api::Journal::token_get).
pub(crate) fn token_get(conn: &Connection, connection: &str) -> Result<Option<SealedToken>, Fault> {
    let mut statement = conn.prepare_cached("SELECT origin, sealed, saved_at FROM tokens WHERE connection = ?1")?;
    let found = statement.query_row([connection], |row| {
        Ok(SealedToken { connection: connection.to_owned(), origin: row.get(0)?, sealed: row.get(1)?, saved_at: row.get::<_, Us>(2)?.0 })
    });
    Ok(found.optional()?)
}

/// See [`Journal::people_find`](super::super::super::api::Journal::people_find).
pub(crate) fn people_find(conn: &Connection, connection: &str, keys: &[i64], limit: usize) -> Result<Vec<String>, Fault> {
    let mut statement = conn.prepare_cached("SELECT id FROM people WHERE connection = ?1 AND key = ?2")?;
    let mut hits: std::collections::BTreeMap<String, usize> = std::collections::BTreeMap::new();
    for key in keys {
        for id in statement.query_map(params![connection, key], |row| row.get::<_, String>(0))? {
            *hits.entry(id?).or_default() += 1;
        }
    }
    let mut found: Vec<(String, usize)> = hits.into_iter().collect();
    found.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    Ok(found.into_iter().take(limit).map(|(id, _)| id).collect())
}

/// See [`Journal::versions`](super::super::super::api::Journal::versions).
pub(crate) fn versions(conn: &Connection, prefix: &str, most: usize) -> Result<Vec<String>, Fault> {
    // Above every version that goes on after the prefix: there is no higher character.
    let end = format!("{prefix}\u{10FFFF}");
    let mut statement = conn.prepare_cached("SELECT hash FROM configs WHERE hash >= ?1 AND hash < ?2 ORDER BY hash LIMIT ?3")?;
    let rows = statement.query_map(params![prefix, end, limit(most)], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// See [`Journal::config_get`](super::super::super::api::Journal::config_get).
pub(crate) fn config_get(conn: &Connection, hash: &str) -> Result<Option<Vec<String>>, Fault> {
    let mut known = conn.prepare_cached("SELECT 1 FROM configs WHERE hash = ?1")?;
    if !known.exists([hash])? {
        return Ok(None);
    }
    let mut parts = conn.prepare_cached(
        "SELECT p.text FROM configs c, json_each(c.parts) one JOIN config_parts p ON p.digest = one.value WHERE c.hash = ?1 ORDER BY one.key",
    )?;
    let rows = parts.query_map([hash], |row| row.get(0))?;
    Ok(Some(rows.collect::<rusqlite::Result<_>>()?))
}
