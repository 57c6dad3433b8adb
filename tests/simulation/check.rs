//! What must hold when everything has come to rest.

use std::collections::BTreeMap;
use std::sync::Arc;

use aftercall::journal::{CallStatus, Journal as _, Story, WriteState};

use crate::coverage::{Coverage, Process};
use crate::platform::Told;
use crate::sim::{Sim, State};

/// All of it.
pub(crate) async fn all(sim: &Arc<Sim>, told: &[Told]) {
    let mut broken = twice(sim);
    for told in told {
        let story = sim.journal.call(format!("json:{}", told.call)).await.ok().flatten();
        match &story {
            None if told.acknowledged => broken.push(format!("{} was acknowledged and is lost", told.call)),
            None => broken.extend(of_nobody(sim, told)),
            Some(story) => {
                broken.extend(carried(sim, story));
                broken.extend(said(sim, story, told));
            }
        }
    }
    broken.into_iter().for_each(|what| sim.violation(what));
}

/// No second record for one write, no second contact for one caller.
fn twice(sim: &Sim) -> Vec<String> {
    let state = sim.state();
    let mut seen: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (at, system) in state.systems.iter().enumerate() {
        for record in system.records.values() {
            let of = if record.object == "contact" { record.text("phone") } else { record.call() };
            seen.entry(format!("{at}/{} of {of}", record.object)).or_default().push(record.id.clone());
        }
    }
    seen.into_iter()
        .filter(|(_, ids)| ids.len() > 1)
        .map(|(what, ids)| format!("there are {} records for {what}: {ids:?}", ids.len()))
        .collect()
}

/// What was never taken in was never carried anywhere.
fn of_nobody(sim: &Sim, told: &Told) -> Vec<String> {
    let state = sim.state();
    let records = state.systems.iter().flat_map(|system| system.records.values());
    records.filter(|record| record.call() == told.call).map(|record| format!("{} is of a call that nobody took in", record.id)).collect()
}

/// The call has come to an end by rights, and the journal and the systems say the same about it.
fn carried(sim: &Sim, story: &Story) -> Vec<String> {
    let mut broken = Vec::new();
    let call = story.call.id.strip_prefix("json:").unwrap_or(&story.call.id);
    let state = sim.state();
    if story.call.status == CallStatus::Waiting {
        broken.push(format!("{call} still waits: {:?}", story.call.status_reason));
    }
    // Nothing in this world is refused for good, so nothing may be given up.
    let by_rights = matches!(story.call.status, CallStatus::Landed | CallStatus::Partial);
    if !by_rights {
        broken.push(format!("{call} is {}: {:?}", story.call.status, story.call.status_reason));
    }
    for write in &story.writes {
        let system = &state.systems[usize::from(write.connection == "second")];
        let record = write.record_id.as_ref().and_then(|id| system.records.get(id));
        let name = format!("{} of {call}", write.write);
        match (write.state, record) {
            (WriteState::Applied, None) => broken.push(format!("{name} is said to have landed, and is not there")),
            (WriteState::Applied, Some(record)) if write.op == "create" && record.call() != call => {
                broken.push(format!("{name} is said to be {}, which is of {}", record.id, record.call()));
            }
            (WriteState::Applied | WriteState::Skipped, Some(record)) if ["log", "task"].contains(&write.object.as_str()) => {
                let contact = system.records.get(record.text("contact"));
                let own = contact.is_some_and(|contact| contact.text("made_by").split('-').next() == call.split('-').next());
                if !own {
                    broken.push(format!("{name} is not linked to its caller's contact but to `{}`", record.text("contact")));
                }
            }
            (WriteState::Applied | WriteState::Skipped, _) => {}
            (other, _) => broken.push(format!("{name} is {other}")),
        }
    }
    broken
}

/// What was said stands in the systems.
fn said(sim: &Sim, story: &Story, told: &Told) -> Vec<String> {
    let state = sim.state();
    let mut broken = Vec::new();
    for (at, object) in [(0, "log"), (1, "note")] {
        let record = state.systems[at].records.values().find(|record| record.object == object && record.call() == told.call);
        let late = state
            .attempts
            .get(&(told.call.clone(), object.to_owned()))
            .is_some_and(|attempts| attempts.iter().any(|a| a.fate == crate::fate::Fate::Late));
        match record {
            None => broken.push(format!("{} has no {object}; it is {}", told.call, story.call.status)),
            // A request that came late may have brought back what was said first.
            Some(record) if !told.summaries.iter().any(|summary| summary == record.text("summary")) && !late => {
                broken.push(format!("{object} of {} says `{}`, and was told {:?}", told.call, record.text("summary"), told.summaries));
            }
            Some(_) => {}
        }
    }
    broken
}

/// What was met on the way.
pub(crate) fn cover(state: &State, coverage: &mut Coverage) {
    for attempts in state.attempts.values() {
        for attempt in attempts {
            let process = match (attempt.heard, attempt.stood) {
                (true, false) => Process::Lived,
                (true, true) => Process::StoodStill,
                (false, _) => Process::Died,
            };
            coverage.met(attempt.fate, attempt.before, process);
        }
    }
}
