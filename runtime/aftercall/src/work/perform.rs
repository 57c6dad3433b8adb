//! Works one call: read, plan, commit the intent, send, commit the outcome. The one path of delivery.
//!
//! `step` decides what a failure means; nothing is sent here before the journal holds it.

use std::collections::BTreeMap;
use std::sync::Arc;

use aftercall_config::call::CallOutcome;
use aftercall_config::decl::{ErrorClass, ExhaustedDecl};
use aftercall_config::project::{Connection, Pipeline, Project, WriteRule};
use aftercall_plan::context::Record as CrmRecord;
use aftercall_plan::model::{FieldVerdict, Op, Plan, Write};
use aftercall_plan::plan::pipeline_for;
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::gather::Trouble as ReadTrouble;
use super::progress::{Progress, Standing, Verdict, depends_on, due, is_outdated, leave_out, missing, receipt, sends, under_way, verdict};
use super::promise::kept;
use super::retry::{RetryPolicy, policy};
use super::signals;
use super::step::{Attempt, Step, step};
use super::wording::{findable, first_state, new_write, outgoing, repeatable};
use super::worker::Worker;
use crate::connect::{Failure, Landed, Outgoing, Sent};
use crate::journal::{
    self, AnswerRow, CallChange, CallStatus, Claim, Json, NewEvent, NewPlan, NewWrite, PlanOutcome, REVERT, Record, Recording, Then,
    Trouble, WriteChange, WriteOutcome, WriteRow, WriteState,
};
use crate::plant::{Plant, planted};

/// A plan whose writes have not been sent is made again when it is older than this: the CRM may have changed.
const PLAN_AGE: SignedDuration = SignedDuration::from_secs(60);
/// The longest that sending may take before the lease must have been renewed.
const SEND_TIME: SignedDuration = SignedDuration::from_secs(40);
/// Rounds of sending in one go; beyond it something contradicts itself, and the call waits.
const MAX_ROUNDS: usize = 12;
/// How long it then waits.
const ROUNDS_PAUSE: SignedDuration = SignedDuration::from_mins(1);

/// How it stands in the journal that a create has met a record of its own, which may hold what was said before.
const MET_OWN: &str = "met_own";

/// One call in hand.
pub(super) struct Hand<'a> {
    pub(super) worker: &'a Worker,
    pub(super) claim: &'a Claim,
    pub(super) project: Arc<Project>,
    pub(super) pipeline: Arc<Pipeline>,
    pub(super) call: CallOutcome,
    until: Timestamp,
    /// When the last writes went out.
    sent_at: Timestamp,
    replans: u32,
    pub(super) evidence: Vec<CrmRecord>,
    /// A system that cannot be read, while the others are worked.
    pub(super) away: Option<(String, Failure)>,
}

/// Works a claimed call as far as it goes now, and gives its lane back.
///
/// Errors: those of the journal. The lease then runs out, and whoever takes the lane over looks before it sends.
pub(super) async fn work(worker: &Worker, claim: &Claim) -> Result<CallStatus, journal::Error> {
    let finish = |status, reason: String| async move {
        signals::settled("none", claim, status, worker.now());
        let change = CallChange { status, reason: Some(reason), next_at: None, waits_for: Vec::new(), blocks_lane: false };
        let now = worker.now();
        worker.journal.record(recording(claim, now, vec![Record::Call(change)], Then::Release)).await.map(|r| r.status)
    };
    let project = match worker.versions.get(&claim.call.config_version).await {
        Ok(project) => project,
        Err(error) => return finish(CallStatus::Held, error.to_string()).await,
    };
    let call: CallOutcome = match claim.call.outcome.read() {
        Ok(call) => call,
        Err(error) => return finish(CallStatus::Held, format!("the outcome cannot be read: {error}")).await,
    };
    let Some(pipeline) = pipeline_for(&project, &call).cloned() else {
        return finish(CallStatus::Skipped, "no pipeline takes this call".to_owned()).await;
    };
    let mut hand = Hand {
        worker,
        claim,
        project,
        pipeline,
        call,
        until: claim.until,
        sent_at: claim.until,
        replans: 0,
        evidence: Vec::new(),
        away: None,
    };
    let from = worker.now();
    let status = hand.run().await?;
    signals::settled(&hand.pipeline.name, claim, status, worker.now());
    signals::worked(&hand.pipeline.name, claim, status, (from, worker.now()));
    Ok(status)
}

