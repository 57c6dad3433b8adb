//! Story: whoever makes a mistake in a project is told what is wrong, where, and what to write instead.
//!
//! Each folder of `tests/fixtures/findings` is a project with mistakes, laid over the faultless one in `_base`. A complaint
//! stands in a comment below its offence, carets under the characters, then the code and some of what is said:
//!
//! ```toml
//! FirstName = "{{caller.frist_name}}"
//! #                     ^^^^^^^^^^ AC0203 did you mean `first_name`?
//! ```
//!
//! A `#` that touches its carets counts as one of them, for offences at the start of a line; hence a header with an offence right
//! behind its bracket is indented. `|` marks a place between two characters. Where a comment would change the file, the complaint stands in `findings.txt` beside it, as
//! `FILE:LINE:COLUMN-END CODE TEXT`; a line `without FILE` there leaves a file of the base out. `rendered.txt` is what a person
//! sees; `UPDATE=1` writes it anew.
//!
//! Not for what a check decides: those tests stand beside the checks.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use aftercall_config::finding::{Code, Finding, render};
use aftercall_config::lock::is_lock;
use aftercall_config::resolve::{self, Loaded};
use aftercall_config::source::{Document, Files};

/// A complaint: where, which, and what it says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Complaint {
    file: String,
    line: u32,
    /// Columns from 1, the second behind the last character.
    columns: (u32, u32),
    code: String,
    text: String,
}

impl Complaint {
    /// What `check` says of a finding. A span of several lines counts up to the end of its first, as it is shown.
    fn of(finding: &Finding, loaded: &Loaded) -> Self {
        let (line, columns) = match loaded.documents.get(&finding.at.file) {
            Some(document) => {
                let span = document.span(&finding.at);
                let first = document.text[span.clone()].lines().next().unwrap_or_default().len();
                let (line, start) = document.line_column(span.start);
                (line, (start, document.line_column(span.start + first).1))
            }
            None => (1, (1, 1)),
        };
        let help = finding.help.as_deref().map(|help| format!("; {}", help.replace('\n', "; "))).unwrap_or_default();
        let text = format!("{}{help}", finding.message);
        Self { file: finding.at.file.to_string(), line, columns, code: finding.code.as_str().to_owned(), text }
    }

    fn stands_where(&self, other: &Self) -> bool {
        (&self.file, self.line, self.columns, &self.code) == (&other.file, other.line, other.columns, &other.code)
    }

    /// The comment that would expect it.
    fn comment(&self) -> String {
        let (start, end) = self.columns;
        let width = end.saturating_sub(start).max(1) as usize;
        let mark = if start == end { "|".to_owned() } else { "^".repeat(width) };
        let mark = match start {
            1 if start == end => "#|".to_owned(),
            1 => format!("#{}", &mark[1..]),
            _ => format!("#{}{mark}", " ".repeat(start as usize - 2)),
        };
        format!("{mark} {} {}", self.code, self.text)
    }
}

impl std::fmt::Display for Complaint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}-{} {} {}", self.file, self.line, self.columns.0, self.columns.1, self.code, self.text)
    }
}

/// A folder of fixtures: the files that it lays over the base, and what is expected of them.
struct Fixture {
    name: String,
    folder: PathBuf,
    files: Vec<(String, Vec<u8>)>,
    without: Vec<String>,
    expected: Vec<Complaint>,
}

/// The root of the repository, wherever the tests are built.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().find(|dir| dir.join("tests/fixtures/findings").is_dir()).unwrap_or(here).to_owned()
}

fn files_below(folder: &Path, prefix: &str, out: &mut Vec<(String, Vec<u8>)>) {
    let mut entries: Vec<_> = fs::read_dir(folder).expect("the fixtures are there").flatten().collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            files_below(&entry.path(), &format!("{name}/"), out);
        } else if name.ends_with(".toml") || is_lock(&name) {
            out.push((name, fs::read(entry.path()).expect("a fixture can be read")));
        }
    }
}

/// Reads `#   ^^^^ AC0203 text`; `None` for any other line.
fn annotation(line: &str) -> Option<((u32, u32), String, String)> {
    let indent = line.chars().take_while(|c| c.is_whitespace()).count();
    let after = line.trim_start().strip_prefix('#')?;
    let space = after.chars().take_while(|c| *c == ' ').count();
    let marks = after.trim_start_matches(' ');
    let carets = marks.chars().take_while(|c| *c == '^').count();
    let between = carets == 0 && marks.starts_with('|');
    let (code, text) = marks[if between { 1 } else { carets }..].strip_prefix(' ')?.split_once(' ')?;
    if (carets == 0 && !between) || !code.starts_with("AC") {
        return None;
    }
    // A `#` that touches its carets counts as one of them.
    let touching = space == 0;
    let start = u32::try_from(indent + space + if touching { 1 } else { 2 }).ok()?;
    let width = if between { 0 } else { u32::try_from(carets + usize::from(touching)).ok()? };
    Some(((start, start + width), code.to_owned(), text.trim_end().to_owned()))
}

