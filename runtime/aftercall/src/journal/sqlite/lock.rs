//! One process owns a journal: a lock file beside it that the operating system lets go of when the process ends, however
//! it ends.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    path::{Path, PathBuf},
};

use super::{super::error::Error, fault::io_error};

/// The lock, held until it is dropped.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of the journal at `path`. Errors: [`Error::InUse`] with the pid of who has it.
    pub(super) fn take(path: &Path) -> Result<Self, Error> {
        let at = beside(path, ".lock");
        let io = |doing: &'static str| {
            let at = at.clone();
            move |source| io_error(doing, &at, source)
        };
        let mut file = private(OpenOptions::new().read(true).write(true).create(true).truncate(false))
            .open(&at)
            .map_err(io("opening the lock file"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut said = String::new();
                // What stands there is a help for people; the lock itself is the operating system's.
                let _ = file.read_to_string(&mut said);
                return Err(Error::InUse { path: path.to_path_buf(), pid: said.trim().parse().unwrap_or(0) });
            }
            Err(TryLockError::Error(source)) => return Err(io("locking")(source)),
        }
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(io("writing the lock file"))?;
        Ok(Self { _file: file })
    }
}

/// The process that works the journal at `path`, where one does; 0 where it cannot be told which.
pub fn worked_by(path: &Path) -> Option<u32> {
    let mut file = OpenOptions::new().read(true).open(beside(path, ".lock")).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => {
            let mut said = String::new();
            let _ = file.read_to_string(&mut said);
            Some(said.trim().parse().unwrap_or(0))
        }
        _ => None,
    }
}

/// The path with something added to its last name, as SQLite does it with `-wal`.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Files of the journal are for their owner alone: they hold what callers said. SQLite gives `-wal` and `-shm` the same
/// rights.
pub(super) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options
}
