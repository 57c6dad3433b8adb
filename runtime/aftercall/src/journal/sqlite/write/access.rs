//! Who may look and act: users, sessions, tokens, and how often a sign-in was tried.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use super::super::{
    super::{
        error::Error,
        model::{AccessChange, Deed, Key, NewSession, Role, SignInTry},
    },
    fault::Fault,
    queue::Tx,
    row::{Us, us},
};

/// See [`Journal::access_put`](super::super::super::api::Journal::access_put).
pub(crate) fn access_put(tx: &mut Tx<'_>, change: AccessChange, deed: &Deed) -> Result<(), Fault> {
    let now = Us(deed.at);
    match change {
        AccessChange::UserAdded { name, role, hash } => {
            let sql = "INSERT OR IGNORE INTO users (name, role, hash, disabled, created_at, changed_at) VALUES (?1, ?2, ?3, 0, ?4, ?4)";
            new(tx.conn.prepare_cached(sql)?.execute(params![name, role, hash, now])?, || format!("user `{name}`"))?;
        }
        AccessChange::UserRole { name, role, force } => {
            if role < Role::Admin && !force {
                leaves_an_admin(tx, &name)?;
            }
            let sql = "UPDATE users SET role = ?2, changed_at = ?3 WHERE name = ?1";
            changed(tx.conn.prepare_cached(sql)?.execute(params![name, role, now])?, || format!("user `{name}`"))?;
            end_all(tx, &name)?;
        }
        AccessChange::UserPassword { name, hash } => {
            let sql = "UPDATE users SET hash = ?2, changed_at = ?3 WHERE name = ?1";
            changed(tx.conn.prepare_cached(sql)?.execute(params![name, hash, now])?, || format!("user `{name}`"))?;
            end_all(tx, &name)?;
        }
        AccessChange::UserDisabled { name, disabled, force } => {
            if disabled && !force {
                leaves_an_admin(tx, &name)?;
            }
            let sql = "UPDATE users SET disabled = ?2, changed_at = ?3 WHERE name = ?1";
            changed(tx.conn.prepare_cached(sql)?.execute(params![name, disabled, now])?, || format!("user `{name}`"))?;
            end_all(tx, &name)?;
        }
        AccessChange::UserSignedOut { name } => {
            let known = tx.conn.prepare_cached("SELECT 1 FROM users WHERE name = ?1")?.exists([&name])?;
            changed(usize::from(known), || format!("user `{name}`"))?;
            end_all(tx, &name)?;
        }
        AccessChange::TokenAdded { name, key, role, ends_at } => {
            let sql = "INSERT OR IGNORE INTO api_tokens (name, key, role, created_at, ends_at) VALUES (?1, ?2, ?3, ?4, ?5)";
            new(tx.conn.prepare_cached(sql)?.execute(params![name, key, role, now, us(ends_at)])?, || format!("token `{name}`"))?;
        }
        AccessChange::TokenRevoked { name } => {
            let gone = tx.conn.prepare_cached("DELETE FROM api_tokens WHERE name = ?1")?.execute(params![name])?;
            changed(gone, || format!("token `{name}`"))?;
        }
    }
    super::deed_put(tx, deed)
}

fn new(rows: usize, what: impl FnOnce() -> String) -> Result<(), Fault> {
    if rows == 0 { Err(Error::AlreadyThere { what: what() }.into()) } else { Ok(()) }
}

fn changed(rows: usize, what: impl FnOnce() -> String) -> Result<(), Fault> {
    if rows == 0 { Err(Error::NotFound { what: what() }.into()) } else { Ok(()) }
}

