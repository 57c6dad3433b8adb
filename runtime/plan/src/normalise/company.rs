//! A company's name as words that tell it from others, and words that do not.

use aftercall_config::decl::TableKind;
use aftercall_config::tables::{Tables, phrase};

use super::alike::alike;
use super::speech::{refused, trimmed};

/// What a word that many companies share counts, against 1 for one of its own.
const TRADE: f64 = 0.25;

/// A company's or household's name, folded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Company {
    /// Words of its own.
    pub words: Vec<Box<str>>,
    /// What it does, by the table's own words.
    pub trades: Vec<Box<str>>,
    /// A household, named by its family.
    pub household: bool,
}

impl Company {
    /// The words of its own in one.
    pub fn joined(&self) -> String {
        self.words.concat()
    }
}

/// The company that `text` names; `None` where it names none.
pub fn company(text: &str, tables: &Tables) -> Option<Company> {
    let text = phrase(&text.replace(['-', '/', '.', ','], " ").replace('&', " and "));
    let all: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
    let mut words = trimmed(&all, tables);
    if words.is_empty() || refused(words, tables) {
        return None;
    }
    let household = words.len() > 1 && tables.has(TableKind::Households, words[words.len() - 1]) && words[words.len() - 1] != "home";
    let mut found = Company { household, ..Company::default() };
    while !words.is_empty() {
        if let Some((length, head)) = tables.starts(TableKind::Trades, words) {
            // Before the colon stands one trade in several words, or words that many trades use.
            if tables
                .entries(TableKind::Trades, &words[..length].join(" "))
                .iter()
                .any(|entry| tables.line(TableKind::Trades, entry.line).is_some_and(|line| !line.words.is_empty()))
                && !found.trades.iter().any(|trade| **trade == *head)
            {
                found.trades.push(head.into());
            }
            words = &words[length..];
        } else if let Some((length, _)) = tables.starts(TableKind::LegalForms, words) {
            words = &words[length..];
        } else {
            if !(household && tables.has(TableKind::Households, words[0])) {
                found.words.push(words[0].into());
            }
            words = &words[1..];
        }
    }
    if found.words.is_empty() && found.trades.is_empty() {
        // A name of legal forms and common words alone: better than nothing.
        found.words = all.iter().map(|word| Box::from(*word)).collect();
    }
    Some(found)
}

/// How much of two names is the same, from 0 to 1. Symmetrical.
pub fn overlap(a: &Company, b: &Company) -> f64 {
    // Which word is taken for which depends on where one begins; the better of both ways counts.
    one_way(a, b).max(one_way(b, a))
}

fn one_way(a: &Company, b: &Company) -> f64 {
    if !a.words.is_empty() && a.joined() == b.joined() {
        // "fire stone" and "Firestone"; what it does may go unsaid, but not differ.
        return if a.trades.is_empty() || b.trades.is_empty() || shared(&a.trades, &b.trades) > 0 { 1.0 } else { 0.5 };
    }
    let mut taken = vec![false; b.words.len()];
    let mut same = 0.0;
    for exact in [true, false] {
        for word in &a.words {
            let equal = |other: &str| if exact { **word == *other } else { word.len() >= 4 && alike(word, other) && **word != *other };
            if (exact || !b.words.contains(word))
                && let Some(at) = (0..b.words.len()).find(|at| !taken[*at] && equal(&b.words[*at]))
            {
                taken[at] = true;
                same += if exact { 1.0 } else { 0.9 };
            }
        }
    }
    let trades = shared(&a.trades, &b.trades);
    #[expect(clippy::cast_precision_loss, reason = "a handful of words")]
    let (all, same) =
        ((a.words.len() + b.words.len()) as f64 + TRADE * (a.trades.len() + b.trades.len()) as f64, same + TRADE * trades as f64);
    if all == 0.0 || a.words.is_empty() != b.words.is_empty() {
        return 0.0;
    }
    let overlap = 2.0 * same / all;
    if trades == 0 && !a.trades.is_empty() && !b.trades.is_empty() { overlap.min(0.5) } else { overlap }
}

fn shared(a: &[Box<str>], b: &[Box<str>]) -> usize {
    a.iter().filter(|trade| b.contains(trade)).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::tables;

    #[track_caller]
    fn check(a: &str, b: &str, least: f64, most: f64) {
        let (one, other) = (company(a, tables()).unwrap_or_default(), company(b, tables()).unwrap_or_default());
        let found = overlap(&one, &other);
        assert!((least..=most).contains(&found), "{a} / {b}: {found} {one:?} {other:?}");
        assert!((found - overlap(&other, &one)).abs() < 1e-9);
    }

    #[test]
    fn words() {
        check("the valley wealth advisors", "Valley Wealth Advisors Co.", 0.99, 1.0);
        check("Elmwater law firm", "Elmwater Law Group Group", 0.99, 1.0);
        check("fire stone tires", "Firestone Tires, Inc.", 0.99, 1.0);
        check("smith and sons plumbers", "Smith & Sons Plumbing LLC", 0.99, 1.0);
        check("frontior plumbing", "Frontier Plumbing", 0.85, 1.0);
        check("acorn property management", "Columbus Acorn Property Management Group", 0.7, 0.9);
        check("raleigh acorn plumbing", "Columbus Acorn Plumbing", 0.0, 0.6);
        check("acorn dental", "Acorn Plumbing", 0.0, 0.5);
        assert!(company("none", tables()).is_none());
        assert!(company("The Brown Family", tables()).is_some_and(|c| c.household && c.joined() == "brown"));
    }
}
