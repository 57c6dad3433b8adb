//! `aftercall route explain CALL`: of a call in the journal, as it was routed or as it would be now; of a file, as it would be.

use std::path::PathBuf;
use std::sync::Arc;

use aftercall_plan::revisions::replay;
use aftercall_plan::route::{ExplainedCall, RouteDocument, explain};

use super::super::talk::{self, data, talk as say};
use super::super::{Format, ProjectDir, calls, dry};
use crate::journal::{Journal, PlannedFilter};
use crate::service::{Recording, Then, colleagues};
use crate::view;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A call's id, or the beginning of it; or a file of calls, which is only read and planned
    call: String,
    #[command(flatten)]
    project: ProjectDir,
    /// Of a call in the journal: by the routes as they are now, and not by those under which it was planned
    #[arg(long)]
    current: bool,
    /// How it is printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let path = PathBuf::from(&args.call);
    let explained = if path.is_file() || args.call == "-" { planned(args, path)? } else { vec![recorded(args)?] };
    match args.format {
        Format::Human => explained.iter().for_each(|call| data(&view::route::explained(call))),
        Format::Json => data(&format!("{:#}\n", serde_json::to_value(RouteDocument { version: 1, calls: explained })?)),
    }
    Ok(0)
}

/// A call of the journal, replayed from what was recorded with it.
fn recorded(args: &Args) -> anyhow::Result<ExplainedCall> {
    let journal = calls::open(&args.project)?;
    talk::runtime()?.block_on(async {
        let Some(story) = journal.call(args.call.clone()).await? else {
            anyhow::bail!(
                "there is no file {0}, and the journal has no call that begins with `{0}`; `aftercall calls` lists them",
                args.call
            );
        };
        let id = story.call.id;
        let filter = PlannedFilter { ids: vec![id.clone()], limit: 1, ..PlannedFilter::default() };
        let found = journal.planned(filter).await?.into_iter().find_map(|call| Recording::of(call, &mut 0));
        let Some(found) = found.filter(|found| !found.config.is_empty()) else {
            anyhow::bail!("{id} was not planned yet; `aftercall show` tells why");
        };
        let then = Then::default();
        then.find(&journal, std::slice::from_ref(&found)).await?;
        let then = then.of(&found.config);
        let project = match (args.current, &then) {
            (false, Some(then)) => then.clone(),
            (false, None) => anyhow::bail!(
                "{id} was planned under {}, which the journal no longer has; `--current` routes it by the files as they are",
                found.config
            ),
            (true, _) => Arc::new(talk::project(&args.project.project)?.0),
        };
        let recorded = found.understood();
        let colleagues = colleagues(Some(&journal), [&project]).await?;
        let replayed = replay(&project, then.as_deref().unwrap_or(&project), &recorded, &colleagues);
        match (replayed.pipeline, replayed.plan, replayed.context) {
            (Some(pipeline), Some(plan), Some(context)) => {
                for unread in &replayed.unread {
                    say(&format!("not recorded with {id}, so assumed to be absent: {unread}\n"));
                }
                Ok(explain(&project, &pipeline, &recorded.call, &context, &plan))
            }
            (None, ..) => anyhow::bail!("no pipeline takes {id}"),
            _ => anyhow::bail!("nothing was recorded of what was read about {id}, so it cannot be routed again"),
        }
    })
}

/// Calls of a file, by a dry run.
fn planned(args: &Args, path: PathBuf) -> anyhow::Result<Vec<ExplainedCall>> {
    let mut explained = Vec::new();
    dry::planned(&args.project.project, path, |project, pipeline, call, context, plan| {
        explained.push(explain(project, pipeline, call, &context, &plan));
    })?;
    Ok(explained)
}
