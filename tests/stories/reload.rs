//! Stories of a project that is changed while the service runs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use aftercall::journal::{Journal as _, SqliteJournal};
use aftercall_sandbox::{FaultKind, FaultSpec};
use serde_json::{Value, json};

use crate::support::{Desk, Running, call, eventually, known_callers, only, post, slot, text};

/// Where the desk's calls get their subject.
const PIPELINE: &str = "pipelines/front-desk.toml";

/// A desk whose entries in the call log name an edition, and that waits less than a person's editor needs.
fn desk() -> Desk {
    let desk = Desk::salesforce().impatient();
    desk.edit(PIPELINE, "fields.WhatId", "fields.Subject = \"Edition 1\"\nfields.WhatId");
    desk.add("aftercall.toml", "\n[service]\nquiet = \"40ms\"\nshrink_hold = \"30s\"\nscan_every = \"1h\"\n");
    desk
}

/// The next edition, as an editor saves it.
fn publish(desk: &Desk, from: u32, to: u32) {
    desk.edit(PIPELINE, &format!("\"Edition {from}\""), &format!("\"Edition {to}\""));
}

fn message(id: &str, caller: usize) -> Value {
    let caller = json!({"phone": format!("+1512555{:04}", 6000 + caller), "name": format!("Caller Number{caller}")});
    call(id, json!({"outcome": "message", "caller": caller}))
}

fn status(desk: &Desk) -> Value {
    desk.run(&["status", "--format", "json"]).json()
}

/// The version that is at work.
fn active(desk: &Desk) -> String {
    text(&status(desk)["active"], "version").to_owned()
}

/// Waits until another version is at work.
#[track_caller]
fn taken_over(desk: &Desk, before: &str) -> String {
    eventually("the changed project is at work", || Some(active(desk)).filter(|version| version != before))
}

/// How often the service has put another version to work.
fn swaps(service: &Running) -> usize {
    service.log().matches("a changed project is at work").count()
}

/// Each entry in the CRM's call log: the call, and the edition under which it was written.
fn editions(desk: &Desk) -> BTreeMap<String, String> {
    desk.logged().iter().map(|row| (text(row, "CallObject").to_owned(), text(row, "Subject").to_owned())).collect()
}

/// The version that a call's only plan names.
fn planned_under(desk: &Desk, id: &str) -> String {
    let plans = desk.story(id)["plans"].as_array().cloned().unwrap_or_default();
    text(plans.last().unwrap_or(&Value::Null), "config_version").to_owned()
}

/// Story: a mapping is edited. The next call is written by it, without a restart; the plan of each call names its version.
#[test]
fn an_edited_mapping_takes_over() {
    let desk = desk();
    let service = desk.serve();
    let first = active(&desk);
    service.take(&message("c-1", 1));
    desk.settled(1);
    publish(&desk, 1, 2);
    let second = taken_over(&desk, &first);
    service.take(&message("c-2", 2));
    desk.settled(2);
    let expected = [("c-1", "Edition 1"), ("c-2", "Edition 2")].map(|(call, edition)| (call.to_owned(), edition.to_owned()));
    assert_eq!(editions(&desk), expected.into());
    assert_eq!([planned_under(&desk, "json:c-1"), planned_under(&desk, "json:c-2")], [first, second]);
    let shown = desk.run(&["status"]).exits(0).stdout;
    assert!(shown.contains("running, process") && shown.contains("2 landed"), "{shown}");
}

