//! A plan that a person has approved, on the one road of delivery: looked up before planning, and kept or not.
//!
//! Not for the comparison, which is pure: `aftercall_plan::promise`.

use aftercall_plan::promise::{Changed, Promise};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::perform::{Hand, event, recording, sentence};
use crate::journal::{self, CallChange, CallStatus, Json, Lookup, Record, Story, Then};

/// Under which kind of look-up a promise is kept, by the call's id. In the journal before the call is, so that whoever works it keeps it.
const KIND: &str = "promise";
/// The event of a plan on record that is what was approved.
const KEPT: &str = "promise_kept";

/// A promise as the journal keeps it.
pub fn lookup_of(promise: &Promise, now: Timestamp) -> Lookup {
    let value = Json::of(promise).unwrap_or_else(|_| Json::from_text("null"));
    Lookup { connection: String::new(), kind: KIND.to_owned(), key: promise.plan.call.clone(), value, fetched_at: now }
}

/// Whether this very promise was kept already.
pub fn is_kept(story: &Story, promise: &Promise) -> bool {
    let id = promise.id();
    let is_this = |data: &Json| data.read::<Value>().is_ok_and(|data| data["plan"] == *id);
    story.events.iter().any(|event| event.kind == KEPT && is_this(&event.data))
}

/// Puts down that the plan on record is the one that was approved.
pub(super) fn kept(promise: &Promise) -> Record {
    event(KEPT, None, &json!({"plan": promise.id()}))
}

impl Hand<'_> {
    /// What was approved for these words of this call, as long as nothing of it was ever sent. `Err`: it is there and cannot be read.
    pub(super) async fn promise(&self) -> Result<Result<Option<Promise>, String>, journal::Error> {
        if self.claim.writes.iter().any(|write| write.attempt > 0) {
            return Ok(Ok(None));
        }
        let id = self.claim.call.id.clone();
        let Some(kept) = self.worker.journal.lookup_get(String::new(), KIND.to_owned(), id).await? else { return Ok(Ok(None)) };
        Ok(match kept.value.read::<Promise>() {
            // Another word of the platform is another call to work: nobody has approved anything about it.
            Ok(promise) => Ok(Some(promise).filter(|promise| promise.call == self.call)),
            Err(_) => Err("the plan that was approved can no longer be read; make it anew and apply that".to_owned()),
        })
    }

    /// Nothing is written of a call that is not as it was planned; it waits for a person.
    pub(super) async fn stop(&self, promise: Option<&Promise>, reason: String, changed: &[Changed]) -> Result<CallStatus, journal::Error> {
        let data = json!({"plan": promise.map(Promise::id), "changed": changed});
        let held = CallChange {
            status: CallStatus::Held,
            reason: Some(sentence(&reason)),
            next_at: None,
            waits_for: Vec::new(),
            blocks_lane: false,
        };
        let records = vec![event("promise_not_kept", None, &data), Record::Call(held)];
        let recorded = self.worker.journal.record(recording(self.claim, self.worker.now(), records, Then::Release)).await?;
        Ok(recorded.status)
    }
}
