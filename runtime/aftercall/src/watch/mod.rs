//! Hot reload: how a changed project comes to work while the service runs.
//!
//! `triggers` says that something may have changed, `look` reads until the files are steady, `shrink` tells what has disappeared, `reload`
//! decides and swaps, `shadow` plans calls under a version that is held back, `start` finds a config to start with where the files give
//! none. Not for what a call is worked under: that is `work::Versions`. And not for what things mean: that is `resolve`.

mod look;
mod reload;
mod shadow;
mod shrink;
mod start;
mod triggers;

pub use reload::Watch;
pub use start::Start;
