//! The conformance suite on the embedded store, and what only a file goes through: crashes, full disks, other programs.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::Duration,
};

use futures_util::{FutureExt, future::join_all};
use rusqlite::Connection;

use super::{
    super::{
        Accepted, Answer, CallFilter, CallStatus, Counts, Error, Journal, WriteState,
        conformance::{self, support::*},
    },
    SqliteJournal, SqliteOptions,
    lock::beside,
    migrate,
};

/// An empty journal in a folder of its own.
async fn empty(case: impl AsyncFnOnce(&dyn Journal) -> Result<(), Error>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let journal = open(folder.path()).expect("an empty journal");
    if let Err(error) = case(&journal).await {
        panic!("{error}");
    }
}

mod suite {
    super::conformance::every_case!(super::super::empty);
}

fn options(folder: &Path) -> SqliteOptions {
    SqliteOptions { busy_timeout: Duration::from_millis(50), ..SqliteOptions::at(folder.join("journal.db")) }
}

fn open(folder: &Path) -> Result<SqliteJournal, Error> {
    SqliteJournal::open(options(folder), at(0))
}

/// Another program with its hands in the file.
fn intruder(folder: &Path) -> Connection {
    Connection::open(folder.join("journal.db")).expect("the journal is an SQLite file")
}

/// The files as a crash would leave them, in another folder.
fn as_after_a_crash(folder: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().expect("a temporary folder");
    for suffix in ["", "-wal"] {
        let name = beside(Path::new("journal.db"), suffix);
        std::fs::copy(folder.join(&name), copy.path().join(&name)).expect("a copy");
    }
    copy
}

/// Keeps the writer thread busy until the sender is used or dropped, so that what is queued meanwhile makes one batch.
async fn busy(journal: &SqliteJournal) -> (mpsc::Sender<()>, Answer<'_, ()>) {
    let (go, wait) = mpsc::channel();
    let mut answer = journal.write("wait", move |_| {
        let _ = wait.recv();
        Ok(())
    });
    assert!((&mut answer).now_or_never().is_none());
    // The thread takes it out of the queue before anything else gets in.
    while journal.queued() > 0 {
        tokio::task::yield_now().await;
    }
    (go, answer)
}

async fn total(journal: &SqliteJournal) -> Result<usize, Error> {
    Ok(journal.calls(CallFilter { limit: usize::MAX, ..CallFilter::default() }).await?.len())
}

#[tokio::test]
async fn what_is_queued_together_is_committed_together_in_order() -> Case {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let journal = open(folder.path())?;
    let mut ready = journal.ready();
    let (go, waiting) = busy(&journal).await;
    let calls = join_all((0..25).map(|n| journal.accept(vec![call(&format!("{n}"), &[])])));
    let (waited, answers, released) = tokio::join!(waiting, calls, async { go.send(()) });
    assert!(released.is_ok() && waited.is_ok());
    let mut seqs = Vec::new();
    for answer in answers {
        let Accepted::New { seq } = answer?[0] else { panic!("not new") };
        seqs.push(seq.0);
    }
    assert_eq!(seqs, (1..=25).collect::<Vec<i64>>());
    assert_eq!(*ready.borrow_and_update(), 1, "one commit");
    Ok(())
}