/// Story: a file is saved with a mistake in it. What was at work goes on, the log says the line once, `status` shows it, whoever asks for
/// a reload is told; and when it is mended, it takes over.
#[test]
fn a_broken_file_never_replaces_a_good_one() {
    let desk = desk();
    let service = desk.serve();
    let first = active(&desk);
    desk.edit(PIPELINE, "\"salesforce/call-log\"", "\"salesforce/call-lag\"");
    service.says("the changed project is refused");
    let refused = desk.run(&["reload", "--wait"]).exits(1);
    assert!(refused.stderr.contains("pipelines/front-desk.toml:") && refused.stderr.contains("did you mean"), "{}", refused.seen());
    let shown = desk.run(&["status"]).exits(1).stdout;
    assert!(shown.contains("is refused") && shown.contains("call-lag") && shown.contains(&first), "{shown}");
    service.take(&message("c-1", 1));
    assert_eq!(desk.settled(1)["json:c-1"], "landed");
    assert_eq!(planned_under(&desk, "json:c-1"), first);
    let log = service.log();
    assert_eq!(log.matches("the changed project is refused").count(), 1, "{log}");
    assert!(log.contains("pipelines/front-desk.toml:20:11 AC0403"), "{log}");
    desk.edit(PIPELINE, "\"salesforce/call-lag\"", "\"salesforce/call-log\"");
    publish(&desk, 1, 2);
    desk.run(&["reload", "--wait"]).exits(0);
    assert_ne!(active(&desk), first);
    desk.run(&["status"]).exits(0);
}

/// Story: the file is written slowly, and whoever writes it rests within it. No beginning of it is ever at work, although most are TOML.
#[test]
fn a_half_written_file_is_never_taken() {
    let desk = desk();
    let service = desk.serve();
    let first = active(&desk);
    let whole = std::fs::read_to_string(desk.root().join(PIPELINE)).expect("the pipeline").replace("\"Edition 1\"", "\"Edition 2\"");
    let ends: Vec<usize> = whole.match_indices('\n').map(|(at, _)| at + 1).collect();
    let mut judged = String::new();
    for end in ends.iter().skip(4).step_by(5).take_while(|end| **end < whole.len() - 4) {
        desk.write(PIPELINE, &whole[..*end]);
        // It has been read, and judged.
        judged = eventually("a verdict on the beginning of the file", || {
            let status = status(&desk);
            let last = &status["last_reload"];
            let when = text(last, "changed_at").to_owned();
            (when != judged && ["held", "refused"].contains(&text(last, "state"))).then_some(when)
        });
        assert_eq!(active(&desk), first, "the first {end} bytes are at work:\n{}", &whole[..*end]);
    }
    desk.write(PIPELINE, &whole);
    taken_over(&desk, &first);
    assert_eq!(swaps(&service), 1, "{}", service.log());
}

/// Story: the project is a mount of Kubernetes, where a link to the real folder is swapped.
#[cfg(unix)]
#[test]
fn a_swapped_link_is_noticed() {
    let desk = desk();
    let pipelines = desk.root().join("pipelines");
    let text = std::fs::read_to_string(pipelines.join("front-desk.toml")).expect("the pipeline");
    let mount = |edition: u32| {
        let folder = format!("..2026_{edition}");
        std::fs::create_dir(pipelines.join(&folder)).expect("a folder");
        let text = text.replace("\"Edition 1\"", &format!("\"Edition {edition}\""));
        std::fs::write(pipelines.join(&folder).join("front-desk.toml"), text).expect("a file");
        std::os::unix::fs::symlink(&folder, pipelines.join("..data_tmp")).expect("a link");
        std::fs::rename(pipelines.join("..data_tmp"), pipelines.join("..data")).expect("the swap");
    };
    std::fs::remove_file(pipelines.join("front-desk.toml")).expect("removed");
    mount(1);
    std::os::unix::fs::symlink("..data/front-desk.toml", pipelines.join("front-desk.toml")).expect("a link");
    let service = desk.serve();
    let first = active(&desk);
    for edition in [2, 3] {
        let before = active(&desk);
        mount(edition);
        taken_over(&desk, &before);
        service.take(&message(&format!("c-{edition}"), edition as usize));
        desk.settled(edition as usize - 1);
        assert_eq!(editions(&desk)[&format!("c-{edition}")], format!("Edition {edition}"));
    }
    assert_ne!(active(&desk), first);
}

