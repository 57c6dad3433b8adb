//! Many calls at once: what goes together, what each gets of it, and that nobody pays for another.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aftercall_config::project::Connection;
use aftercall_plan::context::Record;
use aftercall_plan::matching::{Employed, Named, Near, Query};
use aftercall_plan::normalise::{phone, phone_spellings};
use aftercall_sandbox::NAMES;
use futures_util::future::join_all;
use indexmap::IndexMap;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::super::{Connections, Found, Outgoing, Sent};
use super::standins::Standin;
use super::tiny::{Does, Fake, NOWHERE, Seen, ok, says, tiny};
use super::write::{create, linked, of, outcome, update};

/// Writes of many calls in one request, for the invented system.
const MANY: &str = r#"
[write.create_many]
max = 4
item = { "$with" = "fields", ref = "{{ref}}", links = "{{associations}}" }
results = "/done"
result_ref = "/ref"
errors = "/refused"
error_ref = "/ref"
error_kind = "/kind"
error_status = { GONE = 404 }
[write.create_many.request]
method = "POST"
path = "/{{object.name}}/many"
body = { items = "{{items}}" }
[write.update_many]
max = 100
item = { "$with" = "fields", at = "{{id}}" }
results = ""
result_ok = "/fine"
errors = "/why"
[write.update_many.request]
method = "PATCH"
path = "/{{object.name}}/many"
body = { items = "{{items}}" }
"#;

