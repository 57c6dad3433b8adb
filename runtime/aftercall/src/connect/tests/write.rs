//! Writes one by one: bodies, links, order, identities, duplicates.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aftercall_config::project::Connection;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::super::{LinkTarget, Outgoing, OutgoingOp, Sent};
use super::tiny::{Does, Fake, NOWHERE, landed, ok, says, tiny};

pub(super) fn create(write_id: &str, object: &str, marker: &str, fields: &[(&str, Value)]) -> Outgoing {
    Outgoing {
        again: false,
        write_id: write_id.to_owned(),
        object: object.to_owned(),
        op: OutgoingOp::Create { marker: marker.to_owned() },
        fields: fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
        links: Vec::new(),
        leaves: Vec::new(),
    }
}

pub(super) fn update(write_id: &str, object: &str, id: &str, fields: &[(&str, Value)]) -> Outgoing {
    Outgoing { op: OutgoingOp::Update { id: id.to_owned() }, ..create(write_id, object, "", fields) }
}

pub(super) fn linked(mut out: Outgoing, link: &str, to: LinkTarget) -> Outgoing {
    out.links.push((link.to_owned(), to));
    out
}

pub(super) fn of(write_id: &str) -> LinkTarget {
    LinkTarget::Ref(write_id.to_owned())
}

async fn send(fake: &Fake, connection: &Arc<Connection>, batch: Vec<Outgoing>) -> Vec<Sent> {
    fake.connections().writer().send(connection, batch).await
}

/// `write_id: class` or `write_id = id`, of each.
pub(super) fn outcome(sent: &[Sent]) -> Vec<String> {
    let one = |sent: &Sent| match &sent.result {
        Ok(landed) => format!("{} = {}{}", sent.write_id, landed.id, if landed.created { "" } else { " (was there)" }),
        Err(f) => {
            let (certain, innocent) = (if f.certain { "" } else { "?" }, if f.innocent { " (innocent)" } else { "" });
            format!("{}: {}{certain}{innocent}", sent.write_id, f.class.as_str())
        }
    };
    sent.iter().map(one).collect()
}

#[tokio::test]
async fn bodies_and_paths() {
    let fake = Fake::new(|seen| if seen.method == "PUT" { says(200, &json!({"id": "c1"})) } else { landed("9") });
    let connection = tiny(NOWHERE, "");
    let batch = vec![
        create("contact", "contact", "ac/1 ü", &[("name", json!("Ann")), ("home.city", json!("X")), ("none", Value::Null)]),
        linked(create("deal", "deal", "m2", &[("home.city", json!("Y"))]), "contact", LinkTarget::Id("c0".to_owned())),
        linked(create("ticket", "ticket", "m3", &[]), "contact", LinkTarget::Id("c0".to_owned())),
        update("more", "ticket", "a/b?c", &[("n", json!(5))]),
    ];
    let sent = send(&fake, &connection, batch).await;
    assert_eq!(outcome(&sent), ["contact = c1 (was there)", "deal = 9", "ticket = 9", "more = a/b?c (was there)"]);
    let mut seen: Vec<(String, Value)> = fake.seen().into_iter().map(|s| (format!("{} {}", s.method, s.path), s.body)).collect();
    seen.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(
        seen,
        [
            ("PATCH /Tickets/a%2Fb%3Fc".to_owned(), json!({"data": {"n": 5}})),
            ("POST /Deals".to_owned(), json!({"data": {"home": {"city": "Y"}, "of": {"contact": "c0"}, "key": "m2"}})),
            ("POST /Tickets".to_owned(), json!({"data": {"key": "m3"}, "links": [{"to": "c0", "kind": "Tickets"}]})),
            // The key of an upsert stands in the path alone.
            ("PUT /Contacts/by/key/ac%2F1%20%C3%BC".to_owned(), json!({"name": "Ann", "home": {"city": "X"}, "none": null})),
        ]
    );
    let headers = &fake.seen()[0];
    assert_eq!((headers.header("x-shared"), headers.header("content-type")), ("yes", "application/json"));
    let landed = sent[0].result.as_ref().expect("landed");
    assert_eq!(landed.url.as_deref(), Some("http://127.0.0.1:9/page/c1"));
    assert!(sent.iter().all(|s| s.request_digest.len() == 32));
    let again = send(&fake, &connection, vec![update("more", "ticket", "a/b?c", &[("n", json!(5))])]).await;
    assert_eq!(again[0].request_digest, sent[3].request_digest);
}

#[tokio::test]
async fn a_page_is_a_web_page() {
    let fake = Fake::new(|seen| {
        let page = if seen.body.pointer("/data/n") == Some(&json!(1)) { "https://x.example/1" } else { "javascript:alert(1)" };
        says(201, &json!({"id": "1", "page": page}))
    });
    let connection = tiny(NOWHERE, "");
    let sent = send(&fake, &connection, vec![create("a", "deal", "m", &[("n", json!(1))]), create("b", "deal", "n", &[])]).await;
    let urls: Vec<_> = sent.iter().map(|s| s.result.as_ref().expect("landed").url.clone()).collect();
    assert_eq!(urls, [Some("https://x.example/1".to_owned()), None]);
}

