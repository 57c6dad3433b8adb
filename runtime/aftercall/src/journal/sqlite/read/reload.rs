//! Configs that were offered to the service.

use rusqlite::{Connection, params_from_iter, types::Value};

use super::super::{
    super::model::{ReloadFilter, ReloadRow},
    fault::Fault,
    row::{Us, limit},
};

/// See [`Journal::reloads`](super::super::super::api::Journal::reloads).
pub(crate) fn reloads(conn: &Connection, filter: &ReloadFilter) -> Result<Vec<ReloadRow>, Fault> {
    let mut sql = "SELECT id, asked_by, at_once, asked_at, state, version, detail, operation, changed_at FROM reloads WHERE 1".to_owned();
    let mut values: Vec<Value> = Vec::new();
    if let Some(id) = filter.id {
        sql.push_str(" AND id = ?");
        values.push(id.into());
    }
    if !filter.states.is_empty() {
        sql.push_str(&format!(" AND state IN ({})", vec!["?"; filter.states.len()].join(", ")));
        values.extend(filter.states.iter().map(|state| Value::from(state.word().to_owned())));
    }
    sql.push_str(" ORDER BY id DESC LIMIT ?");
    values.push(limit(filter.limit).into());
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(values), |row| {
        Ok(ReloadRow {
            id: row.get(0)?,
            asked_by: row.get(1)?,
            at_once: row.get(2)?,
            asked_at: row.get::<_, Us>(3)?.0,
            state: row.get(4)?,
            version: row.get(5)?,
            detail: row.get(6)?,
            operation: row.get(7)?,
            changed_at: row.get::<_, Us>(8)?.0,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
