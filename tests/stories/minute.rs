//! Stories of an outage in office hours, for real: a minute of it where `CI=true`, ten seconds in the everyday loop.
//!
//! The hour itself is simulated time. Not for a single fault: see `outages`.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::{Duration, Instant};

use aftercall_sandbox::{FaultKind, FaultSpec};
use serde_json::{Value, json};

use crate::support::{Desk, call, text};

/// Calls that come in while the system is away.
const CALLS: usize = 210;
/// Requests that may be sent in vain in a minute: a small read now and then asks whether the system is back.
const IN_VAIN: usize = 30;

fn is_ci() -> bool {
    std::env::var("CI").is_ok_and(|ci| ci == "true")
}

/// The office, and for how long its CRM is away. In the everyday loop everything takes a sixth of the time, the waits too.
fn office() -> (Desk, Duration) {
    let desk = Desk::salesforce();
    if is_ci() {
        return (desk, Duration::from_secs(60));
    }
    let short = "system = \"salesforce\"\nbreaker = { open_for = \"2500ms\", open_max = \"20s\", revoked_for = \"10s\" }";
    desk.edit("aftercall.toml", "system = \"salesforce\"", short);
    (desk, Duration::from_secs(10))
}

fn nth(n: usize) -> Value {
    const NAMES: [&str; 10] = [
        "Ada Kerbat",
        "Bruno Lindmon",
        "Cleo Fisdrog",
        "Dimitri Galhun",
        "Esther Norjev",
        "Felix Polrux",
        "Greta Stentav",
        "Hugo Wickzem",
        "Ida Bramol",
        "Jonas Quill",
    ];
    let caller = n % 70;
    let name = format!("{}{}", NAMES[caller % 10], ["a", "berg", "chen", "dorf", "eaux", "feld", "gaard"][caller / 10]);
    let caller = json!({"phone": format!("+1512556{:04}", 1000 + caller * 13), "name": name});
    call(&format!("c-{n:03}"), json!({"caller": caller, "outcome": "message", "follow_up": {"reason": "Call back"}}))
}

/// Calls come in steadily while the CRM is away. When it is back all of them land, in order per caller, and nearly nothing was asked in vain.
fn away(desk: &Desk, long: Duration, leave: impl FnOnce(), come_back: impl FnOnce(), is_vain: impl Fn(&aftercall_sandbox::Logged) -> bool) {
    let service = desk.serve();
    leave();
    let (from, began) = (desk.crm.requests().len(), Instant::now());
    for n in 0..CALLS {
        // Each gets its 202 at once.
        service.take(&nth(n));
        let due = long.mul_f64(0.95 * (n + 1) as f64 / CALLS as f64);
        std::thread::sleep(due.saturating_sub(began.elapsed()));
    }
    std::thread::sleep(long.saturating_sub(began.elapsed()));
    let in_vain = desk.crm.requests()[from..].iter().filter(|request| is_vain(request)).count();
    come_back();
    let statuses = desk.settled(CALLS);
    assert!(statuses.values().all(|status| status == "landed"), "{statuses:?}");
    assert_eq!((desk.logged().len(), desk.to_dos().len()), (CALLS, CALLS));
    let mut of_each: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in desk.logged() {
        of_each.entry(text(&entry, "WhoId").to_owned()).or_default().push(text(&entry, "CallObject").to_owned());
    }
    assert_eq!(of_each.len(), 70, "one contact for each caller");
    assert!(of_each.values().all(|calls| calls.is_sorted() && calls.len() == 3), "in order per caller: {of_each:?}");
    let took = began.elapsed().as_secs();
    let _ = writeln!(std::io::stderr(), "{in_vain} requests in vain in {} s; all {CALLS} calls landed after {took} s", long.as_secs());
    assert!(in_vain <= IN_VAIN, "{in_vain} requests were sent in vain in {} s", long.as_secs());
}

/// Story: the CRM is down for a while in office hours.
#[test]
fn a_minute_without_the_crm() {
    let (desk, long) = office();
    let leave = || desk.crm.fault(FaultSpec::new(FaultKind::Down));
    away(&desk, long, leave, || desk.crm.clear_faults(), |request| request.fault == Some("down"));
}

/// Story: the office's access is withdrawn for a while in office hours.
#[test]
fn a_minute_without_access() {
    let (desk, long) = office();
    let leave = || desk.crm.fault(FaultSpec::new(FaultKind::RevokeToken));
    away(&desk, long, leave, || desk.crm.reset(), |request| request.status >= 400);
}
