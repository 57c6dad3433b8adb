//! Config tests, run and judged: this call, these records, this time; what comes of it, and what was expected.
//!
//! Pure: the systems are records in memory, so a test takes microseconds. Not for tests in which a system fails: those are delivered, which is
//! the edge's.

mod compare;
mod coverage;
mod pseudonym;
mod recorded;
mod run;
mod world;

pub use compare::{Fix, Miss, expectation, judge, user_id};
pub use coverage::{Point, coverage};
pub use pseudonym::{FreeText, Pseudonymised, pseudonymise};
pub use recorded::{recorded, unlike};
pub use run::{Ran, run};
