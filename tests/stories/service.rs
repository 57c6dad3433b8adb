//! Stories of the service itself: how it ends, how it dies, and who else may run.

use std::io::Write as _;
use std::net::TcpStream;

use aftercall_sandbox::{FaultKind, FaultSpec};
use serde_json::{Value, json};

use crate::support::{Desk, Running, aftercall, call, eventually, only, slot};

fn follow_up(n: usize) -> Value {
    let caller = json!({"phone": format!("+1512555{:04}", 4000 + n % 7), "name": format!("Caller Number{}", n % 7)});
    call(&format!("c-{n}"), json!({"outcome": "message", "follow_up": {"reason": "Call back"}, "caller": caller}))
}

/// Story: the service manager says stop. What is in hand is finished, what came in is kept, and the end is a clean one.
#[test]
fn sigterm_finishes_what_is_in_hand() {
    let desk = Desk::salesforce();
    desk.crm.fault(FaultSpec::next(FaultKind::Slow, 1).on_path("composite").delayed_ms(600));
    let service = desk.serve();
    service.take(&follow_up(1));
    // It has been read, and is planned or being written just now.
    desk.asked("/query", 1);
    let ran = service.terminate().exits(0);
    assert!(ran.stderr.contains("finishing what is in hand; everything else stays in the journal"), "{}", ran.stderr);
    assert_eq!(desk.statuses()["json:c-1"], "landed", "{}", ran.stderr);
    assert_eq!((desk.logged().len(), desk.to_dos().len()), (1, 1));
}

/// Story: somebody holds a connection open and says nothing. That does not keep the service from ending.
#[test]
fn a_silent_connection_does_not_keep_it() {
    let desk = Desk::salesforce();
    let service = desk.serve();
    let idle = TcpStream::connect(service.host()).expect("a connection");
    let mut half = TcpStream::connect(service.host()).expect("a connection");
    half.write_all(b"POST /v1/calls/vapi HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n").expect("half a request");
    let began = std::time::Instant::now();
    service.terminate().exits(0);
    assert!(began.elapsed().as_secs() < 15, "it took {} s", began.elapsed().as_secs());
    drop((idle, half));
}

/// Story: the machine loses the process in the middle of its work, again and again. Everything lands, and nothing twice.
#[test]
fn kill_nine_loses_and_doubles_nothing() {
    let desk = Desk::salesforce().impatient();
    desk.crm.fault(FaultSpec { probability: Some(0.5), ..FaultSpec::new(FaultKind::Slow) }.delayed_ms(40));
    let calls: Vec<Value> = (0..42).map(follow_up).collect();
    let mut rest = calls.chunks(7);
    // Each time after another number of requests, so that it dies in other places.
    for wanted in [1, 4, 9, 2, 6] {
        let service = desk.serve();
        let from = desk.crm.requests().len();
        rest.next().into_iter().flatten().for_each(|call| service.take(call));
        eventually("it works", || (desk.crm.requests().len() >= from + wanted).then_some(()));
        service.kill();
    }
    let service = desk.serve();
    rest.flatten().for_each(|call| service.take(call));
    let statuses = desk.settled(42);
    assert!(statuses.values().all(|s| s == "landed"), "{statuses:?}");
    // A request of a dead process may still have been under way.
    std::thread::sleep(std::time::Duration::from_millis(100));
    assert_eq!((desk.crm_rows("Contact").len(), desk.logged().len(), desk.to_dos().len()), (6 + 7, 42, 42));
    service.terminate().exits(0);
}

/// Story: it dies while a booking is under way. The next one looks, and there is one appointment.
#[test]
fn kill_nine_while_booking() {
    let desk = Desk::salesforce().impatient();
    desk.calendar.fault(FaultSpec::next(FaultKind::Slow, 1).on_path("/events").on_method("POST").delayed_ms(400));
    let service = desk.serve();
    let caller = json!({"phone": "+15125550142", "name": "Nora Whitfield"});
    service.take(&call("c-1", json!({"outcome": "booked", "caller": caller, "appointment": slot(9)})));
    eventually("the look is done", || (desk.calendar.requests().iter().any(|r| r.method == "GET")).then_some(()));
    std::thread::sleep(std::time::Duration::from_millis(150));
    service.kill();
    let service = desk.serve();
    assert_eq!(desk.settled(1)["json:c-1"], "landed");
    std::thread::sleep(std::time::Duration::from_millis(400));
    assert_eq!((desk.events().len(), desk.logged().len()), (1, 1));
    drop(service);
}

