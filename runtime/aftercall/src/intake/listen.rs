//! Connections: how many, how long one may take to say what it wants, and how they end when the service does.
//!
//! Not for what is asked on them: that is the router's.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http_body_util::BodyExt as _;
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

/// Connections at once. A platform has a handful. Where there are more, the one that has said nothing for the longest makes room: whoever
/// opens many and says nothing keeps nobody out.
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
    let silent = Silent::default();
    let open = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = accept(&listener, &places, &silent) => accepted,
        };
        let Ok((stream, peer, place)) = accepted else {
            // As a rule out of file descriptors.
            silent.end_longest();
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let (app, away) = (app.clone(), CancellationToken::new());
        let turn = Arc::new(Turn { silent: silent.clone(), away: away.clone(), since: Mutex::new(None) });
        turn.falls_silent();
        let ended = Ended(turn.clone());
        let answer = tower::service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(Peer(peer));
            let speaking = Speaking::begin(turn.clone());
            let answer = app.clone().oneshot(request);
            async move { Ok::<_, Infallible>(answer.await?.map(|body| Body::new(body.map_err(move |error| speaking.pass(error))))) }
        });
        let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(answer));
        let stop = stop.clone();
        open.spawn(async move {
            // These end after the connection, which is declared after them.
            let _held = (place, ended);
            let mut connection = std::pin::pin!(connection);
            // It fails when the other side goes away, which is no news.
            tokio::select! {
                _ = connection.as_mut() => {}
                () = away.cancelled() => {}
                () = stop.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    let _ = tokio::time::timeout(LAST_WORDS, connection).await;
                }
            }
        });
    }
    drop(listener);
    open.close();
    open.wait().await;
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
    silent: &Silent,
) -> io::Result<(tokio::net::TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let (stream, peer) = listener.accept().await?;
    if places.available_permits() == 0 {
        silent.end_longest();
    }
    let place = places.clone().acquire_owned().await.map_err(io::Error::other)?;
    // Without it a small answer waits for the client's delayed ACK. Failing to set it is harmless.
    let _ = stream.set_nodelay(true);
    Ok((stream, peer, place))
}

/// Connections on which nothing is asked or answered, in the order in which they fell silent.
#[derive(Clone, Default)]
struct Silent(Arc<Mutex<Queue>>);

#[derive(Default)]
struct Queue {
    next: u64,
    waiting: BTreeMap<u64, CancellationToken>,
}

impl Silent {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end_longest(&self) {
        if let Some((_, away)) = self.queue().waiting.pop_first() {
            away.cancel();
        }
    }
}

/// Whose turn it is on a connection.
struct Turn {
    silent: Silent,
    /// Ends it.
    away: CancellationToken,
    /// Its place among those that are silent.
    since: Mutex<Option<u64>>,
}

impl Turn {
    fn since(&self) -> MutexGuard<'_, Option<u64>> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn falls_silent(&self) {
        let mut queue = self.silent.queue();
        let place = queue.next;
        queue.next += 1;
        queue.waiting.insert(place, self.away.clone());
        *self.since() = Some(place);
    }

    fn speaks(&self) {
        if let Some(place) = self.since().take() {
            self.silent.queue().waiting.remove(&place);
        }
    }
}

/// A request and its answer, to the last byte of it.
struct Speaking(Arc<Turn>);

impl Speaking {
    fn begin(turn: Arc<Turn>) -> Self {
        turn.speaks();
        Self(turn)
    }

    /// Gives what it was given: whoever holds this holds the connection's turn.
    fn pass<E>(&self, error: E) -> E {
        error
    }
}

impl Drop for Speaking {
    fn drop(&mut self) {
        self.0.falls_silent();
    }
}

/// A connection that has ended is not silent either.
struct Ended(Arc<Turn>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.speaks();
    }
}
