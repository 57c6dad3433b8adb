//! What the loss of the process, or of the power, leaves behind.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
};

use futures_util::FutureExt;

use super::{
    super::{
        super::{CallStatus, Counts, Error, Journal, Then, WriteState, conformance::support::*},
        SqliteJournal,
    },
    as_after_a_crash, open, options, total,
};

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
    record(&journal, &both[0], 0, vec![again_at(9000, true)], Then::Keep).await?;

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
                record(&journal, &claim, 0, vec![into_state("contact", WriteState::Applied)], Then::Keep).await?;
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
