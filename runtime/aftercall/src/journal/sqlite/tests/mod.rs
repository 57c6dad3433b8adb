//! The conformance suite on the embedded store, and what only a file goes through: crashes, full disks, other programs.

mod crash;
mod files;
mod history;
mod older;
mod writer;

use std::{path::Path, time::Duration};

use rusqlite::Connection;

use super::{
    super::{
        CallFilter, Error, Journal,
        conformance::{self, support::at},
    },
    SqliteJournal, SqliteOptions,
    lock::beside,
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

/// The same for what a store does beside the way of calls.
mod upkeep {
    use super::{
        Error, Journal,
        conformance::{list, upkeep as cases},
        open,
    };
    use crate::journal::Upkeep;

    async fn check(case: impl AsyncFnOnce(&dyn Journal, &dyn Upkeep) -> Result<(), Error>) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let journal = open(folder.path()).expect("an empty journal");
        if let Err(error) = case(&journal, &journal).await {
            panic!("{error}");
        }
    }

    #[tokio::test]
    async fn an_alert_and_its_messages_are_one() {
        check(async |journal, upkeep| cases::an_alert_and_its_messages_are_one(journal, upkeep).await).await;
    }

    #[tokio::test]
    async fn what_went_wrong_is_counted() {
        check(async |journal, upkeep| cases::what_went_wrong_is_counted(journal, upkeep).await).await;
    }

    #[tokio::test]
    async fn what_never_came_is_known_until_it_comes() {
        check(async |journal, upkeep| list::what_never_came_is_known_until_it_comes(journal, upkeep).await).await;
    }

    #[tokio::test]
    async fn part_of_a_day_says_less_than_all_of_it() {
        check(async |journal, upkeep| list::part_of_a_day_says_less_than_all_of_it(journal, upkeep).await).await;
    }

    #[tokio::test]
    async fn days_are_counted_by_source_and_status() {
        check(async |journal, upkeep| list::days_are_counted_by_source_and_status(journal, upkeep).await).await;
    }

    #[tokio::test]
    async fn what_was_captured_comes_with_its_receipts() {
        check(async |journal, upkeep| list::what_was_captured_comes_with_its_receipts(journal, upkeep).await).await;
    }

    #[tokio::test]
    async fn what_makes_duplicates_suspected_is_found() {
        check(async |journal, upkeep| list::what_makes_duplicates_suspected_is_found(journal, upkeep).await).await;
    }

    #[tokio::test]
    async fn what_is_open_is_not_let_go() {
        check(async |journal, upkeep| cases::what_is_open_is_not_let_go(journal, upkeep).await).await;
    }

    #[tokio::test]
    async fn a_part_stays_as_long_as_a_config_needs_it() {
        check(async |journal, upkeep| cases::a_part_stays_as_long_as_a_config_needs_it(journal, upkeep).await).await;
    }
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

async fn total(journal: &SqliteJournal) -> Result<usize, Error> {
    Ok(journal.calls(CallFilter { limit: usize::MAX, ..CallFilter::default() }).await?.len())
}
