//! An e-mail address as it was said, in every reading that it allows.
//!
//! A reading is for looking up and comparing. It is never repaired into an address that is not on file.

use aftercall_config::decl::TableKind;
use aftercall_config::tables::{Tables, phrase};

use super::digits::value;
use super::speech::{spelled, trimmed};

/// The most readings of one address.
const MOST: usize = 24;

/// The addresses that `text` may stand for, the likeliest first; none where it is a refusal or no address.
pub fn email_readings(text: &str, tables: &Tables) -> Vec<String> {
    if let Some(plain) = super::email(text) {
        return vec![plain];
    }
    let tokens = tokens(text, tables);
    let words: Vec<&str> = tokens.iter().map(String::as_str).collect();
    let words = trimmed(&words, tables);
    if words.is_empty() || tables.starts(TableKind::Refusals, words).is_some_and(|(length, _)| length == words.len()) {
        return Vec::new();
    }
    // Signs first: "at the rate" is one, and "at" may be said in a sentence before it.
    let mut signed: Vec<Token> = Vec::new();
    let mut rest = words;
    while let Some(word) = rest.first() {
        if word.len() == 1 && "@._-+".contains(word) {
            signed.push(Token::Sign(word.chars().next().unwrap_or('.')));
            rest = &rest[1..];
        } else if let Some((length, head)) = tables.starts(TableKind::Signs, rest).filter(|_| !(signed.is_empty() && rest.len() < 3)) {
            signed.push(Token::Sign(head.chars().next().unwrap_or('.')));
            rest = &rest[length..];
        } else {
            signed.push(Token::Word((*word).to_owned()));
            rest = &rest[1..];
        }
    }
    let at = signed.iter().rposition(|token| *token == Token::Sign('@'));
    let (local, hosts) = match at {
        Some(at) => (&signed[..at], hosts(&signed[at + 1..], tables)),
        // "j smith gmail dot com": a host that everybody knows needs no "at".
        None => match (1..signed.len()).find_map(|at| {
            let host = hosts(&signed[at..], tables);
            host.first().is_some_and(|host| tables.has(TableKind::FreeMail, host)).then_some((at, host))
        }) {
            Some((at, host)) => (&signed[..at], host),
            None => return Vec::new(),
        },
    };
    let locals = locals(local, tables);
    let mut found = Vec::new();
    for host in &hosts {
        for local in &locals {
            if let Some(email) = super::email(&format!("{local}@{host}"))
                && !found.contains(&email)
                && found.len() < MOST
            {
                found.push(email);
            }
        }
    }
    found
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Sign(char),
    Word(String),
}

/// Words and written signs, in lower case without marks.
fn tokens(text: &str, _tables: &Tables) -> Vec<String> {
    let mut out = Vec::new();
    for token in text.to_lowercase().replace([',', ';', '!', '?', '(', ')', '<', '>', '"'], " ").split_whitespace() {
        let token = token.trim_end_matches('.').trim_start_matches("mailto:");
        // "F-R-A-N-K" and "j.o.e" are spelled: hyphens between single letters are no signs.
        let pieces: Vec<&str> = token.split('-').collect();
        if pieces.len() > 2 && pieces.iter().all(|piece| piece.chars().count() == 1) {
            out.extend(pieces.into_iter().map(phrase));
            continue;
        }
        // Hosts as people hyphenate them: "g-mail", "e-mail", "x-ray".
        let hyphen = pieces.len() == 2 && (pieces[0].chars().count() == 1 || matches!(pieces[0], "hot" | "out" | "i" | "ya"));
        let mut word = String::new();
        for c in token.chars() {
            if "@._+".contains(c) || c == '-' && !hyphen {
                if !word.is_empty() {
                    out.push(phrase(&word));
                    word.clear();
                }
                out.push(c.to_string());
            } else if c == '-' {
                out.push(phrase(&word));
                word.clear();
            } else {
                word.push(c);
            }
        }
        if !word.is_empty() {
            out.push(phrase(&word));
        }
    }
    out.retain(|token| !token.is_empty());
    out
}

