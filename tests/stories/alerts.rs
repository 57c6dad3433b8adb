//! Stories of whoever is called at night: once when something begins, once when it is over, with what to do.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use aftercall_sandbox::{FaultKind, FaultSpec};

use crate::support::{Desk, Receiver, call, eventually, text};

const SECRET: &str = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=";

fn message(n: usize) -> Value {
    let caller = json!({"phone": format!("+1512555{:04}", 7000 + n), "name": "Canary Birdwell"});
    call(
        &format!("c-{n}"),
        json!({"outcome": "message", "follow_up": {"reason": "Call back"}, "caller": caller, "summary": "the canary sings"}),
    )
}

/// An office that is told by a webhook.
fn told_by(hook: &Receiver, alerts: &str) -> Desk {
    let desk = Desk::salesforce().impatient();
    desk.write("secrets/HOOK", &format!("whsec_{SECRET}"));
    let ops = format!("\n[notify.ops]\nwebhook = {{ url = \"http://{}/hook\", secret = \"file:secrets/HOOK\" }}\n", hook.host());
    desk.add("aftercall.toml", &format!("{alerts}{ops}"));
    desk
}

fn kinds(hook: &Receiver) -> Vec<String> {
    hook.received().iter().map(|received| text(&received.json(), "type").to_owned()).collect()
}

/// Story: the CRM is away under load, for as long as it takes; the service is restarted meanwhile. Whoever is on duty gets one message when it
/// begins and one when it is over, signed, with what to do, and nothing of a caller.
#[test]
fn an_outage_is_one_alert_and_one_recovery() {
    let hook = Receiver::http();
    let desk = told_by(&hook, "\n[alert.crm_away]\nwhen = \"circuit_open of crm > 0s\"\nnotify = \"ops\"\nrecover_after = \"8s\"\n");
    let service = desk.serve();
    desk.crm.fault(FaultSpec::new(FaultKind::Down));
    (0..30).for_each(|n| service.take(&message(n)));
    eventually("somebody is told", || (!hook.received().is_empty()).then_some(()));
    // The circuit is asked and opened anew dozens of times while more comes in.
    for n in 30..60 {
        service.take(&message(n));
        std::thread::sleep(std::time::Duration::from_millis(40));
    }
    let listed = desk.run(&["alerts"]).exits(1).stdout;
    assert!(listed.contains("crm_away") && listed.contains("holds"), "{listed}");
    assert!(desk.run(&["status"]).exits(0).stdout.contains("crm has been away"), "status says so");
    service.kill();
    let service = desk.serve();
    (60..70).for_each(|n| service.take(&message(n)));
    service.says("paused: ");
    // It answers for a moment, and is away again: that is no end.
    desk.crm.clear_faults();
    let quiet = || desk.run(&["status", "--format", "json"]).exits(0).json()["alerts"][0]["quiet_since"].is_string();
    eventually("it is seen that it answers", || quiet().then_some(()));
    desk.crm.fault(FaultSpec::new(FaultKind::Down));
    (70..80).for_each(|n| service.take(&message(n)));
    eventually("it is seen that it does not", || (!quiet()).then_some(()));
    assert_eq!(kinds(&hook), ["alert.begun"], "neither a restart nor a moment repeats anything:\n{}", service.log());
    desk.crm.clear_faults();
    desk.settled(80);
    eventually("the end is told", || (hook.received().len() >= 2).then_some(()));
    desk.run(&["alerts"]).exits(0);
    // Nothing more comes while the next two measurements are made.
    let measured = |service: &crate::support::Running| service.log().matches("an alert").count();
    assert_eq!(measured(&service), 1, "the end, since the beginning was in the other process:\n{}", service.log());
    assert_eq!(kinds(&hook), ["alert.begun", "alert.over"]);
    let begun = &hook.received()[0];
    let mut mac = Hmac::<Sha256>::new_from_slice(&STANDARD.decode(SECRET).expect("base64")).expect("a key");
    for part in [begun.header("webhook-id"), ".", begun.header("webhook-timestamp"), ".", &begun.body] {
        mac.update(part.as_bytes());
    }
    assert_eq!(begun.header("webhook-signature"), format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())));
    let data = &begun.json()["data"];
    assert_eq!((text(data, "alert"), text(&data["first"], "connection")), ("crm_away", "crm"), "{data}");
    assert!(data["first"]["remedy"].is_string() && data["commands"].to_string().contains("aftercall status"), "{data}");
    for received in hook.received() {
        for private in ["canary", "Canary", "512555"] {
            assert!(!received.body.contains(private), "{}", received.body);
        }
    }
    assert_ne!(hook.received()[0].header("webhook-id"), hook.received()[1].header("webhook-id"));
}

