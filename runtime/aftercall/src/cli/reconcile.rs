//! `aftercall reconcile`: day by day what platforms had, what came in and where it stands; what may be duplicates; what became of what was captured.

use aftercall_config::project::Project;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::talk::{self, data, talk as say};
use super::{Format, ProjectDir};
use crate::connect::{Connections, ListTime};
use crate::intake::{Backfill, Backfilled, WATCHED};
use crate::journal::{Journal, SqliteJournal, look_beside};
use crate::reconcile::{MOST_NEWEST, NEWEST, Range, Report};
use crate::service::{connections, lane_keys, list_of};
use crate::view;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    project: ProjectDir,
    /// The first day: `2026-11-27`, `today` or `yesterday`; left out: seven days in all
    #[arg(long, value_name = "DAY", default_value = "")]
    from: String,
    /// The last day, included; left out: today
    #[arg(long, value_name = "DAY", default_value = "")]
    to: String,
    /// Ask the platforms' lists first; nothing is taken in
    #[arg(long)]
    look: bool,
    /// Of how many of the newest calls it is told what became of what they captured
    #[arg(long, default_value_t = NEWEST)]
    newest: usize,
    /// How it is printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// 0: nothing is missing; 1: something is, or a list could not be read; 2: used wrongly.
pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let (project, _) = talk::project(&args.project.project)?;
    let now = Timestamp::now();
    let range = match Range::read(&args.from, &args.to, &project.timezone, now) {
        Ok(range) => range,
        Err(problem) => {
            say(&format!("{problem}\n"));
            return Ok(2);
        }
    };
    if args.newest > MOST_NEWEST {
        say(&format!("--newest is at most {MOST_NEWEST}\n"));
        return Ok(2);
    }
    let journal = super::calls::open(&args.project)?;
    talk::runtime()?.block_on(async {
        let accounts = connections(&args.project.project, &project)?;
        let mut failed = false;
        if let Some(time) = range.listed(now).filter(|_| args.look) {
            for name in project.sources.keys().filter(|name| list_of(&project, name).is_ok()) {
                failed |= !look(args, &project, &accounts, &journal, name, time).await?;
            }
        }
        let report = Report::read(&journal, &project, &accounts.reader(), &range, args.newest).await?;
        match args.format {
            Format::Human => data(&view::reconcile::text(&report)),
            Format::Json => data(&format!("{:#}\n", serde_json::to_value(&report)?)),
        }
        Ok(u8::from(failed || !report.missing.is_empty()))
    })
}

/// Holds one list against the journal, and puts it on record. Whether the list was read to its end.
async fn look(
    args: &Args,
    project: &Project,
    accounts: &Connections,
    journal: &SqliteJournal,
    name: &str,
    time: ListTime,
) -> anyhow::Result<bool> {
    let Ok((source, list)) = list_of(project, name) else { return Ok(true) };
    let reader = accounts.reader();
    let keys = |call: &_| lane_keys(project, call);
    let known = Some(journal as &dyn Journal);
    let backfill = Backfill { project, source, list, reader: &reader, journal: known, put: None, tries: WATCHED, lane_keys: &keys };
    let (began, mut found) = (Timestamp::now(), Backfilled::default());
    let trouble = backfill.run(time, began, &CancellationToken::new(), &mut found).await.err().map(|error| error.to_string());
    if let Some(trouble) = &trouble {
        say(&format!("{} {trouble}\n", talk::red("error:")));
    }
    let read = trouble.is_none();
    let look = found.look(name, time, began, Timestamp::now(), &project.timezone, trouble);
    let path = args.project.project.join(&project.store_path);
    tokio::task::spawn_blocking(move || look_beside(&path, &look)).await??;
    Ok(read)
}
