//! `aftercall show CALL`: one call's whole story.

use super::talk::{self, data};
use super::{Format, ProjectDir};
use crate::journal::{Journal, Story};
use crate::view;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The call's id, or the beginning of it
    call: String,
    #[command(flatten)]
    project: ProjectDir,
    /// How it is printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let journal = super::calls::open(&args.project)?;
    let story: Option<Story> = talk::runtime()?.block_on(journal.call(args.call.clone()))?;
    let Some(story) = story else {
        anyhow::bail!("the journal has no call that begins with `{}`; `aftercall calls` lists them", args.call);
    };
    match args.format {
        Format::Human => data(&view::story::text(&story)),
        Format::Json => data(&format!("{:#}\n", view::story::json(&story))),
    }
    Ok(0)
}
