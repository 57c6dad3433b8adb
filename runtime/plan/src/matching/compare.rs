//! One record against the caller: each declared comparison with what it adds or takes.

use aftercall_config::decl::{CompareDecl, CompareOn, MatchDecl};
use aftercall_config::functions::text;
use aftercall_config::project::Object;
use serde_json::{Map, Value};

use super::{Identity, identity};
use crate::context::{KnownContact, Record};
use crate::decision::{Evidence, Scored};
use crate::record;

/// A candidate with its sum, and what of the caller it agrees with.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared {
    /// The sum, line by line.
    pub scored: Scored,
    /// The caller's numbers that the record has, as E.164.
    pub phones: Vec<String>,
    /// The caller's addresses that the record has.
    pub emails: Vec<String>,
    /// The caller's lane knows the record from an earlier call.
    pub known: bool,
}

impl Compared {
    /// Whether anything speaks for this record at all.
    pub fn considered(&self) -> bool {
        !self.phones.is_empty() || !self.emails.is_empty() || self.known
    }
}

/// Compares a record with the caller.
///
/// Numbers are normalised in `region`; every field of the roles `phone` and `email` counts. `known` is what the lane
/// knows of this very record: the fields that an earlier call wrote are looked at beside those that the search
/// returned, since a search may lag behind. Where they agree with the caller the record leads by `margin`, for it was
/// made or completed for this very caller. Being known adds nothing else: a number may have passed to somebody new.
pub fn compare(
    rules: &MatchDecl,
    region: &str,
    caller: &Identity,
    object: Option<&Object>,
    record: &Record,
    known: Option<&KnownContact>,
) -> Compared {
    let mut compared = Compared {
        scored: Scored { id: record.id.clone(), name: record::title(object, record), bits: 0.0, evidence: Vec::new() },
        phones: Vec::new(),
        emails: Vec::new(),
        known: known.is_some(),
    };
    let fields: Vec<&Map<String, Value>> = [Some(&record.fields), known.map(|k| &k.fields)].into_iter().flatten().collect();
    for rule in &rules.compare {
        let (callers, records) = match rule.on {
            CompareOn::Phone => {
                let callers: Vec<String> = caller.phones.iter().map(|phone| phone.e164.clone()).collect();
                let records = values(object, &fields, "phone", |t| identity::phone(&rules.values, region, t).map(|phone| phone.e164));
                (callers, records)
            }
            CompareOn::Email => (caller.emails.clone(), values(object, &fields, "email", |t| identity::email(&rules.values, t))),
        };
        let equal: Vec<String> = callers.iter().filter(|value| records.contains(value)).cloned().collect();
        compared.scored.evidence.push(line(rule, &callers, &records, &equal));
        let agreed = match rule.on {
            CompareOn::Phone => &mut compared.phones,
            CompareOn::Email => &mut compared.emails,
        };
        for value in equal {
            if !agreed.contains(&value) {
                agreed.push(value);
            }
        }
    }
    if let Some(known) = known {
        let own =
            |role| values(object, &[&known.fields], role, |t| Some(t.to_owned())).iter().any(|value| agrees(rules, region, caller, value));
        let bits = if own("phone") || own("email") { rules.decide.margin } else { 0.0 };
        compared.scored.evidence.push(Evidence {
            on: "lane".to_owned(),
            caller: Some(known.call.clone()),
            record: Some(known.id.clone()),
            level: "known".to_owned(),
            bits,
        });
    }
    compared.scored.bits = compared.scored.evidence.iter().map(|line| line.bits).sum();
    compared
}

/// Whether one value of a record is one of the caller's numbers or addresses.
fn agrees(rules: &MatchDecl, region: &str, caller: &Identity, value: &str) -> bool {
    identity::phone(&rules.values, region, value).is_some_and(|phone| caller.phones.iter().any(|own| own.e164 == phone.e164))
        || identity::email(&rules.values, value).is_some_and(|email| caller.emails.contains(&email))
}

/// The values of a role, normalised, without duplicates.
fn values(object: Option<&Object>, fields: &[&Map<String, Value>], role: &str, read: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for fields in fields {
        for value in record::role_values(object, fields, role) {
            if let Some(value) = read(&text(value))
                && !found.contains(&value)
            {
                found.push(value);
            }
        }
    }
    found
}

fn line(rule: &CompareDecl, callers: &[String], records: &[String], equal: &[String]) -> Evidence {
    let (level, bits) = match (callers, records, equal) {
        ([], _, _) | (_, [], _) => ("missing", 0.0),
        (_, _, []) => ("differ", rule.differ),
        _ => ("equal", rule.equal),
    };
    Evidence {
        on: match rule.on {
            CompareOn::Phone => "phone",
            CompareOn::Email => "email",
        }
        .to_owned(),
        caller: equal.first().or(callers.first()).cloned(),
        record: equal.first().or(records.first()).cloned(),
        level: level.to_owned(),
        bits,
    }
}
