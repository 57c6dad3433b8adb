//! `aftercall run`: the service. Takes calls in over HTTP, works them, and ends when asked, with nothing half done.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::ProjectDir;
use super::talk::{self, data, talk as say};
use crate::intake::{Intake, serve};
use crate::service::{Service, context_secrets, lane_keys};

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
    let (project, files) = talk::project(&args.project.project)?;
    if project.sources.is_empty() {
        say("the project names no source, so nothing can come in: add `[source.NAME]` to aftercall.toml\n");
    }
    logs(args.log_json);
    talk::runtime()?.block_on(async {
        let listener = tokio::net::TcpListener::bind(args.listen)
            .await
            .map_err(|e| anyhow::anyhow!("listening on {}: {e}; choose another address with --listen", args.listen))?;
        let service = Service::open(&args.project.project, project, &files).await?;
        // A missing secret is said now, not when the first call comes in.
        for source in service.project.sources.values() {
            if let Err(problem) = (service.secrets())(source) {
                tracing::warn!(source = %source.name, problem, "the source's secret cannot be read: its payloads get 503 until it can");
            }
        }
        let address = listener.local_addr()?;
        let asked = signals()?;
        let stop = CancellationToken::new();
        let worker = {
            let (worker, stop) = (service.worker.clone(), stop.clone());
            tokio::spawn(async move { worker.run(&stop, false).await })
        };
        let project = service.project.clone();
        let intake = Intake::new(
            Arc::new(move || project.clone()),
            service.journal.clone(),
            service.secrets(),
            Arc::new(lane_keys),
            Arc::new(Timestamp::now),
        );
        if let Err(problem) = context_secrets(&args.project.project, &service.project) {
            tracing::warn!(problem, "the secret of [context] cannot be read: questions about callers get 503 until it can");
        }
        let app = intake.telling(service.about(address.ip().is_loopback())).router();
        data(&format!(
            "{}\n",
            serde_json::json!({"version": 1, "ready": true, "listen": format!("http://{address}"), "config": service.project.version})
        ));
        let sources: Vec<String> = service.project.sources.keys().map(|s| format!("http://{address}/v1/calls/{s}")).collect();
        say(&format!("taking calls at {}; Ctrl-C ends it\n", sources.join(", ")));
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
        Ok(0)
    })
}

/// Ctrl-C, or what a service manager sends. They count from this call on, not only from when they are awaited.
#[cfg(unix)]
fn signals() -> std::io::Result<impl Future<Output = ()>> {
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
fn signals() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}

/// Logs go to stderr: ids and classes, never what a caller said. `RUST_LOG` says how much.
pub(super) fn logs(json: bool) {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info,hyper=warn,reqwest=warn".into());
    let layer = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    let _ = if json { layer.json().try_init() } else { layer.compact().try_init() };
}
