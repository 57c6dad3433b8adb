//! What the loss of the process, or of the power, leaves behind.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
};

use futures_util::FutureExt;

use super::{
    super::{
        super::{CallFilter, CallStatus, Counts, Error, Journal, Then, WriteState, conformance::support::*},
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
    assert_eq!(journal.peek_turn("route".to_owned(), "another".to_owned()).await?, (1, false));
    assert_eq!(only(claims(&journal, 1, 9).await?).writes[0].state, WriteState::Unknown);
    Ok(())
}

/// A log that a crash has cut short, wherever: all that stands in it in whole is there, in its order, and nothing else.
#[tokio::test]
async fn a_log_cut_short_keeps_what_it_holds() -> Case {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let journal = open(folder.path())?;
    let log = folder.path().join("journal.db-wal");
    // How long the log is when a call has been acknowledged.
    let mut marks = Vec::new();
    for n in 0..12 {
        accept_new(&journal, call(&format!("call-{n:02}"), &[])).await?;
        marks.push(log.metadata().expect("a log").len());
    }
    let whole = *marks.last().expect("there are twelve");
    let around = marks.iter().flat_map(|mark| [mark - 1, *mark, mark + 1]);
    for cut in (0..whole).step_by(1_733).chain(around) {
        let crashed = as_after_a_crash(folder.path());
        let file = std::fs::OpenOptions::new().write(true).open(crashed.path().join("journal.db-wal")).expect("the copy");
        file.set_len(cut.min(whole)).expect("the cut");
        let heir = open(crashed.path())?;
        let kept = marks.iter().filter(|mark| **mark <= cut).count();
        let mut ids: Vec<String> =
            heir.calls(CallFilter { limit: usize::MAX, ..CallFilter::default() }).await?.into_iter().map(|call| call.id).collect();
        ids.sort();
        assert_eq!(ids, (0..kept).map(|n| format!("call-{n:02}")).collect::<Vec<_>>(), "cut at {cut} of {whole}");
        // And it goes on from there.
        accept_new(&heir, call("later", &[])).await?;
        sound(&heir).await?;
    }
    Ok(())
}

/// A database that lacks its end is never taken for the whole of it.
#[tokio::test]
async fn a_file_cut_short_is_said() -> Case {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let journal = open(folder.path())?;
    journal.accept((0..60).map(|n| call(&format!("{n}"), &[])).collect()).await?;
    drop(journal);
    let whole = std::fs::read(folder.path().join("journal.db")).expect("the file");
    assert!(!folder.path().join("journal.db-wal").exists(), "all of it is in the file");
    let (mut said, pages) = (0, (1..whole.len() / 4096).map(|page| page * 4096));
    for cut in pages.clone().chain(pages.map(|at| at + 777)).chain([1, 99, 100, 512, 4095]) {
        let crashed = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(crashed.path().join("journal.db"), &whole[..cut]).expect("the cut");
        match open(crashed.path()) {
            Err(Error::Corrupt { .. } | Error::NotAJournal { .. }) => said += 1,
            Err(error) => panic!("cut at {cut}: {error}"),
            Ok(heir) => panic!("cut at {cut} of {}: opened, with {:?} of 60 calls", whole.len(), total(&heir).await),
        }
    }
    assert!(said > 20, "{said}");
    Ok(())
}

async fn sound(journal: &SqliteJournal) -> Case {
    let sound = journal.write("check", |tx| Ok(tx.conn.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0))?)).await?;
    assert_eq!(sound, "ok");
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
    sound(&journal).await
}
