//! `aftercall fmt`: the project's TOML as editors would format it. Comments, the order of keys and all values stay.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use aftercall_config::finding::Documents;
use aftercall_config::source::Document;
use taplo::formatter::{Options, format};

use super::ProjectDir;
use super::talk::{data, talk as say};

/// As wide as the files that ship.
const WIDTH: usize = 150;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Files; left out: all TOML files of the project. `-` formats what comes in, and prints it
    files: Vec<PathBuf>,
    #[command(flatten)]
    project: ProjectDir,
    /// Change nothing; exit with 1 where a file is not formatted, and name it
    #[arg(long)]
    check: bool,
}

/// 0: all is formatted; 1: with `--check` something is not, or a file is no TOML.
pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    if args.files == [Path::new("-")] {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text)?;
        return Ok(match formatted("-", &text) {
            Ok(new) => {
                data(&new);
                u8::from(args.check && new != text)
            }
            Err(why) => {
                say(&why);
                1
            }
        });
    }
    let mut files: Vec<(String, PathBuf)> = args.files.iter().map(|path| (path.display().to_string(), path.clone())).collect();
    if files.is_empty() {
        let root = &args.project.project;
        files = crate::load::written(root, &mut Vec::new());
        anyhow::ensure!(!files.is_empty(), "there is no TOML file of a project in {}; `aftercall init` makes one", root.display());
    }
    let (mut changed, mut broken) = (0, 0);
    let count = files.len();
    for (name, path) in files {
        let text = std::fs::read_to_string(&path).map_err(|error| anyhow::anyhow!("reading {}: {error}", path.display()))?;
        match formatted(&name, &text) {
            Err(why) => {
                say(&why);
                broken += 1;
            }
            Ok(new) if new == text => {}
            Ok(new) => {
                changed += 1;
                data(&format!("{name}\n"));
                if !args.check {
                    replace(&path, &new).map_err(|error| anyhow::anyhow!("writing {}: {error}", path.display()))?;
                }
            }
        }
    }
    let what = if args.check { "not formatted" } else { "formatted anew" };
    say(&format!("{changed} of {count} files {what}\n"));
    Ok(u8::from(broken > 0 || args.check && changed > 0))
}

/// The text, formatted. `Err` is what is said of a file that is no TOML.
fn formatted(name: &str, text: &str) -> Result<String, String> {
    let mut findings = Vec::new();
    let before = Document::parse(name, &text.into(), &mut findings);
    if before.is_broken() {
        let documents = Documents::from([(before.file.clone(), before.into())]);
        return Err(aftercall_config::finding::render(&findings, &documents, false));
    }
    let options = Options {
        column_width: WIDTH,
        array_auto_collapse: false,
        array_trailing_comma: true,
        allowed_blank_lines: 1,
        crlf: text.contains("\r\n"),
        ..Options::default()
    };
    let new = format(text, options);
    // Whatever a formatter thinks: what is meant stays.
    if Document::parse(name, &new.as_str().into(), &mut Vec::new()).value != before.value {
        return Err(format!("{name} is left as it is: formatting would change a value\n"));
    }
    Ok(new)
}

/// Beside it first, so that nobody reads half a file.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    std::fs::write(&beside, text)?;
    std::fs::set_permissions(&beside, std::fs::metadata(path)?.permissions())?;
    std::fs::rename(&beside, path)
}
