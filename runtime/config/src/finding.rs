//! Findings: what is wrong with what the user wrote, as data. A check knows the place; only the text knows the line.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};
use serde_json::{Value, json};

use crate::source::{Document, KeyPath, Step};

/// One finding about something the user wrote, not yet tied to a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Stable code such as `AC0203`; its page is `schema/codes/AC0203.md`.
    pub code: Code,
    /// What was found: a lowercase phrase without a closing period, the user's words in backticks.
    pub message: String,
    /// File, key path, and the part of the value when a template or condition is at fault.
    pub at: Place,
    /// What to write instead, when that is known; a line for each of several things.
    pub help: Option<String>,
}

/// More names than this are not listed in a help: nobody reads them.
const MOST_LISTED: usize = 20;

impl Finding {
    /// A finding without help.
    pub fn new(code: Code, message: impl Into<String>, at: Place) -> Self {
        // The user's words may hold line breaks; a message is one line in every view.
        let message: String = message.into();
        let message = if message.contains(char::is_control) { message.replace(char::is_control, " ") } else { message };
        Self { code, message, at, help: None }
    }
    /// The same, with help.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
    /// The same, with a suggestion where one of `names` is near to what was written.
    pub fn suggest<'a>(mut self, written: &str, names: impl IntoIterator<Item = &'a str>) -> Self {
        let names: Vec<&str> = names.into_iter().collect();
        if let Some(near) = nearest(written, names.iter().copied()) {
            self.help = Some(format!("did you mean `{near}`?"));
        } else if !names.is_empty() && names.len() <= MOST_LISTED {
            self.help = Some(format!("there is: {}", listed(names)));
        }
        self
    }
}

/// The name that is near enough to be meant: a few letters away, or the only one that has the written word in it.
pub fn nearest<'a>(written: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // Case and the kind of dash are what people get wrong first.
    let plain = |text: &str| text.to_lowercase().replace(['-', ' '], "_");
    let wanted = plain(written);
    let names: Vec<(String, &str)> = names.map(|name| (plain(name), name)).collect();
    let typo = names
        .iter()
        .map(|(plain, name)| (strsim::osa_distance(&wanted, plain), plain.chars().count(), *name))
        .filter(|(distance, length, _)| *distance <= (length / 3).max(1) && distance < length)
        .min_by_key(|(distance, ..)| *distance)
        .map(|(.., name)| name);
    if typo.is_some() || wanted.chars().count() < 3 {
        return typo;
    }
    // `hours` for `business_hours`, `Chicago` for `America/Chicago`, `val` for `value`.
    let words =
        |text: &str| -> Vec<String> { text.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(str::to_owned).collect() };
    let ours = words(&wanted);
    let mut whole = names.iter().filter(|(plain, _)| {
        let theirs = words(plain);
        let among =
            !ours.is_empty() && !theirs.is_empty() && (ours.iter().all(|w| theirs.contains(w)) || theirs.iter().all(|w| ours.contains(w)));
        among || plain.starts_with(&wanted) || (plain.len() >= 4 && wanted.starts_with(plain.as_str()))
    });
    match (whole.next(), whole.next()) {
        (Some((_, only)), None) => Some(only),
        _ => None,
    }
}

/// Names in backticks with commas between.
pub(crate) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Where something stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Path from the project's root.
    pub file: Arc<str>,
    /// Key path in the file.
    pub path: KeyPath,
    /// Bytes of the value, when a part of it is at fault.
    pub part: Option<Range<usize>>,
    /// Show the key and not the value.
    pub at_key: bool,
    /// A span of the file, when there is no key path.
    pub span: Option<Range<usize>>,
}

