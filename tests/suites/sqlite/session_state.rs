//! State that a call leaves in its connection does not reach the next borrower.

use std::future::pending;

use dbop::{Conn, Db, Tx, db_op, transactional};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{AssertSqlSafe, Executor, SqlSafeStr, SqliteConnection};
use tokio::sync::Notify;

use super::Database;
use super::common::notes::{self, Trouble, soon};

#[db_op(retry = never)]
async fn says(conn: &mut Conn<'_, Database>, sql: &str) -> Result<(), Trouble> {
    conn.execute(AssertSqlSafe(sql)).await?;
    Ok(())
}

#[db_op(retry = never)]
async fn says_and_fails(conn: &mut Conn<'_, Database>, sql: &str) -> Result<(), Trouble> {
    conn.execute(AssertSqlSafe(sql)).await?;
    Err(Trouble::Refused)
}

#[db_op(retry = never, callers = scope)]
async fn says_past_dbop(conn: &mut SqliteConnection, sql: &str) -> Result<(), Trouble> {
    conn.execute(AssertSqlSafe(sql)).await?;
    Ok(())
}

#[db_op(retry = never)]
async fn asks(conn: &mut Conn<'_, Database>) -> Result<String, Trouble> {
    Ok(sqlx::query_scalar(STATE).fetch_one(&mut *conn).await?)
}

#[db_op(read_only, retry = never)]
async fn reader_asks(conn: &mut Conn<'_, Database>) -> Result<String, Trouble> {
    Ok(sqlx::query_scalar(STATE).fetch_one(&mut *conn).await?)
}

const STATE: &str = "SELECT concat_ws(' ', \
    (SELECT foreign_keys FROM pragma_foreign_keys), \
    (SELECT query_only FROM pragma_query_only), \
    (SELECT recursive_triggers FROM pragma_recursive_triggers), \
    (SELECT ignore_check_constraints FROM pragma_ignore_check_constraints), \
    (SELECT group_concat(name) FROM pragma_database_list WHERE name <> 'temp'), \
    (SELECT count(*) FROM sqlite_temp_master))";

const LEAVES: [&str; 15] = [
    "PRAGMA foreign_keys = OFF",
    "PRAGMA recursive_triggers(1)",
    "PRAGMA ignore_check_constraints = ON",
    "ATTACH ':memory:' AS \"the \"\"other\"\"\"",
    "CREATE TEMP TABLE left_behind (a INT)",
    "SELECT 1; PRAGMA foreign_keys = OFF; CREATE TEMP VIEW v AS SELECT 1",
    "PRAGMA /* a;b */ foreign_keys = OFF",
    "PRAGMA -- a;b\n foreign_keys = OFF",
    "EXPLAIN PRAGMA foreign_keys = OFF",
    "CREATE /* ; */ TEMP TABLE left_behind (a INT)",
    "CREATE TEMP TABLE sqlites_own (a INT)",
    // This table has shadow tables that go with it.
    "CREATE VIRTUAL TABLE temp.words USING fts5(x)",
    // These two tables can only be dropped in one order.
    "CREATE TEMP TABLE p (a INTEGER PRIMARY KEY); CREATE TEMP TABLE c (a REFERENCES p (a)); \
        INSERT INTO p VALUES (1); INSERT INTO c VALUES (1)",
    "CREATE TEMP TRIGGER no AFTER INSERT ON notes BEGIN SELECT RAISE(FAIL, 'no'); END",
    "PRAGMA max_page_count = 9",
];

async fn nothing_is_left_in(db: &Db<Database>) {
    let before = asks(db).await.unwrap();
    for sql in LEAVES {
        says(db, sql).await.unwrap();
        assert_eq!(
            soon("the next call", asks(db)).await.unwrap(),
            before,
            "{sql}"
        );
        says_and_fails(db, sql).await.unwrap_err();
        assert_eq!(
            soon("the next call", asks(db)).await.unwrap(),
            before,
            "{sql}"
        );
        says_past_dbop(db, sql).await.unwrap();
        assert_eq!(
            soon("the next call", asks(db)).await.unwrap(),
            before,
            "{sql}"
        );
    }
}

#[tokio::test]
async fn what_a_call_leaves_in_a_connection_does_not_meet_the_next_borrower() {
    let db = notes::open_narrow().await;
    nothing_is_left_in(&db).await;
}

#[tokio::test]
async fn a_database_in_memory_is_put_right_and_never_closed() {
    let db = Db::<Database>::connect("sqlite::memory:").await.unwrap();
    db.pool().execute(notes::SCHEMA).await.unwrap();
    db.pool()
        .execute("INSERT INTO notes VALUES (1)")
        .await
        .unwrap();
    nothing_is_left_in(&db).await;
    let kept: i64 = sqlx::query_scalar("SELECT id FROM notes")
        .fetch_one(db.pool())
        .await
        .expect("the database is still there");
    assert_eq!(kept, 1);
}

#[db_op(read_only, retry = never, callers = scope)]
async fn reader_says_past_dbop(conn: &mut SqliteConnection, sql: &str) -> Result<(), Trouble> {
    conn.execute(AssertSqlSafe(sql)).await?;
    Ok(())
}

