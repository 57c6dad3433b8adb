//! Files as far as each can be understood by itself, and what is kept of them from one load to the next.
//!
//! Not for what a file means among the others: that is `project`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};

use serde::de::DeserializeOwned;

use super::project::Resolved;
use super::{Typed, Written, name_of, typed};
use crate::decl::{ConfigTestDecl, ConnectorDecl, MappingDecl, MatchDecl, PipelineDecl, ProjectDecl, SourceDecl, TableDecl};
use crate::finding::{Code, Documents, Finding, Place};
use crate::lock::{Lock, is_lock};
use crate::schema::{self, Kind, LeftOut};
use crate::source::{Document, Files};

/// So few files are read quicker by one.
const FEW: usize = 64;

/// What earlier loads understood. Whatever has another text, or depends on what has, is understood anew.
#[derive(Default)]
pub struct Known {
    pub(super) threads: usize,
    files: Files,
    pub(super) reads: BTreeMap<Arc<str>, Arc<Read>>,
    /// Those of them that have findings of their own, or left something out.
    pub(super) noted: BTreeMap<Arc<str>, Arc<Read>>,
    pub(super) written: Written,
    pub(super) documents: Arc<Documents>,
    pub(super) resolved: Resolved,
}

/// What is another since the load before. A large project is changed file by file: whoever goes by this does not go through all of it.
#[derive(Default)]
pub(super) struct Changed {
    /// Something that everything else stands on, or which mappings there are.
    pub(super) ground: bool,
    /// Names of pipelines that are new, others, or gone.
    pub(super) pipelines: BTreeSet<String>,
    /// Names of mappings that say something else.
    pub(super) mappings: BTreeSet<String>,
}

impl Changed {
    fn note(&mut self, path: &str, before: Option<&Read>, now: Option<&Read>) {
        let is_mapping = |read: Option<&Read>| read.is_some_and(|read| matches!(read.decl, Decl::Mapping(_)));
        let is_nothing = |read: Option<&Read>| read.is_none_or(|read| matches!(read.decl, Decl::Nothing));
        match Kind::of_path(path) {
            Some(Kind::Pipeline) => _ = self.pipelines.insert(name_of(path).to_owned()),
            Some(Kind::Mapping) if is_mapping(before) && is_mapping(now) => _ = self.mappings.insert(name_of(path).to_owned()),
            Some(Kind::ConfigTest) => {}
            _ if is_nothing(before) && is_nothing(now) => {}
            _ => self.ground = true,
        }
    }
}

/// One file by itself.
pub(super) struct Read {
    pub(super) findings: Vec<Finding>,
    /// Absent for a file that nothing looks at.
    pub(super) document: Option<Arc<Document>>,
    pub(super) left_out: Vec<LeftOut>,
    pub(super) decl: Decl,
    /// Of the content as the version counts it: SHA-256.
    pub(super) digest: OnceLock<[u8; 32]>,
}

/// What was declared.
pub(super) enum Decl {
    /// Nothing that a project is made of.
    Nothing,
    /// It has errors of its own: what refers to it is not to blame.
    Broken,
    Project(Arc<Typed<ProjectDecl>>),
    Pipeline(Arc<Typed<PipelineDecl>>),
    Mapping(Arc<Typed<MappingDecl>>),
    Connector(Arc<Typed<ConnectorDecl>>),
    Source(Arc<Typed<SourceDecl>>),
    Match(Arc<Typed<MatchDecl>>),
    MatchTable(Arc<Typed<TableDecl>>),
    Test(Arc<Typed<ConfigTestDecl>>),
    Lock(Arc<Lock>),
    /// A lock that cannot be read, and why.
    UnreadableLock(String),
}

impl Known {
    /// Nothing yet. `threads` may work at once where there is much to do.
    pub fn on(threads: usize) -> Self {
        Self { threads, ..Self::default() }
    }

