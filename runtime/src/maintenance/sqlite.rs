//! Maintenance of SQLite: each task is claimed by a row, which expires by the database's clock.

use std::fmt;
use std::time::Duration;

use futures_core::future::BoxFuture;
use sqlx::{Executor, Sqlite};

use super::tasks::{Maintained, Task, Work};
use crate::backend::Dialect;
use crate::call::operation;
use crate::db::Db;
use crate::error::Result;
use crate::once::marker_sql;
use crate::op::{Op, Overrides};
use crate::session::Conn;

static CLAIM: Op = Op::operation("dbop.maintenance.claim", file!(), line!())
    .idempotent()
    .timeout_ms(60_000);

const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS dbop_maintenance (
        task TEXT PRIMARY KEY,
        claimed_by TEXT NOT NULL,
        until REAL NOT NULL
    ) WITHOUT ROWID";

/// Claims a task for so many seconds, unless the claim of another process still holds. Times are in
/// Julian days, as SQLite's own clock tells them.
const TAKE: &str = "INSERT INTO dbop_maintenance (task, claimed_by, until)
    VALUES ($1, $2, julianday('now') + $3 / 86400.0)
    ON CONFLICT (task) DO UPDATE SET claimed_by = excluded.claimed_by, until = excluded.until
        WHERE until <= julianday('now') OR claimed_by = excluded.claimed_by
    RETURNING 1";

/// Makes a claim of this process's own last for so many seconds from now on.
const KEEP: &str = "UPDATE dbop_maintenance SET until = julianday('now') + $3 / 86400.0
    WHERE task = $1 AND claimed_by = $2";

const HAS_MARKERS: &str = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'dbop_once')";

/// The name by which one maintenance claims its tasks.
#[derive(Clone)]
pub struct Claimant(String);

impl Default for Claimant {
    fn default() -> Self {
        Self(format!("{}-{:016x}", std::process::id(), fastrand::u64(..)))
    }
}

impl fmt::Debug for Claimant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Maintained for Sqlite {
    type Turn = Claimant;

    fn has(work: Work) -> bool {
        !matches!(work, Work::StaleSessions(_))
    }

    /// The claim lasts for as long as a call of the task may run. If the process dies meanwhile, another
    /// one does the task after that.
    fn take_turn<'t>(
        db: &'t Db<Self>,
        turn: &'t mut Claimant,
        task: Task,
    ) -> BoxFuture<'t, Result<bool>> {
        let lasts = claim_lasts(task.work.op(), &db.defaults().overrides);
        Box::pin(claim(db, turn, task, TAKE, lasts))
    }

    /// After a task that was done, the claim lasts until the task is due again, with some room for the
    /// process that has it to come first.
    fn end_turn<'t>(
        db: &'t Db<Self>,
        turn: &'t mut Claimant,
        task: Task,
        done: bool,
    ) -> BoxFuture<'t, Result<()>> {
        let lasts = match done {
            true => task.every + task.every / 4,
            false => Duration::ZERO,
        };
        Box::pin(async move { claim(db, turn, task, KEEP, lasts).await.map(drop) })
    }

    fn work<'c>(conn: &'c mut Conn<'_, Self>, task: Task) -> BoxFuture<'c, Result<u64>> {
        match task.work {
            Work::StaleSessions(_) => Box::pin(async { Ok(0) }),
            Work::OnceMarkers => Box::pin(delete_markers(conn)),
            Work::Optimize => Box::pin(run(conn, "PRAGMA optimize")),
            Work::Vacuum => Box::pin(run(conn, "VACUUM")),
        }
    }
}

/// How long a claim lasts: for as long as a call of the task may run, as the environment says or else the
/// operation, with some room for the call to begin and to end. A call without a limit gets a day, because
/// its process may have died.
fn claim_lasts(op: &'static Op, overrides: &Overrides) -> Duration {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    const ROOM: Duration = Duration::from_secs(10);
    let timeout = op.timeout(overrides.of(op.name)).unwrap_or(DAY);
    timeout.min(DAY) + ROOM
}

/// Runs one of the statements about claims. Returns whether it has returned a row.
async fn claim(
    db: &Db<Sqlite>,
    claimant: &Claimant,
    task: Task,
    sql: &'static str,
    lasts: Duration,
) -> Result<bool> {
    let claim = operation(db, &CLAIM, async |conn| {
        conn.execute(SCHEMA).await?;
        let claim = sqlx::query(sql).bind(task.work.op().name).bind(&claimant.0);
        let claimed = claim
            .bind(lasts.as_secs_f64())
            .fetch_optional(&mut *conn)
            .await?;
        Ok(claimed.is_some())
    });
    claim.await
}

async fn delete_markers(conn: &mut Conn<'_, Sqlite>) -> Result<u64> {
    let there: bool = sqlx::query_scalar(HAS_MARKERS)
        .fetch_one(&mut *conn)
        .await?;
    if !there {
        return Ok(0);
    }
    let sql = marker_sql(<Sqlite as Dialect>::DATABASE).clean_up;
    Ok(conn.execute(sql).await?.rows_affected())
}

/// Runs a statement that changes no rows. SQLite would count those of the statement before.
async fn run(conn: &mut Conn<'_, Sqlite>, sql: &'static str) -> Result<u64> {
    conn.execute(sql).await?;
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::Override;
    use crate::rt::FOREVER;

    #[test]
    fn a_claim_lasts_longer_than_any_call_of_its_task_also_where_the_environment_gives_it_more_time()
     {
        let vacuum = Work::Vacuum.op();
        let hours = |hours: u64| Duration::from_secs(hours * 60 * 60);
        assert!(claim_lasts(vacuum, &Overrides::NONE) > hours(1));
        let with = |timeout| {
            let mut own = Override::of("DBOP_MAINTENANCE_VACUUM".to_owned());
            own.timeout = Some(timeout);
            claim_lasts(vacuum, &Overrides::new(vec![own]))
        };
        assert!(with(hours(4)) > hours(4));
        let endless = with(FOREVER);
        assert!(
            endless < hours(25),
            "its process may have died: {endless:?}"
        );
    }
}
