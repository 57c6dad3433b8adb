//! Stories of a journal that cannot be had: each a clear sentence with the file and the remedy, and nothing lost.

use std::path::Path;

use rusqlite::Connection;
use serde_json::json;

use crate::support::{Desk, Ran, aftercall, call};

fn one_call() -> Vec<u8> {
    format!("{}\n", call("c-1", json!({"caller": {"phone": "+15125550142"}}))).into_bytes()
}

fn sync(desk: &Desk) -> Ran {
    aftercall(desk.root(), &["sync", "-"], &one_call())
}

fn sql(path: &Path, text: &str) {
    Connection::open(path).and_then(|db| db.execute_batch(text)).unwrap_or_else(|e| panic!("{text}: {e}"));
}

/// Story: there is no journal yet. Looking says what makes one, and a dry run does not need one.
#[test]
fn no_journal_yet() {
    let desk = Desk::salesforce();
    for args in [&["calls"][..], &["show", "c-1"]] {
        let ran = desk.run(args).exits(1);
        assert!(ran.stderr.contains("there is no journal at") && ran.stderr.contains("aftercall run"), "{}", ran.stderr);
    }
    aftercall(desk.root(), &["plan", "-"], &one_call()).exits(0);
    assert!(!desk.root().join("state").exists(), "looking makes nothing");
}

/// Story: an older program meets a journal of a newer one. It leaves it as it is.
#[test]
fn a_newer_journal_is_left_alone() {
    let desk = Desk::salesforce();
    sync(&desk).exits(0);
    let path = desk.root().join("state/aftercall.db");
    sql(&path, "INSERT INTO migrations (number, name, checksum, applied_at) VALUES (999, 'later', '', 0)");
    let ran = sync(&desk).exits(1);
    assert!(ran.stderr.contains("state/aftercall.db was written by a newer aftercall (schema 999"), "{}", ran.stderr);
    let ran = desk.run(&["calls"]).exits(1);
    assert!(ran.stderr.contains("newer aftercall"), "{}", ran.stderr);
    sql(&path, "DELETE FROM migrations WHERE number = 999");
    assert_eq!(desk.statuses().len(), 1, "nothing of it was touched");
}

/// Story: the file is something else. It is not overwritten.
#[test]
fn another_file_is_not_overwritten() {
    let desk = Desk::salesforce();
    desk.write("state/aftercall.db", "a shopping list, and quite a long one, with bread and butter on it\n".repeat(40).as_str());
    let ran = sync(&desk).exits(1);
    assert!(ran.stderr.contains("is not an aftercall journal"), "{}", ran.stderr);
    assert!(std::fs::read_to_string(desk.root().join("state/aftercall.db")).expect("the list").starts_with("a shopping list"));
    let other = Desk::salesforce();
    std::fs::create_dir_all(other.root().join("state")).expect("a folder");
    sql(&other.root().join("state/aftercall.db"), "CREATE TABLE recipes (name TEXT); INSERT INTO recipes VALUES ('soup')");
    let ran = sync(&other).exits(1);
    assert!(ran.stderr.contains("is not an aftercall journal"), "{}", ran.stderr);
}

/// Story: the journal cannot be written. Nothing is acknowledged, and the sentence says where to look.
#[test]
fn a_journal_that_cannot_be_written() {
    let desk = Desk::salesforce();
    // A file where the folder should be: refused to everybody, whoever runs the tests.
    desk.write("state", "");
    let ran = sync(&desk).exits(1);
    assert!(ran.stderr.contains("state"), "{}", ran.stderr);
    assert!(desk.crm.requests().is_empty(), "nothing was sent without a journal");
    // The file alone, which root may write all the same.
    let desk = Desk::salesforce();
    sync(&desk).exits(0);
    let path = desk.root().join("state/aftercall.db");
    let mut rights = std::fs::metadata(&path).expect("the journal").permissions();
    rights.set_readonly(true);
    std::fs::set_permissions(&path, rights).expect("rights");
    let writable = std::fs::OpenOptions::new().append(true).open(&path).is_ok();
    let ran = sync(&desk);
    match writable {
        true => assert_eq!(ran.code, Some(0), "root may write it: {}", ran.stderr),
        false => assert!(ran.code == Some(1) && ran.stderr.contains("cannot be written"), "{}", ran.stderr),
    }
}

/// Story: another program holds the database. We wait a little, say what it is, and take nothing in that we cannot keep.
#[test]
fn a_locked_journal_is_said() {
    let desk = Desk::salesforce();
    sync(&desk).exits(0);
    let path = desk.root().join("state/aftercall.db");
    let other = Connection::open(&path).expect("the journal");
    other.execute_batch("BEGIN EXCLUSIVE").expect("the lock");
    let ran = sync(&desk).exits(1);
    assert!(ran.stderr.contains("is locked by another program"), "{}", ran.stderr);
    other.execute_batch("ROLLBACK").expect("the lock is given back");
    sync(&desk).exits(0);
}

/// Story: another program takes the database while the service runs. The sender is told to come back, and then all is well.
#[test]
fn a_journal_locked_under_the_service() {
    let desk = Desk::salesforce();
    let service = desk.serve();
    let other = Connection::open(desk.root().join("state/aftercall.db")).expect("the journal");
    other.execute_batch("BEGIN IMMEDIATE").expect("the lock");
    let body = one_call();
    let answer = service.deliver("json", &body);
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert!(answer.header("retry-after").is_some());
    other.execute_batch("ROLLBACK").expect("the lock is given back");
    let again = service.deliver("json", &body);
    assert!([200, 202].contains(&again.status), "{}: {}", again.status, again.body);
    assert_eq!(desk.settled(1)["json:c-1"], "landed");
}

/// Story: the journal is damaged. It is said, with what to keep.
#[test]
fn a_damaged_journal_is_said() {
    let desk = Desk::salesforce();
    let calls: Vec<_> = (0..40).map(|n| call(&format!("c-{n}"), json!({"caller": {"phone": "+15125550142"}}))).collect();
    desk.sync(&calls).exits(0);
    let path = desk.root().join("state/aftercall.db");
    sql(&path, "PRAGMA wal_checkpoint(TRUNCATE)");
    let mut bytes = std::fs::read(&path).expect("the journal");
    let half = bytes.len() / 2;
    bytes[4096..half].fill(0xa5);
    std::fs::write(&path, &bytes).expect("the damage");
    for suffix in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(desk.root().join(format!("state/aftercall.db{suffix}")));
    }
    let ran = sync(&desk).exits(1);
    assert!(ran.stderr.contains("is damaged") && ran.stderr.contains("restore a backup"), "{}", ran.stderr);
}
