//! `aftercall match backtest`: rules against recorded calls and a copy of a CRM, on all cores.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use aftercall_config::rules::MatchRules;
use aftercall_plan::backtest::{CallRow, Crm, DecisionRow, Kind, Ran, Report, System, TruthRow, compare_decisions, report};
use anyhow::Context as _;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::super::Format;
use super::super::talk::{bold, data, talk as say};

/// Lines that one thread takes at a time.
const BATCH: usize = 4096;

/// What the system that is copied can answer.
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum Searches {
    /// Numbers and addresses alone
    Reach,
    /// Digits, addresses, last names with how the first begins, words of accounts
    #[default]
    Remote,
    /// The same, and last names by their sound
    Index,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Contacts, one JSON object a line
    #[arg(long, value_name = "FILE")]
    contacts: PathBuf,
    /// Calls, one JSON object a line
    #[arg(long, value_name = "FILE")]
    calls: PathBuf,
    /// The right answers, one JSON object a line; left out, two sets of rules are compared with each other
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
    /// Rules to try; tables in a folder `tables` beside them add to those that ship. Left out: the rules `person` of the project, or those that ship
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// Other rules to compare with
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
    /// Where to write the decisions, one JSON object a line
    #[arg(long, value_name = "FILE")]
    decisions: Option<PathBuf>,
    /// What the system's searches can answer
    #[arg(long, value_enum, default_value_t)]
    searches: Searches,
    /// How many calls are named behind each figure
    #[arg(long, value_name = "N", default_value_t = 5)]
    name: usize,
    /// The project's folder
    #[arg(long, value_name = "DIR", default_value = ".")]
    project: PathBuf,
    /// How it is printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let began = Instant::now();
    let system = match args.searches {
        Searches::Reach => System::Reach,
        Searches::Remote => System::Remote,
        Searches::Index => System::Index,
    };
    let ours = rules(args.rules.as_deref(), &args.project)?;
    let theirs = args.compare.as_deref().map(|path| rules(Some(path), &args.project)).transpose()?;
    let ran = decide(&ours, system, args)?;
    let took = began.elapsed();
    let decisions: Vec<DecisionRow> = ran.iter().map(|one| one.decision.clone()).collect();
    if let Some(path) = &args.decisions {
        write(path, &decisions)?;
    }
    let truth: Option<Vec<TruthRow>> = args.truth.as_deref().map(rows).transpose()?;
    let figures = truth.as_ref().map(|truth| report(truth, decisions.iter()));
    let other = theirs.map(|theirs| decide(&theirs, system, args)).transpose()?;
    let other: Option<Vec<DecisionRow>> = other.map(|ran| ran.into_iter().map(|one| one.decision).collect());
    let other_figures = truth.as_ref().zip(other.as_ref()).map(|(truth, other)| report(truth, other.iter()));
    let changed = other.as_ref().map(|other| compare_decisions(&decisions, other));
    match args.format {
        Format::Human => {
            if let Some(figures) = &figures {
                data(&table(figures, args.name));
            }
            data(&requests(&ran));
            if let Some(other) = &other_figures {
                data(&format!("\n{}\n{}", bold("with the other rules"), total(&other.total)));
            }
            for (what, calls) in changed.iter().flatten() {
                data(&format!("{:>6}  {what}  {}\n", calls.len(), named(calls, args.name)));
            }
            say(&format!("{} calls in {:.1} s\n", ran.len(), took.as_secs_f64()));
        }
        Format::Json => {
            let average = average(&ran);
            let whole = json!({
                "version": 1, "calls": ran.len(), "requests": average.0, "requests_most": average.1, "returned": average.2,
                "report": figures, "compared": other_figures, "changed": changed,
            });
            data(&format!("{whole:#}\n"));
        }
    }
    Ok(0)
}

/// Rules from a file, the project, or those that ship.
fn rules(path: Option<&Path>, project: &Path) -> anyhow::Result<MatchRules> {
    let (mut files, _) = crate::load::files(project);
    let mut file = "mappings/match/person.toml".to_owned();
    if let Some(path) = path {
        let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        let name = path.file_name().map_or_else(|| "rules.toml".into(), |name| name.to_string_lossy().into_owned());
        file = format!("mappings/match/{name}");
        files.insert(file.clone(), text);
        if let Some(tables) = path.parent().map(|dir| dir.join("tables")).filter(|dir| dir.is_dir()) {
            for entry in std::fs::read_dir(&tables).with_context(|| format!("reading {}", tables.display()))? {
                let entry = entry?.path();
                let text = std::fs::read_to_string(&entry).with_context(|| format!("reading {}", entry.display()))?;
                let name = entry.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
                files.insert(format!("mappings/match/tables/{name}"), text);
            }
        }
    }
    MatchRules::load(&file, &files).map_err(|complaint| anyhow::anyhow!("the rules cannot be used:\n{complaint}"))
}

