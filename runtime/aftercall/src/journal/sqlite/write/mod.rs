//! What changes the journal: a file per kind of transaction, each run by the writer thread inside a savepoint.

mod accept;
mod answer;
mod claim;
mod hold;
mod keep;
mod lanes;
mod plan;
mod record;
mod reload;

pub(super) use accept::accept;
pub(super) use claim::claim;
pub(super) use hold::{release, renew, void_leases};
pub(super) use keep::{config_put, lookup_put, people_put, take_turn, token_put};
pub(super) use plan::record_plans;
pub(super) use record::{intervene, record, wake};
pub(super) use reload::{reload_answer, reload_ask};
