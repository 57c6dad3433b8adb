//! The endpoint as senders see it, on a real journal.

use std::sync::atomic::{AtomicI64, Ordering};

use axum::body::{Body, Bytes};
use axum::http::{Request as Ask, StatusCode, header};
use futures_util::stream;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::super::testing;
use super::*;
use crate::journal::{CallFilter, Claiming, SqliteJournal, SqliteOptions};

/// A platform that signs its bodies, speaks of a call twice and makes noise.
const SIGNS: &str = r#"
source = "signs"
[signature]
scheme = "token"
header = "x-token"
[[event]]
when = 'payload.kind == "early"'
is = "provisional"
wait_s = 60
[[event]]
when = 'payload.kind == "noise"'
is = "ignore"
[[event]]
when = 'has(payload.kind)'
is = "call"
[outcome]
id = "{{payload.id}}"
summary = "{{payload.said}}"
"caller.phone" = "{{payload.phone}}"
duration_s = "{{payload.seconds}}"
"recording.url" = "{{payload.url}}"
"#;

/// One that cannot prove itself.
const OPEN: &str = "source = \"open\"\n[[event]]\nwhen = 'has(payload)'\nis = \"call\"\n[outcome]\nid = \"{{payload.id}}\"\n";

struct Desk {
    app: Router,
    journal: Arc<dyn Journal>,
    clock: Arc<AtomicI64>,
    _dir: tempfile::TempDir,
}

impl Desk {
    fn open(secret: Result<&'static str, &'static str>) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let start = Timestamp::from_second(1_795_195_000).expect("in range");
        let journal: Arc<dyn Journal> =
            Arc::new(SqliteJournal::open(SqliteOptions::at(dir.path().join("j.db")), start).expect("a journal"));
        let project = Arc::new(testing::project(&[
            ("signs", SIGNS, "secret = \"env:S\""),
            ("open", OPEN, "allow_unsigned = true"),
            ("lax", &SIGNS.replace("\"signs\"", "\"lax\""), "allow_unsigned = true"),
            ("both", &SIGNS.replace("\"signs\"", "\"both\""), "allow_unsigned = true\nsecret = \"env:S\""),
        ]));
        let clock = Arc::new(AtomicI64::new(1_795_195_000));
        let now = clock.clone();
        let intake = Intake::new(
            Arc::new(move || project.clone()),
            journal.clone(),
            Arc::new(move |_| secret.map(|s| vec![s.as_bytes().to_vec()]).map_err(str::to_owned)),
            Arc::new(|_, outcome| outcome.caller.phone.iter().map(|p| super::super::lane_key(b"k", "phone", p)).collect()),
            Arc::new(move || Timestamp::from_second(now.load(Ordering::Relaxed)).unwrap_or_default()),
        );
        Self { app: intake.router(), journal, clock, _dir: dir }
    }

    async fn ask(&self, request: Ask<Body>) -> (StatusCode, Value, header::HeaderMap) {
        let response = self.app.clone().oneshot(request).await.expect("an answer");
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 1 << 20).await.expect("a body");
        (parts.status, serde_json::from_slice(&bytes).unwrap_or(Value::Null), parts.headers)
    }

    async fn send(&self, body: &Value) -> (u16, Value) {
        let (status, answer, _) = self.ask(post("signs", Some("s3cret"), body.to_string())).await;
        (status.as_u16(), answer)
    }

    async fn calls(&self) -> Vec<(String, i64)> {
        let calls = self.journal.calls(CallFilter::default()).await.expect("the call log");
        calls.into_iter().map(|c| (c.id, c.revision)).collect()
    }
}

fn post(source: &str, token: Option<&str>, body: impl Into<Body>) -> Ask<Body> {
    let mut request = Ask::post(format!("/v1/calls/{source}"));
    if let Some(token) = token {
        request = request.header("X-Token", token);
    }
    request.body(body.into()).expect("a request")
}

