//! Tables of words that match rules look up: nicknames, sounds, company words, what people say around a value.
//!
//! Built once per project from every table file; looked up by folded words. Not for judging: what a hit is worth is the
//! rules' affair.

use std::collections::HashMap;

use unicode_normalization::UnicodeNormalization;

use crate::decl::TableKind;

/// All tables of a project.
#[derive(Clone, Debug, Default)]
pub struct Tables {
    /// By kind: names are looked up many times in one comparison.
    tables: [Option<Table>; TableKind::ALL.len()],
}

/// One table.
#[derive(Clone, Debug, Default)]
pub struct Table {
    lines: Vec<Line>,
    words: HashMap<Box<str>, Vec<Entry>>,
    longest: usize,
}

/// A word's place in a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The line, from 0 over all files.
    pub line: u32,
    /// Whether the word stands before the colon, or the line has none.
    pub head: bool,
}

/// One entry of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    /// Words before the colon; all words of a line without one.
    pub heads: Vec<Box<str>>,
    /// Words behind it.
    pub words: Vec<Box<str>>,
}

impl Line {
    /// Reads an entry.
    ///
    /// Errors: what is wrong with it, as a phrase.
    pub fn parse(kind: TableKind, text: &str) -> Result<Self, String> {
        let (heads, words) = match text.split_once(':') {
            // The sign for a colon would be one; no address has it.
            Some((_, words)) if words.contains(':') => return Err("has two colons".to_owned()),
            Some((heads, words)) => (heads, Some(words)),
            None => (text, None),
        };
        // Signs and hosts are no words; they are kept as they are.
        let raw = matches!(kind, TableKind::Signs | TableKind::FreeMail | TableKind::Endings);
        let split = |part: &str, raw: bool| -> Result<Vec<Box<str>>, String> {
            part.split(',')
                .map(|word| {
                    let word = word.trim();
                    let folded = if raw { word.to_lowercase() } else { phrase(word) };
                    if folded.is_empty() { Err("has an empty place between commas".to_owned()) } else { Ok(folded.into()) }
                })
                .collect()
        };
        let heads = split(heads, raw)?;
        let words = words.map(|part| split(part, false)).transpose()?.unwrap_or_default();
        if kind.needs_words() && words.is_empty() {
            return Err(format!("has no words behind a colon, and a line of `{}` needs them", kind.as_str()));
        }
        let mut seen: Vec<&str> = Vec::new();
        for word in heads.iter().chain(&words) {
            if seen.contains(&&**word) {
                return Err(format!("names `{word}` twice"));
            }
            seen.push(word);
        }
        Ok(Self { heads, words })
    }
}

impl Tables {
    /// Adds an entry.
    pub fn add(&mut self, kind: TableKind, line: Line) {
        let table = self.tables[kind as usize].get_or_insert_default();
        let number = u32::try_from(table.lines.len()).unwrap_or(u32::MAX);
        for (words, head) in [(&line.heads, true), (&line.words, false)] {
            for word in words {
                table.words.entry(word.clone()).or_default().push(Entry { line: number, head });
                table.longest = table.longest.max(word.split(' ').count());
            }
        }
        table.lines.push(line);
    }

    /// Whether there is a table of this kind.
    pub fn has_table(&self, kind: TableKind) -> bool {
        self.tables[kind as usize].is_some()
    }

    /// Where a word stands.
    pub fn entries(&self, kind: TableKind, word: &str) -> &[Entry] {
        self.tables[kind as usize].as_ref().and_then(|table| table.words.get(word)).map_or(&[], Vec::as_slice)
    }

    /// Whether a word stands anywhere in a table.
    pub fn has(&self, kind: TableKind, word: &str) -> bool {
        !self.entries(kind, word).is_empty()
    }

    /// The first head of the first line that a word stands in.
    pub fn head(&self, kind: TableKind, word: &str) -> Option<&str> {
        let entry = self.entries(kind, word).first()?;
        self.line(kind, entry.line).and_then(|line| line.heads.first()).map(|head| &**head)
    }

    /// A line.
    pub fn line(&self, kind: TableKind, line: u32) -> Option<&Line> {
        self.tables[kind as usize].as_ref()?.lines.get(usize::try_from(line).ok()?)
    }

    /// How many words the longest phrase of a table has; 0 without a table.
    pub fn longest(&self, kind: TableKind) -> usize {
        self.tables[kind as usize].as_ref().map_or(0, |table| table.longest)
    }

