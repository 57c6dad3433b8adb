//! `aftercall retry` and `aftercall resolve`: what did not land is worked again, or needs no more work. Singly, or in bulk.

use std::io::IsTerminal as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aftercall_config::decl::ErrorClass;
use aftercall_config::resolve::duration;
use jiff::Timestamp;
use serde_json::json;

use super::intervene::{Word, intervene};
use super::talk::{self, data, talk as say};
use super::{Format, ProjectDir};
use crate::journal::{CallFilter, CallStatus, Journal, NewEvent, Record, Seen, SqliteJournal, Story};
use crate::service::{Differences, connections};
use crate::view;
use crate::work::{OPEN, can_be_resolved, can_be_retried, in_doubt, resolved, retried};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Ids of calls, or the beginnings of them; without one, all that did not land and fit the options below
    calls: Vec<String>,
    /// Only calls with a write that failed so: invalid, duplicate, auth_revoked, ...
    #[arg(long, value_name = "CLASS")]
    class: Option<String>,
    /// Only calls of this pipeline
    #[arg(long)]
    pipeline: Option<String>,
    /// Only calls that this source delivered
    #[arg(long)]
    source: Option<String>,
    /// Only calls received in the last while, such as `2h` or `1d`
    #[arg(long, value_name = "DURATION")]
    last: Option<String>,
    /// Without ids and options: all of them
    #[arg(long)]
    all: bool,
    /// Why; kept with the call
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    /// Who does it; left out: the name of whoever is logged in
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Wait this long for it to be carried out
    #[arg(long, value_name = "DURATION", default_value = "60s")]
    wait: String,
    /// Say which calls it would be, and do nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    project: ProjectDir,
    /// How it is printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What `retry` takes beside that.
#[derive(Debug, clap::Args)]
pub(crate) struct RetryArgs {
    #[command(flatten)]
    which: Args,
    /// Of a write that is perhaps written: I have looked, and its record is there under this id. All else of the call goes on from it
    #[arg(long, value_name = "WRITE=RECORD")]
    found: Vec<String>,
    /// Of a write that is perhaps written: I have looked, and its record is not there; send it again
    #[arg(long, value_name = "WRITE")]
    absent: Vec<String>,
    /// Under the config as it is now, after showing what that changes, and not under the version that the call was taken in under
    #[arg(long)]
    current: bool,
    /// With --current: do it without being asked
    #[arg(long, requires = "current")]
    yes: bool,
}

/// The most calls of one command.
const MOST: usize = 10_000;

/// `retry`. 0: all landed; 1: some did not, or not yet; 2: used wrongly.
pub(crate) fn retry(args: &RetryArgs) -> anyhow::Result<u8> {
    let RetryArgs { which, found, absent, current, yes } = args;
    let said: Option<Vec<(&str, Option<&str>)>> = found
        .iter()
        .map(|text| text.split_once('=').filter(|(write, record)| !write.is_empty() && !record.is_empty()))
        .map(|pair| pair.map(|(write, record)| (write, Some(record))))
        .chain(absent.iter().map(|write| Some((write.as_str(), None))))
        .collect();
    let Some(said) = said else {
        say("say which write and which record: --found WRITE=RECORD\n");
        return Ok(2);
    };
    let mut names: Vec<&str> = said.iter().map(|(write, _)| *write).collect();
    names.sort_unstable();
    if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        say(&format!("of `{}` two things are said; it is there, or it is not\n", twice[0]));
        return Ok(2);
    }
    if !said.is_empty() && which.calls.is_empty() || !found.is_empty() && which.calls.len() != 1 {
        say("what is there and what is not is said of calls by their ids, and a record belongs to one call\n");
        return Ok(2);
    }
    run(which, "retry", current.then_some(*yes), &can_be_retried, |story| retried(story, &said, Timestamp::now()))
}

/// `resolve`. 0: done; 2: used wrongly.
pub(crate) fn resolve(args: &Args) -> anyhow::Result<u8> {
    if args.reason.trim().is_empty() {
        say("say why it needs no more work: --reason TEXT\n");
        return Ok(2);
    }
    run(args, "resolve", None, &can_be_resolved, |_| Ok(vec![resolved(&args.reason)]))
}

