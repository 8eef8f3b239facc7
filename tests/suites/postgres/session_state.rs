//! State that a call leaves in its session does not reach the next borrower of the connection.

use std::future::pending;
use std::time::Duration;

use dbop::{Conn, Db, Tx, db_op, transactional};
use dbop_tests::{Fresh, eventually};
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, Executor, PgConnection};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::common::notes::{self, Trouble, soon};
use super::{Database, outside};

#[db_op(retry = never)]
async fn says(conn: &mut Conn<'_, Database>, sql: &str) -> Result<(), Trouble> {
    conn.execute(AssertSqlSafe(sql)).await?;
    Ok(())
}

#[db_op(retry = never)]
async fn says_and_stays(
    conn: &mut Conn<'_, Database>,
    sql: &str,
    said: &Notify,
) -> Result<(), Trouble> {
    conn.execute(AssertSqlSafe(sql)).await?;
    said.notify_one();
    pending().await
}

#[db_op(retry = never, callers = scope)]
async fn says_past_dbop(conn: &mut PgConnection, sql: &str) -> Result<(), Trouble> {
    conn.execute(AssertSqlSafe(sql)).await?;
    Ok(())
}

#[transactional(retry = never)]
async fn says_in_a_transaction(tx: &mut Tx<'_, Database>, sql: &str) -> Result<(), Trouble> {
    tx.execute(AssertSqlSafe(sql)).await?;
    Ok(())
}

#[db_op(retry = never)]
async fn asks(conn: &mut Conn<'_, Database>, sql: &str) -> Result<String, Trouble> {
    let text = sqlx::query_scalar(AssertSqlSafe(sql));
    Ok(text.fetch_one(&mut *conn).await?)
}

/// A query whose result shows whether anything was left in the session.
const STATE: &str = "SELECT concat_ws(' ', current_setting('search_path'), current_user, \
    current_setting('statement_timeout'), current_setting('client_connection_check_interval'), \
    current_setting('default_transaction_read_only'), \
    (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()), \
    (SELECT count(*) FROM pg_listening_channels()), \
    (SELECT count(*) FROM pg_class WHERE relname = 'left_behind'), \
    (SELECT count(*) FROM pg_cursors), (SELECT count(*) FROM pg_prepared_statements WHERE name = 'p'))";

/// Statements that leave something in the session.
const LEAVES: [&str; 17] = [
    "SET search_path = pg_catalog",
    "SET statement_timeout = 1234",
    "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
    "SET ROLE pg_monitor",
    "SELECT pg_advisory_lock(42)",
    "SELECT set_config('search_path', 'pg_catalog', false)",
    "LISTEN news",
    "CREATE TEMP TABLE left_behind (a INT)",
    "DECLARE c CURSOR WITH HOLD FOR SELECT 1",
    "PREPARE p AS SELECT 1",
    "DO $$ BEGIN PERFORM pg_advisory_lock(43); END $$",
    "CREATE TABLE pg_temp.left_behind (a INT)",
    "SELECT 1 AS a INTO LOCAL TEMP left_behind",
    "SELECT 1 AS a INTO pg_temp.left_behind",
    "UPDATE pg_settings SET setting = 'pg_catalog' WHERE name = 'search_path'",
    "CREATE /* ; */ TEMP TABLE left_behind (a INT)",
    "SELECT '/*'; /* x; y */ SET search_path = pg_catalog",
];

async fn check(db: &Db<Database>, before: &str, sql: &str) {
    let after = soon("the next call", asks(db, STATE)).await.unwrap();
    assert_eq!(after, before, "after {sql}");
}

#[tokio::test]
async fn what_a_text_leaves_in_a_session_does_not_meet_the_next_borrower() {
    let db = notes::open_narrow().await;
    let before = asks(&*db, STATE).await.unwrap();
    for sql in LEAVES {
        says(&*db, sql).await.unwrap();
        check(&db, &before, sql).await;
        // What a committed transaction does stays in the session as well.
        says_in_a_transaction(&*db, sql).await.unwrap();
        check(&db, &before, sql).await;
        let many = format!("SELECT 1; {sql}; SELECT 2");
        says(&*db, &many).await.unwrap();
        check(&db, &before, &many).await;
    }
}

#[tokio::test]
async fn what_went_past_dbop_leaves_nothing_in_its_session_and_costs_no_connection() {
    let db = notes::open_narrow().await;
    let before = asks(&*db, STATE).await.unwrap();
    let pid = asks(&*db, "SELECT pg_backend_pid()::text").await.unwrap();
    // A statement prepared by name stays, because forgetting it would mean forgetting the driver's
    // own statements as well.
    for sql in LEAVES.into_iter().filter(|sql| !sql.starts_with("PREPARE")) {
        says_past_dbop(&*db, sql).await.unwrap();
        check(&db, &before, sql).await;
    }
    let still = asks(&*db, "SELECT pg_backend_pid()::text").await.unwrap();
    assert_eq!(still, pid);
}

