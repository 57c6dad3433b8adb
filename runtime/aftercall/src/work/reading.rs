//! Reads what a call is planned from, and says what becomes of the call where that cannot be read.
//!
//! Not for sending: that is `perform`.

use std::sync::Arc;

use aftercall_config::project::Pipeline;
use aftercall_plan::context::Context;
use aftercall_plan::model::Plan;
use jiff::{RoundMode, SignedDuration, Timestamp, TimestampRound, Unit};
use serde_json::json;

use super::gather::{Before, Trouble as ReadTrouble, plan_call};
use super::perform::{Hand, event, recording, sentence, spread};
use super::progress::{Verdict, missing};
use super::retry::{next_attempt, policy};
use crate::connect::Failure;
use crate::journal::{self, CallChange, CallStatus, Record, Then};

/// The ticks at which reading is tried again, in milliseconds.
const TICK_MS: i64 = 200;

impl Hand<'_> {
    /// Reads and plans. What belongs into a system that cannot be read waits for it, and holds up nothing in the others; without the
    /// one in which the caller is looked for, nothing can be planned.
    pub(super) async fn read_and_plan(&mut self, before: Before, now: Timestamp) -> Result<(Context, Plan), ReadTrouble> {
        self.away = None;
        let reader = self.worker.connections.reader();
        let mut pipeline = self.pipeline.clone();
        loop {
            let memory = self.worker.memory.as_ref();
            match plan_call(&reader, memory, &self.project, &pipeline, &self.call, before.clone(), now).await {
                Err(ReadTrouble::System { connection, failure }) if pipeline.writes.iter().any(|w| w.connection.id == connection) => {
                    let failure = self.or_away(&connection, failure);
                    if connection == pipeline.connection.id {
                        return Err(ReadTrouble::System { connection, failure });
                    }
                    tracing::warn!(call = %self.claim.call.id, connection, %failure, "cannot read; the rest is worked without it");
                    let writes = pipeline.writes.iter().filter(|w| w.connection.id != connection).cloned().collect();
                    pipeline = Arc::new(Pipeline { writes, ..(*pipeline).clone() });
                    self.away = Some((connection, failure));
                }
                other => return other,
            }
        }
    }

    /// Reading failed: the call waits, and so does its caller, except where something only goes back.
    pub(super) async fn cannot_read(&self, connection: &str, failure: &Failure) -> Result<CallStatus, journal::Error> {
        let now = self.worker.now();
        let reason = Some(if failure.away { failure.message.clone() } else { format!("{connection} cannot be read: {failure}") });
        let blocks_lane = self.claim.call.blocks_lane || !self.goes_back();
        let waiting = CallChange { status: CallStatus::Waiting, reason, next_at: None, waits_for: Vec::new(), blocks_lane };
        let change = if failure.away {
            CallChange { waits_for: vec![connection.to_owned()], ..waiting }
        } else {
            tracing::warn!(call = %self.claim.call.id, connection, %failure, "cannot read");
            match self.next_read(connection, failure, now) {
                Some(at) => CallChange { next_at: Some(at), ..waiting },
                None => CallChange { status: CallStatus::Dead, blocks_lane: false, ..waiting },
            }
        };
        let data =
            json!({"connection": connection, "class": failure.class, "status": failure.status, "message": sentence(&failure.message)});
        let kind = if failure.away { "waits_for_system" } else { "read_failed" };
        let records = vec![event(kind, None, &data), Record::Call(change)];
        let recorded = self.worker.journal.record(recording(self.claim, now, records, Then::Release)).await?;
        if failure.away {
            self.worker.parked();
        }
        Ok(recorded.status)
    }

    /// The failure as it is now: where its system is left alone by now, there is no sense in a time of its own. What may have been written
    /// stays what it is.
    pub(super) fn or_away(&self, connection: &str, failure: Failure) -> Failure {
        if failure.away || !failure.certain || !failure.of_the_system() {
            return failure;
        }
        self.worker.connections.left_alone(connection).unwrap_or(failure)
    }

    /// When to read again. Calls that failed together go on together, so that they can share requests again: the wait is spread by system and
    /// not by call, and ends with one of five ticks a second.
    fn next_read(&self, connection: &str, failure: &Failure, now: Timestamp) -> Option<Timestamp> {
        let (count, first) =
            self.worker.read_failed(self.claim.call.seq, self.claim.call.received_at.max(now - SignedDuration::from_hours(1)), now);
        let policy = policy(&[&self.pipeline.retry], failure.class);
        let failed = if policy.counts { count } else { count.min(6) };
        let at = next_attempt(&policy, failed, first, now, failure.retry_after, spread(connection, i64::from(count)))?;
        at.round(TimestampRound::new().smallest(Unit::Millisecond).increment(TICK_MS).mode(RoundMode::Ceil)).ok()
    }

    /// The system named a record as the one that is there already: it is read, and compared like any other.
    pub(super) async fn take_evidence(&mut self, found: Option<(String, String)>) {
        let Some((object, id)) = found else { return };
        let connection = self.pipeline.connection.clone();
        let fields = self.pipeline.read_fields.get(&object).cloned().unwrap_or_default();
        match self.worker.connections.reader().read(&connection, &object, &id, &fields).await {
            Ok(Some(record)) => self.evidence.push(record),
            Ok(None) => {}
            Err(failure) => tracing::warn!(call = %self.claim.call.id, %failure, "the record that is there already cannot be read"),
        }
    }

    /// The verdict on a plan that lacks what could not be read: the call goes on with it later.
    pub(super) fn complete(&self, plan: &Plan, verdict: Verdict) -> Verdict {
        let missing = missing(plan, &self.pipeline).join(", ");
        if missing.is_empty() {
            return verdict;
        }
        let now = self.worker.now();
        if let Some((connection, failure)) = self.away.as_ref().filter(|(_, failure)| failure.away) {
            let mut waits_for = verdict.waits_for;
            waits_for.push(connection.clone());
            let reason = Some(format!("{missing} to be tried again: {}", failure.message));
            return Verdict { status: CallStatus::Waiting, reason, waits_for, ..verdict };
        }
        let next_at = match &self.away {
            Some((connection, failure)) => self.next_read(connection, failure, now),
            // What was under way has come to its end.
            None => verdict.next_at.or(Some(now)),
        };
        let why = self.away.as_ref().map(|(connection, failure)| format!("{connection} cannot be read: {failure}"));
        let why = why.unwrap_or_else(|| "not planned yet".to_owned());
        match next_at {
            Some(at) => {
                let reason = Some(format!("{missing} to be tried again: {why}"));
                Verdict { status: CallStatus::Waiting, reason, next_at: Some(verdict.next_at.map_or(at, |own| own.min(at))), ..verdict }
            }
            None if verdict.next_at.is_some() => verdict,
            None => Verdict { status: CallStatus::Partial, reason: Some(format!("{missing} did not land: {why}")), ..verdict },
        }
    }
}
