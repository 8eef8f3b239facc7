//! The tests that other tests run in processes of their own.

use std::future::pending;

use dbop::testing::{TestBackend, TestDatabase};
use dbop::{AnyDb, Db, Tx, transactional};
use sqlx::{Postgres, Sqlite};

use super::child::say;

#[transactional]
async fn put_sqlite(tx: &mut Tx<'_, Sqlite>, id: i64) -> dbop::Result<()> {
    let insert = sqlx::query("INSERT INTO accounts (id, cents) VALUES (?, 0)");
    insert.bind(id).execute(&mut *tx).await?;
    Ok(())
}

#[transactional]
async fn put_postgres(tx: &mut Tx<'_, Postgres>, id: i64) -> dbop::Result<()> {
    let insert = sqlx::query("INSERT INTO accounts (id, cents) VALUES ($1, 0)");
    insert.bind(id).execute(&mut *tx).await?;
    Ok(())
}

async fn put(db: &AnyDb, id: i64) -> dbop::Result<()> {
    match db {
        AnyDb::Sqlite(db) => put_sqlite(db, id).await,
        AnyDb::Postgres(db) => put_postgres(db, id).await,
    }
}

#[dbop::test(migrations = "./suites/testing/migrations")]
#[ignore = "run by another test"]
async fn passing(db: AnyDb) -> dbop::Result<()> {
    put(&db, 1).await
}

#[dbop::test(migrations = "./suites/testing/migrations")]
#[ignore = "run by another test"]
async fn failing(db: AnyDb) -> dbop::Result<()> {
    tracing::info!(id = 7, "about to put twice");
    put(&db, 7).await?;
    put(&db, 7).await
}

#[dbop::test(migrations = "./suites/testing/migrations", flavor = multi_thread)]
#[ignore = "run by another test"]
async fn panicking(db: AnyDb) {
    let put_elsewhere = tokio::spawn(async move { put(&db, 8).await });
    put_elsewhere.await.expect("a task").expect("a new account");
    panic!("the sky falls");
}

#[transactional(allow(foreign_await, reason = "the test is about a transaction that is held"))]
async fn hold_sqlite(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<()> {
    let _ = tx;
    pending().await
}

#[transactional(allow(foreign_await, reason = "the test is about a transaction that is held"))]
async fn hold_postgres(tx: &mut Tx<'_, Postgres>) -> dbop::Result<()> {
    let _ = tx;
    pending().await
}

#[dbop::test]
#[ignore = "run by another test"]
async fn leaking(db: AnyDb) {
    let begun = match &db {
        AnyDb::Sqlite(db) => db.pool().size(),
        AnyDb::Postgres(db) => db.pool().size(),
    };
    assert_eq!(begun, 1, "the connection that `connect` has opened");
    drop(tokio::spawn(async move {
        match db {
            AnyDb::Sqlite(db) => hold_sqlite(&db).await,
            AnyDb::Postgres(db) => hold_postgres(&db).await,
        }
    }));
    tokio::task::yield_now().await;
}

#[dbop::test]
#[ignore = "run by another test"]
async fn locking(db: Db<Postgres>) -> dbop::Result<()> {
    std::mem::forget(db.advisory_lock("the test's lock").await?);
    Ok(())
}

#[dbop::test(migrations = "./suites/testing/migrations", fixtures("broken"))]
#[ignore = "run by another test"]
async fn never_begun(_db: AnyDb) {
    unreachable!("the fixture fails");
}

#[dbop::test(fixtures("broken"))]
#[should_panic]
#[ignore = "run by another test"]
async fn never_begun_to_panic(_db: AnyDb) {
    unreachable!("the fixture fails");
}

#[dbop::test(migrations = "./suites/testing/migrations")]
#[should_panic(expected = "as it should")]
#[ignore = "run by another test"]
async fn panicking_otherwise(db: AnyDb) {
    put(&db, 9).await.expect("a new account");
    panic!("otherwise");
}

#[dbop::test]
#[should_panic]
#[ignore = "run by another test"]
async fn not_panicking(_db: AnyDb) {}

async fn name_of(db: &Db<Postgres>) -> String {
    let name = sqlx::query_scalar("SELECT current_database()::text");
    name.fetch_one(db.pool()).await.expect("a name")
}

#[dbop::test]
#[ignore = "run by another test"]
async fn waiting(db: AnyDb) {
    match &db {
        AnyDb::Sqlite(db) => {
            let file = sqlx::query_scalar("SELECT file FROM pragma_database_list");
            let file: String = file.fetch_one(db.pool()).await.expect("a file");
            say(&file);
        }
        AnyDb::Postgres(db) => say(&name_of(db).await),
    }
    pending().await
}

async fn churn<DB: TestBackend>() {
    say("begun");
    loop {
        let database = TestDatabase::<DB>::fresh("churning", None).await;
        let removed = database.expect("a database").remove().await;
        removed.expect("nobody uses it");
    }
}

#[tokio::test]
#[ignore = "run by another test"]
async fn churning_sqlite() {
    churn::<Sqlite>().await;
}

#[tokio::test]
#[ignore = "run by another test"]
async fn churning_postgres() {
    churn::<Postgres>().await;
}

#[dbop::test(migrations = "./suites/testing/slow_migrations")]
#[ignore = "run by another test"]
async fn copying(db: Db<Postgres>) {
    let sql = "SELECT installed_on::text FROM _sqlx_migrations";
    let migrated: String = sqlx::query_scalar(sql)
        .fetch_one(db.pool())
        .await
        .expect("a time");
    say(&migrated);
}
