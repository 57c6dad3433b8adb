//! What conditions mean, and what is said of those that mean nothing.

use super::*;
use serde_json::json;

fn types() -> Type {
    Type::record([
        ("outcome", Type::Text),
        (
            "call",
            Type::record([("duration_s", Type::Number), ("direction", Type::Choice(vec!["inbound".to_owned(), "outbound".to_owned()]))]),
        ),
        ("appointment", Type::record([("start", Type::Text)])),
        ("tags", Type::List(Box::new(Type::Text))),
        ("captured", Type::Any),
        ("deals", Type::List(Box::new(Type::record([("stage", Type::Text)])))),
    ])
}

#[track_caller]
fn check(source: &str, expected: bool) {
    let mut findings = Vec::new();
    let condition = Condition::compile(source, &Place::file("x.toml"), &types(), &mut findings);
    assert_eq!(findings, []);
    let data = json!({"outcome": "booked", "call": {"duration_s": 12, "direction": "inbound"}, "tags": ["vip"], "captured": {"age": 5},
        "deals": [{"stage": "New"}, {"stage": "Won"}],
        "appointment": {"start": "2026-11-24T09:00:00-08:00"}});
    assert_eq!(condition.map(|c| c.holds(&data)), Some(expected));
}

#[track_caller]
fn finding(source: &str, message: &str, part: &str) {
    let mut findings = Vec::new();
    let condition = Condition::compile(source, &Place::file("x.toml"), &types(), &mut findings);
    assert!(condition.is_none());
    let found: Vec<_> = findings.iter().map(|f| (f.message.as_str(), f.at.part.clone().map(|p| &source[p]).unwrap_or_default())).collect();
    assert_eq!(found, [(message, part)]);
}

#[test]
fn conditions() {
    check("outcome == \"booked\"", true);
    check("call.direction == 'inbound' && call.duration_s >= 5", true);
    check("!(outcome in ['booked', 'message'])", false);
    check("has(appointment) && !has(captured.none)", true);
    check("captured.none == 'x' || captured.age > 4.5", true);
    check("captured.none != 'x'", true);
    check("captured.none < 5", false);
    check("contains(tags, 'vip') && size(tags) == 1", true);
    check("like(outcome, 'book*')", true);
    check("deals.0.stage == 'New' && deals.1.stage != 'New' && !has(deals.2)", true);
    check("appointment.start > '2026-11-24T10:00:00Z'", true);
}

#[test]
fn mistakes() {
    finding("outcme == 'x'", "there is no value `outcme`", "outcme");
    finding("call.duration == 5", "`call` has no value `duration`", "duration");
    finding("call.direction == 'inbond'", "`call.direction` is never `inbond`", "'inbond'");
    finding("call.direction in ['inbound', 'incoming']", "`call.direction` is never `incoming`", "'incoming'");
    finding("call.duration_s == '5'", "a number is compared with text", "call.duration_s == '5'");
    finding("outcome", "`outcome` is text, which is neither true nor false", "outcome");
    finding("outcome = 'x'", "equality is written `==`", "=");
    finding("has(appointment) and has(tags)", "`and` is written `&&`", "and");
    finding("(outcome == 'x'", "a parenthesis is not closed", "(");
    finding("(outcome == 'x' and outcome == 'y')", "`and` is written `&&`", "and");
    finding("outcome == 'x", "this text is not closed with `'`", "'x");
    finding("has(outcome) &&", "something is missing at the end", "&");
    finding("hsa(outcome)", "there is no function `hsa`", "hsa");
    finding("not has(outcome)", "`not` is written `!`", "not");
    finding("has(outcome, tags)", "`has` takes 1 value, and here it gets 2", "has(outcome, tags)");
    finding("outcome == booked", "there is no value `booked`", "booked");
    finding("outcome is 'x'", "`is` is written `==`", "is");
    finding("{{outcome}} == 'x'", "a condition has no braces", "{{");
    finding("duration_s > 5", "there is no value `duration_s`", "duration_s");
    finding("appointment == 'x'", "a group of values is compared with text", "appointment == 'x'");
    finding("", "this condition is empty", "");
}
