//! Who may look and act.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::super::{
    super::model::{Key, SessionRow, TokenRow, UserRow},
    fault::Fault,
    row::{Us, time},
};

/// See [`Journal::users`](super::super::super::api::Journal::users).
pub(crate) fn users(conn: &Connection) -> Result<Vec<UserRow>, Fault> {
    let mut statement = conn.prepare_cached("SELECT name, role, hash, disabled, created_at, changed_at FROM users ORDER BY name")?;
    let rows = statement.query_map([], |row| {
        Ok(UserRow {
            name: row.get(0)?,
            role: row.get(1)?,
            hash: row.get(2)?,
            disabled: row.get(3)?,
            created_at: row.get::<_, Us>(4)?.0,
            changed_at: row.get::<_, Us>(5)?.0,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// See [`Journal::session`](super::super::super::api::Journal::session).
pub(crate) fn session(conn: &Connection, key: &Key, idle: SignedDuration, now: Timestamp) -> Result<Option<SessionRow>, Fault> {
    let since = now.saturating_sub(idle).unwrap_or(Timestamp::MIN);
    Ok(conn
        .prepare_cached(
            "SELECT u.name, u.role, s.created_at, s.seen_at, s.ends_at FROM sessions s JOIN users u ON u.name = s.user
             WHERE s.key = ?1 AND s.ends_at > ?2 AND s.seen_at > ?3 AND u.disabled = 0",
        )?
        .query_row(params![key, Us(now), Us(since)], |row| {
            Ok(SessionRow {
                user: row.get(0)?,
                role: row.get(1)?,
                created_at: row.get::<_, Us>(2)?.0,
                seen_at: row.get::<_, Us>(3)?.0,
                ends_at: row.get::<_, Us>(4)?.0,
            })
        })
        .optional()?)
}

const TOKEN_COLUMNS: &str = "name, role, created_at, ends_at, used_at";

fn token_row(row: &Row<'_>) -> rusqlite::Result<TokenRow> {
    Ok(TokenRow {
        name: row.get(0)?,
        role: row.get(1)?,
        created_at: row.get::<_, Us>(2)?.0,
        ends_at: time(row, 3)?,
        used_at: time(row, 4)?,
    })
}

/// See [`Journal::api_tokens`](super::super::super::api::Journal::api_tokens).
pub(crate) fn api_tokens(conn: &Connection) -> Result<Vec<TokenRow>, Fault> {
    let mut statement = conn.prepare_cached(&format!("SELECT {TOKEN_COLUMNS} FROM api_tokens ORDER BY name"))?;
    let rows = statement.query_map([], token_row)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// See [`Journal::api_token`](super::super::super::api::Journal::api_token).
pub(crate) fn api_token(conn: &Connection, key: &Key, now: Timestamp) -> Result<Option<TokenRow>, Fault> {
    Ok(conn
        .prepare_cached(&format!("SELECT {TOKEN_COLUMNS} FROM api_tokens WHERE key = ?1 AND (ends_at IS NULL OR ends_at > ?2)"))?
        .query_row(params![key, Us(now)], token_row)
        .optional()?)
}
