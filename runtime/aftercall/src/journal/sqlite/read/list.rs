//! Days of calls held against what platforms' lists had; what may be duplicates in a system; what calls captured. Each of them bounded, by indexes.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::super::{
    super::model::{CapturedCall, Day, ListedRow, LookRow, MissingRow, Reconciled, RefusedTwin, SaidOne, Several, Suspects},
    fault::Fault,
    row::{Us, count, limit, time},
};

/// An hour, in microseconds.
const HOUR: i64 = 3_600_000_000;
/// More of the dead than this are not looked through for those that have a twin.
const DEAD: i64 = 5_000;

/// Calls of a list that the journal has not got until now.
pub(super) const MISSING: &str = "never_came n WHERE n.kept IS NULL
     AND NOT EXISTS (SELECT 1 FROM calls c WHERE c.id = n.source || ':' || n.id AND c.provisional = 0)";

/// See [`Upkeep::reconciled`](super::super::super::upkeep::Upkeep::reconciled).
pub(crate) fn reconciled(conn: &Connection, days: &[Day], most: usize) -> Result<Reconciled, Fault> {
    let mut all = Reconciled { looks: looks(conn)?, ..Reconciled::default() };
    for day in days {
        received(conn, day, &mut all)?;
        let mut statement = conn.prepare_cached("SELECT source, looked_at, whole, calls, fetched FROM listed WHERE day = ?1")?;
        let mut rows = statement.query([&day.name])?;
        while let Some(row) = rows.next()? {
            let listed =
                ListedRow { looked_at: row.get::<_, Us>(1)?.0, whole: row.get(2)?, calls: count(row, 3)?, fetched: count(row, 4)? };
            all.listed.insert((day.name.clone(), row.get(0)?), listed);
        }
    }
    let (Some(first), Some(last)) = (days.first(), days.last()) else { return Ok(all) };
    let sql = format!(
        "SELECT n.source, n.id, n.started_at, n.seen_at FROM {MISSING} AND n.started_at >= ?1 AND n.started_at < ?2 ORDER BY n.started_at LIMIT ?3"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map(params![Us(first.from), Us(last.to), limit(most)], |row| {
        Ok(MissingRow { source: row.get(0)?, id: row.get(1)?, started_at: row.get::<_, Us>(2)?.0, seen_at: row.get::<_, Us>(3)?.0 })
    })?;
    all.missing = rows.collect::<rusqlite::Result<_>>()?;
    Ok(all)
}

/// What came in on a day: whole hours from the roll-up, and what is left at the edges, in a zone whose days begin within an hour, counted.
fn received(conn: &Connection, day: &Day, all: &mut Reconciled) -> Result<(), Fault> {
    let (from, to) = (day.from.as_microsecond(), day.to.as_microsecond());
    let (first, last) = (from.div_euclid(HOUR) + i64::from(from.rem_euclid(HOUR) > 0), to.div_euclid(HOUR));
    let mut add = |sql: &str, from: i64, to: i64| -> Result<(), Fault> {
        let mut statement = conn.prepare_cached(sql)?;
        let mut rows = statement.query(params![from, to])?;
        while let Some(row) = rows.next()? {
            let calls = count(row, 2)?;
            if calls > 0 {
                let of = all.received.entry((day.name.clone(), row.get(0)?)).or_default();
                *of.calls.entry(row.get(1)?).or_default() += calls;
            }
        }
        Ok(())
    };
    add("SELECT source, status, sum(calls) FROM calls_by_time WHERE hours = 1 AND at >= ?1 AND at < ?2 GROUP BY 1, 2", first, last)?;
    for (from, to) in [(from, first * HOUR), (last * HOUR, to)] {
        if from < to {
            add(
                "SELECT source, status, count(*) FROM calls INDEXED BY calls_received WHERE received_at >= ?1 AND received_at < ?2 GROUP BY 1, 2",
                from,
                to,
            )?;
        }
    }
    let mut statement = conn.prepare_cached(
        "SELECT source, count(*) FROM payloads INDEXED BY payloads_unrecognised_at
         WHERE kind = 'unrecognised' AND received_at >= ?1 AND received_at < ?2 GROUP BY 1",
    )?;
    let mut rows = statement.query(params![from, to])?;
    while let Some(row) = rows.next()? {
        all.received.entry((day.name.clone(), row.get(0)?)).or_default().unrecognised = count(row, 1)?;
    }
    Ok(())
}

fn looks(conn: &Connection) -> Result<Vec<LookRow>, Fault> {
    let mut statement = conn.prepare_cached("SELECT source, since, until, began_at, ended_at, trouble FROM looks ORDER BY source")?;
    let rows = statement.query_map([], |row| {
        Ok(LookRow {
            source: row.get(0)?,
            since: row.get::<_, Us>(1)?.0,
            until: row.get::<_, Us>(2)?.0,
            began_at: row.get::<_, Us>(3)?.0,
            ended_at: time(row, 4)?,
            trouble: row.get(5)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// How many calls of each source's list are missing now.
pub(super) fn missing(conn: &Connection) -> Result<BTreeMap<String, u64>, Fault> {
    let mut statement = conn.prepare_cached(&format!("SELECT n.source, count(*) FROM {MISSING} GROUP BY 1"))?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, count(row, 1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// See [`Upkeep::suspects`](super::super::super::upkeep::Upkeep::suspects).
pub(crate) fn suspects(conn: &Connection, since: Timestamp, until: Timestamp, most: usize) -> Result<Suspects, Fault> {
    Ok(Suspects {
        several: several(conn, since, until, most)?,
        refused: refused(conn, since, until, most)?,
        said: said(conn, since, until, most)?,
    })
}

fn several(conn: &Connection, since: Timestamp, until: Timestamp, most: usize) -> Result<Vec<Several>, Fault> {
    // Between which numbers they are, so that the index of verdicts is read there alone.
    let (first, last): (Option<i64>, Option<i64>) = conn
        .prepare_cached(
            "SELECT min(first), max(last) FROM calls_by_time
             WHERE hours = 1 AND at >= ?1 AND at <= ?2 AND verdict = 'ambiguous' AND calls > 0",
        )?
        .query_row(params![since.as_microsecond().div_euclid(HOUR), until.as_microsecond().div_euclid(HOUR)], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    let mut statement = conn.prepare_cached(
        "SELECT c.seq, c.id, c.received_at, p.pipeline, p.decision
         FROM calls c INDEXED BY calls_verdict JOIN plans p ON p.call = c.seq AND p.number = c.plan
         WHERE c.verdict = 'ambiguous' AND c.seq BETWEEN ?1 AND ?2 AND c.received_at >= ?3 AND c.received_at < ?4 AND c.erased_at IS NULL
         ORDER BY c.seq DESC LIMIT ?5",
    )?;
    let rows = statement.query_map(params![first, last, Us(since), Us(until), limit(most)], |row| {
        let one = Several {
            call: row.get(1)?,
            received_at: row.get::<_, Us>(2)?.0,
            pipeline: row.get(3)?,
            decision: row.get(4)?,
            made: Vec::new(),
        };
        Ok((row.get::<_, i64>(0)?, one))
    })?;
    let mut made = conn.prepare_cached(
        "SELECT connection, object, record_id FROM writes
         WHERE call = ?1 AND op = 'create' AND state = 'applied' AND record_id IS NOT NULL ORDER BY position",
    )?;
    let mut all = Vec::new();
    for row in rows {
        let (seq, mut one) = row?;
        let records = made.query_map([seq], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        one.made = records.collect::<rusqlite::Result<_>>()?;
        all.push(one);
    }
    Ok(all)
}

fn refused(conn: &Connection, since: Timestamp, until: Timestamp, most: usize) -> Result<Vec<RefusedTwin>, Fault> {
    let mut statement = conn.prepare_cached(
        "SELECT c.id, w.changed_at, w.connection, w.object, coalesce(w.trouble, '') FROM (
           SELECT call, write, changed_at, connection, object, op, trouble_class, trouble FROM writes INDEXED BY writes_open
           WHERE state = 'dead' AND state NOT IN ('applied', 'skipped') AND changed_at >= ?1 AND changed_at < ?2 ORDER BY changed_at DESC LIMIT ?3
         ) w JOIN calls c ON c.seq = w.call
         WHERE w.trouble_class = 'duplicate' AND w.op = 'create' AND c.status <> 'resolved' AND c.erased_at IS NULL LIMIT ?4",
    )?;
    let rows = statement.query_map(params![Us(since), Us(until), DEAD, limit(most)], |row| {
        Ok(RefusedTwin {
            call: row.get(0)?,
            at: row.get::<_, Us>(1)?.0,
            connection: row.get(2)?,
            object: row.get(3)?,
            message: row.get(4)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn said(conn: &Connection, since: Timestamp, until: Timestamp, most: usize) -> Result<Vec<SaidOne>, Fault> {
    // Answers are as many as people gave: few.
    let mut statement = conn.prepare_cached(
        "SELECT c.id, a.at, a.actor, c.pipeline, a.contact, a.other FROM answers a JOIN calls c ON c.seq = a.call
         WHERE a.kind = 'merge' AND a.at >= ?1 AND a.at < ?2 AND a.contact IS NOT NULL AND a.other IS NOT NULL AND c.erased_at IS NULL
           AND a.number = (SELECT max(number) FROM answers b WHERE b.call = a.call)
           AND NOT EXISTS (SELECT 1 FROM writes w WHERE w.call = a.call AND w.op = 'merge' AND w.state = 'applied')
         ORDER BY a.at DESC LIMIT ?3",
    )?;
    let rows = statement.query_map(params![Us(since), Us(until), limit(most)], |row| {
        Ok(SaidOne {
            call: row.get(0)?,
            at: row.get::<_, Us>(1)?.0,
            actor: row.get(2)?,
            pipeline: row.get(3)?,
            contact: row.get(4)?,
            other: row.get(5)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// See [`Upkeep::captured`](super::super::super::upkeep::Upkeep::captured).
pub(crate) fn captured(conn: &Connection, since: Timestamp, until: Timestamp, most: usize) -> Result<Vec<CapturedCall>, Fault> {
    let mut statement = conn.prepare_cached(
        "SELECT c.seq, c.pipeline, c.status, o.outcome FROM calls c INDEXED BY calls_received
         JOIN outcomes o ON o.call = c.seq AND o.revision = c.revision
         WHERE c.received_at >= ?1 AND c.received_at < ?2 AND c.erased_at IS NULL ORDER BY c.received_at DESC LIMIT ?3",
    )?;
    let rows = statement.query_map(params![Us(since), Us(until), limit(most)], |row| {
        let call = CapturedCall { pipeline: row.get(1)?, status: row.get(2)?, outcome: row.get(3)?, writes: Vec::new() };
        Ok((row.get::<_, i64>(0)?, call))
    })?;
    let mut writes = conn.prepare_cached("SELECT write, state, receipt FROM writes WHERE call = ?1 ORDER BY position")?;
    let mut all = Vec::new();
    for row in rows {
        let (seq, mut call) = row?;
        let of = writes.query_map([seq], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        call.writes = of.collect::<rusqlite::Result<_>>()?;
        all.push(call);
    }
    Ok(all)
}
