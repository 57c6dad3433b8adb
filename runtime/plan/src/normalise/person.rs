//! A person's name as words to compare: from speech recognition, and from the fields of a CRM.

use aftercall_config::decl::TableKind;
use aftercall_config::tables::{Tables, phrase};

use super::alike::alike;
use super::speech::{spelled, trimmed};

/// A name as folded words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PersonName {
    /// Given names, the first first; a single letter is an initial.
    pub first: Vec<Box<str>>,
    /// Other given names of the record: what stands in brackets, the second of a couple.
    pub also: Vec<Box<str>>,
    /// Words of the family name.
    pub last: Vec<Box<str>>,
    /// Given and family name with `ü` as `ue`, where they have such letters.
    pub german: Option<Box<(String, String)>>,
    /// Which of several people of one name: 1 senior, 2 junior, 3, 4.
    pub suffix: Option<u8>,
    /// Only one word was said, which may be the given or the family name.
    pub single: bool,
}

impl PersonName {
    /// Whether there is no name.
    pub fn is_empty(&self) -> bool {
        self.first.is_empty() && self.last.is_empty()
    }

    /// The given names in one word.
    pub fn first_joined(&self) -> String {
        self.first.concat()
    }

    /// The family name in one word.
    pub fn last_joined(&self) -> String {
        self.last.concat()
    }
}

/// The name that a caller said, as it was transcribed; `None` where it names nobody.
///
/// Fillers, titles and degrees go; "Reyes, Teresa" is turned round; what was spelled is joined.
pub fn said_name(text: &str, tables: &Tables) -> Option<PersonName> {
    let german = text.chars().any(|c| matches!(c, 'ä' | 'ö' | 'ü' | 'Ä' | 'Ö' | 'Ü' | 'ø' | 'å' | 'Ø' | 'Å'));
    let mut name = parse_said(text, tables)?;
    if german && let Some(other) = parse_said(&umlauts(text), tables) {
        name.german = Some(Box::new((other.first_joined(), other.last_joined())));
    }
    Some(name)
}

fn umlauts(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 4);
    for c in text.chars() {
        match c {
            'ä' | 'Ä' => out.push_str("ae"),
            'ö' | 'Ö' | 'ø' | 'Ø' => out.push_str("oe"),
            'ü' | 'Ü' => out.push_str("ue"),
            'å' | 'Å' => out.push_str("aa"),
            other => out.push(other),
        }
    }
    out
}

fn parse_said(text: &str, tables: &Tables) -> Option<PersonName> {
    let (text, turned) = match text.split_once(',') {
        Some((last, first)) if !first.trim().is_empty() && !is_suffix(&phrase(first), tables) && last.split_whitespace().count() <= 3 => {
            // "well, Ann Lee" is no turned name.
            let head = phrase(last);
            let words: Vec<&str> = head.split(' ').collect();
            if trimmed(&words, tables).is_empty() || first.split_whitespace().count() > 2 {
                (text.replace(',', " "), false)
            } else {
                (format!("{first} {last}"), true)
            }
        }
        _ => (text.replace(',', " "), false),
    };
    let text = phrase(&text.replace(['-', '/', '.'], " "));
    let all: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
    let mut words = trimmed(&all, tables);
    // What stands behind "from" or "on behalf of" is about somebody else.
    let cut = (1..words.len()).find(|at| tables.starts(TableKind::Fillers, &words[*at..]).is_some_and(|(_, head)| head == "after"));
    if let Some(cut) = cut {
        words = trimmed(&words[..cut], tables);
    }
    if names_nobody(words, tables) {
        return None;
    }
    let mut joined: Vec<String> = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let mut letters = String::new();
        let mut end = at;
        while let Some((letter, length)) = spelled(&words[end..], tables) {
            letters.push(letter);
            end = (end + length).min(words.len());
            if end >= words.len() {
                break;
            }
        }
        if letters.len() >= 3 {
            // "Smyth, S M Y T H": the spelling is better than the word before it.
            match joined.last_mut() {
                Some(last) if alike(last, &letters) || last.starts_with(&letters[..1]) && last.len().abs_diff(letters.len()) <= 2 => {
                    *last = letters
                }
                _ => joined.push(letters),
            }
            at = end;
        } else {
            joined.push(words[at].to_owned());
            at += 1;
        }
    }
    // A stutter; but "Hassan Hassan" is a name.
    if joined.len() > 2 {
        joined.dedup();
    }
    let mut words: Vec<&str> = joined.iter().map(String::as_str).collect();
    let mut titled = false;
    while words.len() > 1 && is_title(words[0], tables) {
        words.remove(0);
        titled = true;
    }
    if words.first() == Some(&"the") && words.len() > 1 {
        words.remove(0);
    }
    let mut household = false;
    while words.len() > 1 && tables.has(TableKind::Households, words[words.len() - 1]) {
        words.pop();
        household = true;
    }
    let suffix = take_suffix(&mut words, tables);
    while words.len() > 1 && is_degree(words[words.len() - 1], tables) {
        words.pop();
    }
    let mut name = if (titled || household) && words.len() > 1 && tables.has(TableKind::Particles, words[0]) {
        // "Mrs. Di Lorenzo" has no given name.
        PersonName { last: own(&words), ..PersonName::default() }
    } else {
        split(&words, tables)
    };
    name.suffix = suffix;
    if turned && name.last.is_empty() {
        return None;
    }
    if name.single && (titled || household) {
        name.last = std::mem::take(&mut name.first);
        name.single = false;
    }
    (!name.is_empty()).then_some(name)
}

