//! SOQL: from text to records.
//!
//! Not for SOSL, which borrows the field list and the conditions from here.

pub(crate) mod bind;
pub(crate) mod lex;
pub(crate) mod parse;
pub(crate) mod render;
pub(crate) mod run;

#[cfg(test)]
mod tests;
