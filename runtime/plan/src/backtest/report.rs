//! Decisions against the right answers: figures, per kind of case, with the calls behind each.

use std::collections::BTreeMap;

use serde::Serialize;

use super::rows::{DecisionRow, Outcome, TruthRow, Word};

/// Figures of one kind of case, or of all.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Kind {
    /// Calls.
    pub calls: usize,
    /// Calls whose caller is in the CRM and can be told.
    pub known: usize,
    /// Of those, how many were matched to the right contact.
    pub matched: usize,
    /// Decisions that are right, or no error.
    pub right: usize,
    /// Calls that were written to somebody else.
    pub wrong: Vec<String>,
    /// Calls that made a second record of somebody.
    pub duplicates: Vec<String>,
    /// Calls that no evidence decides and that nobody was asked about.
    pub unflagged: Vec<String>,
    /// Calls that a person was asked about without need.
    pub needless: Vec<String>,
}

impl Kind {
    /// `20 x wrong + 5 x (duplicates + unflagged) + 1 x needless` per 100 calls.
    pub fn cost(&self) -> f64 {
        self.rate(20 * self.wrong.len() + 5 * (self.duplicates.len() + self.unflagged.len()) + self.needless.len())
    }

    /// Per 100 calls.
    #[expect(clippy::cast_precision_loss, reason = "counts of calls")]
    pub fn rate(&self, count: usize) -> f64 {
        if self.calls == 0 { 0.0 } else { 100.0 * count as f64 / self.calls as f64 }
    }

    /// How many of 100 known callers were matched.
    #[expect(clippy::cast_precision_loss, reason = "counts of calls")]
    pub fn matched_rate(&self) -> f64 {
        if self.known == 0 { 0.0 } else { 100.0 * self.matched as f64 / self.known as f64 }
    }

    /// How many of 100 decisions are right or no error.
    pub fn right_rate(&self) -> f64 {
        self.rate(self.right)
    }

    fn add(&mut self, truth: &TruthRow, decision: &DecisionRow) {
        self.calls += 1;
        let call = || truth.call_id.clone();
        let is_caller = decision.contact_id.as_ref().is_some_and(|id| truth.contact_ids.contains(id));
        if truth.outcome == Outcome::Match {
            self.known += 1;
            if decision.decision == Word::Matched && is_caller {
                self.matched += 1;
            }
        }
        let right = match (truth.outcome, decision.decision) {
            (Outcome::Match, Word::Matched) => is_caller,
            (Outcome::New, Word::Created) | (Outcome::Ambiguous, Word::Review) => true,
            (_, Word::Matched) => truth.also_ok.contains(&Word::Matched) && is_caller,
            (_, other) => truth.also_ok.contains(&other),
        };
        if right {
            self.right += 1;
            return;
        }
        match (truth.outcome, decision.decision) {
            (_, Word::Matched) => self.wrong.push(call()),
            (Outcome::Match, Word::Created) => self.duplicates.push(call()),
            (Outcome::Ambiguous, _) => self.unflagged.push(call()),
            (_, Word::Review) => self.needless.push(call()),
            (Outcome::New, Word::Created) => {}
        }
    }
}

/// All figures.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// All calls.
    pub total: Kind,
    /// By kind of case, where the truth names one.
    pub kinds: BTreeMap<String, Kind>,
}

/// Figures of decisions. A call without a decision counts as created.
pub fn report<'a>(truth: &[TruthRow], decisions: impl Iterator<Item = &'a DecisionRow>) -> Report {
    let decided: BTreeMap<&str, &DecisionRow> = decisions.map(|row| (row.call_id.as_str(), row)).collect();
    let mut report = Report::default();
    for row in truth {
        let none = DecisionRow { call_id: row.call_id.clone(), decision: Word::Created, contact_id: None };
        let decision = decided.get(row.call_id.as_str()).copied().unwrap_or(&none);
        report.total.add(row, decision);
        if let Some(kind) = &row.scenario {
            report.kinds.entry(kind.clone()).or_default().add(row, decision);
        }
    }
    report
}

/// Calls that two sets of rules decide differently: the words of both, and the calls.
pub fn compare_decisions(ours: &[DecisionRow], theirs: &[DecisionRow]) -> BTreeMap<String, Vec<String>> {
    let word = |row: &DecisionRow| match row.decision {
        Word::Matched => "matched",
        Word::Created => "created",
        Word::Review => "review",
    };
    let other: BTreeMap<&str, &DecisionRow> = theirs.iter().map(|row| (row.call_id.as_str(), row)).collect();
    let mut changed: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in ours {
        let Some(other) = other.get(row.call_id.as_str()) else { continue };
        let same = row.decision == other.decision && (row.decision != Word::Matched || row.contact_id == other.contact_id);
        if !same {
            let somebody = if row.decision == other.decision { " (another contact)" } else { "" };
            changed.entry(format!("{} -> {}{somebody}", word(other), word(row))).or_default().push(row.call_id.clone());
        }
    }
    changed
}
