//! What an open session of SQLite is asked and told.

use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Executor, Row, Sqlite};
use sqlx_core::transaction::TransactionManager;

use super::marks::{mark, marked};
use crate::backend::session_control::{Liveness, SessionControl};
use crate::backend::signals::Signals;

type Manager = <Sqlite as sqlx::Database>::TransactionManager;

/// Steps of SQLite's machine between two looks at whether to stop: some ten microseconds.
const STEPS_BETWEEN_LOOKS: i32 = 1000;

/// What stops the statement on a caller's own connection.
#[derive(Debug)]
pub struct RawLimit {
    signals: Arc<Signals>,
    is_ours: bool,
}

impl SessionControl for Sqlite {
    // It is reset at the row that was read last, and that commits what it has done so far.
    const FINISHES_UNREAD: bool = false;
    const HAS_SIGNALS: bool = true;

    /// Neither the error code nor the message tells whether SQLite rolled the transaction back
    /// (13, 1555, 1811 and 9 occur both ways), and sqlx does not expose the autocommit flag. A
    /// `BEGIN` does tell: it is refused inside a transaction, and where it is accepted there was
    /// none any more. That one is rolled back again, which leaves connection and driver clean.
    async fn liveness(conn: &mut SqliteConnection) -> Liveness {
        match conn.execute("BEGIN").await {
            Err(sqlx::Error::Database(e)) if e.message().contains("within a transaction") => {
                Liveness::Open
            }
            Err(error) => Liveness::Failed(error),
            Ok(_) => {
                let rolled_back = match Manager::get_transaction_depth(conn) {
                    0 => conn.execute("ROLLBACK").await.map(drop),
                    _ => Manager::rollback(conn).await,
                };
                rolled_back.map_or_else(Liveness::Failed, |()| Liveness::Ended)
            }
        }
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
        if let Some(signals) = marked(conn).await? {
            // One of our pools', whose handlers are there, and could not be put back.
            return Ok(RawLimit {
                signals,
                is_ours: true,
            });
        }
        let signals = Arc::<Signals>::default();
        Self::connect_signals(conn, Arc::clone(&signals), false).await?;
        Ok(RawLimit {
            signals,
            is_ours: false,
        })
    }

    fn stop_at_limit(limit: &RawLimit) {
        limit.signals.stop();
    }

    async fn lift_limit(conn: &mut SqliteConnection, limit: RawLimit) -> sqlx::Result<()> {
        // Had from the connection, so that nothing runs on it any more.
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
        // One lock for all handlers: a second one right after the first may never be had.
        let mut handle = conn.lock_handle().await?;
        // An order to stop may have been meant for a connection before this one, of a runtime that
        // is gone.
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