#[tokio::test]
async fn who_refers_goes_later_and_gets_the_id() {
    let fake = Fake::new(|seen| if seen.method == "PUT" { says(201, &json!({"id": "c7"})) } else { landed("9") });
    let connection = tiny(NOWHERE, "");
    let batch = vec![linked(create("ticket", "ticket", "m", &[]), "contact", of("contact")), create("contact", "contact", "k", &[])];
    let sent = send(&fake, &connection, batch).await;
    assert_eq!(outcome(&sent), ["ticket = 9", "contact = c7"]);
    assert_eq!(fake.log(), ["PUT /Contacts/by/key/k", "POST /Tickets"]);
    assert_eq!(fake.seen()[1].body.pointer("/links/0/to"), Some(&json!("c7")));
}

#[tokio::test]
async fn a_failed_write_holds_up_only_what_refers_to_it() {
    let fake = Fake::new(|seen| if seen.method == "PUT" { says(400, &json!({"fields": ["name"]})) } else { landed("9") });
    let connection = tiny(NOWHERE, "");
    let batch = vec![
        create("contact", "contact", "k", &[]),
        linked(create("ticket", "ticket", "m", &[]), "contact", of("contact")),
        create("deal", "deal", "d", &[]),
        linked(create("lonely", "ticket", "l", &[]), "contact", of("nobody")),
        linked(create("strange", "ticket", "s", &[]), "boss", LinkTarget::Id("1".to_owned())),
        create("what", "thing", "t", &[]),
        create("deal", "deal", "d", &[]),
        create("blank", "deal", "", &[]),
    ];
    let sent = send(&fake, &connection, batch).await;
    let expected = [
        "contact: invalid",
        "ticket: busy (innocent)",
        "deal = 9",
        "lonely: invalid",
        "strange: invalid",
        "what: invalid",
        "deal: invalid",
        "blank: invalid",
    ];
    assert_eq!(outcome(&sent), expected);
    assert_eq!(sent[0].result.as_ref().expect_err("refused").fields, ["name"]);
    assert_eq!(fake.log().len(), 2);
}

#[tokio::test]
async fn circles_are_refused_and_changes_of_one_record_keep_their_order() {
    let fake = Fake::new(|_| landed("9"));
    let connection = tiny(NOWHERE, "");
    let batch = vec![
        linked(create("a", "deal", "a", &[]), "contact", of("b")),
        linked(create("b", "deal", "b", &[]), "contact", of("a")),
        update("first", "deal", "5", &[("n", json!(1))]),
        update("second", "deal", "5", &[("n", json!(2))]),
    ];
    let sent = send(&fake, &connection, batch).await;
    assert_eq!(outcome(&sent), ["a: invalid", "b: invalid", "first = 5 (was there)", "second = 5 (was there)"]);
    let order: Vec<Value> = fake.seen().iter().map(|s| s.body["data"]["n"].clone()).collect();
    assert_eq!(order, [json!(1), json!(2)]);
}