impl Place {
    /// A span of a file.
    pub fn span(file: &str, span: Range<usize>) -> Self {
        Self { file: file.into(), path: Vec::new(), part: None, at_key: false, span: Some(span) }
    }
    /// A file as a whole.
    pub fn file(file: &str) -> Self {
        Self { file: file.into(), path: Vec::new(), part: None, at_key: false, span: Some(0..0) }
    }
    /// The same place, shown at its key.
    pub fn key(mut self) -> Self {
        self.at_key = true;
        self
    }
    /// A part of the value.
    pub fn part(mut self, part: Range<usize>) -> Self {
        self.part = Some(part);
        self
    }
    /// One step further down.
    pub fn down(mut self, key: &str) -> Self {
        self.path.push(Step::Key(key.to_owned()));
        self
    }
    /// One list item further down.
    pub fn item(mut self, index: usize) -> Self {
        self.path.push(Step::Index(index));
        self
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $severity:ident;)*) => {
        /// Every kind of finding. A code is never used for anything else later.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code { $($(#[$doc])* $name,)* }
        impl Code {
            /// All codes, in order.
            pub const ALL: &[Code] = &[$(Code::$name,)*];
            /// The code as users see it.
            pub fn as_str(self) -> &'static str { match self { $(Code::$name => $code,)* } }
            /// How bad it is. It belongs to the code, not to the check.
            pub fn severity(self) -> Severity { match self { $(Code::$name => Severity::$severity,)* } }
        }
    };
}

