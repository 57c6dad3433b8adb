//! What reads the journal: inside one snapshot each, and also from within a claim.

mod access;
mod answers;
mod calls;
mod deeds;
mod landed;
mod ledger;
mod list;
mod log;
mod naming;
mod planned;
mod queue;
mod reload;
mod story;
mod upkeep;

pub(super) use access::{api_token, api_tokens, session, users};
pub(super) use answers::{of_keys as answers_of_keys, of_lane as answers_of_lane};
pub(super) use calls::calls;
pub(super) use deeds::deeds;
pub(super) use landed::landed;
pub(super) use ledger::{
    booked, config_get, links, links_of_keys, lookup_get, peek_turn, people_find, recent_created, token_get, versions, written,
};
pub(super) use list::{captured, reconciled, suspects};
pub(super) use log::{last_event, log, log_counts};
pub(super) use naming::{Named, naming};
pub(super) use planned::planned;
pub(super) use queue::{counts, next_due, parked, payload, unrecognised, writes};
pub(super) use reload::reloads;
pub(super) use story::{last_plan, story, writes_of};
pub(super) use upkeep::{alerts, lately, notices, unused_configs, vitals};
