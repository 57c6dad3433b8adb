//! One call in hand: where each of its writes stands, what may be sent now, and what the call's status is.
//!
//! Not for sending or recording: that is `perform`. Everything here is plain state, tested without a store.

use std::collections::{BTreeMap, BTreeSet};

use aftercall_config::decl::ErrorClass;
use aftercall_config::project::Pipeline;
use aftercall_plan::model::{FieldVerdict, LinkTo, Op, Plan, Write};
use aftercall_plan::policy::value::is_empty;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::wording::repeatable;
use crate::journal::{CallStatus, WriteRow, WriteState};
use crate::plant::{Plant, planted};

/// Where one write stands.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    /// Its state, as the journal has it or will have it with the next record.
    pub(super) state: WriteState,
    /// The number of the plan that it is of.
    pub(super) plan: i64,
    /// Attempts made.
    pub(super) attempt: i64,
    /// The record, once known.
    pub(super) record_id: Option<String>,
    /// When its first attempt failed.
    pub(super) since: Option<Timestamp>,
    /// When to go on.
    pub(super) next_at: Option<Timestamp>,
    /// Fields that the system refused, each with its word for why.
    pub(super) refused: BTreeMap<String, String>,
    /// What stands in a field other than what was confirmed, as read back; null for nothing at all.
    pub(super) found: BTreeMap<String, Value>,
    /// Why it could not be read back, or that it was.
    pub(super) read_back: Option<Result<(), String>>,
    /// Its system is left alone: it is due, and waits to be woken.
    pub(super) away: bool,
    /// What is on record of it is about what was said before: it was in doubt when somebody said something else, so the plan that stands
    /// does not know what came of it.
    pub(super) stale: bool,
    /// Why it waits for a person, where the plan does not say it itself: another call has the time, or what a person named is not there.
    pub held: Option<String>,
}

impl Progress {
    /// A write that nothing has happened to.
    pub(super) fn fresh(state: WriteState) -> Self {
        Self {
            state,
            plan: 0,
            attempt: 0,
            record_id: None,
            since: None,
            next_at: None,
            refused: BTreeMap::new(),
            found: BTreeMap::new(),
            read_back: None,
            away: false,
            stale: false,
            held: None,
        }
    }

    /// As the journal has it, of a call that is at this revision.
    pub(super) fn of(row: &WriteRow, revision: i64) -> Self {
        let receipt: Vec<Value> = row.receipt.as_ref().and_then(|r| r.read().ok()).unwrap_or_default();
        let refused = receipt.iter().filter(|f| f["state"] == "refused");
        let refused =
            refused.filter_map(|f| Some((f["field"].as_str()?.to_owned(), f["because"].as_str().unwrap_or_default().to_owned()))).collect();
        Self {
            state: row.state,
            plan: row.plan,
            attempt: row.attempt,
            record_id: row.record_id.clone(),
            since: row.since,
            next_at: row.next_at,
            refused,
            found: receipt.iter().filter_map(|f| Some((f["field"].as_str()?.to_owned(), f.get("found")?.clone()))).collect(),
            read_back: None,
            away: false,
            stale: row.revision < revision,
            held: row.trouble.as_ref().filter(|_| row.state == WriteState::Held).map(|trouble| trouble.message.clone()),
        }
    }
}

/// All writes of a call, by id.
pub(super) type Standing = BTreeMap<String, Progress>;

/// The records that a call has made, by write. What it only changed (the caller's own record, a record of the context) is not among them,
/// except where this call created it. A record that is ours stays ours while a change of it is under way or has failed, unless it is gone.
pub fn own(pipeline: &Pipeline, writes: &[WriteRow]) -> BTreeMap<String, String> {
    let contact = pipeline.connection.connector.decl.find.as_ref().map(|f| f.object.as_str());
    let ours = |w: &&WriteRow| {
        let only_ours =
            pipeline.writes.iter().any(|rule| rule.id == w.write && rule.target.is_none() && Some(rule.object.as_str()) != contact);
        w.op == "create" || only_ours
    };
    let gone = |w: &&WriteRow| w.trouble.as_ref().is_some_and(|trouble| trouble.class == ErrorClass::NotFound.as_str());
    let made = writes.iter().filter(|w| !gone(w)).filter(ours);
    made.filter_map(|w| Some((w.write.clone(), w.record_id.clone()?))).collect()
}

