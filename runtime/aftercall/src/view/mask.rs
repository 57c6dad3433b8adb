//! What somebody may see who is not to know how callers are reached: numbers and addresses without their middle.
//!
//! Not for secrets: those are never in a view.

/// What stands for a value that is not shown at all.
pub(crate) const HIDDEN: &str = "***";
/// Values of a call outcome, by how their paths begin, that a caller said, or that were made of what they said.
const SAID: [&str; 6] = ["captured.", "transcript", "recording.", "summary", "appointment.notes", "follow_up.reason"];
/// Values of a call outcome that are ours or the platform's, and no way to reach anybody.
const OURS: [&str; 6] = ["id", "source", "started_at", "ended_at", "duration_s", "carrier_id"];
/// Fewer digits are a time, an amount or a house number.
const DIGITS: usize = 7;

/// How much of a value of a call outcome is seen by who is not to know how callers are reached, by the value's path: pages and JSON say the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// All of it.
    Whole,
    /// Without the middle of numbers and addresses.
    Masked,
    /// Nothing.
    Hidden,
}

/// See [`Seen`]. What is neither said nor ours is masked.
pub(crate) fn of_outcome(path: &str) -> Seen {
    if SAID.iter().any(|said| path.starts_with(said)) {
        return Seen::Hidden;
    }
    let is_moment = matches!(path, "appointment.start" | "appointment.end" | "follow_up.due");
    if OURS.contains(&path) || is_moment { Seen::Whole } else { Seen::Masked }
}

/// A text in which every number and every e-mail address lacks its middle: `+1312 *** 42`, `n***@***.example`. All else stays.
pub(crate) fn mask(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if let Some(number) = number(rest) {
            out.push_str(&short_number(number));
            rest = &rest[number.len()..];
            continue;
        }
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len()).max(first.len_utf8());
        let (word, after) = rest.split_at(end);
        out.push_str(&short_address(word));
        rest = after;
    }
    out
}

/// The number that a text begins with, as people and networks write them.
fn number(text: &str) -> Option<&str> {
    let first = text.chars().next()?;
    if !first.is_ascii_digit() && first != '+' && first != '(' {
        return None;
    }
    let between = |c: char| "+-./()·‐‑‒–—―−".contains(c) || c.is_whitespace() && c != '\n';
    let end = text.find(|c: char| !c.is_ascii_digit() && !between(c)).unwrap_or(text.len());
    let number = text[..end].trim_end_matches(|c: char| !c.is_ascii_digit());
    (number.chars().filter(char::is_ascii_digit).count() >= DIGITS).then_some(number)
}

fn short_number(number: &str) -> String {
    let digits: Vec<char> = number.chars().filter(char::is_ascii_digit).collect();
    let plus = if number.starts_with('+') { "+" } else { "" };
    let keep = digits.len().saturating_sub(DIGITS).min(4);
    let (head, tail): (String, String) = (digits[..keep].iter().collect(), digits[digits.len() - 2..].iter().collect());
    let gap = if head.is_empty() { "" } else { " " };
    format!("{plus}{head}{gap}{HIDDEN} {tail}")
}

fn short_address(word: &str) -> String {
    let Some((name, host)) = word.split_once('@') else { return within(word) };
    let first: String = name.chars().take(1).collect();
    match host.rsplit_once('.') {
        Some((_, last)) => format!("{first}{HIDDEN}@{HIDDEN}.{last}"),
        None => format!("{first}{HIDDEN}@{HIDDEN}"),
    }
}

/// A word that may have a number behind other letters: `tel:+13125550142`.
fn within(word: &str) -> String {
    match word.char_indices().skip(1).find_map(|(at, _)| number(&word[at..]).map(|number| (at, number))) {
        Some((at, number)) => format!("{}{}{}", &word[..at], short_number(number), within(&word[at + number.len()..])),
        None => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(mask(text), expected);
    }

    #[test]
    fn numbers_and_addresses_lose_their_middle() {
        check("+13125550142", "+1312 *** 42");
        check("(312) 555-0142", "312 *** 42");
        check("call +1 312 555 0142 after 17:30", "call +1312 *** 42 after 17:30");
        check("tel:+13125550142", "tel:+1312 *** 42");
        check("nora.whitfield@mail.acme.example", "n***@***.example");
        check("write to nora@acme.example, please", "write to n***@***.example, please");
        check("Nora Whitfield, room 12", "Nora Whitfield, room 12");
        check("312\u{a0}555\u{a0}0142", "312 *** 42");
        check("312–555–0142", "312 *** 42");
        check("", "");
        check("ü@ü", "ü***@***");
    }
}
