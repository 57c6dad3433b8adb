//! Putting on record what happened to a call: by the worker that has its lane, or by a person.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};
use serde_json::json;

use super::{
    super::{
        super::{
            error::Error,
            model::{
                CallChange, CallSeq, CallStatus, Created, Deed, FieldWritten, Guard, Intervention, Json, LaneId, Record, Recorded,
                Recording, Seen, Then, WriteChange, WriteState,
            },
        },
        fault::Fault,
        queue::Tx,
        read::writes_of,
        row::{Us, limit, us},
    },
    answer, hold, lanes, plan,
};
use crate::plant::{Plant, planted};

/// What a record needs to know of its call.
pub(super) struct Head {
    pub(super) seq: CallSeq,
    pub(super) id: String,
    pub(super) lane: LaneId,
    pub(super) revision: i64,
    pub(super) status: CallStatus,
    /// When the lease ends, if there is one.
    leased_until: Option<Timestamp>,
    fence: i64,
}

/// The call by its number. Errors: [`Error::NotFound`].
pub(super) fn head(tx: &Tx<'_>, seq: CallSeq) -> Result<Head, Fault> {
    let head = tx
        .conn
        .prepare_cached(
            "SELECT c.id, c.lane, c.revision, c.status, l.owner IS NOT NULL, l.lease_until, l.fence
             FROM calls c JOIN lanes l ON l.id = c.lane WHERE c.seq = ?1",
        )?
        .query_row([seq], |row| {
            let leased: bool = row.get(4)?;
            Ok(Head {
                seq,
                id: row.get(0)?,
                lane: row.get(1)?,
                revision: row.get(2)?,
                status: row.get(3)?,
                leased_until: if leased { Some(row.get::<_, Us>(5)?.0) } else { None },
                fence: row.get(6)?,
            })
        })
        .optional()?;
    head.ok_or_else(|| Error::NotFound { what: format!("call with number {seq}") }.into())
}

impl Head {
    /// Whether the guard speaks for this call.
    pub(super) fn held_by(&self, guard: Guard) -> bool {
        planted(Plant::NoFence) || self.leased_until.is_some() && self.lane == guard.lane && self.fence == guard.fence.0
    }
}

/// See [`Journal::record`](super::super::super::api::Journal::record).
pub(crate) fn record(tx: &mut Tx<'_>, recording: Recording) -> Result<Recorded, Fault> {
    let Recording { guard, call, revision, now, records, then } = recording;
    let mut head = head(tx, call)?;
    if !head.held_by(guard) {
        return Err(Error::Fenced { lane: guard.lane }.into());
    }
    apply(tx, &mut head, revision, now, None, records)?;
    if then == Then::Release {
        hold::let_go(tx, head.lane, now)?;
    }
    Ok(Recorded { revision: head.revision, status: head.status })
}

/// See [`Journal::intervene`](super::super::super::api::Journal::intervene).
pub(crate) fn intervene(tx: &mut Tx<'_>, intervention: Intervention) -> Result<Recorded, Fault> {
    let Intervention { call, actor, way, what, reason, now, seen, records } = intervention;
    let mut head = head(tx, call)?;
    if let Some(until) = head.leased_until {
        return Err(Error::Leased { call: head.id, until }.into());
    }
    // In the same transaction: of two people who say the same, the second is told that it is done.
    if let Some(seen) = seen
        && seen != Seen::new(head.revision, head.status, &writes_of(tx.conn, call)?)
    {
        return Err(Error::Changed { call: head.id, status: head.status }.into());
    }
    // The trail has it, and the call's story repeats it: both appended here, and neither ever changed.
    event(tx, call, now, "person_intervened", None, &json!({"actor": actor, "reason": reason}).into())?;
    let deed = Deed { call: Some(head.id.clone()), reason: Some(reason.clone()), ..Deed::new(now, actor.as_str(), way, what) };
    super::deed_put(tx, &deed)?;
    let revision = head.revision;
    let said = answer::Said { actor: &actor, reason: &reason, at: now };
    apply(tx, &mut head, revision, now, Some(&said), records)?;
    lanes::set_free(tx, head.lane, now)?;
    Ok(Recorded { revision: head.revision, status: head.status })
}

