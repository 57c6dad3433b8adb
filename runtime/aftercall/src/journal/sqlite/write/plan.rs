//! Putting a plan on record: what becomes of the writes before it, and whether a wanted time is free.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};
use serde_json::json;

use super::{
    super::{
        super::model::{CallSeq, NewPlan, NewWrite, PlanOutcome, REVERT, SlotAsk, Then, WriteOutcome, WriteState},
        fault::Fault,
        queue::Tx,
        row::{Us, WRITE_COLUMNS},
    },
    hold,
    record::{Head, apply, event, head, release_slots},
};

/// See [`Journal::record_plan`](super::super::super::api::Journal::record_plan).
pub(crate) fn record_plans(tx: &mut Tx<'_>, plans: Vec<NewPlan>) -> Result<Vec<PlanOutcome>, Fault> {
    plans.into_iter().map(|plan| record_plan(tx, plan)).collect()
}

fn record_plan(tx: &mut Tx<'_>, plan: NewPlan) -> Result<PlanOutcome, Fault> {
    let mut head = head(tx, plan.call)?;
    if !head.held_by(plan.guard) {
        return Ok(PlanOutcome::Fenced);
    }
    let then = plan.then;
    let (lane, now) = (head.lane, plan.now);
    let outcome =
        if head.revision == plan.revision { recorded(tx, &mut head, plan)? } else { PlanOutcome::Amended { revision: head.revision } };
    if then == Then::Release {
        hold::let_go(tx, lane, now)?;
    }
    Ok(outcome)
}

fn recorded(tx: &mut Tx<'_>, head: &mut Head, plan: NewPlan) -> Result<PlanOutcome, Fault> {
    let NewPlan { revision, now, writes, records, .. } = &plan;
    let (revision, now) = (*revision, *now);
    let number: i64 = tx
        .conn
        .prepare_cached(
            "UPDATE calls SET plan = plan + 1, pipeline = ?2, config_version = ?3, changed_at = ?4, question = ?5, verdict = ?6 WHERE seq = ?1
             RETURNING plan",
        )?
        .query_row(params![head.seq, plan.pipeline, plan.config_version, Us(now), plan.question, plan.verdict], |row| row.get(0))?;
    tx.conn
        .prepare_cached(
            "INSERT INTO plans (call, number, revision, context, decision, plan, pipeline, config_version, digest, recorded_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            head.seq,
            number,
            revision,
            plan.context,
            plan.decision,
            plan.plan,
            plan.pipeline,
            plan.config_version,
            plan.digest,
            Us(now)
        ])?;
    let said = json!({"number": number, "revision": revision, "pipeline": plan.pipeline,
        "config_version": plan.config_version, "digest": plan.digest, "writes": writes.len()});
    event(tx, head.seq, now, "plan_recorded", None, &said.into())?;

    let mut before = if number > 1 { existing(tx, head.seq)? } else { BTreeMap::new() };
    let mut outcomes = Vec::with_capacity(writes.len());
    for (position, write) in (0..).zip(writes) {
        let had = before.remove(&write.write);
        let place = Place { seq: head.seq, number, revision, position, now };
        outcomes.push(put(tx, &place, write, had)?);
    }
    // What undoes something is of no plan.
    for (write, had) in before.into_iter().filter(|(_, had)| had.op != REVERT) {
        supersede(tx, head.seq, now, number, &write, had.state)?;
    }
    apply(tx, head, revision, now, None, records.clone())?;
    Ok(PlanOutcome::Recorded { number, writes: outcomes })
}

/// What stands under a write's id already.
struct Had {
    op: String,
    state: WriteState,
    revision: i64,
    generation: i64,
    attempt: i64,
    record_id: Option<String>,
    record_url: Option<String>,
}

