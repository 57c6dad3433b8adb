//! By which keys an index of our own knows a person: digits, addresses, and names as they sound with how the first name begins.
//!
//! For finding only: who is found is read from the system and compared like anybody else.

use std::collections::BTreeSet;

use aftercall_config::call::CallOutcome;
use aftercall_config::project::{Pipeline, Project};

use super::candidates::read;
use super::{Person, Sought};
use crate::context::Record;
use crate::normalise::{PersonName, spoken};

/// The keys of a record.
pub fn index_keys(project: &Project, pipeline: &Pipeline, record: &Record) -> BTreeSet<String> {
    let person = read(project, pipeline, record);
    let mut keys = BTreeSet::new();
    keys.extend(person.numbers.iter().map(|number| number_key(number.tail(9))));
    keys.extend(person.emails.iter().map(|email| format!("e:{email}")));
    names(&person.name, &mut keys);
    companies(&person, &mut keys);
    keys
}

/// The keys by which the caller may be found.
pub fn caller_keys(project: &Project, pipeline: &Pipeline, call: &CallOutcome) -> BTreeSet<String> {
    let sought = Sought::of(&pipeline.matching, &project.phone_region, &call.caller);
    let mut keys = BTreeSet::new();
    keys.extend(sought.number.iter().chain(&sought.callback).map(|number| number_key(number.tail(9))));
    keys.extend(sought.emails.iter().map(|email| format!("e:{email}")));
    if let Some(name) = &sought.name {
        names(name, &mut keys);
        let person = Person { name: name.clone(), company: sought.company.clone().map(std::sync::Arc::new), ..Person::default() };
        companies(&person, &mut keys);
    }
    keys
}

/// The last nine digits: what is left of a number whose country nobody wrote down.
fn number_key(tail: impl std::fmt::Display) -> String {
    format!("n:{tail}")
}

fn names(name: &PersonName, keys: &mut BTreeSet<String>) {
    let last = name.last_joined();
    if last.is_empty() {
        return;
    }
    for first in name.first.iter().chain(&name.also) {
        if let Some(initial) = first.chars().next() {
            keys.insert(format!("l:{last}/{initial}"));
            keys.insert(format!("s:{}/{initial}", spoken(&last, true)));
        }
    }
}

fn companies(person: &Person, keys: &mut BTreeSet<String>) {
    let words = person.company.iter().flat_map(|company| company.words.iter());
    for word in words {
        for initial in person.name.first.iter().filter_map(|first| first.chars().next()) {
            keys.insert(format!("a:{word}/{initial}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{call, front_desk, person, project};

    #[test]
    fn who_is_found_by_what() {
        let keys = |fields| index_keys(project(), front_desk(project()), &person("p1", fields));
        let mut call = call();
        call.caller.name = Some("Ann Lee".to_owned());
        let caller = caller_keys(project(), front_desk(project()), &call);
        let meets = |fields| keys(fields).intersection(&caller).count() > 0;
        assert!(meets(json!({"Phone": "312.555.0142"})), "digits");
        assert!(meets(json!({"Email": "ANN@example.com"})), "an address");
        assert!(meets(json!({"FirstName": "Anna", "LastName": "Leigh"})), "a name as it sounds");
        assert!(!meets(json!({"FirstName": "Bob", "LastName": "Lee"})), "a last name alone is everybody's");
        assert!(keys(json!({})).is_empty());
    }
}
