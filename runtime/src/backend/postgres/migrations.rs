//! How migrations run on Postgres: under an advisory lock, in a session without time limits.

use futures_core::future::BoxFuture;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::PgConnection;
use sqlx::{Executor, Postgres};

use crate::backend::migrations::{Migrations, Naming, Turn};

/// Lifts the limits that may end a statement, a transaction or a session for taking long. A setting
/// that this version of the server does not have is left out. `lock_timeout` stays: who has set it
/// does not want a migration to keep others waiting.
const LIFT_LIMITS: &str = "SELECT set_config(name, '0', false) FROM pg_settings WHERE name IN (
        'statement_timeout', 'transaction_timeout', 'idle_in_transaction_session_timeout',
        'idle_session_timeout'
    )";

/// The lock is held until the session ends.
const TAKE_TURN: &str = "SELECT pg_try_advisory_lock(hashtextextended('dbop: migrations', 0))";

impl Migrations for Postgres {
    /// sqlx takes a lock of its own, for which it waits inside of a statement. A migration with
    /// `CREATE INDEX CONCURRENTLY` waits for all statements that began before, and so for those who
    /// wait for its lock: a deadlock. So those who wait here ask again and again instead.
    fn migrate<'c>(
        conn: &'c mut PgConnection,
        migrator: &'c Migrator,
    ) -> BoxFuture<'c, Result<(), MigrateError>> {
        Box::pin(async move {
            conn.execute(LIFT_LIMITS).await?;
            let mut turn = Turn::default();
            while !sqlx::query_scalar(TAKE_TURN).fetch_one(&mut *conn).await? {
                turn.not_yet().await;
            }
            migrator.run_direct(None, &mut Naming(conn), false).await
        })
    }
}
