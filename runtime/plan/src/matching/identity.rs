//! What identifies a caller: numbers and addresses, without those that identify nobody.

use aftercall_config::call::CallOutcome;
use aftercall_config::decl::ValuesDecl;

use crate::normalise::{self, Phone};

/// The caller's numbers and addresses, normalised, without duplicates, in the order of the outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The number from the network, then the number for calling back.
    pub phones: Vec<Phone>,
    /// Addresses in lower case.
    pub emails: Vec<String>,
}

impl Identity {
    /// The identity of a call's caller under the rules' list of values that identify nobody.
    ///
    /// `region` is the project's, for numbers without a country code.
    pub fn of(values: &ValuesDecl, region: &str, call: &CallOutcome) -> Self {
        let mut identity = Self::default();
        for text in [&call.caller.phone, &call.caller.callback_phone].into_iter().flatten() {
            if let Some(phone) = phone(values, region, text)
                && !identity.phones.contains(&phone)
            {
                identity.phones.push(phone);
            }
        }
        identity.emails.extend(call.caller.email.as_deref().and_then(|text| email(values, text)));
        identity
    }

    /// Whether there is nothing to search by.
    pub fn is_empty(&self) -> bool {
        self.phones.is_empty() && self.emails.is_empty()
    }
}

/// The number that `text` stands for, unless it identifies nobody.
pub(super) fn phone(values: &ValuesDecl, region: &str, text: &str) -> Option<Phone> {
    let bare = text.trim();
    if values.withheld.iter().any(|word| word.eq_ignore_ascii_case(bare)) {
        return None;
    }
    let phone = normalise::phone(text, region)?;
    let whole = phone.e164.trim_start_matches('+');
    let nobody = |pattern: &String| {
        let pattern = pattern.trim_start_matches('+');
        normalise::wildcard(pattern, whole) || normalise::wildcard(pattern, &phone.national)
    };
    let withheld = values.withheld.contains(&phone.e164);
    (!withheld && !values.generic_phones.iter().any(nobody)).then_some(phone)
}

/// The address that `text` stands for, unless it identifies nobody.
pub(super) fn email(values: &ValuesDecl, text: &str) -> Option<String> {
    let email = normalise::email(text)?;
    (!values.generic_emails.iter().any(|pattern| normalise::wildcard(pattern, &email))).then_some(email)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aftercall_config::call::Caller;

    #[track_caller]
    fn check(phone: &str, callback: &str, email: &str, phones: &[&str], emails: &[&str]) {
        let values = ValuesDecl {
            generic_phones: vec!["2025550100".to_owned(), "*0000000".to_owned()],
            generic_emails: vec!["noemail@*".to_owned(), "none@none.com".to_owned()],
            withheld: vec!["Front Desk".to_owned(), "+13125550199".to_owned()],
        };
        let own = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let caller = Caller { phone: own(phone), callback_phone: own(callback), email: own(email), ..Caller::default() };
        let identity = Identity::of(&values, "US", &CallOutcome { caller, ..CallOutcome::default() });
        assert_eq!(identity.phones.iter().map(|p| p.e164.as_str()).collect::<Vec<_>>(), phones);
        assert_eq!(identity.emails, emails);
        assert_eq!(identity.is_empty(), phones.is_empty() && emails.is_empty());
    }

    #[test]
    fn who() {
        check("(312) 555-0142", "", "Ann@Example.com", &["+13125550142"], &["ann@example.com"]);
        check("+13125550142", "312.555.0142", "", &["+13125550142"], &[]);
        check("+13125550142", "312.555.0143", "", &["+13125550142", "+13125550143"], &[]);
        check("anonymous", "312.555.0143", "", &["+13125550143"], &[]);
    }

    #[test]
    fn nobody() {
        check("anonymous", "", "noemail@acme.example", &[], &[]);
        check("front desk", "+13125550199", "none@none.com", &[], &[]);
        check("(202) 555-0100", "+13120000000", "none", &[], &[]);
    }
}
