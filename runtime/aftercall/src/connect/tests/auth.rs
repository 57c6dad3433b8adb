//! Being let in: every grant, one refresh for all, and what a refusal means.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aftercall_config::decl::ErrorClass;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tokio::time::advance;

use super::super::{Connections, Failure, MemoryTokens, Reader, Secret, StoredToken, TokenError, TokenStore};
use super::tiny::{Does, Fake, NOWHERE, Seen, Server, let_in, ok, says, secrets};
use super::write::{create, outcome};

const CLIENT: &str = "kind = \"client_credentials\"\nneeds = [\"client_id\", \"client_secret\"]\ntoken_url = \"{{base_url}}/token\"";
const REFRESH: &str =
    "kind = \"refresh_token\"\nneeds = [\"client_id\", \"client_secret\", \"refresh_token\"]\ntoken_url = \"{{base_url}}/token\"";

/// A system that knows one good token at a time; `POST /token` gives the next.
#[derive(Default)]
struct Tokens {
    given: AtomicUsize,
    good: AtomicUsize,
}

impl Tokens {
    /// The system with these tokens; `more` goes into the token's answer.
    fn system(self: &Arc<Self>, more: Value) -> impl Fn(&Seen) -> Does + Send + Sync + 'static {
        let tokens = Arc::clone(self);
        move |seen| {
            if seen.path == "/token" {
                let number = tokens.given.fetch_add(1, Ordering::SeqCst) + 1;
                tokens.good.store(number, Ordering::SeqCst);
                let mut answer = json!({"access_token": format!("t{number}")});
                answer.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
                return ok(&answer);
            }
            let good = format!("Bearer t{}", tokens.good.load(Ordering::SeqCst));
            if seen.header("authorization") == good { ok(&json!({"rows": [{"id": "1"}]})) } else { says(401, &json!({})) }
        }
    }
    fn expire(&self) {
        self.good.store(0, Ordering::SeqCst);
    }
    fn given(&self) -> usize {
        self.given.load(Ordering::SeqCst)
    }
}

async fn user(reader: &Reader, connection: &Arc<aftercall_config::project::Connection>) -> Result<Option<String>, Failure> {
    reader.user(connection, "a@x.example").await
}

fn client() -> Arc<aftercall_config::project::Connection> {
    let_in(NOWHERE, CLIENT, &["client_id", "client_secret"])
}

fn refresh() -> Arc<aftercall_config::project::Connection> {
    let_in(NOWHERE, REFRESH, &["client_id", "client_secret", "refresh_token"])
}

#[tokio::test]
async fn fixed_credentials_become_a_header() {
    for (auth, names, header, expected) in [
        ("kind = \"token\"\nneeds = [\"token\"]", vec!["token"], "authorization", "Bearer pat-sandbox"),
        ("kind = \"token\"\nneeds = [\"token\"]\nheader = \"X-Api-Key\"\nprefix = \"\"", vec!["token"], "x-api-key", "pat-sandbox"),
        (
            "kind = \"basic\"\nneeds = [\"username\", \"password\"]",
            vec!["username", "password"],
            "authorization",
            "Basic YW5uOnBhc3Mgd29yZA==",
        ),
    ] {
        let fake = Fake::new(|_| ok(&json!({"rows": []})));
        let connection = let_in(NOWHERE, auth, &names);
        assert_eq!(user(&fake.connections().reader(), &connection).await, Ok(None));
        assert_eq!(fake.seen()[0].header(header), expected);
    }
}

#[tokio::test]
async fn fixed_credentials_that_are_refused_wait_for_a_person() {
    let fake = Fake::new(|_| says(401, &json!({})));
    let connection = let_in(NOWHERE, "kind = \"token\"\nneeds = [\"token\"]", &["token"]);
    let failure = user(&fake.connections().reader(), &connection).await.expect_err("refused");
    assert_eq!((failure.class, failure.certain, fake.log().len()), (ErrorClass::AuthRevoked, true, 1));
}

