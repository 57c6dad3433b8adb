//! What things look like: plans, the call log, one call's story. A view of values; it decides nothing.

pub mod access;
pub mod alert;
pub mod calls;
pub(crate) mod change;
pub mod decision;
pub(crate) mod difference;
pub mod forget;
pub(crate) mod line_diff;
pub(crate) mod mask;
pub mod plan;
pub(crate) mod plan_page;
pub mod reconcile;
pub(crate) mod remedy;
pub mod revert;
pub mod review;
pub(crate) mod revisions;
pub(crate) mod route;
pub mod service;
pub mod story;
pub mod tests;
pub mod trail;
mod words;

pub(crate) use words::cut;
