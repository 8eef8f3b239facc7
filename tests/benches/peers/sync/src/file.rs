//! The file that all contestants share.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;
use harness::bank::{ACCOUNTS, CENTS, Fallible, Place};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::spawned::WRITER;

pub(crate) struct File {
    pub(crate) path: PathBuf,
    admin: Mutex<Connection>,
    _folder: TempDir,
}

impl File {
    pub(crate) fn create() -> Fallible<Self> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("bank.db");
        let admin = Connection::open(&path)?;
        admin.execute_batch(WRITER)?;
        admin.execute_batch(
            "CREATE TABLE accounts (id INTEGER PRIMARY KEY, cents BIGINT NOT NULL);
             CREATE TABLE items
                 (id INTEGER PRIMARY KEY, name TEXT NOT NULL, cents BIGINT NOT NULL);",
        )?;
        admin.execute(
            "WITH RECURSIVE ids (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM ids WHERE id < ?1)
             INSERT INTO accounts SELECT id, ?2 FROM ids",
            [ACCOUNTS, CENTS],
        )?;
        Ok(Self {
            path,
            admin: Mutex::new(admin),
            _folder: folder,
        })
    }

    fn admin(&self) -> MutexGuard<'_, Connection> {
        self.admin.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place for File {
    fn clear(&self) -> BoxFuture<'_, Fallible<i64>> {
        Box::pin(async {
            let admin = self.admin();
            let count = admin.query_row("SELECT count(*) FROM items", (), |row| row.get(0))?;
            // The write-ahead log is emptied, so that no contestant's turn pays for another's.
            admin.execute_batch("DELETE FROM items; PRAGMA wal_checkpoint(TRUNCATE);")?;
            Ok(count)
        })
    }

    fn total(&self) -> BoxFuture<'_, Fallible<i64>> {
        Box::pin(async {
            let total = "SELECT sum(cents) FROM accounts";
            Ok(self.admin().query_row(total, (), |row| row.get(0))?)
        })
    }
}
