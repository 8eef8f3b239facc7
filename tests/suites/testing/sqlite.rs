//! `#[dbop::test]` on SQLite.

use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use dbop::testing::TestDatabase;
use dbop::{AnyDb, Db, Tx, transactional};
use sqlx::{Sqlite, SqlitePool};

use super::child::{Ran, Waiting, run, run_in};

/// The name of the tests on this database.
pub(crate) const TEST: &str = "sqlite";

/// Removes the database of a child that has failed.
pub(crate) fn forget_kept(ran: &Ran) {
    let file = ran.between("is kept for 7 days:\n    ", "\n");
    let file = Path::new(file.expect("the path of the file"));
    assert!(file.exists());
    std::fs::remove_dir_all(file.parent().expect("a folder")).expect("the folder");
}

#[transactional]
async fn put(tx: &mut Tx<'_, Sqlite>, id: i64) -> dbop::Result<()> {
    let insert = sqlx::query("INSERT INTO accounts (id, cents) VALUES (?, 0)");
    insert.bind(id).execute(&mut *tx).await?;
    tx.after_commit(async { Err::<(), _>("the mail server is away") });
    Ok(())
}

async fn count(pool: &SqlitePool) -> i64 {
    let count = sqlx::query_scalar("SELECT count(*) FROM accounts");
    count.fetch_one(pool).await.expect("a count")
}

#[dbop::test(migrations = "suites/testing/migrations", fixtures("ada"))]
async fn a_test_begins_with_its_migrations_and_fixtures(db: Db<Sqlite>) -> dbop::Result<()> {
    assert_eq!(count(db.pool()).await, 2);
    put(&db, 3).await
}

#[dbop::test(migrations = "suites/testing/migrations")]
async fn a_test_meets_nothing_of_another(pool: SqlitePool) {
    assert_eq!(count(&pool).await, 0);
    put(&pool, 3).await.expect("a new account");
}

#[dbop::test(migrations = "suites/testing/migrations", in_memory, on = [Sqlite])]
async fn a_database_may_be_in_memory(db: AnyDb) {
    let AnyDb::Sqlite(db) = db else {
        panic!("the test is on SQLite");
    };
    put(&db, 1).await.expect("a new account");
    let file: String = sqlx::query_scalar("SELECT file FROM pragma_database_list")
        .fetch_one(db.pool())
        .await
        .expect("a file");
    assert_eq!(file, "");
}

#[dbop::test(migrations = "suites/testing/migrations", in_memory)]
async fn a_pool_of_a_database_in_memory_sees_one_database(pool: SqlitePool) {
    put(&pool, 1).await.expect("a new account");
    assert_eq!(count(&pool).await, 1);
}

#[dbop::test(migrations = "suites/testing/migrations")]
#[should_panic(expected = "as it should")]
async fn a_test_may_have_to_panic(db: Db<Sqlite>) {
    put(&db, 1).await.expect("a new account");
    panic!("as it should");
}

#[dbop::test(migrations = "suites/testing/migrations")]
async fn the_hooks_of_a_test_s_transaction_can_be_counted_and_run(tx: &mut Tx<'_, Sqlite>) {
    tx.after_commit(async {});
    put(&mut *tx, 1).await.expect("a new account");
    tx.after_rollback(async {});
    assert_eq!(tx.hooks().count(), 2);
    let failed = tx.hooks().run().await.expect_err("a hook has failed");
    assert_eq!(failed, "the mail server is away");
    assert_eq!(tx.hooks().count(), 0);
    assert_eq!(tx.hooks().run().await, Ok(0), "they do not run again");
}

#[dbop::test(migrations = "suites/testing/migrations", flavor = multi_thread)]
async fn a_closure_that_is_not_async_can_call_operations(db: Db<Sqlite>) {
    let runtime = tokio::runtime::Handle::current();
    for id in 0..3 {
        let put = tokio::task::block_in_place(|| runtime.block_on(put(&db, id)));
        put.expect("a new account");
    }
    assert_eq!(count(db.pool()).await, 3);
}

#[tokio::test]
async fn a_database_without_the_attribute_is_removed_unless_it_is_in_use() {
    static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./suites/testing/migrations");
    let fresh = || TestDatabase::<Sqlite>::fresh("by_hand", Some(&MIGRATIONS));
    let database = fresh().await.expect("a database");
    assert_eq!(count(database.db().pool()).await, 0);
    let file: String = sqlx::query_scalar("SELECT file FROM pragma_database_list")
        .fetch_one(database.db().pool())
        .await
        .expect("a file");
    database.remove().await.expect("nobody uses it");
    assert!(!Path::new(&file).exists());
    let database = fresh().await.expect("a database");
    let taken = database.db().pool().acquire().await.expect("a connection");
    let error = database
        .remove()
        .await
        .expect_err("it is in use")
        .to_string();
    assert!(
        error.contains("1 of them taken from the pool directly"),
        "{error}"
    );
    drop(taken);
}

#[test]
fn the_file_of_a_process_that_was_killed_goes_at_the_next_run() {
    let waiting = Waiting::start("waiting::sqlite");
    let file = Path::new(&waiting.said).to_owned();
    assert!(run("passing::sqlite").passed);
    assert!(file.exists(), "its test still runs");
    waiting.kill();
    assert!(file.exists());
    assert!(run("passing::sqlite").passed);
    assert!(!file.exists());
}

#[test]
fn processes_that_are_killed_at_any_moment_leave_nothing_after_the_next_run() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let folder = tempfile::tempdir().expect("a folder");
    for _ in 0..60 {
        let churning = Waiting::start_in(folder.path(), "churning_sqlite");
        sleep(Duration::from_micros(random.u64(..10_000)));
        churning.kill();
    }
    assert!(run_in(folder.path(), "passing::sqlite").passed);
    let left = std::fs::read_dir(folder.path()).expect("the folder");
    let left: Vec<_> = left.flatten().map(|entry| entry.path()).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn the_file_of_a_failed_test_outlives_the_next_run() {
    let ran = run("failing::sqlite");
    assert!(run("passing::sqlite").passed);
    forget_kept(&ran);
}