#[tokio::test]
async fn an_answer_means_that_it_is_on_disk() -> Case {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let journal = open(folder.path())?;
    for n in 0..20 {
        accept_new(&journal, call(&format!("{n}"), &[])).await?;
        if n % 5 == 0 {
            let crashed = as_after_a_crash(folder.path());
            assert_eq!(total(&open(crashed.path())?).await?, n + 1);
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_crash_loses_nothing_and_leaves_doubts() -> Case {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let journal = open(folder.path())?;
    journal.accept(vec![call("a", &["k"]), call("b", &["k"]), call("c", &[])]).await?;
    let both = claims(&journal, 0, 9).await?;
    planned_all(&journal, &both[0], 0, vec![write("contact", WriteState::Intent), write("note", WriteState::Blocked)]).await?;
    record(&journal, &both[0], 0, vec![again_at(9000, true)], super::super::Then::Keep).await?;

    let crashed = as_after_a_crash(folder.path());
    let heir = SqliteJournal::open(options(crashed.path()), at(5))?;
    // Long before the lease would have run out.
    let claims = claims(&heir, 5, 9).await?;
    assert_eq!(ids(&claims), ["a", "c"]);
    assert_eq!((claims[0].writes[0].state, claims[0].writes[0].since), (WriteState::Unknown, Some(at(5))));
    assert_eq!(claims[0].writes[1].state, WriteState::Blocked);
    // And nothing that the process before had in hand speaks for a lane any more.
    for (old, new) in both.iter().zip(&claims) {
        assert!(new.guard.fence > old.guard.fence);
        assert_fenced(finish(&heir, old, 6, CallStatus::Landed).await, old.guard);
    }
    Ok(())
}

#[tokio::test]
async fn closing_and_opening_is_taking_over_too() -> Case {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let journal = open(folder.path())?;
    accept_new(&journal, call("a", &[])).await?;
    let claim = only(claims(&journal, 0, 9).await?);
    planned_all(&journal, &claim, 0, vec![write("contact", WriteState::Intent)]).await?;
    // Nobody waits for this one; it happens all the same.
    assert!(journal.take_turn("route".to_owned(), "a".to_owned()).now_or_never().is_none());
    drop(journal);
    let journal = open(folder.path())?;
    assert_eq!(journal.peek_turn("route".to_owned()).await?, 1);
    assert_eq!(only(claims(&journal, 1, 9).await?).writes[0].state, WriteState::Unknown);
    Ok(())
}

#[tokio::test]
async fn a_full_queue_says_so_at_once() -> Case {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let journal = SqliteJournal::open(SqliteOptions { queue: 2, ..options(folder.path()) }, at(0))?;
    let (go, waiting) = busy(&journal).await;
    let mut queued = [journal.accept(vec![call("a", &[])]), journal.accept(vec![call("b", &[])])];
    assert!(queued.iter_mut().all(|answer| answer.now_or_never().is_none()));
    let refused = journal.accept(vec![call("c", &[])]).await;
    assert!(matches!(refused, Err(Error::Busy { queued: 2 })), "{refused:?}");
    // What a worker has to say waits instead.
    let turn = journal.take_turn("route".to_owned(), "a".to_owned());
    let (turn, sent) = tokio::join!(turn, async { go.send(()) });
    assert!(sent.is_ok());
    assert_eq!(turn?, 0);
    for answer in queued {
        answer.await?;
    }
    waiting.await
}

#[tokio::test]
async fn a_full_disk_fails_what_does_not_fit_and_nothing_else() -> Case {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let journal = open(folder.path())?;
    let pages = |more: i64| {
        journal.write("limit the file", move |tx| {
            let now: i64 = tx.conn.query_row("PRAGMA page_count", [], |row| row.get(0))?;
            Ok(tx.conn.query_row(&format!("PRAGMA max_page_count = {}", now + more), [], |row| row.get::<_, i64>(0))?)
        })
    };
    pages(40).await?;
    let long = "x".repeat(20_000);
    let answers = join_all((0..20).map(|n| accept(&journal, call_saying(&format!("{n}"), &[], &long)))).await;
    let (taken, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert!(!taken.is_empty() || refused.len() == 20);
    assert!(refused.iter().all(|answer| matches!(answer, Err(error @ Error::DiskFull { .. }) if error.is_transient())), "{refused:?}");
    assert!(!refused.is_empty());
    assert_eq!(total(&journal).await?, taken.len(), "what was acknowledged stands, what was refused does not");
    // Somebody made room: it goes on without a restart, and the platform's second delivery is taken.
    pages(100_000).await?;
    for n in 0..20 {
        accept(&journal, call_saying(&format!("{n}"), &[], &long)).await?;
    }
    assert_eq!(total(&journal).await?, 20);
    Ok(())
}

#[tokio::test]
async fn a_failed_commit_fails_all_of_its_batch_and_the_thread_lives() -> Case {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let journal = open(folder.path())?;
    let (go, waiting) = busy(&journal).await;
    // An orphan that SQLite looks for only at the commit.
    let poison = journal.write("break the commit", |tx| {
        tx.conn.execute_batch("PRAGMA defer_foreign_keys = ON; INSERT INTO events (call, at, kind, data) VALUES (404, 0, 'x', '{}')")?;
        Ok(())
    });
    let good = journal.accept(vec![call("a", &[])]);
    let (waited, poisoned, good, _) = tokio::join!(waiting, poison, good, async { go.send(()) });
    waited?;
    assert!(matches!(&poisoned, Err(Error::Sql { .. })), "{poisoned:?}");
    assert!(matches!(&good, Err(Error::Sql { .. })), "{good:?}");
    assert_eq!(total(&journal).await?, 0);
    accept_new(&journal, call("a", &[])).await?;
    Ok(())
}

#[tokio::test]
async fn a_panic_inside_takes_only_its_own_transaction() -> Case {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let journal = open(folder.path())?;
    let (go, waiting) = busy(&journal).await;
    let broken: Answer<'_, ()> = journal.write("count to three", |tx| {
        tx.conn.execute_batch("INSERT INTO routes (route, next) VALUES ('half', 1)")?;
        panic!("three is missing")
    });
    let (waited, broken, good, _) = tokio::join!(waiting, broken, journal.accept(vec![call("a", &[])]), async { go.send(()) });
    waited?;
    assert!(matches!(broken, Err(Error::Fault { doing: "count to three" })), "{broken:?}");
    assert!(good.is_ok());
    assert_eq!(journal.peek_turn("half".to_owned()).await?, 0);
    Ok(())
}

#[tokio::test]
async fn another_program_in_the_file_is_waited_for_and_named() -> Case {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let journal = open(folder.path())?;
    let other = intruder(folder.path());
    other.execute_batch("BEGIN IMMEDIATE").expect("the lock");
    let refused = accept(&journal, call("a", &[])).await;
    assert!(matches!(&refused, Err(error @ Error::Locked { .. }) if error.is_transient()), "{refused:?}");
    assert_eq!(total(&journal).await?, 0, "reading goes on");
    other.execute_batch("ROLLBACK").expect("the end");
    accept_new(&journal, call("a", &[])).await?;
    Ok(())
}

#[tokio::test]
async fn a_second_owner_is_noticed_even_without_locks() -> Case {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let journal = open(folder.path())?;
    intruder(folder.path()).execute_batch("INSERT INTO epochs (pid, opened_at) VALUES (1, 0)").expect("a new epoch");
    let refused = accept(&journal, call("a", &[])).await;
    assert!(matches!(refused, Err(Error::Superseded { .. })), "{refused:?}");
    Ok(())
}

#[tokio::test]
async fn a_damaged_file_is_called_damaged() -> Case {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let journal = open(folder.path())?;
    journal.accept((0..500).map(|n| call(&format!("{n}"), &[])).collect()).await?;
    drop(journal);
    let file = folder.path().join("journal.db");
    let mut bytes = std::fs::read(&file).expect("the file");
    // Everything but the first page, which says what the file is.
    let (from, to) = (4096 * 2, bytes.len());
    bytes[from..to].fill(0x5a);
    std::fs::write(&file, bytes).expect("the damage");
    let refused = open(folder.path()).map(drop);
    assert!(matches!(refused, Err(Error::Corrupt { .. })), "{refused:?}");
    Ok(())
}

#[tokio::test]
async fn one_process_owns_it_and_others_may_read() -> Case {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("journal.db");
    let missing = SqliteJournal::open_read_only(&file).map(drop);
    assert!(matches!(missing, Err(Error::Missing { .. })), "{missing:?}");
    let journal = open(folder.path())?;
    let second = open(folder.path()).map(drop);
    assert!(matches!(&second, Err(Error::InUse { pid, .. }) if *pid == std::process::id()), "{second:?}");
    // By another name it is the same file.
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(&file, folder.path().join("alias.db")).expect("a link");
        let alias = SqliteJournal::open(SqliteOptions::at(folder.path().join("alias.db")), at(0)).map(drop);
        assert!(matches!(alias, Err(Error::InUse { .. })), "{alias:?}");
    }
    let reader = SqliteJournal::open_read_only(&file)?;
    accept_new(&journal, call("a", &[])).await?;
    assert_eq!(total(&reader).await?, 1);
    let refused = accept(&reader, call("b", &[])).await;
    assert!(matches!(refused, Err(Error::ReadOnly { .. })), "{refused:?}");
    drop(journal);
    assert_eq!(total(&SqliteJournal::open_read_only(&file)?).await?, 1, "also when no service runs");
    drop(open(folder.path())?);
    Ok(())
}

#[tokio::test]
async fn a_file_that_stands_still_is_read_without_a_trace() -> Case {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let journal = open(folder.path())?;
    accept_new(&journal, call("a", &[])).await?;
    drop(journal);
    let mut names: Vec<_> = names_in(folder.path());
    names.sort();
    assert_eq!(names, ["journal.db", "journal.db.lock"], "closing leaves no log behind");
    let reader = SqliteJournal::open_read_only(folder.path().join("journal.db"))?;
    assert_eq!(total(&reader).await?, 1);
    Ok(())
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("the folder");
    entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}

#[cfg(unix)]
#[tokio::test]
async fn the_files_are_for_their_owner_alone() -> Case {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let journal = SqliteJournal::open(SqliteOptions::at(folder.path().join("made/for/it/journal.db")), at(0))?;
    accept_new(&journal, call("a", &[])).await?;
    let at = folder.path().join("made/for/it");
    for name in names_in(&at) {
        let mode = at.join(&name).metadata().expect("a file").permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name} has {mode:o}");
    }
    Ok(())
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_takes_no_writes_is_refused() -> Case {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a temporary folder");
    drop(open(folder.path())?);
    let file = folder.path().join("journal.db");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o400)).expect("the rights");
    // The superuser may write it all the same; then it is the connection that has to refuse.
    match open(folder.path()) {
        Err(error) => assert!(matches!(error, Error::ReadOnly { .. }), "{error}"),
        Ok(journal) => {
            journal.write("close the pen", |tx| Ok(tx.conn.pragma_update(None, "query_only", true)?)).await?;
            let refused = accept(&journal, call("a", &[])).await;
            assert!(matches!(refused, Err(Error::ReadOnly { .. })), "{refused:?}");
        }
    }
    Ok(())
}

