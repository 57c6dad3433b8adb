//! Stories of what a running service tells of itself: metrics, health, traces, its log.

use std::collections::{BTreeMap, BTreeSet};

use aftercall::meters;
use aftercall_sandbox::{FaultKind, FaultSpec};
use serde_json::{Value, json};

use crate::support::{Desk, Receiver, Running, call, eventually, get, get_with, repository, secret, slot, text};

/// A scrape: samples by name and labels, and the kind of each metric.
struct Scrape {
    samples: BTreeMap<String, f64>,
    kinds: BTreeMap<String, String>,
}

impl Scrape {
    #[track_caller]
    fn of(service: &Running) -> Self {
        let answer = get(&format!("{}/metrics", service.address));
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert!(answer.body.trim_end().ends_with("# EOF"), "it is whole");
        let mut scrape = Self { samples: BTreeMap::new(), kinds: BTreeMap::new() };
        for line in answer.body.lines() {
            match line.strip_prefix("# TYPE ") {
                Some(kind) => {
                    let (name, kind) = kind.split_once(' ').expect("a name and a kind");
                    scrape.kinds.insert(name.to_owned(), kind.to_owned());
                }
                None if line.starts_with('#') => {}
                None => {
                    let (name, value) = line.rsplit_once(' ').expect("a name and a value");
                    scrape.samples.insert(name.to_owned(), value.parse().expect("a number"));
                }
            }
        }
        scrape
    }

    fn value(&self, name: &str) -> f64 {
        self.samples.get(name).copied().unwrap_or_default()
    }

    /// The sum over all labels.
    fn sum(&self, name: &str) -> f64 {
        self.samples.iter().filter(|(sample, _)| sample.split('{').next() == Some(name)).map(|(_, value)| value).sum()
    }
}

fn message(n: usize) -> Value {
    let caller = json!({"phone": format!("+1512555{:04}", 6000 + n), "name": "Canary Birdwell", "email": format!("canary{n}@example.org")});
    call(
        &format!("c-{n}"),
        json!({"outcome": "message", "follow_up": {"reason": "Call back"}, "caller": caller, "summary": "the canary sings"}),
    )
}

