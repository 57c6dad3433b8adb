//! Who called? Which reads answer that, how a record compares with the caller, and what follows from it.

mod compare;
mod decide;
mod identity;
mod retrieve;

pub use compare::{Compared, compare};
pub use decide::decide;
pub(crate) use decide::records;
pub use identity::Identity;
pub use retrieve::{Query, retrieve};
