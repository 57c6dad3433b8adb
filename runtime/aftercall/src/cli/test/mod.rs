//! `aftercall test`: the project's config tests. Each is planned in memory; one in which a system fails is delivered to stand-ins.

mod deliver;
mod given;
mod update;

use std::io::IsTerminal;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use aftercall_config::config_test::ConfigTest;
use aftercall_config::finding::Severity;
use aftercall_config::project::Project;
use aftercall_config::resolve::is_test;
use aftercall_config::source::Files;
use aftercall_plan::trial::{Ran, coverage, judge, run as work};

use super::talk::{self, data, talk as say};
use super::{Format, ProjectDir};
use crate::view::tests::{self as view, Came, Covered, Tested};

pub(crate) use given::given;
pub(crate) use update::toml;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only tests that have one of these in their name or in the path of their file
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    project: ProjectDir,
    /// Rewrite the expectations that do not hold with what came, in place; comments stay
    #[arg(long)]
    update: bool,
    /// Name the lines that no test has used: the project's own, or with `all` those that ship, too
    #[arg(long, value_enum, value_name = "WHICH", num_args = 0..=1, require_equals = true, default_missing_value = "own")]
    coverage: Option<Coverage>,
    /// How it is printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Which lines are named that no test has used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Coverage {
    /// Those of the project's own files.
    Own,
    /// Those that ship, too.
    All,
}

/// What is said where there are no tests.
const NONE: &str = r#"there are no tests here. A test is a call, what the systems hold, and what must come of it, in a file such as tests/booking.toml:

    [[test]]
    name = "a new caller becomes a contact"
    now = "2026-11-24T15:10:00Z"
    call = { id = "c1", started_at = "2026-11-24T15:02:00Z", caller = { phone = "+15125550142", name = "Nora Whitfield" } }
    [test.expect]
    match = "new"
    [[test.expect.write]]
    id = "contact"
    op = "create"

`aftercall record CALL` makes one of a call in the journal.
"#;

pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let root = &args.project.project;
    if !root.exists() {
        anyhow::bail!("there is no folder {}", root.display());
    }
    let (loaded, files) = crate::load::project(root);
    if !loaded.findings.is_empty() {
        say(&loaded.render(std::io::stderr().is_terminal()));
    }
    let Some(project) = &loaded.project else {
        anyhow::bail!("the project in {} has {}", root.display(), talk::count(&loaded.findings));
    };
    if !files.iter().any(|(path, _)| is_test(path)) {
        say(NONE);
        return Ok(1);
    }
    let chosen = |test: &&ConfigTest| {
        args.names.is_empty() || args.names.iter().any(|name| test.decl.name.contains(name.as_str()) || test.file().contains(name.as_str()))
    };
    let tests: Vec<&ConfigTest> = loaded.tests.iter().filter(chosen).collect();
    let broken = loaded.findings.iter().filter(|f| f.code.severity() == Severity::Error).count();
    if tests.is_empty() && !args.names.is_empty() {
        let names: Vec<&str> = loaded.tests.iter().map(|test| test.decl.name.as_str()).collect();
        say(&format!("no test has {} in its name; there is: {}\n", args.names.join(" or "), names.join(", ")));
        return Ok(1);
    }
    let mut tested = all(&Ground { root, project, files: &files }, &tests);
    if args.update {
        update::all(root, &mut tested)?;
    }
    let covered = args.coverage.map(|which| {
        let points = coverage(project, &loaded.documents, tested.iter().filter_map(|one| one.ran.as_ref()));
        Covered { points, own: Box::new(|file: &str| root.join(file).exists()), all: which == Coverage::All }
    });
    match args.format {
        Format::Human => {
            data(&view::text(&tested));
            if let Some(covered) = &covered {
                data(&view::covered(covered));
            }
            say(&view::summary(&tested, broken));
        }
        Format::Json => data(&format!("{:#}\n", view::json(&tested, broken, covered.as_ref()))),
    }
    Ok(u8::from(broken > 0 || tested.iter().any(|one| one.came.is_failure())))
}

/// What all tests of a project share.
struct Ground<'a> {
    root: &'a Path,
    project: &'a Project,
    files: &'a Files,
}

/// Runs tests on as many threads as the machine has cores, and gives them back in their order.
fn all<'t>(ground: &Ground<'_>, tests: &[&'t ConfigTest]) -> Vec<Tested<'t>> {
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(tests.len().max(1));
    let mut done: Vec<(usize, Tested<'t>)> = std::thread::scope(|scope| {
        let work = || {
            let mut mine = Vec::new();
            while let Some((at, test)) = Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, *tests.get(at)?))) {
                mine.push((at, one(ground, test)));
            }
            mine
        };
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
    });
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, tested)| tested).collect()
}

fn one<'t>(ground: &Ground<'_>, test: &'t ConfigTest) -> Tested<'t> {
    let call = match given(ground.root, ground.project, test) {
        Ok(call) => call,
        Err(reason) => return Tested { test, came: Came::Broken(reason), ran: None },
    };
    let ran: Ran = work(ground.project, &test.decl, &call, test.now);
    let mut misses = judge(ground.project, test, &ran);
    if let Some(pipeline) = ran.pipeline.as_ref().filter(|_| !test.decl.fault.is_empty()) {
        match deliver::deliver(ground.project, ground.files, test, &call, pipeline) {
            Ok(more) => misses.extend(more),
            Err(reason) => return Tested { test, came: Came::Broken(reason), ran: Some(ran) },
        }
    }
    let came = if misses.is_empty() { Came::Passed } else { Came::Failed(misses) };
    Tested { test, came, ran: Some(ran) }
}
