//! A project as it stands in a git revision: read by calling `git`, without touching the working tree.
//!
//! Not for meaning, and not for what two revisions differ in.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use aftercall_config::finding::{Code, Finding, Place};
use aftercall_config::resolve::{self, Loaded};
use aftercall_config::source::Files;

use super::{MAX_FILE_BYTES, shipped};

/// A project of a revision.
pub struct Revision {
    /// The commit, abbreviated.
    pub commit: String,
    /// The project with its findings.
    pub loaded: Loaded,
    /// Its files over those that ship.
    pub files: Files,
}

/// A revision cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RevisionError {
    /// There is no git.
    #[error("git cannot be started ({0}); revisions are read by calling it: install it, or put it on the PATH")]
    NoGit(std::io::Error),
    /// The project is not kept in git.
    #[error("{folder} is in no git repository ({said}); `git init` and a commit make one, and --project names another folder")]
    NoRepository {
        /// The project's folder.
        folder: String,
        /// What git said.
        said: String,
    },
    /// No such revision.
    #[error("git knows no revision `{name}` here{near}; a branch, a tag or a commit is one, and in a shallow clone only what was fetched")]
    Unknown {
        /// As it was asked for.
        name: String,
        /// Names that are near, as a clause.
        near: String,
    },
    /// The revision has no project where the project is now.
    #[error("revision `{name}` has no {path}: the project was not there yet, or in another folder")]
    NoProject {
        /// As it was asked for.
        name: String,
        /// The file that is missing, from the repository's root.
        path: String,
    },
    /// git failed otherwise.
    #[error("git failed while {doing}: {said}")]
    Git {
        /// What it was asked for.
        doing: &'static str,
        /// What it said.
        said: String,
    },
}

/// Reads a project of a revision. `root` is the project's folder now, which may lie deep in a repository; the same folder is read there.
///
/// Errors: see [`RevisionError`]. What is wrong with the project itself is a finding.
pub fn revision(root: &Path, name: &str) -> Result<Revision, RevisionError> {
    let prefix = git(root, "looking for the repository", &["rev-parse", "--show-prefix"], b"").map_err(|error| match error {
        RevisionError::Git { said, .. } => RevisionError::NoRepository { folder: root.display().to_string(), said },
        other => other,
    })?;
    let prefix = String::from_utf8_lossy(&prefix).trim_end_matches('\n').to_owned();
    let wanted = format!("{name}^{{commit}}");
    // Quiet: an unknown one has its own words here.
    let commit = match git(root, "looking for a revision", &["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted], b"") {
        Ok(commit) if !name.starts_with('-') => String::from_utf8_lossy(&commit).trim().to_owned(),
        Ok(_) | Err(RevisionError::Git { .. }) => return Err(RevisionError::Unknown { name: name.to_owned(), near: near(root, name) }),
        Err(other) => return Err(other),
    };
    let list = git(root, "listing its files", &["ls-tree", "-r", "-z", &commit, "--", "aftercall.toml", "pipelines", "mappings"], b"")?;
    let entries: Vec<Entry> = list.split(|byte| *byte == 0).filter_map(Entry::read).collect();
    if !entries.iter().any(|entry| entry.path == "aftercall.toml") {
        return Err(RevisionError::NoProject { name: name.to_owned(), path: format!("{prefix}aftercall.toml") });
    }
    let ids: String = entries.iter().map(|entry| format!("{}\n", entry.id)).collect();
    let batch = git(root, "reading its files", &["cat-file", "--batch"], ids.as_bytes())?;
    let bodies = bodies(&batch, entries.len());
    let mut files = shipped();
    let mut findings = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        let message = match bodies.get(at) {
            _ if entry.is_link => "this file is a link: where it leads is not part of the revision".to_owned(),
            Some(bytes) if bytes.len() as u64 > MAX_FILE_BYTES => {
                format!("this file has {} bytes; a config has at most {MAX_FILE_BYTES}", bytes.len())
            }
            Some(bytes) => {
                findings.extend(files.insert_bytes(&entry.path, bytes));
                continue;
            }
            None => "this file cannot be read: git does not have it".to_owned(),
        };
        files.insert(entry.path.clone(), "");
        findings.push(Finding::new(Code::Unreadable, message, Place::file(&entry.path)));
    }
    let loaded = super::with_findings(resolve::load(&files), findings);
    Ok(Revision { commit: commit.chars().take(10).collect(), loaded, files })
}

