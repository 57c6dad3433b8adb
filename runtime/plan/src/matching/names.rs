//! How the names compare: given, family, suffix, and the order of the two.

use aftercall_config::decl::{CompareOn, TableKind};
use aftercall_config::rules::{Comparison, Is, MatchRules};
use aftercall_config::tables::Tables;

use super::person::{Person, Sought};
use super::weigh::level;
use crate::normalise::{PersonName, alike, edits};

/// How the names compare.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Names {
    pub(super) first: Is,
    pub(super) last: Is,
    pub(super) suffix: Is,
    pub(super) swapped: bool,
    pub(super) shown: Is,
}

const MISSING: Names = Names { first: Is::Missing, last: Is::Missing, suffix: Is::Missing, swapped: false, shown: Is::Missing };

/// Compares the names. Of the orders that what was said allows, the one counts that explains it best.
pub(super) fn compare(rules: &MatchRules, sought: &Sought, person: &Person) -> Names {
    let theirs = &person.name;
    let Some(said) = &sought.name else {
        let shown = sought.shown.as_ref().map_or(Is::Missing, |shown| shown_name(rules, shown, theirs));
        return Names { shown, ..MISSING };
    };
    if theirs.is_empty() {
        return MISSING;
    }
    let (first_rules, last_rules) = (rules.on(CompareOn::FirstName), rules.on(CompareOn::LastName));
    let bits = |rules: Option<&Comparison>, is: Is| rules.and_then(|rules| level(rules, is)).map_or(0.0, |level| level.bits);
    let suffix = suffix(said.suffix, theirs.suffix);
    let german = |first: bool| said.german.as_deref().map(|g| if first { g.0.as_str() } else { g.1.as_str() });
    let straight = |given: &[Box<str>], family: &[Box<str>], middle: &[Box<str>], g: Option<&str>, f: Option<&str>| {
        let first = first_name(rules, first_rules, given, g, theirs);
        let last = last_name(rules, last_rules, family, middle, f, theirs);
        (first, last, bits(first_rules, first) + bits(last_rules, last))
    };
    if said.single {
        let given = straight(&said.first, &[], &[], german(true), None);
        let family = straight(&[], &said.first, &[], None, german(true));
        let (first, last, _) = if family.2 > given.2 { family } else { given };
        return Names { first, last, suffix, ..MISSING };
    }
    let middle = said.first.get(1..).unwrap_or_default();
    let plain = straight(&said.first, &said.last, middle, german(true), german(false));
    if let Some(order) = rules.on(CompareOn::NameOrder)
        && !said.first.is_empty()
        && !said.last.is_empty()
    {
        let turned = straight(&said.last, &said.first, &[], german(false), german(true));
        // Turned round, both must fit: half a fit is chance.
        if turned.2 + bits(Some(order), Is::Swapped) > plain.2 && bits(first_rules, turned.0) > 0.0 && bits(last_rules, turned.1) > 0.0 {
            return Names { first: turned.0, last: turned.1, suffix, swapped: true, ..MISSING };
        }
    }
    Names { first: plain.0, last: plain.1, suffix, ..MISSING }
}

fn suffix(said: Option<u8>, theirs: Option<u8>) -> Is {
    match (said, theirs) {
        (None, None) => Is::Missing,
        (Some(a), Some(b)) => {
            if a == b {
                Is::Equal
            } else {
                Is::Differ
            }
        }
        (Some(1), None) => Is::SeniorVsNone,
        (Some(_), None) => Is::JuniorVsNone,
        (None, Some(1)) => Is::NoneVsSenior,
        (None, Some(_)) => Is::NoneVsJunior,
    }
}

/// The stronger of two levels, by what the rules give for them.
fn stronger(rules: Option<&Comparison>, a: Is, b: Is) -> Is {
    let bits = |is: Is| rules.and_then(|rules| level(rules, is)).map_or(0.0, |level| level.bits);
    if bits(b) > bits(a) { b } else { a }
}

