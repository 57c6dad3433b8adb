//! From disk to text: a project's files over those that ship inside the binary.
//!
//! Not for meaning: that is `aftercall_config::resolve`.

mod revision;
mod stamps;

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use aftercall_config::finding::{Code, Finding, Place};
use aftercall_config::lock::is_lock;
use aftercall_config::resolve::{self, Known, Loaded};
use aftercall_config::source::{Document, Files};
use include_dir::{Dir, include_dir};

pub use revision::{Revision, RevisionError, revision};
pub use stamps::{Stamps, files_again};

static MAPPINGS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../mappings");
static EXAMPLES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../examples");
static CODES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../schema/codes");

/// The largest TOML file that is read, in bytes. A config of this size is a mistake.
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;
/// The most files that are read: a guard against being pointed at a whole disk.
const MAX_FILES: usize = 100_000;

/// The folders that hold a project's files, at any depth.
pub(crate) const WATCHED: [&str; 2] = ["pipelines", "mappings"];

/// The files that ship: `mappings/...`.
pub fn shipped() -> Files {
    static SHIPPED: LazyLock<Files> = LazyLock::new(|| {
        let mut files = Files::new();
        collect(&MAPPINGS, "mappings", &mut |path, text| files.insert(path, text));
        files
    });
    SHIPPED.clone()
}

/// The files of an example that ships: path below the example → bytes.
pub fn example(name: &str) -> Vec<(String, &'static [u8])> {
    let mut out = Vec::new();
    if let Some(dir) = EXAMPLES.get_dir(name) {
        walk(dir, &mut |file| {
            let path = file.path().strip_prefix(name).unwrap_or(file.path());
            out.push((path.to_string_lossy().replace('\\', "/"), file.contents()));
        });
    }
    out
}

/// All JSON Schemas that are published, as files: path below `schema/` → text.
pub fn schemas() -> Vec<(String, String)> {
    let mut files = aftercall_config::schema::files();
    files.push(aftercall_config::schema::file_of::<aftercall_plan::document::PlanDocument>("plan"));
    files.push(aftercall_config::schema::file_of::<aftercall_plan::revert::RevertDocument>("revert"));
    files.push(aftercall_config::schema::file_of::<aftercall_plan::route::RouteDocument>("route"));
    files.push(aftercall_config::schema::file_of::<aftercall_plan::route::LoadDocument>("route-load"));
    files
}

/// The page of a finding's code.
pub fn code_page(code: &str) -> Option<&'static str> {
    CODES.get_file(format!("{code}.md"))?.contents_utf8()
}

fn walk(dir: &'static Dir<'static>, each: &mut impl FnMut(&'static include_dir::File<'static>)) {
    dir.files().for_each(&mut *each);
    dir.dirs().for_each(|d| walk(d, each));
}

