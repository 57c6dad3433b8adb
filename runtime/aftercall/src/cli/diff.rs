//! `aftercall diff OLD..NEW`: two revisions of the config over the same recorded calls. Offline, and nothing is written.

use std::collections::BTreeSet;
use std::io::IsTerminal as _;
use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use aftercall_config::difference::RevisionSaid;
use aftercall_config::project::Project;
use aftercall_config::resolve::Loaded;
use aftercall_config::source::Files;
use aftercall_plan::revisions::{Compared, Recorded, Revisions};
use clap::ValueEnum;

use super::ProjectDir;
use super::recorded::Selection;
use super::talk::{self, data, talk as say};
use crate::journal::{Journal, SqliteJournal};
use crate::load;
use crate::service::{Recording, Then, colleagues};
use crate::view;
use crate::work::{DryMemory, supplement};

/// How the difference is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum DiffFormat {
    /// For people.
    #[default]
    Human,
    /// For programs: versioned JSON.
    Json,
    /// For a pull request.
    Markdown,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Two git revisions, such as `main..my-branch`; `main` or `main..` holds a revision against the files as they are
    #[arg(value_name = "OLD..NEW")]
    revisions: String,
    /// Over which calls: `last:7d`, `since:2026-11-01`, `id:CALL,...`, `all`, or a file of calls
    #[arg(long, value_name = "CALLS", default_value = "last:7d")]
    calls: String,
    #[command(flatten)]
    project: ProjectDir,
    /// Read from the systems what was not recorded and the new revision wants; nothing is written
    #[arg(long)]
    live: bool,
    /// Exit with 3 where some call changes
    #[arg(long)]
    exit_code: bool,
    /// Leave out what callers and records say: only lines, fields and numbers, for where others read along
    #[arg(long)]
    without_values: bool,
    /// How it is printed
    #[arg(long, value_enum, default_value_t)]
    format: DiffFormat,
}

/// One side, loaded.
struct Side {
    said: RevisionSaid,
    project: Arc<Project>,
    files: Files,
}

/// 0: compared; 1: a revision has errors; 2: used wrongly; 3 with `--exit-code`: something changes.
pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let root = &args.project.project;
    if !root.exists() {
        anyhow::bail!("there is no folder {}", root.display());
    }
    let (old, new) = match names(&args.revisions) {
        Ok(names) => names,
        Err(why) => {
            say(&format!("{why}\n"));
            return Ok(2);
        }
    };
    let selection = match Selection::parse(&args.calls) {
        Ok(selection) => selection,
        Err(why) => {
            say(&format!("{why}\n"));
            return Ok(2);
        }
    };
    let (Some(old), Some(new)) = (side(root, old)?, side(root, new)?) else { return Ok(1) };
    let journal = SqliteJournal::open_read_only(root.join(&new.project.store_path)).map(Arc::new);
    let journal: Option<Arc<dyn Journal>> = match journal {
        Ok(journal) => Some(journal),
        // A file of recorded calls needs none.
        Err(_) if selection.is_file() => None,
        Err(error) => return Err(error.into()),
    };
    let runtime = talk::runtime()?;
    let colleagues = runtime.block_on(colleagues(journal.as_deref(), [&old.project, &new.project]))?;
    let revisions = Revisions::new((old.project.clone(), &old.files), (new.project.clone(), &new.files), colleagues);
    let (mut compared, open) = compare(&runtime, &revisions, journal.as_deref(), &selection, args.live)?;
    if args.live {
        runtime.block_on(read_live(root, &revisions, journal, &mut compared, open))?;
    }
    if compared.is_empty() {
        say(&format!("the journal has no calls for `{}`; `--calls all` takes every one that it has\n", args.calls));
    }
    let diff = view::revisions::document(old.said, new.said, &compared, !args.without_values);
    match args.format {
        DiffFormat::Human => data(&view::revisions::text(&diff)),
        DiffFormat::Json => data(&format!("{}\n", serde_json::to_string_pretty(&diff)?)),
        DiffFormat::Markdown => data(&view::revisions::markdown(&diff)),
    }
    Ok(if args.exit_code && diff.calls.changed > 0 { 3 } else { 0 })
}

/// The names of both revisions; `None` stands for the working tree.
fn names(text: &str) -> Result<(Option<&str>, Option<&str>), String> {
    if text.contains("...") {
        return Err(format!("`{text}`: two revisions stand with two dots between them, such as `{}`", text.replace("...", "..")));
    }
    Ok(match text.split_once("..") {
        Some(("", "")) | None if text.trim_matches('.').is_empty() => {
            return Err("say which revision: `main..my-branch`, or `HEAD` to hold the files as they are against the last commit".to_owned());
        }
        Some((old, new)) => (Some(if old.is_empty() { "HEAD" } else { old }), Some(new).filter(|new| !new.is_empty())),
        None => (Some(text), None),
    })
}

