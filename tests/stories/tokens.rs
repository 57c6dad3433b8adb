//! Stories of a system that replaces the refresh token at each use: the new one must outlive the process, and nobody may read it.

use serde_json::json;

use crate::support::{Desk, aftercall, call, only};

const KEY: &str = "Zm9yIHN0b3JpZXMgb25seSwgYW5kIGxvbmcgZW5vdWdo";

/// A desk whose CRM rotates refresh tokens.
fn rotating() -> Desk {
    let desk = Desk::salesforce().impatient();
    desk.crm.configure(&json!({"rotate_refresh_tokens": true})).expect("a setting");
    desk
}

fn with_key(desk: &Desk) {
    desk.edit("aftercall.toml", "[store]\n", "[store]\nkey = \"file:secrets/JOURNAL_KEY\"\n");
    desk.write("secrets/JOURNAL_KEY", KEY);
}

/// A batch that cannot land: nobody waits a minute to see it.
fn in_vain(desk: &Desk, id: &str) -> crate::support::Ran {
    aftercall(desk.root(), &["sync", "-", "--wait", "2s"], format!("{}\n", nora(id)).as_bytes()).exits(1)
}

fn nora(id: &str) -> serde_json::Value {
    call(id, json!({"caller": {"phone": "+15125550142"}}))
}

/// Story: the service is killed after its token was replaced. Started again, it goes on with the new one; so do a dry run and a batch.
#[test]
fn a_replaced_token_outlives_the_service() {
    let desk = rotating();
    with_key(&desk);
    let service = desk.serve();
    service.take(&nora("c1"));
    desk.settled(1);
    service.kill();
    let tokens = Desk::token_requests(&desk.crm);
    let service = desk.serve();
    service.take(&nora("c2"));
    assert!(desk.settled(2).values().all(|status| status == "landed"), "{}", service.log());
    assert_eq!(Desk::token_requests(&desk.crm), tokens + 1, "one refresh for the new process");
    // A dry run beside the service takes a token, too, and leaves the newest for the next.
    desk.plan(&[nora("c3")]);
    service.terminate();
    desk.sync(&[nora("c4")]).exits(0);
    assert_eq!(desk.status("json:c4"), "landed");
    assert_eq!(desk.logged().len(), 3);
}

/// Story: without a key the new token is gone with the process. That is said at the time, and what to do about it as well.
#[test]
fn without_a_key_it_is_said_that_the_token_will_be_lost() {
    let desk = rotating();
    let service = desk.serve();
    service.take(&nora("c1"));
    desk.settled(1);
    service.says("[store] key");
    service.kill();
    let ran = in_vain(&desk, "c2");
    assert_ne!(desk.status("json:c2"), "landed", "{}", ran.seen());
}

/// Story: the store is gone, and with it the token: the configured one is dead. The key is another one: it is said, with the two ways out.
#[test]
fn a_token_is_lost_with_the_store_and_locked_under_another_key() {
    let desk = rotating();
    with_key(&desk);
    desk.sync(&[nora("c1")]).exits(0);
    let kept = desk.root().join("state");
    desk.write("secrets/JOURNAL_KEY", &KEY.to_lowercase());
    in_vain(&desk, "c2");
    let story = desk.story("json:c2").to_string();
    assert!(story.contains("cannot be opened with `file:secrets/JOURNAL_KEY`") && story.contains("authorise"), "{story}");
    // Nothing of it can be read off the journal.
    for file in std::fs::read_dir(&kept).expect("the store is there").flatten() {
        let bytes = std::fs::read(file.path()).expect("readable");
        assert!(!bytes.windows(7).any(|part| part == b"5Aep861"), "{:?}", file.path());
    }
    // With the right key again, it goes on.
    desk.write("secrets/JOURNAL_KEY", KEY);
    desk.sync(&[nora("c3")]).exits(0);
    assert_eq!((desk.status("json:c2"), desk.status("json:c3")), ("landed".to_owned(), "landed".to_owned()));
    std::fs::remove_dir_all(&kept).expect("the store goes");
    in_vain(&desk, "c4");
    assert_ne!(desk.status("json:c4"), "landed");
    assert_eq!(only(desk.calls()["calls"].as_array().cloned().unwrap_or_default(), "the new store")["id"], "json:c4");
}
