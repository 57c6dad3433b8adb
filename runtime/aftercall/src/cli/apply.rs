//! `aftercall apply PLAN`: carries out a plan that was looked at, by the road of every other call; just that, or nothing where it no longer holds.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aftercall_config::call::CallOutcome;
use aftercall_config::project::Project;
use aftercall_plan::promise::{PlanFile, Promise};
use jiff::Timestamp;
use serde_json::json;

use super::talk::{self, data, talk as say};
use super::{Format, ProjectDir};
use crate::intake::of_outcome;
use crate::journal::{
    self, Accepted, Arrival, CallStatus, Intervention, Journal, Lookup, Seen, SqliteJournal, Story, Way, accept_beside, config_beside,
    intervene_beside, lookup_beside,
};
use crate::service::{Service, lane_keys};
use crate::view;
use crate::work::{Parts, again, is_kept, lookup_of};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The file that `aftercall plan CALLS --out FILE` has made
    #[arg(value_name = "PLAN")]
    plan: PathBuf,
    #[command(flatten)]
    project: ProjectDir,
    /// Wait this long for calls that have to be tried again; what still waits then stays in the journal
    #[arg(long, value_name = "DURATION", default_value = "60s")]
    wait: String,
    /// How it is printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What became of a promise.
struct Done {
    story: Story,
    /// It had been kept before.
    already: bool,
    /// It was not handed over: the call was worked by itself meanwhile.
    late: bool,
    /// It was kept.
    kept: bool,
}

/// 0: all of it landed, now or before; 1: refused, stopped, or not landed; 2: used wrongly.
pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let Some(patience) = aftercall_config::resolve::duration(&args.wait).and_then(|wait| Duration::try_from(wait).ok()) else {
        say(&format!("`{}` is no duration; write `30s` or `5m`\n", args.wait));
        return Ok(2);
    };
    let name = args.plan.display();
    let text = std::fs::read_to_string(&args.plan).map_err(|error| anyhow::anyhow!("reading {name}: {error}"))?;
    let file: PlanFile = serde_json::from_str(&text)
        .map_err(|error| anyhow::anyhow!("{name} is no plan that can be applied ({error}); `aftercall plan CALLS --out FILE` makes one"))?;
    if file.version != PlanFile::VERSION {
        anyhow::bail!("{name} has version {} of a plan, and this program knows {}; make it anew", file.version, PlanFile::VERSION);
    }
    let root = &args.project.project;
    let (project, files) = talk::project(root)?;
    if file.project != project.name {
        anyhow::bail!("{name} was made in the project {}, and this is {}", file.project, project.name);
    }
    if file.config != project.version {
        anyhow::bail!(
            "{name} was made under config version {}, and the config is {} now; `aftercall plan` again shows what that changes",
            file.config,
            project.version
        );
    }
    let version = (project.version.0.clone(), Parts::default().of(&project, &files));
    let path = root.join(&project.store_path);
    let project = Arc::new(project);
    let done = talk::runtime()?.block_on(async {
        match Service::open(root, Project::clone(&project), &files).await {
            Ok(service) => {
                let road = Road::Ours(service.journal.clone());
                let handed = hand_over(&road, &project, &file).await?;
                let over = tokio_util::sync::CancellationToken::new();
                let working = tokio::spawn({
                    let (worker, over) = (service.worker.clone(), over.clone());
                    async move { worker.run(&over, false).await }
                });
                let done = settled(service.journal.as_ref(), &file, handed, patience).await;
                over.cancel();
                working.await?;
                done
            }
            Err(error) if matches!(error.downcast_ref(), Some(journal::Error::InUse { .. })) => {
                say("a service works this journal; it carries this out\n");
                let at = path.clone();
                tokio::task::spawn_blocking(move || config_beside(&at, &version.0, &version.1, Timestamp::now())).await??;
                let handed = hand_over(&Road::Beside(path.clone()), &project, &file).await?;
                settled(&SqliteJournal::open_read_only(&path)?, &file, handed, patience).await
            }
            Err(error) => Err(error),
        }
    })?;
    Ok(show(args, &done))
}

/// How a promise gets into the journal: ours, or the one that a service has open.
enum Road {
    Ours(Arc<dyn Journal>),
    Beside(PathBuf),
}

impl Road {
    async fn story(&self, id: &str) -> Result<Option<Story>, journal::Error> {
        let found = match self {
            Self::Ours(journal) => journal.call(id.to_owned()).await?,
            Self::Beside(path) => SqliteJournal::open_read_only(path)?.call(id.to_owned()).await?,
        };
        Ok(found.filter(|story| story.call.id == id))
    }

    async fn keep(&self, lookup: Lookup) -> anyhow::Result<()> {
        match self {
            Self::Ours(journal) => Ok(journal.lookup_put(lookup).await?),
            Self::Beside(path) => {
                let path = path.clone();
                Ok(tokio::task::spawn_blocking(move || lookup_beside(&path, &lookup)).await??)
            }
        }
    }

