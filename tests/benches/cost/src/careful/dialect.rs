//! The differences between the databases.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use sqlx::pool::PoolConnection;
use sqlx::{Connection, PgConnection, Pool, Postgres, Sqlite, SqliteConnection};
use sqlx_core::transaction::TransactionManager;

use super::call::Category;
use super::session::Mode;

pub(crate) trait Dialect: sqlx::Database {
    const SYSTEM: &'static str;
    const BEGIN: &'static str;
    const READ_ONLY_ON: &'static str;
    const READ_ONLY_OFF: &'static str;

    /// The means of stopping the statements of a pool's only connection.
    type Stop: Clone + Default + Send + Sync + 'static;

    /// Acquires a connection, within the pool's own timeout.
    fn acquire(
        pool: &Pool<Self>,
    ) -> impl Future<Output = sqlx::Result<PoolConnection<Self>>> + Send;

    /// Prepares a new connection so that it can be stopped.
    fn stop_on(
        conn: &mut Self::Connection,
        stop: Self::Stop,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Stops what runs when the caller has gone away. Then gives the connection back, or closes it.
    fn stop(conn: PoolConnection<Self>, mode: Mode, stop: Self::Stop);

    fn say(
        conn: &mut Self::Connection,
        sql: &'static str,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Like `say`, for a statement that is sent again and again.
    fn say_again(
        conn: &mut Self::Connection,
        sql: &'static str,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;

    fn category(code: &str) -> Category;
}

/// How many steps SQLite makes between two looks at the flag that stops it.
const STEPS: i32 = 1000;

impl Dialect for Sqlite {
    const SYSTEM: &'static str = "sqlite";
    const BEGIN: &'static str = "BEGIN IMMEDIATE";
    const READ_ONLY_ON: &'static str = "PRAGMA query_only = ON";
    const READ_ONLY_OFF: &'static str = "PRAGMA query_only = OFF";

    type Stop = Arc<AtomicBool>;

    async fn acquire(pool: &Pool<Self>) -> sqlx::Result<PoolConnection<Self>> {
        pool.acquire().await
    }

    async fn stop_on(conn: &mut SqliteConnection, stop: Self::Stop) -> sqlx::Result<()> {
        let mut handle = conn.lock_handle().await?;
        handle.set_progress_handler(STEPS, move || !stop.swap(false, Relaxed));
        Ok(())
    }

    fn stop(mut conn: PoolConnection<Self>, mode: Mode, stop: Self::Stop) {
        stop.store(true, Relaxed);
        tokio::spawn(async move {
            match mode {
                Mode::Guarded => {
                    if Self::say(&mut conn, Self::READ_ONLY_OFF).await.is_err() {
                        conn.close_on_drop();
                    }
                }
                Mode::Writes | Mode::Reads => drop(conn.ping().await),
                Mode::Transaction => {
                    if Self::TransactionManager::rollback(&mut conn).await.is_err() {
                        conn.close_on_drop();
                    }
                }
            }
            drop(conn);
            stop.store(false, Relaxed);
        });
    }

    async fn say(conn: &mut SqliteConnection, sql: &'static str) -> sqlx::Result<()> {
        sqlx::raw_sql(sql).execute(conn).await.map(drop)
    }

    /// Sends a statement that is prepared once.
    async fn say_again(conn: &mut SqliteConnection, sql: &'static str) -> sqlx::Result<()> {
        sqlx::query(sql).execute(conn).await.map(drop)
    }

    fn category(code: &str) -> Category {
        code.parse().map_or(Category::Other, category_of_sqlite)
    }
}

/// Returns the category of an extended result code (<https://www.sqlite.org/rescode.html>).
pub(super) fn category_of_sqlite(code: i32) -> Category {
    match code & 0xff {
        5 | 6 => Category::Busy,
        19 => Category::Constraint,
        10 | 11 | 14 | 26 => Category::Connection,
        _ => Category::Other,
    }
}

impl Dialect for Postgres {
    const SYSTEM: &'static str = "postgresql";
    const BEGIN: &'static str = "BEGIN";
    const READ_ONLY_ON: &'static str = "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY";
    const READ_ONLY_OFF: &'static str = "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE";

    /// Nothing, because closing the connection stops its statement.
    type Stop = ();

    /// Boxes the future. It has room for the start of a session: 8 kB that would be copied in each
    /// call.
    async fn acquire(pool: &Pool<Self>) -> sqlx::Result<PoolConnection<Self>> {
        Box::pin(pool.acquire()).await
    }

    async fn stop_on(_: &mut PgConnection, (): ()) -> sqlx::Result<()> {
        Ok(())
    }

    /// Closes the connection. The server notices within the session's
    /// `client_connection_check_interval`.
    fn stop(mut conn: PoolConnection<Self>, _: Mode, (): ()) {
        conn.close_on_drop();
    }

    async fn say(conn: &mut PgConnection, sql: &'static str) -> sqlx::Result<()> {
        sqlx::raw_sql(sql).execute(conn).await.map(drop)
    }

    /// Sends one simple query, which is less work than the messages that run a prepared statement.
    async fn say_again(conn: &mut PgConnection, sql: &'static str) -> sqlx::Result<()> {
        Self::say(conn, sql).await
    }

    /// Returns the category of an error code
    /// (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
    fn category(code: &str) -> Category {
        match code {
            "40001" | "40P01" | "55P03" => Category::Busy,
            "57P01" | "57P02" | "57P03" => Category::Connection,
            _ => match code.get(..2) {
                Some("08") => Category::Connection,
                Some("23") => Category::Constraint,
                _ => Category::Other,
            },
        }
    }
}
