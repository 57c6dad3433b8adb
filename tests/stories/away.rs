//! Stories of a system that is away: it is left alone, asked now and then, and gets what waited when it is back.

use std::time::Duration;

use aftercall_sandbox::{FaultKind, FaultSpec};
use serde_json::{Value, json};

use crate::support::{Desk, call, eventually, only, text};

/// A message of a caller of their own, or of one who called before.
fn message(n: usize, caller: usize) -> Value {
    let caller = json!({"phone": format!("+1512555{:04}", 3000 + caller), "name": format!("Caller Number{caller}")});
    call(&format!("c-{n}"), json!({"outcome": "message", "follow_up": {"reason": "Call back"}, "caller": caller}))
}

/// Requests that the CRM's stand-in failed, tokens included.
fn in_vain(desk: &Desk) -> usize {
    desk.crm.requests().iter().filter(|request| request.status == 0 || request.status >= 400).count()
}

/// How the service's log names the two changes.
fn changes(log: &str) -> (usize, usize) {
    (log.matches("paused: ").count(), log.matches("the system is back").count())
}

/// Story: the CRM is down while eighty calls come in. It gets a handful of requests in vain, one alert goes out, and when it is back
/// everything lands once, each caller's calls in their order.
#[test]
fn a_system_that_is_down_is_left_alone() {
    let desk = Desk::salesforce().impatient();
    let service = desk.serve();
    desk.crm.fault(FaultSpec::new(FaultKind::Down));
    for n in 0..80 {
        service.take(&message(n, n % 20));
        std::thread::sleep(Duration::from_millis(10));
    }
    let waiting = desk.run(&["calls", "--status", "waiting", "--limit", "100"]).exits(0).stdout;
    assert_eq!(waiting.matches("what waits for it goes on when it is back").count(), 20, "{waiting}");
    assert_eq!(waiting.matches("of the same caller").count(), 60, "whoever stands behind another call says so:\n{waiting}");
    // Five failures open the circuit, with what was under way; then one small read every few hundred milliseconds.
    let vain = in_vain(&desk);
    assert!((5..40).contains(&vain), "{vain} requests in vain");
    desk.crm.clear_faults();
    let statuses = desk.settled(80);
    assert!(statuses.values().all(|status| status == "landed"), "{statuses:?}");
    assert_eq!((desk.crm_rows("Contact").len(), desk.logged().len(), desk.to_dos().len()), (6 + 20, 80, 80));
    assert_eq!(changes(&service.log()), (1, 1), "one alert and one all-clear:\n{}", service.log());
    for caller in 0..20 {
        let order: Vec<usize> = (0..80).filter(|n| n % 20 == caller).collect();
        let logged: Vec<usize> = desk
            .logged()
            .iter()
            .filter_map(|row| text(row, "CallObject").strip_prefix("c-")?.parse().ok())
            .filter(|n: &usize| n % 20 == caller)
            .collect();
        assert_eq!(logged, order, "the calls of caller {caller}");
    }
}

/// Story: the office's access is withdrawn while forty calls come in. No attempt is used up, one alert goes out, and once it is given
/// back everything lands.
#[test]
fn withdrawn_access_pauses_the_connection() {
    let desk = Desk::salesforce().impatient();
    // A write that gave up after its second attempt would be a dead letter now.
    desk.add("pipelines/front-desk.toml", "max_attempts = 2\n");
    let service = desk.serve();
    service.take(&message(0, 0));
    desk.settled(1);
    desk.crm.fault(FaultSpec::new(FaultKind::RevokeToken));
    for n in 1..41 {
        service.take(&message(n, n % 20));
    }
    let refused = "it goes on when that is mended";
    std::thread::sleep(Duration::from_secs(2));
    let waiting = desk.run(&["calls", "--status", "waiting", "--limit", "100"]).exits(0).stdout;
    assert_eq!(waiting.matches(refused).count(), 20, "{waiting}\n{}", service.log());
    let vain = in_vain(&desk);
    assert!(vain < 30, "{vain} requests in vain");
    assert_eq!(changes(&service.log()).0, 1, "{}", service.log());
    // A person gives the access back.
    desk.crm.clear_faults();
    let statuses = desk.settled(41);
    assert!(statuses.values().all(|status| status == "landed"), "{statuses:?}");
    assert_eq!((desk.logged().len(), desk.to_dos().len()), (41, 41));
    for id in ["json:c-1", "json:c-40"] {
        let attempts: Vec<i64> = desk.story(id)["writes"].as_array().into_iter().flatten().filter_map(|w| w["attempt"].as_i64()).collect();
        assert!(attempts.iter().all(|attempt| *attempt <= 1), "{id}: {attempts:?}");
    }
}

