//! Stories of a disk that is full: the sender is told to come back, the service stays up, and what it has accepted lands once.
//!
//! On a small disk of its own where this machine lets us mount one, and under a limit on the size of files, which works everywhere.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::{Desk, Running, call, get, text};

/// A disk of so many kibibytes. Dropping it takes it away, after whoever uses it.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None` where mounting is not for us; it is said.
    fn mount(at: &Path, kib: u64) -> Option<Self> {
        std::fs::create_dir_all(at).expect("a folder");
        let ran =
            Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={kib}k"), "tmpfs"]).arg(at).stderr(Stdio::null()).status();
        if ran.is_ok_and(|status| status.success()) {
            return Some(Self(at.to_owned()));
        }
        let _ = writeln!(std::io::stderr(), "SKIPPED: no disk can be mounted here; a limit on the size of files stands in for it");
        None
    }

    /// Somebody makes room.
    fn grow(&self, kib: u64) {
        let ran = Command::new("mount").args(["-o", &format!("remount,size={kib}k")]).arg(&self.0).status();
        assert!(ran.is_ok_and(|status| status.success()), "the disk grows");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").args(["--lazy"]).arg(&self.0).status();
    }
}

/// A call with a lot to say.
fn long(n: usize) -> Value {
    let caller = json!({"phone": format!("+1512558{:04}", 1000 + n % 9 * 13), "name": format!("Caller Number{}", n % 9)});
    let more =
        json!({"caller": caller, "outcome": "message", "follow_up": {"reason": "Call back"}, "transcript": "so to say ".repeat(2_000)});
    call(&format!("c-{n}"), more)
}

/// Delivers until the disk is full. How many were accepted; the one after them was not.
#[track_caller]
fn fill(service: &Running) -> usize {
    for n in 0..1_000 {
        let answer = service.deliver("json", long(n).to_string().as_bytes());
        if answer.status == 503 {
            assert!(answer.header("retry-after").is_some_and(|after| after.parse::<u32>().is_ok_and(|s| s > 0)), "{:?}", answer.headers);
            assert!(n > 2, "something was accepted before");
            return n;
        }
        assert_eq!(answer.status, 202, "{}", answer.body);
    }
    panic!("the disk takes everything");
}

/// Delivers one more to a service that is up and has no room. How many are accepted now: where a checkpoint has given some room back meanwhile,
/// taking it in is as honest as refusing it.
#[track_caller]
fn one_more(service: &Running, accepted: usize) -> usize {
    let answer = service.deliver("json", long(accepted).to_string().as_bytes());
    assert!([202, 503].contains(&answer.status), "{}: {}", answer.status, answer.body);
    assert_eq!(get(&format!("{}/healthz", service.address)).status, 200);
    accepted + usize::from(answer.status == 202)
}

#[track_caller]
fn all_once(desk: &Desk, calls: usize) {
    let statuses = desk.settled(calls);
    assert!(statuses.values().all(|status| status == "landed"), "{statuses:?}");
    let logged: BTreeSet<String> = desk.logged().iter().map(|entry| text(entry, "CallObject").to_owned()).collect();
    assert_eq!((desk.logged().len(), logged.len(), desk.to_dos().len(), desk.crm_rows("Contact").len()), (calls, calls, calls, 6 + 9));
}

/// Story: the disk is full. Senders are told to come back, and the service is there all the while. Somebody makes room: it goes on by itself.
#[test]
fn a_full_disk_and_room_again() {
    let desk = Desk::salesforce().impatient();
    let Some(disk) = SmallDisk::mount(&desk.root().join("state"), 1_500) else { return };
    let service = desk.serve();
    let accepted = (0..3).fold(fill(&service), |accepted, _| one_more(&service, accepted));
    disk.grow(64_000);
    // The platform comes back with what it was not told to have been taken.
    for n in accepted..accepted + 5 {
        service.take(&long(n));
    }
    all_once(&desk, accepted + 5);
    service.terminate().exits(0);
    drop(disk);
}

/// Story: the same, and the service is killed while the disk is full. The next start, with room, has all that was accepted.
#[test]
fn a_full_disk_and_a_kill() {
    let desk = Desk::salesforce().impatient();
    let service = Running::start_with_file_limit(desk.root(), 1_500);
    let accepted = one_more(&service, fill(&service));
    service.kill();
    let service = desk.serve();
    assert_eq!(desk.statuses().len(), accepted, "what was accepted is there, and nothing else");
    for n in accepted..accepted + 5 {
        service.take(&long(n));
    }
    all_once(&desk, accepted + 5);
    drop(service);
}
