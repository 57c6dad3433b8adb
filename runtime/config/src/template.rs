//! Values with `{{...}}`: Handlebars, checked before anything runs, typed where they are one expression.
//!
//! A name that there is not is a finding of `check`. A value that a call lacks is absent: one expression gives
//! nothing, and text in which every value is absent gives nothing either.

mod brings;
mod check;
mod gives;

use std::ops::Range;
use std::sync::{Arc, LazyLock};

use handlebars::template::{HelperTemplate, Parameter, Template as Parsed, TemplateElement};
use handlebars::{Context, Handlebars, Helper, HelperDef, Path, PathSeg, RenderContext, RenderError, Renderable, ScopedJson};
use serde_json::{Map, Value};

pub use self::brings::Brings;
pub(crate) use self::check::check_path;
use self::check::{Walk, syntax_error};
pub(crate) use self::gives::{Sort, literal};
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
    Table { fields: Vec<(String, Node)>, condition: Option<Vec<String>>, with: Option<Vec<String>> },
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
        let args: Vec<Arg> =
            helper.params().iter().map(|p| if p.is_value_missing() { None } else { Some(p.value().clone()).filter(present) }).collect();
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
    /// stands only where that value is present, and one with `"$with" = "NAME"` has that value's members beside its own.
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
        Node::Table { fields, condition, with } => {
            if let Some(path) = condition
                && !functions::truthy(&lookup(scope.data(), path).cloned())
            {
                return None;
            }
            let own = fields.iter().filter_map(|(key, value)| Some((key.clone(), eval(value, scope)?)));
            let beside = with.as_ref().and_then(|path| lookup(scope.data(), path)?.as_object());
            let mut all: Map<String, Value> = beside.cloned().unwrap_or_default();
            all.extend(own);
            Some(Value::Object(all))
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
        Value::String(source) => {
            if let Some((span, path)) = single_braces(source, types) {
                let finding = Finding::new(
                    Code::TemplateSyntax,
                    format!("`{path}` would go in as it stands here, as text"),
                    place.clone().part(span),
                );
                findings.push(finding.help(format!("values stand in two braces at either side: {{{{{path}}}}}")));
            }
            if let Some(at) = stray_brace(source) {
                let finding = Finding::new(Code::TemplateSyntax, "there is one `}` too many", place.clone().part(at..at + 1));
                findings.push(finding.help("an expression ends with two: {{caller.phone}}"));
            }
            if source.contains("{{") { compile_text(source, place, types, findings) } else { Node::Fixed(value.clone()) }
        }
        Value::Array(items) => {
            Node::List(items.iter().enumerate().map(|(i, item)| compile(item, &place.clone().item(i), types, findings)).collect())
        }
        Value::Object(fields) => {
            let (mut condition, mut with) = (None, None);
            let mut compiled = Vec::with_capacity(fields.len());
            for (key, value) in fields {
                let here = place.clone().down(key);
                if key == "$if" || key == "$with" {
                    let path: Vec<String> = value.as_str().unwrap_or_default().split('.').map(str::to_owned).collect();
                    check_path(&path, Some(0), &here, types, Code::UnknownVariable, findings);
                    *if key == "$if" { &mut condition } else { &mut with } = Some(path);
                } else {
                    compiled.push((key.clone(), compile(value, &here, types, findings)));
                }
            }
            if condition.is_none() && with.is_none() && compiled.iter().all(|(_, node)| matches!(node, Node::Fixed(_))) {
                return Node::Fixed(value.clone());
            }
            Node::Table { fields: compiled, condition, with }
        }
        fixed => Node::Fixed(fixed.clone()),
    }
}

/// A value's name in single braces: `{caller.phone}`, `${caller.phone}`.
fn single_braces(source: &str, types: &Type) -> Option<(Range<usize>, String)> {
    let name = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    for (open, _) in source.match_indices('{') {
        if source[open + 1..].starts_with('{') || source[..open].ends_with('{') {
            continue;
        }
        let inner = source[open + 1..].trim_start();
        let end = inner.find(|c| !name(c)).unwrap_or(inner.len());
        let start = source.len() - inner.len();
        let path: Vec<String> = inner[..end].split('.').map(str::to_owned).collect();
        let known = types.at(&path[..1]).is_ok_and(|ty| *ty != Type::Any) && types.at(&path).is_ok();
        if known && inner[end..].trim_start().starts_with('}') {
            return Some((start..start + end, inner[..end].to_owned()));
        }
    }
    None
}

/// A third brace behind an expression that was opened with two. In text that has braces of its own, as JSON does, it may be meant.
fn stray_brace(source: &str) -> Option<usize> {
    if source.matches('{').count() >= source.matches('}').count() {
        return None;
    }
    let close = source.find("}}}").filter(|close| source[..*close].rfind("{{").is_some_and(|open| !source[..open].ends_with('{')))?;
    Some(close + 2)
}

fn compile_text(source: &str, place: &Place, types: &Type, findings: &mut Vec<Finding>) -> Node {
    if let Some(finding) = too_deep(source, place) {
        findings.push(finding);
        return Node::Fixed(Value::Null);
    }
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

/// Parentheses or blocks inside one another, beyond what anybody writes: the parser calls itself for each.
fn too_deep(source: &str, place: &Place) -> Option<Finding> {
    const DEEPEST: usize = 32;
    let mut depth = [0_usize; 2];
    for (at, c) in source.char_indices() {
        let rest = &source[at..];
        match c {
            '(' | '[' => depth[0] += 1,
            ')' | ']' => depth[0] = depth[0].saturating_sub(1),
            '{' if rest.starts_with("{{#") || rest.starts_with("{{~#") => depth[1] += 1,
            '{' if rest.starts_with("{{/") || rest.starts_with("{{~/") => depth[1] = depth[1].saturating_sub(1),
            _ => {}
        }
        if depth.iter().any(|d| *d > DEEPEST) {
            return Some(Finding::new(Code::TemplateSyntax, "this template is nested too deeply", place.clone().part(at..at + 1)));
        }
    }
    None
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

/// A name that a block gives to its element.
type Local = (String, Type);

impl Template {
    /// Names of the functions and paths in use, for tests and documentation of a template.
    pub fn describe(&self) -> String {
        match &self.0 {
            Node::Fixed(value) => value.to_string(),
            Node::Path(path) => path.join("."),
            Node::Call(call) => format!("{}(...)", call.function),
            Node::Text(_) => "text".to_owned(),
            Node::List(_) => "list".to_owned(),
            Node::Table { .. } => "table".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests;
