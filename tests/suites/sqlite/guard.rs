//! `read_only` where readers and writers share connections: on a database in memory, and on a pool
//! of the caller's.

use dbop::{Conn, Db, ErrorKind, Tx, db_op, transactional};
use sqlx::sqlite::SqlitePoolOptions;
use sqlx::{AssertSqlSafe, Executor, SqliteConnection, SqlitePool};

use super::Database;
use super::common::guard::writers_follow_readers;
use super::common::notes::{self, Trouble, insert, note, soon};

async fn memory() -> Db<Database> {
    let db = Db::connect("sqlite::memory:").await.expect("memory");
    let notes = notes::SCHEMA;
    db.pool().execute(notes).await.expect("the schema");
    db
}

#[tokio::test]
async fn a_reader_of_a_pool_in_memory_cannot_write_and_the_next_writer_can() {
    let db = memory().await;
    soon("all of it", writers_follow_readers(db.pool())).await;
}

#[transactional(read_only)]
async fn tries_to_write(tx: &mut Tx<'_, Database>) -> Result<(), Trouble> {
    Ok(insert(&mut *tx, 1).await?)
}

#[tokio::test]
async fn a_reader_in_memory_cannot_write_and_the_next_writer_can() {
    let db = memory().await;
    for id in 1..=3 {
        let error = tries_to_write(&db).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ReadOnly);
        soon("the writer", note(&db, id)).await.unwrap();
    }
    assert_eq!(notes::notes(&db).await.unwrap(), [1, 2, 3]);
}

#[db_op(read_only, retry = never)]
async fn says(conn: &mut Conn<'_, Database>, sql: &str) -> Result<bool, Trouble> {
    conn.execute(AssertSqlSafe(sql)).await?;
    let guarded = sqlx::query_scalar("SELECT query_only FROM pragma_query_only");
    Ok(guarded.fetch_one(&mut *conn).await?)
}

#[db_op(read_only, retry = never, callers = scope)]
async fn says_past_dbop(conn: &mut SqliteConnection, sql: &str) -> Result<(), Trouble> {
    conn.execute(AssertSqlSafe(sql)).await?;
    Ok(())
}

#[db_op(retry = never)]
async fn is_guarded(conn: &mut Conn<'_, Database>) -> Result<bool, Trouble> {
    let guarded = sqlx::query_scalar("SELECT query_only FROM pragma_query_only");
    Ok(guarded.fetch_one(&mut *conn).await?)
}

/// Opens a pool of the caller's own, with one connection.
async fn callers_pool() -> SqlitePool {
    let pool = SqlitePoolOptions::new().max_connections(1);
    let pool = pool.connect("sqlite::memory:").await.expect("memory");
    pool.execute(notes::SCHEMA).await.expect("the schema");
    pool
}

/// Setting the guard and taking it off costs more than a short query.
#[tokio::test]
async fn on_a_callers_pool_a_text_that_provably_reads_needs_no_guard_and_any_other_gets_one() {
    let pool = callers_pool().await;
    for sql in [
        "SELECT id FROM notes",
        "VALUES (1)",
        "WITH n AS (SELECT id FROM notes) SELECT * FROM n",
        "  -- all of them\n SELECT id FROM notes;",
    ] {
        assert!(!says(&pool, sql).await.unwrap(), "{sql}");
    }
    for sql in [
        "PRAGMA user_version",
        "SELECT 1; SELECT 2",
        "EXPLAIN SELECT 1",
    ] {
        assert!(says(&pool, sql).await.unwrap(), "{sql}");
        assert!(!soon("the next", is_guarded(&pool)).await.unwrap(), "{sql}");
    }
    for sql in [
        "INSERT INTO notes VALUES (1)",
        "WITH n AS (SELECT 1) INSERT INTO notes SELECT * FROM n",
        "SELECT 1; INSERT INTO notes VALUES (1)",
        "/* /* */ INSERT INTO notes VALUES (1) -- */",
        "WITH n(x) AS (SELECT '--') INSERT INTO notes SELECT 1 FROM n",
        "WITH n(x) AS (SELECT \"/*\") INSERT INTO notes SELECT 1 FROM n",
    ] {
        let error = says(&pool, sql).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ReadOnly, "{sql}");
        assert!(!soon("the next", is_guarded(&pool)).await.unwrap(), "{sql}");
        let error = says_past_dbop(&pool, sql).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ReadOnly, "{sql}, past dbop");
        assert!(!soon("the next", is_guarded(&pool)).await.unwrap(), "{sql}");
    }
    assert!(notes::notes(&pool).await.unwrap().is_empty());
}

#[db_op(read_only)]
async fn lifts_its_guard(conn: &mut Conn<'_, Database>, runs: &notes::Runs) -> Result<(), Trouble> {
    let run = runs.next();
    #[dbop::allow(session_state, reason = "the test is about what that lifts")]
    conn.execute("PRAGMA query_only = OFF").await?;
    insert(&mut *conn, i64::from(run)).await?;
    Err(Trouble::NotNow)
}

#[tokio::test]
async fn a_reader_that_lifts_its_guard_is_not_replayed() {
    for callers in [false, true] {
        let db = notes::open_narrow().await;
        let runs = notes::Runs::default();
        let ended = match callers {
            true => lifts_its_guard(db.pool(), &runs).await,
            false => lifts_its_guard(&*db, &runs).await,
        };
        assert!(matches!(ended, Err(Trouble::NotNow)), "{ended:?}");
        assert_eq!(runs.count(), 1, "the first run has written");
    }
}

#[db_op(timeout = "200ms")]
async fn goes_on_without_end(conn: &mut Conn<'_, Database>) -> Result<(), Trouble> {
    conn.execute(super::ENDLESS).await?;
    Ok(())
}

/// dbop can interrupt the connections of its own pool. A call on such a connection as a raw one
/// must not take that ability away.
#[tokio::test]
async fn a_deadline_on_a_raw_connection_of_our_own_pool_leaves_it_one_that_can_be_stopped() {
    let db = notes::open_narrow().await;
    let mut conn = db.pool().acquire().await.unwrap();
    goes_on_without_end(&mut *conn).await.unwrap_err();
    drop(conn);
    goes_on_without_end(&*db).await.unwrap_err();
    soon("the next call", note(&*db, 1)).await.unwrap();
}

#[tokio::test]
async fn a_text_with_a_nul_is_refused_and_does_not_hang() {
    let db = notes::open_narrow().await;
    let error = soon("the call", says(&*db, "SELECT 1;\0"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Syntax, "{error}");
}
