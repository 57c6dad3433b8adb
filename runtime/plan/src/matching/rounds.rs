//! Which search to ask next: rounds, under the stop rules of the rules.
//!
//! A pure function of the caller, the rules and what is in hand. A system answers those searches that its connector declares.

use aftercall_config::decl::{CompareOn, KeyId, KeyWhen, TableKind};
use aftercall_config::rules::{Is, MatchRules};
use aftercall_config::tables::Tables;

use super::judge::{Judgement, judge, ranked};
use super::person::{Person, Sought};
use super::weigh::{Sum, weigh};
use crate::normalise::Digits;

/// The most spellings in one search where the rules say nothing.
const SPELLINGS: usize = 24;

/// A search, in words that a remote CRM can answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Search {
    /// Whoever has one of the numbers or one of the addresses: one request.
    Reach {
        /// Numbers, with their country.
        numbers: Vec<Digits>,
        /// Numbers that were said: their last nine digits.
        said: Vec<Digits>,
        /// Addresses.
        emails: Vec<String>,
    },
    /// Whoever has one of these addresses, or an address at the host and a first name that begins so: one request.
    EmailNear {
        /// Addresses that sound like the readings.
        emails: Vec<String>,
        /// A company's host.
        host: Option<String>,
        /// How the first name begins, in lower case.
        begins: Vec<String>,
    },
    /// Whoever has one of the last names and a first name that begins so: one request.
    Name {
        /// Last names, folded.
        last: Vec<String>,
        /// How the first name begins, folded.
        begins: Vec<String>,
    },
    /// The accounts with this word, and of their people those with the last name or whose first name begins so: two requests.
    Account {
        /// The account's words, folded; the rarest is the one to search by.
        words: Vec<String>,
        /// How the first name begins, folded.
        begins: Vec<String>,
        /// Last names, folded.
        last: Vec<String>,
    },
}

impl Search {
    /// The key that it goes by. `Reach` goes by numbers and addresses together.
    pub fn key(&self) -> KeyId {
        match self {
            Self::Reach { numbers, said, .. } => {
                if numbers.is_empty() && said.is_empty() {
                    KeyId::Email
                } else {
                    KeyId::Number
                }
            }
            Self::EmailNear { .. } => KeyId::EmailNear,
            Self::Name { .. } => KeyId::Name,
            Self::Account { .. } => KeyId::Account,
        }
    }

    /// How many requests it takes.
    pub fn requests(&self) -> u32 {
        if matches!(self, Self::Account { .. }) { 2 } else { 1 }
    }
}

/// What has been asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Keys in the order in which they were asked or passed over.
    pub keys: Vec<KeyId>,
    /// Requests so far.
    pub requests: u32,
}

/// The next search that is worth a request, or `None` when it is time to decide.
///
/// `can` are the keys that the system answers. What is asked or passed over is noted in `asked`.
pub fn next_round(rules: &MatchRules, sought: &Sought, people: &[&Person], asked: &mut Asked, can: &[KeyId]) -> Option<Search> {
    let most = usize::try_from(rules.retrieve.max_candidates).unwrap_or(usize::MAX);
    let mut sums: Option<Vec<Sum>> = None;
    for key in &rules.retrieve.key {
        if asked.keys.contains(&key.id) {
            continue;
        }
        asked.keys.push(key.id);
        if !can.contains(&key.id) || asked.requests > 0 && people.len() >= most {
            continue;
        }
        let spellings = key.spellings.and_then(|n| usize::try_from(n).ok()).unwrap_or(SPELLINGS);
        let sums = sums.get_or_insert_with(|| weigh(rules, sought, people));
        if !worth(rules, sought, key.when, sums) {
            continue;
        }
        let search = match key.id {
            KeyId::Number | KeyId::Email => {
                // Both in one request; a system that cannot search by one of them is asked by the other.
                let emails = if can.contains(&KeyId::Email) {
                    sought.emails.iter().take(spellings.max(SPELLINGS)).cloned().collect()
                } else {
                    Vec::new()
                };
                let by_number = can.contains(&KeyId::Number);
                asked.keys.extend([KeyId::Number, KeyId::Email].into_iter().filter(|other| *other != key.id));
                let numbers = if by_number { sought.number.into_iter().collect() } else { Vec::new() };
                let said = if by_number { sought.callback.clone() } else { Vec::new() };
                Some(Search::Reach { numbers, said, emails }).filter(|_| sought.is_findable())
            }
            KeyId::EmailNear => email_near(rules, sought, sums, spellings),
            KeyId::Name => name(rules, sought, spellings),
            KeyId::Account => account(rules, sought, spellings),
        };
        if let Some(search) = search
            && asked.requests + search.requests() <= rules.retrieve.max_requests
        {
            asked.requests += search.requests();
            return Some(search);
        }
    }
    None
}

