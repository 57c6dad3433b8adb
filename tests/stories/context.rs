//! Stories of whoever talks with a caller just now, and asks who that is.
//!
//! Not for how a system is searched: `callers` and `matching` tell of that.

use aftercall_sandbox::{FaultKind, FaultSpec, Sandbox};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::support::{Answer, Desk, Running, call, eventually, get, get_with, post, raw, signed_at, text};

/// A budget that no machine needs, for stories that are not about time.
const UNHURRIED: &str = "\n[context]\nbudget_ms = 7000\n";

/// The example's desk with time enough.
fn unhurried(desk: Desk) -> Desk {
    desk.add("pipelines/front-desk.toml", UNHURRIED);
    desk
}

#[track_caller]
fn ask(service: &Running, query: &str) -> Answer {
    get(&format!("{}/v1/context?{query}", service.address))
}

#[track_caller]
fn told(service: &Running, query: &str) -> Value {
    let answer = ask(service, query);
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

/// How often a system was asked for anything but a token.
fn reads(crm: &Sandbox) -> usize {
    crm.requests().iter().filter(|r| !r.path.ends_with("/token")).count()
}

/// Story: an agent picks up, and knows who calls: one request of Salesforce tells everything.
#[test]
fn a_known_caller_in_one_request() {
    let desk = unhurried(Desk::salesforce());
    let more = json!({
        "Case": [{"ContactId": "0035e0000000002AAA", "Subject": "Crown hurts", "Status": "New"}],
        "Event": [{"WhoId": "0035e0000000002AAA", "Subject": "Whitening", "StartDateTime": "2031-01-07T15:00:00.000+0000",
            "EndDateTime": "2031-01-07T15:30:00.000+0000"}],
    });
    desk.crm.load(&more).expect("records");
    let service = desk.serve();
    let answer = ask(&service, "phone=%2B15125550188&email=grace.okonkwo@example.com");
    assert_eq!((answer.status, answer.header("cache-control")), (200, Some("no-store")));
    let told = answer.json();
    assert_eq!((text(&told, "verdict"), &told["version"], &told["missing"]), ("matched", &json!(1), &json!([])), "{told:#}");
    assert_eq!((&told["contact"]["id"], &told["contact"]["name"]), (&json!("0035e0000000002AAA"), &json!("Grace Okonkwo")), "{told:#}");
    assert_eq!(told["account"], json!({"id": "0015e0000000002AAA", "name": "Okonkwo & Daughters LLC"}));
    assert!(told["owner"]["name"].is_string(), "{told:#}");
    assert_eq!(told["flags"], json!({"do_not_call": false, "opted_out_of_email": false}));
    let lists = &told["context"];
    assert_eq!(lists["open_opportunities"][0]["name"], "Okonkwo: whitening", "{told:#}");
    assert_eq!(lists["open_tickets"][0]["name"], "Crown hurts");
    assert!(text(&lists["upcoming_events"][0], "starts_at").starts_with("2031-01-07T15:00"), "{told:#}");
    assert_eq!(lists["recent_calls"], json!([]));
    assert_eq!((reads(&desk.crm), &told["from_cache"]), (1, &json!(false)));
    let schema = aftercall_config::schema::Kind::CallerContext.schema();
    for key in told.as_object().expect("an object").keys() {
        assert!(schema["properties"].get(key).is_some(), "`{key}` is not in the schema");
    }
    // And nothing that identifies her stands in the log.
    service.says("told about a caller");
    let log = service.log();
    for word in ["5550188", "okonkwo", "Grace", "0035e0000000002AAA"] {
        assert!(!log.contains(word), "{word} in the log:\n{log}");
    }
}

/// Story: the same of HubSpot, in three requests.
#[test]
fn a_known_caller_in_three_requests() {
    let desk = unhurried(Desk::hubspot());
    let service = desk.serve();
    let told = told(&service, "phone=%2B15125550188&email=grace.okonkwo@example.com");
    assert_eq!((text(&told, "verdict"), &told["missing"]), ("matched", &json!([])), "{told:#}");
    assert_eq!(told["contact"]["name"], "Grace Okonkwo");
    assert_eq!(told["context"]["open_opportunities"][0]["name"], "Okonkwo: whitening", "{told:#}");
    assert_eq!(told["context"]["open_tickets"], json!([]));
    assert_eq!(told["flags"], json!({"opted_out_of_email": false}));
    assert_eq!(reads(&desk.crm), 3);
}

/// Story: the office words the text for its agent itself; a caller who does not want to be called is flagged.
#[test]
fn the_text_for_a_prompt() {
    let desk = unhurried(Desk::salesforce());
    let service = desk.serve();
    let plain = ask(&service, "phone=%2B15125550142&format=text").body;
    assert!(plain.contains("The caller is Nora Whitfield, of Whitfield Household."), "{plain}");
    assert!(plain.contains("Under way: Whitfield: crown, upper right (Prospecting)."), "{plain}");
    drop(service);
    let own = "text = \"{{contact.first_name}} {{#if flags.open}}has {{context.open_opportunities.0.name}}{{/if}}\"\n\
               flags.open = 'size(context.open_opportunities) > 0'\n";
    desk.add("pipelines/front-desk.toml", own);
    let service = desk.serve();
    assert_eq!(ask(&service, "phone=%2B15125550142&format=text").body, "Nora has Whitfield: crown, upper right\n");
    assert_eq!(told(&service, "phone=%2B15125550142")["flags"]["open"], true);
}

/// Story: a stranger, and somebody who may be one of two: of neither anything is told but that.
#[test]
fn whoever_is_not_certain() {
    let desk = unhurried(Desk::salesforce());
    let twin = json!({"Contact": [{"FirstName": "Gregor", "LastName": "Oak", "MobilePhone": "512-555-0142"}]});
    desk.crm.load(&twin).expect("a record");
    let service = desk.serve();
    let stranger = told(&service, "phone=%2B15125559001");
    assert_eq!((text(&stranger, "verdict"), &stranger["candidates"], stranger.get("contact")), ("new", &json!(0), None), "{stranger:#}");
    assert!(text(&stranger, "text").contains("not known here"));
    let answer = ask(&service, "phone=%2B15125550142");
    let both = answer.json();
    assert_eq!((text(&both, "verdict"), &both["candidates"]), ("ambiguous", &json!(2)), "{both:#}");
    for word in ["Nora", "Whitfield", "Gregor", "Oak", "0035e", "crown"] {
        assert!(!answer.body.contains(word), "{word} in {}", answer.body);
    }
    // The name decides, and is part of the question.
    assert_eq!(text(&told(&service, "phone=%2B15125550142&name=Nora+Whitfield"), "verdict"), "matched");
}

/// Story: the CRM is slow. The answer comes in time and says what is missing; reading goes on, and the next one is whole.
#[test]
fn an_answer_in_time() {
    let desk = Desk::salesforce();
    desk.add("pipelines/front-desk.toml", "\n[context]\nbudget_ms = 150\n");
    desk.crm.fault(FaultSpec::next(FaultKind::Slow, 1).on_path("/query").delayed_ms(1500));
    let service = desk.serve();
    let first = told(&service, "phone=%2B15125550142");
    assert_eq!((text(&first, "verdict"), &first["missing"][0]["what"]), ("unknown", &json!("contact")), "{first:#}");
    assert_eq!(first["missing"][0]["because"], "Salesforce had not answered within 150 ms");
    assert!(text(&first, "text").contains("Nothing is known about the caller yet"), "{first:#}");
    assert!(first["read_ms"].as_u64().is_some_and(|ms| (150..1400).contains(&ms)), "{first:#}");
    let whole = eventually("the answer is whole", || Some(told(&service, "phone=%2B15125550142")).filter(|t| t["missing"] == json!([])));
    assert_eq!(whole["contact"]["name"], "Nora Whitfield");
    assert_eq!(reads(&desk.crm), 1, "all who asked shared one reading");
}

/// Story: of two lists one is late: the other is told, and the late one is named.
#[test]
fn one_list_is_late() {
    let desk = Desk::hubspot();
    desk.add("pipelines/front-desk.toml", "\n[context]\nbudget_ms = 3000\n");
    desk.crm.fault(FaultSpec::next(FaultKind::Slow, 1).on_path("tickets").delayed_ms(8000));
    let service = desk.serve();
    let told = told(&service, "phone=%2B15125550142");
    assert_eq!((text(&told, "verdict"), &told["missing"][0]["what"]), ("matched", &json!("open_tickets")), "{told:#}");
    assert_eq!(told["missing"].as_array().map(Vec::len), Some(1));
    assert_eq!(told["context"]["open_opportunities"][0]["name"], "Whitfield: crown, upper right", "{told:#}");
}

/// Story: a second question costs nothing; after a call of that caller was written, the answer is fresh.
#[test]
fn kept_true_by_what_we_write() {
    let desk = unhurried(Desk::salesforce());
    let service = desk.serve();
    for (from_cache, requests) in [(false, 1), (true, 1)] {
        let told = told(&service, "phone=%2B15125550142");
        assert_eq!((&told["from_cache"], reads(&desk.crm)), (&json!(from_cache), requests), "{told:#}");
        assert_eq!(told["context"]["recent_calls"], json!([]));
    }
    // Somebody else's answer stays.
    told(&service, "phone=%2B15125550188");
    service.take(&call("c-1", json!({"caller": {"phone": "+15125550142"}, "outcome": "booked"})));
    desk.settled(1);
    let fresh = told(&service, "phone=%2B15125550142");
    assert_eq!(fresh["from_cache"], false);
    assert_eq!(fresh["context"]["recent_calls"].as_array().map(Vec::len), Some(1), "{fresh:#}");
    assert_eq!(fresh["context"]["open_opportunities"][0]["stage"], "Qualification");
    assert_eq!(told(&service, "phone=%2B15125550188")["from_cache"], true);
    // A stranger is known from the moment that the call made a contact.
    assert_eq!(text(&told(&service, "phone=%2B15125559001"), "verdict"), "new");
    service.take(&call("c-2", json!({"caller": {"phone": "+15125559001", "name": "Tess Newman"}})));
    desk.settled(2);
    assert_eq!(told(&service, "phone=%2B15125559001")["contact"]["name"], "Tess Newman");
}

/// Story: HubSpot's search lags, and still the answer has what we wrote a moment ago.
#[test]
fn a_lagging_search_is_made_up_for() {
    let desk = unhurried(Desk::hubspot());
    let service = desk.serve();
    assert_eq!(told(&service, "phone=%2B15125550142")["contact"].get("email"), None);
    let caller = json!({"phone": "+15125550142", "name": "Nora Whitfield", "email": "nora@example.com"});
    service.take(&call("c-1", json!({ "caller": caller })));
    desk.settled(1);
    assert_eq!(told(&service, "phone=%2B15125550142")["contact"]["email"], "nora@example.com");
}

/// Story: Vapi asks which assistant answers, and gets it with what is known; the question is no call.
#[test]
fn vapi_asks_for_an_assistant() {
    let desk = unhurried(Desk::salesforce());
    let question = json!({"message": {"type": "assistant-request", "call": {"id": "x", "customer": {"number": "+15125550142"}}}});
    let body = question.to_string();
    {
        let service = desk.serve();
        let answer = service.deliver("vapi", body.as_bytes());
        assert_eq!((answer.status, answer.json()), (200, json!({"status": "ignored"})), "without an assistant it is not ours to answer");
        assert_eq!(reads(&desk.crm), 0);
    }
    desk.edit("aftercall.toml", "[source.vapi]\n", "[source.vapi]\nsettings = { assistant_id = \"asst-1\" }\n");
    let service = desk.serve();
    let answer = service.deliver("vapi", body.as_bytes());
    let said = answer.json();
    assert_eq!((answer.status, text(&said, "assistantId")), (200, "asst-1"), "{}", answer.body);
    let values = &said["assistantOverrides"]["variableValues"];
    assert_eq!((text(values, "caller_known"), text(values, "caller_first_name")), ("yes", "Nora"), "{said:#}");
    assert!(text(values, "caller_context").contains("crown, upper right"), "{said:#}");
    // Whoever cannot sign is refused.
    for headers in [Vec::new(), signed_at("vapi", "a guess", body.as_bytes(), SignedDuration::ZERO)] {
        assert_eq!(post(&service.endpoint("vapi"), &headers, body.as_bytes()).status, 401);
    }
    assert_eq!(desk.calls()["calls"], json!([]));
    assert!(!service.log().contains("5550142"), "{}", service.log());
}

/// Story: Retell asks before the call is answered. Every value is text, also of a stranger, and when nothing can be read.
#[test]
fn retell_asks_for_variables() {
    let desk = unhurried(Desk::salesforce());
    let service = desk.serve();
    let asked = |service: &Running, number: Value| {
        let question =
            json!({"event": "call_inbound", "call_inbound": {"agent_id": "a", "from_number": number, "to_number": "+15125550100"}});
        let answer = service.deliver("retell", question.to_string().as_bytes());
        assert_eq!(answer.status, 200, "{}", answer.body);
        let values = answer.json()["call_inbound"]["dynamic_variables"].take();
        assert!(values.as_object().is_some_and(|v| v.len() == 6 && v.values().all(Value::is_string)), "{}", answer.body);
        values
    };
    let nora = asked(&service, json!("+15125550142"));
    assert_eq!((text(&nora, "caller_known"), text(&nora, "caller_name")), ("yes", "Nora Whitfield"));
    assert_eq!(text(&nora, "caller_account"), "Whitfield Household");
    for number in [json!("+15125559001"), json!("anonymous"), Value::Null] {
        assert_eq!(text(&asked(&service, number), "caller_known"), "no");
    }
    desk.crm.fault(FaultSpec::new(FaultKind::Down));
    let grace = asked(&service, json!("+15125550188"));
    assert_eq!((text(&grace, "caller_known"), text(&grace, "caller_name")), ("no", "unknown"));
    // Nor is our own trouble the caller's: without a secret nobody is told anything, and there is an answer.
    std::fs::remove_file(desk.root().join("secrets/RETELL_SECRET")).expect("the secret");
    assert_eq!(text(&asked(&service, json!("+15125550142")), "caller_known"), "no");
    assert_eq!(desk.calls()["calls"], json!([]));
    assert!(desk.run(&["calls", "--unrecognised"]).exits(0).stdout.contains("every payload was understood"));
}

/// Story: it tells about people, so it is told to whoever knows the secret; without one, to this machine alone.
#[test]
fn who_may_ask() {
    let desk = unhurried(Desk::salesforce());
    {
        let service = desk.serve();
        for header in ["host: calls.acme.example", "host: localhost\r\nx-forwarded-for: 203.0.113.9"] {
            let request = format!("GET /v1/context?phone=%2B15125550142 HTTP/1.1\r\n{header}\r\nconnection: close\r\n\r\n");
            let answer = raw(service.host(), request.as_bytes());
            assert!(answer.starts_with("HTTP/1.1 403") && answer.contains("[context] secret"), "{answer}");
        }
    }
    desk.add("aftercall.toml", "\n[context]\nsecret = \"file:secrets/CONTEXT\"\n");
    desk.write("secrets/CONTEXT", "who-calls\n");
    let service = desk.serve();
    let with = |token: &str| {
        let url = format!("{}/v1/context?phone=%2B15125550142", service.address);
        get_with(&url, &[("authorization".to_owned(), token.to_owned())])
    };
    for token in ["", "Bearer", "Bearer who-call", "Bearer who-calls-", "Basic who-calls"] {
        let answer = with(token);
        assert_eq!(answer.status, 401, "{token}: {}", answer.body);
        assert!(!answer.body.contains("Nora"));
    }
    assert_eq!(reads(&desk.crm), 0);
    assert_eq!(with("Bearer who-calls").json()["contact"]["name"], "Nora Whitfield");
    std::fs::remove_file(desk.root().join("secrets/CONTEXT")).expect("the secret");
    assert_eq!(with("Bearer who-calls").status, 503);
}

/// Story: a question that cannot be understood is answered with a sentence, and asks nobody.
#[test]
fn questions_that_cannot_be_understood() {
    let desk = unhurried(Desk::salesforce());
    let service = desk.serve();
    for (query, sentence) in [
        ("", "say whom you mean: `phone=` or `email=`, or both"),
        ("phone=", "say whom you mean: `phone=` or `email=`, or both"),
        ("name=Nora", "say whom you mean: `phone=` or `email=`, or both"),
        ("phone=12", "`phone` is no number that identifies anybody; write it as +15125550142"),
        ("phone=anonymous", "`phone` is no number that identifies anybody; write it as +15125550142"),
        ("phone=%2B15125550142&email=nora", "`email` is no address that identifies anybody"),
        ("phone=%2B15125550142&pipeline=back-desk", "there is no pipeline `back-desk`; there is: front-desk"),
        ("phone=%2B15125550142&source=fax", "there is no source `fax`; there is: vapi, retell, elevenlabs, bland, json"),
        ("phone=%2B15125550142&format=xml", "there is no format `xml`; there is: json, text"),
        ("fone=1", "there is no parameter `fone`; there is: phone, email, name, source, pipeline, format"),
    ] {
        let answer = ask(&service, query);
        assert_eq!((answer.status, answer.json()), (400, json!({ "error": sentence })), "{query}");
    }
    assert_eq!(reads(&desk.crm), 0);
    // A plus that was not encoded is meant all the same.
    assert_eq!(text(&told(&service, "phone=+15125550142&source=retell&pipeline=front-desk"), "verdict"), "matched");
}
