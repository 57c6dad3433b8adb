//! The smallest HTTP client: one request per connection, and nothing between a story and the bytes.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    /// The body as JSON; null where it is none.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// `POST`; `to` is `http://HOST:PORT/PATH`.
#[track_caller]
pub(crate) fn post(to: &str, headers: &[(String, String)], body: &[u8]) -> Answer {
    try_post(to, headers, body).unwrap_or_else(|| panic!("no answer to POST {to}"))
}

/// `POST` to somebody who may be gone, or die meanwhile: `None` when no answer came.
pub(crate) fn try_post(to: &str, headers: &[(String, String)], body: &[u8]) -> Option<Answer> {
    let (host, bytes) = request("POST", to, headers, body);
    parse(&said(TcpStream::connect(host).ok()?, &bytes))
}

/// `GET`.
#[track_caller]
pub(crate) fn get(to: &str) -> Answer {
    send("GET", to, &[], b"")
}

/// `GET` with headers.
#[track_caller]
pub(crate) fn get_with(to: &str, headers: &[(String, String)]) -> Answer {
    send("GET", to, headers, b"")
}

/// Any other method.
#[track_caller]
pub(crate) fn send(method: &str, to: &str, headers: &[(String, String)], body: &[u8]) -> Answer {
    let (host, bytes) = request(method, to, headers, body);
    let answer = raw(&host, &bytes);
    parse(&answer).unwrap_or_else(|| panic!("no answer to {method} {to}: {answer:?}"))
}

fn request(method: &str, to: &str, headers: &[(String, String)], body: &[u8]) -> (String, Vec<u8>) {
    let rest = to.strip_prefix("http://").expect("an address of http");
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut head = format!("{method} /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    (host.to_owned(), [head.as_bytes(), body].concat())
}

/// Sends bytes and reads what comes until the other side closes. A refusal may come before everything was sent.
#[track_caller]
pub(crate) fn raw(host: &str, bytes: &[u8]) -> String {
    said(TcpStream::connect(host).unwrap_or_else(|e| panic!("connecting to {host}: {e}")), bytes)
}

fn said(mut stream: TcpStream, bytes: &[u8]) -> String {
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a socket takes a time-out");
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn parse(answer: &str) -> Option<Answer> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers =
        lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.to_lowercase(), value.trim().to_owned())).collect();
    let headers: Vec<(String, String)> = headers;
    let is_chunked = headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked");
    Some(Answer { status, headers, body: if is_chunked { joined(body) } else { body.to_owned() } })
}

/// The chunks of a body as one text; what came of one that was cut off.
fn joined(body: &str) -> String {
    let (mut out, mut rest) = (String::new(), body);
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
        match after.get(..size) {
            Some(chunk) if size > 0 => out.push_str(chunk),
            _ => break,
        }
        rest = after[size..].trim_start_matches("\r\n");
    }
    out
}