fn worth(rules: &MatchRules, sought: &Sought, when: KeyWhen, sums: &[Sum]) -> bool {
    match when {
        KeyWhen::Always => true,
        KeyWhen::NoEmailAgrees => !sums.iter().any(|sum| sum.agrees(CompareOn::Email)),
        KeyWhen::NobodyAgrees => {
            !sums.iter().any(|sum| sum.reached() && sum.on(CompareOn::FirstName).is_none_or(|hit| hit.bits > 0.0 || hit.is == Is::Missing))
        }
        KeyWhen::Undecided => {
            let order = ranked(sums, |at| u64::try_from(at).unwrap_or(0));
            match judge(rules, sought, sums, &order, false) {
                Judgement::Accept(best) => sums[best].is_nameless(sought),
                // Several who share a number and fit alike: no further search tells them apart, unless a name or address that was
                // given fits none of them.
                Judgement::Review(Some(best)) => {
                    let sum = &sums[best];
                    let fits = |on| sum.on(on).is_none_or(|hit| hit.bits > 0.0 || hit.is == Is::Missing);
                    !(sum.bits >= rules.decide.accept && sum.reached() && fits(CompareOn::FirstName) && fits(CompareOn::LastName))
                }
                Judgement::Review(None) | Judgement::New => true,
            }
        }
    }
}

/// How the given name begins, in each form that it may be on file.
fn beginnings(rules: &MatchRules, sought: &Sought) -> Vec<String> {
    let Some(name) = &sought.name else { return Vec::new() };
    let tables = &*rules.tables;
    let mut found: Vec<String> = Vec::new();
    let mut push = |word: &str, letters: usize| {
        let start: String = word.chars().take(letters).collect();
        if !start.is_empty() && !found.contains(&start) {
            found.push(start);
        }
    };
    let Some(first) = name.first.first() else { return found };
    let forms = forms(tables, first);
    for form in &forms {
        push(form, 3);
        // Heard wrongly, the beginning is what is left: "Cerol" for Carol.
        push(form, 1);
    }
    for word in name.first.iter().skip(1).filter(|word| word.len() > 1) {
        push(word, 3);
    }
    found
}

/// A given name with the other names that the same person may be on file under.
fn forms(tables: &Tables, word: &str) -> Vec<String> {
    let mut found = vec![word.to_owned()];
    for kind in [TableKind::Nicknames, TableKind::Transliterations, TableKind::Sounds] {
        for entry in tables.entries(kind, word) {
            let Some(line) = tables.line(kind, entry.line) else { continue };
            let words = line.heads.iter().chain(if entry.head && kind == TableKind::Nicknames { line.words.as_slice() } else { &[] });
            for other in words {
                if !other.contains(' ') && !found.iter().any(|f| **f == **other) {
                    found.push(other.to_string());
                }
            }
        }
    }
    found
}

fn last_names(tables: &Tables, words: &[Box<str>], most: usize) -> Vec<String> {
    let joined = words.concat();
    let mut found = vec![joined.clone()];
    let push = |word: String, found: &mut Vec<String>| {
        if !word.is_empty() && !found.contains(&word) && found.len() < most {
            found.push(word);
        }
    };
    if words.len() > 1 {
        push(words.join(" "), &mut found);
        for word in words.iter().filter(|word| word.len() > 2 && !tables.has(TableKind::Particles, word)) {
            push(word.to_string(), &mut found);
        }
    }
    for kind in [TableKind::Transliterations, TableKind::Sounds] {
        for entry in tables.entries(kind, &joined) {
            let Some(line) = tables.line(kind, entry.line) else { continue };
            for other in &line.heads {
                push(other.replace(' ', ""), &mut found);
            }
        }
    }
    for variant in variants(&joined) {
        push(variant, &mut found);
    }
    found
}