#[tokio::test]
async fn a_call_is_accepted_once() {
    let desk = Desk::open(Ok("s3cret"));
    let call = json!({"kind": "x", "id": "a1", "said": "Hello", "url": "https://x.example/1?sig=1"});
    assert_eq!(desk.send(&call).await, (202, json!({"status": "accepted", "call": "signs:a1"})));
    assert_eq!(desk.send(&call).await, (200, json!({"status": "duplicate", "call": "signs:a1"})));
    // The same word with another presigned address and another cost is the same word.
    let again = json!({"kind": "x", "id": "a1", "said": "Hello", "url": "https://x.example/1?sig=2", "cost": 5});
    assert_eq!(desk.send(&again).await, (200, json!({"status": "duplicate", "call": "signs:a1"})));
    assert_eq!(desk.calls().await, [("signs:a1".to_owned(), 1)]);
}

#[tokio::test]
async fn another_word_amends() {
    let desk = Desk::open(Ok("s3cret"));
    let word = |said: &str| json!({"kind": "x", "id": "a1", "said": said});
    assert_eq!(desk.send(&word("A")).await.0, 202);
    assert_eq!(desk.send(&word("B")).await, (202, json!({"status": "amended", "call": "signs:a1", "revision": 2})));
    // Other bytes that say the same.
    assert_eq!(desk.send(&json!({"said": "B", "id": "a1", "kind": "x"})).await.0, 200);
    // A late retry of the old word does not undo the amendment.
    assert_eq!(desk.send(&word("A")).await.0, 200);
    assert_eq!(desk.calls().await, [("signs:a1".to_owned(), 2)]);
}

#[tokio::test]
async fn a_provisional_word_waits_for_the_final_one() {
    let desk = Desk::open(Ok("s3cret"));
    let claim = |now: i64| {
        let now = Timestamp::from_second(now).expect("in range");
        desk.journal.claim(Claiming { owner: "w".to_owned(), now, lease: Duration::from_secs(5), max: 9 })
    };
    let early = json!({"kind": "early", "id": "a1", "phone": "+15125550142"});
    assert_eq!(desk.send(&early).await.0, 202);
    assert_eq!(claim(1_795_195_059).await.expect("a claim").len(), 0);
    desk.clock.store(1_795_195_010, Ordering::Relaxed);
    // The final word says nothing new: the call is due all the same.
    let late = json!({"kind": "late", "id": "a1", "phone": "+15125550142"});
    assert_eq!(desk.send(&late).await, (200, json!({"status": "duplicate", "call": "signs:a1"})));
    assert_eq!(claim(1_795_195_010).await.expect("a claim").len(), 1);
    assert_eq!(desk.send(&early).await.0, 200);
}

#[tokio::test]
async fn what_is_not_for_us_or_not_understood_is_kept() {
    let desk = Desk::open(Ok("s3cret"));
    assert_eq!(desk.send(&json!({"kind": "noise"})).await, (200, json!({"status": "ignored"})));
    let (status, answer) = desk.send(&json!({"kind": "x", "said": "Who am I?"})).await;
    assert_eq!((status, &answer["status"]), (202, &json!("kept")));
    assert_eq!(answer["reason"], "`id` is empty; it is read from `payload.id` (mappings/signs/source.toml:17)");
    for (body, reason) in [
        ("", "the body is empty"),
        ("{\"kind\": \"x\"", "the body is cut off at line 1 column 12"),
        ("From=%2B15125550142&To=1", "the body is a form, and not JSON"),
        ("\u{1f}\u{8b}", "the body is no JSON: something is wrong at line 1 column 1"),
        (&"[".repeat(200), "the body is nested deeper than 127 levels at line 1 column 128"),
    ] {
        let (status, answer, _) = desk.ask(post("signs", Some("s3cret"), body.to_owned())).await;
        assert_eq!((status.as_u16(), answer), (202, json!({"status": "kept", "reason": reason})));
    }
    assert_eq!(desk.send(&json!({"kind": "x", "said": "Who am I?"})).await, (200, json!({"status": "duplicate"})));
    let kept = desk.journal.unrecognised(20).await.expect("the list");
    assert_eq!(kept.len(), 6);
    assert!(kept.iter().all(|k| k.event_key.starts_with("body:")));
}