/// Hosts, as they may be written.
fn hosts(tokens: &[Token], tables: &Tables) -> Vec<String> {
    let mut labels: Vec<Vec<&str>> = vec![Vec::new()];
    let mut glued = Vec::new();
    for token in tokens {
        match token {
            Token::Sign('.') => labels.push(Vec::new()),
            Token::Sign(sign) => {
                glued.push(labels.last().map_or(0, Vec::len));
                if let Some(last) = labels.last_mut() {
                    last.push(if *sign == '-' { "-" } else { "" });
                }
            }
            Token::Word(word) => {
                if let Some(last) = labels.last_mut() {
                    last.push(word);
                }
            }
        }
    }
    labels.retain(|label| !label.is_empty());
    let Some(first) = labels.first() else { return Vec::new() };
    // The end; what follows it on the line is talk.
    let mut ends: Vec<String> = Vec::new();
    for label in &labels[1..] {
        let head = (1..=label.len().min(3)).rev().find_map(|length| {
            tables.starts(TableKind::Endings, &label[..length]).map(|(_, head)| {
                // In a line of many ends each stands for itself.
                let word = label.first().copied().unwrap_or_default();
                let single = tables.entries(TableKind::Endings, word).first().is_some_and(|entry| entry.head);
                if single { word.to_owned() } else { head.to_owned() }
            })
        });
        ends.push(head.unwrap_or_else(|| label.concat()));
    }
    let spoken = first.join(" ");
    let free = [spoken.as_str(), &first.concat()].into_iter().find_map(|host| {
        let entry = tables.entries(TableKind::FreeMail, host).iter().find(|entry| !entry.head)?;
        tables.line(TableKind::FreeMail, entry.line).and_then(|line| line.heads.first()).map(ToString::to_string)
    });
    let mut found: Vec<String> = Vec::new();
    let mut push = |host: String| {
        if !found.contains(&host) {
            found.push(host);
        }
    };
    if let Some(free) = free {
        let end = ends.join(".");
        match free.split_once('.') {
            // "hotmail dot co dot uk" is another host than the one that everybody means.
            Some((label, own)) if !end.is_empty() && end != own => {
                push(format!("{label}.{end}"));
                push(free);
            }
            _ => push(free),
        }
        return found;
    }
    let end = if ends.is_empty() { "com".to_owned() } else { ends.join(".") };
    for label in locals_of(first, tables) {
        push(format!("{label}.{end}"));
    }
    if first.contains(&"and") {
        let without: Vec<&str> = first.iter().copied().filter(|word| *word != "and").collect();
        push(format!("{}.{end}", without.concat()));
    }
    found
}

fn locals_of(words: &[&str], tables: &Tables) -> Vec<String> {
    let tokens: Vec<Token> =
        words.iter().map(|word| if *word == "-" { Token::Sign('-') } else { Token::Word((*word).to_owned()) }).collect();
    let mut all = vec![words.concat()];
    for other in locals(&tokens, tables) {
        if !all.contains(&other) && all.len() < 4 {
            all.push(other);
        }
    }
    all
}

