//! Who called? Which reads answer that, how a record compares with the caller, and what follows from it.

mod answers;
mod because;
mod candidates;
mod compare;
mod decide;
mod evidence;
mod identity;
mod index;
mod judge;
mod names;
mod person;
mod retrieve;
mod rounds;
mod together;
mod weigh;
mod what_if;

pub use answers::asker;
pub(crate) use candidates::record;
pub use compare::{Compared, compare};
pub use decide::{decide, is_settled};
pub use identity::Identity;
pub use index::{caller_keys, index_keys};
pub use judge::{Judgement, judge, ranked};
pub use person::{Fields, Person, Sought, generic_number};
pub use retrieve::{Employed, Named, Near, Query, identities, next_search};
pub use rounds::{Asked, Search, next_round};
pub use together::{fits, together};
pub use weigh::{Hit, Sum, weigh};
