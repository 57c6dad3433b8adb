//! What people did.

use rusqlite::{Connection, params_from_iter, types::Value};

use super::super::{
    super::model::{DeedFilter, DeedRow},
    fault::Fault,
    row::{Us, limit},
};

/// See [`Journal::deeds`](super::super::super::api::Journal::deeds).
pub(crate) fn deeds(conn: &Connection, filter: &DeedFilter) -> Result<Vec<DeedRow>, Fault> {
    let mut sql = "SELECT id, at, who, way, what, call, write, target, reason FROM deeds WHERE 1".to_owned();
    let mut values: Vec<Value> = Vec::new();
    let mut and = |condition: &str, value: Option<Value>| {
        if let Some(value) = value {
            sql.push_str(condition);
            values.push(value);
        }
    };
    and(" AND who = ?", filter.who.clone().map(Value::from));
    and(" AND call = ?", filter.call.clone().map(Value::from));
    and(" AND at >= ?", filter.since.map(|at| at.as_microsecond().into()));
    and(" AND at < ?", filter.until.map(|at| at.as_microsecond().into()));
    and(" AND id < ?", filter.after.map(Value::from));
    sql.push_str(" ORDER BY id DESC LIMIT ?");
    values.push(limit(filter.limit).into());
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(values), |row| {
        Ok(DeedRow {
            id: row.get(0)?,
            at: row.get::<_, Us>(1)?.0,
            who: row.get(2)?,
            way: row.get(3)?,
            what: row.get(4)?,
            call: row.get(5)?,
            write: row.get(6)?,
            target: row.get(7)?,
            reason: row.get(8)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
