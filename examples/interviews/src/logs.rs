//! The log of the service, which its administrators read.

use dbop::http::IdempotencyKey;
use dbop::{AnyDb, Conn, Tx, db_op, transactional};
use serde::{Deserialize, Serialize};
use sqlx::{QueryBuilder, query, query_as};

use crate::error::Result;
use crate::page::{Page, Paging};
use crate::values::{Level, Line, LogId, Text, Time, now};

#[derive(Clone, Debug, Serialize, Deserialize, sqlx::FromRow)]
pub struct LogLine {
    pub id: LogId,
    pub level: Level,
    pub source: Line,
    pub message: Text,
    pub logged_at: Time,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewLogLine {
    pub level: Level,
    pub source: Line,
    pub message: Text,
}

impl NewLogLine {
    /// A line that the service itself writes.
    pub fn ours(level: Level, source: &str, message: impl Into<String>) -> Self {
        Self {
            level,
            source: Line::ours(source),
            message: Text::ours(message),
        }
    }
}

/// Which lines are looked for. What is `None` does not matter.
#[derive(Clone, Debug, Deserialize)]
pub struct LogFilter {
    pub level: Option<Level>,
    pub source: Option<Line>,
}

/// Writes a line. Called with a handle, and not inside of a transaction, the line stays whatever
/// becomes of the work that it tells of.
#[db_op(name = "logs.write", on = [Sqlite, Postgres])]
pub async fn write(conn: &mut Conn<'_, DB>, new: &NewLogLine) -> Result<LogLine> {
    let insert = query_as::<DB, LogLine>(
        "INSERT INTO system_logs (id, level, source, message, logged_at)
         VALUES ($1, $2, $3, $4, $5) RETURNING *",
    );
    let insert = insert.bind(LogId::next()).bind(new.level).bind(&new.source);
    let insert = insert.bind(&new.message).bind(now());
    Ok(insert.fetch_one(&mut *conn).await?)
}

/// Writes a line of an administrator's, once for each key.
#[transactional(once = key, name = "logs.record", on = [Sqlite, Postgres])]
pub async fn record(
    tx: &mut Tx<'_, DB>,
    key: &IdempotencyKey,
    new: &NewLogLine,
) -> Result<LogLine> {
    write(&mut *tx, new).await
}

#[db_op(read_only, name = "logs.page", on = [Sqlite, Postgres])]
pub async fn page(
    conn: &mut Conn<'_, DB>,
    filter: &LogFilter,
    paging: Paging<LogId>,
) -> Result<Page<LogLine, LogId>> {
    let mut sql = QueryBuilder::<DB>::new("SELECT * FROM system_logs WHERE TRUE");
    if let Some(level) = filter.level {
        sql.push(" AND level = ").push_bind(level);
    }
    if let Some(source) = &filter.source {
        sql.push(" AND source = ").push_bind(source);
    }
    paging.end(&mut sql);
    let lines = sql.build_query_as().fetch_all(&mut *conn).await?;
    Ok(paging.page(lines, |line: &LogLine| line.id))
}

/// How many lines one transaction removes.
const BATCH: i64 = 500;

/// Removes the lines that are older than this, and returns how many those were. Each batch is a
/// transaction of its own, so nobody waits for long, and a call that is cut off has removed some.
pub async fn purge(db: &AnyDb, before: Time) -> Result<u64> {
    let mut purged = 0;
    loop {
        match purge_batch(db, before, BATCH).await? {
            0 => return Ok(purged),
            some => purged += some,
        }
    }
}

#[transactional(idempotent, name = "logs.purge_batch", on = [Sqlite, Postgres])]
async fn purge_batch(tx: &mut Tx<'_, DB>, before: Time, most: i64) -> Result<u64> {
    let purge = query(
        "DELETE FROM system_logs WHERE id IN
         (SELECT id FROM system_logs WHERE logged_at < $1 ORDER BY logged_at LIMIT $2)",
    );
    let purged = purge.bind(before).bind(most).execute(&mut *tx).await?;
    Ok(purged.rows_affected())
}
