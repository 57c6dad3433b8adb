//! Stories of calls that no webhook brought: a platform's own list has them, and they are taken in from there, once.

use std::collections::BTreeMap;

use aftercall_sandbox::{FaultKind, FaultSpec, Sandbox};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::support::{Desk, repository, stand_in, text};

/// A voice platform: ten calls on its list, and how it would deliver one.
struct Platform {
    name: &'static str,
    /// The n-th call as the platform gives it whole.
    call: fn(usize) -> Value,
    /// The payload that its webhook would bring.
    payload: fn(&Value) -> Value,
    id: &'static str,
    /// What a call says that is not over.
    running: (&'static str, &'static str),
}

const PLATFORMS: [Platform; 3] = [
    Platform { name: "vapi", call: vapi, payload: vapi_payload, id: "/id", running: ("/status", "in-progress") },
    Platform {
        name: "retell",
        call: retell,
        payload: |call| json!({"event": "call_analyzed", "call": call}),
        id: "/call_id",
        running: ("/call_status", "ongoing"),
    },
    Platform {
        name: "elevenlabs",
        call: elevenlabs,
        payload: |call| json!({"type": "post_call_transcription", "event_timestamp": Timestamp::now().as_second(), "data": call}),
        id: "/conversation_id",
        running: ("/status", "processing"),
    },
];

/// The n-th call began so: the last of ten half an hour ago.
fn began(n: usize) -> Timestamp {
    Timestamp::now() - SignedDuration::from_mins(120 - 10 * i64::try_from(n).unwrap_or_default())
}

fn number(n: usize) -> String {
    format!("+1512555{:04}", 3000 + n)
}

