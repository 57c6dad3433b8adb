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
            let mut condition = None;
            let mut compiled = Vec::with_capacity(fields.len());
            for (key, value) in fields {
                let here = place.clone().down(key);
                if key == "$if" {
                    let path: Vec<String> = value.as_str().unwrap_or_default().split('.').map(str::to_owned).collect();
                    check_path(&path, Some(0), &here, types, Code::UnknownVariable, findings);
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

/// Walks a parsed template and finds what is wrong with its names.
struct Walk<'a> {
    source: &'a str,
    place: &'a Place,
    root: &'a Type,
    findings: &'a mut Vec<Finding>,
    needs: Vec<Vec<String>>,
}

impl Walk<'_> {
    fn template(&mut self, parsed: &Parsed, types: &Type, locals: &[Local], top: bool) {
        for (index, element) in parsed.elements.iter().enumerate() {
            let offset = parsed.mapping.get(index).map_or(0, |m| byte_at(self.source, m.0, m.1));
            match element {
                TemplateElement::Expression(e) | TemplateElement::HtmlExpression(e) => self.expression(e, offset, types, locals, top),
                TemplateElement::HelperBlock(block) => self.block(block, offset, types, locals),
                TemplateElement::PartialExpression(_)
                | TemplateElement::PartialBlock(_)
                | TemplateElement::DecoratorBlock(_)
                | TemplateElement::DecoratorExpression(_) => {
                    let at = self.at("{{", offset);
                    self.findings.push(Finding::new(
                        Code::TemplateSyntax,
                        "partials (`{{>`) and decorators (`{{*`) are not available here",
                        at,
                    ));
                }
                _ => {}
            }
        }
    }

    fn expression(&mut self, e: &HelperTemplate, offset: usize, types: &Type, locals: &[Local], top: bool) {
        if !e.params.is_empty() || !e.hash.is_empty() {
            self.function(e, offset, types, locals, top && e.name.as_name() != Some("default"));
            return;
        }
        match &e.name {
            // A function without values is a slip: `{{upper}}`.
            name if name.as_name().is_some_and(|n| functions::find(n).is_some())
                && types.at(&[name.as_name().unwrap_or_default().to_owned()]).is_err() =>
            {
                self.function(e, offset, types, locals, top);
            }
            parameter => self.parameter(parameter, offset, types, locals, top),
        }
    }

    fn function(&mut self, e: &HelperTemplate, offset: usize, types: &Type, locals: &[Local], top: bool) {
        let name = e.name.as_name().unwrap_or_default().to_owned();
        let at = self.at(&name, offset);
        match functions::find(&name) {
            None => self.no_function(e, &name, at, types),
            Some(f) if e.params.len() < f.arity.0 || e.params.len() > f.arity.1 => {
                let message = format!("`{name}` takes {}, and here it gets {}", values(f.arity), e.params.len());
                self.findings.push(Finding::new(Code::FunctionArguments, message, at).help(f.usage));
            }
            Some(f) if !e.hash.is_empty() => {
                let message = format!("`{name}` takes no `name=value`");
                self.findings.push(Finding::new(Code::FunctionArguments, message, at).help(f.usage));
            }
            Some(_) => {}
        }
        for param in &e.params {
            self.param(param, offset, types, locals, top);
        }
    }

    /// A function that there is not; or a value that was taken for one.
    fn no_function(&mut self, e: &HelperTemplate, name: &str, at: Place, types: &Type) {
        let path: Vec<String> = name.split('.').map(str::to_owned).collect();
        let finding = if BLOCKS.contains(&name) {
            let message = format!("`{name}` is a block");
            Finding::new(Code::UnknownFunction, message, at)
                .help(format!("write {{{{#{name} ...}}}}...{{{{/{name}}}}}, or {{{{choose CONDITION YES NO}}}}"))
        } else if e.params.is_empty() && types.at(&path).is_ok() {
            let message = format!("parentheses call a function, and `{name}` is a value");
            Finding::new(Code::UnknownFunction, message, at).help(format!("write `{name}` without parentheses"))
        } else if types.at(&path).is_ok() {
            let message = format!("`{name}` is a value, and nothing can follow it");
            Finding::new(Code::UnknownFunction, message, at).help("give each value braces of its own, or join them: {{concat A ' ' B}}")
        } else {
            let finding = Finding::new(Code::UnknownFunction, format!("there is no function `{name}`"), at);
            let other = match name.to_lowercase().as_str() {
                "coalesce" | "or_default" | "fallback" | "ifempty" | "nvl" => Some("default"),
                "uppercase" | "toupper" | "upcase" => Some("upper"),
                "lowercase" | "tolower" | "downcase" => Some("lower"),
                "substring" | "slice" | "left" | "limit" => Some("truncate"),
                "formatdate" | "date_format" | "strftime" | "format" => Some("time"),
                "title" | "titlecase" | "capitalise" => Some("capitalize"),
                "replace" | "humanize" => Some("words"),
                "equals" | "equal" | "is" => Some("eq"),
                "if_else" | "ifelse" | "iif" | "ternary" | "cond" => Some("choose"),
                _ => None,
            };
            match other.or_else(|| crate::finding::nearest(name, functions::FUNCTIONS.iter().map(|f| f.name))).and_then(functions::find) {
                Some(near) => finding.help(format!("did you mean `{}`? {}", near.name, near.usage)),
                None => finding,
            }
        };
        self.findings.push(finding);
    }

    fn param(&mut self, param: &Parameter, offset: usize, types: &Type, locals: &[Local], top: bool) {
        match param {
            Parameter::Subexpression(sub) => match sub.as_element() {
                TemplateElement::Expression(inner) | TemplateElement::HtmlExpression(inner) => {
                    self.function(inner, offset, types, locals, false)
                }
                _ => {}
            },
            other => self.parameter(other, offset, types, locals, top),
        }
    }

    fn parameter(&mut self, parameter: &Parameter, offset: usize, types: &Type, locals: &[Local], top: bool) {
        // `@root.caller.phone` begins at the top again, whatever block it stands in.
        if let Parameter::Path(Path::Relative((segments, raw))) = parameter
            && raw.starts_with("@root")
        {
            let path = named(segments);
            let at = find_word(self.source, raw, offset).map(|at| at + "@root.".len());
            check_path(&path, at, self.place, self.root, Code::UnknownVariable, self.findings);
            return;
        }
        let Some(path) = plain_path(parameter) else { return };
        let Some(first) = path.first() else { return };
        let raw = path.join(".");
        let at = find_word(self.source, &raw, offset).or_else(|| find_word(self.source, first, offset));
        if let Some((_, own)) = locals.iter().rev().find(|(name, _)| name == first) {
            let own = Type::Record([(first.clone(), own.clone())].into_iter().collect(), false);
            check_path(&path, at, self.place, &own, Code::UnknownVariable, self.findings);
            return;
        }
        let before = self.findings.len();
        if check_path(&path, at, self.place, types, Code::UnknownVariable, self.findings) {
            if top {
                self.needs.push(path);
            }
        } else if self.root.at(&path).is_ok()
            && let Some(finding) = self.findings.get_mut(before)
        {
            finding.help = Some(format!("inside `#each` and `#with`, names are those of the element; write `@root.{raw}` for the call's"));
        }
    }

    fn block(&mut self, block: &HelperTemplate, offset: usize, types: &Type, locals: &[Local]) {
        let name = block.name.as_name().unwrap_or_default().to_owned();
        if !BLOCKS.contains(&name.as_str()) {
            let at = self.at(&name, offset);
            let finding = Finding::new(Code::UnknownFunction, format!("there is no block `{name}`"), at);
            self.findings.push(finding.suggest(&name, BLOCKS.iter().copied()));
            return;
        }
        if block.params.len() != 1 {
            let at = self.at(&name, offset);
            let message = format!("`#{name}` takes 1 value, and here it gets {}", block.params.len());
            let finding = Finding::new(Code::FunctionArguments, message, at);
            self.findings.push(if block.params.is_empty() {
                finding
            } else {
                finding.help("functions stand in parentheses: {{#if (eq outcome 'booked')}}")
            });
        }
        let mut inner = types.clone();
        let mut names = locals.to_vec();
        for param in &block.params {
            self.param(param, offset, types, locals, false);
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
            Some(handlebars::template::BlockParam::Single(Parameter::Name(n))) => names.push((n.clone(), inner.clone())),
            Some(handlebars::template::BlockParam::Pair((Parameter::Name(a), Parameter::Name(b)))) => {
                names.extend([(a.clone(), inner.clone()), (b.clone(), Type::Any)]);
            }
            _ => {}
        }
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

    /// The place of a word of this template.
    fn at(&self, word: &str, offset: usize) -> Place {
        let start = find_word(self.source, word, offset).unwrap_or(offset);
        self.place.clone().part(start..(start + word.len()).min(self.source.len()))
    }
}

/// How many values a function takes.
fn values(arity: (usize, usize)) -> String {
    match arity {
        (1, 1) => "1 value".to_owned(),
        (fewest, most) if fewest == most => format!("{fewest} values"),
        (fewest, most) if most >= 9 => format!("{fewest} values or more"),
        (fewest, most) => format!("{fewest} to {most} values"),
    }
}

fn named(segments: &[PathSeg]) -> Vec<String> {
    segments
        .iter()
        .filter_map(|segment| match segment {
            PathSeg::Named(name) => Some(name.clone()),
            _ => None,
        })
        .collect()
}

/// Adds a finding where a path names something that there is not; true when it is there.
///
/// `at` is where the path stands in the value, when that is known.
pub(crate) fn check_path(path: &[String], at: Option<usize>, place: &Place, types: &Type, code: Code, findings: &mut Vec<Finding>) -> bool {
    let Err((index, names)) = types.at(path) else { return true };
    let missing = &path[index];
    let inside = path[..index].join(".");
    let message = match index {
        0 => format!("there is no value `{missing}`"),
        _ => format!("`{inside}` has no value `{missing}`"),
    };
    let place = match at {
        Some(at) => {
            let start = at + path[..index].iter().map(|name| name.len() + 1).sum::<usize>();
            place.clone().part(start..start + missing.len())
        }
        None => place.clone(),
    };
    let finding = Finding::new(code, message, place);
    // A slip of a few letters beats the same name elsewhere; that beats a name which only resembles it.
    let near = crate::finding::nearest(missing, names.iter().map(String::as_str));
    let close = near.filter(|near| strsim::osa_distance(&near.to_lowercase(), &missing.to_lowercase()) <= 1);
    let elsewhere = if index + 1 == path.len() { types.named(missing) } else { Vec::new() };
    findings.push(match (close, elsewhere.as_slice()) {
        (Some(close), _) => finding.help(format!("did you mean `{close}`?")),
        (None, [one]) => finding.help(format!("did you mean `{one}`?")),
        (None, [one, two, ..]) => finding.help(format!("did you mean `{one}` or `{two}`?")),
        (None, []) if names.is_empty() && index > 0 => finding.help(match types.at(&path[..index]) {
            Ok(Type::List(_)) => format!("`{inside}` is a list: its first element is `{inside}.0`"),
            Ok(ty) => format!("`{inside}` is {}: there is nothing inside", ty.word()),
            Err(_) => format!("there is nothing inside `{inside}`"),
        }),
        (None, []) => {
            let all = if index == 0 && near.is_none() { types.paths() } else { Vec::new() };
            let whole = path.join(".").replace('.', "");
            let anywhere = all.iter().find(|other| strsim::osa_distance(&other.replace('.', ""), &whole) <= 1);
            match (anywhere, missing.to_lowercase().as_str()) {
                (Some(there), _) => finding.help(format!("did you mean `{there}`?")),
                // What people look for here, and where it is instead.
                (None, "now" | "today" | "date" | "time" | "timestamp") if types.at(&["call".to_owned()]).is_ok() => {
                    finding.help("nothing here reads a clock: the call's own times are `call.started_at` and `call.ended_at`")
                }
                (None, "payload" | "let") if types.at(&["call".to_owned()]).is_ok() => {
                    finding.help("only a source sees the payload; what it captured is read as `captured.NAME`")
                }
                _ => finding.suggest(missing, names.iter().map(String::as_str)),
            }
        }
    });
    false
}

/// Where a name stands as a word of its own and not in quotes, at or after `offset`.
fn find_word(source: &str, word: &str, offset: usize) -> Option<usize> {
    let offset = offset.min(source.len());
    if word.is_empty() {
        return None;
    }
    let part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '/' | '@');
    let symbol = !word.starts_with(part);
    let mut quote = None;
    for (at, c) in source[offset..].char_indices() {
        let here = offset + at;
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => continue,
            None if source[here..].starts_with(word) => {
                let before = source[..here].chars().next_back().is_some_and(part);
                let after = source[here + word.len()..].starts_with(part);
                if symbol || (!before && !after) {
                    return Some(here);
                }
            }
            None if c == '\'' || c == '"' => quote = Some(c),
            None => {}
        }
    }
    None
}

