//! From text to a frozen project: parse, check against the schema, type, resolve names, compile templates.
//!
//! Never stops at the first fault: what was understood comes back with every finding.

mod alert;
mod common;
mod config_test;
mod connector;
mod context;
mod fits;
mod list;
mod lock;
mod mapping;
mod matching;
mod pipeline;
mod project;
mod read;
mod retry;
mod scope;
mod service;
mod source;
mod web;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::config_test::ConfigTest;
use crate::decl::{ConfigTestDecl, ConnectorDecl, MappingDecl, MatchDecl, PipelineDecl, ProjectDecl, SourceDecl, TableDecl};
use crate::finding::{self, Code, Documents, Finding, Place, Severity};
use crate::lock::Lock;
use crate::project::{ConfigVersion, Project};
use crate::schema::{Kind, LeftOut};
use crate::source::{Document, Files, Step};
use read::{Decl, Read};

pub(crate) use matching::{alone as match_rules, compile as compile_rules};
pub use read::Known;
pub use retry::duration;
pub use scope::{call_types, pipeline_types};

/// What loading gives: as much as was understood, and every finding.
#[derive(Debug)]
pub struct Loaded {
    /// The project; absent where there are errors.
    pub project: Option<Project>,
    /// Findings, sorted.
    pub findings: Vec<Finding>,
    /// The documents, for turning findings into lines.
    pub documents: Arc<Documents>,
    /// The project's tests, without those that have findings. They are no part of what the project means, and a mistake in one stops nothing else.
    pub tests: Vec<ConfigTest>,
}

impl Loaded {
    /// Whether there are errors, and not only warnings.
    pub fn has_errors(&self) -> bool {
        self.findings.iter().any(|f| f.code.severity() == Severity::Error)
    }
    /// Findings as text for people.
    pub fn render(&self, colour: bool) -> String {
        finding::render(&self.findings, &self.documents, colour)
    }
}

/// A typed file with its document.
pub(crate) struct Typed<T> {
    pub(crate) decl: T,
    pub(crate) document: Arc<Document>,
    /// Paths of what did not fit and was left out, or was missing and stands in empty. Each has its finding.
    pub(crate) left_out: Vec<LeftOut>,
}

impl<T> Typed<T> {
    /// Whether the names directly below a path are all that was written. Where they are not, a name that seems to be missing may be
    /// among what was left out: of the path itself, or under a misspelled name on the way to it.
    pub(crate) fn whole(&self, path: &[&str]) -> bool {
        let on_the_way = |steps: &[Step]| {
            steps.len() <= path.len() && steps.iter().zip(path).all(|(step, key)| matches!(step, Step::Key(k) if k == key))
        };
        !self.left_out.iter().any(|out| {
            let parents = &out.path[..out.path.len().saturating_sub(1)];
            on_the_way(&out.path) || (on_the_way(parents) && (out.unknown || parents.len() == path.len()))
        })
    }
    /// Whether nothing at all was left out at a path or below it.
    pub(crate) fn untouched(&self, key: &str) -> bool {
        self.whole(&[key]) && !self.left_out.iter().any(|out| matches!(out.path.first(), Some(Step::Key(k)) if k == key))
    }
}

/// Everything that was written, typed.
#[derive(Default)]
pub(crate) struct Written {
    pub(crate) project: Option<Arc<Typed<ProjectDecl>>>,
    pub(crate) connectors: BTreeMap<String, Arc<Typed<ConnectorDecl>>>,
    pub(crate) sources: BTreeMap<String, Arc<Typed<SourceDecl>>>,
    pub(crate) mappings: BTreeMap<String, Arc<Typed<MappingDecl>>>,
    pub(crate) matches: BTreeMap<String, Arc<Typed<MatchDecl>>>,
    pub(crate) tables: BTreeMap<String, Arc<Typed<TableDecl>>>,
    pub(crate) pipelines: BTreeMap<String, Arc<Typed<PipelineDecl>>>,
    /// What systems told of themselves, by the path of the file.
    pub(crate) locks: BTreeMap<String, Arc<Lock>>,
    /// Locks that cannot be read, and why.
    unreadable: BTreeMap<String, String>,
    pub(crate) tests: BTreeMap<String, Arc<Typed<ConfigTestDecl>>>,
    /// Names of files that are there but have errors of their own: what refers to them is not to blame.
    broken: BTreeSet<String>,
}

