//! An alert's `when`: a measure, of what, a comparison, a quantity, and of how long ago. Read word by word, so that each mistake has its span.
//!
//! Not the language of pipelines' conditions: there is nothing to compute here, and every measure has a unit of its own.

use std::ops::Range;
use std::time::Duration;

use crate::finding::{Code, Finding, Place};
use crate::resolve::duration;
use crate::upkeep::{AlertOp, AlertWhen, Measure};

/// What a measure is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Count,
    Share,
    Time,
}

/// Whether a measure looks back over a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Within {
    Must,
    May,
    Not,
}

/// Whose a measure can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    Connection,
    Source,
    Nobody,
}

struct Known {
    name: &'static str,
    measure: Measure,
    unit: Unit,
    within: Within,
    of: Of,
    example: &'static str,
}

const fn known(name: &'static str, measure: Measure, unit: Unit, within: Within, of: Of, example: &'static str) -> Known {
    Known { name, measure, unit, within, of, example }
}

const MEASURES: &[Known] = &[
    known("dead_letters", Measure::DeadLetters, Unit::Count, Within::May, Of::Nobody, "dead_letters >= 5 within 10m"),
    known("backlog", Measure::Backlog, Unit::Count, Within::Not, Of::Nobody, "backlog >= 100"),
    known("backlog_age", Measure::BacklogAge, Unit::Time, Within::Not, Of::Nobody, "backlog_age > 15m"),
    known("reviews", Measure::Reviews, Unit::Count, Within::Not, Of::Nobody, "reviews >= 10"),
    known("unrecognised", Measure::Unrecognised, Unit::Count, Within::May, Of::Nobody, "unrecognised >= 1 within 1h"),
    known("never_delivered", Measure::NeverDelivered, Unit::Count, Within::Must, Of::Source, "never_delivered >= 1 within 1h"),
    known("error_share", Measure::ErrorShare, Unit::Share, Within::Must, Of::Connection, "error_share > 20% within 15m"),
    known("budget_left", Measure::BudgetLeft, Unit::Share, Within::Not, Of::Connection, "budget_left < 10%"),
    known("circuit_open", Measure::CircuitOpen, Unit::Time, Within::Not, Of::Connection, "circuit_open > 2m"),
    known("reload_refused", Measure::ReloadRefused, Unit::Time, Within::Not, Of::Nobody, "reload_refused > 1m"),
];

/// What happens is remembered for so long.
const LONGEST: Duration = Duration::from_hours(24);

/// Names that `of` may give.
pub(super) struct Names<'a> {
    pub(super) connections: Vec<&'a str>,
    pub(super) sources: Vec<&'a str>,
}

/// A word of the text and where it stands.
#[derive(Clone, Debug)]
struct Word<'a> {
    text: &'a str,
    span: Range<usize>,
}

/// Words, comparisons and quantities, however they are spaced.
fn words(source: &str) -> Vec<Word<'_>> {
    let kind = |c: char| match c {
        '<' | '>' | '=' | '!' => 1,
        c if c.is_whitespace() => 0,
        _ => 2,
    };
    let mut words = Vec::new();
    let mut begun: Option<(usize, u8)> = None;
    for (at, c) in source.char_indices().chain([(source.len(), ' ')]) {
        let now = kind(c);
        if let Some((from, was)) = begun
            && was != now
        {
            words.push(Word { text: &source[from..at], span: from..at });
            begun = None;
        }
        if begun.is_none() && now != 0 {
            begun = Some((at, now));
        }
    }
    words
}

/// Reads one; `None` where there is a finding.
pub(super) fn read(source: &str, place: &Place, names: &Names<'_>, findings: &mut Vec<Finding>) -> Option<AlertWhen> {
    let words = words(source);
    let mut reader = Reader { words: &words, at: 0, end: source.len(), place, findings };
    let when = reader.whole(source, names)?;
    Some(when)
}

