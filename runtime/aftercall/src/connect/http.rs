//! One request over the wire: the only socket to a system.
//!
//! Not for meaning: an answer of any status is an answer. What counts here is the difference between a request that
//! was certainly never sent and one whose answer was lost.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::future::BoxFuture;
use reqwest::header::HeaderMap;
use reqwest::{Method, redirect};

/// The longest answer that is read, decompressed: 16 MiB.
pub const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;

/// How long a connection may take to stand. Within this time nothing was sent.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Balancers close idle connections after a minute; we are first, so that no request meets a closing one.
const IDLE: Duration = Duration::from_secs(50);

/// A request, ready to go out.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// Method.
    pub method: Method,
    /// The whole address.
    pub url: String,
    /// All headers; those with secrets are marked sensitive.
    pub headers: HeaderMap,
    /// The body, where there is one.
    pub body: Option<Bytes>,
    /// How long to wait for the whole answer.
    pub timeout: Duration,
}

/// An answer of any status.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// The body, decompressed.
    pub body: Bytes,
}

/// No answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Nothing left this machine, for certain: no such host, refused, no TLS.
    #[error("{0}")]
    NeverSent(String),
    /// It may have arrived: time-out, reset, or an answer that could not be read.
    #[error("{0}")]
    Lost(String),
}

/// What carries requests; a simulation takes the network's place.
///
/// Must never repeat a request by itself and follow no redirect, and says [`SendError::NeverSent`] only when that is
/// certain. Called from many tasks at once; a dropped future may or may not have sent.
pub trait Transport: Send + Sync + 'static {
    /// Sends one request and reads the whole answer.
    fn send(&self, request: Prepared) -> BoxFuture<'_, Result<Answer, SendError>>;
}

/// The HTTP client could not be made.
#[derive(Debug, thiserror::Error)]
#[error("making the HTTP client: {0}")]
pub struct ClientError(String);

/// The network.
#[derive(Clone, Debug)]
pub struct Http(reqwest::Client);

impl Http {
    /// One client for all connections: rustls over ring, the system's root certificates or Mozilla's where there are none.
    ///
    /// Errors: none in practice; a TLS stack that cannot be set up.
    pub fn new() -> Result<Self, ClientError> {
        let fail = |error: &dyn std::error::Error| ClientError(error.to_string());
        let mut roots = rustls::RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| fail(&e))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .user_agent(concat!("aftercall/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE)
            .tcp_nodelay(true)
            .build()
            .map_err(|e| fail(&e))?;
        Ok(Self(client))
    }
}

impl Transport for Http {
    fn send(&self, request: Prepared) -> BoxFuture<'_, Result<Answer, SendError>> {
        Box::pin(async move {
            let mut builder = self.0.request(request.method, &request.url).headers(request.headers).timeout(request.timeout);
            if let Some(body) = request.body {
                builder = builder.body(body);
            }
            let mut response = builder.send().await.map_err(|error| classed(&error))?;
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            let mut body = BytesMut::new();
            loop {
                let problem = match response.chunk().await {
                    Ok(None) => break,
                    Ok(Some(chunk)) if body.len() + chunk.len() <= MAX_ANSWER_BYTES => {
                        body.extend_from_slice(&chunk);
                        continue;
                    }
                    Ok(Some(_)) => format!("an answer of more than {} MiB", MAX_ANSWER_BYTES / 1024 / 1024),
                    Err(error) => reason(&error),
                };
                // A refusal is one by its status alone; of a success the rest would have been needed.
                if (400..500).contains(&status) {
                    break;
                }
                return Err(SendError::Lost(format!("answered {status}, but the rest was lost: {problem}")));
            }
            Ok(Answer { status, headers, body: body.freeze() })
        })
    }
}

/// Never sent or lost. The pool hands a request to a new connection by itself only where a closed one gave it back whole.
fn classed(error: &reqwest::Error) -> SendError {
    // A request that could not be built, or a connection that never stood. All else counts as sent: a total time-out may
    // have struck before the first byte, but nothing proves it.
    if error.is_builder() || error.is_connect() {
        return SendError::NeverSent(reason(error));
    }
    SendError::Lost(reason(error))
}

/// The chain of causes without the address, which may hold what a caller said.
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return if error.is_connect() { "the connection took too long".to_owned() } else { "no answer in time".to_owned() };
    }
    let mut causes = Vec::new();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let text = cause.to_string();
        if causes.last() != Some(&text) {
            causes.push(text);
        }
        source = cause.source();
    }
    if causes.is_empty() { "the request could not be sent".to_owned() } else { causes.join(": ") }
}
