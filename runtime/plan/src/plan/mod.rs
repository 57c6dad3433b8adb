//! What a call would change: pure, a function of (project, call, context, now).
//!
//! Not for reading or writing anything: what is missing comes back as a [`Need`].

mod booking;
mod build;
mod contact;
mod fields;
mod links;
mod marker;
mod merge;
mod place;
mod requests;
mod write;

pub(crate) use build::scope_of;
pub use build::{Need, pipeline_for, plan};
pub(crate) use contact::is_contact;
pub use marker::marker;
pub use requests::{RequestCount, requests};
