//! Calls with their last plans: what is planned again under another config.

use rusqlite::{Connection, params_from_iter, types::Value};

use super::{
    super::{
        super::model::{CallSeq, PlannedCall, PlannedFilter},
        fault::Fault,
        row::limit,
    },
    story::plan_row,
};

/// See [`Journal::planned`](super::super::super::api::Journal::planned).
pub(crate) fn planned(conn: &Connection, filter: &PlannedFilter) -> Result<Vec<PlannedCall>, Fault> {
    // The columns of a plan first, as `plan_row` counts them. A call that was said anew since is taken as it was planned.
    let mut sql = String::from(
        "SELECT p.number, p.revision, p.context, p.decision, p.plan, p.pipeline, p.config_version, p.digest, p.recorded_at, c.seq, c.id, o.outcome
         FROM calls c LEFT JOIN plans p ON p.call = c.seq AND p.number = c.plan
         JOIN outcomes o ON o.call = c.seq AND o.revision = coalesce(p.revision, c.revision) WHERE c.erased_at IS NULL",
    );
    let mut values: Vec<Value> = Vec::new();
    if !filter.ids.is_empty() {
        sql.push_str(&format!(" AND c.id IN ({})", vec!["?"; filter.ids.len()].join(", ")));
        values.extend(filter.ids.iter().cloned().map(Value::from));
    }
    let mut and = |condition: &str, value: Option<i64>| {
        if let Some(value) = value {
            sql.push_str(condition);
            values.push(value.into());
        }
    };
    and(" AND c.received_at >= ?", filter.since.map(|at| at.as_microsecond()));
    and(" AND c.received_at < ?", filter.until.map(|at| at.as_microsecond()));
    and(" AND c.seq > ?", filter.after.map(|CallSeq(seq)| seq));
    sql.push_str(" ORDER BY c.seq LIMIT ?");
    values.push(limit(filter.limit).into());
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(values), |row| {
        let plan = row.get::<_, Option<i64>>(0)?.map(|_| plan_row(row)).transpose()?;
        Ok(PlannedCall { seq: row.get(9)?, id: row.get(10)?, outcome: row.get(11)?, plan })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
