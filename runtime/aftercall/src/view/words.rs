//! Small words that every view uses: colours, values on one line, columns.

use anstyle::{AnsiColor, Style};
use serde_json::Value;

pub(super) fn styled(text: &str, style: Style) -> String {
    format!("{style}{text}{style:#}")
}

pub(super) fn bold(text: &str) -> String {
    styled(text, Style::new().bold())
}

pub(super) fn dim(text: &str) -> String {
    styled(text, Style::new().dimmed())
}

pub(super) fn green(text: &str) -> String {
    styled(text, AnsiColor::Green.on_default())
}

pub(super) fn yellow(text: &str) -> String {
    styled(text, AnsiColor::Yellow.on_default())
}

pub(super) fn red(text: &str) -> String {
    styled(text, AnsiColor::Red.on_default())
}

/// A word for a status, in its colour.
pub(super) fn status(word: &str) -> String {
    match word {
        "landed" | "applied" | "matched" | "answered" => green(word),
        "waiting" | "review" | "partial" | "ambiguous" | "held" | "unknown" | "intent" | "blocked" => yellow(word),
        "dead" | "rejected" => red(word),
        other => other.to_owned(),
    }
}

/// A value on one line, cut to `width` characters.
pub(super) fn value(value: &Value, width: usize) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    // What a caller said must not move a terminal's cursor.
    let text: String = text
        .chars()
        .map(|c| match c {
            '\n' => '⏎',
            c if c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c) || ('\u{2066}'..='\u{2069}').contains(&c) => ' ',
            c => c,
        })
        .collect();
    cut(&text, width)
}

pub(crate) fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// Text filled up with spaces to `width` characters.
pub(super) fn pad(text: &str, width: usize) -> String {
    let length = text.chars().count();
    format!("{text}{}", " ".repeat(width.saturating_sub(length)))
}

/// `1 write`, `2 writes`.
pub(super) fn many(n: usize, one: &str) -> String {
    format!("{n} {one}{}", if n == 1 { "" } else { "s" })
}
