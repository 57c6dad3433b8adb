//! Short words for long records, so that a case reads like what it is about.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::journal::{
    Accepted, Arrival, ArrivalKind, CallChange, CallSeq, CallStatus, Claim, Claiming, Error, Guard, Journal, Json, NewCall, NewPlan,
    NewWrite, PlanOutcome, Record, Recorded, Recording, Story, Then, WriteChange, WriteState,
};

/// What a case gives back: any error of the journal fails it.
pub(in crate::journal) type Case = Result<(), Error>;

/// Seconds after the moment at which the cases begin.
pub(in crate::journal) fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(1_790_000_000 + seconds)
}

/// A call that arrives at second 0 and is due then.
pub(in crate::journal) fn call(id: &str, keys: &[&str]) -> Arrival {
    call_saying(id, keys, "hello")
}

/// The same with another outcome.
pub(in crate::journal) fn call_saying(id: &str, keys: &[&str], words: &str) -> Arrival {
    let outcome = json!({"id": id, "summary": words});
    Arrival {
        source: "phone".to_owned(),
        event_key: format!("{id}/{words}"),
        body: outcome.to_string().into_bytes(),
        received_at: at(0),
        kind: ArrivalKind::Call(NewCall {
            id: id.to_owned(),
            lane_keys: keys.iter().map(|key| (*key).to_owned()).collect(),
            outcome: outcome.into(),
            words: words.to_owned(),
            started_at: Some(at(-60)),
            config_version: "c1".to_owned(),
            digest: words.to_owned(),
            provisional: false,
            due_at: at(0),
        }),
    }
}

/// The arrival with a change to its call.
pub(in crate::journal) fn with(mut arrival: Arrival, change: impl FnOnce(&mut NewCall)) -> Arrival {
    if let ArrivalKind::Call(call) = &mut arrival.kind {
        change(call);
    }
    arrival
}

/// The arrival at another second, and due then.
pub(in crate::journal) fn arriving(arrival: Arrival, seconds: i64) -> Arrival {
    let mut arrival = with(arrival, |call| call.due_at = at(seconds));
    arrival.received_at = at(seconds);
    arrival
}

/// Takes in one arrival.
pub(in crate::journal) async fn accept(journal: &dyn Journal, arrival: Arrival) -> Result<Accepted, Error> {
    Ok(journal.accept(vec![arrival]).await?.remove(0))
}

/// Takes in a new call and gives its number.
pub(in crate::journal) async fn accept_new(journal: &dyn Journal, arrival: Arrival) -> Result<CallSeq, Error> {
    match accept(journal, arrival).await? {
        Accepted::New { seq } => Ok(seq),
        other => panic!("not a new call: {other:?}"),
    }
}

/// Claims up to `max` lanes at a second, for a minute.
pub(in crate::journal) async fn claims(journal: &dyn Journal, seconds: i64, max: usize) -> Result<Vec<Claim>, Error> {
    let lease = Duration::from_secs(60);
    journal.claim(Claiming { now: at(seconds), owner: "worker".to_owned(), lease, max }).await
}

/// The one lane that can be claimed.
#[track_caller]
pub(in crate::journal) fn only(mut claims: Vec<Claim>) -> Claim {
    assert_eq!(claims.len(), 1, "{claims:?}");
    claims.remove(0)
}

/// The ids of the claimed calls.
pub(in crate::journal) fn ids(claims: &[Claim]) -> Vec<&str> {
    claims.iter().map(|claim| claim.call.id.as_str()).collect()
}

/// A write to the CRM in a state.
pub(in crate::journal) fn write(id: &str, state: WriteState) -> NewWrite {
    NewWrite {
        write: id.to_owned(),
        connection: "crm".to_owned(),
        object: "Contact".to_owned(),
        op: "create".to_owned(),
        marker: Some(format!("ac-{id}")),
        generation: 0,
        record_id: None,
        guarantee: "reconciled".to_owned(),
        depends_on: vec!["first".to_owned()],
        state,
        request_digest: None,
        request: None,
        receipt: None,
        slots: Vec::new(),
    }
}

