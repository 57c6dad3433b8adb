//! Intake: how what a voice platform sends becomes a call outcome in the journal.
//!
//! A delivery is verified over its raw bytes ([`verify`]), mapped as its source declares ([`map`]), named so that repetitions
//! are known ([`event_key`]) and committed before it is acknowledged ([`Intake`]). Files take the same way ([`Lines`]).
//!
//! What was never delivered is taken from a platform's own list of calls, over the same way ([`Backfill`]).
//!
//! Beside finished calls it takes questions about a caller while the call is under way ([`About`]); `work` answers them.
//!
//! What it is not for: it matches and plans nothing, knows no platform by name, and never looks at a secret's reference.

mod access;
mod answer;
mod arrival;
mod ask;
mod backfill;
mod body;
mod jsonl;
mod key;
mod listen;
mod live;
mod outcome;
mod read;
mod server;
mod signature;
mod typed;
mod words;

pub use access::Access;
pub(crate) use access::{Refused, admit, from_here};
pub use arrival::{Taken, Verdict, of_outcome, take, take_payload};
pub use ask::About;
pub use backfill::{Backfill, BackfillError, Backfilled, PATIENT, Put, WATCHED, put_into};
pub use jsonl::{LONGEST_LINE, Line, Lines};
pub use key::{body_key, call_id, digest, event_key, lane_key};
pub use listen::{Peer, serve};
pub use outcome::{Mapped, map};
pub use server::{CurrentProject, Intake, LaneKeys, Leaving, Now, Secrets};
pub use signature::{Refusal, is_signed, verify};

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod testing;
