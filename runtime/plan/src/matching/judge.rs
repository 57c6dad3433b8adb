//! From sums to what is done: accepted, reviewed, or new.

use aftercall_config::rules::MatchRules;

use super::person::Sought;
use super::weigh::Sum;

/// Rounding must not decide.
pub(super) const ROUNDING: f64 = 1e-9;

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// The record at this place is the caller's.
    Accept(usize),
    /// A person must look; the record at this place is the likeliest.
    Review(Option<usize>),
    /// The caller has no record.
    New,
}

/// The order of the candidates: the most bits first, ties by `id`.
pub fn ranked(sums: &[Sum], id: impl Fn(usize) -> u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..sums.len()).collect();
    order.sort_by(|a, b| sums[*b].bits.total_cmp(&sums[*a].bits).then_with(|| id(*a).cmp(&id(*b))));
    order
}

/// The lead that the best needs.
pub(super) fn margin(rules: &MatchRules, sought: &Sought) -> f64 {
    let decide = &rules.decide;
    if sought.name.is_none() { decide.margin_no_name.unwrap_or(decide.margin) } else { decide.margin }
}

/// Decides by the sums of the candidates that anything speaks for, best first.
///
/// `margin` is the lead that the best needs. A search that may be incomplete makes a review of what would be new.
pub fn judge(rules: &MatchRules, sought: &Sought, sums: &[Sum], order: &[usize], incomplete: bool) -> Judgement {
    let considered: Vec<usize> = order.iter().copied().filter(|at| sums[*at].considered()).collect();
    let none = if incomplete { Judgement::Review(None) } else { Judgement::New };
    let Some(best) = considered.first().copied() else { return none };
    let enough = sums[best].bits + ROUNDING >= rules.decide.accept;
    let leads = considered.get(1).is_none_or(|second| sums[best].bits - sums[*second].bits + ROUNDING >= margin(rules, sought));
    if enough && leads {
        return Judgement::Accept(best);
    }
    match rules.decide.review {
        Some(review) if sums[best].bits + ROUNDING < review => none,
        None if considered.len() == 1 && sums[best].bits <= 0.0 => none,
        _ => Judgement::Review(Some(best)),
    }
}