#[test]
fn what_is_no_journal_is_left_alone() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("journal.db");
    std::fs::write(&file, "[connections.crm]\n".repeat(200)).expect("a file");
    let refused = open(folder.path()).map(drop);
    assert!(matches!(&refused, Err(Error::NotAJournal { .. })), "{refused:?}");
    std::fs::remove_file(&file).expect("gone");
    intruder(folder.path()).execute_batch("CREATE TABLE addresses (name)").expect("another program's");
    let before = std::fs::read(&file).expect("the file");
    let refused = open(folder.path()).map(drop);
    assert!(matches!(&refused, Err(Error::NotAJournal { .. })), "{refused:?}");
    let refused = SqliteJournal::open_read_only(&file).map(drop);
    assert!(matches!(&refused, Err(Error::NotAJournal { .. })), "{refused:?}");
    assert_eq!(std::fs::read(&file).expect("the file"), before);
}

#[test]
fn a_newer_journal_is_refused_untouched() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    drop(open(folder.path()).expect("a journal"));
    let change = format!("INSERT INTO migrations VALUES ({}, 'future', '', 0)", migrate::KNOWN + 1);
    intruder(folder.path()).execute_batch(&change).expect("the future");
    let file = folder.path().join("journal.db");
    let before = std::fs::read(&file).expect("the file");
    for refused in [open(folder.path()).map(drop), SqliteJournal::open_read_only(&file).map(drop)] {
        assert!(matches!(&refused, Err(Error::NewerSchema { found, known, .. }) if *found == known + 1), "{refused:?}");
    }
    assert_eq!(std::fs::read(&file).expect("the file"), before);
}