fn existing(tx: &Tx<'_>, seq: CallSeq) -> Result<BTreeMap<String, Had>, Fault> {
    let mut statement = tx
        .conn
        .prepare_cached("SELECT write, state, revision, generation, attempt, record_id, record_url, op FROM writes WHERE call = ?1")?;
    let rows = statement.query_map([seq], |row| {
        Ok((
            row.get(0)?,
            Had {
                op: row.get(7)?,
                state: row.get(1)?,
                revision: row.get(2)?,
                generation: row.get(3)?,
                attempt: row.get(4)?,
                record_id: row.get(5)?,
                record_url: row.get(6)?,
            },
        ))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Where a write of the plan goes.
struct Place {
    seq: CallSeq,
    number: i64,
    revision: i64,
    position: i64,
    now: Timestamp,
}

fn put(tx: &mut Tx<'_>, place: &Place, write: &NewWrite, had: Option<Had>) -> Result<WriteOutcome, Fault> {
    let Place { seq, number, revision, position, now } = *place;
    if let Some(had) = &had {
        if had.state.is_in_doubt() {
            return Ok(WriteOutcome::InDoubt);
        }
        // Applied, and asked for once more for the same words: a plan made from a context that did not show it yet. A
        // person who wants it again raises the generation.
        if had.state == WriteState::Applied && had.revision == revision && had.generation >= write.generation {
            return Ok(WriteOutcome::Kept);
        }
        if had.attempt > 0 {
            tx.conn
                .prepare_cached(&format!(
                    "INSERT INTO past_writes ({WRITE_COLUMNS}) SELECT {WRITE_COLUMNS} FROM writes WHERE call = ?1 AND write = ?2"
                ))?
                .execute(params![seq, write.write])?;
        }
        tx.conn.prepare_cached("DELETE FROM writes WHERE call = ?1 AND write = ?2")?.execute(params![seq, write.write])?;
        release_slots(tx, seq, Some(&write.write))?;
    }
    let record = had.as_ref().map(|had| (had.record_id.as_deref(), had.record_url.as_deref())).unwrap_or_default();
    let record = match write.record_id.as_deref() {
        Some(id) if record.0 != Some(id) => (Some(id), None),
        _ => record,
    };
    let taken = book(tx, seq, write)?;
    let state = if taken.is_some() { WriteState::Held } else { write.state };
    let carried = had.as_ref().filter(|had| had.revision == revision && had.generation == write.generation);
    let attempt = carried.map_or(0, |had| had.attempt) + i64::from(state == WriteState::Intent);
    let depends_on = serde_json::to_string(&write.depends_on).unwrap_or_else(|_| "[]".to_owned());
    tx.conn
        .prepare_cached(
            "INSERT INTO writes (call, write, position, plan, revision, connection, object, op, marker, generation, guarantee,
                                 depends_on, state, attempt, request_digest, request, trouble_class, trouble, record_id,
                                 record_url, receipt, changed_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22)",
        )?
        .execute(params![
            seq,
            write.write,
            position,
            number,
            revision,
            write.connection,
            write.object,
            write.op,
            write.marker,
            write.generation,
            write.guarantee,
            depends_on,
            state,
            attempt,
            write.request_digest,
            write.request,
            taken.as_ref().map(|_| "slot_taken"),
            taken.as_ref().map(|by| format!("call `{by}` has booked this time")),
            record.0,
            record.1,
            write.receipt,
            Us(now)
        ])?;
    match taken {
        None => Ok(WriteOutcome::Recorded),
        Some(by) => {
            event(tx, seq, now, "slot_taken", Some(&write.write), &json!({"by": by}).into())?;
            Ok(WriteOutcome::SlotTaken { by })
        }
    }
}

/// Puts down a write that is of no plan. See [`Record::Beside`](super::super::super::model::Record::Beside).
pub(super) fn beside(tx: &mut Tx<'_>, head: &Head, now: Timestamp, write: &NewWrite) -> Result<(), Fault> {
    let (number, position) = tx
        .conn
        .prepare_cached(
            "SELECT c.plan, (SELECT coalesce(max(position), -1) + 1 FROM writes WHERE call = c.seq) FROM calls c WHERE seq = ?1",
        )?
        .query_row([head.seq], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let place = Place { seq: head.seq, number, revision: head.revision, position, now };
    put(tx, &place, write, None).map(drop)
}

/// Books all times of a write, or none: then it gives the id of the call that has one of them.
fn book(tx: &mut Tx<'_>, seq: CallSeq, write: &NewWrite) -> Result<Option<String>, Fault> {
    for SlotAsk { resource, starts_at, ends_at } in &write.slots {
        let by: Option<String> = tx
            .conn
            .prepare_cached(
                "SELECT calls.id FROM slots JOIN calls ON calls.seq = slots.call
                 WHERE slots.resource = ?1 AND slots.ends_at > ?2 AND slots.starts_at < ?3 AND slots.call <> ?4 LIMIT 1",
            )?
            .query_row(params![resource, Us(*starts_at), Us(*ends_at), seq], |row| row.get(0))
            .optional()?;
        if by.is_some() {
            return Ok(by);
        }
    }
    for SlotAsk { resource, starts_at, ends_at } in &write.slots {
        tx.conn
            .prepare_cached("INSERT INTO slots (call, write, resource, starts_at, ends_at) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![seq, write.write, resource, Us(*starts_at), Us(*ends_at)])?;
    }
    Ok(None)
}

/// The new plan no longer asks for it: what was not done is not to be done, and that is said.
fn supersede(tx: &mut Tx<'_>, seq: CallSeq, now: Timestamp, number: i64, write: &str, state: WriteState) -> Result<(), Fault> {
    use WriteState::{Blocked, Dead, Held, Planned, Skipped, Waiting};
    if !matches!(state, Planned | Blocked | Waiting | Held | Dead) {
        return Ok(());
    }
    tx.conn
        .prepare_cached(
            "UPDATE writes SET state = ?3, trouble_class = 'superseded', trouble = ?4, http_status = NULL, since = NULL,
                    next_at = NULL, changed_at = ?5
             WHERE call = ?1 AND write = ?2",
        )?
        .execute(params![seq, write, Skipped, format!("plan {number} no longer asks for it"), Us(now)])?;
    release_slots(tx, seq, Some(write))?;
    event(tx, seq, now, "write_superseded", Some(write), &json!({"plan": number, "was": state.word()}).into())
}
