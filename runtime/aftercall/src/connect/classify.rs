//! What an error answer means, by the manifest's ordered rules.
//!
//! Not for requests without an answer, and not for what to do: see `failure` and `work`.

use std::time::Duration;

use aftercall_config::decl::{ConnectorDecl, ErrorClass, ErrorRuleDecl};
use aftercall_config::functions::like;
use jiff::Timestamp;
use reqwest::header::HeaderMap;
use serde_json::Value;

use super::failure::{Details, Failure, cut};
use super::pointer;
use crate::plant::{Plant, planted};

/// Longest text of a failure, in characters.
const MAX_MESSAGE: usize = 500;

/// Whether a request could have changed something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Read,
    Write,
}

/// What the status, the headers and the body of an error answer mean. Also for one result inside a pack.
///
/// Units: `status` is the result's own; the headers may be those of the whole answer.
pub(super) fn failure(decl: &ConnectorDecl, effect: Effect, status: u16, headers: &HeaderMap, body: &[u8]) -> Failure {
    let json: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let plain = if json.is_null() { std::str::from_utf8(body).unwrap_or_default() } else { "" };
    of_value(decl, effect, status, headers, &json, plain)
}

/// The same for a body that is read already; `plain` is its text where it is no JSON.
pub(super) fn of_value(decl: &ConnectorDecl, effect: Effect, status: u16, headers: &HeaderMap, body: &Value, plain: &str) -> Failure {
    let at = |pointers: &[String]| -> Vec<String> {
        pointers.iter().map(|p| pointer::texts(body, p)).find(|found| !found.is_empty()).unwrap_or_default()
    };
    let codes = at(&decl.error_body.code);
    let said = at(&decl.error_body.message).join("; ");
    let rule = decl.error.iter().find(|rule| fits(rule, status, &codes, if said.is_empty() { plain } else { &said }));
    let class = rule.map_or_else(|| by_status(status), |rule| rule.class);
    let existing_id = rule.filter(|r| r.class == ErrorClass::Duplicate).and_then(|rule| {
        let named = rule.existing_id.as_ref().and_then(|p| pointer::first_text(body, p));
        named.or_else(|| rule.existing_id_after.as_ref().and_then(|words| id_after(&said, words)))
    });
    let mut fields = at(&decl.error_body.field);
    if let Some(named) =
        rule.and_then(|rule| rule.field_after.as_ref()).and_then(|words| id_after(&said, words)).filter(|_| fields.is_empty())
    {
        fields.push(named);
    }
    let waits = matches!(class, ErrorClass::RateLimited | ErrorClass::Quota | ErrorClass::Transient | ErrorClass::Busy);
    let reset = || decl.limits.reset_header.as_deref().and_then(|name| reset_after(headers, name));
    let asked = retry_after(headers).or_else(reset).or_else(|| rule.and_then(|r| r.wait_s).map(|s| Duration::from_secs(s.into())));
    Failure::new(Details {
        class,
        certain: effect == Effect::Read || certain(status, class, rule.is_some()),
        status: Some(status),
        code: codes.into_iter().next(),
        message: message(status, &said, plain),
        fields,
        existing_id,
        retry_after: asked.filter(|_| waits && !planted(Plant::RetryAfterIgnored)),
        correlation: correlation(headers, body),
        innocent: false,
        away: false,
    })
}

fn fits(rule: &ErrorRuleDecl, status: u16, codes: &[String], message: &str) -> bool {
    (rule.status.is_empty() || rule.status.contains(&status))
        && (rule.code.is_empty() || rule.code.iter().any(|pattern| codes.iter().any(|code| like(code, pattern))))
        && rule.message.as_ref().is_none_or(|pattern| like(message, pattern))
}

/// The meaning of a status where no rule fits.
fn by_status(status: u16) -> ErrorClass {
    match status {
        401 => ErrorClass::AuthExpired,
        404 => ErrorClass::NotFound,
        429 => ErrorClass::RateLimited,
        // The server gave up waiting for us, or will not risk it: both are about this moment, not about the data.
        408 | 425 => ErrorClass::Transient,
        500.. => ErrorClass::Transient,
        _ => ErrorClass::Invalid,
    }
}

