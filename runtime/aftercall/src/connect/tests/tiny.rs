//! An invented system: its manifest, a server for it on this machine, and a transport without a network.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aftercall_config::project::Connection;
use aftercall_config::resolve;
use aftercall_config::source::Files;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::super::{Answer, Connections, Http, MemoryTokens, Prepared, SendError, Transport};

/// A request as the system sees it.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) method: String,
    /// Path with query, as sent.
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) text: String,
    pub(super) body: Value,
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
    }
}

/// What the system does about it.
#[derive(Clone, Debug)]
pub(super) enum Does {
    Answers(u16, Vec<(&'static str, String)>, String),
    /// Reads the request and closes the connection.
    Drops,
    /// Promises more than it sends, then closes.
    Breaks(u16),
    /// Says nothing for so long, then closes.
    Sleeps(Duration),
    /// Is not there at all; only without a network.
    Absent,
}

pub(super) fn says(status: u16, body: &Value) -> Does {
    Does::Answers(status, Vec::new(), if body.is_null() { String::new() } else { body.to_string() })
}

pub(super) type Behaviour = Arc<dyn Fn(&Seen) -> Does + Send + Sync>;

/// The system without a network: behaves at once, remembers what it saw.
#[derive(Clone)]
pub(super) struct Fake {
    behaviour: Behaviour,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Fake {
    pub(super) fn new(behaviour: impl Fn(&Seen) -> Does + Send + Sync + 'static) -> Self {
        Self { behaviour: Arc::new(behaviour), seen: Arc::default() }
    }
    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("lock").clone()
    }
    /// `METHOD path` of all requests so far.
    pub(super) fn log(&self) -> Vec<String> {
        self.seen().iter().map(|s| format!("{} {}", s.method, s.path)).collect()
    }
    pub(super) fn connections(&self) -> Connections {
        Connections::new(Arc::new(self.clone()), secrets(), Arc::new(MemoryTokens::default()))
    }
}

impl Transport for Fake {
    fn send(&self, request: Prepared) -> BoxFuture<'_, Result<Answer, SendError>> {
        Box::pin(async move {
            // The scheduler gets a chance to run others in between, as with a network.
            tokio::task::yield_now().await;
            let rest = request.url.split_once("://").map_or("", |(_, rest)| rest);
            let path = rest.find('/').map_or("/", |at| &rest[at..]).to_owned();
            let text = String::from_utf8_lossy(&request.body.unwrap_or_default()).into_owned();
            let headers =
                request.headers.iter().map(|(n, v)| (n.to_string(), String::from_utf8_lossy(v.as_bytes()).into_owned())).collect();
            let body = serde_json::from_str(&text).unwrap_or(Value::Null);
            let seen = Seen { method: request.method.to_string(), path, headers, text, body };
            let does = (self.behaviour)(&seen);
            self.seen.lock().expect("lock").push(seen);
            match does {
                Does::Answers(status, headers, body) => {
                    let pair = |(n, v): (&'static str, String)| (HeaderName::from_static(n), HeaderValue::from_str(&v).expect("a value"));
                    let headers: HeaderMap = headers.into_iter().map(pair).collect();
                    Ok(Answer { status, headers, body: Bytes::from(body) })
                }
                Does::Absent => Err(SendError::NeverSent("refused".to_owned())),
                Does::Sleeps(time) => {
                    tokio::time::sleep(time.min(request.timeout)).await;
                    Err(SendError::Lost("no answer in time".to_owned()))
                }
                _ => Err(SendError::Lost("the connection was closed".to_owned())),
            }
        })
    }
}

/// The system on a port of this machine.
pub(super) struct Server {
    pub(super) origin: String,
    fake: Fake,
    accepting: JoinHandle<()>,
}

impl Server {
    pub(super) async fn start(behaviour: impl Fn(&Seen) -> Does + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let fake = Fake::new(behaviour);
        let shared = fake.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = shared.clone();
                tokio::spawn(async move { serve(stream, &shared).await });
            }
        });
        Self { origin, fake, accepting }
    }
    pub(super) fn seen(&self) -> Vec<Seen> {
        self.fake.seen()
    }
    pub(super) fn connections(&self) -> Connections {
        Connections::new(Arc::new(Http::new().expect("a client")), secrets(), Arc::new(MemoryTokens::default()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(mut stream: TcpStream, fake: &Fake) -> Option<()> {
    let mut buffer = Vec::new();
    loop {
        let head_end = loop {
            if let Some(at) = buffer.windows(4).position(|w| w == b"\r\n\r\n") {
                break at + 4;
            }
            if stream.read_buf(&mut buffer).await.ok()? == 0 {
                return None;
            }
            // The first byte of a TLS handshake.
            if buffer[0] == 22 {
                stream.write_all(b"HTTP/1.1 400 No TLS here\r\n\r\n").await.ok()?;
                return None;
            }
        };
        let head = String::from_utf8_lossy(&buffer[..head_end]).into_owned();
        let mut lines = head.lines();
        let mut first = lines.next()?.split(' ');
        let (method, path) = (first.next()?.to_owned(), first.next()?.to_owned());
        let headers: Vec<(String, String)> =
            lines.filter_map(|l| l.split_once(": ")).map(|(n, v)| (n.to_lowercase(), v.to_owned())).collect();
        let length = headers.iter().find(|(n, _)| n == "content-length").map_or(0, |(_, v)| v.parse().unwrap_or(0));
        while buffer.len() < head_end + length {
            if stream.read_buf(&mut buffer).await.ok()? == 0 {
                return None;
            }
        }
        let text = String::from_utf8_lossy(&buffer[head_end..head_end + length]).into_owned();
        buffer.drain(..head_end + length);
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        let seen = Seen { method, path, headers, text, body };
        let does = (fake.behaviour)(&seen);
        fake.seen.lock().expect("lock").push(seen);
        match does {
            Does::Answers(status, headers, body) => {
                let headers: String = headers.iter().map(|(n, v)| format!("{n}: {v}\r\n")).collect();
                let answer = format!("HTTP/1.1 {status} X\r\n{headers}content-length: {}\r\n\r\n{body}", body.len());
                stream.write_all(answer.as_bytes()).await.ok()?;
            }
            Does::Breaks(status) => {
                stream.write_all(format!("HTTP/1.1 {status} X\r\ncontent-length: 1000\r\n\r\n{{").as_bytes()).await.ok()?;
                return None;
            }
            Does::Sleeps(time) => {
                tokio::time::sleep(time).await;
                return None;
            }
            Does::Drops | Does::Absent => return None,
        }
    }
}

/// A folder with one file per credential, kept until the process ends.
pub(super) fn secrets() -> std::path::PathBuf {
    static FOLDER: std::sync::OnceLock<tempfile::TempDir> = std::sync::OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, value) in [
            ("token", "pat-sandbox"),
            ("username", "ann"),
            ("password", "pass word"),
            ("client_id", "sandbox-client"),
            ("client_secret", "sandbox-secret"),
            ("refresh_token", "sandbox-refresh"),
        ] {
            std::fs::write(folder.path().join(name), value).expect("written");
        }
        std::fs::write(folder.path().join("service_account"), service_account().to_string()).expect("written");
        folder
    });
    folder.path().to_owned()
}

