//! The text of a project and the places in it: files, key paths, lines.
//!
//! Not for meaning. A [`Document`] is a TOML file as JSON plus the span of every key and value.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::{Bound, Range};
use std::sync::Arc;

use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::finding::{Code, Finding, Place};
use crate::project::SecretRef;
use crate::syntax;

/// All files of a project, by path from its root with `/` between folders. Of two files of one name, the operator's own takes precedence; that is decided before.
/// Cheap to clone: copies share what they hold until one changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files(Arc<BTreeMap<Arc<str>, Arc<str>>>);

impl Files {
    /// No files.
    pub fn new() -> Self {
        Self::default()
    }
    /// Adds a file, or puts it in another's place.
    pub fn insert(&mut self, path: impl Into<Arc<str>>, text: impl Into<Arc<str>>) {
        Arc::make_mut(&mut self.0).insert(path.into(), text.into());
    }
    /// Takes a file out.
    pub fn remove(&mut self, path: &str) {
        if self.0.contains_key(path) {
            Arc::make_mut(&mut self.0).remove(path);
        }
    }
    /// The same as [`Files::insert`], for chains.
    pub fn with(mut self, path: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Self {
        self.insert(path, text);
        self
    }
    /// Adds a file as it was read.
    ///
    /// Errors: a finding where the bytes are no text. The file then stands as an empty one, so that no other can stand in for it unseen.
    pub fn insert_bytes(&mut self, path: &str, bytes: &[u8]) -> Option<Finding> {
        let text = decode(bytes);
        self.insert(path, text.as_deref().unwrap_or_default());
        text.err().map(|message| Finding::new(Code::Unreadable, message, Place::file(path)).help("save the file as UTF-8"))
    }
    /// A file's text.
    pub fn get(&self, path: &str) -> Option<&Arc<str>> {
        self.0.get(path)
    }
    /// All files, by path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Arc<str>)> {
        self.0.iter().map(|(path, text)| (&**path, text))
    }
    /// Whether there are files below a folder.
    pub fn has_folder(&self, path: &str) -> bool {
        let folder = format!("{path}/");
        self.0
            .range::<str, _>((Bound::Included(folder.as_str()), Bound::Unbounded))
            .next()
            .is_some_and(|(file, _)| file.starts_with(&folder))
    }
    /// Paths of the files that have another text than before, are new, or are gone; sorted. One walk over both, so that much that is the same costs little.
    pub fn changed(&self, before: &Self) -> Vec<Arc<str>> {
        let mut changed = Vec::new();
        if Arc::ptr_eq(&self.0, &before.0) {
            return changed;
        }
        let (mut new, mut old) = (self.0.iter().peekable(), before.0.iter().peekable());
        loop {
            let order = match (new.peek(), old.peek()) {
                (Some((one, _)), Some((two, _))) => one.cmp(two),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => return changed,
            };
            let now = if order.is_le() { new.next() } else { None };
            let then = if order.is_ge() { old.next() } else { None };
            match (now, then) {
                (Some((_, one)), Some((_, two))) if Arc::ptr_eq(one, two) || one == two => {}
                (Some((path, _)), _) | (None, Some((path, _))) => changed.push(path.clone()),
                (None, None) => {}
            }
        }
    }
}

/// The text of a file from its bytes, without the byte order mark that some editors put in front.
///
/// Errors: a phrase; the bytes are not UTF-8.
fn decode(bytes: &[u8]) -> Result<&str, String> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err("this file is UTF-16 text".to_owned());
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.strip_prefix('\u{feff}').unwrap_or(text)),
        Err(error) => {
            let line = bytes[..error.valid_up_to()].iter().filter(|b| **b == b'\n').count() + 1;
            Err(format!("line {line} is not UTF-8 text"))
        }
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
    /// The text is not TOML: what was understood of it may be nonsense.
    broken: bool,
}

impl Document {
    /// Parses a file; of a broken one, what could be understood.
    ///
    /// Errors: a finding for each syntax error, and one for each value that JSON lacks (a bare date, `inf`, `nan`).
    pub fn parse(file: &str, text: &Arc<str>, findings: &mut Vec<Finding>) -> Self {
        let mut document =
            Self { file: file.into(), text: text.clone(), value: Value::Object(Map::new()), spans: BTreeMap::new(), broken: false };
        let (table, errors) = DeTable::parse_recoverable(text);
        document.broken = !errors.is_empty();
        if document.broken {
            findings.extend(syntax::findings(file, text));
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
            let json = self.any(value, trail, findings);
            object.insert(key.get_ref().to_string(), json);
            trail.pop();
        }
        Value::Object(object)
    }

