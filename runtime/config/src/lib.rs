//! What may be written in an aftercall project, and how we say that it is wrong.
//!
//! Pure: no file, clock, network, environment or random source. Text comes in as [`source::Files`], and a frozen
//! [`project::Project`] or findings come out.

pub mod call;
pub mod caller;
pub mod condition;
pub mod config_test;
pub mod decl;
pub mod difference;
pub mod finding;
pub mod functions;
pub mod lock;
pub mod project;
pub mod resolve;
pub mod rules;
pub mod schema;
pub mod source;
mod syntax;
pub mod tables;
pub mod template;
pub mod types;
pub mod upkeep;
