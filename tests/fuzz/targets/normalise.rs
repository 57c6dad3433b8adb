//! Numbers, addresses and names as people say and type them. Total, and what was brought into one form stays in it.
#![no_main]

use std::sync::LazyLock;

use aftercall::load;
use aftercall_config::functions;
use aftercall_config::rules::MatchRules;
use aftercall_config::tables::{Tables, fold, phrase};
use aftercall_plan::normalise as n;
use libfuzzer_sys::fuzz_target;

static RULES: LazyLock<MatchRules> = LazyLock::new(|| {
    MatchRules::load("mappings/match/person.toml", &load::shipped()).unwrap_or_else(|complaint| panic!("{complaint}"))
});

const REGIONS: [&str; 6] = ["US", "GB", "DE", "MX", "AU", "ZZ"];

fuzz_target!(|bytes: &[u8]| {
    let Some((region, rest)) = bytes.split_first() else { return };
    let region = REGIONS[usize::from(*region) % REGIONS.len()];
    let text = String::from_utf8_lossy(rest);
    let tables: &Tables = &RULES.tables;
    if let Some(phone) = n::phone(&text, region) {
        assert_eq!(n::phone(&phone.e164, region).map(|again| again.e164), Some(phone.e164.clone()), "{text}");
        assert!(!n::phone_spellings(&phone).is_empty());
    }
    let _ = n::withheld(&text);
    for digits in n::field_numbers(&text, region).into_iter().chain(n::said_numbers(&text, region, tables)).chain(n::network_number(&text, region)) {
        let _ = digits.tail(7);
    }
    if let Some(address) = n::email(&text) {
        assert_eq!(n::email(&address), Some(address.clone()), "{text}");
    }
    for address in n::email_readings(&text, tables) {
        assert_eq!(n::email(&address), Some(address.clone()), "read out of {text}");
    }
    if let Some(name) = n::said_name(&text, tables) {
        assert!(!name.is_empty(), "{text}");
        let _ = (name.first_joined(), name.last_joined());
    }
    let (first, last) = text.split_once(' ').unwrap_or((&text, ""));
    let _ = n::record_name(Some(first), Some(last), None, tables);
    if let (Some(a), Some(b)) = (n::company(first, tables), n::company(last, tables)) {
        let overlap = n::overlap(&a, &b);
        assert!((0.0..=1.0).contains(&overlap), "{overlap} of {text}");
        let _ = a.joined();
    }
    assert_eq!(n::alike(first, last), n::alike(last, first), "{text}");
    assert_eq!(n::edits(first, last, 3), n::edits(last, first, 3), "{text}");
    let _ = (n::spoken(first, true), n::spoken(first, false), n::wildcard(first, last));
    let folded = fold(&text);
    assert_eq!(fold(&folded), folded, "{text}");
    let _ = (phrase(&text), functions::percent_encode(&text), functions::timestamp(&serde_json::json!(text)));
});
