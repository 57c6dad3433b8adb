//! Handing out work: lanes by lease and fence, correct by compare-and-set.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use rusqlite::{OptionalExtension, params};

use super::{
    super::{
        super::model::{CallSeq, Claim, ClaimedCall, Claiming, Fence, Guard, LaneId},
        fault::Fault,
        queue::Tx,
        read,
        row::{Us, limit, time},
    },
    hold, lanes,
};

/// By how much the newest of the last lines of any story must be ahead of the clock for it to have been set back, and not put right by a little.
const SET_BACK: SignedDuration = SignedDuration::from_secs(5);

/// See [`Journal::claim`](super::super::super::api::Journal::claim).
pub(crate) fn claim(tx: &mut Tx<'_>, claiming: &Claiming) -> Result<Vec<Claim>, Fault> {
    let now = claiming.now;
    let until = now.saturating_add(claiming.lease).unwrap_or(Timestamp::MAX);
    after_a_clock_set_back(tx, &claiming.owner, now, until)?;
    let mut claims = Vec::with_capacity(claiming.max);
    while claims.len() < claiming.max {
        let wanted = claiming.max - claims.len();
        let ready = ready(tx, now, wanted)?;
        for lane in &ready {
            claims.extend(claim_lane(tx, lane, &claiming.owner, now, until)?);
        }
        // A lane that turned out to have nothing due is put right and leaves its place to another.
        if ready.len() < wanted {
            break;
        }
    }
    Ok(claims)
}

/// A clock that was set back must not make an hour of a wait of seconds: what the faster clock put down for later is as far away from now on
/// as it was then, and no lease of this owner lasts longer than one that begins now.
///
/// The leases of others are theirs: it may be only this process that is behind, since it stood still between asking for the time and
/// getting here. Theirs, cut short, would let a request of ours go out beside their own.
fn after_a_clock_set_back(tx: &mut Tx<'_>, owner: &str, now: Timestamp, until: Timestamp) -> Result<(), Fault> {
    // Not the last line alone: who was at work when it was set back has added some since.
    let newest: Option<Us> = tx
        .conn
        .prepare_cached("SELECT max(at) FROM (SELECT at FROM events ORDER BY id DESC LIMIT 256)")?
        .query_row([], |row| row.get(0))?;
    if newest.is_none_or(|newest| newest.0.duration_since(now) < SET_BACK) {
        return Ok(());
    }
    tx.conn
        .prepare_cached(
            "UPDATE writes SET next_at = ?1 + max(next_at - changed_at, 0), changed_at = ?1
             WHERE state NOT IN ('applied', 'skipped') AND changed_at > ?1 AND next_at IS NOT NULL",
        )?
        .execute([Us(now)])?;
    let lanes: BTreeSet<LaneId> = tx
        .conn
        .prepare_cached(
            "UPDATE calls SET next_at = ?1 + max(next_at - changed_at, 0), changed_at = ?1
             WHERE status = 'waiting' AND changed_at > ?1 AND next_at IS NOT NULL RETURNING lane",
        )?
        .query_map([Us(now)], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    tx.conn
        .prepare_cached("UPDATE lanes SET lease_until = ?1, ready_at = ?1 WHERE ready_at IS NOT NULL AND owner = ?2 AND lease_until > ?1")?
        .execute(params![Us(until), owner])?;
    for lane in lanes {
        if !lanes::is_held(tx, lane)? {
            lanes::set_free(tx, lane, now)?;
        }
    }
    Ok(())
}

/// A lane that nobody holds, or no longer holds.
struct Ready {
    lane: LaneId,
    fence: Fence,
    abandoned: bool,
}

fn ready(tx: &Tx<'_>, now: Timestamp, max: usize) -> Result<Vec<Ready>, Fault> {
    let mut statement = tx.conn.prepare_cached(
        "SELECT id, fence, owner IS NOT NULL FROM lanes INDEXED BY lanes_ready WHERE ready_at <= ?1 AND lease_until <= ?1
         ORDER BY ready_at LIMIT ?2",
    )?;
    let lanes = statement
        .query_map(params![Us(now), limit(max)], |row| Ok(Ready { lane: row.get(0)?, fence: row.get(1)?, abandoned: row.get(2)? }))?;
    Ok(lanes.collect::<rusqlite::Result<_>>()?)
}

fn claim_lane(tx: &mut Tx<'_>, ready: &Ready, owner: &str, now: Timestamp, until: Timestamp) -> Result<Option<Claim>, Fault> {
    let Ready { lane, fence, abandoned } = *ready;
    if abandoned {
        hold::doubt_lane(tx, lane, now, "lease_ran_out")?;
    }
    let Some(first) = lanes::line(tx, lane, |call| call.next_at.is_some_and(|at| at <= now))? else {
        let woke = tx.woke;
        tx.conn.prepare_cached("UPDATE lanes SET fence = fence + 1 WHERE id = ?1 AND owner IS NOT NULL")?.execute([lane])?;
        lanes::set_free(tx, lane, now)?;
        // Whoever asks will ask for the next time as well.
        tx.woke = woke;
        return Ok(None);
    };
    // The same conditions once more: what makes a claim correct is this statement, not the one that found the lane.
    let fence: Option<Fence> = tx
        .conn
        .prepare_cached(
            "UPDATE lanes SET lease_until = ?3, ready_at = ?3, owner = ?4, fence = fence + 1
             WHERE id = ?1 AND fence = ?2 AND lease_until <= ?5 RETURNING fence",
        )?
        .query_row(params![lane, fence, Us(until), owner, Us(now)], |row| row.get(0))
        .optional()?;
    let Some(fence) = fence else { return Ok(None) };
    let (call, planned) = load(tx, first.seq)?;
    let seq = call.seq;
    Ok(Some(Claim {
        guard: Guard { lane, fence },
        until,
        call,
        plan: if planned > 0 { read::last_plan(tx.conn, seq)? } else { None },
        writes: if planned > 0 { read::writes_of(tx.conn, seq)? } else { Vec::new() },
        links: read::links(tx.conn, lane)?,
        answers: read::answers_of_lane(tx.conn, lane)?,
    }))
}

/// The call and how many plans it has had.
fn load(tx: &Tx<'_>, seq: CallSeq) -> Result<(ClaimedCall, i64), Fault> {
    Ok(tx
        .conn
        .prepare_cached(
            "SELECT c.seq, c.id, c.source, c.revision, o.outcome, c.digest, c.started_at, c.received_at, c.provisional,
                    o.config_version, c.status, c.status_reason, c.blocks_lane, c.plan
             FROM calls c JOIN outcomes o ON o.call = c.seq AND o.revision = c.revision WHERE c.seq = ?1",
        )?
        .query_row([seq], |row| {
            let call = ClaimedCall {
                seq: row.get(0)?,
                id: row.get(1)?,
                source: row.get(2)?,
                revision: row.get(3)?,
                outcome: row.get(4)?,
                digest: row.get(5)?,
                started_at: time(row, 6)?,
                received_at: row.get::<_, Us>(7)?.0,
                provisional: row.get(8)?,
                config_version: row.get(9)?,
                status: row.get(10)?,
                status_reason: row.get(11)?,
                blocks_lane: row.get(12)?,
            };
            Ok((call, row.get(13)?))
        })?)
}
