//! Conditions and templates: what somebody writes compiles or has findings, whose places lie in the text, and what compiles gives a value for
//! any call, the same one each time.
#![no_main]

use std::sync::Arc;

use aftercall_config::condition::Condition;
use aftercall_config::finding::{Documents, Finding, Place, render, to_json};
use aftercall_config::source::Document;
use aftercall_config::template::{Scope, Template};
use aftercall_config::types::Type;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

fn types() -> Type {
    let caller = Type::record([("phone", Type::Text), ("name", Type::Text), ("any", Type::Any)]);
    let call = Type::record([("direction", Type::Text), ("duration_s", Type::Number), ("booked", Type::Bool), ("tags", Type::Any)]);
    Type::record([("caller", caller), ("call", call), ("payload", Type::Any), ("outcome", Type::Text)])
}

fn datas() -> [Value; 3] {
    let full = json!({
        "caller": {"phone": "+13125550142", "name": "Ann {{outcome}} Lee", "any": [1, "two", {"three": null}]},
        "call": {"direction": "inbound", "duration_s": 12.5, "booked": true, "tags": ["a", "b"]},
        "payload": {"message": {"type": "x", "started": 1_795_194_131, "list": [{"name": "a", "result": {"x": 1}}]}},
        "outcome": "booked",
    });
    let odd = json!({"caller": 5, "call": [], "payload": "text", "outcome": {"a": "b"}});
    [full, odd, json!({})]
}

fn shown(written: &str, findings: &[Finding]) {
    let text: Arc<str> = Arc::from(format!("when = {}\n", Value::from(written)));
    let mut documents = Documents::default();
    documents.insert(Arc::from("f.toml"), Document::parse("f.toml", &text, &mut Vec::new()));
    let _ = (render(findings, &documents, false), to_json(findings, &documents));
}

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, rest)) = bytes.split_first() else { return };
    let Ok(written) = std::str::from_utf8(rest) else { return };
    let (place, types) = (Place::file("f.toml").down("when"), types());
    let mut findings = Vec::new();
    if kind % 2 == 0 {
        if let Some(condition) = Condition::compile(written, &place, &types, &mut findings) {
            for data in datas() {
                assert_eq!(condition.holds(&data), condition.holds(&data), "{written}");
            }
        }
    } else if let Some(template) = Template::compile(&Value::from(written), &place, &types, &mut findings) {
        for data in datas() {
            let scope = Scope::new(data);
            assert_eq!(template.eval(&scope), template.eval(&scope), "{written}");
            let _ = (template.text(&scope), template.encoded(&scope));
        }
    }
    shown(written, &findings);
});
