//! What is wrong with a file that is not TOML, in words for people who have never seen the grammar.
//!
//! The parser goes on after a fault and reports what follows from it, too; here one slip is one finding. Not for meaning.

mod fault;
mod state;

use std::collections::BTreeSet;

use toml::de::DeTable;

use self::fault::Fault;
use self::state::State;
use crate::finding::{Code, Finding, Place};

/// Findings of one file at most. A file that is no TOML at all has as many as it has lines, and the first few say it.
const MOST: usize = 12;

/// What is wrong with the text of a file: one finding for each slip, at its cause. Empty when it is TOML.
///
/// The first fault is told and its lines are blanked, and the rest is parsed anew: what followed from the fault is gone then, and what
/// the parser could not see behind it comes to light.
pub(crate) fn findings(file: &str, text: &str) -> Vec<Finding> {
    let mut left = text.to_owned();
    let mut out = Vec::new();
    // Headers that stand twice: said once.
    let mut twice: BTreeSet<String> = BTreeSet::new();
    while out.len() < MOST {
        let (_, errors) = DeTable::parse_recoverable(&left);
        let Some(error) = errors.iter().min_by_key(|error| error.span().map_or(0, |span| span.start)) else { break };
        let span = error.span().unwrap_or(0..0);
        let start = boundary(&left, span.start);
        let fault = Fault { file, text: &left, span: start..boundary(&left, span.end).max(start), state: State::at(&left, start) };
        let line = fault.line();
        let (message, at, help) = fault.words(error.message());
        // Help often repeats the line; one that may hold a secret is not repeated.
        let help = help.filter(|help| !sensitive(file, &left[line.clone()]) || help.contains("env:") || !help.starts_with("write `"));
        let again = error.message().starts_with("duplicate key") && fault.header().is_some_and(|header| !twice.insert(header.to_owned()));
        if !again {
            let mut finding = Finding::new(Code::Syntax, message, Place::span(file, at.clone()));
            finding.help = help;
            out.push(finding);
        }
        let spoilt = fault.spoilt(error.message(), &at);
        if fault.ends_all() || left[spoilt.clone()].trim().is_empty() {
            break;
        }
        let blank: String =
            left[spoilt.clone()].chars().map(|c| if matches!(c, '\n' | '\r') { c.to_string() } else { " ".repeat(c.len_utf8()) }).collect();
        left.replace_range(spoilt, &blank);
    }
    out
}

/// Whether a line looks like `key = value` or `[header]`.
fn begins_anew(line: &str) -> bool {
    let line = line.trim_start();
    let key = |key: &str| !key.trim().is_empty() && key.chars().all(|c| c.is_alphanumeric() || " _-.\"'".contains(c));
    line.starts_with('[') || line.split_once('=').is_some_and(|(before, _)| key(before))
}

fn boundary(text: &str, mut at: usize) -> usize {
    at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Whether a line may hold a secret, which is then shown nowhere: only the project file has any, under names like these.
pub(crate) fn sensitive(file: &str, line: &str) -> bool {
    let name = line.to_lowercase();
    file == "aftercall.toml"
        && ["auth", "secret", "token", "password", "api_key", "client_id", "username"].iter().any(|word| name.contains(word))
}