    /// How long a phrase of the table is that `words` begin with, in words, and its head; the longest counts.
    pub fn starts<'a>(&'a self, kind: TableKind, words: &[&str]) -> Option<(usize, &'a str)> {
        let table = self.tables[kind as usize].as_ref()?;
        (1..=table.longest.min(words.len())).rev().find_map(|length| {
            let entry =
                if length == 1 { table.words.get(words[0]) } else { table.words.get(words[..length].join(" ").as_str()) }?.first()?;
            let head = table.lines.get(usize::try_from(entry.line).ok()?)?.heads.first()?;
            Some((length, &**head))
        })
    }
}

/// A letter without its mark, in lower case: `É` is `e`, `ø` is `o`, `ß` is `ss`. What is no letter or digit is dropped.
fn fold_into(out: &mut String, c: char) {
    match c {
        'a'..='z' | '0'..='9' => out.push(c),
        'A'..='Z' => out.push(c.to_ascii_lowercase()),
        'ø' | 'Ø' => out.push('o'),
        'æ' | 'Æ' => out.push_str("ae"),
        'œ' | 'Œ' => out.push_str("oe"),
        'ß' | 'ẞ' => out.push_str("ss"),
        'ł' | 'Ł' => out.push('l'),
        'đ' | 'Đ' | 'ð' | 'Ð' => out.push('d'),
        'þ' | 'Þ' => out.push_str("th"),
        'ı' => out.push('i'),
        c if c.is_ascii() => {}
        c => {
            // A letter of the list above may stand behind a mark: `Ǿ` is `Ø` with an accent. What is its own small form ends it.
            for part in std::iter::once(c).nfkd().filter(|part| part.is_alphanumeric()) {
                for small in part.to_lowercase().filter(|small| small.is_alphanumeric()) {
                    if small == c { out.push(c) } else { fold_into(out, small) }
                }
            }
        }
    }
}

/// One word, folded: lower case, without marks, letters and digits only.
pub fn fold(word: &str) -> String {
    let mut out = String::with_capacity(word.len());
    for c in word.chars() {
        fold_into(&mut out, c);
    }
    out
}

/// Words, folded, with one space between them.
pub fn phrase(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split(|c: char| c.is_whitespace()) {
        let before = out.len();
        if before > 0 {
            out.push(' ');
        }
        let start = out.len();
        for c in word.chars() {
            fold_into(&mut out, c);
        }
        if out.len() == start {
            out.truncate(before);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(kind: TableKind, text: &str, expected: Result<(&[&str], &[&str]), &str>) {
        let own = |words: &[Box<str>]| words.iter().map(|w| w.to_string()).collect::<Vec<_>>();
        let found = Line::parse(kind, text).map(|line| (own(&line.heads), own(&line.words)));
        let expected = expected
            .map(|(h, w)| (h.iter().map(|w| (*w).to_owned()).collect(), w.iter().map(|w| (*w).to_owned()).collect()))
            .map_err(str::to_owned);
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn lines() {
        check(TableKind::Nicknames, "Robert: Bob, Rob", Ok((&["robert"], &["bob", "rob"])));
        check(TableKind::Transliterations, "José, Jose-Maria", Ok((&["jose", "josemaria"], &[])));
        check(TableKind::Signs, ".: dot, full stop", Ok((&["."], &["dot", "full stop"])));
        check(TableKind::Nicknames, "robert", Err("has no words behind a colon, and a line of `nicknames` needs them"));
        check(TableKind::Nicknames, "robert: bob,, rob", Err("has an empty place between commas"));
        check(TableKind::Nicknames, "robert: bob: rob", Err("has two colons"));
        check(TableKind::Nicknames, "robert: bob, Bob", Err("names `bob` twice"));
    }

    #[test]
    fn what_is_folded_stays_as_it_is() {
        assert_eq!((fold("Ǿle"), fold("Ǽ"), fold("ẞ"), fold("ﬁn")), ("ole".to_owned(), "ae".to_owned(), "ss".to_owned(), "fin".to_owned()));
        for c in ('\0'..=char::MAX).map(String::from) {
            let folded = fold(&c);
            assert_eq!(fold(&folded), folded, "{c:?}");
        }
    }

    #[test]
    fn looked_up() {
        let mut tables = Tables::default();
        tables.add(TableKind::FreeMail, Line::parse(TableKind::FreeMail, "gmail.com: g mail, gmail, g male").unwrap_or_default());
        assert_eq!(tables.starts(TableKind::FreeMail, &["g", "mail", "yes"]), Some((2, "gmail.com")));
        assert!(tables.has(TableKind::FreeMail, "gmail.com"));
        assert_eq!(tables.starts(TableKind::FreeMail, &["g"]), None);
    }
}
