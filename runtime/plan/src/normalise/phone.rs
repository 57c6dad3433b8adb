//! Telephone numbers: one form to compare, and the spellings under which a record may hold it.

use std::cell::RefCell;
use std::collections::HashMap;

use rlibphonenumber::{NumberLengthType, PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberFormat, Region};

/// A number that can be dialled from anywhere. Extensions are dropped: they tell apart desks, not people on file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Phone {
    /// `+`, country code and number: `+13125550142`.
    pub e164: String,
    /// The number without country code, digits only: `3125550142`.
    pub national: String,
    /// Two-letter country of the number, or empty where a country code is shared and the number does not tell.
    pub region: String,
}

/// What networks send in place of a number that the caller withheld.
const WITHHELD: &[&str] = &[
    "anonymous",
    "blocked",
    "no caller id",
    "no number",
    "not available",
    "out of area",
    "payphone",
    "private",
    "private number",
    "restricted",
    "unavailable",
    "undisclosed",
    "unknown",
    "withheld",
    "+266696687",
    "266696687",
];

/// Numbers that one thread remembers. A table of this size takes some 200 kB.
const REMEMBERED: usize = 1024;

/// What this thread has parsed already, under one region. A call's number is compared in many places of a plan, and
/// a record's number comes again with each call of its owner.
#[derive(Default)]
struct Memo {
    region: String,
    parsed: HashMap<String, Option<Phone>>,
}

thread_local! {
    static MEMO: RefCell<Memo> = RefCell::default();
}

/// The number that `text` stands for, or `None` where it stands for none: withheld, too short, too long, a word.
///
/// Shape: `(312) 555-0142`, `+1 312 555 0142 ext. 7`, `tel:+1-312-555-0142`, `sip:+13125550142@carrier.example`.
/// `region` is the two-letter country of numbers without a country code. A number counts when its length is one that
/// its country uses: CRMs are full of numbers that no numbering plan lists any more, and they still tell people apart.
pub fn phone(text: &str, region: &str) -> Option<Phone> {
    // The longest text that libphonenumber reads. What is longer is prose, and not worth remembering.
    if text.len() > 250 {
        return None;
    }
    MEMO.with_borrow_mut(|memo| {
        if memo.region != region {
            memo.parsed.clear();
            region.clone_into(&mut memo.region);
        }
        if let Some(known) = memo.parsed.get(text) {
            return known.clone();
        }
        if memo.parsed.len() >= REMEMBERED {
            memo.parsed.clear();
        }
        let phone = read(text, region);
        memo.parsed.insert(text.to_owned(), phone.clone());
        phone
    })
}

/// Whether `text` says that the caller withheld the number.
pub fn withheld(text: &str) -> bool {
    let text = bare(text).to_lowercase();
    let text = text.trim();
    WITHHELD.contains(&text)
}

/// Without scheme, display name, host and parameters.
fn bare(text: &str) -> &str {
    let mut text = text.trim();
    if let Some((_, inner)) = text.rsplit_once('<') {
        text = inner.trim_end_matches('>').trim();
    }
    for scheme in ["sips:", "sip:", "tel:", "callto:"] {
        if text.get(..scheme.len()).is_some_and(|head| head.eq_ignore_ascii_case(scheme)) {
            text = &text[scheme.len()..];
            break;
        }
    }
    let text = text.split_once('@').map_or(text, |(user, _)| user);
    // `;ext=7` and `;user=phone` go; `;phone-context=+1` belongs to the number.
    if text.contains("phone-context=") { text } else { text.split_once(';').map_or(text, |(number, _)| number) }.trim()
}

fn read(text: &str, region: &str) -> Option<Phone> {
    let text = bare(text);
    if text.bytes().filter(u8::is_ascii_digit).count() < 3 || withheld(text) {
        return None;
    }
    let region = Region::from_code(region).ok();
    let number = possible(text, region).or_else(|| {
        // `(312) 555-0142 cell`: libphonenumber reads the word as letters on the keypad.
        let word = text.find(char::is_alphabetic)?;
        let head = text[..word].trim();
        (head.bytes().filter(u8::is_ascii_digit).count() >= 7).then(|| possible(head, region)).flatten()
    })?;
    let number = settled(number)?;
    let national = number.get_national_significant_number();
    let mut digits = national.bytes();
    let first = digits.next()?;
    if digits.all(|digit| digit == first) {
        return None;
    }
    Some(Phone {
        e164: number.format_as(PhoneNumberFormat::E164).into_owned(),
        national,
        region: number.get_region_code().map(|region| region.as_region_str().as_str().to_owned()).unwrap_or_default(),
    })
}

/// The number as its own E.164 form is read. Zeros behind a country code may go with the first reading and with the second: without this, a
/// record that holds our form would not be found by the number that it was made of.
fn settled(mut number: PhoneNumber) -> Option<PhoneNumber> {
    for _ in 0..4 {
        let again = possible(&number.format_as(PhoneNumberFormat::E164), None)?;
        if again.format_as(PhoneNumberFormat::E164) == number.format_as(PhoneNumberFormat::E164) {
            return Some(number);
        }
        number = again;
    }
    None
}

fn possible(text: &str, region: Option<Region>) -> Option<PhoneNumber> {
    let number = PHONE_NUMBER_UTIL.parse(text, region).ok()?;
    matches!(number.is_possible_with_reason(), Ok(NumberLengthType::IsPossible)).then_some(number)
}

