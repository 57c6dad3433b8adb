//! Values with `{{...}}`: Handlebars, checked before anything runs, typed where they are one expression.
//!
//! A name that there is not is a finding of `check`. A value that a call lacks is absent: one expression gives
//! nothing, and text in which every value is absent gives nothing either.

use std::ops::Range;
use std::sync::{Arc, LazyLock};

use handlebars::template::{HelperTemplate, Parameter, Template as Parsed, TemplateElement};
use handlebars::{Context, Handlebars, Helper, HelperDef, Path, PathSeg, RenderContext, RenderError, Renderable, ScopedJson};
use serde_json::{Map, Value};

use crate::finding::{Code, Finding, Place};
use crate::functions::{self, Arg, Function, present, text};
use crate::types::Type;

/// What a template sees: the values of one call, ready for rendering.
#[derive(Clone, Debug)]
pub struct Scope(Context);

impl Scope {
    /// A scope over a JSON object.
    pub fn new(data: Value) -> Self {
        Self(Context::from(data))
    }
    /// The values.
    pub fn data(&self) -> &Value {
        self.0.data()
    }
}

/// A compiled value.
#[derive(Clone, Debug)]
pub struct Template(Node);

#[derive(Clone, Debug)]
enum Node {
    Fixed(Value),
    Path(Vec<String>),
    Call(Call),
    Text(Arc<Text>),
    List(Vec<Node>),
    Table(Vec<(String, Node)>, Option<Vec<String>>),
}

#[derive(Clone, Debug)]
struct Text {
    parsed: Parsed,
    /// Every path named outside of `default`-like functions and blocks: when all are absent, so is the text.
    needs: Vec<Vec<String>>,
}

#[derive(Clone, Debug)]
struct Call {
    function: &'static str,
    call: fn(&[Arg]) -> Arg,
    args: Vec<ArgNode>,
}

#[derive(Clone, Debug)]
enum ArgNode {
    Fixed(Value),
    Path(Vec<String>),
    Call(Call),
}

/// The helper behind every function: the same code for text and for typed values.
struct AsHelper(&'static Function);

impl HelperDef for AsHelper {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, RenderError> {
        let args: Vec<Arg> = helper
            .params()
            .iter()
            .map(|p| if p.is_value_missing() { None } else { Some(p.value().clone()).filter(present) })
            .collect();
        let value = if args.len() < self.0.arity.0 { None } else { (self.0.call)(&args) };
        Ok(ScopedJson::Derived(match value {
            None | Some(Value::Null) => Value::String(String::new()),
            // Floats that are whole print without `.0`; what is no text prints as we write it, not as `[object]`.
            Some(number @ Value::Number(_)) => Value::String(text(&number)),
            Some(value) => value,
        }))
    }
}

fn engine(escape: fn(&str) -> String) -> Handlebars<'static> {
    let mut engine = Handlebars::new();
    engine.register_escape_fn(escape);
    for function in functions::FUNCTIONS {
        engine.register_helper(function.name, Box::new(AsHelper(function)));
    }
    engine
}

static PLAIN: LazyLock<Handlebars<'static>> = LazyLock::new(|| engine(str::to_owned));
static ENCODED: LazyLock<Handlebars<'static>> = LazyLock::new(|| engine(functions::percent_encode));

/// Blocks that Handlebars itself brings and that we allow.
const BLOCKS: &[&str] = &["if", "unless", "each", "with"];

impl Template {
    /// A fixed value.
    pub fn fixed(value: Value) -> Self {
        Self(Node::Fixed(value))
    }

    /// Compiles a value of a config; `None` where there are findings.
    ///
    /// `types` is what the place offers. Tables and lists are compiled through and through; a table with `"$if" = "NAME"`
    /// stands only where that value is present.
    pub fn compile(value: &Value, place: &Place, types: &Type, findings: &mut Vec<Finding>) -> Option<Self> {
        let before = findings.len();
        let node = compile(value, place, types, findings);
        (findings.len() == before).then_some(Self(node))
    }

    /// The value for one call, or `None` when it is absent.
    pub fn eval(&self, scope: &Scope) -> Option<Value> {
        eval(&self.0, scope)
    }

    /// The value as text; empty when it is absent.
    pub fn text(&self, scope: &Scope) -> String {
        match self.eval(scope) {
            Some(value) => text(&value),
            None => String::new(),
        }
    }