#[tokio::test]
async fn a_lock_of_a_call_that_was_dropped_is_given_back() {
    let db = notes::open_narrow().await;
    let mut other = outside(&db).await;
    for past_dbop in [false, true] {
        let said = Notify::new();
        let sql = if past_dbop {
            "DO $$ BEGIN PERFORM pg_advisory_lock(42); END $$"
        } else {
            "SELECT pg_advisory_lock(42)"
        };
        tokio::select! {
            ended = says_and_stays(&*db, sql, &said) => panic!("the call stays: {ended:?}"),
            () = said.notified() => {}
        }
        let lock = "SELECT pg_advisory_lock(42), pg_advisory_unlock(42)";
        let wait = Duration::from_secs(10);
        let locked = timeout(wait, other.execute(lock)).await;
        locked.expect("the other process waits in vain").unwrap();
    }
}

#[db_op(retry = never)]
async fn says_and_fails(conn: &mut Conn<'_, Database>, sql: &str) -> Result<(), Trouble> {
    conn.execute(AssertSqlSafe(sql)).await?;
    Err(Trouble::Refused)
}

#[tokio::test]
async fn what_a_call_that_failed_left_in_its_session_does_not_meet_the_next_borrower() {
    let db = notes::open_narrow().await;
    let before = asks(&*db, STATE).await.unwrap();
    for sql in LEAVES {
        says_and_fails(&*db, sql).await.unwrap_err();
        check(&db, &before, sql).await;
    }
}

/// Opens a pool of the application's own, which prepares its sessions in its own way.
async fn own_pool(db: &Fresh<Database>) -> sqlx::PgPool {
    let options = PgPoolOptions::new().max_connections(1);
    let prepared = options.after_connect(|conn, _| {
        Box::pin(async move {
            conn.execute("SET search_path = public, pg_temp").await?;
            Ok(())
        })
    });
    prepared.connect(&db.url).await.expect("a pool")
}

#[tokio::test]
async fn on_a_callers_pool_a_session_is_closed_that_would_not_be_as_the_application_made_it() {
    let db = notes::open_narrow().await;
    let pool = own_pool(&db).await;
    let before = asks(&pool, STATE).await.unwrap();
    assert!(before.starts_with("public, pg_temp"), "{before}");
    for sql in LEAVES {
        says(&pool, sql).await.unwrap();
        let after = soon("the next call", asks(&pool, STATE)).await.unwrap();
        assert_eq!(after, before, "after {sql}");
    }
    // State that went past dbop is the application's own affair, as it would be without dbop.
    let pid = asks(&pool, "SELECT pg_backend_pid()::text").await.unwrap();
    says_past_dbop(&pool, "SELECT 1").await.unwrap();
    let still = asks(&pool, "SELECT pg_backend_pid()::text").await.unwrap();
    assert_eq!(still, pid);
}

#[tokio::test]
async fn a_callers_own_session_is_left_alone() {
    let db = notes::open_narrow().await;
    let mut own = outside(&db).await;
    says(&mut own, "SET search_path = pg_catalog")
        .await
        .unwrap();
    let path: String = sqlx::query_scalar("SHOW search_path")
        .fetch_one(&mut own)
        .await
        .unwrap();
    assert_eq!(path, "pg_catalog");
}

#[tokio::test]
async fn ordinary_statements_cost_no_reset() {
    let db = notes::open_narrow().await;
    let pid = asks(&*db, "SELECT pg_backend_pid()::text").await.unwrap();
    for sql in [
        "SET LOCAL search_path = pg_catalog",
        "SELECT pg_advisory_xact_lock(1)",
        "UPDATE notes SET id = id",
    ] {
        says_in_a_transaction(&*db, sql).await.unwrap();
    }
    eventually("the connection is back", async || db.pool().num_idle() == 1).await;
    let still = asks(&*db, "SELECT pg_backend_pid()::text").await.unwrap();
    assert_eq!(still, pid);
}

#[db_op(read_only, retry = never)]
async fn reads(conn: &mut Conn<'_, Database>) -> Result<(), Trouble> {
    conn.execute("SELECT 1").await?;
    Ok(())
}

#[tokio::test]
async fn a_callers_pool_that_only_reads_stays_one() {
    let db = notes::open_narrow().await;
    let options = (*db.pool().connect_options()).clone();
    let options = options.options([("default_transaction_read_only", "on")]);
    let pool = PgPoolOptions::new().max_connections(1);
    let pool = pool.connect_with(options).await.expect("a pool");
    reads(&pool).await.unwrap();
    let only_reads: String = sqlx::query_scalar("SHOW default_transaction_read_only")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(only_reads, "on");
}
