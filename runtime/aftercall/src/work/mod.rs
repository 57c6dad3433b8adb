//! Making it happen, and being sure of it: lanes, plans, intents, attempts, outcomes.
//!
//! `worker` takes calls, `callers` tells about somebody while the call is under way, `gather` and `reading` read, `perform` commits and acts, `doubt` looks where an answer is missing, `step` decides what a failure means, `verify` reads back, `progress` knows
//! where a call stands, `gates` give back what waited for a system that was away. The only holder of a `Writer`.

mod again;
mod answers;
mod callers;
mod doubt;
mod gates;
mod gather;
mod landed;
mod memory;
mod parts;
mod perform;
mod progress;
mod promise;
mod reading;
mod retry;
mod revert;
mod review;
mod signals;
mod step;
mod supplement;
mod verify;
mod versions;
mod wording;
mod worker;

pub use again::{OPEN, again, can_be_resolved, can_be_retried, did_not_land, in_doubt, resolved, retried, sent_again};
pub use answers::of_story;
pub use callers::Callers;
pub use doubt::{said_to_be_absent, said_to_be_there};
pub use gather::{Before, Memory, Trouble, WrittenMap, plan_call};
pub use memory::{DryMemory, JournalMemory};
pub use parts::{Parts, files_of};
pub use progress::own;
pub use promise::{is_kept, lookup_of};
pub use retry::{RetryPolicy, next_attempt, policy};
pub use revert::{Asked, Goes, asked_by, goes_back};
pub use review::{Choice, NoAnswer, answer, made, question};
pub use step::{Attempt, Step, step};
pub use supplement::supplement;
pub use versions::{VersionError, Versions};
pub use worker::{Clock, Spawn, Worker};