/// Answers creates one by one or together: each record by its key, in an order of its own.
fn makes(each: impl Fn(&Value) -> Option<(u16, Value)> + Send + Sync + 'static) -> impl Fn(&Seen) -> Does + Send + Sync + 'static {
    move |seen| {
        if !seen.path.ends_with("/many") {
            return match each(&seen.body["data"]) {
                Some((status, body)) => says(status, &body),
                None => Does::Drops,
            };
        }
        let (mut done, mut refused) = (Vec::new(), Vec::new());
        for item in seen.body["items"].as_array().expect("items") {
            let Some((status, mut body)) = each(item) else { continue };
            body["ref"] = item["ref"].clone();
            if status < 300 { &mut done } else { &mut refused }.push(body);
        }
        done.reverse();
        ok(&json!({"done": done, "refused": refused}))
    }
}

fn fine(record: &Value) -> Option<(u16, Value)> {
    Some((201, json!({"id": format!("id-{}", record["key"].as_str().unwrap_or("none"))})))
}

fn deal(n: usize) -> Outgoing {
    create("deal", "deal", &format!("k{n}"), &[("n", json!(n))])
}

/// Each of these batches as a call of one crowd.
async fn crowd(connections: &Connections, connection: &Arc<Connection>, batches: Vec<Vec<Outgoing>>) -> Vec<Vec<String>> {
    let crowd = connections.crowd();
    let members: Vec<_> = batches.iter().map(|_| crowd.enter()).collect();
    let calls = members.into_iter().zip(batches).map(|(member, batch)| {
        let writer = connections.writer();
        member.work(async move { writer.send(connection, batch).await })
    });
    join_all(calls).await.iter().map(|sent| outcome(sent)).collect()
}

fn landed(n: usize) -> Vec<String> {
    vec![format!("deal = id-k{n}")]
}

#[tokio::test(start_paused = true)]
async fn writes_of_many_calls_go_together() {
    let fake = Fake::new(makes(fine));
    let (connection, begun) = (tiny(NOWHERE, MANY), Instant::now());
    let sent = crowd(&fake.connections(), &connection, (0..6).map(|n| vec![deal(n)]).collect()).await;
    assert_eq!(sent, (0..6).map(landed).collect::<Vec<_>>());
    assert_eq!(fake.log(), ["POST /Deals/many", "POST /Deals/many"], "four, and two that are left when nobody else can come");
    assert_eq!(begun.elapsed(), Duration::ZERO);
    let items: Vec<Value> = fake.seen().iter().filter_map(|seen| seen.body["items"].get(3).cloned()).collect();
    assert_eq!(items, [json!({"n": 3, "key": "k3", "ref": "3"})]);
}

#[tokio::test(start_paused = true)]
async fn who_is_alone_does_not_wait() {
    let fake = Fake::new(makes(fine));
    let (connection, connections, begun) = (tiny(NOWHERE, MANY), fake.connections(), Instant::now());
    assert_eq!(outcome(&connections.writer().send(&connection, vec![deal(1)]).await), landed(1));
    assert_eq!(crowd(&connections, &connection, vec![vec![deal(2)]]).await, [landed(2)]);
    assert_eq!(fake.log(), ["POST /Deals", "POST /Deals"]);
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn what_refers_to_another_goes_after_it() {
    let fake = Fake::new(|seen: &Seen| match seen.method.as_str() {
        "PUT" => says(201, &json!({"id": seen.path.rsplit('/').next()})),
        _ => makes(fine)(seen),
    });
    let batch = |n: usize| vec![create("contact", "contact", &format!("c{n}"), &[]), linked(deal(n), "contact", of("contact"))];
    let sent = crowd(&fake.connections(), &tiny(NOWHERE, MANY), (0..3).map(batch).collect()).await;
    assert_eq!(sent[2], ["contact = c2", "deal = id-k2"]);
    // The contact has no way to be written with others.
    assert_eq!(fake.log()[3..], ["POST /Deals/many"]);
    let owners: Vec<Value> =
        fake.seen()[3].body["items"].as_array().expect("items").iter().map(|item| item["of"]["contact"].clone()).collect();
    assert_eq!(owners, ["c0", "c1", "c2"]);
}

#[tokio::test(start_paused = true)]
async fn each_has_its_own_answer() {
    let fake = Fake::new(makes(|record| match record["n"].as_u64() {
        Some(0) => Some((422, json!({"code": "BAD", "fields": ["n"]}))),
        Some(1) => Some((404, json!({"kind": "GONE"}))),
        Some(2) => None,
        _ => fine(record),
    }));
    let sent = crowd(&fake.connections(), &tiny(NOWHERE, MANY), (0..4).map(|n| vec![deal(n)]).collect()).await;
    assert_eq!(sent, [vec!["deal: invalid".to_owned()], vec!["deal: not_found".to_owned()], vec!["deal: timeout?".to_owned()], landed(3)]);
    assert_eq!(fake.log().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn by_their_order_only_where_none_is_missing() {
    let answers = |gives: Value| Fake::new(move |_: &Seen| ok(&gives));
    let batches = || vec![vec![update("a", "deal", "1", &[])], vec![update("b", "deal", "2", &[])]];
    let fake = answers(json!([{"fine": true}, {"fine": false, "why": [{"code": "LOCKED"}]}]));
    let sent = crowd(&fake.connections(), &tiny(NOWHERE, MANY), batches()).await;
    assert_eq!(sent.concat(), ["a = 1 (was there)", "b: busy"]);
    let fake = answers(json!([{"fine": true}]));
    let sent = crowd(&fake.connections(), &tiny(NOWHERE, MANY), batches()).await;
    assert_eq!(sent.concat(), ["a: timeout?", "b: timeout?"]);
}

#[tokio::test(start_paused = true)]
async fn a_refused_whole_is_taken_apart() {
    let bad = |body: &Value| body.to_string().contains("\"n\":2");
    let fake = Fake::new(move |seen: &Seen| if bad(&seen.body) { says(400, &json!({"code": "BAD"})) } else { makes(fine)(seen) });
    let sent = crowd(&fake.connections(), &tiny(NOWHERE, MANY), (0..4).map(|n| vec![deal(n)]).collect()).await;
    assert_eq!(sent, [landed(0), landed(1), vec!["deal: invalid".to_owned()], landed(3)]);
    assert_eq!(fake.log().len(), 5, "four; two and two; the one that is refused, and its neighbour");
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_lost_for_each() {
    let fake = Fake::new(|_: &Seen| Does::Drops);
    let sent = crowd(&fake.connections(), &tiny(NOWHERE, MANY), (0..3).map(|n| vec![deal(n)]).collect()).await;
    assert_eq!(sent.concat(), ["deal: timeout?"; 3]);
    assert_eq!(fake.log().len(), 1, "and nothing is sent again");
}

#[tokio::test(start_paused = true)]
async fn one_record_stands_in_a_request_once() {
    let fake = Fake::new(|seen: &Seen| ok(&json!(vec![json!({"fine": true}); seen.body["items"].as_array().map_or(0, Vec::len)])));
    let batch = |n: usize| vec![update("a", "deal", if n == 1 { "1" } else { "7" }, &[("n", json!(n))])];
    crowd(&fake.connections(), &tiny(NOWHERE, MANY), (0..4).map(batch).collect()).await;
    let items: Vec<usize> = fake.seen().iter().map(|seen| seen.body["items"].as_array().map_or(0, Vec::len)).collect();
    assert_eq!(items, [2, 0, 0], "the second and the third by themselves: {:?}", fake.log());
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_long_for_who_does_not_come() {
    let fake = Fake::new(makes(fine));
    let (connection, connections, begun) = (tiny(NOWHERE, MANY), fake.connections(), Instant::now());
    let slow = connections.crowd().enter().work(sleep(Duration::from_secs(30)));
    let sent = tokio::select! {
        sent = crowd(&connections, &connection, (0..2).map(|n| vec![deal(n)]).collect()) => sent,
        () = slow => panic!("it waited for the slow one"),
    };
    assert_eq!((sent, begun.elapsed()), (vec![landed(0), landed(1)], Duration::from_secs(2)));
    assert_eq!(fake.log(), ["POST /Deals/many"]);
}

#[tokio::test(start_paused = true)]
async fn who_writes_waits_for_who_still_reads() {
    let fake = Fake::new(|seen: &Seen| if seen.path.contains("users") { ok(&json!({"rows": [{"id": "u"}]})) } else { makes(fine)(seen) });
    let (connection, connections, begun) = (tiny(NOWHERE, MANY), fake.connections(), Instant::now());
    let crowd = connections.crowd();
    let members: Vec<_> = (0..4).map(|_| crowd.enter()).collect();
    let calls = members.into_iter().enumerate().map(|(n, member)| {
        let (reader, writer, connection) = (connections.reader(), connections.writer(), &connection);
        member.work(async move {
            if n > 1 {
                reader.user(connection, "ann@x.example").await.expect("known");
            }
            writer.send(connection, vec![deal(n)]).await
        })
    });
    join_all(calls).await;
    assert_eq!(fake.log(), ["GET /users/ann%40x.example", "POST /Deals/many"]);
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn who_goes_away_changes_nothing_for_the_others() {
    let fake = Fake::new(makes(fine));
    let (connection, connections) = (tiny(NOWHERE, MANY), fake.connections());
    let all = connections.crowd();
    let (gone, slow) = (all.enter(), all.enter());
    let (writer, to) = (connections.writer(), Arc::clone(&connection));
    let gone = tokio::spawn(gone.work(async move { writer.send(&to, vec![deal(9)]).await }));
    sleep(Duration::from_millis(1)).await;
    gone.abort();
    let _gone = gone.await;
    let calls = crowd(&connections, &connection, (0..2).map(|n| vec![deal(n)]).collect());
    let (sent, ()) = tokio::join!(calls, slow.work(sleep(Duration::from_millis(5))));
    assert_eq!(sent, [landed(0), landed(1)]);
    assert_eq!(fake.seen()[0].body["items"].as_array().map_or(0, Vec::len), 2, "and nobody sends for who is not there any more");
}

#[tokio::test(start_paused = true)]
async fn the_earliest_lease_counts_and_who_is_too_late_stays_behind() {
    let fake = Fake::new(makes(fine));
    let (connection, connections) = (tiny(NOWHERE, MANY), fake.connections());
    let crowd = connections.crowd();
    let members: Vec<_> = (0..3).map(|_| crowd.enter()).collect();
    let calls = members.into_iter().enumerate().map(|(n, member)| {
        // An answer may take a second here.
        let left = if n == 1 { Duration::from_millis(500) } else { Duration::from_secs(20) };
        let (writer, connection) = (connections.writer().until(Instant::now() + left), &connection);
        member.work(async move { writer.send(connection, vec![deal(n)]).await })
    });
    let sent: Vec<Vec<Sent>> = join_all(calls).await;
    let sent: Vec<String> = sent.iter().flat_map(|sent| outcome(sent)).collect();
    assert_eq!(sent, ["deal = id-k0", "deal: busy", "deal = id-k2"]);
    assert_eq!(fake.log(), ["POST /Deals/many"]);
}

#[tokio::test(start_paused = true)]
async fn a_colleague_is_looked_up_once_for_all() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let fake = Fake::new(move |_: &Seen| {
        count.fetch_add(1, Ordering::Relaxed);
        ok(&json!({"rows": [{"id": "u1"}]}))
    });
    let (connection, connections) = (tiny(NOWHERE, MANY), fake.connections());
    let crowd = connections.crowd();
    let members: Vec<_> = (0..5).map(|_| crowd.enter()).collect();
    let calls = members.into_iter().map(|member| {
        let (reader, connection) = (connections.reader(), &connection);
        member.work(async move { reader.user(connection, "ann@x.example").await })
    });
    assert!(join_all(calls).await.into_iter().all(|found| found == Ok(Some("u1".to_owned()))));
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn who_must_go_alone_is_not_sent_away() {
    let pace = "[limits]\nrate = [{ requests = 5, per_s = 1 }]\n";
    let fake = Fake::new(|_: &Seen| ok(&json!({"data": {}})));
    let connection = {
        let slow = tiny(NOWHERE, MANY);
        let mut slow = (*slow).clone();
        slow.limits =
            toml::from_str::<Value>(pace).ok().and_then(|all| serde_json::from_value(all["limits"].clone()).ok()).expect("limits");
        Arc::new(slow)
    };
    let (connections, begun) = (fake.connections(), Instant::now());
    let crowd = connections.crowd();
    let members: Vec<_> = (0..300).map(|_| crowd.enter()).collect();
    let calls = members.into_iter().enumerate().map(|(n, member)| {
        let (reader, connection) = (connections.reader(), &connection);
        member.work(async move { reader.read(connection, "deal", &n.to_string(), &[]).await })
    });
    let failed = join_all(calls).await.into_iter().filter(Result::is_err).count();
    assert_eq!(failed, 0, "each waits for its turn, although all of it takes {} s", begun.elapsed().as_secs());
    assert!(begun.elapsed() > Duration::from_secs(50));
}

const FIRST: [&str; 6] = ["Ann", "Bob", "Carol", "Anna", "Mary Ann", "\u{c1}d\u{e1}m"];
const LAST: [&str; 6] = ["Lee", "Leigh", "O'Brien", "van den Berg", "M\u{fc}ller", "Smith"];

/// A search as a caller of this number would ask, by something that others have too.
fn query(n: usize) -> Query {
    let text = |value: &str| vec![value.to_owned()];
    match n % 5 {
        0 | 1 => {
            let phone = phone(&format!("+1512555{:04}", 100 + n % 12), "US").expect("a number");
            let phones = phone_spellings(&phone);
            let digits = text(&phone.national);
            let emails = if n.is_multiple_of(2) { text(&format!("p{}@acme.example", n % 12)) } else { Vec::new() };
            Query { e164: text(&phone.e164), national: text(&phone.national), phones, digits, emails, ..Query::default() }
        }
        2 => {
            let host = n.is_multiple_of(2).then(|| "acme.example".to_owned());
            Query { near: Some(Near { emails: text(&format!("p{}@acme.example", n % 7)), host, initials: text("a") }), ..Query::default() }
        }
        3 => {
            let last = ["lee", "leigh", "o'brien", "smith", "van den berg"][n % 5..].iter().map(|name| (*name).to_owned()).collect();
            Query { name: Some(Named { last, initials: vec!["a".to_owned(), "m".to_owned()] }), ..Query::default() }
        }
        _ => Query { account: Some(Employed { words: text("hartwell"), last: text("lee"), initials: text("b") }), ..Query::default() },
    }
}

/// Law: what a caller finds among many is what he finds alone, whatever the others look for, in every system that searches for many.
#[tokio::test]
async fn found_together_as_found_alone() {
    for name in NAMES {
        let it = Standin::start(name, 0).await.expect("a way in");
        let Some(many) = it.connection.connector.decl.find.as_ref().and_then(|find| find.many.as_ref()) else { continue };
        let _without = it.sandbox.configure(&json!({"index_lag_ms": 0}));
        for n in 0..36_usize {
            let spellings = [
                format!("(512) 555-{:04}", 100 + n % 12),
                format!("+1512555{:04}", 100 + n % 12),
                format!("512.555.{:04} x7", 100 + n % 12),
            ];
            let mut fields: Vec<(String, Value)> = Vec::new();
            let mut put = |role: &str, value: String| {
                fields.extend(it.role("contact", role).filter(|f| !f.contains('.')).map(|field| (field, json!(value))))
            };
            put("phone", if n % 4 == 3 { String::new() } else { spellings[n % 3].clone() });
            put("first_name", FIRST[n % 6].to_owned());
            put("last_name", LAST[n / 6 % 6].to_owned());
            if n % 3 == 0 {
                put("email", format!("p{n}@acme.example"));
            }
            put("company", if n % 5 == 0 { "Hartwell Dental".to_owned() } else { "Other".to_owned() });
            fields.retain(|(_, value)| value != "");
            let fields: Vec<(&str, Value)> = fields.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
            it.send(create("contact", "contact", &format!("ac{n}"), &fields))
                .await
                .unwrap_or_else(|f| panic!("{name}: {f}: {}", f.message));
        }
        let fields = IndexMap::from([("contact".to_owned(), it.fields("contact"))]);
        let ids = |found: &Found| found.candidates.iter().map(|record| record.id.clone()).collect::<BTreeSet<_>>();
        let queries: Vec<Query> = (0..40).map(query).collect();
        let reader = it.connections.reader();
        let mut alone = Vec::new();
        for query in &queries {
            alone.push(reader.find(&it.connection, query, &fields).await.unwrap_or_else(|f| panic!("{name}: {f}: {}", f.message)));
        }
        assert!(alone.iter().filter(|found| !found.candidates.is_empty()).count() > 20, "{name}: there is something to find");
        let before = it.sandbox.requests().len();
        let crowd = it.connections.crowd();
        let members: Vec<_> = queries.iter().map(|_| crowd.enter()).collect();
        let calls = members.into_iter().zip(&queries).map(|(member, query)| member.work(reader.find(&it.connection, query, &fields)));
        for ((together, alone), query) in join_all(calls).await.into_iter().zip(&alone).zip(&queries) {
            let together = together.unwrap_or_else(|f| panic!("{name}: {f}: {}", f.message));
            let (found, own) = (ids(&together), ids(alone));
            assert!(found.is_superset(&own), "{name}: {query:?}: {found:?}, alone {own:?}");
            // What a system does not find for its accents we do not throw away when it came along.
            let plain = |record: &&Record| Value::Object(record.fields.clone()).to_string().is_ascii();
            let more: Vec<&Record> = together.candidates.iter().filter(|record| !own.contains(&record.id)).filter(plain).collect();
            assert!(more.is_empty(), "{name}: {query:?}: {more:?}");
            assert_eq!(together.incomplete, alone.incomplete);
            for (id, lists) in &alone.candidate_lists {
                assert_eq!(together.candidate_lists.get(id), Some(lists), "{name}");
            }
        }
        let took = it.sandbox.requests().len() - before;
        assert!(took <= queries.len() / 2, "{name}: {took} requests for {} callers, at most {} together", queries.len(), many.max_callers);
    }
}
