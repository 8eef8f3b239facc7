//! [`Db::migrate`]: the migrations of an application.

use sqlx::migrate::{MigrateError, Migration, Migrator};
use tokio::time::Instant;

use super::handle::Db;
use crate::backend::{Backend, Leftover, Traces};
use crate::error::{Ended, Error, Outcome, Result};
use crate::op::Op;
use crate::rt::Timer;

impl<DB: Backend> Db<DB> {
    /// Applies the migrations that have not been applied to this database yet, in their order.
    ///
    /// ```
    /// # async fn example(db: dbop::Db<sqlx::Sqlite>) -> Result<(), Box<dyn std::error::Error>> {
    /// use std::path::Path;
    ///
    /// use sqlx::migrate::Migrator;
    ///
    /// let migrator = Migrator::new(Path::new("migrations")).await?; // a folder
    /// db.migrate(&migrator).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// sqlx's macro `migrate!("migrations")` makes the same `Migrator` of files that the program then
    /// contains.
    ///
    /// Each migration is a transaction of its own, unless its file begins with `-- no-transaction`.
    /// The limits of other calls do not hold: neither the handle's `timeout`, `statement_timeout` and
    /// `idle_in_transaction_timeout` nor those that the server has for the role. The connection is one
    /// of the pool of those that write, and is closed afterwards, so that no other call meets what
    /// migrations leave in their session. (A SQLite database in memory keeps its connection.
    /// Its session is put back, but not that of a pool of the application's.)
    ///
    /// Of several processes that start at the same time, one migrates, and the others wait for as long
    /// as that takes. On SQLite, two processes may both run a migration with `-- no-transaction`; one
    /// of them then fails.
    ///
    /// If the caller goes away before the end, the migration that runs is rolled back, unless it has no
    /// transaction.
    ///
    /// # Errors
    ///
    /// Fails if a migration fails. The message names its version and its file, and the category and the
    /// kind are those of its error. That migration is rolled back, unless it has no transaction, and
    /// those before stay applied, so the call can be repeated. Also fails if a migration that was
    /// applied is missing or has been changed, and if the pool has no connection within its
    /// [`acquire_timeout`](crate::DbBuilder::acquire_timeout).
    pub async fn migrate(&self, migrator: &Migrator) -> Result<()> {
        let refused = |error| ended(error, Outcome::RolledBack);
        let _running = self.running().begin(MIGRATE.name).map_err(refused)?;
        let now = Instant::now();
        let until = now + self.defaults().acquire_timeout;
        let mut timer = Timer::default();
        let acquired = self
            .pools(false)
            .acquire(MIGRATE.first_attempt(), now, until, &mut timer);
        let mut lease = acquired.await.map_err(refused)?;
        lease.left = Leftover::Unfinished;
        lease.traces = Traces::Lasting;
        let migrated = DB::migrate(lease.conn(), migrator).await;
        if migrated.is_ok() {
            lease.left = Leftover::Nothing;
        }
        lease.release().await;
        migrated.map_err(|error| {
            let outcome = match error {
                // Nothing has run.
                MigrateError::VersionMissing(_) | MigrateError::VersionMismatch(_) => {
                    Outcome::RolledBack
                }
                // Migrations before the one that has failed are applied.
                _ => Outcome::Unknown,
            };
            ended(described(error, migrator), outcome)
        })
    }
}

/// The operation that migrates, as errors and the list of those who hold connections name it.
static MIGRATE: Op = Op::operation("migrate", file!(), line!());

fn ended(mut error: Error, outcome: Outcome) -> Error {
    error.finish(Ended::outermost(MIGRATE.name, 1, outcome));
    error
}

/// Adds what to do, and the file in which to do it.
fn described(error: MigrateError, migrator: &Migrator) -> Error {
    let advice = match error {
        MigrateError::ExecuteMigration(_, version) => {
            file(version, migrator).map(|file| format!("see the file whose name ends in `{file}`"))
        }
        MigrateError::VersionMissing(_) => Some(
            "a newer version of the program may have applied it: run that one, or allow this with \
             `set_ignore_missing(true)` on the `Migrator`"
                .to_owned(),
        ),
        MigrateError::VersionMismatch(version) => {
            let file = file(version, migrator).unwrap_or_default();
            Some(format!(
                "restore the file whose name ends in `{file}` as it was when it was applied, and \
                 put the change in a new migration"
            ))
        }
        _ => None,
    };
    let error = Error::from(sqlx::Error::from(error));
    match advice {
        Some(advice) => error.advise(advice),
        None => error,
    }
}

/// Returns the name of a migration's file, without zeros in front of the version, which sqlx does not
/// keep.
pub(super) fn file(version: i64, migrator: &Migrator) -> Option<String> {
    let is_it = |migration: &&Migration| {
        migration.version == version && migration.migration_type.is_up_migration()
    };
    let migration = migrator.iter().find(is_it)?;
    let description = migration.description.replace(' ', "_");
    let suffix = migration.migration_type.suffix();
    Some(format!("{version}_{description}{suffix}"))
}