/// A file of the tree.
struct Entry {
    id: String,
    path: String,
    is_link: bool,
}

impl Entry {
    /// Reads `MODE blob ID<tab>PATH`; the path counts from the project's folder. `None` for what is no TOML file.
    fn read(line: &[u8]) -> Option<Self> {
        let line = std::str::from_utf8(line).ok()?;
        let (head, path) = line.split_once('\t')?;
        let mut words = head.split(' ');
        let (mode, kind, id) = (words.next()?, words.next()?, words.next()?);
        let is_ours = kind == "blob" && path.ends_with(".toml");
        is_ours.then(|| Self { id: id.to_owned(), path: path.to_owned(), is_link: mode == "120000" })
    }
}

/// The contents in what `cat-file --batch` gives: a line `ID TYPE SIZE`, the bytes, a line break.
fn bodies(mut batch: &[u8], count: usize) -> Vec<&[u8]> {
    let mut found = Vec::with_capacity(count);
    while let Some(end) = batch.iter().position(|byte| *byte == b'\n') {
        let size = std::str::from_utf8(&batch[..end]).ok().and_then(|head| head.rsplit(' ').next()?.parse::<usize>().ok());
        let Some(body) = size.and_then(|size| batch.get(end + 1..end + 1 + size)) else { break };
        found.push(body);
        batch = batch.get(end + 2 + body.len()..).unwrap_or_default();
    }
    found
}

/// Branches and tags that are nearly the name.
fn near(root: &Path, name: &str) -> String {
    let Ok(list) = git(root, "listing branches", &["for-each-ref", "--format=%(refname:short)"], b"") else { return String::new() };
    let list = String::from_utf8_lossy(&list).into_owned();
    aftercall_config::finding::nearest(name, list.lines()).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
}

/// Runs git in the project's folder. Gives what it printed.
fn git(root: &Path, doing: &'static str, args: &[&str], input: &[u8]) -> Result<Vec<u8>, RevisionError> {
    let failed = |said: String| RevisionError::Git { doing, said };
    let mut child = Command::new("git")
        .arg("-C")
        .arg(root)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(RevisionError::NoGit)?;
    let (mut stdin, mut stderr) = (child.stdin.take(), child.stderr.take());
    let input = input.to_vec();
    // Each on its own: git writes its answers while it is still being asked.
    let asking = std::thread::spawn(move || stdin.take().is_none_or(|mut pipe| pipe.write_all(&input).is_ok()));
    let complaining = std::thread::spawn(move || {
        let mut said = String::new();
        let _ = stderr.take().map(|mut pipe| pipe.read_to_string(&mut said));
        said
    });
    let mut out = Vec::new();
    if let Some(mut pipe) = child.stdout.take() {
        pipe.read_to_end(&mut out).map_err(|error| failed(error.to_string()))?;
    }
    let status = child.wait().map_err(|error| failed(error.to_string()))?;
    let (asked, said) = (asking.join().unwrap_or(false), complaining.join().unwrap_or_default());
    if status.success() && asked {
        return Ok(out);
    }
    Err(failed(said.trim().lines().next().unwrap_or("it gave no reason").trim_start_matches("fatal: ").to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_gives() {
        let batch = b"aa blob 3\nx\ny\nbb blob 0\n\ncc missing\n";
        assert_eq!(bodies(batch, 3), [&b"x\ny"[..], b""]);
        assert!(Entry::read(b"100644 blob aa\tmappings/acme/contact.toml").is_some_and(|entry| !entry.is_link));
        assert!(Entry::read(b"160000 commit aa\tmappings/more").is_none());
        assert!(Entry::read(b"100644 blob aa\tmappings/README.md").is_none());
    }
}