/// Puts the project file on another disk, so that nobody tells of its changes, and compares as often as said. Gives its text.
#[cfg(unix)]
fn elsewhere(desk: &Desk, there: &Path, scan_every: &str) -> String {
    let here = desk.root().join("aftercall.toml");
    let setting = format!("scan_every = \"{scan_every}\"");
    let text = std::fs::read_to_string(&here).expect("the project file").replace("scan_every = \"1h\"", &setting);
    std::fs::write(there, &text).expect("written");
    std::fs::remove_file(&here).expect("removed");
    std::os::unix::fs::symlink(there, &here).expect("a link");
    text
}

/// Story: nobody tells of the change, because the file is a link to another disk. It is found by comparing.
#[cfg(unix)]
#[test]
fn what_nobody_tells_of_is_found() {
    let (desk, disk) = (desk(), tempfile::tempdir().expect("another place"));
    let there = disk.path().join("aftercall.toml");
    let text = elsewhere(&desk, &there, "200ms");
    let service = desk.serve();
    let first = active(&desk);
    std::fs::write(&there, text.replace("to = \"17:00\"", "to = \"18:00\"")).expect("written");
    taken_over(&desk, &first);
    assert!(service.log().contains("\"scan\""), "{}", service.log());
}

/// Story: a service manager says reload, as it does to others.
#[cfg(unix)]
#[test]
fn a_hangup_reloads() {
    let (desk, disk) = (desk(), tempfile::tempdir().expect("another place"));
    let there = disk.path().join("aftercall.toml");
    let text = elsewhere(&desk, &there, "1h");
    let service = desk.serve();
    let first = active(&desk);
    std::fs::write(&there, text.replace("to = \"17:00\"", "to = \"18:00\"")).expect("written");
    service.hang_up();
    taken_over(&desk, &first);
    assert!(service.log().contains("\"signal\""), "{}", service.log());
}

/// Story: a checkout changes many files, one after the other. They come to work together.
#[test]
fn a_checkout_of_many_files_is_one_change() {
    let desk = desk();
    let mapping = |n: usize, edition: u32| {
        let text = format!(
            "system = \"salesforce\"\nobject = \"call\"\ntitle = \"Number {n}\"\nlinks = [\"contact\"]\n[fields]\nSubject = \"{edition}\"\n"
        );
        desk.write(&format!("mappings/acme/call-{n:02}.toml"), &text);
    };
    (0..20).for_each(|n| mapping(n, 1));
    desk.edit("aftercall.toml", "quiet = \"40ms\"", "quiet = \"300ms\"");
    let service = desk.serve();
    let first = active(&desk);
    for n in 0..20 {
        mapping(n, 2);
        // As git writes them on a busy machine: not at once.
        std::thread::sleep(Duration::from_millis(60));
    }
    publish(&desk, 1, 2);
    taken_over(&desk, &first);
    desk.run(&["reload", "--wait"]).exits(0);
    assert_eq!(swaps(&service), 1, "{}", service.log());
    assert!(service.log().contains("mappings/acme/call-00.toml"), "{}", service.log());
}

/// Story: a pipeline disappears. It is not believed at once; put back, nothing has happened; gone for good, it goes.
#[test]
fn what_disappears_is_held() {
    let desk = desk();
    let second =
        std::fs::read_to_string(desk.root().join(PIPELINE)).expect("the pipeline").replace("name = \"front-desk\"", "name = \"later\"");
    desk.edit(PIPELINE, "when = 'call.direction == \"inbound\"", "when = 'outcome != \"booked\" && call.direction == \"inbound\"");
    desk.write("pipelines/later.toml", &second);
    let service = desk.serve();
    let first = active(&desk);
    let held = || {
        eventually("the version is held", || {
            let status = status(&desk);
            (status["last_reload"]["state"] == "held").then(|| status["last_reload"]["detail"].to_string())
        })
    };
    std::fs::remove_file(desk.root().join("pipelines/later.toml")).expect("removed");
    assert!(held().contains("pipelines/later.toml"));
    assert_eq!(active(&desk), first);
    service.says("something has disappeared from the project");
    desk.write("pipelines/later.toml", &second);
    desk.run(&["reload", "--wait"]).exits(0);
    assert_eq!((active(&desk), swaps(&service)), (first.clone(), 0));
    // Now it stays away for long enough.
    desk.edit("aftercall.toml", "shrink_hold = \"30s\"", "shrink_hold = \"1s\"");
    desk.run(&["reload", "--wait"]).exits(0);
    std::fs::remove_file(desk.root().join("pipelines/later.toml")).expect("removed");
    held();
    taken_over(&desk, &first);
    assert_eq!(swaps(&service), 2, "the shorter hold, and the removal:\n{}", service.log());
}

