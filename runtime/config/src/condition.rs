//! Conditions (`when`): one small expression language, checked before it runs, total when it does.
//!
//! Comparisons, `&&`, `||`, `!`, `in [...]`, parentheses and a few functions over the same names as templates.
//! A value that a call lacks compares as unequal to everything and smaller than nothing; it is never an error at night.

mod told;

use std::ops::Range;

use serde_json::Value;

use crate::finding::{Code, Finding, Place};
use crate::functions::{self, present, truthy};
use crate::template::check_path;
use crate::types::Type;

pub use told::Told;

/// A compiled condition.
#[derive(Clone, Debug)]
pub struct Condition {
    source: String,
    root: Expr,
}

#[derive(Clone, Debug)]
struct Expr {
    kind: Kind,
    span: Range<usize>,
}

#[derive(Clone, Debug)]
enum Kind {
    Fixed(Value),
    Path(Vec<String>),
    List(Vec<Expr>),
    Not(Box<Expr>),
    Both(Box<Expr>, Box<Expr>),
    Either(Box<Expr>, Box<Expr>),
    Compare(Op, Box<Expr>, Box<Expr>),
    Call(Func, Vec<Expr>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    In,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Func {
    Has,
    Like,
    Contains,
    Lower,
    Size,
}

const FUNCS: &[(&str, Func, usize, &str)] = &[
    ("has", Func::Has, 1, "has(VALUE): whether it is present"),
    ("like", Func::Like, 2, "like(TEXT, \"pat*\"): whether text fits a pattern"),
    ("contains", Func::Contains, 2, "contains(LIST or TEXT, VALUE): whether it is in there"),
    ("lower", Func::Lower, 1, "lower(TEXT): in small letters"),
    ("size", Func::Size, 1, "size(LIST or TEXT): how many elements or characters"),
];

impl Condition {
    /// Compiles a condition; `None` where there are findings.
    pub fn compile(source: &str, place: &Place, types: &Type, findings: &mut Vec<Finding>) -> Option<Self> {
        let before = findings.len();
        let mut parser = Parser { source, at: 0 };
        let root = match parser.whole() {
            Ok(root) => root,
            Err(fault) => {
                let finding = Finding::new(fault.code, fault.message, place.clone().part(fault.span));
                let help = fault.help.unwrap_or_else(|| "conditions look like this: outcome == \"booked\" && has(appointment)".to_owned());
                findings.push(finding.help(help));
                return None;
            }
        };
        let mut check = Check { place, types, findings };
        let ty = check.expr(&root);
        check.boolean(&root, &ty);
        (findings.len() == before).then(|| Self { source: source.to_owned(), root })
    }

    /// Whether it holds for these values.
    pub fn holds(&self, data: &Value) -> bool {
        truthy(&eval(&self.root, data))
    }

    /// As written.
    pub fn source(&self) -> &str {
        &self.source
    }
}

type Syntax<T> = Result<T, Fault>;

/// Where a condition cannot be read, and why.
struct Fault {
    code: Code,
    message: String,
    span: Range<usize>,
    help: Option<String>,
}

fn fault<T>(message: impl Into<String>, span: Range<usize>, help: &str) -> Syntax<T> {
    let help = if help.is_empty() { None } else { Some(help.to_owned()) };
    Err(Fault { code: Code::ConditionSyntax, message: message.into(), span, help })
}

struct Parser<'a> {
    source: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn whole(&mut self) -> Syntax<Expr> {
        let expr = self.either(0)?;
        self.space();
        if self.at < self.source.len() {
            return self.trailing();
        }
        Ok(expr)
    }

    /// An operator of other languages: the condition as it is written here.
    fn instead(&self, message: impl Into<String>, span: Range<usize>, operator: &str) -> Syntax<Expr> {
        let help = format!("write: {}{operator}{}", &self.source[..span.start], &self.source[span.end..]);
        fault(message, span, &help)
    }

    /// Something stands where the condition should end.
    fn trailing(&self) -> Syntax<Expr> {
        let rest = &self.source[self.at..];
        let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let first = rest.chars().next().map_or(0, char::len_utf8);
        let span = self.at..self.at + if word > 0 { word } else { first };
        let written = |operator: &str| format!("write `{operator}`");
        let before = &self.source[..self.at];
        if word > 0 && before.ends_with(|c: char| c.is_ascii_digit()) {
            return fault("a number has no unit here", span, "call.duration_s is in seconds: call.duration_s >= 300");
        }
        if before.trim() == "if" || before.trim() == "when" {
            return fault(format!("a condition begins without `{}`", before.trim()), 0..before.trim_end().len(), "");
        }
        match rest[..word].to_lowercase().as_str() {
            "and" => return self.instead("`and` is written `&&`", span, "&&"),
            "or" => return self.instead("`or` is written `||`", span, "||"),
            "is" | "equals" | "eq" | "equal" => return self.instead(format!("`{}` is written `==`", &rest[..word]), span, "=="),
            "not" if rest[word..].trim_start().to_lowercase().starts_with("in") => {
                return fault("`not in` is written with `!` in front", span, "!(outcome in [\"booked\", \"message\"])");
            }
            "not" | "isnt" | "ne" => return self.instead(format!("`{}` is written `!=`", &rest[..word]), span, "!="),
            "contains" | "includes" | "like" | "has" => {
                let name = &rest[..word];
                let help = match name {
                    "like" => "like(outcome, \"book*\")",
                    "has" => "has(appointment)",
                    _ => "contains(tags, \"vip\")",
                };
                return fault(format!("`{name}` stands in front, with its values in parentheses"), span, help);
            }
            _ => {}
        }
        match rest.chars().next() {
            Some('=') if rest.starts_with("==") => fault(
                "a comparison stands here that has a comparison before it",
                span.start..span.start + 2,
                "join two comparisons with `&&`",
            ),
            Some('=') => self.instead("equality is written `==`", span, "=="),
            Some('&') => self.instead("`and` is written `&&`", span, "&&"),
            Some('|') => self.instead("`or` is written `||`", span, "||"),
            Some('<' | '>' | '!') => {
                fault("a comparison stands here that has a comparison before it", span, "join two comparisons with `&&`")
            }
            Some('+' | '-' | '*' | '/' | '%') => fault("there is no arithmetic in conditions", span, ""),
            Some(')') => fault("this parenthesis was never opened", span, ""),
            Some(']') => fault("this bracket was never opened", span, ""),
            Some('(') => fault("a parenthesis cannot stand here", span, &written("&&")),
            _ => fault("the condition should end here", span, "join two conditions with `&&` or `||`"),
        }
    }

    fn space(&mut self) {
        while let Some(c) = self.source[self.at..].chars().next().filter(|c| c.is_whitespace()) {
            self.at += c.len_utf8();
        }
    }

    fn take(&mut self, token: &str) -> bool {
        self.space();
        let rest = &self.source[self.at..];
        if !rest.starts_with(token) {
            return false;
        }
        // A word must end where the token ends.
        let word = token.chars().all(char::is_alphanumeric);
        if word && rest[token.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_') {
            return false;
        }
        self.at += token.len();
        true
    }

    fn either(&mut self, depth: usize) -> Syntax<Expr> {
        if depth > 64 {
            return fault("this condition is nested too deeply", self.at..self.at, "");
        }
        let mut left = self.both(depth)?;
        while self.take("||") {
            let right = self.both(depth)?;
            let span = left.span.start..right.span.end;
            left = Expr { kind: Kind::Either(Box::new(left), Box::new(right)), span };
        }
        Ok(left)
    }

    fn both(&mut self, depth: usize) -> Syntax<Expr> {
        let mut left = self.not(depth)?;
        while self.take("&&") {
            let right = self.not(depth)?;
            let span = left.span.start..right.span.end;
            left = Expr { kind: Kind::Both(Box::new(left), Box::new(right)), span };
        }
        Ok(left)
    }

    fn not(&mut self, depth: usize) -> Syntax<Expr> {
        self.space();
        let start = self.at;
        if !self.source[self.at..].starts_with("!=") && self.take("!") {
            if depth > 64 {
                return fault("this condition is nested too deeply", start..self.at, "");
            }
            let inner = self.not(depth + 1)?;
            let span = start..inner.span.end;
            return Ok(Expr { kind: Kind::Not(Box::new(inner)), span });
        }
        self.compare(depth)
    }

    fn compare(&mut self, depth: usize) -> Syntax<Expr> {
        let left = self.primary(depth)?;
        self.space();
        for (token, operator) in [("===", "=="), ("!==", "!="), ("<>", "!=")] {
            if self.source[self.at..].starts_with(token) {
                return self.instead(format!("`{token}` is written `{operator}`"), self.at..self.at + token.len(), operator);
            }
        }
        let ops = [("==", Op::Eq), ("!=", Op::Ne), ("<=", Op::Le), (">=", Op::Ge), ("<", Op::Lt), (">", Op::Gt), ("in", Op::In)];
        for (token, op) in ops {
            if self.take(token) {
                let right = self.primary(depth)?;
                let span = left.span.start..right.span.end;
                return Ok(Expr { kind: Kind::Compare(op, Box::new(left), Box::new(right)), span });
            }
        }
        Ok(left)
    }

    fn primary(&mut self, depth: usize) -> Syntax<Expr> {
        self.space();
        let start = self.at;
        let Some(c) = self.source[start..].chars().next() else {
            if self.source.trim().is_empty() {
                return fault("this condition is empty", 0..self.source.len(), "leave `when` out where it always holds");
            }
            // Shown at what asks for more.
            let end = self.source.trim_end().len();
            let last = self.source[..end].chars().next_back().map_or(0, char::len_utf8);
            return fault("something is missing at the end", end - last..end, "");
        };
        let kind = match c {
            '(' => {
                self.at += 1;
                let inner = self.either(depth + 1)?;
                if !self.take(")") {
                    return self.unclosed(start);
                }
                inner.kind
            }
            '[' => {
                self.at += 1;
                let mut items = Vec::new();
                while !self.take("]") {
                    if self.at >= self.source.len() {
                        return fault("a list is not closed with `]`", start..start + 1, "");
                    }
                    items.push(self.either(depth + 1)?);
                    if !self.take(",") {
                        if self.take("]") {
                            break;
                        }
                        if self.at >= self.source.len() {
                            return fault("a list is not closed with `]`", start..start + 1, "");
                        }
                        let next = self.source[self.at..].chars().next().map_or(0, char::len_utf8);
                        return fault("a comma is missing in this list", self.at..self.at + next, "outcome in [\"booked\", \"escalated\"]");
                    }
                }
                Kind::List(items)
            }
            '"' | '\'' => Kind::Fixed(Value::String(self.string(c)?)),
            c if c.is_ascii_digit() || c == '-' => {
                let rest = &self.source[start..];
                let end = rest[1..].find(|c: char| !c.is_ascii_digit() && c != '.').map_or(rest.len(), |e| e + 1);
                self.at += end;
                match serde_json::from_str::<serde_json::Number>(&rest[..end]) {
                    Ok(number) => Kind::Fixed(Value::Number(number)),
                    Err(_) => return fault("this is no number", start..start + end, ""),
                }
            }
            c if c.is_alphabetic() || c == '_' => return self.word(depth),
            _ => {
                let rest = &self.source[start..];
                let span = start..start + c.len_utf8();
                return match c {
                    '{' if rest.starts_with("{{") => {
                        fault("a condition has no braces", start..start + 2, "write the value's name alone: outcome == \"booked\"")
                    }
                    '“' | '”' | '‘' | '’' => {
                        fault("typographic quotes are not quotes here", span, "write straight ones: outcome == \"booked\"")
                    }
                    '$' | '@' | '{' | '#' | '%' => {
                        fault(format!("`{c}` does not belong here"), span, "write the value's name alone: outcome == \"booked\"")
                    }
                    '=' | '&' | '|' | '<' | '>' | '!' => {
                        let length = rest.find(|c: char| !"=&|<>!".contains(c)).unwrap_or(rest.len());
                        let span = start..start + length;
                        fault(format!("something is missing before `{}`", &rest[..length]), span, "")
                    }
                    ')' => fault("something is missing before `)`", span, ""),
                    '\\' => fault("`\\` does not belong here", span, "between single quotes, `\"` needs no backslash in front"),
                    _ => fault(format!("`{c}` does not belong here"), span, ""),
                };
            }
        };
        Ok(Expr { kind, span: start..self.at })
    }

    fn string(&mut self, quote: char) -> Syntax<String> {
        let start = self.at;
        let mut text = String::new();
        let mut chars = self.source[start + 1..].char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                c if c == quote => {
                    self.at = start + 1 + at + 1;
                    return Ok(text);
                }
                '\\' => match chars.next() {
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, other)) => text.push(other),
                    None => break,
                },
                c => text.push(c),
            }
        }
        fault(format!("this text is not closed with `{quote}`"), start..self.source.len(), "")
    }

    /// A parenthesis that is not closed, or something in it that stands in the way.
    fn unclosed(&self, start: usize) -> Syntax<Expr> {
        let rest = self.source[self.at..].trim_start();
        if rest.is_empty() {
            return fault("a parenthesis is not closed", start..start + 1, "");
        }
        Parser { source: self.source, at: self.source.len() - rest.len() }.trailing()
    }

    fn word(&mut self, depth: usize) -> Syntax<Expr> {
        let start = self.at;
        let rest = &self.source[start..];
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '.').unwrap_or(rest.len());
        let word = rest[..end].trim_end_matches('.');
        self.at += word.len();
        let span = start..self.at;
        let kind = match word {
            "true" => Kind::Fixed(Value::Bool(true)),
            "false" => Kind::Fixed(Value::Bool(false)),
            "null" => Kind::Fixed(Value::Null),
            "not" | "NOT" if self.source[self.at..].trim_start().starts_with(|c: char| c.is_alphabetic() || c == '(') => {
                let rest = self.source[self.at..].trim_start();
                return fault(format!("`{word}` is written `!`"), span.clone(), &format!("write: {}!{rest}", &self.source[..span.start]));
            }
            _ if self.take("(") => {
                let Some((_, func, arity, usage)) = FUNCS.iter().find(|f| f.0 == word) else {
                    let unknown = Finding::new(Code::UnknownFunction, format!("there is no function `{word}`"), Place::file(""));
                    let unknown = match word.to_lowercase().as_str() {
                        "not" => unknown.help("`not` is written `!`: !has(appointment)"),
                        "exists" | "present" | "defined" | "isset" | "is_set" | "notnull" => unknown.help("did you mean `has`?"),
                        "len" | "length" | "count" => unknown.help("did you mean `size`?"),
                        "includes" | "in" => unknown.help("did you mean `contains`?"),
                        "matches" | "match" | "startswith" | "starts_with" => unknown.help("did you mean `like`? like(outcome, \"book*\")"),
                        _ => unknown.suggest(word, FUNCS.iter().map(|f| f.0)),
                    };
                    return Err(Fault { code: unknown.code, message: unknown.message, span, help: unknown.help });
                };
                let mut args = Vec::new();
                while !self.take(")") {
                    args.push(self.either(depth + 1)?);
                    if !self.take(",") && !self.source[self.at..].trim_start().starts_with(')') {
                        return self.unclosed(start + word.len());
                    }
                }
                if args.len() != *arity {
                    let takes = if *arity == 1 { "1 value".to_owned() } else { format!("{arity} values") };
                    let message = format!("`{word}` takes {takes}, and here it gets {}", args.len());
                    return Err(Fault { code: Code::FunctionArguments, message, span: start..self.at, help: Some((*usage).to_owned()) });
                }
                return Ok(Expr { kind: Kind::Call(*func, args), span: start..self.at });
            }
            path => Kind::Path(path.split('.').map(str::to_owned).collect()),
        };
        Ok(Expr { kind, span })
    }
}

