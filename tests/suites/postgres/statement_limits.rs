//! How long a statement may run, and what becomes of a statement that has taken longer.

use std::time::Duration;

use dbop::{Conn, DbBuilder, ErrorKind, Outcome, Tx, db_op, transactional};
use dbop_tests::poll_at_most;
use sqlx::{AssertSqlSafe, Connection, Executor, Postgres};

use super::common::notes::{self, Runs, Trouble, soon};
use super::{Database, ENDLESS};

/// A limit far shorter than the operations of this suite may take.
fn brief(builder: DbBuilder<Postgres>) -> DbBuilder<Postgres> {
    builder
        .max_connections(1)
        .statement_timeout(Duration::from_millis(300))
}

/// A statement that takes three times as long as the session allows.
const LONG: &str = "SELECT pg_sleep(0.9)";

#[db_op(timeout = "1m")]
async fn takes_long(conn: &mut Conn<'_, Database>) -> Result<(), Trouble> {
    conn.execute(LONG).await?;
    Ok(())
}

#[transactional(timeout = "1m")]
async fn takes_long_in_a_transaction(tx: &mut Tx<'_, Database>) -> Result<(), Trouble> {
    tx.execute(LONG).await?;
    Ok(())
}

#[db_op(timeout = "1m", read_only)]
async fn reads_for_long(conn: &mut Conn<'_, Database>) -> Result<(), Trouble> {
    conn.execute(LONG).await?;
    Ok(())
}

#[db_op]
async fn limit(conn: &mut Conn<'_, Database>) -> Result<String, Trouble> {
    let limit = sqlx::query_scalar("SHOW statement_timeout");
    Ok(limit.fetch_one(&mut *conn).await?)
}

#[tokio::test]
async fn a_statement_may_take_as_long_as_its_operation_allows() {
    let db = notes::open_with(brief).await;
    soon("the transaction", takes_long_in_a_transaction(&*db))
        .await
        .unwrap();
    soon("the operation", takes_long(&*db)).await.unwrap();
    soon("the reader", reads_for_long(&*db)).await.unwrap();
    assert_eq!(
        limit(&*db).await.unwrap(),
        "300ms",
        "the longer limit is for the other call only"
    );
}

#[db_op(read_only)]
async fn reads_without_end(conn: &mut Conn<'_, Database>, runs: &Runs) -> Result<(), Trouble> {
    runs.next();
    conn.execute(ENDLESS).await?;
    Ok(())
}

#[transactional]
async fn goes_on_without_end(tx: &mut Tx<'_, Database>, runs: &Runs) -> Result<(), Trouble> {
    runs.next();
    tx.execute(ENDLESS).await?;
    Ok(())
}

#[tokio::test]
async fn a_statement_that_was_ended_by_its_own_limit_is_not_run_again() {
    let db = notes::open_with(brief).await;
    for in_a_transaction in [false, true] {
        let runs = Runs::default();
        let ended = if in_a_transaction {
            soon("the transaction", goes_on_without_end(&*db, &runs)).await
        } else {
            soon("the reader", reads_without_end(&*db, &runs)).await
        };
        let error = ended.unwrap_err();
        let error = error.database();
        assert_eq!(
            (error.kind(), error.attempts()),
            (ErrorKind::Timeout, 1),
            "{error}"
        );
        assert_eq!(error.outcome().unwrap(), Outcome::RolledBack);
        assert_eq!(runs.count(), 1);
    }
}

#[transactional(timeout = "400ms", retry = never)]
async fn is_late(tx: &mut Tx<'_, Database>, sql: &str) -> Result<(), Trouble> {
    tx.execute(AssertSqlSafe(sql)).await?;
    Ok(())
}

/// The server is told the deadline, and may notice it sooner than the call's own clock.
#[tokio::test]
async fn an_error_at_the_deadline_says_so_whoever_was_faster() {
    let db = notes::open_narrow().await;
    // The second text starts with a short sleep, which gives the server's clock a start.
    for sql in [
        ENDLESS,
        "SET LOCAL statement_timeout = 50; SELECT pg_sleep(1000)",
    ] {
        let error = soon("the call", is_late(&*db, sql)).await.unwrap_err();
        let error = error.database();
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
        assert!(error.to_string().contains("`timeout = \"..\"`"), "{error}");
    }
}

#[transactional]
async fn limits(tx: &mut Tx<'_, Database>) -> Result<(String, String), Trouble> {
    let limits = "SELECT current_setting('statement_timeout'), current_setting('lock_timeout')";
    Ok(sqlx::query_as(limits).fetch_one(&mut *tx).await?)
}

/// Opens a pool of the application's with these limits.
async fn pool_with(url: &str, limits: &[(&str, &str)]) -> sqlx::PgPool {
    let options = url
        .parse::<sqlx::postgres::PgConnectOptions>()
        .expect("a URL");
    let options = options.options(limits.iter().copied());
    sqlx::PgPool::connect_with(options).await.expect("a pool")
}

#[tokio::test]
async fn limits_of_the_applications_own_sessions_hold_where_they_are_shorter() {
    let db = notes::open().await;
    let short = pool_with(
        &db.url,
        &[("statement_timeout", "1s"), ("lock_timeout", "500")],
    )
    .await;
    let expected = ("1s".to_owned(), "500ms".to_owned());
    assert_eq!(limits(&short).await.unwrap(), expected);
    let mut conn = short.acquire().await.unwrap();
    assert_eq!(limits(&mut conn).await.unwrap(), expected);
    let long = pool_with(
        &db.url,
        &[("statement_timeout", "2d"), ("lock_timeout", "0")],
    )
    .await;
    let (statement, lock) = limits(&long).await.unwrap();
    let millis = |limit: String| {
        limit
            .strip_suffix("ms")
            .and_then(|ms| ms.parse::<u32>().ok())
    };
    let (statement, lock) = (
        millis(statement).unwrap_or(30_000),
        millis(lock).unwrap_or(24_000),
    );
    assert!((20_000..=30_000).contains(&statement) && (16_000..=24_000).contains(&lock));
    // What was set ends with the transaction.
    let after: String = sqlx::query_scalar("SHOW statement_timeout")
        .fetch_one(&long)
        .await
        .unwrap();
    assert_eq!(after, "2d");
}

#[db_op(timeout = "10s")]
async fn reads_in_time(conn: &mut Conn<'_, Database>) -> Result<(), Trouble> {
    conn.execute("SELECT pg_sleep(0.002)").await?;
    Ok(())
}

#[tokio::test]
async fn a_call_with_a_deadline_that_is_dropped_leaves_no_limit_in_the_applications_pool() {
    let db = notes::open().await;
    let pool = pool_with(&db.url, &[("statement_timeout", "2d")]).await;
    for polls in (1..=8).cycle().take(40) {
        let mut conn = pool.acquire().await.unwrap();
        let mut tx = conn.begin().await.unwrap();
        drop(poll_at_most(polls, reads_in_time(&mut *tx)).await);
        let _ = tx.commit().await;
        drop(poll_at_most(polls, reads_in_time(&mut conn)).await);
        drop(conn);
        let limit = sqlx::query_scalar("SHOW statement_timeout");
        let limit: String = limit.fetch_one(&pool).await.unwrap();
        assert_eq!(limit, "2d", "after {polls} polls");
    }
}
