//! What to do about a write or a field that did not land, in a sentence for whoever has to do it.

use aftercall_config::decl::ErrorClass;

/// What an error class means and what to do, by its word. `None` for words that are no error class of a system.
pub(crate) fn of_class(word: &str) -> Option<&'static str> {
    let class = ErrorClass::ALL.iter().find(|class| class.as_str() == word);
    let own = match word {
        "superseded" => Some("a later plan no longer asks for it: there is nothing to do"),
        "slot_taken" => Some("another call has the time: agree on another one with the caller, then resolve this call"),
        _ => None,
    };
    own.or(class.map(|class| match class {
        ErrorClass::Transient => "the system was in trouble for longer than the retry policy waits: retry once it works",
        ErrorClass::Busy => "the record was locked or changed each time: retry, at a quieter time if it happens again",
        ErrorClass::RateLimited => {
            "the system asked for a slower pace for too long: retry later, or allow fewer requests under [connection.NAME.limits]"
        }
        ErrorClass::Quota => "the day's allowance of the system is used up: retry when it begins anew, or have it raised",
        ErrorClass::AuthExpired => "no fresh token could be had: check the connection's credentials, then retry",
        ErrorClass::AuthRevoked => {
            "the system no longer takes the credentials: renew them in the secret that aftercall.toml names, then retry"
        }
        ErrorClass::Invalid => {
            "the system refuses the data: mend the field or the mapping line that is named, then re-plan under the current version"
        }
        ErrorClass::Duplicate => "the system has such a record already: find it there, merge or correct it, then retry",
        ErrorClass::NotFound => "the record is gone, or merged into another: retry, and the caller is looked for anew",
        ErrorClass::Conflict => "the record has changed since it was read: retry, and it is read anew",
        ErrorClass::Unreachable => "the system could not be reached: check its address and the network, then retry",
        ErrorClass::Timeout => "the answer was lost: look into the system; a retry looks first, too, before it sends anything",
    }))
}

/// What to do while a system is left alone because of errors of this class: its calls wait, and go on by themselves once it is back.
pub(crate) fn while_away(class: ErrorClass) -> &'static str {
    match class {
        ErrorClass::AuthExpired | ErrorClass::AuthRevoked => {
            "it does not take the credentials: renew them in the secret that aftercall.toml names; calls that wait then go on by themselves"
        }
        ErrorClass::Unreachable => {
            "it cannot be reached: see whether its address and the network are right; calls that wait go on by themselves once it answers"
        }
        ErrorClass::Quota => "its allowance is used up; calls that wait go on by themselves when it begins anew",
        _ => "there is nothing to do here: it is asked now and then, and calls that wait go on by themselves once it answers",
    }
}

/// What to do about a field by what its receipt says. `None` where there is nothing to do.
pub(crate) fn of_field(state: &str) -> Option<&'static str> {
    match state {
        "refused" => Some("the system refused this value: mend the line, then re-plan under the current version"),
        "conflict" => Some("a person changed it there since, and the policy keeps that: write it by hand, or use the policy `set`"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_has_a_remedy() {
        let without: Vec<&str> = ErrorClass::ALL.iter().map(|class| class.as_str()).filter(|word| of_class(word).is_none()).collect();
        assert!(without.is_empty(), "{without:?}");
        assert_eq!(of_class("found_by_a_person"), None);
        // Whoever waits is worked again without anybody.
        for class in ErrorClass::ALL.iter().copied() {
            assert!(!while_away(class).contains("retry") && while_away(class).contains("by themselves"), "{}", class.as_str());
        }
    }
}
