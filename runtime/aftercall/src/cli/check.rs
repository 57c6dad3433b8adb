//! `aftercall check`: everything that can be known without running.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use aftercall_config::finding::{self, Code, Finding, Place, Severity};
use aftercall_config::lock;
use aftercall_config::project::Guarantee;
use aftercall_config::resolve::Loaded;
use serde_json::{Value, json};

use super::describe;
use super::talk::{self, data, talk as say};
use crate::load;
use crate::service::connections;
use crate::view::change::{self, Touching};

/// So many changes of a system are named in a finding; `aftercall describe --dry-run` names all.
const MOST_SAID: usize = 3;

/// How findings are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum CheckFormat {
    /// With excerpts, for people.
    #[default]
    Human,
    /// Versioned JSON.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// Annotations in a GitHub workflow.
    Github,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The project's folder
    #[arg(default_value = ".", value_name = "DIR")]
    dir: PathBuf,
    /// How findings are printed
    #[arg(long, value_enum, default_value_t)]
    format: CheckFormat,
    /// Ask the systems what their fields are now, and not only the locks in `schema/`
    #[arg(long)]
    live: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    if !args.dir.exists() {
        anyhow::bail!("there is no folder {}", args.dir.display());
    }
    let (loaded, silent) = if args.live { live(&args.dir)? } else { (crate::load::project(&args.dir).0, false) };
    let findings = &loaded.findings;
    match args.format {
        CheckFormat::Human => data(&loaded.render(std::io::stdout().is_terminal())),
        CheckFormat::Json => data(&format!("{:#}\n", finding::to_json(findings, &loaded.documents))),
        CheckFormat::Sarif => data(&format!("{:#}\n", sarif(&finding::to_json(findings, &loaded.documents)))),
        CheckFormat::Github => data(&github(&finding::to_json(findings, &loaded.documents))),
    }
    let failed = findings.iter().any(|f| f.code.severity() == Severity::Error);
    if args.format == CheckFormat::Human {
        match (&loaded.project, findings.is_empty()) {
            (Some(project), true) => {
                let pipelines = project.pipelines.len();
                let (connections, sources) = (project.connections.len(), project.sources.len());
                say(&format!(
                    "{} {}: {pipelines} pipeline{}, {connections} connection{}, {sources} source{}, config version {}\n",
                    talk::green("clean"),
                    project.name,
                    s(pipelines),
                    s(connections),
                    s(sources),
                    project.version
                ));
            }
            _ => say(&format!("{}; `aftercall explain CODE` says more\n", talk::count(findings))),
        }
        if let Some(project) = &loaded.project {
            guarantees(project);
        }
    }
    Ok(u8::from(failed || silent))
}

/// The project held against what its systems tell now, in place of their locks; true where one of them did not tell.
///
/// Errors: those of the machine. A project with mistakes of its own is given back as it is, and nobody is asked.
fn live(root: &Path) -> anyhow::Result<(Loaded, bool)> {
    let (files, unreadable) = load::files(root);
    let bare = load::loaded(&load::without_locks(&files), unreadable.clone());
    let Some(project) = bare.project else { return Ok((load::loaded(&files, unreadable), false)) };
    let accounts = connections(root, &project)?;
    let (mut now, mut older, mut silent) = (files.clone(), Vec::new(), false);
    let runtime = talk::runtime()?;
    for (id, connection) in &project.connections {
        if connection.connector.metadata.is_none() || lock::touched(&project, connection).is_empty() {
            continue;
        }
        let path = lock::path_of(id);
        match runtime.block_on(describe::ask(&accounts, &project, connection)) {
            Ok(Some(told)) => {
                if let Some(before) = describe::known(&files, &path) {
                    older.extend(differs(id, &path, &describe::touching(&project, connection, &before, &told)));
                }
                now.insert(path, told.text());
            }
            Ok(None) => {}
            Err((object, failure)) => {
                silent = true;
                say(&format!("{} {}\n", talk::red("error:"), describe::trouble(connection, &object, &failure)));
            }
        }
    }
    let mut loaded = load::loaded(&now, unreadable);
    loaded.findings.extend(older);
    finding::sort(&mut loaded.findings, &loaded.documents);
    Ok((loaded, silent))
}

/// That a lock says something else than the system now.
fn differs(connection: &str, path: &str, changes: &[Touching]) -> Option<Finding> {
    let mut said: Vec<String> = changes
        .iter()
        .map(|(one, _)| format!("{}{} {}", one.object, one.field.as_ref().map(|f| format!(".{f}")).unwrap_or_default(), change::said(one)))
        .collect();
    let count = said.len();
    said.truncate(MOST_SAID);
    let more = if count > MOST_SAID { format!("; and {} more", count - MOST_SAID) } else { String::new() };
    let message = format!("this lock is not how `{connection}` is now: {}{more}", said.join("; "));
    let finding = Finding::new(Code::LockStale, message, Place::file(path)).help(format!("run `aftercall describe {connection}`"));
    (count > 0).then_some(finding)
}

fn s(n: usize) -> &'static str {
    if n == 1 { "" } else { "s" }
}

/// Pipelines whose promises are said one by one.
const PROMISED: usize = 50;

/// Each write's promise, so that it is known before it runs.
fn guarantees(project: &aftercall_config::project::Project) {
    for pipeline in project.pipelines.iter().take(PROMISED) {
        let writes: Vec<String> = pipeline
            .writes
            .iter()
            .map(|w| {
                let object = &w.connection.connector.objects[&w.object];
                let level = if w.target.is_some() { Guarantee::Exact } else { object.guarantee(w.at_least_once) };
                format!("{} ({})", w.id, level.as_str())
            })
            .collect();
        say(&format!("  {}: {}\n", pipeline.name, writes.join(", ")));
    }
    if let Some(more) = project.pipelines.len().checked_sub(PROMISED).filter(|more| *more > 0) {
        say(&format!("  and {more} more; `aftercall plan` shows the promise of each write\n"));
    }
}

fn sarif(findings: &Value) -> Value {
    let list = findings["findings"].as_array().cloned().unwrap_or_default();
    let results: Vec<Value> = list
        .iter()
        .map(|f| {
            let text = match f["help"].as_str() {
                Some(help) => format!("{}; {help}", f["message"].as_str().unwrap_or_default()),
                None => f["message"].as_str().unwrap_or_default().to_owned(),
            };
            json!({
                "ruleId": f["code"], "level": f["severity"], "message": { "text": text },
                "locations": [{ "physicalLocation": {
                    "artifactLocation": { "uri": f["file"] },
                    "region": { "startLine": f["line"], "startColumn": f["column"], "endLine": f["end_line"], "endColumn": f["end_column"] },
                } }],
            })
        })
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0",
        "runs": [{ "tool": { "driver": { "name": "aftercall", "version": env!("CARGO_PKG_VERSION") } }, "results": results }],
    })
}

fn github(findings: &Value) -> String {
    // Workflow commands end at a line break; these are the escapes that they know.
    let escape = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    findings["findings"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|f| {
            let help = f["help"].as_str().map(|h| format!(" ({h})")).unwrap_or_default();
            format!(
                "::{} file={},line={},col={},title={}::{}\n",
                f["severity"].as_str().unwrap_or("error"),
                f["file"].as_str().unwrap_or_default(),
                f["line"],
                f["column"],
                f["code"].as_str().unwrap_or_default(),
                escape(&format!("{}{help}", f["message"].as_str().unwrap_or_default()))
            )
        })
        .collect()
}
