//! Maintenance of PostgreSQL: under an advisory lock that one process holds at a time.

use std::time::Duration;

use futures_core::future::BoxFuture;
use sqlx::{Executor, Postgres, Row};

use super::tasks::{Maintained, Task, Work};
use crate::advisory::AdvisoryLock;
use crate::backend::Dialect;
use crate::db::Db;
use crate::error::Result;
use crate::once::marker_sql;
use crate::session::Conn;

/// The key of the lock. A process that has it keeps it for as long as its maintenance runs, so that of
/// many processes one does all the tasks.
const LOCK: &str = "dbop: maintenance";

const STALE_SESSIONS: &str =
    "SELECT pid, application_name, extract(epoch FROM now() - state_change)::float8
    FROM pg_stat_activity
    WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()
        AND state LIKE 'idle in transaction%'
        AND state_change < now() - make_interval(secs => $1)
    ORDER BY state_change";

/// When somebody, who may be another process's maintenance, has last asked for this.
const ANALYZED: &str =
    "SELECT coalesce(max(last_analyze) > now() - make_interval(secs => $1), false)
    FROM pg_stat_user_tables";
const VACUUMED: &str =
    "SELECT coalesce(max(last_vacuum) > now() - make_interval(secs => $1), false)
    FROM pg_stat_user_tables";

impl Maintained for Postgres {
    type Turn = Option<AdvisoryLock>;

    fn has(_: Work) -> bool {
        true
    }

    fn take_turn<'t>(
        db: &'t Db<Self>,
        turn: &'t mut Self::Turn,
        _: Task,
    ) -> BoxFuture<'t, Result<bool>> {
        Box::pin(async move {
            if turn.as_ref().is_none_or(|lock| !lock.is_held()) {
                *turn = db.try_advisory_lock(LOCK).await?;
            }
            Ok(turn.is_some())
        })
    }

    /// The process keeps its turn: see [`LOCK`].
    fn end_turn<'t>(
        _: &'t Db<Self>,
        _: &'t mut Self::Turn,
        _: Task,
        _: bool,
    ) -> BoxFuture<'t, Result<()>> {
        Box::pin(async { Ok(()) })
    }

    fn work<'c>(conn: &'c mut Conn<'_, Self>, task: Task) -> BoxFuture<'c, Result<u64>> {
        match task.work {
            Work::StaleSessions(idle) => Box::pin(report_stale(conn, task, idle)),
            Work::OnceMarkers => Box::pin(delete_markers(conn)),
            Work::Optimize => Box::pin(unless_done(conn, ANALYZED, "ANALYZE", task.every)),
            Work::Vacuum => Box::pin(unless_done(conn, VACUUMED, "VACUUM", task.every)),
        }
    }
}

async fn report_stale(conn: &mut Conn<'_, Postgres>, task: Task, idle: Duration) -> Result<u64> {
    let stale = sqlx::query(STALE_SESSIONS).bind(idle.as_secs_f64());
    for row in stale.fetch_all(&mut *conn).await? {
        // The text of its last statement is not shown, because that may contain values.
        tracing::warn!(
            db.operation.name = task.work.op().name,
            db.system.name = "postgresql",
            dbop.session.pid = row.try_get::<i32, _>(0)?,
            dbop.session.application_name = row.try_get::<&str, _>(1)?,
            dbop.session.idle_s = row.try_get::<f64, _>(2)?,
            "a session is idle in a transaction; it holds its locks, and keeps the server from \
             removing old rows"
        );
    }
    Ok(0)
}

async fn delete_markers(conn: &mut Conn<'_, Postgres>) -> Result<u64> {
    let there = sqlx::query_scalar("SELECT to_regclass('dbop_once') IS NOT NULL");
    if !there.fetch_one(&mut *conn).await? {
        return Ok(0);
    }
    let sql = marker_sql(<Postgres as Dialect>::DATABASE).clean_up;
    Ok(conn.execute(sql).await?.rows_affected())
}

/// Runs a statement, unless it was run for all tables within its period.
async fn unless_done(
    conn: &mut Conn<'_, Postgres>,
    done: &'static str,
    statement: &'static str,
    every: Duration,
) -> Result<u64> {
    // A period that has just begun anew counts as over.
    let within = every.as_secs_f64() * 0.8;
    let done = sqlx::query_scalar(done).bind(within);
    if !done.fetch_one(&mut *conn).await? {
        conn.execute(statement).await?;
    }
    Ok(0)
}
