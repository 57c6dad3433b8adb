//! `aftercall review`: what people are asked about callers, and their answers.

mod answer;

use aftercall_config::project::{Pipeline, Project};

use super::talk::{self, data, talk as say};
use super::{Format, ProjectDir};
use crate::connect::Reader;
use crate::journal::{CallFilter, Journal, Order, Story};
use crate::view;
use crate::view::review::{Asked, asked_with};
use crate::work::question;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The call's id, or the beginning of it; without one, all open questions are listed
    call: Option<String>,
    /// The caller is this contact
    #[arg(long, value_name = "CONTACT_ID", requires = "call", conflicts_with_all = ["new", "merge"])]
    is: Option<String>,
    /// The caller is none of them
    #[arg(long, requires = "call", conflicts_with = "merge")]
    new: bool,
    /// The caller is this contact, and the record that the call made meanwhile is the same person: make one of the two
    #[arg(long, value_name = "CONTACT_ID", requires = "call")]
    merge: Option<String>,
    /// Why; kept with the answer
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    /// Who answers; left out: the name of whoever is logged in
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Wait this long for the answer to be carried out
    #[arg(long, value_name = "DURATION", default_value = "60s")]
    wait: String,
    /// Only calls that this source delivered
    #[arg(long)]
    source: Option<String>,
    /// Only calls of this pipeline
    #[arg(long)]
    pipeline: Option<String>,
    /// Only calls received in the last while, such as `2h` or `1d`
    #[arg(long, value_name = "DURATION")]
    last: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 50)]
    limit: usize,
    #[command(flatten)]
    project: ProjectDir,
    /// How it is printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    match &args.call {
        Some(call) if args.is.is_some() || args.new || args.merge.is_some() => answer::run(args, call),
        Some(call) => one(args, call),
        None => list(args),
    }
}

fn list(args: &Args) -> anyhow::Result<u8> {
    let since = match super::calls::since(args.last.as_deref())? {
        Ok(since) => since,
        Err(code) => return Ok(code),
    };
    let journal = super::calls::open(&args.project)?;
    let (source, pipeline) = (args.source.clone(), args.pipeline.clone());
    let order = Order::OldestFirst;
    let filter = CallFilter { asking: true, source, pipeline, since, order, limit: args.limit, ..CallFilter::default() };
    let pages = Pages::of(args);
    let all = talk::runtime()?.block_on(async {
        let mut all = Vec::new();
        for call in journal.calls(filter).await? {
            let story = journal.call(call.id).await?;
            all.extend(story.as_ref().and_then(|story| asked(story, pages.as_ref())));
        }
        anyhow::Ok(all)
    })?;
    match args.format {
        Format::Human => data(&view::review::list(&all)),
        Format::Json => data(&format!("{:#}\n", view::review::json(&all))),
    }
    Ok(0)
}

fn one(args: &Args, call: &str) -> anyhow::Result<u8> {
    let story = match told(args, call)? {
        Ok(story) => story,
        Err(code) => return Ok(code),
    };
    let Some(asked) = asked(&story, Pages::of(args).as_ref()) else { return Ok(no_question(&story)) };
    match args.format {
        Format::Human => data(&view::review::one(&asked)),
        Format::Json => data(&format!("{:#}\n", view::review::json(&[asked]))),
    }
    Ok(0)
}

/// The story of a call; `Err` is the exit code of one that there is not, which has been said.
fn told(args: &Args, call: &str) -> anyhow::Result<Result<Story, u8>> {
    let journal = super::calls::open(&args.project)?;
    match talk::runtime()?.block_on(journal.call(call.to_owned())) {
        Ok(Some(story)) => Ok(Ok(story)),
        Ok(None) => {
            say(&format!("the journal has no call that begins with `{call}`; `aftercall review` lists those that ask\n"));
            Ok(Err(2))
        }
        Err(error @ crate::journal::Error::AmbiguousPrefix { .. }) => {
            say(&format!("{error}\n"));
            Ok(Err(2))
        }
        Err(error) => Err(error.into()),
    }
}

fn no_question(story: &Story) -> u8 {
    say(&format!("{} asks nobody anything; `aftercall show {}` tells how it was matched\n", story.call.id, story.call.id));
    2
}

/// The question of a call with its candidates; `None` where nobody is asked and nobody has answered.
fn asked(story: &Story, pages: Option<&Pages>) -> Option<Asked> {
    let (decision, pipeline) = question(story)?;
    Some(asked_with(story, &decision, |id| pages.and_then(|pages| pages.contact(pipeline, id))))
}

/// Where people see the records of a project's contacts.
pub(super) struct Pages {
    project: Project,
    reader: Reader,
}

impl Pages {
    /// Of the project as it stands; `None` where it does not load: the questions are shown all the same.
    fn of(args: &Args) -> Option<Self> {
        let (loaded, _) = crate::load::project(&args.project.project);
        let project = loaded.project?;
        let reader = crate::service::connections(&args.project.project, &project).ok()?.reader();
        Some(Self { project, reader })
    }

    fn pipeline(&self, name: &str) -> Option<&Pipeline> {
        self.project.pipeline(name).map(|found| &**found)
    }

    /// The page of a contact.
    fn contact(&self, pipeline: &str, id: &str) -> Option<String> {
        let connection = &self.pipeline(pipeline)?.connection;
        self.reader.page(connection, &connection.connector.decl.find.as_ref()?.object, id)
    }
}
