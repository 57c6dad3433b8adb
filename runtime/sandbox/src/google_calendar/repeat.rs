//! Repeating events: when the instances of an RRULE begin.
//!
//! Covers FREQ DAILY, WEEKLY, MONTHLY and YEARLY with INTERVAL, COUNT, UNTIL and (weekly) BYDAY, and
//! EXDATE. Other parts of RFC 5545 are read over. Instances keep their wall-clock time.

use jiff::{Span, Timestamp, ToSpan as _, civil, tz::TimeZone};

use super::event::{Event, When};

/// No series is followed further than this many instances.
const MOST: usize = 2_000;

/// The instances of an event that begin before `before`; a single event is its own only instance.
///
/// `zone` is the calendar's.
pub(super) fn instances(event: &Event, zone: &TimeZone, before: Option<Timestamp>) -> Vec<Event> {
    let lines = event.recurrence();
    let Some(rule) = lines.iter().find_map(|line| line.strip_prefix("RRULE:")).map(Rule::parse) else {
        return vec![event.clone()];
    };
    let own = match &event.start {
        When::Time(_, Some(name)) => TimeZone::get(name).unwrap_or_else(|_| zone.clone()),
        _ => zone.clone(),
    };
    let first = match &event.start {
        When::Day(day) => day.to_datetime(civil::Time::midnight()),
        When::Time(at, _) => at.to_zoned(own.clone()).datetime(),
    };
    let length = event.end.instant(zone).duration_since(event.start.instant(zone));
    let except = lines.iter().filter(|line| line.starts_with("EXDATE")).filter_map(|line| line.rsplit(':').next());
    let except: Vec<&str> = except.flat_map(|list| list.split(',')).collect();
    let mut out = Vec::new();
    let mut counted = 0;
    'series: for step in 0..MOST {
        for at in rule.step(first, i64::try_from(step).unwrap_or(i64::MAX)) {
            if at < first {
                continue;
            }
            let Ok(instant) = own.to_timestamp(at) else { continue };
            counted += 1;
            // UNTIL is a day or an instant; its length tells which.
            let past = rule.until.as_deref().is_some_and(|until| {
                let reached = if until.len() == 8 { day(at) } else { compact(instant) };
                reached.as_str() > until
            });
            let enough = rule.count.is_some_and(|count| counted > count) || out.len() >= MOST;
            if past || enough || before.is_some_and(|before| instant >= before) {
                break 'series;
            }
            let name = match &event.start {
                When::Day(_) => day(at),
                When::Time(..) => compact(instant),
            };
            if except.iter().any(|text| *text == name || *text == compact_local(at)) {
                continue;
            }
            out.push(instance(event, &name, at, instant, length));
        }
    }
    out
}

/// One instance; its id is that of the series with the start behind it.
fn instance(event: &Event, name: &str, at: civil::DateTime, instant: Timestamp, length: jiff::SignedDuration) -> Event {
    let mut one = event.clone();
    one.id = format!("{}_{name}", event.id);
    one.fields.remove("recurrence");
    match (&event.start, &event.end) {
        (When::Day(from), When::Day(to)) => {
            let days = Span::new().days(from.until(*to).map_or(1, |span| span.get_days()));
            one.start = When::Day(at.date());
            one.end = When::Day(at.date().saturating_add(days));
        }
        (When::Time(_, from), When::Time(_, to)) => {
            one.start = When::Time(instant, from.clone());
            one.end = When::Time(instant.saturating_add(length).unwrap_or(instant), to.clone());
        }
        _ => {}
    }
    one.instance_of = Some((event.id.clone(), one.start.clone()));
    one
}

fn compact(instant: Timestamp) -> String {
    instant.strftime("%Y%m%dT%H%M%SZ").to_string()
}

fn compact_local(at: civil::DateTime) -> String {
    at.strftime("%Y%m%dT%H%M%S").to_string()
}

fn day(at: civil::DateTime) -> String {
    at.strftime("%Y%m%d").to_string()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Frequency {
    Daily,
    Weekly,
    Monthly,
    Yearly,
}

#[derive(Debug)]
struct Rule {
    frequency: Frequency,
    interval: i64,
    count: Option<usize>,
    until: Option<String>,
    days: Vec<civil::Weekday>,
}

impl Rule {
    fn parse(text: &str) -> Self {
        let part =
            |name: &str| text.split(';').filter_map(|part| part.split_once('=')).find(|(key, _)| *key == name).map(|(_, value)| value);
        let frequency = match part("FREQ") {
            Some("WEEKLY") => Frequency::Weekly,
            Some("MONTHLY") => Frequency::Monthly,
            Some("YEARLY") => Frequency::Yearly,
            _ => Frequency::Daily,
        };
        let listed = part("BYDAY").into_iter().flat_map(|list| list.split(','));
        let mut days: Vec<civil::Weekday> = listed.filter_map(weekday).collect();
        days.sort_by_key(|day| day.to_monday_zero_offset());
        Self {
            frequency,
            interval: part("INTERVAL").and_then(|text| text.parse().ok()).filter(|n| *n > 0).unwrap_or(1),
            count: part("COUNT").and_then(|text| text.parse().ok()),
            until: part("UNTIL").map(str::to_owned),
            days,
        }
    }

    /// The starts of one step of the series, in order; a month without the day has none.
    fn step(&self, first: civil::DateTime, step: i64) -> Vec<civil::DateTime> {
        let by = step.saturating_mul(self.interval);
        let plain = |span: Span| first.checked_add(span).ok().into_iter().collect::<Vec<_>>();
        match self.frequency {
            Frequency::Daily => plain(by.days()),
            Frequency::Weekly if self.days.is_empty() => plain(by.weeks()),
            Frequency::Weekly => {
                let back = i64::from(first.date().weekday().to_monday_zero_offset());
                let Ok(monday) = first.checked_add(by.weeks()).and_then(|at| at.checked_sub(back.days())) else {
                    return Vec::new();
                };
                let at = |day: &civil::Weekday| monday.checked_add(i64::from(day.to_monday_zero_offset()).days()).ok();
                self.days.iter().filter_map(at).collect()
            }
            Frequency::Monthly | Frequency::Yearly => {
                let span = if self.frequency == Frequency::Monthly { by.months() } else { by.years() };
                plain(span).into_iter().filter(|at| at.day() == first.day()).collect()
            }
        }
    }
}

fn weekday(text: &str) -> Option<civil::Weekday> {
    Some(match text {
        "MO" => civil::Weekday::Monday,
        "TU" => civil::Weekday::Tuesday,
        "WE" => civil::Weekday::Wednesday,
        "TH" => civil::Weekday::Thursday,
        "FR" => civil::Weekday::Friday,
        "SA" => civil::Weekday::Saturday,
        "SU" => civil::Weekday::Sunday,
        _ => return None,
    })
}
