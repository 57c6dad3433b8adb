//! One call's whole story.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{
    super::{
        super::{
            error::Error,
            model::{Booking, CallSeq, EventRow, PayloadRow, PlanRow, RevisionRow, Story, WriteRow},
        },
        fault::Fault,
        row::{Us, WRITE_COLUMNS, count, limit, write_row},
    },
    answers,
    calls::{COLUMNS, count_writes, summary},
    ledger,
};

/// How many candidates an ambiguous beginning is answered with.
const CANDIDATES: usize = 5;

/// See [`Journal::call`](super::super::super::api::Journal::call).
pub(crate) fn story(conn: &Connection, id_or_prefix: &str) -> Result<Option<Story>, Fault> {
    let Some(seq) = find(conn, id_or_prefix)? else { return Ok(None) };
    let mut call = conn.prepare_cached(&format!("SELECT {COLUMNS} FROM calls c WHERE c.seq = ?1"))?.query_row([seq], summary)?;
    count_writes(conn, &mut call)?;
    let revisions = revisions(conn, seq)?;
    call.outcome = revisions.last().map(|last| last.outcome.clone());
    let links = ledger::links(conn, call.lane)?;
    Ok(Some(Story {
        call,
        revisions,
        payloads: payloads(conn, seq)?,
        plans: plans(conn, seq)?,
        writes: writes_of(conn, seq)?,
        past_writes: all(conn, &format!("SELECT {WRITE_COLUMNS} FROM past_writes WHERE call = ?1 ORDER BY rowid"), seq, write_row)?,
        bookings: bookings(conn, seq)?,
        links,
        answers: answers::of_call(conn, seq)?,
        events: events(conn, seq)?,
    }))
}

/// The call with this id, or the only one that begins like that.
fn find(conn: &Connection, id_or_prefix: &str) -> Result<Option<CallSeq>, Fault> {
    let exact = conn.prepare_cached("SELECT seq FROM calls WHERE id = ?1")?.query_row([id_or_prefix], |row| row.get(0)).optional()?;
    // Everything begins with nothing: that is no question.
    if exact.is_some() || id_or_prefix.is_empty() {
        return Ok(exact);
    }
    // Above every id that goes on after the prefix: there is no higher character.
    let end = format!("{id_or_prefix}\u{10FFFF}");
    let mut found: Vec<(CallSeq, String)> = conn
        .prepare_cached("SELECT seq, id FROM calls WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT ?3")?
        .query_map(params![id_or_prefix, end, limit(CANDIDATES)], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    if found.len() > 1 {
        let candidates = found.into_iter().map(|(_, id)| id).collect();
        return Err(Error::AmbiguousPrefix { prefix: id_or_prefix.to_owned(), candidates }.into());
    }
    Ok(found.pop().map(|(seq, _)| seq))
}

/// All rows that a statement gives for a call.
fn all<T>(conn: &Connection, sql: &str, seq: CallSeq, read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>) -> Result<Vec<T>, Fault> {
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map([seq], read)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The writes of a call in plan order; those that the last plan does not name come where they were.
pub(crate) fn writes_of(conn: &Connection, seq: CallSeq) -> Result<Vec<WriteRow>, Fault> {
    all(conn, &format!("SELECT {WRITE_COLUMNS} FROM writes WHERE call = ?1 ORDER BY position, rowid"), seq, write_row)
}

const PLAN_COLUMNS: &str = "number, revision, context, decision, plan, pipeline, config_version, digest, recorded_at";

pub(super) fn plan_row(row: &Row<'_>) -> rusqlite::Result<PlanRow> {
    Ok(PlanRow {
        number: row.get(0)?,
        revision: row.get(1)?,
        context: row.get(2)?,
        decision: row.get(3)?,
        plan: row.get(4)?,
        pipeline: row.get(5)?,
        config_version: row.get(6)?,
        digest: row.get(7)?,
        recorded_at: row.get::<_, Us>(8)?.0,
    })
}

fn plans(conn: &Connection, seq: CallSeq) -> Result<Vec<PlanRow>, Fault> {
    all(conn, &format!("SELECT {PLAN_COLUMNS} FROM plans WHERE call = ?1 ORDER BY number"), seq, plan_row)
}

/// The plan that counts.
pub(crate) fn last_plan(conn: &Connection, seq: CallSeq) -> Result<Option<PlanRow>, Fault> {
    Ok(conn
        .prepare_cached(&format!("SELECT {PLAN_COLUMNS} FROM plans WHERE call = ?1 ORDER BY number DESC LIMIT 1"))?
        .query_row([seq], plan_row)
        .optional()?)
}

fn revisions(conn: &Connection, seq: CallSeq) -> Result<Vec<RevisionRow>, Fault> {
    let sql = "SELECT revision, outcome, digest, provisional, config_version, received_at FROM outcomes
               WHERE call = ?1 ORDER BY revision";
    all(conn, sql, seq, |row| {
        Ok(RevisionRow {
            revision: row.get(0)?,
            outcome: row.get(1)?,
            digest: row.get(2)?,
            provisional: row.get(3)?,
            config_version: row.get(4)?,
            received_at: row.get::<_, Us>(5)?.0,
        })
    })
}

fn payloads(conn: &Connection, seq: CallSeq) -> Result<Vec<PayloadRow>, Fault> {
    let sql = "SELECT id, source, event_key, bytes, received_at FROM payloads WHERE call = ?1 ORDER BY id";
    all(conn, sql, seq, |row| {
        Ok(PayloadRow {
            id: row.get(0)?,
            source: row.get(1)?,
            event_key: row.get(2)?,
            bytes: count(row, 3)?,
            received_at: row.get::<_, Us>(4)?.0,
        })
    })
}

fn bookings(conn: &Connection, seq: CallSeq) -> Result<Vec<Booking>, Fault> {
    let sql = "SELECT s.resource, s.starts_at, s.ends_at, c.id, s.write FROM slots s JOIN calls c ON c.seq = s.call
               WHERE s.call = ?1 ORDER BY s.starts_at";
    all(conn, sql, seq, ledger::booking)
}

fn events(conn: &Connection, seq: CallSeq) -> Result<Vec<EventRow>, Fault> {
    all(conn, "SELECT id, at, kind, write, data FROM events WHERE call = ?1 ORDER BY id", seq, |row| {
        Ok(EventRow { id: row.get(0)?, at: row.get::<_, Us>(1)?.0, kind: row.get(2)?, write: row.get(3)?, data: row.get(4)? })
    })
}
