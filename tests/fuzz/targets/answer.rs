//! What a system answers, whatever it is: searches, reads, colleagues, looks for a marker, and writes singly and in packs, over the
//! connectors that ship, and the lists of calls of the platforms. There is always a result or a failure with a class, for each write exactly one; nothing falls over or turns for ever.
#![no_main]

use std::collections::VecDeque;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use aftercall::connect::{Answer, Connections, ListRow, ListTime, LinkTarget, MemoryTokens, Outgoing, OutgoingOp, Prepared, SendError, Transport};
use aftercall::load;
use aftercall_config::project::{Connection, Project};
use aftercall_config::resolve;
use aftercall_plan::context::Record;
use aftercall_plan::matching::Query;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use indexmap::IndexMap;
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, json};

const CONFIG: &str = r#"
name = "fuzz"
timezone = "UTC"
phone_region = "US"
[connection.salesforce]
system = "salesforce"
base_url = "https://salesforce.example"
auth = { client_id = "file:secret", client_secret = "file:secret", refresh_token = "file:secret" }
[connection.hubspot]
system = "hubspot"
auth = { token = "file:secret" }
[connection.calendar]
system = "google-calendar"
auth = { client_id = "file:secret", client_secret = "file:secret", refresh_token = "file:secret" }
settings = { calendar = "desk@acme.example" }
[source.vapi]
allow_unsigned = true
auth = { token = "file:secret" }
[source.retell]
allow_unsigned = true
auth = { token = "file:secret" }
[source.elevenlabs]
allow_unsigned = true
auth = { token = "file:secret" }
"#;

static PROJECT: LazyLock<Project> = LazyLock::new(|| {
    let loaded = resolve::load(&load::shipped().with("aftercall.toml", CONFIG));
    let findings = loaded.render(false);
    loaded.project.unwrap_or_else(|| panic!("{findings}"))
});

const STATUSES: [u16; 16] = [200, 200, 200, 201, 204, 207, 301, 400, 401, 403, 404, 409, 412, 429, 500, 503];

const HEADERS: [&str; 7] = [
    "retry-after",
    "x-hubspot-ratelimit-remaining",
    "x-hubspot-ratelimit-interval-milliseconds",
    "sforce-limit-info",
    "date",
    "location",
    "etag",
];

/// Answers one after the other; tokens are given out of turn, for otherwise little else would ever be asked. When there are no more, nothing answers.
struct Script(Mutex<VecDeque<Vec<u8>>>);

impl Transport for Script {
    fn send(&self, request: Prepared) -> BoxFuture<'_, Result<Answer, SendError>> {
        Box::pin(async move {
            if request.url.contains("token") {
                let body = json!({"access_token": "a", "instance_url": "https://salesforce.example", "expires_in": 3600}).to_string();
                return Ok(Answer { status: 200, headers: HeaderMap::new(), body: Bytes::from(body) });
            }
            let next = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let Some((how, rest)) = next.as_deref().and_then(<[u8]>::split_first) else {
                return Err(SendError::Lost("nothing more".to_owned()));
            };
            let mut headers = HeaderMap::new();
            let mut body = rest;
            // The high bit: a header comes first, to the end of its line.
            if how & 0x80 != 0 {
                let line = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
                body = rest.get(line.len() + 1..).unwrap_or_default();
                if let (Ok(value), Some((which, _))) = (HeaderValue::from_bytes(line.get(1..).unwrap_or_default()), line.split_first()) {
                    headers.insert(HeaderName::from_static(HEADERS[usize::from(*which) % HEADERS.len()]), value);
                }
            }
            Ok(Answer { status: STATUSES[usize::from(how % 16)], headers, body: Bytes::copy_from_slice(body) })
        })
    }
}

