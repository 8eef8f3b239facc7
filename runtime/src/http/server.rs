//! [`Observer`]: asks a PostgreSQL server what it knows about itself, while a page is open.

use std::time::Duration;

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{ConnectOptions, Postgres, Row};
use tokio::time::{Instant, timeout};

use super::seen::{Lock, Server, Statement, UnusedIndex};
use super::without_values::without_values;
use crate::classify;
use crate::db::{AnyDb, Db};

/// How long an answer is shown before the server is asked again.
const EVERY: Duration = Duration::from_secs(10);

/// How long the server may take for all of it.
const WITHIN: Duration = Duration::from_secs(2);

const LOCKS: &str = "
    SELECT waits.pid, waits.application_name,
        (extract(epoch FROM clock_timestamp() - waits.state_change) * 1000)::float8,
        waits.query, holds.pid, holds.application_name, coalesce(holds.state, ''), holds.query
    FROM pg_stat_activity waits
    CROSS JOIN LATERAL unnest(pg_blocking_pids(waits.pid)) AS blocker(pid)
    JOIN pg_stat_activity holds ON holds.pid = blocker.pid
    WHERE waits.wait_event_type = 'Lock' AND waits.datname = current_database()
    ORDER BY waits.state_change LIMIT 20";

const STATEMENTS: &str = "
    SELECT pid, application_name,
        (extract(epoch FROM clock_timestamp() - query_start) * 1000)::float8, state, query
    FROM pg_stat_activity
    WHERE datname = current_database() AND state <> 'idle' AND pid <> pg_backend_pid()
        AND query_start < clock_timestamp() - INTERVAL '1 second'
    ORDER BY query_start LIMIT 20";

const UNUSED_INDEXES: &str = "
    SELECT stat.schemaname || '.' || stat.indexrelname, stat.schemaname || '.' || stat.relname,
        coalesce(pg_relation_size(stat.indexrelid), 0)
    FROM pg_stat_user_indexes stat JOIN pg_index ON pg_index.indexrelid = stat.indexrelid
    WHERE stat.idx_scan = 0 AND NOT pg_index.indisunique AND NOT pg_index.indisexclusion
        AND NOT starts_with(stat.indexrelname, 'dbop_')
    ORDER BY 3 DESC LIMIT 20";

const CACHE_HITS: &str = "
    SELECT sum(heap_blks_hit)::float8 / nullif(sum(heap_blks_hit) + sum(heap_blks_read), 0)::float8,
        sum(idx_blks_hit)::float8 / nullif(sum(idx_blks_hit) + sum(idx_blks_read), 0)::float8
    FROM pg_statio_user_tables";

/// Asks the server on a connection of its own, which it has only while a page is open.
#[derive(Debug, Default)]
pub(super) struct Observer {
    /// `None` while nobody looks, and while a question is under way: one that is cut off leaves its
    /// connection with an answer that is still to come.
    conn: Option<PgConnection>,
    last: Option<(Instant, Server)>,
}

impl Observer {
    /// Lets go of the connection: nobody looks any more.
    pub(super) fn rest(&mut self) {
        self.conn = None;
        self.last = None;
    }

    /// Returns what the server has said in the last seconds. `None` if the database is no server.
    pub(super) async fn look(&mut self, db: &AnyDb) -> Option<Server> {
        let db = db.as_postgres()?;
        if let Some((at, server)) = &self.last
            && at.elapsed() < EVERY
        {
            return Some(server.clone());
        }
        let conn = self.conn.take();
        let asking = async {
            let mut conn = match conn {
                Some(conn) => conn,
                None => connect(db).await?,
            };
            let server = ask(&mut conn).await?;
            Ok::<_, sqlx::Error>((conn, server))
        };
        let note = |why: &str| Server {
            note: Some(format!("The server was not asked: {why}.")),
            ..Server::default()
        };
        let server = match timeout(WITHIN, asking).await {
            Ok(Ok((conn, server))) => {
                self.conn = Some(conn);
                server
            }
            Ok(Err(error)) => note(classify::sqlx(&error).kind.as_str()),
            Err(_) => note("it has not answered in time"),
        };
        self.last = Some((Instant::now(), server.clone()));
        Some(server)
    }
}

/// Opens a connection on which the server ends by itself what nobody waits for any more.
async fn connect(db: &Db<Postgres>) -> sqlx::Result<PgConnection> {
    let options = (*db.pool().connect_options()).clone();
    let limited = options.options([("statement_timeout", "2000")]);
    limited.connect().await
}

async fn ask(conn: &mut PgConnection) -> sqlx::Result<Server> {
    let text = |row: &PgRow, at: usize| -> sqlx::Result<String> {
        Ok(row.try_get::<Option<String>, _>(at)?.unwrap_or_default())
    };
    let lock = |row: &PgRow| {
        Ok(Lock {
            pid: row.try_get(0)?,
            application: text(row, 1)?,
            waits_ms: row.try_get(2)?,
            statement: without_values(&text(row, 3)?),
            blocked_by: row.try_get(4)?,
            blocker_application: text(row, 5)?,
            blocker_state: text(row, 6)?,
            blocker_statement: without_values(&text(row, 7)?),
        })
    };
    let statement = |row: &PgRow| {
        Ok(Statement {
            pid: row.try_get(0)?,
            application: text(row, 1)?,
            runs_ms: row.try_get(2)?,
            state: text(row, 3)?,
            statement: without_values(&text(row, 4)?),
        })
    };
    let index = |row: &PgRow| {
        Ok(UnusedIndex {
            index: text(row, 0)?,
            table: text(row, 1)?,
            bytes: row.try_get(2)?,
        })
    };
    let hits = sqlx::query(CACHE_HITS).fetch_one(&mut *conn).await?;
    Ok(Server {
        note: None,
        table_cache_hits: hits.try_get(0)?,
        index_cache_hits: hits.try_get(1)?,
        locks: all(conn, LOCKS, lock).await?,
        statements: all(conn, STATEMENTS, statement).await?,
        unused_indexes: all(conn, UNUSED_INDEXES, index).await?,
    })
}

async fn all<T>(
    conn: &mut PgConnection,
    sql: &'static str,
    read: impl Fn(&PgRow) -> sqlx::Result<T>,
) -> sqlx::Result<Vec<T>> {
    let rows = sqlx::query(sql).fetch_all(conn).await?;
    rows.iter().map(read).collect()
}
