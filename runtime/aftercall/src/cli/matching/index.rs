//! `aftercall match index CONNECTION`: reads everybody once, page by page, into the index that `index = true` keeps.

use std::sync::Arc;

use aftercall_plan::matching::index_keys;
use anyhow::{Context as _, bail};
use jiff::Timestamp;

use super::super::ProjectDir;
use super::super::talk::{self, data, talk as say};
use crate::journal::{Journal, SqliteJournal, SqliteOptions};
use crate::work::{JournalMemory, Memory as _};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A connection of the project
    connection: String,
    #[command(flatten)]
    project: ProjectDir,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let folder = &args.project.project;
    let (project, _) = talk::project(folder)?;
    let Some(connection) = project.connections.get(&args.connection) else {
        let known: Vec<&str> = project.connections.keys().map(String::as_str).collect();
        bail!("there is no connection `{}`; the project has {}", args.connection, known.join(", "));
    };
    if !connection.index {
        bail!("`{0}` keeps no index; write `index = true` under [connection.{0}] in aftercall.toml", args.connection);
    }
    let Some(pipeline) = project.pipelines.iter().find(|pipeline| pipeline.connection.id == connection.id) else {
        bail!("no pipeline matches callers in `{}`", args.connection);
    };
    let runtime = talk::runtime()?;
    let connections = crate::service::connections(folder, &project)?;
    let reader = connections.reader();
    let path = folder.join(&project.store_path);
    runtime.block_on(async {
        let journal: Arc<dyn Journal> =
            Arc::new(SqliteJournal::open(SqliteOptions::at(&path), Timestamp::now()).context("opening the journal")?);
        let memory = JournalMemory::new(journal);
        let (mut after, mut count) = (None::<String>, 0);
        loop {
            let page = reader.everybody(connection, after.as_deref(), &pipeline.read_fields).await;
            let page = page.map_err(|failure| anyhow::anyhow!("{} cannot be read: {failure}: {}", args.connection, failure.message))?;
            let Some((people, next)) = page else {
                bail!("the connector of `{}` does not say how to read everybody: it lacks [find.all]", args.connection);
            };
            count += people.len();
            let keys = people.iter().map(|record| (record.id.clone(), Some(index_keys(&project, pipeline, record))));
            memory.keep_people(&connection.id, keys.collect()).await?;
            match next {
                Some(next) => after = Some(next),
                None => break,
            }
            say(&format!("{count} people\n"));
        }
        data(&format!("{count} people of {} are in the index\n", args.connection));
        Ok(0)
    })
}
