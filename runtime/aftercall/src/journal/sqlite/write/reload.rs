//! Configs that are offered to the service.

use rusqlite::params;

use super::super::{
    super::model::{NewReload, ReloadAnswer, ReloadState},
    fault::Fault,
    queue::Tx,
    row::Us,
};

/// See [`Journal::reload_ask`](super::super::super::api::Journal::reload_ask).
pub(crate) fn reload_ask(tx: &mut Tx<'_>, new: &NewReload) -> Result<i64, Fault> {
    tx.conn
        .prepare_cached("INSERT INTO reloads (asked_by, at_once, asked_at, state, changed_at) VALUES (?1, ?2, ?3, ?4, ?3)")?
        .execute(params![new.asked_by, new.at_once, Us(new.now), ReloadState::Asked])?;
    let id = tx.conn.last_insert_rowid();
    if let Some(deed) = &new.deed {
        super::deed_put(tx, deed)?;
    }
    Ok(id)
}

/// See [`Journal::reload_answer`](super::super::super::api::Journal::reload_answer).
pub(crate) fn reload_answer(tx: &mut Tx<'_>, answer: &ReloadAnswer) -> Result<i64, Fault> {
    let ReloadAnswer { ids, asked_by, state, version, detail, operation, now } = answer;
    if ids.is_empty() {
        tx.conn
            .prepare_cached(
                "INSERT INTO reloads (asked_by, at_once, asked_at, state, version, detail, operation, changed_at)
                 VALUES (?1, 0, ?2, ?3, ?4, ?5, ?6, ?2)",
            )?
            .execute(params![asked_by, Us(*now), state, version, detail, operation])?;
        return Ok(tx.conn.last_insert_rowid());
    }
    let mut update = tx
        .conn
        .prepare_cached("UPDATE reloads SET state = ?2, version = ?3, detail = ?4, operation = ?5, changed_at = ?6 WHERE id = ?1")?;
    for id in ids {
        update.execute(params![id, state, version, detail, operation, Us(*now)])?;
    }
    Ok(ids.iter().copied().max().unwrap_or_default())
}
