//! How migrations run on SQLite: each one under the write lock of its file.

use futures_core::future::BoxFuture;
use sqlx::migrate::{Migrate, MigrateError, Migrator};
use sqlx::sqlite::SqliteConnection;
use sqlx::{SqlSafeStr, Sqlite};
use sqlx_core::transaction::TransactionManager;

use crate::backend::migrations::{Migrations, Naming, Turn};
use crate::classify;
use crate::error::ErrorKind;

type Transactions = <Sqlite as sqlx::Database>::TransactionManager;

impl Migrations for Sqlite {
    /// On SQLite, sqlx looks without a lock at what was applied, and then applies the rest. Here
    /// each migration has a transaction around the look and the work. One with `-- no-transaction`
    /// cannot have that.
    fn migrate<'c>(
        conn: &'c mut SqliteConnection,
        migrator: &'c Migrator,
    ) -> BoxFuture<'c, Result<(), MigrateError>> {
        Box::pin(async move {
            // Looks without the lock, because each transaction below reads all that was applied. If
            // there is no table yet, or the look fails, no migration is left out.
            let applied = conn.list_applied_migrations(&migrator.table_name).await;
            let applied = applied.unwrap_or_default();
            let is_applied = |version| applied.iter().any(|of| of.version == version);
            for migration in migrator.iter() {
                let version = migration.version;
                if migration.migration_type.is_down_migration() || is_applied(version) {
                    continue;
                } else if migration.no_tx {
                    migrate_to(Some(version.saturating_sub(1)), conn, migrator).await?;
                    run_to(Some(version), conn, migrator).await?;
                } else {
                    migrate_to(Some(version), conn, migrator).await?;
                }
            }
            // Looks at what was applied also where there is nothing to apply.
            migrate_to(None, conn, migrator).await
        })
    }
}

/// Applies the migrations up to a version, or all, in one transaction.
async fn migrate_to(
    version: Option<i64>,
    conn: &mut SqliteConnection,
    migrator: &Migrator,
) -> Result<(), MigrateError> {
    let mut turn = Turn::default();
    while let Err(error) = begin(conn).await {
        if classify::sqlx(&error).kind != ErrorKind::Lock {
            return Err(error.into());
        }
        turn.not_yet().await;
    }
    run_to(version, conn, migrator).await?;
    // What a migration has put off until the end, such as the check of foreign keys, fails here.
    let committed = Transactions::commit(conn).await;
    committed.map_err(|error| match version {
        Some(version) => MigrateError::ExecuteMigration(error, version),
        None => error.into(),
    })
}

async fn run_to(
    version: Option<i64>,
    conn: &mut SqliteConnection,
    migrator: &Migrator,
) -> Result<(), MigrateError> {
    let mut conn = Naming(conn);
    migrator.run_direct(version, &mut conn, false).await
}

async fn begin(conn: &mut SqliteConnection) -> sqlx::Result<()> {
    Transactions::begin(conn, Some("BEGIN IMMEDIATE".into_sql_str())).await
}
