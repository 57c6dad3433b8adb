//! `aftercall describe CONNECTION`: takes the lock, `schema/<connection>.json`, and tells what changed since the last and which lines that touches.
//!
//! Not for what is wrong with those lines: that is `check`, which reads the lock.

use std::path::Path;
use std::sync::Arc;

use aftercall_config::decl::ErrorClass;
use aftercall_config::lock::{self, Lock};
use aftercall_config::project::{Connection, Project};
use aftercall_config::source::Files;
use serde_json::json;

use super::talk::{self, data, talk as say};
use super::{Format, ProjectDir};
use crate::connect::{Connections, Failure};
use crate::load;
use crate::service::connections;
use crate::view::change::{self, Touching};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The connection, as aftercall.toml names it
    connection: String,
    /// Say what changed, and leave the lock as it is
    #[arg(long)]
    dry_run: bool,
    /// Exit with 3 where something changed
    #[arg(long)]
    exit_code: bool,
    #[command(flatten)]
    project: ProjectDir,
    /// How it is printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// 0: the lock is as the system is; 1: the system did not tell; 2: used wrongly; 3 with `--exit-code`: something changed.
pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let root = &args.project.project;
    if !root.exists() {
        anyhow::bail!("there is no folder {}", root.display());
    }
    let (files, unreadable) = load::files(root);
    // A lock that proves mistakes must not be in the way of the next one.
    let project = talk::sound(root, load::loaded(&load::without_locks(&files), unreadable))?;
    let Some(connection) = project.connections.get(&args.connection) else {
        say(&unknown(&args.connection, &project));
        return Ok(2);
    };
    if connection.connector.metadata.is_none() {
        say(&format!(
            "{} tells nothing of its fields: `{}` has no `[metadata]`, so there is nothing to describe\n",
            connection.connector.decl.title, connection.connector.file
        ));
        return Ok(2);
    }
    if lock::touched(&project, connection).is_empty() {
        say(&format!("no pipeline reads or writes anything in `{}`, so there is nothing to describe\n", args.connection));
        return Ok(2);
    }
    let accounts = connections(root, &project)?;
    let now = match talk::runtime()?.block_on(ask(&accounts, &project, connection)) {
        Ok(Some(now)) => now,
        Ok(None) => return Ok(2),
        Err((object, failure)) => {
            say(&format!("{} {}\n", talk::red("error:"), trouble(connection, &object, &failure)));
            say(&match files.get(&lock::path_of(&args.connection)) {
                Some(_) => format!("`{}` stays as it was\n", lock::path_of(&args.connection)),
                None => "no lock was written\n".to_owned(),
            });
            return Ok(1);
        }
    };
    let path = lock::path_of(&args.connection);
    let before = known(&files, &path);
    let changes = before.as_ref().map(|before| touching(&project, connection, before, &now)).unwrap_or_default();
    let differs = files.get(&path).is_none_or(|text| **text != now.text());
    if differs && !args.dry_run {
        write(root, &path, &now.text())?;
    }
    show(args, &path, &now, before.is_some(), differs, &changes);
    Ok(if differs && args.exit_code { 3 } else { 0 })
}

/// What a connection's system tells now of all that the project reads and writes there; see `Reader::lock`.
pub(super) async fn ask(
    accounts: &Connections,
    project: &Project,
    connection: &Arc<Connection>,
) -> Result<Option<Lock>, (String, Failure)> {
    accounts.reader().lock(connection, &lock::touched(project, connection)).await
}

/// The lock that is there; one that cannot be read is none, since it is written anew.
pub(super) fn known(files: &Files, path: &str) -> Option<Lock> {
    files.get(path).and_then(|text| Lock::parse(text).ok())
}

/// What is otherwise than the lock says, each with the lines that it touches.
pub(super) fn touching(project: &Project, connection: &Connection, before: &Lock, now: &Lock) -> Vec<Touching> {
    let with_lines = |change| {
        let lines = lock::lines(project, connection, &change);
        (change, lines)
    };
    lock::diff(before, now).into_iter().map(with_lines).collect()
}

/// Why a system did not tell, and what to do about it.
pub(super) fn trouble(connection: &Connection, object: &str, failure: &Failure) -> String {
    use ErrorClass as E;
    let (title, id) = (&connection.connector.decl.title, &connection.id);
    match failure.class {
        E::Unreachable | E::Timeout | E::Transient => {
            format!("{title} at {} does not answer: {}", connection.base_url, failure.message)
        }
        E::AuthExpired | E::AuthRevoked => {
            format!("{title} does not let us in: {}\nlook at `auth` of `[connection.{id}]`", failure.message)
        }
        E::NotFound => format!("{title} has no `{object}` that the user of `{id}` may see: {}", failure.message),
        _ => format!("{title} does not describe `{object}`: {} ({failure})", failure.message),
    }
}

fn unknown(name: &str, project: &Project) -> String {
    let names: Vec<&str> = project.connections.keys().map(String::as_str).collect();
    let near = aftercall_config::finding::nearest(name, names.iter().copied()).map(|n| format!("; did you mean {n}?")).unwrap_or_default();
    let there = if names.is_empty() { "it names none".to_owned() } else { format!("there is: {}", names.join(", ")) };
    format!("the project names no connection {name}{near}\n{there}\n")
}

/// Puts the lock in place whole: a reader sees the old one or the new one.
fn write(root: &Path, path: &str, text: &str) -> anyhow::Result<()> {
    use anyhow::Context as _;
    let path = root.join(path);
    let beside = path.with_extension("json.new");
    let put = || -> std::io::Result<()> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&beside, text)?;
        std::fs::rename(&beside, &path)
    };
    put().with_context(|| format!("writing {}", path.display()))
}

fn show(args: &Args, path: &str, now: &Lock, known: bool, differs: bool, changes: &[Touching]) {
    let (objects, fields) = (now.objects.len(), now.fields());
    if args.format == Format::Json {
        let all = json!({
            "version": 1, "connection": args.connection, "system": now.system, "file": path, "objects": objects, "fields": fields,
            "first": !known, "written": differs && !args.dry_run, "changes": change::json(changes),
        });
        data(&format!("{all:#}\n"));
        return;
    }
    data(&change::text(changes));
    let count = |n: usize, one: &str| format!("{n} {one}{}", if n == 1 { "" } else { "s" });
    let what = format!("{}, {}", count(objects, "object"), count(fields, "field"));
    say(&match (known, differs, args.dry_run) {
        (_, false, _) => format!("{path}: nothing changed ({what})\n"),
        (false, true, false) => format!("{path}: written, {what}; keep it in git, `aftercall check` reads it\n"),
        (false, true, true) => format!("{path}: would be written, {what}\n"),
        (true, true, dry) => {
            let touched = changes.iter().filter(|(_, lines)| !lines.is_empty()).count();
            let them = match touched {
                0 => "they touch no line of the project".to_owned(),
                touched => format!("{touched} of them touch lines of the project; `aftercall check` says what that means"),
            };
            format!("{path}: {}{}; {them}\n", count(changes.len(), "change"), if dry { ", not written" } else { "" })
        }
    });
}
