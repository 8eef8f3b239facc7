//! The operations that are dropped. Each writes several rows, so that a part of them would show.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use dbop::{Conn, Tx, db_op, transactional};
pub(crate) use dbop_tests::Trouble;
use sqlx::Executor;

use super::Database;

pub(crate) const SCHEMA: &str =
    "CREATE TABLE parts (call BIGINT, part BIGINT, PRIMARY KEY (call, part))";

/// A query with more rows than fit into any buffer on the way.
pub(crate) const MANY: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n
    WHERE i < 5000) SELECT i FROM n";

/// A query that takes long enough for its answer not to be there at once.
pub(crate) const LONG: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n
    WHERE i < 5000) SELECT COUNT(*) FROM n";

/// A call that is to be dropped, and what is known about it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trial {
    /// The number that the call's rows carry.
    pub(crate) call: i64,
    /// How often the body came to the place that counts.
    runs: Arc<AtomicU32>,
    /// What the call's hooks have written.
    lines: Arc<Mutex<Vec<&'static str>>>,
}

impl Trial {
    pub(crate) fn new(call: i64) -> Self {
        Self {
            call,
            ..Self::default()
        }
    }

    pub(crate) fn run(&self) -> u32 {
        self.runs.fetch_add(1, Ordering::SeqCst) + 1
    }

    pub(crate) fn runs(&self) -> u32 {
        self.runs.load(Ordering::SeqCst)
    }

    pub(crate) fn say(&self, line: &'static str) {
        self.lines.lock().expect("no hook panics").push(line);
    }

    pub(crate) fn count(&self, line: &str) -> usize {
        let lines = self.lines.lock().expect("no hook panics");
        lines.iter().filter(|each| **each == line).count()
    }

    /// Registers a hook of each sort.
    pub(crate) fn on_both_ends(&self, tx: &mut Tx<'_, Database>) {
        let say = |line| {
            let trial = self.clone();
            async move { trial.say(line) }
        };
        tx.after_commit(say("committed"));
        tx.after_rollback(say("rolled back"));
        tx.on_unknown(say("unknown"));
    }

    /// Writes one part with one statement.
    pub(crate) async fn write<'e>(
        &self,
        executor: impl Executor<'e, Database = Database>,
        part: i64,
    ) -> sqlx::Result<()> {
        let insert = sqlx::query("INSERT INTO parts VALUES ($1, $2)");
        let insert = insert.bind(self.call).bind(part);
        insert.execute(executor).await.map(drop)
    }

    /// Writes two parts with one statement.
    pub(crate) async fn write_two<'e>(
        &self,
        executor: impl Executor<'e, Database = Database>,
        part: i64,
    ) -> sqlx::Result<()> {
        let insert = sqlx::query("INSERT INTO parts VALUES ($1, $2), ($1, $2 + 1)");
        let insert = insert.bind(self.call).bind(part);
        insert.execute(executor).await.map(drop)
    }
}

#[db_op]
pub(crate) async fn one_statement(
    conn: &mut Conn<'_, Database>,
    trial: Trial,
) -> Result<(), Trouble> {
    Ok(trial.write_two(&mut *conn, 1).await?)
}

#[db_op]
pub(crate) async fn three_statements(
    conn: &mut Conn<'_, Database>,
    trial: Trial,
) -> Result<(), Trouble> {
    trial.write_two(&mut *conn, 1).await?;
    trial.write_two(&mut *conn, 3).await?;
    Ok(trial.write_two(&mut *conn, 5).await?)
}

#[transactional]
pub(crate) async fn transaction(tx: &mut Tx<'_, Database>, trial: Trial) -> Result<(), Trouble> {
    trial.on_both_ends(&mut *tx);
    trial.write(&mut *tx, 1).await?;
    Ok(trial.write(&mut *tx, 2).await?)
}

#[transactional]
async fn joins(tx: &mut Tx<'_, Database>, trial: Trial) -> Result<(), Trouble> {
    trial.write(&mut *tx, 3).await?;
    Ok(trial.write(&mut *tx, 4).await?)
}

#[transactional]
pub(crate) async fn with_joined_call(
    tx: &mut Tx<'_, Database>,
    trial: Trial,
) -> Result<(), Trouble> {
    trial.on_both_ends(&mut *tx);
    trial.write_two(&mut *tx, 1).await?;
    joins(&mut *tx, trial.clone()).await?;
    Ok(trial.write(&mut *tx, 5).await?)
}

