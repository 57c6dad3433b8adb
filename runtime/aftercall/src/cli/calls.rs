//! `aftercall calls`: the call log.

use aftercall_config::resolve::duration;
use jiff::{SignedDuration, Timestamp};

use super::talk::{self, data, talk as say};
use super::{Format, ProjectDir};
use crate::journal::{CallFilter, CallStatus, Journal, SqliteJournal};
use crate::view;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    project: ProjectDir,
    /// Only calls of this status: waiting, landed, partial, dead, review, skipped, held
    #[arg(long, value_name = "STATUS")]
    status: Vec<String>,
    /// Only calls that this source delivered
    #[arg(long)]
    source: Option<String>,
    /// Only calls of this pipeline
    #[arg(long)]
    pipeline: Option<String>,
    /// Only calls received in the last while, such as `2h` or `1d`
    #[arg(long, value_name = "DURATION")]
    last: Option<String>,
    /// Only calls whose outcome or id contains this
    #[arg(long, value_name = "TEXT")]
    find: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// List payloads that were kept and not understood
    #[arg(long)]
    unrecognised: bool,
    /// How it is printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let mut status = Vec::new();
    for word in &args.status {
        match word.parse::<CallStatus>() {
            Ok(one) => status.push(one),
            Err(_) => {
                let names: Vec<&str> = CallStatus::ALL.iter().map(|s| s.word()).collect();
                say(&format!("there is no status {word}; there is: {}\n", names.join(", ")));
                return Ok(2);
            }
        }
    }
    let since = match since(args.last.as_deref())? {
        Ok(since) => since,
        Err(code) => return Ok(code),
    };
    let journal = open(&args.project)?;
    talk::runtime()?.block_on(async {
        if args.unrecognised {
            let list = journal.unrecognised(args.limit).await?;
            match args.format {
                Format::Human => data(&view::calls::unrecognised(&list)),
                Format::Json => data(&format!("{:#}\n", serde_json::json!({ "version": 1, "unrecognised": list }))),
            }
            return Ok(0);
        }
        let filter = CallFilter {
            status,
            source: args.source.clone(),
            pipeline: args.pipeline.clone(),
            since,
            text: args.find.clone(),
            limit: args.limit,
            with_outcome: true,
            ..CallFilter::default()
        };
        let calls = journal.calls(filter).await?;
        let counts = journal.counts().await?;
        match args.format {
            Format::Human => {
                data(&view::calls::text(&calls));
                let all: u64 = counts.calls.values().sum();
                let parts: Vec<String> = counts.calls.iter().map(|(s, n)| format!("{n} {s}")).collect();
                let unknown = if counts.unrecognised > 0 {
                    format!("; {} payloads not understood (--unrecognised)", counts.unrecognised)
                } else {
                    String::new()
                };
                say(&format!("{} of {all} calls: {}{unknown}\n", calls.len(), parts.join(", ")));
            }
            Format::Json => data(&format!("{:#}\n", view::calls::json(&calls, &counts))),
        }
        let waiting = counts.oldest_waiting.map(|t| Timestamp::now().duration_since(t)).filter(|d| *d > SignedDuration::from_mins(10));
        if let Some(age) = waiting {
            say(&format!("the oldest waiting call came in {} ago\n", minutes(age)));
        }
        Ok(0)
    })
}

fn minutes(age: SignedDuration) -> String {
    match age.as_mins() {
        m if m < 120 => format!("{m} minutes"),
        m if m < 2880 => format!("{} hours", m / 60),
        m => format!("{} days", m / 1440),
    }
}

/// When "the last while" began. `Err` is the exit code of what was said about a while that is none.
pub(super) fn since(last: Option<&str>) -> anyhow::Result<Result<Option<Timestamp>, u8>> {
    let Some(text) = last else { return Ok(Ok(None)) };
    match duration(text) {
        Some(while_) => Ok(Ok(Some(Timestamp::now().checked_sub(while_)?))),
        None => {
            say(&format!("`{text}` is no duration; write `30m`, `2h` or `7d`\n"));
            Ok(Err(2))
        }
    }
}

/// Opens the project's journal for reading; a running service is not disturbed.
pub(super) fn open(project: &ProjectDir) -> anyhow::Result<SqliteJournal> {
    Ok(SqliteJournal::open_read_only(crate::load::journal_path(&project.project))?)
}
