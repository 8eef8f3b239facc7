//! What dbop asks of an open session of Postgres, and what it tells that session.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor, Postgres, Row, SqlSafeStr};
use sqlx_core::transaction::TransactionManager;

use crate::backend::session_control::{Liveness, SessionControl};
use crate::backend::signals::Signals;
use crate::isolation::Isolation;
use crate::rt::milliseconds;

type Transactions = <Postgres as sqlx::Database>::TransactionManager;

/// The time limit for statements that a caller's own connection had before.
#[derive(Debug)]
pub struct RawLimit {
    /// A number with its unit, or 0.
    before: String,
    /// Whether the limit ends with the transaction.
    is_local: bool,
}

impl SessionControl for Postgres {
    const FINISHES_UNREAD: bool = true;

    const LIMITS_STATEMENTS: bool = true;
    // Closing the connection stops the statement that runs on it.
    const HAS_SIGNALS: bool = false;
    const UNDOES_DROPPED_BEGIN: bool = false;

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

    /// Uses `SHOW`, which does not count as a query: a transaction may still have to choose its
    /// isolation, which is only possible before the first query.
    async fn lay_floor(conn: &mut PgConnection, outer: usize) -> sqlx::Result<Isolation> {
        let sql = format!("SHOW transaction_isolation; SAVEPOINT _sqlx_savepoint_{outer}");
        let show = sqlx::raw_sql(AssertSqlSafe(sql));
        let level: String = show.fetch_one(conn).await?.try_get(0)?;
        Ok(match level.as_str() {
            "serializable" => Isolation::Serializable,
            "repeatable read" => Isolation::RepeatableRead,
            _ => Isolation::ReadCommitted,
        })
    }

    /// The first poll of a statement sends its text, if no other answer is to be read before.
    fn remove_floor(conn: &mut PgConnection, outer: usize) {
        let release = format!("RELEASE SAVEPOINT _sqlx_savepoint_{outer}");
        let mut releasing = pin!(conn.execute(AssertSqlSafe(release)));
        let mut cx = Context::from_waker(Waker::noop());
        let _ = releasing.as_mut().poll(&mut cx);
    }

    /// `now()` is the time at which the transaction began. Outside of a transaction, that is the
    /// statement's own time.
    async fn begun_by_text(conn: &mut PgConnection) -> sqlx::Result<bool> {
        let ask = sqlx::raw_sql("SELECT now() <> statement_timestamp()");
        ask.fetch_one(conn).await?.try_get(0)
    }

    /// A custom `BEGIN` of the driver's queues its text at its first poll. That text is `ROLLBACK`
    /// here, and its answer is read before the next statement.
    fn undo_dropped_begin(conn: &mut PgConnection) {
        let mut rollback = pin!(Transactions::begin(conn, Some("ROLLBACK".into_sql_str())));
        let mut cx = Context::from_waker(Waker::noop());
        let _ = rollback.as_mut().poll(&mut cx);
    }

    /// A savepoint to which the driver has gone back is still there, without being counted. If the
    /// driver counts even less, it has rolled back more than it should.
    async fn roll_back_to(conn: &mut PgConnection, outer: usize) -> sqlx::Result<()> {
        match Transactions::get_transaction_depth(conn) {
            depth if depth < outer => {
                Self::end_session(conn, outer).await;
                Ok(())
            }
            depth if depth == outer && outer > 0 => {
                let back = format!("ROLLBACK TO SAVEPOINT _sqlx_savepoint_{outer}");
                conn.execute(AssertSqlSafe(back)).await.map(drop)
            }
            _ => {
                while Transactions::get_transaction_depth(conn) > outer {
                    Transactions::rollback(conn).await?;
                }
                Ok(())
            }
        }
    }

    /// Where the count is back at `outer`, an inner `SAVEPOINT` that was dropped half-way has
    /// already ordered the rollback of what was begun there.
    fn roll_back_later(conn: &mut PgConnection, outer: usize) {
        while Transactions::get_transaction_depth(conn) > outer {
            Transactions::start_rollback(conn);
        }
    }

    async fn end_session(conn: &mut PgConnection, outer: usize) {
        // sqlx sends no `COMMIT` for a transaction that it does not count, and says that it was
        // committed.
        while Transactions::get_transaction_depth(conn) < outer {
            if Transactions::begin(conn, None).await.is_err() {
                break;
            }
        }
        let end = "SELECT pg_terminate_backend(pg_backend_pid())";
        let _ = conn.execute(end).await;
    }

    /// Sends a ping, because the driver reads the rest of an earlier answer before it sends
    /// anything.
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

    type RawLimit = RawLimit;

    /// Uses `SHOW` because it does not count as a query: a transaction of the caller's may still
    /// have to choose its isolation, which is only possible before the first query.
    async fn limit_raw(conn: &mut PgConnection, limit: Duration) -> sqlx::Result<RawLimit> {
        let is_local = Transactions::get_transaction_depth(conn) > 0;
        let sql = format!(
            "SHOW statement_timeout; SET {} statement_timeout = {}",
            if is_local { "LOCAL" } else { "SESSION" },
            milliseconds(limit)
        );
        let before = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_one(conn).await?;
        let before = before.try_get(0)?;
        Ok(RawLimit { before, is_local })
    }

    /// Does nothing, because the server ends the statement at its `statement_timeout`.
    fn stop_at_limit(_: &RawLimit, _: bool) {}

    async fn lift_limit(conn: &mut PgConnection, limit: RawLimit) -> sqlx::Result<()> {
        // This reads the rest of the answer to a statement that was cut off. Its error is expected.
        let _ = conn.ping().await;
        let RawLimit { before, is_local } = limit;
        let scope = if is_local { "LOCAL" } else { "SESSION" };
        let sql = format!("SET {scope} statement_timeout = '{before}'");
        conn.execute(AssertSqlSafe(sql)).await.map(drop)
    }

    async fn connect_signals(_: &mut PgConnection, _: Arc<Signals>, _: bool) -> sqlx::Result<()> {
        Ok(())
    }
}