/// Story: somebody moves the folder with the pipelines away, for longer than anything is held. Calls that come meanwhile are worked as before, until the
/// operator says that it is meant.
#[test]
fn the_last_pipeline_does_not_go_by_itself() {
    let desk = desk();
    desk.edit("aftercall.toml", "shrink_hold = \"30s\"", "shrink_hold = \"100ms\"");
    let service = desk.serve();
    let first = active(&desk);
    let (there, away) = (desk.root().join("pipelines"), desk.root().join("away"));
    std::fs::rename(&there, &away).expect("it goes");
    let state = || text(&status(&desk)["last_reload"], "state").to_owned();
    eventually("it is refused", || (state() == "refused").then_some(()));
    let refused = status(&desk);
    assert!(refused.to_string().contains("no pipeline is left"), "{refused:#}");
    service.take(&message("c-1", 1));
    assert_eq!(desk.settled(1)["json:c-1"], "landed");
    std::fs::rename(&away, &there).expect("it is back");
    eventually("all is well", || (state() == "accepted").then_some(()));
    assert_eq!(active(&desk), first);
    std::fs::rename(&there, &away).expect("it goes");
    eventually("it is refused again", || (state() == "refused").then_some(()));
    desk.run(&["reload", "--wait", "--now"]).exits(0);
    assert_ne!(active(&desk), first);
}

/// Story: an operator who knows what is gone does not wait for it.
#[test]
fn a_person_may_say_now() {
    let desk = desk();
    desk.edit("aftercall.toml", "shrink_hold = \"30s\"", "shrink_hold = \"1h\"");
    let _service = desk.serve();
    let first = active(&desk);
    desk.edit(PIPELINE, "fields.Subject = \"Edition 1\"\n", "");
    desk.run(&["reload", "--wait", "--now"]).exits(0);
    assert_ne!(active(&desk), first);
    let again = desk.run(&["reload", "--wait"]).exits(0).stdout;
    assert!(again.contains("at work already"), "{again}");
}

/// Story: the config is changed while the CRM is down and calls wait. They land under the version that they were taken in under.
#[test]
fn a_reload_while_the_crm_is_down() {
    let desk = desk();
    let service = desk.serve();
    let first = active(&desk);
    desk.crm.fault(FaultSpec::new(FaultKind::Down));
    (0..30).for_each(|n| service.take(&message(&format!("old-{n}"), n)));
    publish(&desk, 1, 2);
    let second = taken_over(&desk, &first);
    (0..30).for_each(|n| service.take(&message(&format!("new-{n}"), n)));
    assert!(desk.statuses().values().all(|status| status == "waiting"), "{:?}", desk.statuses());
    desk.crm.clear_faults();
    let statuses = desk.settled(60);
    assert!(statuses.values().all(|status| status == "landed"), "{statuses:?}");
    let editions = editions(&desk);
    assert_eq!(editions.len(), 60);
    for (call, edition) in &editions {
        assert_eq!(edition, if call.starts_with("old") { "Edition 1" } else { "Edition 2" }, "{call}");
    }
    assert_eq!([planned_under(&desk, "json:old-3"), planned_under(&desk, "json:new-3")], [first, second]);
}

