//! From SQLite's codes to sentences. Inside the store a transaction fails with a [`Fault`]; only the threads know the file.

use std::{
    io::{self, ErrorKind},
    path::Path,
    sync::Arc,
};

use rusqlite::ErrorCode;

use super::super::error::Error;

/// Why a transaction failed, before the file is named.
#[derive(Debug)]
pub(super) enum Fault {
    /// SQLite said no.
    Sql(rusqlite::Error),
    /// The journal itself says no, in its own words.
    Said(Error),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Said(error)
    }
}

/// When in a transaction it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// Before the commit: nothing is on disk.
    Working,
    /// While committing.
    Committing,
}

impl Fault {
    /// The error for people. `doing` completes "the journal could not …".
    pub(super) fn explain(self, path: &Path, doing: &'static str, moment: Moment) -> Error {
        let error = match self {
            Self::Said(error) => return error,
            Self::Sql(error) => error,
        };
        let path = path.to_path_buf();
        let detail = match &error {
            rusqlite::Error::SqliteFailure(code, said) => said.clone().unwrap_or_else(|| format!("SQLite error {}", code.extended_code)),
            other => other.to_string(),
        };
        match &error {
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::Utf8Error(..) => Error::Unreadable { path, detail },
            _ => match error.sqlite_error_code() {
                Some(ErrorCode::DiskFull) => Error::DiskFull { path },
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Error::Locked { path },
                Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => Error::ReadOnly { path },
                Some(ErrorCode::DatabaseCorrupt) => Error::Corrupt { path, detail },
                Some(ErrorCode::NotADatabase) => Error::NotAJournal { path, detail: "it is no SQLite database".to_owned() },
                Some(ErrorCode::SystemIoFailure) => Error::Disk { path, detail, committing: moment == Moment::Committing },
                _ => Error::Sql { doing, source: Arc::new(error) },
            },
        }
    }
}

/// The error for people when the file system said no. `doing` as in `opening`.
pub(super) fn io_error(doing: &'static str, path: &Path, source: io::Error) -> Error {
    let path = path.to_path_buf();
    match source.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Error::ReadOnly { path },
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Error::DiskFull { path },
        _ => Error::Io { doing, path, source: Arc::new(source) },
    }
}
