//! Which of a call's values a template brings to where it goes, as far as its text says.
//!
//! What only decides brings nothing: what `#if` asks, what `eq` compares. Not for what a value becomes on its way.

use std::collections::BTreeSet;

use handlebars::template::{HelperTemplate, Parameter, Template as Parsed, TemplateElement};
use handlebars::{Path, PathSeg};
use serde_json::Value;

use super::{ArgNode, Call, Node, Template, plain_path};
use crate::functions;

/// What a template brings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Brings {
    /// Names of values, and of groups of which all is brought.
    pub paths: BTreeSet<Vec<String>>,
    /// Those of them that come only where another one is absent.
    pub behind: BTreeSet<Vec<String>>,
    /// Whether it puts values side by side; otherwise it brings one of them at a time.
    pub together: bool,
}

impl Template {
    /// Which values it brings. Of `{{default a b}}` both, one at a time; of text with several expressions all, side by side.
    pub fn brings(&self) -> Brings {
        let mut brings = Brings::default();
        node(&self.0, &mut brings);
        brings
    }
}

fn node(here: &Node, brings: &mut Brings) {
    match here {
        Node::Fixed(_) => {}
        Node::Path(path) => {
            brings.paths.insert(path.clone());
        }
        Node::Call(here) => call(here, brings),
        Node::Text(text) => {
            let mut own = Brings::default();
            parsed(&text.parsed, &[], &mut own);
            beside(own, brings);
        }
        Node::List(items) => several(items.iter(), brings),
        Node::Table { fields, with, .. } => {
            several(fields.iter().map(|(_, value)| value), brings);
            if let Some(path) = with {
                brings.paths.insert(path.clone());
                brings.together = true;
            }
        }
    }
}

/// Values of which each has its place in one field.
fn several<'a>(nodes: impl Iterator<Item = &'a Node>, brings: &mut Brings) {
    let mut own = Brings::default();
    nodes.for_each(|one| node(one, &mut own));
    beside(own, brings);
}

/// Takes over what is put side by side.
fn beside(own: Brings, brings: &mut Brings) {
    brings.together |= own.together || own.paths.len() > 1;
    brings.paths.extend(own.paths);
    brings.behind.extend(own.behind);
}

/// Takes over what comes where what stands before it is absent.
fn behind(own: Brings, at: usize, brings: &mut Brings) {
    if at > 0 {
        brings.behind.extend(own.paths.iter().cloned());
    }
    brings.behind.extend(own.behind);
    brings.paths.extend(own.paths);
    brings.together |= own.together;
}

fn call(here: &Call, brings: &mut Brings) {
    let arg = |arg: &ArgNode, brings: &mut Brings| match arg {
        ArgNode::Fixed(_) => {}
        ArgNode::Path(path) => {
            brings.paths.insert(path.clone());
        }
        ArgNode::Call(inner) => call(inner, brings),
    };
    match which(here.function) {
        Takes::Nothing => {}
        Takes::First => here.args.iter().take(1).for_each(|one| arg(one, brings)),
        Takes::ButFirst => here.args.iter().skip(1).for_each(|one| arg(one, brings)),
        Takes::AnyOne => {
            for (at, one) in here.args.iter().enumerate() {
                let mut own = Brings::default();
                arg(one, &mut own);
                behind(own, at, brings);
            }
        }
        Takes::All => {
            let mut own = Brings::default();
            here.args.iter().for_each(|one| arg(one, &mut own));
            beside(own, brings);
        }
        Takes::Inside => {
            let keys: Option<Vec<String>> = here.args[1..]
                .iter()
                .map(|key| if let ArgNode::Fixed(Value::String(key)) = key { Some(key.clone()) } else { None })
                .collect();
            match (here.args.first(), keys) {
                (Some(ArgNode::Path(path)), Some(keys)) => {
                    brings.paths.insert(path.iter().cloned().chain(keys).collect());
                }
                (Some(first), _) => arg(first, brings),
                (None, _) => {}
            }
        }
    }
}

/// Which of a function's values come through.
enum Takes {
    Nothing,
    First,
    ButFirst,
    AnyOne,
    All,
    Inside,
}

fn which(function: &str) -> Takes {
    match function {
        "eq" | "and" | "or" | "not" | "like" => Takes::Nothing,
        "choose" => Takes::ButFirst,
        "default" => Takes::AnyOne,
        "concat" => Takes::All,
        "get" => Takes::Inside,
        // What follows says how: a zone, a length, a separator.
        _ => Takes::First,
    }
}

/// The text of a template. `inside` is the group in which names are looked up, as `#with` has it.
fn parsed(text: &Parsed, inside: &[String], brings: &mut Brings) {
    for element in &text.elements {
        match element {
            TemplateElement::Expression(e) | TemplateElement::HtmlExpression(e) => expression(e, inside, brings),
            TemplateElement::HelperBlock(block) => self::block(block, inside, brings),
            _ => {}
        }
    }
}