fn own(words: &[&str]) -> Vec<Box<str>> {
    words.iter().map(|word| Box::from(*word)).collect()
}

fn split(words: &[&str], tables: &Tables) -> PersonName {
    match words {
        [] => PersonName::default(),
        [one] => PersonName { first: own(&[one]), single: true, ..PersonName::default() },
        // "van der Meer Jianguo": particles in front begin a family name.
        [several @ .., first]
            if several.len() > 2 && several[..2].iter().all(|word| word.len() > 1 && tables.has(TableKind::Particles, word)) =>
        {
            PersonName { first: own(&[first]), last: own(several), ..PersonName::default() }
        }
        several => {
            let at = (1..several.len() - 1)
                .find(|at| tables.has(TableKind::Particles, several[*at]) && several[*at].len() > 1)
                .unwrap_or(several.len() - 1);
            PersonName { first: own(&several[..at]), last: own(&several[at..]), ..PersonName::default() }
        }
    }
}

fn is_title(word: &str, tables: &Tables) -> bool {
    tables.entries(TableKind::Titles, word).iter().any(|entry| entry.head && word != "md")
}

fn is_degree(word: &str, tables: &Tables) -> bool {
    tables.entries(TableKind::Titles, word).iter().any(|entry| !entry.head || word == "md")
}

fn names_nobody(words: &[&str], tables: &Tables) -> bool {
    let whole = |kind| tables.starts(kind, words).is_some_and(|(length, _)| length == words.len());
    words.is_empty()
        || whole(TableKind::Nobody)
        || whole(TableKind::Refusals)
        || words.iter().all(|w| w.bytes().all(|b| b.is_ascii_digit()))
}

fn is_suffix(text: &str, tables: &Tables) -> bool {
    let words: Vec<&str> = text.split(' ').collect();
    tables.starts(TableKind::Suffixes, &words).is_some_and(|(length, _)| length == words.len())
}

/// Takes a suffix from the end.
fn take_suffix(words: &mut Vec<&str>, tables: &Tables) -> Option<u8> {
    for length in (1..=tables.longest(TableKind::Suffixes).min(words.len().saturating_sub(1))).rev() {
        let tail = &words[words.len() - length..];
        if let Some((whole, head)) = tables.starts(TableKind::Suffixes, tail)
            && whole == length
        {
            let rank = rank(head);
            words.truncate(words.len() - length);
            return rank;
        }
    }
    None
}

fn rank(head: &str) -> Option<u8> {
    match head {
        "sr" => Some(1),
        "jr" | "ii" => Some(2),
        "iii" => Some(3),
        "iv" => Some(4),
        _ => None,
    }
}

/// The name of a record: given name, family name and suffix as people typed them, or the whole name in one of them.
pub fn record_name(first: Option<&str>, last: Option<&str>, suffix: Option<&str>, tables: &Tables) -> PersonName {
    let mut name = plain_record_name(first, last, suffix, tables);
    let german = |text: Option<&str>| {
        text.is_some_and(|t| t.chars().any(|c| matches!(c, 'ä' | 'ö' | 'ü' | 'Ä' | 'Ö' | 'Ü' | 'ø' | 'å' | 'Ø' | 'Å')))
    };
    if german(first) || german(last) {
        let (first, last) = (first.map(umlauts), last.map(umlauts));
        let other = plain_record_name(first.as_deref(), last.as_deref(), suffix, tables);
        name.german = Some(Box::new((other.first_joined(), other.last_joined())));
    }
    name
}

