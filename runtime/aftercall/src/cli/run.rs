//! `aftercall run`: the service. Takes calls in over HTTP, works them, and ends when asked, with nothing half done.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aftercall_config::project::Project;
use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::ProjectDir;
use super::talk::{self, data, talk as say};
use crate::connect::{Http, ListTime, resolve_secret};
use crate::intake::{Intake, PATIENT, serve};
use crate::service::{LookFor, Looked, Service, context_secrets, lane_keys, list_of};
use crate::signals::{self, Health};
use crate::watch::{Start, Watch};
use crate::web::{self, Web};

/// How far back a look of the service goes: over a night, and over a day on which nobody noticed; then to the beginning of that day.
const LOOK_BACK: SignedDuration = SignedDuration::from_hours(24);
/// How often a list is held against the journal where nobody says how often: it is only said then what is missing.
const COMPARED: Duration = Duration::from_hours(1);

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    project: ProjectDir,
    /// Where to listen
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8787")]
    listen: SocketAddr,
    /// Logs as JSON lines
    #[arg(long)]
    log_json: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let root = &args.project.project;
    if !root.exists() {
        anyhow::bail!("there is no folder {}", root.display());
    }
    logs(args.log_json);
    talk::runtime()?.block_on(async {
        let start = begin(root).await?;
        if start.project.sources.is_empty() {
            say("the project names no source, so nothing can come in: add `[source.NAME]` to aftercall.toml\n");
        }
        let listener = tokio::net::TcpListener::bind(args.listen)
            .await
            .map_err(|e| anyhow::anyhow!("listening on {}: {e}; choose another address with --listen", args.listen))?;
        let service = Arc::new(Service::open(root, Project::clone(&start.project), start.files()).await?);
        missing_secrets(&service);
        let address = listener.local_addr()?;
        let asked = end_signals()?;
        let stop = CancellationToken::new();
        // What is finished after the end was asked for is told, too.
        let told = CancellationToken::new();
        let worker = {
            let (worker, stop) = (service.worker.clone(), stop.clone());
            tokio::spawn(async move { worker.run(&stop, false).await })
        };
        let (versions, leaving) = (service.versions.clone(), service.versions.clone());
        let intake = Intake::new(
            Arc::new(move || versions.live()),
            service.journal.clone(),
            service.secrets(),
            Arc::new(lane_keys),
            Arc::new(Timestamp::now),
        );
        let intake = intake.still_taking(Arc::new(move |source| leaving.leaving(source, Timestamp::now())));
        let watch = Watch::new(service.clone(), start).await?;
        let local = address.ip().is_loopback();
        let health = Health::new(service.clone(), local, worker.abort_handle());
        let pages = web::router(Web::new(service.clone(), local, stop.clone()).map_err(anyhow::Error::msg)?);
        let app = intake.telling(service.about(local)).router().merge(signals::router(health)).merge(pages);
        data(&format!(
            "{}\n",
            serde_json::json!({"version": 1, "ready": true, "listen": format!("http://{address}"), "config": service.project.version})
        ));
        let sources: Vec<String> = service.project.sources.keys().map(|s| format!("http://{address}/v1/calls/{s}")).collect();
        say(&format!("taking calls at {}; the call log is at http://{address}/; Ctrl-C ends it\n", sources.join(", ")));
        tokio::spawn(look_back(service.clone(), stop.clone()));
        tokio::spawn(signals::keep(service.clone(), stop.clone()));
        tokio::spawn(signals::alerts::watch(service.clone(), stop.clone()));
        let http = Arc::new(Http::new()?);
        tokio::spawn(signals::alerts::send(service.clone(), http.clone(), stop.clone()));
        let traces = tokio::spawn(signals::export(service.clone(), http, told.clone()));
        tokio::spawn(watch.run(stop.clone()));
        let ends = stop.clone();
        tokio::spawn(async move {
            asked.await;
            ends.cancel();
        });
        serve(listener, app, stop).await;
        say("finishing what is in hand; everything else stays in the journal\n");
        // What a system does not answer in this time is looked up again at the next start.
        if tokio::time::timeout(Duration::from_secs(25), worker).await.is_err() {
            say("a system did not answer in time; its write is looked up again at the next start\n");
        }
        told.cancel();
        let _ = tokio::time::timeout(Duration::from_secs(2), traces).await;
        Ok(0)
    })
}

/// What to start with: the files, or the last good config where they do not load.
///
/// Errors: a count of the findings, which have been printed.
async fn begin(root: &Path) -> anyhow::Result<Start> {
    let colour = std::io::stderr().is_terminal();
    let start = match Start::find(root).await {
        Ok(start) => start,
        Err(loaded) => {
            say(&loaded.render(colour));
            anyhow::bail!("the project in {} has {}", root.display(), talk::count(&loaded.findings));
        }
    };
    if !start.loaded.findings.is_empty() {
        say(&start.loaded.render(colour));
    }
    if let Some(since) = start.since {
        say(&format!(
            "the project in {} has {}: the last good config goes on, {} of {since}; mend the files, and the service takes them over\n",
            root.display(),
            talk::count(&start.loaded.findings),
            start.project.version
        ));
    }
    Ok(start)
}

