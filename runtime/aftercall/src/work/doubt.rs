//! What only looking can tell: whether a write whose answer was lost has landed, whether a refused field stands there all the same,
//! and whether a booking is the only one at its time.
//!
//! Not for deciding what to send: that is `perform`.

use std::time::Duration;

use aftercall_config::decl::{ErrorClass, ExhaustedDecl};
use aftercall_config::functions::text;
use aftercall_plan::model::{Op, Plan, Write};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::perform::{Hand, event, spread};
use super::progress::{Progress, Standing};
use super::retry::{RetryPolicy, is_exhausted, next_attempt};
use super::wording::findable;
use crate::connect::{Check, Failure, Probe};
use crate::journal::{Record, Trouble, WriteChange, WriteRow, WriteState};
use crate::plant::{Plant, planted};

/// Seconds after which a lost write can no longer take effect, where the manifest does not say.
const SETTLE_S: u32 = 60;
/// Looks in vain, after that time, that say it is not there.
const LOOKS: u32 = 2;
/// The longest wait between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(15);

/// How it stands in the journal that a person has found the record of a write in doubt.
const FOUND: &str = "found_by_a_person";

/// A person has looked into the system: the record of a write in doubt is there. It is read, and then taken for landed.
pub fn said_to_be_there(write: &WriteRow, record: &str, now: Timestamp) -> WriteChange {
    let trouble = Trouble { class: FOUND.to_owned(), message: format!("a person has found it: `{record}`"), http_status: None };
    let (record_id, since, next_at) = (Some(record.to_owned()), write.since, Some(now));
    WriteChange { trouble: Some(trouble), record_id, since, next_at, ..WriteChange::to(write.write.clone(), WriteState::Unknown) }
}

/// A person has looked into the system: the record of a write in doubt is not there. It is sent again, under the same marker.
pub fn said_to_be_absent(write: &WriteRow) -> WriteChange {
    WriteChange::to(write.write.clone(), WriteState::Planned)
}

