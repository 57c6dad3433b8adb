//! How good match rules are: recorded calls against a copy of a CRM that answers as a remote one could.
//!
//! Pure: rows come in as values. Reading files and printing are the edge's.

mod crm;
mod report;
mod rows;
mod run;

pub use crm::{Crm, System};
pub use report::{Kind, Report, compare_decisions, report};
pub use rows::{CallRow, ContactRow, DecisionRow, Outcome, TruthRow, Word};
pub use run::{Ran, run};
