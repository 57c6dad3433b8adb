//! `aftercall record CALL`: a config test of a call in the journal, with other people in it. It passes at once, which is checked before it is
//! written.

use std::path::{Path, PathBuf};

use aftercall_config::call::CallOutcome;
use aftercall_config::decl::TestDecl;
use aftercall_config::finding::Documents;
use aftercall_config::project::Project;
use aftercall_config::resolve;
use aftercall_config::source::Files;
use aftercall_plan::context::Context;
use aftercall_plan::diff::diff;
use aftercall_plan::model::Plan;
use aftercall_plan::plan::pipeline_for;
use aftercall_plan::trial::{FreeText, expectation, judge, pseudonymise, recorded, run as work, unlike};
use serde_json::{Map, Value, json};
use toml_edit::{ArrayOfTables, DocumentMut, Item, Table};

use super::ProjectDir;
use super::talk::{self, data, talk as say};
use super::test::{given, toml};
use crate::journal::{Journal as _, Story};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The call's id, or the beginning of it
    call: String,
    #[command(flatten)]
    project: ProjectDir,
    /// Where the test goes; `-` is stdout. Left out: `tests/recorded-NUMBER.toml` of the project
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Keep what was written freely (summary, transcript, descriptions), with the names, numbers and addresses in it replaced as far as they
    /// are known. Left out: a placeholder stands for it
    #[arg(long)]
    keep_text: bool,
}

/// Texts longer than this are expected by their beginning.
const LONGEST: usize = 80;

pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let root = &args.project.project;
    let (loaded, files) = crate::load::project(root);
    let Some(project) = &loaded.project else {
        anyhow::bail!("the project in {} has {}; `aftercall check` shows them", root.display(), talk::count(&loaded.findings));
    };
    let journal = super::calls::open(&args.project)?;
    let story: Option<Story> = talk::runtime()?.block_on(journal.call(args.call.clone()))?;
    let Some(story) = story else {
        anyhow::bail!("the journal has no call that begins with `{}`; `aftercall calls` lists them", args.call);
    };
    let made = make(project, &loaded.documents, &story, args.keep_text)?;
    let (path, name) = place(root, args.out.as_deref())?;
    passes(root, &files, &name, &made.text)?;
    if let Some(path) = &path {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(path, &made.text).map_err(|e| anyhow::anyhow!("writing {}: {e}", path.display()))?;
    } else {
        data(&made.text);
    }
    if made.changed > 0 {
        say(&format!(
            "the config has changed since: the test expects what the call comes to now, which is {} difference{} from what is on record\n",
            made.changed,
            if made.changed == 1 { "" } else { "s" }
        ));
    }
    let where_ = path.map_or_else(|| "the test".to_owned(), |path| path.display().to_string());
    say(&format!("{} {where_} passes, and decides as {} was decided, with other people in it\n", talk::green("recorded"), story.call.id));
    Ok(0)
}

/// A test as text.
struct Made {
    text: String,
    /// In how much the call comes to something else now than on record.
    changed: usize,
}

