//! Taking people out of the record: what is left of a call are ids, times, states and hashes.
//!
//! [`erase_call`] is the one place that knows where a call's words stand. Whoever keeps them in another table adds a line there.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::super::{
    super::model::{CallSeq, Erased, Purged, Purging, Remains},
    fault::Fault,
    queue::Tx,
    row::{Us, limit},
};

/// A call of which nothing more is to come and nobody is asked. `c` is its row.
///
/// What a person has resolved is finished, whatever its writes came to.
pub(super) const FINISHED: &str = "(c.status IN ('landed', 'partial', 'skipped', 'resolved') AND c.blocks_lane = 0
     AND (c.status = 'resolved' OR NOT EXISTS (
        SELECT 1 FROM writes w WHERE w.call = c.seq AND w.state NOT IN ('applied', 'skipped', 'rejected')))
     AND (c.question IS NULL OR c.status = 'resolved' OR EXISTS (SELECT 1 FROM answers a WHERE a.call = c.seq)))";

/// What stands in the place of a JSON text that was erased. No outcome, context or plan can be read from it, so nothing is ever written by it.
const GONE: &str = "\"erased\"";

/// Pages of the index of words that are merged with a portion; the minus begins a merge of all of it where none is under way.
const MERGED: i64 = -64;

/// Takes everything out of a finished call that says something of a person.
pub(super) fn erase_call(tx: &mut Tx<'_>, call: CallSeq, now: Timestamp) -> Result<(), Fault> {
    for sql in
        ["UPDATE outcomes SET outcome = ?2 WHERE call = ?1", "UPDATE plans SET context = ?2, decision = ?2, plan = ?2 WHERE call = ?1"]
    {
        tx.conn.prepare_cached(sql)?.execute(params![call, GONE])?;
    }
    for sql in [
        "UPDATE payloads SET body = NULL, reason = NULL WHERE call = ?1",
        "UPDATE writes SET request = NULL, receipt = NULL, trouble = CASE WHEN trouble IS NULL THEN NULL ELSE 'erased' END WHERE call = ?1",
        "UPDATE past_writes SET request = NULL, receipt = NULL, trouble = CASE WHEN trouble IS NULL THEN NULL ELSE 'erased' END
         WHERE call = ?1",
        "UPDATE events SET data = '{}' WHERE call = ?1",
        "UPDATE answers SET identity = '{}', reason = '' WHERE call = ?1",
        "DELETE FROM fields_written WHERE call = ?1 AND (connection, object, record_id) IN (
            SELECT connection, object, record_id FROM writes WHERE call = ?1
            UNION SELECT connection, object, record_id FROM past_writes WHERE call = ?1)",
        "DELETE FROM lookups WHERE connection = '' AND kind = 'promise' AND key = (SELECT id FROM calls WHERE seq = ?1)",
        "DELETE FROM call_words WHERE rowid = ?1",
        "UPDATE deeds SET reason = NULL WHERE call = (SELECT id FROM calls WHERE seq = ?1)",
    ] {
        tx.conn.prepare_cached(sql)?.execute([call])?;
    }
    // What was created while the call was worked: by time, as the table is.
    tx.conn
        .prepare_cached(
            "DELETE FROM created WHERE call = ?1 AND (connection, object, created_at, record_id) IN (
                SELECT r.connection, r.object, r.created_at, r.record_id
                FROM (SELECT DISTINCT connection, object FROM writes WHERE call = ?1) w
                JOIN created r ON r.connection = w.connection AND r.object = w.object
                    AND r.created_at >= (SELECT received_at FROM calls WHERE seq = ?1)
                WHERE r.call = ?1)",
        )?
        .execute([call])?;
    tx.conn
        .prepare_cached("UPDATE calls SET status_reason = NULL, question = NULL, erased_at = ?2 WHERE seq = ?1")?
        .execute(params![call, Us(now)])?;
    // With the last whole call of a caller goes what links the lane to them.
    for sql in [
        "DELETE FROM lane_links WHERE lane = (SELECT lane FROM calls WHERE seq = ?1) AND NOT EXISTS (
            SELECT 1 FROM calls o WHERE o.lane = lane_links.lane AND o.erased_at IS NULL)",
        "DELETE FROM identities WHERE lane = (SELECT lane FROM calls WHERE seq = ?1) AND NOT EXISTS (
            SELECT 1 FROM calls o WHERE o.lane = identities.lane AND o.erased_at IS NULL)",
    ] {
        tx.conn.prepare_cached(sql)?.execute([call])?;
    }
    Ok(())
}

