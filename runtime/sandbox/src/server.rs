//! Carries a stand-in over HTTP: connections, faults, the log.
//!
//! Not for what an answer says: that is the vendor's, or `control`'s.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{HeaderMap, body::Incoming, header, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use jiff::Timestamp;
use serde_json::Value;
use tokio::{net::TcpListener, task::JoinHandle, task::JoinSet};

use crate::{
    control,
    fault::{FaultKind, FaultSpec, Faults, Hit},
    log::{Log, Logged},
    text,
    vendor::{Refusal, Request, Response, Seed, Vendor},
};

/// One running stand-in, on 127.0.0.1. Dropping it stops the server and closes its connections.
pub struct Sandbox {
    shared: Arc<Shared>,
    name: &'static str,
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Sandbox {
    /// Starts a stand-in on this port, or on any free one for 0, within the current tokio runtime.
    ///
    /// Errors: what binding the port says.
    pub async fn start(vendor: Box<dyn Vendor>, port: u16) -> io::Result<Self> {
        let name = vendor.name();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            origin: format!("http://{address}"),
            state: Mutex::new(State { vendor, faults: Faults::default(), log: Log::default(), epoch: 0 }),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { shared, name, address, accepting })
    }

    /// The vendor's name, such as `salesforce`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// `http://127.0.0.1:PORT`.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All records by object, as `GET /_sandbox/records` answers.
    pub fn records(&self) -> Value {
        self.shared.records()
    }

    /// The last 10,000 requests, oldest first.
    pub fn requests(&self) -> Vec<Logged> {
        self.shared.lock().log.last()
    }

    /// Adds records in the shape of [`Sandbox::records`].
    ///
    /// Errors: a sentence naming what is not understood.
    pub fn load(&self, records: &Value) -> Result<(), String> {
        self.shared.load(records)
    }

    /// Adds one record of a config test.
    ///
    /// Errors: a sentence naming what is not understood.
    pub fn seed(&self, seed: &Seed<'_>) -> Result<(), String> {
        self.shared.lock().vendor.seed(seed)
    }

    /// The fields of every record of an object, flat.
    pub fn held(&self, object: &str) -> Vec<serde_json::Map<String, Value>> {
        self.shared.lock().vendor.held(object)
    }

    /// Changes the vendor's settings.
    ///
    /// Errors: a sentence naming the setting that is not understood.
    pub fn configure(&self, settings: &Value) -> Result<(), String> {
        self.shared.configure(settings)
    }

    /// Injects a fault.
    pub fn fault(&self, spec: FaultSpec) {
        self.shared.fault(spec);
    }

    /// Removes all faults that still wait, and gives back access that was revoked.
    pub fn clear_faults(&self) {
        self.shared.clear_faults();
    }

    /// Back to the start: no records but the vendor's own, no faults, no log, fresh tokens.
    pub fn reset(&self) {
        self.shared.reset();
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// What connections and control share.
pub(crate) struct Shared {
    origin: String,
    state: Mutex<State>,
}

struct State {
    vendor: Box<dyn Vendor>,
    faults: Faults,
    log: Log,
    /// Counts resets, so that a write that was to be applied late does not land in the state after one.
    epoch: u64,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A handler that panicked was one request's bug; the others still want their answers.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn records(&self) -> Value {
        self.lock().vendor.records()
    }

    pub(crate) fn log_json(&self) -> Value {
        self.lock().log.to_json()
    }

    pub(crate) fn load(&self, records: &Value) -> Result<(), String> {
        self.lock().vendor.load(records)
    }

    pub(crate) fn configure(&self, settings: &Value) -> Result<(), String> {
        self.lock().vendor.configure(settings)
    }

    pub(crate) fn fault(&self, spec: FaultSpec) {
        let mut state = self.lock();
        match spec.kind {
            FaultKind::ExpireToken if spec.acts_at_once() => state.vendor.expire_tokens(),
            FaultKind::RevokeToken if spec.acts_at_once() => state.vendor.revoke_tokens(),
            _ => state.faults.add(spec, Timestamp::now()),
        }
    }

    pub(crate) fn clear_faults(&self) {
        let mut state = self.lock();
        state.faults.clear();
        state.vendor.restore_tokens();
    }

    pub(crate) fn reset(&self) {
        let mut state = self.lock();
        state.vendor.reset();
        state.faults.clear();
        state.log = Log::default();
        state.epoch += 1;
    }
}

/// The connection is to be closed without an answer: hyper does that when a service fails.
#[derive(Debug)]
struct Dropped;

impl std::fmt::Display for Dropped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("dropped on request")
    }
}

