//! Which lines of a file differ between two texts, and which lines an entry or a table of TOML takes.
//!
//! Not for meaning: a line is text here.

use std::ops::Range;

/// Beyond so many cells of the table one large difference is taken for the whole of what lies between.
const MAX_CELLS: usize = 4_000_000;

/// Lines that differ. From 1; one of the two ranges may be empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hunk {
    /// Of the first text.
    pub old: Range<u32>,
    /// Of the second text.
    pub new: Range<u32>,
}

/// The differences between two texts, in order: the longest common sequence of lines is what stays.
pub fn hunks(old: &[&str], new: &[&str]) -> Vec<Hunk> {
    let start = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let rest = old.len().min(new.len()) - start;
    let end = old.iter().rev().zip(new.iter().rev()).take(rest).take_while(|(a, b)| a == b).count();
    let (a, b) = (&old[start..old.len() - end], &new[start..new.len() - end]);
    if a.is_empty() && b.is_empty() {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut push = |old: Range<usize>, new: Range<usize>| {
        if !old.is_empty() || !new.is_empty() {
            let line = |at: usize| u32::try_from(start + at + 1).unwrap_or(u32::MAX);
            found.push(Hunk { old: line(old.start)..line(old.end), new: line(new.start)..line(new.end) });
        }
    };
    if a.len() * b.len() > MAX_CELLS {
        push(0..a.len(), 0..b.len());
        return found;
    }
    // How long the common rest is from each pair on.
    let width = b.len() + 1;
    let mut common = vec![0_u32; (a.len() + 1) * width];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            let (down, right) = (common[(i + 1) * width + j], common[i * width + j + 1]);
            common[i * width + j] = if a[i] == b[j] { common[(i + 1) * width + j + 1] + 1 } else { down.max(right) };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut from = (0, 0);
    while i < a.len() && j < b.len() {
        if a[i] == b[j] {
            push(from.0..i, from.1..j);
            (i, j) = (i + 1, j + 1);
            from = (i, j);
        } else if common[(i + 1) * width + j] >= common[i * width + j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    push(from.0..a.len(), from.1..b.len());
    found
}

/// Whether a line says something: a comment and an empty line do not.
pub(super) fn says_something(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with('#')
}

/// The name in a table's header, such as `write` of `[[write]]`.
fn header(line: &str) -> Option<&str> {
    let inside = line.strip_prefix("[[").or_else(|| line.strip_prefix('['))?;
    let name = inside.split(']').next()?.trim();
    (!name.is_empty() && !name.starts_with('"') && name.chars().all(|c| c.is_alphanumeric() || "_-.\"'".contains(c))).then_some(name)
}

/// Whether a line begins an entry at the top of a table: `key = ...`.
fn begins_entry(line: &str) -> bool {
    let Some((key, _)) = line.split_once('=') else { return false };
    let key = key.trim_end();
    !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || "_-.\"'".contains(c))
}

fn at(lines: &[&str], line: u32) -> usize {
    (line as usize).saturating_sub(1).min(lines.len())
}

fn range(from: usize, to: usize) -> Range<u32> {
    u32::try_from(from + 1).unwrap_or(u32::MAX)..u32::try_from(to + 1).unwrap_or(u32::MAX)
}

/// The lines of the entry that stands at a line: to the next entry, or all of a table where the line is its header.
pub(super) fn entry(lines: &[&str], line: u32) -> Range<u32> {
    let from = at(lines, line);
    if lines.get(from).is_some_and(|line| header(line).is_some()) {
        return section(lines, line);
    }
    let ends = |line: &&str| header(line).is_some() || begins_entry(line);
    let to = lines.iter().skip(from + 1).position(ends).map_or(lines.len(), |more| from + 1 + more);
    range(from, to)
}

/// The lines of the table that a line stands in, with the tables inside of it.
pub(super) fn section(lines: &[&str], line: u32) -> Range<u32> {
    let mut from = at(lines, line).min(lines.len().saturating_sub(1));
    while from > 0 && lines.get(from).is_none_or(|line| header(line).is_none()) {
        from -= 1;
    }
    let name = lines.get(from).and_then(|line| header(line)).unwrap_or_default();
    let inside = format!("{name}.");
    let ends = |line: &&str| header(line).is_some_and(|other| !other.starts_with(&inside));
    let to = lines.iter().skip(from + 1).position(ends).map_or(lines.len(), |more| from + 1 + more);
    range(from, to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(old: &str, new: &str, expected: &[(Range<u32>, Range<u32>)]) {
        let lines = |text: &'static str| text.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>();
        let (old, new) = (lines(old.to_owned().leak()), lines(new.to_owned().leak()));
        let found: Vec<_> = hunks(&old, &new).into_iter().map(|hunk| (hunk.old, hunk.new)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn what_differs() {
        check("a b c", "a b c", &[]);
        check("a b c", "a x c", &[(2..3, 2..3)]);
        check("a b c", "a c", &[(2..3, 2..2)]);
        check("a c", "a b c", &[(2..2, 2..3)]);
        check("a b c d e", "a x c e f", &[(2..3, 2..3), (4..5, 4..4), (6..6, 5..6)]);
        check("", "a", &[(1..1, 1..2)]);
    }

    #[test]
    fn what_belongs_together() {
        let text = "name = 1\n[[write]]\nid = 2\nwhen = \"\"\"\n[not a table\n\"\"\"\n[write.fields.X]\nvalue = 3\n\n[[write]]\nid = 4";
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!((entry(&lines, 3), entry(&lines, 4), entry(&lines, 7)), (3..4, 4..7, 7..10));
        assert_eq!((section(&lines, 3), section(&lines, 2), section(&lines, 8)), (2..10, 2..10, 7..10));
        assert_eq!((section(&lines, 11), entry(&lines, 1)), (10..12, 1..2));
    }
}
