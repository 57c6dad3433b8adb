//! `aftercall sync`: one batch, to the end: a progress bar, a summary, an exit code.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::input::{Input, Item};
use super::talk::{self, data, talk as say};
use super::{Format, ProjectDir};
use crate::journal::{Accepted, Arrival, CallFilter, CallStatus};
use crate::service::Service;
use crate::view;

/// Calls taken in with one commit.
const BATCH: usize = 256;
/// How long to wait for a commit to be full.
const MORE: Duration = Duration::from_millis(20);

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    input: Input,
    #[command(flatten)]
    project: ProjectDir,
    /// Wait this long for calls that have to be tried again, such as `5m`; what still waits then stays in the journal
    #[arg(long, value_name = "DURATION", default_value = "0s")]
    wait: String,
    /// How the summary is printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What became of the input.
#[derive(Default)]
struct Tally {
    new: u64,
    amended: u64,
    duplicate: u64,
    ignored: u64,
    bad: Vec<(String, u64, String)>,
    bad_count: u64,
}

/// Bad lines that are said in full; of more, only the number.
const BAD_SHOWN: usize = 20;

pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let Some(patience) = aftercall_config::resolve::duration(&args.wait).and_then(|d| Duration::try_from(d).ok()) else {
        say(&format!("`{}` is no duration; write `30s` or `5m`\n", args.wait));
        return Ok(2);
    };
    let (project, files) = talk::project(&args.project.project)?;
    let source = args.input.source(&project)?;
    talk::runtime()?.block_on(async {
        let service = Service::open(&args.project.project, project, &files).await?;
        let began = jiff::Timestamp::now();
        let bar = progress(args.input.bytes());
        let (send, mut receive) = mpsc::channel::<(Item, u64)>(4 * BATCH);
        // A thread of its own: one that waits for a silent pipe must not hold up the end.
        let (has_read, reading) = oneshot::channel();
        std::thread::spawn({
            let (input, project, source) = (args.input.clone(), service.project.clone(), source.clone());
            move || {
                let read =
                    input.read(&project, &source, |item, read| send.blocking_send((item, read)).map_err(|_| anyhow::anyhow!("stopped")));
                drop(has_read.send(read));
            }
        });
        let (stop, at_once) = (CancellationToken::new(), CancellationToken::new());
        tokio::spawn({
            let (stop, at_once) = (stop.clone(), at_once.clone());
            async move {
                if tokio::signal::ctrl_c().await.is_ok() {
                    say("\nfinishing what is in hand; everything else stays in the journal; once more ends it at once\n");
                    stop.cancel();
                }
                if tokio::signal::ctrl_c().await.is_ok() {
                    at_once.cancel();
                }
            }
        });
        // The worker runs while the file is read, so that memory does not grow with it.
        let working = {
            let (worker, stop) = (service.worker.clone(), stop.clone());
            let until_read = CancellationToken::new();
            let read_done = until_read.clone();
            let task = tokio::spawn(async move {
                let either = stop.child_token();
                let ended = either.clone();
                let first = worker.run(&either, false);
                tokio::select! {
                    () = first => {}
                    () = async { until_read.cancelled().await; ended.cancel(); std::future::pending::<()>().await } => {}
                }
                worker.run(&stop, true).await;
            });
            (task, read_done)
        };
        let mut tally = Tally::default();
        let mut batch: Vec<Arrival> = Vec::with_capacity(BATCH);
        loop {
            // A file is read in no time; from a pipe that says nothing for a moment, what came is taken in.
            let patience = if batch.is_empty() { Duration::MAX } else { MORE };
            let next = tokio::select! {
                biased;
                () = stop.cancelled() => None,
                next = timeout(patience, receive.recv()) => next.ok().flatten(),
            };
            match next {
                Some((item, read)) => {
                    bar.set_position(read);
                    match item.call {
                        Ok(taken) => batch.push(taken.arrival),
                        Err(reason) => tally.bad(item.file, item.line, reason, &bar),
                    }
                    if batch.len() < BATCH {
                        continue;
                    }
                }
                None if batch.is_empty() => break,
                None => {}
            }
            accept(&service, std::mem::take(&mut batch), &mut tally).await?;
            if stop.is_cancelled() {
                break;
            }
        }
        drop(receive);
        let read = if stop.is_cancelled() { Ok(()) } else { reading.await? };
        working.1.cancel();
        let rest = async {
            working.0.await?;
            if !patience.is_zero() && !stop.is_cancelled() {
                service.settle(patience, &stop).await?;
            }
            anyhow::Ok(())
        };
        let ended = tokio::select! {
            biased;
            () = at_once.cancelled() => None,
            done = rest => Some(done),
        };
        bar.finish_and_clear();
        match ended {
            Some(done) => done.and(read)?,
            None => {
                say("ended at once; the next run looks what became of the requests that were under way\n");
                return Ok(1);
            }
        }
        finish(args, &service, &tally, began).await
    })
}