/// A connection that is not let in waits a minute, and asks twice whether it is.
async fn asked_again(connections: &Connections) {
    for _ in 0..2 {
        advance(Duration::from_secs(61)).await;
        connections.probe_due().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_file_that_was_replaced_is_read_again() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("token"), "old").expect("written");
    let fake =
        Fake::new(|seen| if seen.header("authorization") == "Bearer new" { ok(&json!({"rows": []})) } else { says(401, &json!({})) });
    let connections = Connections::new(Arc::new(fake.clone()), folder.path(), Arc::new(MemoryTokens::default()));
    let connection = let_in(NOWHERE, "kind = \"token\"\nneeds = [\"token\"]", &["token"]);
    assert!(user(&connections.reader(), &connection).await.is_err());
    std::fs::write(folder.path().join("token"), "new\n").expect("written");
    let waits = user(&connections.reader(), &connection).await.expect_err("nobody knows yet");
    assert!(waits.away && waits.message.contains("goes on when that is mended"), "{}", waits.message);
    asked_again(&connections).await;
    assert_eq!(user(&connections.reader(), &connection).await, Ok(None));
}

#[tokio::test]
async fn a_missing_secret_names_its_reference() {
    let fake = Fake::new(|_| ok(&json!({"rows": []})));
    let connections = Connections::new(Arc::new(fake.clone()), "/nowhere", Arc::new(MemoryTokens::default()));
    let failure = user(&connections.reader(), &client()).await.expect_err("no secret");
    assert_eq!((failure.class, fake.log().len()), (ErrorClass::AuthRevoked, 0));
    assert!(
        failure.message.contains("`client_id` of connection `it`") && failure.message.contains("file:client_id"),
        "{}",
        failure.message
    );
}

#[tokio::test]
async fn twenty_at_once_share_one_token_and_one_refresh() {
    let tokens = Arc::new(Tokens::default());
    let server = Server::start(tokens.system(json!({}))).await;
    let connections = server.connections();
    let connection = let_in(&server.origin, CLIENT, &["client_id", "client_secret"]);
    for round in 1..=3 {
        let all = (0..20).map(|_| {
            let (reader, connection) = (connections.reader(), Arc::clone(&connection));
            tokio::spawn(async move { user(&reader, &connection).await })
        });
        for one in all.collect::<Vec<_>>() {
            assert_eq!(one.await.expect("a task"), Ok(Some("1".to_owned())));
        }
        assert_eq!(tokens.given(), round);
        tokens.expire();
    }
    assert_eq!(connections.token_requests(), 3);
    let form = server.seen().iter().find(|s| s.path == "/token").map(|s| s.text.clone());
    assert_eq!(form.as_deref(), Some("grant_type=client_credentials&client_id=sandbox-client&client_secret=sandbox-secret"));
}

#[tokio::test]
async fn a_write_whose_token_expired_goes_once_more() {
    let tokens = Arc::new(Tokens::default());
    let inner = tokens.system(json!({}));
    let fake = Fake::new(move |seen| match inner(seen) {
        Does::Answers(200, ..) if seen.method == "POST" && seen.path == "/Deals" => says(201, &json!({"id": "9"})),
        other => other,
    });
    let (connections, connection) = (fake.connections(), client());
    let send = async || outcome(&connections.writer().send(&connection, vec![create("w", "deal", "m", &[])]).await);
    assert_eq!(send().await, ["w = 9"]);
    tokens.expire();
    assert_eq!(send().await, ["w = 9"]);
    assert_eq!(fake.log(), ["POST /token", "POST /Deals", "POST /Deals", "POST /token", "POST /Deals"]);
}

#[tokio::test]
async fn a_fresh_token_that_is_refused_is_refused_once() {
    let fake = Fake::new(|seen| if seen.path == "/token" { ok(&json!({"access_token": "t"})) } else { says(401, &json!({})) });
    let failure = user(&fake.connections().reader(), &client()).await.expect_err("refused");
    assert_eq!((failure.class, failure.certain, fake.log().len()), (ErrorClass::AuthExpired, true, 4));
}

