//! Pools of an application beside the pools of a handle. What happens on the connections of one says
//! nothing about the other, even if one pool's hooks use the other pool, or copy its options.

use std::time::Duration;

use dbop::{Conn, Db, Tx, db_op, transactional};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{Executor, SqlitePool};

use super::Database;
use super::common::notes::{self, Runs, SCHEMA, Trouble, soon};

/// Opens a database in memory by a pool whose hooks use the pool of this handle.
async fn with_hooks(db: &Db<Database>) -> SqlitePool {
    let (connecting, acquiring) = (db.pool().clone(), db.pool().clone());
    let options = SqlitePoolOptions::new()
        .max_connections(1)
        .after_connect(move |_, _| {
            let pool = connecting.clone();
            Box::pin(async move { pool.execute("SELECT 1").await.map(drop) })
        })
        .before_acquire(move |_, _| {
            let pool = acquiring.clone();
            Box::pin(async move { pool.execute("SELECT 1").await.map(|_| true) })
        });
    with_schema(options).await
}

/// Opens a database in memory by a pool that has the options of the handle's pool.
async fn with_its_options(db: &Db<Database>) -> SqlitePool {
    with_schema(db.pool().options().clone().max_connections(1)).await
}

async fn with_schema(options: SqlitePoolOptions) -> SqlitePool {
    let memory = SqliteConnectOptions::new().in_memory(true);
    let pool = options.connect_with(memory).await.expect("a database");
    pool.execute(SCHEMA).await.expect("the schema");
    pool
}

async fn count(pool: &SqlitePool) -> i64 {
    let count = sqlx::query_scalar("SELECT COUNT(*) FROM notes");
    count.fetch_one(pool).await.expect("the number")
}

/// Ends its transaction by a text, and then fails in a way that may pass.
#[transactional(retry(attempts = 3))]
async fn commits_and_fails(tx: &mut Tx<'_, Database>, runs: &Runs) -> Result<(), Trouble> {
    let run = runs.next();
    let insert = sqlx::query("INSERT INTO notes VALUES ($1)");
    insert.bind(i64::from(run)).execute(&mut *tx).await?;
    #[dbop::allow(
        manual_transaction,
        reason = "the outcome of such a call is what is tested"
    )]
    tx.execute("COMMIT; BEGIN").await?;
    Err(Trouble::NotNow)
}

#[tokio::test]
async fn a_commit_by_text_is_seen_on_a_pool_whose_hooks_use_a_handle() {
    let db = notes::open_narrow().await;
    let pool = with_hooks(&db).await;
    let runs = Runs::default();
    let error = commits_and_fails(&pool, &runs).await.unwrap_err();
    assert_eq!((runs.count(), count(&pool).await), (1, 1), "{error}");
}

/// A statement that counts for a second or so.
const LONG: &str = "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n
    LIMIT 2000000) INSERT INTO notes SELECT COUNT(*) FROM n";

#[db_op(retry = never)]
async fn counts_long(conn: &mut Conn<'_, Database>, runs: &Runs) -> Result<(), Trouble> {
    runs.next();
    conn.execute(LONG).await?;
    Ok(())
}

/// Drops a call on `pool` while a call on the handle runs, which must not notice.
async fn interrupts_nothing_on(db: &Db<Database>, pool: &SqlitePool) {
    let (dropped, innocent) = (Runs::default(), Runs::default());
    let on_the_handle = async {
        while dropped.count() == 0 {
            tokio::task::yield_now().await;
        }
        counts_long(db, &innocent).await
    };
    let on_the_pool = async {
        tokio::select! {
            biased;
            _ = counts_long(pool, &dropped) => {}
            () = async {
                while innocent.count() == 0 {
                    tokio::task::yield_now().await;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            } => {}
        }
    };
    let (ran, ()) = soon("both calls", async {
        tokio::join!(on_the_handle, on_the_pool)
    })
    .await;
    ran.expect("the statement of another pool's call was interrupted");
}

#[tokio::test]
async fn a_dropped_call_interrupts_nothing_on_a_handle_that_the_hooks_of_its_pool_use() {
    let db = notes::open_narrow().await;
    let pool = with_hooks(&db).await;
    interrupts_nothing_on(&db, &pool).await;
}

#[tokio::test]
async fn a_dropped_call_interrupts_nothing_on_a_handle_whose_options_its_pool_has() {
    let db = notes::open_narrow().await;
    let pool = with_its_options(&db).await;
    interrupts_nothing_on(&db, &pool).await;
}
