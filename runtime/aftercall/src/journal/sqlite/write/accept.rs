//! Taking in what a source delivered: recognised by its event first, by its call second.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};
use serde_json::json;

use super::{
    super::{
        super::model::{Accepted, Arrival, ArrivalKind, CallSeq, CallStatus, LaneId, NewCall},
        fault::Fault,
        queue::Tx,
        row::{Us, limit, us},
    },
    lanes,
    record::event,
};

/// See [`Journal::accept`](super::super::super::api::Journal::accept).
pub(crate) fn accept(tx: &mut Tx<'_>, arrivals: Vec<Arrival>) -> Result<Vec<Accepted>, Fault> {
    arrivals.into_iter().map(|arrival| accept_one(tx, arrival)).collect()
}

fn accept_one(tx: &mut Tx<'_>, arrival: Arrival) -> Result<Accepted, Fault> {
    let kind = match &arrival.kind {
        ArrivalKind::Call(_) => "call",
        ArrivalKind::Unrecognised { .. } => "unrecognised",
        ArrivalKind::Ignored { .. } => "ignored",
    };
    let mut known = deliveries(tx, &arrival)?;
    if let Some(same) = known.iter().find(|one| one.kind == kind && one.says_the_same(&arrival)) {
        return Ok(Accepted::Duplicate { seq: same.call });
    }
    // A call is a call, whatever a poorer source mapping makes of the same event later.
    if kind != "call"
        && let Some(call) = known.iter().find(|one| one.kind == "call")
    {
        return Ok(Accepted::Duplicate { seq: call.call });
    }
    // What was not understood, or not wanted, is looked at with other eyes now.
    known.retain(|one| one.kind != "call");
    let (accepted, call, digest, reason) = match &arrival.kind {
        ArrivalKind::Call(call) => {
            let accepted = accept_call(tx, &arrival.source, call, arrival.received_at)?;
            let seq = match accepted {
                Accepted::New { seq } | Accepted::Amended { seq, .. } => Some(seq),
                Accepted::Duplicate { seq } => seq,
                Accepted::Kept => None,
            };
            (accepted, seq, Some(&call.digest), None)
        }
        ArrivalKind::Unrecognised { reason } | ArrivalKind::Ignored { reason } => (Accepted::Kept, None, None, Some(reason)),
    };
    for old in &known {
        tx.conn
            .prepare_cached("UPDATE payloads SET kind = ?2, reason = ?3, call = ?4, digest = ?5 WHERE id = ?1")?
            .execute(params![old.id, kind, reason, call, digest])?;
    }
    if !known.iter().any(|old| old.same_body) {
        tx.conn
            .prepare_cached(
                "INSERT INTO payloads (source, event_key, kind, reason, call, digest, received_at, bytes, body)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?
            .execute(params![
                arrival.source,
                arrival.event_key,
                kind,
                reason,
                call,
                digest,
                Us(arrival.received_at),
                limit(arrival.body.len()),
                arrival.body
            ])?;
    }
    Ok(accepted)
}

/// An earlier delivery of the same event.
struct Delivery {
    id: i64,
    kind: String,
    call: Option<CallSeq>,
    digest: Option<String>,
    /// Byte for byte; also when the body is no longer kept.
    same_body: bool,
}

impl Delivery {
    /// A platform that corrects itself under the same event key has something new to say: other bytes, and another
    /// outcome in them. (Other bytes alone mean nothing, many payloads carry the time of their sending; another outcome
    /// of the same bytes means only that the source mapping changed.)
    fn says_the_same(&self, arrival: &Arrival) -> bool {
        match &arrival.kind {
            ArrivalKind::Call(call) => self.same_body || self.digest.as_ref() == Some(&call.digest),
            ArrivalKind::Unrecognised { .. } | ArrivalKind::Ignored { .. } => true,
        }
    }
}

fn deliveries(tx: &Tx<'_>, arrival: &Arrival) -> Result<Vec<Delivery>, Fault> {
    let mut statement = tx
        .conn
        .prepare_cached("SELECT id, kind, call, digest, body IS NULL OR body = ?3 FROM payloads WHERE source = ?1 AND event_key = ?2")?;
    let rows = statement.query_map(params![arrival.source, arrival.event_key, arrival.body], |row| {
        Ok(Delivery { id: row.get(0)?, kind: row.get(1)?, call: row.get(2)?, digest: row.get(3)?, same_body: row.get(4)? })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// What is known of a call that another word comes in about.
struct Known {
    seq: CallSeq,
    lane: LaneId,
    revision: i64,
    digest: String,
    provisional: bool,
}

fn accept_call(tx: &mut Tx<'_>, source: &str, call: &NewCall, now: Timestamp) -> Result<Accepted, Fault> {
    let known = tx
        .conn
        .prepare_cached("SELECT seq, lane, revision, digest, provisional FROM calls WHERE id = ?1")?
        .query_row([&call.id], |row| {
            Ok(Known { seq: row.get(0)?, lane: row.get(1)?, revision: row.get(2)?, digest: row.get(3)?, provisional: row.get(4)? })
        })
        .optional()?;
    let mut keys = call.lane_keys.clone();
    keys.sort_unstable();
    keys.dedup();
    match known {
        None => insert(tx, source, call, &keys, now),
        // Platforms do not keep the order: "call ended" can come after "call analysed", and must not undo it.
        Some(known) if call.provisional && !known.provisional => {
            event(tx, known.seq, now, "late_word_ignored", None, &json!({}).into())?;
            Ok(Accepted::Duplicate { seq: Some(known.seq) })
        }
        Some(known) if known.digest == call.digest => {
            if known.provisional && !call.provisional {
                tx.conn
                    .prepare_cached("UPDATE calls SET provisional = 0, next_at = ?2, changed_at = ?3 WHERE seq = ?1")?
                    .execute(params![known.seq, Us(call.due_at), Us(now)])?;
                tx.conn
                    .prepare_cached("UPDATE outcomes SET provisional = 0 WHERE call = ?1 AND revision = ?2")?
                    .execute(params![known.seq, known.revision])?;
                event(tx, known.seq, now, "call_confirmed", None, &json!({}).into())?;
                lanes::hurry(tx, known.lane, now)?;
            }
            Ok(Accepted::Duplicate { seq: Some(known.seq) })
        }
        Some(known) => amend(tx, known, call, &keys, now),
    }
}

fn insert(tx: &mut Tx<'_>, source: &str, call: &NewCall, keys: &[String], now: Timestamp) -> Result<Accepted, Fault> {
    let lane = lanes::lane_of(tx, keys, None)?;
    tx.conn
        .prepare_cached(
            "INSERT INTO calls (id, source, lane, revision, provisional, digest, started_at, received_at, status, next_at,
                                config_version, changed_at)
             VALUES (?1, ?2, ?3, 1, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?7)",
        )?
        .execute(params![
            call.id,
            source,
            lane,
            call.provisional,
            call.digest,
            us(call.started_at),
            Us(now),
            CallStatus::Waiting,
            Us(call.due_at),
            call.config_version
        ])?;
    let seq = CallSeq(tx.conn.last_insert_rowid());
    outcome(tx, seq, 1, call, now)?;
    event(tx, seq, now, "call_received", None, &json!({"source": source, "provisional": call.provisional}).into())?;
    lanes::hurry(tx, lane, now)?;
    Ok(Accepted::New { seq })
}

/// Another outcome: the call is due again, and what was written for it stays as it is, so that only the difference is
/// planned.
fn amend(tx: &mut Tx<'_>, known: Known, call: &NewCall, keys: &[String], now: Timestamp) -> Result<Accepted, Fault> {
    let Known { seq, lane, revision, .. } = known;
    let revision = revision + 1;
    tx.conn
        .prepare_cached(
            "UPDATE calls SET revision = ?2, provisional = ?3, digest = ?4, started_at = coalesce(?5, started_at),
                              status = ?6, status_reason = NULL, next_at = ?7, changed_at = ?8, erased_at = NULL
             WHERE seq = ?1",
        )?
        .execute(params![
            seq,
            revision,
            call.provisional,
            call.digest,
            us(call.started_at),
            CallStatus::Waiting,
            Us(call.due_at),
            Us(now)
        ])?;
    outcome(tx, seq, revision, call, now)?;
    event(tx, seq, now, "call_amended", None, &json!({"revision": revision, "provisional": call.provisional}).into())?;
    // Keys that only this word knows (an e-mail address, after the number) can show that two lanes are one caller.
    let lane = lanes::lane_of(tx, keys, Some(lane))?;
    lanes::hurry(tx, lane, now)?;
    Ok(Accepted::Amended { seq, revision })
}

fn outcome(tx: &mut Tx<'_>, seq: CallSeq, revision: i64, call: &NewCall, now: Timestamp) -> Result<(), Fault> {
    tx.conn
        .prepare_cached(
            "INSERT INTO outcomes (call, revision, outcome, digest, provisional, config_version, received_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![seq, revision, call.outcome, call.digest, call.provisional, call.config_version, Us(now)])?;
    // The words of the outcome that counts; what a revision before said is not looked for any more.
    tx.conn.prepare_cached("INSERT OR REPLACE INTO call_words (rowid, words) VALUES (?1, ?2)")?.execute(params![seq, call.words])?;
    Ok(())
}
