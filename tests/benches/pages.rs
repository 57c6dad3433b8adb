//! Every page and listing over a journal of 1,000,000 calls, through the real service: `cargo bench --bench pages [-- CALLS]`.
//!
//! Prints one line per address. Speed is measured here and asserted nowhere.

#![expect(clippy::print_stdout, reason = "figures go to stdout")]

mod seed;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::Value;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// How often each address is asked for.
const TIMES: usize = 60;

const PROJECT: &str = "name = \"bench\"\ntimezone = \"America/Chicago\"\nphone_region = \"US\"\n\
     [connection.crm]\nsystem = \"salesforce\"\nbase_url = \"http://127.0.0.1:1\"\nauth = { client_id = \"file:s\", client_secret = \"file:s\", refresh_token = \"file:s\" }\n\
     [source.json]\nallow_unsigned = true\n";

fn main() -> Result<()> {
    // `cargo test --benches` only wants to know that it builds.
    if std::env::args().any(|arg| arg == "--test") {
        return Ok(());
    }
    let calls: u64 = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(1_000_000);
    let dir = tempfile::tempdir()?;
    std::fs::write(dir.path().join("aftercall.toml"), PROJECT)?;
    std::fs::write(dir.path().join("s"), "x")?;
    std::fs::create_dir_all(dir.path().join("pipelines"))?;
    let pipeline = "name = \"front-desk\"\nconnection = \"crm\"\n[[write]]\nid = \"contact\"\nmapping = \"salesforce/contact\"\n";
    std::fs::write(dir.path().join("pipelines/desk.toml"), pipeline)?;
    let began = Instant::now();
    let path = dir.path().join("state/aftercall.db");
    let middle = seed::journal(&path, calls)?;
    let size = std::fs::metadata(&path)?.len() / 1_000_000;
    println!("seeded {calls} calls in {:.0} s, {size} MB", began.elapsed().as_secs_f64());
    let mut service = Command::new(env!("CARGO_BIN_EXE_aftercall"))
        .args(["run", "--listen", "127.0.0.1:0", "--project"])
        .arg(dir.path())
        .env("RUST_LOG", "error")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut ready = String::new();
    BufReader::new(service.stdout.take().ok_or("no stdout")?).read_line(&mut ready)?;
    let measured = measure(&serde_json::from_str(&ready)?, &middle, calls);
    let _ = service.kill();
    let _ = service.wait();
    measured
}

