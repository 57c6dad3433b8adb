//! What of the call log is asked for, as it stands in an address: understood once, for the page, the exports and the API.

use aftercall_config::functions::percent_encode;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use crate::journal::{CallSeq, CallStatus, LogFilter, LogKind};

/// What may be asked by.
const PARAMETERS: [&str; 11] = ["day", "from", "to", "q", "status", "source", "pipeline", "connection", "decision", "after", "limit"];
/// What a match decision may be.
pub(super) const DECISIONS: [&str; 4] = ["matched", "new", "ambiguous", "no_identity"];
/// Calls on a page.
const PAGE: usize = 50;
/// The most calls of one answer.
pub(super) const MOST: usize = 500;

/// What is asked for, as it was written and as it was understood.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// The day or moment that it begins with, as written; empty for no bound.
    pub(super) from: String,
    /// The day or moment that it ends with, as written; a day is included.
    pub(super) to: String,
    /// The text.
    pub(super) q: String,
    /// The status, if it is one.
    pub(super) status: String,
    pub(super) source: String,
    pub(super) pipeline: String,
    pub(super) connection: String,
    pub(super) decision: String,
    /// What the journal is asked.
    pub(super) filter: LogFilter,
}

impl Asked {
    /// Understands the pairs of an address. `days` says which time is meant where none is named: that of the pages is yesterday.
    ///
    /// Errors: a sentence that says what may be written.
    pub(super) fn read(pairs: &[(String, String)], zone: &TimeZone, now: Timestamp, yesterday: bool) -> Result<Self, String> {
        if let Some((unknown, _)) = pairs.iter().find(|(name, _)| !PARAMETERS.contains(&name.as_str())) {
            return Err(format!("there is no parameter `{}`; there is: {}", short(unknown), PARAMETERS.join(", ")));
        }
        let given = |name: &str| pairs.iter().rev().find(|(n, _)| n == name).map(|(_, value)| value.trim().to_owned());
        let text = |name: &str| given(name).unwrap_or_default();
        let today = now.to_zoned(zone.clone()).date();
        let (mut from, mut to) = (given("from"), given("to"));
        let day = match given("day").as_deref() {
            Some("today") => Some(today.to_string()),
            Some("yesterday") => Some(before(today, 1)),
            Some("all" | "") => Some(String::new()),
            Some(day) => Some(day.to_owned()),
            None if from.is_none() && to.is_none() && yesterday => Some(before(today, 1)),
            None => None,
        };
        if let Some(day) = day {
            (from, to) = (Some(day.clone()), Some(day));
        }
        let (from, to) = (from.unwrap_or_default(), to.unwrap_or_default());
        let mut status = Vec::new();
        for (_, word) in pairs.iter().filter(|(name, value)| name == "status" && !value.is_empty()) {
            let names = || CallStatus::ALL.iter().map(|status| status.word()).collect::<Vec<_>>().join(", ");
            status.push(word.parse().map_err(|_| format!("there is no status `{}`; there is: {}", short(word), names()))?);
        }
        let decision = text("decision");
        if !decision.is_empty() && !DECISIONS.contains(&decision.as_str()) {
            return Err(format!("there is no decision `{}`; there is: {}", short(&decision), DECISIONS.join(", ")));
        }
        let after = match text("after") {
            word if word.is_empty() => None,
            word => Some(CallSeq(word.parse().map_err(|_| "`after` is the `next` of the page before, a number".to_owned())?)),
        };
        let limit = match text("limit") {
            word if word.is_empty() => PAGE,
            word => word.parse().ok().filter(|n| (1..=MOST).contains(n)).ok_or_else(|| format!("`limit` is a number from 1 to {MOST}"))?,
        };
        let (q, source, pipeline, connection) = (text("q"), text("source"), text("pipeline"), text("connection"));
        let some = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        let filter = LogFilter {
            of: LogKind {
                since: moment(&from, zone, false)?,
                until: moment(&to, zone, true)?,
                source: some(&source),
                pipeline: some(&pipeline),
                verdict: some(&decision),
            },
            connection: some(&connection),
            text: some(&q),
            whole_words: false,
            after,
            limit,
            with_outcome: true,
            status: status.clone(),
        };
        let status = if let [one] = status.as_slice() { one.word().to_owned() } else { String::new() };
        Ok(Self { from, to, q, status, source, pipeline, connection, decision, filter })
    }

