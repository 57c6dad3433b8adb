//! The benchmark of a large project, by one command: `cargo bench -p aftercall --bench check`.
//!
//! 10,000 pipelines with 1,000 mappings, made up, over what ships: all of it checked, and loaded again after one file has changed, in
//! memory (`-- load`); then the same project on the disk, checked by the command (`-- command`) and reloaded by a running service, from the
//! write of one file until its version is at work (`-- reload`). Prints a line per figure; speed is measured here and asserted nowhere.

#![expect(clippy::print_stdout, reason = "figures go to stdout")]

use std::hint::black_box;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use aftercall::journal::{Journal as _, ReloadFilter, SqliteJournal};
use aftercall_config::resolve::{Known, load, load_again};
use aftercall_config::source::Files;

const AFTERCALL: &str = env!("CARGO_BIN_EXE_aftercall");

const PIPELINES: usize = 10_000;
const MAPPINGS: usize = 1_000;
/// Reloads, each of another file.
const RELOADS: usize = 200;

fn main() {
    // `cargo test --benches` only wants to know that it builds.
    if std::env::args().any(|arg| arg == "--test") {
        return;
    }
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let all = |name: &str| wanted.is_empty() || wanted.iter().any(|w| w == name);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    println!("benchmark of {PIPELINES} pipelines with {MAPPINGS} mappings, {threads} threads   figure");
    let mut made = Files::new();
    made.insert("aftercall.toml", PROJECT);
    (0..MAPPINGS).for_each(|n| made.insert(format!("mappings/acme/m{n:04}.toml"), mapping(n, 0)));
    (0..PIPELINES).for_each(|n| made.insert(format!("pipelines/p{n:05}.toml"), pipeline(n, 0)));
    if all("load") {
        in_memory(&made, threads);
    }
    let folder = tempfile::TempDir::new().expect("a folder");
    for (path, text) in made.iter().filter(|_| all("command") || all("reload")) {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text.as_bytes()).expect("a file");
    }
    if all("command") {
        let mut times: Vec<Duration> = (0..5).map(|_| command(folder.path())).collect();
        times.sort();
        line("`aftercall check`, the whole command, median of 5", times[2]);
    }
    if all("reload") {
        reload(folder.path());
    }
}

fn in_memory(made: &Files, threads: usize) {
    let mut files = Files::new();
    shipped(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../mappings"), "mappings", &mut files);
    made.iter().for_each(|(path, text)| files.insert(path, text.clone()));
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

fn command(root: &Path) -> Duration {
    let begun = Instant::now();
    let ran = Command::new(AFTERCALL).arg("check").arg(root).output().expect("aftercall runs");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stdout));
    begun.elapsed()
}

/// From the moment at which a file is in its place until the journal says that its version is at work, which is after the swap.
fn reload(root: &Path) {
    let mut service = Command::new(AFTERCALL)
        .args(["run", "--listen", "127.0.0.1:0", "--project"])
        .arg(root)
        .env("D", "secret")
        .env("RUST_LOG", "error")
        .stdout(Stdio::piped())
        .spawn()
        .expect("the service runs");
    let mut ready = String::new();
    BufReader::new(service.stdout.take().expect("its output")).read_line(&mut ready).expect("a line when it is ready");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let journal = SqliteJournal::open_read_only(root.join("state/aftercall.db")).expect("its journal");
    let newest = || {
        let rows = runtime.block_on(journal.reloads(ReloadFilter { id: None, states: Vec::new(), limit: 1 })).expect("the journal");
        rows.first().map_or(0, |row| row.id)
    };
    while newest() == 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
    let mut times: Vec<Duration> = (0..RELOADS)
        .map(|n| {
            let (path, before) = (root.join(format!("pipelines/p{:05}.toml", n * 31)), newest());
            let new = path.with_extension("new");
            std::fs::write(&new, pipeline(n * 31, n + 1)).expect("a file");
            std::fs::rename(&new, &path).expect("in its place");
            let begun = Instant::now();
            while newest() == before {
                std::thread::sleep(Duration::from_micros(500));
            }
            begun.elapsed()
        })
        .collect();
    let _ = service.kill();
    let _ = service.wait();
    times.sort();
    line("reload of one changed file, quiet period of 10 ms, p50", times[RELOADS / 2]);
    line("reload of one changed file, quiet period of 10 ms, p99", times[RELOADS * 99 / 100]);
    let bytes = std::fs::metadata(root.join("state/aftercall.db")).map_or(0, |m| m.len());
    println!("{:<59} {:.1} MB", format!("the journal after {RELOADS} reloads"), bytes as f64 / 1e6);
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
    [source.json]\nsecret = \"env:D\"\n[service]\nquiet = \"10ms\"\n";

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