impl std::error::Error for Dropped {}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new());
    // Owns the connections, so that they end with this task.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else {
                    // Out of file descriptors, as a rule: give the connections time to end.
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    continue;
                };
                // Without it small answers wait for the client's delayed ACK. Failing to set it is harmless.
                let _ = stream.set_nodelay(true);
                let shared = Arc::clone(&shared);
                let service = service_fn(move |request| answer(Arc::clone(&shared), request));
                let connection = http.serve_connection(TokioIo::new(stream), service);
                connections.spawn(async move {
                    // It fails when the client goes away or when a fault drops it; neither is news.
                    let _ = connection.await;
                });
            }
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

async fn answer(shared: Arc<Shared>, request: hyper::Request<Incoming>) -> Result<hyper::Response<Full<Bytes>>, Dropped> {
    let at = Timestamp::now();
    let (head, body) = request.into_parts();
    let path = head.uri.path();
    let read = async |body: Incoming| body.collect().await.map(http_body_util::Collected::to_bytes).map_err(|_| Dropped);
    if path == control::PREFIX || path.strip_prefix(control::PREFIX).is_some_and(|rest| rest.starts_with('/')) {
        let body = read(body).await?;
        return Ok(to_http(control::handle(&shared, head.method.as_str(), path, &body)));
    }
    let hit = shared.lock().faults.hit(head.method.as_str(), path, at);
    let mut entry = Logged {
        at,
        method: head.method.as_str().to_owned(),
        path: path.to_owned(),
        status: 0,
        fault: hit.map(|hit| hit.kind.name()),
        body_bytes: 0,
    };
    if hit.is_some_and(|hit| hit.kind == FaultKind::Down) {
        shared.lock().log.push(entry);
        return Err(Dropped);
    }
    let body = read(body).await?;
    entry.body_bytes = body.len();
    let request = Request {
        method: entry.method.clone(),
        path: entry.path.clone(),
        query: text::form(head.uri.query().unwrap_or_default()),
        headers: headers(&head.headers),
        body,
        origin: shared.origin.clone(),
    };
    serve(&shared, request, hit, entry).await.map(to_http)
}

/// Carries out a fault around the vendor's own answer.
async fn serve(shared: &Arc<Shared>, request: Request, hit: Option<Hit>, mut entry: Logged) -> Result<Response, Dropped> {
    let delay = Duration::from_millis(hit.map_or(0, |hit| hit.delay_ms));
    match hit.map(|hit| hit.kind) {
        Some(FaultKind::Timeout) => {
            shared.lock().log.push(entry);
            tokio::time::sleep(delay).await;
            return Err(Dropped);
        }
        Some(FaultKind::ApplyLate) => {
            let mut state = shared.lock();
            state.log.push(entry);
            tokio::spawn(apply_late(Arc::downgrade(shared), request, delay, state.epoch));
            return Err(Dropped);
        }
        Some(FaultKind::Slow) => tokio::time::sleep(delay).await,
        _ => {}
    }
    let mut state = shared.lock();
    let response = match hit.map(|hit| hit.kind) {
        Some(FaultKind::RateLimited) => state.vendor.refuse(Refusal::RateLimited),
        Some(FaultKind::ServerError) => state.vendor.refuse(Refusal::ServerError),
        Some(FaultKind::Unavailable) => state.vendor.refuse(Refusal::Unavailable),
        kind => {
            match kind {
                Some(FaultKind::ExpireToken) => state.vendor.expire_tokens(),
                Some(FaultKind::RevokeToken) => state.vendor.revoke_tokens(),
                _ => {}
            }
            state.vendor.handle(&request, Timestamp::now())
        }
    };
    if hit.is_some_and(|hit| hit.kind == FaultKind::CommitThenDrop) {
        state.log.push(entry);
        return Err(Dropped);
    }
    entry.status = response.status;
    state.log.push(entry);
    Ok(response)
}

