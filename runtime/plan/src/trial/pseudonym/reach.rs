//! Numbers and addresses: other ones of the same country and form. Equal ones stay equal, and those that are a slip apart stay a slip apart.

use std::collections::BTreeMap;

use aftercall_config::decl::TableKind;
use aftercall_config::rules::MatchRules;

use super::names::{Names, Part};
use crate::matching::generic_number;
use crate::normalise::{email, field_numbers, phone, withheld};

/// How many digits at the end of a number tell who has it; what stands before is the country and the town.
const OWN: usize = 7;

/// Numbers so far, by the digits that are replaced.
pub(super) struct Phones<'a> {
    rules: &'a MatchRules,
    region: &'a str,
    tails: BTreeMap<String, String>,
    order: Vec<String>,
    /// Digits that nobody may get.
    others: Vec<String>,
}

impl<'a> Phones<'a> {
    pub(super) fn new(rules: &'a MatchRules, region: &'a str) -> Self {
        Self { rules, region, tails: BTreeMap::new(), order: Vec::new(), others: Vec::new() }
    }

    /// Keeps these numbers from being anybody's.
    pub(super) fn avoid(&mut self, numbers: &[&str]) {
        self.others.extend(numbers.iter().filter_map(|text| phone(text, self.region)).map(|phone| phone.national));
    }

    /// A text with a number, as it was typed. What is no number, or nobody's, stays as it is.
    pub(super) fn text(&mut self, text: &str) -> String {
        if withheld(text) || field_numbers(text, self.region).first().is_some_and(|number| generic_number(&self.rules.values, *number)) {
            return text.to_owned();
        }
        match phone(text, self.region) {
            Some(phone) => self.put(text, &phone.national),
            // Digits that no country has as a number are somebody's all the same.
            None => {
                let digits: String = text.chars().filter(char::is_ascii_digit).collect();
                if digits.len() < 5 { text.to_owned() } else { self.put(text, &digits) }
            }
        }
    }

    /// Replaces the digits of a number in the text that holds it; what stands between them, before and behind stays.
    fn put(&mut self, text: &str, national: &str) -> String {
        let own = national.len().min(OWN).min(national.len().saturating_sub(2).max(4));
        let tail = &national[national.len() - own..];
        let new = self.tail(tail);
        let digits: Vec<(usize, char)> = text.char_indices().filter(|(_, c)| c.is_ascii_digit()).collect();
        let all: String = digits.iter().map(|(_, c)| *c).collect();
        let Some(start) = all.find(national) else { return new };
        let from = start + national.len() - own;
        let mut out: Vec<char> = Vec::with_capacity(text.len());
        let mut seen: usize = 0;
        for c in text.chars() {
            if c.is_ascii_digit() {
                let replaced = seen.checked_sub(from).and_then(|at| new.chars().nth(at));
                out.push(replaced.unwrap_or(c));
                seen += 1;
            } else {
                out.push(c);
            }
        }
        out.into_iter().collect()
    }

    fn tail(&mut self, tail: &str) -> String {
        if let Some(known) = self.tails.get(tail) {
            return known.clone();
        }
        let taken = |candidate: &String| {
            self.others.iter().any(|other| other.ends_with(candidate.as_str()))
                || self.tails.contains_key(candidate)
                || self.tails.values().any(|other| other == candidate)
                || candidate == tail
        };
        let slip = self.order.iter().find_map(|known| moved(known, tail, self.tails.get(known)?)).filter(|new| !taken(new));
        let fresh = || {
            // 555-0100 to 555-0199 ring nowhere in North America; shorter numbers take their end.
            (100..100_000_u32).map(|number| {
                let all = format!("5550{number:03}");
                all[all.len().saturating_sub(tail.len())..].to_owned()
            })
        };
        let new =
            slip.or_else(|| fresh().find(|new| new.len() == tail.len() && !taken(new))).unwrap_or_else(|| tail.chars().rev().collect());
        self.tails.insert(tail.to_owned(), new.clone());
        self.order.push(tail.to_owned());
        new
    }
}