    /// The value as text in which everything that an expression puts in is percent-encoded; for paths of addresses. `{{{...}}}` goes in as it is.
    pub fn encoded(&self, scope: &Scope) -> String {
        match &self.0 {
            Node::Text(t) => render(&ENCODED, &t.parsed, scope),
            Node::Fixed(value) => text(value),
            other => eval(other, scope).map(|v| functions::percent_encode(&text(&v))).unwrap_or_default(),
        }
    }

    /// The fixed value, where nothing depends on the call.
    pub fn as_fixed(&self) -> Option<&Value> {
        match &self.0 {
            Node::Fixed(value) => Some(value),
            _ => None,
        }
    }
}

fn lookup<'a>(data: &'a Value, path: &[String]) -> Option<&'a Value> {
    let mut here = data;
    for name in path {
        here = match here {
            Value::Object(fields) => fields.get(name)?,
            Value::Array(items) => items.get(name.parse::<usize>().ok()?)?,
            _ => return None,
        };
    }
    present(here).then_some(here)
}

fn eval(node: &Node, scope: &Scope) -> Option<Value> {
    match node {
        Node::Fixed(value) => Some(value.clone()),
        Node::Path(path) => lookup(scope.data(), path).cloned(),
        Node::Call(call) => eval_call(call, scope.data()).filter(present),
        Node::Text(t) => {
            if !t.needs.is_empty() && t.needs.iter().all(|path| lookup(scope.data(), path).is_none()) {
                return None;
            }
            Some(Value::String(render(&PLAIN, &t.parsed, scope))).filter(present)
        }
        Node::List(items) => {
            let items: Vec<Value> = items.iter().filter_map(|item| eval(item, scope)).collect();
            Some(Value::Array(items))
        }
        Node::Table(fields, condition) => {
            if let Some(path) = condition
                && !functions::truthy(&lookup(scope.data(), path).cloned())
            {
                return None;
            }
            let fields: Map<String, Value> = fields.iter().filter_map(|(key, value)| Some((key.clone(), eval(value, scope)?))).collect();
            Some(Value::Object(fields))
        }
    }
}

fn eval_call(call: &Call, data: &Value) -> Arg {
    let args: Vec<Arg> = call
        .args
        .iter()
        .map(|arg| match arg {
            ArgNode::Fixed(value) => Some(value.clone()),
            ArgNode::Path(path) => lookup(data, path).cloned(),
            ArgNode::Call(call) => eval_call(call, data).filter(present),
        })
        .collect();
    (call.call)(&args)
}

fn render(engine: &Handlebars<'static>, parsed: &Parsed, scope: &Scope) -> String {
    let mut context = RenderContext::new(None);
    // Checked before it runs, and no function fails: an error could only be a template that `check` never saw.
    parsed.renders(engine, &scope.0, &mut context).unwrap_or_default()
}

fn compile(value: &Value, place: &Place, types: &Type, findings: &mut Vec<Finding>) -> Node {
    match value {
        Value::String(source) if source.contains("{{") || source.contains("\\{{") => compile_text(source, place, types, findings),
        Value::Array(items) => {
            Node::List(items.iter().enumerate().map(|(i, item)| compile(item, &place.clone().item(i), types, findings)).collect())
        }
        Value::Object(fields) => {
            let mut condition = None;
            let mut compiled = Vec::with_capacity(fields.len());
            for (key, value) in fields {
                let here = place.clone().down(key);
                if key == "$if" {
                    let path: Vec<String> = value.as_str().unwrap_or_default().split('.').map(str::to_owned).collect();
                    check_path(&path, &path.join("."), 0, &here, types, Code::UnknownVariable, findings);
                    condition = Some(path);
                } else {
                    compiled.push((key.clone(), compile(value, &here, types, findings)));
                }
            }
            if condition.is_none() && compiled.iter().all(|(_, node)| matches!(node, Node::Fixed(_))) {
                return Node::Fixed(value.clone());
            }
            Node::Table(compiled, condition)
        }
        fixed => Node::Fixed(fixed.clone()),
    }
}