/// Story: a mapping writes what the CRM refuses, for every call. The mail names how many, the first error with its class and remedy, and the commands;
/// a reminder follows, a server that is busy is tried again, and the chat hears the same.
#[test]
fn dead_letters_come_by_mail_and_chat() {
    let (post, chat) = (Receiver::mail(), Receiver::http());
    let desk = Desk::salesforce().impatient();
    desk.write("secrets/CHAT", &format!("http://{}/services/T000/B000/xyz", chat.host()));
    let told = format!(
        "\n[alert.falling_behind]\nwhen = \"dead_letters >= 3 within 10m\"\nnotify = \"night, room\"\nremind = \"4s\"\n\
         [notify.night]\nemail = {{ server = \"smtp://{}\", from = \"aftercall@acme.example\", to = [\"ops@acme.example\", \"olga@acme.example\"] }}\n\
         [notify.room]\nchat = {{ url = \"file:secrets/CHAT\" }}\n",
        post.host()
    );
    desk.add("aftercall.toml", &told);
    let own = "mapping = \"salesforce/task\"\nfields.No_Such_Field__c = { value = \"x\", required = true }";
    desk.edit("pipelines/front-desk.toml", "mapping = \"salesforce/task\"", own);
    post.answers(&[451]);
    let service = desk.serve();
    (0..5).for_each(|n| service.take(&message(n)));
    let mail = eventually("the mail is there", || post.received().into_iter().next());
    assert_eq!(mail.to, "ops@acme.example,olga@acme.example");
    assert_eq!((mail.header("from"), mail.header("auto-submitted")), ("aftercall@acme.example", "auto-generated"));
    assert!(mail.header("subject").contains("falling_behind") && mail.header("message-id").contains("msg_"), "{mail:?}");
    let body = mail.body.replace("=\r\n", "");
    for words in ["invalid (400)", "aftercall show json:c-", "aftercall retry", "retry --current", "aftercall.toml:"] {
        assert!(body.contains(words), "{words} in\n{body}");
    }
    for private in ["canary", "Canary", "512555"] {
        assert!(!mail.body.contains(private), "{}", mail.body);
    }
    service.says("nobody could be told; it is tried again");
    eventually("the reminder is there", || post.received().iter().any(|mail| mail.header("subject").contains("still")).then_some(()));
    let said = eventually("the chat hears it", || chat.received().into_iter().next());
    assert_eq!(said.to, "/services/T000/B000/xyz");
    assert!(text(&said.json(), "text").contains("falling_behind"), "{}", said.body);
    let first = post.received().iter().filter(|mail| !mail.header("subject").contains("still")).count();
    assert_eq!(first, 1, "five dead letters are one message");
}