fn expression(e: &HelperTemplate, inside: &[String], brings: &mut Brings) {
    let function = e.name.as_name().filter(|_| !e.params.is_empty()).and_then(functions::find);
    let Some(function) = function else { return parameter(&e.name, inside, brings) };
    let mut one = |from: usize, to: usize| e.params.iter().take(to).skip(from).for_each(|p| parameter(p, inside, brings));
    match which(function.name) {
        Takes::Nothing => {}
        Takes::First => one(0, 1),
        Takes::ButFirst => one(1, usize::MAX),
        Takes::All => one(0, usize::MAX),
        Takes::AnyOne => {
            for (at, param) in e.params.iter().enumerate() {
                let mut own = Brings::default();
                parameter(param, inside, &mut own);
                behind(own, at, brings);
            }
        }
        Takes::Inside => match (e.params.first().and_then(|group| named(group, inside)), keys(&e.params[1..])) {
            (Some(group), Some(keys)) => {
                brings.paths.insert(group.into_iter().chain(keys).collect());
            }
            _ => one(0, 1),
        },
    }
}

fn keys(params: &[Parameter]) -> Option<Vec<String>> {
    params.iter().map(|param| if let Parameter::Literal(Value::String(key)) = param { Some(key.clone()) } else { None }).collect()
}

fn parameter(param: &Parameter, inside: &[String], brings: &mut Brings) {
    match param {
        Parameter::Subexpression(sub) => {
            if let TemplateElement::Expression(inner) | TemplateElement::HtmlExpression(inner) = sub.as_element() {
                expression(inner, inside, brings);
            }
        }
        other => brings.paths.extend(named(other, inside)),
    }
}

/// The value that a parameter names; `this` is the whole group, and `@key` is none.
fn named(param: &Parameter, inside: &[String]) -> Option<Vec<String>> {
    if let Parameter::Path(Path::Relative((segments, raw))) = param {
        if raw.starts_with("@root") {
            return Some(segments.iter().filter_map(|s| if let PathSeg::Named(name) = s { Some(name.clone()) } else { None }).collect());
        }
        if raw == "this" || raw == "." {
            return Some(inside.to_vec());
        }
    }
    let path = plain_path(param)?;
    let first = path.first().filter(|first| !first.starts_with('@'))?;
    if first == "this" {
        return Some(inside.to_vec());
    }
    Some(inside.iter().cloned().chain(path).collect())
}

fn block(block: &HelperTemplate, inside: &[String], brings: &mut Brings) {
    let group = block.params.first().and_then(|param| named(param, inside));
    match (block.name.as_name(), group) {
        // Whatever an element's text names, the list is where it comes from.
        (Some("each"), Some(list)) => {
            brings.paths.insert(list);
            brings.together = true;
        }
        (Some("with"), Some(group)) => block.template.iter().for_each(|text| parsed(text, &group, brings)),
        _ => block.template.iter().for_each(|text| parsed(text, inside, brings)),
    }
    block.inverse.iter().for_each(|text| parsed(text, inside, brings));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::finding::Place;
    use crate::types::Type;

    #[track_caller]
    fn check(template: &str, paths: &[&str], together: bool) {
        let mut findings = Vec::new();
        let place = Place::file("mappings/acme/contact.toml");
        let compiled = Template::compile(&json!(template), &place, &Type::Any, &mut findings).unwrap_or_else(|| panic!("{findings:?}"));
        let found = compiled.brings();
        let names: Vec<String> = found.paths.iter().map(|path| path.join(".")).collect();
        assert_eq!((names, found.together), (paths.iter().map(|p| (*p).to_owned()).collect(), together), "{template}");
    }

    #[test]
    fn what_comes_only_for_want_of_another() {
        let place = Place::file("mappings/acme/contact.toml");
        let compiled = Template::compile(&json!("{{date (default call.a call.b) project.timezone}}"), &place, &Type::Any, &mut Vec::new());
        let behind = compiled.map(|template| template.brings().behind).unwrap_or_default();
        assert_eq!(behind.into_iter().map(|path| path.join(".")).collect::<Vec<_>>(), ["call.b"]);
    }

    #[test]
    fn what_a_template_brings() {
        check("Completed", &[], false);
        check("{{caller.email}}", &["caller.email"], false);
        check("{{lower caller.email}}", &["caller.email"], false);
        check("{{choose (eq caller.a caller.b) '' caller.c}}", &["caller.c"], false);
        check("{{date (default call.a call.b) project.timezone}}", &["call.a", "call.b"], false);
        check("{{concat caller.a ' ' caller.b}}", &["caller.a", "caller.b"], true);
        check("{{get captured 'insurance type'}}", &["captured.insurance type"], false);
        check("Call{{#if outcome}}: {{words outcome}}{{/if}}", &["outcome"], false);
        check("{{#if (eq a 'x')}}{{b}}{{else}}{{truncate c 9}}{{/if}}", &["b", "c"], true);
        check("About: {{#each captured}}{{words @key}}: {{text this}}{{/each}}", &["captured"], true);
        check("{{#with caller}}{{name}}{{/with}}", &["caller.name"], false);
        check("-{{get captured 'x y'}}-", &["captured.x y"], false);
    }
}
