//! Stories of reconciliation: what a platform had and never sent is seen and fetched; what may be two records of one person; where captured values went.

use aftercall_sandbox::{FaultKind, FaultSpec, Sandbox};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::access::{PASSWORD, token, user};
use crate::support::{Answer, Browser, Desk, Receiver, Running, call, eventually, get, get_with, post, repository, stand_in, text};

/// What a platform's list has: a call that began so many minutes ago.
fn listed(n: usize, minutes: i64) -> Value {
    let path = repository().join("tests/fixtures/sources/retell/call_analyzed.json");
    let payload: Value = serde_json::from_str(&std::fs::read_to_string(path).expect("the fixture")).expect("JSON");
    let mut call = payload["call"].clone();
    let start = (Timestamp::now() - SignedDuration::from_mins(minutes)).as_millisecond();
    call["call_id"] = json!(format!("call_{n:032}"));
    call["from_number"] = json!(format!("+1512555{:04}", 3000 + n));
    call["start_timestamp"] = json!(start);
    call["end_timestamp"] = json!(start + 95_000);
    call
}

/// A desk with a platform that has four calls on its list. The service looks there by itself only when it starts.
fn desk() -> (Desk, Sandbox, Vec<Value>) {
    let (desk, platform) = (Desk::salesforce(), stand_in("retell"));
    let calls: Vec<Value> = (0..4).map(|n| listed(n, 40 - 5 * i64::try_from(n).unwrap_or_default())).collect();
    platform.load(&json!({ "calls": calls })).expect("the calls load");
    let more = format!("[source.retell]\nlist_url = \"{}\"\nauth = {{ token = \"file:secrets/PLATFORM_KEY\" }}\n", platform.origin());
    desk.edit("aftercall.toml", "[source.retell]\n", &more);
    desk.write("secrets/PLATFORM_KEY", "sandbox-key\n");
    (desk, platform, calls)
}

fn deliver(service: &Running, call: &Value) {
    let body = json!({"event": "call_analyzed", "call": call}).to_string();
    let answer = service.deliver("retell", body.as_bytes());
    assert_eq!(answer.status, 202, "{}", answer.body);
}

#[track_caller]
fn page(service: &Running, path: &str) -> String {
    let answer = get(&format!("{}{path}", service.address));
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    answer.body
}