/// See [`Upkeep::purge`](super::super::super::upkeep::Upkeep::purge). `unused` are configs that nothing names.
pub(crate) fn purge(tx: &mut Tx<'_>, purging: &Purging, unused: &[String]) -> Result<Purged, Fault> {
    let mut purged = Purged { next: purging.from, ..Purged::default() };
    if let Some(before) = purging.payloads {
        let sql = format!(
            "SELECT p.id, p.received_at, c.seq IS NULL OR {FINISHED} FROM payloads p INDEXED BY payloads_whole
             LEFT JOIN calls c ON c.seq = p.call WHERE p.body IS NOT NULL AND p.id > ?1 ORDER BY p.id LIMIT ?2"
        );
        let (due, more) = portion(tx.conn, &sql, purging.from.payload, purging.limit, before, &mut purged.next.payload)?;
        purged.more |= more;
        for id in due {
            tx.conn.prepare_cached("UPDATE payloads SET body = NULL WHERE id = ?1")?.execute([id])?;
            purged.payloads += 1;
        }
    }
    if let Some(before) = purging.calls {
        let sql = format!(
            "SELECT c.seq, c.received_at, {FINISHED} FROM calls c INDEXED BY calls_whole
             WHERE c.erased_at IS NULL AND c.seq > ?1 ORDER BY c.seq LIMIT ?2"
        );
        let (due, more) = portion(tx.conn, &sql, purging.from.call, purging.limit, before, &mut purged.next.call)?;
        purged.more |= more;
        for seq in due {
            erase_call(tx, CallSeq(seq), purging.now)?;
            purged.calls += 1;
        }
        if purged.calls > 0 {
            // The words of erased calls leave the index where its parts are merged: a little with each portion, since all of it takes seconds.
            tx.conn.prepare_cached("INSERT INTO call_words (call_words, rank) VALUES ('merge', ?1)")?.execute([MERGED])?;
        }
    }
    // The rest is small, and goes with the first portion.
    if purging.from == Default::default() {
        purged.others = small(tx, purging, unused)?;
    }
    Ok(purged)
}

/// The next rows, by number: those that are old enough and may go, and whether there are more beyond them.
fn portion(conn: &Connection, sql: &str, from: i64, most: usize, before: Timestamp, next: &mut i64) -> Result<(Vec<i64>, bool), Fault> {
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement
        .query_map(params![from, limit(most)], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Us>(1)?.0, row.get::<_, bool>(2)?)))?;
    let rows: Vec<(i64, Timestamp, bool)> = rows.collect::<rusqlite::Result<_>>()?;
    // They came in in the order of their numbers, but for a clock that was set back: the whole portion decides.
    let more = rows.len() >= most && rows.iter().any(|(_, at, _)| *at < before);
    *next = rows.last().map_or(from, |(number, ..)| *number);
    Ok((rows.into_iter().filter(|(_, at, may)| *may && *at < before).map(|(number, ..)| number).collect(), more))
}

