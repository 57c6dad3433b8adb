//! How something went over time, drawn: lines and strips of bars as inline SVG, which take their colours from the sheet, with the same numbers as a table
//! for whoever does not see them. No script, and no letter within a picture, so that a phone may squeeze it.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use maud::{Markup, html};

use super::parts::{number, time};
use crate::meters::{Grain, Slot};

/// Width of a slot in a drawing; the height of a drawing is 100.
const WIDE: usize = 10;

/// Everything that is drawn of one connection. `id` tells it from others on the page.
pub(super) fn course(id: &str, slots: &[Slot], grain: Grain, now: Timestamp, zone: &TimeZone) -> Markup {
    let requests: u64 = slots.iter().map(|slot| slot.requests).sum();
    let mut classes: Vec<&'static str> = slots.iter().flat_map(|slot| slot.errors.keys().copied()).collect();
    classes.sort_unstable();
    classes.dedup();
    let of_class = |class: &str| -> Vec<u64> { slots.iter().map(|slot| slot.errors.get(class).copied().unwrap_or_default()).collect() };
    let at = |slot: &Slot| now.checked_sub(slot.ago).unwrap_or(now);
    let first = slots.first().map_or(now, at);
    html! {
        @if requests == 0 && classes.is_empty() { p.soft { "No request in this time." } }
        @else {
            div.plots {
                (latency(id, slots))
                figure.plot {
                    figcaption { "Requests, and errors by class" @if classes.is_empty() { ": none" } }
                    (strip("requests", &slots.iter().map(|slot| slot.requests).collect::<Vec<_>>(), false))
                    @for class in &classes { (strip(&class.replace('_', " "), &of_class(class), true)) }
                }
            }
            p.ends.soft { span { (time(first, zone, grain == Grain::HalfHour)) } " " span { "now, " (time(now, zone, false)) } }
            details id={ "numbers-" (id) } {
                summary { "As numbers" }
                div.wide { table {
                    caption { "Requests to " (id) ", the newest first; stretches without any are left out" }
                    thead { tr { th scope="col" { "From" } th.num scope="col" { "Requests" } th.num scope="col" { "Half within" } th.num scope="col" { "95 of 100" } th.num scope="col" { "99 of 100" } th scope="col" { "Errors" } } }
                    tbody { @for slot in slots.iter().rev().filter(|slot| slot.requests > 0 || !slot.errors.is_empty()) { tr {
                        th scope="row" { (time(at(slot), zone, grain == Grain::HalfHour)) }
                        td.num data-is="Requests" { (number(slot.requests)) }
                        td.num data-is="Half within" { (length(slot.p50)) }
                        td.num data-is="95 of 100" { (length(slot.p95)) }
                        td.num data-is="99 of 100" { (length(slot.p99)) }
                        td data-is="Errors" { @for (at, (class, count)) in slot.errors.iter().enumerate() { @if at > 0 { ", " } (class.replace('_', " ")) " " (number(*count)) } }
                    } } }
                } }
            }
        }
    }
}

fn latency(id: &str, slots: &[Slot]) -> Markup {
    let top = round_above(slots.iter().filter_map(|slot| slot.p99).max().unwrap_or_default());
    let newest = slots.iter().rev().find(|slot| slot.requests > 0);
    let last = |of: fn(&Slot) -> Option<Duration>| length(newest.and_then(of));
    let said = format!(
        "How long answers of {id} took. Lately half within {}, 95 of 100 within {}, 99 of 100 within {}.",
        last(|slot| slot.p50),
        last(|slot| slot.p95),
        last(|slot| slot.p99)
    );
    html! {
        figure.plot {
            figcaption {
                "Time to the answer: " span.p50 { "half within " (last(|slot| slot.p50)) } ", "
                span.p95 { "95 of 100 within " (last(|slot| slot.p95)) } ", " span.p99 { "99 of 100 within " (last(|slot| slot.p99)) }
            }
            div.scale.soft { (length(Some(top))) }
            svg role="img" aria-label=(said) viewBox={ "0 0 " (slots.len() * WIDE) " 100" } preserveAspectRatio="none" {
                path.p99 d=(line(slots, |slot| slot.p99, top)) {}
                path.p95 d=(line(slots, |slot| slot.p95, top)) {}
                path.p50 d=(line(slots, |slot| slot.p50, top)) {}
            }
        }
    }
}

/// A line of steps, broken where there is nothing.
fn line(slots: &[Slot], of: impl Fn(&Slot) -> Option<Duration>, top: Duration) -> String {
    let mut out = String::new();
    let mut goes_on = false;
    for (at, slot) in slots.iter().enumerate() {
        let Some(took) = of(slot) else {
            goes_on = false;
            continue;
        };
        let y = 100.0 - 100.0 * took.as_secs_f64() / top.as_secs_f64().max(f64::MIN_POSITIVE);
        out.push_str(&format!("{}{} {y:.1}H{}", if goes_on { 'L' } else { 'M' }, at * WIDE, (at + 1) * WIDE));
        goes_on = true;
    }
    out
}

/// A strip of bars under its name, as high as the highest.
fn strip(name: &str, counts: &[u64], is_bad: bool) -> Markup {
    let (all, most) = (counts.iter().sum::<u64>(), counts.iter().copied().max().unwrap_or_default().max(1));
    // What occurred once is seen beside what occurred a thousand times.
    let height = |count: u64| (count * 100 / most).max(8);
    html! {
        div.strip {
            span { (name) " " strong { (number(all)) } }
            svg.bad[is_bad] aria-hidden="true" viewBox={ "0 0 " (counts.len() * WIDE) " 100" } preserveAspectRatio="none" {
                @for (at, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
                    rect x=(at * WIDE + 1) y=(100 - height(*count)) width=(WIDE - 2) height=(height(*count)) {}
                }
            }
        }
    }
}

/// The next of 1, 2, 5, 10, 20, 50 … milliseconds.
fn round_above(took: Duration) -> Duration {
    let mut unit = Duration::from_millis(1);
    loop {
        for times in [1, 2, 5] {
            if unit * times >= took {
                return unit * times;
            }
        }
        unit *= 10;
    }
}

/// Milliseconds, or seconds.
fn length(took: Option<Duration>) -> String {
    match took.map(|took| took.as_millis()) {
        None => "–".to_owned(),
        Some(ms) if ms < 1000 => format!("{} ms", ms.max(1)),
        Some(ms) => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_breaks_where_nothing_was_asked() {
        let slot = |ms: Option<u64>| Slot { p50: ms.map(Duration::from_millis), ..Slot::default() };
        let slots = [slot(Some(50)), slot(Some(100)), slot(None), slot(Some(25))];
        assert_eq!(line(&slots, |slot| slot.p50, Duration::from_millis(100)), "M0 50.0H10L10 0.0H20M30 75.0H40");
    }

    #[test]
    fn a_scale_ends_with_a_round_number() {
        for (took, top) in [(0, 1), (1, 1), (3, 5), (11, 20), (201, 500), (1000, 1000), (60_001, 100_000)] {
            assert_eq!(round_above(Duration::from_millis(took)), Duration::from_millis(top), "{took}");
        }
        assert_eq!((length(Some(Duration::from_millis(1250))), length(None)), ("1.2 s".to_owned(), "–".to_owned()));
    }
}
