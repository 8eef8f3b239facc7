//! The pools of a SQLite database: one connection that writes and, for a file, those that read.

use std::time::Duration;

use sqlx::Sqlite;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};

use super::url::{Named, database_name, read};
use crate::backend::database_file::DatabaseFile;
use crate::backend::pool_plan::{Location, Plan, Plans, PoolPlan, SessionSettings};
use crate::error::{ErrorKind, Result};

/// How long SQLite itself waits for another process's lock. The time is short, because this wait
/// blocks the connection's thread, is not fair, and cannot be cancelled. After that, dbop's own
/// loop waits.
const BUSY_TIMEOUT: Duration = Duration::from_millis(250);

/// The most connections that read. Each has a thread, and more of them would not read any faster.
const MOST_READERS: u32 = 256;

impl PoolPlan for Sqlite {
    const ONE_WRITER: bool = true;
    const REMOTE: bool = false;
    // It reads from the file, where a statement without a table does not.
    const PROBE: &'static str = "SELECT 1 FROM sqlite_master LIMIT 1";

    fn is_in_memory(options: &SqliteConnectOptions) -> bool {
        !options.get_filename().exists()
    }

    fn read_url(url: &str) -> Result<SqliteConnectOptions> {
        read(url)
    }

    /// Foreign keys are checked unless the application's options say otherwise: that is the default
    /// of sqlx.
    fn plans(
        options: SqliteConnectOptions,
        connections: u32,
        settings: &SessionSettings,
    ) -> Result<Plans<Self>> {
        let Named {
            options,
            file,
            create,
        } = Named::by(options)?;
        let options = settings.log_with(options).busy_timeout(BUSY_TIMEOUT);
        let database_file = file.clone().map(DatabaseFile::file).unwrap_or_default();
        let plan = |options, size| Plan {
            options,
            size,
            apart: true,
            keep_forever: file.is_none(),
            file: database_file.clone(),
        };
        let Some(file) = &file else {
            return Ok(Plans {
                write: plan(options, 1),
                read: None,
                create: None,
            });
        };
        let mut options = options.journal_mode(SqliteJournalMode::Wal);
        let mut first = None;
        if create {
            first = (!file.exists()).then(|| options.clone());
            options = options.create_if_missing(false);
        }
        let readers = options
            .clone()
            .create_if_missing(false)
            .pragma("query_only", "ON");
        Ok(Plans {
            write: plan(options, 1),
            read: Some(plan(readers, connections.min(MOST_READERS))),
            create: first,
        })
    }

    fn probe_options(options: SqliteConnectOptions) -> Option<SqliteConnectOptions> {
        let Named { options, file, .. } = Named::by(options).ok()?;
        file.map(|_| {
            let options = options.create_if_missing(false).busy_timeout(BUSY_TIMEOUT);
            options.pragma("query_only", "ON")
        })
    }

    fn place(options: &SqliteConnectOptions) -> String {
        format!("`{}`", options.get_filename().display())
    }

    fn location(options: &SqliteConnectOptions) -> Location {
        Location {
            namespace: database_name(&options.get_filename().to_string_lossy()),
            ..Location::default()
        }
    }

    fn name(options: &SqliteConnectOptions) -> String {
        match Self::location(options).namespace.as_deref() {
            Some(":memory:") => "sqlite::memory:".to_owned(),
            _ => format!("sqlite:{}", options.get_filename().display()),
        }
    }

    fn advice(_: ErrorKind, options: &SqliteConnectOptions) -> String {
        let path = options.get_filename();
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let missing = folder.filter(|folder| !folder.exists());
        let file = path.display();
        if path.exists() {
            format!(
                "`{file}` is there but cannot be used as a database; is it one, and may this process read and write it?"
            )
        } else if let Some(folder) = missing {
            let folder = folder.display();
            format!(
                "`{file}` cannot exist, as its folder `{folder}` does not exist; create the folder first"
            )
        } else {
            format!(
                "`{file}` does not exist; add `?mode=rwc` to the URL, or `create_if_missing(true)` to the options, to create it"
            )
        }
    }
}
