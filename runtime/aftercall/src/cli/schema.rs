//! `aftercall schema`: the JSON Schemas of every kind of file, for editors.

use std::path::PathBuf;

use super::{data, talk};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder to write to; left out: the names of the schemas are listed
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let files = aftercall_config::schema::files();
    let Some(out) = &args.out else {
        for (name, _) in files {
            data(&format!("{name}\n"));
        }
        return Ok(0);
    };
    std::fs::create_dir_all(out)?;
    for (name, text) in &files {
        std::fs::write(out.join(name), text)?;
    }
    talk(&format!("wrote {} schemas to {}\n", files.len(), out.display()));
    Ok(0)
}
