//! What changes the journal: a file per kind of transaction, each run by the writer thread inside a savepoint.

mod accept;
mod access;
mod answer;
mod claim;
mod deed;
mod erase;
mod hold;
mod keep;
mod lanes;
mod list;
mod plan;
mod record;
mod reload;
mod upkeep;

pub(super) use accept::accept;
pub(super) use access::{access_put, session_end, session_seen, session_start, sign_in_succeeded, sign_in_try, token_used};
pub(super) use claim::claim;
pub(super) use deed::deed_put;
pub(super) use erase::{forget_calls, forget_others, purge, remains};
pub(super) use hold::{release, renew, void_leases};
pub(super) use keep::{config_put, lookup_put, people_put, take_turn, token_put};
pub(super) use list::look_put;
pub(super) use plan::record_plans;
pub(super) use record::{intervene, record, wake};
pub(super) use reload::{reload_answer, reload_ask};
pub(super) use upkeep::{alert_put, notice_tried, pulse};
