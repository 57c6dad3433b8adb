//! What templates give, and what is said of those that cannot be read.

use super::*;
use serde_json::json;

fn types() -> Type {
    Type::record([
        ("caller", Type::record([("phone", Type::Text), ("first_name", Type::Text)])),
        ("n", Type::Number),
        ("tags", Type::List(Box::new(Type::Text))),
        ("rows", Type::List(Box::new(Type::record([("name", Type::Text)])))),
        ("captured", Type::Any),
    ])
}

#[track_caller]
fn check(source: Value, expected: Value) {
    let data =
        json!({"caller": {"phone": "+1 5"}, "n": 5, "tags": ["a", "b"], "rows": [{"name": "x"}, {"name": "y"}], "captured": {"k": 1.5}});
    let mut findings = Vec::new();
    let template = Template::compile(&source, &Place::file("x.toml"), &types(), &mut findings);
    assert_eq!(findings, []);
    assert_eq!(template.and_then(|t| t.eval(&Scope::new(data))).unwrap_or(Value::Null), expected);
}

#[track_caller]
fn finding(source: &str, message: &str, part: &str) {
    let mut findings = Vec::new();
    let template = Template::compile(&json!(source), &Place::file("x.toml"), &types(), &mut findings);
    assert!(template.is_none());
    let found: Vec<_> = findings.iter().map(|f| (f.message.as_str(), f.at.part.clone().map(|p| &source[p]).unwrap_or_default())).collect();
    assert_eq!(found, [(message, part)]);
}

#[test]
fn values() {
    check(json!("{{n}}"), json!(5));
    check(json!("n = {{n}}"), json!("n = 5"));
    check(json!("{{caller.first_name}}"), json!(null));
    check(json!("Dear {{caller.first_name}}"), json!(null));
    check(json!("Dear {{caller.first_name}}, {{n}}"), json!("Dear , 5"));
    check(json!("{{default caller.first_name 'you'}}"), json!("you"));
    check(json!("Dear {{default caller.first_name 'you'}}"), json!("Dear you"));
    check(json!("{{milliseconds n}}"), json!(5000));
    check(json!("{{milliseconds n}} ms"), json!("5000 ms"));
    check(json!("{{join (default captured.none tags) ';'}}"), json!("a;b"));
    check(json!("{{#each rows}}{{name}},{{/each}}"), json!("x,y,"));
    check(json!("{{#each rows as |row|}}{{row.name}}{{/each}}"), json!("xy"));
    check(json!("{{#each tags}}<{{this}}>{{/each}}"), json!("<a><b>"));
    check(json!("{{#if caller.first_name}}a{{else}}b{{/if}}"), json!("b"));
    check(json!("{{#if (and n tags)}}yes{{/if}}"), json!("yes"));
    check(json!({"a": "{{n}}", "b": "{{caller.first_name}}", "c": ["{{n}}", {"$if": "captured.none", "x": 1}]}), json!({"a": 5, "c": [5]}));
    check(json!({"$with": "caller", "n": "{{n}}", "phone": "ours"}), json!({"phone": "ours", "n": 5}));
    check(json!({"$with": "captured.none", "n": "{{n}}"}), json!({"n": 5}));
    check(json!("{{captured.k}}"), json!(1.5));
    check(json!("{{captured.k}} h"), json!("1.5 h"));
}

#[test]
fn mistakes() {
    finding("{{caller.frist_name}}", "`caller` has no value `frist_name`", "frist_name");
    finding("Hi {{caller.phone}} {{whom}}", "there is no value `whom`", "whom");
    finding("{{uper caller.phone}}", "there is no function `uper`", "uper");
    finding("{{upper caller.phone n}}", "`upper` takes 1 value, and here it gets 2", "upper");
    finding("{{caller.phone", "an expression is opened with `{{` and not closed with `}}`", "{{caller.phone");
    finding("{{#if n}}x{{/unless}}", "`#if` is opened, but `/unless` closes", "{{#if n}}");
    finding("{{#each rows}}{{nme}}{{/each}}", "there is no value `nme`", "nme");
    finding("{{#each rows as |row|}}{{row.nme}}{{/each}}", "`row` has no value `nme`", "nme");
    finding("{{#each rows}}{{@root.caler}}{{/each}}", "there is no value `caler`", "caler");
    finding("{{concat caller.first_name first_name}}", "there is no value `first_name`", "first_name");
    finding("{{default 'whom' whom}}", "there is no value `whom`", "whom");
    finding("{{#if n}}a{{else if tags}}b{{/if}} {{whom}}", "there is no value `whom`", "whom");
    finding("{caller.phone}", "`caller.phone` would go in as it stands here, as text", "caller.phone");
    finding(
        "{{caller.phone caller.first_name}}",
        "`caller.phone` is a value, and nothing can follow it",
        "{{caller.phone caller.first_name}}",
    );
    finding("{{caller.phone}}}", "there is one `}` too many", "}");
    finding("{{callerphone}}", "there is no value `callerphone`", "callerphone");
    finding("{{#if n == 5}}x{{/if}}", "`==` means nothing in an expression", "{{#if n == 5}}");
    finding("{{n | upper}}", "`|` means nothing in an expression", "{{n | upper}}");
    finding("a {{#if n}} b", "`#if` is not closed with `/if`", "{{#if n}}");
    finding("{{if n 1 2}}", "`if` is a block", "if");
    finding("{{upper(caller.phone)}}", "parentheses call a function, and `caller.phone` is a value", "caller.phone");
    finding(&format!("{{{{upper {}n{}}}}}", "(upper ".repeat(40), ")".repeat(40)), "this template is nested too deeply", "(");
    finding("{{> other}}", "partials (`{{>`) and decorators (`{{*`) are not available here", "{{");
}

#[test]
fn paths_are_encoded() {
    let mut findings = Vec::new();
    let template = Template::compile(&json!("/x/{{caller.phone}}/y"), &Place::file("x.toml"), &types(), &mut findings);
    let scope = Scope::new(json!({"caller": {"phone": "+1 5/7"}}));
    assert_eq!(template.map(|t| t.encoded(&scope)), Some("/x/%2B1%205%2F7/y".to_owned()));
}
