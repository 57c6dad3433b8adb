//! What a running service tells of itself, and to whom: metrics, health, alerts, traces. And letting go of what is older than it is to be kept.
//!
//! `serve` answers whoever asks; `alerts` watches and tells; `keep` lets go; `gauges` looks at what is only counted when somebody asks. Not for
//! counting, which each room does by itself (`meters`), and not for what a message looks like (`view`).

pub mod alerts;
mod gauges;
mod keep;
mod serve;
mod traces;

pub use keep::keep;
pub use serve::{Health, router};
pub use traces::export;
