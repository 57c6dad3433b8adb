//! Systems that are left alone, over whole connections: who asks them whether they are back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aftercall_config::project::Connection;
use serde_json::json;
use tokio::time::{advance, timeout};

use super::super::Connections;
use super::tiny::{Does, Fake, NOWHERE, ok, says, tiny};

const PROBE: &str = "breaker.open_for = \"15s\"\nbreaker.successes = 1\nprobe = { method = \"GET\", path = \"/there\" }\n";

fn named(id: &str, base_url: &str) -> Arc<Connection> {
    let mut connection = Connection::clone(&tiny(base_url, ""));
    connection.id = id.to_owned();
    let own = super::tiny::connection(&format!("{PROBE}{}", super::tiny::MANIFEST), "tiny", &format!("base_url = \"{base_url}\""));
    Arc::new(Connection { connector: own.connector.clone(), breaker: own.breaker.clone(), ..connection })
}

async fn until_away(connections: &Connections, connection: &Arc<Connection>) {
    for _ in 0..5 {
        let _ = connections.reader().user(connection, "ana@acme.example").await;
    }
    assert!(connections.is_away(connection), "{}", connection.id);
}

/// One system does not even answer the question; the other is asked meanwhile, and is back.
#[tokio::test(start_paused = true)]
async fn one_that_is_slow_to_answer_holds_up_no_other() {
    let back = Arc::new(AtomicBool::new(false));
    let fake = {
        let back = back.clone();
        Fake::new(move |seen| match seen.path.as_str() {
            "/slow/there" => Does::Sleeps(Duration::from_secs(900)),
            "/quick/there" if back.load(Ordering::Relaxed) => ok(&json!({})),
            _ => says(500, &json!({})),
        })
    };
    let connections = fake.connections();
    // By name the slow one comes first.
    let (slow, quick) = (named("a-slow", &format!("{NOWHERE}/slow")), named("b-quick", &format!("{NOWHERE}/quick")));
    until_away(&connections, &slow).await;
    until_away(&connections, &quick).await;
    back.store(true, Ordering::Relaxed);
    advance(Duration::from_secs(16)).await;
    let asking = timeout(Duration::from_millis(100), connections.probe_due());
    assert!(asking.await.is_err(), "the slow one has not answered yet");
    assert_eq!((connections.is_away(&slow), connections.is_away(&quick)), (true, false));
}
