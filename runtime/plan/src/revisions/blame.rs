//! The line that causes a difference: among those that differ between two revisions, the nearest one to what asked.
//!
//! A heuristic over text, for people: where several lines changed together, it names the one that most likely counts.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use aftercall_config::project::{Origin, Project};
use aftercall_config::source::Files;

use super::lines::{Hunk, entry, hunks, says_something, section};

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Revision {
    /// The first: what went.
    Old,
    /// The second.
    New,
}

/// A line that causes differences.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cause {
    /// In which revision it stands.
    pub revision: Revision,
    /// The line.
    pub origin: Origin,
    /// Its text, without the spaces around it.
    pub text: String,
}

/// One file in both revisions.
#[derive(Default)]
struct Pair {
    old: Vec<String>,
    new: Vec<String>,
    hunks: Vec<Hunk>,
}

/// Everything that differs between the texts of two revisions.
pub struct Blame {
    files: BTreeMap<Arc<str>, Pair>,
}

impl Blame {
    /// Compares the files that the meaning of either revision comes from.
    pub fn new(old: (&Project, &Files), new: (&Project, &Files)) -> Self {
        let names: BTreeSet<Arc<str>> = old.0.files.iter().chain(&*new.0.files).cloned().collect();
        let lines = |files: &Files, name: &str| -> Vec<String> {
            files.get(name).map(|text| text.lines().map(str::to_owned).collect()).unwrap_or_default()
        };
        let pair = |name: &str| {
            let (old, new) = (lines(old.1, name), lines(new.1, name));
            let hunks = hunks(&borrowed(&old), &borrowed(&new));
            Pair { old, new, hunks }
        };
        Self { files: names.into_iter().map(|name| (name.clone(), pair(&name))).collect() }
    }

    /// Whether the text of a file is the same in both.
    pub fn is_same(&self, file: &str) -> bool {
        self.files.get(file).is_none_or(|pair| pair.hunks.is_empty())
    }

    /// The text of the entry that a line begins.
    pub(super) fn entry_text(&self, revision: Revision, origin: &Origin) -> String {
        let Some(lines) = self.lines(revision, &origin.file) else { return String::new() };
        let range = entry(&borrowed(lines), origin.line);
        lines[range.start as usize - 1..range.end as usize - 1].join("\n")
    }

    /// What changed in the entries that these lines begin; of a file that only one revision has, nothing.
    pub(super) fn in_entry(&self, old: Option<&Origin>, new: Option<&Origin>) -> Option<Cause> {
        self.within(old, new, entry)
    }

    /// What changed in the tables that these lines stand in.
    pub(super) fn in_section(&self, old: Option<&Origin>, new: Option<&Origin>) -> Option<Cause> {
        self.within(old, new, section)
    }

    fn within(&self, old: Option<&Origin>, new: Option<&Origin>, extent: fn(&[&str], u32) -> Range<u32>) -> Option<Cause> {
        let side = |revision, origin: Option<&Origin>| {
            let origin = origin?;
            let pair = self.files.get(&origin.file).filter(|pair| !pair.old.is_empty() && !pair.new.is_empty())?;
            let lines = if revision == Revision::Old { &pair.old } else { &pair.new };
            self.first(&origin.file, revision, &extent(&borrowed(lines), origin.line))
        };
        side(Revision::New, new).or_else(|| side(Revision::Old, old))
    }

    /// What changed in a file: the first line of the second revision, else the first that went.
    pub(super) fn in_file(&self, file: &str) -> Option<Cause> {
        let all = 0..u32::MAX;
        self.first(file, Revision::New, &all).or_else(|| self.first(file, Revision::Old, &all))
    }

    /// What changed anywhere.
    pub(super) fn anywhere(&self) -> Option<Cause> {
        self.files.keys().find_map(|file| self.in_file(file))
    }

    /// A line as a cause, whether it changed or not.
    pub(super) fn line(&self, revision: Revision, origin: &Origin) -> Cause {
        let text = self.lines(revision, &origin.file).and_then(|lines| lines.get(origin.line as usize - 1));
        Cause { revision, origin: origin.clone(), text: text.map(|line| line.trim().to_owned()).unwrap_or_default() }
    }

    fn lines(&self, revision: Revision, file: &str) -> Option<&Vec<String>> {
        let pair = self.files.get(file)?;
        Some(if revision == Revision::Old { &pair.old } else { &pair.new })
    }

    /// The first changed line of a revision in a range that says something.
    fn first(&self, file: &str, revision: Revision, within: &Range<u32>) -> Option<Cause> {
        let (name, pair) = self.files.get_key_value(file)?;
        let lines = if revision == Revision::Old { &pair.old } else { &pair.new };
        let of = |hunk: &Hunk| if revision == Revision::Old { hunk.old.clone() } else { hunk.new.clone() };
        let changed = pair.hunks.iter().flat_map(of).filter(|line| within.contains(line));
        let mut said = changed.filter(|line| lines.get(*line as usize - 1).is_some_and(|line| says_something(line)));
        said.next().map(|line| self.line(revision, &Origin { file: name.clone(), line }))
    }
}

fn borrowed(lines: &[String]) -> Vec<&str> {
    lines.iter().map(String::as_str).collect()
}