    async fn accept(&self, arrival: Arrival) -> anyhow::Result<Vec<Accepted>> {
        match self {
            Self::Ours(journal) => Ok(journal.accept(vec![arrival]).await?),
            Self::Beside(path) => {
                let path = path.clone();
                Ok(tokio::task::spawn_blocking(move || accept_beside(&path, vec![arrival])).await??)
            }
        }
    }

    async fn again(&self, story: &Story) -> anyhow::Result<()> {
        let why = "a new plan of it was approved";
        let word = Intervention {
            call: story.call.seq,
            actor: talk::who(None),
            way: Way::Cli,
            what: "apply",
            reason: why.to_owned(),
            now: Timestamp::now(),
            seen: Some(Seen::of(story)),
            records: vec![again(why, true, Timestamp::now())],
        };
        let done = match self {
            Self::Ours(journal) => journal.intervene(word).await?,
            Self::Beside(path) => {
                let path = path.clone();
                tokio::task::spawn_blocking(move || intervene_beside(&path, word)).await??
            }
        };
        tracing::debug!(call = %story.call.id, status = %done.status, "open again");
        Ok(())
    }
}

/// What became of handing a promise over.
#[derive(Clone, Copy, PartialEq)]
enum Handed {
    Now,
    Already,
    Late,
}

/// Puts each promise into the journal before its call, so that whoever works it knows of it.
async fn hand_over(road: &Road, project: &Project, file: &PlanFile) -> anyhow::Result<Vec<Handed>> {
    let mut handed = Vec::with_capacity(file.calls.len());
    for promise in &file.calls {
        let now = Timestamp::now();
        let story = road.story(&promise.plan.call).await?;
        handed.push(match story {
            Some(story) if is_kept(&story, promise) => Handed::Already,
            // It was stopped: nothing was written, and the plan was made anew.
            Some(story) if story.call.status == CallStatus::Held && story.plans.is_empty() => {
                road.keep(lookup_of(promise, now)).await?;
                let words = story.call.outcome.as_ref().and_then(|outcome| outcome.read::<CallOutcome>().ok());
                if words.as_ref() == Some(&promise.call) {
                    road.again(&story).await?;
                } else {
                    // The plan is about a later word of the call.
                    road.accept(arrival(project, promise, now)).await?;
                }
                Handed::Now
            }
            Some(_) => Handed::Late,
            None => {
                road.keep(lookup_of(promise, now)).await?;
                road.accept(arrival(project, promise, now)).await?;
                Handed::Now
            }
        });
    }
    Ok(handed)
}

fn arrival(project: &Project, promise: &Promise, now: Timestamp) -> Arrival {
    of_outcome(project, &promise.call, now, &|call| lane_keys(project, call))
}

/// The calls' stories, once none waits any more or patience is over.
async fn settled(journal: &dyn Journal, file: &PlanFile, handed: Vec<Handed>, patience: Duration) -> anyhow::Result<Vec<Done>> {
    let end = tokio::time::Instant::now() + patience;
    let mut done = Vec::with_capacity(handed.len());
    for (promise, handed) in file.calls.iter().zip(handed) {
        let id = &promise.plan.call;
        loop {
            let story = journal.call(id.clone()).await?.ok_or_else(|| anyhow::anyhow!("the journal has lost {id}"))?;
            if story.call.status != CallStatus::Waiting || tokio::time::Instant::now() >= end {
                let kept = is_kept(&story, promise);
                done.push(Done { story, already: handed == Handed::Already, late: handed == Handed::Late, kept });
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
    }
    Ok(done)
}

fn show(args: &Args, done: &[Done]) -> u8 {
    let landed = |status| matches!(status, CallStatus::Landed | CallStatus::Review | CallStatus::Resolved | CallStatus::Skipped);
    let is_well = |one: &Done| !one.late && landed(one.story.call.status);
    let name = Path::new(args.plan.file_name().unwrap_or_default()).display();
    match args.format {
        Format::Human => {
            let stories: Vec<Story> = done.iter().map(|one| one.story.clone()).collect();
            data(&view::calls::standing(&stories));
            for one in done.iter().filter(|one| one.late) {
                say(&format!(
                    "{}: the journal has this call already, worked by itself; nothing of {name} was applied to it\n",
                    one.story.call.id
                ));
            }
            let count = |holds: &dyn Fn(&Done) -> bool| done.iter().filter(|one| holds(one)).count();
            say(&format!(
                "{} of {} applied, {} applied before, {} not\n",
                count(&|one| is_well(one) && !one.already),
                done.len(),
                count(&|one| one.already),
                count(&|one| !is_well(one) && !one.already)
            ));
        }
        Format::Json => {
            let calls: Vec<_> = done
                .iter()
                .map(|one| {
                    let what = match one {
                        Done { already: true, .. } => "before",
                        Done { late: true, .. } => "not",
                        Done { kept: true, .. } => "now",
                        _ => "not",
                    };
                    let call = &one.story.call;
                    json!({"call": call.id, "applied": what, "status": call.status, "reason": call.status_reason})
                })
                .collect();
            data(&format!("{:#}\n", json!({"version": 1, "calls": calls})));
        }
    }
    u8::from(!done.iter().all(is_well))
}
