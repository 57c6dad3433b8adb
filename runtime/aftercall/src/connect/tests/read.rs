//! Reads: what is asked, what is understood, what is tried again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aftercall_config::decl::ErrorClass;
use aftercall_plan::context::Record;
use aftercall_plan::matching::Query;
use indexmap::IndexMap;
use serde_json::json;
use tokio::time::Instant;

use super::super::{Found, Probe};
use super::tiny::{Does, Fake, NOWHERE, ok, says, tiny};

fn caller() -> Query {
    let list = |items: &[&str]| items.iter().map(|i| (*i).to_owned()).collect();
    Query {
        phones: list(&["+1 5", "(1) 5"]),
        e164: list(&["+15"]),
        national: list(&["5"]),
        emails: list(&["a@x.example"]),
        ..Query::default()
    }
}

fn contact() -> Record {
    let fields = json!({"boss": {"id": "u&1"}}).as_object().cloned().unwrap_or_default();
    Record { id: "c1".to_owned(), object: "contact".to_owned(), fields }
}

#[tokio::test]
async fn a_search_and_what_comes_along() {
    let fake = Fake::new(|_| {
        let deals = json!([{"key": "d1", "stage": "x"}, {"key": "d1"}]);
        ok(&json!({"more": false, "rows": [
            {"key": 1, "data": {"name": "Ann"}, "deals": deals},
            {"key": "2", "data": {"name": "Bo"}, "deals": null},
            {"key": "2", "data": {"name": "Bo again"}},
        ]}))
    });
    let connection = tiny(NOWHERE, "");
    let wanted: IndexMap<String, Vec<String>> = [("contact".to_owned(), vec!["phone".to_owned(), "name".to_owned()])].into_iter().collect();
    let found = fake.connections().reader().find(&connection, &caller(), &wanted).await.expect("found");
    assert_eq!(fake.log(), ["POST /v1/search?phone=%2B1%205&phone=%281%29%205&first=a%40x.example"]);
    let body = json!({"any": [{"phone": ["+1 5", "(1) 5"]}, {"email": ["a@x.example"]}], "want": ["name", "phone"]});
    assert_eq!(fake.seen()[0].body, body);
    let names: Vec<_> = found.candidates.iter().map(|c| (c.id.as_str(), c.object.as_str(), c.fields["name"].clone())).collect();
    assert_eq!(names, [("1", "contact", json!("Ann")), ("2", "contact", json!("Bo"))]);
    assert_eq!(found.incomplete, None);
    let deals = &found.candidate_lists["1"]["open_deals"];
    assert_eq!((deals.len(), deals[0].object.as_str(), &deals[0].fields["stage"]), (1, "deal", &json!("x")));
    assert_eq!(found.candidate_lists["2"]["open_deals"], []);
}

#[tokio::test]
async fn only_what_is_there_is_asked() {
    let fake = Fake::new(|_| ok(&json!({"rows": []})));
    let connection = tiny(NOWHERE, "");
    let reader = fake.connections().reader();
    assert_eq!(fake.log(), Vec::<String>::new());
    let query = Query { emails: vec!["a@x.example".to_owned()], ..Query::default() };
    assert_eq!(reader.find(&connection, &query, &IndexMap::new()).await, Ok(Found::default()));
    assert_eq!(fake.log(), ["POST /v1/search?first=a%40x.example"]);
    assert_eq!(fake.seen()[0].body, json!({"any": [{"email": ["a@x.example"]}], "want": ["name"]}));
}

#[tokio::test]
async fn nobody_is_not_the_same_as_no_answer() {
    for (status, answer) in [(200, json!({"error": "maintenance"})), (200, json!({"rows": "none"})), (403, json!({}))] {
        let fake = Fake::new(move |_| says(status, &answer));
        let failure = fake.connections().reader().find(&tiny(NOWHERE, ""), &caller(), &IndexMap::new()).await.expect_err("no answer");
        assert_eq!((failure.class, failure.certain), (ErrorClass::Invalid, true));
    }
    for (more, incomplete) in [(json!(true), true), (json!("next-page"), true), (json!(null), false), (json!(""), false)] {
        let fake = Fake::new(move |_| ok(&json!({"rows": null, "more": more})));
        let found = fake.connections().reader().find(&tiny(NOWHERE, ""), &caller(), &IndexMap::new()).await.expect("found");
        assert_eq!((found.candidates.len(), found.incomplete.is_some()), (0, incomplete));
    }
    let fake = Fake::new(|_| ok(&json!({"rows": [{"data": {}}]})));
    let found = fake.connections().reader().find(&tiny(NOWHERE, ""), &caller(), &IndexMap::new()).await.expect("found");
    assert!(found.incomplete.is_some());
}

