//! `aftercall status`: how the service stands, as far as its journal knows.

use super::talk::{self, data};
use super::{Format, ProjectDir};
use crate::journal::{Journal, ReloadFilter, ReloadRow, ReloadState, SqliteJournal, Upkeep as _, worked_by};
use crate::view::service::{Status, json, text};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    project: ProjectDir,
    /// How it is printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let path = crate::load::journal_path(&args.project.project);
    let journal = SqliteJournal::open_read_only(&path)?;
    let status = talk::runtime()?.block_on(async {
        let newest = async |states: &[ReloadState]| -> anyhow::Result<Option<ReloadRow>> {
            Ok(journal.reloads(ReloadFilter { id: None, states: states.to_vec(), limit: 1 }).await?.pop())
        };
        let judged = [ReloadState::Accepted, ReloadState::Refused, ReloadState::Unchanged, ReloadState::Held];
        anyhow::Ok(Status {
            process: worked_by(&path),
            active: newest(&[ReloadState::Accepted]).await?,
            last: newest(&judged).await?,
            counts: journal.counts().await?,
            parked: journal.parked().await?,
            alerts: journal.alerts().await?,
            notices: journal.notices(false, 100).await?,
        })
    })?;
    match args.format {
        Format::Human => data(&text(&status)),
        Format::Json => data(&format!("{:#}\n", json(&status))),
    }
    // What a monitor asks: is what stands on disk at work?
    Ok(u8::from(status.last.is_some_and(|last| last.state == ReloadState::Refused)))
}
