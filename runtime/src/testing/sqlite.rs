//! Databases of SQLite for tests: files in temporary folders, or databases in memory.
//!
//! A process holds a lock on a file beside each of its folders, which is there before the folder is made
//! and until the folder is gone. A folder whose lock is free is a leftover, however the process has
//! ended. Only folders with such a file are ever removed.

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
/// What the name of the file has more than the folder's. The process of the test holds a lock on it.
const LOCK: &str = "lock";
/// The file in the folder that says that the test has failed.
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
            let _ = remove_with_lock(&folder.path);
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
        let test = readable(test, 60);
        loop {
            let path = parent.join(format!("{PREFIX}{test}_{:016x}", fastrand::u64(..)));
            match Self::at(path) {
                Ok(Some(folder)) => return Ok(folder),
                Ok(None) => {}
                Err(error) if error.kind() == IoErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Makes a folder. `None` if another process has taken the new lock for a leftover.
    fn at(path: PathBuf) -> io::Result<Option<Self>> {
        let file = lock_of(&path);
        let lock = File::create_new(&file)?;
        lock.lock()?;
        // The file was free until now. Nobody gives another file its random name.
        if !file.try_exists()? {
            return Ok(None);
        }
        if let Err(error) = fs::create_dir(&path) {
            let _ = fs::remove_file(file);
            return Err(error);
        }
        Ok(Some(Self { path, _lock: lock }))
    }

    fn database(&self) -> PathBuf {
        self.path.join("test.db")
    }
}

/// Returns the path of a folder's lock.
fn lock_of(folder: &Path) -> PathBuf {
    folder.with_added_extension(LOCK)
}

/// Returns the path of the folder to which a lock of this name belongs. `None` if [`Folder::new`] gives
/// no lock such a name.
fn folder_of(lock: &Path) -> Option<PathBuf> {
    let name = lock.file_name()?.to_str()?;
    let name = name.strip_suffix(LOCK)?.strip_suffix('.')?;
    let (_, random) = name.strip_prefix(PREFIX)?.rsplit_once('_')?;
    let is_hex = |c: char| matches!(c, '0'..='9' | 'a'..='f');
    (random.len() == 16 && random.chars().all(is_hex)).then(|| lock.with_file_name(name))
}

/// Removes a folder, which may be gone, and then its lock. The caller holds the lock.
fn remove_with_lock(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != IoErrorKind::NotFound => Err(error),
        _ => fs::remove_file(lock_of(folder)),
    }
}

/// Removes the folders of processes that have ended, except those that were kept not long ago.
fn remove_leftovers(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    for entry in entries.flatten() {
        let lock = entry.path();
        let Some(folder) = folder_of(&lock) else {
            continue;
        };
        // Held until the folder is gone.
        let Ok(lock) = File::open(lock) else {
            continue;
        };
        // Asked for the mark after the lock, which is free once the process has ended.
        if lock.try_lock().is_ok() && !is_kept(&folder) {
            let _ = remove_with_lock(&folder);
        }
    }
}

/// Whether the test has failed not long ago. A folder of which this cannot be said is kept.
fn is_kept(folder: &Path) -> bool {
    match fs::metadata(folder.join(KEPT)).and_then(|kept| kept.modified()) {
        Ok(time) => time.elapsed().unwrap_or_default() <= Duration::from_hours(24 * KEPT_DAYS),
        Err(error) => error.kind() != IoErrorKind::NotFound,
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    /// Runs `test` in a folder that no other test looks into.
    fn in_a_parent(test: impl FnOnce(&Path)) {
        let name = format!("dbop-unit-test-{:016x}", fastrand::u64(..));
        let parent = std::env::temp_dir().join(name);
        fs::create_dir(&parent).expect("a folder");
        test(&parent);
        fs::remove_dir_all(parent).expect("the folder");
    }

    fn names_in(parent: &Path) -> Vec<String> {
        let entries = fs::read_dir(parent).expect("the folder");
        let name = |entry: io::Result<fs::DirEntry>| {
            let name = entry.expect("an entry").file_name();
            name.into_string().expect("a plain name")
        };
        let mut names: Vec<_> = entries.map(name).collect();
        names.sort();
        names
    }

    #[test]
    fn a_folder_is_left_over_when_its_process_has_ended_and_it_was_not_kept() {
        in_a_parent(|parent| {
            let folder = Folder::new(parent, "left_over").expect("a folder");
            let path = folder.path.clone();
            remove_leftovers(parent);
            assert!(path.exists(), "its process lives");
            let kept = File::create(path.join(KEPT)).expect("a file");
            drop(folder);
            remove_leftovers(parent);
            assert!(path.exists(), "it was kept");
            let long_ago = SystemTime::now() - Duration::from_hours(24 * (KEPT_DAYS + 1));
            kept.set_modified(long_ago).expect("a time");
            remove_leftovers(parent);
            assert!(names_in(parent).is_empty());
        });
    }

    #[test]
    fn what_a_killed_process_has_half_made_or_half_removed_is_left_over() {
        in_a_parent(|parent| {
            let new = |test: &str| Folder::new(parent, test).expect("a folder").path;
            fs::remove_dir(new("without_folder")).expect("the folder");
            let half_removed = new("half_removed");
            fs::write(half_removed.join("test.db-wal"), "").expect("a file");
            new("empty");
            remove_leftovers(parent);
            assert!(names_in(parent).is_empty(), "{:?}", names_in(parent));
        });
    }

    #[test]
    fn a_folder_or_file_that_is_not_dbops_is_never_removed() {
        let folders = ["dbop_test_a_0123456789abcdef", "dbop_test_b"];
        let files = [
            "dbop_test_b.lock",
            "dbop_test_c_0123456789abcde.lock",
            "dbop_test_d_0123456789abcdef.unlock",
            "dbop_test_e_0123456789ABCDEF.lock",
            "test_f_0123456789abcdef.lock",
        ];
        for name in files {
            assert_eq!(folder_of(Path::new(name)), None, "{name}");
        }
        in_a_parent(|parent| {
            for name in folders {
                fs::create_dir(parent.join(name)).expect("a folder");
            }
            remove_leftovers(parent);
            assert_eq!(names_in(parent), folders);
        });
    }

    #[test]
    fn a_lock_that_another_process_removes_before_it_is_locked_makes_no_folder() {
        in_a_parent(|parent| {
            std::thread::scope(|scope| {
                let made = scope.spawn(|| {
                    let folders = (0..300).map(|_| {
                        let folder = Folder::new(parent, "contended").expect("a folder");
                        assert!(lock_of(&folder.path).exists(), "a folder without a lock");
                        folder
                    });
                    folders.collect::<Vec<_>>()
                });
                while !made.is_finished() {
                    remove_leftovers(parent);
                }
                let folders = made.join().expect("no folder without a lock");
                remove_leftovers(parent);
                assert_eq!(names_in(parent).len(), 2 * folders.len());
            });
        });
    }
}
