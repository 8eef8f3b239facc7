//! What dbop asks of an open session of SQLite, and what it tells that session.

use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt;
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Executor, Row, Sqlite};
use sqlx_core::transaction::TransactionManager;

use super::marks::{mark, marked};
use super::recovery::roll_back_level;
use crate::backend::dialect::Dialect;
use crate::backend::session_control::{Liveness, SessionControl};
use crate::backend::signals::Signals;
use crate::isolation::Isolation;

type Transactions = <Sqlite as sqlx::Database>::TransactionManager;

/// The number of steps of SQLite's virtual machine between two checks for the order to stop. They
/// take some ten microseconds.
const STEPS_BETWEEN_LOOKS: i32 = 1000;

/// What stops the running statement on a caller's own connection.
#[derive(Debug)]
pub struct RawLimit {
    signals: Arc<Signals>,
    /// Whether the connection is from one of dbop's pools, and keeps its handlers.
    is_ours: bool,
    /// Whether a transaction of the caller's is open.
    in_transaction: bool,
}

impl SessionControl for Sqlite {
    // A statement that is let go is reset at the row that was read last, and the reset commits what
    // the statement has done so far.
    const FINISHES_UNREAD: bool = false;

    const LIMITS_STATEMENTS: bool = false;
    const HAS_SIGNALS: bool = true;
    const UNDOES_DROPPED_BEGIN: bool = true;

    /// Neither the error code nor the message tells whether SQLite has rolled the transaction back
    /// (13, 1555, 1811 and 9 occur both ways), and sqlx does not expose the autocommit flag. A
    /// `BEGIN` does tell. SQLite refuses it inside a transaction; if it accepts, there was no
    /// transaction any more. The new transaction is then rolled back, which leaves connection and
    /// driver clean.
    async fn liveness(conn: &mut SqliteConnection) -> Liveness {
        match conn.execute("BEGIN").await {
            Err(sqlx::Error::Database(e)) if e.message().contains("within a transaction") => {
                Liveness::Open
            }
            Err(error) => Liveness::Failed(error),
            Ok(_) => roll_back(conn)
                .await
                .map_or_else(Liveness::Failed, |()| Liveness::Ended),
        }
    }

    /// Needs no floor, because the driver knows of an end whose answer nobody has waited for.
    async fn lay_floor(_: &mut SqliteConnection, _: usize) -> sqlx::Result<Isolation> {
        Ok(Self::DEFAULT_ISOLATION)
    }

    /// A transaction may be gone although the driver counts it, because SQLite has ended it after an
    /// error. A savepoint to which the driver has gone back is still there, without being counted.
    async fn roll_back_to(conn: &mut SqliteConnection, outer: usize) -> sqlx::Result<()> {
        if outer > 0 && Transactions::get_transaction_depth(conn) == outer {
            let back = format!("ROLLBACK TO SAVEPOINT _sqlx_savepoint_{outer}");
            return conn.execute(AssertSqlSafe(back)).await.map(drop);
        }
        while Transactions::get_transaction_depth(conn) > outer {
            let is_last = Transactions::get_transaction_depth(conn) == 1;
            let rolled_back = Transactions::rollback(conn).await;
            if rolled_back.is_err()
                && !(is_last && matches!(Self::liveness(conn).await, Liveness::Ended))
            {
                return rolled_back;
            }
        }
        Ok(())
    }

    /// The driver expects one such order after a `COMMIT` or `ROLLBACK` whose answer nobody has
    /// waited for, and then does nothing more.
    fn roll_back_later(conn: &mut SqliteConnection, _: usize) {
        Transactions::start_rollback(conn);
    }

    async fn drain(_: &mut SqliteConnection) -> sqlx::Result<()> {
        Ok(())
    }

    async fn make_read_only(conn: &mut SqliteConnection) -> sqlx::Result<bool> {
        let sql = "PRAGMA query_only; PRAGMA query_only = ON";
        let mut before = None;
        let mut rows = sqlx::raw_sql(sql).fetch(conn);
        while let Some(row) = rows.try_next().await? {
            before.get_or_insert(row.try_get(0)?);
        }
        Ok(before.unwrap_or(false))
    }

    type RawLimit = RawLimit;

    async fn limit_raw(conn: &mut SqliteConnection, _: Duration) -> sqlx::Result<RawLimit> {
        let in_transaction = !matches!(Self::liveness(conn).await, Liveness::Ended);
        if let Some(signals) = marked(conn).await? {
            // The connection is from one of dbop's pools. Its handlers are already set, and could
            // not be restored if others replaced them.
            return Ok(RawLimit {
                signals,
                is_ours: true,
                in_transaction,
            });
        }
        let signals = Arc::<Signals>::default();
        Self::connect_signals(conn, Arc::clone(&signals), false).await?;
        Ok(RawLimit {
            signals,
            is_ours: false,
            in_transaction,
        })
    }

    /// SQLite rolls the whole transaction back when a statement that writes is stopped.
    fn stop_at_limit(limit: &RawLimit, only_reads: bool) {
        if only_reads || !limit.in_transaction {
            limit.signals.stop();
        }
    }

    async fn lift_limit(conn: &mut SqliteConnection, limit: RawLimit) -> sqlx::Result<()> {
        // The connection gives out the handle only when no statement runs on it any more.
        let mut handle = conn.lock_handle().await?;
        limit.signals.clear_stop();
        if !limit.is_ours {
            handle.remove_progress_handler();
        }
        Ok(())
    }

    async fn connect_signals(
        conn: &mut SqliteConnection,
        signals: Arc<Signals>,
        ours: bool,
    ) -> sqlx::Result<()> {
        // All handlers are set under one lock, because a second lock right after the first may
        // never be granted.
        let mut handle = conn.lock_handle().await?;
        // An order to stop may have been meant for an earlier connection of a runtime that is gone.
        signals.clear_stop();
        if ours {
            handle.create_collation(&mark(&signals), str::cmp)?;
            let (of_commit, of_rollback) = (Arc::clone(&signals), Arc::clone(&signals));
            handle.set_commit_hook(move || {
                of_commit.committed();
                true
            });
            handle.set_rollback_hook(move || of_rollback.rolled_back());
            signals.will_report_ends();
        }
        handle.set_progress_handler(STEPS_BETWEEN_LOOKS, move || !signals.take_stop());
        Ok(())
    }
}

/// Rolls back the transaction that is open, whatever the driver counts.
async fn roll_back(conn: &mut SqliteConnection) -> sqlx::Result<()> {
    if Transactions::get_transaction_depth(conn) == 0 {
        conn.execute("ROLLBACK").await?;
    }
    while Transactions::get_transaction_depth(conn) > 0 {
        roll_back_level(conn).await?;
    }
    Ok(())
}
