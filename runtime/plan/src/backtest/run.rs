//! One call, as it would be worked: rounds of searches under the stop rules, then the decision.

use std::collections::HashSet;

use aftercall_config::rules::MatchRules;

use super::crm::{Crm, System};
use super::rows::{CallRow, DecisionRow, Word};
use crate::matching::{Asked, Judgement, Person, Sought, Sum, judge, next_round, ranked, weigh};

/// What became of a call.
#[derive(Clone, Debug, PartialEq)]
pub struct Ran {
    /// The decision.
    pub decision: DecisionRow,
    /// Requests that the searches took.
    pub requests: u32,
    /// Contacts that were returned.
    pub returned: u32,
    /// The bits of the best, and how far it leads.
    pub best: Option<(f64, f64)>,
}

/// Works one call against the CRM, on its own.
pub fn run(rules: &MatchRules, crm: &Crm, system: System, call: &CallRow) -> Ran {
    let region = call.region.as_deref().unwrap_or("US");
    let sought = Sought::of(rules, region, &call.caller());
    let mut asked = Asked::default();
    let mut places: Vec<u32> = Vec::new();
    let mut seen: HashSet<u32> = HashSet::new();
    let mut people: Vec<&Person> = Vec::new();
    let mut incomplete = false;
    while let Some(search) = next_round(rules, &sought, &people, &mut asked, system.keys()) {
        let (found, more) = crm.answer(&search);
        incomplete |= more;
        for at in found {
            if seen.insert(at)
                && let Some(person) = crm.person(at)
            {
                places.push(at);
                people.push(person);
            }
        }
    }
    let sums: Vec<Sum> = weigh(rules, &sought, &people);
    let order = ranked(&sums, |at| u64::from(places[at]));
    let id = |at: usize| usize::try_from(places[at]).ok().and_then(|place| crm.ids.get(place)).map(ToString::to_string);
    let (decision, contact_id) = match judge(rules, &sought, &sums, &order, incomplete) {
        Judgement::Accept(at) => (Word::Matched, id(at)),
        Judgement::Review(at) => (Word::Review, at.and_then(id)),
        Judgement::New => (Word::Created, None),
    };
    let best = order.first().map(|best| {
        let second = order.get(1).map_or(f64::INFINITY, |second| sums[*best].bits - sums[*second].bits);
        (sums[*best].bits, second)
    });
    Ran {
        decision: DecisionRow { call_id: call.call_id.clone(), decision, contact_id },
        requests: asked.requests,
        returned: u32::try_from(places.len()).unwrap_or(u32::MAX),
        best,
    }
}
