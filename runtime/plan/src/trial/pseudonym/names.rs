//! Words of names: each gets another one, the same everywhere, and two words that compare in some way get two that compare so as well.
//!
//! Not for numbers and addresses (`reach`).

use std::collections::{BTreeMap, BTreeSet};

use aftercall_config::call::Caller;
use aftercall_config::decl::{CompareOn, TableKind};
use aftercall_config::rules::{Is, MatchRules};
use aftercall_config::tables::fold;

use crate::matching::{Fields, Person, Sought, weigh};
use crate::normalise::edits;

/// Given names that people also call by others, so that a nickname can stay one.
const FIRST: &[&str] = &[
    "abigail",
    "benjamin",
    "charlotte",
    "daniel",
    "eleanor",
    "frederick",
    "gabriel",
    "harriet",
    "isabel",
    "joseph",
    "katherine",
    "lawrence",
    "matthew",
    "nathaniel",
    "olivia",
    "patricia",
    "raymond",
    "samuel",
    "theodore",
    "victoria",
    "walter",
    "zachary",
    "edward",
    "margaret",
];
/// Family names, none of which resembles another.
const LAST: &[&str] = &[
    "abbott",
    "barlow",
    "carver",
    "dalton",
    "ellery",
    "fenwick",
    "garner",
    "holloway",
    "ingram",
    "jarvis",
    "kendall",
    "lockwood",
    "mercer",
    "norwood",
    "oakley",
    "prescott",
    "quimby",
    "radcliffe",
    "sheldon",
    "thornton",
    "underhill",
    "vaughn",
    "wexford",
    "yardley",
];
/// Words of companies.
const FIRMS: &[&str] = &["amber", "birch", "cobalt", "dune", "ember", "fjord", "granite", "harbor", "indigo", "juniper", "krona", "lagoon"];

/// What a word is a part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// A given name.
    First,
    /// A family name.
    Last,
    /// A company's.
    Firm,
}

/// The words so far.
pub(super) struct Names<'a> {
    rules: &'a MatchRules,
    words: BTreeMap<String, (String, Part)>,
    /// In the order in which they came, for telling how a new one compares.
    order: Vec<String>,
    /// Words that nobody may get.
    others: BTreeSet<String>,
}

impl<'a> Names<'a> {
    pub(super) fn new(rules: &'a MatchRules) -> Self {
        Self { rules, words: BTreeMap::new(), order: Vec::new(), others: BTreeSet::new() }
    }

    /// Keeps the words of these names from being anybody's other name.
    pub(super) fn avoid(&mut self, names: &[&str]) {
        self.others
            .extend(names.iter().flat_map(|text| text.split(|c: char| !c.is_alphabetic())).filter(|word| !word.is_empty()).map(fold));
    }

    /// Whether a word names nobody in particular: a title, a particle, a placeholder, a form of company.
    fn stays(&self, word: &str, part: Part) -> bool {
        let tables = &self.rules.tables;
        let has = |kind| tables.has(kind, word);
        match part {
            Part::Firm => {
                has(TableKind::LegalForms) || has(TableKind::Trades) || has(TableKind::Households) || ["and", "of", "the"].contains(&word)
            }
            _ => has(TableKind::Titles) || has(TableKind::Suffixes) || has(TableKind::Particles) || has(TableKind::Nobody),
        }
    }

    /// Whether a text is a placeholder as a whole.
    fn is_nobody(&self, text: &str) -> bool {
        self.rules.tables.has(TableKind::Nobody, &aftercall_config::tables::phrase(text))
    }

    /// The other word for a folded one that is known.
    pub(super) fn known(&self, word: &str) -> Option<&str> {
        self.words.get(word).map(|(other, _)| other.as_str())
    }

    /// The words that were replaced.
    pub(super) fn originals(&self) -> impl Iterator<Item = &str> {
        self.words.keys().map(String::as_str)
    }

    /// A text of names, word by word; its case, spacing and signs stay. The first word is a given name where `whole`.
    pub(super) fn text(&mut self, text: &str, part: Part, whole: bool) -> String {
        if self.is_nobody(text) {
            return text.to_owned();
        }
        let mut out = String::new();
        let mut first = whole;
        let mut rest = text;
        while let Some(start) = rest.find(char::is_alphabetic) {
            out.push_str(&rest[..start]);
            let tail = &rest[start..];
            let end = tail.find(|c: char| !c.is_alphabetic() && !is_mark(c)).unwrap_or(tail.len());
            let word = &tail[..end];
            let folded = fold(word);
            if self.stays(&folded, part) || folded.is_empty() {
                out.push_str(word);
            } else {
                let as_part = if first { Part::First } else { part };
                out.push_str(&in_case_of(word, &self.word(&folded, as_part)));
                first = false;
            }
            rest = &tail[end..];
        }
        out + rest
    }

    /// The other word for one.
    pub(super) fn word(&mut self, word: &str, part: Part) -> String {
        if let Some((other, _)) = self.words.get(word) {
            return other.clone();
        }
        let other = self.choose(word, part);
        self.words.insert(word.to_owned(), (other.clone(), part));
        self.order.push(word.to_owned());
        other
    }

