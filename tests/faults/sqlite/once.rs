//! `once = key` when SQLite itself ends the transaction, or another process holds the lock.

use std::time::Duration;

use dbop::{Tx, transactional};
use sqlx::{Executor, Sqlite};
use tokio::time::sleep;

use super::common::once::{Runs, Trouble, open, pay, rows};
use super::outside;

#[transactional(once = id)]
async fn escape_once(
    tx: &mut Tx<'_, Sqlite>,
    id: i64,
    #[once(skip)] runs: &Runs,
) -> Result<u32, Trouble> {
    let run = runs.next();
    // This statement ends the transaction, and removes the marker with it.
    let failed = tx.execute("INSERT OR ROLLBACK INTO notes VALUES (1)").await;
    assert!(failed.is_err());
    // Stands for a helper that knows nothing of dbop.
    let raw = tx
        .conn()
        .execute("INSERT INTO payments VALUES (1, 1)")
        .await;
    raw.map_err(dbop::Error::from)?;
    if run < 3 {
        Err(Trouble::NotNow)
    } else {
        Ok(run)
    }
}

#[tokio::test]
async fn what_escaped_from_a_transaction_that_sqlite_has_ended_is_not_done_again() {
    let db = open().await;
    db.pool()
        .execute("CREATE TABLE notes (id INTEGER PRIMARY KEY); INSERT INTO notes VALUES (1)")
        .await
        .unwrap();
    let runs = Runs::default();
    let error = escape_once(&*db, 1, &runs).await.unwrap_err();
    assert_eq!(
        (runs.count(), rows(&db, "payments").await),
        (1, 1),
        "{error}"
    );
}

/// Another process writes for longer than SQLite waits for its lock, again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_call_waits_for_the_lock_also_to_make_its_table() {
    for _ in 0..12 {
        let db = open().await;
        let mut rival = outside(&db).await;
        rival.execute("PRAGMA busy_timeout = 0").await.unwrap();
        let rival = tokio::spawn(async move {
            let mut held = 0;
            while held < 3 {
                if rival.execute("BEGIN IMMEDIATE").await.is_ok() {
                    held += 1;
                    sleep(Duration::from_millis(400)).await;
                    rival.execute("COMMIT").await.unwrap();
                    // Meanwhile another session may write.
                    sleep(Duration::from_millis(150)).await;
                    while rival.execute("BEGIN IMMEDIATE").await.is_ok() {
                        rival.execute("ROLLBACK").await.unwrap();
                    }
                }
            }
        });
        let paid = pay(&*db, 1, 1.0, &Runs::default()).await;
        rival.abort();
        assert!(paid.is_ok(), "{}", paid.unwrap_err());
    }
}
