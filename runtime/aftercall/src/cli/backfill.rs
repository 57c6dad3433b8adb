//! `aftercall backfill SOURCE`: takes in what a platform's own list of calls has and its webhook never brought.

use std::sync::Arc;
use std::time::Duration;

use aftercall_config::functions::timestamp;
use aftercall_config::project::Project;
use aftercall_config::resolve::duration;
use aftercall_config::source::Files;
use jiff::Timestamp;
use jiff::civil::{Date, Time};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::talk::{self, data, talk as say};
use super::{Format, ProjectDir};
use crate::connect::{Connections, ListTime};
use crate::intake::{Backfill, Backfilled, PATIENT, Put, put_into};
use crate::journal::{self, CallStatus, Journal, SqliteJournal, accept_beside, look_beside};
use crate::service::{NoList, Service, connections, lane_keys, list_of};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The source, as aftercall.toml names it
    source: String,
    /// Calls that began since then: a while ago such as `1d`, or a date or time
    #[arg(long, value_name = "WHEN", default_value = "1d")]
    since: String,
    /// Calls that began until then; left out: now
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
    /// Say what would be taken in, and take nothing in
    #[arg(long)]
    dry_run: bool,
    /// Wait this long for what was taken in to be worked, where no service is running
    #[arg(long, value_name = "DURATION", default_value = "10m")]
    wait: String,
    #[command(flatten)]
    project: ProjectDir,
    /// How it is printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// 0: everything is known or taken in; 1: something was not understood or did not land, or the list could not be read; 2: used wrongly.
pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let (project, files) = talk::project(&args.project.project)?;
    let Some(patience) = duration(&args.wait).and_then(|wait| Duration::try_from(wait).ok()) else {
        say(&format!("`{}` is no duration; write `30s` or `5m`\n", args.wait));
        return Ok(2);
    };
    let now = Timestamp::now();
    let moment = |text: &str| when(text, &project, now);
    let until = args.until.as_deref().map_or(Some(now), moment);
    let (Some(since), Some(until)) = (moment(&args.since), until) else {
        let wrong = if moment(&args.since).is_none() { &args.since } else { args.until.as_ref().unwrap_or(&args.since) };
        say(&format!("`{wrong}` is no time; write `1d`, `2026-11-24` or `2026-11-24T08:00:00Z`\n"));
        return Ok(2);
    };
    if since >= until {
        say(&format!("{since} is not before {until}\n"));
        return Ok(2);
    }
    if let Some(code) = unusable(&args.source, &project) {
        return Ok(code);
    }
    talk::runtime()?.block_on(read(args, project, &files, ListTime { since, until }, patience))
}

/// What keeps this source from having a list, said; `None` where nothing does.
fn unusable(name: &str, project: &Project) -> Option<u8> {
    let no_list = match list_of(project, name) {
        Ok(_) => return None,
        Err(no_list) => no_list,
    };
    if let NoList::NoSource(_) = no_list {
        let names: Vec<&str> = project.sources.keys().map(String::as_str).collect();
        let near =
            aftercall_config::finding::nearest(name, names.iter().copied()).map(|n| format!("; did you mean {n}?")).unwrap_or_default();
        let there = if names.is_empty() { "it names none".to_owned() } else { format!("there is: {}", names.join(", ")) };
        say(&format!("{no_list}{near}\n{there}\n"));
        return Some(2);
    }
    say(&format!("{no_list}\n"));
    Some(if matches!(no_list, NoList::NoCredentials { .. }) { 1 } else { 2 })
}

/// A while ago, a day in the project's zone, or a moment.
fn when(text: &str, project: &Project, now: Timestamp) -> Option<Timestamp> {
    if let Some(ago) = duration(text) {
        return now.checked_sub(ago).ok();
    }
    if let Ok(day) = text.parse::<Date>().map(|day| day.to_datetime(Time::midnight()))
        && !text.contains(['T', ' '])
    {
        return project.timezone.to_zoned(day).ok().map(|zoned| zoned.timestamp());
    }
    timestamp(&Value::from(text))
}

