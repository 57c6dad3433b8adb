//! Values of properties: what is accepted, how it is kept, and what is calculated from it.
//!
//! Source: HubSpot's guides on properties and on search (calculated phone numbers), and the wording
//! of recorded validation errors. Not for what a whole record must have: that is `write`.

use jiff::{Timestamp, civil::Date};

use super::property::{LIFECYCLE, Property, Type};

/// The longest text a property takes, in characters.
const LONGEST: usize = 65_536;

/// Why a value is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) name: String,
    pub(super) code: &'static str,
    pub(super) message: String,
}

/// The value as HubSpot keeps it; an empty text clears.
///
/// `owners` are the ids that an owner property may name.
pub(super) fn accept(property: &Property, value: &str, owners: &[String]) -> Result<String, Fault> {
    let fault = |code, message| Err(Fault { name: property.name.to_string(), code, message });
    if value.is_empty() {
        return Ok(String::new());
    }
    if value.chars().nth(LONGEST).is_some() {
        return fault("VALUE_TOO_LONG", format!("{} is longer than {LONGEST} characters", property.name));
    }
    match property.kind {
        Type::Text | Type::Phone if &*property.name == "email" => {
            let email = value.trim().to_lowercase();
            if is_email(&email) { Ok(email) } else { fault("INVALID_EMAIL", format!("Email address {value} is invalid")) }
        }
        Type::Text | Type::Phone => Ok(value.to_owned()),
        Type::Number => match value.trim().parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(value.trim().to_owned()),
            _ => fault("INVALID_NUMBER", format!("{value} was not a valid number.")),
        },
        Type::Datetime => match instant(value) {
            Some(at) => Ok(at.to_string()),
            None => fault("INVALID_LONG", format!("{value} was not a valid long.")),
        },
        Type::Date => match date(value) {
            Some(day) => Ok(day.to_string()),
            None => fault("INVALID_DATE", format!("{value} was not a valid date.")),
        },
        Type::Bool => match value.to_lowercase().as_str() {
            word @ ("true" | "false") => Ok(word.to_owned()),
            _ => fault("INVALID_OPTION", format!("{value} was not one of the allowed options: [true, false]")),
        },
        Type::Enumeration if property.owner => {
            if owners.iter().any(|owner| owner == value) {
                Ok(value.to_owned())
            } else {
                fault("INVALID_OWNER_ID", format!("Owner {value} does not exist"))
            }
        }
        // Additional addresses are an enumeration without fixed options.
        Type::Enumeration if &*property.name == "hs_additional_emails" => {
            match value.split(';').find(|email| !is_email(&email.trim().to_lowercase())) {
                Some(email) => fault("INVALID_EMAIL", format!("Email address {email} is invalid")),
                None => Ok(value.split(';').map(|email| email.trim().to_lowercase()).collect::<Vec<_>>().join(";")),
            }
        }
        Type::Enumeration => {
            let several = property.field == "checkbox";
            let parts = value.trim_start_matches(';').split(if several { ';' } else { '\0' });
            let allowed = |part: &str| property.options.iter().any(|(_, option)| option == part);
            match parts.clone().find(|part| !allowed(part)) {
                Some(part) => {
                    let all: Vec<&str> = property.options.iter().map(|(_, option)| option.as_str()).collect();
                    let message = format!("{part} was not one of the allowed options: [{}]", all.join(", "));
                    fault("INVALID_OPTION", message)
                }
                None => Ok(parts.collect::<Vec<_>>().join(";")),
            }
        }
    }
}

fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let plain = |part: &str| !part.is_empty() && !part.contains(|char: char| char.is_whitespace() || ",;<>@".contains(char));
    plain(local)
        && plain(domain)
        && domain.contains('.')
        && domain.split('.').all(|label| !label.is_empty())
        && !local.starts_with('.')
        && !local.ends_with('.')
}

