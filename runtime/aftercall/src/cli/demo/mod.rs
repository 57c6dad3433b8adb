//! `aftercall demo`: the main job in one minute on this machine, against local stand-ins, with its own result checked aloud.
//!
//! The systems' names stand here because this is a show of these three; the engine knows none of them.

mod check;
mod world;

use std::time::Duration;

use aftercall_config::call::CallOutcome;
use aftercall_plan::context::Context;
use aftercall_plan::model::Plan;
use aftercall_plan::plan::{pipeline_for, requests};
use aftercall_sandbox::{FaultKind, FaultSpec};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::talk::{self, data};
use crate::intake::take;
use crate::journal::{Accepted, CallFilter, Journal, Order};
use crate::service::{Service, lane_keys};
use crate::view;
use crate::work::{Before, DryMemory, plan_call};
use world::{Payload, World};

/// How long a group of calls may take, retries included.
const PATIENCE: Duration = Duration::from_secs(40);
/// Calls whose dry run is shown in full; the others get a line.
const SHOWN: usize = 3;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Keep the project, its journal and the payloads in this folder
    #[arg(long, value_name = "DIR")]
    keep: Option<std::path::PathBuf>,
    /// Show the dry run of every call in full
    #[arg(long)]
    all: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let _ = tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "error".into()))
        .with_writer(std::io::stderr)
        .try_init();
    talk::runtime()?.block_on(async {
        let began = std::time::Instant::now();
        let mut failed = front_desk(args).await?;
        failed += hubspot_desk(args).await?;
        let seconds = began.elapsed().as_secs_f64();
        if failed == 0 {
            data(&format!("\n{} in {seconds:.1} s: every call stands in its record, once\n", talk::green("all checks passed")));
        } else {
            data(&format!("\n{}\n", talk::red(&format!("{failed} checks failed"))));
        }
        Ok(u8::from(failed > 0))
    })
}

fn title(text: &str) {
    data(&format!("\n{}\n", talk::bold(text)));
}

/// The whole road: Salesforce and Google Calendar.
async fn front_desk(args: &Args) -> anyhow::Result<usize> {
    let world = World::start("front-desk", args.keep.as_deref()).await?;
    title("1  stand-ins on this machine, holding a dental office's records");
    data(&world.addresses());
    title("2  the project, checked");
    let (project, files) = talk::project(world.root())?;
    data(&format!(
        "{} {}: pipeline {}, connections {}, config version {}\n",
        talk::green("clean"),
        project.name,
        project.pipelines.iter().map(|p| p.name.as_str()).collect::<Vec<_>>().join(", "),
        project.connections.keys().cloned().collect::<Vec<_>>().join(", "),
        project.version
    ));
    let service = Service::open(world.root(), project, &files).await?;
    let payloads = world.payloads()?;
    title("3  the dry run: what each call would write, field by field");
    dry_run(&service, &payloads, args.all).await?;
    title("4  applied, while the CRM is not always well");
    let stop = CancellationToken::new();
    for (group, what) in [
        ("known", "four calls from a number that the CRM knows, one after the other"),
        ("email", "three from other numbers, one of them withheld: the e-mail is known"),
        ("failing", "one call while the CRM says it is too much, one while the token expires"),
        ("burst", "three calls at once from somebody who is not in the CRM"),
    ] {
        let began = std::time::Instant::now();
        let calls: Vec<&Payload> = payloads.iter().filter(|p| p.group == group).collect();
        match group {
            "failing" => {
                // The write is refused, so the call waits in the journal and goes out again by itself.
                world.crm().fault(FaultSpec::next(FaultKind::RateLimited, 1).on_path("composite"));
                deliver(&service, &calls[..1]).await?;
                service.settle(PATIENCE, &stop).await?;
                world.crm().fault(FaultSpec::new(FaultKind::ExpireToken));
                deliver(&service, &calls[1..]).await?;
                service.settle(PATIENCE, &stop).await?;
            }
            "burst" => {
                deliver(&service, &calls).await?;
                service.settle(PATIENCE, &stop).await?;
            }
            _ => {
                for call in &calls {
                    deliver(&service, std::slice::from_ref(call)).await?;
                    service.settle(PATIENCE, &stop).await?;
                }
            }
        }
        data(&format!("  {} {what}  ({:.1} s)\n", talk::green("✓"), began.elapsed().as_secs_f64()));
    }
    title("5  the call log: who called, why that record, what was written");
    call_log(&service).await?;
    title("6  checked against what the stand-ins hold");
    let failed = check::front_desk(&world, &service, &payloads).await?;
    if let Some(dir) = &args.keep {
        data(&format!("\nkept in {}: try `aftercall calls --project {}`\n", dir.display(), world.root().display()));
    }
    Ok(failed)
}

