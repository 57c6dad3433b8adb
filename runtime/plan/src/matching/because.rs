//! The sentences of a match decision, for a sales manager: numbers, addresses and names, and no jargon.

use aftercall_config::call::CallOutcome;

use super::{Compared, Identity, Sought};

/// "Ann Lee (003...)".
pub(super) fn named(one: &Compared) -> String {
    format!("{} ({})", one.scored.name, one.scored.id)
}

/// "the number +1... and the e-mail ...".
pub(super) fn agreed(one: &Compared) -> Vec<String> {
    let phones = one.phones.iter().map(|value| format!("the number {value}"));
    phones.chain(one.emails.iter().map(|value| format!("the e-mail {value}"))).collect()
}

pub(super) fn values(identity: &Identity, sought: &Sought) -> Vec<String> {
    let phones = identity.phones.iter().map(|phone| format!("the number {}", phone.e164));
    let heard = sought.emails.first().filter(|_| identity.emails.is_empty());
    phones.chain(identity.emails.iter().chain(heard).map(|value| format!("the e-mail {value}"))).collect()
}

/// "the name Ann Lee and the company Acme Dental": what fits without a number or address.
fn fits(one: &Compared) -> Vec<String> {
    let line = |on: &str| one.scored.evidence.iter().find(|line| line.on == on && line.bits > 0.0).and_then(|line| line.caller.clone());
    let name: Vec<String> = ["first_name", "last_name"].into_iter().filter_map(line).collect();
    let name = (!name.is_empty()).then(|| format!("the name {}", name.join(" ")));
    let near = line("email").map(|value| format!("an e-mail much like {value}"));
    let near_number = ["number", "phone", "callback"].into_iter().find_map(line).map(|value| format!("a number much like {value}"));
    let company = line("account").map(|value| format!("the company {value}"));
    name.into_iter().chain(near_number).chain(near).chain(company).collect()
}

pub(super) fn join(parts: &[String], word: &str) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [head @ .., last] => format!("{} {word} {last}", head.join(", ")),
    }
}

pub(super) fn belongs(one: &Compared) -> String {
    let values = agreed(one);
    match values.as_slice() {
        [] if one.sum.considered() => match fits(one).as_slice() {
            [] => format!("something fits {}", named(one)),
            [value] => format!("{value} fits {}", named(one)),
            several => format!("{} fit {}", join(several, "and"), named(one)),
        },
        [] => format!("an earlier call of this caller went to {}", named(one)),
        [value] => format!("{value} belongs to {}", named(one)),
        several => format!("{} belong to {}", join(several, "and"), named(one)),
    }
}

pub(super) fn several(considered: &[&Compared], best: &Compared) -> String {
    let list = |all: &[&Compared]| all.iter().map(|one| named(one)).collect::<Vec<_>>().join(", ");
    if considered.iter().all(|one| one.phones == best.phones && one.emails == best.emails) && !agreed(best).is_empty() {
        return format!("{} records have {}: {}", considered.len(), join(&agreed(best), "and"), list(considered));
    }
    let parts: Vec<String> = considered.iter().map(|one| belongs(one)).collect();
    join(&parts, "and")
}

pub(super) fn disagreement(one: &Compared) -> Option<String> {
    let differs = |level: &str| matches!(level, "differ" | "lookalike" | "initial_differs" | "junior_vs_none");
    let lines = one.scored.evidence.iter().filter(|line| differs(&line.level) && line.record.is_some() && line.caller.is_some());
    let line = lines.min_by(|a, b| a.bits.total_cmp(&b.bits))?;
    let what = match line.on.as_str() {
        "phone" | "number" | "callback" => "number",
        "first_name" => "first name",
        "last_name" => "last name",
        "suffix" => "suffix",
        "account" => "company",
        _ => "e-mail",
    };
    Some(format!("the record's {what} is {}, not {}", line.record.as_deref()?, line.caller.as_deref()?))
}

pub(super) fn question(call: &CallOutcome, identity: &Identity, considered: &[&Compared], because: &str) -> String {
    let name = call.caller.name.clone().or_else(|| call.caller.first_name.clone());
    let caller: Vec<String> =
        name.into_iter().chain(identity.phones.iter().map(|p| p.e164.clone())).chain(identity.emails.clone()).collect();
    let caller = caller.join(", ");
    if considered.is_empty() {
        return format!("Does the caller ({caller}) have a record already? {}.", capitalised(because));
    }
    let names: Vec<String> = considered.iter().map(|one| named(one)).chain(["somebody new".to_owned()]).collect();
    format!("Is the caller ({caller}) {}? {}.", join(&names, "or"), capitalised(because))
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().collect::<String>() + chars.as_str())
}