/// A day with everything in it: calls that land, a booking, a refusal, an outage, a payload that nobody understands, a forged one, a broken project.
fn varied_day(desk: &Desk, service: &Running) {
    service.take(&message(0));
    let booked = json!({"outcome": "booked", "caller": {"phone": "+15125550142", "name": "Nora Whitfield"}, "appointment": slot(9)});
    service.take(&call("c-booked", booked));
    desk.settled(2);
    desk.crm.fault(FaultSpec::next(FaultKind::ServerError, 1).on_path("composite"));
    service.take(&message(1));
    desk.settled(3);
    desk.crm.fault(FaultSpec::new(FaultKind::Down));
    (2..10).for_each(|n| service.take(&message(n)));
    service.says("paused: ");
    assert_eq!(service.deliver("retell", br#"{"event": "canary_dreamt_of"}"#).status, 202);
    assert_eq!(crate::support::post(&service.endpoint("vapi"), &[], b"{\"canary\": 1}").status, 401);
    let mapping = "pipelines/front-desk.toml";
    desk.edit(mapping, "mapping = \"salesforce/task\"", "mapping = \"salesforce/tusk\"");
    service.says("the changed project is refused");
    desk.edit(mapping, "mapping = \"salesforce/tusk\"", "mapping = \"salesforce/task\"");
}

/// Story: whoever watches the service reads a written list of metrics, which says what has happened; and the list and the metrics are the same.
#[test]
fn the_metrics_are_those_of_the_list() {
    let hook = Receiver::http();
    let desk = Desk::salesforce().impatient();
    let alert = "\n[alert.away]\nwhen = \"circuit_open > 0s\"\nnotify = \"ops\"\n[notify.ops]\nwebhook = { url = \"http://HOST\" }\n";
    desk.add("aftercall.toml", &alert.replace("HOST", &hook.host()));
    let service = desk.serve();
    varied_day(&desk, &service);
    eventually("somebody was told", || (!hook.received().is_empty()).then_some(()));
    let during = eventually("the outage is seen", || {
        let scrape = Scrape::of(&service);
        let open = scrape.value("aftercall_circuit_open{connection=\"crm\"}") == 1.0 && scrape.sum("aftercall_parked_calls") >= 1.0;
        (open && scrape.sum("aftercall_notices_total") > 0.0).then_some(scrape)
    });
    assert!(during.value("aftercall_backlog_calls") >= 8.0, "{:#?}", during.samples);
    assert_eq!(during.value("aftercall_alert_firing{alert=\"away\"}"), 1.0);
    desk.crm.clear_faults();
    desk.settled(11);
    let after = Scrape::of(&service);
    let label = |status: &str| format!("aftercall_calls_settled_total{{pipeline=\"front-desk\",status=\"{status}\"}}");
    assert_eq!(after.value(&label("landed")), 11.0, "{:#?}", after.samples);
    assert_eq!(after.value("aftercall_calls_received_total{source=\"json\",pipeline=\"front-desk\"}"), 11.0);
    assert_eq!(after.value("aftercall_payloads_total{source=\"retell\",result=\"unrecognised\"}"), 1.0);
    assert_eq!(after.value("aftercall_payloads_total{source=\"vapi\",result=\"refused\"}"), 1.0);
    assert_eq!(after.value("aftercall_circuit_open{connection=\"crm\"}"), 0.0);
    assert_eq!((after.value("aftercall_backlog_calls"), after.value("aftercall_unrecognised_payloads")), (0.0, 1.0));
    assert!(after.value("aftercall_reloads_total{result=\"refused\"}") >= 1.0);
    assert!(after.sum("aftercall_requests_total") >= desk.crm.requests().len() as f64 / 2.0);
    for result in ["2xx", "5xx", "lost"] {
        assert!(after.value(&format!("aftercall_requests_total{{connection=\"crm\",result=\"{result}\"}}")) >= 1.0, "{result}");
    }
    assert_eq!(after.value("aftercall_webhook_landed_seconds_count{pipeline=\"front-desk\"}"), 11.0);
    assert!(after.value("aftercall_token{connection=\"crm\",state=\"valid\"}") == 1.0);
    // The list and what is told are one.
    let base = |name: &str| name.trim_end_matches("_total").to_owned();
    let listed: BTreeMap<String, &str> = meters::LIST.iter().map(|is| (base(is.name), is.kind)).collect();
    let told: BTreeMap<String, &str> = during.kinds.iter().chain(&after.kinds).map(|(name, kind)| (name.clone(), kind.as_str())).collect();
    for (name, kind) in &told {
        assert_eq!(listed.get(name), Some(kind), "{name} is not on the list");
    }
    // What needs something that did not happen today.
    let rare = ["aftercall_budget_window_left", "aftercall_never_delivered", "aftercall_journal_failures"];
    let missing: Vec<&String> = listed.keys().filter(|name| !told.contains_key(*name) && !rare.contains(&name.as_str())).collect();
    assert!(missing.is_empty(), "listed and never told: {missing:?}");
    // Labels are names out of the config and words, and none is missing.
    for sample in during.samples.keys().chain(after.samples.keys()) {
        for forbidden in ["c-", "canary", "Canary", "512555", "+1"] {
            assert!(!sample.contains(forbidden) || sample.contains("aftercall_info"), "{sample}");
        }
    }
    let page = std::fs::read_to_string(repository().join("schema/metrics.md")).expect("the page is there");
    assert_eq!(page, meters::page(), "UPDATE=1 cargo test tidy writes the page");
}

/// Every expression of the dashboard that ships is about metrics on the list, with labels that they have.
#[test]
fn the_dashboard_knows_the_metrics() {
    let board = std::fs::read_to_string(repository().join("examples/grafana/aftercall.json")).expect("the dashboard is there");
    let board: Value = serde_json::from_str(&board).expect("it is JSON");
    let mut used = BTreeSet::new();
    for panel in board["panels"].as_array().expect("panels") {
        let targets = panel["targets"].as_array().unwrap_or_else(|| panic!("{} asks for nothing", panel["title"]));
        for expression in targets.iter().map(|target| text(target, "expr")) {
            let words: Vec<&str> = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
            let metrics: Vec<&meters::Described> = words
                .iter()
                .filter(|word| word.starts_with("aftercall_"))
                .map(|word| {
                    let is = |is: &&meters::Described| {
                        is.name == *word
                            || (is.kind == "histogram"
                                && ["_bucket", "_sum", "_count"].map(|end| format!("{}{end}", is.name)).contains(&(*word).to_owned()))
                    };
                    meters::LIST.iter().find(is).unwrap_or_else(|| panic!("{word} is not on the list: {expression}"))
                })
                .collect();
            assert!(!metrics.is_empty(), "no metric in {expression}");
            if let Some((_, by)) = expression.split_once("by (") {
                for label in by.split(')').next().unwrap_or_default().split(',').map(str::trim).filter(|label| *label != "le") {
                    assert!(metrics.iter().any(|is| is.labels.contains(&label)), "no label {label}: {expression}");
                }
            }
            used.extend(metrics.iter().map(|is| is.name));
        }
    }
    assert!(used.len() > 12, "{used:?}");
}

/// Story: without a secret the metrics are for programs on this machine; with one, for whoever sends it.
#[test]
fn metrics_are_for_whom_they_are_meant() {
    let desk = Desk::salesforce();
    let service = desk.serve();
    let address = format!("{}/metrics", service.address);
    let proxied = get_with(&address, &[("x-forwarded-for".to_owned(), "203.0.113.9".to_owned())]);
    assert_eq!(proxied.status, 403, "{}", proxied.body);
    assert!(proxied.body.contains("metrics_secret"), "it teaches: {}", proxied.body);
    drop(service);
    desk.write("secrets/METRICS", "m3trics");
    desk.add("aftercall.toml", "\n[telemetry]\nmetrics_secret = \"file:secrets/METRICS\"\n");
    let service = desk.serve();
    let address = format!("{}/metrics", service.address);
    let ask = |token: &str| get_with(&address, &[("authorization".to_owned(), format!("Bearer {token}"))]).status;
    assert_eq!((get(&address).status, ask("wrong"), ask("m3trics")), (401, 401, 200));
}

/// Story: a CRM that is away makes the service neither dead nor unready; a journal that is gone makes it both.
#[test]
fn health_is_about_the_service_and_not_about_the_crm() {
    let desk = Desk::salesforce().impatient();
    desk.crm.fault(FaultSpec::new(FaultKind::Down));
    let service = desk.serve();
    (0..6).for_each(|n| service.take(&message(n)));
    service.says("paused: ");
    let ask = |path: &str| get(&format!("{}/{path}", service.address));
    let (alive, ready) = (ask("healthz"), ask("readyz"));
    assert_eq!((alive.status, alive.json()["status"].clone()), (200, json!("ok")), "{}", alive.body);
    assert_eq!((ready.status, ready.json()["ready"].clone()), (200, json!(true)), "{}", ready.body);
    std::fs::remove_file(desk.root().join("state/aftercall.db")).expect("the journal goes");
    eventually("it says so", || (ask("healthz").status == 503).then_some(()));
    let ready = ask("readyz");
    assert_eq!((ready.status, ready.json()["missing"][0]["what"].clone()), (503, json!("journal")), "{}", ready.body);
}

/// Story: one trace tells a call's whole way, also over an hour of waiting and a restart, and nothing of the caller.
#[test]
fn a_call_is_one_trace() {
    let collector = Receiver::http();
    let desk = Desk::salesforce().impatient();
    desk.write("secrets/OTLP", "let-me-in");
    desk.add(
        "aftercall.toml",
        &format!("\n[telemetry]\notlp = \"http://{}\"\notlp_headers = {{ x-token = \"file:secrets/OTLP\" }}\n", collector.host()),
    );
    desk.crm.fault(FaultSpec::new(FaultKind::Down));
    let service = desk.serve();
    service.take(&message(1));
    service.says("paused: ");
    service.terminate().exits(0);
    desk.crm.clear_faults();
    let service = desk.serve();
    desk.settled(1);
    service.terminate().exits(0);
    let received = collector.received();
    let mut spans: Vec<Value> = Vec::new();
    for request in &received {
        assert_eq!((request.to.as_str(), request.header("x-token")), ("/v1/traces", "let-me-in"));
        for private in ["canary", "Canary", "Birdwell", "512555", "example.org"] {
            assert!(!request.body.contains(private), "{private} in {}", request.body);
        }
        let body = request.json();
        spans.extend(body["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().cloned().unwrap_or_default());
    }
    let names: BTreeSet<&str> = spans.iter().map(|span| text(span, "name")).collect();
    assert_eq!(names, BTreeSet::from(["intake", "match", "plan", "work", "write"]), "{spans:#?}");
    let traces: BTreeSet<&str> = spans.iter().map(|span| text(span, "traceId")).collect();
    assert_eq!(traces.len(), 1, "one call, one trace, over the restart: {spans:#?}");
    let intake: Vec<&Value> = spans.iter().filter(|span| text(span, "name") == "intake").collect();
    assert_eq!(intake.len(), 1);
    assert!(spans.iter().all(|span| text(span, "name") == "intake" || span["parentSpanId"] == intake[0]["spanId"]), "{spans:#?}");
    let landed = spans.iter().filter(|span| text(span, "name") == "write" && span.to_string().contains("applied")).count();
    assert_eq!(landed, 3, "contact, call log and task: {spans:#?}");
}

/// Story: through a day with everything in it, at the loudest level, no secret and nothing of a caller stands in the log.
#[test]
fn the_log_of_a_varied_day_holds_ids_only() {
    let hook = Receiver::http();
    let desk = Desk::salesforce().impatient();
    desk.write("secrets/HOOK", "whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=");
    let alert = "\n[alert.away]\nwhen = \"circuit_open > 0s\"\nnotify = \"ops\"\n\
                 [notify.ops]\nwebhook = { url = \"http://HOST\", secret = \"file:secrets/HOOK\" }\n";
    desk.add("aftercall.toml", &alert.replace("HOST", &hook.host()));
    let service = Running::start_talkative(desk.root());
    varied_day(&desk, &service);
    desk.crm.clear_faults();
    desk.settled(11);
    let log = service.terminate().exits(0).stderr;
    assert!(log.contains("json:c-1"), "it is a loud one");
    let secrets = ["sandbox-secret", "sandbox-refresh", "AQIDBAUG"].map(str::to_owned).into_iter();
    let private = ["canary", "Canary", "Birdwell", "512555", "+1512", "Nora", "Whitfield"].map(str::to_owned);
    for word in secrets.chain([secret("json"), secret("retell"), secret("vapi")]).chain(private) {
        let line = log.lines().find(|line| line.contains(&word));
        assert!(line.is_none(), "{word:?} is in the log: {}", line.unwrap_or_default());
    }
}