#[tokio::test]
async fn what_the_token_endpoint_refuses() {
    for (does, class) in [
        (says(400, &json!({"error": "invalid_grant", "error_description": "gone"})), ErrorClass::AuthRevoked),
        (says(401, &json!({"error": "invalid_client"})), ErrorClass::AuthRevoked),
        (says(404, &Value::Null), ErrorClass::AuthRevoked),
        (says(429, &json!({})), ErrorClass::RateLimited),
        (says(503, &json!({})), ErrorClass::Transient),
        (says(200, &json!({"welcome": true})), ErrorClass::Transient),
        (Does::Drops, ErrorClass::Transient),
        (Does::Absent, ErrorClass::Unreachable),
    ] {
        let fake = Fake::new(move |_| does.clone());
        let sent = fake.connections().writer().send(&client(), vec![create("w", "deal", "m", &[])]).await;
        let failure = sent[0].result.clone().expect_err("refused");
        assert_eq!((failure.class, failure.certain, sent[0].request_digest.as_str()), (class, true, ""));
        assert!(!failure.message.contains("sandbox-secret"));
    }
}

#[tokio::test]
async fn who_waits_shares_a_failed_refresh() {
    let fake = Fake::new(|_| says(503, &json!({})));
    let (connections, connection) = (fake.connections(), client());
    let all = (0..20).map(|_| {
        let (writer, connection) = (connections.writer(), Arc::clone(&connection));
        tokio::spawn(async move { writer.send(&connection, vec![create("w", "deal", "m", &[])]).await })
    });
    for one in all.collect::<Vec<_>>() {
        assert_eq!(outcome(&one.await.expect("a task")), ["w: transient"]);
    }
    assert_eq!(fake.log(), ["POST /token"]);
    // The next one asks anew.
    assert!(user(&connections.reader(), &connection).await.is_err());
    assert!(fake.log().len() > 1);
}

#[tokio::test(start_paused = true)]
async fn a_token_is_replaced_a_minute_before_its_end() {
    let tokens = Arc::new(Tokens::default());
    let fake = Fake::new(tokens.system(json!({"expires_in": "600"})));
    let (reader, connection) = (fake.connections().reader(), client());
    user(&reader, &connection).await.expect("let in");
    advance(Duration::from_secs(530)).await;
    user(&reader, &connection).await.expect("let in");
    assert_eq!(tokens.given(), 1);
    advance(Duration::from_secs(20)).await;
    user(&reader, &connection).await.expect("let in");
    assert_eq!(tokens.given(), 2);
    assert!(fake.seen().iter().all(|s| s.path == "/token" || !s.header("authorization").is_empty()));
}

#[tokio::test(start_paused = true)]
async fn a_token_that_still_lives_outlasts_trouble_with_the_next() {
    let down = Arc::new(AtomicUsize::new(0));
    let (tokens, sick) = (Arc::new(Tokens::default()), Arc::clone(&down));
    let inner = tokens.system(json!({"expires_in": 600}));
    let fake =
        Fake::new(move |seen| if seen.path == "/token" && sick.load(Ordering::SeqCst) == 1 { says(503, &json!({})) } else { inner(seen) });
    let (reader, connection) = (fake.connections().reader(), client());
    user(&reader, &connection).await.expect("let in");
    down.store(1, Ordering::SeqCst);
    advance(Duration::from_secs(570)).await;
    user(&reader, &connection).await.expect("the old one lives");
    let asked = fake.log().iter().filter(|l| *l == "POST /token").count();
    user(&reader, &connection).await.expect("the old one lives");
    assert_eq!(fake.log().iter().filter(|l| *l == "POST /token").count(), asked);
    advance(Duration::from_secs(40)).await;
    assert_eq!(user(&reader, &connection).await.expect_err("over").class, ErrorClass::Transient);
}

