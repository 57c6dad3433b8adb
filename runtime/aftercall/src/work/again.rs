//! What a person does with a call that did not land: have it worked again, or say that it needs no more work. Records for an intervention,
//! decided from the story alone.
//!
//! Not for carrying it out: a worker does, as always.

use jiff::Timestamp;

use super::{said_to_be_absent, said_to_be_there};
use crate::journal::{CallChange, CallStatus, Record, Story, WriteChange, WriteRow, WriteState};

/// Where a call stands that is for a person.
pub const OPEN: [CallStatus; 3] = [CallStatus::Dead, CallStatus::Partial, CallStatus::Held];

/// Whether something of it is for a person. What a policy left out is not, but can be asked for.
pub fn did_not_land(story: &Story) -> bool {
    OPEN.contains(&story.call.status) || story.writes.iter().any(was_left_out)
}

/// Whether it can be worked again: something did not land, nothing was to be done, or a person took it out of the work.
pub fn can_be_retried(story: &Story) -> bool {
    did_not_land(story) || matches!(story.call.status, CallStatus::Resolved | CallStatus::Skipped)
}

/// Whether a person can say that it needs no more work.
pub fn can_be_resolved(story: &Story) -> bool {
    OPEN.contains(&story.call.status) || story.call.status == CallStatus::Waiting
}

/// Given up, and left out as the policy says.
fn was_left_out(write: &WriteRow) -> bool {
    write.state == WriteState::Skipped && write.trouble.is_some()
}

/// Writes that a retry sends anew.
pub fn sent_again(story: &Story) -> impl Iterator<Item = &WriteRow> {
    story.writes.iter().filter(|write| matches!(write.state, WriteState::Dead | WriteState::Rejected) || was_left_out(write))
}

/// Writes of which nobody knows whether they are there.
pub fn in_doubt(story: &Story) -> impl Iterator<Item = &WriteRow> {
    story.writes.iter().filter(|write| write.state == WriteState::Unknown)
}

/// What a retry changes. `said` is what a person has found out about writes in doubt: the record, or that there is none.
///
/// Errors: a sentence, where what is said does not fit the call.
pub fn retried(story: &Story, said: &[(&str, Option<&str>)], now: Timestamp) -> Result<Vec<Record>, String> {
    let mut records: Vec<Record> =
        sent_again(story).map(|write| Record::Write(WriteChange::to(write.write.clone(), WriteState::Planned))).collect();
    for (name, record) in said {
        let write = in_doubt(story).find(|write| write.write == *name).ok_or_else(|| {
            let open: Vec<&str> = in_doubt(story).map(|write| write.write.as_str()).collect();
            let open = if open.is_empty() { "nothing of it".to_owned() } else { open.join(", ") };
            format!("`{name}` of {} is not in doubt; {open} is", story.call.id)
        })?;
        let change = record.map_or_else(|| said_to_be_absent(write), |record| said_to_be_there(write, record, now));
        records.push(Record::Write(change));
    }
    // Until it is worked, nothing else may make this caller's record.
    records.push(again("a person asked for it again", story.writes.is_empty() || in_doubt(story).next().is_some(), now));
    Ok(records)
}

/// What a call becomes that needs no more work.
pub fn resolved(reason: &str) -> Record {
    Record::Call(CallChange {
        status: CallStatus::Resolved,
        reason: Some(format!("resolved: {}", reason.trim())),
        next_at: None,
        waits_for: Vec::new(),
        blocks_lane: false,
    })
}

/// The call is worked again, now.
pub fn again(why: &str, blocks_lane: bool, now: Timestamp) -> Record {
    Record::Call(CallChange {
        status: CallStatus::Waiting,
        reason: Some(why.to_owned()),
        next_at: Some(now),
        waits_for: Vec::new(),
        blocks_lane,
    })
}