/// Story: what waits for a system outlives the service.
#[test]
fn what_waits_for_a_system_outlives_the_service() {
    let desk = Desk::salesforce().impatient();
    desk.crm.fault(FaultSpec::new(FaultKind::Down));
    let service = desk.serve();
    (0..12).for_each(|n| service.take(&message(n, n)));
    eventually("the system was found away", || service.log().contains("paused: ").then_some(()));
    service.kill();
    desk.crm.clear_faults();
    let service = desk.serve();
    let statuses = desk.settled(12);
    assert!(statuses.values().all(|status| status == "landed"), "{statuses:?}");
    assert_eq!((desk.logged().len(), desk.to_dos().len()), (12, 12));
    drop(service);
}

/// Story: what waited is given back at the declared pace.
#[test]
fn a_backlog_goes_on_at_the_declared_pace() {
    let desk = Desk::salesforce().impatient();
    desk.edit("aftercall.toml", "revoked_for = \"200ms\"\n", "revoked_for = \"200ms\"\ndrain_per_s = 5\n");
    desk.crm.fault(FaultSpec::new(FaultKind::Down));
    let service = desk.serve();
    (0..25).for_each(|n| service.take(&message(n, n)));
    eventually("all of them wait", || {
        let waiting = desk.run(&["calls", "--status", "waiting"]).exits(0).stdout;
        (waiting.matches("when it is back").count() == 25).then_some(())
    });
    desk.crm.clear_faults();
    let back = std::time::Instant::now();
    eventually("the first is there", || (!desk.logged().is_empty()).then_some(()));
    desk.settled(25);
    assert!(back.elapsed() >= Duration::from_secs(3), "25 calls at 5 a second took {:?}", back.elapsed());
    assert_eq!(desk.logged().len(), 25);
}

/// Story: one kind of write has a policy of its own, and what is given up without being missed does not make the call a dead letter.
#[test]
fn each_write_may_have_its_own_policy() {
    let desk = Desk::salesforce().impatient();
    let own = "mapping = \"salesforce/task\"\nretry.invalid = { on_exhausted = \"skip\" }\nfields.No_Such_Field__c = { value = \"x\", required = true }";
    desk.edit("pipelines/front-desk.toml", "mapping = \"salesforce/task\"", own);
    desk.sync(&[message(0, 0)]).exits(0);
    assert_eq!((desk.status("json:c-0").as_str(), desk.logged().len(), desk.to_dos().len()), ("landed", 1, 0));
    let shown = desk.run(&["show", "json:c-0"]).exits(0).stdout;
    assert!(shown.contains("gave_up"), "it is on record:\n{shown}");
}

/// Story: a pipeline would rather have a deal twice than wait for a person, and says so.
#[test]
fn at_least_once_is_opted_in() {
    let desk = Desk::salesforce().impatient();
    let deal = "\n[[write]]\nid = \"deal\"\nmapping = \"salesforce/opportunity\"\nguarantee = \"at_least_once\"\n";
    desk.add("pipelines/front-desk.toml", deal);
    let said = desk.run(&["check"]).exits(0).seen();
    assert!(said.contains("after a lost answer it may be there twice"), "{said}");
    assert!(desk.plan(&[message(0, 0)]).to_string().contains("at_least_once"));
    let before = desk.crm_rows("Opportunity").len();
    desk.crm.fault(FaultSpec::next(FaultKind::CommitThenDrop, 1).on_path("composite"));
    desk.sync(&[message(0, 0)]).exits(0);
    assert_eq!(desk.status("json:c-0"), "landed");
    assert_eq!(desk.crm_rows("Opportunity").len(), before + 2, "never lost, and here twice");
    only(desk.logged(), "one entry in the call log");
}