#[tokio::test]
async fn values_that_do_not_fit_are_told() {
    let desk = Desk::open(Ok("s3cret"));
    let (status, answer) = desk.send(&json!({"kind": "x", "id": 7, "seconds": "many"})).await;
    assert_eq!(status, 202);
    assert_eq!(
        answer,
        json!({"status": "accepted", "call": "signs:7", "notes": ["`duration_s` is no number of seconds; it is kept as `captured.duration_s`"]})
    );
}

#[tokio::test]
async fn strangers_are_refused_and_told_nothing() {
    let desk = Desk::open(Ok("s3cret"));
    let body = json!({"kind": "x", "id": "a1"}).to_string();
    let (status, wrong, headers) = desk.ask(post("signs", Some("guess"), body.clone())).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert!(headers.contains_key(header::WWW_AUTHENTICATE));
    let (status, missing, _) = desk.ask(post("signs", None, body)).await;
    assert_eq!((status, &missing), (StatusCode::UNAUTHORIZED, &wrong));
    assert!(!wrong.to_string().contains("token"), "{wrong}");
    assert_eq!(desk.calls().await, []);
}

#[tokio::test]
async fn unsigned_payloads_are_taken_where_that_is_allowed() {
    let desk = Desk::open(Ok("s3cret"));
    for (source, token, expected) in [
        ("open", None, 202),
        ("lax", None, 202),
        ("lax", Some("whatever"), 202),
        ("both", None, 202),
        ("both", Some("s3cret"), 202),
        ("both", Some("whatever"), 401),
    ] {
        let body = json!({"kind": "x", "id": format!("{source}-{token:?}")}).to_string();
        assert_eq!(desk.ask(post(source, token, body)).await.0.as_u16(), expected, "{source} {token:?}");
    }
}

#[tokio::test]
async fn our_own_trouble_is_a_503() {
    let desk = Desk::open(Err("SECRET is not set"));
    let body = json!({"kind": "x", "id": "a1"}).to_string();
    for desk in [desk, Desk::open(Ok(""))] {
        let (status, answer, headers) = desk.ask(post("signs", Some("s3cret"), body.clone())).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(headers.get(header::RETRY_AFTER).map(|v| v.as_bytes()), Some(&b"5"[..]));
        assert!(answer["error"].as_str().is_some_and(|e| e.contains("send it again")), "{answer}");
    }
}

#[tokio::test]
async fn wrong_doors_are_answered_kindly() {
    let desk = Desk::open(Ok("s3cret"));
    let (status, answer, _) = desk.ask(post("nobody", None, "{}")).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(
        answer,
        json!({"error": "there is no source `nobody`; this project has: signs, open, lax, both", "sources": ["signs", "open", "lax", "both"]})
    );
    let (status, answer, headers) = desk.ask(Ask::get("/v1/calls/signs").body(Body::empty()).expect("a request")).await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer["error"], "finished calls are sent here with POST, as JSON: POST /v1/calls/signs");
    assert_eq!(headers.get_all(header::ALLOW).iter().count(), 1);
}

#[tokio::test]
async fn large_bodies_have_a_limit() {
    let desk = Desk::open(Ok("s3cret"));
    let said = "x".repeat(7 << 20);
    let (status, ..) = desk.ask(post("signs", Some("s3cret"), json!({"kind": "x", "id": "big", "said": said}).to_string())).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    let huge = || "x".repeat((8 << 20) + 1);
    let (status, ..) = desk.ask(post("signs", Some("s3cret"), huge())).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    // Announced, it is refused before it is read; unannounced, as soon as it is too much.
    let announced = Ask::post("/v1/calls/signs").header(header::CONTENT_LENGTH, 9 << 20).body(Body::empty()).expect("a request");
    assert_eq!(desk.ask(announced).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    let chunks = stream::iter((0..1000).map(|_| Ok::<_, std::io::Error>(Bytes::from(vec![b' '; 1 << 20]))));
    assert_eq!(desk.ask(post("signs", Some("s3cret"), Body::from_stream(chunks))).await.0, StatusCode::PAYLOAD_TOO_LARGE);
}
