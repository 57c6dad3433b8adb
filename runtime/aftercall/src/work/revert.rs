//! Putting back what a call wrote: writes beside the plan, on the same road as all others, under the call's lane.
//!
//! A person's word puts them on record (`goes_back`). Whoever works the call reads each record anew, every time before anything is sent, and
//! what no longer holds what we wrote stays as it is. Not for finding what could go back: that is `service::WayBack`.

use aftercall_config::decl::ErrorClass;
use aftercall_config::functions::timestamp;
use aftercall_plan::context::PutBack;
use aftercall_plan::model::{FieldVerdict, Op, Plan, Write};
use aftercall_plan::revert::{Back, Place, Stands, write};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::again::again;
use super::perform::{Hand, event, recording, sentence};
use super::progress::{Progress, Standing, Verdict, receipt, verdict};
use crate::journal::{
    self, CallChange, CallStatus, FieldWritten, Json, NewEvent, NewWrite, REVERT, Record, Story, Then, Trouble, Way, WriteChange, WriteRow,
    WriteState,
};

/// What is asked for, as the journal keeps it with the write.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// Who wants it.
    pub who: String,
    /// By which way they said so.
    pub way: Way,
    /// Why.
    pub reason: String,
    /// The fields.
    pub fields: Vec<Back>,
    /// Where the call stood, and stands again afterwards.
    stood: Stood,
}

/// Where a call stood before something of it went back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Stood {
    status: CallStatus,
    reason: Option<String>,
    blocks_lane: bool,
    /// The number of its last plan.
    plan: i64,
}

impl Asked {
    /// Who and why, for receipts.
    fn said(&self) -> String {
        let reason = if self.reason.trim().is_empty() { String::new() } else { format!(": {}", self.reason.trim()) };
        format!("put back by {}{reason}", self.who)
    }
}

/// What goes back in one record.
#[derive(Clone, Debug)]
pub struct Goes {
    /// The write of the call that is undone.
    pub write: String,
    /// The connection.
    pub connection: String,
    /// The object.
    pub object: String,
    /// The record.
    pub record: String,
    /// Where a person finds it.
    pub url: Option<String>,
    /// The fields.
    pub fields: Vec<Back>,
}

/// What a person's word puts on record: the writes that put back what this call wrote last, and that it is worked again.
pub fn goes_back(story: &Story, goes: &[Goes], who: &str, way: Way, reason: &str, now: Timestamp) -> Vec<Record> {
    let call = &story.call;
    let plan = story.plans.last().map_or(0, |plan| plan.number);
    let now_stands = || Stood { status: call.status, reason: call.status_reason.clone(), blocks_lane: call.blocks_lane, plan };
    // Where it is only not whole because not all went back, it will be as it was before that.
    let failed = story.writes.iter().filter(|row| call.status == CallStatus::Partial && did_not_go_back(row)).filter_map(asked_by);
    let stood = failed.map(|asked| asked.stood).find(|stood| stood.plan == plan).unwrap_or_else(now_stands);
    let asked = Asked { who: who.to_owned(), way, reason: reason.to_owned(), fields: Vec::new(), stood };
    // The first number under which nothing stands yet: what was put back once may have to go back again.
    let free = |number: &usize| !story.writes.iter().any(|row| row.write.starts_with(&format!("revert-{number}.")));
    let number = (1..).find(free).unwrap_or_default();
    // What was given up is asked for anew.
    let given_up = |row: &&WriteRow| {
        row.op == REVERT && row.state == WriteState::Dead && goes.iter().any(|one| Some(&one.record) == row.record_id.as_ref())
    };
    let skipped = |row: &WriteRow| Record::Write(WriteChange::to(row.write.clone(), WriteState::Skipped));
    let mut records: Vec<Record> = story.writes.iter().filter(given_up).map(skipped).collect();
    for one in goes {
        let fields = one.fields.clone();
        let said: Vec<&str> = fields.iter().map(|back| back.field.as_str()).collect();
        let said = json!({"of": one.write, "record": one.record, "fields": said, "reason": reason});
        let id = format!("revert-{number}.{}", unique(&one.write, goes, one));
        records.push(Record::Beside(Box::new(NewWrite {
            write: id.clone(),
            connection: one.connection.clone(),
            object: one.object.clone(),
            op: REVERT.to_owned(),
            marker: None,
            generation: 0,
            record_id: Some(one.record.clone()),
            guarantee: "exact".to_owned(),
            depends_on: Vec::new(),
            state: WriteState::Planned,
            request_digest: None,
            request: Json::of(&Asked { fields, ..asked.clone() }).ok(),
            receipt: None,
            slots: Vec::new(),
        })));
        records.push(Record::Write(WriteChange { record_url: one.url.clone(), ..WriteChange::to(id.clone(), WriteState::Planned) }));
        records.push(Record::Event(NewEvent { kind: "goes_back".to_owned(), write: Some(id), data: said.into() }));
    }
    records.push(again("something of it goes back", call.blocks_lane, now));
    records
}

