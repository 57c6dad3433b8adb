//! `aftercall plan`: a dry run. It holds a `Reader` alone, which has no operation that writes.

use std::path::PathBuf;
use std::sync::Arc;

use aftercall_config::call::CallOutcome;
use aftercall_plan::context::Context;
use aftercall_plan::model::Plan;
use aftercall_plan::plan::{RequestCount, pipeline_for, requests};
use aftercall_plan::promise::{PlanFile, Promise};
use clap::ValueEnum;
use jiff::Timestamp;

use super::ProjectDir;
use super::input::Input;
use super::talk::{self, data, talk as say};
use crate::journal::{ArrivalKind, Journal, SqliteJournal};
use crate::view;
use crate::work::{Before, DryMemory, plan_call};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    input: Input,
    #[command(flatten)]
    project: ProjectDir,
    /// Show what stays as it is, too
    #[arg(long)]
    all: bool,
    /// Exit with 3 where there are changes
    #[arg(long)]
    exit_code: bool,
    /// How it is printed
    #[arg(long, value_enum, default_value_t)]
    format: PlanFormat,
    /// Keep the plans in a file, for `aftercall apply`: just that is then carried out, or nothing where something has changed since
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// How plans are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum PlanFormat {
    /// For people at a terminal.
    #[default]
    #[value(alias = "human")]
    Text,
    /// For programs: versioned JSON.
    Json,
    /// For a ticket or a pull request.
    Markdown,
    /// A page of its own, for whoever approves it.
    Html,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let (project, _) = talk::project(&args.project.project)?;
    let source = args.input.source(&project)?;
    let mut calls: Vec<(u64, CallOutcome)> = Vec::new();
    let mut errors: Vec<(u64, String)> = Vec::new();
    args.input.read(&project, &source, |item, _| {
        match item.call {
            Ok(taken) => {
                if let ArrivalKind::Call(call) = &taken.arrival.kind {
                    calls.push((item.line, call.outcome.read()?));
                }
            }
            Err(reason) => {
                say(&format!("{} {}:{}: {reason}\n", talk::red("error:"), item.file, item.line));
                errors.push((item.line, reason));
            }
        }
        Ok(())
    })?;
    let journal =
        SqliteJournal::open_read_only(args.project.project.join(&project.store_path)).ok().map(|j| Arc::new(j) as Arc<dyn Journal>);
    let connections = crate::service::connections(&args.project.project, &project)?;
    let reader = connections.reader();
    let memory = DryMemory::new(journal.clone());
    let mut plans: Vec<(Plan, Vec<RequestCount>)> = Vec::new();
    let mut promises: Vec<Promise> = Vec::new();
    let mut said = Vec::new();
    talk::runtime()?.block_on(async {
        for (line, call) in &calls {
            let Some(pipeline) = pipeline_for(&project, call) else {
                said.push(format!("{}:{}: no pipeline takes this call\n", call.source, call.id));
                continue;
            };
            let before = match &journal {
                Some(journal) => Before::of(journal.as_ref(), pipeline, call, crate::service::lane_keys(&project, call)).await?,
                None => Before::default(),
            };
            let planned: Result<(Context, Plan), _> = plan_call(&reader, &memory, &project, pipeline, call, before, Timestamp::now()).await;
            match planned {
                Ok((context, plan)) => {
                    let counts = requests(&project, &plan);
                    promises.push(Promise { call: call.clone(), context, plan: plan.clone() });
                    if args.format == PlanFormat::Text {
                        data(&format!("{}\n", view::plan::text(&plan, call, &counts, args.all)));
                    }
                    plans.push((plan, counts));
                }
                Err(error) => {
                    say(&format!("{} {}:{}: {}\n", talk::red("error:"), call.source, call.id, error.said()));
                    errors.push((*line, error.said()));
                }
            }
        }
        anyhow::Ok(())
    })?;
    for line in said {
        say(&line);
    }
    match args.format {
        PlanFormat::Text => say(&format!("{}\n", view::plan::summary(&plans))),
        PlanFormat::Json => data(&format!("{}\n", serde_json::to_string_pretty(&view::plan::document(&plans, &errors))?)),
        PlanFormat::Markdown => data(&view::plan_page::markdown(&promises, &view::plan::summary(&plans), args.all)),
        PlanFormat::Html => data(&view::plan_page::html(&promises, &view::plan::summary(&plans), args.all)),
    }
    if let Some(out) = &args.out {
        let file = PlanFile {
            version: PlanFile::VERSION,
            project: project.name.clone(),
            config: project.version.clone(),
            made_at: Timestamp::now(),
            calls: promises,
        };
        let name = out.display();
        std::fs::write(out, serde_json::to_string_pretty(&file)? + "\n").map_err(|error| anyhow::anyhow!("writing {name}: {error}"))?;
        say(&format!("kept in {name}; `aftercall apply {name}` carries it out\n"));
    }
    let changes = plans.iter().flat_map(|(p, _)| &p.writes).any(|w| {
        matches!(
            w.op,
            aftercall_plan::model::Op::Create { .. } | aftercall_plan::model::Op::Update { .. } | aftercall_plan::model::Op::Merge { .. }
        )
    });
    Ok(match (errors.is_empty(), args.exit_code && changes) {
        (false, _) => 1,
        (true, true) => 3,
        (true, false) => 0,
    })
}
