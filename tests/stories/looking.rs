//! Stories of what pages tell to whom: a viewer sees the same on a page and as JSON, and everybody sees by which time calls are chosen.

use serde_json::json;

use crate::access::{PASSWORD, user};
use crate::support::{Browser, Desk, call, text};

/// Story: a viewer looks at a call, on the page and by a program. Neither tells what the caller said; both tell when the call began, which is nobody's secret.
#[test]
fn a_viewer_sees_the_same_everywhere() {
    let desk = Desk::salesforce();
    user(&desk, "olga", "admin").exits(0);
    user(&desk, "vera", "viewer").exits(0);
    let service = desk.serve();
    let caller = json!({"phone": "+15125550142", "name": "Nora Whitfield"});
    let said = json!({
        "outcome": "message", "summary": "Her tooth hurts since Monday", "started_at": "2026-11-23T15:04:05Z", "caller": caller,
        "captured": {"insurance": "Blue Shield"}, "follow_up": {"reason": "Send the price list"},
    });
    service.take(&call("one", said));
    desk.settled(1);
    let (olga, vera) = (Browser::signed_in(&service.address, "olga", PASSWORD), Browser::signed_in(&service.address, "vera", PASSWORD));
    for path in ["/calls/json%3Aone", "/v1/log/calls/json%3Aone", "/v1/log/calls"] {
        let (all, masked) = (olga.get(path).body, vera.get(path).body);
        for word in ["Her tooth hurts", "Blue Shield", "Send the price list", "5125550142"] {
            assert!(all.contains(word), "{path}: an admin sees {word}:\n{all}");
            assert!(!masked.contains(word), "{path} shows {word} to a viewer:\n{masked}");
        }
        for word in ["2026-11-23T15:04:05Z", "Nora Whitfield", "message"] {
            assert!(masked.contains(word), "{path}: no {word} in:\n{masked}");
        }
    }
    let outcome = &vera.get("/v1/log/calls/json%3Aone").json()["story"]["call"]["outcome"];
    assert_eq!(
        (text(outcome, "summary"), text(&outcome["captured"], "insurance"), text(&outcome["caller"], "phone")),
        ("***", "***", "+1512 *** 42"),
        "{outcome:#}"
    );
}

/// Story: a call of last week was delivered today, since the platform was away. The list of today has it, says that it goes by the time of receipt, and tells both.
#[test]
fn a_late_call_shows_both_times() {
    let desk = Desk::salesforce();
    let service = desk.serve();
    let said =
        json!({"outcome": "message", "started_at": "2026-11-20T15:04:05Z", "caller": {"phone": "+15125550142", "name": "Nora Whitfield"}});
    service.take(&call("late", said));
    desk.settled(1);
    let browser = Browser::at(&service.address);
    let (today, all) = (browser.get("/calls?day=today").body, browser.get("/calls?day=all").body);
    for expected in [
        "<h1>Calls <span class=\"soft\">received on 20",
        "Nora Whitfield",
        "began <time datetime=\"2026-11-20T15:04:05Z\"",
        "2026-11-20 09:04:05",
        ">Received</th>",
    ] {
        assert!(today.contains(expected), "no {expected:?} in:\n{today}");
    }
    assert!(all.contains("received at any time"), "{all}");
    let then = browser.get("/calls?day=2026-11-20").body;
    assert!(then.contains("received on 2026-11-20") && then.contains("No call fits"), "{then}");
}
