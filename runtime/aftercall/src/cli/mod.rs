//! The command line: a file per command, exit codes, and where talk and data go.
//!
//! Data to stdout, talk to stderr. Exit codes: 0 done; 1 findings, failures, or work that did not land; 2 used wrongly;
//! 3 with `--exit-code`: changes pending.

mod alerts;
mod apply;
mod audit;
mod backfill;
mod calls;
mod check;
mod completions;
mod dead;
mod demo;
mod describe;
mod diff;
mod dry;
mod explain;
mod fmt;
mod forget;
mod init;
mod input;
mod intervene;
mod matching;
mod plan;
mod reconcile;
mod record;
mod recorded;
mod reload;
mod revert;
mod review;
mod route;
mod run;
mod sandbox;
mod schema;
mod show;
mod status;
mod sync;
mod talk;
mod test;
mod user;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

pub(crate) use talk::{data, talk};

/// Carries a finished call into the CRM, the calendar and the task list: declared in TOML, checked before it runs, applied once in effect.
#[derive(Debug, Parser)]
#[command(name = "aftercall", version, arg_required_else_help = true, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// How data is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Human,
    /// For programs: versioned JSON.
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a project to start from
    Init(init::Args),
    /// Find everything that can be known to be wrong without running
    Check(check::Args),
    /// Format the project's TOML; comments and the order of keys stay
    Fmt(fmt::Args),
    /// Take the lock: what a system tells of its own fields, what changed, and which lines that touches
    Describe(describe::Args),
    /// Run the project's config tests: this call, these records, these writes
    Test(test::Args),
    /// Make a config test of a call in the journal, with other people in it
    Record(record::Args),
    /// Dry run: what each call would write, field by field, and how many requests it takes
    Plan(plan::Args),
    /// Carry out a plan that was looked at: just that, or nothing where something has changed since
    Apply(apply::Args),
    /// Two revisions of the config over the same recorded calls: what changes, and because of which line
    Diff(diff::Args),
    /// Work a batch of calls to the end
    Sync(sync::Args),
    /// The service: takes calls in over HTTP and works them
    Run(run::Args),
    /// Have the service take over the project as it is on disk, which it also does by itself
    Reload(reload::Args),
    /// How the service stands: its config, the calls, the systems
    Status(status::Args),
    /// How the alerts stand, and a trial for whoever would be told
    Alerts(alerts::Args),
    /// Take a person out of the journal, and say what stays in which system
    Forget(forget::Args),
    /// Take in what a platform's own list of calls has and its webhook never brought
    Backfill(backfill::Args),
    /// Day by day what platforms had and what came in; what may be duplicates; what became of what was captured
    Reconcile(reconcile::Args),
    /// The call log
    Calls(calls::Args),
    /// One call's whole story
    Show(show::Args),
    /// Who or what wrote which field of which record, over what, and what people did
    Audit(audit::Args),
    /// The way back: fields that still hold what we wrote go back to what stood there before
    Revert(revert::Args),
    /// Whose record is it? What people are asked, and their answers
    Review(review::Args),
    /// Works again what did not land
    Retry(dead::RetryArgs),
    /// Says of what did not land that it needs no more work, and why
    Resolve(dead::Args),
    /// Who may look at the pages and act on them, and which programs may
    User(user::Args),
    /// What a finding's code means and what to do
    Explain(explain::Args),
    /// Why this record, and how good the rules are
    Match(matching::Args),
    /// Who follows up and why, and how much each gets
    Route(route::Args),
    /// Local stand-ins for the systems, with faults on request
    Sandbox(sandbox::Args),
    /// All of it, in one minute, on this machine
    Demo(demo::Args),
    /// Write the JSON Schemas of every kind of file, for editors
    Schema(schema::Args),
    /// Shell completions
    Completions(completions::Args),
}

/// Where the project is.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ProjectDir {
    /// The project's folder
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) project: PathBuf,
}

/// Runs the program.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let code = if error.use_stderr() { 2 } else { 0 };
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    let result = match cli.command {
        Command::Init(args) => init::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Fmt(args) => fmt::run(&args),
        Command::Describe(args) => describe::run(&args),
        Command::Test(args) => test::run(&args),
        Command::Record(args) => record::run(&args),
        Command::Plan(args) => plan::run(&args),
        Command::Apply(args) => apply::run(&args),
        Command::Diff(args) => diff::run(&args),
        Command::Sync(args) => sync::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Reload(args) => reload::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Alerts(args) => alerts::run(&args),
        Command::Forget(args) => forget::run(&args),
        Command::Backfill(args) => backfill::run(&args),
        Command::Reconcile(args) => reconcile::run(&args),
        Command::Calls(args) => calls::run(&args),
        Command::Show(args) => show::run(&args),
        Command::Audit(args) => audit::run(&args),
        Command::Revert(args) => revert::run(&args),
        Command::Review(args) => review::run(&args),
        Command::Retry(args) => dead::retry(&args),
        Command::Resolve(args) => dead::resolve(&args),
        Command::User(args) => user::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Match(args) => matching::run(&args),
        Command::Route(args) => route::run(&args),
        Command::Sandbox(args) => sandbox::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Schema(args) => schema::run(&args),
        Command::Completions(args) => completions::run(&args),
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            talk(&format!("{} {error:#}\n", talk::red("error:")));
            ExitCode::from(1)
        }
    }
}

/// The command line's definition, for completions and the manual.
pub(crate) fn definition() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}
