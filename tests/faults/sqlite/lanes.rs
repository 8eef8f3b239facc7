//! The pools of a SQLite `Db`: one writer, and the readers apart from it.

use std::time::{Duration, Instant};

use dbop::{Conn, Db, Outcome, db_op};
use sqlx::{Executor, Sqlite};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::common::once::Trouble;
use super::fresh_with;

#[db_op(retry = never)]
async fn run(conn: &mut Conn<'_, Sqlite>, sql: &'static str) -> Result<(), Trouble> {
    conn.execute(sql).await?;
    Ok(())
}

#[db_op(read_only, retry = never)]
async fn read(conn: &mut Conn<'_, Sqlite>) -> Result<i64, Trouble> {
    Ok(sqlx::query_scalar("SELECT 1")
        .fetch_one(&mut *conn)
        .await
        .map_err(dbop::Error::from)?)
}

#[db_op(read_only, retry = never)]
async fn read_and_stay(conn: &mut Conn<'_, Sqlite>, inside: &Notify) -> Result<i64, Trouble> {
    conn.execute("SELECT 1").await?;
    inside.notify_one();
    std::future::pending().await
}

async fn kept(schema: &'static str, sql: &'static str) {
    let db = fresh_with(|b| b).await;
    db.pool()
        .execute("CREATE TABLE t (x INTEGER UNIQUE); CREATE TABLE log (x);")
        .await
        .unwrap();
    db.pool().execute(schema).await.unwrap();
    let error = run(&*db, sql).await.unwrap_err();
    let error = error.database();
    let rows: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM log")
        .fetch_one(db.pool())
        .await
        .unwrap();
    assert!(
        rows == 0 || error.outcome().unwrap() == Outcome::Unknown,
        "{rows} rows stay of what is {:?}",
        error.outcome().unwrap()
    );
}

#[tokio::test]
async fn rows_of_a_trigger_before_raise_fail() {
    kept(
        "CREATE TRIGGER tr BEFORE INSERT ON t BEGIN
        INSERT INTO log VALUES (new.x); SELECT RAISE(FAIL, 'no'); END",
        "INSERT INTO t VALUES (1)",
    )
    .await;
}

#[tokio::test]
async fn rows_of_an_instead_of_trigger() {
    kept(
        "CREATE VIEW v AS SELECT x FROM t;
        CREATE TRIGGER tr INSTEAD OF INSERT ON v BEGIN
        INSERT INTO log VALUES (new.x); SELECT RAISE(FAIL, 'no'); END",
        "INSERT INTO v VALUES (1)",
    )
    .await;
}

#[tokio::test]
async fn rows_of_a_trigger_before_a_constraint_on_conflict_fail() {
    kept(
        "CREATE TABLE u (x INTEGER UNIQUE ON CONFLICT FAIL); INSERT INTO u VALUES (1);
        CREATE TRIGGER tr BEFORE INSERT ON u BEGIN
        INSERT INTO log VALUES (new.x); END",
        "INSERT INTO u VALUES (1)",
    )
    .await;
}

#[tokio::test]
async fn rows_before_raise_fail() {
    kept(
        "CREATE TRIGGER tr BEFORE INSERT ON log WHEN new.x = 2 BEGIN
        SELECT RAISE(FAIL, 'no'); END",
        "INSERT INTO log VALUES (1), (2)",
    )
    .await;
}

const ENDLESS: &str = "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n
    LIMIT 10000000) INSERT INTO t SELECT COUNT(*) FROM n";

async fn next_borrower_after(db: &Db<Sqlite>) -> Duration {
    timeout(Duration::from_millis(50), run(db, ENDLESS))
        .await
        .unwrap_err();
    let begun = Instant::now();
    run(db, "INSERT INTO log VALUES (1)").await.unwrap();
    begun.elapsed()
}

#[tokio::test]
async fn a_call_on_the_dbs_own_pool_disarms_its_lane() {
    let db = fresh_with(|b| b).await;
    db.pool()
        .execute("CREATE TABLE t (x); CREATE TABLE log (x);")
        .await
        .unwrap();
    let before = next_borrower_after(&db).await;
    run(db.pool(), "INSERT INTO log VALUES (1)").await.unwrap();
    let after = next_borrower_after(&db).await;
    assert!(
        after < Duration::from_millis(500),
        "{before:?} before, {after:?} after"
    );
}

#[tokio::test]
async fn close_refuses_later_calls_while_one_is_out() {
    let db = fresh_with(|b| b.max_connections(4)).await;
    let inside = Notify::new();
    let closing = async {
        inside.notified().await;
        timeout(Duration::from_millis(200), db.close())
            .await
            .unwrap_err();
        let mut kinds = Vec::new();
        for _ in 0..8 {
            kinds.push(read(&*db).await.map_err(|e| e.database().kind()));
        }
        println!("reads after close: {kinds:?}");
        let write = run(&*db, "CREATE TABLE z (x)").await;
        println!("write after close: {write:?}");
        assert!(
            kinds.iter().all(Result::is_err) && write.is_err(),
            "{kinds:?} {write:?}"
        );
    };
    tokio::select! {
        _ = read_and_stay(&*db, &inside) => panic!(),
        () = closing => {}
    }
}

#[tokio::test]
async fn a_long_migration_on_the_dbs_pool_does_not_open_the_breaker() {
    let db = fresh_with(|b| b.acquire_timeout(Duration::from_millis(500))).await;
    db.pool().execute("CREATE TABLE t (x)").await.unwrap();
    let migration = db.pool().begin().await.unwrap();
    let mut kinds = Vec::new();
    for _ in 0..6 {
        kinds.push(run(&*db, "INSERT INTO t VALUES (1)").await.map_err(|e| {
            println!("{e:?}");
            e.database().kind()
        }));
    }
    let reads = read(&*db).await.map_err(|e| e.database().kind());
    println!("writes {kinds:?}; a read: {reads:?}");
    drop(migration);
    reads.unwrap();
}
