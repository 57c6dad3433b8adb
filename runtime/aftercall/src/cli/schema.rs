//! `aftercall schema`: the JSON Schemas of every kind of file, for editors; with `--project` those of a project, with its names and fields.

use std::path::PathBuf;

use super::{data, talk};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder to write to; left out: the names of the schemas are listed
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The schemas of this project: with its connections, sources, mappings and routes, and with the fields that its locks know
    #[arg(long, value_name = "DIR")]
    project: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let files = match &args.project {
        None => crate::load::schemas(),
        Some(root) => {
            let (project, files) = super::talk::project(root)?;
            aftercall_config::schema::own::files(&project, &files)
        }
    };
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
