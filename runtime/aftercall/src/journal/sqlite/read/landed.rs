//! Writes that have landed, with their receipts: by time, record, call or config version, each by an index of its own.

use rusqlite::{Connection, Row, params, params_from_iter, types::Value};

use super::super::{
    super::model::{Landed, LandedFilter, LandedRow, REVERT},
    fault::Fault,
    row::{Us, limit},
};

/// So many plans are gone through in a few milliseconds.
const FEW: i64 = 2_000;
/// Before this, in microseconds (a day in 1970), nothing was written; no journal numbers so many calls.
const EARLIEST: i64 = 86_400_000_000;

/// By what the rows are found. A filter's other conditions sift what is found.
#[derive(Clone, Copy, PartialEq)]
enum By {
    Record,
    Call,
    Version,
    Time,
}

/// See [`Journal::landed`](super::super::super::api::Journal::landed).
pub(crate) fn landed(conn: &Connection, filter: &LandedFilter) -> Result<Vec<LandedRow>, Fault> {
    let by = match filter {
        LandedFilter { record_id: Some(_), .. } => By::Record,
        LandedFilter { call: Some(_), .. } => By::Call,
        LandedFilter { version: Some(_), since: None, until: None, .. } => By::Version,
        LandedFilter { version: Some(version), after, .. } if goes_by_version(conn, version, *after)? => By::Version,
        _ => By::Time,
    };
    let mut values = Vec::new();
    let now = part(by, "writes", 0, filter, &mut values);
    let past = part(by, "past_writes", 1, filter, &mut values);
    let sql = format!("SELECT * FROM ({now}) UNION ALL SELECT * FROM ({past}) ORDER BY 1 DESC, 2 DESC LIMIT ?");
    values.push(limit(filter.limit).into());
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(values), row)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Whether the plans of a version are so few that going through them is sooner done than through all of a time. The next page goes on as the page
/// before: a place in time is a number of microseconds, which no count of calls comes near.
fn goes_by_version(conn: &Connection, version: &str, after: Option<Landed>) -> Result<bool, Fault> {
    if let Some(Landed { key, .. }) = after {
        return Ok(key < EARLIEST);
    }
    let mut statement =
        conn.prepare_cached("SELECT count(*) FROM (SELECT 1 FROM plans INDEXED BY plans_version WHERE config_version = ?1 LIMIT ?2)")?;
    Ok(statement.query_row(params![version, FEW + 1], |row| row.get::<_, i64>(0))? <= FEW)
}

/// What one of the two tables has. Rows of both are told apart by whether their number is even.
fn part(by: By, table: &str, odd: u8, filter: &LandedFilter, values: &mut Vec<Value>) -> String {
    let from = match by {
        By::Record => format!("{table} w INDEXED BY {table}_record JOIN plans p ON p.call = w.call AND p.number = w.plan"),
        By::Call => format!("{table} w JOIN plans p ON p.call = w.call AND p.number = w.plan"),
        By::Version => format!("plans p INDEXED BY plans_version CROSS JOIN {table} w ON w.call = p.call AND w.plan = p.number"),
        By::Time => format!("{table} w INDEXED BY {table}_landed JOIN plans p ON p.call = w.call AND p.number = w.plan"),
    };
    let key = if by == By::Version { "p.call" } else { "w.changed_at" };
    let mut sql = format!(
        "SELECT {key}, w.rowid * 2 + {odd}, w.changed_at, c.id, w.write, w.connection, w.object, w.op, w.record_id, w.record_url,
                p.pipeline, p.config_version, w.receipt, CASE WHEN w.op = '{REVERT}' THEN w.request END
         FROM {from} JOIN calls c ON c.seq = w.call WHERE w.state = 'applied' AND w.record_id IS NOT NULL"
    );
    let mut and = |condition: &str, value: Option<Value>| {
        if let Some(value) = value {
            sql.push_str(condition);
            values.push(value);
        }
    };
    and(" AND w.record_id = ?", filter.record_id.clone().map(Value::from));
    and(" AND w.call = (SELECT seq FROM calls WHERE id = ?)", filter.call.clone().map(Value::from));
    and(" AND p.config_version = ?", filter.version.clone().map(Value::from));
    and(" AND w.changed_at >= ?", filter.since.map(|at| at.as_microsecond().into()));
    and(" AND w.changed_at < ?", filter.until.map(|at| at.as_microsecond().into()));
    if let Some(Landed { key: last, row }) = filter.after {
        sql.push_str(&format!(" AND {key} <= ? AND ({key} < ? OR w.rowid * 2 + {odd} < ?)"));
        values.extend([last, last, row].map(Value::from));
    }
    sql.push_str(&format!(" ORDER BY {key} DESC, w.rowid DESC LIMIT ?"));
    values.push(limit(filter.limit).into());
    sql
}

fn row(row: &Row<'_>) -> rusqlite::Result<LandedRow> {
    Ok(LandedRow {
        place: Landed { key: row.get(0)?, row: row.get(1)? },
        at: row.get::<_, Us>(2)?.0,
        call: row.get(3)?,
        write: row.get(4)?,
        connection: row.get(5)?,
        object: row.get(6)?,
        op: row.get(7)?,
        record_id: row.get(8)?,
        record_url: row.get(9)?,
        pipeline: row.get(10)?,
        config_version: row.get(11)?,
        receipt: row.get(12)?,
        request: row.get(13)?,
    })
}