/// Byte offset of a line and a column, both from 1.
fn byte_at(source: &str, line: usize, column: usize) -> usize {
    let start = source.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum::<usize>().min(source.len());
    let rest = &source[start..];
    start + rest.char_indices().nth(column.saturating_sub(1)).map_or(rest.len(), |(at, _)| at)
}

/// What is wrong with a template that cannot be parsed: the parser knows where it gave up, people want to know what to write.
fn syntax_error(source: &str, error: &handlebars::TemplateError, place: &Place) -> Finding {
    let new =
        |message: String, part: Range<usize>, help: &str| Finding::new(Code::TemplateSyntax, message, place.clone().part(part)).help(help);
    // Expressions in order; of one that does not end, what is left.
    let mut blocks: Vec<(&str, Range<usize>)> = Vec::new();
    let mut from = 0;
    while let Some(open) = source[from..].find("{{").map(|at| from + at) {
        let after = open + 2;
        let close = source[after..].find("}}").map(|at| after + at);
        let next = source[after..].find("{{").map(|at| after + at);
        let end = match (close, next) {
            (Some(close), next) if next.is_none_or(|next| close < next) => close,
            (_, next) => {
                let end = next.unwrap_or(source.len());
                let line = source[open..end].find('\n').map_or(end, |at| open + at);
                return new(
                    "an expression is opened with `{{` and not closed with `}}`".to_owned(),
                    open..line,
                    "close it: {{caller.phone}}",
                );
            }
        };
        let whole = open..end + 2;
        let inner = source[after..end].trim_matches(['~', '{', '}', '&']).trim();
        from = end + 2;
        if inner.starts_with('!') {
            continue;
        }
        if let Some(block) = inner.strip_prefix('#') {
            let (name, rest) = block.trim_start().split_once(char::is_whitespace).unwrap_or((block.trim(), ""));
            // `as |row|` names the element.
            let rest = rest.split(" as |").next().unwrap_or(rest).trim();
            if let Some((message, help)) = expression_error(rest).filter(|_| !rest.is_empty()) {
                return new(message, whole, &help);
            }
            blocks.push((name, whole));
            continue;
        }
        if let Some(name) = inner.strip_prefix('/') {
            let name = name.trim();
            match blocks.pop() {
                None => return new(format!("`/{name}` closes a block that is not open"), whole, "a block begins with {{#if ...}}"),
                Some((open, at)) if open != name => {
                    return new(format!("`#{open}` is opened, but `/{name}` closes"), at, "close the inner block first");
                }
                Some(_) => continue,
            }
        }
        if inner == "else" || inner.starts_with("else ") {
            if blocks.is_empty() {
                return new("`else` stands outside of a block".to_owned(), whole, "write {{#if ...}}...{{else}}...{{/if}}");
            }
            continue;
        }
        if let Some((message, help)) = expression_error(inner) {
            return new(message, whole, &help);
        }
    }
    if let Some((name, at)) = blocks.first() {
        return new(format!("`#{name}` is not closed with `/{name}`"), at.clone(), &format!("write {{{{/{name}}}}} where it ends"));
    }
    let at = error.pos().map_or(0, |(line, column)| byte_at(source, line, column));
    let start = source[..at.min(source.len())].rfind("{{").or_else(|| source.find("{{")).unwrap_or(0);
    let end = source[start..].find("}}").map_or(source.len(), |end| start + end + 2);
    new(
        "this template cannot be read".to_owned(),
        start..end,
        "values are written as {{name}}, {{function value}} or {{#if name}}...{{/if}}",
    )
}

