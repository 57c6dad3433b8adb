//! By when: due dates in the project's zone, counted in time of the clock or in hours in which somebody is there.

use aftercall_config::functions::{text, timestamp};
use aftercall_config::project::{BusinessHours, Due};
use aftercall_config::template::Scope;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp, Zoned};

/// How far ahead an open day is searched. A project whose holidays fill ten years has no business hours at all.
const DAYS: usize = 3660;

/// When something is due that was planned at `now`, or `None` where a template names no time or nobody is ever there.
///
/// Shape: the answer is in `zone`. Of a template, a time without offset is meant in `zone`, and a date alone means the
/// end of that day's business.
pub fn due(due: &Due, scope: &Scope, hours: &BusinessHours, zone: &TimeZone, now: Timestamp) -> Option<Zoned> {
    let local = now.to_zoned(zone.clone());
    match due {
        Due::In(wait) => local.checked_add(*wait).ok(),
        Due::InDays(days) => local.checked_add(Span::new().try_days(*days).ok()?).ok(),
        Due::InBusiness(wait) => in_business(&local, *wait, hours),
        Due::NextBusinessDay(at) => next_business_day(&local, *at, hours),
        Due::At(template) => {
            let value = template.eval(scope)?;
            if let Ok(date) = text(&value).trim().parse::<Date>()
                && text(&value).trim().len() == 10
            {
                return date.to_datetime(hours.to).to_zoned(zone.clone()).ok();
            }
            match timestamp(&value) {
                Some(time) => Some(time.to_zoned(zone.clone())),
                None => text(&value).trim().parse::<DateTime>().ok()?.to_zoned(zone.clone()).ok(),
            }
        }
    }
}

/// Whether somebody is there on this day.
pub fn is_open(day: Date, hours: &BusinessHours) -> bool {
    hours.days.contains(&day.weekday()) && !hours.holidays.contains(&day)
}

/// So much time later, counting only hours in which somebody is there.
///
/// Shape: an answer at closing time is that of the same day. Time of the clock passes: where a zone changes within
/// business hours, an hour is still an hour.
pub fn in_business(from: &Zoned, wait: SignedDuration, hours: &BusinessHours) -> Option<Zoned> {
    let zone = from.time_zone();
    let mut left = wait.max(SignedDuration::ZERO);
    let mut day = from.date();
    let mut here = from.timestamp();
    for _ in 0..DAYS {
        if is_open(day, hours) {
            let opens = day.to_datetime(hours.from).to_zoned(zone.clone()).ok()?.timestamp();
            let closes = day.to_datetime(hours.to).to_zoned(zone.clone()).ok()?.timestamp();
            here = here.max(opens);
            if here < closes {
                let rest = closes.duration_since(here);
                if left <= rest {
                    return here.checked_add(left).ok().map(|due| due.to_zoned(zone.clone()));
                }
                left -= rest;
            }
        }
        day = day.tomorrow().ok()?;
    }
    None
}

