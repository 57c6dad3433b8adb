//! The call log.

use rusqlite::{Connection, Row, params, params_from_iter, types::Value};

use super::super::{
    super::model::{CallFilter, CallSeq, CallSummary, Order, REVERT, WriteState, WrittenRecord},
    fault::Fault,
    row::{Us, limit, time},
};

/// The columns of a [`CallSummary`] without its outcome, of `calls c`, for [`summary`].
pub(super) const COLUMNS: &str = "c.seq, c.id, c.source, c.lane, c.revision, c.provisional, c.status, c.status_reason, \
     c.pipeline, c.config_version, c.started_at, c.received_at, c.next_at, c.blocks_lane, c.changed_at, \
     CASE WHEN EXISTS (SELECT 1 FROM answers a WHERE a.call = c.seq) THEN NULL ELSE c.question END, \
     CASE WHEN c.status = 'waiting' THEN (SELECT b.id FROM calls b INDEXED BY calls_line WHERE b.lane = c.lane AND b.seq < c.seq \
     AND (b.status = 'waiting' OR b.blocks_lane = 1) AND b.blocks_lane = 1 ORDER BY b.seq LIMIT 1) END, c.verdict";

/// Reads a row of [`COLUMNS`]; the outcome and the count of writes come later.
pub(super) fn summary(row: &Row<'_>) -> rusqlite::Result<CallSummary> {
    Ok(CallSummary {
        seq: row.get(0)?,
        id: row.get(1)?,
        source: row.get(2)?,
        lane: row.get(3)?,
        revision: row.get(4)?,
        provisional: row.get(5)?,
        status: row.get(6)?,
        status_reason: row.get(7)?,
        pipeline: row.get(8)?,
        config_version: row.get(9)?,
        started_at: time(row, 10)?,
        received_at: row.get::<_, Us>(11)?.0,
        next_at: time(row, 12)?,
        blocks_lane: row.get(13)?,
        changed_at: row.get::<_, Us>(14)?.0,
        question: row.get(15)?,
        behind: row.get(16)?,
        verdict: row.get(17)?,
        writes: Default::default(),
        records: Vec::new(),
        outcome: None,
    })
}

/// See [`Journal::calls`](super::super::super::api::Journal::calls).
pub(crate) fn calls(conn: &Connection, filter: &CallFilter) -> Result<Vec<CallSummary>, Fault> {
    let (sql, values) = query(filter);
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(values), |row| {
        let mut call = summary(row)?;
        if filter.with_outcome {
            call.outcome = row.get(18)?;
        }
        Ok(call)
    })?;
    let mut calls: Vec<CallSummary> = rows.collect::<rusqlite::Result<_>>()?;
    for call in &mut calls {
        count_writes(conn, call)?;
    }
    Ok(calls)
}

/// Only the conditions that were asked for, so that SQLite can choose an index; the statement cache knows each shape.
fn query(filter: &CallFilter) -> (String, Vec<Value>) {
    let mut sql = format!("SELECT {COLUMNS}");
    if filter.with_outcome {
        sql.push_str(", o.outcome");
    }
    sql.push_str(" FROM calls c");
    if filter.with_outcome || filter.text.is_some() {
        sql.push_str(" JOIN outcomes o ON o.call = c.seq AND o.revision = c.revision");
    }
    sql.push_str(" WHERE 1");
    let mut values: Vec<Value> = Vec::new();
    if !filter.status.is_empty() {
        let marks = vec!["?"; filter.status.len()].join(", ");
        sql.push_str(&format!(" AND c.status IN ({marks})"));
        values.extend(filter.status.iter().map(|status| Value::from(status.word().to_owned())));
    }
    if filter.asking {
        sql.push_str(" AND c.question IS NOT NULL AND NOT EXISTS (SELECT 1 FROM answers a WHERE a.call = c.seq)");
    }
    let (beyond, order) = match filter.order {
        Order::NewestFirst => (" AND c.seq < ?", " ORDER BY c.seq DESC"),
        Order::OldestFirst => (" AND c.seq > ?", " ORDER BY c.seq"),
    };
    let mut and = |condition: &str, value: Option<Value>| {
        if let Some(value) = value {
            sql.push_str(condition);
            values.push(value);
        }
    };
    and(" AND c.pipeline = ?", filter.pipeline.clone().map(Value::from));
    and(" AND c.source = ?", filter.source.clone().map(Value::from));
    and(" AND c.received_at >= ?", filter.since.map(|at| at.as_microsecond().into()));
    and(" AND c.received_at < ?", filter.until.map(|at| at.as_microsecond().into()));
    and(beyond, filter.after.map(|CallSeq(seq)| seq.into()));
    if let Some(text) = &filter.text {
        sql.push_str(" AND (c.id LIKE ? ESCAPE '\\' OR c.status_reason LIKE ? ESCAPE '\\' OR o.outcome LIKE ? ESCAPE '\\')");
        let pattern = format!("%{}%", text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"));
        values.extend([pattern.clone(), pattern.clone(), pattern].map(Value::from));
    }
    sql.push_str(order);
    sql.push_str(" LIMIT ?");
    values.push(limit(filter.limit).into());
    (sql, values)
}

/// Fills in how many writes are in which state, and which records they left.
pub(super) fn count_writes(conn: &Connection, call: &mut CallSummary) -> Result<(), Fault> {
    let sql = "SELECT state, write, connection, object, record_id, record_url, op FROM writes WHERE call = ?1 ORDER BY position, rowid";
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params![call.seq])?;
    while let Some(row) = rows.next()? {
        let state: WriteState = row.get(0)?;
        *call.writes.entry(state).or_default() += 1;
        let undoes = row.get_ref(6)?.as_str().is_ok_and(|op| op == REVERT);
        if let (WriteState::Applied, Some(record_id), false) = (state, row.get(4)?, undoes) {
            let (write, connection, object, record_url) = (row.get(1)?, row.get(2)?, row.get(3)?, row.get(5)?);
            call.records.push(WrittenRecord { write, connection, object, record_id, record_url });
        }
    }
    Ok(())
}
