//! One fault of the parser in the words of people: what is wrong, where it began, and what to write instead.

use std::ops::Range;

use super::state::State;
use super::{begins_anew, sensitive};

/// What word processors write for quotes, and what other languages use.
const ODD_QUOTES: [char; 7] = ['“', '”', '„', '‘', '’', '´', '`'];

/// A fault, and what is open where the parser met it.
pub(super) struct Fault<'a> {
    pub(super) file: &'a str,
    pub(super) text: &'a str,
    pub(super) span: Range<usize>,
    pub(super) state: State,
}

/// A message, its place, and help.
pub(super) type Words = (String, Range<usize>, Option<String>);

impl Fault<'_> {
    pub(super) fn line(&self) -> Range<usize> {
        let start = self.text[..self.span.start].rfind('\n').map_or(0, |at| at + 1);
        let end = self.text[start..].find('\n').map_or(self.text.len(), |at| start + at);
        start..start + self.text[start..end].trim_end_matches('\r').len()
    }

    /// The lines that cannot be read for this fault.
    pub(super) fn spoilt(&self, message: &str, at: &Range<usize>) -> Range<usize> {
        let line = self.line();
        let start = self.text[..at.start].rfind('\n').map_or(0, |newline| newline + 1).min(line.start);
        let next = |from: usize, ends: &dyn Fn(&str) -> bool| {
            let mut to = from + self.text[from..].find('\n').map_or(self.text.len() - from, |newline| newline + 1);
            for line in self.text[to..].split_inclusive('\n') {
                if ends(line) {
                    break;
                }
                to += line.len();
            }
            to
        };
        if message.starts_with("duplicate key") && self.header().is_some() {
            // All of the section stands twice.
            return start..next(line.start, &|line| line.trim_start().starts_with('['));
        }
        if self.text[at.clone()].starts_with(['"', '\'']) && at.end <= line.end && self.state.string.is_some() {
            // A text that was to go on below: what follows is the rest of it, up to the next key or header.
            return start..next(line.start, &|line| line.trim().is_empty() || begins_anew(line));
        }
        if start < line.start {
            // A bracket that is open since then; this line is part of it only where the file ends so.
            return start..if message.starts_with("unclosed") { line.end } else { line.start };
        }
        start..line.end
    }

    /// What stands between the brackets when the line is a header.
    pub(super) fn header(&self) -> Option<&str> {
        let line = self.text[self.line()].trim();
        let inner = line.strip_prefix('[')?;
        Some(inner.split(']').next().unwrap_or(inner).trim_start_matches('['))
    }

    /// From a byte to the end of its line, without comment and space.
    fn rest(&self, from: usize) -> Range<usize> {
        let line = self.line();
        let rest = &self.text[from..line.end.max(from)];
        let end = rest.find(" #").unwrap_or(rest.len());
        from..from + rest[..end].trim_end().len()
    }

    /// The word without quotes at the fault.
    fn token(&self) -> Range<usize> {
        let line = self.line();
        let ends = |c: char| c.is_whitespace() || ",]}#=[{\"'".contains(c);
        let start = self.text[line.start..self.span.start].rfind(ends).map_or(line.start, |at| {
            let at = line.start + at;
            at + self.text[at..].chars().next().map_or(1, char::len_utf8)
        });
        let tail = &self.text[start..line.end.max(start)];
        if self.state.brackets.is_empty() && !tail.starts_with(ODD_QUOTES) {
            return self.rest(start);
        }
        let end = if tail.starts_with(ODD_QUOTES) {
            let closing = tail.char_indices().skip(1).find(|(_, c)| ODD_QUOTES.contains(c) || *c == '"' || *c == '\'');
            closing.map_or(tail.len(), |(at, c)| at + c.len_utf8())
        } else {
            tail.find(ends).unwrap_or(tail.len())
        };
        start..start + end
    }

    /// Whether nothing after this fault can be trusted.
    pub(super) fn ends_all(&self) -> bool {
        let line = self.text[self.line()].trim_start();
        self.state.string.is_some_and(|at| self.text[at..].starts_with("\"\"\"") || self.text[at..].starts_with("'''"))
            || (self.text[..self.span.start].trim().is_empty() && line.starts_with('{'))
            || line
                .split(['=', '#'])
                .next()
                .is_some_and(|key| key.contains(':') && self.text[self.line().start..self.span.start].len() <= key.len())
    }

    pub(super) fn words(&self, message: &str) -> Words {
        let (what, expected) = message.split_once(", expected ").unwrap_or((message, ""));
        let here = self.span.clone();
        match what {
            _ if what.contains("string") && what.starts_with("invalid") => self.text_fault(expected),
            "missing escaped value" | "too few unicode value digits" => self.escape(),
            "string values must be quoted" | "unexpected leading zero" | "redundant numeric sign" | "redundant integer number prefix" => {
                self.unquoted()
            }
            _ if what.starts_with("invalid ")
                && (what.ends_with("number") || what.ends_with("boolean") || what.ends_with("float") || what.ends_with("date-time")) =>
            {
                self.unquoted()
            }
            _ if what.contains("radix") || what.contains("`_` may only") => self.unquoted(),
            "unexpected key or value" => self.follows(),
            "key with no value" | "missing value for key" | "missing value" => self.no_value(),
            "invalid unquoted key" => self.key(),
            "unclosed table" | "unclosed array table" => {
                let at = self.header_span();
                let inner = self.text[at.clone()].trim_matches(['[', ']']).trim();
                let (open, close) = if what == "unclosed table" { ("[", "]") } else { ("[[", "]]") };
                (format!("`{open}` is not closed with `{close}`"), at, Some(format!("write `{open}{inner}{close}`")))
            }
            "missing comma between array elements" | "missing comma between key-value pairs" => self.comma(),
            "unclosed array" | "unclosed inline table" => self.unclosed(),
            "extra comma in array" | "extra comma in inline table" => {
                let at = self.text[here.start..].find(',').map_or(here.clone(), |at| here.start + at..here.start + at + 1);
                ("there is a comma too many".to_owned(), at, None)
            }
            "unexpected `=` in array" => {
                ("`=` does not belong in a list".to_owned(), here, Some("a table in a list is written `{ key = value }`".to_owned()))
            }
            "extra `=`" => ("there is one `=` too many".to_owned(), here, None),
            "missing opening quote" => {
                let at = self.token();
                let word = self.text[at.clone()].trim_matches(['"', '\'']);
                (format!("a quote is missing before `{word}`"), at.clone(), Some(format!("write \"{word}\"")))
            }
            "missing array opening" | "missing inline table opening" => {
                let close = &self.text[here.start..].chars().next().unwrap_or(']').to_string();
                (format!("`{close}` closes nothing"), here.start..here.start + close.len(), None)
            }
            "duplicate key" => self.twice(),
            _ if what.starts_with("cannot extend value") => {
                let name = &self.text[here.clone()];
                let message = format!("`{name}` has a value already, so nothing can go inside it");
                (message, here.clone(), Some("write all of it in one place, as a `[section]` or in braces".to_owned()))
            }
            _ if what.starts_with("carriage return") => {
                ("this line does not end as lines do".to_owned(), here, Some("save the file with usual line ends (LF)".to_owned()))
            }
            _ if what.contains("recurse") || what.contains("recursion") => {
                ("lists and tables are nested too deeply here".to_owned(), here, None)
            }
            _ if what.contains("inline table") || what.contains("key-value pairs") => {
                let at = here.start..here.start + self.text[here.start..].chars().next().map_or(0, char::len_utf8);
                (
                    "a table in braces holds `key = value` pairs".to_owned(),
                    at,
                    Some("write `{ value = \"...\", policy = \"fill\" }`".to_owned()),
                )
            }
            _ => self.line_fault(),
        }
    }

    fn text_fault(&self, expected: &str) -> Words {
        // A line that ends in CR LF ends at the CR.
        let ends = (expected.starts_with('`') && expected.len() <= 4) || self.text[self.span.start..].starts_with('\r');
        let Some(open) = self.state.string.filter(|_| ends) else {
            let at = self.span.start..self.span.end.max(self.span.start);
            return ("there is a character in this text that cannot be seen".to_owned(), at, Some("delete it, or type it anew".to_owned()));
        };
        let quote = if self.text[open..].starts_with("\"\"\"") || self.text[open..].starts_with("'''") {
            &self.text[open..open + 3]
        } else {
            &self.text[open..=open]
        };
        let line_end = self.text[open..].find(['\r', '\n']).map_or(self.text.len(), |at| open + at);
        let help = if quote.len() == 3 {
            format!("close it with `{quote}`")
        } else if self.text[open..line_end].contains(ODD_QUOTES) {
            format!("close it with a straight `{quote}`, not with a typographic one")
        } else {
            "close it on the same line; text of several lines stands between `\"\"\"` and `\"\"\"`".to_owned()
        };
        (format!("this text is not closed with `{quote}`"), open..line_end, Some(help))
    }

    fn escape(&self) -> Words {
        let start = self.text[..self.span.start].rfind('\\').unwrap_or(self.span.start);
        let end = start + self.text[start..].chars().take(2).map(char::len_utf8).sum::<usize>();
        let message = format!("`{}` means nothing in double quotes", self.text[start..end].trim_end());
        let help = "write `\\\\` for a backslash, or put the text into single quotes, where a backslash is nothing special";
        (message, start..end, Some(help.to_owned()))
    }

    fn unquoted(&self) -> Words {
        let at = self.token();
        let word = &self.text[at.clone()];
        if sensitive(self.file, &self.text[self.line()]) {
            return (
                "a secret stands here by reference only, and in quotes".to_owned(),
                at,
                Some("write \"env:NAME\" or \"file:PATH\"".to_owned()),
            );
        }
        if word.is_empty() {
            return self.no_value();
        }
        let bare = word.trim_matches(ODD_QUOTES).trim_matches(['"', '\'']);
        if word.starts_with(ODD_QUOTES) {
            return ("these are not the quotes of TOML".to_owned(), at.clone(), Some(format!("write straight ones: \"{bare}\"")));
        }
        let number = word.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
        match word.to_lowercase().as_str() {
            flag @ ("true" | "false") => (format!("`{word}` is written `{flag}`"), at, None),
            "yes" | "on" => (format!("`{word}` is no value"), at, Some("write `true`, or text in quotes".to_owned())),
            "no" | "off" => (format!("`{word}` is no value"), at, Some("write `false`, or text in quotes".to_owned())),
            "null" | "none" | "nil" => (format!("`{word}` is no value"), at, Some("leave the key out, or write text in quotes".to_owned())),
            _ if number => (format!("`{word}` is no number, and text stands in quotes"), at.clone(), Some(format!("write \"{bare}\""))),
            other => match crate::finding::nearest(other, ["true", "false"].into_iter()) {
                Some(flag) => (format!("`{word}` is no value"), at, Some(format!("did you mean `{flag}`?"))),
                None => (format!("`{word}` must stand in quotes"), at.clone(), Some(format!("write \"{}\"", bare.replace('"', "\\\"")))),
            },
        }
    }

    fn follows(&self) -> Words {
        let at = self.rest(self.span.start);
        let rest = &self.text[at.clone()];
        let before = self.text[..self.span.start].trim_end();
        if matches!(rest.trim(), "," | ";") {
            return (format!("a line does not end in `{}`", rest.trim()), at.clone(), Some("delete it".to_owned()));
        }
        if let Some(close) = rest.chars().next().filter(|c| matches!(c, ']' | '}')) {
            return (format!("`{close}` closes nothing"), at.start..at.start + 1, None);
        }
        if rest
            .split_once('=')
            .is_some_and(|(key, _)| !key.trim().is_empty() && key.chars().all(|c| c.is_alphanumeric() || " _-.".contains(c)))
        {
            return ("a second key stands on this line".to_owned(), at, Some("begin a new line with it".to_owned()));
        }
        match before.chars().last() {
            Some(quote @ ('"' | '\'')) => {
                let other = if quote == '"' { "'...'" } else { "\"...\"" };
                (
                    format!("the text ends at the `{quote}` before this"),
                    at,
                    Some(format!("put text that has `{quote}` in it between {other}")),
                )
            }
            _ => ("nothing may follow a value on its line".to_owned(), at, Some("begin a new line, or put text into quotes".to_owned())),
        }
    }

    fn no_value(&self) -> Words {
        let line = self.line();
        let content = self.rest(line.start);
        let text = &self.text[content.clone()];
        let start = content.start + (text.len() - text.trim_start().len());
        let whole = start..content.end.max(start);
        let text = self.text[whole.clone()].trim_end();
        if text.starts_with("//") || text.starts_with("--") || text.starts_with(';') {
            return ("a comment begins with `#`".to_owned(), whole, None);
        }
        match text.split_once('=') {
            Some((key, value)) if value.trim().is_empty() => {
                let key = key.trim();
                (format!("`{key}` has no value"), whole, Some("write text in quotes after `=`, or leave the line out".to_owned()))
            }
            Some((key, _)) if key.trim().contains(' ') => {
                let key = key.trim();
                (
                    format!("`{key}` is no key: there is a space in it"),
                    start..start + key.len(),
                    Some(format!("write \"{key}\" in quotes, if that is the name")),
                )
            }
            _ => {
                let key = match text.chars().next().filter(|c| matches!(c, '"' | '\'')) {
                    Some(quote) => text[1..].find(quote).map_or(text, |at| &text[..at + 2]),
                    None => text.split([' ', '\t', '"', '\'']).next().unwrap_or(text),
                };
                let value = text[key.len()..].trim();
                if let Some(value) = value.strip_prefix(':') {
                    let (colon, value) = (start + key.len() + text[key.len()..].find(':').unwrap_or(0), value.trim().trim_end_matches(','));
                    let help =
                        if value.is_empty() { format!("write `[{key}]` above its keys") } else { format!("write `{key} = {value}`") };
                    return ("a key and its value are joined by `=`, not by `:`".to_owned(), colon..colon + 1, Some(help));
                }
                let help = if value.is_empty() {
                    "a line is `key = value`, `[section]`, or begins with `#`".to_owned()
                } else {
                    format!("write `{key} = {value}`")
                };
                (format!("`=` is missing after `{key}`"), start..start + key.len(), Some(help))
            }
        }
    }

    fn key(&self) -> Words {
        let line = self.line();
        let Some(c) = self.text[self.span.start..].chars().next() else { return self.line_fault() };
        let at = self.span.start..self.span.start + c.len_utf8();
        let before = self.text[line.start..self.span.start].trim();
        match c {
            ':' => {
                let value = self.text[self.rest(at.end)].trim();
                let help =
                    if value.is_empty() { format!("write `[{before}]` above its keys") } else { format!("write `{before} = {value}`") };
                ("a key and its value are joined by `=`, not by `:`".to_owned(), at, Some(help))
            }
            '/' | ';' if before.is_empty() => ("a comment begins with `#`".to_owned(), self.rest(self.span.start), None),
            c if c.is_whitespace() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}') => {
                let message = format!("there is a character here that cannot be seen (U+{:04X})", u32::from(c));
                (message, at, Some("delete it, and type a space where one is needed".to_owned()))
            }
            c => {
                let key = self.text[self.rest(line.start)].split('=').next().unwrap_or_default().trim();
                let help = if key.is_empty() || key.contains(['"', '\'']) {
                    None
                } else {
                    Some(format!("write \"{key}\" in quotes, if that is the name"))
                };
                (format!("`{c}` cannot stand in a key"), at, help)
            }
        }
    }

    fn header_span(&self) -> Range<usize> {
        let line = self.line();
        let start = line.start + self.text[line.clone()].find('[').unwrap_or(0);
        self.rest(start)
    }

    /// A comma is missing, or rather the bracket at the end of an earlier line.
    fn comma(&self) -> Words {
        let line = self.line();
        let open = self.state.brackets.last().copied().unwrap_or(line.start);
        let rest = &self.text[self.span.start..line.end.max(self.span.start)];
        let first = self.text[line.start..self.span.start].trim().is_empty();
        let assigns = rest
            .split_once('=')
            .is_some_and(|(key, _)| !key.trim().is_empty() && key.chars().all(|c| c.is_alphanumeric() || " _-.\"'".contains(c)));
        if open < line.start && first && (rest.starts_with('[') || assigns) {
            return self.unclosed();
        }
        let word = rest.split([',', ']', '}', ' ', '=']).next().filter(|w| !w.is_empty()).unwrap_or(rest);
        let at = self.span.start..self.span.start + word.len();
        (format!("a comma is missing before `{word}`"), at, None)
    }

    /// The innermost bracket that is still open.
    fn unclosed(&self) -> Words {
        let Some(open) = self.state.brackets.last().copied() else { return self.line_fault() };
        let bracket = &self.text[open..=open];
        let (close, what) = if bracket == "[" { ("]", "list") } else { ("}", "table") };
        (format!("`{bracket}` is not closed with `{close}`"), open..open + 1, Some(format!("write `{close}` where the {what} ends")))
    }

    fn twice(&self) -> Words {
        let name = self.text[self.span.clone()].to_owned();
        let line = self.line();
        let number = |byte: usize| self.text[..byte].matches('\n').count() + 1;
        let mut from = 0;
        let mut first = None;
        let header = self.header();
        for earlier in self.text[..line.start].split_inclusive('\n') {
            let trimmed = earlier.trim();
            match header {
                Some(header) if trimmed.trim_matches(['[', ']']) == header && trimmed.starts_with('[') => {
                    first = first.or(Some((from, trimmed)))
                }
                Some(_) => {}
                None if trimmed.starts_with('[') => first = None,
                None if trimmed.strip_prefix(&name).is_some_and(|rest| rest.trim_start().starts_with(['=', '.'])) => {
                    first = Some((from, trimmed))
                }
                None => {}
            }
            from += earlier.len();
        }
        let list = |text: &str| text.trim_start().starts_with("[[");
        match (first, header) {
            (Some((at, first)), Some(header)) if list(first) != list(&self.text[line.clone()]) => {
                let single = if list(first) { number(line.start) } else { number(at) };
                let message = format!("`{header}` is a list in one place and a single section in the other");
                (message, self.span.clone(), Some(format!("write `[[{header}]]` on line {single}, too")))
            }
            (Some((at, _)), Some(header)) => {
                let message = format!("`[{header}]` stands here a second time; the first is on line {}", number(at));
                (message, self.span.clone(), Some("join the two, or give this one another name".to_owned()))
            }
            (Some((at, _)), None) => {
                let message = format!("`{name}` stands here a second time; the first is on line {}", number(at));
                (message, self.span.clone(), Some("keep one of the two".to_owned()))
            }
            (None, _) => (format!("`{name}` stands here a second time"), self.span.clone(), Some("keep one of the two".to_owned())),
        }
    }

    fn line_fault(&self) -> Words {
        let line = self.text[self.line()].trim();
        if self.text[..self.span.start].trim().is_empty() && line.starts_with('{') {
            let at = self.span.start..self.span.start + 1;
            return (
                "this is JSON, and a config is TOML".to_owned(),
                at,
                Some("write `key = \"value\"`, one to a line, without braces around all".to_owned()),
            );
        }
        if self.state.string.is_none() && !line.starts_with('=') && self.text[self.line().start..self.span.start].contains('=') {
            return self.unquoted();
        }
        let message = if line.starts_with('=') { "a key is missing before `=`" } else { "this line cannot be read" };
        let at = self.rest(self.span.start);
        (message.to_owned(), at, Some("a line is `key = value`, `[section]`, or begins with `#`".to_owned()))
    }
}
