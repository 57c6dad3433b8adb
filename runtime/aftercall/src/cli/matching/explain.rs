//! `aftercall match explain CALL`: the sum behind a decision. Of a call in the journal, as it was decided; of a file, as it would be.

use std::path::PathBuf;

use aftercall_plan::decision::MatchDecision;

use super::super::talk::{self, data};
use super::super::{Format, ProjectDir, dry};
use crate::journal::Journal;
use crate::view;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A call's id, or the beginning of it; or a file of calls, which is only read and decided
    call: String,
    #[command(flatten)]
    project: ProjectDir,
    /// How it is printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let path = PathBuf::from(&args.call);
    let decisions = if path.is_file() || args.call == "-" { decide(args, path)? } else { recorded(args)? };
    match args.format {
        Format::Human => {
            for (call, decision) in &decisions {
                data(&view::decision::text(call, decision));
            }
        }
        Format::Json => data(&format!("{:#}\n", view::decision::json(&decisions))),
    }
    Ok(0)
}

/// The decision that stands in the journal.
fn recorded(args: &Args) -> anyhow::Result<Vec<(String, MatchDecision)>> {
    let journal = super::super::calls::open(&args.project)?;
    let story = talk::runtime()?.block_on(journal.call(args.call.clone()))?;
    let Some(story) = story else {
        anyhow::bail!("there is no file {0}, and the journal has no call that begins with `{0}`; `aftercall calls` lists them", args.call);
    };
    match story.plans.last().map(|plan| plan.decision.read::<MatchDecision>()).transpose()? {
        Some(decision) => Ok(vec![(story.call.id.clone(), decision)]),
        None => anyhow::bail!("{} was not decided yet; `aftercall show` tells why", story.call.id),
    }
}

/// The decisions of a dry run.
fn decide(args: &Args, path: PathBuf) -> anyhow::Result<Vec<(String, MatchDecision)>> {
    let mut decisions = Vec::new();
    dry::planned(&args.project.project, path, |_, _, call, _, plan| {
        decisions.push((format!("{}:{}", call.source, call.id), plan.decision));
    })?;
    Ok(decisions)
}
