//! Connections: how many, how long one may take to say what it wants, and how they end when the service does.
//!
//! Not for what is asked on them: that is the router's.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

/// Connections at once; more wait until one ends. A platform has a handful.
const MOST: usize = 1024;

/// How long a connection may stay silent, or spell out its headers. Longer than a client keeps one that it does not use, so that
/// none is closed under a request.
const HEADERS: Duration = Duration::from_secs(75);

/// What is under way when the end is asked for has this long: more than a commit takes.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// Out of file descriptors, as a rule: time for some connections to end.
const PAUSE: Duration = Duration::from_millis(50);

/// Who is at the other end of the connection, which may be a proxy. In the extensions of every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(
    /// Its address.
    pub SocketAddr,
);

/// Serves until `stop`, then lets what is under way finish, but waits for nobody who says nothing.
pub async fn serve(listener: TcpListener, app: Router, stop: CancellationToken) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADERS);
    let places = Arc::new(Semaphore::new(MOST));
    let open = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let Ok((stream, peer, place)) = accepted else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let app = app.clone().map_request(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(Peer(peer));
            request
        });
        let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(app));
        let stop = stop.clone();
        open.spawn(async move {
            let mut connection = std::pin::pin!(connection);
            // It fails when the other side goes away, which is no news.
            tokio::select! {
                _ = connection.as_mut() => {}
                () = stop.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    let _ = tokio::time::timeout(LAST_WORDS, connection).await;
                }
            }
            drop(place);
        });
    }
    drop(listener);
    open.close();
    open.wait().await;
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(tokio::net::TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let place = places.clone().acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    // Without it a small answer waits for the client's delayed ACK. Failing to set it is harmless.
    let _ = stream.set_nodelay(true);
    Ok((stream, peer, place))
}