fn compile_text(source: &str, place: &Place, types: &Type, findings: &mut Vec<Finding>) -> Node {
    let parsed = match Parsed::compile(source) {
        Ok(parsed) => parsed,
        Err(error) => {
            findings.push(syntax_error(source, &error, place));
            return Node::Fixed(Value::Null);
        }
    };
    let mut walk = Walk { source, place, root: types, findings, needs: Vec::new() };
    walk.template(&parsed, types, &[], true);
    let needs = walk.needs;
    if let [TemplateElement::Expression(expression) | TemplateElement::HtmlExpression(expression)] = parsed.elements.as_slice()
        && let Some(node) = single(expression)
    {
        return node;
    }
    Node::Text(Arc::new(Text { parsed, needs }))
}

/// One expression by itself keeps the value's type.
fn single(expression: &HelperTemplate) -> Option<Node> {
    if expression.params.is_empty() && expression.hash.is_empty() {
        return plain_path(&expression.name).map(Node::Path);
    }
    call(expression).map(Node::Call)
}

fn call(expression: &HelperTemplate) -> Option<Call> {
    let function = functions::find(expression.name.as_name()?)?;
    let args = expression
        .params
        .iter()
        .map(|param| match param {
            Parameter::Literal(value) => Some(ArgNode::Fixed(value.clone())),
            Parameter::Subexpression(sub) => match sub.as_element() {
                TemplateElement::Expression(inner) | TemplateElement::HtmlExpression(inner) => call(inner).map(ArgNode::Call),
                _ => None,
            },
            other => plain_path(other).map(ArgNode::Path),
        })
        .collect::<Option<Vec<_>>>()?;
    Some(Call { function: function.name, call: function.call, args })
}

/// The names of a path, when it has nothing but names.
fn plain_path(parameter: &Parameter) -> Option<Vec<String>> {
    match parameter {
        Parameter::Name(name) => Some(name.split('.').map(str::to_owned).collect()),
        Parameter::Path(Path::Relative((segments, _))) => segments
            .iter()
            .map(|segment| match segment {
                PathSeg::Named(name) => Some(name.clone()),
                _ => None,
            })
            .collect(),
        _ => None,
    }
}

/// Walks a parsed template and finds what is wrong with its names.
struct Walk<'a> {
    source: &'a str,
    place: &'a Place,
    root: &'a Type,
    findings: &'a mut Vec<Finding>,
    needs: Vec<Vec<String>>,
}