#[track_caller]
fn report(service: &Running) -> Value {
    let answer = get(&format!("{}/v1/reconciliation", service.address));
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

/// The first look of a service that has just started is over.
fn looked(service: &Running) -> Value {
    eventually("the list was looked at", || {
        let report = report(service);
        let of = report["sources"].as_array()?.iter().find(|source| source["source"] == "retell")?;
        of["last_look"]["ended_at"].is_string().then(|| report.clone())
    })
}

fn sum(report: &Value, what: &str) -> u64 {
    report["days"].as_array().into_iter().flatten().filter(|day| day["source"] == "retell").filter_map(|day| day[what].as_u64()).sum()
}

fn asked_for(whom: &mut Browser, path: &str, proof: &str) -> Answer {
    whom.send(path, &[("proof", proof), ("source", "retell"), ("from", "yesterday"), ("to", "today")])
}

/// Story: two of four calls never came. The page says which, a button fetches them, they land, and the trail has who did it. A viewer sees it and
/// can do nothing about it.
#[test]
fn what_never_came_is_fetched_by_a_button() {
    let (desk, list, calls) = desk();
    user(&desk, "olga", "operator").exits(0);
    user(&desk, "vera", "viewer").exits(0);
    // At the start the platform has nothing yet; then two of its calls come, and two do not.
    list.reset();
    let service = desk.serve();
    let (mut olga, mut vera) =
        (Browser::signed_in(&service.address, "olga", PASSWORD), Browser::signed_in(&service.address, "vera", PASSWORD));
    let proof = olga.proof();
    eventually("the first look is over", || olga.get("/reconciliation").body.contains("Its list was looked at").then_some(()));
    calls.iter().take(2).for_each(|call| deliver(&service, call));
    desk.settled(2);
    list.load(&json!({ "calls": calls })).expect("the calls load");

    assert!(!olga.get("/reconciliation").body.contains("never came of those") && !olga.get("/calls?day=all").body.contains("never came"));
    let theirs = vera.proof();
    let refused = asked_for(&mut vera, "/reconciliation/fetch", &theirs);
    assert_eq!(refused.status, 403, "{}", refused.body);
    assert!(refused.body.contains("needs the role `operator`"), "{}", refused.body);
    let forged = asked_for(&mut olga, "/reconciliation/look", "no proof");
    assert_eq!(forged.status, 403, "a page of somebody else");

    let begun = asked_for(&mut olga, "/reconciliation/look", &proof);
    assert_eq!(begun.status, 303, "{}", begun.body);
    assert!(begun.header("location").is_some_and(|to| to.ends_with("&done=look")), "{:?}", begun.header("location"));
    let shown = eventually("what is missing is shown", || {
        Some(olga.get("/reconciliation").body).filter(|page| page.contains("2 calls never came"))
    });
    for call in &calls[2..] {
        assert!(shown.contains(text(call, "call_id")), "{shown}");
    }
    assert!(!shown.contains(text(&calls[0], "call_id")) && shown.contains("Fetch these 2 calls"), "{shown}");
    let seen = vera.get("/reconciliation").body;
    assert!(seen.contains("2 calls never came") && !seen.contains("Fetch these") && !seen.contains("Look now"), "{seen}");
    assert!(olga.get("/calls?day=all").body.contains("2 calls of the platforms' own lists never came"), "the gap is on top of the log");
    assert_eq!(desk.statuses().len(), 2, "looking takes nothing in");

    let begun = asked_for(&mut olga, "/reconciliation/fetch", &proof);
    assert_eq!(begun.status, 303, "{}", begun.body);
    let statuses = desk.settled(4);
    assert!(statuses.values().all(|status| status == "landed" || status == "review"), "{statuses:?}");
    assert_eq!(desk.logged().len(), 4);
    let shown = eventually("nothing is missing", || {
        Some(olga.get("/reconciliation").body).filter(|page| !page.contains("never came of those") && !page.contains("is being fetched"))
    });
    assert!(!shown.contains("Fetch these"), "{shown}");
    assert!(!olga.get("/calls?day=all").body.contains("never came"));

    let trail = desk.run(&["audit", "--who", "olga", "--format", "json"]).exits(0).json();
    let did: Vec<(&str, &str)> =
        trail["trail"].as_array().into_iter().flatten().map(|line| (text(line, "what"), text(line, "record"))).collect();
    let about: Vec<&str> = did.iter().map(|(what, _)| *what).collect();
    assert_eq!(about, ["backfill", "look at list", "sign-in"]);
    assert!(did[0].1.starts_with("retell ") && did[0].1.contains(".."), "{did:?}");
}

/// Story: a program asks the same: the answer is the command line's, numbers are those of the list, and what is begun is begun once.
#[test]
fn a_program_and_the_command_line_get_the_same() {
    let (desk, _list, calls) = desk();
    let service = desk.serve();
    let first = looked(&service);
    assert_eq!((sum(&first, "listed"), sum(&first, "missing"), sum(&first, "received")), (4, 4, 0), "{first:#}");
    deliver(&service, &calls[0]);
    desk.settled(1);
    let before = report(&service);
    assert_eq!((sum(&before, "missing"), sum(&before, "received")), (3, 1), "what came is not missing any more, without another look");
    let ran = desk.run(&["reconcile", "--format", "json"]).exits(1);
    assert_eq!(ran.json(), before, "one shape for both");
    let said = desk.run(&["reconcile"]).exits(1);
    assert!(said.stdout.contains("3 calls never came") && said.stdout.contains("aftercall backfill SOURCE"), "{}", said.seen());

    let json_type = [("content-type".to_owned(), "application/json".to_owned())];
    let to = |what: &str, body: &str| post(&format!("{}/v1/reconciliation/{what}", service.address), &json_type, body.as_bytes());
    let wrong = to("fetch", r#"{"source": "retel"}"#);
    assert_eq!((wrong.status, text(&wrong.json(), "code")), (400, "bad_request"), "{}", wrong.body);
    let none = to("look", r#"{"source": "json"}"#);
    assert!(none.status == 400 && none.body.contains("has no list of calls"), "{}", none.body);
    let begun = to("fetch", r#"{"source": "retell", "from": "yesterday"}"#);
    assert_eq!(begun.status, 200, "{}", begun.body);
    desk.settled(4);
    let after = eventually("it is over", || Some(report(&service)).filter(|report| sum(report, "fetched") == 3));
    assert_eq!((sum(&after, "listed"), sum(&after, "missing"), sum(&after, "received")), (4, 0, 4), "{after:#}");
    desk.run(&["reconcile", "--look", "--format", "json"]).exits(0);
    for (query, said) in [
        ("from=x", "is no day"),
        ("from=2026-01-01&to=2026-06-01", "more than 31 days"),
        ("sort=x", "no parameter `sort`"),
        ("newest=1000000", "`newest` is a number"),
    ] {
        let refused = get(&format!("{}/v1/reconciliation?{query}", service.address));
        assert!(refused.status == 400 && refused.body.contains(said), "{query}: {}", refused.body);
    }
}

/// Story: the command line finds what is missing beside the service; the page that is open there has it, and so has the gap above the calls.
#[test]
fn the_command_line_looks_for_the_pages() {
    let (desk, list, calls) = desk();
    list.reset();
    let service = desk.serve();
    looked(&service);
    list.load(&json!({ "calls": calls })).expect("the calls load");
    let ran = desk.run(&["reconcile", "--look", "--from", "yesterday"]).exits(1);
    assert!(ran.stdout.contains("4 calls never came"), "{}", ran.seen());
    assert!(page(&service, "/reconciliation").contains("4 calls never came"));
    assert_eq!(desk.statuses().len(), 0, "nothing is taken in");
}

/// Story: the platform is down when somebody looks. The page does not wait for it, and says in the end what happened and that nothing is lost.
#[test]
fn a_platform_that_is_down_keeps_no_page_waiting() {
    let (desk, list, _) = desk();
    let service = desk.serve();
    looked(&service);
    list.fault(FaultSpec::new(FaultKind::Down));
    let mut browser = Browser::at(&service.address);
    let shown = page(&service, "/reconciliation");
    let (_, rest) = shown.split_once("name=\"proof\" value=\"").expect("the page has a form");
    let proof = rest.split('"').next().unwrap_or_default();
    let begun = asked_for(&mut browser, "/reconciliation/look", proof);
    assert_eq!(begun.status, 303, "{}", begun.body);
    let while_it_goes_on = page(&service, "/reconciliation");
    assert!(while_it_goes_on.contains("its list is being asked"), "{while_it_goes_on}");
    let again = asked_for(&mut browser, "/reconciliation/look", proof);
    assert!(again.header("location").is_some_and(|to| to.ends_with("done=under_way")), "{:?}", again.header("location"));
    let shown = eventually("what happened is said", || {
        Some(page(&service, "/reconciliation")).filter(|page| page.contains("The list was not read to its end"))
    });
    assert!(shown.contains("Nothing is lost by it") && shown.contains("[source.retell] auth") && shown.contains("Look now"), "{shown}");
    assert!(shown.contains("4 calls never came"), "what was known before stays known: {shown}");
    drop(service);

    desk.write("secrets/PLATFORM_KEY", "another-key\n");
    list.reset();
    let service = desk.serve();
    let shown =
        eventually("the key is said to be wrong", || Some(page(&service, "/reconciliation")).filter(|page| page.contains("not let in: ")));
    assert!(shown.contains("`source.retell` names the key under `auth`") && !shown.contains("another-key"), "{shown}");
}

/// Story: a platform without a list, and one without credentials: the page says so, shows what came in, and has no button for them.
#[test]
fn a_source_without_a_list_is_said_to_have_none() {
    let desk = Desk::salesforce();
    let service = desk.serve();
    service.take(&call("c-1", json!({"caller": {"phone": "+15125559001", "name": "Tess Newman"}})));
    desk.settled(1);
    let shown = page(&service, "/reconciliation");
    assert!(shown.contains("this platform has no list of calls that we can ask"), "{shown}");
    assert!(
        shown.contains("wants credentials for its list of calls: write <code>auth = { token = &quot;env:NAME&quot; }</code>"),
        "{shown}"
    );
    assert!(!shown.contains("Look now") && shown.contains("not looked at"), "{shown}");
    let today = report(&service)["days"][0].clone();
    assert_eq!((text(&today, "source"), &today["received"], &today["listed"]), ("json", &json!(1), &Value::Null), "{today:#}");
    let link = format!("/calls?from={0}&amp;to={0}&amp;source=json&amp;status=landed", text(&today, "day"));
    assert!(shown.contains(&link), "each number leads to its calls: {link} in {shown}");
    assert!(page(&service, &link.replace("&amp;", "&")).contains("Tess Newman"));
}

/// Story: of what calls captured, one value has a field, one stands only among the notes, one nowhere. The table says which, through which line,
/// and which line to write; writing it gives the value its field.
#[test]
fn captured_values_are_held_against_their_fields() {
    let desk = Desk::salesforce();
    // The call log without its list of everything that was captured: what has no field is then lost.
    let shipped = std::fs::read_to_string(repository().join("mappings/salesforce/call-log.toml")).expect("it ships");
    let (all, notes) = ("{{#each captured}}\n{{words @key}}: {{text this}}\n{{/each}}", "Insurance: {{captured.insurance}}");
    assert!(shipped.contains(all));
    desk.write("mappings/salesforce/call-log.toml", &shipped.replace(all, notes));
    let service = desk.serve();
    let captured = json!({"language": "English", "insurance": "Delta", "pet name": "Rex"});
    let caller = |n: usize| json!({"caller": {"phone": format!("+1512555900{n}"), "name": "Tess Newman"}, "captured": captured});
    service.take(&call("c-1", caller(1)));
    desk.settled(1);
    let line = |report: &Value, value: &str| {
        let lines = report["coverage"]["values"].as_array().cloned().unwrap_or_default();
        lines.into_iter().find(|line| line["value"] == value).unwrap_or_else(|| panic!("no {value} in {report:#}"))
    };
    let first = report(&service);
    let of = |line: &Value| ["calls", "field", "text", "nowhere"].map(|key| line[key].as_u64().unwrap_or_default());
    let (language, insurance, pet) =
        (line(&first, "captured.language"), line(&first, "captured.insurance"), line(&first, "captured.pet name"));
    assert_eq!([of(&language), of(&insurance), of(&pet)], [[1, 1, 0, 0], [1, 0, 1, 0], [1, 0, 0, 1]], "{first:#}");
    assert!(
        text(&language["ways"][0], "origin").starts_with("mappings/acme/contact.toml:") && language["advice"].is_null(),
        "{language:#}"
    );
    assert_eq!((text(&insurance["ways"][0], "field"), &insurance["ways"][0]["alone"]), ("Description", &json!(false)), "{insurance:#}");
    let advice = &pet["advice"];
    assert_eq!((text(advice, "file"), text(advice, "write")), ("pipelines/front-desk.toml", "contact"), "{pet:#}");
    let shown = page(&service, "/reconciliation");
    assert!(
        shown.contains("captured.pet name") && shown.contains("get captured &#39;pet name&#39;")
            || shown.contains("get captured 'pet name'"),
        "{shown}"
    );

    // What the page says to write is written, with the name of a field.
    let custom = json!({"custom_fields": {"Contact": [{"name": "Pet__c", "type": "string", "length": 40}]}});
    desk.crm.configure(&custom).expect("a setting");
    let under = "id = \"contact\"\n";
    desk.edit("pipelines/front-desk.toml", under, &format!("{under}{}\n", text(advice, "line").replace("NAME_OF_THE_FIELD", "Pet__c")));
    desk.run(&["check"]).exits(0);
    eventually("the service takes it over", || line(&report(&service), "captured.pet name")["advice"].is_null().then_some(()));
    service.take(&call("c-2", caller(2)));
    desk.settled(2);
    let pet = line(&report(&service), "captured.pet name");
    assert_eq!(of(&pet), [2, 1, 0, 1], "the older call's is lost, the newer one's has its field: {pet:#}");
    assert!(desk.crm_rows("Contact").iter().any(|row| row["Pet__c"] == "Rex"));
    let ran = desk.run(&["reconcile", "--format", "json"]).exits(0);
    assert_eq!(ran.json(), report(&service));
}

/// Story: two people of one name and number stand in the CRM twice. The call that met them leads there, with links to the records; a viewer does not
/// learn whom it is about.
#[test]
fn records_that_may_be_one_person_are_listed() {
    let desk = Desk::salesforce();
    let twin =
        |id: &str| json!({"Id": id, "FirstName": "Tess", "LastName": "Newman", "Phone": "(512) 555-9001", "Email": "tess@newman.example"});
    desk.crm.load(&json!({"Contact": [twin("003TWIN00000001"), twin("003TWIN00000002")]})).expect("the records load");
    let service = desk.serve();
    service.take(&call("c-1", json!({"caller": {"phone": "+15125559001", "name": "Tess Newman"}})));
    desk.settled(1);
    let found = report(&service);
    let one = &found["duplicates"][0];
    assert_eq!((text(one, "kind"), text(one, "call"), text(one, "connection")), ("several_fit", "json:c-1", "crm"), "{found:#}");
    let ids: Vec<&str> = one["records"].as_array().into_iter().flatten().map(|record| text(record, "record_id")).collect();
    assert!(ids.iter().any(|id| id.starts_with("003TWIN00000001")) && ids.iter().any(|id| id.starts_with("003TWIN00000002")), "{one:#}");
    let shown = page(&service, "/reconciliation");
    assert!(shown.contains("/003TWIN00000001") && shown.contains("/calls/json%3Ac-1") && shown.contains("Tess Newman"), "{shown}");
    let secret = token(&desk, "wall", "viewer");
    let seen = get_with(&format!("{}/v1/reconciliation", service.address), &[("authorization".to_owned(), format!("Bearer {secret}"))]);
    assert!(seen.status == 200 && !seen.body.contains("Newman") && seen.body.contains("003TWIN00000001"), "{}", seen.body);
}

/// Story: nobody looks at a page. The service holds the list against what came, whoever is on duty is told, and it is over when the calls are in.
#[test]
fn nobody_has_to_click_for_the_alert() {
    let (desk, _list, _) = desk();
    let hook = Receiver::http();
    desk.write("secrets/HOOK", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let told = format!("[notify.ops]\nwebhook = {{ url = \"http://{}/hook\", secret = \"file:secrets/HOOK\" }}\n", hook.host());
    let gap = "\n[alert.gap]\nwhen = \"never_delivered of retell >= 4 within 1s\"\nnotify = \"ops\"\nrecover_after = \"1s\"\n";
    desk.add("aftercall.toml", &format!("{gap}{told}"));
    let service = desk.serve();
    looked(&service);
    eventually("somebody is told", || (!hook.received().is_empty()).then_some(()));
    let said = hook.received()[0].json().to_string();
    assert!(said.contains("4 calls are on the platform's list and never came") && said.contains("aftercall reconcile"), "{said}");
    assert!(desk.run(&["alerts"]).exits(1).stdout.contains("gap"));
    desk.run(&["backfill", "retell"]).exits(0);
    eventually("it is over", || (hook.received().len() >= 2).then_some(()));
    desk.run(&["alerts"]).exits(0);
    assert_eq!(desk.settled(4).len(), 4);
}