fn plain_record_name(first: Option<&str>, last: Option<&str>, suffix: Option<&str>, tables: &Tables) -> PersonName {
    let mut also: Vec<Box<str>> = Vec::new();
    let mut clean = |text: &str| -> String {
        // "Pamela (Pam)", "Robert 'Bob'".
        let mut out = String::with_capacity(text.len());
        let mut inner: Option<(char, String)> = None;
        for c in text.chars() {
            match (&mut inner, c) {
                (None, '(' | '"' | '\u{201c}') => inner = Some((c, String::new())),
                (Some(_), ')' | '"' | '\u{201d}') => {
                    if let Some((_, word)) = inner.take() {
                        also.extend(phrase(&word).split(' ').filter(|w| !w.is_empty()).map(Box::from));
                    }
                }
                (Some((_, word)), c) => word.push(c),
                (None, c) => out.push(c),
            }
        }
        phrase(&out.replace(['-', '/', '.', ','], " "))
    };
    let (first_text, last_text) = (first.map(&mut clean).unwrap_or_default(), last.map(&mut clean).unwrap_or_default());
    let words = |text: &'_ str| -> Vec<String> { text.split(' ').filter(|w| !w.is_empty()).map(str::to_owned).collect() };
    let (first_words, last_words) = (words(&first_text), words(&last_text));
    let mut first: Vec<&str> = first_words.iter().map(String::as_str).collect();
    let mut last: Vec<&str> = last_words.iter().map(String::as_str).collect();
    let written = suffix.map(phrase).filter(|text| !text.is_empty());
    let written = written.as_deref().and_then(|text| {
        let words: Vec<&str> = text.split(' ').collect();
        tables.starts(TableKind::Suffixes, &words).and_then(|(_, head)| rank(head))
    });
    let suffix = take_suffix(&mut last, tables).or_else(|| take_suffix(&mut first, tables)).or(written);
    for words in [&mut first, &mut last] {
        while words.len() > 1 && is_title(words[0], tables) {
            words.remove(0);
        }
        while words.len() > 1 && is_degree(words[words.len() - 1], tables) {
            words.pop();
        }
        if names_nobody(words, tables) {
            words.clear();
        }
    }
    // A placeholder such as "Caller +15125550142".
    for words in [&mut first, &mut last] {
        words.retain(|word| !word.bytes().any(|b| b.is_ascii_digit()));
    }
    if [first.as_slice(), last.as_slice()].concat().iter().all(|word| tables.has(TableKind::Nobody, word)) {
        first.clear();
        last.clear();
    }
    let whole = if first.is_empty() && last.len() > 1 && !tables.has(TableKind::Particles, last[0]) {
        last.clone()
    } else if last.is_empty() && first.len() > 1 && !first.contains(&"and") {
        first.clone()
    } else {
        Vec::new()
    };
    let mut name = if whole.is_empty() {
        // "Bob and Linda" in one record: either of them.
        if let Some(at) = first.iter().position(|word| *word == "and").filter(|at| *at > 0) {
            also.extend(first[at + 1..].iter().map(|word| Box::from(*word)));
            first.truncate(at);
        }
        PersonName { first: own(&first), last: own(&last), ..PersonName::default() }
    } else {
        split(&whole, tables)
    };
    name.single = false;
    name.also = also;
    name.suffix = suffix;
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::tables;

    #[track_caller]
    fn check(text: &str, first: &str, last: &str, suffix: Option<u8>) {
        let name = said_name(text, tables()).unwrap_or_default();
        assert_eq!((name.first.join(" ").as_str(), name.last.join(" ").as_str(), name.suffix), (first, last, suffix), "{text}");
    }

    #[test]
    fn said() {
        check("uh jose garcia", "jose", "garcia", None);
        check("hi it's Devid", "devid", "", None);
        check("Mrs Brown", "", "brown", None);
        check("the midwood residence", "", "midwood", None);
        check("Khaled Hassan the second", "khaled", "hassan", Some(2));
        check("my name is Thomas M. Smith, Junior", "thomas m", "smith", Some(2));
        check("francisco de la cruz", "francisco", "de la cruz", None);
        check("Reyes, Teresa", "teresa", "reyes", None);
        check("Ann Smyth S M Y T H E", "ann", "smythe", None);
        check("this is Ann Lee from Acme Dental", "ann", "lee", None);
        check("unknown caller", "", "", None);
        check("I'd rather not say", "", "", None);
        check("Dr. Ann Lee DDS", "ann", "lee", None);
    }

    #[test]
    fn on_record() {
        let name = record_name(Some("Pamela (Pam)"), Some("Midwood"), None, tables());
        assert_eq!((name.first.join(" ").as_str(), name.also.join(" ").as_str()), ("pamela", "pam"));
        let name = record_name(None, Some("Gregory Hudson"), None, tables());
        assert_eq!((name.first.join(" ").as_str(), name.last.join(" ").as_str()), ("gregory", "hudson"));
        let name = record_name(Some("Samuel"), Some("Franklin Jr."), None, tables());
        assert_eq!((name.last.join(" ").as_str(), name.suffix), ("franklin", Some(2)));
        let name = record_name(Some("Wolfgang"), Some("Müller"), None, tables());
        assert_eq!(name.german.map(|g| g.1).as_deref(), Some("mueller"));
        assert!(record_name(Some("Caller"), Some("+15125550142"), None, tables()).is_empty());
        assert!(record_name(None, Some("Unknown caller"), None, tables()).is_empty());
    }
}
