//! By which words people look for a call, so that the journal can find it without reading what was said.
//!
//! Not for matching: who somebody is goes by other rules. The same words are made of older calls by the journal's seventh migration.

use aftercall_config::call::CallOutcome;

/// The caller's names and company as they are; each number as `n` and its digits from behind, so that any spelling of it is a beginning of
/// the word; the address as `e` and the platform's id as `i`, each with its letters and digits.
pub(super) fn words(call: &CallOutcome) -> String {
    let caller = &call.caller;
    let texts = [&caller.name, &caller.first_name, &caller.last_name, &caller.company].into_iter().flatten().cloned();
    let numbers = [&caller.phone, &caller.callback_phone].into_iter().flatten().map(|number| number_word(number));
    let compact = |kind: &str, text: &str| {
        let kept: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
        format!("{kind}{}", kept.to_ascii_lowercase())
    };
    let named = caller.email.as_deref().map(|email| compact("e", email)).into_iter().chain([compact("i", &call.id)]);
    let all: Vec<String> = texts.chain(numbers.chain(named).filter(|word| word.len() > 1)).collect();
    all.join(" ")
}

fn number_word(number: &str) -> String {
    format!("n{}", number.chars().rev().filter(char::is_ascii_digit).collect::<String>())
}

#[cfg(test)]
mod tests {
    use aftercall_config::call::{CallOutcome, Caller};

    use super::words;

    #[test]
    fn what_people_look_for() {
        let text = |text: &str| Some(text.to_owned());
        let caller = Caller {
            phone: text("+1 (312) 555-0142"),
            callback_phone: text("withheld"),
            email: text("N.W@acme.example"),
            name: text("Nora Whitfield"),
            ..Caller::default()
        };
        let call = CallOutcome { id: "C-1".to_owned(), caller, ..CallOutcome::default() };
        assert_eq!(words(&call), "Nora Whitfield n24105552131 enwacmeexample ic1");
    }
}