codes! {
    /// The file is not TOML.
    Syntax = "AC0101", Error;
    /// A TOML value that has no place in a config: a bare date, `inf`, a huge number.
    NotAValue = "AC0102", Error;
    /// The project file is missing.
    NoProjectFile = "AC0103", Error;
    /// The file is not UTF-8, or too large, or cannot be read.
    Unreadable = "AC0104", Error;
    /// A key that this kind of file does not have.
    UnknownKey = "AC0201", Error;
    /// A key that must be there is missing.
    MissingKey = "AC0202", Error;
    /// A template names a value that there is not.
    UnknownVariable = "AC0203", Error;
    /// A template or a condition calls a function that there is not.
    UnknownFunction = "AC0204", Error;
    /// A template that cannot be read.
    TemplateSyntax = "AC0205", Error;
    /// A function is given too few or too many values.
    FunctionArguments = "AC0206", Error;
    /// A value of the wrong type.
    WrongType = "AC0207", Error;
    /// A value that is not one of those allowed.
    NotAllowed = "AC0208", Error;
    /// A condition that cannot be read.
    ConditionSyntax = "AC0211", Error;
    /// A condition names a value that there is not.
    ConditionVariable = "AC0212", Error;
    /// A condition compares things that cannot be compared.
    ConditionType = "AC0213", Error;
    /// The time zone is not known.
    TimeZone = "AC0301", Error;
    /// The country is not known.
    Region = "AC0302", Error;
    /// Business hours that make no sense.
    Hours = "AC0303", Error;
    /// A credential that is not a reference.
    Credential = "AC0304", Error;
    /// The store's address is not understood.
    StoreUrl = "AC0305", Error;
    /// A base address that is missing or no address.
    BaseUrl = "AC0306", Error;
    /// A setting that the connector lacks, or that is missing.
    Setting = "AC0307", Error;
    /// The credentials given fit none of the connector's ways to be let in.
    Grant = "AC0308", Error;
    /// A system that replaces refresh tokens, and no key to keep them with.
    TokensInMemory = "AC0309", Warning;
    /// A header that says who signed in, without a proxy that may say so; or a proxy that is none.
    TrustedProxies = "AC0320", Error;
    /// A system that has no connector.
    UnknownSystem = "AC0401", Error;
    /// A connection that the project does not name.
    UnknownConnection = "AC0402", Error;
    /// A mapping that there is not.
    UnknownMapping = "AC0403", Error;
    /// A mapping of one system used with a connection of another.
    SystemMismatch = "AC0404", Error;
    /// An object that the connector does not know.
    UnknownObject = "AC0405", Error;
    /// A link that the object does not have, or whose other end is not written.
    UnknownLink = "AC0406", Error;
    /// A route that the pipeline does not have.
    UnknownRoute = "AC0407", Error;
    /// A source that there is not.
    UnknownSource = "AC0408", Error;
    /// Match rules that there are not.
    UnknownMatch = "AC0409", Error;
    /// A target that is no list of the context.
    UnknownTarget = "AC0410", Error;
    /// Two things of one name.
    TwiceNamed = "AC0411", Error;
    /// A source without a way to prove who sent the payload.
    Unsigned = "AC0412", Error;
    /// A file whose place does not fit what it says.
    WrongPlace = "AC0413", Error;
    /// A policy that lacks what it needs.
    Policy = "AC0501", Error;
    /// A due date that is not understood.
    Due = "AC0502", Error;
    /// A duration or another quantity that is not understood.
    Quantity = "AC0503", Error;
    /// Thresholds or weights that contradict each other.
    Threshold = "AC0504", Error;
    /// Something that can never be reached: a rule, a route, a pipeline.
    Unreachable = "AC0505", Warning;
    /// A connector that lacks a request which a mapping needs.
    MissingRequest = "AC0506", Error;
    /// A write whose unknown outcome waits for a person.
    GuaranteeAsk = "AC0507", Warning;
    /// A level that the comparison does not have, or that is written twice.
    MatchLevel = "AC0601", Error;
    /// Weights of match rules that contradict each other.
    MatchWeight = "AC0602", Error;
    /// A threshold of match rules that lies beyond another.
    MatchThreshold = "AC0603", Error;
    /// A table that there is not, or that the comparison cannot use.
    UnknownTable = "AC0604", Error;
    /// A line of a table that cannot be read.
    TableLine = "AC0605", Error;
    /// A correction that names a comparison or level which the rules do not have.
    MatchReference = "AC0606", Error;
    /// A comparison or search that stands twice.
    MatchTwice = "AC0607", Error;
    /// A line of a table that an earlier one makes needless.
    TableTwice = "AC0608", Warning;
    /// A lock that cannot be read.
    LockUnreadable = "AC0701", Error;
    /// A lock that does not say how the system is.
    LockStale = "AC0702", Warning;
    /// A field that the system does not have.
    NoSuchField = "AC0703", Error;
    /// A field that cannot be written.
    NotWriteable = "AC0704", Error;
    /// A value of a type that the field does not take.
    FieldType = "AC0705", Error;
    /// A text that is longer than the field.
    TextTooLong = "AC0706", Error;
    /// Text that may be longer than the field.
    TextMayBeTooLong = "AC0707", Warning;
    /// A value that the picklist lacks, and the system refuses.
    NotInPicklist = "AC0708", Error;
    /// A value that the picklist lacks, and the system takes all the same.
    NotInOpenPicklist = "AC0709", Warning;
    /// A field without which there is no new record, and nothing writes it.
    RequiredField = "AC0710", Error;
    /// A field by which records are found or known again, that is missing or not unique.
    KeyField = "AC0711", Error;
    /// A field that is read, and that the system does not have.
    ReadField = "AC0712", Warning;
    /// A config test without a call, or with several.
    TestCall = "AC0801", Error;
    /// A config test expects a pipeline or a write that there is not.
    TestWrite = "AC0802", Error;
    /// A config test expects a field or a link that the write does not have.
    TestField = "AC0803", Error;
    /// A config test gives or expects something of a connection, an object, a list or a route that there is not.
    TestGiven = "AC0804", Error;
    /// A time in a config test that is not understood.
    TestTime = "AC0805", Error;
    /// An alert's condition that cannot be read.
    AlertSyntax = "AC0901", Error;
    /// An alert on a measure, a connection or a source that there is not.
    AlertMeasure = "AC0902", Error;
    /// An alert that always or never holds, or a quantity in another unit than its measure.
    AlertQuantity = "AC0903", Error;
    /// An alert that tells somebody whom the project does not name.
    UnknownNotifier = "AC0904", Error;
    /// Somebody whom no alert tells.
    UnusedNotifier = "AC0905", Warning;
    /// Somebody who cannot be told as it is written.
    Notifier = "AC0906", Error;
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// The project cannot run.
    Error,
    /// It can run, but probably not as meant.
    Warning,
}

