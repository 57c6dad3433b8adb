//! `CALLS` on the command line: files of calls or payloads, JSONL or JSON, or stdin, read as a stream.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use aftercall_config::call::CallOutcome;
use aftercall_config::project::{Project, Source};
use jiff::Timestamp;

use super::talk::{self, talk as say};
use crate::intake::{Lines, Taken, Verdict, take};
use crate::journal::ArrivalKind;
use crate::service::lane_keys;

/// Where calls come from.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Input {
    /// JSONL files of finished calls (or JSON files of one each); `-` is stdin
    #[arg(value_name = "CALLS", required = true)]
    calls: Vec<PathBuf>,
    /// The calls are payloads of this source; left out: they are call outcomes in our own form
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
}

/// One call of the input, or what is wrong with it.
pub(crate) struct Item {
    /// The file, for messages.
    pub(crate) file: String,
    /// Its line, from 1.
    pub(crate) line: u64,
    /// What it is.
    pub(crate) call: Result<Taken, String>,
}

impl Input {
    /// One file of calls in our own form.
    pub(crate) fn of(path: PathBuf) -> Self {
        Self { calls: vec![path], source: None }
    }

    /// The source by its name. Plain call outcomes are the source `json`, which need not be in the project to read a file.
    pub(crate) fn source(&self, project: &Project) -> anyhow::Result<std::sync::Arc<Source>> {
        let name = self.source.as_deref().unwrap_or("json");
        if let Some(source) = project.sources.get(name) {
            return Ok(source.clone());
        }
        if let Some(source) = crate::load::shipped_source(name) {
            return Ok(source);
        }
        let names: Vec<&str> = project.sources.keys().map(String::as_str).collect();
        let near =
            aftercall_config::finding::nearest(name, names.iter().copied()).map(|n| format!("; did you mean {n}?")).unwrap_or_default();
        anyhow::bail!("the project has no source {name}{near}; there is: {}", names.join(", "))
    }

    /// Total size in bytes, where it is known before reading.
    pub(crate) fn bytes(&self) -> Option<u64> {
        self.calls.iter().map(|p| if p == Path::new("-") { None } else { std::fs::metadata(p).ok().map(|m| m.len()) }).sum()
    }

    /// All call outcomes of the file. What cannot be read is said, and left out. Errors: the file is not there, or its source is unknown.
    pub(crate) fn outcomes(&self, project: &Project) -> anyhow::Result<Vec<CallOutcome>> {
        let source = self.source(project)?;
        let mut calls = Vec::new();
        self.read(project, &source, |item, _| {
            match item.call {
                Ok(taken) => {
                    if let ArrivalKind::Call(call) = &taken.arrival.kind {
                        calls.push(call.outcome.read()?);
                    }
                }
                Err(reason) => say(&format!("{} {}:{}: {reason}\n", talk::red("error:"), item.file, item.line)),
            }
            Ok(())
        })?;
        Ok(calls)
    }

    /// Reads everything, in order, one item at a time whatever the size. `each` also gets the bytes read so far.
    pub(crate) fn read(
        &self,
        project: &Project,
        source: &Source,
        mut each: impl FnMut(Item, u64) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut before = 0;
        for path in &self.calls {
            let name = path.display().to_string();
            let reader: Box<dyn Read> = if path == Path::new("-") {
                Box::new(std::io::stdin().lock())
            } else {
                Box::new(File::open(path).map_err(|e| anyhow::anyhow!("opening {name}: {e}"))?)
            };
            let mut read = 0;
            for line in Lines::new(BufReader::with_capacity(256 * 1024, reader)) {
                read += line.body.len() as u64 + 1;
                let body = line.body;
                let call = line.value.and_then(|_| {
                    let taken = take(project, source, body, Timestamp::now(), &|call| lane_keys(project, call));
                    match &taken.verdict {
                        Verdict::Unrecognised { reason } => Err(reason.clone()),
                        _ => Ok(taken),
                    }
                });
                each(Item { file: name.clone(), line: line.number, call }, before + read)?;
            }
            before += read;
        }
        Ok(())
    }
}
