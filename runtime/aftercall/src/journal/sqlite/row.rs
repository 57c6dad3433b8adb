//! Between our types and SQLite's columns.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use rusqlite::{
    Row,
    types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef},
};

use super::super::model::{CallSeq, CallStatus, Fence, Json, LaneId, ReloadState, Role, Trouble, Way, WriteRow, WriteState};

/// A time as it is stored: microseconds since 1970.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Us(pub(super) Timestamp);

impl FromSql for Us {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Timestamp::from_microsecond(value.as_i64()?).map(Self).map_err(FromSqlError::other)
    }
}

impl ToSql for Us {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.as_microsecond().into())
    }
}

/// A time that may be missing, as a parameter.
pub(super) fn us(time: Option<Timestamp>) -> Option<Us> {
    time.map(Us)
}

/// A time that may be missing, from a column.
pub(super) fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<Us>>(column)?.map(|us| us.0))
}

/// A word in a column that is none of ours.
#[derive(Debug)]
struct UnknownWord(String);

impl fmt::Display for UnknownWord {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "`{}`", self.0)
    }
}

impl std::error::Error for UnknownWord {}

fn word<T: FromStr<Err = String>>(value: ValueRef<'_>) -> FromSqlResult<T> {
    value.as_str()?.parse().map_err(|word| FromSqlError::other(UnknownWord(word)))
}

impl FromSql for CallStatus {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        word(value)
    }
}

impl ToSql for CallStatus {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.word().into())
    }
}

impl FromSql for WriteState {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        word(value)
    }
}

impl ToSql for WriteState {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.word().into())
    }
}

impl FromSql for ReloadState {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        word(value)
    }
}

impl ToSql for ReloadState {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.word().into())
    }
}

impl FromSql for Role {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        word(value)
    }
}

impl ToSql for Role {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.word().into())
    }
}

impl FromSql for Way {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        word(value)
    }
}

impl ToSql for Way {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.word().into())
    }
}

impl FromSql for Json {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_str().map(Self::from_text)
    }
}

impl ToSql for Json {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.text().into())
    }
}

/// A number of things, from a column: SQLite counts in `i64`.
pub(super) fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number))
}

/// A number of things, as a parameter.
pub(super) fn limit(max: usize) -> i64 {
    i64::try_from(max).unwrap_or(i64::MAX)
}

macro_rules! number {
    ($($name:ident),+) => {
        $(
            impl FromSql for $name {
                fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                    value.as_i64().map(Self)
                }
            }

            impl ToSql for $name {
                fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                    Ok(self.0.into())
                }
            }
        )+
    };
}
number!(CallSeq, LaneId, Fence);

/// The columns of a write, for [`write_row`].
pub(super) const WRITE_COLUMNS: &str = "call, write, position, plan, revision, connection, object, op, marker, generation, \
     guarantee, depends_on, state, attempt, request_digest, request, trouble_class, trouble, http_status, record_id, \
     record_url, receipt, since, next_at, changed_at";

/// Reads a row of [`WRITE_COLUMNS`].
pub(super) fn write_row(row: &Row<'_>) -> rusqlite::Result<WriteRow> {
    let trouble = match row.get::<_, Option<String>>(16)? {
        Some(class) => Some(Trouble { class, message: row.get::<_, Option<String>>(17)?.unwrap_or_default(), http_status: row.get(18)? }),
        None => None,
    };
    Ok(WriteRow {
        call: row.get(0)?,
        write: row.get(1)?,
        position: row.get(2)?,
        plan: row.get(3)?,
        revision: row.get(4)?,
        connection: row.get(5)?,
        object: row.get(6)?,
        op: row.get(7)?,
        marker: row.get(8)?,
        generation: row.get(9)?,
        guarantee: row.get(10)?,
        depends_on: names(row, 11)?,
        state: row.get(12)?,
        attempt: row.get(13)?,
        request_digest: row.get(14)?,
        request: row.get(15)?,
        trouble,
        record_id: row.get(19)?,
        record_url: row.get(20)?,
        receipt: row.get(21)?,
        since: time(row, 22)?,
        next_at: time(row, 23)?,
        changed_at: row.get::<_, Us>(24)?.0,
    })
}

/// A JSON array of names in a column.
fn names(row: &Row<'_>, column: usize) -> rusqlite::Result<Vec<String>> {
    let text = row.get_ref(column)?.as_str()?;
    serde_json::from_str(text)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error)))
}
