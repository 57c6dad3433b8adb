//! What goes into the journal and what comes out of it: plain data, the same for every store.

mod access;
mod answer;
mod arrival;
mod claim;
mod deed;
mod ids;
mod json;
mod list;
mod log;
mod read;
mod record;
mod reload;
mod token;
mod upkeep;

pub use access::{AccessChange, Key, NewSession, SessionRow, SignInTry, TokenRow, UserRow};
pub use answer::{AnswerKind, AnswerRow, NewAnswer};
pub use arrival::{Accepted, Arrival, ArrivalKind, NewCall};
pub use claim::{Claim, ClaimedCall, Claiming, Guard, LaneLink, PlanRow, WriteRow};
pub use deed::{Deed, DeedFilter, DeedRow, Landed, LandedFilter, LandedRow};
pub use ids::{CallSeq, CallStatus, Fence, LaneId, ReloadState, Role, Way, WriteState};
pub use json::Json;
pub use list::{
    CapturedCall, Day, ListedDay, ListedRow, Look, LookEnd, LookRow, Missing, MissingRow, Received, Reconciled, RefusedTwin, SaidOne,
    Several, Suspects,
};
pub use log::{LogCounts, LogFilter, LogKind, LogPage, WrittenRecord};
pub use read::{
    Booking, CallFilter, CallSummary, Counts, EventRow, Lookup, Order, PayloadRow, PlannedCall, PlannedFilter, RevisionRow, Story,
    Unrecognised, WriteFilter, Written,
};
pub use record::{
    CallChange, Created, FieldWritten, Intervention, NewEvent, NewPlan, NewWrite, PlanOutcome, REVERT, Record, Recorded, Recording, Seen,
    SlotAsk, Then, Trouble, WriteChange, WriteOutcome,
};
pub use reload::{ConfigPart, NewReload, ReloadAnswer, ReloadFilter, ReloadRow};
pub use token::SealedToken;
pub use upkeep::{
    AlertChange, AlertRow, DeadLetter, Erased, Erasing, Lately, NewNotice, NoticeRow, NoticeTried, Place, Purged, Purging, Remains, Vitals,
};