    fn choose(&self, word: &str, part: Part) -> String {
        let alike: Vec<(&str, &str, Is)> = self
            .order
            .iter()
            .filter_map(|known| {
                let is = self.level(word, known, part);
                let other = self.known(known)?;
                (is != Is::Differ && is != Is::Missing).then_some((known.as_str(), other, is))
            })
            .collect();
        let taken = |candidate: &str| {
            self.words.values().any(|(other, _)| other == candidate)
                || self.words.contains_key(candidate)
                || self.others.contains(candidate)
                || candidate == word
        };
        let Some((known, nearest, _)) = alike.first() else {
            let pool = match part {
                Part::First => FIRST,
                Part::Last => LAST,
                Part::Firm => FIRMS,
            };
            let own = |candidate: &&&str| {
                let far = |other: &String| matches!(self.level(candidate, other, part), Is::Differ | Is::Missing);
                !taken(candidate) && self.words.values().all(|(other, _)| far(other)) && far(&word.to_owned())
            };
            let initial = if word.chars().count() == 1 { pool.iter().map(|name| &name[..1]).find(|c| !taken(c)) } else { None };
            let fresh = || format!("{}{}", pool[self.order.len() % pool.len()], letters(self.order.len()));
            return initial.or_else(|| pool.iter().find(own).copied()).map_or_else(fresh, str::to_owned);
        };
        let fits = |candidate: &String| !taken(candidate) && alike.iter().all(|(_, other, is)| self.level(candidate, other, part) == *is);
        let far = edits(word, known, 3);
        let as_far = |candidate: &String| edits(candidate, nearest, 3) == far;
        let all = self.variants(nearest, word.chars().count() == 1);
        let best = all.iter().find(|c| fits(c) && as_far(c)).or_else(|| all.iter().find(|c| fits(c)));
        best.cloned().unwrap_or_else(|| format!("{nearest}{}", letters(self.order.len())))
    }

    /// How two words compare as parts of a name, as the match rules have it.
    fn level(&self, a: &str, b: &str, part: Part) -> Is {
        if a == b {
            return Is::Equal;
        }
        const OTHER: &str = "Qarxby";
        let (caller, record) = match part {
            Part::First => ((a, OTHER), (b, OTHER)),
            _ => ((OTHER, a), (OTHER, b)),
        };
        let caller = Caller { first_name: Some(caller.0.to_owned()), last_name: Some(caller.1.to_owned()), ..Caller::default() };
        let sought = Sought::of(self.rules, "US", &caller);
        let fields = Fields { first_name: Some(record.0), last_name: Some(record.1), ..Fields::default() };
        let person = Person::of(self.rules, "US", &fields);
        let on = if part == Part::First { CompareOn::FirstName } else { CompareOn::LastName };
        weigh(self.rules, &sought, &[&person]).first().and_then(|sum| sum.on(on).map(|hit| hit.is)).unwrap_or(Is::Missing)
    }

    /// Words that resemble one, the likeliest first: nicknames, then slips of the tongue and of the finger.
    fn variants(&self, word: &str, initial: bool) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        if initial {
            all.extend(word.chars().next().map(String::from));
        }
        let tables = &self.rules.tables;
        for entry in tables.entries(TableKind::Nicknames, word) {
            let line = tables.line(TableKind::Nicknames, entry.line);
            all.extend(line.into_iter().flat_map(|line| line.heads.iter().chain(&line.words)).map(ToString::to_string));
        }
        let letters: Vec<char> = word.chars().collect();
        let with = |at: usize, new: &[char], skip: usize| -> String {
            letters[..at].iter().chain(new).chain(&letters[(at + skip).min(letters.len())..]).collect()
        };
        for at in (0..letters.len()).rev() {
            let letter = letters[at];
            let vowel = "aeiouy".contains(letter);
            all.push(with(at, &[letter, letter], 1));
            for other in if vowel { "aeiouy".chars() } else { "bdfgklmnprstvz".chars() } {
                all.push(with(at, &[other], 1));
            }
            all.push(with(at, &[], 1));
            if let Some(next) = letters.get(at + 1) {
                all.push(with(at, &[*next, letter], 2));
            }
        }
        all.extend(["e", "s", "son"].map(|end| format!("{word}{end}")));
        all.retain(|candidate| !candidate.is_empty());
        all
    }
}

fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}')
}

/// A number in letters: what stands behind a word of which all variants are taken.
fn letters(number: usize) -> String {
    let letter = |n: usize| char::from(b'a' + u8::try_from(n % 26).unwrap_or_default());
    [letter(number / 26), letter(number)].iter().collect()
}

/// A word in the case of another.
fn in_case_of(model: &str, word: &str) -> String {
    let mut letters = model.chars().filter(|c| c.is_alphabetic());
    let first = letters.next().is_some_and(char::is_uppercase);
    let shout = first && model.chars().count() > 1 && letters.all(char::is_uppercase);
    if shout {
        return word.to_uppercase();
    }
    let mut chars = word.chars();
    match chars.next() {
        Some(c) if first => c.to_uppercase().chain(chars).collect(),
        _ => word.to_owned(),
    }
}
