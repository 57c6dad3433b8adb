//! The writer thread: group commit, full queues, full disks, and faults of our own.

use std::sync::mpsc;

use futures_util::{FutureExt, future::join_all};

use super::{
    super::{
        super::{Accepted, Answer, Error, Journal, conformance::support::*},
        SqliteJournal, SqliteOptions,
    },
    intruder, open, options, total,
};

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
    assert_eq!(journal.peek_turn("half".to_owned(), "a call".to_owned()).await?, (0, false));
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

/// The file is removed under a service: what it committed now would be gone with the process.
#[tokio::test]
async fn a_file_that_was_removed_takes_nothing_in() -> Case {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let journal = open(folder.path())?;
    let aside = folder.path().join("aside.db");
    std::fs::rename(journal.path(), &aside).expect("moved");
    let refused = accept(&journal, call("a", &[])).await;
    assert!(matches!(refused, Err(Error::Gone { .. })), "{refused:?}");
    std::fs::write(journal.path(), "").expect("another");
    let refused = accept(&journal, call("a", &[])).await;
    assert!(matches!(refused, Err(Error::Gone { .. })), "{refused:?}");
    std::fs::rename(&aside, journal.path()).expect("put back");
    accept_new(&journal, call("a", &[])).await?;
    Ok(())
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
        ("SELECT seq FROM calls INDEXED BY calls_source WHERE source = 'x' AND seq BETWEEN 1 AND 9 ORDER BY seq DESC", "calls_source"),
        (
            "SELECT seq FROM calls INDEXED BY calls_pipeline WHERE pipeline = 'x' AND seq BETWEEN 1 AND 9 ORDER BY seq DESC",
            "calls_pipeline",
        ),
        ("SELECT seq FROM calls INDEXED BY calls_verdict WHERE verdict = 'new' AND seq BETWEEN 1 AND 9 ORDER BY seq DESC", "calls_verdict"),
        (
            "SELECT seq FROM calls INDEXED BY calls_status WHERE status IN ('dead') AND seq BETWEEN 1 AND 9 ORDER BY seq DESC",
            "calls_status",
        ),
        (
            "SELECT DISTINCT call FROM writes INDEXED BY writes_connection WHERE connection = 'x' AND state <> 'skipped' AND call BETWEEN 1 AND 9 ORDER BY call DESC",
            "writes_connection",
        ),
        ("SELECT rowid FROM call_words WHERE call_words MATCH 'x' AND rowid BETWEEN 1 AND 9 ORDER BY rowid DESC", "call_words"),
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