/// The write's name; with a number where it has written more than one record.
fn unique(write: &str, goes: &[Goes], one: &Goes) -> String {
    let same: Vec<&Goes> = goes.iter().filter(|other| other.write == write).collect();
    match same.iter().position(|other| other.record == one.record) {
        Some(at) if at > 0 => format!("{write}.{}", at + 1),
        _ => write.to_owned(),
    }
}

/// Whether something of it was to go back, and was refused or given up.
fn did_not_go_back(row: &WriteRow) -> bool {
    let receipt: Vec<Value> = row.receipt.as_ref().and_then(|receipt| receipt.read().ok()).unwrap_or_default();
    row.op == REVERT && (row.state == WriteState::Dead || receipt.iter().any(|line| line["state"] == "refused"))
}

/// What was asked for by a write that puts back.
pub fn asked_by(row: &WriteRow) -> Option<Asked> {
    row.request.as_ref().filter(|_| row.op == REVERT)?.read().ok()
}

/// What of these writes has gone back.
pub(super) fn put_back(writes: &[WriteRow]) -> Vec<PutBack> {
    let mut all = Vec::new();
    for row in writes.iter().filter(|row| row.state == WriteState::Applied) {
        let (Some(asked), Some(id)) = (asked_by(row), row.record_id.as_ref()) else { continue };
        let receipt: Vec<Value> = row.receipt.as_ref().and_then(|receipt| receipt.read().ok()).unwrap_or_default();
        let went = |back: &&Back| receipt.iter().any(|line| line["field"] == *back.field && line["state"] == "landed");
        all.extend(asked.fields.iter().filter(went).map(|back| PutBack {
            record: format!("{}/{}/{id}", row.connection, row.object),
            field: back.field.clone(),
            version: back.version.clone(),
            said: asked.said(),
        }));
    }
    all
}

/// A write that puts back and has not come to its end.
pub(super) fn is_open(row: &WriteRow) -> bool {
    use WriteState::{Blocked, Intent, Planned, Unknown, Waiting};
    row.op == REVERT && matches!(row.state, Planned | Intent | Unknown | Waiting | Blocked)
}