struct Reader<'a> {
    words: &'a [Word<'a>],
    at: usize,
    end: usize,
    place: &'a Place,
    findings: &'a mut Vec<Finding>,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<Word<'a>> {
        let word = self.words.get(self.at).cloned();
        self.at += usize::from(word.is_some());
        word
    }

    fn finding(&self, code: Code, message: impl Into<String>, span: Range<usize>) -> Finding {
        Finding::new(code, message, self.place.clone().part(span))
    }

    /// Ends with a finding.
    fn fault<T>(&mut self, code: Code, message: impl Into<String>, span: Option<Range<usize>>, help: impl Into<String>) -> Option<T> {
        let span = span.unwrap_or(self.end..self.end);
        let finding = self.finding(code, message, span).help(help);
        self.findings.push(finding);
        None
    }

    fn whole(&mut self, source: &str, names: &Names<'_>) -> Option<AlertWhen> {
        let Some(first) = self.next() else {
            return self.fault(
                Code::AlertSyntax,
                "this says nothing",
                None,
                "write a measure and a quantity: dead_letters >= 5 within 10m",
            );
        };
        let Some(known) = MEASURES.iter().find(|known| known.name == first.text) else {
            let message = format!("there is no measure `{}`", first.text);
            let finding = self.finding(Code::AlertMeasure, message, first.span);
            self.findings.push(finding.suggest(first.text, MEASURES.iter().map(|known| known.name)));
            return None;
        };
        let of = self.of(known, names)?;
        let (op, at) = self.comparison(known)?;
        let than = self.quantity(known, op, at)?;
        let within = self.within(known)?;
        if let Some(word) = self.next() {
            let help = format!("one measure is one alert; this one is read up to here: {}", &source[..word.span.start].trim_end());
            return self.fault(Code::AlertSyntax, "an alert's condition should end here", Some(word.span.start..self.end), help);
        }
        Some(AlertWhen { source: source.to_owned(), measure: known.measure, of, op, than, within })
    }

    fn of(&mut self, known: &Known, names: &Names<'_>) -> Option<Option<String>> {
        if self.words.get(self.at).is_none_or(|word| word.text != "of") {
            return Some(None);
        }
        let word = self.next();
        let (names, what) = match known.of {
            Of::Connection => (&names.connections, "connection"),
            Of::Source => (&names.sources, "source"),
            Of::Nobody => {
                let message = format!("`{}` is of the whole service", known.name);
                return self.fault(Code::AlertSyntax, message, word.map(|word| word.span), format!("write: {}", known.example));
            }
        };
        let Some(name) = self.next() else {
            return self.fault(Code::AlertSyntax, format!("the name of a {what} is missing"), None, format!("write `of` and a {what}"));
        };
        if !names.contains(&name.text) {
            let finding = self.finding(Code::AlertMeasure, format!("there is no {what} `{}`", name.text), name.span);
            self.findings.push(finding.suggest(name.text, names.iter().copied()));
            return None;
        }
        Some(Some(name.text.to_owned()))
    }

    fn comparison(&mut self, known: &Known) -> Option<(AlertOp, Range<usize>)> {
        let example = format!("write: {}", known.example);
        let Some(word) = self.next() else {
            return self.fault(Code::AlertSyntax, "a comparison is missing", None, example);
        };
        let op = match word.text {
            ">=" => AlertOp::AtLeast,
            ">" => AlertOp::Above,
            "<=" => AlertOp::AtMost,
            "<" => AlertOp::Below,
            "=" | "==" | "!=" => {
                let message = format!("`{}` would come and go from one moment to the next", word.text);
                return self.fault(Code::AlertSyntax, message, Some(word.span), example);
            }
            _ => return self.fault(Code::AlertSyntax, format!("`{}` is no comparison", word.text), Some(word.span), example),
        };
        // What is good when it is high is watched for being low, and the other way round: anything else would tell that all is well.
        let low = matches!(op, AlertOp::AtMost | AlertOp::Below);
        if low != (known.measure == Measure::BudgetLeft) {
            return self.fault(Code::AlertQuantity, "this holds while all is well", Some(word.span), example);
        }
        Some((op, word.span))
    }

    fn quantity(&mut self, known: &Known, op: AlertOp, at: Range<usize>) -> Option<f64> {
        let example = format!("write: {}", known.example);
        let Some(word) = self.next() else {
            return self.fault(Code::AlertSyntax, "a quantity is missing", None, example);
        };
        let (value, most, what) = match known.unit {
            Unit::Count => (word.text.parse::<u32>().ok().map(f64::from), f64::from(u32::MAX), "a whole number"),
            Unit::Share => {
                let percent = word.text.strip_suffix('%').and_then(|number| number.parse::<f64>().ok()).filter(|n| n.is_finite());
                (percent.map(|percent| percent / 100.0), 1.0, "a share such as `20%`")
            }
            Unit::Time => (duration(word.text).map(|time| time.as_secs_f64()), f64::MAX, "a time such as `15m`"),
        };
        let Some(value) = value else {
            let message = format!("`{}` is {what}, and not `{}`", known.name, word.text);
            return self.fault(Code::AlertQuantity, message, Some(word.span), example);
        };
        let always =
            value < 0.0 || (value == 0.0 && op == AlertOp::AtLeast) || (known.unit == Unit::Share && value >= 1.0 && op == AlertOp::AtMost);
        let never =
            value > most || (known.unit == Unit::Share && value >= 1.0 && op == AlertOp::Above) || (value == 0.0 && op == AlertOp::Below);
        if always || never {
            let message = if always { "this always holds" } else { "this never holds" };
            return self.fault(Code::AlertQuantity, message, Some(at.start..word.span.end), example);
        }
        Some(value)
    }

    fn within(&mut self, known: &Known) -> Option<Option<Duration>> {
        let example = format!("write: {}", known.example);
        let Some(word) = self.words.get(self.at).cloned().filter(|word| word.text == "within") else {
            return match known.within {
                Within::Must => self.fault(Code::AlertSyntax, format!("`{}` is of a time, which is missing", known.name), None, example),
                _ => Some(None),
            };
        };
        self.at += 1;
        if known.within == Within::Not {
            return self.fault(Code::AlertSyntax, format!("`{}` is as it is now", known.name), Some(word.span), example);
        }
        let Some(time) = self.next() else {
            return self.fault(Code::AlertSyntax, "a time is missing", None, example);
        };
        match duration(time.text).and_then(|time| Duration::try_from(time).ok()) {
            Some(within) if within.is_zero() || within > LONGEST => {
                self.fault(Code::AlertQuantity, "an alert looks back over a day at most", Some(time.span), "write a time up to `24h`")
            }
            Some(within) => Some(Some(within)),
            None => self.fault(Code::AlertQuantity, format!("`{}` is no time", time.text), Some(time.span), example),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(source: &str) -> (Option<AlertWhen>, Vec<Finding>) {
        let names = Names { connections: vec!["crm", "calendar"], sources: vec!["phone"] };
        let mut findings = Vec::new();
        let when = read(source, &Place::file("aftercall.toml"), &names, &mut findings);
        (when, findings)
    }

    #[test]
    fn every_example_is_read() {
        for known in MEASURES {
            let (when, findings) = reading(known.example);
            assert_eq!(when.map(|when| when.measure), Some(known.measure), "{findings:?}");
        }
    }

    #[test]
    fn spacing_does_not_matter() {
        let (when, _) = reading("  error_share of crm>20%   within 15m ");
        let when = when.expect("it is read");
        assert_eq!((when.of.as_deref(), when.than, when.within), (Some("crm"), 0.2, Some(Duration::from_secs(900))));
        assert!(when.holds(0.21) && !when.holds(0.2));
    }

    #[test]
    fn no_text_is_too_much_for_it() {
        for source in
            ["", ">", "dead_letters", "dead_letters of", "dead_letters >= ü", "error_share > 1e999% within 1m", "a b c d e f", "🦀 > 1"]
        {
            let (when, findings) = reading(source);
            assert!(when.is_none() && findings.len() == 1, "{source}: {findings:?}");
        }
    }
}
