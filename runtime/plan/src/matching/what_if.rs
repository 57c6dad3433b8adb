//! Which single difference would have changed the decision.

use aftercall_config::decl::CompareOn;
use aftercall_config::rules::{Is, MatchRules};

use super::evidence::level;
use super::person::Sought;
use super::weigh::{self, Sum};
use crate::decision::{Verdict, WhatIf};

/// The most that is told: more is a list, and no explanation.
const MOST: usize = 6;

/// Tries each comparison of the two best candidates at its best and as if nothing were known, one at a time.
///
/// `extra` are bits beside the sum, by candidate: what the lane knows. `decide` judges changed sums.
pub(super) fn what_if(
    rules: &MatchRules,
    sought: &Sought,
    sums: &[Sum],
    ids: &[&str],
    best: &[usize],
    now: Verdict,
    decide: impl Fn(&[Sum]) -> Verdict,
) -> Vec<WhatIf> {
    let mut found = Vec::new();
    for at in best.iter().copied().take(2) {
        for (place, hit) in sums[at].hits.iter().enumerate() {
            if hit.on == CompareOn::NameOrder || !asked(sought, hit.on) {
                continue;
            }
            let Some(comparison) = rules.compare.get(place) else { continue };
            let top = comparison.levels.iter().max_by(|a, b| a.bits.total_cmp(&b.bits)).map_or(Is::Equal, |level| level.is);
            for then in [top, Is::Missing] {
                if then == hit.is || then == Is::Missing && hit.is == Is::Missing {
                    continue;
                }
                let mut changed = sums.to_vec();
                changed[at].hits[place] = weigh::hit(comparison, then, hit.value);
                weigh::total(rules, &mut changed[at]);
                let verdict = decide(&changed);
                if verdict != now && found.len() < MOST {
                    found.push(WhatIf {
                        id: ids[at].to_owned(),
                        on: hit.on.as_str().to_owned(),
                        level: level(hit.is),
                        then: level(then),
                        verdict,
                    });
                }
            }
        }
    }
    found
}

/// Whether the caller gave what is compared: what was not said cannot have differed.
fn asked(sought: &Sought, on: CompareOn) -> bool {
    match on {
        CompareOn::Phone | CompareOn::Number => sought.number.is_some() || !sought.callback.is_empty(),
        CompareOn::Callback => !sought.callback.is_empty(),
        _ => true,
    }
}