pub(super) fn recording(claim: &Claim, now: Timestamp, records: Vec<Record>, then: Then) -> Recording {
    Recording { guard: claim.guard, call: claim.call.seq, revision: claim.call.revision, now, records, then }
}

pub(super) fn event(kind: &str, write: Option<&str>, data: &Value) -> Record {
    Record::Event(NewEvent { kind: kind.to_owned(), write: write.map(str::to_owned), data: Json::from(data) })
}

/// A sentence of at most so many characters.
pub(super) fn sentence(text: &str) -> String {
    text.chars().take(500).collect()
}

impl Hand<'_> {
    async fn run(&mut self) -> Result<CallStatus, journal::Error> {
        let now = self.worker.now();
        let (mut plan, mut standing) = match self.standing_plan(now) {
            Some((plan, mut standing)) => {
                let mut records = Vec::new();
                self.look_for_doubtful(&plan, &mut standing, now, &mut records).await;
                let ready = self.admitted(&plan, &mut standing, now);
                self.intend(&ready, &mut standing, records).await?;
                (plan, standing)
            }
            None => match self.plan(now).await? {
                Ok(made) => made,
                Err(status) => return Ok(status),
            },
        };
        for _ in 0..MAX_ROUNDS {
            let now = self.worker.now();
            let ready: Vec<String> = due(&plan, &standing, now)
                .into_iter()
                .filter(|id| standing.get(id).is_some_and(|p| p.state == WriteState::Intent))
                .collect();
            let mut records = Vec::new();
            let mut again: Option<Option<(String, String)>> = None;
            if !ready.is_empty() {
                self.hold_lane(now).await?;
                self.sent_at = self.worker.now();
                for sent in self.send(&plan, &standing, &ready).await {
                    let found = self.outcome(&plan, &mut standing, sent, &mut records).await;
                    again = again.or(found);
                }
                self.tell_anew(&plan, &standing);
            }
            if let Some(found) = again {
                self.replans += 1;
                self.worker.journal.record(recording(self.claim, self.worker.now(), records, Then::Keep)).await?;
                self.take_evidence(found).await;
                match self.plan(self.worker.now()).await? {
                    Ok(made) => (plan, standing) = made,
                    Err(status) => return Ok(status),
                }
                continue;
            }
            // What was waiting for a record that is there now, or goes out again without a refused field.
            // What has come into its time meanwhile, and may be there already, is looked for before anything else.
            let now = self.worker.now();
            self.look_for_doubtful(&plan, &mut standing, now, &mut records).await;
            let next = self.admitted(&plan, &mut standing, now);
            if next.is_empty() {
                let unread = self.to_verify(&plan, &standing);
                if !unread.is_empty() {
                    // What has landed is on record before anything else is asked.
                    self.worker.journal.record(recording(self.claim, now, records, Then::Keep)).await?;
                    records = self.verify(unread, &mut standing).await;
                }
                return self.finish(&plan, &mut standing, records).await;
            }
            self.intend(&next, &mut standing, records).await?;
        }
        let records = self.pause(&plan, &mut standing);
        self.finish(&plan, &mut standing, records).await
    }

    /// Something contradicts itself, and going on at once would be a storm of requests: what is still open waits a while.
    fn pause(&self, plan: &Plan, standing: &mut Standing) -> Vec<Record> {
        let at = self.worker.now() + ROUNDS_PAUSE;
        let mut records = Vec::new();
        for write in plan.writes.iter().filter(|w| sends(w)) {
            let Some(progress) = standing.get_mut(&write.id) else { continue };
            if matches!(progress.state, WriteState::Planned | WriteState::Intent | WriteState::Blocked) {
                (progress.state, progress.next_at) = (WriteState::Waiting, Some(at));
                let trouble =
                    Trouble { class: "busy".to_owned(), message: format!("still open after {MAX_ROUNDS} rounds"), http_status: None };
                let change = WriteChange::to(write.id.clone(), WriteState::Waiting);
                records.push(Record::Write(WriteChange { trouble: Some(trouble), since: progress.since, next_at: Some(at), ..change }));
            }
        }
        records
    }

    /// Where the writes stand in the journal.
    fn on_record(&self) -> Standing {
        let revision = self.claim.call.revision;
        let of_plans = self.claim.writes.iter().filter(|row| row.op != REVERT);
        of_plans.map(|row| (row.write.clone(), Progress::of(row, revision))).collect()
    }

    /// The plan on record, when it is still the one to follow.
    fn standing_plan(&self, now: Timestamp) -> Option<(Plan, Standing)> {
        let row = self.claim.plan.as_ref().filter(|p| p.revision == self.claim.call.revision && !self.goes_back())?;
        let plan: Plan = row.plan.read().ok()?;
        let mut standing = self.on_record();
        // What was under way when a worker died is sent again, where the system can tell it from a second one, or looked for.
        for write in plan.writes.iter().filter(|w| sends(w) && (repeatable(w) || findable(w))) {
            if let Some(progress) = standing.get_mut(&write.id).filter(|p| p.state == WriteState::Unknown && p.next_at.is_none()) {
                progress.next_at = Some(now);
            }
        }
        // A person wants it worked under another version of the config.
        if self.under_another_version() {
            return None;
        }
        // A person wants what was given up tried again: others of this caller may have come since.
        if standing.values().any(|p| p.state == WriteState::Planned && p.attempt > 0) {
            return None;
        }
        // A person has answered since: whose record it is decides everything else.
        if self.answer().is_some_and(|answer| answer.at > row.recorded_at) {
            return None;
        }
        // Somebody said something else while it was open what came of this.
        if is_outdated(&plan, &standing) && !under_way(&standing, now) {
            return None;
        }
        // A create that has met its own record is a change of it.
        let met_own = |row: &WriteRow| row.trouble.as_ref().is_some_and(|trouble| trouble.class == MET_OWN);
        if self.claim.writes.iter().any(|row| row.state == WriteState::Planned && met_own(row)) {
            return None;
        }
        // Without a system that could not be read: it is made whole as soon as nothing is under way any more.
        if !missing(&plan, &self.pipeline).is_empty() && !under_way(&standing, now) {
            return None;
        }
        let sent = standing
            .values()
            .any(|p| matches!(p.state, WriteState::Applied | WriteState::Unknown | WriteState::Rejected | WriteState::Dead));
        let old = now.duration_since(row.recorded_at) > PLAN_AGE;
        (sent || !old).then_some((plan, standing))
    }

    /// Reads, plans and puts the plan on record with its intents. `Err` is where the call stands when it cannot be planned now.
    async fn plan(&mut self, now: Timestamp) -> Result<Result<(Plan, Standing), CallStatus>, journal::Error> {
        if self.goes_back() {
            return self.plan_back().await;
        }
        let claim = self.claim;
        let mut before = self.before().await?;
        let promise = match self.promise().await? {
            Ok(promise) => promise,
            Err(unreadable) => return self.stop(None, unreadable, &[]).await.map(Err),
        };
        if let Some(promise) = &promise {
            before.turns.clone_from(&promise.context.turns);
        }
        // What was approved was planned for a moment of its own: due dates count from that one.
        let moment = promise.as_ref().map_or(now, |promise| promise.plan.at);
        let planned = self.read_and_plan(before, moment).await;
        let read = self.worker.now();
        signals::matched(claim, &self.pipeline, planned.as_ref().map(|(_, plan)| plan).ok(), (now, read));
        let (context, plan) = match planned {
            Ok(both) => both,
            Err(ReadTrouble::Journal(error)) => return Err(error),
            Err(ReadTrouble::System { connection, failure }) => return self.cannot_read(&connection, &failure).await.map(Err),
        };
        if self.away.is_none() {
            self.worker.forget_read_failures(claim.call.seq);
        }
        if let Some(promise) = &promise {
            // Without a system that cannot be read nobody knows whether it holds.
            if let Some((connection, failure)) = self.away.take() {
                return self.cannot_read(&connection, &failure).await.map(Err);
            }
            let changed = promise.broken(&plan, &context);
            if let Some(first) = changed.first() {
                let reason = format!("not as it was planned: {first}; nothing of it is written. Make the plan anew and apply that");
                return self.stop(Some(promise), reason, &changed).await.map(Err);
            }
        }
        let mut standing = self.on_record();
        if self.under_another_version() {
            // What was refused under the old mapping is another value now, or none.
            standing.values_mut().filter(|p| p.state != WriteState::Applied).for_each(|p| p.refused.clear());
        }
        let mut fresh: Standing = plan.writes.iter().map(|w| (w.id.clone(), Progress::fresh(first_state(w)))).collect();
        let ready = self.admitted(&plan, &mut fresh, now);
        let mut writes = Vec::with_capacity(plan.writes.len());
        for write in &plan.writes {
            let state = match first_state(write) {
                WriteState::Planned if ready.contains(&write.id) => WriteState::Intent,
                WriteState::Planned => WriteState::Blocked,
                other => other,
            };
            let progress =
                Progress { refused: standing.get(&write.id).map(|p| p.refused.clone()).unwrap_or_default(), ..Progress::fresh(state) };
            let state = if planted(Plant::SendBeforeIntent) && state == WriteState::Intent { WriteState::Planned } else { state };
            writes.push(NewWrite { generation: self.answer().map_or(0, |answer| answer.number), ..new_write(write, state, &progress) });
        }
        let text = serde_json::to_string(&plan).unwrap_or_default();
        let digest: String = Sha256::digest(text.as_bytes()).iter().take(8).map(|b| format!("{b:02x}")).collect();
        let data = json!({"config": plan.config, "verdict": plan.decision.verdict, "contact": plan.decision.contact});
        let new = NewPlan {
            guard: claim.guard,
            call: claim.call.seq,
            revision: claim.call.revision,
            now,
            context: Json::of(&context).unwrap_or_else(|_| Json::from_text("{}")),
            decision: Json::of(&plan.decision).unwrap_or_else(|_| Json::from_text("{}")),
            verdict: plan.decision.verdict.as_str().to_owned(),
            question: plan.decision.review.clone(),
            plan: Json::from_text(text),
            pipeline: plan.pipeline.clone(),
            config_version: plan.config.0.clone(),
            digest,
            writes,
            records: [event("planned", None, &data), self.link_record(&plan)].into_iter().chain(promise.iter().map(kept)).collect(),
            then: Then::Keep,
        };
        let outcome = self.worker.journal.record_plan(vec![new]).await?.into_iter().next();
        signals::planned(claim, &plan, (read, self.worker.now()));
        let (number, outcomes) = match outcome {
            Some(PlanOutcome::Recorded { writes, number }) => (number, writes),
            Some(PlanOutcome::Amended { .. }) => {
                // A newer word came in while we read: give the lane back, and the call is claimed with it.
                self.worker.journal.release(claim.guard, now).await?;
                return Ok(Err(CallStatus::Waiting));
            }
            Some(PlanOutcome::Fenced) | None => return Err(journal::Error::Fenced { lane: claim.guard.lane }),
        };
        let (mut doubtful, mut found) = (Vec::new(), Vec::new());
        for (write, outcome) in plan.writes.iter().zip(outcomes) {
            let state = match first_state(write) {
                WriteState::Planned if ready.contains(&write.id) => WriteState::Intent,
                WriteState::Planned => WriteState::Blocked,
                other => other,
            };
            match outcome {
                WriteOutcome::Recorded => {
                    let mut progress = Progress { plan: number, ..Progress::fresh(state) };
                    if let Some(old) = standing.get(&write.id) {
                        progress.refused.clone_from(&old.refused);
                        progress.attempt = old.attempt;
                        progress.since = old.since;
                    }
                    progress.attempt += i64::from(state == WriteState::Intent);
                    if let Op::Nothing { id: Some(id), .. } | Op::Update { id } = &write.op {
                        progress.record_id = Some(id.clone());
                    }
                    standing.insert(write.id.clone(), progress);
                }
                WriteOutcome::Kept => {}
                // It was read since, and what was to be written stands there.
                WriteOutcome::InDoubt if matches!(write.op, Op::Nothing { id: Some(_), .. }) => {
                    if let (Some(progress), Op::Nothing { id, .. }) = (standing.get_mut(&write.id), &write.op) {
                        (progress.state, progress.record_id, progress.stale) = (WriteState::Applied, id.clone(), false);
                        let change = WriteChange { record_id: id.clone(), ..WriteChange::to(write.id.clone(), WriteState::Applied) };
                        found.extend([Record::Write(change), event("found", Some(&write.id), &json!({"record": id}))]);
                    }
                }
                WriteOutcome::InDoubt => {
                    if let Some(progress) = standing.get_mut(&write.id).filter(|_| findable(write)) {
                        progress.next_at = progress.next_at.or(Some(now));
                    }
                    doubtful.push(write.id.clone());
                }
                WriteOutcome::SlotTaken { by } => {
                    let held = Some(format!("call `{by}` has booked this time"));
                    standing.insert(write.id.clone(), Progress { held, ..Progress::fresh(WriteState::Held) });
                }
            }
        }
        let safe: Vec<String> =
            doubtful.into_iter().filter(|id| plan.writes.iter().any(|w| &w.id == id && sends(w) && repeatable(w))).collect();
        self.intend(&safe, &mut standing, found).await?;
        Ok(Ok((plan, standing)))
    }

    /// The rule of the pipeline that asked for a write.
    pub(super) fn rule(&self, write: &Write) -> Option<&WriteRule> {
        self.pipeline.writes.iter().find(|rule| rule.id == write.id)
    }

    /// The policy for a failure of this write.
    pub(super) fn policy(&self, write: &Write, class: ErrorClass) -> RetryPolicy {
        match self.rule(write) {
            Some(rule) => policy(&[&self.pipeline.retry, &rule.retry], class),
            None => policy(&[&self.pipeline.retry], class),
        }
    }

    /// What is due, and whose system is not left alone; the rest waits until it is back.
    pub(super) fn admitted(&self, plan: &Plan, standing: &mut Standing, now: Timestamp) -> Vec<String> {
        let away = |id: &String| {
            let write = plan.writes.iter().find(|write| &write.id == id)?;
            let connection = self.connection_of(write);
            self.worker.connections.is_away(&connection).then_some(())
        };
        let (held, admitted): (Vec<String>, Vec<String>) = due(plan, standing, now).into_iter().partition(|id| away(id).is_some());
        for id in held {
            if let Some(progress) = standing.get_mut(&id) {
                progress.away = true;
            }
        }
        admitted
    }

    /// Where a write goes. A merge is of no rule of the pipeline, and neither is what goes back.
    pub(super) fn connection_of(&self, write: &Write) -> Arc<Connection> {
        let named = || self.project.connections.get(&write.connection).unwrap_or(&self.pipeline.connection);
        self.rule(write).map_or_else(named, |rule| &rule.connection).clone()
    }

    /// Whether the plan on record was made under another version of the config than the call is to be worked under.
    fn under_another_version(&self) -> bool {
        self.claim.plan.as_ref().is_some_and(|row| row.config_version != self.claim.call.config_version)
    }

    /// The caller's record, as far as the plan knows it already: the next call need not search for it.
    fn link_record(&self, plan: &Plan) -> Record {
        let connection = &self.pipeline.connection;
        match &plan.decision.contact {
            Some(id) => Record::Link { connection: connection.id.clone(), record: Json::of(&self.known(id, serde_json::Map::new())).ok() },
            None => event("matched", None, &json!({"verdict": plan.decision.verdict})),
        }
    }

    /// Puts intents on record, together with what came before.
    async fn intend(&self, ids: &[String], standing: &mut Standing, mut records: Vec<Record>) -> Result<(), journal::Error> {
        for id in ids {
            if let Some(progress) = standing.get_mut(id) {
                if progress.state == WriteState::Intent {
                    continue;
                }
                progress.state = WriteState::Intent;
                progress.attempt += 1;
                records.push(Record::Write(WriteChange { since: progress.since, ..WriteChange::to(id.clone(), WriteState::Intent) }));
            }
        }
        if records.is_empty() || planted(Plant::SendBeforeIntent) {
            return Ok(());
        }
        self.worker.journal.record(recording(self.claim, self.worker.now(), records, Then::Keep)).await.map(|_| ())
    }

    /// The send-guard: nothing is sent on a lease that may be over before the answer.
    async fn hold_lane(&mut self, now: Timestamp) -> Result<(), journal::Error> {
        if planted(Plant::NoSendGuard) || now + SEND_TIME < self.until {
            return Ok(());
        }
        let until = now + self.worker.lease();
        let lost = self.worker.journal.renew(vec![self.claim.guard], until).await?;
        if !lost.is_empty() {
            return Err(journal::Error::Fenced { lane: self.claim.guard.lane });
        }
        self.until = until;
        Ok(())
    }

    /// Sends what is intended, all connections at once.
    async fn send(&self, plan: &Plan, standing: &Standing, ready: &[String]) -> Vec<Sent> {
        let mut batches: BTreeMap<&str, (Arc<Connection>, Vec<Outgoing>)> = BTreeMap::new();
        for write in plan.writes.iter().filter(|w| ready.contains(&w.id)) {
            let outgoing = outgoing(write, standing, ready);
            batches.entry(&write.connection).or_insert_with(|| (self.connection_of(write), Vec::new())).1.push(outgoing);
        }
        // What could not be answered before the lease ends is not sent: somebody else may have the lane by then.
        let left = std::time::Duration::try_from(self.until.duration_since(self.worker.now())).unwrap_or_default();
        let writer = self
            .worker
            .connections
            .writer()
            .until(tokio::time::Instant::now() + if planted(Plant::NoSendGuard) { left * 1000 } else { left });
        let sends = batches.into_values().map(|(connection, batch)| {
            let writer = writer.clone();
            async move { writer.send(&connection, batch).await }
        });
        join_all(sends).await.into_iter().flatten().collect()
    }

    /// Takes an answer to the books. `Some` asks for a new plan, with the object and record that the system named.
    async fn outcome(
        &self,
        plan: &Plan,
        standing: &mut Standing,
        sent: Sent,
        records: &mut Vec<Record>,
    ) -> Option<Option<(String, String)>> {
        let write = plan.writes.iter().find(|w| w.id == sent.write_id)?;
        // What it needs comes before it in the answers, so that its own standing is known by now.
        let held_up = depends_on(write).iter().any(|id| standing.get(id).is_none_or(|p| p.state != WriteState::Applied));
        let progress = standing.get_mut(&write.id)?;
        let now = self.worker.now();
        let class = sent.result.as_ref().err().map_or("none", |failure| failure.class.as_str());
        let again = self.answered(write, progress, sent.result, held_up, now, records).await;
        signals::attempted(self.claim, write, (progress.state, class), (self.sent_at, now));
        again
    }

    /// What an answer to one write means for it.
    async fn answered(
        &self,
        write: &Write,
        progress: &mut Progress,
        result: Result<Landed, Failure>,
        held_up: bool,
        now: Timestamp,
        records: &mut Vec<Record>,
    ) -> Option<Option<(String, String)>> {
        match result {
            Ok(landed) => {
                if self.withdrawn(write, progress, &landed.id, records).await {
                    return None;
                }
                // What can be sent again without harm is, rather than called refused on no ground.
                if let Err(failure) = self.read_back(write, progress, &landed.id).await
                    && repeatable(write)
                {
                    return self.failed(write, progress, &failure, now, records);
                }
                progress.state = WriteState::Applied;
                // A create that met our own earlier attempt has written nothing now.
                progress.stale &= matches!(write.op, Op::Create { .. }) && !landed.created;
                progress.record_id = Some(landed.id.clone());
                if self.met_older_words(write, progress, landed.created) {
                    // It is planned as a change of the record that is there: see `is_outdated`.
                    progress.stale = true;
                    let message = "there is one of ours already, perhaps with what was said before".to_owned();
                    let trouble = Some(Trouble { class: MET_OWN.to_owned(), message, http_status: None });
                    let (record_id, since) = (progress.record_id.clone(), progress.since);
                    let planned = WriteChange::to(write.id.clone(), WriteState::Planned);
                    records.push(Record::Write(WriteChange { trouble, record_id, since, ..planned }));
                    records.push(event(MET_OWN, Some(&write.id), &json!({"record": landed.id})));
                    self.stands(write, &landed.id, true, records);
                    records.extend(self.as_it_stands(write, &landed.id).await);
                    return None;
                }
                self.landed(write, progress, &landed.id, landed.url, landed.created, records).await;
                None
            }
            // A system that calls a write innocent although all that it needs is there has refused it like any other.
            Err(failure) => {
                let mut failure = self.or_away(&write.connection, failure);
                failure.innocent &= held_up;
                self.failed(write, progress, &failure, now, records)
            }
        }
    }

    fn failed(
        &self,
        write: &Write,
        progress: &mut Progress,
        failure: &Failure,
        now: Timestamp,
        records: &mut Vec<Record>,
    ) -> Option<Option<(String, String)>> {
        let trouble =
            Trouble { class: failure.class.as_str().to_owned(), message: sentence(&failure.message), http_status: failure.status };
        let data = json!({
            "class": failure.class, "status": failure.status, "code": failure.code, "certain": failure.certain,
            "fields": failure.fields, "correlation": failure.correlation, "message": sentence(&failure.message),
        });
        if failure.innocent {
            // It was not sent, and waits for what failed.
            progress.state = WriteState::Blocked;
            progress.attempt -= 1;
            let mut change = WriteChange::to(write.id.clone(), WriteState::Blocked);
            change.trouble = Some(trouble);
            change.attempt = Some(progress.attempt);
            records.push(Record::Write(change));
            return None;
        }
        if failure.away {
            // Not sent either, and not its fault: it is due as soon as the system is back.
            progress.state = WriteState::Waiting;
            progress.attempt -= 1;
            (progress.next_at, progress.away) = (Some(now), true);
            let change =
                WriteChange { since: progress.since, next_at: Some(now), ..WriteChange::to(write.id.clone(), WriteState::Waiting) };
            records.push(Record::Write(WriteChange { trouble: Some(trouble), attempt: Some(progress.attempt), ..change }));
            return None;
        }
        tracing::info!(call = %self.claim.call.id, write = %write.id, %failure, "attempt failed");
        records.push(event("attempt_failed", Some(&write.id), &data));
        let since = *progress.since.get_or_insert(now);
        let optional: Vec<String> =
            write.fields.iter().filter(|f| f.verdict == FieldVerdict::Write && !f.required).map(|f| f.field.clone()).collect();
        let policy = self.policy(write, failure.class);
        let number = u32::try_from(progress.attempt).unwrap_or(1);
        let attempt = Attempt {
            write,
            number,
            first_failed: since,
            policy: &policy,
            replans: self.replans,
            optional: &optional,
            now,
            spread: spread(&self.claim.call.id, progress.attempt),
        };
        let (state, next_at) = match step(&attempt, failure) {
            Step::Wait { at } => {
                // What is not the write's fault uses up no attempt, nor does it make the next wait longer.
                progress.attempt -= i64::from(!policy.counts);
                (WriteState::Waiting, Some(at))
            }
            Step::Repeat { at } => (WriteState::Unknown, Some(at)),
            Step::Look { at } => {
                // The wait begins with this attempt, whatever was known of the one before.
                self.worker.forget_doubt(self.claim.call.seq, &write.id);
                self.worker.doubt(self.claim.call.seq, &write.id, (progress.plan, progress.attempt));
                (WriteState::Unknown, Some(at))
            }
            Step::Drop { fields } => {
                for field in fields {
                    progress.refused.insert(field, sentence(&failure.message));
                }
                (WriteState::Planned, None)
            }
            Step::Replan { found } => {
                progress.state = WriteState::Planned;
                records.push(Record::Write(WriteChange {
                    trouble: Some(trouble),
                    since: Some(since),
                    ..WriteChange::to(write.id.clone(), WriteState::Planned)
                }));
                return Some(found.map(|id| (write.object.clone(), id)).filter(|_| self.is_contact(write)));
            }
            Step::Ask => (WriteState::Unknown, None),
            Step::Dead if policy.on_exhausted == ExhaustedDecl::Skip => (WriteState::Skipped, None),
            Step::Dead => (WriteState::Dead, None),
        };
        progress.state = state;
        progress.next_at = next_at;
        let mut change = WriteChange { trouble: Some(trouble), since: Some(since), next_at, ..WriteChange::to(write.id.clone(), state) };
        change.receipt = Some(Json::from(receipt(write, progress)));
        change.attempt = Some(progress.attempt);
        records.push(Record::Write(change));
        if matches!(state, WriteState::Dead | WriteState::Skipped) {
            records.push(event("gave_up", Some(&write.id), &json!({"class": failure.class})));
            records.push(Record::SlotsReleased { write: Some(write.id.clone()) });
        }
        None
    }

    /// What was told about this caller is read anew from now on: also what an answer that was lost may have changed.
    fn tell_anew(&self, plan: &Plan, standing: &Standing) {
        let contacts = plan.writes.iter().filter(|w| self.is_contact(w)).filter_map(|w| standing.get(&w.id)?.record_id.as_deref());
        let ids: Vec<&str> = contacts.chain(plan.decision.contact.as_deref()).collect();
        self.worker.callers.forget(&self.project, &self.pipeline, &self.call, &ids);
    }

    async fn finish(&self, plan: &Plan, standing: &mut Standing, mut records: Vec<Record>) -> Result<CallStatus, journal::Error> {
        self.tell_anew(plan, standing);
        if self.goes_back() {
            return self.finish_back(plan, standing, records).await;
        }
        for (write, lacks) in leave_out(plan, standing) {
            let message = format!("it refers to `{lacks}`, which is left out");
            let trouble = Some(Trouble { class: "left_out".to_owned(), message, http_status: None });
            records.push(Record::Write(WriteChange { trouble, ..WriteChange::to(write.id.clone(), WriteState::Skipped) }));
        }
        let standing = &*standing;
        let contact = plan.writes.iter().find(|w| self.is_contact(w)).map(|w| w.id.as_str());
        let mut verdict = self.unless_stuck(self.complete(plan, verdict(plan, standing, contact)));
        if is_outdated(plan, standing) && !under_way(standing, self.worker.now()) {
            let reason = Some("something was said while it was open what had landed; planned again".to_owned());
            verdict = Verdict { status: CallStatus::Waiting, reason, next_at: Some(self.worker.now()), ..verdict };
        }
        let led_to = contact.and_then(|id| standing.get(id)).and_then(|p| p.record_id.clone());
        if let (Some(AnswerRow { contact: None, .. }), Some(contact)) = (self.answer(), led_to) {
            records.push(Record::AnswerLedTo { contact });
        }
        records.push(event("worked", None, &json!({"status": verdict.status})));
        records.push(Record::Call(CallChange {
            status: verdict.status,
            reason: verdict.reason.map(|r| sentence(&r)),
            next_at: verdict.next_at,
            waits_for: verdict.waits_for,
            blocks_lane: verdict.blocks_lane,
        }));
        let recorded = self.worker.journal.record(recording(self.claim, self.worker.now(), records, Then::Release)).await?;
        if recorded.status == CallStatus::Waiting {
            self.worker.parked();
        }
        Ok(recorded.status)
    }
}

/// A number in 0..1 that spreads retries: from the call and the attempt, so that a replay waits just as long.
pub(super) fn spread(call: &str, attempt: i64) -> f64 {
    let digest = Sha256::digest(format!("{call}/{attempt}").as_bytes());
    let bytes = [digest[0], digest[1], digest[2], digest[3]];
    f64::from(u32::from_be_bytes(bytes)) / f64::from(u32::MAX)
}