/// Loads one side and says what `check` would say about it. `None` where it has errors.
fn side(root: &Path, name: Option<&str>) -> anyhow::Result<Option<Side>> {
    let (said, commit, loaded, files) = match name {
        Some(name) => {
            let revision = load::revision(root, name)?;
            (name.to_owned(), Some(revision.commit), revision.loaded, revision.files)
        }
        None => {
            let (loaded, files) = load::project(root);
            ("working tree".to_owned(), None, loaded, files)
        }
    };
    if !loaded.findings.is_empty() {
        say(&format!("{}\n{}", talk::bold(&format!("{said}:")), loaded.render(std::io::stderr().is_terminal())));
    }
    let Loaded { project: Some(project), .. } = loaded else {
        say(&format!("{said} has {}, so there is nothing to compare\n", talk::count(&loaded.findings)));
        return Ok(None);
    };
    let said = RevisionSaid { name: said, commit, config: project.version.to_string() };
    Ok(Some(Side { said, project: Arc::new(project), files }))
}

/// Calls of which something was not recorded, each with the project under which it was.
type Open = Vec<(Recorded, Arc<Project>)>;

/// Rounds of reading what a plan wants: what comes may make it want more.
const LIVE_ROUNDS: usize = 3;

/// Reads what was not recorded, and compares those calls again. Holds a `Reader` alone.
async fn read_live(
    root: &Path,
    revisions: &Revisions,
    journal: Option<Arc<dyn Journal>>,
    compared: &mut [Compared],
    open: Open,
) -> anyhow::Result<()> {
    let reader = crate::service::connections(root, &revisions.new)?.reader();
    let memory = DryMemory::new(journal);
    for (mut recorded, mut then) in open {
        let mut known = BTreeSet::new();
        for _ in 0..LIVE_ROUNDS {
            let replayed = revisions.replay_new(&recorded, &then);
            if replayed.unread.iter().all(|unread| known.contains(unread)) {
                break;
            }
            if recorded.context.is_none() {
                then = revisions.new.clone();
            }
            match supplement(&reader, &memory, &revisions.new, &mut recorded, &replayed).await {
                Ok(found) if found.is_empty() => break,
                Ok(found) => known.extend(found),
                Err(trouble) => {
                    say(&format!("{} {}\n", talk::red("error:"), trouble.said()));
                    break;
                }
            }
        }
        let again = revisions.compare(&recorded, &then);
        let unread = again.unread.difference(&known).cloned().collect();
        if let Some(one) = compared.iter_mut().find(|one| one.number == again.number) {
            *one = Compared { unread, ..again };
        }
    }
    Ok(())
}

/// Compares all calls, a page at a time, on as many threads as there are cores. In order of arrival.
fn compare(
    runtime: &tokio::runtime::Runtime,
    revisions: &Revisions,
    journal: Option<&dyn Journal>,
    selection: &Selection,
    keep_open: bool,
) -> anyhow::Result<(Vec<Compared>, Open)> {
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let done: Mutex<(Vec<Compared>, Open)> = Mutex::default();
    let (send, receive) = sync_channel::<Vec<Recording>>(2 * threads);
    let receive = Mutex::new(receive);
    let then = Then::knowing([&revisions.old, &revisions.new]);
    let read = std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| work(revisions, &then, &receive, &done, keep_open));
        }
        let read = runtime.block_on(selection.read(&revisions.new, journal, async |page| {
            if let Some(journal) = journal {
                then.find(journal, &page).await?;
            }
            Ok(send.send(page).is_ok())
        }));
        drop(send);
        read
    });
    read?;
    let (mut done, mut open) = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|call| call.number);
    open.sort_by_key(|(recorded, _)| recorded.number);
    Ok((done, open))
}

/// One thread's share.
fn work(
    revisions: &Revisions,
    then: &Then,
    receive: &Mutex<Receiver<Vec<Recording>>>,
    done: &Mutex<(Vec<Compared>, Open)>,
    keep_open: bool,
) {
    loop {
        let next = receive.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(page) = next else { return };
        let (mut compared, mut open) = (Vec::with_capacity(page.len()), Vec::new());
        for call in page {
            let recorded = call.understood();
            // A version that nobody knows any more is nearest to the first revision.
            let then = then.of(&call.config).unwrap_or_else(|| revisions.old.clone());
            let one = revisions.compare(&recorded, &then);
            if keep_open && !one.unread.is_empty() {
                open.push((recorded, then));
            }
            compared.push(one);
        }
        let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
        done.0.extend(compared);
        done.1.extend(open);
    }
}