impl Written {
    /// Whether a file is there and cannot be used.
    pub(crate) fn is_broken(&self, file: &str) -> bool {
        self.broken.contains(file)
    }

    /// Forgets what a file declared.
    fn take(&mut self, path: &str) {
        self.broken.remove(path);
        self.locks.remove(path);
        self.unreadable.remove(path);
        match Kind::of_path(path) {
            Some(Kind::Project) => self.project = None,
            Some(Kind::Pipeline) => _ = self.pipelines.remove(name_of(path)),
            Some(Kind::Mapping) => _ = self.mappings.remove(name_of(path)),
            Some(Kind::Connector) => _ = self.connectors.remove(folder_of(path)),
            Some(Kind::Source) => _ = self.sources.remove(folder_of(path)),
            Some(Kind::Match) => _ = self.matches.remove(match_name_of(path)),
            Some(Kind::MatchTable) => _ = self.tables.remove(path),
            Some(Kind::ConfigTest) => _ = self.tests.remove(path),
            Some(Kind::CallOutcome | Kind::CallerContext | Kind::Lock | Kind::Diff) | None => {}
        }
    }

    /// Takes in what a file declares.
    fn put(&mut self, path: &str, decl: &Decl) {
        match decl {
            Decl::Nothing => {}
            Decl::Broken => _ = self.broken.insert(path.to_owned()),
            Decl::Project(typed) => self.project = Some(typed.clone()),
            Decl::Pipeline(typed) => _ = self.pipelines.insert(name_of(path).to_owned(), typed.clone()),
            Decl::Mapping(typed) => _ = self.mappings.insert(name_of(path).to_owned(), typed.clone()),
            Decl::Connector(typed) => _ = self.connectors.insert(folder_of(path).to_owned(), typed.clone()),
            Decl::Source(typed) => _ = self.sources.insert(folder_of(path).to_owned(), typed.clone()),
            Decl::Match(typed) => _ = self.matches.insert(match_name_of(path).to_owned(), typed.clone()),
            Decl::MatchTable(typed) => _ = self.tables.insert(path.to_owned(), typed.clone()),
            Decl::Test(typed) => _ = self.tests.insert(path.to_owned(), typed.clone()),
            Decl::Lock(lock) => _ = self.locks.insert(path.to_owned(), lock.clone()),
            Decl::UnreadableLock(error) => _ = self.unreadable.insert(path.to_owned(), error.clone()),
        }
    }
}

/// What a pipeline or a mapping is called: its path without the first folder and the ending.
fn name_of(path: &str) -> &str {
    let stem = path.strip_suffix(".toml").unwrap_or(path);
    stem.split_once('/').map_or(stem, |(_, name)| name)
}

/// What match rules are called.
fn match_name_of(path: &str) -> &str {
    let name = name_of(path);
    name.strip_prefix("match/").unwrap_or(name)
}

/// What a connector or a source is called: the folder that it lies in.
fn folder_of(path: &str) -> &str {
    path.split('/').nth(1).unwrap_or_default()
}

/// Loads a project from its files.
pub fn load(files: &Files) -> Loaded {
    load_again(files, &mut Known::default())
}

/// Loads a project, going by what earlier loads understood: what has not changed is not understood again. Gives what [`load`] would.
pub fn load_again(files: &Files, known: &mut Known) -> Loaded {
    let changed = known.read(files);
    let Known { threads, reads, noted, written, documents, resolved, .. } = known;
    let mut findings: Vec<Finding> = noted.values().flat_map(|read| read.findings.iter().cloned()).collect();
    // What was left out or stands in empty has its finding already.
    let is_news = |finding: &Finding| {
        let left_out = noted.get(&finding.at.file).map(|read| &read.left_out);
        !left_out.is_some_and(|out| out.iter().any(|out| finding.at.path.starts_with(&out.path)))
    };
    // Other JSON in that folder is somebody's own.
    let connections: Vec<&String> = written.project.iter().flat_map(|project| project.decl.connection.keys()).collect();
    for (path, error) in &written.unreadable {
        if let Some(connection) = connections.iter().find(|name| crate::lock::path_of(name) == *path) {
            let finding = Finding::new(Code::LockUnreadable, format!("this lock cannot be read: {error}"), Place::file(path));
            findings.push(finding.help(format!("`aftercall describe {connection}` writes it anew")));
        }
    }
    if files.get("aftercall.toml").is_none() {
        findings.push(
            Finding::new(Code::NoProjectFile, "there is no `aftercall.toml` here", Place::file("aftercall.toml"))
                .help("`aftercall init` makes a project to start from"),
        );
    }
    let mut later = Vec::new();
    let project = project::resolve(written, &changed, *threads, resolved, &mut later);
    findings.extend(later.drain(..).filter(is_news));
    let errors = findings.iter().any(|f| f.code.severity() == Severity::Error && !is_test(&f.at.file));
    let project = project.filter(|_| !errors).map(|mut project| {
        project.version = version(&project, reads);
        project
    });
    let tests = project.as_ref().map(|project| config_test::resolve(&written.tests, project, &mut later)).unwrap_or_default();
    findings.extend(later.drain(..).filter(is_news));
    finding::sort(&mut findings, documents);
    Loaded { project, findings, documents: documents.clone(), tests }
}

