//! Decides what a failed attempt means for one write. Reads no clock and does no I/O.
//!
//! Not for doing it: `perform` commits the decision and acts.

use aftercall_config::decl::{ErrorClass, RetryAction};
use aftercall_plan::model::{Op, Write};
use jiff::Timestamp;

use super::retry::{RetryPolicy, next_attempt};
use super::wording::{findable, repeatable};
use crate::connect::Failure;
use crate::plant::{Plant, planted};

/// What to do about a failed attempt.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Nothing was written, for certain: send again then.
    Wait {
        /// When.
        at: Timestamp,
    },
    /// Perhaps it was written: send again then, which the system can tell from a second one.
    Repeat {
        /// When.
        at: Timestamp,
    },
    /// Send at once without these fields.
    Drop {
        /// The refused fields.
        fields: Vec<String>,
    },
    /// The record that we meant is another one, or gone: read again, and plan again.
    Replan {
        /// The record that the system names.
        found: Option<String>,
    },
    /// Perhaps it was written, and nothing but a look can tell: look then, and send again only when it is not there and cannot come any more.
    Look {
        /// When to look first.
        at: Timestamp,
    },
    /// Perhaps it was written, and nothing can tell: a person must look.
    Ask,
    /// Give up: a dead letter.
    Dead,
}

/// Everything that the decision depends on.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// The write.
    pub write: &'a Write,
    /// Attempts made, from 1.
    pub number: u32,
    /// When the first of them failed.
    pub first_failed: Timestamp,
    /// The policy of the failure's class.
    pub policy: &'a RetryPolicy,
    /// How often this call was planned again because of a failure.
    pub replans: u32,
    /// Fields that may be left out: those sent that are not `required`.
    pub optional: &'a [String],
    /// Now.
    pub now: Timestamp,
    /// A random number in 0..1.
    pub spread: f64,
}

/// How often a call is planned again because of what a write met. More is a system that contradicts itself.
const MAX_REPLANS: u32 = 2;

/// Decides.
pub fn step(attempt: &Attempt<'_>, failure: &Failure) -> Step {
    let failed = if attempt.policy.counts { attempt.number } else { 1 };
    let next = next_attempt(attempt.policy, failed, attempt.first_failed, attempt.now, failure.retry_after, attempt.spread);
    if attempt.policy.action == RetryAction::DeadLetter
        && !matches!(failure.class, ErrorClass::Duplicate | ErrorClass::NotFound | ErrorClass::Conflict)
        && failure.certain
    {
        return Step::Dead;
    }
    if !failure.certain {
        let soon = attempt.now.checked_add(attempt.policy.initial).unwrap_or(attempt.now);
        return match next {
            Some(at) if planted(Plant::BlindResend) => Step::Repeat { at },
            Some(at) if planted(Plant::LostAnswerIsRefusal) => Step::Wait { at },
            Some(at) if repeatable(attempt.write) => Step::Repeat { at },
            // Attempts limit what is sent, not what is looked at: whether it has landed decides whether it is dead.
            None if repeatable(attempt.write) && matches!(attempt.write.op, Op::Create { .. }) => Step::Repeat { at: soon },
            None if repeatable(attempt.write) => Step::Dead,
            next if findable(attempt.write) => Step::Look { at: next.unwrap_or(soon) },
            _ => Step::Ask,
        };
    }
    match failure.class {
        ErrorClass::Invalid => {
            let refused: Vec<String> = failure.fields.iter().filter(|f| attempt.optional.contains(f)).cloned().collect();
            if attempt.policy.action == RetryAction::DropFields && !refused.is_empty() && refused.len() == failure.fields.len() {
                Step::Drop { fields: refused }
            } else if attempt.policy.action == RetryAction::Retry {
                next.map_or(Step::Dead, |at| Step::Wait { at })
            } else {
                Step::Dead
            }
        }
        ErrorClass::Duplicate if failure.existing_id.is_some() && attempt.replans < MAX_REPLANS => {
            Step::Replan { found: failure.existing_id.clone() }
        }
        ErrorClass::NotFound | ErrorClass::Conflict if attempt.replans < MAX_REPLANS => Step::Replan { found: None },
        ErrorClass::Duplicate | ErrorClass::NotFound => Step::Dead,
        _ => next.map_or(Step::Dead, |at| Step::Wait { at }),
    }
}