/// Story: a reload that does not touch the account leaves it its token; one that does asks for another.
#[test]
fn an_unchanged_connection_keeps_its_token() {
    let desk = desk();
    let service = desk.serve();
    let mut before = active(&desk);
    let mut calls = 0;
    let mut land = || {
        calls += 1;
        service.take(&message(&format!("c-{calls}"), calls));
        desk.settled(calls);
    };
    land();
    let tokens = Desk::token_requests(&desk.crm);
    for edition in [1, 2] {
        publish(&desk, edition, edition + 1);
        before = taken_over(&desk, &before);
        land();
    }
    assert_eq!(Desk::token_requests(&desk.crm), tokens, "the token is kept");
    let other = std::fs::read(desk.root().join("secrets/SF_CLIENT_ID")).expect("a secret");
    std::fs::write(desk.root().join("secrets/OTHER"), other).expect("a secret");
    desk.edit("aftercall.toml", "file:secrets/SF_CLIENT_ID", "file:secrets/OTHER");
    desk.run(&["reload", "--wait"]).exits(0);
    land();
    assert_eq!(active(&desk), before, "credentials are operation: the version is the same");
    assert_eq!(Desk::token_requests(&desk.crm), tokens + 1, "the account is another one");
}

/// Story: a connection is removed while calls wait for it. They are not failed: they wait, `status` says so, and when it is back, they land.
#[test]
fn what_waits_for_a_removed_connection_waits_on() {
    let desk = desk();
    let service = desk.serve();
    desk.calendar.fault(FaultSpec::new(FaultKind::Down));
    let (_, _, phone) = known_callers()[0];
    service.take(&call("c-1", json!({"outcome": "booked", "caller": {"phone": phone}, "appointment": slot(9)})));
    let parked = |words: &str| {
        eventually(words, || {
            let status = status(&desk);
            (status["waits_for"]["calendar"] == 1).then_some(())
        });
    };
    parked("the call waits for the calendar");
    let whole = [PIPELINE, "aftercall.toml"].map(|file| (file, std::fs::read_to_string(desk.root().join(file)).expect("a file")));
    let without = |text: &str, from: &str, to: &str| {
        let start = text.find(from).expect("the part is there");
        let end = start + text[start..].find(to).expect("what follows it");
        text[..start].to_owned() + &text[end..]
    };
    desk.write(PIPELINE, &without(&whole[0].1, "[[write]]\nid = \"appointment\"", "# Who follows up"));
    let text = without(&whole[1].1, "[connection.calendar]", "# Voice platforms");
    desk.write("aftercall.toml", &without(&text, "[connection.calendar.breaker]", "[service]"));
    desk.run(&["reload", "--wait", "--now"]).exits(0);
    desk.calendar.clear_faults();
    service.says("this connection is not in the project any more");
    let before = desk.calendar.requests().len();
    // Another call goes its way meanwhile, through the same queue.
    service.take(&message("c-2", 2));
    eventually("the other call lands", || (desk.statuses()["json:c-2"] == "landed").then_some(()));
    assert_eq!(desk.status("json:c-1"), "waiting");
    assert_eq!(desk.calendar.requests().len(), before, "nothing is sent there");
    parked("the call still waits");
    for (file, text) in &whole {
        desk.write(file, text);
    }
    desk.run(&["reload", "--wait", "--now"]).exits(0);
    assert_eq!(desk.settled(2)["json:c-1"], "landed");
    only(desk.events(), "one appointment");
}

/// Story: a source is removed. Platforms send again what they could not deliver, so it is taken in for a while, also after a restart.
#[test]
fn a_removed_source_is_taken_in_for_a_while() {
    let desk = desk();
    let service = desk.serve();
    let first = active(&desk);
    let text = std::fs::read_to_string(desk.root().join("aftercall.toml")).expect("the project file");
    desk.write("aftercall.toml", &text.replace("[source.json]\nsecret = \"file:secrets/CALLS_TOKEN\"\n", ""));
    desk.run(&["reload", "--wait", "--now"]).exits(0);
    service.take(&message("c-1", 1));
    assert_eq!(desk.settled(1)["json:c-1"], "landed");
    assert_eq!(planned_under(&desk, "json:c-1"), first);
    assert_eq!(post(&service.endpoint("unheard-of"), &[], b"{}").status, 404);
    service.terminate().exits(0);
    let service = desk.serve();
    service.take(&message("c-2", 2));
    assert_eq!(desk.settled(2)["json:c-2"], "landed");
    // The time is over.
    desk.write("aftercall.toml", &text.replace("[service]\n", "[service]\nsource_grace = \"0s\"\n"));
    desk.run(&["reload", "--wait", "--now"]).exits(0);
    let text = std::fs::read_to_string(desk.root().join("aftercall.toml")).expect("the project file");
    desk.write("aftercall.toml", &text.replace("[source.json]\nsecret = \"file:secrets/CALLS_TOKEN\"\n", ""));
    desk.run(&["reload", "--wait", "--now"]).exits(0);
    assert_eq!(service.deliver("json", message("c-3", 3).to_string().as_bytes()).status, 404);
}

