//! Over real sockets: what was certainly never sent, and what is lost.

use std::time::{Duration, Instant};

use aftercall_config::decl::ErrorClass;
use bytes::Bytes;
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::json;

use super::super::{Http, Prepared, SendError, Transport as _};
use super::tiny::{Does, Server, landed, ok, says, tiny};

fn post(url: &str) -> Prepared {
    Prepared {
        method: Method::POST,
        url: url.to_owned(),
        headers: HeaderMap::new(),
        body: Some(Bytes::from("{}")),
        timeout: Duration::from_secs(10),
    }
}

async fn send(url: &str) -> Result<u16, SendError> {
    Http::new().expect("a client").send(post(url)).await.map(|answer| answer.status)
}

async fn send_briefly(url: &str) -> Result<u16, SendError> {
    let request = Prepared { timeout: Duration::from_millis(500), ..post(url) };
    Http::new().expect("a client").send(request).await.map(|answer| answer.status)
}

#[track_caller]
fn never_sent(result: &Result<u16, SendError>) {
    assert!(matches!(result, Err(SendError::NeverSent(_))), "{result:?}");
}

#[track_caller]
fn lost(result: &Result<u16, SendError>) {
    assert!(matches!(result, Err(SendError::Lost(_))), "{result:?}");
}

#[tokio::test]
async fn what_never_left() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    never_sent(&send(&format!("http://{closed}/secret-path")).await);
    never_sent(&send("http://no-such-host.invalid/").await);
    never_sent(&send("not an address").await);
    // Speaks, but no TLS.
    let server = Server::start(|_| ok(&json!({}))).await;
    never_sent(&send(&server.origin.replace("http:", "https:")).await);
    let refused = send(&format!("http://{closed}/secret-path")).await.expect_err("refused");
    assert!(!refused.to_string().contains("secret-path"), "{refused}");
}

#[tokio::test]
async fn what_is_lost() {
    let server = Server::start(|seen| match seen.path.as_str() {
        "/drop" => Does::Drops,
        "/half" => Does::Breaks(201),
        "/refusal" => Does::Breaks(409),
        "/slow" => Does::Sleeps(Duration::from_secs(30)),
        "/moved" => Does::Answers(307, vec![("location", "/elsewhere".to_owned())], String::new()),
        _ => ok(&json!({})),
    })
    .await;
    lost(&send(&format!("{}/drop", server.origin)).await);
    lost(&send(&format!("{}/half", server.origin)).await);
    lost(&send_briefly(&format!("{}/slow", server.origin)).await);
    // A refusal is one by its status, and a redirect is not followed.
    assert_eq!(send(&format!("{}/refusal", server.origin)).await, Ok(409));
    assert_eq!(send(&format!("{}/moved", server.origin)).await, Ok(307));
    let count = |path: &str| server.seen().iter().filter(|s| s.path == path).count();
    assert_eq!((count("/drop"), count("/elsewhere")), (1, 0));
}

#[tokio::test]
async fn a_kept_connection_that_the_server_closes_loses_at_most_the_answer() {
    // Answers once on each connection and drops the second request: it was read, so it may have taken effect.
    let server = Server::start(|seen| if seen.path == "/second" { Does::Drops } else { ok(&json!({})) }).await;
    let http = Http::new().expect("a client");
    assert!(http.send(post(&format!("{}/first", server.origin))).await.is_ok());
    let second = http.send(post(&format!("{}/second", server.origin))).await.map(|a| a.status);
    lost(&second);
    assert_eq!(server.seen().iter().filter(|s| s.path == "/second").count(), 1);
}

#[tokio::test]
async fn an_answer_without_end_is_not_read() {
    let server = Server::start(|_| Does::Answers(200, Vec::new(), "x".repeat(17 * 1024 * 1024))).await;
    let request = Prepared { timeout: Duration::from_secs(20), ..post(&server.origin) };
    let result = Http::new().expect("a client").send(request).await.map(|a| a.status);
    lost(&result);
}

#[tokio::test]
async fn writes_tell_the_difference() {
    let server = Server::start(|seen| match seen.body.pointer("/data/name").and_then(|n| n.as_str()) {
        Some("drop") => Does::Drops,
        Some("oops") => says(500, &json!({})),
        Some("text") => Does::Answers(200, Vec::new(), "welcome".to_owned()),
        _ => landed("1"),
    })
    .await;
    let connections = server.connections();
    let connection = tiny(&server.origin, "");
    let write = async |name: &str| {
        let out = super::write::create("w", "ticket", "m", &[("name", json!(name))]);
        connections.writer().send(&connection, vec![out]).await.remove(0).result.map_err(|f| (f.class, f.certain, f.status))
    };
    assert_eq!(write("drop").await, Err((ErrorClass::Timeout, false, None)));
    assert_eq!(write("oops").await, Err((ErrorClass::Transient, false, Some(500))));
    assert_eq!(write("text").await, Err((ErrorClass::Timeout, false, Some(200))));
    assert!(write("fine").await.is_ok());
    drop(server);
    tokio::time::sleep(Duration::from_millis(20)).await;
    let gone = tiny("http://127.0.0.1:1", "");
    let out = super::write::create("w", "ticket", "m", &[]);
    let failure = connections.writer().send(&gone, vec![out]).await.remove(0).result.expect_err("refused");
    assert_eq!((failure.class, failure.certain), (ErrorClass::Unreachable, true));
}

#[tokio::test]
async fn fifty_at_once_share_connections_and_lose_nothing() {
    let server = Server::start(|_| ok(&json!({"rows": []}))).await;
    let connections = server.connections();
    let connection = tiny(&server.origin, "");
    let begun = Instant::now();
    let users = (0..50).map(|i| {
        let (reader, connection) = (connections.reader(), connection.clone());
        tokio::spawn(async move { reader.user(&connection, &format!("u{i}@x.example")).await })
    });
    for user in users.collect::<Vec<_>>() {
        assert_eq!(user.await.expect("a task"), Ok(None));
    }
    assert_eq!(connections.requests()["it"], 50);
    assert!(begun.elapsed() < Duration::from_secs(5));
}