/// Errors: this is an admin who may come in, and there is no other.
fn leaves_an_admin(tx: &mut Tx<'_>, name: &str) -> Result<(), Fault> {
    let sql = "SELECT name FROM users WHERE role = ?1 AND disabled = 0 LIMIT 2";
    let admins: Vec<String> = tx.conn.prepare_cached(sql)?.query_map([Role::Admin], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    if admins == [name] { Err(Error::LastAdmin { name: name.to_owned() }.into()) } else { Ok(()) }
}

fn end_all(tx: &mut Tx<'_>, user: &str) -> Result<(), Fault> {
    tx.conn.prepare_cached("DELETE FROM sessions WHERE user = ?1")?.execute([user])?;
    Ok(())
}

/// See [`Journal::session_start`](super::super::super::api::Journal::session_start).
pub(crate) fn session_start(tx: &mut Tx<'_>, new: &NewSession, deed: &Deed) -> Result<(), Fault> {
    let NewSession { key, before, user, hash, ends_at } = new;
    let now = Us(deed.at);
    let welcome = tx
        .conn
        .prepare_cached("SELECT 1 FROM users WHERE name = ?1 AND disabled = 0 AND hash IS ?2")?
        .query_row(params![user, hash], |_| Ok(()))
        .optional()?;
    changed(usize::from(welcome.is_some()), || format!("user `{user}` as they were when they signed in"))?;
    if let Some(before) = before {
        tx.conn.prepare_cached("DELETE FROM sessions WHERE key = ?1")?.execute([before])?;
    }
    tx.conn.prepare_cached("DELETE FROM sessions WHERE ends_at <= ?1")?.execute([now])?;
    tx.conn
        .prepare_cached("INSERT INTO sessions (key, user, created_at, seen_at, ends_at) VALUES (?1, ?2, ?3, ?3, ?4)")?
        .execute(params![key, user, now, Us(*ends_at)])?;
    super::deed_put(tx, deed)
}

/// See [`Journal::session_seen`](super::super::super::api::Journal::session_seen).
pub(crate) fn session_seen(tx: &mut Tx<'_>, key: &Key, now: Timestamp) -> Result<(), Fault> {
    tx.conn.prepare_cached("UPDATE sessions SET seen_at = max(seen_at, ?2) WHERE key = ?1")?.execute(params![key, Us(now)])?;
    Ok(())
}

/// See [`Journal::session_end`](super::super::super::api::Journal::session_end).
pub(crate) fn session_end(tx: &mut Tx<'_>, key: &Key, deed: &Deed) -> Result<(), Fault> {
    if tx.conn.prepare_cached("DELETE FROM sessions WHERE key = ?1")?.execute([key])? > 0 {
        super::deed_put(tx, deed)?;
    }
    Ok(())
}

/// See [`Journal::token_used`](super::super::super::api::Journal::token_used).
pub(crate) fn token_used(tx: &mut Tx<'_>, name: &str, now: Timestamp) -> Result<(), Fault> {
    tx.conn.prepare_cached("UPDATE api_tokens SET used_at = ?2 WHERE name = ?1")?.execute(params![name, Us(now)])?;
    Ok(())
}

/// See [`Journal::sign_in_try`](super::super::super::api::Journal::sign_in_try).
pub(crate) fn sign_in_try(tx: &mut Tx<'_>, asked: &SignInTry) -> Result<Option<Timestamp>, Fault> {
    let since = asked.now.saturating_sub(asked.within).unwrap_or(Timestamp::MIN);
    tx.conn.prepare_cached("DELETE FROM sign_ins WHERE at <= ?1")?.execute([Us(since)])?;
    let mut wait = None;
    for (key, most) in &asked.keys {
        // The one whose going makes room.
        let first: Option<Us> = tx
            .conn
            .prepare_cached("SELECT at FROM sign_ins WHERE key = ?1 ORDER BY at DESC LIMIT 1 OFFSET ?2")?
            .query_row(params![key, i64::from(*most) - 1], |row| row.get(0))
            .optional()?;
        let free = first.map(|first| first.0.saturating_add(asked.within).unwrap_or(Timestamp::MAX));
        wait = wait.max(free);
    }
    if wait.is_none() {
        for (key, _) in &asked.keys {
            tx.conn.prepare_cached("INSERT INTO sign_ins (key, at) VALUES (?1, ?2)")?.execute(params![key, Us(asked.now)])?;
        }
    }
    Ok(wait)
}

/// See [`Journal::sign_in_succeeded`](super::super::super::api::Journal::sign_in_succeeded).
pub(crate) fn sign_in_succeeded(tx: &mut Tx<'_>, own: &Key, others: &[Key]) -> Result<(), Fault> {
    tx.conn.prepare_cached("DELETE FROM sign_ins WHERE key = ?1")?.execute([own])?;
    for key in others {
        tx.conn
            .prepare_cached("DELETE FROM sign_ins WHERE rowid = (SELECT rowid FROM sign_ins WHERE key = ?1 ORDER BY at DESC LIMIT 1)")?
            .execute([key])?;
    }
    Ok(())
}
