//! What the attribute gives to functions that were annotated as they stood.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use dbop::Outcome;

use super::*;

/// Counts how often a body has run.
#[derive(Debug, Default)]
struct Runs(AtomicU32);

impl Runs {
    fn fail_first(&self) -> Result<(), Trouble> {
        match self.0.fetch_add(1, SeqCst) {
            0 => Err(Trouble::NotNow),
            _ => Ok(()),
        }
    }

    /// Begins to count anew.
    #[track_caller]
    fn were(&self, expected: u32) {
        assert_eq!(self.0.swap(0, SeqCst), expected);
    }
}

#[dbop::db_op(read_only)]
async fn read(
    executor: impl Executor<'_, Database = Database>,
    runs: &Runs,
) -> Result<i64, Trouble> {
    runs.fail_first()?;
    Ok(count(executor).await?)
}

#[dbop::transactional]
async fn write<'e, E: Executor<'e, Database = Database>>(
    executor: E,
    id: i64,
    runs: &Runs,
) -> Result<i64, Trouble> {
    insert(executor, id).await?;
    runs.fail_first()?;
    Ok(id)
}

#[dbop::transactional]
async fn write_generic<T>(conn: &mut T, id: i64, runs: &Runs) -> Result<i64, Trouble>
where
    for<'e> &'e mut T: Executor<'e, Database = Database>,
{
    insert(&mut *conn, id).await?;
    runs.fail_first()?;
    Ok(insert(conn, id + 10).await?)
}

#[dbop::transactional(callers = scope)]
async fn write_by_scope<T>(conn: &mut T, id: i64, runs: &Runs) -> Result<i64, Trouble>
where
    for<'e> &'e mut T: Executor<'e, Database = Database>,
{
    insert(&mut *conn, id).await?;
    runs.fail_first()?;
    Ok(id)
}

#[tokio::test]
async fn on_a_pool_or_a_handle_the_function_is_replayed() {
    let world = World::open().await;
    let db = &*world.fresh;
    let runs = Runs::default();
    read(world.pool(), &runs).await.unwrap();
    runs.were(2);
    read(db, &runs).await.unwrap();
    runs.were(2);
    write(world.pool(), 1, &runs).await.unwrap();
    runs.were(2);
    write(db, 2, &runs).await.unwrap();
    runs.were(2);
    write_generic(&mut &*db, 3, &runs).await.unwrap();
    runs.were(2);
    write_generic(&mut world.pool(), 4, &runs).await.unwrap();
    runs.were(2);
    write_by_scope(db, 5, &runs).await.unwrap();
    runs.were(2);
    assert_eq!(world.notes().await, [1, 2, 3, 4, 5, 13, 14]);
}

#[tokio::test]
async fn on_a_connection_of_the_callers_there_is_one_attempt_that_leaves_nothing() {
    let world = World::open().await;
    let mut conn = world.pool().acquire().await.unwrap();
    let runs = Runs::default();
    let error = write(&mut *conn, 1, &runs).await.unwrap_err();
    assert!(matches!(error, Trouble::NotNow), "{error}");
    runs.were(1);
    let error = write_generic(&mut conn, 2, &runs).await.unwrap_err();
    assert!(matches!(error, Trouble::NotNow), "{error}");
    runs.were(1);
    drop(conn);
    assert_eq!(world.notes().await, [0; 0]);
}

#[tokio::test]
async fn in_a_transaction_of_the_callers_a_failure_undoes_its_own_work_only() {
    let world = World::open().await;
    let mut tx = world.pool().begin().await.unwrap();
    insert(&mut *tx, 1).await.unwrap();
    let runs = Runs::default();
    write(&mut *tx, 2, &runs).await.unwrap_err();
    let error = write(&mut *tx, 1, &runs).await.unwrap_err();
    assert_eq!(error.database().outcome(), Some(Outcome::RolledBack));
    write(&mut *tx, 3, &runs).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(world.notes().await, [1, 3]);
}
