//! Conditions (`when`): one small expression language, checked before it runs, total when it does.
//!
//! Comparisons, `&&`, `||`, `!`, `in [...]`, parentheses and a few functions over the same names as templates.
//! A value that a call lacks compares as unequal to everything and smaller than nothing; it is never an error at night.

use std::ops::Range;

use serde_json::Value;

use crate::finding::{Code, Finding, Place};
use crate::functions::{self, present, truthy};
use crate::template::check_path;
use crate::types::Type;

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
            Err((message, span)) => {
                findings.push(
                    Finding::new(Code::ConditionSyntax, message, place.clone().part(span))
                        .help("conditions look like this: outcome == \"booked\" && has(appointment)"),
                );
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

type Syntax<T> = Result<T, (String, Range<usize>)>;

struct Parser<'a> {
    source: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn whole(&mut self) -> Syntax<Expr> {
        let expr = self.either(0)?;
        self.space();
        if self.at < self.source.len() {
            let rest = &self.source[self.at..];
            let length = rest.chars().next().map_or(0, char::len_utf8);
            let message = match rest.chars().next() {
                Some('=') => "equality is written `==`".to_owned(),
                Some('&') => "`and` is written `&&`".to_owned(),
                Some('|') => "`or` is written `||`".to_owned(),
                _ if rest.starts_with("and ") => return Err(("`and` is written `&&`".to_owned(), self.at..self.at + 3)),
                _ if rest.starts_with("or ") => return Err(("`or` is written `||`".to_owned(), self.at..self.at + 2)),
                _ => "the condition should end here".to_owned(),
            };
            return Err((message, self.at..self.at + length));
        }
        Ok(expr)
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
            return Err(("this condition is nested too deeply".to_owned(), self.at..self.at));
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
                return Err(("this condition is nested too deeply".to_owned(), start..self.at));
            }
            let inner = self.not(depth + 1)?;
            let span = start..inner.span.end;
            return Ok(Expr { kind: Kind::Not(Box::new(inner)), span });
        }
        self.compare(depth)
    }

    fn compare(&mut self, depth: usize) -> Syntax<Expr> {
        let left = self.primary(depth)?;
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
            let what = if start == 0 || self.source.trim().is_empty() { "this condition is empty" } else { "something is missing at the end" };
            return Err((what.to_owned(), start.saturating_sub(1).min(self.source.len())..self.source.len()));
        };
        let kind = match c {
            '(' => {
                self.at += 1;
                let inner = self.either(depth + 1)?;
                if !self.take(")") {
                    return Err(("a parenthesis is not closed".to_owned(), start..start + 1));
                }
                inner.kind
            }
            '[' => {
                self.at += 1;
                let mut items = Vec::new();
                while !self.take("]") {
                    if self.at >= self.source.len() {
                        return Err(("a list is not closed with `]`".to_owned(), start..start + 1));
                    }
                    items.push(self.either(depth + 1)?);
                    if !self.take(",") {
                        if self.take("]") {
                            break;
                        }
                        return Err(("a list is not closed with `]`".to_owned(), start..start + 1));
                    }
                }
                Kind::List(items)
            }
            '"' | '\'' => Kind::Fixed(Value::String(self.string(c)?)),
            c if c.is_ascii_digit() || c == '-' => {
                let rest = &self.source[start..];
                let end = rest[1..].find(|c: char| !c.is_ascii_digit() && c != '.').map_or(rest.len(), |e| e + 1);
                self.at += end;
                let number = serde_json::from_str::<serde_json::Number>(&rest[..end]);
                Kind::Fixed(Value::Number(number.map_err(|_| ("this is no number".to_owned(), start..start + end))?))
            }
            c if c.is_alphabetic() || c == '_' => return self.word(depth),
            _ => return Err((format!("`{c}` does not belong here"), start..start + c.len_utf8())),
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
        Err(("this text is not closed with a quote".to_owned(), start..self.source.len()))
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
            _ if self.take("(") => {
                let Some((_, func, arity, usage)) = FUNCS.iter().find(|f| f.0 == word) else {
                    let near = crate::finding::nearest(word, FUNCS.iter().map(|f| f.0));
                    let names = FUNCS.iter().map(|f| f.0).collect::<Vec<_>>().join(", ");
                    let hint = near.map_or_else(|| format!("there is: {names}"), |n| format!("did you mean `{n}`?"));
                    return Err((format!("there is no function `{word}`; {hint}"), span));
                };
                let mut args = Vec::new();
                while !self.take(")") {
                    args.push(self.either(depth + 1)?);
                    if !self.take(",") && !self.source[self.at..].trim_start().starts_with(')') {
                        return Err(("a parenthesis is not closed".to_owned(), start..self.at));
                    }
                }
                if args.len() != *arity {
                    return Err((format!("`{word}` does not take {} values: {usage}", args.len()), start..self.at));
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
                let raw = path.join(".");
                check_path(path, &raw, expr.span.start, self.place, self.types, Code::ConditionVariable, self.findings);
                self.types.at(path).cloned().unwrap_or(Type::Any)
            }
            Kind::List(items) => {
                let types: Vec<Type> = items.iter().map(|item| self.expr(item)).collect();
                let same = types.windows(2).all(|pair| pair[0] == pair[1]);
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
                let (a, b) = (self.expr(left), self.expr(right));
                self.comparable(*op, &a, &b, &expr.span, right);
                Type::Bool
            }
            Kind::Call(func, args) => {
                let types: Vec<Type> = args.iter().map(|arg| self.expr(arg)).collect();
                match func {
                    Func::Has => {
                        if !matches!(args[0].kind, Kind::Path(_)) {
                            self.add("`has` asks for a value by its name".to_owned(), &args[0].span, Some("has(appointment.start)"));
                        }
                        Type::Bool
                    }
                    Func::Like => {
                        for (arg, ty) in args.iter().zip(&types) {
                            if !matches!(ty, Type::Text | Type::Any) {
                                self.add(format!("`like` compares text, and this is {}", ty.word()), &arg.span, None);
                            }
                        }
                        Type::Bool
                    }
                    Func::Contains => {
                        if !matches!(types[0], Type::Text | Type::List(_) | Type::Any) {
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

    fn comparable(&mut self, op: Op, a: &Type, b: &Type, span: &Range<usize>, right: &Expr) {
        if op == Op::In {
            match b {
                Type::List(item) if matches!((a, item.as_ref()), (Type::Any, _) | (_, Type::Any)) || a == item.as_ref() => {}
                Type::List(item) => self.add(format!("{} is never in a list of {}", a.word(), item.word().trim_start_matches("a ")), span, None),
                Type::Any => {}
                other => self.add(format!("`in` asks for a list, and this is {}", other.word()), &right.span, Some("outcome in [\"booked\", \"escalated\"]")),
            }
            return;
        }
        let loose = matches!(a, Type::Any) || matches!(b, Type::Any);
        if !loose && std::mem::discriminant(a) != std::mem::discriminant(b) {
            self.add(format!("{} is compared with {}", a.word(), b.word()), span, None);
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
        here = here.get(name)?;
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
                (Value::String(a), Value::String(b)) => match (functions::timestamp(&Value::from(a.as_str())), functions::timestamp(&Value::from(b.as_str()))) {
                    (Some(x), Some(y)) if a.contains('-') && b.contains('-') => Some(x.cmp(&y)),
                    _ => Some(a.cmp(b)),
                },
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
        Func::Has => Value::Bool(first.is_some_and(|v| present(&v) && v != Value::Array(Vec::new()) && v.as_object().is_none_or(|o| o.values().any(present)))),
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
mod tests {
    use super::*;
    use serde_json::json;

    fn types() -> Type {
        Type::record([
            ("outcome", Type::Text),
            ("call", Type::record([("duration_s", Type::Number), ("direction", Type::Text)])),
            ("appointment", Type::record([("start", Type::Text)])),
            ("tags", Type::List(Box::new(Type::Text))),
            ("captured", Type::Any),
        ])
    }

    #[track_caller]
    fn check(source: &str, expected: bool) {
        let mut findings = Vec::new();
        let condition = Condition::compile(source, &Place::file("x.toml"), &types(), &mut findings);
        assert_eq!(findings, []);
        let data = json!({"outcome": "booked", "call": {"duration_s": 12, "direction": "inbound"}, "tags": ["vip"], "captured": {"age": 5},
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
        check("appointment.start > '2026-11-24T10:00:00Z'", true);
    }

    #[test]
    fn mistakes() {
        finding("outcme == 'x'", "there is no value `outcme`", "outcme");
        finding("call.duration == 5", "`call` has no value `duration`", "duration");
        finding("call.duration_s == '5'", "a number is compared with text", "call.duration_s == '5'");
        finding("outcome", "`outcome` is text, which is neither true nor false", "outcome");
        finding("outcome = 'x'", "equality is written `==`", "=");
        finding("has(appointment) and has(tags)", "`and` is written `&&`", "and");
        finding("(outcome == 'x'", "a parenthesis is not closed", "(");
        finding("outcome == 'x", "this text is not closed with a quote", "'x");
        finding("has(outcome) &&", "something is missing at the end", "&");
        finding("hsa(outcome)", "there is no function `hsa`; did you mean `has`?", "hsa");
        finding("appointment == 'x'", "a group of values is compared with text", "appointment == 'x'");
        finding("", "this condition is empty", "");
    }
}
