//! Which reads would find the caller's record: the values that a connector's search is asked with, round after round.

use aftercall_config::call::CallOutcome;
use aftercall_config::decl::KeyId;
use aftercall_config::project::{Pipeline, Project};
use serde::Serialize;

use super::candidates::people;
use super::decide::is_settled;
use super::rounds::{Asked, Search, next_round};
use super::{Identity, Person, Sought};
use crate::context::Context;
use crate::normalise::phone_spellings;

/// The most words of an account that one request names: of two words one is often a trade's, and more are seldom said right.
const WORDS: usize = 2;

/// What a search is asked with, in the words of the connector's `[find]` templates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Query {
    /// Numbers as E.164: `+13125550142`.
    pub e164: Vec<String>,
    /// The same numbers without country code, digits only: `3125550142`.
    pub national: Vec<String>,
    /// The same numbers in the spellings that people type.
    pub phones: Vec<String>,
    /// The digits of those spellings: what an index of digits without the country's may hold of them.
    pub digits: Vec<String>,
    /// Addresses in lower case.
    pub emails: Vec<String>,
    /// Addresses that sound like the caller's, and the host of a company.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub near: Option<Near>,
    /// The caller's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Named>,
    /// The caller's company.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<Employed>,
}

/// A search by addresses that are nearly the caller's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Near {
    /// Addresses, the likeliest first.
    pub emails: Vec<String>,
    /// A company's host: `acme.example`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// First letters of the first name, in lower case.
    pub initials: Vec<String>,
}

/// A search by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Named {
    /// The last name in its spellings, in lower case and without accents.
    pub last: Vec<String>,
    /// First letters of the first name.
    pub initials: Vec<String>,
}

/// A search by company and name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Employed {
    /// Words of the company's name, the longest first.
    pub words: Vec<String>,
    /// The last name in its spellings.
    pub last: Vec<String>,
    /// First letters of the first name.
    pub initials: Vec<String>,
}

/// The next search that is worth a request, with the key that it goes by; `None` when it is time to decide.
///
/// Values that the pipeline's rules call generic or withheld are left out: they would find everybody and nobody.
pub fn next_search(
    project: &Project,
    pipeline: &Pipeline,
    call: &CallOutcome,
    context: &Context,
    asked: &mut Asked,
) -> Option<(KeyId, Query)> {
    let find = pipeline.connection.connector.decl.find.as_ref()?;
    if asked.requests > 0 && is_settled(project, pipeline, call, context) {
        return None;
    }
    let rules = &pipeline.matching;
    let sought = Sought::of(rules, &project.phone_region, &call.caller);
    let people = people(project, pipeline, context);
    let people: Vec<&Person> = people.iter().collect();
    loop {
        let search = next_round(rules, &sought, &people, asked, &find.by)?;
        let key = search.key();
        let most = find.max_values.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
        if let Some(query) = query(project, pipeline, call, search, most) {
            return Some((key, query));
        }
    }
}

/// The numbers (E.164) and addresses that identify the caller, sorted; without one there is nothing to search by but a name.
pub fn identities(project: &Project, pipeline: &Pipeline, call: &CallOutcome) -> Vec<String> {
    let identity = Identity::of(&pipeline.matching.values, &project.phone_region, call);
    let mut all: Vec<String> = identity.phones.into_iter().map(|phone| phone.e164).collect();
    all.extend(identity.emails);
    if all.is_empty() {
        // An address that was spoken and not written down as one: every reading of it.
        all.extend(Sought::of(&pipeline.matching, &project.phone_region, &call.caller).emails);
    }
    all.sort();
    all
}

fn query(project: &Project, pipeline: &Pipeline, call: &CallOutcome, search: Search, most: usize) -> Option<Query> {
    let few = |mut values: Vec<String>| {
        values.truncate(most);
        values
    };
    match search {
        Search::Reach { numbers, said, emails } => {
            let identity = Identity::of(&pipeline.matching.values, &project.phone_region, call);
            let mut query = Query { emails: few(emails), ..Query::default() };
            // A system that cannot search by numbers was not asked for any.
            let by_number = !numbers.is_empty() || !said.is_empty();
            for phone in identity.phones.iter().filter(|_| by_number) {
                for spelling in phone_spellings(phone) {
                    let digits: String = spelling.chars().filter(char::is_ascii_digit).collect();
                    // The 1 before a North American number is what is dialled at home as well as the country's: no index keeps it.
                    if !(phone.e164.starts_with("+1") && phone.national.len() < digits.len()) {
                        add(&mut query.digits, digits);
                    }
                    add(&mut query.phones, spelling);
                }
                query.e164.push(phone.e164.clone());
                add(&mut query.national, phone.national.clone());
            }
            (!query.e164.is_empty() || !query.emails.is_empty()).then_some(query)
        }
        Search::EmailNear { emails, host, begins } => {
            let near = Near { emails: few(emails), host: host.filter(|_| !begins.is_empty()), initials: initials(&begins) };
            (!near.emails.is_empty() || near.host.is_some()).then(|| Query { near: Some(near), ..Query::default() })
        }
        Search::Name { last, begins } => {
            let named = Named { last: few(last), initials: initials(&begins) };
            Some(Query { name: Some(named), ..Query::default() })
        }
        Search::Account { mut words, begins, last } => {
            words.sort_by_key(|word| std::cmp::Reverse(word.chars().count()));
            words.truncate(WORDS);
            let employed = Employed { words, last: few(last), initials: initials(&begins) };
            Some(Query { account: Some(employed), ..Query::default() })
        }
    }
}

