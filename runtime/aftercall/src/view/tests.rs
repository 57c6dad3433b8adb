//! Config tests and what came of them: a line per file, each difference with its place, and the lines that no test has used.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use aftercall_config::config_test::ConfigTest;
use aftercall_plan::trial::{Miss, Point, Ran};
use serde_json::{Value, json};

use super::words::{bold, dim, green, many, red, value, yellow};

/// The width of a value in a difference: enough to see what differs.
const WIDTH: usize = 160;
/// How a kind of thing is counted.
const KINDS: [(&str, &str); 5] = [
    ("pipeline", "pipelines"),
    ("condition", "sides of conditions"),
    ("field", "fields"),
    ("route", "route rules"),
    ("match", "levels and corrections of match rules"),
];

/// A test and what came of it.
#[derive(Debug)]
pub struct Tested<'t> {
    /// The test.
    pub test: &'t ConfigTest,
    /// What came.
    pub came: Came,
    /// The plan behind it, where it was made.
    pub ran: Option<Ran>,
}

/// What came of a test.
#[derive(Debug)]
pub enum Came {
    /// Everything is as expected.
    Passed,
    /// So many expectations were rewritten, and now it is.
    Updated(usize),
    /// These expectations do not hold.
    Failed(Vec<Miss>),
    /// It could not be run; why, in a sentence.
    Broken(String),
}

impl Came {
    /// Whether the test counts as failed.
    pub fn is_failure(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::Broken(_))
    }
}

/// What tests have used.
pub struct Covered<'a> {
    /// Every point.
    pub points: Vec<Point>,
    /// Whether a file is the project's own.
    pub own: Box<dyn Fn(&str) -> bool + 'a>,
    /// Name the lines that ship, too.
    pub all: bool,
}

/// A line per file, then every failure.
pub fn text(tested: &[Tested<'_>]) -> String {
    let mut files: BTreeMap<&str, Vec<&Tested<'_>>> = BTreeMap::new();
    for one in tested {
        files.entry(one.test.file()).or_default().push(one);
    }
    let mut out = String::new();
    for (file, tests) in &files {
        let failed = tests.iter().filter(|one| one.came.is_failure()).count();
        let _ = match failed {
            0 => writeln!(out, "{} {file}  {}", green("✓"), many(tests.len(), "test")),
            _ => writeln!(out, "{} {file}  {failed} of {} failed", red("✗"), many(tests.len(), "test")),
        };
    }
    for one in tested {
        match &one.came {
            Came::Passed | Came::Updated(_) => {}
            Came::Broken(reason) => {
                let _ = writeln!(out, "\n{}\n  {reason}", heading(one.test));
            }
            Came::Failed(misses) => {
                let _ = writeln!(out, "\n{}", heading(one.test));
                for miss in misses {
                    out.push_str(&difference(one.test, miss));
                }
            }
        }
    }
    out
}

fn heading(test: &ConfigTest) -> String {
    format!("{}  {}", bold(&test.decl.name), dim(&format!("{}:{}", test.file(), test.line(&[]))))
}

fn difference(test: &ConfigTest, miss: &Miss) -> String {
    let mut out = String::new();
    let short = |text: &str| value(&Value::from(text), WIDTH);
    let _ = writeln!(out, "  {}  {}", miss.what, dim(&format!("{}:{}", test.file(), test.line(&miss.at))));
    let _ = writeln!(out, "    expected  {}", green(&short(&miss.expected)));
    let _ = writeln!(out, "    got       {}", red(&short(&miss.got)));
    let why = miss.because.as_deref().map(short);
    let line = miss.origin.as_ref().map(|origin| dim(&origin.to_string()));
    if why.is_some() || line.is_some() {
        let parts: Vec<String> = [why, line].into_iter().flatten().collect();
        let _ = writeln!(out, "    {}   {}", yellow("because"), parts.join("  "));
    }
    out
}

/// How it went, in a line. `broken` are findings that keep tests from running.
pub fn summary(tested: &[Tested<'_>], broken: usize) -> String {
    let failed = tested.iter().filter(|one| one.came.is_failure()).count();
    let mut out = match failed {
        0 => format!("{}: {} passed", green("ok"), many(tested.len(), "test")),
        _ => format!("{}: {failed} of {} failed", red("failed"), many(tested.len(), "test")),
    };
    if broken > 0 {
        let _ = write!(out, "; {} above: what they are in was not run", red(&many(broken, "finding")));
    }
    out + "\n"
}

/// The lines that no test has used, by kind and file, with counts.
pub fn covered(covered: &Covered<'_>) -> String {
    let mut out = String::new();
    for (kind, name) in KINDS {
        let points: Vec<&Point> = covered.points.iter().filter(|point| point.kind == kind).collect();
        if points.is_empty() {
            continue;
        }
        let used = points.iter().filter(|point| point.used).count();
        let _ = writeln!(out, "\n{} {used} of {} {name}", bold("used"), points.len());
        let unused = || points.iter().filter(|point| !point.used);
        let named = |point: &&&Point| covered.all || (covered.own)(&point.origin.file);
        for point in unused().filter(named) {
            let _ = writeln!(out, "  {}  {}", point.origin, point.what);
        }
        let hidden = unused().filter(|point| !covered.all && !(covered.own)(&point.origin.file)).count();
        if hidden > 0 {
            let _ = writeln!(out, "  {}", dim(&format!("and {hidden} that ship: --coverage=all names them")));
        }
    }
    out
}

/// Everything as versioned JSON.
pub fn json(tested: &[Tested<'_>], broken: usize, covered: Option<&Covered<'_>>) -> Value {
    let tests: Vec<Value> = tested
        .iter()
        .map(|one| {
            let status = match &one.came {
                Came::Passed => "passed",
                Came::Updated(_) => "updated",
                Came::Failed(_) => "failed",
                Came::Broken(_) => "broken",
            };
            let mut out = json!({"file": &**one.test.file(), "line": one.test.line(&[]), "name": one.test.decl.name, "status": status});
            match &one.came {
                Came::Failed(misses) => {
                    let difference = |miss: &Miss| {
                        json!({
                            "line": one.test.line(&miss.at), "what": miss.what, "expected": miss.expected, "got": miss.got,
                            "because": miss.because, "origin": miss.origin,
                        })
                    };
                    out["differences"] = misses.iter().map(difference).collect();
                }
                Came::Broken(reason) => out["reason"] = json!(reason),
                Came::Passed | Came::Updated(_) => {}
            }
            out
        })
        .collect();
    let mut out = json!({"version": 1, "findings": broken, "tests": tests});
    if let Some(covered) = covered {
        let point =
            |p: &Point| json!({"kind": p.kind, "origin": p.origin, "what": p.what, "used": p.used, "own": (covered.own)(&p.origin.file)});
        out["coverage"] = covered.points.iter().map(point).collect();
    }
    out
}
