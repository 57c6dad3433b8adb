//! Calls of a file, read about and planned, with nothing written: what several commands explain.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aftercall_config::call::CallOutcome;
use aftercall_config::project::{Pipeline, Project};
use aftercall_plan::context::Context;
use aftercall_plan::model::Plan;
use aftercall_plan::plan::pipeline_for;
use jiff::Timestamp;

use super::input::Input;
use super::talk::{self, talk as say};
use crate::journal::{Journal, SqliteJournal};
use crate::work::{Before, DryMemory, plan_call};

/// Plans each call of a file as it would be now, and hands it to `each`. What no pipeline takes, or a system does not answer about, is said and
/// passed over.
///
/// Errors: the project does not load, the file is none of calls, or the journal fails.
pub(super) fn planned(
    folder: &Path,
    file: PathBuf,
    mut each: impl FnMut(&Project, &Pipeline, &CallOutcome, Context, Plan),
) -> anyhow::Result<()> {
    let (project, _) = talk::project(folder)?;
    let calls = Input::of(file).outcomes(&project)?;
    let journal = SqliteJournal::open_read_only(folder.join(&project.store_path)).ok().map(|j| Arc::new(j) as Arc<dyn Journal>);
    let reader = crate::service::connections(folder, &project)?.reader();
    let memory = DryMemory::new(journal.clone());
    talk::runtime()?.block_on(async {
        for call in &calls {
            let name = format!("{}:{}", call.source, call.id);
            let Some(pipeline) = pipeline_for(&project, call) else {
                say(&format!("{name}: no pipeline takes this call\n"));
                continue;
            };
            let before = match &journal {
                Some(journal) => Before::of(journal.as_ref(), pipeline, call, crate::service::lane_keys(&project, call)).await?,
                None => Before::default(),
            };
            match plan_call(&reader, &memory, &project, pipeline, call, before, Timestamp::now()).await {
                Ok((context, plan)) => each(&project, pipeline, call, context, plan),
                Err(error) => say(&format!("{} {name}: {}\n", talk::red("error:"), error.said())),
            }
        }
        Ok(())
    })
}
