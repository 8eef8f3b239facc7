//! [`Migrations`]: how the migrations of an application run.

use std::time::Duration;

use futures_core::future::BoxFuture;
use sqlx::Database;
use sqlx::migrate::{AppliedMigration, Migrate, MigrateError, Migration, Migrator};

/// How the migrations of an application run, one process at a time and without the time limits of
/// other calls.
///
/// The implementations call `Migrator::run_direct`, which sqlx does not document. The future of the
/// documented `run` is not `Send` for a connection that is borrowed.
pub trait Migrations: Database<Connection: Migrate> {
    /// Applies the migrations that have not been applied yet.
    ///
    /// Leaves the session in any state, also with a transaction that is open.
    fn migrate<'c>(
        conn: &'c mut Self::Connection,
        migrator: &'c Migrator,
    ) -> BoxFuture<'c, Result<(), MigrateError>>;
}

/// The wait of a process until no other one migrates the same database.
#[derive(Debug, Default)]
pub(super) struct Turn {
    waits: bool,
}

impl Turn {
    /// Waits a moment before the database is asked again. The log says once that a wait has begun.
    pub(super) async fn not_yet(&mut self) {
        const PAUSE: Duration = Duration::from_millis(50);
        if !self.waits {
            tracing::info!(
                "the migrations wait, because another process holds the database's lock"
            );
            self.waits = true;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// A connection whose errors name the migration. sqlx does that for errors of the file's text, but
/// not for those of COMMIT, at which a check may fail that the migration has put off.
#[derive(Debug)]
pub(super) struct Naming<'c, C>(pub(super) &'c mut C);

impl<C: Migrate + Send> Migrate for Naming<'_, C> {
    fn apply<'e>(
        &'e mut self,
        table: &'e str,
        migration: &'e Migration,
    ) -> BoxFuture<'e, Result<Duration, MigrateError>> {
        Box::pin(async move {
            let applied = self.0.apply(table, migration).await;
            applied.map_err(|error| match error {
                MigrateError::Execute(error) => {
                    MigrateError::ExecuteMigration(error, migration.version)
                }
                named => named,
            })
        })
    }

    // The other methods are those of the connection.

    fn create_schema_if_not_exists<'e>(
        &'e mut self,
        schema: &'e str,
    ) -> BoxFuture<'e, Result<(), MigrateError>> {
        self.0.create_schema_if_not_exists(schema)
    }

    fn ensure_migrations_table<'e>(
        &'e mut self,
        table: &'e str,
    ) -> BoxFuture<'e, Result<(), MigrateError>> {
        self.0.ensure_migrations_table(table)
    }

    fn dirty_version<'e>(
        &'e mut self,
        table: &'e str,
    ) -> BoxFuture<'e, Result<Option<i64>, MigrateError>> {
        self.0.dirty_version(table)
    }

    fn list_applied_migrations<'e>(
        &'e mut self,
        table: &'e str,
    ) -> BoxFuture<'e, Result<Vec<AppliedMigration>, MigrateError>> {
        self.0.list_applied_migrations(table)
    }

    fn lock(&mut self) -> BoxFuture<'_, Result<(), MigrateError>> {
        self.0.lock()
    }

    fn unlock(&mut self) -> BoxFuture<'_, Result<(), MigrateError>> {
        self.0.unlock()
    }

    fn revert<'e>(
        &'e mut self,
        table: &'e str,
        migration: &'e Migration,
    ) -> BoxFuture<'e, Result<Duration, MigrateError>> {
        self.0.revert(table, migration)
    }

    fn skip<'e>(
        &'e mut self,
        table: &'e str,
        migration: &'e Migration,
    ) -> BoxFuture<'e, Result<(), MigrateError>> {
        self.0.skip(table, migration)
    }
}
