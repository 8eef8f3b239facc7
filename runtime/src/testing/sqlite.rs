//! Databases of SQLite for tests: files in temporary folders, or databases in memory.
//!
//! A process holds a lock on a file in each of its folders. A folder whose lock is free is a leftover,
//! however the process has ended. Only folders with such a file are ever removed.

use std::fs::{self, File};
use std::io::{self, ErrorKind as IoErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::Duration;

use log::LevelFilter;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Sqlite};

use super::database::{Request, TestBackend};
use super::{KEPT_DAYS, readable};
use crate::error::{Error, ErrorKind, Result};

/// What the names of the folders begin with.
const PREFIX: &str = "dbop_test_";
/// The file that the process of the test holds a lock on.
const LOCK: &str = "made-by-dbop-test";
/// The file that says that the test has failed.
const KEPT: &str = "kept";

/// A database of a test.
#[derive(Debug)]
pub struct SqlitePlace {
    /// `None` if the database is in memory.
    folder: Option<Folder>,
}

impl TestBackend for Sqlite {
    type Place = SqlitePlace;

    const IS_COPIED: bool = false;

    async fn create(request: Request<'_>) -> Result<SqlitePlace> {
        static LEFTOVERS: Once = Once::new();
        let parent = std::env::temp_dir();
        LEFTOVERS.call_once(|| remove_leftovers(&parent));
        let made = |error: io::Error| {
            let place = parent.display();
            let text = format!("a folder for the database cannot be made in {place}: {error}");
            Error::programming(ErrorKind::Configuration, text)
        };
        let folder = match request.in_memory {
            true => None,
            false => Some(Folder::new(&parent, request.test).map_err(made)?),
        };
        Ok(SqlitePlace { folder })
    }

    fn options(place: &SqlitePlace) -> Result<SqliteConnectOptions> {
        let options = SqliteConnectOptions::new().log_statements(LevelFilter::Trace);
        Ok(match &place.folder {
            Some(folder) => options.filename(folder.database()).create_if_missing(true),
            None => options.in_memory(true),
        })
    }

    /// SQLite does not tell who else has the file open.
    async fn sessions_on(_: &SqlitePlace) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    async fn remove(place: SqlitePlace) -> Result<()> {
        if let Some(folder) = place.folder {
            // A file that something still has open cannot be removed everywhere. Then the folder is a
            // leftover.
            let _ = fs::remove_dir_all(&folder.path);
        }
        Ok(())
    }

    async fn keep(place: SqlitePlace) -> Result<Option<String>> {
        let Some(folder) = place.folder else {
            return Ok(None);
        };
        // A folder that is not marked is a leftover, and goes at the next run.
        let kept = File::create(folder.path.join(KEPT)).is_ok();
        Ok(kept.then(|| folder.database().display().to_string()))
    }
}

/// A folder of this process's.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    /// Locked for as long as it is open.
    _lock: File,
}

impl Folder {
    fn new(parent: &Path, test: &str) -> io::Result<Self> {
        let path = loop {
            let test = readable(test, 60);
            let path = parent.join(format!("{PREFIX}{test}_{:016x}", fastrand::u64(..)));
            match fs::create_dir(&path) {
                Ok(()) => break path,
                Err(error) if error.kind() == IoErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        };
        // The file gets its name when it is locked, so that no other process finds it free.
        let unnamed = path.join("new");
        let lock = File::create(&unnamed)?;
        lock.lock()?;
        fs::rename(unnamed, path.join(LOCK))?;
        Ok(Self { path, _lock: lock })
    }

    fn database(&self) -> PathBuf {
        self.path.join("test.db")
    }
}

/// Removes the folders of processes that have ended, except those that were kept not long ago.
fn remove_leftovers(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    for entry in entries.flatten() {
        let is_ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        if is_ours && is_left_over(&entry.path()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn is_left_over(folder: &Path) -> bool {
    let is_free = |lock: File| lock.try_lock().is_ok();
    if !File::open(folder.join(LOCK)).is_ok_and(is_free) {
        return false;
    }
    // Asked after the lock, which is free once the process has ended.
    match fs::metadata(folder.join(KEPT)).and_then(|kept| kept.modified()) {
        Ok(time) => time.elapsed().unwrap_or_default() > Duration::from_hours(24 * KEPT_DAYS),
        Err(error) => error.kind() == IoErrorKind::NotFound,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_left_over_when_its_process_has_ended_and_it_was_not_kept() {
        let parent = std::env::temp_dir();
        let folder = Folder::new(&parent, "left_over").expect("a folder");
        let path = folder.path.clone();
        assert!(!is_left_over(&path), "its process lives");
        drop(folder);
        assert!(is_left_over(&path));
        File::create(path.join(KEPT)).expect("a file");
        assert!(!is_left_over(&path), "it was kept");
        fs::remove_file(path.join(KEPT)).expect("the file");
        fs::remove_file(path.join(LOCK)).expect("the file");
        assert!(!is_left_over(&path), "it has no mark");
        fs::remove_dir_all(path).expect("the folder");
    }
}