struct Check<'a> {
    place: &'a Place,
    types: &'a Type,
    findings: &'a mut Vec<Finding>,
}

impl Check<'_> {
    fn add(&mut self, message: String, span: &Range<usize>, help: Option<&str>) {
        let mut finding = Finding::new(Code::ConditionType, message, self.place.clone().part(span.clone()));
        finding.help = help.map(str::to_owned);
        self.findings.push(finding);
    }

    fn boolean(&mut self, expr: &Expr, ty: &Type) {
        if !matches!(ty, Type::Bool | Type::Any) {
            let what = match &expr.kind {
                Kind::Path(path) => format!("`{}` is {}, which is neither true nor false", path.join("."), ty.word()),
                _ => format!("this is {}, which is neither true nor false", ty.word()),
            };
            self.add(what, &expr.span, Some("ask whether it is there with has(...), or compare it"));
        }
    }

    fn expr(&mut self, expr: &Expr) -> Type {
        match &expr.kind {
            Kind::Fixed(Value::String(_)) => Type::Text,
            Kind::Fixed(Value::Number(_)) => Type::Number,
            Kind::Fixed(Value::Bool(_)) => Type::Bool,
            Kind::Fixed(_) => Type::Any,
            Kind::Path(path) => {
                check_path(path, Some(expr.span.start), self.place, self.types, Code::ConditionVariable, self.findings);
                self.types.at(path).cloned().unwrap_or(Type::Any)
            }
            Kind::List(items) => {
                let types: Vec<Type> = items.iter().map(|item| self.expr(item)).collect();
                let same = types.windows(2).all(|pair| pair[0] == pair[1] || (pair[0].is_text() && pair[1].is_text()));
                Type::List(Box::new(if same { types.into_iter().next().unwrap_or(Type::Any) } else { Type::Any }))
            }
            Kind::Not(inner) => {
                let ty = self.expr(inner);
                self.boolean(inner, &ty);
                Type::Bool
            }
            Kind::Both(left, right) | Kind::Either(left, right) => {
                for side in [left, right] {
                    let ty = self.expr(side);
                    self.boolean(side, &ty);
                }
                Type::Bool
            }
            Kind::Compare(op, left, right) => {
                let a = self.expr(left);
                let before = self.findings.len();
                let b = self.expr(right);
                self.unquoted(right, &a, before);
                self.comparable(*op, &a, &b, &expr.span, right);
                self.possible(left, &a, right);
                self.possible(right, &b, left);
                Type::Bool
            }
            Kind::Call(func, args) => {
                let types: Vec<Type> = args.iter().map(|arg| self.expr(arg)).collect();
                match func {
                    Func::Has => {
                        if !matches!(args[0].kind, Kind::Path(_)) {
                            let help = match &args[0].kind {
                                Kind::Fixed(Value::String(name)) => format!("write it without quotes: has({name})"),
                                _ => "write the name of one value: has(appointment.start)".to_owned(),
                            };
                            self.add("`has` asks for a value by its name".to_owned(), &args[0].span, Some(&help));
                        }
                        Type::Bool
                    }
                    Func::Like => {
                        for (arg, ty) in args.iter().zip(&types) {
                            if !ty.is_text() && *ty != Type::Any {
                                self.add(format!("`like` compares text, and this is {}", ty.word()), &arg.span, None);
                            }
                        }
                        Type::Bool
                    }
                    Func::Contains => {
                        if !types[0].is_text() && !matches!(types[0], Type::List(_) | Type::Any) {
                            self.add(format!("nothing can be in {}", types[0].word()), &args[0].span, None);
                        }
                        Type::Bool
                    }
                    Func::Lower => Type::Text,
                    Func::Size => Type::Number,
                }
            }
        }
    }

    /// `outcome == booked`: a word that is compared with text is meant as text.
    fn unquoted(&mut self, right: &Expr, left: &Type, before: usize) {
        let words: Vec<&Expr> = match &right.kind {
            Kind::List(items) => items.iter().collect(),
            _ => vec![right],
        };
        for expr in words {
            let Kind::Path(path) = &expr.kind else { continue };
            if (!left.is_text() && *left != Type::Any) || path.len() > 1 {
                continue;
            }
            let start = expr.span.start;
            let mine = self.findings[before..].iter_mut().find(|f| f.at.part.as_ref().is_some_and(|p| p.start == start));
            if let Some(finding) = mine.filter(|f| f.help.as_ref().is_none_or(|help| !help.starts_with("did you mean"))) {
                finding.help = Some(format!("text stands in quotes: \"{}\"", path.join(".")));
            }
        }
    }

    /// A text that a value can never be: `call.direction == "incoming"`.
    fn possible(&mut self, path: &Expr, ty: &Type, other: &Expr) {
        let (Kind::Path(names), Type::Choice(options)) = (&path.kind, ty) else { return };
        let texts: Vec<&Expr> = match &other.kind {
            Kind::List(items) => items.iter().collect(),
            _ => vec![other],
        };
        for expr in texts {
            if let Kind::Fixed(Value::String(text)) = &expr.kind
                && !options.contains(text)
            {
                let message = format!("`{}` is never `{text}`", names.join("."));
                let finding = Finding::new(Code::ConditionType, message, self.place.clone().part(expr.span.clone()));
                self.findings.push(finding.suggest(text, options.iter().map(String::as_str)));
            }
        }
    }

    fn comparable(&mut self, op: Op, a: &Type, b: &Type, span: &Range<usize>, right: &Expr) {
        let alike = |a: &Type, b: &Type| {
            matches!(a, Type::Any)
                || matches!(b, Type::Any)
                || (a.is_text() && b.is_text())
                || std::mem::discriminant(a) == std::mem::discriminant(b)
        };
        if op == Op::In {
            match b {
                Type::List(item) if alike(a, item) => {}
                Type::List(item) => {
                    self.add(format!("{} is never in a list of {}", a.word(), item.word().trim_start_matches("a ")), span, None)
                }
                Type::Any => {}
                other => self.add(
                    format!("`in` asks for a list, and this is {}", other.word()),
                    &right.span,
                    Some("outcome in [\"booked\", \"escalated\"]"),
                ),
            }
            return;
        }
        if !alike(a, b) {
            let help = match (&right.kind, a) {
                (Kind::Fixed(Value::String(text)), Type::Number) if text.trim().parse::<f64>().is_ok() => {
                    Some(format!("write `{}` without quotes", text.trim()))
                }
                (Kind::Fixed(Value::String(text)), Type::Bool) if text == "true" || text == "false" => {
                    Some(format!("write `{text}` without quotes"))
                }
                (Kind::Fixed(Value::Number(number)), ty) if ty.is_text() => Some(format!("write it in quotes: \"{number}\"")),
                (_, Type::List(_)) => Some("write contains(LIST, VALUE)".to_owned()),
                _ => None,
            };
            self.add(format!("{} is compared with {}", a.word(), b.word()), span, help.as_deref());
        } else if matches!(a, Type::Record(..) | Type::List(_)) || matches!(b, Type::Record(..) | Type::List(_)) {
            let which = if matches!(a, Type::Record(..) | Type::List(_)) { a } else { b };
            self.add(format!("{} cannot be compared", which.word()), span, Some("name a value inside it, or use has(...), contains(...)"));
        }
    }
}

