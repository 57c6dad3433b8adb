//! Checks how failures are retried and when a system is left alone. Not for waiting: that is `work`.

use indexmap::IndexMap;
use jiff::SignedDuration;

use crate::decl::{BackoffDecl, BreakerDecl, RetryAction, RetryDecl};
use crate::finding::{Code, Finding, Place};

/// Error classes that `[retry.CLASS]` may name.
const CLASSES: [&str; 12] = [
    "default",
    "transient",
    "busy",
    "rate_limited",
    "quota",
    "auth_expired",
    "auth_revoked",
    "invalid",
    "conflict",
    "not_found",
    "unreachable",
    "timeout",
];

/// A policy per error class.
pub(super) fn check(retry: &IndexMap<String, RetryDecl>, place: &Place, findings: &mut Vec<Finding>) {
    for (class, policy) in retry {
        let at = place.clone().down("retry").down(class);
        if !CLASSES.contains(&class.as_str()) {
            findings.push(
                Finding::new(Code::UnknownKey, format!("there is no error class `{class}`"), at.clone().key()).suggest(class, CLASSES),
            );
        }
        durations(&[("initial", &policy.initial), ("max_interval", &policy.max_interval)], WAIT, &at, findings);
        durations(&[("max_elapsed", &policy.max_elapsed), ("max_retry_after", &policy.max_retry_after)], WAIT, &at, findings);
        in_order(("initial", &policy.initial), ("max_interval", &policy.max_interval), &at, findings);
        for (index, text) in policy.schedule.iter().flatten().enumerate() {
            durations(&[("", &Some(text.clone()))], WAIT, &at.clone().down("schedule").item(index), findings);
        }
        if policy.action == Some(RetryAction::DropFields) && class != "invalid" {
            let message = format!("`{class}` names no field that could be left out");
            let finding = Finding::new(Code::Quantity, message, at.clone().down("action"));
            findings.push(finding.help("write `drop_fields` under `[retry.invalid]`; here `retry` or `dead_letter`"));
        }
        if policy.factor.is_some() && policy.backoff.is_some_and(|backoff| backoff != BackoffDecl::Exponential) {
            let finding = Finding::new(Code::Quantity, "nothing goes by this `factor`", at.clone().down("factor"));
            findings.push(finding.help("it belongs to `backoff = \"exponential\"`; leave one of the two out"));
        }
        let scheduled = policy.backoff == Some(BackoffDecl::Schedule);
        if scheduled != policy.schedule.as_ref().is_some_and(|waits| !waits.is_empty()) {
            let (message, help) = if scheduled {
                ("a `schedule` of waits is missing", "write `schedule = [\"5s\", \"5m\", \"30m\", \"2h\"]`")
            } else {
                ("nothing goes by this `schedule`", "write `backoff = \"schedule\"`, and one wait at least")
            };
            let key = if scheduled { "backoff" } else { "schedule" };
            findings.push(Finding::new(Code::Quantity, message, at.clone().down(key)).help(help));
        }
        if let Some(factor) = policy.factor.filter(|f| !(1.0..=100.0).contains(f)) {
            let finding = Finding::new(Code::Quantity, format!("`factor` cannot be {factor}"), at.down("factor"));
            findings.push(finding.help("write a number from 1 (always the same wait) to 100"));
        }
    }
}

/// When a system is left alone.
pub(super) fn check_breaker(breaker: &BreakerDecl, place: &Place, findings: &mut Vec<Finding>) {
    let at = place.clone().down("breaker");
    let texts = [
        ("within", &breaker.within),
        ("open_for", &breaker.open_for),
        ("open_max", &breaker.open_max),
        ("revoked_for", &breaker.revoked_for),
    ];
    durations(&texts, PAUSE, &at, findings);
    in_order(("open_for", &breaker.open_for), ("open_max", &breaker.open_max), &at, findings);
    let numbers =
        [("failures", breaker.failures, 1000), ("successes", breaker.successes, 100), ("drain_per_s", breaker.drain_per_s, 10_000)];
    for (key, number, most) in numbers {
        if let Some(number) = number.filter(|number| !(1..=most).contains(number)) {
            let finding = Finding::new(Code::Quantity, format!("`{key}` cannot be {number}"), at.clone().down(key));
            findings.push(finding.help(format!("write a number from 1 to {most}, or leave it out")));
        }
    }
}

/// The shortest and the longest of a kind of duration, as they are written.
type Range = (&'static str, &'static str);
/// Less would be a loop, and more than a year nobody waits for.
const WAIT: Range = ("10ms", "365d");
/// The same for how long a system is left alone.
const PAUSE: Range = ("100ms", "7d");

fn durations(texts: &[(&str, &Option<String>)], (least, most): Range, at: &Place, findings: &mut Vec<Finding>) {
    for (key, text) in texts {
        let Some(text) = text else { continue };
        let at = || if key.is_empty() { at.clone() } else { at.clone().down(key) };
        match duration(text) {
            None => {
                let finding = Finding::new(Code::Quantity, format!("`{text}` is no duration"), at());
                findings.push(finding.help("write durations as `2s`, `10m`, `72h` or `3d`"));
            }
            Some(time) if duration(least).is_some_and(|least| time < least) || duration(most).is_some_and(|most| time > most) => {
                let finding = Finding::new(
                    Code::Quantity,
                    format!("`{text}` is too {}", if duration(least) > Some(time) { "short" } else { "long" }),
                    at(),
                );
                findings.push(finding.help(format!("write a duration from `{least}` to `{most}`, or leave it out")));
            }
            Some(_) => {}
        }
    }
}

/// The first must not be longer than the second.
fn in_order(first: (&str, &Option<String>), last: (&str, &Option<String>), at: &Place, findings: &mut Vec<Finding>) {
    let read = |text: &Option<String>| text.as_deref().and_then(duration);
    if let (Some(short), Some(long)) = (read(first.1), read(last.1))
        && short > long
    {
        let message = format!("`{}` is longer than `{}`", first.0, last.0);
        findings.push(
            Finding::new(Code::Quantity, message, at.clone().down(first.0)).help("the second is the longest that the first can grow to"),
        );
    }
}

/// `2s`, `500ms`, `10m`, `72h`, `3d` as a duration.
pub fn duration(text: &str) -> Option<SignedDuration> {
    let text = text.trim();
    let split = text.find(|c: char| c.is_alphabetic())?;
    let number: f64 = text[..split].trim().parse().ok().filter(|n: &f64| n.is_finite() && (0.0..1e9).contains(n))?;
    let unit = match text[split..].trim() {
        "ms" | "millisecond" | "milliseconds" => 0.001,
        "s" | "sec" | "second" | "seconds" => 1.0,
        "m" | "min" | "minute" | "minutes" => 60.0,
        "h" | "hour" | "hours" => 3600.0,
        "d" | "day" | "days" => 86400.0,
        _ => return None,
    };
    SignedDuration::try_from_secs_f64(number * unit).ok()
}