async fn apply_late(shared: Weak<Shared>, request: Request, delay: Duration, epoch: u64) {
    tokio::time::sleep(delay).await;
    if let Some(shared) = shared.upgrade() {
        let mut state = shared.lock();
        if state.epoch == epoch {
            state.vendor.handle(&request, Timestamp::now());
        }
    }
}

fn headers(map: &HeaderMap) -> Vec<(String, String)> {
    map.iter().map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())).collect()
}

fn to_http(response: Response) -> hyper::Response<Full<Bytes>> {
    let mut builder = hyper::Response::builder().status(response.status);
    for (name, value) in &response.headers {
        builder = builder.header(name, value);
    }
    if !response.content_type.is_empty() {
        builder = builder.header(header::CONTENT_TYPE, response.content_type);
    }
    builder.body(Full::new(Bytes::from(response.body))).unwrap_or_else(|error| {
        // A status or header that HTTP does not allow is a bug of the stand-in; say so to whoever looks.
        let mut response = hyper::Response::new(Full::new(Bytes::from(format!("the stand-in is broken: {error}"))));
        *response.status_mut() = hyper::StatusCode::INTERNAL_SERVER_ERROR;
        response
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpStream,
    };

    use super::*;

    /// A vendor that counts what reached it.
    #[derive(Default)]
    struct Counter {
        applied: u64,
        expired: bool,
    }

    impl Vendor for Counter {
        fn name(&self) -> &'static str {
            "counter"
        }
        fn handle(&mut self, request: &Request, _: Timestamp) -> Response {
            if std::mem::take(&mut self.expired) {
                return Response { status: 401, ..Response::default() };
            }
            self.applied += 1;
            Response { status: 200, body: request.body.to_vec(), ..Response::default() }
        }
        fn refuse(&self, _: Refusal) -> Response {
            Response { status: 429, ..Response::default() }
        }
        fn records(&self) -> Value {
            json!(self.applied)
        }
        fn load(&mut self, _: &Value) -> Result<(), String> {
            Err("nothing to load".to_owned())
        }
        fn configure(&mut self, _: &Value) -> Result<(), String> {
            Ok(())
        }
        fn reset(&mut self) {
            *self = Self::default();
        }
        fn expire_tokens(&mut self) {
            self.expired = true;
        }
        fn revoke_tokens(&mut self) {}
        fn restore_tokens(&mut self) {}
    }

    async fn start() -> Sandbox {
        Sandbox::start(Box::new(Counter::default()), 0).await.expect("a free port")
    }

    /// The raw answer to one request on a connection of its own; empty when there is none.
    async fn send(sandbox: &Sandbox, method: &str, path: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(sandbox.address).await.expect("a listener");
        let length = body.len();
        let request = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}");
        stream.write_all(request.as_bytes()).await.expect("an open connection");
        let mut answer = Vec::new();
        // A connection that is reset is one without an answer.
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    #[track_caller]
    fn check(answer: &str, status: u16) {
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }

    #[tokio::test]
    async fn answers_and_logs() {
        let sandbox = start().await;
        let answer = send(&sandbox, "POST", "/x?y=1", "hello").await;
        check(&answer, 200);
        assert!(answer.ends_with("hello"), "{answer}");
        let log = send(&sandbox, "GET", "/_sandbox/requests", "").await;
        assert!(log.contains(r#""by":{"POST /x":1}"#) && log.contains(r#""body_bytes":5"#), "{log}");
        check(&send(&sandbox, "POST", "/_sandbox/load", "{}").await, 400);
        check(&send(&sandbox, "GET", "/_sandbox/nope", "").await, 404);
        check(&send(&sandbox, "POST", "/_sandbox/faults", r#"{"kind":"nope"}"#).await, 400);
        sandbox.reset();
        assert!(sandbox.requests().is_empty());
    }

    #[tokio::test]
    async fn commit_then_drop_applies_and_says_nothing() {
        let sandbox = start().await;
        let spec = r#"[{"kind":"commit_then_drop","next":1},{"kind":"429","next":1}]"#;
        check(&send(&sandbox, "POST", "/_sandbox/faults", spec).await, 200);
        assert_eq!(send(&sandbox, "POST", "/x", "").await, "");
        assert_eq!(sandbox.records(), 1);
        check(&send(&sandbox, "POST", "/x", "").await, 429);
        assert_eq!(sandbox.records(), 1);
        check(&send(&sandbox, "POST", "/x", "").await, 200);
        let log = sandbox.requests();
        assert_eq!(log.iter().map(|entry| entry.status).collect::<Vec<_>>(), [0, 429, 200]);
        assert_eq!(log[0].fault, Some("commit_then_drop"));
    }

    #[tokio::test]
    async fn apply_late_applies_later_unless_reset() {
        let sandbox = start().await;
        sandbox.fault(FaultSpec::next(FaultKind::ApplyLate, 1).delayed_ms(30));
        assert_eq!(send(&sandbox, "POST", "/x", "").await, "");
        assert_eq!(sandbox.records(), 0);
        let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
        while sandbox.records() == 0 && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(sandbox.records(), 1);
        sandbox.fault(FaultSpec::next(FaultKind::ApplyLate, 1).delayed_ms(10));
        assert_eq!(send(&sandbox, "POST", "/x", "").await, "");
        sandbox.reset();
        tokio::time::sleep(Duration::from_millis(40)).await;
        assert_eq!(sandbox.records(), 0);
    }

    #[tokio::test]
    async fn down_spares_only_control() {
        let sandbox = start().await;
        sandbox.fault(FaultSpec::new(FaultKind::Down));
        assert_eq!(send(&sandbox, "POST", "/oauth2/token", "x=1").await, "");
        assert_eq!(send(&sandbox, "POST", "/x", "").await, "");
        check(&send(&sandbox, "POST", "/_sandbox/faults", r#"{"clear":true}"#).await, 200);
        check(&send(&sandbox, "POST", "/x", "").await, 200);
        assert_eq!(sandbox.records(), 1);
    }

    #[tokio::test]
    async fn timeout_holds_and_does_not_apply() {
        let sandbox = start().await;
        sandbox.fault(FaultSpec::next(FaultKind::Timeout, 1).delayed_ms(20));
        let before = tokio::time::Instant::now();
        assert_eq!(send(&sandbox, "POST", "/x", "").await, "");
        assert!(before.elapsed() >= Duration::from_millis(20));
        assert_eq!(sandbox.records(), 0);
    }

    #[tokio::test]
    async fn tokens_expire_at_once_or_with_a_request() {
        let sandbox = start().await;
        sandbox.fault(FaultSpec::new(FaultKind::ExpireToken));
        check(&send(&sandbox, "GET", "/x", "").await, 401);
        check(&send(&sandbox, "GET", "/x", "").await, 200);
        sandbox.fault(FaultSpec::next(FaultKind::ExpireToken, 1));
        check(&send(&sandbox, "GET", "/x", "").await, 401);
        check(&send(&sandbox, "GET", "/x", "").await, 200);
    }

    #[tokio::test]
    async fn dropping_it_frees_the_port() {
        let sandbox = start().await;
        let port = sandbox.address.port();
        check(&send(&sandbox, "GET", "/x", "").await, 200);
        drop(sandbox);
        tokio::task::yield_now().await;
        let again = Sandbox::start(Box::new(Counter::default()), port).await.expect("the port is free again");
        check(&send(&again, "GET", "/x", "").await, 200);
    }
}
