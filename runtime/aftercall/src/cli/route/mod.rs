//! `aftercall route`: why a follow-up went to whom it went, and what the routes come to over many calls.

mod explain;
mod simulate;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Every rule of a call's routes with what it looked at, whose turn it was, and how the due time was counted
    Explain(explain::Args),
    /// The routes as they are now over recorded calls: load per owner, what falls through, rules that nobody uses
    Simulate(simulate::Args),
}

pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    match &args.command {
        Command::Explain(args) => explain::run(args),
        Command::Simulate(args) => simulate::run(args),
    }
}