/// Whether a write changes anything.
pub(super) fn sends(write: &Write) -> bool {
    matches!(write.op, Op::Create { .. } | Op::Update { .. } | Op::Merge { .. })
}

/// The writes whose records this one needs.
pub(super) fn depends_on(write: &Write) -> Vec<String> {
    let mut ids: Vec<String> = write
        .links
        .iter()
        .filter_map(|link| match &link.to {
            LinkTo::Write(id) => Some(id.clone()),
            LinkTo::Id(_) => None,
        })
        .collect();
    ids.sort();
    ids.dedup();
    ids
}

/// Which writes may be sent now: due, and with every record that they need there already or sent along with them.
pub(super) fn due(plan: &Plan, standing: &Standing, now: Timestamp) -> Vec<String> {
    let mut ready: BTreeSet<&str> = BTreeSet::new();
    // Plan order: what another depends on comes first.
    for write in plan.writes.iter().filter(|w| sends(w)) {
        let Some(progress) = standing.get(&write.id) else { continue };
        let is_due = match progress.state {
            WriteState::Planned | WriteState::Blocked | WriteState::Intent => true,
            WriteState::Waiting => progress.next_at.is_some_and(|at| at <= now),
            // What only a look can tell is planned again by `doubt`, or never.
            WriteState::Unknown => repeatable(write) && progress.next_at.is_some_and(|at| at <= now),
            _ => false,
        };
        let has = |id: &String| {
            ready.contains(id.as_str()) || standing.get(id).is_some_and(|p| p.state == WriteState::Applied && p.record_id.is_some())
        };
        // What is sent along must go to the same system, or its id comes too late.
        let together =
            |id: &String| !ready.contains(id.as_str()) || plan.writes.iter().any(|w| &w.id == id && w.connection == write.connection);
        let applied = |id: &String| standing.get(id).is_some_and(|p| p.state == WriteState::Applied);
        if is_due && write.after.iter().all(applied) && depends_on(write).iter().all(|id| has(id) && together(id)) {
            ready.insert(&write.id);
        }
    }
    plan.writes.iter().filter(|w| ready.contains(w.id.as_str())).map(|w| w.id.clone()).collect()
}

/// Whether something has landed with what was said before, although the plan was made for what was said since.
pub(super) fn is_outdated(plan: &Plan, standing: &Standing) -> bool {
    let outdated = |write: &Write| standing.get(&write.id).is_some_and(|p| p.stale && p.state == WriteState::Applied);
    plan.writes.iter().any(|write| sends(write) && outdated(write))
}

/// What the pipeline asks for and the plan does not have, because a system could not be read.
pub(super) fn missing<'a>(plan: &Plan, pipeline: &'a Pipeline) -> Vec<&'a str> {
    let planned = |id: &str| plan.writes.iter().any(|write| write.id == id);
    pipeline.writes.iter().map(|rule| rule.id.as_str()).filter(|id| !planned(id)).collect()
}

/// Whether something must be awaited before the call is planned again: an answer, or the time of a next attempt.
pub(super) fn under_way(standing: &Standing, now: Timestamp) -> bool {
    standing.values().any(|progress| match progress.state {
        WriteState::Intent => true,
        WriteState::Unknown => progress.next_at.is_some(),
        WriteState::Waiting => progress.next_at.is_some_and(|at| at > now),
        _ => false,
    })
}

/// Given up, and left out as its policy says: the plan wanted it sent.
fn was_left_out(standing: &Standing, write: &Write) -> bool {
    sends(write) && standing.get(&write.id).is_some_and(|p| p.state == WriteState::Skipped)
}

/// What refers to a record that was left out is left out as well: it can never be whole. Gives each with what it refers to.
pub(super) fn leave_out<'a>(plan: &'a Plan, standing: &mut Standing) -> Vec<(&'a Write, String)> {
    let mut out = Vec::new();
    // In the plan's order, what is referred to comes first.
    for write in plan.writes.iter().filter(|write| sends(write)) {
        let needs = depends_on(write).into_iter().chain(write.after.iter().cloned());
        let lacks = needs.filter_map(|id| plan.writes.iter().find(|other| other.id == id)).find(|other| was_left_out(standing, other));
        let (Some(lacks), Some(progress)) = (lacks.map(|other| other.id.clone()), standing.get_mut(&write.id)) else { continue };
        if matches!(progress.state, WriteState::Planned | WriteState::Blocked | WriteState::Waiting) {
            (progress.state, progress.next_at) = (WriteState::Skipped, None);
            out.push((write, lacks));
        }
    }
    out
}