/// Whether a file is one of tests: a mistake there does not stop the project.
pub fn is_test(file: &str) -> bool {
    Kind::of_path(file) == Some(Kind::ConfigTest)
}

fn typed<T: DeserializeOwned>(document: Arc<Document>, left_out: Vec<LeftOut>, findings: &mut Vec<Finding>) -> Option<Typed<T>> {
    match serde_path_to_error::deserialize(&document.value) {
        Ok(decl) => Some(Typed { decl, document, left_out }),
        Err(error) => {
            let mut path = Vec::new();
            for segment in error.path().iter() {
                match segment {
                    serde_path_to_error::Segment::Seq { index } => path.push(Step::Index(*index)),
                    serde_path_to_error::Segment::Map { key } => path.push(Step::Key(key.clone())),
                    _ => {}
                }
            }
            // The schema has let it pass, so it is a number that is too large, or too exact.
            let message = error.inner().to_string();
            let message = match message.split_once(", expected ") {
                Some((found, wanted)) if found.starts_with("invalid value") => {
                    let found = found.rsplit('`').nth(1).unwrap_or(found);
                    if wanted.starts_with(['u', 'i']) {
                        format!("`{found}` is too large here")
                    } else {
                        format!("`{found}` is not {wanted}")
                    }
                }
                _ => message,
            };
            findings.push(Finding::new(Code::WrongType, message, document.place(&path)));
            None
        }
    }
}

/// Types a document and keeps it under its name; false where that failed.
fn insert<T: DeserializeOwned>(
    into: &mut BTreeMap<String, Arc<Typed<T>>>,
    name: String,
    document: Arc<Document>,
    left_out: Vec<LeftOut>,
    findings: &mut Vec<Finding>,
) -> bool {
    let typed = typed(document, left_out, findings);
    let known = typed.is_some();
    if let Some(typed) = typed {
        into.insert(name, Arc::new(typed));
    }
    known
}

/// The content hash of what the project means: its used files as values, so that comments and spacing do not count. How systems are
/// reached (addresses, credentials, pace) and where the journal is kept are operation, not meaning.
fn version(project: &Project, reads: &BTreeMap<Arc<str>, Arc<Read>>) -> ConfigVersion {
    let mut hash = Sha256::new();
    for file in &*project.files {
        let Some(read) = reads.get(file) else { continue };
        let Some(document) = &read.document else { continue };
        hash.update(file.as_bytes());
        hash.update([0]);
        // A file that did not change is not counted through again.
        hash.update(read.digest.get_or_init(|| Sha256::digest(meaning(file, &document.value).to_string()).into()));
    }
    let digest = hash.finalize();
    ConfigVersion(digest.iter().take(8).map(|b| format!("{b:02x}")).collect())
}

/// What of a file counts as meaning: all of it, except operation in the project file.
fn meaning<'a>(file: &str, value: &'a Value) -> Cow<'a, Value> {
    if file != "aftercall.toml" {
        return Cow::Borrowed(value);
    }
    let mut value = value.clone();
    if let Some(root) = value.as_object_mut() {
        for operation in ["store", "source", "context", "service", "web", "alert", "notify", "telemetry"] {
            root.shift_remove(operation);
        }
        if let Some(connections) = root.get_mut("connection").and_then(Value::as_object_mut) {
            for connection in connections.values_mut().filter_map(Value::as_object_mut) {
                for key in ["auth", "base_url", "limits"] {
                    connection.shift_remove(key);
                }
            }
        }
    }
    Cow::Owned(value)
}

pub(crate) fn arc(text: &str) -> Arc<str> {
    text.into()
}

#[cfg(test)]
mod tests;