fn make(project: &Project, documents: &Documents, story: &Story, keep_text: bool) -> anyhow::Result<Made> {
    let id = &story.call.id;
    let gone = |what: &str| anyhow::anyhow!("{id} cannot be made a test of: its {what} is no longer kept");
    let call: CallOutcome = story.call.outcome.as_ref().and_then(|outcome| outcome.read().ok()).ok_or_else(|| gone("outcome"))?;
    let row = story.plans.last().ok_or_else(|| anyhow::anyhow!("{id} was not planned yet; `aftercall show` tells why"))?;
    let (context, plan) = row.context.read::<Context>().ok().zip(row.plan.read::<Plan>().ok()).ok_or_else(|| gone("context"))?;
    let Some(pipeline) = pipeline_for(project, &call) else {
        anyhow::bail!("no pipeline takes {id} any more, so there is nothing to expect of it");
    };
    let real =
        recorded(project, pipeline, &call, &context, plan.at).map_err(|why| anyhow::anyhow!("{id} cannot be made a test of: {why}"))?;
    let then = work(project, &real, &call, plan.at);
    let changed = then.plan.as_ref().map_or(0, |now| diff(&plan, now).len());
    if changed > 0 && plan.config == project.version {
        anyhow::bail!("{id} cannot be made a test of: what a test can give comes to something else than what was planned");
    }
    let text = if keep_text { FreeText::Keep } else { FreeText::Cut };
    let said = |text: &str| is_said(documents, text);
    let masked = pseudonymise(project, pipeline, &real, text, &said);
    let other = masked.test.call.clone().unwrap_or_default();
    let ran = work(project, &masked.test, &other, plan.at);
    let unlike = unlike(&then, &ran, &|id| masked.ids.get(id).cloned().unwrap_or_else(|| id.to_owned()));
    if !unlike.is_empty() {
        let more = if keep_text { "" } else { "; with --keep-text what depends on words stays as it is" };
        anyhow::bail!("with other people in it {id} would be worked otherwise, so no test was made{more}:\n  {}", unlike.join("\n  "));
    }
    let mut test = masked.test;
    test.name = title(&then.plan.map_or_else(String::new, |plan| plan.decision.verdict.as_str().replace('_', " ")), &call);
    test.source = None;
    let text = written(&test, &expectation(project, &ran, LONGEST));
    let left = left_over(&call, &real, &text);
    anyhow::ensure!(left.is_empty(), "no test was made of {id}: {} would still stand in it", left.join(", "));
    Ok(Made { text, changed })
}

/// What the test shows, without saying whose call it was.
fn title(verdict: &str, call: &CallOutcome) -> String {
    let outcome = call.outcome.as_deref().filter(|outcome| outcome.len() < 30).unwrap_or("finished").replace('_', " ");
    format!("a call that ended as {outcome}, the caller {verdict}")
}

/// Whether a text stands in the config by itself, in quotes: a value of a picklist is nobody's.
fn is_said(documents: &Documents, text: &str) -> bool {
    let text = text.trim().to_lowercase();
    let quoted = ['"', '\''].map(|quote| format!("{quote}{text}{quote}"));
    let bare = format!("{text} = ");
    !text.is_empty()
        && documents.values().filter(|document| !resolve::is_test(&document.file)).any(|document| {
            let all = document.text.to_lowercase();
            // Keys of a translation are said, too: `es = "Spanish"`.
            quoted.iter().any(|quoted| all.contains(quoted)) || !text.contains(char::is_whitespace) && all.contains(&bare)
        })
}

/// Where the test goes, and the name under which the project would have it.
fn place(root: &Path, out: Option<&Path>) -> anyhow::Result<(Option<PathBuf>, String)> {
    let named = |path: &Path| format!("tests/{}", path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default());
    match out {
        Some(path) if path == Path::new("-") => Ok((None, "tests/recorded.toml".to_owned())),
        Some(path) => {
            anyhow::ensure!(!path.exists(), "{} is there already; choose another with --out", path.display());
            Ok((Some(path.to_owned()), named(path)))
        }
        None => {
            let free = (1..).map(|number| root.join(format!("tests/recorded-{number}.toml"))).find(|path| !path.exists());
            let path = free.ok_or_else(|| anyhow::anyhow!("there is no name left for the test; choose one with --out"))?;
            Ok((Some(path.clone()), named(&path)))
        }
    }
}

/// Reads the test as the project would, and runs it.
fn passes(root: &Path, files: &Files, name: &str, text: &str) -> anyhow::Result<()> {
    let loaded = resolve::load(&files.clone().with(name, text));
    let broken: Vec<_> = loaded.findings.iter().filter(|f| &*f.at.file == name).cloned().collect();
    anyhow::ensure!(
        broken.is_empty(),
        "the test cannot be read:\n{}",
        aftercall_config::finding::render(&broken, &loaded.documents, false)
    );
    let project = loaded.project.as_ref().ok_or_else(|| anyhow::anyhow!("the project does not load any more"))?;
    for test in loaded.tests.iter().filter(|test| &**test.file() == name) {
        let call = given(root, project, test).map_err(|why| anyhow::anyhow!(why))?;
        let misses = judge(project, test, &work(project, &test.decl, &call, test.now));
        let said: Vec<String> = misses.iter().map(|miss| format!("{}: expected {}, got {}", miss.what, miss.expected, miss.got)).collect();
        anyhow::ensure!(said.is_empty(), "the test does not pass, so it was not written:\n  {}", said.join("\n  "));
    }
    Ok(())
}

