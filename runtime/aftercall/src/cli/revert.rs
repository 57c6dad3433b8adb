//! `aftercall revert`: the way back for fields that still hold what we wrote. Without `--apply` it is shown, and nothing is written.

use std::time::Duration;

use aftercall_config::resolve::duration;
use aftercall_plan::revert::{Alone, Asked, WorkedCall};
use jiff::Timestamp;
use serde_json::Value;

use super::audit::moment;
use super::intervene::{Word, intervene};
use super::talk::{self, data, talk as say};
use super::{Format, ProjectDir};
use crate::journal::{CallStatus, Journal, Seen, Story, Way};
use crate::service::{Wanted, WayBack, connections};
use crate::view::revert::{done, has_gone_back, text};
use crate::work::asked_by;

/// Versions that are named where a beginning is that of several.
const NAMED: usize = 6;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What was written under this config version, or the only one that begins so
    #[arg(long)]
    version: Option<String>,
    /// What this call wrote: its id, or the beginning of it
    #[arg(long, value_name = "ID")]
    call: Option<String>,
    /// Only what this pipeline wrote
    #[arg(long)]
    pipeline: Option<String>,
    /// Only what was written there
    #[arg(long)]
    connection: Option<String>,
    /// Only what was written since then: `2026-11-27T08:00:00Z`, or a while ago such as `2h`
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only what was written before then, in the same way
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Do it: each record is read once more, and what no longer holds what we wrote is left alone
    #[arg(long, conflicts_with = "exit_code")]
    apply: bool,
    /// Why; kept with the calls, the receipts and the trail
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    /// Who does it; left out: the name of whoever is logged in
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Wait this long for it to be carried out
    #[arg(long, value_name = "DURATION", default_value = "60s")]
    wait: String,
    /// Exit with 3 where something would go back
    #[arg(long)]
    exit_code: bool,
    #[command(flatten)]
    project: ProjectDir,
    /// How it is printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// 0: shown, or done; 1: some of it is refused or still to come; 2: used wrongly; 3: as `--exit-code` says.
pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let Some(patience) = duration(&args.wait).and_then(|wait| Duration::try_from(wait).ok()) else {
        say(&format!("`{}` is no duration; write `30s` or `5m`\n", args.wait));
        return Ok(2);
    };
    if args.version.is_none() && args.call.is_none() {
        say("say what is to go back: --version VERSION for what was written under a config version, or --call ID for what a call wrote\n");
        return Ok(2);
    }
    if args.apply && args.reason.trim().is_empty() {
        say("say why it goes back: --reason TEXT\n");
        return Ok(2);
    }
    let mut times = [None, None];
    for (time, word) in times.iter_mut().zip([&args.since, &args.until]) {
        let Some(word) = word else { continue };
        *time = moment(word);
        if time.is_none() {
            say(&format!("`{word}` is no time; write `2026-11-27T08:00:00Z`, or `2h` for two hours ago\n"));
            return Ok(2);
        }
    }
    let [since, until] = times;
    talk::runtime()?.block_on(async {
        let journal = super::calls::open(&args.project)?;
        let mut wanted = Wanted { pipeline: args.pipeline.clone(), connection: args.connection.clone(), since, until, ..Wanted::default() };
        if let Some(version) = &args.version {
            wanted.version = match version_of(&journal, version).await? {
                Ok(version) => Some(version),
                Err(why) => {
                    say(&why);
                    return Ok(2);
                }
            };
        }
        if let Some(id) = &args.call {
            let Some(story) = journal.call(id.clone()).await? else {
                say(&format!("there is no call {id}; `aftercall calls` lists them\n"));
                return Ok(2);
            };
            wanted.call = Some(story.call.id);
        }
        let root = &args.project.project;
        let (project, files) = talk::project(root)?;
        let reader = connections(root, &project)?.reader();
        let mut found = WayBack::of(&project, &files, &journal, &reader, &wanted).await?;
        drop(journal);
        found.document.asked = asked(&wanted);
        if !args.apply || found.document.counts.fields == 0 {
            return Ok(show(args, &found));
        }
        let who = talk::who(args.by.as_deref());
        let word = found.word(&who, Way::Cli, &args.reason, Timestamp::now());
        let words = word.into_iter().map(|(story, records)| {
            let (call, id, seen) = (story.call.seq, story.call.id.clone(), Some(Seen::of(story)));
            Word { call, id, seen, what: "revert", records }
        });
        let told = intervene(root, Some(&who), &args.reason, words.collect(), patience).await?;
        Ok(came_of_it(args, found, &told))
    })
}

