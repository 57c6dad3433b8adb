//! Two versions of a config, file by file and line by line: what went, what came, and some lines around it.

use std::collections::BTreeSet;

use aftercall_config::source::Files;
use aftercall_plan::revisions::hunks;
use schemars::JsonSchema;
use serde::Serialize;

/// Lines around a change.
const AROUND: u32 = 3;

/// A file that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct FileDiff {
    /// The file, from the project's folder.
    pub(crate) file: String,
    /// `changed`, `new` (only the second version has it) or `gone` (only the first).
    pub(crate) state: String,
    /// Lines that came.
    pub(crate) added: usize,
    /// Lines that went.
    pub(crate) removed: usize,
    /// Places that changed, each with some lines around it.
    pub(crate) places: Vec<Vec<LineDiff>>,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct LineDiff {
    /// Its number in the first version, from 1; absent for one that came.
    pub(crate) old: Option<u32>,
    /// Its number in the second version; absent for one that went.
    pub(crate) new: Option<u32>,
    /// Its text.
    pub(crate) text: String,
}

/// The files that differ, by name.
pub(crate) fn of(old: &Files, new: &Files) -> Vec<FileDiff> {
    let names: BTreeSet<&str> = old.iter().chain(new.iter()).map(|(path, _)| path).collect();
    names.into_iter().filter_map(|name| file(name, old.get(name).map(|text| &**text), new.get(name).map(|text| &**text))).collect()
}

fn file(name: &str, old: Option<&str>, new: Option<&str>) -> Option<FileDiff> {
    let state = match (old, new) {
        (None, Some(_)) => "new",
        (Some(_), None) => "gone",
        _ => "changed",
    };
    let (old, new): (Vec<&str>, Vec<&str>) = (old.unwrap_or_default().lines().collect(), new.unwrap_or_default().lines().collect());
    let found = hunks(&old, &new);
    if found.is_empty() && state == "changed" {
        return None;
    }
    let text = |lines: &[&str], number: u32| lines.get(number as usize - 1).copied().unwrap_or_default().to_owned();
    let last = u32::try_from(old.len()).unwrap_or(u32::MAX);
    let mut places: Vec<Vec<LineDiff>> = Vec::new();
    // The next line of the first version that is not told yet.
    let mut next = 1;
    for (at, hunk) in found.iter().enumerate() {
        let same = |from: u32, to: u32| {
            (from..to).map(|number| {
                // Counted from this change: what stands before it is as long in both.
                let in_new = hunk.new.start - (hunk.old.start - number);
                LineDiff { old: Some(number), new: Some(in_new), text: text(&old, number) }
            })
        };
        let from = hunk.old.start.saturating_sub(AROUND).max(next);
        if at == 0 || from > next {
            places.push(Vec::new());
        }
        let Some(place) = places.last_mut() else { continue };
        place.extend(same(from, hunk.old.start));
        place.extend(hunk.old.clone().map(|number| LineDiff { old: Some(number), new: None, text: text(&old, number) }));
        place.extend(hunk.new.clone().map(|number| LineDiff { old: None, new: Some(number), text: text(&new, number) }));
        let until = found.get(at + 1).map_or(last + 1, |following| following.old.start).min(hunk.old.end.saturating_add(AROUND));
        place.extend((hunk.old.end..until).map(|number| LineDiff {
            old: Some(number),
            new: Some(hunk.new.end + (number - hunk.old.end)),
            text: text(&old, number),
        }));
        next = until;
    }
    let count = |range: fn(&aftercall_plan::revisions::Hunk) -> usize| found.iter().map(range).sum();
    Some(FileDiff {
        file: name.to_owned(),
        state: state.to_owned(),
        added: count(|hunk| hunk.new.len()),
        removed: count(|hunk| hunk.old.len()),
        places,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As people write it.
    fn unified(old: &str, new: &str) -> String {
        let Some(found) = file("a.toml", Some(old), Some(new)) else { return String::new() };
        let line = |line: &LineDiff| match (line.old, line.new) {
            (Some(old), Some(new)) => format!(" {old},{new} {}\n", line.text),
            (Some(old), None) => format!("-{old} {}\n", line.text),
            (_, new) => format!("+{} {}\n", new.unwrap_or_default(), line.text),
        };
        found.places.iter().map(|place| place.iter().map(line).collect::<String>()).collect::<Vec<_>>().join("...\n")
    }

    #[test]
    fn each_line_stands_once_with_its_numbers() {
        let old = "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\nl\nm\n";
        let new = "a\nB\nc\nd\ne\nf\ng\nh\ni\nj\nk\nx\nl\nm\n";
        let expected = " 1,1 a\n-2 b\n+2 B\n 3,3 c\n 4,4 d\n 5,5 e\n...\n 9,9 i\n 10,10 j\n 11,11 k\n+12 x\n 12,13 l\n 13,14 m\n";
        assert_eq!(unified(old, new), expected);
        // Changes that lie near each other are one place.
        assert_eq!(unified("a\nb\nc\nd\n", "a\nB\nc\nD\n"), " 1,1 a\n-2 b\n+2 B\n 3,3 c\n-4 d\n+4 D\n");
        assert_eq!(unified("a\n", "a\n"), "");
    }

    #[test]
    fn a_file_that_one_has_is_told_whole() {
        let new = Files::new().with("b.toml", "x = 1\ny = 2\n".to_owned());
        let found = of(&Files::new(), &new);
        assert_eq!((found.len(), found[0].state.as_str(), found[0].added, found[0].places[0].len()), (1, "new", 2, 2));
        assert_eq!(of(&new, &Files::new())[0].state, "gone");
    }
}