/// What of the caller would still stand in the text: numbers, addresses, names and ids.
fn left_over(call: &CallOutcome, real: &TestDecl, text: &str) -> Vec<&'static str> {
    let caller = &call.caller;
    let lower = text.to_lowercase();
    let digits: String = text.chars().filter(|c| c.is_ascii_digit() || *c == '\n').collect();
    let number = |number: &String| {
        let own: String = number.chars().filter(char::is_ascii_digit).collect();
        own.len() >= 7 && digits.contains(&own[own.len() - 7..])
    };
    let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).collect();
    let name = |name: &String| {
        let mut parts =
            name.split(|c: char| !c.is_alphanumeric()).filter(|part| part.chars().count() > 2 && part.chars().any(char::is_uppercase));
        parts.any(|part| words.contains(&part))
    };
    let nobody = caller.name.as_ref().is_some_and(|name| name.to_lowercase().contains("unknown"));
    let found = [
        ("the caller's number", [&caller.phone, &caller.callback_phone].into_iter().flatten().any(number)),
        ("the caller's address", caller.email.as_ref().is_some_and(|email| email.contains('@') && lower.contains(&email.to_lowercase()))),
        ("the caller's name", !nobody && [&caller.name, &caller.first_name, &caller.last_name].into_iter().flatten().any(name)),
        ("the call's id", call.id.len() > 6 && text.contains(&call.id)),
        ("a record's id", real.record.iter().any(|record| record.id.len() > 6 && text.contains(&record.id))),
    ];
    found.into_iter().filter(|(_, there)| *there).map(|(what, _)| what).collect()
}

/// The test as a file.
fn written(test: &TestDecl, expect: &Value) -> String {
    let mut value = serde_json::to_value(test).unwrap_or_default();
    if let Some(members) = value.as_object_mut() {
        members.shift_remove("fault");
        members.insert("expect".to_owned(), expect.clone());
    }
    let mut document = DocumentMut::new();
    let mut tests = ArrayOfTables::new();
    tests.push(table(&tidied(value)));
    document.insert("test", Item::ArrayOfTables(tests));
    let schema = "#:schema ../schema/config-test.schema.json\n";
    let head = "# Recorded by `aftercall record`. Its people do not exist: names, numbers, addresses and ids are others.\n\n";
    format!("{schema}{head}{document}")
}

/// Without what says nothing: null, false, and what is empty.
fn tidied(value: Value) -> Value {
    let idle = |value: &Value| match value {
        Value::Null => true,
        Value::Object(members) => members.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    };
    match value {
        Value::Object(members) => {
            let kept = members.into_iter().filter(|(key, value)| !(["known", "found"].contains(&key.as_str()) && *value == json!(false)));
            let kept: Map<String, Value> = kept.map(|(key, value)| (key, tidied(value))).filter(|(_, value)| !idle(value)).collect();
            Value::Object(kept)
        }
        Value::Array(items) => Value::Array(items.into_iter().map(tidied).collect()),
        other => other,
    }
}

/// A table with a line for each member.
fn flat(value: &Value) -> Table {
    let mut out = Table::new();
    for (key, value) in value.as_object().into_iter().flatten() {
        if let Some(value) = toml(value) {
            out.insert(key, Item::Value(value));
        }
    }
    out
}

/// A table with a section of its own for what is long: the call, each record, each write and its fields.
fn table(value: &Value) -> Table {
    let mut out = Table::new();
    let mut later = Vec::new();
    for (key, value) in value.as_object().into_iter().flatten() {
        match value {
            Value::Object(members) if ["call", "expect", "fields"].contains(&key.as_str()) && !members.is_empty() => {
                later.push((key, value))
            }
            Value::Array(_) if ["record", "busy", "write"].contains(&key.as_str()) => later.push((key, value)),
            value => {
                if let Some(value) = toml(value) {
                    out.insert(key, Item::Value(value));
                }
            }
        }
    }
    // Sections come behind plain values, or those would belong to them.
    for (key, value) in later {
        let item = match value {
            Value::Array(items) => Item::ArrayOfTables(items.iter().map(table).collect()),
            value if key == "expect" => Item::Table(table(value)),
            value => Item::Table(flat(value)),
        };
        out.insert(key, item);
    }
    out
}