/// A time given as ISO 8601 with an offset, as a date at midnight UTC, or as milliseconds since 1970.
pub(super) fn instant(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(millis) = text.parse::<i64>() {
        return Timestamp::from_millisecond(millis).ok();
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Timestamp::from_millisecond(at.as_millisecond()).ok();
    }
    let day: Date = text.parse().ok().filter(|_| text.len() == 10)?;
    Some(day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
}

fn date(text: &str) -> Option<Date> {
    if text.len() == 10
        && let Ok(day) = text.parse::<Date>()
    {
        return Some(day);
    }
    // Milliseconds must be midnight UTC.
    let at = instant(text).filter(|at| at.as_millisecond().rem_euclid(86_400_000) == 0)?;
    Some(at.to_zoned(jiff::tz::TimeZone::UTC).date())
}

/// A time as HubSpot prints its own: UTC with milliseconds.
pub(super) fn print(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// Whether a lifecycle stage may follow another: the same or a later one, or any after none.
pub(super) fn moves_forward(from: Option<&str>, to: &str) -> bool {
    let place = |stage: &str| LIFECYCLE.iter().position(|known| *known == stage);
    match from.filter(|from| !from.is_empty()) {
        None => true,
        Some(_) if to.is_empty() => true,
        Some(from) => place(to) >= place(from),
    }
}

/// Country calling codes of one and two digits; all others have three.
const ONE_DIGIT: &[&str] = &["1", "7"];
const TWO_DIGITS: &[&str] = &[
    "20", "27", "30", "31", "32", "33", "34", "36", "39", "40", "41", "43", "44", "45", "46", "47", "48", "49", "51", "52", "53", "54",
    "55", "56", "57", "58", "60", "61", "62", "63", "64", "65", "66", "81", "82", "84", "86", "90", "91", "92", "93", "94", "95", "98",
];

/// Area code and local number without the country code, as `hs_searchable_calculated_*` holds it.
///
/// A number without `+` is read as one of the account's country, which is the United States here.
/// Answers nothing when there are fewer than seven digits left.
pub(super) fn national_digits(phone: &str) -> Option<String> {
    let number = phone.to_lowercase();
    let number = number.split(['x', ';', '#']).next().unwrap_or_default().trim_end_matches(['e', '.', ' ']);
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    let after = |lengths: usize| digits.get(lengths..).unwrap_or_default().to_owned();
    let national = if number.trim_start().starts_with('+') {
        if ONE_DIGIT.iter().any(|code| digits.starts_with(code)) {
            after(1)
        } else if TWO_DIGITS.iter().any(|code| digits.starts_with(code)) {
            after(2)
        } else {
            after(3)
        }
    } else if digits.len() == 11 && digits.starts_with('1') {
        after(1)
    } else {
        digits
    };
    (national.len() >= 7).then_some(national)
}

/// The number with its country code, as `hs_calculated_*` holds it; American where no `+` says otherwise.
pub(super) fn international(phone: &str) -> Option<String> {
    let national = national_digits(phone)?;
    let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
    let plus = phone.trim_start().starts_with('+');
    let code = if plus { &digits[..digits.find(&national).unwrap_or(0)] } else { "1" };
    Some(format!("+{code}{national}"))
}

#[cfg(test)]
mod tests {
    use super::super::kind::Kind;
    use super::super::property::schema;
    use super::*;

    #[track_caller]
    fn check(kind: Kind, name: &str, value: &str, expected: Result<&str, &str>) {
        let found = accept(&schema(kind)[name], value, &["7001".to_owned()]);
        let found = found.as_deref().map_err(|fault| fault.code);
        assert_eq!(found, expected);
    }

    #[test]
    fn values_are_checked_by_type() {
        check(Kind::Contact, "email", "Ann@Example.COM", Ok("ann@example.com"));
        check(Kind::Contact, "email", "nope", Err("INVALID_EMAIL"));
        check(Kind::Contact, "preferred_language", "klingon", Err("INVALID_OPTION"));
        check(Kind::Contact, "preferred_language", "", Ok(""));
        check(Kind::Contact, "hubspot_owner_id", "9", Err("INVALID_OWNER_ID"));
        check(Kind::Call, "hs_call_duration", "184000", Ok("184000"));
        check(Kind::Call, "hs_call_duration", "3 min", Err("INVALID_NUMBER"));
        check(Kind::Call, "hs_timestamp", "1795363200000", Ok("2026-11-22T16:00:00Z"));
        check(Kind::Call, "hs_timestamp", "2026-11-22T10:00:00-06:00", Ok("2026-11-22T16:00:00Z"));
        check(Kind::Call, "hs_timestamp", "tomorrow", Err("INVALID_LONG"));
        check(Kind::Note, "hs_note_body", &"x".repeat(65_537), Err("VALUE_TOO_LONG"));
        check(Kind::Ticket, "hs_ticket_category", "BILLING_ISSUE;PRODUCT_ISSUE", Ok("BILLING_ISSUE;PRODUCT_ISSUE"));
    }

    #[test]
    fn phones_lose_their_country_code() {
        for (phone, expected) in [
            ("+13125550142", Some("3125550142")),
            ("(312) 555-0142", Some("3125550142")),
            ("1-312-555-0142 ext. 7", Some("3125550142")),
            ("+44 20 7946 0018", Some("2079460018")),
            ("+353 1 555 0199", Some("15550199")),
            ("5550", None),
        ] {
            assert_eq!(national_digits(phone).as_deref(), expected, "{phone}");
        }
        assert_eq!(international("312-555-0142").as_deref(), Some("+13125550142"));
    }

    #[test]
    fn stages_only_move_forward() {
        assert!(moves_forward(Some("lead"), "customer"));
        assert!(!moves_forward(Some("customer"), "lead"));
        assert!(moves_forward(Some("customer"), ""));
        assert!(moves_forward(None, "lead"));
    }
}
