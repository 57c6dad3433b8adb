//! Lists as the platforms give them: order, filters, pages, and who may read.

use bytes::Bytes;
use serde_json::{Value, json};

use super::*;

fn filled<P: Platform>(calls: &Value) -> Voice<P> {
    let mut platform = Voice::<P>::default();
    platform.load(&json!({"calls": calls})).expect("they load");
    platform
}

fn ask<P: Platform>(platform: &mut Voice<P>, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> (u16, Value) {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let request = Request {
        method: method.to_owned(),
        path: path.to_owned(),
        query: pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        body: Bytes::from(body.to_string()),
        origin: String::new(),
    };
    let answer = platform.handle(&request, Timestamp::UNIX_EPOCH);
    (answer.status, serde_json::from_slice(&answer.body).expect("JSON"))
}

fn ids(rows: &Value, key: &str) -> Vec<String> {
    rows.as_array().into_iter().flatten().filter_map(|row| row[key].as_str().map(str::to_owned)).collect()
}

const BEARER: [(&str, &str); 1] = [("authorization", "Bearer sandbox-key")];

#[test]
fn vapi_lists_the_newest_first_and_knows_no_cursor() {
    let calls = json!([
        {"id": "a", "createdAt": "2026-11-24T10:00:00Z"}, {"id": "c", "createdAt": "2026-11-24T12:00:00Z"},
        {"id": "b", "createdAt": "2026-11-24T11:00:00Z"},
    ]);
    let mut vapi = filled::<Vapi>(&calls);
    let mut get = |path: &str| ask(&mut vapi, "GET", path, &BEARER, &Value::Null);
    assert_eq!(ids(&get("/call").1, "id"), ["c", "b", "a"]);
    assert_eq!(ids(&get("/call?limit=2").1, "id"), ["c", "b"]);
    assert_eq!(ids(&get("/call?createdAtLe=2026-11-24T11:00:00Z&limit=1").1, "id"), ["b"]);
    assert_eq!(ids(&get("/call?createdAtGt=2026-11-24T11:00:00Z").1, "id"), ["c"]);
    assert_eq!((get("/call?limit=2000").0, get("/call?page=2").0, get("/call/x").0, get("/call/a").0), (400, 400, 404, 200));
    assert_eq!(ask(&mut vapi, "GET", "/call", &[], &Value::Null).0, 401);
}

#[test]
fn retell_pages_by_key_without_transcripts() {
    let call = |id: &str, at: i64| json!({"call_id": id, "start_timestamp": at, "transcript": "said"});
    let mut retell = filled::<Retell>(&json!([call("a", 1000), call("b", 2000), call("c", 3000)]));
    let mut list = |body: Value| ask(&mut retell, "POST", "/v3/list-calls", &BEARER, &body);
    let (_, first) = list(json!({"sort_order": "ascending", "limit": 2}));
    assert_eq!((ids(&first["items"], "call_id"), first["has_more"].clone()), (vec!["a".to_owned(), "b".to_owned()], json!(true)));
    assert!(first["items"][0].get("transcript").is_none());
    let (_, second) = list(json!({"sort_order": "ascending", "limit": 2, "pagination_key": first["pagination_key"]}));
    assert_eq!((ids(&second["items"], "call_id"), second.get("pagination_key")), (vec!["c".to_owned()], None));
    let range = |op: &str| json!({"filter_criteria": {"start_timestamp": {"type": "range", "op": op, "value": [1500, 2500]}}});
    assert_eq!(ids(&list(range("bt")).1["items"], "call_id"), ["b"]);
    assert_eq!((list(range("eq")).0, list(json!({"limit": 1001})).0), (400, 400));
    assert_eq!(ask(&mut retell, "GET", "/v2/get-call/b", &BEARER, &Value::Null).1["transcript"], "said");
}

#[test]
fn elevenlabs_pages_by_cursor_and_shows_summaries() {
    let call =
        |id: &str, at: i64| json!({"conversation_id": id, "status": "done", "metadata": {"start_time_unix_secs": at}, "transcript": [{}]});
    let mut platform = filled::<ElevenLabs>(&json!([call("a", 1000), call("b", 2000), call("c", 3000)]));
    platform.configure(&json!({"page_size": 2})).expect("a setting");
    let mut get =
        |path: &str| ask(&mut platform, "GET", &format!("/v1/convai/conversations{path}"), &[("xi-api-key", "sandbox-key")], &Value::Null);
    let (_, first) = get("?sort_direction=asc");
    assert_eq!(
        (ids(&first["conversations"], "conversation_id"), first["next_cursor"].clone()),
        (vec!["a".to_owned(), "b".to_owned()], json!("b"))
    );
    assert_eq!(first["conversations"][0]["message_count"], 1);
    let (_, second) = get("?sort_direction=asc&cursor=b");
    assert_eq!((ids(&second["conversations"], "conversation_id"), second["has_more"].clone()), (vec!["c".to_owned()], json!(false)));
    assert_eq!(ids(&get("?call_start_before_unix=2000").1["conversations"], "conversation_id"), ["b", "a"]);
    assert_eq!((get("?page_size=101").0, get("/x").0, get("/a").1["status"].clone()), (422, 404, json!("done")));
    platform.revoke_tokens();
    assert_eq!(ask(&mut platform, "GET", "/v1/convai/conversations", &[("xi-api-key", "sandbox-key")], &Value::Null).0, 401);
}
