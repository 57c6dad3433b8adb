//! Files as far as each can be understood by itself, and what is kept of them from one load to the next.
//!
//! Not for what a file means among the others: that is `project`.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use serde::de::DeserializeOwned;

use super::project::Resolved;
use super::{Typed, typed};
use crate::decl::{ConfigTestDecl, ConnectorDecl, MappingDecl, MatchDecl, PipelineDecl, ProjectDecl, SourceDecl, TableDecl};
use crate::finding::{Code, Finding, Place};
use crate::lock::{Lock, is_lock};
use crate::schema::{self, Kind, LeftOut};
use crate::source::{Document, Files};

/// So few files are read quicker by one.
const FEW: usize = 64;

/// What earlier loads understood. Whatever has another text, or depends on what has, is understood anew.
#[derive(Default)]
pub struct Known {
    pub(super) threads: usize,
    pub(super) files: BTreeMap<String, Arc<Read>>,
    pub(super) resolved: Resolved,
}

/// One file by itself.
pub(super) struct Read {
    text: Arc<str>,
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
    pub(super) fn read(&mut self, files: &Files) {
        let mut now = BTreeMap::new();
        let mut new = Vec::new();
        for (path, text) in files.iter() {
            match self.files.get(path).filter(|read| Arc::ptr_eq(&read.text, text) || read.text == *text) {
                Some(read) => _ = now.insert(path.to_owned(), read.clone()),
                None => new.push((path, text)),
            }
        }
        let read = side_by_side(self.threads, &new, |(path, text)| Arc::new(Read::of(path, text)));
        now.extend(new.iter().map(|(path, _)| (*path).to_owned()).zip(read));
        self.files = now;
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
        let nothing = |findings| Self {
            text: text.clone(),
            findings,
            document: None,
            left_out: Vec::new(),
            decl: Decl::Nothing,
            digest: OnceLock::new(),
        };
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
        Self { text: text.clone(), findings, document: Some(document), left_out, decl, digest: OnceLock::new() }
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
