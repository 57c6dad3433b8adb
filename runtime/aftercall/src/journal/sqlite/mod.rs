//! The embedded store: one SQLite file, one thread that writes, a few that read.
//!
//! It decides nothing either: what a transaction means is said at the [`Journal`](super::Journal) trait, and a second
//! store says the same in other SQL.

mod beside;
mod fault;
mod inline;
mod journal;
mod lock;
mod migrate;
mod open;
mod queue;
mod read;
mod reader;
mod row;
#[cfg(test)]
mod tests;
mod upkeep;
mod write;
mod writer;

pub use beside::{
    accept_beside, access_beside, config_beside, forget_beside, intervene_beside, look_beside, lookup_beside, reload_beside, token_beside,
};
pub use journal::SqliteJournal;
pub use lock::worked_by;
pub use open::SqliteOptions;