impl Severity {
    /// The word in front of the code.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// Documents by file, for turning places into lines.
pub type Documents = BTreeMap<Arc<str>, Arc<Document>>;

/// Sorts findings by file and place, and drops repetitions.
pub fn sort(findings: &mut Vec<Finding>, documents: &Documents) {
    let start = |f: &Finding| documents.get(&f.at.file).map_or(0, |d| d.span(&f.at).start);
    findings.sort_by(|a, b| (&a.at.file, start(a), a.code, &a.message).cmp(&(&b.at.file, start(b), b.code, &b.message)));
    findings.dedup();
}

/// Findings as text for people, each with its excerpt. What may be a secret is not in it.
pub fn render(findings: &[Finding], documents: &Documents, colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let mut out = String::new();
    for finding in findings {
        let level = match finding.code.severity() {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = level.primary_title(finding.message.clone()).id(finding.code.as_str());
        let group = match documents.get(&finding.at.file).map(|document| (document, document.span(&finding.at))) {
            // What is about the file as a whole points at no line of it.
            Some((document, span)) if span != (0..0) => {
                let text = document.shown();
                let span = visible(&text, span);
                title.element(
                    Snippet::source(text.into_owned()).path(document.file.to_string()).annotation(AnnotationKind::Primary.span(span)),
                )
            }
            _ => title.element(Origin::path(finding.at.file.to_string())),
        };
        let group = match &finding.help {
            Some(help) => group.element(Level::HELP.message(help.clone())),
            None => group,
        };
        out.push_str(&renderer.render(&[group]));
        out.push_str("\n\n");
    }
    out
}

/// A span that covers a table or several lines is shown at its first line.
fn visible(text: &str, span: Range<usize>) -> Range<usize> {
    let start = span.start.min(text.len());
    let end = span.end.min(text.len()).max(start);
    match text[start..end].find('\n') {
        Some(newline) if newline > 0 => start..start + text[start..start + newline].trim_end_matches('\r').len(),
        _ => start..end,
    }
}

/// Findings as a versioned JSON document, see `schema/findings.schema.json`.
pub fn to_json(findings: &[Finding], documents: &Documents) -> Value {
    let list: Vec<Value> = findings
        .iter()
        .map(|finding| {
            let span = documents.get(&finding.at.file).map(|d| {
                let span = d.span(&finding.at);
                (d.line_column(span.start), d.line_column(span.end))
            });
            let ((line, column), (end_line, end_column)) = span.unwrap_or(((1, 1), (1, 1)));
            json!({
                "code": finding.code.as_str(), "severity": finding.code.severity().as_str(),
                "message": finding.message, "help": finding.help, "file": &*finding.at.file,
                "line": line, "column": column, "end_line": end_line, "end_column": end_column,
            })
        })
        .collect();
    json!({ "version": 1, "findings": list })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(written: &str, names: &[&str], expected: Option<&str>) {
        assert_eq!(nearest(written, names.iter().copied()), expected);
    }

    #[test]
    fn near_names() {
        check("frist_name", &["first_name", "last_name"], Some("first_name"));
        check("FirstName", &["first_name", "last_name"], Some("first_name"));
        check("hours", &["business_hours", "timezone"], Some("business_hours"));
        check("val", &["value", "policy"], Some("value"));
        check("chicago", &["America/Chicago", "America/Denver"], Some("America/Chicago"));
        // Two are as near as none.
        check("name", &["first_name", "last_name"], None);
        check("id", &["to", "url"], None);
        check("", &["a", "write"], None);
    }

    #[test]
    fn a_message_is_one_line() {
        let finding = Finding::new(Code::Due, "`in\n2\tdays` is no due date", Place::file("x.toml"));
        assert_eq!(finding.message, "`in 2 days` is no due date");
    }
}
