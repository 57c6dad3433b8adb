//! The way back from what we wrote: what goes back and what is left alone, the write that does it, and how it is told.

mod document;
mod way;

pub use document::{Asked, Counts, MadeRecord, RevertDocument, RevertField, RevertRecord, WorkedCall};
pub use way::{Alone, Back, Place, Stands, Wrote, last_asked, way_back, write};