/// Applies records in order. `revision` is what was worked; `said` is there where a person speaks.
pub(super) fn apply(
    tx: &mut Tx<'_>,
    head: &mut Head,
    revision: i64,
    now: Timestamp,
    said: Option<&answer::Said<'_>>,
    records: Vec<Record>,
) -> Result<(), Fault> {
    for record in records {
        match record {
            Record::Write(change) => write(tx, head, now, &change)?,
            Record::Beside(new) => plan::beside(tx, head, now, &new)?,
            Record::Event(new) => event(tx, head.seq, now, &new.kind, new.write.as_deref(), &new.data)?,
            Record::Call(change) => call(tx, head, revision, now, change)?,
            Record::Link { connection, record } => link(tx, head.lane, now, &connection, record.as_ref())?,
            Record::Field(field) => field_written(tx, head.seq, now, &field)?,
            Record::Unwritten { connection, object, record_id, field } => unwritten(tx, [&connection, &object, &record_id, &field])?,
            Record::Created(made) => created(tx, head.seq, &made)?,
            Record::Person { connection, id, keys } => super::people_put(tx, &connection, &[(id, Some(keys))])?,
            Record::Answer(new) => match said {
                Some(said) => answer::append(tx, head.seq, said, &new)?,
                None => return Err(Error::NotFound { what: format!("person who answers for call `{}`", head.id) }.into()),
            },
            Record::Version { config_version } => version(tx, head, now, &config_version)?,
            Record::AnswerLedTo { contact } => answer::led_to(tx, head.seq, &contact)?,
            Record::Gone { connection, object, record_id } => gone(tx, &connection, &object, &record_id)?,
            Record::SlotsReleased { write } => release_slots(tx, head.seq, write.as_deref())?,
        }
    }
    Ok(())
}

fn write(tx: &mut Tx<'_>, head: &Head, now: Timestamp, change: &WriteChange) -> Result<(), Fault> {
    let trouble = change.trouble.as_ref();
    let changed = tx
        .conn
        .prepare_cached(
            "UPDATE writes SET state = ?3, attempt = coalesce(?4, attempt) + ?5, trouble_class = ?6, trouble = ?7,
                    http_status = ?8, since = ?9, next_at = ?10, request_digest = coalesce(?11, request_digest),
                    request = coalesce(?12, request), record_id = coalesce(?13, record_id),
                    record_url = coalesce(?14, record_url), receipt = coalesce(?15, receipt), changed_at = ?16
             WHERE call = ?1 AND write = ?2",
        )?
        .execute(params![
            head.seq,
            change.write,
            change.state,
            change.attempt,
            i64::from(change.state == WriteState::Intent),
            trouble.map(|trouble| &trouble.class),
            trouble.map(|trouble| &trouble.message),
            trouble.and_then(|trouble| trouble.http_status),
            us(change.since),
            us(change.next_at),
            change.request_digest,
            change.request,
            change.record_id,
            change.record_url,
            change.receipt,
            Us(now),
        ])?;
    if changed == 0 {
        return Err(Error::NotFound { what: format!("write `{}` of call `{}`", change.write, head.id) }.into());
    }
    Ok(())
}

fn call(tx: &mut Tx<'_>, head: &mut Head, revision: i64, now: Timestamp, change: CallChange) -> Result<(), Fault> {
    let CallChange { mut status, mut reason, mut next_at, waits_for, blocks_lane } = change;
    if head.revision > revision {
        // The worker speaks of an outcome that no longer counts; the newer one is still to be carried over.
        if status.is_final() {
            (status, reason) = (CallStatus::Waiting, None);
        }
        next_at = Some(next_at.map_or(now, |at| at.min(now)));
    }
    if status.is_final() {
        next_at = None;
    }
    tx.conn
        .prepare_cached("UPDATE calls SET status = ?2, status_reason = ?3, next_at = ?4, blocks_lane = ?5, changed_at = ?6 WHERE seq = ?1")?
        .execute(params![head.seq, status, reason, us(next_at), blocks_lane, Us(now)])?;
    head.status = status;
    tx.conn.prepare_cached("DELETE FROM parked WHERE call = ?1")?.execute([head.seq])?;
    for connection in waits_for.iter().filter(|_| !status.is_final()) {
        tx.conn
            .prepare_cached("INSERT OR IGNORE INTO parked (call, connection) VALUES (?1, ?2)")?
            .execute(params![head.seq, connection])?;
    }
    Ok(())
}

