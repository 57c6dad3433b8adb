//! One form for what people write in many: numbers, addresses, names.
//!
//! Not for judging: whether two values belong to one person is for `matching`.

mod alike;
mod company;
mod digits;
mod email;
mod name;
mod person;
mod phone;
mod speech;
mod spoken_email;

pub use alike::{alike, edits, spoken};
pub use company::{Company, company, overlap};
pub use digits::{Digits, field_numbers, network_number, said_numbers};
pub use email::email;
pub use name::name;
pub use person::{PersonName, record_name, said_name};
pub use phone::{Phone, phone, phone_spellings, withheld};
pub use speech::{refused, trimmed};
pub use spoken_email::email_readings;

/// Whether `text` fits `pattern`, in which `*` at either end stands for anything. Case does not matter.
pub fn wildcard(pattern: &str, text: &str) -> bool {
    aftercall_config::functions::like(text, pattern)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, text: &str, expected: bool) {
        assert_eq!(wildcard(pattern, text), expected);
    }

    #[test]
    fn wildcards() {
        check("noemail@*", "NoEmail@acme.example", true);
        check("*@test.com", "ann@test.com", true);
        check("*none*", "I have none, sorry", true);
        check("none@none.com", "none@none.com", true);
        check("none@none.com", "none@none.com.example", false);
        check("*", "", true);
    }
}