/// What is wrong inside of one expression, and what to write.
fn expression_error(inner: &str) -> Option<(String, String)> {
    if inner.is_empty() {
        return Some(("an expression is empty".to_owned(), "write the name of a value: {{caller.phone}}".to_owned()));
    }
    // Without what stands in quotes.
    let mut bare = String::new();
    let mut quote = None;
    for c in inner.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if c == '\'' || c == '"' => quote = Some(c),
            None => bare.push(c),
        }
    }
    if let Some(quote) = quote {
        return Some((
            format!("a text is not closed with `{quote}`"),
            "inside an expression, texts stand in single quotes: {{default caller.name 'unknown'}}".to_owned(),
        ));
    }
    if bare.contains(['“', '”', '‘', '’']) {
        return Some((
            "typographic quotes are not quotes here".to_owned(),
            "write straight ones: {{default caller.name 'unknown'}}".to_owned(),
        ));
    }
    if bare.matches('(').count() != bare.matches(')').count() {
        return Some(("a parenthesis is not closed".to_owned(), "write {{upper (default caller.name 'unknown')}}".to_owned()));
    }
    let operators = [
        ("==", "to compare, write {{eq A B}}"),
        ("!=", "to compare, write {{not (eq A B)}}"),
        ("&&", "write {{and A B}}"),
        ("||", "for the first value that is there, write {{default A B}}"),
        ("??", "for the first value that is there, write {{default A B}}"),
        ("|", "the function comes first: {{upper caller.name}}"),
        ("?", "to choose, write {{choose CONDITION YES NO}}"),
        ("+", "to join texts, write {{concat A ' ' B}}"),
        (",", "values stand one after the other, with spaces between"),
        ("=", "to compare, write {{eq A B}}"),
    ];
    if let Some((operator, help)) = operators.iter().find(|(operator, _)| bare.contains(operator)) {
        return Some((format!("`{operator}` means nothing in an expression"), (*help).to_owned()));
    }
    let words: Vec<&str> = bare.split_whitespace().collect();
    if let [first, _, ..] = words.as_slice()
        && first.contains('.')
    {
        let message = format!("`{first}` is a value, and nothing can follow it");
        return Some((message, "give each value braces of its own, or join them: {{concat A ' ' B}}".to_owned()));
    }
    None
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
        let found: Vec<_> =
            findings.iter().map(|f| (f.message.as_str(), f.at.part.clone().map(|p| &source[p]).unwrap_or_default())).collect();
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
        check(
            json!({"a": "{{n}}", "b": "{{caller.first_name}}", "c": ["{{n}}", {"$if": "captured.none", "x": 1}]}),
            json!({"a": 5, "c": [5]}),
        );
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
}
