//! From text to a frozen project: parse, check against the schema, type, resolve names, compile templates.
//!
//! Never stops at the first fault: what was understood comes back with every finding.

mod connector;
mod pipeline;
mod project;
mod scope;
mod source;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::decl::{ConnectorDecl, MappingDecl, MatchDecl, PipelineDecl, ProjectDecl, SourceDecl};
use crate::finding::{self, Code, Documents, Finding, Place, Severity};
use crate::project::{ConfigVersion, Project};
use crate::schema::{self, Kind};
use crate::source::{Document, Files};

pub use pipeline::{duration, guarantee};
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
    pub(crate) document: Document,
}

/// Everything that was written, typed.
#[derive(Default)]
pub(crate) struct Written {
    pub(crate) connectors: BTreeMap<String, Typed<ConnectorDecl>>,
    pub(crate) sources: BTreeMap<String, Typed<SourceDecl>>,
    pub(crate) mappings: BTreeMap<String, Typed<MappingDecl>>,
    pub(crate) matches: BTreeMap<String, Typed<MatchDecl>>,
    pub(crate) pipelines: BTreeMap<String, Typed<PipelineDecl>>,
    /// Names of files that are there but have errors of their own: what refers to them is not to blame.
    pub(crate) broken: Vec<String>,
}

/// Loads a project from its files.
pub fn load(files: &Files) -> Loaded {
    let mut findings = Vec::new();
    let mut documents = Documents::new();
    let mut written = Written::default();
    let mut project: Option<Typed<ProjectDecl>> = None;
    for (path, text) in files.iter() {
        let Some(kind) = Kind::of_path(path) else { continue };
        let document = Document::parse(path, text, &mut findings);
        documents.insert(document.file.clone(), document.clone());
        let syntax = findings.iter().any(|f| &*f.at.file == path);
        let fits = !syntax && schema::validate(kind, &document, &mut findings);
        if !fits {
            written.broken.push(path.to_owned());
            continue;
        }
        let stem = path.trim_end_matches(".toml").to_owned();
        let name = |prefix: &str| stem.trim_start_matches(prefix).trim_start_matches('/').to_owned();
        let folder = || stem.split('/').nth(1).unwrap_or_default().to_owned();
        match kind {
            Kind::Project => project = typed(document, &mut findings),
            Kind::Pipeline => insert(&mut written.pipelines, name("pipelines"), document, &mut findings),
            Kind::Mapping => insert(&mut written.mappings, name("mappings"), document, &mut findings),
            Kind::Connector => insert(&mut written.connectors, folder(), document, &mut findings),
            Kind::Source => insert(&mut written.sources, folder(), document, &mut findings),
            Kind::Match => insert(&mut written.matches, name("mappings/match"), document, &mut findings),
            Kind::CallOutcome => {}
        }
    }
    if files.get("aftercall.toml").is_none() {
        findings.push(
            Finding::new(Code::NoProjectFile, "there is no `aftercall.toml` here", Place::file("aftercall.toml"))
                .help("`aftercall init` makes a project to start from"),
        );
    }
    let resolved = project.as_ref().map(|typed| project::resolve(typed, &written, &mut findings));
    finding::sort(&mut findings, &documents);
    let errors = findings.iter().any(|f| f.code.severity() == Severity::Error);
    let project = resolved.filter(|_| !errors).map(|mut project| {
        project.version = version(&project, &documents);
        project
    });
    Loaded { project, findings, documents }
}

fn typed<T: DeserializeOwned>(document: Document, findings: &mut Vec<Finding>) -> Option<Typed<T>> {
    match serde_path_to_error::deserialize(&document.value) {
        Ok(decl) => Some(Typed { decl, document }),
        Err(error) => {
            let mut path = Vec::new();
            for segment in error.path().iter() {
                match segment {
                    serde_path_to_error::Segment::Seq { index } => path.push(crate::source::Step::Index(*index)),
                    serde_path_to_error::Segment::Map { key } => path.push(crate::source::Step::Key(key.clone())),
                    _ => {}
                }
            }
            let place = document.place(&path);
            findings.push(Finding::new(Code::WrongType, error.inner().to_string(), place));
            None
        }
    }
}

fn insert<T: DeserializeOwned>(into: &mut BTreeMap<String, Typed<T>>, name: String, document: Document, findings: &mut Vec<Finding>) {
    if let Some(typed) = typed(document, findings) {
        into.insert(name, typed);
    }
}

/// The content hash of what the project means: its used files as values, so that comments and spacing do not count. How systems are
/// reached (addresses, credentials, pace) and where the journal is kept are operation, not meaning.
fn version(project: &Project, documents: &Documents) -> ConfigVersion {
    let mut hash = Sha256::new();
    let mut add = |name: &str, value: &Value| {
        hash.update(name.as_bytes());
        hash.update([0]);
        hash.update(value.to_string().as_bytes());
        hash.update([0]);
    };
    for file in used_files(project) {
        let Some(document) = documents.get(file.as_str()) else { continue };
        let mut value = document.value.clone();
        if file == "aftercall.toml"
            && let Some(root) = value.as_object_mut()
        {
            root.shift_remove("store");
            root.shift_remove("source");
            if let Some(connections) = root.get_mut("connection").and_then(Value::as_object_mut) {
                for connection in connections.values_mut().filter_map(Value::as_object_mut) {
                    for key in ["auth", "base_url", "limits"] {
                        connection.shift_remove(key);
                    }
                }
            }
        }
        add(&file, &value);
    }
    let digest = hash.finalize();
    ConfigVersion(digest.iter().take(8).map(|b| format!("{b:02x}")).collect())
}

/// Paths of every file that the project's meaning comes from, sorted: what must be kept to run a version again.
pub fn used_files(project: &Project) -> Vec<String> {
    let mut files: Vec<String> = vec!["aftercall.toml".to_owned()];
    for pipeline in &project.pipelines {
        files.push(pipeline.origin.file.to_string());
        files.push(pipeline.matching_file.to_string());
        files.extend(pipeline.writes.iter().map(|w| w.mapping_file.to_string()));
    }
    files.extend(project.connections.values().map(|c| c.connector.file.to_string()));
    files.extend(project.sources.keys().map(|name| format!("mappings/{name}/source.toml")));
    files.sort();
    files.dedup();
    files
}

pub(crate) fn arc(text: &str) -> Arc<str> {
    text.into()
}