/// A key file whose key was made for these tests and opens nothing.
pub(super) fn service_account() -> Value {
    json!({"client_email": "robot@x.example", "private_key_id": "k1", "private_key": include_str!("robot.pem"), "token_uri": "https://x.example/token"})
}

/// A connection out of a manifest's text and the lines of `[connection.it]`.
pub(super) fn connection(manifest: &str, system: &str, lines: &str) -> Arc<Connection> {
    let project =
        format!("name = \"t\"\ntimezone = \"America/Chicago\"\nphone_region = \"US\"\n[connection.it]\nsystem = \"{system}\"\n{lines}\n");
    let files = Files::new().with("aftercall.toml", project).with(format!("mappings/{system}/connector.toml"), manifest.to_owned());
    let loaded = resolve::load(&files);
    let found = loaded.render(false);
    let project = loaded.project.unwrap_or_else(|| panic!("{found}"));
    Arc::clone(project.connections.get("it").expect("the connection"))
}

/// The invented system, with more lines for its manifest.
pub(super) fn tiny(base_url: &str, more: &str) -> Arc<Connection> {
    connection(&format!("{MANIFEST}\n{more}"), "tiny", &format!("base_url = \"{base_url}\"\nsettings.timezone = \"America/Chicago\""))
}

/// The invented system with a way to be let in.
pub(super) fn let_in(base_url: &str, auth: &str, credentials: &[&str]) -> Arc<Connection> {
    let credentials: Vec<String> = credentials.iter().map(|name| format!("{name} = \"file:{name}\"")).collect();
    let lines = format!("base_url = \"{base_url}\"\nauth = {{ {} }}", credentials.join(", "));
    connection(&format!("{MANIFEST}\n[[auth]]\n{auth}"), "tiny", &lines)
}

