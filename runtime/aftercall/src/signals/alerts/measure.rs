//! Measures what alerts are about, and finds the words for whoever is told: counts, the first error with its class and remedy, the command to
//! run. Nothing of a caller.

use std::time::Duration;

use aftercall_config::decl::ErrorClass;
use aftercall_config::upkeep::{AlertWhen, Measure};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::super::gauges;
use crate::connect::Standing;
use crate::journal::{self, DeadLetter, Vitals};
use crate::meters::{Recent, recent};
use crate::service::Service;

/// Fewer requests say nothing about a share.
const ENOUGH: u64 = 10;

/// What every alert of one moment looks at.
pub(super) struct Moment {
    now: Timestamp,
    vitals: Vitals,
    standings: Vec<(String, Standing)>,
}

impl Moment {
    /// Errors: those of the journal.
    pub(super) async fn now(service: &Service, now: Timestamp) -> Result<Self, journal::Error> {
        Ok(Self { now, vitals: service.upkeep.vitals().await?, standings: service.connections.standings().into_iter().collect() })
    }
}

/// A measurement.
pub(super) struct Measured {
    /// A number; a share from 0 to 1, a time in seconds.
    pub(super) value: f64,
    /// The same for people.
    pub(super) said: String,
    /// What else is known.
    pub(super) lines: Vec<String>,
    /// The first error.
    pub(super) first: Option<First>,
    /// What to run.
    pub(super) commands: Vec<&'static str>,
}

/// The first error.
#[derive(Clone, Debug, Serialize)]
pub(super) struct First {
    call: Option<String>,
    connection: Option<String>,
    object: Option<String>,
    /// Its class, and the status where there was one.
    code: String,
    /// What to do.
    remedy: &'static str,
}

fn measured(value: f64, said: String, commands: &[&'static str]) -> Measured {
    Measured { value, said, lines: Vec::new(), first: None, commands: commands.to_vec() }
}

/// Measures. Errors: those of the journal.
pub(super) async fn measure(service: &Service, moment: &Moment, when: &AlertWhen) -> Result<Measured, journal::Error> {
    let since = |within: Option<Duration>| {
        let time = within.and_then(|time| SignedDuration::try_from(time).ok());
        time.and_then(|time| moment.now.checked_sub(time).ok()).unwrap_or(Timestamp::UNIX_EPOCH)
    };
    let of = when.of.as_deref();
    let within = when.within.unwrap_or(Duration::ZERO);
    let standings = || moment.standings.iter().filter(|(id, _)| of.is_none_or(|of| of == id));
    let vitals = &moment.vitals;
    Ok(match when.measure {
        Measure::DeadLetters => {
            let lately = service.upkeep.lately(since(when.within)).await?;
            let mut measured = measured(
                lately.dead as f64,
                format!("{} calls gave something up", lately.dead),
                &["aftercall calls --status dead,partial", "aftercall retry"],
            );
            measured.first = lately.first.map(|letter| dead(&letter));
            measured
        }
        Measure::Unrecognised => {
            let count = service.upkeep.lately(since(when.within)).await?.unrecognised;
            measured(count as f64, format!("{count} payloads were not understood"), &["aftercall calls --unrecognised"])
        }
        Measure::Backlog => {
            measured(vitals.waiting as f64, format!("{} calls wait", vitals.waiting), &["aftercall calls --status waiting"])
        }
        Measure::BacklogAge => {
            let age = vitals.oldest_waiting.map_or(0.0, |since| moment.now.duration_since(since).as_secs_f64().max(0.0));
            let mut measured =
                measured(age, format!("the oldest call that waits came in {} ago", time(age)), &["aftercall calls --status waiting"]);
            measured.lines.push(format!("{} calls wait", vitals.waiting));
            measured.lines.extend(away(standings()));
            measured
        }
        Measure::Reviews => {
            measured(vitals.asking as f64, format!("{} questions wait for an answer", vitals.asking), &["aftercall review"])
        }
        Measure::NeverDelivered => {
            let taken = recent().within(Recent::NeverDelivered, of, within);
            // What is missing stands until it has come, whenever it was seen.
            let missing: u64 = vitals.never_received.iter().filter(|(source, _)| of.is_none_or(|of| of == *source)).map(|(_, n)| n).sum();
            let said = match missing {
                0 => format!("{taken} calls were on the platform's list and never delivered; they are taken in now"),
                _ => format!("{missing} calls are on the platform's list and never came; {taken} more were taken in from it"),
            };
            measured((taken + missing) as f64, said, &["aftercall reconcile", "aftercall backfill SOURCE"])
        }
        Measure::ErrorShare => {
            let count = |what| recent().within(what, of, within);
            let (failed, answered) = (count(Recent::Failed), count(Recent::Answered));
            let all = failed + answered;
            let share = if all < ENOUGH { 0.0 } else { failed as f64 / all as f64 };
            let mut measured = measured(
                share,
                format!("{failed} of {all} requests failed"),
                &["aftercall status", "aftercall calls --status dead,partial,waiting"],
            );
            measured.lines.extend(away(standings()));
            measured
        }
        Measure::BudgetLeft => {
            let left = |(id, standing): &(String, Standing)| {
                let (used, most) = standing.usage.allowance.filter(|(_, most)| *most > 0)?;
                Some((most.saturating_sub(used) as f64 / most as f64, id.clone(), most.saturating_sub(used), most))
            };
            match standings().filter_map(left).min_by(|a, b| a.0.total_cmp(&b.0)) {
                Some((share, id, left, most)) => {
                    measured(share, format!("{id} allows {left} of {most} requests more"), &["aftercall status"])
                }
                // Whoever says nothing of an allowance has as much as anybody knows.
                None => measured(1.0, "no system has said what it allows".to_owned(), &[]),
            }
        }
        Measure::CircuitOpen => {
            let open = standings().filter_map(|(id, standing)| standing.left_alone.map(|(time, because)| (time, because, id)));
            let longest = open.max_by_key(|(time, ..)| *time);
            match longest {
                Some((passed, because, id)) => {
                    let mut measured = measured(
                        passed.as_secs_f64(),
                        format!("{id} has been away for {}", time(passed.as_secs_f64())),
                        &["aftercall status"],
                    );
                    let parked = service.journal.parked().await?.get(id).copied().unwrap_or(0);
                    measured
                        .lines
                        .push(format!("{parked} calls wait for it; nothing is lost, and they go on by themselves when it is back"));
                    measured.first = Some(First {
                        call: None,
                        connection: Some(id.clone()),
                        object: None,
                        code: because.as_str().to_owned(),
                        remedy: remedy(because.as_str()),
                    });
                    measured
                }
                None => measured(0.0, "every system answers".to_owned(), &["aftercall status"]),
            }
        }
        Measure::ReloadRefused => match gauges::refused(service).await? {
            Some(row) => {
                let passed = moment.now.duration_since(row.changed_at).as_secs_f64().max(0.001);
                let said = format!("what stands on the disk has been refused for {}; the older config is at work", time(passed));
                measured(passed, said, &["aftercall check", "aftercall status"])
            }
            None => measured(0.0, "the config on the disk is at work".to_owned(), &["aftercall status"]),
        },
    })
}

fn away<'a>(standings: impl Iterator<Item = &'a (String, Standing)>) -> Vec<String> {
    let line = |(id, standing): &(String, Standing)| {
        let (passed, because) = standing.left_alone?;
        Some(format!("{id} has been away for {} ({})", time(passed.as_secs_f64()), because.as_str()))
    };
    standings.filter_map(line).collect()
}