/// Story: the office changes what is written while a call still waits. The call keeps the meaning that it was taken in under, and gets
/// the newest address: an outage is mended without touching what waits.
#[test]
fn a_waiting_call_keeps_its_meaning() {
    let desk = Desk::salesforce().impatient();
    let origin = desk.crm.origin();
    desk.edit("aftercall.toml", &origin, "http://127.0.0.1:1");
    let service = desk.serve();
    service.take(&follow_up(1));
    service.says("cannot read");
    service.terminate().exits(0);
    desk.edit("aftercall.toml", "http://127.0.0.1:1", &origin);
    desk.edit("mappings/acme/contact.toml", "'Phone Inquiry'", "'Other'");
    let service = desk.serve();
    service.take(&follow_up(2));
    assert_eq!(desk.settled(2).values().filter(|s| *s == "landed").count(), 2);
    let source =
        |name: &str| only(desk.crm_rows("Contact").into_iter().filter(|c| c["LastName"] == name).collect(), name)["LeadSource"].clone();
    assert_eq!((source("Number1"), source("Number2")), (json!("Phone Inquiry"), json!("Other")));
    let versions: Vec<Value> = ["json:c-1", "json:c-2"].map(|id| desk.story(id)["call"]["config_version"].clone()).to_vec();
    assert_ne!(versions[0], versions[1], "and each says so");
}

/// Story: somebody starts a second one over the same journal. It says who has it, and touches nothing.
#[test]
fn one_journal_one_process() {
    let desk = Desk::salesforce();
    let service = desk.serve();
    service.take(&follow_up(1));
    let second = desk.run(&["run", "--listen", "127.0.0.1:0"]).exits(1);
    assert!(second.stdout.is_empty(), "no ready line: {}", second.stdout);
    assert!(second.stderr.contains("state/aftercall.db is in use by process ") && second.stderr.contains("stop it"), "{}", second.stderr);
    let sync = aftercall(desk.root(), &["sync", "-"], format!("{}\n", follow_up(2)).as_bytes()).exits(1);
    assert!(sync.stderr.contains("is in use by process "), "{}", sync.stderr);
    // Looking is allowed, and so is a dry run.
    desk.run(&["calls"]).exits(0);
    desk.plan(&[follow_up(3)]);
    assert_eq!(desk.settled(1)["json:c-1"], "landed");
}

/// Story: the address is taken. The sentence says what to do.
#[test]
fn a_taken_address_is_said() {
    let desk = Desk::salesforce();
    let other = Desk::salesforce();
    let service = Running::start(other.root());
    let ran = desk.run(&["run", "--listen", service.host()]).exits(1);
    assert!(ran.stderr.contains(&format!("listening on {}", service.host())) && ran.stderr.contains("--listen"), "{}", ran.stderr);
}

/// Story: a project that does not check does not start, and says why with the line.
#[test]
fn a_broken_project_does_not_start() {
    let desk = Desk::salesforce();
    desk.edit("pipelines/front-desk.toml", "mapping = \"salesforce/task\"", "mapping = \"salesforce/tusk\"");
    let ran = desk.run(&["run", "--listen", "127.0.0.1:0"]).exits(1);
    assert!(ran.stderr.contains("pipelines/front-desk.toml:") && ran.stderr.contains("salesforce/task"), "{}", ran.stderr);
    assert!(!desk.root().join("state").exists(), "nothing was made");
}

/// Story: the secrets of this world, through everything above: none of them is ever said.
#[test]
fn no_secret_and_no_caller_in_the_log() {
    let desk = Desk::salesforce().impatient();
    desk.crm.fault(FaultSpec::next(FaultKind::ServerError, 1).on_path("composite"));
    desk.crm.fault(FaultSpec::next(FaultKind::ExpireToken, 1).on_path("query"));
    let service = desk.serve();
    let mut said = follow_up(1);
    said["summary"] = json!("the canary sings");
    said["caller"]["email"] = json!("canary@example.org");
    service.take(&said);
    desk.settled(1);
    let ran = service.terminate().exits(0);
    for secret in ["sandbox-secret", "sandbox-refresh", &crate::support::secret("json"), "canary", "+1512555", "Number1"] {
        assert!(!ran.stderr.contains(secret), "{secret:?} is in the log:\n{}", ran.stderr);
    }
}
