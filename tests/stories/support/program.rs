//! The real binary: run to its end, or run as the service.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Answer, PATIENCE, eventually, post, signed};

/// What a run left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    /// The exit code; `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// The same, after a look at the exit code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// What went to stdout, as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e} in:\n{}\nstderr:\n{}", self.stdout, self.stderr))
    }

    /// Both outputs, as a person at a terminal sees them.
    pub(crate) fn seen(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

fn command(args: &[&str], dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aftercall"));
    // Nothing of whoever runs the tests: no credentials, no proxy, no log level, no width of a terminal.
    command.args(args).current_dir(dir).env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs `aftercall ARGS` in a folder, with something on stdin. One that does not end is a failure, and is killed.
#[track_caller]
pub(crate) fn aftercall(dir: &Path, args: &[&str], stdin: &[u8]) -> Ran {
    let mut child = command(args, dir).spawn().expect("the binary starts");
    let mut input = child.stdin.take().expect("a pipe");
    let bytes = stdin.to_vec();
    // Each on its own: the program may fill its output before it has read everything, or read nothing at all.
    let writing = std::thread::spawn(move || drop(input.write_all(&bytes)));
    let stdout = reading(child.stdout.take());
    let stderr = reading(child.stderr.take());
    let end = Instant::now() + 2 * PATIENCE;
    let code = loop {
        match child.try_wait().expect("the binary can be waited for") {
            Some(status) => break status.code(),
            None if Instant::now() < end => std::thread::sleep(Duration::from_millis(3)),
            None => {
                let _ = child.kill();
                let _ = child.wait();
                let (stdout, stderr) = (stdout.join().unwrap_or_default(), stderr.join().unwrap_or_default());
                panic!("aftercall {} did not end; stdout:\n{stdout}\nstderr:\n{stderr}", args.join(" "));
            }
        }
    };
    writing.join().expect("stdin was written");
    Ran { code, stdout: stdout.join().expect("stdout was read"), stderr: stderr.join().expect("stderr was read") }
}

fn reading(pipe: Option<impl Read + Send + 'static>) -> JoinHandle<String> {
    let mut pipe = pipe.expect("a pipe");
    std::thread::spawn(move || {
        let mut said = String::new();
        pipe.read_to_string(&mut said).expect("the program speaks UTF-8");
        said
    })
}

const RUN: [&str; 3] = ["run", "--listen", "127.0.0.1:0"];

/// The service, running. Dropping it kills it.
pub(crate) struct Running {
    child: Child,
    /// `http://127.0.0.1:PORT`.
    pub(crate) address: String,
    said: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
}

impl Running {
    /// Starts `aftercall run` and waits for its ready line.
    #[track_caller]
    pub(crate) fn start(dir: &Path) -> Self {
        Self::of(command(&RUN, dir))
    }

    /// The same, saying everything that it can say.
    #[track_caller]
    pub(crate) fn start_talkative(dir: &Path) -> Self {
        let mut command = command(&RUN, dir);
        command.env("RUST_LOG", "trace");
        Self::of(command)
    }

    /// The same, where no file may grow beyond so many kibibytes.
    #[track_caller]
    pub(crate) fn start_with_file_limit(dir: &Path, kib: u64) -> Self {
        let mut shell = Command::new("/bin/sh");
        // A write beyond the limit is then an error, as on a full disk, and not the end. The unit is 512 bytes.
        shell
            .arg("-c")
            .arg(format!("trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"", kib * 2))
            .arg(env!("CARGO_BIN_EXE_aftercall"))
            .args(RUN);
        shell.current_dir(dir).env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self::of(shell)
    }

    #[track_caller]
    fn of(mut command: Command) -> Self {
        let mut child = command.spawn().expect("the binary starts");
        let said = Arc::new(Mutex::new(String::new()));
        let mut errors = child.stderr.take().expect("a pipe");
        let mut readers = vec![{
            let said = said.clone();
            std::thread::spawn(move || {
                let mut buffer = [0; 4096];
                while let Ok(read) = errors.read(&mut buffer)
                    && read > 0
                {
                    said.lock().unwrap_or_else(PoisonError::into_inner).push_str(&String::from_utf8_lossy(&buffer[..read]));
                }
            })
        }];
        let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        let _ = out.read_line(&mut line);
        readers.push(std::thread::spawn(move || drop(std::io::copy(&mut out, &mut std::io::sink()))));
        let ready: Value = serde_json::from_str(&line).unwrap_or_default();
        let Some(address) = ready["listen"].as_str().filter(|_| ready["ready"] == true) else {
            let _ = child.wait();
            readers.into_iter().for_each(|reader| drop(reader.join()));
            panic!("no ready line but {line:?}; stderr:\n{}", said.lock().unwrap_or_else(PoisonError::into_inner));
        };
        Self { child, address: address.to_owned(), said, readers }
    }

    /// The address without `http://`.
    pub(crate) fn host(&self) -> &str {
        self.address.trim_start_matches("http://")
    }

    /// Where a source's payloads go.
    pub(crate) fn endpoint(&self, source: &str) -> String {
        format!("{}/v1/calls/{source}", self.address)
    }

    /// Sends a genuine payload.
    #[track_caller]
    pub(crate) fn deliver(&self, source: &str, body: &[u8]) -> Answer {
        post(&self.endpoint(source), &signed(source, body), body)
    }

    /// Sends a call in our own form, and expects that it is taken.
    #[track_caller]
    pub(crate) fn take(&self, call: &Value) {
        let answer = self.deliver("json", call.to_string().as_bytes());
        assert_eq!(answer.status, 202, "{}", answer.body);
    }

    /// What it has said so far.
    pub(crate) fn log(&self) -> String {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until it has said something.
    #[track_caller]
    pub(crate) fn says(&self, words: &str) {
        eventually(&format!("the service says {words:?}"), || self.log().contains(words).then_some(()));
    }

    /// What a service manager does: SIGTERM, and wait for the end.
    #[track_caller]
    pub(crate) fn terminate(mut self) -> Ran {
        self.ask_to_end();
        let code = self.child.wait().expect("it ends").code();
        self.readers.drain(..).for_each(|reader| drop(reader.join()));
        Ran { code, stdout: String::new(), stderr: self.log() }
    }

    /// SIGTERM, without waiting.
    pub(crate) fn ask_to_end(&self) {
        // The shell's own `kill`: a bare machine may lack the program.
        let done = Command::new("/bin/sh").arg("-c").arg(format!("kill -TERM {}", self.child.id())).status().expect("a shell");
        assert!(done.success(), "the service takes signals");
    }

    /// SIGHUP: read the project again.
    pub(crate) fn hang_up(&self) {
        let done = Command::new("/bin/sh").arg("-c").arg(format!("kill -HUP {}", self.child.id())).status().expect("a shell");
        assert!(done.success(), "the service takes signals");
    }

    /// SIGKILL: no goodbye.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        let _ = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let said = self.log();
            let tail: Vec<&str> = said.lines().rev().take(40).collect();
            let tail: String = tail.into_iter().rev().map(|line| format!("{line}\n")).collect();
            // Shown with the failure: libtest keeps it otherwise.
            let _ = writeln!(std::io::stderr(), "the service said:\n{tail}");
        }
    }
}
