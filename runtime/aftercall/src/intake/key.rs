//! How a repetition is told from news: the names under which calls, outcomes and events are known.
//!
//! The rule, which the journal's `accept` completes:
//!
//! - A **call** is its source and the platform's id: [`call_id`].
//! - The **event** of a call is its id and its kind, provisional or final: [`event_key`]. A platform that sends the same word
//!   again repeats both, whatever else in its body has changed. Both words of one call are events of their own, so a final
//!   word that says nothing new still makes the call due, and a provisional one that comes late undoes nothing.
//! - An **outcome** is what was said: [`digest`]. It leaves out what differs between two deliveries of the same word, which is
//!   the query of a presigned recording address, and the order of captured values.
//! - A known event with the same bytes, or with the same digest, is a repetition. With other bytes *and* another digest
//!   it is a correction (a re-analysis), which amends the call. The same bytes under a changed mapping are a repetition: a
//!   late retry must not plan a call again because somebody edited a manifest.
//! - When words come as A, B and A again, the third is a repetition of the first and changes nothing: a late retry
//!   of an old word must not undo an amendment, and nobody can tell it from a change of mind.
//! - Anything that is **not a call** is known by its whole body, [`body_key`]: two that differ in one byte are both kept.
//!
//! A message id in a header is deliberately not used: one sender that repeats a fixed id would lose every call but its first.

use aftercall_config::call::CallOutcome;
use aftercall_config::functions;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// Our id of a call, unique across sources.
pub fn call_id(outcome: &CallOutcome) -> String {
    format!("{}:{}", outcome.source, outcome.id)
}

/// What an outcome says, as 32 hexadecimal digits.
pub fn digest(outcome: &CallOutcome) -> String {
    let mut hash = Sha256::new();
    // An outcome holds text, numbers and JSON values; none of them fails to serialise.
    let mut value = serde_json::to_value(outcome).unwrap_or_default();
    if let Some(Value::String(url)) = value.pointer_mut("/recording/url")
        && let Some(end) = url.find(['?', '#'])
    {
        url.truncate(end);
    }
    canonical(&value, &mut |bytes| hash.update(bytes));
    hex(&hash.finalize()[..16])
}

/// The key of a call's event.
pub fn event_key(outcome: &CallOutcome, provisional: bool) -> String {
    let kind = if provisional { "provisional" } else { "call" };
    format!("{kind}:{}", outcome.id)
}

/// The key of a payload that is no call.
pub fn body_key(body: &[u8]) -> String {
    format!("body:{}", hex(&Sha256::digest(body)[..16]))
}

/// An identity of a caller as an opaque key, the same for the same `secret`: nothing can be read off the journal's lanes.
///
/// `kind` is `phone` or `email`; `identity` is normalised already (E.164, an address in small letters).
pub fn lane_key(secret: &[u8], kind: &str, identity: &str) -> String {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return String::new() };
    mac.update(kind.as_bytes());
    mac.update(b":");
    mac.update(identity.as_bytes());
    hex(&mac.finalize().into_bytes()[..16])
}

/// Feeds a value in one certain form: names sorted, lengths before texts, so that no two values look the same.
fn canonical(value: &Value, feed: &mut impl FnMut(&[u8])) {
    let text = |tag: u8, text: &str, feed: &mut dyn FnMut(&[u8])| {
        feed(&[tag]);
        feed(&(text.len() as u64).to_be_bytes());
        feed(text.as_bytes());
    };
    match value {
        Value::Null => feed(b"0"),
        Value::Bool(flag) => feed(if *flag { b"t" } else { b"f" }),
        // 5 and 5.0 are one number.
        Value::Number(number) => text(b'n', &functions::text(&Value::Number(number.clone())), feed),
        Value::String(string) => text(b's', string, feed),
        Value::Array(items) => {
            text(b'a', &items.len().to_string(), feed);
            items.iter().for_each(|item| canonical(item, feed));
        }
        Value::Object(fields) => {
            text(b'o', &fields.len().to_string(), feed);
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(name, _)| *name);
            for (name, value) in fields {
                text(b'k', name, feed);
                canonical(value, feed);
            }
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn call(value: Value) -> CallOutcome {
        serde_json::from_value(value).expect("a call outcome")
    }

    fn plain() -> CallOutcome {
        call(json!({"id": "1", "source": "desk", "duration_s": 5, "captured": {"a": 1, "b": {"c": 2, "d": 3}},
            "recording": {"url": "https://x.example/1.wav?sig=abc"}}))
    }

    #[test]
    fn the_same_word_again_is_known() {
        let again = call(json!({"id": "1", "source": "desk", "duration_s": 5.0, "captured": {"b": {"d": 3, "c": 2}, "a": 1.0},
            "recording": {"url": "https://x.example/1.wav?sig=xyz#t=1"}}));
        assert_eq!((event_key(&plain(), false), digest(&plain())), (event_key(&again, false), digest(&again)));
        assert_eq!(call_id(&again), "desk:1");
    }

    #[test]
    fn another_word_is_a_correction() {
        let mut other = plain();
        other.summary = Some("Something was understood better.".to_owned());
        assert_eq!(event_key(&plain(), false), event_key(&other, false));
        assert_ne!(digest(&plain()), digest(&other));
        assert_ne!(event_key(&plain(), false), event_key(&plain(), true));
        let mut moved = plain();
        moved.recording = Some(aftercall_config::call::Recording { url: "https://x.example/2.wav?sig=abc".to_owned() });
        assert_ne!(digest(&plain()), digest(&moved));
    }

    #[test]
    fn no_two_values_look_the_same() {
        let of = |captured: Value| digest(&call(json!({"id": "1", "captured": captured})));
        let values = [
            json!({"a": "1"}),
            json!({"a": 1}),
            json!({"a": ["1"]}),
            json!({"a": {"1": null}}),
            json!({"a": true}),
            json!({"a": "t"}),
            json!({"a": 9_007_199_254_740_993_u64}),
            json!({"a": 9_007_199_254_740_992_u64}),
            json!({"a": ["", "a"]}),
            json!({"a": ["a", ""]}),
        ];
        let digests: std::collections::BTreeSet<String> = values.iter().map(|v| of(v.clone())).collect();
        assert_eq!(digests.len(), values.len());
    }

    #[test]
    fn lanes_are_opaque() {
        assert_ne!(lane_key(b"k", "phone", "+15125550142"), lane_key(b"j", "phone", "+15125550142"));
        assert_ne!(lane_key(b"k", "phone", "+15125550142"), lane_key(b"k", "email", "+15125550142"));
        assert_eq!(lane_key(b"k", "phone", "+15125550142").len(), 32);
    }
}
