//! The text of a project and the places in it: files, key paths, lines.
//!
//! Not for meaning. A [`Document`] is a TOML file as JSON plus the span of every key and value.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use serde_json::{Map, Value};
use toml::de::{DeTable, DeValue};

use crate::finding::{Code, Finding, Place};

/// All files of a project, by path from its root with `/` between folders. Of two files of one name, the operator's own takes precedence; that is decided before.
#[derive(Clone, Debug, Default)]
pub struct Files(BTreeMap<String, Arc<str>>);

impl Files {
    /// No files.
    pub fn new() -> Self {
        Self::default()
    }
    /// Adds a file, or puts it in another's place.
    pub fn insert(&mut self, path: impl Into<String>, text: impl Into<Arc<str>>) {
        self.0.insert(path.into(), text.into());
    }
    /// The same, for chains.
    pub fn with(mut self, path: impl Into<String>, text: impl Into<Arc<str>>) -> Self {
        self.insert(path, text);
        self
    }
    /// A file's text.
    pub fn get(&self, path: &str) -> Option<&Arc<str>> {
        self.0.get(path)
    }
    /// All files, by path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Arc<str>)> {
        self.0.iter().map(|(path, text)| (path.as_str(), text))
    }
}

/// One step of a key path.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// A key of a table.
    Key(String),
    /// An index of a list.
    Index(usize),
}

/// Where in a document something stands.
pub type KeyPath = Vec<Step>;

/// Builds a key path from keys.
pub fn path<const N: usize>(keys: [&str; N]) -> KeyPath {
    keys.iter().map(|key| Step::Key((*key).to_owned())).collect()
}

/// Spans of one key and its value.
#[derive(Clone, Debug, Default)]
struct Spans {
    key: Option<Range<usize>>,
    value: Range<usize>,
}

/// A TOML file, parsed: its content as JSON and the span of everything.
#[derive(Clone, Debug)]
pub struct Document {
    /// Path from the project's root.
    pub file: Arc<str>,
    /// The text.
    pub text: Arc<str>,
    /// The content.
    pub value: Value,
    spans: BTreeMap<KeyPath, Spans>,
}