impl Hand<'_> {
    /// Creates whose answer was lost are looked for by their marker before they are sent again. What is found has landed; what cannot be
    /// looked for, or is not there, goes the way of its guarantee.
    pub(super) async fn look_for_doubtful(&self, plan: &Plan, standing: &mut Standing, now: Timestamp, records: &mut Vec<Record>) {
        for write in plan.writes.iter().filter(|_| !planted(Plant::BlindResend)) {
            let Op::Create { marker } = &write.op else { continue };
            let is_due = |p: &&mut Progress| p.state == WriteState::Unknown && p.next_at.is_some_and(|at| at <= now);
            let Some(progress) = standing.get_mut(&write.id).filter(is_due) else { continue };
            let Some(rule) = self.rule(write) else { continue };
            let reader = self.worker.connections.reader();
            let looked = match self.said_to_be(&write.id) {
                Some(id) => match reader.read(&rule.connection, &write.object, &id, &[]).await {
                    Ok(None) => {
                        let trouble =
                            Trouble { class: "not_found".to_owned(), message: format!("there is no record `{id}`"), http_status: None };
                        progress.next_at = None;
                        progress.held = Some(trouble.message.clone());
                        let change = WriteChange {
                            trouble: Some(trouble),
                            since: progress.since,
                            ..WriteChange::to(write.id.clone(), WriteState::Unknown)
                        };
                        records.push(Record::Write(change));
                        continue;
                    }
                    read => read.map(|record| record.map(|record| record.id)),
                },
                None => match reader.probe(&rule.connection, &write.object, marker).await {
                    Ok(Probe::Found(record)) => self.read_back(write, progress, &record.id).await.map(|()| Some(record.id)),
                    Ok(Probe::Absent | Probe::CannotTell) => Ok(None),
                    Err(failure) => Err(failure),
                },
            };
            match looked {
                Ok(Some(id)) => {
                    records.push(event("found", Some(&write.id), &json!({"record": id})));
                    if self.withdrawn(write, progress, &id, records).await {
                        continue;
                    }
                    self.worker.forget_doubt(self.claim.call.seq, &write.id);
                    progress.state = WriteState::Applied;
                    progress.record_id = Some(id.clone());
                    self.landed(write, progress, &id, None, true, records).await;
                }
                // It may be sent again, unless that was the last attempt.
                Ok(None) if !findable(write) => {
                    if let Some(state) = self.given_up(write, progress, now) {
                        self.give_up(write, progress, state, records);
                    }
                }
                Ok(None) => {
                    let settle = Duration::from_secs(rule.connection.connector.decl.settle_s.unwrap_or(SETTLE_S).into());
                    self.absent(write, progress, settle, now, records);
                }
                Err(failure) => {
                    let failure = self.or_away(&write.connection, failure);
                    // It cannot be looked for now, so it is not sent now either.
                    let policy = RetryPolicy { max_attempts: 0, ..self.policy(write, failure.class) };
                    let attempt = u32::try_from(progress.attempt).unwrap_or(1);
                    let since = progress.since.unwrap_or(now);
                    progress.away = failure.away;
                    progress.next_at = if failure.away {
                        Some(now)
                    } else {
                        next_attempt(&policy, attempt, since, now, failure.retry_after, spread(&self.claim.call.id, progress.attempt))
                    };
                    let change = WriteChange {
                        trouble: self.trouble(&write.id),
                        since: Some(since),
                        next_at: progress.next_at,
                        ..WriteChange::to(write.id.clone(), WriteState::Unknown)
                    };
                    records.push(Record::Write(change));
                }
            }
        }
    }

    /// It is not there. It may still come, until `settle` is over; then two looks in a row must say so before it is sent again, as our
    /// second of the same marker.
    fn absent(&self, write: &Write, progress: &mut Progress, settle: Duration, now: Timestamp, records: &mut Vec<Record>) {
        let call = self.claim.call.seq;
        let settle = if planted(Plant::LookTooEarly) { Duration::ZERO } else { settle };
        let left = settle.saturating_sub(self.worker.doubt(call, &write.id, (progress.plan, progress.attempt)).since.elapsed());
        let looks = if left.is_zero() { self.worker.not_there(call, &write.id) } else { 0 };
        if looks >= LOOKS {
            self.worker.forget_doubt(call, &write.id);
            if let Some(state) = self.given_up(write, progress, now) {
                self.give_up(write, progress, state, records);
                return;
            }
            (progress.state, progress.next_at) = (WriteState::Planned, None);
            let change = WriteChange {
                trouble: self.trouble(&write.id),
                since: progress.since,
                ..WriteChange::to(write.id.clone(), WriteState::Planned)
            };
            records.push(Record::Write(change));
            records.push(event("not_there", Some(&write.id), &json!({"looks": looks})));
            return;
        }
        let wait = (settle / 4).clamp(Duration::from_millis(50), LOOK_EVERY);
        let at = now + SignedDuration::try_from(if left.is_zero() { wait } else { wait.min(left) }).unwrap_or(SignedDuration::from_secs(5));
        progress.next_at = Some(at);
        let trouble = self.trouble(&write.id);
        let change =
            WriteChange { trouble, since: progress.since, next_at: Some(at), ..WriteChange::to(write.id.clone(), WriteState::Unknown) };
        records.push(Record::Write(change));
    }

    /// What becomes of a write that is certainly not there, where its attempts are used up.
    fn given_up(&self, write: &Write, progress: &Progress, now: Timestamp) -> Option<WriteState> {
        let class: ErrorClass = serde_json::from_value(json!(self.trouble(&write.id)?.class)).ok()?;
        let policy = self.policy(write, class);
        let attempts = u32::try_from(progress.attempt).unwrap_or(1);
        let end = if policy.on_exhausted == ExhaustedDecl::Skip { WriteState::Skipped } else { WriteState::Dead };
        is_exhausted(&policy, attempts, progress.since?, now).then_some(end)
    }

    fn give_up(&self, write: &Write, progress: &mut Progress, state: WriteState, records: &mut Vec<Record>) {
        (progress.state, progress.next_at) = (state, None);
        let trouble = self.trouble(&write.id);
        let class = trouble.as_ref().map(|trouble| trouble.class.clone());
        records.push(Record::Write(WriteChange { trouble, since: progress.since, ..WriteChange::to(write.id.clone(), state) }));
        records.push(event("gave_up", Some(&write.id), &json!({"class": class, "looked": "it is not there"})));
        records.push(Record::SlotsReleased { write: Some(write.id.clone()) });
    }

    /// The record that a person has found.
    fn said_to_be(&self, write: &str) -> Option<String> {
        let row = self.claim.writes.iter().find(|row| row.write == write)?;
        row.record_id.clone().filter(|_| row.trouble.as_ref().is_some_and(|trouble| trouble.class == FOUND))
    }

    /// What went wrong with a write last: it stands until something else does.
    fn trouble(&self, write: &str) -> Option<Trouble> {
        self.claim.writes.iter().find(|row| row.write == write)?.trouble.clone()
    }

    /// Fields that were refused and stand there all the same: an attempt whose answer was lost had written them, and the
    /// system takes them on a new record only. They are no refusal.
    ///
    /// Errors: it cannot be read, so nobody knows.
    pub(super) async fn read_back(&self, write: &Write, progress: &mut Progress, id: &str) -> Result<(), Failure> {
        let Some(rule) = self.rule(write) else { return Ok(()) };
        if progress.refused.is_empty() || progress.attempt < 2 || !matches!(write.op, Op::Create { .. }) {
            return Ok(());
        }
        let fields: Vec<String> = progress.refused.keys().cloned().collect();
        if let Some(record) = self.worker.connections.reader().read(&rule.connection, &write.object, id, &fields).await? {
            progress.refused.retain(|name, _| {
                let sent = write.fields.iter().find(|f| &f.field == name).and_then(|f| f.after.as_ref());
                let there = record.fields.get(name).filter(|value| !value.is_null());
                sent.is_none_or(|sent| there.is_none_or(|there| text(sent) != text(there)))
            });
        }
        Ok(())
    }

    /// A booking that met somebody else's is given back, and that is put down.
    pub(super) async fn withdrawn(&self, write: &Write, progress: &mut Progress, id: &str, records: &mut Vec<Record>) -> bool {
        let Some(taken) = self.second_look(write, id).await else { return false };
        progress.state = WriteState::Dead;
        let mut change = WriteChange::to(write.id.clone(), WriteState::Dead);
        change.trouble = Some(Trouble { class: "slot_taken".to_owned(), message: taken.clone(), http_status: None });
        records.push(Record::Write(change));
        records.push(Record::SlotsReleased { write: Some(write.id.clone()) });
        records.push(event("withdrawn", Some(&write.id), &json!({"because": taken})));
        true
    }

    /// After a booking: is anybody else there now? Then ours is given back, and the sentence says who.
    async fn second_look(&self, write: &Write, id: &str) -> Option<String> {
        let booking = write.booking.as_ref()?;
        let rule = self.rule(write)?;
        match self.worker.connections.reader().book_check(&rule.connection, &write.object, id, booking.start, booking.end).await {
            Ok(Check::Clear) => None,
            Ok(Check::Taken { by }) => {
                let gone = self.worker.connections.writer().withdraw(&rule.connection, &write.object, id).await;
                let after = if gone.is_ok() { "ours was given back" } else { "ours could not be given back: remove it by hand" };
                Some(format!("somebody else took the time at the same moment ({}); {after}", by.title.as_deref().unwrap_or("no title")))
            }
            // It is booked; only the certainty is missing, and a person's calendar shows both.
            Err(failure) => {
                tracing::warn!(call = %self.claim.call.id, write = %write.id, %failure, "booked, but could not look again");
                None
            }
        }
    }
}