/// The same calls, another CRM: a folder of TOML, and not a line of code.
async fn hubspot_desk(args: &Args) -> anyhow::Result<usize> {
    let world = World::start("hubspot-desk", args.keep.as_deref()).await?;
    title("7  the same calls into HubSpot: another folder of TOML");
    let (project, files) = talk::project(world.root())?;
    let service = Service::open(world.root(), project, &files).await?;
    let payloads = world.payloads()?;
    let stop = CancellationToken::new();
    for payload in &payloads {
        if payload.group != "burst" {
            deliver(&service, &[payload]).await?;
            service.settle(PATIENCE, &stop).await?;
        }
    }
    let burst: Vec<&Payload> = payloads.iter().filter(|p| p.group == "burst").collect();
    deliver(&service, &burst).await?;
    service.settle(PATIENCE, &stop).await?;
    check::hubspot_desk(&world, &service, &payloads).await
}

/// Plans every call and writes nothing.
async fn dry_run(service: &Service, payloads: &[Payload], all: bool) -> anyhow::Result<()> {
    let reader = service.connections.reader();
    let memory = DryMemory::new(Some(service.journal.clone()));
    let mut plans = Vec::new();
    for (index, payload) in payloads.iter().enumerate() {
        let call: CallOutcome = payload.outcome(service)?;
        let Some(pipeline) = pipeline_for(&service.project, &call) else { continue };
        let planned: (Context, Plan) =
            plan_call(&reader, &memory, &service.project, pipeline, &call, Before::default(), Timestamp::now()).await?;
        let counts = requests(&service.project, &planned.1);
        if all || index < SHOWN {
            data(&format!("{}\n", view::plan::text(&planned.1, &call, &counts, false)));
        } else {
            data(&view::plan::line(&planned.1, &call, &counts));
        }
        plans.push((planned.1, counts));
    }
    data(&format!("{}\n", view::plan::summary(&plans)));
    Ok(())
}

/// Takes payloads in as a webhook would, all in one moment.
async fn deliver(service: &Service, payloads: &[&Payload]) -> anyhow::Result<()> {
    let mut arrivals = Vec::new();
    for payload in payloads {
        let source = payload.source(service)?;
        let taken = take(&service.project, &source, payload.body.clone(), Timestamp::now(), &|call| lane_keys(&service.project, call));
        arrivals.push(taken.arrival);
    }
    for (payload, accepted) in payloads.iter().zip(service.journal.accept(arrivals).await?) {
        anyhow::ensure!(matches!(accepted, Accepted::New { .. }), "{} was not taken as a new call: {accepted:?}", payload.file);
    }
    Ok(())
}

async fn call_log(service: &Service) -> anyhow::Result<()> {
    let calls = service.journal.calls(CallFilter { order: Order::OldestFirst, with_outcome: true, ..CallFilter::default() }).await?;
    for call in calls {
        if let Some(story) = service.journal.call(call.id).await? {
            data(&view::story::short(&story));
        }
    }
    Ok(())
}

/// Keeps the journal's type in reach of `check`.
pub(super) type DynJournal = dyn Journal;
