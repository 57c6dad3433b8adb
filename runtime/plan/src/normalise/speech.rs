//! What people say around a value, and what they say instead of one.

use aftercall_config::decl::TableKind;
use aftercall_config::tables::Tables;

/// Whether words are a refusal and no value: "none", "I don't have one".
pub fn refused(words: &[&str], tables: &Tables) -> bool {
    let words = trimmed(words, tables);
    words.is_empty() || tables.starts(TableKind::Refusals, words).is_some_and(|(length, _)| length == words.len())
}

/// The words without what is said before and behind a value.
pub fn trimmed<'a, 'b>(mut words: &'a [&'b str], tables: &Tables) -> &'a [&'b str] {
    while let Some((length, head)) = tables.starts(TableKind::Fillers, words) {
        if head == "after" || length >= words.len() && tables.starts(TableKind::Refusals, words).is_some() {
            break;
        }
        words = &words[length..];
    }
    let longest = tables.longest(TableKind::Fillers);
    'shorter: loop {
        for length in (1..=longest.min(words.len())).rev() {
            let tail = &words[words.len() - length..];
            if tables.starts(TableKind::Fillers, tail).is_some_and(|(whole, head)| whole == length && head != "after") {
                words = &words[..words.len() - length];
                continue 'shorter;
            }
        }
        return words;
    }
}

/// A letter that is spelled out: `b`, or `b as in boy`; with how many words it takes.
pub(super) fn spelled(words: &[&str], tables: &Tables) -> Option<(char, usize)> {
    let mut letters = words.first()?.chars();
    let letter = match (letters.next(), letters.next()) {
        (Some(letter), None) if letter.is_ascii_alphanumeric() => letter,
        _ => {
            // "bee as in boy": the word is a letter only where it is explained.
            let head = tables.head(TableKind::Spoken, words[0]).filter(|head| head.len() == 1)?;
            if !explained(words) {
                return None;
            }
            head.chars().next()?
        }
    };
    Some((letter, if explained(words) { if words[1] == "for" || words[1] == "like" { 3 } else { 4 } } else { 1 }))
}

fn explained(words: &[&str]) -> bool {
    let first = |word: &str| words.first().and_then(|w| w.chars().next()).is_some_and(|c| word.starts_with(c));
    match words {
        [_, "as", "in", word, ..] => !word.is_empty(),
        [_, "for" | "like", word, ..] => word.len() > 1 && first(word),
        _ => false,
    }
}