/// The ways of the statements that run for every call; a scan of a table among them would be felt at a million calls.
#[tokio::test]
async fn hot_statements_use_their_indexes() -> Case {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let journal = open(folder.path())?;
    let cases = [
        ("SELECT id FROM lanes INDEXED BY lanes_ready WHERE ready_at <= 1 AND lease_until <= 1 ORDER BY ready_at LIMIT 9", "lanes_ready"),
        (
            "SELECT seq FROM calls INDEXED BY calls_line WHERE lane = 1 AND (status = 'waiting' OR blocks_lane = 1) ORDER BY seq",
            "calls_line",
        ),
        (
            "SELECT w.write FROM calls INDEXED BY calls_line JOIN writes w ON w.call = calls.seq
             WHERE calls.lane = 1 AND (calls.status = 'waiting' OR calls.blocks_lane = 1) AND w.state = 'intent'",
            "calls_line",
        ),
        ("SELECT min(ready_at) FROM lanes WHERE ready_at IS NOT NULL", "lanes_ready"),
        ("SELECT write FROM writes WHERE state = 'intent' AND state NOT IN ('applied', 'skipped')", "writes_open"),
        ("SELECT count(*) FROM payloads WHERE kind = 'unrecognised'", "payloads_unrecognised"),
        (
            "SELECT c.id FROM slots s JOIN calls c ON c.seq = s.call WHERE s.resource = 'x' AND s.ends_at > 1 AND s.starts_at < 2",
            "slots_resource",
        ),
    ];
    for (sql, index) in cases {
        let way = journal
            .write("explain", move |tx| {
                let mut statement = tx.conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
                let lines = statement.query_map([], |row| row.get::<_, String>(3))?;
                Ok(lines.collect::<rusqlite::Result<Vec<_>>>()?.join("; "))
            })
            .await?;
        assert!(way.contains(index) && !way.contains("TEMP B-TREE"), "{sql}: {way}");
    }
    Ok(())
}

