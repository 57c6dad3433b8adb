//! Stories of the pages: an operator looks at yesterday's calls in a browser, at one of them, and does something about it; a program asks
//! the same as JSON.

use serde_json::{Value, json};

use crate::support::{Answer, Desk, Running, call, escaped, eventually, get, get_with, only, page, post, slot, text};

/// Somebody calls, and leaves a message.
fn from(id: &str, name: &str, phone: &str) -> Value {
    call(id, json!({"outcome": "message", "caller": {"phone": phone, "name": name}}))
}

#[track_caller]
fn api(service: &Running, path: &str) -> Value {
    let answer = get(&format!("{}/v1/log/{path}", service.address));
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    answer.json()
}

fn ids(answer: &Value) -> Vec<String> {
    answer["calls"].as_array().into_iter().flatten().map(|call| text(call, "id").to_owned()).collect()
}

/// What a form of a page carries.
#[track_caller]
fn hidden<'p>(page: &'p str, name: &str) -> &'p str {
    let mark = format!("name=\"{name}\" value=\"");
    let from = page.find(&mark).unwrap_or_else(|| panic!("no {name} in:\n{page}")) + mark.len();
    &page[from..from + page[from..].find('"').expect("the value ends")]
}

/// What a browser sends with a form of a page of ours.
fn send(service: &Running, path: &str, form: &str) -> Answer {
    let headers = [
        ("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()),
        ("origin".to_owned(), service.address.clone()),
        ("sec-fetch-site".to_owned(), "same-origin".to_owned()),
    ];
    post(&format!("{}{path}", service.address), &headers, form.as_bytes())
}

/// Story: the manager asks for every call with its status and the records that it made. A page shows them, with links into the CRM.
#[test]
fn every_call_with_its_status_and_records() {
    let desk = Desk::salesforce();
    let service = desk.serve();
    service.take(&call(
        "c-1",
        json!({"outcome": "booked", "caller": {"phone": "+15125550142", "name": "Nora Whitfield"}, "appointment": slot(9)}),
    ));
    service.take(&from("c-2", "Tess Newman", "+15125559001"));
    desk.settled(2);
    let listed = page(&service, "/calls?day=all");
    for expected in ["Nora Whitfield", "Tess Newman", "+15125559001", "landed", "matched", "No gap.", "href=\"/calls/json%3Ac-1\""] {
        assert!(listed.contains(expected), "no {expected:?} in:\n{listed}");
    }
    let url = desk.story("json:c-2")["writes"][0]["record_url"].clone();
    assert!(listed.contains(&format!("href=\"{}\"", url.as_str().expect("an address"))), "no link to {url} in:\n{listed}");
    // Yesterday is what is shown when nothing is asked for, and yesterday there was nothing.
    assert!(page(&service, "/calls").contains("No call fits."));
    let root = get(&format!("{}/", service.address));
    assert_eq!((root.status, root.header("location")), (303, Some("/calls")));
}

/// Story: an operator looks for somebody. Any part of a name, any spelling of a number, the call, the record: it is found.
#[test]
fn somebody_is_found() {
    let desk = Desk::salesforce();
    let service = desk.serve();
    service.take(&from("c-1", "Nora Whitfield", "+15125550142"));
    service.take(&from("c-2", "Tess Newman", "+15125559001"));
    desk.settled(2);
    let record = desk.story("json:c-2")["writes"][0]["record_id"].as_str().expect("a record").to_owned();
    for (query, expected) in [
        ("q=nora", "json:c-1"),
        ("q=whit", "json:c-1"),
        ("q=(512)%20555-9001", "json:c-2"),
        ("q=c-2", "json:c-2"),
        ("q=json:c-2", "json:c-2"),
        (&format!("q={record}"), "json:c-2"),
        ("decision=new", "json:c-2"),
        ("decision=matched&status=landed&pipeline=front-desk&source=json&connection=crm", "json:c-1"),
    ] {
        assert_eq!(ids(&api(&service, &format!("calls?{query}"))), [expected], "{query}");
    }
    for query in ["q=nobody", "connection=calendar", "status=dead", "to=2026-01-01", "q=%22%20OR%20*"] {
        assert!(ids(&api(&service, &format!("calls?{query}"))).is_empty(), "{query}");
    }
    let wrong = get(&format!("{}/v1/log/calls?status=lost", service.address));
    assert_eq!((wrong.status, text(&wrong.json(), "code")), (400, "bad_request"));
    assert!(text(&wrong.json(), "error").contains("there is: waiting, landed"), "{}", wrong.body);
}

/// Story: whoever calls says something that is code to a browser or to a spreadsheet. It is text.
#[test]
fn what_a_caller_says_is_text() {
    let desk = Desk::salesforce();
    let service = desk.serve();
    let hostile = "<script>alert(1)</script>";
    let said =
        json!({"outcome": "message", "summary": "\"><img src=x onerror=alert(2)>", "caller": {"phone": "+15125559001", "name": hostile}});
    service.take(&call("c-1", said));
    service.take(&from("c-2", "=HYPERLINK(\"http://evil.example\")", "+15125559002"));
    desk.settled(2);
    for path in
        ["/calls?day=all", "/calls?day=all&q=%3Cscript%3Ealert(3)%3C/script%3E", "/calls/json%3Ac-1", "/calls/c-%3Cscript%3Ealert(4)"]
    {
        let page = get(&format!("{}{path}", service.address));
        assert!(!page.body.contains("<script>alert") && !page.body.contains("<img"), "{path}:\n{}", page.body);
        let policy = page.header("content-security-policy").unwrap_or_default();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!((page.header("cache-control"), page.header("x-content-type-options")), (Some("no-store"), Some("nosniff")), "{path}");
    }
    assert!(page(&service, "/calls?day=all").contains("&lt;script&gt;alert(1)"));
    let csv = page(&service, "/calls.csv?day=all");
    assert!(csv.contains(",\"'=HYPERLINK(\"\"http://evil.example\"\")\",\"'+15125559002\","), "{csv}");
    let exported: Value = serde_json::from_str(&page(&service, "/calls.json?day=all")).expect("JSON");
    assert_eq!(ids(&exported), ["json:c-2", "json:c-1"]);
}

/// Story: calls come in while somebody pages through the log, and through the export. Each is met once.
#[test]
fn each_call_is_met_once_while_others_arrive() {
    let desk = Desk::salesforce();
    let service = desk.serve();
    for n in 0..7 {
        service.take(&from(&format!("c-{n}"), "Tess Newman", "+15125559001"));
    }
    let (mut met, mut after) = (Vec::new(), String::new());
    for more in 0.. {
        let answer = api(&service, &format!("calls?limit=2{after}"));
        met.extend(ids(&answer));
        service.take(&from(&format!("late-{more}"), "Theo Newman", "+15125559002"));
        let Some(next) = answer["next"].as_i64() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(met, (0..7).rev().map(|n| format!("json:c-{n}")).collect::<Vec<_>>());
    let html = page(&service, "/calls?day=all&status=&q=theo");
    assert!(html.contains("4 calls") && html.contains("Theo Newman") && !html.contains("Tess"), "{html}");
}

/// Story: two people share a number. The page shows both beside the caller, with what was compared; one click, and what the call wrote goes
/// where it belongs. The same click again does nothing.
#[test]
fn a_question_is_answered_by_one_click() {
    const NORA: &str = "0035e0000000001AAA";
    let desk = Desk::salesforce();
    let twin =
        json!({"Contact": [{"Id": "0035e0000000009AAA", "FirstName": "Owen", "LastName": "Whitfield", "MobilePhone": "5125550142"}]});
    desk.crm.load(&twin).expect("a record");
    let service = desk.serve();
    assert!(page(&service, "/reviews").contains("Nobody is asked anything"));
    let more = json!({"caller": {"phone": "+15125550142", "name": "N. Whitfield"}, "follow_up": {"reason": "Send the price list"}});
    service.take(&call("c-1", more));
    assert_eq!(desk.settled(1)["json:c-1"], "review");
    let shown = page(&service, "/reviews");
    for expected in [
        "N. Whitfield",
        "Nora Whitfield",
        "Owen Whitfield",
        "/lightning/r/Contact/0035e0000000009AAA/view",
        "Bits in all",
        "It is somebody new",
        // What cannot be undone asks once more, without script.
        "<summary>It is Nora Whitfield, and the new record is the same person …</summary>",
        "Make one of the two records",
    ] {
        assert!(shown.contains(expected), "no {expected:?} in:\n{shown}");
    }
    let fields = format!("proof={}&call=json:c-1&seen={}", hidden(&shown, "proof"), hidden(&shown, "seen"));
    let nobody = send(&service, "/reviews/answer", &format!("{fields}&choice=is&contact=0035e000000000XAAA"));
    assert!(nobody.status == 400 && nobody.body.contains("has no contact"), "{}", nobody.body);
    let done = send(&service, "/reviews/answer", &format!("{fields}&choice=is&contact={NORA}"));
    assert_eq!((done.status, done.header("location")), (303, Some("/reviews?done=1")), "{}", done.body);
    eventually("the call has landed", || (desk.status("json:c-1") == "landed").then_some(()));
    let entry = only(desk.logged(), "the entry");
    assert_eq!((text(&entry, "WhoId"), text(&only(desk.to_dos(), "the task"), "WhoId")), (NORA, NORA));
    assert_eq!(send(&service, "/reviews/answer", &format!("{fields}&choice=new")).status, 409);
    assert!(page(&service, "/reviews").contains("Nobody is asked anything"));
    assert_eq!(text(&desk.story("json:c-1")["answers"][0], "actor"), "local");
}

/// Story: a picklist was wrong for a morning. The page names what went wrong and what to do; when it is mended, one button works all of them
/// again, each lands once, and what changed meanwhile is left alone.
#[test]
fn dead_letters_of_a_kind_are_retried_at_once() {
    let desk = Desk::salesforce();
    let required =
        |so: bool| json!({"custom_fields": {"Contact": [{"name": "Insurance__c", "type": "string", "length": 40, "required": so}]}});
    desk.crm.configure(&required(true)).expect("a setting");
    let service = desk.serve();
    assert!(page(&service, "/dead").contains("Nothing waits for a person"));
    for n in 1..=3 {
        service.take(&from(&format!("c-{n}"), &format!("Tess <b>Newman{n}"), &format!("+1512555900{n}")));
    }
    eventually("all are dead", || (desk.statuses().values().filter(|status| *status == "dead").count() == 3).then_some(()));
    let shown = page(&service, "/dead");
    for expected in [
        "invalid",
        "3 calls",
        "What to do: ",
        "mend the field or the mapping line",
        "crm/contact",
        "Tess &lt;b&gt;Newman2",
        "Retry 3 calls",
    ] {
        assert!(shown.contains(expected), "no {expected:?} in:\n{shown}");
    }
    let (calls, proof) = (hidden(&shown, "calls").to_owned(), hidden(&shown, "proof").to_owned());
    assert_eq!(send(&service, "/dead/resolve", &format!("proof={proof}&calls={}&reason=+", escaped(&calls))).status, 400);
    assert_eq!(send(&service, "/dead/retry", &format!("proof={proof}&calls=nothing")).status, 400);
    desk.run(&["resolve", "json:c-2", "--reason", "wrong number"]).exits(0);
    desk.crm.configure(&required(false)).expect("a setting");
    let done = send(&service, "/dead/retry", &format!("proof={proof}&calls={}", escaped(&calls)));
    assert_eq!((done.status, done.header("location")), (303, Some("/dead?done=2&left=1")), "{}", done.body);
    let stand = desk.settled(3);
    assert_eq!((&*stand["json:c-1"], &*stand["json:c-2"], &*stand["json:c-3"]), ("landed", "resolved", "landed"));
    assert_eq!(desk.crm_rows("Contact").iter().filter(|row| text(row, "LastName").contains("Newman")).count(), 2);
    assert!(page(&service, "/dead?done=2&left=1").contains("Left for now: 1 call that had changed since"));
}

/// Story: a call's appointment was refused. Its page says what stands where and why, what a retry would do, and does it: the call lands once.
#[test]
fn a_retry_by_the_page_lands_the_call_once() {
    let desk = Desk::salesforce();
    let required =
        |so: bool| json!({"custom_fields": {"Contact": [{"name": "Insurance__c", "type": "string", "length": 40, "required": so}]}});
    desk.crm.configure(&required(true)).expect("a setting");
    let service = desk.serve();
    service.take(&call(
        "c-1",
        json!({"outcome": "booked", "caller": {"phone": "+15125559001", "name": "Tess Newman"}, "appointment": slot(9)}),
    ));
    assert_eq!(desk.settled(1)["json:c-1"], "partial");
    let open = page(&service, "/calls?day=all");
    assert!(open.contains("1 of 1 delivered are open"), "{open}");
    let shown = page(&service, "/calls/json%3Ac-1");
    for expected in [
        "What a retry would do",
        "Sent again: <strong>contact</strong>",
        "Left as it is, since it landed:",
        "What to do:",
        "mappings/",
        "pipelines/front-desk.toml:",
        "guarantee",
        " bytes, as it came",
    ] {
        assert!(shown.contains(expected), "no {expected:?} in:\n{shown}");
    }
    desk.crm.configure(&required(false)).expect("a setting");
    let form = format!("seen={}&proof={}", hidden(&shown, "seen"), hidden(&shown, "proof"));
    let done = send(&service, "/calls/json%3Ac-1/retry", &form);
    assert_eq!((done.status, done.header("location")), (303, Some("/calls/json%3Ac-1?done=retry")), "{}", done.body);
    assert_eq!(desk.settled(1)["json:c-1"], "landed");
    assert_eq!((desk.crm_rows("Contact").len(), desk.logged().len(), desk.events().len()), (7, 1, 1));
    // The same form once more: the call is not where it was, and nothing is done.
    let again = send(&service, "/calls/json%3Ac-1/retry", &form);
    assert_eq!(again.status, 409, "{}", again.body);
    let story = desk.story("json:c-1");
    let by: Vec<&Value> = story["events"].as_array().into_iter().flatten().filter(|event| event["kind"] == "person_intervened").collect();
    assert_eq!((by.len(), text(&by[0]["data"], "actor")), (1, "local"));
    assert!(page(&service, "/calls/json%3Ac-1").contains("person intervened"));
}

/// Story: the mapping was wrong and has been mended. The page shows what the call would come to under the config as it is now, and does it.
#[test]
fn a_call_is_planned_under_the_current_version() {
    let desk = Desk::salesforce();
    let required = json!({"custom_fields": {"Contact": [{"name": "Insurance__c", "type": "string", "length": 40, "required": true}]}});
    desk.crm.configure(&required).expect("a setting");
    let service = desk.serve();
    service.take(&from("c-1", "Tess Newman", "+15125559001"));
    assert_eq!(desk.settled(1)["json:c-1"], "dead");
    desk.edit("mappings/acme/contact.toml", "[fields]\n", "[fields]\nInsurance__c = { value = \"unknown\", policy = \"fill\" }\n");
    let version = eventually("the service takes it over", || {
        let shown = page(&service, "/calls/json%3Ac-1/replan");
        shown.contains("Insurance__c").then(|| hidden(&shown, "version").to_owned())
    });
    let shown = page(&service, "/calls/json%3Ac-1/replan");
    assert!(shown.contains("<ins>unknown</ins>") && shown.contains("mappings/acme/contact.toml:"), "{shown}");
    let done = send(
        &service,
        "/calls/json%3Ac-1/replan",
        &format!("seen={}&version={version}&proof={}", hidden(&shown, "seen"), hidden(&shown, "proof")),
    );
    assert_eq!(done.status, 303, "{}", done.body);
    assert_eq!(desk.settled(1)["json:c-1"], "landed");
    assert_eq!(desk.story("json:c-1")["call"]["config_version"], version.as_str());
    assert_eq!(desk.crm_rows("Contact").into_iter().filter(|row| row["Insurance__c"] == "unknown").count(), 1);
}

/// Story: a call needs no more work. That is said with a reason, or it is not said; by a page, and by a program.
#[test]
fn a_call_is_resolved_with_a_reason() {
    let desk = Desk::salesforce();
    let required = json!({"custom_fields": {"Contact": [{"name": "Insurance__c", "type": "string", "length": 40, "required": true}]}});
    desk.crm.configure(&required).expect("a setting");
    let service = desk.serve();
    service.take(&from("c-1", "Tess Newman", "+15125559001"));
    service.take(&from("c-2", "Theo Olson", "+15125559002"));
    eventually("the first is dead", || (desk.status("json:c-1") == "dead").then_some(()));
    let shown = page(&service, "/calls/json%3Ac-1");
    let (seen, proof) = (hidden(&shown, "seen"), hidden(&shown, "proof"));
    assert_eq!(send(&service, "/calls/json%3Ac-1/resolve", &format!("proof={proof}&seen={seen}&reason=+")).status, 400);
    assert_eq!(
        send(&service, "/calls/json%3Ac-1/resolve", &format!("proof={proof}&reason=so")).status,
        400,
        "a form of ours says what it showed"
    );
    assert_eq!(send(&service, "/calls/json%3Ac-1/resolve", &format!("proof={proof}&seen={seen}&reason=written+by+hand")).status, 303);
    let story = desk.story("json:c-1");
    assert_eq!((text(&story["call"], "status"), text(&story["call"], "status_reason")), ("resolved", "resolved: written by hand"));
    eventually("the second is dead", || (desk.status("json:c-2") == "dead").then_some(()));
    let to = format!("{}/v1/log/calls/json:c-2/resolve", service.address);
    let json_type = [("content-type".to_owned(), "application/json".to_owned())];
    let done = post(&to, &json_type, b"{\"reason\": \"a test\"}");
    assert_eq!((done.status, text(&done.json(), "status")), (200, "resolved"), "{}", done.body);
    let twice = post(&to, &json_type, b"{\"reason\": \"a test\"}");
    assert_eq!((twice.status, text(&twice.json(), "code")), (409, "conflict"), "{}", twice.body);
}

/// Story: the CRM is away at night. Whoever is called sees on one page which system it is, since when, what waits for it and what to do.
#[test]
fn a_system_that_is_away_is_seen() {
    let desk = Desk::salesforce().impatient();
    desk.edit("aftercall.toml", "open_for = \"200ms\"\nopen_max = \"400ms\"", "open_for = \"60s\"\nopen_max = \"60s\"");
    let service = desk.serve();
    let shown = page(&service, "/connections");
    assert!(shown.contains("Salesforce") && shown.contains("in use") && !shown.contains("left alone"), "{shown}");
    desk.crm.fault(aftercall_sandbox::FaultSpec::new(aftercall_sandbox::FaultKind::Down));
    (0..8).for_each(|n| service.take(&from(&format!("c-{n}"), "Tess Newman", &format!("+1512555900{n}"))));
    let shown =
        eventually("the system is left alone", || Some(page(&service, "/connections")).filter(|shown| shown.contains("left alone for")));
    assert!(shown.contains("go on by themselves"), "{shown}");
}

/// Story: a broken config was offered in the night. The page shows what is at work, what was refused, and the line that is to blame.
#[test]
fn a_refused_config_is_seen_with_its_line() {
    let desk = Desk::salesforce();
    desk.add("aftercall.toml", "\n[service]\nquiet = \"40ms\"\n");
    let service = desk.serve();
    let at_work = page(&service, "/config");
    assert!(at_work.contains("at work") && !at_work.contains("refused"), "{at_work}");
    desk.edit("pipelines/front-desk.toml", "mapping = \"acme/contact\"", "mapping = \"acme/contct\"");
    let shown = eventually("the refusal is shown", || Some(page(&service, "/config")).filter(|shown| shown.contains("refused")));
    for expected in ["AC0", "pipelines/front-desk.toml:", "there is no mapping `acme/contct`", "did you mean `acme/contact`?"] {
        assert!(shown.contains(expected), "no {expected:?} in:\n{shown}");
    }
}

/// Story: there are no users yet. A browser on this machine is let in; whoever comes from elsewhere, or by a page of somebody else, is not.
#[test]
fn without_users_only_this_machine_is_let_in() {
    let desk = Desk::salesforce();
    let service = desk.serve();
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    for path in ["/calls", "/calls/x", "/calls.csv", "/events", "/v1/log/calls", "/v1/openapi.json"] {
        let passed_on = get_with(&format!("{}{path}", service.address), &[header("x-forwarded-for", "203.0.113.9")]);
        assert_eq!(passed_on.status, 403, "{path}");
        assert!(passed_on.body.contains("answer only a browser on the machine"), "{path}: {}", passed_on.body);
    }
    let named = crate::support::raw(service.host(), b"GET /calls HTTP/1.1\r\nhost: calls.acme.example\r\nconnection: close\r\n\r\n");
    assert!(named.starts_with("HTTP/1.1 403"), "{named}");
    for headers in [[header("sec-fetch-site", "cross-site")], [header("origin", "http://evil.example")]] {
        let to = format!("{}/calls/json:c-1/retry", service.address);
        let refused = post(&to, &headers, b"seen=x");
        assert!(refused.status == 403 && refused.body.contains("not ours"), "{headers:?}: {}", refused.body);
    }
    // What a source sends is not a page's business.
    service.take(&from("c-1", "Tess Newman", "+15125559001"));
}

/// Story: a page is open while calls come in. It hears of each, and the service ends without waiting for it.
#[test]
fn an_open_page_hears_of_news() {
    use std::io::{BufRead as _, BufReader, Write as _};
    let desk = Desk::salesforce();
    let service = desk.serve();
    let mut stream = std::net::TcpStream::connect(service.host()).expect("a connection");
    stream.set_read_timeout(Some(crate::support::PATIENCE)).expect("a time-out");
    write!(stream, "GET /events HTTP/1.1\r\nhost: {}\r\n\r\n", service.host()).expect("a request");
    let mut lines = BufReader::new(stream).lines().map(|line| line.expect("the stream goes on"));
    assert!(lines.any(|line| line == "event: open"));
    service.take(&from("c-1", "Tess Newman", "+15125559001"));
    assert!(lines.any(|line| line == "event: change"));
    let began = std::time::Instant::now();
    service.terminate().exits(0);
    assert!(began.elapsed().as_secs() < 8, "an open page held it up for {} s", began.elapsed().as_secs());
}
