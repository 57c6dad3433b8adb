//! `aftercall completions SHELL`.

use super::data;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let mut out = Vec::new();
    clap_complete::generate(args.shell, &mut super::definition(), "aftercall", &mut out);
    data(&String::from_utf8_lossy(&out));
    Ok(0)
}
