//! What stands in the calendar, and giving a time back.

use aftercall_config::decl::ErrorClass;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::Check;
use super::tiny::{Does, Fake, NOWHERE, ok, says, tiny};

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

async fn look(rows: Value) -> Vec<String> {
    let fake = Fake::new(move |_| ok(&json!({"rows": rows})));
    let (start, end) = (at("2026-11-24T15:00:00Z"), at("2026-11-24T16:00:00Z"));
    let found = fake.connections().reader().look(&tiny(NOWHERE, ""), "slot", start, end).await.expect("a look");
    assert_eq!(fake.log(), ["GET /slots?from=2026-11-24T15%3A00%3A00Z&to=2026-11-24T16%3A00%3A00Z"]);
    found.iter().map(|b| format!("{} {} {} {}", b.id, b.start, b.end, b.title.as_deref().unwrap_or("-"))).collect()
}

#[tokio::test]
async fn what_takes_time() {
    let rows = json!([
        {"id": "a", "title": "Ann", "start": {"at": "2026-11-24T09:30:00-06:00"}, "end": {"at": "2026-11-24T10:30:00-06:00"}},
        {"id": "b", "status": "cancelled", "start": {"at": "2026-11-24T15:00:00Z"}, "end": {"at": "2026-11-24T16:00:00Z"}},
        {"id": "c", "start": {"at": "2026-11-24T16:00:00Z"}, "end": {"at": "2026-11-24T17:00:00Z"}},
        {"id": "d", "start": {"at": "2026-11-24T14:00:00Z"}, "end": {"at": "2026-11-24T15:00:00Z"}},
        {"id": "e", "start": {"day": "2026-11-24"}, "end": {"day": "2026-11-25"}},
        {"id": "f", "start": {"at": "whenever"}},
    ]);
    let expected = [
        "a 2026-11-24T15:30:00Z 2026-11-24T16:30:00Z Ann",
        // All day in the calendar's own zone.
        "e 2026-11-24T06:00:00Z 2026-11-25T06:00:00Z -",
        // Unknown is not free.
        "f 2026-11-24T15:00:00Z 2026-11-24T16:00:00Z -",
    ];
    assert_eq!(look(rows).await, expected);
    assert_eq!(look(json!([])).await, Vec::<String>::new());
}

#[tokio::test]
async fn the_second_look_and_withdrawing() {
    let row = |id: &str| json!({"id": id, "title": id, "start": {"at": "2026-11-24T15:00:00Z"}, "end": {"at": "2026-11-24T16:00:00Z"}});
    let (start, end) = (at("2026-11-24T15:00:00Z"), at("2026-11-24T16:00:00Z"));
    let connection = tiny(NOWHERE, "");
    for (rows, taken) in [(json!([row("ours")]), None), (json!([row("ours"), row("theirs")]), Some("theirs"))] {
        let fake = Fake::new(move |_| ok(&json!({"rows": rows})));
        let check = fake.connections().reader().book_check(&connection, "slot", "ours", start, end).await.expect("a look");
        let by = match check {
            Check::Clear => None,
            Check::Taken { by } => by.title,
        };
        assert_eq!(by.as_deref(), taken);
    }
    for (does, expected) in [
        (says(204, &Value::Null), Ok(())),
        (says(404, &json!({})), Ok(())),
        (says(410, &json!({})), Ok(())),
        (says(500, &json!({})), Err((ErrorClass::Transient, false))),
        (Does::Drops, Err((ErrorClass::Timeout, false))),
    ] {
        let fake = Fake::new(move |_| does.clone());
        let gone = fake.connections().writer().withdraw(&connection, "slot", "a/b").await;
        assert_eq!((gone.map_err(|f| (f.class, f.certain)), fake.log()), (expected, vec!["DELETE /Slots/a%2Fb".to_owned()]));
    }
    let fake = Fake::new(|_| says(204, &Value::Null));
    let writer = fake.connections().writer();
    assert!(writer.withdraw(&connection, "slot", "").await.is_err());
    assert!(writer.withdraw(&connection, "deal", "1").await.is_err());
    assert_eq!(fake.log(), Vec::<String>::new());
}