impl Walk<'_> {
    fn template(&mut self, parsed: &Parsed, types: &Type, locals: &[String], top: bool) {
        for (index, element) in parsed.elements.iter().enumerate() {
            let offset = parsed.mapping.get(index).map_or(0, |m| byte_at(self.source, m.0, m.1));
            match element {
                TemplateElement::Expression(e) | TemplateElement::HtmlExpression(e) => self.expression(e, offset, types, locals, top),
                TemplateElement::HelperBlock(block) => self.block(block, offset, types, locals),
                TemplateElement::PartialExpression(_)
                | TemplateElement::PartialBlock(_)
                | TemplateElement::DecoratorBlock(_)
                | TemplateElement::DecoratorExpression(_) => {
                    let at = self.place.clone().part(self.part("{{", offset));
                    self.findings.push(Finding::new(Code::TemplateSyntax, "partials (`{{>`) and decorators (`{{*`) are not available here", at));
                }
                _ => {}
            }
        }
    }

    fn expression(&mut self, e: &HelperTemplate, offset: usize, types: &Type, locals: &[String], top: bool) {
        if !e.params.is_empty() || !e.hash.is_empty() {
            self.function(e, offset, types, locals, top && e.name.as_name() != Some("default"));
            return;
        }
        match &e.name {
            // A function without values is a slip: `{{upper}}`.
            name if name.as_name().is_some_and(|n| functions::find(n).is_some()) && types.at(&[name.as_name().unwrap_or_default().to_owned()]).is_err() => {
                self.function(e, offset, types, locals, top);
            }
            parameter => self.parameter(parameter, offset, types, locals, top),
        }
    }

    fn function(&mut self, e: &HelperTemplate, offset: usize, types: &Type, locals: &[String], top: bool) {
        let name = e.name.as_name().unwrap_or_default().to_owned();
        let at = self.place.clone().part(self.part(&name, offset));
        match functions::find(&name) {
            None => {
                let names = functions::FUNCTIONS.iter().map(|f| f.name);
                let mut finding = Finding::new(Code::UnknownFunction, format!("there is no function `{name}`"), at);
                if let Some(near) = crate::finding::nearest(&name, names) {
                    finding = finding.help(format!("did you mean `{near}`?"));
                }
                self.findings.push(finding);
            }
            Some(f) if e.params.len() < f.arity.0 || e.params.len() > f.arity.1 => {
                let count = e.params.len();
                let message = format!("`{name}` does not take {count} value{}", if count == 1 { "" } else { "s" });
                self.findings.push(Finding::new(Code::FunctionArguments, message, at).help(f.usage));
            }
            Some(_) if !e.hash.is_empty() => {
                let message = format!("`{name}` takes no `name=value`");
                self.findings.push(Finding::new(Code::FunctionArguments, message, at));
            }
            Some(_) => {}
        }
        for param in &e.params {
            match param {
                Parameter::Subexpression(sub) => match sub.as_element() {
                    TemplateElement::Expression(inner) | TemplateElement::HtmlExpression(inner) => self.function(inner, offset, types, locals, false),
                    _ => {}
                },
                other => self.parameter(other, offset, types, locals, top),
            }
        }
    }

    fn parameter(&mut self, parameter: &Parameter, offset: usize, types: &Type, locals: &[String], top: bool) {
        let Some(path) = plain_path(parameter) else { return };
        if path.first().is_some_and(|first| locals.contains(first)) || path.is_empty() {
            return;
        }
        let raw = path.join(".");
        let at = find_from(self.source, &raw, offset);
        if check_path(&path, &raw, at, self.place, types, Code::UnknownVariable, self.findings) && top {
            self.needs.push(path);
        }
    }

    fn block(&mut self, block: &HelperTemplate, offset: usize, types: &Type, locals: &[String]) {
        let name = block.name.as_name().unwrap_or_default().to_owned();
        if !BLOCKS.contains(&name.as_str()) {
            let at = self.place.clone().part(self.part(&name, offset));
            let finding = Finding::new(Code::UnknownFunction, format!("there is no block `{name}`"), at);
            self.findings.push(finding.suggest(&name, BLOCKS.iter().copied()));
            return;
        }
        if block.params.len() != 1 {
            let at = self.place.clone().part(self.part(&name, offset));
            self.findings.push(Finding::new(Code::FunctionArguments, format!("`#{name}` takes one value"), at));
        }
        let mut inner = types.clone();
        let mut names = locals.to_vec();
        for param in &block.params {
            match param {
                Parameter::Subexpression(sub) => {
                    if let TemplateElement::Expression(e) | TemplateElement::HtmlExpression(e) = sub.as_element() {
                        self.function(e, offset, types, locals, false);
                    }
                }
                other => self.parameter(other, offset, types, locals, false),
            }
            if name == "each" || name == "with" {
                let here = plain_path(param).and_then(|path| types.at(&path).ok().cloned()).unwrap_or(Type::Any);
                inner = match here {
                    Type::List(item) if name == "each" => *item,
                    Type::Record(..) if name == "with" => here,
                    _ => Type::Any,
                };
            }
        }
        match &block.block_param {
            Some(handlebars::template::BlockParam::Single(Parameter::Name(n))) => names.push(n.clone()),
            Some(handlebars::template::BlockParam::Pair((Parameter::Name(a), Parameter::Name(b)))) => names.extend([a.clone(), b.clone()]),
            _ => {}
        }
        // `this` and the block's own names are not looked up by type.
        names.extend(["this".to_owned()]);
        if let Some(template) = &block.template {
            self.template(template, &inner, &names, false);
        }
        if let Some(inverse) = &block.inverse {
            let root = self.root.clone();
            let outer = if name == "each" || name == "with" { types } else { &inner };
            let outer = if matches!(outer, Type::Any) { &root } else { outer };
            self.template(inverse, outer, locals, false);
        }
    }

    fn part(&self, needle: &str, offset: usize) -> Range<usize> {
        let start = find_from(self.source, needle, offset);
        start..(start + needle.len()).min(self.source.len())
    }
}

