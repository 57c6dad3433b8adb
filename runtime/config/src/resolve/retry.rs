//! Checks how failures are retried and when a system is left alone. Not for waiting: that is `work`.

use indexmap::IndexMap;
use jiff::SignedDuration;

use crate::decl::{BackoffDecl, BreakerDecl, RetryDecl};
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
        let texts = [
            ("initial", &policy.initial),
            ("max_interval", &policy.max_interval),
            ("max_elapsed", &policy.max_elapsed),
            ("max_retry_after", &policy.max_retry_after),
        ];
        durations(&texts, &at, findings);
        for (index, text) in policy.schedule.iter().flatten().enumerate() {
            durations(&[("", &Some(text.clone()))], &at.clone().down("schedule").item(index), findings);
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
    durations(&texts, &at, findings);
    let numbers = [("failures", breaker.failures), ("successes", breaker.successes), ("drain_per_s", breaker.drain_per_s)];
    for (key, _) in numbers.into_iter().filter(|(_, number)| *number == Some(0)) {
        let finding = Finding::new(Code::Quantity, format!("`{key}` cannot be 0"), at.clone().down(key));
        findings.push(finding.help("write a number from 1, or leave it out"));
    }
}

fn durations(texts: &[(&str, &Option<String>)], at: &Place, findings: &mut Vec<Finding>) {
    for (key, text) in texts {
        if let Some(text) = text
            && duration(text).is_none()
        {
            let at = if key.is_empty() { at.clone() } else { at.clone().down(key) };
            let finding = Finding::new(Code::Quantity, format!("`{text}` is no duration"), at);
            findings.push(finding.help("write durations as `2s`, `10m`, `72h` or `3d`"));
        }
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
