//! Records against the caller: each with its sum, line by line, and what of the caller it has.

use aftercall_config::decl::CompareOn;
use aftercall_config::functions::text;
use aftercall_config::project::Object;
use aftercall_config::rules::{Is, MatchRules};
use serde_json::{Map, Value};

use super::evidence::lines;
use super::person::{Fields, Person, Sought};
use super::weigh::{Sum, weigh};
use super::{Identity, identity};
use crate::context::{KnownContact, Record};
use crate::decision::{Evidence, Scored};
use crate::record;

/// A candidate with its sum, and what of the caller it agrees with.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared {
    /// The sum, line by line.
    pub scored: Scored,
    /// The same before it was put into lines.
    pub sum: Sum,
    /// The caller's numbers that the record has, as E.164.
    pub phones: Vec<String>,
    /// The caller's addresses that the record has.
    pub emails: Vec<String>,
    /// The caller's lane knows the record from an earlier call.
    pub known: bool,
    /// What that adds.
    pub lane: f64,
}

impl Compared {
    /// Whether anything speaks for this record at all.
    pub fn considered(&self) -> bool {
        self.sum.considered() || self.known
    }
}

/// Compares records with the caller, all together: a value that several of them have says less.
///
/// Numbers are normalised in `region`; every field of the roles `phone` and `email` counts. With a record comes what the lane knows of it:
/// the fields that an earlier call wrote are looked at beside those that the search returned, since a search may lag behind. Where they
/// agree with the caller, and no name speaks against it, the record leads by `margin`, for it was made or completed for this very caller.
/// Being known adds nothing else: a number may have passed to somebody new.
pub fn compare(
    rules: &MatchRules,
    region: &str,
    caller: &Identity,
    sought: &Sought,
    object: Option<&Object>,
    records: &[(&Record, Option<&KnownContact>)],
) -> Vec<Compared> {
    let people: Vec<Person> = records.iter().map(|(record, known)| person(rules, region, object, record, *known)).collect();
    let sums = weigh(rules, sought, &people.iter().collect::<Vec<_>>());
    let each = records.iter().zip(&people).zip(sums);
    each.map(|(((record, known), person), sum)| one(rules, region, caller, sought, object, record, *known, person, sum)).collect()
}

#[expect(clippy::too_many_arguments, reason = "one step of `compare`, taken out to be read by itself")]
fn one(
    rules: &MatchRules,
    region: &str,
    caller: &Identity,
    sought: &Sought,
    object: Option<&Object>,
    record: &Record,
    known: Option<&KnownContact>,
    person: &Person,
    sum: Sum,
) -> Compared {
    let mut evidence = lines(rules, sought, person, &sum);
    let equal = |on: CompareOn| sum.on(on).is_some_and(|hit| hit.is == Is::Equal);
    let mut phones = Vec::new();
    if [CompareOn::Phone, CompareOn::Number, CompareOn::Callback].into_iter().any(equal) {
        let has = |value: &str| person.numbers.iter().any(|number| number.whole && value[1..] == number.value.to_string());
        phones.extend(caller.phones.iter().map(|phone| phone.e164.clone()).filter(|value| has(value)));
        if phones.is_empty() {
            phones.extend(evidence.iter().find(|line| line.level == "equal" && line.on != "email").and_then(|line| line.caller.clone()));
        }
    }
    let mut emails: Vec<String> = Vec::new();
    if equal(CompareOn::Email) {
        emails.extend(sought.emails.iter().filter(|own| person.emails.iter().any(|other| **other == ***own)).cloned());
    }
    let mut lane = 0.0;
    if let Some(known) = known {
        let own = |role| values(object, &[&known.fields], role).iter().any(|value| agrees(rules, region, caller, value));
        let against = [CompareOn::FirstName, CompareOn::LastName, CompareOn::Suffix];
        let against = against.into_iter().any(|on| sum.on(on).is_some_and(|hit| hit.bits + hit.rival < 0.0));
        lane = if !against && (own("phone") || own("email")) { rules.decide.margin } else { 0.0 };
        evidence.push(Evidence {
            on: "lane".to_owned(),
            caller: Some(known.call.clone()),
            record: Some(known.id.clone()),
            level: "known".to_owned(),
            bits: lane,
        });
    }
    let bits = sum.bits + lane;
    Compared {
        scored: Scored { id: record.id.clone(), name: record::title(object, record), bits, evidence },
        sum,
        phones,
        emails,
        known: known.is_some(),
        lane,
    }
}

/// A record, read for comparing.
pub(super) fn person(rules: &MatchRules, region: &str, object: Option<&Object>, record: &Record, known: Option<&KnownContact>) -> Person {
    let maps: Vec<&Map<String, Value>> = [Some(&record.fields), known.map(|k| &k.fields)].into_iter().flatten().collect();
    let all = |role: &str| values(object, &maps, role);
    let (numbers, emails) = (all("phone"), all("email"));
    let [first, mut last, suffix, account, country] =
        ["first_name", "last_name", "suffix", "company", "country"].map(|role| all(role).into_iter().next());
    if first.is_none() && last.is_none() {
        last = all("name").into_iter().next();
    }
    let fields = Fields {
        numbers: numbers.iter().map(String::as_str).collect(),
        emails: emails.iter().map(String::as_str).collect(),
        first_name: first.as_deref(),
        last_name: last.as_deref(),
        suffix: suffix.as_deref(),
        account: account.as_deref(),
        country: country.as_deref(),
    };
    Person::of(rules, region, &fields)
}

/// Whether one value of a record is one of the caller's numbers or addresses.
fn agrees(rules: &MatchRules, region: &str, caller: &Identity, value: &str) -> bool {
    identity::phone(&rules.values, region, value).is_some_and(|phone| caller.phones.iter().any(|own| own.e164 == phone.e164))
        || identity::email(&rules.values, value).is_some_and(|email| caller.emails.contains(&email))
}

/// The values of a role, as text, without duplicates.
fn values(object: Option<&Object>, fields: &[&Map<String, Value>], role: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for fields in fields {
        for value in record::role_values(object, fields, role) {
            let value = text(value);
            if !found.contains(&value) {
                found.push(value);
            }
        }
    }
    found
}