/// What is on record of each field of a write.
pub(super) fn receipt(write: &Write, progress: &Progress) -> Value {
    let landed = progress.state == WriteState::Applied;
    let fields: Vec<Value> = write
        .fields
        .iter()
        .map(|field| {
            let refused = progress.refused.get(&field.field);
            let state = match field.verdict {
                FieldVerdict::Write if refused.is_some() => "refused",
                FieldVerdict::Write if landed => match progress.found.get(&field.field) {
                    None => "landed",
                    Some(found) if is_empty(found) => "missing",
                    Some(_) => "changed",
                },
                FieldVerdict::Write => "planned",
                FieldVerdict::Same => "same",
                FieldVerdict::Kept => "kept",
                FieldVerdict::Conflict => "conflict",
                FieldVerdict::Absent => "absent",
            };
            let mut line = json!({
                "field": field.field, "state": state, "value": field.after, "before": field.before,
                "policy": field.policy.as_str(), "origin": field.origin.to_string(),
                "because": refused.or(field.because.as_ref()),
            });
            if let (FieldVerdict::Write, Some(found)) = (field.verdict, progress.found.get(&field.field)) {
                line["found"] = found.clone();
            }
            match &progress.read_back {
                Some(Ok(())) if state == "landed" => line["verified"] = json!(true),
                Some(Err(because)) if state == "landed" => line["not_verified"] = json!(because),
                _ => {}
            }
            line
        })
        .collect();
    Value::Array(fields.into_iter().chain(moves(write, landed)).collect())
}

/// What moves as a person answered: links from one record to another, and a record that goes into another.
fn moves(write: &Write, landed: bool) -> Vec<Value> {
    let state = if landed { "landed" } else { "planned" };
    let line = |what: &str, from: &str, to: &str, policy: &str, origin: String| json!({"field": what, "state": state, "value": to, "before": from, "policy": policy, "origin": origin, "because": null});
    let moved = write.links.iter().filter_map(|link| {
        let to = match &link.to {
            LinkTo::Id(id) => id.clone(),
            LinkTo::Write(write) => format!("the new record of `{write}`"),
        };
        Some(line(&link.link, link.from.as_deref()?, &to, "link", link.origin.to_string()))
    });
    let merged = match &write.op {
        Op::Merge { id, other } => Some(line(&write.object, other, id, "merge", write.origin.to_string())),
        _ => None,
    };
    moved.chain(merged).collect()
}

/// Where the call stands, why, and when it goes on.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Verdict {
    /// The status.
    pub(super) status: CallStatus,
    /// A phrase for people.
    pub(super) reason: Option<String>,
    /// When to go on, with `Waiting`.
    pub(super) next_at: Option<Timestamp>,
    /// The connections that it waits for, with `Waiting`.
    pub(super) waits_for: Vec<String>,
    /// Whether the caller's next call must wait.
    pub(super) blocks_lane: bool,
}

/// When a write can go on: not before everything that it needs. `None`: not by itself.
fn goes_on(plan: &Plan, standing: &Standing, write: &Write) -> Option<Timestamp> {
    // What is in doubt, and no longer asked for, is for a person.
    let mut at = standing.get(&write.id)?.next_at.filter(|_| sends(write))?;
    for needed in depends_on(write).iter().chain(&write.after) {
        if standing.get(needed).is_some_and(|p| p.state == WriteState::Applied) {
            continue;
        }
        // In the plan's order a write needs only what stands before it, so this comes to an end.
        let position = plan.writes.iter().position(|w| w.id == write.id)?;
        let needed = plan.writes[..position].iter().find(|w| &w.id == needed)?;
        at = at.max(goes_on(plan, standing, needed)?);
    }
    Some(at)
}