#[tokio::test]
async fn the_system_names_its_host() {
    let with = |named: &'static str| {
        let auth = format!("{CLIENT}\nbase_url_from = \"/host\"");
        let connection = let_in(&format!("{NOWHERE}/api"), &auth, &["client_id", "client_secret"]);
        let fake = Fake::new(move |seen| {
            if seen.path.ends_with("/token") {
                ok(&json!({"access_token": "t", "host": named}))
            } else {
                ok(&json!({"rows": [{"id": "1"}]}))
            }
        });
        (fake, connection)
    };
    let (fake, connection) = with("http://127.0.0.1:99/v2/");
    user(&fake.connections().reader(), &connection).await.expect("let in");
    assert_eq!(fake.log(), ["POST /api/token", "GET /v2/users/a%40x.example"]);
    let (fake, connection) = with("http://127.0.0.1:99");
    user(&fake.connections().reader(), &connection).await.expect("let in");
    assert_eq!(fake.log(), ["POST /api/token", "GET /api/users/a%40x.example"]);
    for bad in ["", "file:///etc", "nonsense"] {
        let (fake, connection) = with(bad);
        let sent = fake.connections().writer().send(&connection, vec![create("w", "deal", "m", &[])]).await;
        assert_eq!((outcome(&sent), fake.log().len()), (vec!["w: transient".to_owned()], 1));
    }
}

/// A store whose saving can fail, and which remembers the order of things.
#[derive(Default)]
struct Store {
    kept: Mutex<Option<StoredToken>>,
    failing: AtomicUsize,
}

impl TokenStore for Store {
    fn load<'a>(&'a self, _: &'a str, _: &'a str) -> BoxFuture<'a, Result<Option<StoredToken>, TokenError>> {
        let kept = self.kept.lock().expect("lock").clone();
        Box::pin(std::future::ready(Ok(kept)))
    }
    fn save<'a>(&'a self, _: &'a str, token: StoredToken) -> BoxFuture<'a, Result<(), TokenError>> {
        if self.failing.load(Ordering::SeqCst) == 1 {
            return Box::pin(std::future::ready(Err(TokenError::Trouble("the disk is full".to_owned()))));
        }
        *self.kept.lock().expect("lock") = Some(token);
        Box::pin(std::future::ready(Ok(())))
    }
}

/// A system that replaces the refresh token at each use and kills the one before; `r0` stands for the configured one.
fn rotating() -> (Fake, Arc<AtomicUsize>) {
    let number = Arc::new(AtomicUsize::new(0));
    let shared = Arc::clone(&number);
    let fake = Fake::new(move |seen| {
        if seen.path != "/token" {
            let good = format!("Bearer t{}", shared.load(Ordering::SeqCst));
            return if seen.header("authorization") == good { ok(&json!({"rows": []})) } else { says(401, &json!({})) };
        }
        let current = shared.load(Ordering::SeqCst);
        let token = if current == 0 { "sandbox-refresh".to_owned() } else { format!("r{current}") };
        if !seen.text.contains(&format!("refresh_token={token}&")) {
            return says(400, &json!({"error": "invalid_grant"}));
        }
        let next = shared.fetch_add(1, Ordering::SeqCst) + 1;
        ok(&json!({"access_token": format!("t{next}"), "refresh_token": format!("r{next}")}))
    });
    (fake, number)
}

#[tokio::test]
async fn replaced_refresh_tokens_are_kept_and_taken_up_again() {
    let (fake, number) = rotating();
    let store = Arc::new(Store::default());
    let process = || Connections::new(Arc::new(fake.clone()), secrets(), Arc::clone(&store) as Arc<dyn TokenStore>).reader();
    let connection = refresh();
    user(&process(), &connection).await.expect("let in");
    // Another process, and another after it, go on where the first one stopped.
    user(&process(), &connection).await.expect("let in");
    user(&process(), &connection).await.expect("let in");
    assert_eq!(number.load(Ordering::SeqCst), 3);
    let kept = store.kept.lock().expect("lock").clone().expect("kept");
    assert_eq!((kept.refresh_token.reveal(), format!("{kept:?}").contains("r3")), ("r3", false));
    // The operator logs in anew: what descends from the old token is void.
    *store.kept.lock().expect("lock") = Some(StoredToken { from: "another".to_owned(), refresh_token: Secret::new("r9") });
    number.store(0, Ordering::SeqCst);
    user(&process(), &connection).await.expect("let in");
}