fn dead(letter: &DeadLetter) -> First {
    let class = letter.class.as_deref().unwrap_or("not_planned");
    let code = letter.http_status.map_or_else(|| class.to_owned(), |status| format!("{class} ({status})"));
    First {
        call: Some(letter.call.clone()),
        connection: letter.connection.clone(),
        object: letter.object.clone(),
        code,
        remedy: remedy(class),
    }
}

/// What to do about an error of a class.
fn remedy(class: &str) -> &'static str {
    let is = |one: ErrorClass| one.as_str() == class;
    match class {
        _ if is(ErrorClass::AuthRevoked) || is(ErrorClass::AuthExpired) => {
            "the credentials are refused: renew them; what waits goes on by itself"
        }
        _ if is(ErrorClass::Invalid) => {
            "the system refuses a value: `show` names the field and the line of the config; mend it, then `retry --current`"
        }
        _ if is(ErrorClass::Duplicate) => "the system has such a record already: `show` names it",
        _ if is(ErrorClass::NotFound) => "the record is gone: look at it in the system, then `retry` or `resolve`",
        _ if is(ErrorClass::RateLimited) || is(ErrorClass::Quota) => "the system's allowance is used up: wait, or ask for a larger one",
        _ if is(ErrorClass::Unreachable) || is(ErrorClass::Timeout) || is(ErrorClass::Transient) => {
            "the system does not answer: nothing is to be done here until it does"
        }
        _ => "`show` tells what happened; then `retry` or `resolve`",
    }
}

/// A time in its two largest units.
fn time(seconds: f64) -> String {
    let all = seconds.max(0.0) as u64;
    let (days, hours, minutes, seconds) = (all / 86_400, all / 3600 % 24, all / 60 % 60, all % 60);
    match (days, hours, minutes) {
        (1.., ..) => format!("{days} d {hours} h"),
        (0, 1.., _) => format!("{hours} h {minutes} min"),
        (0, 0, 1..) => format!("{minutes} min"),
        _ => format!("{seconds} s"),
    }
}
