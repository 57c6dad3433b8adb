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
use std::collections::{BTreeMap, HashSet};
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
    pub documents: Documents,
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
    pub(crate) connectors: BTreeMap<String, Arc<Typed<ConnectorDecl>>>,
    pub(crate) sources: BTreeMap<String, Arc<Typed<SourceDecl>>>,
    pub(crate) mappings: BTreeMap<String, Arc<Typed<MappingDecl>>>,
    pub(crate) matches: BTreeMap<String, Arc<Typed<MatchDecl>>>,
    pub(crate) tables: BTreeMap<String, Arc<Typed<TableDecl>>>,
    pub(crate) pipelines: BTreeMap<String, Arc<Typed<PipelineDecl>>>,
    /// What systems told of themselves, by the path of the file.
    pub(crate) locks: BTreeMap<String, Arc<Lock>>,
    pub(crate) tests: BTreeMap<String, Arc<Typed<ConfigTestDecl>>>,
    /// Names of files that are there but have errors of their own: what refers to them is not to blame.
    pub(crate) broken: Vec<String>,
}

impl Written {
    /// Whether a file is there and cannot be used.
    pub(crate) fn is_broken(&self, file: &str) -> bool {
        self.broken.iter().any(|broken| broken == file)
    }
}

/// Loads a project from its files.
pub fn load(files: &Files) -> Loaded {
    load_again(files, &mut Known::default())
}

/// Loads a project, going by what earlier loads understood: what has not changed is not understood again. Gives what [`load`] would.
pub fn load_again(files: &Files, known: &mut Known) -> Loaded {
    let mut findings = Vec::new();
    let mut documents = Documents::new();
    let mut written = Written::default();
    let mut project: Option<Arc<Typed<ProjectDecl>>> = None;
    let mut left_out: BTreeMap<Arc<str>, Vec<LeftOut>> = BTreeMap::new();
    let mut unreadable: Vec<(String, String)> = Vec::new();
    known.read(files);
    for (path, read) in &known.files {
        findings.extend(read.findings.iter().cloned());
        match &read.decl {
            Decl::Lock(lock) => _ = written.locks.insert(path.clone(), lock.clone()),
            Decl::UnreadableLock(error) => unreadable.push((path.clone(), error.clone())),
            _ => {}
        }
        let Some(document) = &read.document else { continue };
        documents.insert(document.file.clone(), document.clone());
        if !read.left_out.is_empty() {
            left_out.insert(document.file.clone(), read.left_out.clone());
        }
        let stem = path.strip_suffix(".toml").unwrap_or(path);
        let name = |prefix: &str| stem.strip_prefix(prefix).unwrap_or(stem).trim_start_matches('/').to_owned();
        let folder = || stem.split('/').nth(1).unwrap_or_default().to_owned();
        match &read.decl {
            Decl::Nothing | Decl::Lock(_) | Decl::UnreadableLock(_) => {}
            Decl::Broken => written.broken.push(path.clone()),
            Decl::Project(typed) => project = Some(typed.clone()),
            Decl::Pipeline(typed) => _ = written.pipelines.insert(name("pipelines"), typed.clone()),
            Decl::Mapping(typed) => _ = written.mappings.insert(name("mappings"), typed.clone()),
            Decl::Connector(typed) => _ = written.connectors.insert(folder(), typed.clone()),
            Decl::Source(typed) => _ = written.sources.insert(folder(), typed.clone()),
            Decl::Match(typed) => _ = written.matches.insert(name("mappings/match"), typed.clone()),
            Decl::MatchTable(typed) => _ = written.tables.insert(path.clone(), typed.clone()),
            Decl::Test(typed) => _ = written.tests.insert(path.clone(), typed.clone()),
        }
    }
    // Other JSON in that folder is somebody's own.
    let connections: Vec<&String> = project.iter().flat_map(|project| project.decl.connection.keys()).collect();
    for (path, error) in unreadable {
        if let Some(connection) = connections.iter().find(|name| crate::lock::path_of(name) == path) {
            let finding = Finding::new(Code::LockUnreadable, format!("this lock cannot be read: {error}"), Place::file(&path));
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
    let resolved = project::resolve(project.as_ref(), &written, known.threads, &mut known.resolved, &mut later);
    // What was left out or stands in empty has its finding already.
    later.retain(|f| !left_out.get(&f.at.file).is_some_and(|out| out.iter().any(|out| f.at.path.starts_with(&out.path))));
    findings.append(&mut later);
    let errors = findings.iter().any(|f| f.code.severity() == Severity::Error && !is_test(&f.at.file));
    let project = resolved.filter(|_| !errors).map(|mut project| {
        project.version = version(&project, &known.files);
        project
    });
    let tests = project.as_ref().map(|project| config_test::resolve(&written.tests, project, &mut later)).unwrap_or_default();
    later.retain(|f| !left_out.get(&f.at.file).is_some_and(|out| out.iter().any(|out| f.at.path.starts_with(&out.path))));
    findings.append(&mut later);
    finding::sort(&mut findings, &documents);
    Loaded { project, findings, documents, tests }
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
fn version(project: &Project, files: &BTreeMap<String, Arc<Read>>) -> ConfigVersion {
    let mut hash = Sha256::new();
    for file in used_files(project) {
        let Some(read) = files.get(&file) else { continue };
        let Some(document) = &read.document else { continue };
        hash.update(file.as_bytes());
        hash.update([0]);
        // A file that did not change is not counted through again.
        hash.update(read.digest.get_or_init(|| Sha256::digest(meaning(&file, &document.value).to_string()).into()));
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

/// Paths of every file that the project's meaning comes from, sorted: what must be kept to run a version again.
pub fn used_files(project: &Project) -> Vec<String> {
    // Many pipelines share their files: counted once before they are sorted.
    let mut files: HashSet<Cow<'_, str>> = HashSet::from(["aftercall.toml".into()]);
    for pipeline in &project.pipelines {
        files.insert((*pipeline.origin.file).into());
        files.insert((*pipeline.matching_file).into());
        files.extend(pipeline.matching.table_files.iter().map(|file| Cow::from(&**file)));
        files.extend(pipeline.writes.iter().map(|write| Cow::from(&*write.mapping_file)));
    }
    files.extend(project.connections.values().map(|c| Cow::from(&*c.connector.file)));
    files.extend(project.sources.keys().map(|name| Cow::from(format!("mappings/{name}/source.toml"))));
    let mut files: Vec<String> = files.into_iter().map(Cow::into_owned).collect();
    files.sort_unstable();
    files
}

pub(crate) fn arc(text: &str) -> Arc<str> {
    text.into()
}

#[cfg(test)]
mod tests;
