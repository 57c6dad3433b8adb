//! All calls together: how many change and how, grouped by the line that causes it.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;

use super::blame::Cause;
use super::compare::Compared;
use super::effect::{Effect, Kind};
use super::unread::Unread;

/// What two revisions make of some calls.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Calls that were compared.
    pub compared: u64,
    /// Of these, calls of which something changes.
    pub changed: u64,
    /// Calls that no pipeline takes.
    pub not_taken: u64,
    /// Calls without a record of what was read about them.
    pub not_recorded: u64,
    /// In how many calls each kind occurs; the most first.
    pub kinds: Vec<(Kind, u64)>,
    /// By cause and kind; the most first.
    pub groups: Vec<Group>,
    /// Calls of which the second revision wants to read what was not recorded.
    pub incomplete: u64,
    /// What that is, each with the number of calls; the most first.
    pub unread: Vec<(Unread, u64)>,
}

/// What one line does to calls.
#[derive(Clone, Debug)]
pub struct Group {
    /// The line.
    pub cause: Cause,
    /// What it does.
    pub kind: Kind,
    /// In how many calls.
    pub calls: u64,
    /// The first of them.
    pub example: String,
    /// What it comes to there.
    pub effect: Effect,
}

impl Report {
    /// Sums up, in the order of the calls.
    pub fn of(calls: &[Compared]) -> Self {
        let mut report = Self::default();
        let mut kinds: BTreeMap<Kind, u64> = BTreeMap::new();
        let mut groups: IndexMap<(Cause, Kind), Group> = IndexMap::new();
        let mut unread: BTreeMap<Unread, u64> = BTreeMap::new();
        for call in calls {
            match (call.taken, call.recorded) {
                (false, _) => report.not_taken += 1,
                (true, false) => report.not_recorded += 1,
                (true, true) => report.compared += 1,
            }
            report.changed += u64::from(!call.effects.is_empty());
            report.incomplete += u64::from(call.recorded && !call.unread.is_empty());
            let of_call: BTreeSet<&Kind> = call.effects.iter().map(|effect| &effect.kind).collect();
            of_call.into_iter().for_each(|kind| *kinds.entry(kind.clone()).or_default() += 1);
            if call.recorded {
                call.unread.iter().for_each(|what| *unread.entry(what.clone()).or_default() += 1);
            }
            let mut seen = BTreeSet::new();
            for effect in &call.effects {
                let key = (effect.cause.clone(), effect.kind.clone());
                let group = groups.entry(key);
                let at = group.index();
                let group = group.or_insert_with(|| Group {
                    cause: effect.cause.clone(),
                    kind: effect.kind.clone(),
                    calls: 0,
                    example: call.call.clone(),
                    effect: effect.clone(),
                });
                group.calls += u64::from(seen.insert(at));
            }
        }
        let most = |count: &u64| std::cmp::Reverse(*count);
        report.kinds = kinds.into_iter().collect();
        report.kinds.sort_by_key(|(_, count)| most(count));
        report.unread = unread.into_iter().collect();
        report.unread.sort_by_key(|(_, count)| most(count));
        report.groups = groups.into_values().collect();
        report.groups.sort_by_key(|group| {
            let origin = &group.cause.origin;
            (most(&group.calls), origin.file.clone(), origin.line, group.kind.clone())
        });
        report
    }
}