/// Reads `FILE:LINE:COLUMN-END CODE TEXT`.
fn entry(line: &str) -> Option<Complaint> {
    let (place, rest) = line.split_once(' ')?;
    let (code, text) = rest.split_once(' ')?;
    let (place, columns) = place.rsplit_once(':')?;
    let (file, number) = place.rsplit_once(':')?;
    let (start, end) = columns.split_once('-').unwrap_or((columns, columns));
    let columns = (start.parse().ok()?, end.parse().ok()?);
    Some(Complaint { file: file.to_owned(), line: number.parse().ok()?, columns, code: code.to_owned(), text: text.to_owned() })
}

impl Fixture {
    fn read(folder: &Path) -> Self {
        let mut fixture = Self {
            name: folder.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default(),
            folder: folder.to_owned(),
            files: Vec::new(),
            without: Vec::new(),
            expected: Vec::new(),
        };
        files_below(folder, "", &mut fixture.files);
        for (file, bytes) in &fixture.files {
            let mut offence = 0;
            for (number, line) in String::from_utf8_lossy(bytes).lines().enumerate() {
                let number = u32::try_from(number).expect("fixtures are short") + 1;
                match annotation(line) {
                    Some((columns, code, text)) => {
                        fixture.expected.push(Complaint { file: file.clone(), line: offence, columns, code, text });
                    }
                    None => offence = number,
                }
            }
        }
        let beside = fs::read_to_string(folder.join("findings.txt")).unwrap_or_default();
        for line in beside.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
            match line.strip_prefix("without ") {
                Some(file) => fixture.without.push(file.trim().to_owned()),
                None => {
                    fixture.expected.push(entry(line).unwrap_or_else(|| panic!("{}/findings.txt cannot be read: {line}", fixture.name)))
                }
            }
        }
        fixture.expected.sort();
        fixture
    }

    fn all() -> Vec<Self> {
        let mut folders: Vec<_> = fs::read_dir(root().join("tests/fixtures/findings")).expect("the fixtures are there").flatten().collect();
        folders.sort_by_key(fs::DirEntry::file_name);
        folders.iter().filter(|f| f.path().is_dir() && f.file_name() != "_base").map(|f| Self::read(&f.path())).collect()
    }

    /// The project over the base; `change` may alter the text of each file of the fixture.
    fn load(&self, change: impl Fn(&str) -> String) -> Loaded {
        let mut base = Vec::new();
        files_below(&root().join("tests/fixtures/findings/_base"), "", &mut base);
        let mut files = Files::new();
        let mut unreadable = Vec::new();
        for (file, bytes) in base.iter().filter(|(file, _)| !self.without.contains(file)).chain(&self.files) {
            match std::str::from_utf8(bytes) {
                Ok(text) => files.insert(file.clone(), change(text)),
                Err(_) => unreadable.extend(files.insert_bytes(file, bytes)),
            }
        }
        let mut loaded = resolve::load(&files);
        if !unreadable.is_empty() {
            // What an unreadable file lacks is not news.
            loaded.findings.retain(|f| !unreadable.iter().any(|u: &Finding| u.at.file == f.at.file));
            unreadable.append(&mut loaded.findings);
            loaded.findings = unreadable;
        }
        loaded
    }

    fn complaints(loaded: &Loaded) -> Vec<Complaint> {
        let mut found: Vec<Complaint> = loaded.findings.iter().map(|finding| Complaint::of(finding, loaded)).collect();
        found.sort();
        found
    }
}

/// What is missing, what was not expected, and what says something else; empty when all is as expected.
fn difference(expected: &[Complaint], found: &[Complaint]) -> String {
    let mut out = String::new();
    let mut rest: Vec<&Complaint> = found.iter().collect();
    for wanted in expected {
        let same_place = |c: &&Complaint| c.stands_where(wanted);
        if let Some(at) = rest.iter().position(|c| same_place(c) && c.text.contains(&wanted.text)) {
            rest.remove(at);
        } else if let Some(at) = rest.iter().position(same_place) {
            let _ = writeln!(out, "  says else  {wanted}\n         it is {}", rest.remove(at).text);
        } else {
            let _ = writeln!(out, "  missing    {wanted}");
        }
    }
    for extra in rest {
        let _ = writeln!(out, "  unexpected {extra}\n{}", extra.comment());
    }
    out
}