/// Story: the machine restarts on a Friday evening with a broken project. The last good config goes on, and no call is lost.
#[test]
fn a_cold_start_with_a_broken_project() {
    let desk = desk();
    desk.edit(PIPELINE, "\"salesforce/call-log\"", "\"salesforce/call-lag\"");
    let nothing_to_go_on = desk.run(&["run", "--listen", "127.0.0.1:0"]).exits(1);
    assert!(nothing_to_go_on.stderr.contains("call-lag"), "{}", nothing_to_go_on.seen());
    desk.edit(PIPELINE, "\"salesforce/call-lag\"", "\"salesforce/call-log\"");
    let service = desk.serve();
    let first = active(&desk);
    service.terminate().exits(0);
    desk.edit(PIPELINE, "\"salesforce/call-log\"", "\"salesforce/call-lag\"");
    let service = desk.serve();
    service.says("the last good config goes on");
    service.take(&message("c-1", 1));
    assert_eq!(desk.settled(1)["json:c-1"], "landed");
    assert_eq!(planned_under(&desk, "json:c-1"), first);
    desk.run(&["status"]).exits(1);
    desk.edit(PIPELINE, "\"salesforce/call-lag\"", "\"salesforce/call-log\"");
    publish(&desk, 1, 2);
    taken_over(&desk, &first);
}

/// How often the config changes in the story of that, and how long after each call the next one comes: for a minute where `LONG` is set, with
/// nothing beside it, as `tests/run` does; for some seconds otherwise.
fn badly_scripted() -> (u32, Duration) {
    if std::env::var_os("LONG").is_some() { (600, Duration::from_millis(40)) } else { (40, Duration::from_millis(8)) }
}

