//! Numbers as they stand in CRM fields and as they are spoken, as something to compare: digits.

use aftercall_config::decl::TableKind;
use aftercall_config::tables::{Tables, phrase};

/// A number to compare: all its digits with the country code, or the digits alone where they make no whole number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digits {
    /// The digits, without the `+`.
    pub value: u64,
    /// Whether the country code is in it.
    pub whole: bool,
}

impl Digits {
    /// The last `count` digits.
    pub fn tail(self, count: u32) -> u64 {
        self.value % 10_u64.pow(count)
    }
}

/// The numbers of a CRM field: with extensions, notes and labels, several in one field.
///
/// `region` is the two-letter country of numbers without a country code. Extensions are dropped.
pub fn field_numbers(text: &str, region: &str) -> Vec<Digits> {
    let mut found = Vec::new();
    // Most fields hold one number.
    match digits_of(text) {
        0..=5 => return found,
        6..=16 => found.extend(number(text, region)),
        _ => {}
    }
    if found.is_empty() {
        let text = text.to_lowercase();
        for part in parts(&text) {
            if let Some(one) = number(part, region)
                && !found.contains(&one)
            {
                found.push(one);
            }
        }
    }
    found
}

fn digits_of(text: &str) -> usize {
    text.bytes().filter(u8::is_ascii_digit).count()
}

/// Splits where another number begins.
fn parts(text: &str) -> Vec<&str> {
    let mut parts = vec![text];
    for separator in ["\n", ";", "|", ",", " or ", " and ", " & ", " / ", "/", "  "] {
        parts = parts
            .into_iter()
            .flat_map(|part| {
                let pieces: Vec<&str> = part.split(separator).collect();
                // A sign inside one number does not split it: at least two pieces must be numbers of their own.
                let whole = pieces.iter().filter(|piece| digits_of(piece) >= 7).count();
                if whole >= 2 || whole == 1 && digits_of(part) > 15 { pieces } else { vec![part] }
            })
            .collect();
    }
    parts.retain(|part| digits_of(part) >= 6);
    parts
}

/// One number: what stands before an extension or a note.
fn number(text: &str, region: &str) -> Option<Digits> {
    let mut digits = String::with_capacity(16);
    let mut plus = false;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '0'..='9' => digits.push(c),
            '+' if digits.is_empty() => plus = true,
            // "(0)" behind a country code is not dialled with it.
            '(' if plus && !digits.is_empty() && text[at..].starts_with("(0)") => {
                chars.next();
                chars.next();
            }
            // An extension, or a note.
            '#' | ';' if digits.len() >= 6 => break,
            c if c.is_alphabetic() && digits.len() >= 6 => break,
            // "- call after 5" is a note already at its dash; the letters end it.
            _ => {}
        }
    }
    compared(&digits, plus, region)
}

/// Digits as a whole number of a region, or as they are where they make none.
fn compared(digits: &str, plus: bool, region: &str) -> Option<Digits> {
    if digits.len() < 6 || digits.len() > 16 {
        return None;
    }
    let plain = |whole| digits.parse().ok().map(|value| Digits { value, whole });
    let same = digits.bytes().all(|b| digits.as_bytes()[0] == b);
    if same {
        return None;
    }
    // North America, which most numbers are: no library is needed for it.
    let national = match digits.as_bytes() {
        [b'1', rest @ ..] if rest.len() == 10 && (plus || matches!(region, "US" | "CA")) => Some(&digits[1..]),
        rest if rest.len() == 10 && !plus && matches!(region, "US" | "CA") => Some(digits),
        [b'0', b'0', b'1', rest @ ..] | [b'0', b'1', b'1', b'1', rest @ ..] if rest.len() == 10 && !plus => {
            Some(&digits[digits.len() - 10..])
        }
        _ => None,
    };
    if let Some(national) = national
        && national.as_bytes()[0] >= b'2'
    {
        return format!("1{national}").parse().ok().map(|value| Digits { value, whole: true });
    }
    // A leading 00 is dialled from most countries; a bare country code stands where the plus was lost.
    let rest = digits.strip_prefix("00").filter(|_| !plus);
    let spellings = [
        if plus { Some(format!("+{digits}")) } else { None },
        rest.map(|rest| format!("+{rest}")),
        if plus { None } else { Some(digits.to_owned()) },
        if !plus && digits.len() >= 11 { Some(format!("+{digits}")) } else { None },
    ];
    let read = spellings.into_iter().flatten().find_map(|spelling| super::phone(&spelling, region));
    match read {
        Some(phone) => phone.e164.trim_start_matches('+').parse().ok().map(|value| Digits { value, whole: true }),
        None => plain(false),
    }
}