#[test]
fn every_mistake_is_told_where_it_is() {
    let mut failed = String::new();
    let fixtures = Fixture::all();
    for fixture in &fixtures {
        let difference = difference(&fixture.expected, &Fixture::complaints(&fixture.load(str::to_owned)));
        if fixture.expected.is_empty() {
            let _ = writeln!(failed, "{}\n  expects nothing", fixture.name);
        }
        if !difference.is_empty() {
            let _ = writeln!(failed, "{}\n{difference}", fixture.name);
        }
    }
    assert!(failed.is_empty(), "what is said differs from the comments:\n\n{failed}");
    let mistakes: usize = fixtures.iter().map(|f| f.expected.len()).sum();
    assert!(mistakes >= 60, "{mistakes} mistakes are too few to learn from");
}

#[test]
fn the_base_is_faultless() {
    let base = Fixture::read(&root().join("tests/fixtures/findings/_base"));
    let loaded = base.load(str::to_owned);
    assert_eq!(difference(&[], &Fixture::complaints(&loaded)), "");
    assert!(loaded.project.is_some());
}

/// A file that was written on another system has its mistakes on the same lines and columns.
#[test]
fn line_ends_do_not_move_a_complaint() {
    for fixture in Fixture::all() {
        let plain = Fixture::complaints(&fixture.load(str::to_owned));
        let other = Fixture::complaints(&fixture.load(|text| text.replace('\n', "\r\n")));
        assert_eq!(difference(&plain, &other), "", "{} with CRLF", fixture.name);
    }
}

/// One slip is one complaint: nothing is said twice.
#[test]
fn nothing_is_said_twice() {
    for fixture in Fixture::all() {
        let mut found = Fixture::complaints(&fixture.load(str::to_owned));
        let before = found.len();
        found.dedup();
        assert_eq!(found.len(), before, "{}", fixture.name);
    }
}

#[test]
fn every_code_has_a_page_and_a_fixture() {
    let shown: Vec<String> = Fixture::all().into_iter().flat_map(|f| f.expected).map(|c| c.code).collect();
    let mut failed = String::new();
    for code in Code::ALL.iter().map(|code| code.as_str()) {
        if !shown.iter().any(|other| other == code) {
            let _ = writeln!(failed, "{code} has no fixture");
        }
        let page = fs::read_to_string(root().join(format!("schema/codes/{code}.md"))).unwrap_or_default();
        let lines = page.lines().count();
        if !page.starts_with(&format!("# {code}: ")) {
            let _ = writeln!(failed, "schema/codes/{code}.md lacks its title, `# {code}: ...`");
        } else if !(10..=25).contains(&lines) || page.matches("```toml").count() < 2 {
            let _ = writeln!(failed, "schema/codes/{code}.md has {lines} lines; it takes 10 to 25, with a wrong and a right example");
        }
        for (index, example) in page.split("```toml\n").skip(1).enumerate() {
            let mut findings = Vec::new();
            Document::parse("example.toml", &example.split("```").next().unwrap_or_default().into(), &mut findings);
            // The wrong example of a page about TOML itself is the only one that is none.
            if findings.is_empty() == (index == 0 && ["AC0101", "AC0102"].contains(&code)) {
                let _ = writeln!(failed, "schema/codes/{code}.md: example {} reads otherwise than it should: {findings:?}", index + 1);
            }
        }
    }
    let pages = fs::read_dir(root().join("schema/codes")).expect("the pages are there").flatten();
    for name in pages.map(|page| page.file_name().to_string_lossy().into_owned()).filter(|name| name.ends_with(".md")) {
        if !Code::ALL.iter().any(|code| name == format!("{}.md", code.as_str())) {
            let _ = writeln!(failed, "schema/codes/{name} is about no code");
        }
    }
    assert!(failed.is_empty(), "{failed}");
}

/// Findings as a person sees them.
#[test]
fn complaints_are_drawn() {
    let mut drawn = 0;
    for fixture in Fixture::all() {
        let golden = fixture.folder.join("rendered.txt");
        if !golden.exists() {
            continue;
        }
        drawn += 1;
        let loaded = fixture.load(str::to_owned);
        let text = render(&loaded.findings, &loaded.documents, false);
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&golden, &text).expect("the golden file can be written");
        }
        let stored = fs::read_to_string(&golden).expect("the golden file can be read").replace("\r\n", "\n");
        assert_eq!(text, stored, "{}: UPDATE=1 writes {} anew", fixture.name, golden.display());
    }
    assert!(drawn >= 5, "{drawn} drawn fixtures are too few");
}

/// What may be a secret is neither in the excerpt nor in the words.
#[test]
fn secrets_are_not_repeated() {
    for fixture in Fixture::all().iter().filter(|f| f.name.starts_with("secrets-")) {
        let loaded = fixture.load(str::to_owned);
        let text = render(&loaded.findings, &loaded.documents, true);
        assert!(!text.is_empty());
        assert!(!text.contains("hunter2") && !text.contains("s3cr3t"), "{}\n{text}", fixture.name);
    }
}