impl Document {
    /// Parses a file; of a broken one, what could be understood.
    ///
    /// Errors: a finding for each syntax error, and one for each value that JSON lacks (a bare date, `inf`, `nan`).
    pub fn parse(file: &str, text: &Arc<str>, findings: &mut Vec<Finding>) -> Self {
        let mut document =
            Self { file: file.into(), text: text.clone(), value: Value::Object(Map::new()), spans: BTreeMap::new() };
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            let span = error.span().unwrap_or(0..0);
            findings.push(Finding::new(
                Code::Syntax,
                first_line_lowercase(error.message()),
                Place::span(file, span),
            ));
        }
        let mut trail = Vec::new();
        document.spans.insert(Vec::new(), Spans { key: None, value: 0..0 });
        document.value = document.table(table.get_ref(), &mut trail, findings);
        document
    }

    fn table(&mut self, table: &DeTable<'_>, trail: &mut KeyPath, findings: &mut Vec<Finding>) -> Value {
        let mut object = Map::new();
        for (key, value) in table.iter() {
            trail.push(Step::Key(key.get_ref().to_string()));
            self.spans.insert(trail.clone(), Spans { key: Some(key.span()), value: value.span() });
            let json = self.any(value.get_ref(), trail, findings);
            object.insert(key.get_ref().to_string(), json);
            trail.pop();
        }
        Value::Object(object)
    }

    fn any(&mut self, value: &DeValue<'_>, trail: &mut KeyPath, findings: &mut Vec<Finding>) -> Value {
        match value {
            DeValue::String(text) => Value::String(text.to_string()),
            DeValue::Boolean(flag) => Value::Bool(*flag),
            DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => Value::from(number),
                Err(_) => self.not_json("this number is too large", "write a number below 9223372036854775808", trail, findings),
            },
            DeValue::Float(number) => match number.as_str().parse::<f64>().ok().and_then(serde_json::Number::from_f64) {
                Some(number) => Value::Number(number),
                None => self.not_json("`inf` and `nan` are not values here", "write a number", trail, findings),
            },
            DeValue::Datetime(time) => {
                let help = format!("write it in quotes: \"{time}\"");
                self.not_json("dates and times are written as text here", &help, trail, findings)
            }
            DeValue::Array(items) => {
                let mut list = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    trail.push(Step::Index(index));
                    self.spans.insert(trail.clone(), Spans { key: None, value: item.span() });
                    list.push(self.any(item.get_ref(), trail, findings));
                    trail.pop();
                }
                Value::Array(list)
            }
            DeValue::Table(table) => self.table(table, trail, findings),
        }
    }

    fn not_json(&self, message: &str, help: &str, trail: &KeyPath, findings: &mut Vec<Finding>) -> Value {
        findings.push(Finding::new(Code::NotAValue, message, self.place(trail)).help(help));
        Value::Null
    }

    /// The place of a key path, shown at the value.
    pub fn place(&self, path: &[Step]) -> Place {
        Place { file: self.file.clone(), path: path.to_vec(), part: None, at_key: false, span: None }
    }

    /// Whether something was written at this path.
    pub fn has(&self, path: &[Step]) -> bool {
        self.spans.contains_key(path)
    }

    /// The span in bytes: of the nearest thing that exists when the path itself does not.
    pub fn span(&self, place: &Place) -> Range<usize> {
        if let Some(span) = &place.span {
            return span.clone();
        }
        let mut end = place.path.len();
        loop {
            if let Some(spans) = self.spans.get(&place.path[..end]) {
                if place.at_key || end < place.path.len() {
                    return spans.key.clone().unwrap_or_else(|| spans.value.clone());
                }
                return match &place.part {
                    Some(part) => self.inside(&spans.value, part),
                    None => spans.value.clone(),
                };
            }
            if end == 0 {
                return 0..0;
            }
            end -= 1;
        }
    }

    /// A part of a string value, given in bytes of the value, as a span of the file. Exact for strings without escapes.
    fn inside(&self, value: &Range<usize>, part: &Range<usize>) -> Range<usize> {
        let raw = &self.text[value.clone()];
        let quote = if raw.starts_with("\"\"\"") || raw.starts_with("'''") {
            // The line break right after the opening quotes is not part of the value.
            if raw[3..].starts_with("\r\n") { 5 } else if raw[3..].starts_with('\n') { 4 } else { 3 }
        } else {
            1
        };
        let start = (value.start + quote + part.start).min(value.end);
        let end = (value.start + quote + part.end).min(value.end);
        let on_boundary = self.text.is_char_boundary(start) && self.text.is_char_boundary(end) && start <= end;
        if on_boundary { start..end } else { value.clone() }
    }

    /// Line of a key path, from 1.
    pub fn line(&self, path: &[Step]) -> u32 {
        let mut place = self.place(path);
        place.at_key = true;
        self.line_of(self.span(&place).start)
    }

    /// Line of a byte, from 1.
    pub fn line_of(&self, byte: usize) -> u32 {
        let newlines = self.text.as_bytes()[..byte.min(self.text.len())].iter().filter(|b| **b == b'\n').count();
        u32::try_from(newlines).unwrap_or(u32::MAX - 1) + 1
    }

    /// Line and column of a byte, both from 1; the column counts characters.
    pub fn line_column(&self, byte: usize) -> (u32, u32) {
        let byte = byte.min(self.text.len());
        let start = self.text[..byte].rfind('\n').map_or(0, |at| at + 1);
        let column = self.text[start..byte].chars().count();
        (self.line_of(byte), u32::try_from(column).unwrap_or(u32::MAX - 1) + 1)
    }
}

fn first_line_lowercase(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default().trim_end_matches('.');
    let mut chars = line.chars();
    match chars.next() {
        Some(first) => first.to_lowercase().collect::<String>() + chars.as_str(),
        None => "this is not TOML".to_owned(),
    }
}