fn collect(dir: &'static Dir<'static>, prefix: &str, each: &mut impl FnMut(String, &'static str)) {
    walk(dir, &mut |file| {
        if let Some(text) = file.contents_utf8().filter(|_| file.path().extension().is_some_and(|e| e == "toml")) {
            each(format!("{prefix}/{}", file.path().to_string_lossy().replace('\\', "/")), text);
        }
    });
}

/// Reads a project's files over the shipped ones. What cannot be read is a finding.
pub fn files(root: &Path) -> (Files, Vec<Finding>) {
    read_files(root, &mut stamps::Reading::after(&Stamps::default()))
}

fn read_files(root: &Path, reading: &mut stamps::Reading) -> (Files, Vec<Finding>) {
    let mut files = shipped();
    let mut findings = Vec::new();
    let mut paths = written(root, &mut findings);
    paths.extend(locks(root));
    for (name, path) in paths {
        put(&mut files, &mut findings, name, &path, reading);
    }
    (files, findings)
}

/// Reads one file into a reading of all of them.
fn put(files: &mut Files, findings: &mut Vec<Finding>, name: String, path: &Path, reading: &mut stamps::Reading) {
    match text(&name, path, reading) {
        Ok(text) => files.insert(name, text),
        Err(message) => {
            // An unreadable file of the project must not let the shipped one stand in for it unseen.
            files.insert(name.as_str(), "");
            findings.push(Finding::new(Code::Unreadable, message, Place::file(&name)));
        }
    }
}

/// The text of one file. Errors: why it cannot be read, as a sentence.
fn text(name: &str, path: &Path, reading: &mut stamps::Reading) -> Result<Arc<str>, String> {
    let unreadable = |error: std::io::Error| format!("this file cannot be read: {error}");
    let found = std::fs::metadata(path).map_err(unreadable)?;
    if found.len() > MAX_FILE_BYTES {
        return Err(format!("this file has {} bytes; a config has at most {MAX_FILE_BYTES}", found.len()));
    }
    if let Some(text) = reading.same(name, &found) {
        return Ok(text);
    }
    let bytes = std::fs::read(path).map_err(unreadable)?;
    let text = std::str::from_utf8(&bytes).map_err(|e| format!("this file is not UTF-8 (byte {})", e.valid_up_to()))?;
    // A byte order mark is what some editors put in front.
    let text: Arc<str> = text.strip_prefix('\u{feff}').unwrap_or(text).into();
    reading.read(name, &found, &text);
    Ok(text)
}

/// Reads one path of a project again, into an earlier reading of all of it. `None` where the path alone does not tell what has changed: a
/// folder came or went, or a link now leads elsewhere. What is no file of the project changes nothing.
pub(crate) fn file_again(root: &Path, path: &Path, files: &mut Files, findings: &mut Vec<Finding>) -> Option<()> {
    let steps: Option<Vec<&str>> = path.components().map(|step| step.as_os_str().to_str()).collect();
    let steps = steps.filter(|steps| !steps.is_empty())?;
    // A mount is swapped by a link of such a name.
    if steps.iter().any(|step| step.starts_with("..")) {
        return None;
    }
    let name = steps.join("/");
    let found = std::fs::symlink_metadata(root.join(path)).ok();
    if files.has_folder(&name) || found.as_ref().is_some_and(|found| !found.is_file()) {
        return None;
    }
    let listed = match steps[..] {
        [file] => file == "aftercall.toml",
        [folder, ..] => WATCHED.contains(&folder) && name.ends_with(".toml") && !steps.iter().any(|step| step.starts_with('.')),
        [] => false,
    };
    if !listed {
        return Some(());
    }
    // Links to folders are not followed.
    let mut folder = root.to_owned();
    for step in &steps[..steps.len() - 1] {
        folder.push(step);
        if !std::fs::symlink_metadata(&folder).ok()?.is_dir() {
            return None;
        }
    }
    findings.retain(|finding| *finding.at.file != *name);
    if found.is_none() {
        files.remove(&name);
        if let Some(text) = shipped().get(&name) {
            files.insert(name, text.clone());
        }
        return Some(());
    }
    put(files, findings, name, &root.join(path), &mut stamps::Reading::after(&Stamps::default()));
    Some(())
}

/// The TOML files of a project, by their names in it.
pub fn written(root: &Path, findings: &mut Vec<Finding>) -> Vec<(String, PathBuf)> {
    let mut paths: Vec<(String, PathBuf)> = Vec::new();
    if root.join("aftercall.toml").exists() {
        paths.push(("aftercall.toml".to_owned(), root.join("aftercall.toml")));
    }
    for folder in WATCHED {
        list(&root.join(folder), folder, &mut paths, findings);
    }
    tests(&root.join("tests"), &mut paths);
    paths
}

/// Config tests: the files right in the folder. What lies deeper is the project's own, such as calls and fixtures.
fn tests(dir: &Path, out: &mut Vec<(String, PathBuf)>) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    let mut names: Vec<String> = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    out.extend(names.into_iter().filter(|name| name.ends_with(".toml")).map(|name| (format!("tests/{name}"), dir.join(name))));
}