/// Whether nothing was written. Any 5xx may come after the write, unless a rule says what it stands for.
fn certain(status: u16, class: ErrorClass, declared: bool) -> bool {
    match class {
        ErrorClass::Timeout => false,
        ErrorClass::Transient => status < 500 && status != 408,
        _ if status >= 500 => declared,
        // 303 says "done, see there", and old servers mean the same by 301 and 302.
        _ => !(301..=303).contains(&status),
    }
}

fn message(status: u16, said: &str, plain: &str) -> String {
    if !said.is_empty() {
        return cut(said, MAX_MESSAGE);
    }
    if (300..400).contains(&status) {
        return format!(
            "answered with a redirect ({status}), which is not followed: the connection's `base_url` must be the final address"
        );
    }
    let plain = plain.trim();
    // A gateway's page is no sentence.
    if plain.is_empty() || plain.starts_with('<') { format!("answered {status} without saying why") } else { cut(plain, MAX_MESSAGE) }
}

/// The id that follows these words: `... with id: 00Tx` gives `00Tx`.
fn id_after(text: &str, words: &str) -> Option<String> {
    let (_, rest) = text.split_once(words)?;
    let rest = rest.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, ':' | '"' | '\'' | '=' | '#'));
    let id: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect();
    Some(id).filter(|id| !id.is_empty())
}

/// How long until the time that a header names: seconds from now, or a moment in seconds or milliseconds since 1970.
fn reset_after(headers: &HeaderMap, name: &str) -> Option<Duration> {
    let number: f64 = headers.get(name)?.to_str().ok()?.trim().parse().ok().filter(|n: &f64| n.is_finite() && *n >= 0.0)?;
    // A year in seconds is no wait; a moment of this century in seconds is far below one in milliseconds.
    let seconds = match number {
        n if n < 31_536_000.0 => n,
        n if n < 1e11 => n - Timestamp::now().as_duration().as_secs_f64(),
        n => n / 1000.0 - Timestamp::now().as_duration().as_secs_f64(),
    };
    Duration::try_from_secs_f64(seconds.clamp(0.0, 31_536_000.0)).ok()
}

/// `Retry-After` in seconds or as a date, counted from the answer's own `Date`.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("retry-after")?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds.max(0.0)).ok();
    }
    let date = |text: &str| -> Option<Timestamp> { Some(jiff::fmt::rfc2822::parse(text).ok()?.timestamp()) };
    let now = headers.get("date").and_then(|d| date(d.to_str().ok()?)).unwrap_or_else(Timestamp::now);
    Some(Duration::try_from(date(text)?.duration_since(now)).unwrap_or_default())
}

