//! The benchmark of a large project, by one command: `cargo bench -p aftercall --bench check`.
//!
//! 10,000 pipelines with 1,000 mappings, made up, over what ships: all of it checked, and loaded again after one file has changed. Nothing
//! is read from the disk between two figures. Prints a line per figure; speed is measured here and asserted nowhere.

#![expect(clippy::print_stdout, reason = "figures go to stdout")]

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use aftercall_config::resolve::{Known, load, load_again};
use aftercall_config::source::Files;

const PIPELINES: usize = 10_000;
const MAPPINGS: usize = 1_000;
/// Reloads, each of another file.
const RELOADS: usize = 200;

fn main() {
    // `cargo test --benches` only wants to know that it builds.
    if std::env::args().any(|arg| arg == "--test") {
        return;
    }
    let mut files = Files::new();
    shipped(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../mappings"), "mappings", &mut files);
    files.insert("aftercall.toml", PROJECT);
    (0..MAPPINGS).for_each(|n| files.insert(format!("mappings/acme/m{n:04}.toml"), mapping(n, 0)));
    (0..PIPELINES).for_each(|n| files.insert(format!("pipelines/p{n:05}.toml"), pipeline(n, 0)));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    println!("benchmark of {PIPELINES} pipelines with {MAPPINGS} mappings, {threads} threads   figure");
    let begun = Instant::now();
    let one = load(&files);
    line("check, one thread", begun.elapsed());
    let mut known = Known::on(threads);
    let begun = Instant::now();
    let all = load_again(&files, &mut known);
    line("check, all threads", begun.elapsed());
    assert!(all.findings.is_empty(), "{}", all.render(false).chars().take(2000).collect::<String>());
    assert_eq!(one.project.map(|p| p.version), all.project.map(|p| p.version));
    for (what, change) in [("pipeline", true), ("mapping", false)] {
        let mut times: Vec<Duration> = (0..RELOADS)
            .map(|n| {
                match change {
                    true => files.insert(format!("pipelines/p{:05}.toml", n * 31), pipeline(n * 31, n + 1)),
                    false => files.insert(format!("mappings/acme/m{:04}.toml", n * 3), mapping(n * 3, n + 1)),
                }
                let begun = Instant::now();
                black_box(load_again(&files, &mut known).project);
                begun.elapsed()
            })
            .collect();
        times.sort();
        line(&format!("load after one {what} has changed, p50"), times[RELOADS / 2]);
        line(&format!("load after one {what} has changed, p99"), times[RELOADS * 99 / 100]);
    }
}

fn line(name: &str, time: Duration) {
    println!("{name:<59} {:.1} ms", time.as_secs_f64() * 1000.0);
}

fn shipped(dir: &Path, name: &str, files: &mut Files) {
    for entry in std::fs::read_dir(dir).expect("the mappings that ship").flatten() {
        let (path, name) = (entry.path(), format!("{name}/{}", entry.file_name().to_string_lossy()));
        if path.is_dir() {
            shipped(&path, &name, files);
        } else if name.ends_with(".toml") {
            files.insert(name, std::fs::read_to_string(&path).expect("a mapping"));
        }
    }
}

const PROJECT: &str = "name = \"large\"\ntimezone = \"America/Chicago\"\nphone_region = \"US\"\n[connection.crm]\nsystem = \"salesforce\"\n\
    base_url = \"https://acme.example\"\nauth = { client_id = \"env:A\", client_secret = \"env:B\", refresh_token = \"env:C\" }\n\
    [source.json]\nsecret = \"env:D\"\n";

/// A mapping of ten fields.
fn mapping(n: usize, edition: usize) -> String {
    let fields: String = (0..8)
        .map(|f| {
            format!(
                "Field_{f}__c = {{ value = \"{{{{default captured.answer_{f} 'Number {n}'}}}}\", policy = \"fill\", max_chars = 80 }}\n"
            )
        })
        .collect();
    format!(
        "system = \"salesforce\"\nobject = \"call\"\ntitle = \"Mapping {n}\"\nlinks = [\"contact\"]\n[fields]\n{fields}\
         Subject = \"Call {{{{words outcome}}}}, edition {edition}\"\nCallObject = \"{{{{call.id}}}}\"\n"
    )
}

/// A pipeline of three writes and a route.
fn pipeline(n: usize, edition: usize) -> String {
    format!(
        "name = \"pipeline-{n}\"\nsource = [\"json\"]\nwhen = 'call.line == \"+1512{n:07}\" && !(call.duration_s < 5)'\nconnection = \"crm\"\n\
         [match]\nuse = \"person\"\non_ambiguous = \"create-and-review\"\non_no_identity = \"create\"\n\
         [[write]]\nid = \"contact\"\nmapping = \"salesforce/contact\"\nroute = \"desk\"\n\
         [[write]]\nid = \"call\"\nmapping = \"acme/m{:04}\"\nfields.Edition__c = \"{edition}\"\n\
         [[write]]\nid = \"task\"\nmapping = \"salesforce/task\"\nwhen = 'has(follow_up)'\nroute = \"desk\"\n\
         [[route.desk]]\nowner = \"user:ana@acme.example\"\ndue = \"in 4 business hours\"\n",
        n % MAPPINGS
    )
}
