//! What would happen: who called, and which fields of which records would change.
//!
//! Pure: a function of (project, call, context, now). No I/O, no clock of its own, no randomness; the same input
//! gives the same bytes.

pub mod backtest;
pub mod caller;
pub mod capture;
pub mod context;
pub mod decision;
pub mod diff;
pub mod document;
pub mod matching;
pub mod model;
pub mod normalise;
pub mod plan;
pub mod policy;
pub mod promise;
pub mod record;
pub mod revert;
pub mod revisions;
pub mod route;
pub mod scope;
pub mod trial;

#[cfg(test)]
mod testing;
