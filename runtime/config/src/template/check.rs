//! What is wrong with a template, before anything runs: names, functions, blocks, syntax.
//!
//! Not for rendering: see the module above.

use std::ops::Range;

use handlebars::template::{HelperTemplate, Parameter, Template as Parsed, TemplateElement};
use handlebars::{Path, PathSeg};

use super::{BLOCKS, Local, plain_path};
use crate::finding::{Code, Finding, Place};
use crate::functions;
use crate::types::Type;

/// Walks a parsed template and finds what is wrong with its names.
pub(super) struct Walk<'a> {
    pub(super) source: &'a str,
    pub(super) place: &'a Place,
    pub(super) root: &'a Type,
    pub(super) findings: &'a mut Vec<Finding>,
    pub(super) needs: Vec<Vec<String>>,
}

impl Walk<'_> {
    pub(super) fn template(&mut self, parsed: &Parsed, types: &Type, locals: &[Local], top: bool) {
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
            self.findings.push(match name.as_str() {
                "foreach" | "for" | "loop" => finding.help("did you mean `each`?"),
                _ => finding.suggest(&name, BLOCKS.iter().copied()),
            });
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
pub(super) fn values(arity: (usize, usize)) -> String {
    match arity {
        (1, 1) => "1 value".to_owned(),
        (fewest, most) if fewest == most => format!("{fewest} values"),
        (fewest, most) if most >= 9 => format!("{fewest} values or more"),
        (fewest, most) => format!("{fewest} to {most} values"),
    }
}

pub(super) fn named(segments: &[PathSeg]) -> Vec<String> {
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
pub(super) fn find_word(source: &str, word: &str, offset: usize) -> Option<usize> {
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
pub(super) fn byte_at(source: &str, line: usize, column: usize) -> usize {
    let start = source.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum::<usize>().min(source.len());
    let rest = &source[start..];
    start + rest.char_indices().nth(column.saturating_sub(1)).map_or(rest.len(), |(at, _)| at)
}

/// What is wrong with a template that cannot be parsed: the parser knows where it gave up, people want to know what to write.
pub(super) fn syntax_error(source: &str, error: &handlebars::TemplateError, place: &Place) -> Finding {
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
pub(super) fn expression_error(inner: &str) -> Option<(String, String)> {
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