/// The number that the network shows, or that an address such as `sip:` names.
pub fn network_number(text: &str, region: &str) -> Option<Digits> {
    if super::withheld(text) {
        return None;
    }
    let bare = super::phone(text, region);
    match bare {
        Some(phone) => phone.e164.trim_start_matches('+').parse().ok().map(|value| Digits { value, whole: true }),
        // Without its plus, as some carriers send it.
        None => {
            let user = text.split('@').next().unwrap_or(text);
            let digits: String = user.chars().filter(char::is_ascii_digit).collect();
            let other = (digits.len() >= 10).then(|| super::phone(&format!("+{digits}"), region)).flatten()?;
            other.e164.trim_start_matches('+').parse().ok().map(|value| Digits { value, whole: true })
        }
    }
}

/// A number that was said aloud, in digits or words: "four one five, double two, oh one".
///
/// The country is the contact's, not the line's: compare the last nine digits.
pub fn said_numbers(text: &str, region: &str, tables: &Tables) -> Vec<Digits> {
    let mut plain = field_numbers(text, region);
    if !plain.is_empty() {
        return plain;
    }
    let text = phrase(&text.replace(['-', '.', ','], " "));
    let words: Vec<&str> = text.split(' ').collect();
    if super::speech::refused(&words, tables) {
        return plain;
    }
    let digits = said_digits(&words, tables);
    plain.extend(compared(&digits, false, region));
    plain
}

/// Digits in words; what is no digit is passed over.
fn said_digits(words: &[&str], tables: &Tables) -> String {
    let mut digits = String::new();
    let mut at = 0;
    while at < words.len() {
        let word = words[at];
        let repeat = match word {
            "double" => 2,
            "triple" | "treble" => 3,
            _ => 0,
        };
        if repeat > 0 {
            if let Some(next) = words.get(at + 1).and_then(|next| value(next, tables)) {
                for _ in 0..repeat {
                    digits.push_str(&next.to_string());
                }
                at += 2;
                continue;
            }
        } else if word == "hundred" {
            digits.push_str("00");
        } else if word == "thousand" {
            digits.push_str("000");
        } else if word.bytes().all(|b| b.is_ascii_digit()) {
            digits.push_str(word);
        } else if let Some(number) = value(word, tables) {
            // "sixty three" is 63 and "sixty" before anything else 60.
            let unit = words.get(at + 1).and_then(|next| value(next, tables)).filter(|unit| (1..=9).contains(unit));
            match unit {
                Some(unit) if number >= 20 && number % 10 == 0 => {
                    digits.push_str(&(number + unit).to_string());
                    at += 1;
                }
                _ => digits.push_str(&number.to_string()),
            }
        }
        at += 1;
    }
    digits
}

/// The number that a word is.
pub(super) fn value(word: &str, tables: &Tables) -> Option<u32> {
    if !word.is_empty() && word.len() <= 4 && word.bytes().all(|b| b.is_ascii_digit()) {
        return word.parse().ok();
    }
    tables.entries(TableKind::Spoken, word).iter().find_map(|entry| {
        let head = tables.line(TableKind::Spoken, entry.line)?.heads.first()?;
        head.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::tables;

    #[track_caller]
    fn check(text: &str, region: &str, expected: &[u64]) {
        assert_eq!(field_numbers(text, region).iter().map(|n| n.value).collect::<Vec<_>>(), expected, "{text}");
    }

    #[test]
    fn as_people_type_them() {
        for text in [
            "(312) 555-0142",
            "312/555-0142",
            "312-555-0142 - call after 5",
            "312-555-0142 (cell)",
            "312 555 0142 ext. 143",
            "312-555-0142x113",
            "312-555-0142 #131",
            "(312) 555-0142;ext=129",
            "Mobile 312.555.0142",
            "'3125550142",
            "001 312 555 0142",
            "+1312-5550142",
            "312\u{2011}555\u{2011}0142",
            "tel:+1-312-555-0142",
            "1-312-555-0142 do not text",
        ] {
            check(text, "US", &[13_125_550_142]);
        }
        check("(312) 555-0142 or 312.555.0143", "US", &[13_125_550_142, 13_125_550_143]);
        check("312-555-0142 / 312-555-0143", "US", &[13_125_550_142, 13_125_550_143]);
        check("06/43561356", "FR", &[33_643_561_356]);
        check("+44 (0)20 7946 0958", "US", &[442_079_460_958]);
        check("0044 20 7946 0958", "GB", &[442_079_460_958]);
        check("n/a", "US", &[]);
        check("5555555555", "US", &[]);
        check("see notes", "US", &[]);
    }

    #[test]
    fn as_people_say_them() {
        let said = |text: &str| said_numbers(text, "US", tables()).iter().map(|n| n.value).collect::<Vec<_>>();
        assert_eq!(said("three one two five five five oh one four two"), [13_125_550_142]);
        assert_eq!(said("three one two, triple five, zero one forty two"), [13_125_550_142]);
        assert_eq!(said("three twelve double five five oh one four two"), [13_125_550_142]);
        assert_eq!(said("312 555 0142"), [13_125_550_142]);
        assert!(said("this number is fine").is_empty());
    }
}
