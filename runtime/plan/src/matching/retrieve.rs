//! Which reads would find the caller's record: the values that a connector's search is asked with.

use aftercall_config::call::CallOutcome;
use aftercall_config::project::{Pipeline, Project};

use super::{Identity, Sought};
use crate::normalise::phone_spellings;

/// What a search is asked with, in the words of the connector's `[find]` templates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Numbers as E.164: `+13125550142`.
    pub e164: Vec<String>,
    /// The same numbers without country code, digits only: `3125550142`.
    pub national: Vec<String>,
    /// The same numbers in the spellings that people type: `phones` in templates.
    pub spellings: Vec<String>,
    /// Addresses in lower case.
    pub emails: Vec<String>,
}

/// The query for a call's caller, or `None` when there is nothing to search by.
///
/// Values that the pipeline's rules call generic or withheld are left out: they would find everybody and nobody.
pub fn retrieve(project: &Project, pipeline: &Pipeline, call: &CallOutcome) -> Option<Query> {
    let rules = &pipeline.matching;
    let identity = Identity::of(&rules.values, &project.phone_region, call);
    let mut emails = identity.emails;
    if emails.is_empty() {
        // An address that was spoken and not written down as one: every reading of it.
        let sought = Sought::of(rules, &project.phone_region, &call.caller);
        emails.extend(sought.emails);
    }
    if identity.phones.is_empty() && emails.is_empty() {
        return None;
    }
    let mut query = Query { emails, ..Query::default() };
    for phone in &identity.phones {
        for spelling in phone_spellings(phone) {
            if !query.spellings.contains(&spelling) {
                query.spellings.push(spelling);
            }
        }
        query.e164.push(phone.e164.clone());
        if !query.national.contains(&phone.national) {
            query.national.push(phone.national.clone());
        }
    }
    Some(query)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{call, front_desk, project};

    #[test]
    fn what_is_asked() {
        let mut call = call();
        call.caller.callback_phone = Some("+1 312 555 0143".to_owned());
        let query = retrieve(project(), front_desk(project()), &call).expect("something to search by");
        assert_eq!(query.e164, ["+13125550142", "+13125550143"]);
        assert_eq!(query.national, ["3125550142", "3125550143"]);
        assert_eq!(query.emails, ["ann@example.com"]);
        assert_eq!(query.spellings.len(), 32);
        assert!(query.spellings.contains(&"(312) 555-0143".to_owned()));
    }

    #[test]
    fn nothing_to_ask() {
        let mut call = call();
        call.caller.phone = Some("555-555-5555".to_owned());
        call.caller.email = Some("noemail@example.com".to_owned());
        assert_eq!(retrieve(project(), front_desk(project()), &call), None);
    }
}
