//! The benchmarks, by one command: `cargo bench -p aftercall`. Real binary, real journal with its fsync, stand-in in a process of its own.
//!
//! Prints one line per figure. Speed is measured here and asserted nowhere.

#![expect(clippy::print_stdout, reason = "figures go to stdout")]

mod peak;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aftercall::{load, service};
use aftercall_config::call::CallOutcome;
use aftercall_plan::context::{Context, Record};
use aftercall_plan::plan::{pipeline_for, plan};
use serde_json::{Value, json};

const AFTERCALL: &str = env!("CARGO_BIN_EXE_aftercall");

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    // `cargo test --benches` only wants to know that it builds.
    if std::env::args().any(|arg| arg == "--test") {
        return Ok(());
    }
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let all = |name: &str| wanted.is_empty() || wanted.iter().any(|w| w == name);
    println!("benchmark                                        figure");
    if all("plan") {
        planner()?;
    }
    if all("sync") {
        sync(5_000)?;
    }
    if all("latency") {
        latency(1_500, 100)?;
    }
    if all("diff") {
        revisions(10_000)?;
    }
    if all("memory") {
        memory(100_000)?;
    }
    Ok(())
}

fn line(name: &str, figure: &str) {
    println!("{name:<48} {figure}");
}

/// A name that sounds like nobody else's.
fn name(person: usize) -> String {
    const FIRST: [&str; 8] = ["Ada", "Bruno", "Cleo", "Dimitri", "Esther", "Felix", "Greta", "Hugo"];
    const PARTS: [&str; 16] =
        ["ba", "ker", "li", "mont", "dro", "fis", "gal", "hun", "jor", "nev", "pol", "rux", "sten", "tav", "wick", "zem"];
    let part = |place: u32| PARTS[person.wrapping_mul(2_654_435_761) >> (4 * place) & 15];
    let last: String = (0..5).map(part).collect();
    format!("{} {}{}", FIRST[person % 8], last[..1].to_uppercase(), &last[1..])
}

/// A call in our own form: every second from a caller whom the CRM knows, every third with something to follow up.
fn call(n: usize) -> Value {
    let known = n.is_multiple_of(2);
    let person = if known { n % 2000 } else { 100_000 + n };
    let mut call = json!({
        "id": format!("bench-{n:07}"), "direction": "inbound", "started_at": "2026-11-20T17:02:11Z", "ended_at": "2026-11-20T17:06:24Z", "duration_s": 253,
        "line": "+15125550100", "outcome": "message", "summary": "Asked about opening hours and whether the invoice of last month had been paid.",
        "caller": { "phone": phone(person), "name": name(person), "email": format!("{}@gmail.com", name(person).to_lowercase().replace(' ', ".")) },
        "captured": { "language": "en", "reason": "invoice" },
        "recording": { "url": format!("https://recordings.example.com/{n}.wav") },
    });
    if n.is_multiple_of(3) {
        call["follow_up"] = json!({ "reason": "Call back about the invoice" });
    }
    call
}

fn phone(n: usize) -> String {
    format!("+1512{:07}", 2_000_000 + n % 7_900_000)
}

fn contacts(count: usize) -> Value {
    let rows: Vec<Value> = (0..count)
        .map(|n| json!({ "FirstName": "Ada", "LastName": format!("Caller{n}"), "Phone": phone(n), "Email": format!("caller{n}@example.com") }))
        .collect();
    json!({ "Contact": rows })
}

/// A stand-in in a process of its own.
struct StandIn {
    child: Child,
    origin: String,
}

