//! Lanes: which one a caller's keys lead to, who holds it, and when it has something to do next.

use std::collections::BTreeSet;

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use super::super::{
    super::model::{CallSeq, CallStatus, LaneId},
    fault::Fault,
    queue::Tx,
    row::{Us, time},
};

/// Finds the lane of a caller, makes it, or makes one of several.
///
/// `keys` ascending and each once. `current` is the lane in which the call is already, when an amendment brings new keys.
/// Where the keys lead to several lanes they become the lowest of them, unless a worker holds one of those that would
/// have to move; then the call goes to the lowest (an amended one stays where it is) and the rest is left for another time.
pub(super) fn lane_of(tx: &mut Tx<'_>, keys: &[String], current: Option<LaneId>) -> Result<LaneId, Fault> {
    let mut lanes: BTreeSet<LaneId> = current.into_iter().collect();
    let mut missing = Vec::new();
    for key in keys {
        let lane: Option<LaneId> =
            tx.conn.prepare_cached("SELECT lane FROM identities WHERE key = ?1")?.query_row([key], |row| row.get(0)).optional()?;
        match lane {
            Some(lane) => drop(lanes.insert(lane)),
            None => missing.push(key),
        }
    }
    let lane = match lanes.pop_first() {
        None => {
            tx.conn.prepare_cached("INSERT INTO lanes DEFAULT VALUES")?.execute([])?;
            LaneId(tx.conn.last_insert_rowid())
        }
        Some(lowest) => {
            let mut held = false;
            for lane in &lanes {
                held |= is_held(tx, *lane)?;
            }
            if held {
                current.unwrap_or(lowest)
            } else {
                for lane in lanes {
                    merge(tx, lane, lowest)?;
                }
                lowest
            }
        }
    };
    for key in missing {
        tx.conn.prepare_cached("INSERT INTO identities (key, lane) VALUES (?1, ?2)")?.execute(params![key, lane])?;
    }
    Ok(lane)
}

/// Whether a worker holds the lane. A lease that ran out counts until somebody takes it over.
pub(super) fn is_held(tx: &Tx<'_>, lane: LaneId) -> Result<bool, Fault> {
    Ok(tx.conn.prepare_cached("SELECT owner IS NOT NULL FROM lanes WHERE id = ?1")?.query_row([lane], |row| row.get(0))?)
}

/// Moves everything of `from` into `into`. Nobody holds `from`; whoever asks for the lane hurries it afterwards.
fn merge(tx: &mut Tx<'_>, from: LaneId, into: LaneId) -> Result<(), Fault> {
    for sql in [
        "UPDATE identities SET lane = ?2 WHERE lane = ?1",
        "UPDATE calls SET lane = ?2 WHERE lane = ?1",
        // Where both are known, the lane that stays keeps its own: it is the one that calls are worked with.
        "INSERT OR IGNORE INTO lane_links (lane, connection, record, noted_at)
         SELECT ?2, connection, record, noted_at FROM lane_links WHERE lane = ?1",
    ] {
        tx.conn.prepare_cached(sql)?.execute(params![from, into])?;
    }
    tx.conn.prepare_cached("DELETE FROM lane_links WHERE lane = ?1")?.execute([from])?;
    // The row stays, so that its number is never given again: a ghost may still hold a guard of it.
    tx.conn
        .prepare_cached("UPDATE lanes SET ready_at = NULL, fence = fence + 1, merged_into = ?2 WHERE id = ?1")?
        .execute(params![from, into])?;
    Ok(())
}

/// A call that stands in line.
pub(super) struct InLine {
    pub(super) seq: CallSeq,
    pub(super) status: CallStatus,
    pub(super) next_at: Option<Timestamp>,
}

/// The calls of a lane that can be worked now or later, in order: up to the first that blocks, and that one included.
/// `enough` ends the walk early.
pub(super) fn line(tx: &Tx<'_>, lane: LaneId, mut enough: impl FnMut(&InLine) -> bool) -> Result<Option<InLine>, Fault> {
    // Left to itself SQLite reads all calls of the lane, and a robot dialler has thousands.
    let mut statement = tx.conn.prepare_cached(
        "SELECT seq, status, next_at, blocks_lane FROM calls INDEXED BY calls_line
         WHERE lane = ?1 AND (status = 'waiting' OR blocks_lane = 1) ORDER BY seq",
    )?;
    let mut rows = statement.query([lane])?;
    while let Some(row) = rows.next()? {
        let call = InLine { seq: row.get(0)?, status: row.get(1)?, next_at: time(row, 2)? };
        let blocks: bool = row.get(3)?;
        if call.status == CallStatus::Waiting && enough(&call) {
            return Ok(Some(call));
        }
        if blocks {
            break;
        }
    }
    Ok(None)
}

/// When the lane has something to do: never before `now`, so that a lane with much to do goes to the back of the queue.
pub(super) fn due(tx: &Tx<'_>, lane: LaneId, now: Timestamp) -> Result<Option<Timestamp>, Fault> {
    let mut earliest: Option<Timestamp> = None;
    line(tx, lane, |call| {
        if let Some(at) = call.next_at {
            let at = at.max(now);
            earliest = Some(earliest.map_or(at, |known| known.min(at)));
        }
        earliest == Some(now)
    })?;
    Ok(earliest)
}

/// Something new stands in the lane: it becomes ready when that is due, if that is sooner than it would be. While a worker
/// holds it nothing changes: giving it back looks at the whole line.
pub(super) fn hurry(tx: &mut Tx<'_>, lane: LaneId, now: Timestamp) -> Result<(), Fault> {
    if let Some(due) = due(tx, lane, now)? {
        let changed = tx
            .conn
            .prepare_cached(
                "UPDATE lanes SET ready_at = ?2
                 WHERE id = ?1 AND owner IS NULL AND (ready_at IS NULL OR ready_at > ?2)",
            )?
            .execute(params![lane, Us(due)])?;
        tx.woke |= changed > 0;
    }
    Ok(())
}

/// Nobody holds the lane any more: it is ready when the first of its line is due.
pub(super) fn set_free(tx: &mut Tx<'_>, lane: LaneId, now: Timestamp) -> Result<(), Fault> {
    let due = due(tx, lane, now)?;
    tx.conn
        .prepare_cached("UPDATE lanes SET owner = NULL, lease_until = 0, ready_at = ?2 WHERE id = ?1")?
        .execute(params![lane, due.map(Us)])?;
    tx.woke |= due.is_some();
    Ok(())
}
