//! Routes: why a follow-up went to whom it went, and what the routes come to over many calls.

use std::fmt::Write as _;

use aftercall_plan::route::{Explained, ExplainedCall, Fallen, LoadDocument, RuleTold};
use serde_json::Value;

use super::words::{bold, dim, green, many, pad, red, value, yellow};

/// Calls that fell through which are shown one by one.
const SHOWN: usize = 20;

/// The routes of one call.
pub(crate) fn explained(call: &ExplainedCall) -> String {
    let mut out = String::new();
    let open = if call.open { "within business hours" } else { "outside business hours" };
    let _ = writeln!(out, "{}  pipeline {}, config version {}", bold(&call.call), call.pipeline, call.config);
    let _ = writeln!(out, "  {}", dim(&format!("planned at {}, {open}", call.planned_at)));
    for one in &call.routes {
        route(&mut out, one);
    }
    if call.routes.is_empty() {
        let _ = writeln!(out, "  no write of this pipeline has a route, so nobody is asked to follow up");
    }
    out
}

fn route(out: &mut String, one: &Explained) {
    let _ = writeln!(out, "\n  {}  route `{}`", bold(&format!("{}/{}", one.connection, one.write)), one.route);
    if let Some(because) = &one.not_done {
        let _ = writeln!(out, "    {}  {because}", yellow("not done"));
    }
    for (at, told) in one.rules.iter().enumerate() {
        rule(out, at + 1, told, one.taken);
    }
    if one.not_done.is_some() {
        return;
    }
    match (&one.who, &one.owner) {
        (Some(who), Some(Value::String(id))) if id != who => _ = writeln!(out, "    owner     {who} ({id})"),
        (Some(who), Some(_)) => _ = writeln!(out, "    owner     {who}"),
        _ => _ = writeln!(out, "    owner     {}", yellow("nobody is named")),
    }
    let wanted = one.taken.and_then(|at| one.rules[at - 1].due.as_deref());
    match (&one.due, wanted) {
        (Some(due), Some(wanted)) => _ = writeln!(out, "    due       {due}  {}", dim(wanted)),
        _ => _ = writeln!(out, "    due       {}", dim("at no time")),
    }
    if !one.closed.is_empty() {
        let days: Vec<String> = one.closed.iter().map(|closed| format!("{} ({})", closed.day, closed.because)).collect();
        let _ = writeln!(out, "              {}", dim(&format!("nobody is there on {}", days.join(", "))));
    }
    if let Some(priority) = &one.priority {
        let _ = writeln!(out, "    priority  {priority}");
    }
    let _ = writeln!(out, "    {}", one.because);
    for note in &one.notes {
        let _ = writeln!(out, "    {}", yellow(note));
    }
}

fn rule(out: &mut String, number: usize, told: &RuleTold, taken: Option<usize>) {
    let is_taken = taken == Some(number);
    let arrow = if is_taken { green("→") } else { " ".to_owned() };
    let when = told.when.as_deref().unwrap_or("always");
    let held = match (told.holds, is_taken) {
        (_, true) => green("taken"),
        (true, false) => dim("holds, but an earlier rule was taken"),
        (false, false) => "does not hold".to_owned(),
    };
    let _ = writeln!(out, "  {arrow} {number}  {when}  {held}  {}", dim(&told.origin.to_string()));
    // One comparison is the condition itself: then only what it saw is news.
    for part in &told.parts {
        let seen: Vec<String> = part
            .values
            .iter()
            .map(|(name, seen)| match seen {
                Some(seen) => format!("{name} is {}", value(seen, 60)),
                None => format!("{name} is absent"),
            })
            .collect();
        let mark = if part.holds { green("✓") } else { red("✗") };
        let _ = writeln!(out, "         {mark} {}  {}", part.text, dim(&seen.join(", ")));
    }
}

