//! Stories of the page Connections: how long a system takes to answer, and which errors it gives, over time.

use serde_json::{Value, json};

use crate::support::{Desk, Running, call, eventually, get};

#[track_caller]
fn page(service: &Running, path: &str) -> String {
    let answer = get(&format!("{}{path}", service.address));
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    answer.body
}

fn from(id: &str, phone: &str) -> Value {
    call(id, json!({"outcome": "message", "caller": {"phone": phone, "name": "Tess Newman"}}))
}

/// One connection of the listing.
#[track_caller]
fn connection(service: &Running, id: &str) -> Value {
    let listing: Value = serde_json::from_str(&page(service, "/v1/connections")).expect("JSON");
    let all = listing["connections"].as_array().cloned().unwrap_or_default();
    all.into_iter().find(|one| one["id"] == id).unwrap_or_else(|| panic!("no {id} in {listing:#}"))
}

/// The sum of a number over all stretches.
fn sum(stretches: &Value, of: impl Fn(&Value) -> u64) -> u64 {
    stretches.as_array().into_iter().flatten().map(of).sum()
}

/// Story: the CRM refuses a field since this morning, and seems slow. The page shows over time how long answers took, and which errors there were, drawn and
/// as numbers; a program gets the same.
#[test]
fn answers_and_errors_over_time() {
    let desk = Desk::salesforce();
    let required = json!({"custom_fields": {"Contact": [{"name": "Insurance__c", "type": "string", "length": 40, "required": true}]}});
    let service = desk.serve();
    let quiet = page(&service, "/connections");
    assert!(quiet.contains("Counted since") && quiet.contains("No request in this time.") && !quiet.contains("<svg"), "{quiet}");
    service.take(&from("c-1", "+15125550142"));
    desk.settled(1);
    desk.crm.configure(&required).expect("a setting");
    service.take(&from("c-2", "+15125559001"));
    eventually("the second is dead", || (desk.status("json:c-2") == "dead").then_some(()));
    for (path, by) in [("/connections", "by the minute"), ("/connections?over=day", "by the half hour")] {
        let shown = page(&service, path);
        for expected in [
            "Time to the answer: ",
            "95 of 100 within ",
            "aria-label=\"How long answers of crm took. Lately half within ",
            "<path class=\"p99\" d=\"M",
            "errors by class",
            "<span>invalid <strong>",
            "As numbers",
            "data-is=\"Errors\">invalid ",
            by,
        ] {
            assert!(shown.contains(expected), "no {expected:?} at {path} in:\n{shown}");
        }
    }
    let crm = connection(&service, "crm");
    for (past, slots) in [(&crm["hour"], 60), (&crm["day"], 48)] {
        assert_eq!(past.as_array().map(Vec::len), Some(slots));
        let requests = sum(past, |one| one["requests"].as_u64().unwrap_or_default());
        assert!(requests >= 4, "{past:#}");
        assert!(sum(past, |one| one["errors"]["invalid"].as_u64().unwrap_or_default()) >= 1, "{past:#}");
        for one in past.as_array().into_iter().flatten().filter(|one| one["requests"] != 0) {
            let of = |name: &str| one[name].as_f64().unwrap_or_default();
            assert!(of("p50_ms") > 0.0 && of("p50_ms") <= of("p95_ms") && of("p95_ms") <= of("p99_ms"), "{one}");
        }
    }
    assert_eq!((&crm["credentials"], &crm["waiting"], &crm["left_alone_s"]), (&json!("valid"), &json!(0), &Value::Null));
}

/// Story: the CRM is away. The page says for how long and why, and that nobody has to do anything about the calls that wait; they go on by themselves.
#[test]
fn an_outage_asks_nobody_to_retry() {
    let desk = Desk::salesforce().impatient();
    let service = desk.serve();
    desk.crm.fault(aftercall_sandbox::FaultSpec::new(aftercall_sandbox::FaultKind::Down));
    (0..8).for_each(|n| service.take(&from(&format!("c-{n}"), &format!("+1512555900{n}"))));
    let shown =
        eventually("the system is left alone", || Some(page(&service, "/connections")).filter(|shown| shown.contains("left alone for")));
    assert!(shown.contains("go on by themselves once it answers") && !shown.contains("then retry"), "{shown}");
    let alone =
        eventually("a program sees it", || Some(connection(&service, "crm")).filter(|crm| crm["left_alone_because"] != Value::Null));
    let failed = sum(&alone["hour"], |one| one["errors"].as_object().into_iter().flatten().filter_map(|(_, count)| count.as_u64()).sum());
    assert!(failed >= 5, "{alone:#}");
    desk.crm.clear_faults();
    assert!(desk.settled(8).values().all(|status| status == "landed"));
}
