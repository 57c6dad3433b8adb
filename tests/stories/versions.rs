//! Stories of versions of the config on the pages: what differs between two, and what one would have done to a day's calls.

use serde_json::{Value, json};

use crate::support::{Desk, Running, call, eventually, get, page, text};

#[track_caller]
fn api(service: &Running, path: &str) -> Value {
    serde_json::from_str(&page(service, path)).expect("JSON")
}

/// The versions that were at work, the newest first.
fn versions(service: &Running) -> Vec<String> {
    let listing = api(service, "/v1/config");
    listing["versions"].as_array().into_iter().flatten().map(|one| text(one, "version").to_owned()).collect()
}

/// Story: somebody has changed the mapping and asks what that does. Two versions are chosen: the page shows the lines that differ, and over
/// the day's calls what comes out otherwise and because of which line; a program gets both, the second as `aftercall diff` prints it.
#[test]
fn two_versions_are_held_against_each_other() {
    let desk = Desk::salesforce();
    desk.add("aftercall.toml", "\n[service]\nquiet = \"40ms\"\n");
    let service = desk.serve();
    assert!(page(&service, "/config").contains("There was no other version yet"));
    for n in 1..=3 {
        let caller = json!({"phone": format!("+1512555900{n}"), "name": "Tess Newman"});
        service.take(&call(&format!("c-{n}"), json!({"outcome": "message", "summary": "Wants <b>a visit", "caller": caller})));
    }
    desk.settled(3);
    let before = versions(&service);
    assert_eq!(before.len(), 1, "{before:?}");
    desk.edit("mappings/acme/contact.toml", "[fields]\n", "[fields]\nDepartment = { value = \"<i>front desk\", policy = \"fill\" }\n");
    let both = eventually("the service takes it over", || Some(versions(&service)).filter(|versions| versions.len() == 2));
    let (new, old) = (&both[0], &both[1]);
    assert_eq!(*old, before[0]);

    let config = page(&service, "/config");
    for expected in ["What differs", "formaction=\"/config/effect\"", &format!("<option value=\"{old}\" selected>"), "(at work)"] {
        assert!(config.contains(expected), "no {expected:?} in:\n{config}");
    }
    let shown = page(&service, &format!("/config/diff?from={old}&to={new}"));
    for expected in
        ["1 file differs", "mappings/acme/contact.toml", "1 came, 0 went", "+ Department = { value = &quot;&lt;i&gt;front desk&quot;"]
    {
        assert!(shown.contains(expected), "no {expected:?} in:\n{shown}");
    }
    assert!(page(&service, &format!("/config/diff?from={new}&to={new}")).contains("nothing differs"));
    let files = api(&service, &format!("/v1/config/diff?from={old}"));
    assert_eq!((files["files"].as_array().map(Vec::len), &files["files"][0]["added"]), (Some(1), &json!(1)), "{files:#}");
    let back = api(&service, &format!("/v1/config/diff?from={new}&to={old}"));
    assert_eq!((&back["files"][0]["added"], &back["files"][0]["removed"]), (&json!(0), &json!(1)), "{back:#}");

    let yesterday = page(&service, &format!("/config/effect?from={old}&to={new}"));
    assert!(yesterday.contains("none of 0 calls changes"), "what came today is not yesterday's:\n{yesterday}");
    let shown = page(&service, &format!("/config/effect?from={old}&to={new}&day=today"));
    for expected in [
        "3 of 3 calls change",
        "`Department` of contact",
        "mappings/acme/contact.toml:",
        "<ins>&lt;i&gt;front desk</ins>",
        "href=\"/calls/json%3Ac-1\"",
        "Nothing was read and nothing was written",
    ] {
        assert!(shown.contains(expected), "no {expected:?} in:\n{shown}");
    }
    let effect = api(&service, &format!("/v1/config/effect?from={old}&to={new}&day=today"));
    assert_eq!((&effect["calls"]["changed"], text(&effect["old"], "config")), (&json!(3), old.as_str()), "{effect:#}");
    for (path, status) in [
        ("/config/diff", 400),
        (&format!("/config/effect?from={old}&day=someday"), 400),
        ("/config/diff?from=nothing", 404),
        ("/v1/config/effect?from=nothing", 404),
    ] {
        assert_eq!(get(&format!("{}{path}", service.address)).status, status, "{path}");
    }
}