/// What stands before the `@`, as it may be written.
fn locals(tokens: &[Token], tables: &Tables) -> Vec<String> {
    // Each place with what it may be.
    let mut places: Vec<Vec<String>> = Vec::new();
    let words: Vec<&str> = tokens.iter().map(|token| if let Token::Word(word) = token { word.as_str() } else { "" }).collect();
    let mut at = 0;
    while at < tokens.len() {
        let word = match &tokens[at] {
            Token::Sign(sign) => {
                places.push(vec![sign.to_string()]);
                at += 1;
                continue;
            }
            Token::Word(word) => word.as_str(),
        };
        if let Some((letter, length)) = spelled(&words[at..], tables)
            && (length > 1 || word.len() == 1)
        {
            places.push(vec![letter.to_string()]);
            at += length;
            continue;
        }
        if matches!(word, "double" | "triple")
            && let Some(next) = words.get(at + 1).filter(|next| !next.is_empty())
        {
            let times = if word == "double" { 2 } else { 3 };
            let one = if next.len() == 1 { Some((*next).to_owned()) } else { tables.head(TableKind::Spoken, next).map(str::to_owned) };
            if let Some(one) = one {
                places.push(vec![one.repeat(times)]);
                at += 2;
                continue;
            }
        }
        // Two words that are one letter: "double u".
        if let Some((length, head)) = tables.starts(TableKind::Spoken, &words[at..]).filter(|(length, _)| *length > 1) {
            places.push(vec![head.to_owned()]);
            at += length;
            continue;
        }
        if let Some(number) = value(word, tables).filter(|_| !word.bytes().all(|b| b.is_ascii_digit())) {
            let unit = words.get(at + 1).and_then(|next| value(next, tables)).filter(|unit| (1..=9).contains(unit));
            if number >= 20
                && number % 10 == 0
                && let Some(unit) = unit
            {
                places.push(vec![(number + unit).to_string()]);
                at += 2;
                continue;
            }
            let letter = tables.entries(TableKind::Spoken, word).iter().any(|entry| {
                tables.line(TableKind::Spoken, entry.line).and_then(|l| l.heads.first()).is_some_and(|head| head.parse::<u32>().is_err())
            });
            let mut readings = vec![number.to_string()];
            if number == 0 {
                readings.push("o".to_owned());
            }
            if letter || matches!(number, 0 | 2 | 4 | 8 | 1) {
                readings.push(word.to_owned());
            }
            places.push(readings);
            at += 1;
            continue;
        }
        if let Some(letter) = tables.head(TableKind::Spoken, word).filter(|head| head.len() == 1) {
            places.push(vec![letter.to_owned(), word.to_owned()]);
        } else if word == "hundred" {
            places.push(vec!["00".to_owned(), word.to_owned()]);
        } else if word == "thousand" {
            places.push(vec!["00".to_owned(), "000".to_owned(), word.to_owned()]);
        } else {
            places.push(vec![word.to_owned()]);
        }
        at += 1;
    }
    // The first of each place first, then one place changed after another.
    let mut readings = vec![String::new()];
    for place in &places {
        let mut next = Vec::with_capacity(readings.len() * place.len());
        for option in place {
            for reading in &readings {
                next.push(format!("{reading}{option}"));
            }
        }
        next.truncate(MOST);
        readings = next;
    }
    readings.retain(|reading| !reading.is_empty());
    readings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::tables;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let found = email_readings(text, tables());
        assert!(found.iter().any(|email| email == expected), "{text}: {found:?}");
    }

    #[test]
    fn said() {
        check("carlos@example.com", "carlos@example.com");
        check("my email is F-R-A-N-K-L-I-N-B at the rate yahoo dot com", "franklinb@yahoo.com");
        check("k as in king c as in cat o l as in lincoln e at yahoo dot com", "kcole@yahoo.com");
        check("m dot l e w i s seven five at g-mail dot com", "m.lewis75@gmail.com");
        check("jay smith sixty three at g mail dot con, yeah", "jsmith63@gmail.com");
        check("matthias underscore devries @ gmail dot com", "matthias_devries@gmail.com");
        check("mark minus brammore at frontier plumbing dot co", "mark-brammore@frontierplumbing.co");
        check("midbrookr at frontierplumbing dot co all one word", "midbrookr@frontierplumbing.co");
        check("laustin nine three at out look dot com", "laustin93@outlook.com");
        check("martha nineteen sixty three at hot male dot com", "martha1963@hotmail.com");
        check("ann lee at hotmail dot co dot uk", "annlee@hotmail.co.uk");
        check("j smith gmail dot com", "jsmith@gmail.com");
        check("info at walhurst and duncan dot com", "info@walhurstduncan.com");
        check("bee two be at example dot com", "b2b@example.com");
        check("double oh seven at a o l dot com", "007@aol.com");
        check("s.joshi@hotmail.com", "s.joshi@hotmail.com");
        check("it's joshua at juniper veterinary clinic dot com", "joshua@juniperveterinaryclinic.com");
        check("ann at t dash online dot de", "ann@t-online.de");
    }

    #[test]
    fn refused() {
        for text in ["none", "n/a", "I don't have one", "no email", ""] {
            assert_eq!(email_readings(text, tables()), Vec::<String>::new(), "{text}");
        }
    }
}