    /// The address of the same on another page, with some things otherwise. What is empty is left out, but for the time.
    pub(super) fn address(&self, path: &str, changes: &[(&str, &str)]) -> String {
        let status: Vec<&str> = self.filter.status.iter().map(|status| status.word()).collect();
        let own = [
            ("from", self.from.as_str()),
            ("to", &self.to),
            ("q", &self.q),
            ("source", &self.source),
            ("pipeline", &self.pipeline),
            ("connection", &self.connection),
            ("decision", &self.decision),
        ];
        let kept = own.into_iter().chain(status.into_iter().map(|word| ("status", word)));
        let kept = kept.filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
        let pairs: Vec<String> = kept
            .chain(changes.iter().copied())
            .filter(|(name, value)| !value.is_empty() || ["from", "to"].contains(name))
            .map(|(name, value)| format!("{name}={}", percent_encode(value)))
            .collect();
        format!("{path}?{}", pairs.join("&"))
    }

    /// The address of the days that are asked for, for a page that knows no moments and no time without an end.
    pub(super) fn days(&self, path: &str) -> String {
        let day = |text: &str| text.parse::<Date>().is_ok().then(|| text.to_owned());
        match (day(&self.from), day(&self.to)) {
            (Some(from), Some(to)) => format!("{path}?from={from}&to={to}"),
            _ => path.to_owned(),
        }
    }

    /// Whether anything but the time is asked for.
    pub(super) fn is_narrow(&self) -> bool {
        let filter = &self.filter;
        let kind = LogKind { since: None, until: None, ..filter.of.clone() };
        !filter.status.is_empty() || filter.connection.is_some() || filter.text.is_some() || kind != LogKind::default()
    }
}

/// A day so many days before.
pub(super) fn before(day: Date, days: i32) -> String {
    day.checked_sub(days.days()).unwrap_or(day).to_string()
}

/// A day's beginning, or its end, in the zone; or the moment that is written. Errors: it is neither.
fn moment(text: &str, zone: &TimeZone, end: bool) -> Result<Option<Timestamp>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(Some(at));
    }
    let day: Date =
        text.parse().map_err(|_| format!("`{}` is no day and no moment; write 2026-11-27 or 2026-11-27T09:00:00Z", short(text)))?;
    let day = if end { day.tomorrow().unwrap_or(day) } else { day };
    day.to_zoned(zone.clone()).map(|at| Some(at.timestamp())).map_err(|_| format!("there is no day {}", short(text)))
}

/// A stranger's word, cut to what fits a sentence.
fn short(word: &str) -> String {
    word.chars().filter(|c| !c.is_control()).take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &[(&str, &str)]) -> Result<Asked, String> {
        let pairs: Vec<(String, String)> = query.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let zone = TimeZone::get("America/Chicago").expect("a zone");
        Asked::read(&pairs, &zone, "2026-11-28T03:00:00Z".parse().expect("a time"), true)
    }

    #[track_caller]
    fn time(query: &[(&str, &str)], since: Option<&str>, until: Option<&str>) {
        let of = read(query).expect("it is understood").filter.of;
        assert_eq!(
            (of.since.map(|at| at.to_string()).as_deref(), of.until.map(|at| at.to_string()).as_deref()),
            (since, until),
            "{query:?}"
        );
    }

    #[test]
    fn yesterday_is_the_projects() {
        // It is still the 27th in Chicago.
        time(&[], Some("2026-11-26T06:00:00Z"), Some("2026-11-27T06:00:00Z"));
        time(&[("day", "today")], Some("2026-11-27T06:00:00Z"), Some("2026-11-28T06:00:00Z"));
        time(&[("from", ""), ("to", "2026-11-02")], None, Some("2026-11-03T06:00:00Z"));
        time(&[("day", "2026-11-01")], Some("2026-11-01T05:00:00Z"), Some("2026-11-02T06:00:00Z"));
        time(&[("from", "2026-11-27T09:00:00Z"), ("to", "")], Some("2026-11-27T09:00:00Z"), None);
        time(&[("day", "all")], None, None);
    }

    #[test]
    fn what_cannot_be_understood_is_said() {
        for (query, said) in [
            (("status", "lost"), "there is no status `lost`; there is: waiting, landed"),
            (("decision", "maybe"), "there is: matched, new"),
            (("day", "tomorrow"), "`tomorrow` is no day"),
            (("after", "x"), "`after` is"),
            (("limit", "0"), "from 1 to 500"),
            (("sort", "name"), "there is no parameter `sort`"),
        ] {
            let error = read(&[query]).expect_err("it is refused");
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn an_address_keeps_what_is_asked() {
        let asked = read(&[("day", "2026-11-01"), ("q", "a&b <c>"), ("status", "dead")]).expect("it is understood");
        assert_eq!(
            asked.address("/calls", &[("after", "7")]),
            "/calls?from=2026-11-01&to=2026-11-01&q=a%26b%20%3Cc%3E&status=dead&after=7"
        );
        assert_eq!(asked.address("/calls", &[("status", ""), ("q", "")]), "/calls?from=2026-11-01&to=2026-11-01");
        assert!(asked.is_narrow() && !read(&[]).expect("it is understood").is_narrow());
    }
}
