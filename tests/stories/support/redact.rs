//! What differs from run to run, replaced at fixed width: addresses, times around now, config versions, folders.
//!
//! Not for ids of calls and records: a story chooses those, or the stand-in counts them.

use std::path::Path;

/// Replaces what differs from run to run.
pub(crate) fn redacted(text: &str, root: &Path) -> String {
    let text = text.replace(&root.display().to_string(), "PROJECT");
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(first) = rest.chars().next() {
        // A pattern begins only where a word does, so that no id is taken for a time.
        let begins = out.chars().next_back().is_none_or(|before| !before.is_alphanumeric());
        match RULES.iter().filter(|_| begins).find_map(|rule| rule(rest)) {
            Some((length, word)) => {
                out.push_str(word);
                rest = &rest[length..];
            }
            None => {
                out.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    out
}

type Rule = fn(&str) -> Option<(usize, &'static str)>;

const RULES: &[Rule] = &[
    |text| Some((shape(text, "127.0.0.1:")? + digits(&text["127.0.0.1:".len()..])?, "127.0.0.1:PORT")),
    |text| Some((shape(text, "config version ")? + hex(&text["config version ".len()..])?, "config version VVVVVVVVVVVVVVVV")),
    |text| Some((shape(text, "\"config\": \"")? + hex(&text["\"config\": \"".len()..])?, "\"config\": \"VVVVVVVVVVVVVVVV")),
    // 2026-11-24T15:00:27.123456789Z, 2026-11-24T09:00:27-06:00, 11-24 15:00:27Z, 11-24 15:00:27.123Z
    |text| {
        let end = shape(text, "0000-00-00T00:00:00")?;
        let end = end + text[end..].chars().take_while(|c| c.is_ascii_digit() || *c == '.').count();
        let zone =
            if text[end..].starts_with('Z') { 1 } else { shape(&text[end..], "-00:00").or_else(|| shape(&text[end..], "+00:00"))? };
        Some((end + zone, "YYYY-MM-DDThh:mm:ssZ"))
    },
    |text| {
        let end = shape(text, "00-00 00:00:00")?;
        let end = end + text[end..].chars().take_while(|c| c.is_ascii_digit() || *c == '.').count();
        text[end..].starts_with('Z').then_some((end + 1, "MM-DD hh:mm:ssZ"))
    },
    |text| Some((shape(text, "Aaa 0000-00-00 00:00")?, "DDD YYYY-MM-DD hh:mm")),
    |text| Some((shape(text, "0000-00-00")?, "YYYY-MM-DD")),
];

/// The length of the pattern where the text begins with it: `0` is any digit, `A` and `a` any letter of that case.
fn shape(text: &str, pattern: &str) -> Option<usize> {
    let bytes = text.as_bytes().get(..pattern.len())?;
    let fits = bytes.iter().zip(pattern.bytes()).all(|(byte, wanted)| match wanted {
        b'0' if pattern.contains("00") => byte.is_ascii_digit(),
        b'A' => byte.is_ascii_uppercase(),
        b'a' if pattern.starts_with("Aaa") => byte.is_ascii_lowercase(),
        wanted => *byte == wanted,
    });
    fits.then_some(pattern.len())
}

fn digits(text: &str) -> Option<usize> {
    let length = text.bytes().take_while(u8::is_ascii_digit).count();
    (length > 0).then_some(length)
}

fn hex(text: &str) -> Option<usize> {
    let length = text.bytes().take_while(u8::is_ascii_hexdigit).count();
    (length == 16).then_some(length)
}

#[test]
fn replaces_only_what_differs() {
    let root = Path::new("/tmp/x");
    let check = |text: &str, expected: &str| assert_eq!(redacted(text, root), expected);
    check("at http://127.0.0.1:39001/a in /tmp/x/state", "at http://127.0.0.1:PORT/a in PROJECT/state");
    check("2026-11-24T15:00:27.12Z 2026-11-24T15:00:27-06:00", "YYYY-MM-DDThh:mm:ssZ YYYY-MM-DDThh:mm:ssZ");
    check("by Tue 2026-11-24 16:00, config version 0123456789abcdef", "by DDD YYYY-MM-DD hh:mm, config version VVVVVVVVVVVVVVVV");
    check("11-24 15:00:27.123Z c-2026-11 +15125550142 [::1]:8787", "MM-DD hh:mm:ssZ c-2026-11 +15125550142 [::1]:8787");
}
