//! A connection that is given up in the middle of a statement, while the server goes on with the
//! statement.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use dbop::{Conn, Db, DbError, ErrorKind, db_op};
use dbop_tests::proxy::{Place, Proxy};
use dbop_tests::{Fresh, eventually};
use sqlx::{Executor, PgConnection, Postgres};
use tokio::sync::Mutex;
use tokio::time::timeout;

#[derive(Debug, thiserror::Error, DbError)]
#[error(transparent)]
struct Trouble(#[from] dbop::Error);

const NEVER: Duration = Duration::from_secs(30);

/// A statement that sleeps before it locks its row, so that no other statement waits for it.
const SLOW: &str = "UPDATE last SET attempt = 1 WHERE (SELECT pg_sleep(3)) IS NOT NULL";
/// A statement that ends before the server checks whether its client is still there.
const BRIEF: &str = "UPDATE last SET attempt = 1 WHERE (SELECT pg_sleep(0.06)) IS NOT NULL";

/// Runs `first`, which writes 1, in the first run. Later runs write their own number at once.
async fn write(
    conn: &mut Conn<'_, Postgres>,
    first: &'static str,
    runs: &AtomicU32,
) -> sqlx::Result<()> {
    let run = runs.fetch_add(1, SeqCst) + 1;
    if run == 1 {
        conn.execute(first).await?;
    } else {
        let run = i64::from(run);
        let now = sqlx::query("UPDATE last SET attempt = $1").bind(run);
        conn.execute(now).await?;
    }
    Ok(())
}

#[db_op(idempotent)]
async fn repeated(
    conn: &mut Conn<'_, Postgres>,
    first: &'static str,
    runs: &AtomicU32,
) -> Result<(), Trouble> {
    Ok(write(&mut *conn, first, runs).await?)
}

#[db_op(timeout = "500ms")]
async fn impatient(conn: &mut Conn<'_, Postgres>, runs: &AtomicU32) -> Result<(), Trouble> {
    Ok(write(&mut *conn, SLOW, runs).await?)
}

async fn open() -> (Fresh<Postgres>, Mutex<PgConnection>) {
    let fresh = dbop_tests::postgres::fresh_with(|builder| builder.max_connections(1)).await;
    let schema = "CREATE TABLE last (attempt BIGINT); INSERT INTO last VALUES (0)";
    fresh.pool().execute(schema).await.expect("the schema");
    let watch = Mutex::new(dbop_tests::postgres::outside(&fresh).await);
    (fresh, watch)
}

async fn is_running(watch: &Mutex<PgConnection>, text: &str) -> bool {
    let runs = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()
        AND pid <> pg_backend_pid() AND state = 'active' AND query = $1)";
    let runs = sqlx::query_scalar(runs).bind(text);
    runs.fetch_one(&mut *watch.lock().await).await.unwrap()
}

/// Returns what is stored once the first statement has ended in any way.
async fn last(watch: Mutex<PgConnection>, first: &str) -> i64 {
    eventually("the abandoned statement has ended", async || {
        !is_running(&watch, first).await
    })
    .await;
    let last = sqlx::query_scalar("SELECT attempt FROM last");
    last.fetch_one(&mut watch.into_inner()).await.unwrap()
}

#[tokio::test]
async fn a_statement_whose_connection_was_cut_does_not_land_after_the_next_attempt() {
    let (fresh, watch) = open().await;
    let proxy = Proxy::before(&fresh.url).await;
    let db = Db::<Postgres>::connect(&proxy.url).await.unwrap();
    let runs = AtomicU32::new(0);
    let cut = async {
        eventually("the first attempt runs", async || {
            is_running(&watch, SLOW).await
        })
        .await;
        proxy.cut();
    };
    let both = async { tokio::join!(repeated(&db, SLOW, &runs), cut) };
    let (result, ()) = timeout(NEVER, both).await.expect("the call hangs");
    result.unwrap();
    let attempts = i64::from(runs.into_inner());
    assert!(attempts > 1, "nothing was abandoned");
    let last = last(watch, SLOW).await;
    assert_eq!(last, attempts, "an abandoned attempt landed last");
}

#[tokio::test]
async fn a_statement_that_was_given_up_at_the_deadline_does_not_land_after_the_next_call() {
    let (fresh, watch) = open().await;
    let runs = AtomicU32::new(0);
    let cut = timeout(NEVER, impatient(&*fresh, &runs)).await;
    let Trouble(error) = cut.expect("the call hangs").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    let next = timeout(NEVER, impatient(&*fresh, &runs)).await;
    next.expect("the next call hangs").unwrap();
    assert_eq!(
        last(watch, SLOW).await,
        2,
        "the abandoned statement landed last"
    );
}

/// The next attempt finds another open connection, and begins while the first statement still runs.
#[tokio::test]
async fn a_brief_statement_whose_connection_was_cut_does_not_land_after_the_next_attempt() {
    let (fresh, watch) = open().await;
    let proxy = Proxy::before(&fresh.url).await;
    let builder = Db::<Postgres>::builder().url(&proxy.url).max_connections(2);
    let db = builder.connect().await.unwrap();
    let pool = db.pool();
    drop(tokio::try_join!(pool.acquire(), pool.acquire()).unwrap());
    eventually("both connections are idle", async || pool.num_idle() == 2).await;
    let runs = AtomicU32::new(0);
    proxy.cut_at(0, Place::After);
    let result = timeout(NEVER, repeated(&db, BRIEF, &runs)).await;
    result.expect("the call hangs").unwrap();
    assert_eq!(runs.into_inner(), 2);
    eventually("the server has ended the cut one", async || {
        proxy.cut_is_over()
    })
    .await;
    let last = last(watch, BRIEF).await;
    assert_eq!(last, 2, "the abandoned attempt landed last");
}
