//! Who follows up, and by when: the first rule of a route that holds.

mod decide;
mod due;
mod explain;
mod load;
mod owner;

pub use decide::{Routed, decide};
pub use due::{due, in_business, is_open, next_business_day};
pub use explain::{About, Closed, Explained, ExplainedCall, RouteDocument, RuleTold, explain};
pub use load::{Fallen, Hours, Load, LoadCalls, LoadDocument, OwnerLoad, RuleUse, Wait};
