//! Statements that run for a long time when their caller goes away.

use std::time::Duration;

use dbop::{Conn, Db, Tx, db_op, transactional};
use sqlx::Executor;
use tokio::runtime::Builder;
use tokio::time::timeout;

use super::Database;
use super::common::cancellation::operations::{Trial, Trouble};
use super::common::cancellation::rounds::{NOTHING, STEPS, dropped_in, seeded};
use super::common::cancellation::shutdown::{Dropped, lasting};
use super::common::cancellation::world::World;

/// A statement that would count for hours.
const ENDLESS: &str = "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n
    LIMIT 10000000000) INSERT INTO parts SELECT COUNT(*), 3 FROM n";
const ENDLESS_READ: &str = "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n
    LIMIT 10000000000) SELECT COUNT(*) FROM n";

#[db_op]
async fn operation(conn: &mut Conn<'_, Database>, trial: Trial) -> Result<(), Trouble> {
    trial.write_two(&mut *conn, 1).await?;
    trial.run();
    conn.execute(ENDLESS).await?;
    Ok(())
}

#[transactional]
async fn transaction(tx: &mut Tx<'_, Database>, trial: Trial) -> Result<(), Trouble> {
    trial.on_both_ends(&mut *tx);
    trial.write_two(&mut *tx, 1).await?;
    trial.run();
    tx.execute(ENDLESS).await?;
    Ok(())
}

#[transactional(nested)]
async fn nested(tx: &mut Tx<'_, Database>, trial: Trial) -> Result<(), Trouble> {
    transaction(&mut *tx, trial).await
}

#[transactional]
async fn around_nested(tx: &mut Tx<'_, Database>, trial: Trial) -> Result<(), Trouble> {
    nested(&mut *tx, trial).await
}

#[db_op(read_only)]
async fn reads(conn: &mut Conn<'_, Database>, trial: Trial) -> Result<(), Trouble> {
    trial.run();
    conn.execute(ENDLESS_READ).await?;
    Ok(())
}

/// Some calls come to their long statement within this time, and some do not.
const A_MOMENT: Duration = Duration::from_millis(6);

#[tokio::test]
async fn a_long_statement_whose_caller_went_away_stops_and_delays_nobody() {
    let mut world = World::narrow().await;
    let db = &world.db();
    dropped_in!(world, 30, A_MOMENT, STEPS, |trial| operation(db, trial));
    dropped_in!(world, 30, A_MOMENT, NOTHING, |trial| transaction(db, trial));
    dropped_in!(world, 30, A_MOMENT, NOTHING, |trial| around_nested(
        db, trial
    ));
}

#[tokio::test]
async fn a_long_read_whose_caller_went_away_stops_and_delays_nobody() {
    let mut world = World::of_readers().await;
    let db = &world.db();
    dropped_in!(world, 10, A_MOMENT, NOTHING, |trial| reads(db, trial));
}

#[tokio::test]
async fn a_long_statement_of_a_transaction_on_the_callers_own_pool_stops_too() {
    let mut world = World::with_own_pool(2).await;
    let pool = &world.pool();
    dropped_in!(world, 10, A_MOMENT, NOTHING, |trial| transaction(
        pool, trial
    ));
}

#[tokio::test]
async fn a_long_statement_of_an_operation_on_the_callers_own_pool_stops_too() {
    let mut world = World::with_own_pool(2).await;
    let pool = &world.pool();
    dropped_in!(world, 10, A_MOMENT, STEPS, |trial| operation(pool, trial));
}

/// Drops a call in the middle of its statement, together with its runtime.
fn in_a_runtime_that_ends(url: &str, trial: &Trial, dropped: Dropped) {
    let ending = Builder::new_current_thread().enable_all().build();
    let ending = ending.expect("a runtime");
    let db = ending.block_on(Db::<Database>::connect(url));
    let db = db.expect("the database");
    let mut call = Box::pin(transaction(&db, trial.clone()));
    ending.block_on(async {
        let cut = timeout(Duration::from_millis(50), call.as_mut()).await;
        cut.expect_err("the call takes hours");
    });
    if dropped == Dropped::Before {
        ending.block_on(async { drop(call) });
        drop(ending);
    } else {
        drop(ending);
        drop(call);
    }
}

#[test]
fn a_long_statement_stops_when_its_runtime_ends() {
    let lasting = lasting();
    let mut world = lasting.block_on(World::narrow());
    for dropped in [Dropped::Before, Dropped::After] {
        let trial = world.trial();
        in_a_runtime_that_ends(&world.url, &trial, dropped);
        let context = format!("dropped {dropped:?} the end");
        lasting.block_on(world.is_as_before(&context));
        assert!(
            lasting.block_on(world.parts(&trial)).is_empty(),
            "{context}"
        );
    }
}