async fn accept(service: &Service, batch: Vec<Arrival>, tally: &mut Tally) -> anyhow::Result<()> {
    // A full queue is a matter of moments; the file can wait.
    let accepted = loop {
        match service.journal.accept(batch.clone()).await {
            Err(crate::journal::Error::Busy { .. }) => tokio::time::sleep(Duration::from_millis(20)).await,
            other => break other?,
        }
    };
    for one in accepted {
        match one {
            Accepted::New { .. } => tally.new += 1,
            Accepted::Amended { .. } => tally.amended += 1,
            Accepted::Duplicate { .. } => tally.duplicate += 1,
            Accepted::Kept => tally.ignored += 1,
        }
    }
    Ok(())
}

impl Tally {
    fn bad(&mut self, file: String, line: u64, reason: String, bar: &ProgressBar) {
        self.bad_count += 1;
        if self.bad.len() < BAD_SHOWN {
            bar.suspend(|| say(&format!("{} {file}:{line}: {reason}\n", talk::red("error:"))));
            self.bad.push((file, line, reason));
        }
    }
}

fn progress(bytes: Option<u64>) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(bytes.unwrap_or(0));
    let style =
        ProgressStyle::with_template("{bar:32} {bytes}/{total_bytes} read  {elapsed}").unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.set_style(style);
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

async fn finish(args: &Args, service: &Service, tally: &Tally, began: jiff::Timestamp) -> anyhow::Result<u8> {
    let counts = service.journal.counts().await?;
    let of = |status| counts.calls.get(&status).copied().unwrap_or(0);
    let trouble = [CallStatus::Waiting, CallStatus::Dead, CallStatus::Partial, CallStatus::Held];
    let open: u64 = trouble.iter().map(|s| of(*s)).sum();
    match args.format {
        Format::Json => data(&format!(
            "{:#}\n",
            serde_json::json!({
                "version": 1, "new": tally.new, "amended": tally.amended, "duplicate": tally.duplicate, "ignored": tally.ignored,
                "bad": tally.bad_count, "calls": counts.calls, "requests": service.connections.requests(),
                "seconds": jiff::Timestamp::now().duration_since(began).as_secs_f64(),
            })
        )),
        Format::Human => {
            if open > 0 || of(CallStatus::Review) > 0 {
                let filter = CallFilter {
                    status: trouble.into_iter().chain([CallStatus::Review]).collect(),
                    since: Some(began),
                    limit: 20,
                    with_outcome: true,
                    ..CallFilter::default()
                };
                data(&view::calls::text(&service.journal.calls(filter).await?));
            }
            let parts: Vec<String> = counts.calls.iter().map(|(s, n)| format!("{n} {s}")).collect();
            say(&format!(
                "{} new, {} amended, {} known already, {} not for us, {} bad lines; the journal has {}\n",
                tally.new,
                tally.amended,
                tally.duplicate,
                tally.ignored,
                tally.bad_count,
                if parts.is_empty() { "no calls".to_owned() } else { parts.join(", ") }
            ));
        }
    }
    Ok(u8::from(tally.bad_count > 0 || open > 0))
}
