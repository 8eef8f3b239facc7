//! The states of health of a SQLite database, each of which is brought about.

use std::fs;

use dbop::health::HealthStatus;
use dbop::{Db, Tx, transactional};
use dbop_tests::eventually;
use sqlx::{Connection, Executor, Sqlite, SqliteConnection};

use super::common::health::{Gate, answers, assert_answers, becomes, serve, soon};
use super::{fresh_with, outside};

#[tokio::test]
async fn a_file_that_was_removed_is_unhealthy_and_is_not_created_again() {
    let fresh = fresh_with(|builder| builder).await;
    let service = serve(&fresh).await;
    assert_answers(&answers(&service).await, "healthy");
    let path = fresh.url.strip_prefix("sqlite:").expect("a file");
    fs::remove_file(path).unwrap();
    becomes(&fresh, HealthStatus::Unhealthy).await;
    let health = assert_answers(&answers(&service).await, "unhealthy");
    assert!(!health.to_string().contains("test.db"), "{health}");
    assert!(!fs::exists(path).unwrap());
}

#[tokio::test]
async fn a_check_on_a_pool_of_the_applications_creates_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("never.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(true);
    let pool = sqlx::SqlitePool::connect_lazy_with(options);
    let health = soon(&Db::from_pool(pool)).await;
    assert_eq!(health.status, HealthStatus::Unhealthy);
    assert!(!path.exists());
}

#[tokio::test]
async fn a_file_that_another_process_has_locked_is_degraded() {
    let fresh = fresh_with(|builder| builder).await;
    let mut rival = SqliteConnection::connect(&fresh.url).await.unwrap();
    // No connection of the handle may be open, because in WAL mode readers are not locked out.
    fresh.close().await;
    rival.execute("PRAGMA journal_mode = DELETE").await.unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(fresh.url.strip_prefix("sqlite:").expect("a file"));
    let db = Db::from_pool(sqlx::SqlitePool::connect_lazy_with(options));
    assert_eq!(soon(&db).await.status, HealthStatus::Healthy);
    rival.execute("BEGIN EXCLUSIVE").await.unwrap();
    becomes(&db, HealthStatus::Degraded).await;
    let health = soon(&db).await;
    assert_eq!(health.connectivity.error, Some("lock"));
    assert_eq!(
        health.problems,
        ["Another process has locked the database."]
    );
    rival.execute("ROLLBACK").await.unwrap();
    becomes(&db, HealthStatus::Healthy).await;
}

/// Holds the connection that writes until the gate is opened.
#[transactional]
#[dbop::allow(foreign_await, reason = "the test lets it go on")]
async fn write(tx: &mut Tx<'_, Sqlite>, gate: &Gate) -> dbop::Result<()> {
    tx.execute("CREATE TABLE IF NOT EXISTS held (id INTEGER)")
        .await?;
    gate.here.add_permits(1);
    gate.open.acquire().await.expect("never closed").forget();
    Ok(())
}

#[tokio::test]
async fn a_call_that_writes_leaves_a_file_healthy() {
    let fresh = fresh_with(|builder| builder).await;
    let gate = Gate::new();
    let meanwhile = async {
        gate.here.acquire().await.expect("open").forget();
        assert_eq!(soon(&fresh).await.status, HealthStatus::Healthy);
        gate.open.add_permits(1);
    };
    let (written, ()) = tokio::join!(write(&fresh.db, &gate), meanwhile);
    written.unwrap();
    let mut outside = outside(&fresh).await;
    outside.execute("SELECT * FROM held").await.unwrap();
}

#[tokio::test]
async fn a_call_that_writes_for_long_while_others_wait_is_degraded() {
    let fresh = fresh_with(|builder| builder).await;
    let gate = Gate::new();
    let meanwhile = async {
        gate.here.acquire().await.expect("open").forget();
        becomes(&fresh, HealthStatus::Degraded).await;
        let health = soon(&fresh).await;
        assert_eq!(health.pool_statistics.write.waiting, 1);
        assert!(health.problems[0].starts_with("Calls wait"), "{health:?}");
        gate.open.add_permits(2);
    };
    let (first, second, ()) =
        tokio::join!(write(&fresh.db, &gate), write(&fresh.db, &gate), meanwhile);
    first.and(second).unwrap();
    becomes(&fresh, HealthStatus::Healthy).await;
}

#[tokio::test]
async fn a_database_in_memory_is_unknown_while_a_call_has_its_connection() {
    let db = Db::<Sqlite>::connect("sqlite::memory:").await.unwrap();
    becomes(&db, HealthStatus::Healthy).await;
    let service = serve(&db).await;
    let gate = Gate::new();
    let meanwhile = async {
        gate.here.acquire().await.expect("open").forget();
        becomes(&db, HealthStatus::Unknown).await;
        let health = assert_answers(&answers(&service).await, "unknown");
        assert_eq!(health["connectivity"]["connected"], serde_json::Value::Null);
        gate.open.add_permits(1);
    };
    let (written, ()) = tokio::join!(write(&db, &gate), meanwhile);
    written.unwrap();
    becomes(&db, HealthStatus::Healthy).await;
    // The check has not closed the connection, which is the database.
    let tables = sqlx::query_scalar("SELECT count(*) FROM sqlite_master WHERE name = 'held'");
    let tables: i64 = tables.fetch_one(db.pool()).await.unwrap();
    assert_eq!(tables, 1);
}

/// The connection is the database, so its data would go with it.
#[test]
fn a_database_in_memory_outlives_the_runtime_of_a_check() {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().build().expect("a runtime")
    };
    let own = runtime();
    for turns in 0..6 {
        let db = own.block_on(async {
            let db = Db::<Sqlite>::connect("sqlite::memory:")
                .await
                .expect("memory");
            let schema = db.pool().execute("CREATE TABLE notes (id INTEGER)").await;
            schema.expect("the table");
            eventually("it is free", || async { db.pool().num_idle() == 1 }).await;
            db
        });
        let short_lived = runtime();
        short_lived.block_on(async {
            drop(dbop_tests::poll_at_most(1, db.health()).await);
            for _ in 0..turns {
                tokio::task::yield_now().await;
            }
        });
        drop(short_lived);
        own.block_on(async {
            let count = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM notes");
            let count = count.fetch_one(db.pool()).await;
            assert_eq!(count.expect("the table is there"), 0, "after {turns} turns");
            becomes(&db, HealthStatus::Healthy).await;
        });
    }
}