const CHILD: &str = "AFTERCALL_JOURNAL_TEST_CHILD";

/// Not a case of its own: the process that the next case kills.
#[tokio::test]
async fn child_that_works_until_it_is_killed() -> Case {
    let Some(folder) = std::env::var_os(CHILD) else { return Ok(()) };
    let journal = open(Path::new(&folder))?;
    for n in 0.. {
        let id = format!("call-{n}");
        accept_new(&journal, call(&id, &[])).await?;
        // Acknowledged: from here on it must not be lost. Not by `println!`, which the harness would hold back.
        writeln!(std::io::stdout(), "\nack {id}").expect("the parent listens");
        for claim in claims(&journal, 0, 1).await? {
            planned_all(&journal, &claim, 0, vec![write("contact", WriteState::Intent)]).await?;
            writeln!(std::io::stdout(), "\nintent {}", claim.call.id).expect("the parent listens");
            if n % 2 == 0 {
                record(&journal, &claim, 0, vec![into_state("contact", WriteState::Applied)], super::super::Then::Keep).await?;
                finish(&journal, &claim, 0, CallStatus::Landed).await?;
                writeln!(std::io::stdout(), "\nlanded {}", claim.call.id).expect("the parent listens");
            }
        }
    }
    Ok(())
}

/// A child that does not outlive the case, however that ends.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // `SIGKILL`: it gets no chance to put anything in order.
        let _ = self.0.kill().and_then(|()| self.0.wait());
    }
}

#[tokio::test]
async fn kill_minus_nine_loses_nothing() -> Case {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let module = module_path!().split_once("::").map_or("", |(_, inside)| inside);
    let mut child = Killed(
        Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "--nocapture", &format!("{module}::child_that_works_until_it_is_killed")])
            .env(CHILD, folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a child"),
    );
    let mut said = BufReader::new(child.0.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
    let mut heard: Vec<(String, String)> = Vec::new();
    let mut hear = |line: String| {
        if let Some((what, id)) = line.split_once(' ').filter(|(what, _)| ["ack", "intent", "landed"].contains(what)) {
            heard.push((what.to_owned(), id.to_owned()));
        }
        heard.len()
    };
    for line in said.by_ref() {
        if hear(line) >= 150 {
            break;
        }
    }
    let in_use = open(folder.path()).map(drop);
    assert!(matches!(&in_use, Err(Error::InUse { pid, .. }) if *pid == child.0.id()), "{in_use:?}");
    let reader = SqliteJournal::open_read_only(folder.path().join("journal.db"))?;
    assert!(total(&reader).await? > 10, "another process can look on");
    drop(reader);
    drop(child);
    for line in said {
        hear(line);
    }

    let journal = open(folder.path())?;
    let mut landed = 0;
    for (what, id) in &heard {
        let story = story(&journal, id).await?;
        let state = story.writes.first().map(|write| write.state);
        match what.as_str() {
            "intent" => assert!(matches!(state, Some(WriteState::Applied | WriteState::Unknown)), "{id}: {state:?}"),
            "landed" => {
                assert_eq!((story.call.status, state), (CallStatus::Landed, Some(WriteState::Applied)), "{id}");
                landed += 1;
            }
            _ => {}
        }
    }
    let Counts { lanes_leased, open_writes, .. } = journal.counts().await?;
    assert!(landed > 10 && lanes_leased == 0 && !open_writes.contains_key(&WriteState::Intent), "{open_writes:?}");
    let sound = journal.write("check", |tx| Ok(tx.conn.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0))?)).await?;
    assert_eq!(sound, "ok");
    Ok(())
}
