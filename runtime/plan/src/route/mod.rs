//! Who follows up, and by when: the first rule of a route that holds.

mod decide;
mod due;
mod owner;

pub use decide::{Routed, decide};
pub use due::{due, in_business, next_business_day};