    /// Reads what is not known yet, and forgets what is not there any more.
    pub(super) fn read(&mut self, files: &Files) -> Changed {
        let mut changed = Changed::default();
        let paths = files.changed(&self.files);
        if paths.is_empty() {
            return changed;
        }
        let new: Vec<(&Arc<str>, &Arc<str>)> = paths.iter().filter_map(|path| Some((path, files.get(path)?))).collect();
        let read = side_by_side(self.threads, &new, |(path, text)| Arc::new(Read::of(path, text)));
        let mut new: HashMap<&Arc<str>, Arc<Read>> = new.iter().map(|(path, _)| *path).zip(read).collect();
        // Nobody else has them any more, as a rule, and then they are not copied.
        let documents = Arc::make_mut(&mut self.documents);
        for path in &paths {
            let now = new.remove(path);
            let before = self.reads.remove(path);
            changed.note(path, before.as_deref(), now.as_deref());
            self.written.take(path);
            self.noted.remove(path);
            documents.remove(path);
            let Some(read) = now else { continue };
            self.written.put(path, &read.decl);
            if let Some(document) = &read.document {
                documents.insert(document.file.clone(), document.clone());
            }
            if !read.findings.is_empty() || !read.left_out.is_empty() {
                self.noted.insert(path.clone(), read.clone());
            }
            self.reads.insert(path.clone(), read);
        }
        self.files = files.clone();
        changed
    }
}

/// The results of `work` in the order of `items`, by so many threads where there is enough of it.
pub(super) fn side_by_side<I: Sync, O: Send>(threads: usize, items: &[I], work: impl Fn(&I) -> O + Sync) -> Vec<O> {
    if threads < 2 || items.len() < FEW {
        return items.iter().map(work).collect();
    }
    let work = &work;
    std::thread::scope(|scope| {
        let parts: Vec<_> = items
            .chunks(items.len().div_ceil(threads))
            .map(|part| scope.spawn(move || part.iter().map(work).collect::<Vec<O>>()))
            .collect();
        parts
            .into_iter()
            .flat_map(|part| match part.join() {
                Ok(done) => done,
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect()
    })
}

impl Read {
    fn of(path: &str, text: &Arc<str>) -> Self {
        let mut findings = Vec::new();
        let nothing = |findings| Self { findings, document: None, left_out: Vec::new(), decl: Decl::Nothing, digest: OnceLock::new() };
        if is_lock(path) {
            let decl = Lock::parse(text).map_or_else(Decl::UnreadableLock, |lock| Decl::Lock(Arc::new(lock)));
            return Self { decl, ..nothing(findings) };
        }
        let Some(kind) = Kind::of_path(path) else { return nothing(misplaced(path).into_iter().collect()) };
        let mut document = Document::parse(path, text, &mut findings);
        let fits = if document.is_broken() { None } else { schema::mend(kind, &mut document, &mut findings) };
        let document = Arc::new(document);
        let (left_out, decl) = match fits {
            None => (Vec::new(), Decl::Broken),
            Some(out) => {
                let decl = declared(kind, &document, &out, &mut findings);
                (out, decl)
            }
        };
        Self { findings, document: Some(document), left_out, decl, digest: OnceLock::new() }
    }
}

fn declared(kind: Kind, document: &Arc<Document>, out: &[LeftOut], findings: &mut Vec<Finding>) -> Decl {
    fn of<T: DeserializeOwned>(
        document: &Arc<Document>,
        out: &[LeftOut],
        findings: &mut Vec<Finding>,
        kind: fn(Arc<Typed<T>>) -> Decl,
    ) -> Decl {
        typed(document.clone(), out.to_vec(), findings).map_or(Decl::Broken, |typed| kind(Arc::new(typed)))
    }
    match kind {
        Kind::Project => of(document, out, findings, Decl::Project),
        Kind::Pipeline => of(document, out, findings, Decl::Pipeline),
        Kind::Mapping => of(document, out, findings, Decl::Mapping),
        Kind::Connector => of(document, out, findings, Decl::Connector),
        Kind::Source => of(document, out, findings, Decl::Source),
        Kind::Match => of(document, out, findings, Decl::Match),
        Kind::MatchTable => of(document, out, findings, Decl::MatchTable),
        Kind::ConfigTest => of(document, out, findings, Decl::Test),
        Kind::CallOutcome | Kind::CallerContext | Kind::Lock | Kind::Diff => Decl::Nothing,
    }
}

/// A TOML file below `mappings` that lies where nothing looks for it.
fn misplaced(path: &str) -> Option<Finding> {
    let name = path.strip_prefix("mappings/")?.strip_suffix(".toml")?;
    let finding = Finding::new(Code::WrongPlace, "a mapping lies in a folder of its own system", Place::file(path));
    Some(finding.help(format!("move it to `mappings/SYSTEM/{name}.toml`")))
}
