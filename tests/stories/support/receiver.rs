//! Whoever is told: an address that takes HTTP, and a mail server, each on a port of its own, written from the standards and not from our
//! sources.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

/// What came in.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    /// Path of a request; the recipients of a mail.
    pub(crate) to: String,
    /// Names in lower case; of a mail its own headers.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

#[derive(Default)]
struct Shared {
    received: Vec<Received>,
    /// Answers for the next ones; where there are none, it takes everything.
    answers: VecDeque<u16>,
}

/// A receiver of either kind.
#[derive(Clone)]
pub(crate) struct Receiver {
    port: u16,
    shared: Arc<Mutex<Shared>>,
}

impl Receiver {
    /// One that takes HTTP.
    pub(crate) fn http() -> Self {
        Self::start(|stream, shared| {
            let _ended = request(stream, shared);
        })
    }

    /// One that takes mail.
    pub(crate) fn mail() -> Self {
        Self::start(|stream, shared| {
            let _ended = mail(stream, shared);
        })
    }

    fn start(serve: fn(TcpStream, &Mutex<Shared>)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("it has an address").port();
        let shared = Arc::new(Mutex::new(Shared::default()));
        let ours = shared.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = shared.clone();
                std::thread::spawn(move || serve(stream, &shared));
            }
        });
        Self { port, shared: ours }
    }

    /// Where it listens: `127.0.0.1:PORT`.
    pub(crate) fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// What it answers to the next ones.
    pub(crate) fn answers(&self, statuses: &[u16]) {
        lock(&self.shared).answers.extend(statuses);
    }

    /// What it has taken so far; what it has refused is not among it.
    pub(crate) fn received(&self) -> Vec<Received> {
        lock(&self.shared).received.clone()
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn request(stream: TcpStream, shared: &Mutex<Shared>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut stream = stream;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let to = line.split(' ').nth(1)?.to_owned();
        let headers = headers(&mut reader)?;
        let length = headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let status = {
            let mut shared = lock(shared);
            let status = shared.answers.pop_front().unwrap_or(200);
            if status < 300 {
                shared.received.push(Received { to, headers, body: String::from_utf8_lossy(&body).into_owned() });
            }
            status
        };
        stream.write_all(format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n").as_bytes()).ok()?;
    }
}

/// Lines up to an empty one.
fn headers(reader: &mut BufReader<TcpStream>) -> Option<Vec<(String, String)>> {
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        match line.trim_end().split_once(':') {
            Some((name, value)) => headers.push((name.to_lowercase(), value.trim().to_owned())),
            None => return Some(headers),
        }
    }
}

/// RFC 5321, as far as a client that is polite needs it.
fn mail(stream: TcpStream, shared: &Mutex<Shared>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut stream = stream;
    let mut say = |words: &str| stream.write_all(format!("{words}\r\n").as_bytes()).ok();
    say("220 post.example ESMTP")?;
    let mut to = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let verb = line.get(..4).unwrap_or_default().to_uppercase();
        match verb.as_str() {
            "EHLO" => say("250-post.example\r\n250 8BITMIME")?,
            "HELO" | "MAIL" | "RSET" | "NOOP" => say("250 ok")?,
            "RCPT" => {
                to.push(line.split(['<', '>']).nth(1).unwrap_or_default().to_owned());
                say("250 ok")?;
            }
            "DATA" => {
                say("354 go on")?;
                let headers = headers(&mut reader)?;
                let mut body = String::new();
                loop {
                    let mut line = String::new();
                    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
                    if line == ".\r\n" {
                        break;
                    }
                    body.push_str(line.strip_prefix('.').unwrap_or(&line));
                }
                let status = lock(shared).answers.pop_front().unwrap_or(250);
                if status < 300 {
                    lock(shared).received.push(Received { to: to.join(","), headers, body });
                }
                to.clear();
                say(&format!("{status} that was it"))?;
            }
            "QUIT" => return say("221 bye"),
            _ => say("502 what?")?,
        }
    }
}