fn fixture(path: &str) -> Value {
    let path = repository().join("tests/fixtures/sources").join(path);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn vapi(n: usize) -> Value {
    let message = fixture("vapi/booked.json")["message"].take();
    let mut call = message["call"].clone();
    let start = began(n);
    call["id"] = json!(format!("57205d1f-fb05-49cc-828f-0000000000{n:02}"));
    call["status"] = json!("ended");
    call["createdAt"] = json!(start.to_string());
    call["startedAt"] = json!(start.to_string());
    call["endedAt"] = json!((start + SignedDuration::from_secs(95)).to_string());
    call["endedReason"] = message["endedReason"].clone();
    call["customer"] = json!({"number": number(n)});
    call["artifact"] = message["artifact"].clone();
    call["analysis"] = message["analysis"].clone();
    call
}

fn vapi_payload(call: &Value) -> Value {
    let of = |key: &str| call[key].clone();
    json!({"message": {
        "type": "end-of-call-report", "timestamp": Timestamp::now().as_millisecond(), "call": call, "customer": of("customer"),
        "startedAt": of("startedAt"), "endedAt": of("endedAt"), "endedReason": of("endedReason"), "artifact": of("artifact"),
        "analysis": of("analysis"), "phoneNumber": {"number": "+15125550100"},
    }})
}

fn retell(n: usize) -> Value {
    let mut call = fixture("retell/call_analyzed.json")["call"].take();
    let start = began(n).as_millisecond();
    call["call_id"] = json!(format!("call_{n:032}"));
    call["from_number"] = json!(number(n));
    call["start_timestamp"] = json!(start);
    call["end_timestamp"] = json!(start + 95_000);
    call
}

fn elevenlabs(n: usize) -> Value {
    let mut call = fixture("elevenlabs/escalated.json")["data"].take();
    call["conversation_id"] = json!(format!("conv_{n:026}"));
    call["user_id"] = json!(number(n));
    call["metadata"]["phone_call"]["external_number"] = json!(number(n));
    call["metadata"]["start_time_unix_secs"] = json!(began(n).as_second());
    call
}

impl Platform {
    /// A desk that may read its list, and the list with ten calls.
    fn desk(&self) -> (Desk, Sandbox, Vec<Value>) {
        let desk = Desk::salesforce();
        let platform = stand_in(self.name);
        let calls: Vec<Value> = (0..10).map(self.call).collect();
        let mut running = (self.call)(11);
        if let Some(status) = running.pointer_mut(self.running.0) {
            *status = json!(self.running.1);
        }
        platform.load(&json!({ "calls": calls.iter().chain([&running]).collect::<Vec<_>>() })).expect("the calls load");
        // So that the list has several pages.
        platform.configure(&json!({"page_size": 4})).expect("a setting");
        let section = format!("[source.{}]\n", self.name);
        let more = format!("{section}list_url = \"{}\"\nauth = {{ token = \"file:secrets/PLATFORM_KEY\" }}\n", platform.origin());
        desk.edit("aftercall.toml", &section, &more);
        desk.write("secrets/PLATFORM_KEY", "sandbox-key\n");
        (desk, platform, calls)
    }

    fn id(&self, call: &Value) -> String {
        format!("{}:{}", self.name, call.pointer(self.id).and_then(Value::as_str).unwrap_or_default())
    }

    fn body(&self, call: &Value) -> Vec<u8> {
        (self.payload)(call).to_string().into_bytes()
    }
}

/// Whether all of them landed. One name behind several numbers is a question for a person; the data lands meanwhile.
fn landed(statuses: &BTreeMap<String, String>) -> bool {
    statuses.values().all(|status| status == "landed" || status == "review")
}

/// The calls that no webhook brought.
const LOST: [usize; 3] = [2, 5, 9];

/// Story: of ten calls three were never delivered. The list has them; exactly these are taken in, and each lands once.
#[test]
fn what_was_never_delivered_is_taken_in() {
    for platform in PLATFORMS {
        let name = platform.name;
        let (desk, list, calls) = platform.desk();
        let service = desk.serve();
        for (n, call) in calls.iter().enumerate().filter(|(n, _)| !LOST.contains(n)) {
            let answer = service.deliver(name, &platform.body(call));
            assert_eq!(answer.status, 202, "{name} {n}: {}", answer.body);
        }
        let statuses = desk.settled(7);
        assert!(landed(&statuses), "{name}: {statuses:?}");
        let lost: Vec<String> = LOST.iter().map(|n| platform.id(&calls[*n])).collect();

        let looked = desk.run(&["backfill", name, "--dry-run"]).exits(0);
        assert_eq!(looked.stdout.lines().collect::<Vec<_>>(), lost, "{name}: oldest first");
        assert!(looked.stderr.contains("10 finished calls on the list, 7 known, 3 would be taken in"), "{}", looked.stderr);
        assert!(looked.stderr.contains("1 under way"), "{}", looked.stderr);
        assert_eq!(desk.statuses().len(), 7, "{name}: a dry run takes nothing in");

        // Once beside the service that has the journal, and otherwise by itself.
        let service = (name == "vapi").then_some(service);
        let ran = desk.run(&["backfill", name]).exits(0);
        assert_eq!(ran.stdout.lines().collect::<Vec<_>>(), lost, "{name}");
        assert!(ran.stderr.contains("10 finished calls on the list, 7 known, 3 taken in"), "{}", ran.stderr);
        let statuses = desk.settled(10);
        assert!(landed(&statuses), "{name}: {statuses:?}");
        assert_eq!(desk.logged().len(), 10, "{name}");
        let whole = list.requests().iter().filter(|r| r.path.ends_with(lost[0].split_once(':').map_or("", |(_, id)| id))).count();
        assert_eq!(whole, 1, "{name}: only what is missing is asked for");

        // A second time nothing is left to do, and nothing is written.
        let sent = desk.crm.requests().len();
        let again = desk.run(&["backfill", name, "--format", "json"]).exits(0).json();
        assert_eq!((&again["finished"], &again["known"], &again["taken_in"]), (&json!(10), &json!(10), &json!([])), "{name}");
        assert_eq!(desk.crm.requests().len(), sent, "{name}");

        // The webhook that comes after all is about a call that is known.
        let service = service.unwrap_or_else(|| desk.serve());
        let answer = service.deliver(name, &platform.body(&calls[2]));
        assert!(answer.status < 300, "{name}: {}", answer.body);
        desk.settled(10);
        assert_eq!(desk.logged().len(), 10, "{name}: still one entry each");
    }
}

/// Story: a call has just ended, and its platform may not have analysed it yet. Its webhook has the first word.
#[test]
fn what_has_just_ended_is_left_to_its_webhook() {
    let [vapi, ..] = PLATFORMS;
    let (desk, list, mut calls) = vapi.desk();
    let now = Timestamp::now();
    calls[9]["createdAt"] = json!((now - SignedDuration::from_mins(6)).to_string());
    calls[9]["endedAt"] = json!((now - SignedDuration::from_mins(1)).to_string());
    list.load(&json!({"calls": [calls[9]]})).expect("the call loads");
    let ran = desk.run(&["backfill", "vapi"]).exits(0);
    assert!(ran.stderr.contains("9 taken in, 2 under way or just ended"), "{}", ran.stderr);
    assert!(!desk.statuses().contains_key(&vapi.id(&calls[9])));
}

/// Story: the service looks by itself where it is told to, first of all for what came while it was not there.
#[test]
fn the_service_looks_by_itself() {
    let [_, retell, _] = PLATFORMS;
    let (desk, list, calls) = retell.desk();
    desk.edit("aftercall.toml", "[source.retell]\n", "[source.retell]\nbackfill_every = \"1m\"\n");
    let service = desk.serve();
    let statuses = desk.settled(10);
    assert!(landed(&statuses), "{statuses:?}");
    service.says("never delivered");
    assert_eq!((desk.logged().len(), calls.len()), (10, 10));
    assert!(list.requests().iter().any(|r| r.path == "/v3/list-calls"));
}

/// Story: the key is wrong, or there is none, or the source has no list: each is said, with what to do.
#[test]
fn what_keeps_a_list_from_being_read_is_said() {
    for platform in PLATFORMS {
        let (desk, _list, _) = platform.desk();
        desk.write("secrets/PLATFORM_KEY", "another-key\n");
        let ran = desk.run(&["backfill", platform.name]).exits(1);
        assert!(ran.stderr.contains("not let in: ") && ran.stderr.contains("refuses the configured credentials"), "{}", ran.stderr);
        assert!(ran.stderr.contains(&format!("`source.{}` names the key under `auth`", platform.name)), "{}", ran.stderr);
        assert!(!ran.stderr.contains("another-key") && ran.stdout.is_empty(), "{}", ran.seen());
        std::fs::remove_file(desk.root().join("secrets/PLATFORM_KEY")).expect("it was there");
        let ran = desk.run(&["backfill", platform.name]).exits(1);
        assert!(ran.stderr.contains("file:secrets/PLATFORM_KEY"), "{}", ran.stderr);
    }
    let desk = Desk::salesforce();
    let ran = desk.run(&["backfill", "vapi"]).exits(1);
    assert!(ran.stderr.contains("auth = { token = \"env:NAME\" }"), "{}", ran.stderr);
    let ran = desk.run(&["backfill", "vappi"]).exits(2);
    assert!(ran.stderr.contains("did you mean vapi?"), "{}", ran.stderr);
    let ran = desk.run(&["backfill", "json"]).exits(2);
    assert!(ran.stderr.contains("no list of calls"), "{}", ran.stderr);
    let ran = desk.run(&["backfill", "vapi", "--since", "yesterday"]).exits(2);
    assert!(ran.stderr.contains("`yesterday` is no time"), "{}", ran.stderr);
}

/// Story: the platform wants less of us, or is away for a moment. It is asked again when it says, and the list is read to its end.
#[test]
fn a_platform_in_trouble_is_waited_for() {
    let [.., elevenlabs] = PLATFORMS;
    let (desk, list, _) = elevenlabs.desk();
    list.fault(FaultSpec::next(FaultKind::RateLimited, 2));
    let ran = desk.run(&["backfill", "elevenlabs"]).exits(0);
    assert!(ran.stderr.contains("10 taken in"), "{}", ran.stderr);
    assert_eq!(desk.logged().len(), 10);
}

/// Story: a listed call that no rule of the source understands is kept once, and taken in as soon as the rules are mended.
#[test]
fn what_is_not_understood_is_kept_until_it_is() {
    let [vapi, ..] = PLATFORMS;
    let (desk, _list, _) = vapi.desk();
    let shipped = std::fs::read_to_string(repository().join("mappings/vapi/source.toml")).expect("it ships");
    let other = shipped.replacen("== \"end-of-call-report\"", "== \"call-report\"", 1);
    assert_ne!(other, shipped);
    desk.write("mappings/vapi/source.toml", &other);
    for _ in 0..2 {
        let ran = desk.run(&["backfill", "vapi"]).exits(1);
        assert!(ran.stderr.contains("10 not understood"), "{}", ran.stderr);
        let kept = desk.run(&["calls", "--unrecognised", "--format", "json"]).exits(0).json();
        assert_eq!(kept["unrecognised"].as_array().map(Vec::len), Some(10), "{kept:#}");
    }
    std::fs::remove_file(desk.root().join("mappings/vapi/source.toml")).expect("it was there");
    let ran = desk.run(&["backfill", "vapi"]).exits(0);
    assert!(ran.stderr.contains("10 taken in"), "{}", ran.stderr);
    let kept = desk.run(&["calls", "--unrecognised", "--format", "json"]).exits(0).json();
    assert_eq!(kept["unrecognised"], json!([]));
    assert_eq!(desk.logged().len(), 10);
}

/// Story: a run that is broken off half-way is gone on with by running again.
#[test]
fn a_run_that_was_broken_off_is_gone_on_with() {
    let [vapi, ..] = PLATFORMS;
    let (desk, list, calls) = vapi.desk();
    // The key is taken away when the sixth call is asked for.
    let sixth = text(&calls[5], "id").to_owned();
    list.fault(FaultSpec::next(FaultKind::RevokeToken, 1).on_path(&sixth));
    let ran = desk.run(&["backfill", "vapi"]).exits(1);
    assert!(ran.stderr.contains("5 taken in") && ran.stderr.contains("running again goes on"), "{}", ran.stderr);
    list.reset();
    list.load(&json!({ "calls": calls })).expect("the calls load");
    let ran = desk.run(&["backfill", "vapi"]).exits(0);
    assert!(ran.stderr.contains("5 known, 5 taken in"), "{}", ran.stderr);
    assert_eq!(desk.logged().len(), 10);
}