/// The routes over many calls.
pub(crate) fn load(load: &LoadDocument) -> String {
    let mut out = String::new();
    let calls = &load.calls;
    let _ = writeln!(
        out,
        "{}",
        bold(&format!("{} from {}", many(number(load.follow_ups), "follow-up"), many(number(calls.simulated), "call")))
    );
    let left = [
        (calls.not_taken, "taken by no pipeline"),
        (calls.not_recorded, "left out, since nothing was recorded of what was read about them"),
        (calls.incomplete, "routed although something that the rules look at was not recorded"),
    ];
    for (count, what) in left.into_iter().filter(|(count, _)| *count > 0) {
        let _ = writeln!(out, "  {}", dim(&format!("{count} {what}")));
    }
    owners(&mut out, load);
    if let Some(wait) = &load.wait {
        let _ = writeln!(
            out,
            "\n{}  {} (half of them), {} (one of ten waits longer), {} at most ({})",
            bold("until it is due"),
            time(wait.median_minutes),
            time(wait.p90_minutes),
            time(wait.longest_minutes),
            wait.longest
        );
    }
    let hours = &load.hours;
    let holidays: u64 = hours.holidays.values().sum();
    let _ = writeln!(
        out,
        "{}  {} within business hours, {} before or after, {} on days off, {holidays} on holidays{}",
        bold("calls came"),
        hours.open,
        hours.before_or_after,
        hours.closed_day,
        if holidays > 0 {
            format!(" ({})", hours.holidays.iter().map(|(day, n)| format!("{day}: {n}")).collect::<Vec<_>>().join(", "))
        } else {
            String::new()
        }
    );
    rules(&mut out, load);
    fell(&mut out, &load.fell_through);
    out
}

fn owners(out: &mut String, load: &LoadDocument) {
    if load.owners.is_empty() {
        return;
    }
    let _ = writeln!(
        out,
        "\n{}",
        bold(&format!("{}{}{}{}{}", pad("OWNER", 46), pad("FOLLOW-UPS", 14), pad("NEW CONTACTS", 14), pad("BUSIEST DAY", 18), "PRIORITY"))
    );
    for owner in &load.owners {
        let who = owner.who.as_deref().unwrap_or("nobody");
        let share = format!("{} ({:.0} %)", owner.follow_ups, 100.0 * owner.follow_ups as f64 / load.follow_ups.max(1) as f64);
        let busiest = owner.busiest_day.as_ref().map(|day| format!("{day}: {}", owner.on_busiest_day)).unwrap_or_default();
        let priorities: Vec<String> = owner.priorities.iter().map(|(name, count)| format!("{count} {name}")).collect();
        let name = pad(&format!("{who} ({})", owner.connection), 46);
        let name = if owner.who.is_none() { yellow(&name) } else { name };
        let _ = writeln!(
            out,
            "{name}{}{}{}{}",
            pad(&share, 14),
            pad(&owner.contacts.to_string(), 14),
            pad(&busiest, 18),
            priorities.join(", ")
        );
    }
}

fn rules(out: &mut String, load: &LoadDocument) {
    let _ = writeln!(out, "\n{}", bold(&format!("{}{}{}{}", pad("RULE", 60), pad("FOLLOW-UPS", 12), pad("NEW CONTACTS", 14), "CONDITION")));
    for rule in &load.rules {
        let name = pad(&format!("{}/{} {}  {}", rule.pipeline, rule.route, rule.rule, rule.origin), 60);
        let count = format!("{}{}", pad(&rule.follow_ups.to_string(), 12), pad(&rule.contacts.to_string(), 14));
        let when = rule.when.as_deref().unwrap_or("always");
        let line = format!("{name}{count}{when}");
        let _ = writeln!(out, "{}", if rule.follow_ups + rule.contacts == 0 { dim(&line) } else { line });
    }
}

fn fell(out: &mut String, fallen: &[Fallen]) {
    if fallen.is_empty() {
        let _ = writeln!(out, "\n{}", green("nothing falls through"));
        return;
    }
    let _ = writeln!(out, "\n{}", red(&format!("{} fall{} through", fallen.len(), if fallen.len() == 1 { "s" } else { "" })));
    for one in fallen.iter().take(SHOWN) {
        let _ = writeln!(out, "  {}  {}", pad(&one.call, 40), one.because);
    }
    if fallen.len() > SHOWN {
        let _ = writeln!(out, "  {}", dim(&format!("and {} more; `--format json` has them all", fallen.len() - SHOWN)));
    }
}

fn number(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

/// Minutes of the clock, for people.
fn time(minutes: i64) -> String {
    match minutes {
        m if m < 120 => format!("{m} minutes"),
        m if m < 48 * 60 => format!("{:.1} hours", m as f64 / 60.0),
        m => format!("{:.1} days", m as f64 / 1440.0),
    }
}
