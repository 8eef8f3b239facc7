//! Rows of a statement that are not read to their end. Outside a transaction the server may or may
//! not finish the statement, and the call reports which.

use std::time::Duration;

use dbop::{Conn, Db, ErrorKind, Outcome, db_op};
use futures_util::TryStreamExt;
use sqlx::{AssertSqlSafe, Executor};

use super::Database;
use super::common::notes::{self, Runs, Trouble, insert, note_op, soon, stored};
use super::common::streams::read_one;

/// A function that writes one row for each row that it returns, and refuses a number below 0.
const WRITING_FUNCTION: &str = "CREATE FUNCTION note(n BIGINT) RETURNS BIGINT LANGUAGE plpgsql AS
    $$ BEGIN
        IF n < 0 THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'it is negative'; END IF;
        INSERT INTO notes VALUES (n);
        RETURN n;
    END $$";

/// A query whose rows are sent as they are made, and are far more than can be on their way at once.
const ENDLESS_ROWS: &str = "SELECT generate_series(1, 1000000000000)";

async fn open() -> dbop_tests::Fresh<Database> {
    let db = notes::open_narrow().await;
    db.pool()
        .execute(WRITING_FUNCTION)
        .await
        .expect("the function");
    db
}

#[db_op]
async fn first_of(conn: &mut Conn<'_, Database>, sql: &str, runs: &Runs) -> Result<i64, Trouble> {
    runs.next();
    let mut numbers = sqlx::query_scalar(AssertSqlSafe(sql)).fetch(&mut *conn);
    let first = numbers.try_next().await?.expect("a row");
    if sql == ENDLESS_ROWS {
        // Waits until more rows have arrived than are read when the rest is discarded.
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Ok(first)
}

#[tokio::test]
async fn an_operation_that_reads_the_first_row_of_a_writing_function_says_ok_only_for_rows_that_are_there()
 {
    let db = open().await;
    let runs = Runs::default();
    let all = "SELECT note(n) FROM generate_series(1, 200) n";
    assert_eq!(
        soon("the call", first_of(&*db, all, &runs)).await.unwrap(),
        1
    );
    assert_eq!(stored(&db).await.len(), 200);

    // The hundredth row is refused, long after the first row was read.
    let fails =
        "SELECT note(CASE WHEN n = 2900 THEN -1 ELSE n END) FROM generate_series(2001, 3000) n";
    let error = soon("the call", first_of(&*db, fails, &runs))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Check, "{error}");
    assert_eq!(
        error.database().outcome().unwrap(),
        Outcome::RolledBack,
        "{error}"
    );
    assert_eq!(runs.count(), 2, "a constraint does not pass");
    assert_eq!(stored(&db).await.len(), 200);
}

#[tokio::test]
async fn an_operation_that_lets_go_of_a_statement_without_end_names_read_only() {
    let db = open().await;
    let runs = Runs::default();
    let error = soon("the call", first_of(&*db, ENDLESS_ROWS, &runs))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::CompletionUnknown, "{error}");
    assert_eq!(
        error.database().outcome().unwrap(),
        Outcome::Unknown,
        "{error}"
    );
    assert!(error.to_string().contains("`read_only`"), "{error}");
    assert_eq!(runs.count(), 1, "the statement may have been applied");
    soon("the next call", note_op(&*db, 9)).await.unwrap();
}

#[db_op(read_only)]
async fn first_of_many(conn: &mut Conn<'_, Database>) -> Result<i64, Trouble> {
    let mut numbers = sqlx::query_scalar(ENDLESS_ROWS).fetch(&mut *conn);
    Ok(numbers.try_next().await?.unwrap_or(0))
}

#[tokio::test]
async fn a_read_only_operation_may_let_go_of_rows_without_end() {
    let db = open().await;
    for _ in 0..3 {
        let first = soon("the call", first_of_many(&*db)).await;
        assert_eq!(first.unwrap(), 1);
    }
}

#[db_op]
async fn goes_on_after_half(conn: &mut Conn<'_, Database>) -> Result<(), Trouble> {
    assert_eq!(read_one(&mut *conn).await?, 1);
    Ok(insert(&mut *conn, 7).await?)
}

#[tokio::test]
async fn a_write_that_was_let_go_is_finished_before_the_next_statement() {
    let db = open().await;
    soon("the call", goes_on_after_half(&*db)).await.unwrap();
    assert_eq!(stored(&db).await, [1, 2, 3, 7]);
}

#[db_op]
async fn goes_on_after_a_failure(conn: &mut Conn<'_, Database>) -> Result<(), Trouble> {
    let fails =
        "SELECT note(CASE WHEN n = 1000 THEN -1 ELSE n END) FROM generate_series(1, 1000) n";
    let mut numbers = sqlx::query_scalar::<_, i64>(fails).fetch(&mut *conn);
    numbers.try_next().await?;
    drop(numbers);
    insert(&mut *conn, 7).await.unwrap_err();
    Ok(())
}

#[tokio::test]
async fn after_a_write_that_was_let_go_and_failed_every_statement_is_refused() {
    let db = open().await;
    let error = soon("the call", goes_on_after_a_failure(&*db))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Check, "{error}");
    assert!(stored(&db).await.is_empty());
    soon("the next call", note_op(&*db, 9)).await.unwrap();
}

#[db_op]
async fn cancels_a_write(conn: &mut Conn<'_, Database>) -> Result<(), Trouble> {
    // The call is polled once, which sends at most a part of the statement, and its answer cannot
    // be there yet.
    let slow = "INSERT INTO notes SELECT 1 FROM pg_sleep(0.2)";
    let insert = Box::pin(conn.execute(slow));
    #[dbop::allow(swallowed_error, reason = "it is cancelled, and has no result")]
    dbop_tests::poll_at_most(1, insert).await;
    Ok(())
}