impl StandIn {
    fn start() -> Result<Self> {
        let mut child =
            Command::new(AFTERCALL).args(["sandbox", "salesforce", "--port", "0"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let mut ready = String::new();
        BufReader::new(child.stdout.take().ok_or("no stdout")?).read_line(&mut ready)?;
        let ready: Value = serde_json::from_str(&ready)?;
        let origin = ready["addresses"]["salesforce"].as_str().ok_or("no address")?.to_owned();
        let standin = Self { child, origin };
        standin.post("load", &contacts(2000))?;
        Ok(standin)
    }

    fn post(&self, what: &str, body: &Value) -> Result<()> {
        let body = body.to_string();
        let authority = self.origin.trim_start_matches("http://");
        let mut stream = std::net::TcpStream::connect(authority)?;
        write!(
            stream,
            "POST /_sandbox/{what} HTTP/1.1\r\nhost: {authority}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        )?;
        let mut answer = String::new();
        std::io::Read::read_to_string(&mut stream, &mut answer)?;
        if answer.starts_with("HTTP/1.1 200") { Ok(()) } else { Err(answer.into()) }
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn project(dir: &Path, origin: &str) -> Result<()> {
    std::fs::create_dir_all(dir.join("pipelines"))?;
    std::fs::create_dir_all(dir.join("secrets"))?;
    for (name, value) in [("id", "sandbox-client"), ("secret", "sandbox-secret"), ("token", "sandbox-refresh")] {
        std::fs::write(dir.join("secrets").join(name), value)?;
    }
    std::fs::write(
        dir.join("aftercall.toml"),
        format!(
            "name = \"bench\"\ntimezone = \"America/Chicago\"\nphone_region = \"US\"\n[connection.crm]\nsystem = \"salesforce\"\nbase_url = \"{origin}\"\n\
             auth = {{ client_id = \"file:secrets/id\", client_secret = \"file:secrets/secret\", refresh_token = \"file:secrets/token\" }}\n\
             [source.json]\nallow_unsigned = true\n"
        ),
    )?;
    std::fs::write(
        dir.join("pipelines/desk.toml"),
        "name = \"desk\"\nconnection = \"crm\"\n[[write]]\nid = \"contact\"\nmapping = \"salesforce/contact\"\n[[write]]\nid = \"call\"\nmapping = \"salesforce/call-log\"\n\
         [[write]]\nid = \"follow_up\"\nmapping = \"salesforce/task\"\nwhen = \"has(follow_up)\"\nroute = \"desk\"\n\
         [[route.desk]]\nowner = [\"user:ana@acme.example\", \"user:ben@acme.example\"]\ndue = \"in 4 business hours\"\n",
    )?;
    Ok(())
}

fn jsonl(path: &Path, count: usize) -> Result<()> {
    let mut out = std::io::BufWriter::new(std::fs::File::create(path)?);
    for n in 0..count {
        writeln!(out, "{}", call(n))?;
    }
    out.flush()?;
    Ok(())
}

/// The pure planner on one core: no I/O, a recorded context.
fn planner() -> Result<()> {
    let dir = tempfile::tempdir()?;
    project(dir.path(), "http://127.0.0.1:1")?;
    let (loaded, _) = load::project(dir.path());
    let project = loaded.project.ok_or("the bench project does not load")?;
    let outcome: CallOutcome = serde_json::from_value(call(0))?;
    let pipeline = pipeline_for(&project, &outcome).ok_or("no pipeline")?.clone();
    let fields = json!({ "Id": "003000000000001AAA", "FirstName": "Ada", "LastName": "Caller0", "Phone": "(512) 200-0000", "Email": "caller0@example.com" });
    let record = Record {
        id: "003000000000001AAA".to_owned(),
        object: "contact".to_owned(),
        fields: fields.as_object().cloned().unwrap_or_default(),
    };
    let context = Context {
        candidates: vec![record],
        users: BTreeMap::from([
            ("crm/ana@acme.example".to_owned(), Some("005A".to_owned())),
            ("crm/ben@acme.example".to_owned(), Some("005B".to_owned())),
        ]),
        turns: BTreeMap::from([("desk/desk/0".to_owned(), 0)]),
        ..Context::default()
    };
    let now = "2026-11-24T15:00:00Z".parse()?;
    let first = plan(&project, &pipeline, &outcome, &context, now).map_err(|need| format!("the plan needs {need:?}"))?;
    let fields: usize = first.writes.iter().map(|w| w.fields.len()).sum();
    let began = Instant::now();
    let mut count = 0_u64;
    while began.elapsed() < Duration::from_secs(3) {
        for _ in 0..100 {
            std::hint::black_box(plan(&project, &pipeline, std::hint::black_box(&outcome), &context, now).is_ok());
        }
        count += 100;
    }
    let rate = count as f64 / began.elapsed().as_secs_f64();
    line(&format!("plans per second, one core ({fields} fields a call)"), &format!("{rate:.0}"));
    std::hint::black_box(service::lane_keys(&project, &outcome));
    Ok(())
}

fn run_sync(dir: &Path, file: &Path) -> Result<(Value, f64, u64)> {
    let began = Instant::now();
    let mut child = Command::new(AFTERCALL)
        .args(["sync", "--format", "json", "--wait", "120s", "--project"])
        .arg(dir)
        .arg(file)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()?;
    let (ended, peak) = peak::wait(&mut child)?;
    let seconds = began.elapsed().as_secs_f64();
    let mut text = String::new();
    std::io::Read::read_to_string(&mut child.stdout.take().ok_or("no stdout")?, &mut text)?;
    if !ended.success() {
        return Err(format!("sync ended with {ended}: {text}").into());
    }
    Ok((serde_json::from_str(&text)?, seconds, peak / 1024))
}

/// Calls per second from file to CRM, with everything durable.
fn sync(count: usize) -> Result<()> {
    let standin = StandIn::start()?;
    let dir = tempfile::tempdir()?;
    project(dir.path(), &standin.origin)?;
    let file = dir.path().join("calls.jsonl");
    jsonl(&file, count)?;
    let (summary, seconds, peak) = run_sync(dir.path(), &file)?;
    let landed = summary["calls"]["landed"].as_u64().unwrap_or(0);
    let requests = summary["requests"]["crm"].as_u64().unwrap_or(0);
    line(&format!("calls per second through sync ({count} calls)"), &format!("{:.0}", count as f64 / seconds));
    line("  landed, requests to the CRM, peak memory", &format!("{landed}, {requests}, {peak} MB"));
    Ok(())
}

/// Two revisions over recorded calls: one line of a route has changed since the commit.
fn revisions(count: usize) -> Result<()> {
    let standin = StandIn::start()?;
    let dir = tempfile::tempdir()?;
    project(dir.path(), &standin.origin)?;
    let git = |args: &[&str]| {
        Command::new("git").args(["-c", "user.name=b", "-c", "user.email=b@b.example"]).args(args).current_dir(dir.path()).output()
    };
    git(&["init", "--quiet"])?;
    git(&["add", "aftercall.toml", "pipelines"])?;
    git(&["commit", "--quiet", "--message", "as it runs"])?;
    let file = dir.path().join("calls.jsonl");
    jsonl(&file, count)?;
    run_sync(dir.path(), &file)?;
    let mut times = Vec::new();
    for hours in [5, 6, 7] {
        let pipeline = dir.path().join("pipelines/desk.toml");
        let text = std::fs::read_to_string(&pipeline)?;
        std::fs::write(&pipeline, text.replace(&format!("in {} business hours", hours - 1), &format!("in {hours} business hours")))?;
        let began = Instant::now();
        let ran =
            Command::new(AFTERCALL).args(["diff", "HEAD", "--calls", "all", "--format", "json", "--project"]).arg(dir.path()).output()?;
        times.push(began.elapsed().as_secs_f64());
        let said: Value = serde_json::from_slice(&ran.stdout)?;
        line("  diff", &said["summary"].to_string());
    }
    times.sort_by(f64::total_cmp);
    line(&format!("diff of {count} recorded calls, median of 3"), &format!("{:.2} s", times[1]));
    Ok(())
}

/// What the service adds to a call, from its 202 to its last record, at a steady rate.
fn latency(count: usize, per_second: u64) -> Result<()> {
    let standin = StandIn::start()?;
    let dir = tempfile::tempdir()?;
    project(dir.path(), &standin.origin)?;
    let mut service = Command::new(AFTERCALL)
        .args(["run", "--listen", "127.0.0.1:0", "--project"])
        .arg(dir.path())
        .env("RUST_LOG", "error")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut ready = String::new();
    BufReader::new(service.stdout.take().ok_or("no stdout")?).read_line(&mut ready)?;
    let ready: Value = serde_json::from_str(&ready)?;
    let authority = ready["listen"].as_str().ok_or("no address")?.trim_start_matches("http://").to_owned();
    let mut stream = std::net::TcpStream::connect(&authority)?;
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let began = Instant::now();
    let mut accepts: Vec<f64> = Vec::with_capacity(count);
    for n in 0..count {
        let due = Duration::from_micros(n as u64 * 1_000_000 / per_second);
        std::thread::sleep(due.saturating_sub(began.elapsed()));
        let body = call(n).to_string();
        let sent = Instant::now();
        write!(
            stream,
            "POST /v1/calls/json HTTP/1.1\r\nhost: {authority}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )?;
        let mut length = 0;
        let mut head = String::new();
        reader.read_line(&mut head)?;
        if !head.contains(" 202") {
            return Err(format!("not accepted: {head}").into());
        }
        loop {
            let mut header = String::new();
            reader.read_line(&mut header)?;
            if let Some(value) = header.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
            if header.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        std::io::Read::read_exact(&mut reader, &mut body)?;
        accepts.push(sent.elapsed().as_secs_f64() * 1000.0);
    }
    std::thread::sleep(Duration::from_secs(2));
    let listed = Command::new(AFTERCALL).args(["calls", "--format", "json", "--limit", "100000", "--project"]).arg(dir.path()).output()?;
    let listed: Value = serde_json::from_slice(&listed.stdout)?;
    let _ = service.kill();
    let _ = service.wait();
    let mut spans: Vec<f64> = listed["calls"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|c| c["status"] == "landed")
        .filter_map(|c| {
            let time = |key: &str| c[key].as_str()?.parse::<jiff::Timestamp>().ok();
            Some(time("changed_at")?.duration_since(time("received_at")?).as_secs_f64() * 1000.0)
        })
        .collect();
    let landed = spans.len();
    line(
        &format!("webhook to 202 at {per_second}/s, p50 / p99"),
        &format!("{:.1} / {:.1} ms", at(&mut accepts, 0.5), at(&mut accepts, 0.99)),
    );
    line(
        &format!("webhook to last record at {per_second}/s, p50 / p99 ({landed} calls)"),
        &format!("{:.1} / {:.1} ms, of which the stand-in's own 2 requests", at(&mut spans, 0.5), at(&mut spans, 0.99)),
    );
    Ok(())
}

fn at(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let index = ((values.len() as f64 - 1.0) * share).round().max(0.0) as usize;
    values.get(index).copied().unwrap_or(f64::NAN)
}

/// Peak memory for a large file.
fn memory(count: usize) -> Result<()> {
    let standin = StandIn::start()?;
    let dir = tempfile::tempdir()?;
    project(dir.path(), &standin.origin)?;
    let file = dir.path().join("calls.jsonl");
    jsonl(&file, count)?;
    let size = std::fs::metadata(&file)?.len() / 1_000_000;
    let (_, seconds, peak) = run_sync(dir.path(), &file)?;
    line(&format!("peak memory, {count} calls ({size} MB of JSONL)"), &format!("{peak} MB in {seconds:.0} s"));
    Ok(())
}