#[tokio::test]
async fn a_reader_stays_one_that_cannot_write() {
    let db = notes::open_narrow().await;
    let before = reader_asks(&*db).await.unwrap();
    reader_says_past_dbop(&*db, "PRAGMA query_only = OFF")
        .await
        .unwrap();
    assert_eq!(
        soon("the next call", reader_asks(&*db)).await.unwrap(),
        before
    );
    reader_says_past_dbop(&*db, "SELECT 1").await.unwrap();
    let written = reader_says_past_dbop(&*db, "INSERT INTO notes VALUES (5)").await;
    written.expect_err("the connection may only read");
}

#[transactional(retry = never)]
async fn asks_in_a_transaction(tx: &mut Tx<'_, Database>) -> Result<i64, Trouble> {
    Ok(sqlx::query_scalar("SELECT 1").fetch_one(&mut *tx).await?)
}

#[tokio::test]
async fn a_callers_database_in_memory_is_never_closed() {
    let options = SqliteConnectOptions::new().in_memory(true);
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .idle_timeout(None);
    let pool = pool.max_lifetime(None).connect_with(options).await.unwrap();
    pool.execute(notes::SCHEMA).await.unwrap();
    for sql in &LEAVES[..3] {
        says(&pool, sql).await.unwrap();
        asks_in_a_transaction(&pool).await.unwrap();
    }
    pool.execute("INSERT INTO notes VALUES (1)")
        .await
        .expect("the table is still there");
}

#[db_op(retry = never)]
async fn prepares(conn: &mut Conn<'_, Database>, sql: &'static str) -> Result<(), Trouble> {
    conn.prepare(sql.into_sql_str()).await?;
    Ok(())
}

#[tokio::test]
async fn a_pragma_that_takes_effect_when_it_is_prepared_does_not_meet_the_next_borrower() {
    let db = notes::open_narrow().await;
    let before = asks(&*db).await.unwrap();
    prepares(&*db, "PRAGMA foreign_keys = OFF").await.unwrap();
    assert_eq!(soon("the next call", asks(&*db)).await.unwrap(), before);
}

#[transactional(retry = never)]
#[dbop::allow(foreign_await, reason = "its caller goes away while nothing runs")]
async fn stays(tx: &mut Tx<'_, Database>, inside: &Notify) -> Result<(), Trouble> {
    tx.conn().execute("SELECT 1").await?;
    inside.notify_one();
    pending().await
}

/// An interrupt that found no statement to stop must not stop the clean-up.
#[tokio::test]
async fn a_database_in_memory_outlives_calls_that_end_between_their_statements() {
    let db = Db::<Database>::connect("sqlite::memory:").await.unwrap();
    db.pool().execute(notes::SCHEMA).await.unwrap();
    for round in 0..100 {
        let inside = Notify::new();
        tokio::select! {
            ended = stays(&db, &inside) => panic!("the call stays: {ended:?}"),
            () = inside.notified() => {}
        }
        let kept = soon("the next call", asks(&db)).await;
        kept.unwrap();
        let notes = notes::notes(&db).await;
        notes.unwrap_or_else(|error| panic!("after round {round}: {error}"));
    }
}

#[test]
fn a_database_in_memory_outlives_the_runtime_of_its_last_call() {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().build().expect("a runtime")
    };
    for _ in 0..30 {
        let first = runtime();
        let db = first.block_on(async {
            let db = Db::<Database>::connect("sqlite::memory:").await.unwrap();
            says(&db, notes::SCHEMA).await.unwrap();
            db
        });
        drop(first);
        let kept = runtime().block_on(notes::notes(&db));
        kept.expect("the table is still there");
    }
}

#[test]
fn a_database_in_memory_outlives_a_call_that_is_dropped_on_a_thread_without_a_runtime() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let db = runtime.block_on(async {
        let db = Db::<Database>::connect("sqlite::memory:").await.unwrap();
        says(&db, notes::SCHEMA).await.unwrap();
        db
    });
    for _ in 0..10 {
        let (handle, inside) = (db.clone(), std::sync::Arc::new(Notify::new()));
        let told = std::sync::Arc::clone(&inside);
        let mut call = Box::pin(async move { stays(&handle, &told).await });
        runtime.block_on(async {
            tokio::select! {
                ended = &mut call => panic!("the call stays: {ended:?}"),
                () = inside.notified() => {}
            }
        });
        std::thread::spawn(move || drop(call))
            .join()
            .expect("no panic");
        let kept = runtime.block_on(soon("the next call", notes::notes(&db)));
        kept.expect("the table is still there");
    }
}

#[tokio::test]
async fn a_callers_pool_that_only_reads_stays_one() {
    let db = notes::open_narrow().await;
    let path = db.pool().connect_options().get_filename().to_owned();
    let options = SqliteConnectOptions::new().filename(path);
    let options = options.pragma("query_only", "ON");
    let pool = SqlitePoolOptions::new().max_connections(1);
    let pool = pool.connect_with(options).await.unwrap();
    reader_says_past_dbop(&pool, "SELECT 1").await.unwrap();
    let written = reader_says_past_dbop(&pool, "INSERT INTO notes VALUES (5)").await;
    written.expect_err("the connection may only read");
    let only_reads: bool = sqlx::query_scalar("PRAGMA query_only")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert!(only_reads);
}