#[tokio::test]
async fn related_and_users_and_records() {
    let fake = Fake::new(|seen| match seen.path.as_str() {
        "/tickets?contact=c1&owner=u%261" => ok(&json!({"rows": [{"key": 5, "subject": "x"}]})),
        "/users/ann%40x.example" => ok(&json!({"rows": [{"id": 77}, {"id": 78}]})),
        "/users/nobody%40x.example" => ok(&json!({"rows": []})),
        "/Contacts/c1?want=name%2Cphone" => ok(&json!({"name": "Ann"})),
        _ => says(404, &json!({})),
    });
    let connection = tiny(NOWHERE, "");
    let reader = fake.connections().reader();
    let lists = reader.related(&connection, &contact(), &[], &IndexMap::new()).await.expect("lists");
    assert_eq!((lists["open_tickets"][0].id.as_str(), &lists["open_tickets"][0].fields["subject"]), ("5", &json!("x")));
    let none = reader.related(&connection, &contact(), &["other".to_owned()], &IndexMap::new()).await.expect("none");
    assert!(none.is_empty());
    assert_eq!(reader.user(&connection, "ann@x.example").await, Ok(Some("77".to_owned())));
    assert_eq!(reader.user(&connection, "nobody@x.example").await, Ok(None));
    assert_eq!(reader.user(&connection, "gone@x.example").await, Ok(None));
    let record = reader.read(&connection, "contact", "c1", &["phone".to_owned()]).await.expect("read").expect("there");
    assert_eq!((record.id.as_str(), &record.fields["name"]), ("c1", &json!("Ann")));
    assert_eq!(reader.read(&connection, "contact", "c2", &[]).await, Ok(None));
    assert_eq!(reader.read(&connection, "nothing", "c2", &[]).await.expect_err("no object").class, ErrorClass::Invalid);
    assert_eq!(reader.read(&connection, "contact", "", &[]).await.expect_err("no id").class, ErrorClass::Invalid);
}

#[tokio::test]
async fn looking_for_a_record_of_ours() {
    let fake = Fake::new(|seen| match seen.path.as_str() {
        "/Slots/ours?want=" | "/Slots/ours" => ok(&json!({"private": {"ours": "ours"}})),
        "/Slots/theirs" => ok(&json!({"private": {"ours": "x"}})),
        "/Slots/cancelled" => ok(&json!({"private": {"ours": "cancelled"}, "status": "cancelled"})),
        _ => says(404, &json!({})),
    });
    let connection = tiny(NOWHERE, "");
    let reader = fake.connections().reader();
    let probe = async |object: &str, marker: &str| reader.probe(&connection, object, marker).await.expect("a look");
    assert!(matches!(probe("slot", "ours").await, Probe::Found(record) if record.id == "ours"));
    assert_eq!(probe("slot", "theirs").await, Probe::Absent);
    assert_eq!(probe("slot", "cancelled").await, Probe::Absent);
    assert_eq!(probe("slot", "none").await, Probe::Absent);
    assert_eq!(probe("ticket", "m").await, Probe::CannotTell);
}

/// Answers so until the request with this number, from 0.
fn until(number: usize, before: impl Fn() -> Does + Send + Sync + 'static) -> (Fake, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let fake = Fake::new(move |_| if count.fetch_add(1, Ordering::SeqCst) < number { before() } else { ok(&json!({"rows": []})) });
    (fake, calls)
}

#[tokio::test(start_paused = true)]
async fn short_trouble_is_ridden_out() {
    let connection = tiny(NOWHERE, "");
    for trouble in [says(500, &json!({})), says(503, &json!({})), Does::Drops, says(429, &json!({})), says(400, &json!({"code": "LOCKED"}))]
    {
        let (fake, calls) = until(2, move || trouble.clone());
        assert_eq!(fake.connections().reader().user(&connection, "a@x.example").await, Ok(None));
        assert_eq!(calls.load(Ordering::SeqCst), 3);
    }
    let (fake, calls) = until(9, || says(500, &json!({})));
    let failure = fake.connections().reader().user(&connection, "a@x.example").await.expect_err("down");
    assert_eq!((failure.class, failure.certain, calls.load(Ordering::SeqCst)), (ErrorClass::Transient, true, 3));
    for (trouble, class) in [(says(400, &json!({})), ErrorClass::Invalid), (Does::Absent, ErrorClass::Unreachable)] {
        let (fake, calls) = until(9, move || trouble.clone());
        assert_eq!(fake.connections().reader().user(&connection, "a@x.example").await.expect_err("no").class, class);
        assert_eq!(calls.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_waits_as_asked_but_not_for_minutes() {
    let connection = tiny(NOWHERE, "");
    let asks = |seconds: &'static str| move || Does::Answers(429, vec![("retry-after", seconds.to_owned())], String::new());
    let (fake, _) = until(1, asks("5"));
    let begun = Instant::now();
    assert_eq!(fake.connections().reader().user(&connection, "a@x.example").await, Ok(None));
    assert_eq!(begun.elapsed(), Duration::from_secs(5));
    let (fake, calls) = until(1, asks("300"));
    let begun = Instant::now();
    let failure = fake.connections().reader().user(&connection, "a@x.example").await.expect_err("held");
    assert_eq!((failure.class, calls.load(Ordering::SeqCst)), (ErrorClass::RateLimited, 1));
    assert!(failure.retry_after.is_some_and(|wait| wait > Duration::from_secs(290)), "{failure:?}");
    assert!(begun.elapsed() < Duration::from_secs(2));
}