/// A missing secret is said now, not when the first call comes in.
fn missing_secrets(service: &Service) {
    let (project, root) = (service.versions.live(), service.root());
    for source in project.sources.values() {
        if let Err(problem) = (service.secrets())(source) {
            tracing::warn!(source = %source.name, problem, "the source's secret cannot be read: its payloads get 503 until it can");
        }
    }
    if let Some(Err(problem)) = project.store_key.as_ref().map(|key| resolve_secret(key, root)) {
        tracing::warn!(%problem, "the key of the journal cannot be read: a refresh token that is kept there, or has to be, waits until it can");
    }
    if let Err(problem) = context_secrets(root, &project) {
        tracing::warn!(problem, "the secret of [context] cannot be read: questions about callers get 503 until it can");
    }
}

/// Looks at the lists of the sources that have one, beside everything else; also of those that a reload brings. What is missing is taken in where
/// the project says how often, and otherwise said.
async fn look_back(service: Arc<Service>, stop: CancellationToken) {
    let mut swapped = service.versions.swapped();
    let mut looking: BTreeMap<String, JoinHandle<()>> = BTreeMap::new();
    loop {
        swapped.mark_unchanged();
        looking.retain(|_, look| !look.is_finished());
        let project = service.versions.live();
        for source in project.sources.values().filter(|source| list_of(&project, &source.name).is_ok()) {
            looking.entry(source.name.clone()).or_insert_with(|| tokio::spawn(look_at(service.clone(), source.name.clone(), stop.clone())));
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            changed = swapped.changed() => if changed.is_err() { return },
        }
    }
}

/// Looks at the list of one source, the first time at once, for what came while nobody was there; until the project no longer says so.
async fn look_at(service: Arc<Service>, name: String, stop: CancellationToken) {
    loop {
        let project = service.versions.live();
        let Ok((_, list)) = list_of(&project, &name) else { return };
        let what = if list.every.is_some() { LookFor::Fetching } else { LookFor::Saying };
        let every = list.every.unwrap_or(COMPARED);
        let until = Timestamp::now();
        let since = until.checked_sub(LOOK_BACK).unwrap_or(until).to_zoned(project.timezone.clone());
        let since = since.start_of_day().map_or(since.timestamp(), |day| day.timestamp());
        match service.look(&name, ListTime { since, until }, what, PATIENT, &stop).await {
            Ok(Looked::UnderWay) => {}
            Ok(Looked::Done(_, Some(trouble))) => {
                tracing::warn!(source = %name, trouble, "the platform's list of calls was not read; it is tried again")
            }
            Ok(Looked::Done(found, None)) if found.taken.is_empty() && found.unrecognised.is_empty() => {
                tracing::debug!(source = %name, missing = found.missing.len(), "the list has been held against the journal");
            }
            Ok(Looked::Done(found, None)) if what == LookFor::Saying => tracing::warn!(
                source = %name, missing = found.taken.len().max(found.missing.len()),
                "the platform's list has calls that were never delivered; `aftercall backfill`, or the page Reconciliation, takes them in"
            ),
            Ok(Looked::Done(found, None)) => tracing::warn!(
                source = %name, taken_in = found.taken.len(), not_understood = found.unrecognised.len(),
                "the platform's list had calls that were never delivered"
            ),
            Err(error) => tracing::warn!(source = %name, %error, "the platform's list of calls was not read; it is tried again"),
        }
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Ctrl-C, or what a service manager sends. They count from this call on, not only from when they are awaited.
#[cfg(unix)]
fn end_signals() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Ctrl-C.
#[cfg(not(unix))]
fn end_signals() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}

/// Whose words may stand in a log, whatever `RUST_LOG` says: ours, and those of what carries bytes. What renders templates or reads numbers tells
/// at its loudest what it was given, which is a caller's name and number.
const MAY_LOG: [&str; 9] = ["aftercall", "hyper", "h2", "reqwest", "rustls", "tokio", "mio", "notify", "tower"];

/// Logs go to stderr: ids and classes, never what a caller said. `RUST_LOG` says how much.
pub(super) fn logs(json: bool) {
    use tracing_subscriber::filter::{FilterExt as _, filter_fn};
    use tracing_subscriber::prelude::*;
    let wanted = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info,hyper=warn,reqwest=warn".into());
    let may = filter_fn(|meta| MAY_LOG.iter().any(|name| meta.target().split("::").next().is_some_and(|root| root.starts_with(name))));
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false);
    let filter = wanted.and(may);
    let _ = if json {
        tracing_subscriber::registry().with(layer.json().with_filter(filter)).try_init()
    } else {
        tracing_subscriber::registry().with(layer.compact().with_filter(filter)).try_init()
    };
}