#[tokio::test]
async fn nothing_goes_out_before_the_new_token_is_safe() {
    let (fake, number) = rotating();
    let store = Arc::new(Store::default());
    store.failing.store(1, Ordering::SeqCst);
    let connections = Connections::new(Arc::new(fake.clone()), secrets(), Arc::clone(&store) as Arc<dyn TokenStore>);
    let connection = refresh();
    let failure = user(&connections.reader(), &connection).await.expect_err("not safe");
    assert_eq!((failure.class, fake.log().iter().all(|l| l == "POST /token")), (ErrorClass::Transient, true));
    store.failing.store(0, Ordering::SeqCst);
    user(&connections.reader(), &connection).await.expect("let in");
    // The token that could not be kept at first was not lost.
    assert_eq!(number.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_token_that_another_worker_used_up_is_looked_for_in_the_store() {
    let (fake, number) = rotating();
    let store = Arc::new(Store::default());
    let one = Connections::new(Arc::new(fake.clone()), secrets(), Arc::clone(&store) as Arc<dyn TokenStore>).reader();
    let connection = refresh();
    user(&one, &connection).await.expect("let in");
    // The other worker refreshes between our look into the store and our request: simulated by a store that is behind once.
    let behind = Arc::new(Behind { store: Arc::clone(&store), looks: AtomicUsize::new(0) });
    let two = Connections::new(Arc::new(fake.clone()), secrets(), behind).reader();
    user(&two, &connection).await.expect("let in");
    assert_eq!(number.load(Ordering::SeqCst), 2);
}

struct Behind {
    store: Arc<Store>,
    looks: AtomicUsize,
}

impl TokenStore for Behind {
    fn load<'a>(&'a self, connection: &'a str, from: &'a str) -> BoxFuture<'a, Result<Option<StoredToken>, TokenError>> {
        if self.looks.fetch_add(1, Ordering::SeqCst) == 0 {
            return Box::pin(std::future::ready(Ok(None)));
        }
        self.store.load(connection, from)
    }
    fn save<'a>(&'a self, connection: &'a str, token: StoredToken) -> BoxFuture<'a, Result<(), TokenError>> {
        self.store.save(connection, token)
    }
}

#[tokio::test]
async fn a_refresh_outlives_its_caller() {
    let (inner, number) = rotating();
    let store = Arc::new(Store::default());
    let connections = Connections::new(Arc::new(inner), secrets(), Arc::clone(&store) as Arc<dyn TokenStore>);
    let connection = refresh();
    let reader = connections.reader();
    let call = tokio::spawn(async move { user(&reader, &connection).await });
    // Dropped at the first moment at which it waits: the refresh has begun.
    tokio::task::yield_now().await;
    call.abort();
    assert!(call.await.is_err_and(|e| e.is_cancelled()));
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    assert_eq!(number.load(Ordering::SeqCst), 1);
    assert_eq!(store.kept.lock().expect("lock").as_ref().map(|t| t.refresh_token.reveal().to_owned()).as_deref(), Some("r1"));
}

#[tokio::test]
async fn a_reload_keeps_the_token_while_the_account_is_the_same() {
    let tokens = Arc::new(Tokens::default());
    let fake = Fake::new(tokens.system(json!({})));
    let reader = fake.connections().reader();
    user(&reader, &client()).await.expect("let in");
    // The same account out of a newer config.
    user(&reader, &client()).await.expect("let in");
    assert_eq!(tokens.given(), 1);
    user(&reader, &let_in(&format!("{NOWHERE}/"), CLIENT, &["client_id", "client_secret"])).await.expect("let in");
    assert_eq!(tokens.given(), 1);
}