/// The name under which support finds the request, wherever systems use to put it.
fn correlation(headers: &HeaderMap, body: &Value) -> Option<String> {
    let header = headers.iter().find(|(name, _)| {
        let name = name.as_str();
        name.ends_with("request-id") || name.ends_with("correlation-id") || name.ends_with("trace-id")
    });
    let named = ["/correlationId", "/correlation_id", "/requestId", "/request_id"];
    let found = header.and_then(|(_, value)| value.to_str().ok()).map(str::to_owned);
    found.or_else(|| named.iter().find_map(|p| pointer::first_text(body, p))).map(|text| cut(&text, 100))
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::{HeaderName, HeaderValue};
    use serde_json::json;

    fn decl() -> ConnectorDecl {
        serde_json::from_value(json!({
            "system": "tiny", "title": "Tiny", "object": {},
            "error_body": {"code": ["/code", "/errorCode"], "message": ["/message"], "field": ["/fields", "/errors/field"]},
            "error": [
                {"code": ["DUP*"], "class": "duplicate", "existing_id": "/existing", "existing_id_after": "with id"},
                {"status": [403], "message": "*limit*", "class": "rate_limited", "wait_s": 7},
                {"status": [503], "class": "busy"},
                {"code": ["*LOCK*"], "class": "busy"},
            ],
        }))
        .expect("a connector")
    }

    fn headers(list: &[(&str, &str)]) -> HeaderMap {
        let pair = |(n, v): &(&str, &str)| (HeaderName::from_bytes(n.as_bytes()).expect("name"), HeaderValue::from_str(v).expect("value"));
        list.iter().map(pair).collect()
    }

    #[track_caller]
    fn check(status: u16, body: Value, class: ErrorClass, certain: bool) -> Failure {
        let found = failure(&decl(), Effect::Write, status, &HeaderMap::new(), body.to_string().as_bytes());
        assert_eq!((found.class, found.certain), (class, certain));
        found
    }

    #[test]
    fn rules_and_statuses() {
        check(400, json!({}), ErrorClass::Invalid, true);
        check(401, json!({}), ErrorClass::AuthExpired, true);
        check(404, json!({}), ErrorClass::NotFound, true);
        check(429, json!({}), ErrorClass::RateLimited, true);
        check(500, json!({}), ErrorClass::Transient, false);
        check(408, json!({}), ErrorClass::Transient, false);
        check(303, json!({}), ErrorClass::Invalid, false);
        check(503, json!({}), ErrorClass::Busy, true);
        check(423, json!({"code": "ROW_LOCKED"}), ErrorClass::Busy, true);
        let limited = check(403, json!({"message": "the Limit is reached"}), ErrorClass::RateLimited, true);
        assert_eq!(limited.retry_after, Some(Duration::from_secs(7)));
        let invalid = check(400, json!([{"errorCode": "BAD", "message": "no", "fields": ["a", "b"]}]), ErrorClass::Invalid, true);
        assert_eq!((invalid.code.as_deref(), invalid.message.as_str(), invalid.fields.join("+")), (Some("BAD"), "no", "a+b".to_owned()));
        let nested = check(400, json!({"errors": [{"field": "a"}, {"field": "b"}]}), ErrorClass::Invalid, true);
        assert_eq!(nested.fields, ["a", "b"]);
        let read = failure(&decl(), Effect::Read, 500, &HeaderMap::new(), b"<html>oh</html>");
        assert_eq!((read.certain, read.message.as_str()), (true, "answered 500 without saying why"));
    }

    #[test]
    fn duplicates_name_the_record() {
        let named = check(409, json!({"code": "DUP", "existing": ["7"]}), ErrorClass::Duplicate, true);
        assert_eq!(named.existing_id.as_deref(), Some("7"));
        let said = check(
            400,
            json!([{"errorCode": "DUPLICATE_VALUE", "message": "key on record with id: 00T-x, sorry"}]),
            ErrorClass::Duplicate,
            true,
        );
        assert_eq!(said.existing_id.as_deref(), Some("00T-x"));
    }

    #[test]
    fn waits_and_correlations() {
        let seconds = headers(&[("retry-after", "3"), ("x-request-id", "r-1")]);
        let found = failure(&decl(), Effect::Write, 429, &seconds, b"{}");
        assert_eq!((found.retry_after, found.correlation.as_deref()), (Some(Duration::from_secs(3)), Some("r-1")));
        let date = headers(&[("retry-after", "Wed, 21 Oct 2026 07:28:30 GMT"), ("date", "Wed, 21 Oct 2026 07:28:00 GMT")]);
        assert_eq!(retry_after(&date), Some(Duration::from_secs(30)));
        let past = headers(&[("retry-after", "Wed, 21 Oct 2026 07:27:30 GMT"), ("date", "Wed, 21 Oct 2026 07:28:00 GMT")]);
        assert_eq!(retry_after(&past), Some(Duration::ZERO));
        assert_eq!(retry_after(&headers(&[("retry-after", "soon")])), None);
        let reset = |text: String| reset_after(&headers(&[("x-reset", &text)]), "x-reset").map(|wait| wait.as_secs());
        let soon = Timestamp::now().as_second() + 90;
        assert_eq!(reset("30".to_owned()), Some(30));
        for text in [soon.to_string(), (soon * 1000).to_string()] {
            assert!(reset(text.clone()).is_some_and(|wait| (88..=90).contains(&wait)), "{text}");
        }
        assert_eq!((reset("1000000000".to_owned()), reset("-1".to_owned()), reset("soon".to_owned())), (Some(0), None, None));
    }

    #[test]
    fn debug_does_not_repeat_what_a_caller_said() {
        let found = check(400, json!({"message": "ann@example.com is taken"}), ErrorClass::Invalid, true);
        assert!(!format!("{found:?} {found}").contains("ann"));
        assert_eq!(found.message, "ann@example.com is taken");
    }
}