pub(super) fn add(list: &mut Vec<String>, value: String) {
    if !list.contains(&value) {
        list.push(value);
    }
}

/// The first letters, each once: what every system can search by, and what is left of a name that was misheard.
fn initials(begins: &[String]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for letter in begins.iter().filter_map(|start| start.chars().next()) {
        let letter = letter.to_string();
        if !found.contains(&letter) {
            found.push(letter);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{call, context, front_desk, person, project, with};

    /// Every search for a call, the system answering each with these records.
    fn rounds(project: &Project, call: &CallOutcome, found: &[crate::context::Record]) -> Vec<(KeyId, Query)> {
        let mut asked = Asked::default();
        let mut context = Context { searched: Vec::new(), ..context(vec![]) };
        let mut all = Vec::new();
        while let Some(search) = next_search(project, front_desk(project), call, &context, &mut asked) {
            context.candidates = found.to_vec();
            all.push(search);
        }
        all
    }

    #[test]
    fn what_is_asked() {
        let mut call = call();
        call.caller.callback_phone = Some("+1 312 555 0143".to_owned());
        let all = rounds(project(), &call, &[]);
        let (key, query) = &all[0];
        assert_eq!((*key, all.len()), (KeyId::Number, 1), "the system of these tests searches by nothing else");
        assert_eq!(query.e164, ["+13125550142", "+13125550143"]);
        assert_eq!(query.national, ["3125550142", "3125550143"]);
        assert_eq!(query.emails, ["ann@example.com"]);
        assert_eq!(query.phones.len(), 32);
        assert_eq!(query.digits, ["3125550142", "3125550143"]);
        assert!(query.phones.contains(&"(312) 555-0143".to_owned()));
    }

    #[test]
    fn further_rounds() {
        let by = r#"object = "contact"
by = ["number", "email", "email_near", "name", "account"]
max_values = 3"#;
        let keys = r#"[retrieve]
key = [{ id = "number" }, { id = "email" }, { id = "email_near", when = "undecided" }, { id = "name", when = "undecided" }, { id = "account" }]
[decide]"#;
        let able = with(&[("mappings/crm/connector.toml", "object = \"contact\"", by), ("mappings/match/person.toml", "[decide]", keys)]);
        let mut call = call();
        call.caller.company = Some("Hartwell Dental".to_owned());
        let keys_of = |call, found: &[_]| rounds(&able, call, found).into_iter().map(|(key, _)| key).collect::<Vec<_>>();
        let keys = |found: &[_]| keys_of(&call, found);
        assert_eq!(keys(&[]), [KeyId::Number, KeyId::EmailNear, KeyId::Name, KeyId::Account]);
        // Who is found beyond doubt costs one request.
        assert_eq!(keys(&[person("p1", json!({"FirstName": "Ann", "LastName": "Lee", "Email": "ann@example.com"}))]), [KeyId::Number]);
        // A placeholder that has the number and no name says nothing about who has the name; one who has the address is found.
        let placeholder = |email| person("p1", json!({"LastName": "Caller +13125550142", "Phone": "+13125550142", "Email": email}));
        let mut by_number = call.clone();
        by_number.caller.email = None;
        assert_eq!(keys_of(&by_number, &[placeholder("")]), [KeyId::Number, KeyId::Name, KeyId::Account]);
        assert_eq!(keys_of(&call, &[placeholder("ann@example.com")]), [KeyId::Number]);
        let all = rounds(&able, &call, &[]);
        let name = all[2].1.name.as_ref().expect("a name");
        assert_eq!((name.last.len(), name.last[0].as_str(), name.initials[0].as_str()), (3, "lee", "a"));
        let account = all[3].1.account.as_ref().expect("an account");
        assert_eq!(account.words, ["hartwell", "dental"]);
        assert!(all[1].1.near.as_ref().is_some_and(|near| near.emails.len() == 3 && near.emails[0] != "ann@example.com"));
    }

    #[test]
    fn nothing_to_ask() {
        let mut call = call();
        call.caller.phone = Some("555-555-5555".to_owned());
        call.caller.email = Some("noemail@example.com".to_owned());
        assert_eq!(rounds(project(), &call, &[]), []);
    }
}
