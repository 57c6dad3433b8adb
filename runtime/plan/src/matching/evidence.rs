//! A sum as lines that a person can check: what was compared, what each side has, and what that adds or takes.

use aftercall_config::decl::CompareOn;
use aftercall_config::rules::{Is, MatchRules};

use super::person::{Person, Sought};
use super::weigh::{Hit, Sum};
use crate::decision::Evidence;
use crate::normalise::{Company, Digits, PersonName};

/// The lines of a sum. They add up to it.
pub(super) fn lines(rules: &MatchRules, sought: &Sought, person: &Person, sum: &Sum) -> Vec<Evidence> {
    let mut lines = Vec::with_capacity(sum.hits.len() + 2);
    for hit in &sum.hits {
        // The order of a name is worth a line only where it was turned round.
        if hit.on == CompareOn::NameOrder && hit.is != Is::Swapped {
            continue;
        }
        let (caller, record) = sides(sought, person, hit);
        let line = |level: &str, bits: f64| Evidence {
            on: hit.on.as_str().to_owned(),
            caller: caller.clone(),
            record: record.clone(),
            level: level.to_owned(),
            bits,
        };
        lines.push(line(&level(hit.is), hit.bits));
        if hit.shared != 0.0 {
            lines.push(line("shared", hit.shared));
        }
        if hit.rival != 0.0 {
            lines.push(line("rival", hit.rival));
        }
    }
    let more = |on: &str, level: &str, bits: f64| Evidence { on: on.to_owned(), caller: None, record: None, level: level.to_owned(), bits };
    for (index, bits) in &sum.adjusted {
        lines.push(more("adjust", rules.adjust.get(*index).map_or("", |adjustment| &adjustment.id), *bits));
    }
    if sum.capped != 0.0 {
        lines.push(more("adjust", "a name alone", sum.capped));
    }
    lines
}

pub(super) fn level(is: Is) -> String {
    match is {
        Is::Edit(letters) => format!("edit<={letters}"),
        Is::Overlap(part) => format!("overlap>={part}"),
        other => other.word().to_owned(),
    }
}

fn number(number: Digits) -> String {
    if number.whole { format!("+{}", number.value) } else { number.value.to_string() }
}

fn words(words: &[Box<str>]) -> Option<String> {
    let mut out = String::new();
    for word in words {
        if !out.is_empty() {
            out.push(' ');
        }
        let mut chars = word.chars();
        out.extend(chars.next().into_iter().flat_map(char::to_uppercase));
        out.push_str(chars.as_str());
    }
    (!out.is_empty()).then_some(out)
}

fn whole(name: &PersonName) -> Option<String> {
    words(&[name.first.as_slice(), name.last.as_slice()].concat())
}

fn firm(company: &Company) -> Option<String> {
    words(&[company.words.as_slice(), company.trades.as_slice()].concat())
}

fn suffix(rank: Option<u8>) -> Option<String> {
    rank.map(|rank| ["Sr.", "Jr.", "III", "IV"].get(usize::from(rank).wrapping_sub(1)).copied().unwrap_or("?").to_owned())
}

fn sides(sought: &Sought, person: &Person, hit: &Hit) -> (Option<String>, Option<String>) {
    let said = sought.name.as_ref();
    match hit.on {
        CompareOn::Phone | CompareOn::Number | CompareOn::Callback => {
            let theirs = person.numbers.get(hit.value.unwrap_or(0)).copied();
            let own: Vec<Digits> = match hit.on {
                CompareOn::Number => sought.number.into_iter().collect(),
                CompareOn::Callback => sought.callback.clone(),
                _ => sought.number.into_iter().chain(sought.callback.iter().copied()).collect(),
            };
            let same = own.iter().find(|one| theirs.is_some_and(|other| one.value == other.value)).or(own.first());
            (same.copied().map(number), theirs.map(number))
        }
        CompareOn::Email => {
            let theirs = person.emails.get(hit.value.unwrap_or(0));
            let same = sought.emails.iter().find(|own| theirs.is_some_and(|other| **other == **own)).or(sought.emails.first());
            (same.cloned(), theirs.map(ToString::to_string))
        }
        CompareOn::FirstName => (said.and_then(|n| words(&n.first)), words(&person.name.first)),
        CompareOn::LastName => (said.and_then(|n| words(if n.single { &n.first } else { &n.last })), words(&person.name.last)),
        CompareOn::NameOrder => (said.and_then(whole), whole(&person.name)),
        CompareOn::Suffix => (said.and_then(|n| suffix(n.suffix)), suffix(person.name.suffix)),
        CompareOn::Account => (sought.company.as_ref().and_then(firm), person.company.as_deref().and_then(firm)),
        CompareOn::CallerIdName => (sought.shown.as_ref().and_then(whole), whole(&person.name)),
    }
}