/// Sums up. `contact` is the id of the write that makes or changes the caller's record.
pub(super) fn verdict(plan: &Plan, standing: &Standing, contact: Option<&str>) -> Verdict {
    let state = |w: &Write| standing.get(&w.id).map_or(WriteState::Skipped, |p| p.state);
    let open: Vec<&Write> = plan
        .writes
        .iter()
        .filter(|w| matches!(state(w), WriteState::Planned | WriteState::Intent | WriteState::Waiting | WriteState::Blocked))
        .collect();
    let unknown: Vec<&Write> = plan.writes.iter().filter(|w| state(w) == WriteState::Unknown).collect();
    let is_away = |w: &&&Write| standing.get(&w.id).is_some_and(|p| p.away);
    let next_at = open.iter().chain(&unknown).filter(|w| !is_away(w)).filter_map(|w| goes_on(plan, standing, w)).min();
    let mut waits_for: Vec<String> = open.iter().chain(&unknown).filter(is_away).map(|w| w.connection.clone()).collect();
    waits_for.sort();
    waits_for.dedup();
    // The caller's own record is undecided: the next call of this caller could make a second one. One that waits for another record, or for
    // its system, is undecided as long as the call goes on; a call that has ended for it must not hold up the caller for ever.
    let goes_on_by_itself = next_at.is_some() || !waits_for.is_empty();
    let undecided = |state| match state {
        WriteState::Planned | WriteState::Intent | WriteState::Waiting | WriteState::Unknown => true,
        WriteState::Blocked => goes_on_by_itself,
        _ => false,
    };
    let blocks_lane =
        !planted(Plant::ParkedCallFreesTheCaller) && contact.and_then(|id| standing.get(id)).is_some_and(|p| undecided(p.state));
    let names = |list: &[&Write]| list.iter().map(|w| w.id.as_str()).collect::<Vec<_>>().join(", ");
    let trouble: Vec<&Write> = plan.writes.iter().filter(|w| matches!(state(w), WriteState::Dead | WriteState::Rejected)).collect();
    let held: Vec<&Write> = plan.writes.iter().filter(|w| state(w) == WriteState::Held).collect();
    let left_out: Vec<&Write> = plan.writes.iter().filter(|w| was_left_out(standing, w)).collect();
    if goes_on_by_itself {
        let waiting: Vec<&Write> = open.iter().chain(&unknown).copied().collect();
        let when = if waits_for.is_empty() { String::new() } else { format!(" when {} is back", waits_for.join(" and ")) };
        let reason = Some(format!("{} to be tried again{when}", names(&waiting)));
        return Verdict { status: CallStatus::Waiting, reason, next_at, waits_for, blocks_lane };
    }
    let stuck: Vec<&Write> = open.iter().chain(&unknown).copied().collect();
    let applied = plan.writes.iter().any(|w| state(w) == WriteState::Applied);
    let refused = plan.writes.iter().any(|w| standing.get(&w.id).is_some_and(|p| !p.refused.is_empty()));
    let lacking = |p: &Progress| p.found.iter().find(|(_, found)| is_empty(found)).map(|(field, _)| field.clone());
    let missing = plan.writes.iter().find_map(|w| Some((&w.id, lacking(standing.get(&w.id)?)?)));
    let (status, reason) = if !trouble.is_empty() {
        let status = if applied { CallStatus::Partial } else { CallStatus::Dead };
        let behind = if stuck.is_empty() { String::new() } else { format!("; {} waits for it", names(&stuck)) };
        (status, Some(format!("{} did not land{behind}", names(&trouble))))
    } else if !stuck.is_empty() {
        let said = stuck.iter().find_map(|w| standing.get(&w.id)?.held.as_ref()).map(|said| format!("{said}; ")).unwrap_or_default();
        (CallStatus::Held, Some(format!("{}: {said}perhaps written, and nothing can tell; a person must look", names(&stuck))))
    } else if !held.is_empty() {
        let because = held.iter().find_map(|w| match &w.op {
            Op::Blocked { because } => Some((&w.id, because)),
            _ => standing.get(&w.id)?.held.as_ref().map(|because| (&w.id, because)),
        });
        let status = if applied { CallStatus::Review } else { CallStatus::Held };
        (status, Some(because.map_or_else(|| format!("{} waits for a person", names(&held)), |(id, because)| format!("{id}: {because}"))))
    } else if let Some(review) = &plan.decision.review {
        (CallStatus::Review, Some(review.clone()))
    } else if refused {
        (CallStatus::Partial, Some("a field was refused; everything else landed".to_owned()))
    } else if let Some((write, field)) = missing {
        (CallStatus::Partial, Some(format!("{write}: the system confirmed `{field}`, and nothing stands there")))
    } else if applied || plan.writes.iter().any(|w| matches!(w.op, Op::Nothing { .. })) {
        let without = || format!("without {}: it failed, and is left out as its retry policy says", names(&left_out));
        (CallStatus::Landed, (!left_out.is_empty()).then(without))
    } else if !left_out.is_empty() {
        (CallStatus::Dead, Some(format!("nothing landed: {} failed, and is left out as its retry policy says", names(&left_out))))
    } else {
        (CallStatus::Skipped, Some("no write applies to this call".to_owned()))
    };
    Verdict { status, reason, next_at: None, waits_for: Vec::new(), blocks_lane }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A contact that is made, and a task that refers to it.
    fn plan() -> Plan {
        let write = |id: &str, links: Value| {
            json!({
                "id": id, "connection": "crm", "object": id, "op": {"op": "create", "marker": id}, "fields": [], "links": links,
                "guarantee": "reconciled", "booking": null, "origin": {"file": "pipelines/p.toml", "line": 1},
            })
        };
        let link = json!([{"link": "contact", "to": {"write": "contact"}, "origin": {"file": "pipelines/p.toml", "line": 1}}]);
        let decision = json!({
            "verdict": "new", "because": "nobody has the number", "contact": null, "candidates": [], "accept": 4.0, "margin": 4.0, "review": null,
        });
        serde_json::from_value(json!({
            "call": "phone:1", "config": "v", "pipeline": "p", "at": "2026-11-24T12:00:00Z", "decision": decision,
            "writes": [write("contact", json!([])), write("task", link)], "notes": [],
        }))
        .expect("a plan")
    }

    fn stands(contact: Progress, task: WriteState) -> Verdict {
        let standing: Standing = [("contact".to_owned(), contact), ("task".to_owned(), Progress::fresh(task))].into();
        verdict(&plan(), &standing, Some("contact"))
    }

    /// Whatever the reason why the caller's record is not there yet: the caller's next call stands behind it.
    #[test]
    fn an_undecided_contact_keeps_its_caller() {
        let at = Some(Timestamp::UNIX_EPOCH);
        let away = |state| Progress { away: true, ..Progress::fresh(state) };
        for (contact, waits_for) in [
            (Progress { next_at: at, ..Progress::fresh(WriteState::Waiting) }, vec![]),
            (Progress { next_at: at, ..Progress::fresh(WriteState::Unknown) }, vec![]),
            (Progress { next_at: at, ..away(WriteState::Waiting) }, vec!["crm".to_owned()]),
            // Its system was found away between the plan and the sending.
            (away(WriteState::Blocked), vec!["crm".to_owned()]),
            (away(WriteState::Planned), vec!["crm".to_owned()]),
        ] {
            let stands = stands(contact.clone(), WriteState::Blocked);
            assert_eq!((stands.status, stands.waits_for, stands.blocks_lane), (CallStatus::Waiting, waits_for, true), "{contact:?}");
        }
    }

    /// What a policy leaves out takes with it what refers to it, and nothing waits for a person.
    #[test]
    fn what_is_left_out_holds_up_nothing() {
        let mut standing: Standing =
            [("contact".to_owned(), Progress::fresh(WriteState::Skipped)), ("task".to_owned(), Progress::fresh(WriteState::Blocked))]
                .into();
        let plan = plan();
        let out: Vec<(&str, String)> = leave_out(&plan, &mut standing).into_iter().map(|(write, by)| (write.id.as_str(), by)).collect();
        assert_eq!(out, [("task", "contact".to_owned())]);
        let stands = verdict(&plan, &standing, Some("contact"));
        assert_eq!((stands.status, stands.blocks_lane), (CallStatus::Dead, false), "{:?}", stands.reason);
        let (applied, skipped) = (Progress::fresh(WriteState::Applied), WriteState::Skipped);
        let stands = super::verdict(&plan, &[("contact".to_owned(), applied), ("task".to_owned(), Progress::fresh(skipped))].into(), None);
        assert_eq!(stands.status, CallStatus::Landed);
        assert!(stands.reason.is_some_and(|reason| reason.contains("without task")));
    }

    /// What has ended holds up nobody: neither a contact that is there nor one that never will be.
    #[test]
    fn a_decided_one_does_not() {
        let there = Progress { record_id: Some("7".to_owned()), ..Progress::fresh(WriteState::Applied) };
        assert!(!stands(there, WriteState::Applied).blocks_lane);
        let dead = stands(Progress::fresh(WriteState::Dead), WriteState::Blocked);
        assert_eq!((dead.status, dead.blocks_lane), (CallStatus::Dead, false));
    }
}
