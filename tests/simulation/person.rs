//! Whoever looks after what waits for a person: looks into the system, and says what is there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aftercall::journal::{
    CallChange, CallFilter, CallStatus, Error, Intervention, Journal as _, Record, Seen, Story, Way, WriteChange, WriteRow, WriteState,
};
use jiff::SignedDuration;

use crate::sim::Sim;

/// Whoever does not know whether a request may still come waits so long before looking.
const SETTLE: SignedDuration = SignedDuration::from_secs(90);
/// How often somebody tries the same call again before letting it be.
const MOST: u32 = 2;

/// One round. Says whether something was changed, or has to be looked at later.
pub(crate) async fn look(sim: &Arc<Sim>, tried: &mut BTreeMap<String, u32>) -> bool {
    let status = vec![CallStatus::Held, CallStatus::Dead, CallStatus::Partial];
    let filter = CallFilter { status, limit: 1_000, ..CallFilter::default() };
    let mut busy = false;
    for call in sim.journal.calls(filter).await.expect("the journal lists calls") {
        let Some(story) = sim.journal.call(call.id.clone()).await.expect("the journal tells a story") else { continue };
        let unknown: Vec<&WriteRow> = story.writes.iter().filter(|w| w.state == WriteState::Unknown).collect();
        if unknown.iter().any(|write| sim.now().duration_since(write.changed_at) < SETTLE) {
            busy = true;
            continue;
        }
        let times = tried.entry(call.id.clone()).or_default();
        if *times >= MOST && unknown.is_empty() {
            continue;
        }
        *times += 1;
        let Some(records) = answer(sim, &story, &unknown) else { continue };
        sim.trace(|| format!("a person about {}: {records:?}", call.id));
        let word = Intervention {
            call: story.call.seq,
            actor: "somebody".to_owned(),
            way: Way::Cli,
            what: "retry",
            reason: "looked".to_owned(),
            now: sim.now(),
            seen: Some(Seen::of(&story)),
            records,
        };
        let heard = sim.journal.intervene(word).await;
        sim.tell_ready();
        match heard {
            Ok(_) | Err(Error::Leased { .. } | Error::Changed { .. }) => busy = true,
            Err(error) => sim.violation(format!("a person is not heard: {error}")),
        }
    }
    busy
}

/// What is said about a call: nothing where nothing can be mended.
fn answer(sim: &Sim, story: &Story, unknown: &[&WriteRow]) -> Option<Vec<Record>> {
    let mut records = Vec::new();
    for write in unknown {
        let call = story.call.id.strip_prefix("json:").unwrap_or(&story.call.id);
        let state = sim.state();
        let system = &state.systems[usize::from(write.connection == "second")];
        let made = system.records.values().find(|record| record.object == write.object && record.call() == call);
        let change = match made {
            Some(record) => WriteChange { record_id: Some(record.id.clone()), ..WriteChange::to(write.write.clone(), WriteState::Applied) },
            None => WriteChange::to(write.write.clone(), WriteState::Planned),
        };
        records.push(Record::Write(change));
    }
    let dead = story.writes.iter().filter(|w| matches!(w.state, WriteState::Dead | WriteState::Rejected));
    records.extend(dead.map(|write| Record::Write(WriteChange::to(write.write.clone(), WriteState::Planned))));
    if records.is_empty() {
        return None;
    }
    let blocks_lane = unknown.iter().any(|write| write.object == "contact");
    let reason = Some("a person looked".to_owned());
    records.push(Record::Call(CallChange {
        status: CallStatus::Waiting,
        reason,
        next_at: Some(sim.now() + Duration::ZERO),
        blocks_lane,
        waits_for: Vec::new(),
    }));
    Some(records)
}
