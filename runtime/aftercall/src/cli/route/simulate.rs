//! `aftercall route simulate`: the routes as they are now over recorded calls. Offline, and nothing is written.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aftercall_config::project::Project;
use aftercall_plan::context::Context;
use aftercall_plan::plan::pipeline_for;
use aftercall_plan::revisions::{Colleagues, Recorded, replay};
use aftercall_plan::route::{Load, explain};

use super::super::recorded::Selection;
use super::super::talk::{self, data, talk as say};
use super::super::{Format, ProjectDir};
use crate::journal::{Journal, SqliteJournal};
use crate::service::{Then, colleagues};
use crate::view;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Over which calls: `last:7d`, `since:2026-11-01`, `id:CALL,...`, `all`, or a file of recorded calls
    #[arg(long, value_name = "CALLS", default_value = "last:7d")]
    calls: String,
    #[command(flatten)]
    project: ProjectDir,
    /// Exit with 1 where a call falls through
    #[arg(long)]
    exit_code: bool,
    /// How it is printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// 0: simulated; 1 with `--exit-code`: something falls through; 2: used wrongly.
pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let selection = match Selection::parse(&args.calls) {
        Ok(selection) => selection,
        Err(why) => {
            say(&format!("{why}\n"));
            return Ok(2);
        }
    };
    let root = &args.project.project;
    let project = Arc::new(talk::project(root)?.0);
    let journal: Arc<dyn Journal> = Arc::new(SqliteJournal::open_read_only(root.join(&project.store_path))?);
    let document = talk::runtime()?.block_on(async {
        let colleagues = colleagues(Some(journal.as_ref()), [&project]).await?;
        let then = Then::knowing([&project]);
        let (mut load, mut turns) = (Load::new(&project), Turns::default());
        selection
            .read(&project, Some(journal.as_ref()), async |page| {
                then.find(journal.as_ref(), &page).await?;
                for call in &page {
                    let of_then = then.of(&call.config);
                    route(&project, of_then.as_deref().unwrap_or(&project), &call.understood(), &colleagues, &mut turns, &mut load);
                }
                Ok(true)
            })
            .await?;
        anyhow::Ok(load.document())
    })?;
    if document.calls == aftercall_plan::route::LoadCalls::default() {
        say(&format!("the journal has no calls for `{}`; `--calls all` takes every one that it has\n", args.calls));
    }
    match args.format {
        Format::Human => data(&view::route::load(&document)),
        Format::Json => data(&format!("{:#}\n", serde_json::to_value(&document)?)),
    }
    Ok(u8::from(args.exit_code && !document.fell_through.is_empty()))
}

/// Turns that calls would have taken, by rule: a call that took one in the same route keeps it.
#[derive(Default)]
struct Turns(BTreeMap<String, u64>);

impl Turns {
    /// Gives the call a turn in every rule of its pipeline with several owners; what it took of them is noted when it is known.
    fn offer(&self, project: &Project, recorded: &mut Recorded) {
        let (Some(pipeline), Some(context)) = (pipeline_for(project, &recorded.call), &mut recorded.context) else { return };
        for (route, rules) in &pipeline.routes {
            let name = format!("{}/{route}", pipeline.name);
            let took = |context: &Context| context.turns.keys().any(|key| key.rsplit_once('/').is_some_and(|(of, _)| of == name));
            if took(context) {
                continue;
            }
            for at in (0..rules.len()).filter(|at| rules[*at].owners.len() > 1) {
                let key = format!("{name}/{at}");
                let next = self.0.get(&key).copied().unwrap_or_default();
                context.turns.insert(key, next);
            }
        }
    }

    fn taken(&mut self, key: String) {
        *self.0.entry(key).or_default() += 1;
    }
}

fn route(project: &Project, then: &Project, recorded: &Recorded, colleagues: &Colleagues, turns: &mut Turns, load: &mut Load<'_>) {
    let mut recorded = recorded.clone();
    turns.offer(project, &mut recorded);
    let replayed = replay(project, then, &recorded, colleagues);
    match (replayed.pipeline, replayed.plan, replayed.context) {
        (Some(pipeline), Some(plan), Some(context)) => {
            let told = explain(project, &pipeline, &recorded.call, &context, &plan);
            // A route that two writes ask is one turn.
            let done = told.routes.iter().filter(|one| one.not_done.is_none());
            let keys = done.filter_map(|one| Some(format!("{}/{}/{}", pipeline.name, one.route, one.taken? - 1)));
            keys.collect::<BTreeSet<_>>().into_iter().for_each(|key| turns.taken(key));
            load.add(&recorded.call, plan.at, &told, replayed.unread.is_empty());
        }
        (None, ..) => load.not_taken(&recorded.call),
        _ => load.not_recorded(),
    }
}