#[transactional(nested)]
async fn nests(tx: &mut Tx<'_, Database>, trial: Trial) -> Result<(), Trouble> {
    trial.write(&mut *tx, 3).await?;
    Ok(trial.write(&mut *tx, 4).await?)
}

#[transactional(nested)]
async fn nests_and_refuses(tx: &mut Tx<'_, Database>, trial: Trial) -> Result<(), Trouble> {
    trial.write_two(&mut *tx, 7).await?;
    Err(Trouble::Refused)
}

/// Makes two nested calls, of which the first is kept and the second undone.
#[transactional]
pub(crate) async fn with_nested_calls(
    tx: &mut Tx<'_, Database>,
    trial: Trial,
) -> Result<(), Trouble> {
    trial.on_both_ends(&mut *tx);
    trial.write_two(&mut *tx, 1).await?;
    nests(&mut *tx, trial.clone()).await?;
    let undone = nests_and_refuses(&mut *tx, trial.clone()).await;
    assert!(matches!(undone, Err(Trouble::Refused)), "{undone:?}");
    Ok(trial.write(&mut *tx, 5).await?)
}

#[transactional(nested)]
async fn nests_deeper(tx: &mut Tx<'_, Database>, trial: Trial) -> Result<(), Trouble> {
    Ok(trial.write_two(&mut *tx, 6).await?)
}

#[transactional]
pub(crate) async fn with_savepoint(tx: &mut Tx<'_, Database>, trial: Trial) -> Result<(), Trouble> {
    trial.on_both_ends(&mut *tx);
    trial.write_two(&mut *tx, 1).await?;
    tx.savepoint(async |sp: &mut Tx<'_, Database>| -> Result<(), Trouble> {
        trial.write(&mut *sp, 3).await?;
        nests_deeper(&mut *sp, trial.clone()).await?;
        Ok(trial.write(&mut *sp, 4).await?)
    })
    .await?;
    Ok(trial.write(&mut *tx, 5).await?)
}

#[transactional]
pub(crate) async fn refuses(tx: &mut Tx<'_, Database>, trial: Trial) -> Result<(), Trouble> {
    trial.on_both_ends(&mut *tx);
    trial.write_two(&mut *tx, 1).await?;
    Err(Trouble::Refused)
}

#[transactional(retry(attempts = 3, base = "3ms", cap = "3ms"))]
pub(crate) async fn third_time_lucky(
    tx: &mut Tx<'_, Database>,
    trial: Trial,
) -> Result<(), Trouble> {
    trial.on_both_ends(&mut *tx);
    trial.write_two(&mut *tx, 1).await?;
    if trial.run() < 3 {
        return Err(Trouble::NotNow);
    }
    Ok(trial.write(&mut *tx, 3).await?)
}

/// Registers a hook that takes several polls.
#[transactional]
pub(crate) async fn with_slow_hook(tx: &mut Tx<'_, Database>, trial: Trial) -> Result<(), Trouble> {
    trial.on_both_ends(&mut *tx);
    let own = trial.clone();
    tx.after_commit(async move {
        own.say("slow hook began");
        for _ in 0..4 {
            tokio::task::yield_now().await;
        }
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        own.say("slow hook ended");
    });
    let own = trial.clone();
    tx.after_commit(async move { own.say("last hook") });
    trial.write(&mut *tx, 1).await?;
    Ok(trial.write(&mut *tx, 2).await?)
}

#[db_op(read_only)]
pub(crate) async fn reads(conn: &mut Conn<'_, Database>, _trial: Trial) -> Result<(), Trouble> {
    for sql in [LONG, "SELECT MAX(call) FROM parts"] {
        sqlx::query(sql).fetch_all(&mut *conn).await?;
    }
    Ok(())
}

#[transactional(read_only)]
pub(crate) async fn reads_in_a_transaction(
    tx: &mut Tx<'_, Database>,
    _trial: Trial,
) -> Result<(), Trouble> {
    for sql in [LONG, "SELECT MAX(call) FROM parts"] {
        sqlx::query(sql).fetch_all(&mut *tx).await?;
    }
    Ok(())
}
