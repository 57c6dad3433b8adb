//! The searches of many callers in one: what is asked for all of them, and which of what was found is whose.
//!
//! Not for deciding: whoever is given a record compares it like any other.

use aftercall_config::decl::{KeyId, ObjectDecl};
use aftercall_config::tables::fold;
use serde_json::Value;

use super::retrieve::{Employed, Named, Near, Query, add};
use crate::context::Record;

impl Query {
    /// The key that it goes by, as `Search::key` has it.
    pub fn key(&self) -> KeyId {
        match self {
            Self { near: Some(_), .. } => KeyId::EmailNear,
            Self { name: Some(_), .. } => KeyId::Name,
            Self { account: Some(_), .. } => KeyId::Account,
            Self { e164, .. } if e164.is_empty() => KeyId::Email,
            _ => KeyId::Number,
        }
    }
}

/// One search that finds whatever each of these would find: every list with what all of them have in it. It may find more.
///
/// `None` where two of them name different hosts: there is room for one.
pub fn together<'a>(queries: impl IntoIterator<Item = &'a Query>) -> Option<Query> {
    let mut all = Query::default();
    for query in queries {
        extend(&mut all.e164, &query.e164);
        extend(&mut all.national, &query.national);
        extend(&mut all.phones, &query.phones);
        extend(&mut all.digits, &query.digits);
        extend(&mut all.emails, &query.emails);
        if let Some(near) = &query.near {
            let into = all.near.get_or_insert_with(Near::default);
            extend(&mut into.emails, &near.emails);
            extend(&mut into.initials, &near.initials);
            match (&into.host, &near.host) {
                (Some(one), Some(other)) if one != other => return None,
                (None, Some(host)) => into.host = Some(host.clone()),
                _ => {}
            }
        }
        if let Some(name) = &query.name {
            let into = all.name.get_or_insert_with(Named::default);
            extend(&mut into.last, &name.last);
            extend(&mut into.initials, &name.initials);
        }
        if let Some(account) = &query.account {
            let into = all.account.get_or_insert_with(Employed::default);
            extend(&mut into.words, &account.words);
            extend(&mut into.last, &account.last);
            extend(&mut into.initials, &account.initials);
        }
    }
    Some(all)
}

fn extend(into: &mut Vec<String>, from: &[String]) {
    from.iter().for_each(|value| add(into, value.clone()));
}

/// Whether a search for this would have found this record: by what its fields hold, whatever the system makes of them.
///
/// Rather too often than too seldom: a number may stand in a longer one, an address need only stand somewhere, and names are compared without
/// case, accents and blanks. `object` says which fields are which; `gaps`, that the search finds a number with other digits in between.
pub fn fits(object: &ObjectDecl, query: &Query, gaps: bool, record: &Record) -> bool {
    let held = |role: &str| -> Vec<String> {
        let names = object.roles.get(role).into_iter().flatten();
        names.filter_map(|name| text_at(record, name)).filter(|text| !text.trim().is_empty()).collect()
    };
    let reached = || {
        let numbers: Vec<String> = held("phone").iter().map(|text| text.chars().filter(char::is_ascii_digit).collect()).collect();
        query
            .national
            .iter()
            .any(|number| numbers.iter().any(|held| if gaps { follow(number, held) } else { held.contains(number.as_str()) }))
    };
    let addressed = |emails: &[String]| {
        let mut emails = emails.iter().filter(|email| !email.is_empty());
        let texts: Vec<String> = record.fields.values().filter_map(Value::as_str).map(str::to_lowercase).collect();
        emails.any(|email| texts.iter().any(|text| text.contains(email.as_str())))
    };
    // The whole name counts as both, in a system that keeps it in one field, and beside the parts where they are turned round.
    let whole = held("name");
    let begins = |initials: &[String]| {
        let names: Vec<String> = held("first_name").iter().chain(&whole).flat_map(|name| words(name)).collect();
        initials.iter().any(|initial| names.iter().any(|name| name.starts_with(initial.as_str())))
    };
    let called = |last: &[String]| {
        let names: Vec<String> = held("last_name").iter().map(|name| fold(name)).collect();
        let wholes: Vec<String> = whole.iter().map(|name| fold(name)).collect();
        last.iter()
            .map(|name| fold(name))
            .any(|last| names.contains(&last) || names.is_empty() && wholes.iter().any(|w| w.ends_with(&last)))
    };
    let near = |near: &Near| {
        let host = near.host.as_ref().map(|host| format!("@{}", host.to_lowercase()));
        let at_host = || host.as_ref().is_some_and(|host| held("email").iter().any(|email| email.to_lowercase().contains(host)));
        addressed(&near.emails) || at_host() && begins(&near.initials)
    };
    let employed = |account: &Employed| {
        let firms: Vec<String> = held("company").iter().chain(&held("account_name")).map(|name| fold(name)).collect();
        let works = account.words.iter().any(|word| firms.iter().any(|firm| firm.contains(&fold(word))));
        works && (called(&account.last) || begins(&account.initials))
    };
    reached()
        || addressed(&query.emails)
        || query.near.as_ref().is_some_and(near)
        || query.name.as_ref().is_some_and(|name| called(&name.last) && begins(&name.initials))
        || query.account.as_ref().is_some_and(employed)
}

fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(fold).collect()
}

/// A field by its name; dots nest where there is no field of the whole name.
fn text_at(record: &Record, name: &str) -> Option<String> {
    let whole = record.fields.get(name);
    let nested = || {
        let mut parts = name.split('.');
        let first = record.fields.get(parts.next()?)?;
        parts.try_fold(first, |here, part| here.get(part))
    };
    match whole.or_else(nested)? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// Whether these digits follow each other in the others, whatever stands between.
fn follow(digits: &str, held: &str) -> bool {
    let mut held = held.chars();
    !digits.is_empty() && digits.chars().all(|digit| held.any(|other| other == digit))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{person, project};

    fn contact() -> &'static ObjectDecl {
        &project().connections["crm"].connector.objects["contact"].decl
    }

    #[track_caller]
    fn check(query: &Query, fields: Value, expected: bool) {
        assert_eq!(fits(contact(), query, false, &person("p1", fields.clone())), expected, "{fields}");
    }

    fn list(values: &[&str]) -> Vec<String> {
        values.iter().map(|value| (*value).to_owned()).collect()
    }

    #[test]
    fn whose_is_it() {
        let number = Query { national: list(&["3125550142"]), e164: list(&["+13125550142"]), ..Query::default() };
        check(&number, json!({"Phone": "+1 (312) 555-0142 x7"}), true);
        check(&number, json!({"Phone": "+1 (312) 555-0143"}), false);
        check(&number, json!({"Phone": ""}), false);
        check(&number, json!({"Phone": "312-555-0149 x2"}), false);
        assert!(fits(contact(), &number, true, &person("p1", json!({"Phone": "312-555-0149 x2"}))), "the 2 is the extension's");
        let email = Query { emails: list(&["ann@example.com"]), ..Query::default() };
        check(&email, json!({"Email": "Ann@Example.com"}), true);
        check(&email, json!({"Email": "bob@example.com"}), false);
        let name = Named { last: list(&["lee", "leigh"]), initials: list(&["a"]) };
        let name = Query { name: Some(name), ..Query::default() };
        check(&name, json!({"FirstName": "\u{c4}nn", "LastName": "LEIGH"}), true);
        check(&name, json!({"FirstName": "Bob", "LastName": "Lee"}), false);
        check(&name, json!({"FirstName": "Ann", "LastName": "Leeds"}), false);
        let near = Near { emails: list(&["an@acme.example"]), host: Some("acme.example".to_owned()), initials: list(&["a"]) };
        let near = Query { near: Some(near), ..Query::default() };
        check(&near, json!({"Email": "AN@acme.example"}), true);
        check(&near, json!({"Email": "office@acme.example", "FirstName": "Ann"}), true);
        check(&near, json!({"Email": "office@acme.example", "FirstName": "Bob"}), false);
        check(&Query::default(), json!({"Phone": "+13125550142", "FirstName": "Ann", "LastName": "Lee"}), false);
    }

    #[test]
    fn all_in_one() {
        let near = |host: &str| Query { near: Some(Near { host: Some(host.to_owned()), ..Near::default() }), ..Query::default() };
        let one = Query { national: list(&["1", "2"]), ..Query::default() };
        let other = Query { national: list(&["2", "3"]), emails: list(&["a@b.c"]), ..Query::default() };
        let both = together([&one, &other]).expect("no host");
        assert_eq!((both.national, both.emails), (list(&["1", "2", "3"]), list(&["a@b.c"])));
        assert!(together([&near("a.example"), &near("a.example")]).is_some());
        assert_eq!(together([&near("a.example"), &near("b.example")]), None);
    }
}
