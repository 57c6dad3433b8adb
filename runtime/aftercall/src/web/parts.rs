//! Small things that every page shows: a status, a time, a link to a record.

use aftercall_config::functions::percent_encode;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use maud::{Markup, html};

/// A status or a state, as a shape and a word. The word is what counts.
pub(super) fn state(word: &str) -> Markup {
    marked(word, &word.replace('_', " "))
}

/// Words of their own under the mark of a status.
pub(super) fn marked(like: &str, words: &str) -> Markup {
    let (shape, tone) = match like {
        "landed" | "applied" | "matched" | "resolved" | "same" => ("●", "good"),
        "partial" | "unknown" | "ambiguous" => ("◐", "care"),
        "waiting" | "planned" | "intent" | "blocked" => ("○", "calm"),
        "review" | "held" | "conflict" => ("◆", "care"),
        "dead" | "rejected" | "refused" => ("✕", "bad"),
        "new" => ("+", "calm"),
        "no_identity" => ("?", "calm"),
        _ => ("–", "calm"),
    };
    html! { span class={ "state " (tone) } { span aria-hidden="true" { (shape) } " " (words) } }
}

/// A moment in the project's zone, with its whole form for whoever asks.
pub(super) fn time(at: Timestamp, zone: &TimeZone, with_day: bool) -> Markup {
    let zoned = at.to_zoned(zone.clone());
    let shown = zoned.strftime(if with_day { "%Y-%m-%d %H:%M:%S" } else { "%H:%M:%S" }).to_string();
    html! { time datetime=(at.to_string()) title=(zoned.strftime("%Y-%m-%d %H:%M:%S %Z").to_string()) { (shown) } }
}

/// A link to something outside, where its address is one that a browser fetches; its text otherwise.
pub(super) fn outside(url: Option<&str>, text: &str) -> Markup {
    match url.filter(|url| url.starts_with("https://") || url.starts_with("http://")) {
        Some(url) => html! { a href=(url) target="_blank" rel="noopener noreferrer" { (text) } },
        None => html! { (text) },
    }
}

/// Where a call's page is.
pub(super) fn call_address(id: &str) -> String {
    format!("/calls/{}", percent_encode(id))
}

/// Text without characters that move what stands beside it.
pub(super) fn plain(text: &str) -> String {
    text.chars().filter(|c| !matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') && (!c.is_control() || *c == '\n')).collect()
}

/// `1 call`, `2 calls`, with thousands apart.
pub(super) fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
