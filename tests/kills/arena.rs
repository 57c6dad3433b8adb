//! The processes: stand-ins, and the service that is killed.
//!
//! Not for when: that is `level`.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};

use crate::support::{PATIENCE, get, post};

/// How late a write may be applied.
pub(crate) const LATE: Duration = Duration::from_millis(400);
/// How far an index lags behind.
pub(crate) const LAG: Duration = Duration::from_millis(300);

fn program(args: &[&str], dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aftercall"));
    command.args(args).current_dir(dir).env_clear().stdin(Stdio::null());
    command
}

/// Stand-ins in a process of their own.
pub(crate) struct StandIns {
    child: Child,
    /// Name and address.
    pub(crate) origins: Vec<(String, String)>,
}

impl StandIns {
    pub(crate) fn start(names: &[&str]) -> Self {
        let mut args = vec!["sandbox"];
        args.extend(names);
        args.extend(["--port", "0"]);
        let mut child = program(&args, Path::new("/")).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the stand-ins start");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a ready line");
        let ready: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line:?}"));
        let origins = names.iter().map(|name| ((*name).to_owned(), ready["addresses"][*name].as_str().unwrap_or_default().to_owned()));
        Self { child, origins: origins.collect() }
    }

    /// Where one of them is reached.
    pub(crate) fn origin(&self, name: &str) -> &str {
        self.origins.iter().find(|(known, _)| known == name).map_or("", |(_, origin)| origin)
    }

    pub(crate) fn records(&self, name: &str) -> Value {
        get(&format!("{}/_sandbox/records", self.origin(name))).json()
    }

    #[track_caller]
    pub(crate) fn tell(&self, name: &str, what: &str, body: &Value) {
        let answer = post(&format!("{}/{what}", self.origin(name)), &[], body.to_string().as_bytes());
        assert!((200..300).contains(&answer.status), "{name} {what}: {}", answer.body);
    }

    /// Answers that are dropped after the commit, writes that are applied late, refusals, errors of the system's own.
    pub(crate) fn misbehave(&self, seed: u64) {
        let fault = |kind: &str, share: f64, delay_ms: u64, method: &str| json!({"kind": kind, "probability": share, "seed": seed ^ kind.len() as u64, "method": method, "delay_ms": delay_ms});
        let late = u64::try_from(LATE.as_millis()).unwrap_or(u64::MAX);
        let all = ["POST", "PATCH"].map(|method| {
            [
                fault("commit_then_drop", 0.06, 0, method),
                fault("apply_late", 0.06, late, method),
                fault("500", 0.02, 0, method),
                fault("429", 0.01, 0, method),
                // A system answers in tens of milliseconds and not at once: that is when there is time to die.
                fault("slow", 0.6, 40, method),
            ]
        });
        for (name, _) in &self.origins {
            self.tell(name, "_sandbox/faults", &json!(all.as_flattened()));
        }
    }

    /// All is well again, from now on.
    pub(crate) fn behave(&self) {
        for (name, _) in &self.origins {
            self.tell(name, "_sandbox/faults", &json!({"clear": true}));
        }
    }

    /// How many requests came, and how many of the last ten thousand met which fault.
    pub(crate) fn requests(&self) -> (usize, BTreeMap<String, usize>) {
        let mut faults = BTreeMap::new();
        let mut count = 0;
        for (name, _) in &self.origins {
            let log = get(&format!("{}/_sandbox/requests", self.origin(name))).json();
            count += usize::try_from(log["count"].as_u64().unwrap_or(0)).unwrap_or(usize::MAX);
            for fault in log["requests"].as_array().into_iter().flatten().filter_map(|entry| entry["fault"].as_str()) {
                *faults.entry(fault.to_owned()).or_insert(0) += 1;
            }
        }
        (count, faults)
    }
}

impl Drop for StandIns {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The service. Dropping it kills it.
pub(crate) struct Service {
    child: Child,
    ready: mpsc::Receiver<String>,
}

impl Service {
    /// Starts it; what it says goes to `service.log` in the project.
    pub(crate) fn start(root: &Path) -> Self {
        let log: File = OpenOptions::new().create(true).append(true).open(root.join("service.log")).expect("a log");
        let mut command = program(&["run", "--listen", "127.0.0.1:0"], root);
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().expect("the binary starts");
        let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
        let (tell, ready) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            if out.read_line(&mut line).is_ok_and(|read| read > 0) {
                let _ = tell.send(line);
            }
        });
        Self { child, ready }
    }

    /// Waits until it takes calls, and says where.
    pub(crate) fn ready(&self, root: &Path) -> String {
        let line = self.ready.recv_timeout(PATIENCE).unwrap_or_else(|_| {
            let log = std::fs::read_to_string(root.join("service.log")).unwrap_or_default();
            let tail: Vec<&str> = log.lines().rev().take(20).collect();
            panic!("the service did not start: {}\n{}", root.display(), tail.into_iter().rev().collect::<Vec<_>>().join("\n"));
        });
        let ready: Value = serde_json::from_str(&line).unwrap_or_default();
        format!("{}/v1/calls/json", ready["listen"].as_str().unwrap_or_else(|| panic!("no ready line but {line:?}")))
    }

    /// SIGKILL. A service that has ended by itself is a failure.
    pub(crate) fn kill(mut self) {
        if let Ok(Some(status)) = self.child.try_wait() {
            panic!("the service ended by itself: {status}");
        }
        self.child.kill().expect("it can be killed");
        let _ = self.child.wait();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the killed service was at, as its journal has it.
pub(crate) fn moment(root: &Path, was_taking: bool) -> &'static str {
    // A copy is looked at: opening the files themselves would put them in order, and the next start is to do that.
    let copy = tempfile::tempdir().expect("a folder");
    for name in ["aftercall.db", "aftercall.db-wal"] {
        let _ = std::fs::copy(root.join("state").join(name), copy.path().join(name));
    }
    let look = || -> rusqlite::Result<(i64, i64)> {
        let db = Connection::open_with_flags(copy.path().join("aftercall.db"), OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        db.query_row(
            "SELECT (SELECT count(*) FROM writes WHERE state = 'intent'), (SELECT count(*) FROM lanes WHERE owner IS NOT NULL)",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
    };
    match look() {
        Ok((1.., _)) => "while sending",
        Ok((0, 1..)) => "while reading and planning",
        _ if was_taking => "while taking in",
        _ => "at rest",
    }
}

/// Waits for something that comes about by itself.
pub(crate) fn wait_for(what: &str, root: &Path, patience: Duration, mut look: impl FnMut() -> bool) {
    let end = Instant::now() + patience;
    while !look() {
        assert!(Instant::now() < end, "waited {} s in vain: {what}: {}", patience.as_secs(), root.display());
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The journal, whole by SQLite's own word.
pub(crate) fn integrity(root: &Path) -> String {
    let look = |db: Connection| db.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0));
    Connection::open(root.join("state/aftercall.db")).and_then(look).unwrap_or_else(|e| e.to_string())
}