/// The next day after `from` on which somebody is there, at this time.
pub fn next_business_day(from: &Zoned, at: Time, hours: &BusinessHours) -> Option<Zoned> {
    let mut day = from.date();
    for _ in 0..DAYS {
        day = day.tomorrow().ok()?;
        if is_open(day, hours) {
            return day.to_datetime(at).to_zoned(from.time_zone().clone()).ok();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use aftercall_config::template::Template;
    use jiff::civil::{Weekday, date, time};
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn hours() -> BusinessHours {
        BusinessHours {
            days: vec![Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday, Weekday::Friday],
            from: time(8, 0, 0, 0),
            to: time(17, 0, 0, 0),
            holidays: vec![date(2026, 11, 26), date(2026, 12, 25)],
        }
    }

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap_or(TimeZone::UTC)
    }

    #[track_caller]
    fn check(wanted: Due, now: &str, expected: &str) {
        let now: Timestamp = now.parse().unwrap_or_default();
        let due = due(&wanted, &Scope::new(json!({})), &hours(), &zone("America/Chicago"), now);
        assert_eq!(due.map(|due| due.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()).unwrap_or_default(), expected);
    }

    fn h(hours: i64) -> SignedDuration {
        SignedDuration::from_hours(hours)
    }

    #[test]
    fn the_clock() {
        check(Due::In(SignedDuration::from_mins(30)), "2026-11-24T22:45:00Z", "2026-11-24T17:15:00-06:00");
        // Over the end of summer time, the same time of day.
        check(Due::InDays(2), "2026-10-31T15:00:00Z", "2026-11-02T10:00:00-06:00");
        check(Due::In(h(48)), "2026-10-31T15:00:00Z", "2026-11-02T09:00:00-06:00");
    }

    #[test]
    fn business_hours() {
        // Tuesday at ten.
        check(Due::InBusiness(h(4)), "2026-11-24T16:00:00Z", "2026-11-24T14:00:00-06:00");
        // Exactly closing time is the same day's.
        check(Due::InBusiness(h(4)), "2026-11-24T19:00:00Z", "2026-11-24T17:00:00-06:00");
        // One hour is left today.
        check(Due::InBusiness(h(4)), "2026-11-24T22:00:00Z", "2026-11-25T11:00:00-06:00");
        // Before opening, after closing.
        check(Due::InBusiness(h(1)), "2026-11-24T11:00:00Z", "2026-11-24T09:00:00-06:00");
        check(Due::InBusiness(h(1)), "2026-11-24T23:30:00Z", "2026-11-25T09:00:00-06:00");
        // Over a holiday, and over a weekend.
        check(Due::InBusiness(h(2)), "2026-11-25T22:30:00Z", "2026-11-27T09:30:00-06:00");
        check(Due::InBusiness(h(2)), "2026-11-27T22:30:00Z", "2026-11-30T09:30:00-06:00");
        check(Due::InBusiness(SignedDuration::from_mins(90)), "2026-11-28T18:00:00Z", "2026-11-30T09:30:00-06:00");
        // Over the beginning of summer time: Friday to Monday.
        check(Due::InBusiness(h(2)), "2027-03-12T22:30:00Z", "2027-03-15T09:30:00-05:00");
        // Several days.
        check(Due::InBusiness(h(20)), "2026-11-23T14:00:00Z", "2026-11-25T10:00:00-06:00");
        check(Due::InBusiness(h(0)), "2026-11-24T23:00:00Z", "2026-11-25T08:00:00-06:00");
    }

    #[test]
    fn business_days() {
        check(Due::NextBusinessDay(time(10, 0, 0, 0)), "2026-11-24T16:00:00Z", "2026-11-25T10:00:00-06:00");
        check(Due::NextBusinessDay(time(10, 0, 0, 0)), "2026-11-25T16:00:00Z", "2026-11-27T10:00:00-06:00");
        check(Due::NextBusinessDay(time(10, 0, 0, 0)), "2026-11-28T02:00:00Z", "2026-11-30T10:00:00-06:00");
    }

    #[test]
    fn templates() {
        let at = |value| Due::At(Template::fixed(value));
        check(at(json!("2026-11-24T15:00:00Z")), "2026-11-24T00:00:00Z", "2026-11-24T09:00:00-06:00");
        check(at(json!("2026-11-24T15:00:00")), "2026-11-24T00:00:00Z", "2026-11-24T15:00:00-06:00");
        check(at(json!("2026-11-24")), "2026-11-24T00:00:00Z", "2026-11-24T17:00:00-06:00");
        check(at(json!("soon")), "2026-11-24T00:00:00Z", "");
    }

    #[test]
    fn nobody_is_ever_there() {
        let hours = BusinessHours { days: Vec::new(), ..hours() };
        let now = Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
        assert_eq!(in_business(&now, h(1), &hours), None);
        assert_eq!(next_business_day(&now, hours.from, &hours), None);
    }

    proptest! {
        /// Whenever it is planned, it is due while somebody is there, and exactly so much business time later.
        #[test]
        fn always_inside(second in 1_700_000_000_i64..1_900_000_000, minutes in 0_i64..6000, place in 0..4_usize) {
            let zone = zone(["America/Chicago", "Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns"][place]);
            let now = Timestamp::from_second(second).unwrap_or_default().to_zoned(zone.clone());
            let hours = hours();
            let Some(due) = in_business(&now, SignedDuration::from_mins(minutes), &hours) else { return Err(TestCaseError::fail("no due date")) };
            prop_assert!(is_open(due.date(), &hours));
            prop_assert!(due.time() >= hours.from && due.time() <= hours.to);
            prop_assert!(due.timestamp() >= now.timestamp());
            let mut open = SignedDuration::ZERO;
            let mut day = now.date();
            while day <= due.date() {
                if is_open(day, &hours) {
                    let at = |time| day.to_datetime(time).to_zoned(zone.clone()).map(|z| z.timestamp()).unwrap_or_default();
                    let (from, to) = (at(hours.from).max(now.timestamp()), at(hours.to).min(due.timestamp()));
                    open += to.duration_since(from).max(SignedDuration::ZERO);
                }
                day = day.tomorrow().unwrap_or(day);
            }
            prop_assert_eq!(open, SignedDuration::from_mins(minutes));
        }
    }
}