fn first_name(rules: &MatchRules, comparison: Option<&Comparison>, said: &[Box<str>], german: Option<&str>, theirs: &PersonName) -> Is {
    let (Some(own), false) = (said.first(), theirs.first.is_empty() && theirs.also.is_empty()) else { return Is::Missing };
    let joined = said.concat();
    let their_joined = theirs.first_joined();
    let their_german = theirs.german.as_deref().map(|g| g.0.as_str()).filter(|g| !g.is_empty());
    // "Xiu Ying" and "Xiuying", "Jörg" and "Joerg".
    if joined == their_joined || german.is_some_and(|g| g == their_joined) || their_german.is_some_and(|g| g == joined || Some(g) == german)
    {
        return Is::Equal;
    }
    let mut best = Is::Differ;
    for (at, other) in theirs.first.iter().enumerate() {
        let is = given(rules, comparison, own, other);
        let is = if at > 0 && is == Is::Equal {
            Is::Middle
        } else if at > 0 {
            Is::Differ
        } else {
            is
        };
        best = stronger(comparison, best, is);
    }
    for other in &theirs.also {
        // "Gerald (Jerry)" is no Geraldine: where the full name on file is another, what is in brackets fits only as it stands.
        let is = given(rules, comparison, own, other);
        let full = theirs.first.first().is_some_and(|first| first.len() > 1) && is_full(&rules.tables, own);
        if !full || matches!(is, Is::Equal | Is::Spelling) {
            best = stronger(comparison, best, is);
        }
    }
    if let Some(other) = theirs.first.first() {
        // The caller goes by the second of two given names.
        if said[1..].iter().any(|word| word.len() > 1 && word == other) {
            best = stronger(comparison, best, Is::Middle);
        }
        // Written in one word on one side: "Maryann", "Mary Ann".
        if best == Is::Differ && (alike(&joined, &their_joined) && joined.len() > 5) {
            best = stronger(comparison, best, Is::Similar);
        }
    }
    best
}

/// How two given names compare. Symmetrical.
pub(super) fn given(rules: &MatchRules, comparison: Option<&Comparison>, a: &str, b: &str) -> Is {
    if a == b {
        return if a.len() == 1 { Is::Initial } else { Is::Equal };
    }
    let tables = &*rules.tables;
    let has = |kind: TableKind| comparison.is_some_and(|c| c.tables.contains(&kind));
    if a.len() == 1 || b.len() == 1 {
        let (initial, name) = if a.len() == 1 { (a, b) } else { (b, a) };
        let fits = name.starts_with(initial)
            || has(TableKind::Nicknames)
                && tables.entries(TableKind::Nicknames, name).iter().any(|entry| {
                    tables
                        .line(TableKind::Nicknames, entry.line)
                        .is_some_and(|line| line.heads.iter().any(|head| head.starts_with(initial)))
                });
        return if fits { Is::Initial } else { Is::InitialDiffers };
    }
    if has(TableKind::Transliterations) && together(tables, TableKind::Transliterations, a, b) {
        return Is::Spelling;
    }
    if has(TableKind::Nicknames) {
        if both_heads(tables, a, b) {
            return Is::Spelling;
        }
        if together(tables, TableKind::Nicknames, a, b) {
            return Is::Nickname;
        }
    }
    if has(TableKind::Sounds) && together(tables, TableKind::Sounds, a, b) {
        return Is::Similar;
    }
    let known = |word: &str| {
        [TableKind::Nicknames, TableKind::GivenNames, TableKind::Transliterations]
            .into_iter()
            .any(|kind| has(kind) && tables.has(kind, word))
    };
    let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
    // The beginning of a longer name is how most people are called: "Chi" for Chiamaka. Two names of their own are two people.
    let begins = short.len() >= 3 && long.len() > short.len() + 1 && long.starts_with(short);
    if begins && !(known(a) && known(b)) {
        return Is::Nickname;
    }
    if begins || alike(a, b) {
        // Two names that both are names are two people, unless one was misheard for the other.
        return if known(a) && known(b) { Is::Lookalike } else { Is::Similar };
    }
    // A short form that was misheard: "Teddie", "Mykey".
    if has(TableKind::Nicknames) && (!known(a) && near_nickname(tables, b, a) || !known(b) && near_nickname(tables, a, b)) {
        return Is::Similar;
    }
    Is::Differ
}

/// Whether two words stand in one line.
fn together(tables: &Tables, kind: TableKind, a: &str, b: &str) -> bool {
    let others = tables.entries(kind, b);
    tables.entries(kind, a).iter().any(|one| others.iter().any(|other| one.line == other.line))
}

/// Whether a name is a full one by the tables, and no short form alone.
fn is_full(tables: &Tables, word: &str) -> bool {
    tables.entries(TableKind::Nicknames, word).iter().any(|entry| entry.head)
}

