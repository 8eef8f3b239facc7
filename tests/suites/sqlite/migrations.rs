//! What migrations may do on SQLite.

use std::time::Duration;

use dbop::{Conn, Db, db_op};
use sqlx::{Executor, Sqlite, SqlitePool};
use tokio::time::timeout;

use super::common::migrations::migrations;
use super::common::notes::{self, SCHEMA, Trouble, note, soon};
use super::{fresh_with, outside};

#[tokio::test]
async fn a_database_in_memory_is_still_there_after_its_migrations() {
    let set = migrations(&[SCHEMA, "INSERT INTO notes VALUES (1)"]);
    let pool = SqlitePool::connect_lazy("sqlite::memory:").unwrap();
    for db in [
        Db::<Sqlite>::connect("sqlite::memory:").await.unwrap(),
        Db::from_pool(pool),
    ] {
        db.migrate(&set).await.unwrap();
        db.migrate(&set).await.unwrap();
        note(&db, 2).await.unwrap();
        assert_eq!(notes::notes(&db).await.unwrap(), [1, 2]);
    }
}

#[tokio::test]
async fn migrations_wait_for_another_process_that_writes_however_long_that_takes() {
    let fresh = fresh_with(|builder| builder.timeout(Duration::from_millis(100))).await;
    let mut other = outside(&fresh).await;
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    let set = migrations(&[SCHEMA]);
    let migrating = fresh.migrate(&set);
    tokio::pin!(migrating);
    let early = timeout(Duration::from_secs(1), &mut migrating).await;
    assert!(early.is_err(), "longer than the busy timeout: {early:?}");
    other.execute("ROLLBACK").await.unwrap();
    soon("the migrations", migrating).await.unwrap();
    let insert = "INSERT INTO notes VALUES (1)";
    other.execute(insert).await.expect("the table is there");
}

#[tokio::test]
async fn a_migration_without_a_transaction_does_what_none_may_do_inside_of_one() {
    let fresh = fresh_with(|builder| builder).await;
    let set = migrations(&[
        SCHEMA,
        "-- no-transaction\nVACUUM",
        "INSERT INTO notes VALUES (1)",
    ]);
    fresh.migrate(&set).await.unwrap();
    fresh.migrate(&set).await.unwrap();
    assert_eq!(notes::stored(&fresh).await, [1]);
}

#[db_op]
async fn foreign_keys(conn: &mut Conn<'_, Sqlite>) -> Result<bool, Trouble> {
    let checked = sqlx::query_scalar("PRAGMA foreign_keys");
    Ok(checked.fetch_one(&mut *conn).await?)
}

#[tokio::test]
async fn what_a_migration_leaves_in_its_session_meets_no_call() {
    let set = migrations(&["-- no-transaction\nPRAGMA foreign_keys = OFF"]);
    let memory = Db::<Sqlite>::connect("sqlite::memory:").await.unwrap();
    let fresh = fresh_with(|builder| builder).await;
    for db in [&memory, &fresh.db] {
        db.migrate(&set).await.unwrap();
        assert!(foreign_keys(db).await.unwrap());
    }
}