/// See [`Journal::wake`](super::super::super::api::Journal::wake).
pub(crate) fn wake(tx: &mut Tx<'_>, connection: &str, max: usize, now: Timestamp) -> Result<usize, Fault> {
    let parked: Vec<(CallSeq, LaneId)> = tx
        .conn
        .prepare_cached(
            "SELECT p.call, c.lane FROM parked p INDEXED BY parked_connection JOIN calls c ON c.seq = p.call
             WHERE p.connection = ?1 ORDER BY p.call LIMIT ?2",
        )?
        .query_map(params![connection, limit(max)], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (call, lane) in &parked {
        tx.conn
            .prepare_cached(
                "UPDATE calls SET next_at = min(coalesce(next_at, ?2), ?2), changed_at = ?2 WHERE seq = ?1 AND status = 'waiting'",
            )?
            .execute(params![call, Us(now)])?;
        tx.conn.prepare_cached("DELETE FROM parked WHERE call = ?1")?.execute([call])?;
        lanes::hurry(tx, *lane, now)?;
    }
    Ok(parked.len())
}

fn version(tx: &mut Tx<'_>, head: &Head, now: Timestamp, to: &str) -> Result<(), Fault> {
    let from: String =
        tx.conn.prepare_cached("SELECT config_version FROM calls WHERE seq = ?1")?.query_row([head.seq], |row| row.get(0))?;
    tx.conn.prepare_cached("UPDATE calls SET config_version = ?2, changed_at = ?3 WHERE seq = ?1")?.execute(params![
        head.seq,
        to,
        Us(now)
    ])?;
    // A claim takes the version of the words that count; the next word brings its own.
    tx.conn.prepare_cached("UPDATE outcomes SET config_version = ?3 WHERE call = ?1 AND revision = ?2")?.execute(params![
        head.seq,
        head.revision,
        to
    ])?;
    event(tx, head.seq, now, "config_version_changed", None, &json!({"from": from, "to": to}).into())
}

fn link(tx: &mut Tx<'_>, lane: LaneId, now: Timestamp, connection: &str, record: Option<&Json>) -> Result<(), Fault> {
    match record {
        Some(record) => tx
            .conn
            .prepare_cached(
                "INSERT INTO lane_links (lane, connection, record, noted_at) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (lane, connection) DO UPDATE SET record = excluded.record, noted_at = excluded.noted_at",
            )?
            .execute(params![lane, connection, record, Us(now)])?,
        None => tx.conn.prepare_cached("DELETE FROM lane_links WHERE lane = ?1 AND connection = ?2")?.execute(params![lane, connection])?,
    };
    Ok(())
}

fn field_written(tx: &mut Tx<'_>, seq: CallSeq, now: Timestamp, field: &FieldWritten) -> Result<(), Fault> {
    tx.conn
        .prepare_cached(
            "INSERT INTO fields_written (connection, object, record_id, field, value, call, call_started_at, config_version,
                                         written_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT (connection, object, record_id, field) DO UPDATE SET value = excluded.value, call = excluded.call,
                    call_started_at = excluded.call_started_at, config_version = excluded.config_version,
                    written_at = excluded.written_at",
        )?
        .execute(params![
            field.connection,
            field.object,
            field.record_id,
            field.field,
            field.value,
            seq,
            us(field.call_started_at),
            field.config_version,
            Us(now)
        ])?;
    Ok(())
}

/// Connection, object, record and field.
fn unwritten(tx: &mut Tx<'_>, of: [&str; 4]) -> Result<(), Fault> {
    tx.conn
        .prepare_cached("DELETE FROM fields_written WHERE connection = ?1 AND object = ?2 AND record_id = ?3 AND field = ?4")?
        .execute(of)?;
    Ok(())
}

fn created(tx: &mut Tx<'_>, seq: CallSeq, made: &Created) -> Result<(), Fault> {
    tx.conn
        .prepare_cached(
            "INSERT OR REPLACE INTO created (connection, object, created_at, record_id, identity, call)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![made.connection, made.object, Us(made.created_at), made.record_id, made.identity, seq])?;
    Ok(())
}

fn gone(tx: &mut Tx<'_>, connection: &str, object: &str, record_id: &str) -> Result<(), Fault> {
    for table in ["created", "fields_written"] {
        tx.conn
            .prepare_cached(&format!("DELETE FROM {table} WHERE connection = ?1 AND object = ?2 AND record_id = ?3"))?
            .execute(params![connection, object, record_id])?;
    }
    Ok(())
}

/// Gives back the booked times of one write, or of the call.
pub(super) fn release_slots(tx: &mut Tx<'_>, seq: CallSeq, write: Option<&str>) -> Result<(), Fault> {
    tx.conn.prepare_cached("DELETE FROM slots WHERE call = ?1 AND (?2 IS NULL OR write = ?2)")?.execute(params![seq, write])?;
    Ok(())
}

/// A line of the story.
pub(super) fn event(tx: &mut Tx<'_>, call: CallSeq, at: Timestamp, kind: &str, write: Option<&str>, data: &Json) -> Result<(), Fault> {
    tx.conn.prepare_cached("INSERT INTO events (call, at, kind, write, data) VALUES (?1, ?2, ?3, ?4, ?5)")?.execute(params![
        call,
        Us(at),
        kind,
        write,
        data
    ])?;
    Ok(())
}
