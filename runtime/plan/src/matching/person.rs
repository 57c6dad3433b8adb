//! Both sides of a comparison, read once: the caller as heard, and a record as typed.

use std::sync::Arc;

use aftercall_config::call::Caller;
use aftercall_config::decl::{TableKind, ValuesDecl};
use aftercall_config::rules::MatchRules;
use aftercall_config::tables::{fold, phrase};

use crate::normalise::{
    Company, Digits, PersonName, company, email, email_readings, field_numbers, network_number, record_name, said_name, said_numbers,
    wildcard,
};

/// The caller, as far as was heard.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sought {
    /// The number from the network.
    pub number: Option<Digits>,
    /// Numbers that were said for calling back, without the one from the network.
    pub callback: Vec<Digits>,
    /// Readings of the address, the likeliest first.
    pub emails: Vec<String>,
    /// The name that was said.
    pub name: Option<PersonName>,
    /// The name that the network shows.
    pub shown: Option<PersonName>,
    /// The company that was named.
    pub company: Option<Company>,
    /// The company's words in one, for comparing with the host of an address.
    pub company_joined: String,
}

impl Sought {
    /// Reads a caller. `region` is the line's country, for numbers without a country code.
    pub fn of(rules: &MatchRules, region: &str, caller: &Caller) -> Self {
        let tables = &*rules.tables;
        let number = caller.phone.as_deref().filter(|text| !withheld(&rules.values, text)).and_then(|text| network_number(text, region));
        let number = number.filter(|number| !generic_number(&rules.values, *number));
        let mut callback = caller.callback_phone.as_deref().map(|text| said_numbers(text, region, tables)).unwrap_or_default();
        callback.retain(|said| !generic_number(&rules.values, *said) && number.is_none_or(|number| number.tail(9) != said.tail(9)));
        let mut emails = caller.email.as_deref().map(|text| email_readings(text, tables)).unwrap_or_default();
        emails.retain(|email| !generic_email(&rules.values, email));
        let name = match (&caller.first_name, &caller.last_name) {
            (None, None) => caller.name.as_deref().and_then(|text| said_name(text, tables)),
            (first, last) => {
                let mut parts = record_name(first.as_deref(), last.as_deref(), None, tables);
                if let Some(whole) = caller.name.as_deref().and_then(|text| said_name(text, tables)) {
                    parts.suffix = parts.suffix.or(whole.suffix);
                    if parts.first.is_empty() {
                        parts.first = whole.first;
                    } else if parts.last.is_empty() {
                        parts.last = whole.last;
                    }
                }
                (!parts.is_empty()).then_some(parts)
            }
        };
        let shown = caller.caller_id_name.as_deref().and_then(|text| said_name(text, tables));
        let named = caller.company.as_deref().and_then(|text| company(text, tables));
        let company_joined = match (&named, &caller.company) {
            (Some(_), Some(text)) => host_words(rules, text),
            _ => String::new(),
        };
        Self { number, callback, emails, name, shown, company: named, company_joined }
    }

    /// Whether there is a number or an address to search by.
    pub fn is_findable(&self) -> bool {
        self.number.is_some() || !self.callback.is_empty() || !self.emails.is_empty()
    }
}

/// A company's words in one as they stand in a host: without forms of ownership.
fn host_words(rules: &MatchRules, text: &str) -> String {
    let text = phrase(&text.replace(['-', '/', '.', ',', '&'], " "));
    text.split(' ').filter(|word| !rules.tables.has(TableKind::LegalForms, word) && !matches!(*word, "and" | "the")).collect()
}

/// A record, as far as it is filled in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Person {
    /// Every number.
    pub numbers: Vec<Digits>,
    /// Every address.
    pub emails: Vec<Box<str>>,
    /// The name.
    pub name: PersonName,
    /// The company; absent for a household.
    pub company: Option<Arc<Company>>,
}

/// The fields of a record, as typed.
#[derive(Clone, Debug, Default)]
pub struct Fields<'a> {
    /// Numbers.
    pub numbers: Vec<&'a str>,
    /// Addresses.
    pub emails: Vec<&'a str>,
    /// The given name.
    pub first_name: Option<&'a str>,
    /// The family name, or the whole name where there is no given one.
    pub last_name: Option<&'a str>,
    /// Junior, Senior.
    pub suffix: Option<&'a str>,
    /// The account.
    pub account: Option<&'a str>,
    /// The country, as a code or a word.
    pub country: Option<&'a str>,
}

impl Person {
    /// Reads a record. `region` is the country where the record names none.
    pub fn of(rules: &MatchRules, region: &str, fields: &Fields<'_>) -> Self {
        let tables = &*rules.tables;
        let named = fields.account.and_then(|text| company(text, tables));
        let mut person = Self::reading(rules, region, fields);
        person.set_company(named.map(Arc::new));
        person
    }

    /// The same without the company, for callers that share companies between records.
    pub fn reading(rules: &MatchRules, region: &str, fields: &Fields<'_>) -> Self {
        let tables = &*rules.tables;
        let country = fields.country.map(phrase).filter(|text| !text.is_empty());
        let named = country.as_deref().and_then(|text| tables.head(TableKind::Countries, text)).map(str::to_uppercase);
        let own = fields.country.map(str::trim).filter(|text| text.len() == 2 && text.is_ascii()).map(str::to_uppercase);
        let region = named.or(own).unwrap_or_else(|| region.to_owned());
        let mut person = Self { name: record_name(fields.first_name, fields.last_name, fields.suffix, tables), ..Self::default() };
        for text in &fields.numbers {
            for number in field_numbers(text, &region) {
                if !person.numbers.contains(&number) && !generic_number(&rules.values, number) {
                    person.numbers.push(number);
                }
            }
        }
        for text in &fields.emails {
            if let Some(email) = email(text).filter(|email| !generic_email(&rules.values, email))
                && !person.emails.iter().any(|other| **other == *email)
            {
                person.emails.push(email.into());
            }
        }
        person
    }

    /// Sets the company, unless it is the person's own household.
    pub fn set_company(&mut self, company: Option<Arc<Company>>) {
        self.company =
            company.filter(|c| !c.household && (c.words.is_empty() || !c.trades.is_empty() || c.joined() != self.name.last_joined()));
    }
}

/// Whether a number identifies nobody.
pub fn generic_number(values: &ValuesDecl, number: Digits) -> bool {
    if values.generic_phones.is_empty() {
        return false;
    }
    let text = number.value.to_string();
    let national = if number.whole && text.len() == 11 && text.starts_with('1') { &text[1..] } else { &text };
    values.generic_phones.iter().any(|pattern| {
        let pattern = pattern.trim_start_matches('+');
        if pattern.contains('*') { wildcard(pattern, &text) || wildcard(pattern, national) } else { pattern == text || pattern == national }
    })
}

fn generic_email(values: &ValuesDecl, email: &str) -> bool {
    values
        .generic_emails
        .iter()
        .any(|pattern| if pattern.contains('*') { wildcard(pattern, email) } else { pattern.eq_ignore_ascii_case(email) })
}

fn withheld(values: &ValuesDecl, text: &str) -> bool {
    let bare = fold(text);
    values.withheld.iter().any(|word| word.eq_ignore_ascii_case(text.trim()) || fold(word) == bare)
}
