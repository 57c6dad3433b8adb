//! The pulse, alerts and their messages.

use jiff::Timestamp;
use rusqlite::params;

use super::super::{
    super::model::{AlertChange, NoticeTried},
    fault::Fault,
    queue::Tx,
    row::{Us, us},
};

/// See [`Upkeep::pulse`](super::super::super::upkeep::Upkeep::pulse).
pub(crate) fn pulse(tx: &mut Tx<'_>, now: Timestamp) -> Result<(), Fault> {
    tx.conn
        .prepare_cached("INSERT INTO pulse (one, at) VALUES (1, ?1) ON CONFLICT (one) DO UPDATE SET at = excluded.at")?
        .execute([Us(now)])?;
    Ok(())
}

/// See [`Upkeep::alert_put`](super::super::super::upkeep::Upkeep::alert_put).
pub(crate) fn alert_put(tx: &mut Tx<'_>, change: &AlertChange) -> Result<(), Fault> {
    match &change.state {
        Some(row) => tx
            .conn
            .prepare_cached(
                "INSERT INTO alerts (name, since, quiet_since, told_at, said) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (name) DO UPDATE SET since = excluded.since, quiet_since = excluded.quiet_since,
                    told_at = excluded.told_at, said = excluded.said",
            )?
            .execute(params![change.name, Us(row.since), us(row.quiet_since), Us(row.told_at), row.said])?,
        None => tx.conn.prepare_cached("DELETE FROM alerts WHERE name = ?1")?.execute([&change.name])?,
    };
    let mut insert =
        tx.conn.prepare_cached("INSERT INTO notices (alert, notifier, kind, body, made_at, next_at) VALUES (?1, ?2, ?3, ?4, ?5, ?5)")?;
    for notice in &change.notices {
        insert.execute(params![change.name, notice.notifier, notice.kind, notice.body, Us(change.now)])?;
    }
    Ok(())
}

/// See [`Upkeep::notice_tried`](super::super::super::upkeep::Upkeep::notice_tried).
pub(crate) fn notice_tried(tx: &mut Tx<'_>, tried: &NoticeTried) -> Result<(), Fault> {
    let done = tried.next_at.is_none().then_some(Us(tried.now));
    tx.conn
        .prepare_cached(
            "UPDATE notices SET attempts = attempts + 1, next_at = coalesce(?2, next_at), done_at = ?3, trouble = ?4 WHERE id = ?1",
        )?
        .execute(params![tried.id, us(tried.next_at), done, tried.trouble])?;
    Ok(())
}
