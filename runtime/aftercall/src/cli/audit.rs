//! `aftercall audit`: who or what wrote which field of which record, and what people did.

use aftercall_config::resolve::duration;
use jiff::Timestamp;

use super::ProjectDir;
use super::talk::{self, data, talk as say};
use crate::journal::Journal;
use crate::trail::{Asked, Cursor, page};
use crate::view;

/// Writes and deeds that are read at once.
const AT_ONCE: usize = 500;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    project: ProjectDir,
    /// Fields of this record, by its id
    #[arg(long, value_name = "ID")]
    record: Option<String>,
    /// Fields of this name
    #[arg(long)]
    field: Option<String>,
    /// About this call: its id, or the beginning of it
    #[arg(long, value_name = "ID")]
    call: Option<String>,
    /// What this person or token did
    #[arg(long, value_name = "NAME", conflicts_with_all = ["record", "field", "version"])]
    who: Option<String>,
    /// Fields that were written under this config version
    #[arg(long)]
    version: Option<String>,
    /// Since then: `2026-11-27T08:00:00Z`, or a while ago such as `2h`
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Before then, in the same way
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// At most so many lines, the newest first; 0 for all
    #[arg(long, default_value_t = 100)]
    limit: usize,
    /// How it is printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// How the trail is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people.
    #[default]
    Human,
    /// For programs: versioned JSON.
    Json,
    /// For spreadsheets.
    Csv,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let time = |text: &Option<String>| match text.as_deref().map(|text| moment(text).ok_or(text)) {
        None => Ok(None),
        Some(Ok(at)) => Ok(Some(at)),
        Some(Err(text)) => Err(format!("`{text}` is no time; write `2026-11-27T08:00:00Z`, or `2h` for two hours ago\n")),
    };
    let (since, until) = match (time(&args.since), time(&args.until)) {
        (Ok(since), Ok(until)) => (since, until),
        (Err(problem), _) | (_, Err(problem)) => {
            say(&problem);
            return Ok(2);
        }
    };
    let journal = super::calls::open(&args.project)?;
    talk::runtime()?.block_on(async {
        let call = match &args.call {
            None => None,
            Some(id) => match journal.call(id.clone()).await? {
                Some(story) => Some(story.call.id),
                None => anyhow::bail!("there is no call {id}; `aftercall calls` lists them"),
            },
        };
        let (record, field, who, version) = (args.record.clone(), args.field.clone(), args.who.clone(), args.version.clone());
        let asked = Asked { record, field, call, who, version, since, until };
        let most = if args.limit == 0 { usize::MAX } else { args.limit };
        if args.format == Format::Csv {
            data(&view::trail::csv_head());
        }
        let (mut lines, mut told, mut after) = (Vec::new(), 0, Cursor::default());
        loop {
            let mut found = page(&journal, &asked, after, AT_ONCE).await?;
            found.lines.truncate(most - told);
            told += found.lines.len();
            match args.format {
                // A table goes out as it is read: there may be millions of lines.
                Format::Csv => data(&view::trail::csv(&found.lines)),
                Format::Human | Format::Json => lines.append(&mut found.lines),
            }
            match found.next.filter(|_| told < most) {
                Some(next) => after = next,
                None => break,
            }
        }
        match args.format {
            Format::Human => data(&view::trail::text(&lines)),
            Format::Json => data(&format!("{:#}\n", view::trail::json(&lines, None))),
            Format::Csv => {}
        }
        if told == most {
            say(&format!("the newest {most} lines; --limit 0 gives all, --since narrows it\n"));
        }
        Ok(0)
    })
}

/// A moment, or a while before now.
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| Timestamp::now().checked_sub(duration(text)?).ok())
}
