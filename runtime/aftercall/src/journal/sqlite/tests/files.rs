//! What the file is, whose it is, and who may look.

use std::path::Path;

use super::{
    super::{
        super::{Error, Journal, conformance::support::*},
        SqliteJournal, SqliteOptions, migrate,
    },
    intruder, open, total,
};

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

/// A person's command speaks to a journal that a service has open, and the service goes on.
#[tokio::test]
async fn a_word_from_beside() -> Case {
    use crate::journal::{CallStatus, Intervention, Way, intervene_beside};
    let folder = tempfile::tempdir().expect("a temporary folder");
    let journal = open(folder.path())?;
    let seq = accept_new(&journal, call("a", &["k"])).await?;
    let word = |status| Intervention {
        call: seq,
        actor: "olga".to_owned(),
        way: Way::Cli,
        what: "retry",
        reason: "stop".to_owned(),
        now: at(1),
        seen: None,
        records: vec![status_change(status)],
    };
    assert_eq!(intervene_beside(journal.path(), word(CallStatus::Held))?.status, CallStatus::Held);
    assert!(claims(&journal, 5, 9).await?.is_empty(), "the service sees it");
    accept_new(&journal, call("b", &["l"])).await?;
    assert_eq!(claims(&journal, 5, 9).await?.len(), 1, "and goes on");
    Ok(())
}
