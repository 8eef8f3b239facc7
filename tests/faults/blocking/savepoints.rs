//! Savepoints of the drivers on SQLite, and how diesel counts its transactions.

use dbop::{ErrorKind, transactional};
use dbop_tests::blocking::{Gate, diesel as by_diesel, rusqlite as by_rusqlite};
use diesel::Connection;
use diesel::connection::{AnsiTransactionManager, TransactionManager};

use dbop_tests::Trouble;

#[transactional]
fn of_diesel(conn: &mut by_diesel::Session, n: i64, refuse: bool) -> Result<(), Trouble> {
    by_diesel::exec(conn, &format!("INSERT INTO notes VALUES ({n}, {n})"))?;
    let inner = conn.transaction(|conn| {
        by_diesel::exec(
            conn,
            &format!("INSERT INTO notes VALUES ({n} + 100, {n} + 100)"),
        )
        .map_err(diesel::result::Error::from)?;
        Err::<(), _>(diesel::result::Error::RollbackTransaction)
    });
    assert!(inner.is_err());
    conn.transaction(|conn| {
        by_diesel::exec(
            conn,
            &format!("INSERT INTO notes VALUES ({n} + 200, {n} + 200)"),
        )
        .map_err(diesel::result::Error::from)
    })
    .map_err(dbop::Error::from)?;
    if refuse {
        Err(Trouble::Refused)
    } else {
        Ok(())
    }
}

#[tokio::test]
async fn a_transaction_of_diesels_in_a_transaction_is_a_savepoint() {
    let world = by_diesel::open(|builder| builder.max_connections(1)).await;
    of_diesel(&world, 1, true).await.unwrap_err().to_string();
    of_diesel(&world, 2, false).await.unwrap();
    for (n, rows) in [(1, 0), (101, 0), (201, 0), (2, 1), (102, 0), (202, 1)] {
        assert_eq!(world.rows(n).await, rows, "{n}");
    }
}

#[transactional]
fn panics_in_diesels(conn: &mut by_diesel::Session, n: i64) -> dbop::Result<()> {
    conn.transaction(|conn| {
        by_diesel::exec(conn, &format!("INSERT INTO notes VALUES ({n}, {n})"))?;
        panic!("in the closure")
    })
}

#[transactional]
#[dbop::allow(manual_transaction, reason = "what becomes of it is what is tested")]
fn leaves_diesels_open(conn: &mut by_diesel::Session, n: i64, end: bool) -> dbop::Result<()> {
    AnsiTransactionManager::begin_transaction(conn)?;
    by_diesel::exec(conn, &format!("INSERT INTO notes VALUES ({n}, {n})"))?;
    if end {
        by_diesel::exec(conn, "ROLLBACK")?;
    }
    Ok(())
}

#[transactional]
fn marks(conn: &mut by_diesel::Session) -> dbop::Result<()> {
    by_diesel::exec(conn, "CREATE TEMP TABLE IF NOT EXISTS mark (id INTEGER)")
}

#[transactional]
fn sees_the_mark(conn: &mut by_diesel::Session) -> dbop::Result<i64> {
    by_diesel::number(conn, "SELECT count(*) FROM mark")
}

#[tokio::test]
async fn what_diesel_counts_wrong_is_set_right_before_the_next_borrower() {
    let world = by_diesel::open(|builder| builder.max_connections(1)).await;
    marks(&world).await.unwrap();
    let panic = std::panic::AssertUnwindSafe(panics_in_diesels(&world, 1));
    futures_util::FutureExt::catch_unwind(panic)
        .await
        .expect_err("the body panics");
    assert_eq!(sees_the_mark(&world).await.unwrap(), 0);
    for (end, kind) in [
        (false, ErrorKind::TransactionAborted),
        (true, ErrorKind::TransactionState),
    ] {
        let error = leaves_diesels_open(&world, 2, end).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert_eq!(sees_the_mark(&world).await.unwrap(), 0);
    }
    assert_eq!((world.rows(1).await, world.rows(2).await), (0, 0));
    of_diesel(&world, 3, false).await.unwrap();
}

#[transactional]
fn of_rusqlite(conn: &mut by_rusqlite::Session, n: i64, gate: &Gate) -> dbop::Result<()> {
    by_rusqlite::exec(conn, &format!("INSERT INTO notes VALUES ({n}, {n})"))?;
    {
        let savepoint = conn.savepoint()?;
        by_rusqlite::exec(
            &savepoint,
            &format!("INSERT INTO notes VALUES ({n} + 100, {n} + 100)"),
        )?;
        // A savepoint that is dropped is rolled back.
    }
    let savepoint = conn.savepoint()?;
    by_rusqlite::exec(
        &savepoint,
        &format!("INSERT INTO notes VALUES ({n} + 200, {n} + 200)"),
    )?;
    savepoint.commit()?;
    gate.pass();
    Ok(())
}

#[tokio::test]
async fn a_savepoint_of_rusqlites_is_part_of_the_transaction() {
    let world = by_rusqlite::open(|builder| builder.max_connections(1)).await;
    of_rusqlite(&world, 1, &Gate::opened()).await.unwrap();
    for (n, rows) in [(1, 1), (101, 0), (201, 1)] {
        assert_eq!(world.rows(n).await, rows, "{n}");
    }
}