/// The ways in which people write this number, for systems that compare text: E.164 first, then digits, then the
/// formats of its country. No duplicates, at most 14.
pub fn phone_spellings(phone: &Phone) -> Vec<String> {
    let mut all = vec![phone.e164.clone(), phone.e164.trim_start_matches('+').to_owned(), phone.national.clone()];
    if phone.e164.starts_with("+1") && phone.national.len() == 10 {
        let (area, exchange, line) = (&phone.national[..3], &phone.national[3..6], &phone.national[6..]);
        all.extend([
            format!("({area}) {exchange}-{line}"),
            format!("{area}-{exchange}-{line}"),
            format!("{area}.{exchange}.{line}"),
            format!("{area} {exchange} {line}"),
            format!("({area}){exchange}-{line}"),
            format!("1-{area}-{exchange}-{line}"),
            format!("1 ({area}) {exchange}-{line}"),
            format!("+1 {area}-{exchange}-{line}"),
            format!("+1 ({area}) {exchange}-{line}"),
            format!("+1-{area}-{exchange}-{line}"),
            format!("+1 {area} {exchange}-{line}"),
            format!("+1 {area} {exchange} {line}"),
            format!("{area} {exchange}-{line}"),
        ]);
    } else if let Ok(number) = PHONE_NUMBER_UTIL.parse(&phone.e164, None) {
        let national = number.format_as(PhoneNumberFormat::National).into_owned();
        let international = number.format_as(PhoneNumberFormat::International).into_owned();
        let code = number.country_code;
        all.extend([
            national.chars().filter(char::is_ascii_digit).collect(),
            national.replace(['(', ')'], "").replace(['-', '/'], " "),
            national.replace([' ', '/'], "-").replace(['(', ')'], ""),
            national.clone(),
            international.replace('-', " "),
            international.replace(' ', "-"),
            international.clone(),
            format!("00{code}{}", phone.national),
            format!("+{code} {}", phone.national),
            format!("+{code} (0){}", phone.national),
        ]);
    }
    let mut seen = Vec::with_capacity(all.len());
    for spelling in all {
        if !spelling.is_empty() && !seen.contains(&spelling) {
            seen.push(spelling);
        }
    }
    seen.truncate(16);
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, region: &str, expected: Option<&str>) {
        assert_eq!(phone(text, region).map(|p| p.e164).as_deref(), expected, "{text}");
        // The second time comes from memory.
        assert_eq!(phone(text, region).map(|p| p.e164).as_deref(), expected, "{text}, again");
    }

    #[test]
    fn spellings_of_one_number() {
        for text in [
            "+13125550142",
            "3125550142",
            "13125550142",
            "(312) 555-0142",
            "312.555.0142",
            " 1-312-555-0142 ",
            "+1 (312) 555-0142 ext. 77",
            "312-555-0142 x5",
            "(312) 555-0142 cell",
            "tel:+1-312-555-0142",
            "TEL:+13125550142;ext=7",
            "sip:+13125550142@carrier.example;user=phone",
            "\"Ann\" <sip:+13125550142@carrier.example>",
            "+13125550142@10.0.0.1",
            "Cell: 312 555 0142",
        ] {
            check(text, "US", Some("+13125550142"));
        }
    }

    #[test]
    fn regions() {
        check("020 7946 0958", "GB", Some("+442079460958"));
        check("+44 (0)20 7946 0958", "US", Some("+442079460958"));
        check("0176 12345678", "DE", Some("+4917612345678"));
        check("06 698 12345", "IT", Some("+390669812345"));
        check("020 7946 0958", "US", None);
    }

    #[test]
    fn our_own_form_is_read_as_itself() {
        for text in ["]00009324361", "+490009324361", "0049 0 0009324361", "+44 0 020 7946 0958", "+390669812345"] {
            let Some(read) = phone(text, "DE") else { continue };
            assert_eq!(phone(&read.e164, "DE"), Some(read), "{text}");
        }
    }

    #[test]
    fn nobody() {
        for text in [
            "",
            "anonymous",
            "Private",
            "sip:anonymous@anonymous.invalid",
            "RESTRICTED",
            "unknown",
            "+266696687",
            "5550142",
            "12",
            "0000000000",
            "5555555555",
            "n/a",
            "client:ann",
            "see notes",
            "1234567890123456789",
            "ann@example.com",
        ] {
            check(text, "US", None);
        }
        check(&"9".repeat(500), "US", None);
    }

    #[test]
    fn how_people_write_it() {
        let us = phone("3125550142", "US").map(|p| phone_spellings(&p)).unwrap_or_default();
        for spelling in [
            "+13125550142",
            "13125550142",
            "3125550142",
            "(312) 555-0142",
            "312-555-0142",
            "312.555.0142",
            "1-312-555-0142",
            "+1 312-555-0142",
        ] {
            assert!(us.iter().any(|s| s == spelling), "{spelling} is not in {us:?}");
        }
        let gb = phone("+442079460958", "US").map(|p| phone_spellings(&p)).unwrap_or_default();
        for spelling in ["+442079460958", "442079460958", "2079460958", "02079460958", "020 7946 0958", "+44 20 7946 0958"] {
            assert!(gb.iter().any(|s| s == spelling), "{spelling} is not in {gb:?}");
        }
        for list in [us, gb] {
            assert!(list.len() <= 16);
            for spelling in &list {
                assert!(phone(spelling, "GB").is_some() || phone(spelling, "US").is_some(), "{spelling}");
            }
        }
    }
}