fn small(tx: &mut Tx<'_>, purging: &Purging, unused: &[String]) -> Result<u64, Fault> {
    let mut rows = 0;
    let deletions = [
        (
            purging.lookups,
            "DELETE FROM lookups WHERE fetched_at < ?1 AND NOT (kind = 'promise' AND EXISTS (
                SELECT 1 FROM calls c WHERE c.id = lookups.key AND c.status NOT IN ('landed', 'skipped', 'resolved')))",
        ),
        (
            purging.configs,
            "DELETE FROM reloads WHERE changed_at < ?1 AND state NOT IN ('asked', 'held')
             AND id < (SELECT max(id) FROM reloads WHERE state = 'accepted')",
        ),
        (purging.calls, "DELETE FROM never_came WHERE started_at < ?1"),
        (purging.calls, "DELETE FROM listed WHERE looked_at < ?1"),
        (purging.notices, "DELETE FROM notices WHERE made_at < ?1 AND done_at IS NOT NULL"),
    ];
    for (before, sql) in deletions {
        if let Some(before) = before {
            rows += tx.conn.prepare_cached(sql)?.execute([Us(before)])?;
        }
    }
    if let Some(before) = purging.created {
        let mut kind = (String::new(), String::new());
        // From one kind of record to the next by the key: the whole table need not be read.
        loop {
            let next = tx
                .conn
                .prepare_cached("SELECT connection, object FROM created WHERE (connection, object) > (?1, ?2) ORDER BY 1, 2 LIMIT 1")?
                .query_map(params![kind.0, kind.1], |row| Ok((row.get(0)?, row.get(1)?)))?
                .next()
                .transpose()?;
            let Some(next) = next else { break };
            kind = next;
            rows += tx
                .conn
                .prepare_cached("DELETE FROM created WHERE connection = ?1 AND object = ?2 AND created_at < ?3")?
                .execute(params![kind.0, kind.1, Us(before)])?;
        }
    }
    for hash in unused {
        rows += tx.conn.prepare_cached("DELETE FROM configs WHERE hash = ?1")?.execute([hash])?;
    }
    if !unused.is_empty() {
        tx.conn.execute("DELETE FROM config_parts WHERE digest NOT IN (SELECT one.value FROM configs c, json_each(c.parts) one)", [])?;
    }
    Ok(rows as u64)
}

/// What of a portion of calls stays in systems.
pub(crate) fn remains(conn: &Connection, call: CallSeq) -> Result<Vec<Remains>, Fault> {
    let mut statement = conn.prepare_cached(
        "SELECT connection, object, record_id, record_url FROM writes WHERE call = ?1 AND record_id IS NOT NULL
         UNION SELECT connection, object, record_id, record_url FROM past_writes WHERE call = ?1 AND record_id IS NOT NULL",
    )?;
    let rows = statement.query_map([call], |row| {
        Ok(Remains { connection: row.get(0)?, object: row.get(1)?, record_id: row.get(2)?, record_url: row.get(3)? })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Takes a portion of a person's calls out, with what the index of people holds of their records.
pub(crate) fn forget_calls(tx: &mut Tx<'_>, calls: &[CallSeq], now: Timestamp, erased: &mut Erased) -> Result<(), Fault> {
    for call in calls {
        for record in remains(tx.conn, *call)? {
            tx.conn
                .prepare_cached("DELETE FROM people WHERE connection = ?1 AND id = ?2")?
                .execute([&record.connection, &record.record_id])?;
        }
        let finished: bool =
            tx.conn.prepare_cached(&format!("SELECT {FINISHED} FROM calls c WHERE c.seq = ?1"))?.query_row([call], |row| row.get(0))?;
        // It was amended, or somebody wants it tried again, since it was looked at.
        if finished {
            erase_call(tx, *call, now)?;
        } else {
            let id: String = tx.conn.prepare_cached("SELECT id FROM calls WHERE seq = ?1")?.query_row([call], |row| row.get(0))?;
            erased.calls.retain(|known| *known != id);
            erased.open.push(id);
        }
    }
    Ok(())
}

/// Takes what names a person beside their calls out.
pub(crate) fn forget_others(tx: &mut Tx<'_>, found: &super::super::read::Named) -> Result<(), Fault> {
    // Words of whom is taken out must be gone from the file and not only from what is found.
    tx.conn.prepare_cached("INSERT INTO call_words (call_words) VALUES ('optimize')")?.execute([])?;
    for id in &found.payloads {
        tx.conn.prepare_cached("UPDATE payloads SET body = NULL WHERE id = ?1")?.execute([id])?;
    }
    for (connection, kind, key) in &found.lookups {
        tx.conn.prepare_cached("DELETE FROM lookups WHERE connection = ?1 AND kind = ?2 AND key = ?3")?.execute([connection, kind, key])?;
    }
    for id in &found.reloads {
        tx.conn.prepare_cached("UPDATE reloads SET detail = '{}' WHERE id = ?1")?.execute([id])?;
    }
    for (connection, object, record, field) in &found.fields {
        tx.conn
            .prepare_cached("DELETE FROM fields_written WHERE connection = ?1 AND object = ?2 AND record_id = ?3 AND field = ?4")?
            .execute([connection, object, record, field])?;
    }
    Ok(())
}