/// Adds a finding where a path names something that there is not; true when it is there.
pub(crate) fn check_path(
    path: &[String],
    raw: &str,
    at: usize,
    place: &Place,
    types: &Type,
    code: Code,
    findings: &mut Vec<Finding>,
) -> bool {
    let Err((index, names)) = types.at(path) else { return true };
    let missing = &path[index];
    let start = at + path[..index].iter().map(|name| name.len() + 1).sum::<usize>();
    let message = match index {
        0 => format!("there is no value `{missing}`"),
        _ => format!("`{}` has no value `{missing}`", path[..index].join(".")),
    };
    let place = if raw.is_empty() { place.clone() } else { place.clone().part(start..start + missing.len()) };
    findings.push(Finding::new(code, message, place).suggest(missing, names.iter().map(String::as_str)));
    false
}

fn find_from(source: &str, needle: &str, offset: usize) -> usize {
    let offset = offset.min(source.len());
    source[offset..].find(needle).map_or_else(|| source.find(needle).unwrap_or(0), |at| offset + at)
}

/// Byte offset of a line and a column, both from 1.
fn byte_at(source: &str, line: usize, column: usize) -> usize {
    let start = source.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum::<usize>();
    let rest = &source[start.min(source.len())..];
    start + rest.char_indices().nth(column.saturating_sub(1)).map_or(0, |(at, _)| at)
}

fn syntax_error(source: &str, error: &handlebars::TemplateError, place: &Place) -> Finding {
    let opens = source.matches("{{").count();
    let closes = source.matches("}}").count();
    let message = match error.reason() {
        handlebars::TemplateErrorReason::MismatchingClosedHelper(open, close) => format!("`#{open}` is opened, but `/{close}` closes"),
        _ if opens > closes => "an expression is opened with `{{` and not closed with `}}`".to_owned(),
        _ if source.contains("{{}}") => "an expression is empty".to_owned(),
        _ => "this template cannot be read".to_owned(),
    };
    let at = error.pos().map_or(0, |(line, column)| byte_at(source, line, column));
    let start = source[..at.min(source.len())].rfind("{{").or_else(|| source.find("{{")).unwrap_or(0);
    let end = source[start..].find("}}").map_or(source.len(), |end| start + end + 2);
    Finding::new(Code::TemplateSyntax, message, place.clone().part(start..end))
        .help("values are written as {{name}}, {{function value}} or {{#if name}}...{{/if}}")
}

impl Template {
    /// Names of the functions and paths in use, for tests and documentation of a template.
    pub fn describe(&self) -> String {
        match &self.0 {
            Node::Fixed(value) => value.to_string(),
            Node::Path(path) => path.join("."),
            Node::Call(call) => format!("{}(...)", call.function),
            Node::Text(_) => "text".to_owned(),
            Node::List(_) => "list".to_owned(),
            Node::Table(..) => "table".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
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
        let data = json!({"caller": {"phone": "+1 5"}, "n": 5, "tags": ["a", "b"], "rows": [{"name": "x"}, {"name": "y"}], "captured": {"k": 1.5}});
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
        check(json!("{{captured.k}}"), json!(1.5));
        check(json!("{{captured.k}} h"), json!("1.5 h"));
    }

    #[test]
    fn mistakes() {
        finding("{{caller.frist_name}}", "`caller` has no value `frist_name`", "frist_name");
        finding("Hi {{caller.phone}} {{whom}}", "there is no value `whom`", "whom");
        finding("{{uper caller.phone}}", "there is no function `uper`", "uper");
        finding("{{upper caller.phone n}}", "`upper` does not take 2 values", "upper");
        finding("{{caller.phone", "an expression is opened with `{{` and not closed with `}}`", "{{caller.phone");
        finding("{{#if n}}x{{/unless}}", "`#if` is opened, but `/unless` closes", "{{#if n}}");
        finding("{{#each rows}}{{nme}}{{/each}}", "there is no value `nme`", "nme");
        finding("{{> other}}", "partials (`{{>`) and decorators (`{{*`) are not available here", "{{");
    }

    #[test]
    fn paths_are_encoded() {
        let mut findings = Vec::new();
        let template = Template::compile(&json!("/x/{{caller.phone}}/y"), &Place::file("x.toml"), &types(), &mut findings);
        let scope = Scope::new(json!({"caller": {"phone": "+1 5/7"}}));
        assert_eq!(template.map(|t| t.encoded(&scope)), Some("/x/%2B1%205%2F7/y".to_owned()));
    }
}