/// The version that is meant. `Err`: a sentence.
async fn version_of(journal: &dyn Journal, said: &str) -> anyhow::Result<Result<String, String>> {
    let mut known = journal.versions(said.to_owned(), NAMED).await?;
    Ok(match known.len() {
        _ if known.iter().any(|one| one == said) => Ok(said.to_owned()),
        1 if !said.is_empty() => Ok(known.remove(0)),
        0 => Err(format!(
            "the journal has no config version that begins with `{said}`; `aftercall audit` and `aftercall show CALL` name those under which something \
             was written\n"
        )),
        _ => Err(format!("several config versions begin with `{said}`: {}; write more of the one that you mean\n", known.join(", "))),
    })
}

fn asked(wanted: &Wanted) -> Asked {
    let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
    let Wanted { version, call, pipeline, connection, since, until } = wanted.clone();
    Asked { config: version, call, pipeline, connection, since: time(since), until: time(until) }
}

fn json(found: &WayBack) -> anyhow::Result<String> {
    Ok(format!("{}\n", serde_json::to_string_pretty(&found.document)?))
}

/// What would go back.
fn show(args: &Args, found: &WayBack) -> u8 {
    let counts = &found.document.counts;
    match args.format {
        Format::Json => data(&json(found).unwrap_or_default()),
        Format::Human if found.document.records.is_empty() && found.document.made.is_empty() => {
            say("nothing of that was written; `aftercall audit` shows what was\n");
        }
        Format::Human => {
            data(&text(&found.document));
            if counts.fields > 0 {
                say("nothing was written; the same with --apply --reason TEXT does it\n");
            }
        }
    }
    match () {
        () if args.exit_code && counts.fields > 0 => 3,
        () if args.apply => u8::from(was_not_read(found)),
        () => 0,
    }
}

/// Whether something could not be looked at: that it is left alone says nothing about it.
fn was_not_read(found: &WayBack) -> bool {
    found.document.records.iter().flat_map(|record| &record.fields).any(|field| matches!(field.alone, Some(Alone::Unreadable { .. })))
}

/// What came of it, field by field.
fn came_of_it(args: &Args, mut found: WayBack, told: &[Story]) -> u8 {
    for record in &mut found.document.records {
        let Some(story) = told.iter().find(|story| story.call.id == record.call) else { continue };
        for field in record.fields.iter_mut().filter(|field| field.goes_back) {
            let puts = |name: &str| {
                let of =
                    story.writes.iter().filter(|row| row.record_id.as_ref() == Some(&record.record) && row.connection == record.connection);
                of.rev().find(|row| asked_by(row).is_some_and(|asked| asked.fields.iter().any(|back| back.field == name)))
            };
            let Some(row) = puts(&field.field) else { continue };
            let receipt: Vec<Value> = row.receipt.as_ref().and_then(|receipt| receipt.read().ok()).unwrap_or_default();
            let line = receipt.iter().find(|line| line["field"] == *field.field);
            let state = line.and_then(|line| line["state"].as_str()).unwrap_or("planned");
            let because = line.and_then(|line| line["because"].as_str()).filter(|_| !matches!(state, "landed" | "planned"));
            field.because = because.map(str::to_owned).or_else(|| row.trouble.as_ref().map(|trouble| trouble.message.clone()));
            field.state = Some(state.to_owned());
        }
    }
    let calls = told.iter().map(|story| WorkedCall {
        call: story.call.id.clone(),
        status: story.call.status.word().to_owned(),
        reason: story.call.status_reason.clone(),
    });
    found.document.calls = calls.collect();
    match args.format {
        Format::Json => data(&json(&found).unwrap_or_default()),
        Format::Human => data(&done(&found.document)),
    }
    let fields = found.document.records.iter().flat_map(|record| &record.fields).filter(|field| field.goes_back);
    let is_settled = |state: Option<&str>| matches!(state, Some("conflict" | "kept"));
    let open = fields.filter(|field| !has_gone_back(field) && !is_settled(field.state.as_deref())).count();
    u8::from(open > 0 || was_not_read(&found) || told.iter().any(|story| story.call.status == CallStatus::Waiting))
}