fn eval(expr: &Expr, data: &Value) -> Option<Value> {
    match &expr.kind {
        Kind::Fixed(value) => Some(value.clone()),
        Kind::Path(path) => find(data, path).cloned(),
        Kind::List(items) => Some(Value::Array(items.iter().filter_map(|item| eval(item, data)).collect())),
        Kind::Not(inner) => Some(Value::Bool(!truthy(&eval(inner, data)))),
        Kind::Both(left, right) => Some(Value::Bool(truthy(&eval(left, data)) && truthy(&eval(right, data)))),
        Kind::Either(left, right) => Some(Value::Bool(truthy(&eval(left, data)) || truthy(&eval(right, data)))),
        Kind::Compare(op, left, right) => Some(Value::Bool(compare(*op, eval(left, data), eval(right, data)))),
        Kind::Call(func, args) => call(*func, args, data),
    }
}

fn find<'a>(data: &'a Value, path: &[String]) -> Option<&'a Value> {
    let mut here = data;
    for name in path {
        here = match here {
            Value::Array(items) => items.get(name.parse::<usize>().ok()?)?,
            other => other.get(name)?,
        };
    }
    present(here).then_some(here)
}

fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        _ => a == b,
    }
}

fn compare(op: Op, a: Option<Value>, b: Option<Value>) -> bool {
    let (a, b) = (a.filter(present), b.filter(present));
    match (op, &a, &b) {
        (Op::Eq, Some(a), Some(b)) => same(a, b),
        (Op::Eq, None, None) => true,
        (Op::Ne, _, _) => !compare(Op::Eq, a, b),
        (Op::In, Some(a), Some(Value::Array(items))) => items.iter().any(|item| same(a, item)),
        (Op::Lt | Op::Le | Op::Gt | Op::Ge, Some(a), Some(b)) => {
            let order = match (a, b) {
                (Value::Number(a), Value::Number(b)) => a.as_f64().partial_cmp(&b.as_f64()),
                (Value::String(a), Value::String(b)) => {
                    match (functions::timestamp(&Value::from(a.as_str())), functions::timestamp(&Value::from(b.as_str()))) {
                        (Some(x), Some(y)) if a.contains('-') && b.contains('-') => Some(x.cmp(&y)),
                        _ => Some(a.cmp(b)),
                    }
                }
                _ => None,
            };
            match op {
                Op::Lt => order.is_some_and(std::cmp::Ordering::is_lt),
                Op::Le => order.is_some_and(std::cmp::Ordering::is_le),
                Op::Gt => order.is_some_and(std::cmp::Ordering::is_gt),
                _ => order.is_some_and(std::cmp::Ordering::is_ge),
            }
        }
        _ => false,
    }
}

