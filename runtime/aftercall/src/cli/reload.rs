//! `aftercall reload`: asks the running service, through its journal, to take over the project as it is on disk.

use std::time::Duration;

use jiff::Timestamp;

use super::talk::{self, data, talk as say};
use super::{Format, ProjectDir};
use crate::journal::{Deed, Journal, NewReload, ReloadFilter, ReloadRow, ReloadState, SqliteJournal, Way, reload_beside, worked_by};
use crate::view;

/// Between two looks for the answer.
const LOOK: Duration = Duration::from_millis(50);

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    project: ProjectDir,
    /// Wait for the answer: 0 when it is at work, 1 when it is refused
    #[arg(long)]
    wait: bool,
    /// Do not hold it back: not for what has disappeared, and not for `on_reload = "shadow"`
    #[arg(long)]
    now: bool,
    /// How long the answer is waited for, such as `30s`
    #[arg(long, value_name = "DURATION", default_value = "5m", requires = "wait")]
    timeout: String,
    /// How it is printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let Some(timeout) = aftercall_config::resolve::duration(&args.timeout).and_then(|time| Duration::try_from(time).ok()) else {
        say(&format!("`{}` is no duration; write `30s` or `5m`\n", args.timeout));
        return Ok(2);
    };
    let path = crate::load::journal_path(&args.project.project);
    if worked_by(&path).is_none() {
        anyhow::bail!("no service works {}: `aftercall run` starts one, with the project as it is", path.display());
    }
    let now = Timestamp::now();
    let deed = Deed::new(now, talk::who(None), Way::Cli, if args.now { "reload --now" } else { "reload" });
    let new = NewReload { asked_by: "command".to_owned(), at_once: args.now, now, deed: Some(deed) };
    let id = reload_beside(&path, &new)?;
    if !args.wait {
        say("the service is asked; `aftercall status` tells what comes of it\n");
        return Ok(0);
    }
    talk::runtime()?.block_on(async {
        let journal = SqliteJournal::open_read_only(&path)?;
        let Some(row) = answer(&journal, id, timeout).await? else {
            anyhow::bail!("the service has not answered within {}; `aftercall status` tells what it does", args.timeout);
        };
        match args.format {
            Format::Human if row.state == ReloadState::Refused => say(&view::service::reload(&row)),
            Format::Human => data(&view::service::reload(&row)),
            Format::Json => data(&format!("{:#}\n", serde_json::json!({"version": 1, "reload": row}))),
        }
        Ok(u8::from(row.state == ReloadState::Refused))
    })
}

/// What came of it; `None` when it takes longer.
async fn answer(journal: &SqliteJournal, id: i64, patience: Duration) -> anyhow::Result<Option<ReloadRow>> {
    let end = tokio::time::Instant::now() + patience;
    let mut held = false;
    loop {
        let filter = ReloadFilter { id: Some(id), states: Vec::new(), limit: 1 };
        let row = journal.reloads(filter).await?.pop().ok_or_else(|| anyhow::anyhow!("the journal has lost the question"))?;
        match row.state {
            ReloadState::Accepted | ReloadState::Refused | ReloadState::Unchanged => return Ok(Some(row)),
            ReloadState::Held if !held => {
                held = true;
                say(&view::service::reload(&row));
            }
            ReloadState::Held | ReloadState::Asked => {}
        }
        if tokio::time::Instant::now() >= end {
            return Ok(None);
        }
        tokio::time::sleep(LOOK).await;
    }
}
