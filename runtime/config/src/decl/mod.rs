//! What may be written: one module per kind of TOML file, as written and not yet understood.
//!
//! The doc comment of a field is the operator's manual: it goes into the JSON Schema and from there into
//! the editor. Not for meaning: names are resolved and templates compiled in `resolve`.

mod alert;
mod config_test;
mod connector;
mod context;
mod list;
mod many;
mod mapping;
mod matching;
mod metadata;
mod pipeline;
mod project;
mod retry;
mod service;
mod source;
mod web;

pub use alert::*;
pub use config_test::*;
pub use connector::*;
pub use context::*;
pub use list::*;
pub use many::*;
pub use mapping::*;
pub use matching::*;
pub use metadata::*;
pub use pipeline::*;
pub use project::*;
pub use retry::*;
pub use service::*;
pub use source::*;
pub use web::*;
