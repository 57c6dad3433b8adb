//! The journal: the durable record of every call, and the queue its work is taken from.
//!
//! What it is for: an acknowledged call is never lost, a call is worked by one worker at a time, and every intent stands
//! here before its effect. [`Journal`] is a set of named transactions; [`SqliteJournal`] is the embedded store.
//!
//! What it is not for: it decides nothing. It does not plan, retry, match or speak to a system, it has no clock (`now`
//! comes in with the request) and it does not look inside the JSON that it keeps.

mod api;
#[cfg(test)]
mod conformance;
mod error;
mod model;
mod sqlite;
mod upkeep;

pub use api::{Answer, Journal};
pub use error::Error;
pub use model::{
    Accepted, AccessChange, AlertChange, AlertRow, AnswerKind, AnswerRow, Arrival, ArrivalKind, Booking, CallChange, CallFilter, CallSeq,
    CallStatus, CallSummary, CapturedCall, Claim, ClaimedCall, Claiming, ConfigPart, Counts, Created, Day, DeadLetter, Deed, DeedFilter,
    DeedRow, Erased, Erasing, EventRow, Fence, FieldWritten, Guard, Intervention, Json, Key, Landed, LandedFilter, LandedRow, LaneId,
    LaneLink, Lately, ListedDay, ListedRow, LogCounts, LogFilter, LogKind, LogPage, Look, LookEnd, LookRow, Lookup, Missing, MissingRow,
    NewAnswer, NewCall, NewEvent, NewNotice, NewPlan, NewReload, NewSession, NewWrite, NoticeRow, NoticeTried, Order, PayloadRow, Place,
    PlanOutcome, PlanRow, PlannedCall, PlannedFilter, Purged, Purging, REVERT, Received, Reconciled, Record, Recorded, Recording,
    RefusedTwin, ReloadAnswer, ReloadFilter, ReloadRow, ReloadState, Remains, RevisionRow, Role, SaidOne, SealedToken, Seen, SessionRow,
    Several, SignInTry, SlotAsk, Story, Suspects, Then, TokenRow, Trouble, Unrecognised, UserRow, Vitals, Way, WriteChange, WriteFilter,
    WriteOutcome, WriteRow, WriteState, Written, WrittenRecord,
};
pub use sqlite::{
    SqliteJournal, SqliteOptions, accept_beside, access_beside, config_beside, forget_beside, intervene_beside, look_beside, lookup_beside,
    reload_beside, token_beside, worked_by,
};
pub use upkeep::Upkeep;