/// Story: the receiver is gone. It is said in the log and in `status`, the calls do not care, and it is told when it is back.
#[test]
fn who_cannot_be_told_is_shown() {
    let hook = Receiver::http();
    let desk = told_by(&hook, "\n[alert.unread]\nwhen = \"unrecognised >= 1\"\nnotify = \"ops\"\n");
    hook.answers(&[500]);
    let service = desk.serve();
    assert_eq!(service.deliver("retell", br#"{"event": "dreamt_of"}"#).status, 202);
    service.says("nobody could be told; it is tried again");
    let status = desk.run(&["status"]).exits(0).stdout;
    assert!(status.contains("ops could not be told of unread: answered 500"), "{status}");
    service.take(&message(1));
    desk.settled(1);
    eventually("it is told after all", || (!hook.received().is_empty()).then_some(()));
    eventually("and that is seen", || (!desk.run(&["status"]).exits(0).stdout.contains("could not be told")).then_some(()));
}

/// Story: alerts are changed while one holds. What holds is not told again, what is new counts at once, and a refused project is an alert itself.
#[test]
fn alerts_are_changed_while_one_holds() {
    let hook = Receiver::http();
    let desk = told_by(&hook, "\n[alert.unread]\nwhen = \"unrecognised >= 1\"\nnotify = \"ops\"\n");
    let service = desk.serve();
    assert_eq!(service.deliver("retell", br#"{"event": "dreamt_of"}"#).status, 202);
    eventually("it is told", || (kinds(&hook) == ["alert.begun"]).then_some(()));
    desk.add("aftercall.toml", "\n[alert.config]\nwhen = \"reload_refused > 0s\"\nnotify = \"ops\"\nrecover_after = \"1s\"\n");
    service.says("a changed project is at work");
    desk.edit("pipelines/front-desk.toml", "mapping = \"salesforce/task\"", "mapping = \"salesforce/tusk\"");
    eventually("the refusal is told", || (hook.received().len() == 2).then_some(()));
    let refused = hook.received()[1].json();
    assert_eq!(text(&refused["data"], "alert"), "config", "{refused}");
    desk.edit("pipelines/front-desk.toml", "mapping = \"salesforce/tusk\"", "mapping = \"salesforce/task\"");
    eventually("the recovery is told", || (hook.received().len() == 3).then_some(()));
    assert_eq!(kinds(&hook), ["alert.begun", "alert.begun", "alert.over"]);
}

/// Story: the CRM fails every second request, and its allowance runs out. Both are shares, of one connection; what is written in the TOML is what is told.
#[test]
fn shares_are_of_a_connection() {
    let hook = Receiver::http();
    let alerts = "\n[alert.errors]\nwhen = \"error_share of crm > 10% within 5m\"\nnotify = \"ops\"\n\
                  [alert.allowance]\nwhen = \"budget_left of crm < 99.999%\"\nnotify = \"ops\"\n\
                  [alert.calm]\nwhen = \"error_share of calendar > 10% within 5m\"\nnotify = \"ops\"\n";
    let desk = told_by(&hook, alerts);
    let service = desk.serve();
    service.take(&message(0));
    desk.settled(1);
    let allowance = eventually("the allowance is told", || hook.received().into_iter().next()).json();
    assert_eq!(text(&allowance["data"], "alert"), "allowance");
    assert!(text(&allowance["data"], "value").contains("of 100000 requests more"), "{allowance}");
    desk.crm.fault(FaultSpec { probability: Some(0.5), ..FaultSpec::new(FaultKind::ServerError) });
    (1..20).for_each(|n| service.take(&message(n)));
    let errors = eventually("the errors are told", || hook.received().get(1).cloned()).json();
    assert_eq!((text(&errors["data"], "alert"), errors["data"]["when"].clone()), ("errors", json!("error_share of crm > 10% within 5m")));
    assert!(text(&errors["data"], "value").contains("requests failed"), "{errors}");
    desk.crm.clear_faults();
    desk.settled(20);
    assert!(hook.received().iter().all(|received| text(&received.json()["data"], "alert") != "calm"));
}

/// Story: the CRM is away, so calls wait, more of them and longer; and about one of them, a person is asked. Each is told once, and that it is over.
#[test]
fn what_waits_and_who_is_asked() {
    let hook = Receiver::http();
    let rule = |name: &str, when: &str| format!("\n[alert.{name}]\nwhen = \"{when}\"\nnotify = \"ops\"\nrecover_after = \"1s\"\n");
    let rules = [rule("many", "backlog >= 3"), rule("long", "backlog_age > 2s"), rule("asked", "reviews >= 1")].concat();
    let desk = told_by(&hook, &rules);
    let twin =
        json!({"Contact": [{"Id": "0035e0000000009AAA", "FirstName": "Owen", "LastName": "Whitfield", "MobilePhone": "5125550142"}]});
    desk.crm.load(&twin).expect("a record");
    let service = desk.serve();
    service.take(&call("home", json!({"caller": {"phone": "+15125550142", "name": "N. Whitfield"}})));
    let told = |kind: &str| -> Vec<String> {
        let all = hook.received();
        let of_kind = all.iter().map(|one| one.json()).filter(|told| text(told, "type") == kind);
        of_kind.map(|told| format!("{}: {}", text(&told["data"], "alert"), text(&told["data"], "value"))).collect()
    };
    let says = |kind: &str, expected: &str| eventually(expected, || told(kind).iter().any(|told| told.starts_with(expected)).then_some(()));
    says("alert.begun", "asked: ");
    assert_eq!(told("alert.begun").len(), 1, "{:?}", told("alert.begun"));
    desk.crm.fault(FaultSpec::new(FaultKind::Down));
    (0..4).for_each(|n| service.take(&message(n)));
    says("alert.begun", "many: ");
    says("alert.begun", "long: ");
    desk.crm.clear_faults();
    says("alert.over", "many: ");
    says("alert.over", "long: ");
    desk.run(&["review", "json:home", "--new", "--reason", "a lodger"]).exits(0);
    says("alert.over", "asked: ");
    assert_eq!((told("alert.begun").len(), hook.received().len()), (3, 6), "{:?}", told("alert.begun"));
}

/// Story: before the night, somebody tries whether the message would come.
#[test]
fn a_trial_comes_or_says_why_not() {
    let hook = Receiver::http();
    let desk = told_by(&hook, "\n[alert.unread]\nwhen = \"unrecognised >= 1\"\nnotify = \"ops\"\n");
    let ran = desk.run(&["alerts", "--test", "unread"]).exits(0);
    assert!(ran.stderr.contains("ops was told"), "{}", ran.seen());
    assert_eq!(kinds(&hook), ["alert.trial"]);
    hook.answers(&[404]);
    let ran = desk.run(&["alerts", "--test", "ops"]).exits(1);
    assert!(ran.stderr.contains("answered 404"), "{}", ran.seen());
    let ran = desk.run(&["alerts", "--test", "opps"]).exits(1);
    assert!(ran.stderr.contains("there is: ops, unread"), "{}", ran.seen());
    assert!(desk.run(&["alerts"]).exits(0).stdout.contains("quiet"));
}