/// A system without a network.
pub(super) const NOWHERE: &str = "http://127.0.0.1:9";

pub(super) const MANIFEST: &str = r#"
system = "tiny"
title = "Tiny"
timeout_s = 1
[settings]
version = "v1"
timezone = "UTC"
none = ""
[headers]
x-shared = "yes"
[limits]
concurrency = 50
[find]
object = "contact"
rows = "/rows"
id = "/key"
fields = "/data"
more = "/more"
[find.request]
method = "POST"
path = "/{{settings.version}}/search"
query = { phone = "{{phones}}", first = "{{first emails}}", none = "{{settings.none}}" }
body = { any = [{ "$if" = "phones", phone = "{{phones}}" }, { "$if" = "emails", email = "{{emails}}" }], want = "{{fields.contact}}" }
[find.related.open_deals]
object = "deal"
rows = "/deals"
id = "/key"
[related.open_tickets]
object = "ticket"
rows = "/rows"
id = "/key"
[related.open_tickets.request]
method = "GET"
path = "/tickets"
query = { contact = "{{contact.id}}", owner = "{{contact.owner}}" }
[users]
rows = "/rows"
id = "/id"
[users.request]
method = "GET"
path = "/users/{{email}}"
[object.contact]
name = "Contacts"
url = "{{base_url}}/page/{{id}}"
select = ["name"]
identity = { kind = "unique_key", field = "key" }
roles = { phone = ["phone"], email = ["email"], owner = ["boss.id"] }
[object.contact.write.upsert]
method = "PUT"
path = "/{{object.name}}/by/{{object.key}}/{{marker}}"
body = "{{fields}}"
[object.deal]
name = "Deals"
url = "{{record.page}}"
identity = { kind = "unique_key", field = "key" }
links = { contact = { to = "contact", field = "of.contact" } }
[object.ticket]
name = "Tickets"
identity = { kind = "marker", field = "key" }
links = { contact = { to = "contact", association = { to = "{{id}}", kind = "{{object.name}}" } } }
[object.slot]
name = "Slots"
identity = { kind = "client_id", field = "id", proof = "private.ours" }
[object.slot.booking]
resource = "desk"
start = "start.at"
end = "end.at"
rows = "/rows"
id = "/id"
row_start = ["/start/at", "/start/day"]
row_end = ["/end/at", "/end/day"]
row_title = "/title"
free = { "/status" = "cancelled" }
[object.slot.booking.look]
method = "GET"
path = "/slots"
query = { from = "{{start}}", to = "{{end}}" }
[object.slot.booking.withdraw]
method = "DELETE"
path = "/Slots/{{id}}"
[write]
[write.create]
method = "POST"
path = "/{{object.name}}"
body = { data = "{{fields}}", links = "{{associations}}" }
[write.update]
method = "PATCH"
path = "/{{object.name}}/{{id}}"
body = { data = "{{fields}}" }
[write.read]
method = "GET"
path = "/{{object.name}}/{{id}}"
query = { want = "{{join fields ','}}" }
[error_body]
code = ["/code"]
message = ["/message"]
field = ["/fields"]
[[error]]
code = ["TAKEN"]
class = "duplicate"
existing_id = "/existing"
[[error]]
code = ["LOCKED"]
class = "busy"
"#;

/// Packing for the invented system.
pub(super) const PACK: &str = r#"
[pack]
max = 25
item = { verb = "{{method}}", at = "{{path}}", name = "{{ref}}", with = "{{body}}" }
results = "/results"
result_ref = "/name"
result_status = "/status"
result_body = "/body"
reference_before = "<<"
reference_after = ".id>>"
innocent = ["HALTED"]
[pack.request]
method = "POST"
path = "/pack"
body = { parts = "{{items}}" }
"#;

pub(super) fn ok(body: &Value) -> Does {
    says(200, body)
}

pub(super) fn landed(id: &str) -> Does {
    says(201, &json!({"id": id}))
}