/// Story: somebody scripts it badly, and the config changes every tenth of a second under load. No call is lost, none is worked under a
/// mixture: what a plan holds is of the version that it names, and of one file as of the other.
#[test]
fn a_reload_every_tenth_of_a_second_under_load() {
    let desk = desk();
    desk.edit("aftercall.toml", "quiet = \"40ms\"", "quiet = \"20ms\"");
    // Some calls take longer than a version lasts.
    desk.crm.fault(FaultSpec { probability: Some(0.3), ..FaultSpec::new(FaultKind::Slow) }.delayed_ms(150));
    let mapping = |edition: u32| {
        let fields = format!(
            "[fields]\nTaskSubtype = {{ value = \"Call\", on_update = \"never\" }}\nStatus = \"Completed\"\nCallObject = \"{{{{call.id}}}}\"\nCallDisposition = \"Edition {edition}\"\n"
        );
        let text = format!("system = \"salesforce\"\nobject = \"call\"\ntitle = \"Ours\"\nlinks = [\"contact\"]\n{fields}");
        replace(&desk.root().join("mappings/acme/entry.toml"), &text);
    };
    mapping(1);
    desk.edit(PIPELINE, "\"salesforce/call-log\"", "\"acme/entry\"");
    let service = desk.serve();
    let pipeline = std::fs::read_to_string(desk.root().join(PIPELINE)).expect("the pipeline");
    let (mut sent, mut torn) = (0, BTreeSet::new());
    let begun = Instant::now();
    let (changes, pause) = badly_scripted();
    for edition in 2..changes + 2 {
        let between = Instant::now();
        mapping(edition);
        std::thread::sleep(Duration::from_millis(6));
        replace(&desk.root().join(PIPELINE), &pipeline.replace("\"Edition 1\"", &format!("\"Edition {edition}\"")));
        if between.elapsed() >= Duration::from_millis(20) {
            // This machine was busy: for longer than the quiet period the files themselves were a mixture, which may be taken for what is meant.
            torn.insert(format!("Edition {edition}"));
        }
        let next = begun + Duration::from_millis(100) * (edition - 1);
        while Instant::now() < next {
            sent += 1;
            service.take(&message(&format!("c-{sent}"), sent % 60));
            std::thread::sleep(pause);
        }
    }
    desk.run(&["reload", "--wait"]).exits(0);
    let calls = desk.run(&["calls", "--format", "json", "--limit", "50000"]).exits(0).json();
    assert_eq!(calls["calls"].as_array().map(Vec::len), Some(sent), "no call is lost");
    eventually("all have landed", || {
        let counts = &status(&desk)["calls"];
        (counts["landed"] == sent).then_some(())
    });
    let journal = SqliteJournal::open_read_only(desk.root().join("state/aftercall.db")).expect("the journal opens");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let mut of_version: BTreeMap<String, String> = BTreeMap::new();
    for row in desk.logged() {
        let (subject, disposition) = (text(&row, "Subject").to_owned(), text(&row, "CallDisposition"));
        if torn.contains(disposition) {
            continue;
        }
        assert_eq!(subject, disposition, "a mixture: {row}");
        let story = runtime.block_on(journal.call(format!("json:{}", text(&row, "CallObject")))).expect("it answers").expect("the call");
        let version = story.plans.last().expect("a plan").config_version.clone();
        assert_eq!(version, story.call.config_version, "the plan names the version that the call was taken in under");
        let known = of_version.entry(version.clone()).or_insert_with(|| subject.clone());
        assert_eq!(*known, subject, "the plan names {version}");
    }
    assert_eq!(desk.logged().len(), sent);
    assert!(
        torn.len() < changes as usize / 2,
        "this machine was too busy for this story: {} of {changes} changes took too long",
        torn.len()
    );
    assert!(of_version.len() > 3, "calls were worked under {} versions, after {} swaps", of_version.len(), swaps(&service));
}

/// Puts a file in another's place, as careful programs do.
fn replace(path: &Path, text: &str) {
    let beside = path.with_extension("new");
    std::fs::write(&beside, text).expect("written");
    std::fs::rename(&beside, path).expect("put in place");
}

/// Story: the office wants to see what a change does before it counts. The new version plans the next calls with nothing written, the
/// difference is told by call and field, and then it takes over.
#[test]
fn a_shadow_plans_before_it_takes_over() {
    let desk = desk();
    desk.edit("aftercall.toml", "[service]\n", "[service]\non_reload = \"shadow\"\nshadow_calls = 3\n");
    let service = desk.serve();
    let first = active(&desk);
    publish(&desk, 1, 2);
    service.says("a changed project is held back");
    for n in 1..=3 {
        assert_eq!(active(&desk), first, "after {} calls", n - 1);
        service.take(&message(&format!("c-{n}"), n));
        desk.settled(n);
        eventually("the call was planned twice", || (status(&desk)["last_reload"]["detail"]["shadow"]["planned"] == n).then_some(()));
    }
    taken_over(&desk, &first);
    let shown = status(&desk)["last_reload"]["detail"]["shadow"].clone();
    assert_eq!((&shown["planned"], &shown["differ"]), (&json!(3), &json!(3)), "{shown:#}");
    assert!(shown.to_string().contains("Edition 2") && shown.to_string().contains("pipelines/front-desk.toml:"), "{shown:#}");
    assert!(editions(&desk).values().all(|edition| edition == "Edition 1"), "nothing is written by a shadow");
    service.take(&message("c-4", 4));
    desk.settled(4);
    assert_eq!(editions(&desk)["c-4"], "Edition 2");
}
