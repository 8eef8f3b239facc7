//! What an open session of Postgres is asked and told.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor, Postgres, Row};

use crate::backend::session_control::{Liveness, SessionControl};
use crate::backend::signals::Signals;
use crate::rt::milliseconds;

impl SessionControl for Postgres {
    const FINISHES_UNREAD: bool = true;
    // Closing the connection stops what runs on it.
    const HAS_SIGNALS: bool = false;

    async fn liveness(conn: &mut PgConnection) -> Liveness {
        let ask = sqlx::raw_sql("SELECT current_setting('dbop.transaction', true)");
        let answer = match ask.fetch_one(conn).await {
            Ok(row) => row.try_get::<Option<String>, _>(0),
            Err(error) => Err(error),
        };
        match answer {
            Ok(Some(marker)) if marker == "open" => Liveness::Open,
            Ok(_) => Liveness::Ended,
            Err(error) => Liveness::Failed(error),
        }
    }

    /// Whatever is sent next, the driver first reads what is left of the answer before.
    async fn drain(conn: &mut PgConnection) -> sqlx::Result<()> {
        conn.ping().await
    }

    async fn make_read_only(conn: &mut PgConnection) -> sqlx::Result<bool> {
        let sql = "SHOW default_transaction_read_only;
            SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY";
        let before = sqlx::raw_sql(sql).fetch_one(conn).await?;
        Ok(before.try_get::<String, _>(0)? == "on")
    }

    async fn limit_statements(conn: &mut PgConnection, limit: Duration) -> sqlx::Result<()> {
        let sql = format!("SET statement_timeout = {}", milliseconds(limit));
        conn.execute(AssertSqlSafe(sql)).await.map(drop)
    }

    /// The `statement_timeout` before: a number with its unit, or 0.
    type RawLimit = String;

    /// By `SHOW`, which is no query: a transaction of the caller's may yet have to choose its isolation.
    async fn limit_raw(conn: &mut PgConnection, limit: Duration) -> sqlx::Result<String> {
        let sql = format!(
            "SHOW statement_timeout; SET statement_timeout = {}",
            milliseconds(limit)
        );
        let before = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_one(conn).await?;
        before.try_get(0)
    }

    /// The server does that.
    fn stop_at_limit(_: &String) {}

    async fn lift_limit(conn: &mut PgConnection, before: String) -> sqlx::Result<()> {
        // Reads what is left of the answer to a statement that was cut off, whose error is not news.
        let _ = conn.ping().await;
        let sql = format!("SET statement_timeout = '{before}'");
        conn.execute(AssertSqlSafe(sql)).await.map(drop)
    }

    async fn connect_signals(_: &mut PgConnection, _: Arc<Signals>, _: bool) -> sqlx::Result<()> {
        Ok(())
    }
}