async fn read(args: &Args, project: Project, files: &Files, time: ListTime, patience: Duration) -> anyhow::Result<u8> {
    let folder = &args.project.project;
    let path = folder.join(&project.store_path);
    let stop = CancellationToken::new();
    let on_signal = stop.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            say("\nstopping; what was taken in stays in the journal, and running again goes on from there\n");
            on_signal.cancel();
        }
    });
    // Looking needs no journal of our own, and must not make one.
    if args.dry_run {
        let journal = match SqliteJournal::open_read_only(&path) {
            Ok(journal) => Some(journal),
            Err(journal::Error::Missing { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let known = journal.as_ref().map(|journal| journal as &dyn Journal);
        return Ok(look(args, &project, &connections(folder, &project)?, known, None, time, &stop).await?.0);
    }
    match Service::open(folder, project.clone(), files).await {
        Ok(service) => {
            let put = put_into(service.journal.clone());
            let (code, found) =
                look(args, &service.project, &service.connections, Some(service.journal.as_ref()), Some(put), time, &stop).await?;
            if found.taken.is_empty() && found.completed.is_empty() {
                return Ok(code);
            }
            service.settle(patience, &stop).await?;
            Ok(code.max(standing(&service, &args.source, &found).await?))
        }
        Err(error) if matches!(error.downcast_ref(), Some(journal::Error::InUse { .. })) => {
            say("a service works this journal; it works what is taken in\n");
            let journal = SqliteJournal::open_read_only(&path)?;
            let put: Put = Arc::new(move |arrival| {
                let path = path.clone();
                Box::pin(async move {
                    let work = tokio::task::spawn_blocking(move || accept_beside(&path, vec![arrival])).await;
                    match work {
                        Ok(accepted) => accepted.map(|mut accepted| accepted.pop().unwrap_or(journal::Accepted::Kept)),
                        Err(broken) => std::panic::resume_unwind(broken.into_panic()),
                    }
                })
            });
            Ok(look(args, &project, &connections(folder, &project)?, Some(&journal), Some(put), time, &stop).await?.0)
        }
        Err(error) => Err(error),
    }
}

/// Reads the list and says what came of it. The exit code, and what was found.
async fn look(
    args: &Args,
    project: &Project,
    accounts: &Connections,
    journal: Option<&dyn Journal>,
    put: Option<Put>,
    time: ListTime,
    stop: &CancellationToken,
) -> anyhow::Result<(u8, Backfilled)> {
    let (Some(source), Some(list)) = (project.sources.get(&args.source), project.sources.get(&args.source).and_then(|s| s.list.as_ref()))
    else {
        anyhow::bail!("{} has no list of calls", args.source);
    };
    let reader = accounts.reader();
    let keys = |call: &_| lane_keys(project, call);
    let backfill = Backfill { project, source, list, reader: &reader, journal, put, tries: PATIENT, lane_keys: &keys };
    let (began, mut found) = (Timestamp::now(), Backfilled::default());
    let ended = backfill.run(time, began, stop, &mut found).await;
    let trouble = ended.as_ref().err().map(ToString::to_string);
    show(args, time, &found, trouble.clone());
    // A dry run leaves no trace.
    if !args.dry_run {
        let look = found.look(&args.source, time, began, Timestamp::now(), &project.timezone, trouble);
        let path = args.project.project.join(&project.store_path);
        if let Err(error) = tokio::task::spawn_blocking(move || look_beside(&path, &look)).await? {
            say(&format!("what the list had could not be put on record: {error}\n"));
        }
    }
    match ended {
        Ok(()) => Ok((u8::from(!found.unrecognised.is_empty() || found.stopped), found)),
        // What came in before the trouble is worked all the same.
        Err(_) => Ok((1, found)),
    }
}

fn show(args: &Args, time: ListTime, found: &Backfilled, error: Option<String>) {
    match args.format {
        Format::Json => {
            let unrecognised: Vec<Value> = found.unrecognised.iter().map(|(id, reason)| json!({"call": id, "reason": reason})).collect();
            let all = json!({
                "version": 1, "source": args.source, "since": time.since, "until": time.until, "dry_run": args.dry_run,
                "finished": found.finished, "under_way": found.under_way, "known": found.known, "taken_in": found.taken,
                "completed": found.completed, "ignored": found.ignored, "not_understood": unrecognised, "error": error,
            });
            data(&format!("{all:#}\n"));
        }
        Format::Human => {
            for id in &found.taken {
                data(&format!("{}:{id}\n", args.source));
            }
            let mut parts = vec![format!("{} finished calls on the list", found.finished), format!("{} known", found.known)];
            parts.push(format!("{} {}", found.taken.len(), if args.dry_run { "would be taken in" } else { "taken in" }));
            let more = [
                (found.completed.len(), "completed"),
                (found.ignored.len(), "not for us"),
                (found.unrecognised.len(), "not understood"),
                (usize::try_from(found.under_way).unwrap_or(usize::MAX), "under way or just ended"),
            ];
            parts.extend(more.into_iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")));
            say(&format!("{}\n", parts.join(", ")));
            for (id, reason) in &found.unrecognised {
                say(&format!("{} {}: {reason}\n", talk::red("not understood:"), if id.is_empty() { "a row" } else { id }));
            }
            if !found.unrecognised.is_empty() && !args.dry_run {
                say("they are kept; `aftercall calls --unrecognised` lists them\n");
            }
        }
    }
    if let Some(error) = error {
        let again = if args.dry_run { "" } else { "; what was taken in is safe, and running again goes on from there" };
        say(&format!("{} {error}{again}\n", talk::red("error:")));
    }
}

/// How what was taken in stands, said. The exit code.
async fn standing(service: &Service, source: &str, found: &Backfilled) -> anyhow::Result<u8> {
    let mut left = 0;
    for id in found.taken.iter().chain(&found.completed) {
        let story = service.journal.call(format!("{source}:{id}")).await?;
        let landed = |status| matches!(status, CallStatus::Landed | CallStatus::Review | CallStatus::Resolved);
        left += usize::from(!story.is_some_and(|story| landed(story.call.status)));
    }
    let all = found.taken.len() + found.completed.len();
    say(&match left {
        0 => "all of them landed\n".to_owned(),
        left => format!("{left} of {all} did not land, or not yet; `aftercall calls` lists them\n"),
    });
    Ok(u8::from(left > 0))
}
