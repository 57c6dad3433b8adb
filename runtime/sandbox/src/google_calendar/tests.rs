//! The stand-in as a client meets it: requests in, answers out.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::GoogleCalendar;
use crate::vendor::{Refusal, Request, Response, Vendor};

const EVENTS: &str = "/calendar/v3/calendars/front-desk%40acme.example/events";

/// An account, a clock and a token.
struct Client {
    google: GoogleCalendar,
    now: Timestamp,
    headers: Vec<(String, String)>,
}

impl Client {
    fn new() -> Self {
        let now = "2026-11-22T10:00:00Z".parse().expect("a time");
        let mut client = Self { google: GoogleCalendar::new(), now, headers: Vec::new() };
        let form = "grant_type=refresh_token&client_id=sandbox-client&client_secret=sandbox-secret&refresh_token=sandbox-refresh";
        client.take(200, form);
        client
    }

    /// Asks for a token and uses it; answers the body.
    #[track_caller]
    fn take(&mut self, status: u16, form: &str) -> Value {
        self.headers = vec![("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())];
        let response = self.raw("POST", "/token", form);
        assert_eq!(response.status, status, "{}", String::from_utf8_lossy(&response.body));
        let body: Value = serde_json::from_slice(&response.body).expect("JSON");
        let token = body["access_token"].as_str().unwrap_or("none");
        self.headers = vec![("authorization".to_owned(), format!("Bearer {token}"))];
        body
    }

    fn raw(&mut self, method: &str, target: &str, body: &str) -> Response {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let request = Request {
            method: method.to_owned(),
            path: path.to_owned(),
            query: crate::text::form(query),
            headers: self.headers.clone(),
            body: body.to_owned().into_bytes().into(),
            origin: "http://127.0.0.1:9003".to_owned(),
        };
        self.google.handle(&request, self.now)
    }

    /// The answer's body, which must come with this status.
    #[track_caller]
    fn send(&mut self, status: u16, method: &str, target: &str, body: Value) -> Value {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let response = self.raw(method, target, &text);
        let answer = String::from_utf8_lossy(&response.body).into_owned();
        assert_eq!(response.status, status, "{method} {target}: {answer}");
        serde_json::from_str(&answer).unwrap_or_default()
    }

    /// The same with `If-Match`.
    #[track_caller]
    fn send_if(&mut self, status: u16, method: &str, target: &str, etag: &str, body: Value) -> Value {
        self.headers.push(("if-match".to_owned(), etag.to_owned()));
        let answer = self.send(status, method, target, body);
        self.headers.pop();
        answer
    }

    /// The summaries a list answers.
    #[track_caller]
    fn list(&mut self, query: &str) -> Vec<String> {
        let answer = self.send(200, "GET", &format!("{EVENTS}?{query}"), Value::Null);
        let items = answer["items"].as_array().expect("items");
        items.iter().map(|event| event["summary"].as_str().unwrap_or_default().to_owned()).collect()
    }

    #[track_caller]
    fn busy(&mut self) -> Value {
        let body = json!({"timeMin": "2026-11-24T00:00:00Z", "timeMax": "2026-11-25T00:00:00Z",
            "items": [{"id": "front-desk@acme.example"}, {"id": "nobody@acme.example"}]});
        self.send(200, "POST", "/calendar/v3/freeBusy", body)["calendars"].clone()
    }
}

/// An event on 24 November 2026, from one UTC hour to another.
fn event(summary: &str, from: u32, to: u32) -> Value {
    json!({
        "summary": summary,
        "start": {"dateTime": format!("2026-11-24T{from:02}:00:00Z")},
        "end": {"dateTime": format!("2026-11-24T{to:02}:00:00Z")},
    })
}

fn with(mut event: Value, key: &str, value: Value) -> Value {
    event[key] = value;
    event
}

#[test]
fn an_id_is_taken_once_and_for_ever() {
    let mut client = Client::new();
    let booking = with(event("Cleaning", 17, 18), "id", json!("k4m8n0p2q6r1s3t5"));
    let made = client.send(200, "POST", EVENTS, booking.clone());
    assert_eq!(made["start"]["dateTime"], "2026-11-24T11:00:00-06:00", "in the zone of the calendar");
    assert_eq!(made["iCalUID"], "k4m8n0p2q6r1s3t5@google.com");
    let answer = client.send(409, "POST", EVENTS, booking.clone());
    assert_eq!(answer["error"]["errors"][0]["reason"], "duplicate");
    let path = format!("{EVENTS}/k4m8n0p2q6r1s3t5");
    client.send(204, "DELETE", &path, Value::Null);
    client.send(410, "DELETE", &path, Value::Null);
    assert_eq!(client.send(200, "GET", &path, Value::Null)["status"], "cancelled");
    client.send(409, "POST", EVENTS, booking.clone());
    assert_eq!(client.send(200, "PATCH", &path, json!({"status": "confirmed"}))["status"], "confirmed");
    client.send(404, "GET", &format!("{EVENTS}/nothere"), Value::Null);
    client.send(400, "POST", EVENTS, with(booking.clone(), "id", json!("not-an-id")));
    // The id is free in another calendar.
    client.send(200, "POST", "/calendar/v3/calendars/tech-1@acme.example/events", booking);
}

#[test]
fn a_change_needs_the_etag_it_names() {
    let mut client = Client::new();
    let private = json!({"private": {"call": "c1", "slot": "s1"}});
    let made = client.send(200, "POST", EVENTS, with(event("Cleaning", 17, 18), "extendedProperties", private));
    let etag = made["etag"].as_str().expect("an etag").to_owned();
    let path = format!("{EVENTS}/{}", made["id"].as_str().expect("an id"));
    client.wait(1);
    let patch = json!({"summary": "Filling", "extendedProperties": {"private": {"slot": null, "more": "x"}}});
    let changed = client.send_if(200, "PATCH", &path, &etag, patch);
    assert_eq!(changed["extendedProperties"]["private"], json!({"call": "c1", "more": "x"}));
    assert_eq!(changed["sequence"], 0);
    assert_ne!(changed["updated"], changed["created"]);
    let answer = client.send_if(412, "PATCH", &path, &etag, json!({"summary": "Lost"}));
    assert_eq!(answer["error"]["errors"][0]["reason"], "conditionNotMet");
    client.send_if(412, "DELETE", &path, &etag, Value::Null);
    let moved = client.send(200, "PUT", &path, event("Crown", 19, 20));
    assert_eq!(moved["sequence"], 1);
    assert!(moved.get("extendedProperties").is_none(), "a replacement has only what it says");
    client.send(400, "PUT", &path, json!({"summary": "no times"}));
}

impl Client {
    fn wait(&mut self, seconds: i64) {
        self.now += SignedDuration::from_secs(seconds);
    }
}

#[test]
fn lists_have_open_bounds() {
    let mut client = Client::new();
    for (summary, from, to) in [("b", 17, 18), ("a", 15, 17), ("c", 18, 19)] {
        let private = json!({"private": {"name": summary, "kind": "x"}});
        client.send(200, "POST", EVENTS, with(event(summary, from, to), "extendedProperties", private));
    }
    let single = "singleEvents=true&orderBy=startTime";
    assert_eq!(client.list(single), ["a", "b", "c"]);
    let window = "timeMin=2026-11-24T17:00:00Z&timeMax=2026-11-24T18:00:00Z";
    assert_eq!(client.list(&format!("{single}&{window}")), ["b"], "what ends at 17 or begins at 18 is out");
    let window = "timeMin=2026-11-24T11:30:00-06:00&timeMax=2026-11-24T12:30:00-06:00";
    assert_eq!(client.list(&format!("{single}&{window}")), ["b", "c"]);
    assert_eq!(client.list("privateExtendedProperty=name%3Db&privateExtendedProperty=kind%3Dx"), ["b"]);
    assert_eq!(client.list("privateExtendedProperty=name%3Db&privateExtendedProperty=kind%3Dy"), [""; 0]);
    assert_eq!(client.list("q=C"), ["a", "b", "c"], "the calendar's address has a c");
    client.send(400, "GET", &format!("{EVENTS}?orderBy=startTime"), Value::Null);
    client.send(400, "GET", &format!("{EVENTS}?timeMin=2026-11-24T17:00:00"), Value::Null);
    let page = client.send(200, "GET", &format!("{EVENTS}?{single}&maxResults=2"), Value::Null);
    let token = page["nextPageToken"].as_str().expect("a token");
    assert!(page.get("nextSyncToken").is_none());
    assert_eq!(client.list(&format!("{single}&maxResults=2&pageToken={token}")), ["c"]);
}

#[test]
fn a_sync_token_tells_what_changed() {
    let mut client = Client::new();
    let made = client.send(200, "POST", EVENTS, event("a", 15, 16));
    let token = client.send(200, "GET", EVENTS, Value::Null)["nextSyncToken"].as_str().expect("a token").to_owned();
    assert_eq!(client.list(&format!("syncToken={token}")), [""; 0]);
    client.send(200, "POST", EVENTS, event("b", 16, 17));
    client.send(204, "DELETE", &format!("{EVENTS}/{}", made["id"].as_str().expect("an id")), Value::Null);
    assert_eq!(client.list(&format!("syncToken={token}")), ["a", "b"]);
    assert_eq!(client.list(""), ["b"]);
    assert_eq!(client.list("showDeleted=true"), ["a", "b"]);
    client.send(400, "GET", &format!("{EVENTS}?syncToken={token}&q=x"), Value::Null);
    client.google.configure(&json!({"expire_sync_tokens": true})).expect("a setting");
    let answer = client.send(410, "GET", &format!("{EVENTS}?syncToken={token}"), Value::Null);
    assert_eq!(answer["error"]["errors"][0]["reason"], "fullSyncRequired");
}

#[test]
fn free_busy_hides_errors_and_lags() {
    let mut client = Client::new();
    client.google.configure(&json!({"busy_lag_ms": 1000})).expect("a setting");
    client.send(200, "POST", EVENTS, event("a", 17, 18));
    client.send(200, "POST", EVENTS, event("b", 18, 19));
    client.send(200, "POST", EVENTS, with(event("c", 20, 21), "transparency", json!("transparent")));
    assert_eq!(client.busy()["front-desk@acme.example"]["busy"], json!([]));
    client.wait(1);
    let busy = client.busy();
    let expected = json!([{"start": "2026-11-24T17:00:00Z", "end": "2026-11-24T19:00:00Z"}]);
    assert_eq!(busy["front-desk@acme.example"], json!({"busy": expected}));
    let unknown = json!({"errors": [{"domain": "global", "reason": "notFound"}], "busy": []});
    assert_eq!(busy["nobody@acme.example"], unknown);
    client.google.configure(&json!({"unreadable": ["front-desk@acme.example"]})).expect("a setting");
    assert_eq!(client.busy()["front-desk@acme.example"]["busy"], json!([]));
    client.send(400, "POST", "/calendar/v3/freeBusy", json!({"timeMax": "2026-11-24T00:00:00Z"}));
}

#[test]
fn people_book_at_the_same_moment() {
    let mut client = Client::new();
    let hooks = json!({"insert_before_next": event("before", 17, 18), "insert_after_next": event("after", 17, 18)});
    client.google.configure(&hooks).expect("settings");
    client.send(200, "POST", EVENTS, event("ours", 17, 18));
    client.send(200, "POST", EVENTS, event("next", 17, 18));
    assert_eq!(client.list("orderBy=updated"), ["before", "ours", "after", "next"], "and nobody is refused");
    let taken = with(event("theirs", 17, 18), "id", json!("taken1"));
    client.google.configure(&json!({"insert_before_next": taken})).expect("a setting");
    client.send(409, "POST", EVENTS, with(event("ours", 17, 18), "id", json!("taken1")));
    assert!(client.google.configure(&json!({"insert_before_next": {"summary": "x"}})).is_err());
}

#[test]
fn series_are_laid_out() {
    let mut client = Client::new();
    let lunch = json!({
        "id": "lunch0", "summary": "lunch", "recurrence": ["RRULE:FREQ=WEEKLY;BYDAY=TU,TH;COUNT=4"],
        "start": {"dateTime": "2026-10-29T12:00:00", "timeZone": "America/Chicago"},
        "end": {"dateTime": "2026-10-29T13:00:00", "timeZone": "America/Chicago"},
    });
    client.send(200, "POST", EVENTS, lunch);
    assert_eq!(client.list(""), ["lunch"]);
    let answer = client.send(200, "GET", &format!("{EVENTS}?singleEvents=true&orderBy=startTime"), Value::Null);
    let starts: Vec<&str> = answer["items"].as_array().expect("items").iter().filter_map(|e| e["start"]["dateTime"].as_str()).collect();
    // The wall clock holds through the end of summer time on 1 November.
    let expected = ["2026-10-29T12:00:00-05:00", "2026-11-03T12:00:00-06:00", "2026-11-05T12:00:00-06:00", "2026-11-10T12:00:00-06:00"];
    assert_eq!(starts, expected);
    let one = format!("{EVENTS}/lunch0_20261103T180000Z");
    assert_eq!(client.send(200, "GET", &one, Value::Null)["recurringEventId"], "lunch0");
    client.send(204, "DELETE", &one, Value::Null);
    assert_eq!(client.list("singleEvents=true").len(), 3);
}

#[test]
fn batches_answer_in_order() {
    let mut client = Client::new();
    client.headers.push(("content-type".to_owned(), "multipart/mixed; boundary=b".to_owned()));
    let path = "/calendar/v3/calendars/primary/events";
    let booking = event("a", 17, 18);
    let body = format!(
        "--b\r\nContent-Type: application/http\r\nContent-ID: <one>\r\n\r\nPOST {path} HTTP/1.1\r\n\
         Content-Type: application/json\r\n\r\n{booking}\r\n--b\r\nContent-Type: application/http\r\n\
         Content-ID: <two>\r\n\r\nGET {path}/nothere HTTP/1.1\r\n\r\n\r\n--b--\r\n"
    );
    let response = client.raw("POST", "/batch/calendar/v3", &body);
    let text = String::from_utf8_lossy(&response.body).into_owned();
    let place = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part} is not in {text}"));
    assert!(place("<response-one>") < place("HTTP/1.1 200 OK"));
    assert!(place("HTTP/1.1 200 OK") < place("<response-two>"));
    assert!(place("<response-two>") < place("HTTP/1.1 404 Not Found"));
}

#[test]
fn assertions_are_checked() {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let mut client = Client::new();
    let mut check = |alg: &str, claims: Value, status: u16| {
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let jwt = format!("{}.{}.c2ln", part(json!({"alg": alg})), part(claims));
        client.take(status, &format!("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={jwt}"))
    };
    let scope = "https://www.googleapis.com/auth/calendar.events";
    let claims = |iat: i64, exp: i64| json!({"iss": "sa@project.example", "scope": scope, "iat": iat, "exp": exp});
    for (alg, claims) in [("HS256", claims(0, 60)), ("RS256", claims(60, 60)), ("RS256", claims(0, 3601)), ("RS256", json!({}))] {
        assert_eq!(check(alg, claims, 400)["error"], "invalid_grant");
    }
    assert_eq!(check("RS256", claims(0, 3600), 200)["expires_in"], 3599);
    client.send(200, "POST", EVENTS, event("a", 17, 18));
    let guests = with(event("b", 17, 18), "attendees", json!([{"email": "ann@example.com"}]));
    let answer = client.send(403, "POST", EVENTS, guests);
    assert_eq!(answer["error"]["errors"][0]["reason"], "forbiddenForServiceAccounts");
}

#[test]
fn tokens_end_and_notices_are_kept() {
    let mut client = Client::new();
    let guests = with(event("b", 17, 18), "attendees", json!([{"email": "ann@example.com"}]));
    client.send(200, "POST", &format!("{EVENTS}?sendUpdates=all"), guests);
    let records = client.google.records();
    assert_eq!(records["notices"][0]["sendUpdates"], "all");
    assert_eq!(records["notices"][0]["to"], json!(["ann@example.com"]));
    client.send(400, "POST", &format!("{EVENTS}?sendUpdates=maybe"), event("c", 17, 18));
    client.google.expire_tokens();
    let answer = client.send(401, "GET", EVENTS, Value::Null);
    assert_eq!(answer["error"]["errors"][0]["reason"], "authError");
    client.google.revoke_tokens();
    client.take(400, "grant_type=refresh_token&client_id=sandbox-client&client_secret=sandbox-secret&refresh_token=sandbox-refresh");
    let first = client.google.refuse(Refusal::RateLimited).status;
    assert_eq!((first, client.google.refuse(Refusal::RateLimited).status), (403, 429));
}

#[test]
fn records_load_again() {
    let mut client = Client::new();
    let shared = json!({"id": "room@acme.example", "accessRole": "reader"});
    let lunch = with(event("lunch", 17, 18), "calendarId", json!("room@acme.example"));
    client.google.load(&json!({"calendars": [shared], "events": [lunch, event("own", 17, 18)]})).expect("loads");
    let path = "/calendar/v3/calendars/room@acme.example/events";
    assert_eq!(client.send(200, "GET", path, Value::Null)["items"][0]["summary"], "lunch");
    client.send(403, "POST", path, event("x", 17, 18));
    let all = client.google.records();
    client.google.reset();
    client.google.load(&all).expect("loads what it answered");
    assert_eq!(client.google.records()["events"].as_array().map(Vec::len), Some(2));
    assert!(client.google.load(&json!({"events": [{"summary": "x"}]})).is_err());
}