#[tokio::test]
async fn a_write_that_was_cancelled_before_its_answer_is_not_known() {
    let db = open().await;
    let error = soon("the call", cancels_a_write(&*db)).await.unwrap_err();
    assert_eq!(
        error.database().outcome().unwrap(),
        Outcome::Unknown,
        "{error}"
    );
    soon("the next call", note_op(&*db, 9)).await.unwrap();
}

#[db_op]
async fn idles_after_half(conn: &mut Conn<'_, Database>, runs: &Runs) -> Result<(), Trouble> {
    runs.next();
    let pauses = "SELECT note(n) + (SELECT 0 FROM pg_sleep(CASE WHEN n = 1500 THEN 0.2 ELSE 0 END)) \
        FROM generate_series(1, 3000) n";
    let mut numbers = sqlx::query_scalar::<_, i64>(pauses).fetch(&mut *conn);
    numbers.try_next().await?;
    drop(numbers);
    // This is longer than the statement takes and the session may then be idle.
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    Ok(())
}

/// A session that ended after a statement was answered says nothing about that statement.
#[tokio::test]
async fn a_statement_that_was_let_go_and_whose_session_then_ended_is_not_replayed() {
    let fresh = open().await;
    let url = format!("{}?options=-c%20idle_session_timeout%3D200", fresh.url);
    let db = Db::<Database>::builder().url(&url).max_connections(1);
    let db = db.connect().await.unwrap();
    let runs = Runs::default();
    let error = soon("the call", idles_after_half(&db, &runs))
        .await
        .unwrap_err();
    assert_eq!(
        error.database().outcome().unwrap(),
        Outcome::Unknown,
        "{error}"
    );
    assert_eq!(runs.count(), 1, "the statement has been applied");
    assert_eq!(stored(&fresh).await.len(), 3000);
}

#[db_op(retry = never)]
async fn drops_what_sees_it_to_its_end(conn: &mut Conn<'_, Database>) -> Result<(), Trouble> {
    let slow = "SELECT note(n) + (SELECT 0 FROM pg_sleep(CASE WHEN n = 2999 THEN 0.5 ELSE 0 END)) \
        FROM generate_series(1, 3000) n";
    let mut numbers = sqlx::query_scalar::<_, i64>(slow).fetch(&mut *conn);
    numbers.try_next().await?;
    drop(numbers);
    let next = Box::pin(insert(&mut *conn, -7));
    #[dbop::allow(swallowed_error, reason = "it is cancelled, and has no result")]
    dbop_tests::poll_at_most(1, next).await;
    Ok(())
}

#[tokio::test]
async fn a_drain_that_was_dropped_is_not_forgotten() {
    let db = open().await;
    let call = soon("the call", drops_what_sees_it_to_its_end(&*db)).await;
    let error = call.unwrap_err();
    assert_eq!(
        error.database().outcome().unwrap(),
        Outcome::Unknown,
        "{error}"
    );
}

/// A function that fails as if two transactions had conflicted, and a function that writes slowly.
const CONFLICT: &str = "CREATE FUNCTION conflict() RETURNS VOID LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40001', MESSAGE = 'it conflicts'; END $$;
    CREATE TABLE last (n BIGINT);
    INSERT INTO last VALUES (0);
    CREATE FUNCTION set_slowly(v BIGINT) RETURNS BIGINT LANGUAGE plpgsql AS
    $$ DECLARE until TIMESTAMPTZ := clock_timestamp() + INTERVAL '90 ms'; BEGIN
        WHILE clock_timestamp() < until LOOP NULL; END LOOP;
        UPDATE last SET n = v;
        RETURN v;
    END $$";

#[db_op(retry = never)]
async fn conflicts(conn: &mut Conn<'_, Database>) -> Result<(), Trouble> {
    conn.execute("SELECT conflict()").await?;
    Ok(())
}

#[db_op(idempotent)]
async fn lets_go_and_conflicts(
    conn: &mut Conn<'_, Database>,
    other: &Db<Database>,
    runs: &Runs,
) -> Result<(), Trouble> {
    if runs.next() > 1 {
        conn.execute("UPDATE last SET n = 2 WHERE true").await?;
        return Ok(());
    }
    let slow = Box::pin(conn.execute("SELECT set_slowly(1)"));
    #[dbop::allow(swallowed_error, reason = "it is cancelled, and has no result")]
    dbop_tests::poll_at_most(2, slow).await;
    conflicts(other).await
}

#[tokio::test]
async fn a_statement_that_a_body_let_go_does_not_land_after_the_next_attempt() {
    let db = notes::open().await;
    db.pool().execute(CONFLICT).await.expect("the functions");
    let other = Db::<Database>::connect(&db.url).await.unwrap();
    for _ in 0..10 {
        db.pool().execute("UPDATE last SET n = 0").await.unwrap();
        let runs = Runs::default();
        let call = soon("the call", lets_go_and_conflicts(&*db, &other, &runs)).await;
        call.unwrap();
        let idle = "SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND state = 'active' AND query LIKE '%set_slowly%'
                AND pid <> pg_backend_pid()";
        dbop_tests::eventually("the statement has ended", async || {
            let running: i64 = sqlx::query_scalar(idle)
                .fetch_one(other.pool())
                .await
                .unwrap();
            running == 0
        })
        .await;
        let last: i64 = sqlx::query_scalar("SELECT n FROM last")
            .fetch_one(other.pool())
            .await
            .unwrap();
        assert_eq!(last, 2, "an earlier attempt has overwritten the value");
    }
}