impl Hand<'_> {
    /// Whether something of the call is to go back, which comes before anything else.
    pub(super) fn goes_back(&self) -> bool {
        self.claim.writes.iter().any(is_open)
    }

    fn asked(&self, write: &str) -> Option<Asked> {
        asked_by(self.claim.writes.iter().find(|row| row.write == write)?)
    }

    /// Whether a write puts something back.
    pub(super) fn puts_back(&self, write: &Write) -> bool {
        self.claim.writes.iter().any(|row| row.write == write.id && row.op == REVERT)
    }

    /// Reads what stands there, and puts intents on record for what still holds what we wrote. `Err` is where the call stands when that cannot be
    /// read now.
    pub(super) async fn plan_back(&self) -> Result<Result<(Plan, Standing), CallStatus>, journal::Error> {
        let Some(mut plan) = self.claim.plan.as_ref().and_then(|row| row.plan.read::<Plan>().ok()) else {
            return self.stop(None, "the plan on record cannot be read, so nothing of it goes back".to_owned(), &[]).await.map(Err);
        };
        (plan.writes, plan.notes, plan.decision.review) = (Vec::new(), Vec::new(), None);
        // As it stands now: some may have come to their end since the claim.
        let story = self.worker.journal.call(self.claim.call.id.clone()).await?;
        let rows: Vec<WriteRow> = story.map(|story| story.writes).unwrap_or_default().into_iter().filter(is_open).collect();
        let (mut standing, mut records) = (Standing::new(), Vec::new());
        let now = self.worker.now();
        for row in &rows {
            let (Some(asked), Some(id)) = (asked_by(row), row.record_id.as_deref()) else {
                records.push(gave_up(row, "what is asked for can no longer be read"));
                continue;
            };
            let Some(connection) = self.project.connections.get(&row.connection) else {
                records.push(gave_up(row, "the project has no such connection any more"));
                continue;
            };
            let names: Vec<String> = asked.fields.iter().map(|back| back.field.clone()).collect();
            let read = self.worker.connections.reader().read(connection, &row.object, id, &names).await;
            let record = match read.map_err(|failure| self.or_away(&row.connection, failure)) {
                Ok(record) => record,
                Err(failure) => return self.cannot_read(&row.connection, &failure).await.map(Err),
            };
            let place = Place { write: &row.write, connection: &row.connection, object: &row.object, record: id };
            let stands = Stands { record: record.as_ref(), region: &self.project.phone_region };
            let write = write(&place, &asked.fields, &stands, row.state == WriteState::Unknown, &asked.said());
            let mut progress = Progress { stale: false, ..Progress::of(row, self.claim.call.revision) };
            match write.op {
                Op::Update { .. } if row.state == WriteState::Unknown => progress.next_at = Some(now),
                Op::Update { .. } if row.state == WriteState::Waiting => {}
                Op::Update { .. } => progress.state = WriteState::Planned,
                _ if write.fields.iter().any(|field| field.verdict == FieldVerdict::Write) => {
                    progress.state = WriteState::Applied;
                    records.push(event("found", Some(&write.id), &json!({"record": id})));
                    self.landed(&write, &progress, id, None, false, &mut records).await;
                }
                _ => {
                    progress.state = WriteState::Skipped;
                    let receipt = Some(Json::from(receipt(&write, &progress)));
                    records.push(Record::Write(WriteChange { receipt, ..WriteChange::to(write.id.clone(), WriteState::Skipped) }));
                }
            }
            standing.insert(write.id.clone(), progress);
            plan.writes.push(write);
        }
        for id in self.admitted(&plan, &mut standing, now) {
            let (Some(progress), Some(write)) = (standing.get_mut(&id), plan.writes.iter().find(|write| write.id == id)) else { continue };
            progress.state = WriteState::Intent;
            progress.attempt += 1;
            let (receipt, since) = (Some(Json::from(receipt(write, progress))), progress.since);
            records.push(Record::Write(WriteChange { receipt, since, ..WriteChange::to(id, WriteState::Intent) }));
        }
        self.worker.journal.record(recording(self.claim, now, records, Then::Keep)).await?;
        Ok(Ok((plan, standing)))
    }

    /// What we wrote last into what went back: what stands there now, where that was ours as well, and nothing otherwise. `None`: it is no revert.
    pub(super) fn unwrote(&self, write: &Write, progress: &Progress, id: &str) -> Option<Vec<Record>> {
        let asked = self.asked(&write.id)?;
        let went = write.fields.iter().filter(|f| f.verdict == FieldVerdict::Write && !progress.refused.contains_key(&f.field));
        let backs = went.filter_map(|field| asked.fields.iter().find(|back| back.field == field.field));
        let record = |back: &Back| {
            let (connection, object, record_id) = (write.connection.clone(), write.object.clone(), id.to_owned());
            let field = back.field.clone();
            match &back.earlier {
                None => Record::Unwritten { connection, object, record_id, field },
                Some(version) => Record::Field(FieldWritten {
                    connection,
                    object,
                    record_id,
                    field,
                    value: Json::from(&back.to),
                    call_started_at: self.call.started_at.as_ref().and_then(|t| timestamp(&Value::from(t.as_str()))),
                    config_version: version.clone(),
                }),
            }
        };
        Some(backs.map(record).collect())
    }

    /// Where the call stands when something of it went back: where it stood before, as soon as that has come to its end.
    pub(super) async fn finish_back(
        &self,
        plan: &Plan,
        standing: &Standing,
        mut records: Vec<Record>,
    ) -> Result<CallStatus, journal::Error> {
        let found = verdict(plan, standing, None);
        let story = self.worker.journal.call(self.claim.call.id.clone()).await?;
        // Also what was given up before it was planned anew.
        let rows = story.map(|story| story.writes).unwrap_or_default();
        let state = |row: &WriteRow| standing.get(&row.write).map_or(row.state, |progress| progress.state);
        let stuck = rows.iter().find(|row| row.op == REVERT && state(row) == WriteState::Dead).map(|row| row.write.as_str());
        let asked = self.claim.writes.iter().filter(|row| is_open(row)).find_map(asked_by);
        let (status, reason) = match (found.status, &asked) {
            (CallStatus::Waiting, _) => (CallStatus::Waiting, found.reason.map(|why| format!("to go back: {why}"))),
            // Somebody wants more of it.
            (_, Some(asked)) if self.wants_more(asked) => (CallStatus::Waiting, None),
            (CallStatus::Landed | CallStatus::Skipped, Some(asked)) if stuck.is_none() => {
                let went = standing.values().any(|progress| progress.state == WriteState::Applied);
                let said = went.then(|| format!("some of it was {}", asked.said()));
                (asked.stood.status, asked.stood.reason.clone().or(said))
            }
            _ => {
                let why = found.reason.or(stuck.map(|write| format!("{write} is given up"))).unwrap_or_default();
                (CallStatus::Partial, Some(format!("not all went back: {why}")))
            }
        };
        let wants_more = status == CallStatus::Waiting && found.status != CallStatus::Waiting;
        records.push(event("worked", None, &json!({"status": status})));
        records.push(Record::Call(CallChange {
            status,
            reason: reason.map(|reason| sentence(&reason)),
            next_at: if wants_more { Some(self.worker.now()) } else { found.next_at },
            waits_for: found.waits_for,
            blocks_lane: asked.is_some_and(|asked| asked.stood.blocks_lane),
        }));
        let recorded = self.worker.journal.record(recording(self.claim, self.worker.now(), records, Then::Release)).await?;
        if recorded.status == CallStatus::Waiting {
            self.worker.parked();
        }
        Ok(recorded.status)
    }

    /// Whether the call is to be worked beside that: it was amended, answered, moved, planned or asked for again since.
    fn wants_more(&self, asked: &Asked) -> bool {
        let Some(plan) = &self.claim.plan else { return true };
        let again = |row: &WriteRow| row.op != REVERT && row.state == WriteState::Planned;
        plan.number != asked.stood.plan
            || plan.revision != self.claim.call.revision
            || plan.config_version != self.claim.call.config_version
            || self.answer().is_some_and(|answer| answer.at > plan.recorded_at)
            || self.claim.writes.iter().any(again)
    }

    /// A call is not whole of which something did not go back.
    pub(super) fn unless_stuck(&self, found: Verdict) -> Verdict {
        let stuck = self.claim.writes.iter().find(|row| row.op == REVERT && row.state == WriteState::Dead);
        match stuck.filter(|_| found.status == CallStatus::Landed) {
            Some(row) => Verdict { status: CallStatus::Partial, reason: Some(format!("{} did not go back", row.write)), ..found },
            None => found,
        }
    }
}

/// Nothing more can be done about it.
fn gave_up(row: &WriteRow, why: &str) -> Record {
    let trouble = Some(Trouble { class: ErrorClass::Invalid.as_str().to_owned(), message: why.to_owned(), http_status: None });
    Record::Write(WriteChange { trouble, ..WriteChange::to(row.write.clone(), WriteState::Dead) })
}