fn batch(connection: &Connection) -> Vec<Outgoing> {
    let objects = &connection.connector.objects;
    let mut out: Vec<Outgoing> = Vec::new();
    for (name, object) in objects {
        let links = object.decl.links.iter().filter_map(|(link, decl)| {
            let other = out.iter().find(|other| other.object == decl.to)?;
            Some((link.clone(), LinkTarget::Ref(other.write_id.clone())))
        });
        out.push(Outgoing {
            write_id: format!("new_{name}"),
            object: name.clone(),
            op: OutgoingOp::Create { marker: format!("ac-{name}") },
            fields: vec![("A".to_owned(), json!("x")), ("B.c".to_owned(), json!(1))],
            links: links.collect(),
            leaves: Vec::new(),
            again: false,
        });
    }
    for name in objects.keys() {
        out.push(Outgoing {
            write_id: format!("old_{name}"),
            object: name.clone(),
            op: OutgoingOp::Update { id: "1".to_owned() },
            fields: vec![("A".to_owned(), json!("x"))],
            links: Vec::new(),
            leaves: Vec::new(),
            again: false,
        });
    }
    out
}

/// A platform's list to its end, and the first call of each page whole.
async fn list(which: u8, connections: &Connections) {
    let lists: Vec<_> = PROJECT.sources.values().filter_map(|source| source.list.as_ref()).collect();
    let list = lists[usize::from(which) % lists.len()];
    let reader = connections.reader();
    let time = ListTime { since: Timestamp::UNIX_EPOCH, until: Timestamp::MAX };
    let mut after = None;
    while let Ok(page) = reader.listed(list, time, after.as_deref()).await {
        if let Some(row) = page.rows.first() {
            let row: &ListRow = row;
            drop(reader.delivered(list, time, row).await);
        }
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
}

async fn ask(which: &u8, what: u8, connection: &Arc<Connection>, connections: &Connections) {
    let reader = connections.reader();
    let fields: IndexMap<String, Vec<String>> = IndexMap::new();
    let objects: Vec<String> = connection.connector.objects.keys().cloned().collect();
    let query = Query { e164: vec!["+13125550142".to_owned()], phones: vec!["3125550142".to_owned()], ..Query::default() };
    match what % 8 {
        0 => drop(reader.find(connection, &query, &fields).await),
        1 => {
            let mut after = None;
            // A page that leads to itself would be asked for again and again; each further answer of the script is one page.
            while let Ok(Some((_, Some(next)))) = reader.everybody(connection, after.as_deref(), &fields).await {
                after = Some(next);
            }
        }
        2 => {
            let contact = Record { id: "1".to_owned(), object: "contact".to_owned(), fields: Map::new() };
            drop(reader.related(connection, &contact, &[], &fields).await);
        }
        3 => drop(reader.user(connection, "ana@acme.example").await),
        4 => {
            for object in &objects {
                drop(reader.read(connection, object, "1", &[]).await);
            }
        }
        5 => {
            for object in &objects {
                drop(reader.probe(connection, object, "ac-1").await);
            }
        }
        6 => list(*which, connections).await,
        _ => {
            let batch = batch(connection);
            let sent = connections.writer().send(connection, batch.clone()).await;
            let names = |id: &dyn Fn(usize) -> String| (0..batch.len()).map(id).collect::<Vec<_>>();
            assert_eq!(names(&|i| batch[i].write_id.clone()), names(&|i| sent[i].write_id.clone()));
        }
    }
}

// Which system and what is asked; then the answers, each ended by a byte that no text has.
fuzz_target!(|bytes: &[u8]| {
    let [which, what, rest @ ..] = bytes else { return };
    let connection = &PROJECT.connections[usize::from(*which) % PROJECT.connections.len()];
    let script = rest.split(|byte| *byte == 0xff).map(<[u8]>::to_vec).collect();
    let clock = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let Ok(runtime) = clock else { return };
    runtime.block_on(async {
        let transport = Arc::new(Script(Mutex::new(script)));
        let connections = Connections::new(transport, env!("CARGO_MANIFEST_DIR"), Arc::new(MemoryTokens::default()));
        ask(which, *what, connection, &connections).await;
    });
});
