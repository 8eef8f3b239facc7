//! Statements that run for a long time when their caller goes away.

use std::time::Duration;

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::postgres::PgPoolOptions;
use sqlx::{Executor, PgPool};
use tokio::time::timeout;

use super::Database;
use super::common::cancellation::operations::{Trial, Trouble};
use super::common::cancellation::rounds::{NOTHING, STEPS, dropped_in, seeded};
use super::common::cancellation::world::{Place, World};

/// A statement that takes far longer than a test, and than a statement may take.
const SLEEPS: &str = "INSERT INTO parts SELECT $1, 3 FROM pg_sleep(3600)";
/// A statement that waits for the lock of the observer.
const WAITS: &str = "INSERT INTO parts SELECT $1, 3 FROM pg_advisory_xact_lock(1)";

#[db_op]
async fn operation(
    conn: &mut Conn<'_, Database>,
    slow: &'static str,
    trial: Trial,
) -> Result<(), Trouble> {
    trial.write_two(&mut *conn, 1).await?;
    trial.run();
    sqlx::query(slow)
        .bind(trial.call)
        .execute(&mut *conn)
        .await?;
    Ok(())
}

#[transactional]
async fn transaction(
    tx: &mut Tx<'_, Database>,
    slow: &'static str,
    trial: Trial,
) -> Result<(), Trouble> {
    trial.on_both_ends(&mut *tx);
    trial.write_two(&mut *tx, 1).await?;
    trial.run();
    sqlx::query(slow).bind(trial.call).execute(&mut *tx).await?;
    Ok(())
}

#[transactional(nested)]
async fn nested(
    tx: &mut Tx<'_, Database>,
    slow: &'static str,
    trial: Trial,
) -> Result<(), Trouble> {
    transaction(&mut *tx, slow, trial).await
}

#[transactional]
async fn around_nested(
    tx: &mut Tx<'_, Database>,
    slow: &'static str,
    trial: Trial,
) -> Result<(), Trouble> {
    nested(&mut *tx, slow, trial).await
}

/// Some calls come to their long statement within this time, and some do not.
const A_MOMENT: Duration = Duration::from_millis(25);

async fn in_calls(slow: &'static str) {
    let mut world = World::narrow().await;
    let lock = "SELECT pg_advisory_lock(1)";
    world.outside.execute(lock).await.expect("the lock");
    let db = &world.db();
    dropped_in!(world, 6, A_MOMENT, STEPS, |trial| operation(
        db, slow, trial
    ));
    dropped_in!(world, 6, A_MOMENT, NOTHING, |trial| transaction(
        db, slow, trial
    ));
    dropped_in!(world, 6, A_MOMENT, NOTHING, |trial| around_nested(
        db, slow, trial
    ));

    // A statement that still waited for the lock would get it now.
    let unlock = "SELECT pg_advisory_unlock(1)";
    world.outside.execute(unlock).await.expect("the lock");
    world.is_as_before("later").await;
    let late = sqlx::query_scalar("SELECT COUNT(*) FROM parts WHERE part = 3");
    let late: i64 = late.fetch_one(&mut world.outside).await.expect("the rows");
    assert_eq!(late, 0, "a dropped statement landed later");
}

#[tokio::test]
async fn a_long_statement_whose_caller_went_away_stops_and_delays_nobody() {
    in_calls(SLEEPS).await;
}

#[tokio::test]
async fn a_statement_that_waits_for_a_lock_stops_when_its_caller_goes_away() {
    in_calls(WAITS).await;
}

#[db_op(read_only)]
async fn reads(conn: &mut Conn<'_, Database>, trial: Trial) -> Result<(), Trouble> {
    trial.run();
    conn.execute("SELECT pg_sleep(3600)").await?;
    Ok(())
}

#[tokio::test]
async fn a_long_read_whose_caller_went_away_stops_and_delays_nobody() {
    let mut world = World::of_readers().await;
    let db = &world.db();
    dropped_in!(world, 6, A_MOMENT, NOTHING, |trial| reads(db, trial));
}

async fn on_own_pool() -> (World, PgPool) {
    let world = World::with_own_pool(1).await;
    let pool = world.pool();
    (world, pool)
}

#[tokio::test]
async fn a_long_statement_of_a_transaction_on_the_callers_own_pool_stops_too() {
    let (mut world, pool) = on_own_pool().await;
    dropped_in!(world, 4, A_MOMENT, NOTHING, |trial| transaction(
        &pool, SLEEPS, trial
    ));
}

/// A statement that makes the server check for a lost client. dbop sets this for a transaction,
/// where it costs no round trip; it cannot do so for an operation.
const CHECK_FOR_CLIENTS: &str = "DO $$ BEGIN EXECUTE format(
    'ALTER DATABASE %I SET client_connection_check_interval = 100', current_database()
); END $$";

#[tokio::test]
async fn a_long_statement_of_an_operation_on_an_own_pool_that_checks_for_clients_stops_too() {
    let (mut world, pool) = on_own_pool().await;
    world.outside.execute(CHECK_FOR_CLIENTS).await.expect("set");
    pool.close().await;
    let pool = PgPoolOptions::new().max_connections(1);
    let pool = pool.connect(&world.url).await.expect("a pool");
    world.place = Place::Pool(pool.clone());
    dropped_in!(world, 4, A_MOMENT, STEPS, |trial| operation(
        &pool, SLEEPS, trial
    ));
}