fn measure(ready: &Value, middle: &str, calls: u64) -> Result<()> {
    let authority = ready["listen"].as_str().ok_or("no address")?.trim_start_matches("http://").to_owned();
    let who = seed::caller(calls / 3, calls);
    let (first, last) = who.name.split_once(' ').ok_or("a name")?;
    let all = "from=&to=";
    let mut addresses: Vec<(&str, String)> = vec![
        ("yesterday", "/calls".to_owned()),
        ("30 days", "/calls?from=2000-01-01&to=".to_owned()),
        ("all", format!("/calls?{all}")),
        ("the last page", format!("/calls?{all}&after=51")),
        ("in the middle", format!("/calls?{all}&after={}", calls / 2)),
        ("dead", format!("/calls?{all}&status=dead")),
        ("landed, last page", format!("/calls?{all}&status=landed&after=60")),
        ("three statuses", format!("/calls?{all}&status=dead&status=held&status=review")),
        ("waiting", format!("/calls?{all}&status=waiting")),
        ("a seldom pipeline", format!("/calls?{all}&pipeline=seldom")),
        ("a seldom pipeline, dead", format!("/calls?{all}&pipeline=seldom&status=dead")),
        ("a pipeline that a source never takes", format!("/calls?{all}&pipeline=front-desk&source=json")),
        ("ambiguous", format!("/calls?{all}&decision=ambiguous")),
        ("no identity, dead", format!("/calls?{all}&decision=no_identity&status=dead")),
        ("calendar", format!("/calls?{all}&connection=calendar")),
        ("calendar, partial", format!("/calls?{all}&connection=calendar&status=partial")),
        ("a connection that is not there", format!("/calls?{all}&connection=gone")),
        ("a first name", format!("/calls?{all}&q={first}")),
        ("a first name, dead", format!("/calls?{all}&q={first}&status=dead")),
        ("a first name, waiting", format!("/calls?{all}&q={first}&status=waiting")),
        ("a whole name", format!("/calls?{all}&q={first}+{last}")),
        ("three letters", format!("/calls?{all}&q={}", &last[..3])),
        ("part of every address", format!("/calls?{all}&q=mail.example")),
        ("a number", format!("/calls?{all}&q=({})+{}", &who.phone[2..5], &who.phone[5..])),
        ("four digits", format!("/calls?{all}&q={}", &who.phone[8..])),
        ("an address", format!("/calls?{all}&q={}", who.email)),
        ("a record", format!("/calls?{all}&q={}", who.record)),
        ("a call's id", format!("/calls?{all}&q={middle}")),
        ("nobody", format!("/calls?{all}&q=Rumpelstilzchen")),
        ("one call", format!("/calls/{}", middle.replace(':', "%3A"))),
        ("reviews", "/reviews".to_owned()),
        ("dead letters", "/dead".to_owned()),
        ("connections", "/connections".to_owned()),
        ("connections over a day", "/connections?over=day".to_owned()),
        ("config", "/config".to_owned()),
        ("people", "/people".to_owned()),
        ("trail", "/audit".to_owned()),
        ("trail, one record", format!("/audit?record={}", who.record)),
        ("trail, one call", format!("/audit?call={middle}")),
        ("trail, one version", "/audit?version=c1".to_owned()),
        ("trail, one version, a week", format!("/audit?version=c1&since={}", day(7))),
        ("trail, another version, a week", format!("/audit?version=c2&since={}", day(7))),
        ("metrics", "/metrics".to_owned()),
        ("reconciliation, a week", "/reconciliation".to_owned()),
        ("reconciliation, 31 days", format!("/reconciliation?from={}&to={}", day(30), day(0))),
        ("reconciliation, 31 days of last winter", format!("/reconciliation?from={}&to={}", day(330), day(300))),
        ("reconciliation, a week", "/v1/reconciliation".to_owned()),
    ];
    let api: Vec<(&str, String)> = addresses
        .iter()
        .filter(|(_, address)| address.starts_with("/calls?"))
        .map(|(name, address)| (*name, format!("/v1/log{address}")))
        .collect();
    addresses.extend(api);
    addresses.push(("one call", format!("/v1/log/calls/{middle}")));
    addresses.extend(
        [("connections", "/v1/connections"), ("config", "/v1/config"), ("people", "/v1/people")].map(|(name, at)| (name, at.to_owned())),
    );
    println!("{:<46} {:>8} {:>8} {:>8}", "page", "p50 ms", "p99 ms", "bytes");
    let mut worst: f64 = 0.0;
    for (name, address) in &addresses {
        let mut times = Vec::with_capacity(TIMES);
        let mut bytes = 0;
        for _ in 0..TIMES {
            let began = Instant::now();
            bytes = fetch(&authority, address)?;
            times.push(began.elapsed().as_secs_f64() * 1000.0);
        }
        times.sort_by(f64::total_cmp);
        let (p50, p99) = (times[TIMES / 2], times[TIMES - 1]);
        worst = worst.max(p99);
        let kind = if address.starts_with("/v1") { "json, " } else { "" };
        println!("{:<46} {p50:>8.1} {p99:>8.1} {bytes:>8}", format!("{kind}{name}"));
    }
    println!("{:<46} {:>8} {worst:>8.1}", "the slowest", "");
    Ok(())
}

/// A day so many days ago.
fn day(ago: i64) -> String {
    (jiff::Timestamp::now() - jiff::SignedDuration::from_hours(24 * ago)).strftime("%Y-%m-%d").to_string()
}

/// Asks, reads all of the answer, and gives its length. Errors: another status than 200.
fn fetch(authority: &str, address: &str) -> Result<usize> {
    let mut stream = TcpStream::connect(authority)?;
    write!(stream, "GET {address} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    if answer.starts_with(b"HTTP/1.1 200") { Ok(answer.len()) } else { Err(String::from_utf8_lossy(&answer).into_owned().into()) }
}