/// Reads the CRM and decides every call.
fn decide(rules: &MatchRules, system: System, args: &Args) -> anyhow::Result<Vec<Ran>> {
    let contacts = each(&args.contacts, |row| Crm::read(rules, &row))?;
    let crm = Crm::build(rules, system, contacts);
    each(&args.calls, |row: CallRow| aftercall_plan::backtest::run(rules, &crm, system, &row))
}

/// Reads a file of rows in batches and works them on all cores; the results stand in the order of the file.
fn each<Row: DeserializeOwned, Done: Send>(path: &Path, work: impl Fn(Row) -> Done + Sync) -> anyhow::Result<Vec<Done>> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut lines = BufReader::with_capacity(1 << 18, File::open(path).with_context(|| format!("opening {}", path.display()))?).lines();
    let mut done: Vec<Done> = Vec::new();
    let mut first = 1;
    loop {
        let batch: Vec<String> =
            lines.by_ref().take(BATCH * threads).collect::<Result<_, _>>().with_context(|| format!("reading {}", path.display()))?;
        if batch.is_empty() {
            return Ok(done);
        }
        let parts: Vec<anyhow::Result<Vec<Done>>> = std::thread::scope(|scope| {
            let handles: Vec<_> = batch
                .chunks(BATCH)
                .enumerate()
                .map(|(part, lines)| {
                    let work = &work;
                    scope.spawn(move || {
                        let mut done = Vec::with_capacity(lines.len());
                        for (at, line) in lines.iter().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
                            let row =
                                serde_json::from_str(line).with_context(|| format!("{}:{}", path.display(), first + part * BATCH + at))?;
                            done.push(work(row));
                        }
                        Ok(done)
                    })
                })
                .collect();
            handles.into_iter().map(|handle| handle.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a thread broke off")))).collect()
        });
        for part in parts {
            done.append(&mut part?);
        }
        first += batch.len();
    }
}

fn rows<Row: DeserializeOwned + Send>(path: &Path) -> anyhow::Result<Vec<Row>> {
    each(path, |row| row)
}

fn write(path: &Path, decisions: &[DecisionRow]) -> anyhow::Result<()> {
    let mut out = BufWriter::new(File::create(path).with_context(|| format!("writing {}", path.display()))?);
    for decision in decisions {
        serde_json::to_writer(&mut out, decision)?;
        out.write_all(b"\n")?;
    }
    out.flush().with_context(|| format!("writing {}", path.display()))
}

/// Requests on average and at most, and records returned on average.
#[expect(clippy::cast_precision_loss, reason = "counts of calls")]
fn average(ran: &[Ran]) -> (f64, u32, f64) {
    let calls = ran.len().max(1) as f64;
    let sum = |of: fn(&Ran) -> u32| ran.iter().map(|one| f64::from(of(one))).sum::<f64>() / calls;
    (sum(|one| one.requests), ran.iter().map(|one| one.requests).max().unwrap_or(0), sum(|one| one.returned))
}

fn requests(ran: &[Ran]) -> String {
    let (requests, most, returned) = average(ran);
    format!("{requests:.2} requests a call, at most {most}; {returned:.1} contacts returned a call\n")
}

fn table(figures: &Report, most: usize) -> String {
    let width = figures.kinds.keys().map(|kind| kind.chars().count()).max().unwrap_or(4).max(4);
    let mut out = format!("{}\n", bold(&format!("{:width$}  calls  right %  wrong  duplicates  unflagged  needless   cost", "kind")));
    for (name, kind) in &figures.kinds {
        out.push_str(&format!(
            "{name:width$}  {:>5}  {:>7.1}  {:>5}  {:>10}  {:>9}  {:>8}  {:>5.1}\n",
            kind.calls,
            kind.right_rate(),
            kind.wrong.len(),
            kind.duplicates.len(),
            kind.unflagged.len(),
            kind.needless.len(),
            kind.cost()
        ));
    }
    out.push_str(&total(&figures.total));
    let all = &figures.total;
    for (what, calls) in
        [("wrong", &all.wrong), ("duplicates", &all.duplicates), ("unflagged", &all.unflagged), ("needless", &all.needless)]
    {
        if !calls.is_empty() {
            out.push_str(&format!("  {what}: {}\n", named(calls, most)));
        }
    }
    out
}

fn total(all: &Kind) -> String {
    format!(
        "{} {} calls: {:.1} % of known callers matched, wrong merges {:.2} %, duplicates {:.2} %, unflagged {:.2} %, needless reviews {:.2} %, cost {:.2} per 100 calls\n",
        bold("total"),
        all.calls,
        all.matched_rate(),
        all.rate(all.wrong.len()),
        all.rate(all.duplicates.len()),
        all.rate(all.unflagged.len()),
        all.rate(all.needless.len()),
        all.cost()
    )
}

fn named(calls: &[String], most: usize) -> String {
    let more = calls.len().saturating_sub(most);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{rest}", calls.iter().take(most).cloned().collect::<Vec<_>>().join(", "))
}