fn list(dir: &Path, prefix: &str, out: &mut Vec<(String, PathBuf)>, findings: &mut Vec<Finding>) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    let mut entries: Vec<_> = entries.flatten().collect();
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let file = entry.file_name();
        // What is hidden is not the project's: an editor's copies, and the real folder behind a mounted one.
        if file.to_string_lossy().starts_with('.') {
            continue;
        }
        let name = format!("{prefix}/{}", file.to_string_lossy());
        if out.len() >= MAX_FILES {
            findings.push(Finding::new(Code::Unreadable, format!("there are more than {MAX_FILES} files here"), Place::file(prefix)));
            return;
        }
        let path = entry.path();
        // Links to folders are not followed: a loop would never end.
        let is_dir = entry.file_type().is_ok_and(|t| t.is_dir());
        if is_dir {
            list(&path, &name, out, findings);
        } else if name.ends_with(".toml") {
            out.push((name, path));
        }
    }
}

/// The locks of a project: what its systems told of themselves.
fn locks(root: &Path) -> Vec<(String, PathBuf)> {
    let Ok(entries) = std::fs::read_dir(root.join("schema")) else { return Vec::new() };
    let named = entries.flatten().map(|entry| (format!("schema/{}", entry.file_name().to_string_lossy()), entry.path()));
    let mut locks: Vec<_> = named.filter(|(name, path)| is_lock(name) && path.is_file()).collect();
    locks.sort();
    locks
}

/// A project's files without its locks: what is not held against what its systems once told.
pub fn without_locks(files: &Files) -> Files {
    files.iter().filter(|(path, _)| !is_lock(path)).fold(Files::new(), |all, (path, text)| all.with(path, text.clone()))
}

/// Reads and loads a project.
pub fn project(root: &Path) -> (Loaded, Files) {
    let (files, findings) = files(root);
    (loaded(&files, findings), files)
}

/// Loads a project from files that were read; `unread` is what could not be.
pub fn loaded(files: &Files, unread: Vec<Finding>) -> Loaded {
    read(files, unread, &mut known())
}

/// Nothing that is known from earlier loads, and as many threads to load by as there are cores.
pub fn known() -> Known {
    Known::on(std::thread::available_parallelism().map_or(1, usize::from))
}

/// Loads a project from files that were read, going by what is known from earlier loads; `unread` is what could not be read.
pub fn read(files: &Files, unread: Vec<Finding>, known: &mut Known) -> Loaded {
    with_findings(resolve::load_again(files, known), unread)
}

/// What was loaded, with the files that could not be read.
fn with_findings(mut loaded: Loaded, mut unread: Vec<Finding>) -> Loaded {
    if !unread.is_empty() {
        if unread.iter().any(|f| !resolve::is_test(&f.at.file)) {
            loaded.project = None;
        }
        // What an unreadable file lacks is not news.
        loaded.findings.retain(|f| !unread.iter().any(|u| u.at.file == f.at.file));
        unread.append(&mut loaded.findings);
        loaded.findings = unread;
    }
    loaded
}

/// Where a project keeps its journal, also where the rest of it does not load: the calls must not be hidden from whoever mends it.
pub fn journal_path(root: &Path) -> PathBuf {
    let text = std::fs::read_to_string(root.join("aftercall.toml")).unwrap_or_default();
    let document = Document::parse("aftercall.toml", &text.into(), &mut Vec::new());
    let url = document.value.pointer("/store/url").and_then(|url| url.as_str());
    root.join(url.and_then(|url| url.strip_prefix("sqlite:")).filter(|path| !path.is_empty()).unwrap_or("state/aftercall.db"))
}

/// A source that ships, for reading files of calls in a project that does not take them in over HTTP.
pub fn shipped_source(name: &str) -> Option<std::sync::Arc<aftercall_config::project::Source>> {
    let files = shipped().with(
        "aftercall.toml",
        format!("name = \"files\"\ntimezone = \"UTC\"\nphone_region = \"US\"\n[source.{name}]\nallow_unsigned = true\n"),
    );
    resolve::load(&files).project?.sources.get(name).cloned()
}
