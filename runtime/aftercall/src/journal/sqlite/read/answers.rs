//! What people answered about the callers of a lane.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::super::{
    super::model::{AnswerKind, AnswerRow, CallSeq, LaneId},
    fault::Fault,
    row::Us,
};

/// Of `answers a JOIN calls c`, for [`row`].
const COLUMNS: &str = "a.call, c.id, a.number, a.kind, a.contact, a.other, a.identity, a.actor, a.reason, a.at";

fn row(row: &Row<'_>) -> rusqlite::Result<AnswerRow> {
    let kind: String = row.get(3)?;
    let kind: AnswerKind = kind.parse().map_err(|word: String| {
        rusqlite::Error::FromSqlConversionFailure(3, rusqlite::types::Type::Text, format!("`{word}` is no answer").into())
    })?;
    Ok(AnswerRow {
        call: row.get(0)?,
        call_id: row.get(1)?,
        number: row.get(2)?,
        kind,
        contact: row.get(4)?,
        other: row.get(5)?,
        identity: row.get(6)?,
        actor: row.get(7)?,
        reason: row.get(8)?,
        at: row.get::<_, Us>(9)?.0,
    })
}

/// The answers of a call, the last one last.
pub(crate) fn of_call(conn: &Connection, call: CallSeq) -> Result<Vec<AnswerRow>, Fault> {
    let sql = format!("SELECT {COLUMNS} FROM answers a JOIN calls c ON c.seq = a.call WHERE a.call = ?1 ORDER BY a.number");
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map([call], row)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The answer that counts of each call of a lane, oldest first.
pub(crate) fn of_lane(conn: &Connection, lane: LaneId) -> Result<Vec<AnswerRow>, Fault> {
    let sql = format!(
        "SELECT {COLUMNS} FROM answers a JOIN calls c ON c.seq = a.call
         WHERE c.lane = ?1 AND a.number = (SELECT max(number) FROM answers b WHERE b.call = a.call) ORDER BY a.at, a.call"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map([lane], row)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// See [`Journal::answers`](super::super::super::api::Journal::answers).
pub(crate) fn of_keys(conn: &Connection, keys: &[String]) -> Result<Vec<AnswerRow>, Fault> {
    let mut lanes: BTreeSet<LaneId> = BTreeSet::new();
    for key in keys {
        lanes.extend(
            conn.prepare_cached("SELECT lane FROM identities WHERE key = ?1")?
                .query_row(params![key], |row| row.get::<_, LaneId>(0))
                .optional()?,
        );
    }
    let mut all = Vec::new();
    for lane in lanes {
        all.extend(of_lane(conn, lane)?);
    }
    Ok(all)
}