/// Words that sound much like this one: what a recogniser or a clerk makes of it, the likeliest slips first.
fn variants(word: &str) -> Vec<String> {
    let letters: Vec<char> = word.chars().collect();
    let mut found = Vec::new();
    let with = |from: usize, length: usize, by: &str| -> String {
        letters[..from].iter().copied().chain(by.chars()).chain(letters[from + length..].iter().copied()).collect()
    };
    for (at, letter) in letters.iter().enumerate() {
        // A double letter heard once, and one heard twice.
        if letters.get(at + 1) == Some(letter) {
            found.push(with(at, 2, &letter.to_string()));
        } else if !"aeiouy".contains(*letter) {
            found.push(with(at, 1, &format!("{letter}{letter}")));
        }
        let others = match letter {
            'a' => "eo",
            'e' => "aiu",
            'i' => "eay",
            'o' => "au",
            'u' => "oe",
            'y' => "ie",
            'c' => "ks",
            'k' => "cg",
            's' => "zc",
            'z' => "s",
            'b' => "pv",
            'p' => "b",
            'd' => "t",
            't' => "d",
            'g' => "kj",
            'j' => "g",
            'm' => "n",
            'n' => "m",
            'v' => "fbw",
            'f' => "v",
            'w' => "v",
            _ => "",
        };
        for other in others.chars() {
            found.push(with(at, 1, &other.to_string()));
        }
    }
    // A silent end.
    for end in ["e", "s"] {
        match word.strip_suffix(end) {
            Some(rest) if rest.len() > 2 => found.push(rest.to_owned()),
            _ => found.push(format!("{word}{end}")),
        }
    }
    for (at, letter) in letters.iter().enumerate() {
        if "hwrltnd".contains(*letter) && letters.len() > 4 {
            found.push(with(at, 1, ""));
        }
    }
    found
}

fn email_near(rules: &MatchRules, sought: &Sought, sums: &[Sum], most: usize) -> Option<Search> {
    if sought.emails.is_empty() || sums.iter().any(|sum| sum.on(CompareOn::Email).is_some_and(|hit| hit.is == Is::Equal)) {
        return None;
    }
    let mut emails: Vec<String> = Vec::new();
    for reading in sought.emails.iter().take(2) {
        let Some((local, host)) = reading.split_once('@') else { continue };
        for variant in variants(local) {
            let email = format!("{variant}@{host}");
            if !emails.contains(&email) && emails.len() < most {
                emails.push(email);
            }
        }
    }
    let host = sought.emails.first().and_then(|email| email.split_once('@')).map(|(_, host)| host.to_owned());
    let host = host.filter(|host| !rules.tables.has(TableKind::FreeMail, host));
    let mut begins = beginnings(rules, sought);
    begins.retain(|start| start.len() > 1);
    Some(Search::EmailNear { emails, host, begins })
}

fn name(rules: &MatchRules, sought: &Sought, most: usize) -> Option<Search> {
    let name = sought.name.as_ref()?;
    if name.single || name.last.is_empty() || name.first.is_empty() {
        return None;
    }
    let mut last = last_names(&rules.tables, &name.last, most);
    let mut begins = beginnings(rules, sought);
    // The other order of the name.
    last.push(name.first[0].to_string());
    begins.push(name.last[0].chars().take(3).collect());
    Some(Search::Name { last, begins })
}

fn account(rules: &MatchRules, sought: &Sought, most: usize) -> Option<Search> {
    let company = sought.company.as_ref().filter(|company| !company.words.is_empty())?;
    let name = sought.name.as_ref()?;
    let last = if name.single { name.first.iter().map(ToString::to_string).collect() } else { last_names(&rules.tables, &name.last, most) };
    let words = company.words.iter().map(ToString::to_string).collect();
    Some(Search::Account { words, begins: beginnings(rules, sought), last })
}