/// `current` is there where the config as it is now is meant, and says whether nobody need be asked.
fn run(
    args: &Args,
    what: &'static str,
    current: Option<bool>,
    is_meant: &dyn Fn(&Story) -> bool,
    records: impl Fn(&Story) -> Result<Vec<Record>, String>,
) -> anyhow::Result<u8> {
    let Some(patience) = duration(&args.wait).and_then(|wait| Duration::try_from(wait).ok()) else {
        say(&format!("`{}` is no duration; write `30s` or `5m`\n", args.wait));
        return Ok(2);
    };
    let class = match args.class.as_deref().map(|text| (text, serde_json::from_value::<ErrorClass>(json!(text)))) {
        Some((text, Err(_))) => {
            let names: Vec<&str> = ErrorClass::ALL.iter().map(|class| class.as_str()).collect();
            say(&format!("there is no class {text}; there is: {}\n", names.join(", ")));
            return Ok(2);
        }
        class => class.and_then(|(_, class)| class.ok()),
    };
    let is_bulk = args.calls.is_empty();
    if is_bulk && !args.all && args.class.is_none() && args.pipeline.is_none() && args.source.is_none() && args.last.is_none() {
        say(&format!("name a call, or say which calls: `aftercall {what} --class invalid`, `--last 1d`, or `--all`\n"));
        return Ok(2);
    }
    talk::runtime()?.block_on(async {
        let stories = match chosen(args, class, is_meant).await? {
            Ok(stories) => stories,
            Err(code) => return Ok(code),
        };
        if stories.is_empty() {
            say("there is no such call\n");
            return Ok(0);
        }
        let mut stories = stories;
        let mut differences: Option<Differences> = None;
        if let Some(yes) = current {
            let found = differences_of(&args.project.project, &stories).await?;
            if args.format == Format::Human {
                data(&found.text());
            }
            if args.dry_run {
                if args.format == Format::Json {
                    data(&format!("{:#}\n", found.json(&[])));
                }
                return Ok(u8::from(found.has_obstacles()));
            }
            stories.retain(|story| found.can(&story.call.id));
            if stories.is_empty() || !(yes || agreed(stories.len())?) {
                say("nothing was done\n");
                return Ok(1);
            }
            differences = Some(found);
        } else if args.dry_run {
            return Ok(show(args, &stories, None));
        }
        let words = stories.iter().map(|story| {
            let mut records = records(story)?;
            if let Some(found) = &differences {
                records.insert(0, Record::Version { config_version: found.version.clone() });
            }
            records.push(Record::Event(NewEvent { kind: what.to_owned(), write: None, data: json!({"reason": args.reason}).into() }));
            Ok(Word { call: story.call.seq, id: story.call.id.clone(), seen: Some(Seen::of(story)), what, records })
        });
        let words = match words.collect::<Result<Vec<Word>, String>>() {
            Ok(words) => words,
            Err(why) => {
                say(&format!("{why}\n"));
                return Ok(2);
            }
        };
        let told = intervene(&args.project.project, args.by.as_deref(), &args.reason, words, patience).await?;
        Ok(show(args, &told, differences.as_ref()))
    })
}

/// What working these calls under the project as it is on disk would change. Errors: it does not load, or the journal fails.
async fn differences_of(folder: &Path, stories: &[Story]) -> anyhow::Result<Differences> {
    let (project, _) = talk::project(folder)?;
    let journal: Arc<dyn Journal> = Arc::new(SqliteJournal::open_read_only(folder.join(&project.store_path))?);
    let reader = connections(folder, &project)?.reader();
    Ok(Differences::of(&project, journal, &reader, stories).await?)
}

/// The calls that are meant. `Err` is the exit code of what was said.
async fn chosen(args: &Args, class: Option<ErrorClass>, is_meant: &dyn Fn(&Story) -> bool) -> anyhow::Result<Result<Vec<Story>, u8>> {
    let journal = super::calls::open(&args.project)?;
    let mut ids = args.calls.clone();
    if ids.is_empty() {
        let since = match super::calls::since(args.last.as_deref())? {
            Ok(since) => since,
            Err(code) => return Ok(Err(code)),
        };
        let (pipeline, source) = (args.pipeline.clone(), args.source.clone());
        let filter = CallFilter { status: OPEN.to_vec(), pipeline, source, since, limit: MOST, ..CallFilter::default() };
        ids = journal.calls(filter).await?.into_iter().map(|call| call.id).collect();
    }
    let mut stories = Vec::new();
    for id in ids {
        let Some(story) = journal.call(id.clone()).await? else {
            say(&format!("the journal has no call that begins with `{id}`; `aftercall calls` lists them\n"));
            return Ok(Err(2));
        };
        if !is_meant(&story) {
            say(&format!("{} is {}; there is nothing that did not land\n", story.call.id, story.call.status));
            return Ok(Err(2));
        }
        if class.is_none_or(|class| failed_so(&story, class)) {
            stories.push(story);
        }
    }
    Ok(Ok(stories))
}

/// Whether a write of it failed so, or, where nothing could be planned, the last reading.
fn failed_so(story: &Story, class: ErrorClass) -> bool {
    let read = || {
        story
            .events
            .iter()
            .rev()
            .find(|event| event.kind == "read_failed")
            .is_some_and(|event| event.data.text().contains(&format!("\"class\":\"{}\"", class.as_str())))
    };
    story.writes.iter().any(|w| w.trouble.as_ref().is_some_and(|t| t.class == class.as_str())) || story.writes.is_empty() && read()
}

/// Whether whoever sits there wants it. Nobody there: no.
fn agreed(calls: usize) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        say("nobody can be asked here: say --yes, or look with --dry-run\n");
        return Ok(false);
    }
    let question = format!("Work {calls} {} again so?", if calls == 1 { "call" } else { "calls" });
    Ok(dialoguer::Confirm::new().with_prompt(question).default(false).interact()?)
}

fn show(args: &Args, stories: &[Story], differences: Option<&Differences>) -> u8 {
    let left = stories.iter().filter(|story| !matches!(story.call.status, CallStatus::Landed | CallStatus::Review | CallStatus::Resolved));
    let left = left.count();
    match args.format {
        Format::Human => {
            data(&view::calls::standing(stories));
            say(&format!("{} of {} did not land\n", left, stories.len()));
            for story in stories.iter().filter(|story| story.call.status == CallStatus::Held) {
                if let Some(doubtful) = in_doubt(story).next() {
                    let (id, write) = (&story.call.id, &doubtful.write);
                    say(&format!(
                        "perhaps `{write}` of {id} is written: look into {}, then say `aftercall retry {id} --found {write}=RECORD` or `--absent {write}`\n",
                        doubtful.connection
                    ));
                }
            }
        }
        Format::Json if differences.is_some() => {
            differences.iter().for_each(|found| data(&format!("{:#}\n", found.json(stories))));
        }
        Format::Json => {
            let calls: Vec<_> = stories
                .iter()
                .map(|story| json!({"call": story.call.id, "status": story.call.status, "reason": story.call.status_reason}))
                .collect();
            data(&format!("{:#}\n", json!({"version": 1, "calls": calls})));
        }
    }
    u8::from((left > 0 && !args.dry_run) || differences.is_some_and(Differences::has_obstacles))
}
