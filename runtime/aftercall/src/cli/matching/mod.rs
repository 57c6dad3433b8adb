//! `aftercall match`: why a call went to a record, and how good match rules are.

mod backtest;
mod explain;
mod index;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Candidates, what was compared, bits line by line, and which single difference would have changed the decision
    Explain(explain::Args),
    /// Recorded calls against a copy of a CRM: wrong merges, duplicates, needless reviews, requests
    Backtest(backtest::Args),
    /// Reads everybody whom a connection knows into the index that it keeps here
    Index(index::Args),
}

pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    match &args.command {
        Command::Explain(args) => explain::run(args),
        Command::Backtest(args) => backtest::run(args),
        Command::Index(args) => index::run(args),
    }
}
