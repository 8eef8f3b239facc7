//! Async operations from sync code.

use dbop::blocking::{BlockOnDb, block_on};
use dbop::{Category, Conn, ErrorKind, Tx, db_op, transactional};
use dbop_tests::Trouble;
use dbop_tests::blocking::rusqlite;
use sqlx::Sqlite;

const MEMORY: &str = "sqlite::memory:";

#[transactional]
async fn add(tx: &mut Tx<'_, Sqlite>, n: i64) -> dbop::Result<i64> {
    let insert = sqlx::query_scalar("INSERT INTO notes (n) VALUES (?) RETURNING id");
    Ok(insert.bind(n).fetch_one(&mut *tx).await?)
}

#[db_op(read_only)]
async fn count(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<i64> {
    let count = sqlx::query_scalar("SELECT count(*) FROM notes");
    Ok(count.fetch_one(&mut *conn).await?)
}

fn open() -> BlockOnDb<Sqlite> {
    let db = BlockOnDb::connect(MEMORY).expect("a database in memory");
    db.run_script("CREATE TABLE notes (id INTEGER PRIMARY KEY, n INTEGER NOT NULL)")
        .expect("the schema");
    db
}

#[test]
fn a_program_without_a_runtime_runs_operations_one_after_the_other() {
    let db = open();
    for n in 1..=3 {
        assert_eq!(block_on(add(&db, n)).unwrap(), n);
    }
    assert_eq!(block_on(count(&db)).unwrap(), 3);
    let error = db.run_script("SELECT * FROM nowhere").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UndefinedTable);
    db.close().unwrap();
    assert_eq!(
        block_on(count(&db)).unwrap_err().kind(),
        ErrorKind::ShuttingDown
    );
}

#[test]
fn threads_share_a_database_without_a_runtime_of_their_own() {
    let db = open();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..10).for_each(|n| assert!(block_on(add(&db, n)).is_ok())));
        }
    });
    assert_eq!(block_on(count(&db)).unwrap(), 40);
}

#[track_caller]
fn refuses<T: std::fmt::Debug>(result: dbop::Result<T>) {
    let error = result.expect_err("waiting would block a thread of the runtime");
    assert_eq!(
        (error.category(), error.kind()),
        (Category::Programming, ErrorKind::Configuration)
    );
    assert!(error.to_string().contains("block_on"), "{error}");
}

fn everything_refuses(db: &BlockOnDb<Sqlite>) {
    refuses(block_on(count(db)));
    refuses(db.run_script("SELECT 1"));
    refuses(db.close());
    refuses(BlockOnDb::<Sqlite>::connect(MEMORY));
}

#[test]
fn inside_a_runtime_it_refuses_instead_of_blocking() {
    let db = open();
    let current = tokio::runtime::Builder::new_current_thread().build();
    current.unwrap().block_on(async { everything_refuses(&db) });
    let multi = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    multi.block_on(async {
        everything_refuses(&db);
        let inside = db.clone();
        let task = tokio::spawn(async move { everything_refuses(&inside) });
        task.await.unwrap();
        let inside = db.clone();
        let thread = tokio::task::spawn_blocking(move || everything_refuses(&inside));
        thread.await.unwrap();
    });
    assert_eq!(block_on(count(&db)).unwrap(), 0, "and has done nothing");
}

#[transactional]
#[dbop::allow(
    foreign_await,
    reason = "that it may wait for another database is what is tested"
)]
fn asks_another(conn: &mut rusqlite::Session, db: &BlockOnDb<Sqlite>) -> dbop::Result<i64> {
    rusqlite::exec(conn, "INSERT INTO notes VALUES (1, 1)")?;
    block_on(add(db, 7))?;
    block_on(count(db))
}

#[db_op(retry = never)]
fn asks_without_a_connection(db: BlockOnDb<Sqlite>) -> dbop::Result<i64> {
    block_on(count(&db))
}

async fn asks_from_a_body() {
    let world = rusqlite::open(|builder| builder.max_connections(1)).await;
    let db = tokio::task::spawn_blocking(|| std::thread::spawn(open).join());
    let db = db.await.unwrap().unwrap();
    assert_eq!(asks_another(&world, &db).await.unwrap(), 1);
    assert_eq!(asks_without_a_connection(db.clone()).await.unwrap(), 1);
    assert_eq!(world.rows(1).await, 1);
}

#[tokio::test]
async fn the_body_of_a_plain_function_may_wait_in_a_runtime_of_one_thread() {
    asks_from_a_body().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_body_of_a_plain_function_may_wait_in_a_runtime_of_several() {
    asks_from_a_body().await;
}

#[db_op]
async fn waits_in_async_code(
    conn: &mut Conn<'_, Sqlite>,
    db: &BlockOnDb<Sqlite>,
) -> dbop::Result<i64> {
    sqlx::query("SELECT 1").execute(&mut *conn).await?;
    waits(db)
}

/// Waits inside a function of its own, because the lint does not look into functions.
fn waits(db: &BlockOnDb<Sqlite>) -> dbop::Result<i64> {
    block_on(count(db))
}

#[db_op(retry = never)]
fn waits_for_what_waits(db: BlockOnDb<Sqlite>) -> Result<i64, Trouble> {
    Ok(block_on(waits_in_async_code(&db, &db))?)
}

#[tokio::test]
async fn an_async_operation_that_a_body_waits_for_may_not_wait_itself() {
    let db = std::thread::spawn(open).join().unwrap();
    let error = waits_for_what_waits(db).await.unwrap_err();
    refuses::<i64>(match error {
        Trouble::Database(error) => Err(error),
        other => panic!("{other}"),
    });
}

#[test]
fn the_facade_is_dropped_where_there_is_no_runtime() {
    let db = open();
    block_on(add(&db, 1)).unwrap();
    let other = db.clone();
    drop(db);
    assert_eq!(block_on(count(&other)).unwrap(), 1);
    drop(other);
}
