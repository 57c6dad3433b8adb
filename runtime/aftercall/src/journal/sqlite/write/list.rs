//! What platforms' lists had, and what of it never came.

use rusqlite::params;

use super::super::{
    super::model::{Look, LookEnd},
    fault::Fault,
    queue::Tx,
    row::{Us, limit},
};

/// See [`Upkeep::look_put`](super::super::super::upkeep::Upkeep::look_put).
pub(crate) fn look_put(tx: &mut Tx<'_>, look: &Look) -> Result<(), Fault> {
    let Look { source, since, until, began_at, now, end } = look;
    let trouble = end.as_ref().and_then(|end| end.trouble.as_ref());
    tx.conn
        .prepare_cached(
            "INSERT INTO looks (source, number, since, until, began_at, ended_at, trouble) VALUES (?1, 1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (source) DO UPDATE SET number = number + 1, since = excluded.since, until = excluded.until,
                began_at = excluded.began_at, ended_at = excluded.ended_at, trouble = excluded.trouble",
        )?
        .execute(params![source, Us(*since), Us(*until), Us(*began_at), end.as_ref().map(|_| Us(*now)), trouble])?;
    let Some(LookEnd { listed, missing, fetched, .. }) = end else { return Ok(()) };
    if let Some(days) = listed {
        // Part of a day says less than all of it.
        let mut put = tx.conn.prepare_cached(
            "INSERT INTO listed (source, day, looked_at, whole, calls, fetched) VALUES (?1, ?2, ?3, ?4, ?5, 0)
             ON CONFLICT (day, source) DO UPDATE SET looked_at = excluded.looked_at, whole = excluded.whole, calls = excluded.calls
             WHERE excluded.whole >= whole",
        )?;
        for day in days {
            put.execute(params![source, day.day, Us(*now), day.whole, limit(usize::try_from(day.calls).unwrap_or(usize::MAX))])?;
        }
        let mut put = tx.conn.prepare_cached(
            "INSERT INTO never_came (source, id, started_at, seen_at, kept) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (source, id) DO UPDATE SET started_at = excluded.started_at, seen_at = excluded.seen_at,
                kept = coalesce(excluded.kept, kept)",
        )?;
        for call in missing {
            put.execute(params![source, call.id, Us(call.started_at), Us(*now), call.kept])?;
        }
        tx.conn
            .prepare_cached("DELETE FROM never_came WHERE source = ?1 AND started_at BETWEEN ?2 AND ?3 AND seen_at < ?4")?
            .execute(params![source, Us(*since), Us(*until), Us(*now)])?;
    }
    let mut put = tx.conn.prepare_cached(
        "INSERT INTO listed (source, day, looked_at, whole, calls, fetched) VALUES (?1, ?2, ?3, 0, ?4, ?4)
         ON CONFLICT (day, source) DO UPDATE SET fetched = fetched + excluded.fetched",
    )?;
    for (day, calls) in fetched {
        put.execute(params![source, day, Us(*now), limit(usize::try_from(*calls).unwrap_or(usize::MAX))])?;
    }
    Ok(())
}
