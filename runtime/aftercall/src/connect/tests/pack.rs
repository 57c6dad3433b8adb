//! Many writes in one request.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::super::{LinkTarget, Outgoing, Sent, requests_needed};
use super::tiny::{Does, Fake, NOWHERE, PACK, Seen, landed, ok, says, tiny};
use super::write::{create, linked, of, outcome, update};

/// Answers each part by what `each` says about it; parts that refer to one that failed are halted.
fn packs(each: impl Fn(&Value) -> Option<(u16, Value)> + Send + Sync + 'static) -> impl Fn(&Seen) -> Does + Send + Sync + 'static {
    move |seen| {
        if seen.path != "/pack" {
            return match each(&json!({"verb": seen.method, "at": seen.path, "with": seen.body})) {
                Some((status, body)) => says(status, &body),
                None => Does::Drops,
            };
        }
        let mut failed: Vec<String> = Vec::new();
        let mut results = Vec::new();
        for part in seen.body["parts"].as_array().expect("parts") {
            let name = part["name"].as_str().expect("a name").to_owned();
            let text = part["with"].to_string();
            if failed.iter().any(|f| text.contains(&format!("<<{f}.id>>"))) {
                results.push(json!({"name": name, "status": 400, "body": {"code": "HALTED", "message": "another failed"}}));
                failed.push(name);
                continue;
            }
            if let Some((status, body)) = each(part) {
                if status >= 300 {
                    failed.push(name.clone());
                }
                results.push(json!({"name": name, "status": status, "body": body}));
            }
        }
        // The order of an answer is nobody's promise.
        results.reverse();
        ok(&json!({"results": results}))
    }
}

fn fine(part: &Value) -> Option<(u16, Value)> {
    Some((201, json!({"id": format!("id-{}", part["name"].as_str().unwrap_or("alone"))})))
}

async fn send(fake: &Fake, batch: Vec<Outgoing>) -> Vec<Sent> {
    fake.connections().writer().send(&tiny(NOWHERE, PACK), batch).await
}

fn one_call() -> Vec<Outgoing> {
    vec![
        create("contact", "contact", "k", &[("name", json!("Ann"))]),
        linked(create("deal-1", "deal", "m", &[]), "contact", of("contact")),
        linked(create("deal_1", "ticket", "t", &[]), "contact", of("contact")),
        update("stage", "deal", "77", &[("stage", json!("won"))]),
    ]
}

#[tokio::test]
async fn one_call_is_one_request_with_references() {
    let fake = Fake::new(packs(fine));
    let sent = send(&fake, one_call()).await;
    assert_eq!(outcome(&sent), ["contact = id-contact", "deal-1 = id-deal_1", "deal_1 = id-deal_1_2", "stage = 77 (was there)"]);
    assert_eq!(fake.log(), ["POST /pack"]);
    let parts = &fake.seen()[0].body["parts"];
    assert_eq!(parts[0], json!({"verb": "PUT", "at": "/Contacts/by/key/k", "name": "contact", "with": {"name": "Ann"}}));
    assert_eq!(parts[1]["with"]["data"], json!({"of": {"contact": "<<contact.id>>"}, "key": "m"}));
    assert_eq!(parts[2]["with"]["links"], json!([{"to": "<<contact.id>>", "kind": "Tickets"}]));
    assert_eq!(parts[3]["with"], json!({"data": {"stage": "won"}}));
    let digests: std::collections::BTreeSet<_> = sent.iter().map(|s| &s.request_digest).collect();
    assert_eq!((digests.len(), sent[0].request_digest.len()), (4, 32));
}

#[tokio::test]
async fn one_failing_part_fails_alone_with_what_refers_to_it() {
    let fake = Fake::new(packs(|part| match part["verb"].as_str() {
        Some("PUT") => Some((400, json!({"code": "BAD", "fields": ["name"]}))),
        _ => fine(part),
    }));
    let sent = send(&fake, one_call()).await;
    let expected = ["contact: invalid", "deal-1: busy (innocent)", "deal_1: busy (innocent)", "stage = 77 (was there)"];
    assert_eq!(outcome(&sent), expected);
    assert_eq!(sent[0].result.as_ref().expect_err("refused").fields, ["name"]);
    assert_eq!(fake.log().len(), 1);
}

#[tokio::test]
async fn every_part_has_its_own_meaning() {
    let fake = Fake::new(packs(|part| match part["with"]["data"]["n"].as_u64() {
        Some(1) => Some((400, json!({"code": "LOCKED"}))),
        Some(2) => Some((500, json!({}))),
        Some(3) => None,
        Some(4) => Some((404, json!({}))),
        Some(5) => Some((200, json!({}))),
        _ => fine(part),
    }));
    let batch = (0..6).map(|n| create(&format!("w{n}"), "ticket", &format!("m{n}"), &[("n", json!(n))])).collect();
    let sent = send(&fake, batch).await;
    let expected = ["w0 = id-w0", "w1: busy", "w2: transient?", "w3: timeout?", "w4: not_found", "w5: timeout?"];
    assert_eq!(outcome(&sent), expected);
}

#[tokio::test]
async fn more_than_fit_are_split_and_references_become_ids() {
    let fake = Fake::new(packs(fine));
    let mut batch = vec![create("contact", "contact", "k", &[])];
    for i in 0..29 {
        batch.push(linked(create(&format!("w{i}"), "deal", &format!("m{i}"), &[]), "contact", of("contact")));
    }
    assert_eq!(requests_needed(&tiny(NOWHERE, PACK), batch.len()), 2);
    let sent = send(&fake, batch).await;
    assert!(sent.iter().all(|s| s.result.is_ok()), "{:?}", outcome(&sent));
    let seen = fake.seen();
    let links = |at: usize| -> Vec<Value> {
        let parts = seen[at].body["parts"].as_array().expect("parts").clone();
        parts.iter().filter_map(|part| part.pointer("/with/data/of/contact").cloned()).collect()
    };
    assert_eq!((seen.len(), links(0).len(), links(1).len()), (2, 24, 5));
    assert!(links(0).iter().all(|l| l == "<<contact.id>>") && links(1).iter().all(|l| l == "id-contact"));
}

#[tokio::test]
async fn a_lost_pack_leaves_every_part_open() {
    let fake = Fake::new(|_| Does::Drops);
    let sent = send(&fake, one_call()).await;
    assert!(outcome(&sent).iter().all(|o| o.ends_with(": timeout?")), "{:?}", outcome(&sent));
    assert!(sent.iter().all(|s| s.request_digest.len() == 32));
    let fake = Fake::new(|_| says(503, &json!({})));
    let sent = send(&fake, one_call()).await;
    assert!(outcome(&sent).iter().all(|o| o.ends_with(": transient?")), "{:?}", outcome(&sent));
    let fake = Fake::new(|_| Does::Absent);
    let sent = send(&fake, one_call()).await;
    assert!(outcome(&sent).iter().all(|o| o.ends_with(": unreachable")), "{:?}", outcome(&sent));
}

#[tokio::test]
async fn what_needs_a_part_of_a_lost_pack_is_not_sent() {
    let fake = Fake::new(|_| Does::Drops);
    let mut batch = vec![create("contact", "contact", "k", &[])];
    for i in 0..25 {
        batch.push(linked(create(&format!("w{i}"), "deal", &format!("m{i}"), &[]), "contact", of("contact")));
    }
    let sent = send(&fake, batch).await;
    assert_eq!(outcome(&sent)[25], "w24: busy (innocent)");
    assert_eq!((fake.log().len(), sent[25].request_digest.as_str()), (1, ""));
}

#[tokio::test]
async fn a_pack_that_is_refused_whole_is_taken_apart() {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let inner = packs(|part| match part["with"]["data"]["n"].as_u64() {
        Some(1) => Some((400, json!({"code": "BAD"}))),
        _ => fine(part),
    });
    let fake = Fake::new(move |seen| {
        count.fetch_add(1, Ordering::SeqCst);
        if seen.path == "/pack" { says(400, &json!({"code": "UNREADABLE"})) } else { inner(seen) }
    });
    let batch = vec![
        create("contact", "contact", "k", &[]),
        linked(create("bad", "deal", "b", &[("n", json!(1))]), "contact", of("contact")),
        linked(create("good", "deal", "g", &[]), "contact", of("contact")),
    ];
    let sent = send(&fake, batch).await;
    assert_eq!(outcome(&sent), ["contact = id-alone", "bad: invalid", "good = id-alone"]);
    assert_eq!((fake.log()[0].as_str(), fake.log()[1].as_str(), calls.load(Ordering::SeqCst)), ("POST /pack", "PUT /Contacts/by/key/k", 4));
    assert_eq!(fake.seen()[2].body["data"]["of"]["contact"], json!("id-alone"));
}

#[tokio::test]
async fn a_single_write_needs_no_pack() {
    let fake = Fake::new(|_| landed("9"));
    let sent = send(&fake, vec![create("w", "deal", "m", &[])]).await;
    assert_eq!((outcome(&sent), fake.log()), (vec!["w = 9".to_owned()], vec!["POST /Deals".to_owned()]));
    // A link to nothing leaves one write of two.
    let batch = vec![create("w", "deal", "m", &[]), linked(create("x", "deal", "x", &[]), "contact", LinkTarget::Id(String::new()))];
    let sent = send(&fake, batch).await;
    assert_eq!(outcome(&sent), ["w = 9", "x: invalid"]);
}

#[tokio::test]
async fn what_reads_like_a_reference_goes_by_itself() {
    let fake = Fake::new(packs(fine));
    let batch = vec![
        create("contact", "contact", "k", &[("name", json!("<<contact.id>>"))]),
        linked(create("deal", "deal", "m", &[]), "contact", of("contact")),
    ];
    let sent = send(&fake, batch).await;
    assert_eq!(outcome(&sent), ["contact = id-alone", "deal = id-alone"]);
    assert!(fake.log().iter().all(|request| request != "POST /pack"), "{:?}", fake.log());
}

#[tokio::test]
async fn duplicates_inside_a_pack_are_looked_at() {
    let fake = Fake::new(packs(|part| match (part["verb"].as_str(), part["at"].as_str()) {
        (Some("GET"), Some("/Deals/7?want=key")) => Some((200, json!({"key": "ours"}))),
        (_, Some("/Deals")) => Some((400, json!({"code": "TAKEN", "existing": "7"}))),
        _ => fine(part),
    }));
    let batch = ["ours", "theirs", "third"].map(|m| create(m, if m == "third" { "ticket" } else { "deal" }, m, &[])).to_vec();
    let sent = send(&fake, batch).await;
    assert_eq!(outcome(&sent), ["ours = 7 (was there)", "theirs: duplicate", "third = id-third"]);
}