/// The digits that are to `new` what `tail` is to `known`, where one slip lies between: a digit that is another, or two that are swapped.
fn moved(known: &str, tail: &str, new: &str) -> Option<String> {
    let (a, b): (Vec<u8>, Vec<u8>) = (known.bytes().collect(), tail.bytes().collect());
    if a.len() != b.len() || new.len() != a.len() {
        return None;
    }
    let differ: Vec<usize> = (0..a.len()).filter(|at| a[*at] != b[*at]).collect();
    let mut out: Vec<u8> = new.bytes().collect();
    match differ.as_slice() {
        [at] => out[*at] = b'0' + (out[*at] - b'0' + b[*at] + 10 - a[*at]) % 10,
        [at, next] if *next == at + 1 && a[*at] == b[*next] && a[*next] == b[*at] => {
            if out[*at] == out[*next] {
                return None;
            }
            out.swap(*at, *next);
        }
        _ => return None,
    }
    String::from_utf8(out).ok()
}

/// Addresses so far.
#[derive(Default)]
pub(super) struct Emails {
    hosts: BTreeMap<String, String>,
    numbers: BTreeMap<String, String>,
}

impl Emails {
    /// An address; its words are those of names, so that it stays as like to the others as it was. `None` where it is none.
    pub(super) fn text(&mut self, text: &str, names: &mut Names<'_>, rules: &MatchRules) -> Option<String> {
        let clean = email(text)?;
        let (local, host) = clean.split_once('@')?;
        let mut out = String::new();
        let mut rest = local;
        while !rest.is_empty() {
            let letters = rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
            if letters > 0 {
                out.push_str(&local_word(&rest[..letters], names));
                rest = &rest[letters..];
                continue;
            }
            let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            if digits > 0 {
                out.push_str(&self.number(&rest[..digits]));
                rest = &rest[digits..];
                continue;
            }
            let sign = rest.chars().next().map_or(1, char::len_utf8);
            out.push_str(&rest[..sign]);
            rest = &rest[sign..];
        }
        let host =
            if rules.tables.has(TableKind::FreeMail, host) || host.ends_with("example.com") { host.to_owned() } else { self.host(host) };
        let new = format!("{out}@{host}");
        // As it was typed: with capitals, in brackets, behind a name that is somebody's too.
        Some(if text.trim() == clean {
            new
        } else if text.chars().any(char::is_uppercase) && text.trim().eq_ignore_ascii_case(&clean) {
            capitals(&new)
        } else {
            new
        })
    }

    fn host(&mut self, host: &str) -> String {
        let number = self.hosts.len() + 1;
        self.hosts.entry(host.to_owned()).or_insert_with(|| format!("firm-{number}.example")).clone()
    }

    fn number(&mut self, digits: &str) -> String {
        let number = self.numbers.len() + 1;
        let width = digits.len();
        self.numbers.entry(digits.to_owned()).or_insert_with(|| format!("{number:0width$}").chars().rev().take(width).collect()).clone()
    }
}

fn capitals(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut begins = true;
    for c in text.chars() {
        out.extend(if begins { c.to_uppercase().next() } else { Some(c) });
        begins = !c.is_alphabetic();
    }
    out
}

/// A word of an address: a name, an initial and a name, two names in one, or a word by itself.
fn local_word(word: &str, names: &mut Names<'_>) -> String {
    if let Some(known) = names.known(word) {
        return known.to_owned();
    }
    let cuts: Vec<usize> = word.char_indices().map(|(at, _)| at).filter(|at| *at > 0).collect();
    for cut in cuts {
        let (a, b) = word.split_at(cut);
        let initial = |letter: &str, names: &Names<'_>| -> Option<String> {
            let of = names.originals().find(|name| letter.chars().count() == 1 && name.starts_with(letter))?;
            Some(names.known(of)?.chars().take(1).collect())
        };
        let whole = |part: &str, names: &Names<'_>| names.known(part).filter(|_| part.chars().count() > 2).map(str::to_owned);
        if let Some(last) = whole(b, names)
            && let Some(first) = whole(a, names).or_else(|| initial(a, names))
        {
            return first + &last;
        }
        if let Some(first) = whole(a, names)
            && let Some(last) = initial(b, names)
        {
            return first + &last;
        }
    }
    names.word(word, Part::Last)
}
