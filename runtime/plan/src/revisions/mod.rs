//! Two revisions of a config over the same recorded calls: what each call would do otherwise, and because of which line.
//!
//! Pure: calls, contexts and the text of both revisions come in as values. Not for how it looks: that is the edge's `view`.

mod blame;
mod compare;
mod effect;
mod lines;
mod replay;
mod report;
mod unread;

pub use blame::{Blame, Cause, Revision};
pub use compare::{Compared, Revisions};
pub use effect::{ContactChange, Effect, Kind, Move, Part};
pub use lines::{Hunk, hunks};
pub use replay::{Colleagues, Recorded, Replayed, assumed_turn, replay};
pub use report::{Group, Report};
pub use unread::Unread;