    fn any(&mut self, spanned: &Spanned<DeValue<'_>>, trail: &mut KeyPath, findings: &mut Vec<Finding>) -> Value {
        match spanned.get_ref() {
            // Line ends are spacing: a checkout on another system must not change what is written, nor the config version.
            DeValue::String(text) if self.text[spanned.span()].contains("\r\n") => Value::String(text.replace("\r\n", "\n")),
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
                    list.push(self.any(item, trail, findings));
                    trail.pop();
                }
                Value::Array(list)
            }
            DeValue::Table(table) => self.table(table, trail, findings),
        }
    }

    fn not_json(&self, message: &str, help: &str, trail: &KeyPath, findings: &mut Vec<Finding>) -> Value {
        if !self.broken {
            findings.push(Finding::new(Code::NotAValue, message, self.place(trail)).help(help));
        }
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

    /// Whether the text is not TOML, so that its content says nothing.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// The value at this path.
    pub fn at(&self, path: &[Step]) -> Option<&Value> {
        path.iter().try_fold(&self.value, |here, step| match step {
            Step::Key(key) => here.get(key),
            Step::Index(index) => here.get(index),
        })
    }

    /// Puts a value in another's place, or takes it out. Spans stay as they are.
    pub(crate) fn put(&mut self, path: &[Step], value: Option<Value>) {
        let Some((Step::Key(last), parents)) = path.split_last() else { return };
        let table = parents.iter().try_fold(&mut self.value, |here, step| match step {
            Step::Key(key) => here.get_mut(key),
            Step::Index(index) => here.get_mut(*index),
        });
        if let Some(Value::Object(table)) = table {
            match value {
                Some(value) => {
                    table.insert(last.clone(), value);
                }
                None => {
                    table.shift_remove(last);
                }
            }
        }
    }

    /// The text as it may be shown: with asterisks for what stands where only a reference to a secret may. Byte for byte as long.
    pub fn shown(&self) -> Cow<'_, str> {
        let mut shown: Cow<'_, str> = Cow::Borrowed(&self.text);
        let mut hide = |span: Range<usize>| {
            let stars = |c: char| {
                if matches!(c, '"' | '\'' | '=' | '{' | '}' | ' ' | '\n' | '\r') { c.to_string() } else { "*".repeat(c.len_utf8()) }
            };
            let hidden: String = self.text[span.clone()].chars().map(stars).collect();
            shown.to_mut().replace_range(span, &hidden);
        };
        if self.broken {
            let mut from = 0;
            for line in self.text.split_inclusive('\n') {
                if let Some(at) = line.find('=').filter(|_| syntax::sensitive(&self.file, line)) {
                    hide(from + at..from + line.len());
                }
                from += line.len();
            }
            return shown;
        }
        for (path, spans) in self.spans.iter().filter(|_| &*self.file == "aftercall.toml") {
            // The literal counts, not the value: one of the wrong type has been taken out.
            let literal = &self.text[spans.value.clone()];
            let text = literal.trim_matches(['"', '\'']);
            let named = |step: &Step| matches!(step, Step::Key(key) if syntax::sensitive(&self.file, key));
            let scalar = literal.starts_with(['"', '\'', '-', '+']) || literal.starts_with(|c: char| c.is_ascii_digit());
            let secret = scalar && path.iter().any(named) && !text.is_empty() && SecretRef::parse(text).is_none();
            // `https://user:password@host`
            let address =
                scalar && text.split_once("://").is_some_and(|(_, rest)| rest.split('/').next().unwrap_or_default().contains('@'));
            if secret || address {
                hide(spans.value.clone());
            }
        }
        shown
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
                    Some(part) => self.inside(&spans.value, self.at(&place.path).and_then(Value::as_str), part),
                    None => spans.value.clone(),
                };
            }
            if end == 0 {
                return 0..0;
            }
            end -= 1;
        }
    }

    /// A part of a string value, given in bytes of the value, as a span of the file.
    fn inside(&self, value: &Range<usize>, text: Option<&str>, part: &Range<usize>) -> Range<usize> {
        let raw = &self.text[value.clone()];
        let Some(text) = text else { return value.clone() };
        let mut at = match raw.get(..3) {
            // The line break right after the opening quotes is not part of the value.
            Some("\"\"\"" | "'''") if raw[3..].starts_with("\r\n") => 5,
            Some("\"\"\"" | "'''") if raw[3..].starts_with('\n') => 4,
            Some("\"\"\"" | "'''") => 3,
            _ if raw.starts_with(['"', '\'']) => 1,
            _ => return value.clone(),
        };
        let basic = raw.starts_with('"');
        let mut start = None;
        let mut end = value.start + at;
        for (byte, c) in text.char_indices() {
            if byte >= part.end && start.is_some() {
                break;
            }
            at += skipped(raw.get(at..).unwrap_or_default(), basic);
            if byte >= part.start && start.is_none() {
                start = Some(value.start + at);
                if part.end <= byte {
                    end = value.start + at;
                    break;
                }
            }
            at += written(raw.get(at..).unwrap_or_default(), c, basic);
            end = value.start + at;
        }
        let start = start.unwrap_or(end);
        let fits = start <= end && end <= value.end && self.text.is_char_boundary(start) && self.text.is_char_boundary(end);
        if fits { start..end } else { value.clone() }
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

/// Bytes of a literal that are not part of its value, before the next character: a backslash at a line's end, with all space after it.
fn skipped(raw: &str, basic: bool) -> usize {
    let mut rest = raw;
    while basic && rest.starts_with('\\') {
        let Some(after) = rest[1..].trim_start_matches([' ', '\t']).strip_prefix(['\n', '\r']) else { break };
        rest = after.trim_start();
    }
    raw.len() - rest.len()
}

/// Bytes that a character of a value takes in its literal.
fn written(raw: &str, c: char, basic: bool) -> usize {
    if c == '\n' && raw.starts_with("\r\n") {
        return 2;
    }
    if !(basic && raw.starts_with('\\')) {
        return c.len_utf8();
    }
    match raw.as_bytes().get(1) {
        Some(b'x') => 4,
        Some(b'u') => 6,
        Some(b'U') => 10,
        _ => 2,
    }
}
