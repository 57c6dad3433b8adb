//! Holding lanes and letting go of them, and what that means for requests that are out.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};
use serde_json::json;

use super::{
    super::{
        super::{
            error::Error,
            model::{CallSeq, CallStatus, Guard, LaneId, WriteState},
        },
        fault::Fault,
        queue::Tx,
        row::Us,
    },
    lanes,
    record::event,
};
use crate::plant::{Plant, planted};

/// Fails unless the lane is in the hands that the guard speaks of.
pub(super) fn check(tx: &Tx<'_>, guard: Guard) -> Result<(), Fault> {
    let holds = tx
        .conn
        .prepare_cached("SELECT 1 FROM lanes WHERE id = ?1 AND fence = ?2 AND owner IS NOT NULL")?
        .query_row(params![guard.lane, guard.fence], |_| Ok(()))
        .optional()?;
    holds.ok_or_else(|| Error::Fenced { lane: guard.lane }.into())
}

/// See [`Journal::renew`](super::super::super::api::Journal::renew).
pub(crate) fn renew(tx: &mut Tx<'_>, guards: Vec<Guard>, until: Timestamp) -> Result<Vec<Guard>, Fault> {
    let mut lost = Vec::new();
    for guard in guards {
        let renewed = tx
            .conn
            .prepare_cached("UPDATE lanes SET lease_until = ?3, ready_at = ?3 WHERE id = ?1 AND fence = ?2 AND owner IS NOT NULL")?
            .execute(params![guard.lane, guard.fence, Us(until)])?;
        if renewed == 0 {
            lost.push(guard);
        }
    }
    Ok(lost)
}

/// See [`Journal::release`](super::super::super::api::Journal::release).
pub(crate) fn release(tx: &mut Tx<'_>, guard: Guard, now: Timestamp) -> Result<(), Fault> {
    check(tx, guard)?;
    let_go(tx, guard.lane, now)
}

/// Gives a lane back that is known to be in hand.
pub(super) fn let_go(tx: &mut Tx<'_>, lane: LaneId, now: Timestamp) -> Result<(), Fault> {
    doubt_lane(tx, lane, now, "lane_released")?;
    lanes::set_free(tx, lane, now)
}

/// Nobody is left who would hear the answers to this lane's requests.
pub(super) fn doubt_lane(tx: &mut Tx<'_>, lane: LaneId, now: Timestamp, because: &str) -> Result<(), Fault> {
    // Only one call of a lane is worked at a time, and it stands in line.
    let intents: Vec<(CallSeq, String)> = tx
        .conn
        .prepare_cached(
            "SELECT writes.call, writes.write FROM calls INDEXED BY calls_line JOIN writes ON writes.call = calls.seq
             WHERE calls.lane = ?1 AND (calls.status = 'waiting' OR calls.blocks_lane = 1) AND writes.state = 'intent'",
        )?
        .query_map([lane], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    doubt(tx, intents, now, because)
}

/// Turns intents into doubts, and makes their calls due: somebody has to look.
fn doubt(tx: &mut Tx<'_>, intents: Vec<(CallSeq, String)>, now: Timestamp, because: &str) -> Result<(), Fault> {
    for (call, write) in intents {
        tx.conn
            .prepare_cached("UPDATE writes SET state = ?3, since = ?4, next_at = NULL, changed_at = ?4 WHERE call = ?1 AND write = ?2")?
            .execute(params![
                call,
                write,
                if planted(Plant::TakeOverForgetsIntents) { WriteState::Planned } else { WriteState::Unknown },
                Us(now)
            ])?;
        tx.conn
            .prepare_cached("UPDATE calls SET status = ?2, next_at = min(coalesce(next_at, ?3), ?3), changed_at = ?3 WHERE seq = ?1")?
            .execute(params![call, CallStatus::Waiting, Us(now)])?;
        event(tx, call, now, "answer_lost", Some(&write), &json!({"because": because}).into())?;
    }
    Ok(())
}

/// A new process has the file: every lease is void, every intent without an outcome is in doubt. Gives the number of lanes.
pub(crate) fn void_leases(tx: &mut Tx<'_>, now: Timestamp) -> Result<usize, Fault> {
    let intents: Vec<(CallSeq, String)> = tx
        .conn
        .prepare("SELECT call, write FROM writes WHERE state = 'intent' AND state NOT IN ('applied', 'skipped')")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut touched: Vec<LaneId> = Vec::new();
    for (call, _) in &intents {
        touched.push(tx.conn.prepare_cached("SELECT lane FROM calls WHERE seq = ?1")?.query_row([call], |row| row.get(0))?);
    }
    doubt(tx, intents, now, "restart")?;
    let held: Vec<LaneId> = tx
        .conn
        .prepare("SELECT id FROM lanes INDEXED BY lanes_ready WHERE ready_at IS NOT NULL AND owner IS NOT NULL")?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for lane in &held {
        // The fence too: nothing of an earlier process may speak for this lane again.
        tx.conn.prepare_cached("UPDATE lanes SET fence = fence + 1 WHERE id = ?1")?.execute([lane])?;
        lanes::set_free(tx, *lane, now)?;
    }
    for lane in touched {
        lanes::hurry(tx, lane, now)?;
    }
    Ok(held.len())
}