#[tokio::test(start_paused = true)]
async fn what_is_independent_goes_at_once() {
    let fake = Fake::new(|_| Does::Sleeps(Duration::from_millis(900)));
    let connection = tiny(NOWHERE, "");
    let begun = Instant::now();
    let batch = (0..20).map(|i| create(&format!("w{i}"), "ticket", &format!("m{i}"), &[])).collect();
    let sent = send(&fake, &connection, batch).await;
    assert!(outcome(&sent).iter().all(|o| o.ends_with(": timeout?")), "{sent:?}");
    assert_eq!(begun.elapsed(), Duration::from_millis(900));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_that_cannot_be_awaited() {
    let fake = Fake::new(|_| landed("9"));
    let connection = tiny(NOWHERE, "");
    let writer = fake.connections().writer();
    // The system has a second to answer.
    let soon = writer.clone().until(Instant::now() + Duration::from_millis(900));
    let sent = soon.send(&connection, vec![create("w", "ticket", "m", &[])]).await;
    assert_eq!(outcome(&sent), ["w: busy"]);
    assert_eq!((fake.log().len(), sent[0].request_digest.len()), (0, 32));
    let later = writer.until(Instant::now() + Duration::from_millis(1100));
    assert_eq!(outcome(&later.send(&connection, vec![create("w", "ticket", "m", &[])]).await), ["w = 9"]);
}

#[tokio::test]
async fn an_id_of_ours_that_is_taken() {
    let fake = Fake::new(|seen| match (seen.method.as_str(), seen.path.as_str()) {
        ("POST", "/Slots") => says(409, &json!({"code": "TAKEN"})),
        ("GET", "/Slots/mine?want=id") => ok(&json!({"id": "mine", "private": {"ours": "mine"}})),
        ("GET", "/Slots/theirs?want=id") => ok(&json!({"id": "theirs", "private": {"ours": "x"}})),
        ("GET", "/Slots/gone?want=id") => ok(&json!({"id": "gone", "status": "cancelled", "private": {"ours": "gone"}})),
        ("GET", "/Slots/ill?want=id") => says(403, &json!({"code": "NO"})),
        _ => says(404, &json!({})),
    });
    let connection = tiny(NOWHERE, "");
    let batch = ["mine", "theirs", "gone", "absent", "ill"].map(|m| create(m, "slot", m, &[])).to_vec();
    let sent = send(&fake, &connection, batch).await;
    let expected = ["mine = mine (was there)", "theirs: duplicate", "gone: duplicate", "absent: duplicate", "ill: invalid"];
    assert_eq!(outcome(&sent), expected);
    let seen = fake.seen();
    let mine = seen.iter().find(|s| s.body["data"]["id"] == "mine").expect("sent");
    assert_eq!(mine.body, json!({"data": {"id": "mine", "private": {"ours": "mine"}}}));
    assert!(sent[2].result.as_ref().expect_err("withdrawn").message.contains("withdrawn"));
}

#[tokio::test]
async fn a_key_of_ours_that_is_taken() {
    let fake = Fake::new(|seen| match (seen.method.as_str(), seen.path.as_str()) {
        ("GET", "/Deals/7?want=key") => ok(&json!({"key": "ours", "page": "https://x.example/7"})),
        ("GET", _) => says(404, &json!({})),
        _ if seen.body.pointer("/data/key") == Some(&json!("unnamed")) => says(400, &json!({"code": "TAKEN"})),
        _ => says(400, &json!({"code": "TAKEN", "existing": 7})),
    });
    let connection = tiny(NOWHERE, "");
    let batch = ["ours", "theirs", "unnamed"].map(|m| create(m, "deal", m, &[])).to_vec();
    let sent = send(&fake, &connection, batch).await;
    assert_eq!(outcome(&sent), ["ours = 7 (was there)", "theirs: duplicate", "unnamed: duplicate"]);
    assert_eq!(sent[0].result.as_ref().expect("ours").url.as_deref(), Some("https://x.example/7"));
    let existing = |sent: &Sent| sent.result.as_ref().expect_err("refused").existing_id.clone();
    assert_eq!((existing(&sent[1]).as_deref(), existing(&sent[2])), (Some("7"), None));
}

#[tokio::test]
async fn a_success_without_an_id_confirms_nothing() {
    let fake = Fake::new(|_| says(201, &json!({"thanks": true})));
    let sent = send(&fake, &tiny(NOWHERE, ""), vec![create("w", "deal", "m", &[]), create("s", "slot", "m9", &[])]).await;
    // An id that we chose ourselves needs no naming.
    assert_eq!(outcome(&sent), ["w: timeout?", "s = m9"]);
}

#[tokio::test(start_paused = true)]
async fn too_fast_holds_everybody_and_is_not_sent_again_here() {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let fake = Fake::new(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        0 => Does::Answers(429, vec![("retry-after", "3".to_owned())], String::new()),
        _ => landed("9"),
    });
    let connections = fake.connections();
    let connection = tiny(NOWHERE, "");
    let begun = Instant::now();
    let first = connections.writer().send(&connection, vec![create("w", "deal", "m", &[])]).await;
    assert_eq!(outcome(&first), ["w: rate_limited"]);
    assert_eq!(first[0].result.as_ref().expect_err("429").retry_after, Some(Duration::from_secs(3)));
    assert_eq!((begun.elapsed(), calls.load(Ordering::SeqCst)), (Duration::ZERO, 1));
    let again = connections.writer().send(&connection, vec![create("w", "deal", "m", &[])]).await;
    assert_eq!((outcome(&again), begun.elapsed()), (vec!["w = 9".to_owned()], Duration::from_secs(3)));
}

#[tokio::test]
async fn a_path_is_never_shortened() {
    let fake = Fake::new(|_| landed("9"));
    let connection = tiny(NOWHERE, "");
    let batch = vec![update("up", "deal", "..", &[]), update("here", "deal", ".", &[]), update("none", "deal", "", &[])];
    let sent = send(&fake, &connection, batch).await;
    assert_eq!(outcome(&sent), ["up: invalid", "here: invalid", "none: invalid"]);
    assert_eq!(fake.log(), Vec::<String>::new());
}

#[test]
fn debug_shows_no_value() {
    let out = create("w", "deal", "m", &[("name", json!("Ann"))]);
    assert!(!format!("{out:?}").contains("Ann"));
}