fn both_heads(tables: &Tables, a: &str, b: &str) -> bool {
    let others = tables.entries(TableKind::Nicknames, b);
    tables.entries(TableKind::Nicknames, a).iter().any(|one| others.iter().any(|other| one.line == other.line && one.head && other.head))
}

/// Whether `heard` resembles what people called `name` are called.
fn near_nickname(tables: &Tables, name: &str, heard: &str) -> bool {
    tables.entries(TableKind::Nicknames, name).iter().filter(|entry| entry.head).any(|entry| {
        tables
            .line(TableKind::Nicknames, entry.line)
            .is_some_and(|line| line.words.iter().any(|nick| nick.len() >= 4 && edits(nick, heard, 1).is_some()))
    })
}

fn last_name(
    rules: &MatchRules,
    comparison: Option<&Comparison>,
    said: &[Box<str>],
    middle: &[Box<str>],
    german: Option<&str>,
    theirs: &PersonName,
) -> Is {
    if said.is_empty() || theirs.last.is_empty() {
        return Is::Missing;
    }
    let (joined, their_joined) = (said.concat(), theirs.last_joined());
    let their_german = theirs.german.as_deref().map(|g| g.1.as_str()).filter(|g| !g.is_empty());
    if joined == their_joined || german.is_some_and(|g| g == their_joined) || their_german.is_some_and(|g| g == joined || Some(g) == german)
    {
        return if joined.len() == 1 { Is::Initial } else { Is::Equal };
    }
    let is = family(&rules.tables, comparison, &joined, &their_joined);
    if is != Is::Differ {
        return is;
    }
    if their_german.is_some_and(|g| alike(g, &joined)) || german.is_some_and(|g| alike(g, &their_joined)) {
        return Is::Similar;
    }
    // A double name of which one part is given, and particles that come and go.
    let part = |words: &[Box<str>], others: &[Box<str>]| {
        words.iter().any(|word| word.len() > 2 && !rules.tables.has(TableKind::Particles, word) && others.iter().any(|other| other == word))
    };
    if part(said, &theirs.last) || part(middle, &theirs.last) || part(said, theirs.first.get(1..).unwrap_or_default()) {
        return Is::Part;
    }
    let near = |words: &[Box<str>], others: &[Box<str>]| {
        words.iter().any(|word| word.len() > 3 && others.iter().any(|other| other.len() > 3 && alike(word, other)))
    };
    if (said.len() > 1 || theirs.last.len() > 1) && near(said, &theirs.last) {
        return Is::Part;
    }
    Is::Differ
}

/// How two family names compare. Symmetrical.
fn family(tables: &Tables, comparison: Option<&Comparison>, a: &str, b: &str) -> Is {
    let has = |kind: TableKind| comparison.is_some_and(|c| c.tables.contains(&kind));
    if a.len() == 1 || b.len() == 1 {
        return if a.as_bytes().first() == b.as_bytes().first() { Is::Initial } else { Is::Differ };
    }
    if has(TableKind::Transliterations) && together(tables, TableKind::Transliterations, a, b) {
        return Is::Spelling;
    }
    if has(TableKind::Sounds) && together(tables, TableKind::Sounds, a, b) || alike(a, b) {
        return Is::Similar;
    }
    // One letter of a short name: "Lee" and "Lei" may be one name or two.
    let same_start = a.as_bytes().first() == b.as_bytes().first();
    if a.len().max(b.len()) <= 4 && same_start && edits(a, b, 1).is_some() { Is::Lookalike } else { Is::Differ }
}

fn shown_name(rules: &MatchRules, shown: &PersonName, theirs: &PersonName) -> Is {
    if theirs.is_empty() {
        return Is::Missing;
    }
    // Networks show the family name first, or not.
    let words: Vec<&str> = shown.first.iter().chain(&shown.last).map(|word| &**word).collect();
    let comparison = rules.on(CompareOn::FirstName);
    let last = words.iter().any(|word| theirs.last.iter().any(|other| **other == **word && word.len() > 1));
    let first = theirs.first.first().is_some_and(|first| {
        words.iter().any(|word| matches!(given(rules, comparison, word, first), Is::Equal | Is::Spelling | Is::Nickname))
    });
    match (first, last) {
        (true, true) => Is::Equal,
        (false, false) => Is::Differ,
        _ => Is::Part,
    }
}