/// A plan for a claimed call.
pub(in crate::journal) fn plan(claim: &Claim, seconds: i64, writes: Vec<NewWrite>) -> NewPlan {
    NewPlan {
        guard: claim.guard,
        call: claim.call.seq,
        revision: claim.call.revision,
        now: at(seconds),
        context: json!({"candidates": []}).into(),
        decision: json!({"decision": "new"}).into(),
        verdict: "new".to_owned(),
        question: None,
        plan: json!({"writes": writes.len()}).into(),
        pipeline: "front-desk".to_owned(),
        config_version: "c2".to_owned(),
        digest: format!("plan-at-{seconds}"),
        writes,
        records: Vec::new(),
        then: Then::Keep,
    }
}

/// Records one plan.
pub(in crate::journal) async fn planned(journal: &dyn Journal, plan: NewPlan) -> Result<PlanOutcome, Error> {
    Ok(journal.record_plan(vec![plan]).await?.remove(0))
}

/// Records one plan that must stand as asked.
pub(in crate::journal) async fn planned_all(journal: &dyn Journal, claim: &Claim, seconds: i64, writes: Vec<NewWrite>) -> Case {
    let outcome = planned(journal, plan(claim, seconds, writes)).await?;
    assert!(
        matches!(&outcome, PlanOutcome::Recorded { writes, .. } if writes.iter().all(|one| *one == crate::journal::WriteOutcome::Recorded)),
        "{outcome:?}"
    );
    Ok(())
}

/// Puts records on a claimed call.
pub(in crate::journal) async fn record(
    journal: &dyn Journal,
    claim: &Claim,
    seconds: i64,
    records: Vec<Record>,
    then: Then,
) -> Result<Recorded, Error> {
    journal
        .record(Recording { guard: claim.guard, call: claim.call.seq, revision: claim.call.revision, now: at(seconds), records, then })
        .await
}

/// The call is over: `status`, and the lane goes back.
pub(in crate::journal) async fn finish(journal: &dyn Journal, claim: &Claim, seconds: i64, status: CallStatus) -> Case {
    record(journal, claim, seconds, vec![status_change(status)], Then::Release).await.map(drop)
}

/// Into a status, without a time and without blocking.
pub(in crate::journal) fn status_change(status: CallStatus) -> Record {
    Record::Call(CallChange { status, reason: None, next_at: None, waits_for: Vec::new(), blocks_lane: false })
}

/// Again at a second.
pub(in crate::journal) fn again_at(seconds: i64, blocks_lane: bool) -> Record {
    Record::Call(CallChange {
        status: CallStatus::Waiting,
        reason: Some("busy there".to_owned()),
        next_at: Some(at(seconds)),
        waits_for: Vec::new(),
        blocks_lane,
    })
}

/// A write changes its state and nothing else.
pub(in crate::journal) fn into_state(write: &str, state: WriteState) -> Record {
    Record::Write(WriteChange::to(write, state))
}

/// The story of a call that is there.
pub(in crate::journal) async fn story(journal: &dyn Journal, id: &str) -> Result<Story, Error> {
    journal.call(id.to_owned()).await?.ok_or_else(|| Error::NotFound { what: format!("call `{id}`") })
}

/// The states of a call's writes, in plan order.
pub(in crate::journal) async fn states(journal: &dyn Journal, id: &str) -> Result<Vec<(String, WriteState)>, Error> {
    Ok(story(journal, id).await?.writes.into_iter().map(|write| (write.write, write.state)).collect())
}

/// The kinds of a call's events.
pub(in crate::journal) async fn kinds(journal: &dyn Journal, id: &str) -> Result<Vec<String>, Error> {
    Ok(story(journal, id).await?.events.into_iter().map(|event| event.kind).collect())
}

/// JSON in a few letters.
pub(in crate::journal) fn text(json: &str) -> Json {
    Json::from_text(json)
}

/// Fails unless the result is that the lane changed hands.
#[track_caller]
pub(in crate::journal) fn assert_fenced<T: std::fmt::Debug>(result: Result<T, Error>, guard: Guard) {
    assert!(matches!(&result, Err(Error::Fenced { lane }) if *lane == guard.lane), "{result:?}");
}