fn call(func: Func, args: &[Expr], data: &Value) -> Option<Value> {
    let first = eval(&args[0], data);
    let second = args.get(1).and_then(|arg| eval(arg, data));
    Some(match func {
        // A group in which nothing is present is not present either.
        Func::Has => Value::Bool(
            first.is_some_and(|v| present(&v) && v != Value::Array(Vec::new()) && v.as_object().is_none_or(|o| o.values().any(present))),
        ),
        Func::Like => Value::Bool(match (&first, &second) {
            (Some(text), Some(pattern)) => functions::like(&functions::text(text), &functions::text(pattern)),
            _ => false,
        }),
        Func::Contains => Value::Bool(match (&first, &second) {
            (Some(Value::Array(items)), Some(value)) => items.iter().any(|item| same(item, value)),
            (Some(Value::String(text)), Some(value)) => text.to_lowercase().contains(&functions::text(value).to_lowercase()),
            _ => false,
        }),
        Func::Lower => Value::String(functions::text(&first?).to_lowercase()),
        Func::Size => match first {
            Some(Value::Array(items)) => Value::from(items.len()),
            Some(Value::String(text)) => Value::from(text.chars().count()),
            Some(Value::Object(fields)) => Value::from(fields.len()),
            _ => Value::from(0),
        },
    })
}

#[cfg(test)]
mod tests;
