//! A pool as parameter, 13 % of real functions. The parameter becomes a session, and the callers go
//! on passing the pool. Each function stands here before and after.

#[cfg(feature = "dbop")]
use dbop::{Conn, Tx};
#[cfg(feature = "dbop")]
use sqlx::Sqlite;
#[cfg(not(feature = "dbop"))]
use sqlx::SqlitePool;
use sqlx::{query, query_scalar};

const ADD: &str = "INSERT INTO fines (member, cents) VALUES (?, ?) RETURNING id";
const OWED: &str = "SELECT COALESCE(SUM(cents), 0) FROM fines WHERE member = ? AND paid = 0";
const FORGIVE: &str = "UPDATE fines SET paid = 1 WHERE id = ?";
const PAY: &str = "UPDATE fines SET paid = 1 WHERE member = ? AND paid = 0";
const MERGE: &str = "UPDATE fines SET member = ? WHERE member = ?";

#[cfg(not(feature = "dbop"))]
pub(crate) async fn add(pool: &SqlitePool, member: i64, cents: i64) -> sqlx::Result<i64> {
    let add = query_scalar(ADD).bind(member).bind(cents);
    add.fetch_one(pool).await
}

#[cfg(feature = "dbop")]
#[dbop::db_op]
pub(crate) async fn add(conn: &mut Conn<'_, Sqlite>, member: i64, cents: i64) -> sqlx::Result<i64> {
    let add = query_scalar(ADD).bind(member).bind(cents);
    add.fetch_one(conn).await
}

#[cfg(not(feature = "dbop"))]
pub(crate) async fn owed(pool: &SqlitePool, member: i64) -> sqlx::Result<i64> {
    query_scalar(OWED).bind(member).fetch_one(pool).await
}

#[cfg(feature = "dbop")]
#[dbop::db_op(read_only)]
pub(crate) async fn owed(conn: &mut Conn<'_, Sqlite>, member: i64) -> sqlx::Result<i64> {
    query_scalar(OWED).bind(member).fetch_one(conn).await
}

#[cfg(not(feature = "dbop"))]
pub(crate) async fn total(pool: &SqlitePool) -> sqlx::Result<i64> {
    let total = query_scalar("SELECT COALESCE(SUM(cents), 0) FROM fines");
    total.fetch_one(pool).await
}

#[cfg(feature = "dbop")]
#[dbop::db_op(read_only)]
pub(crate) async fn total(conn: &mut Conn<'_, Sqlite>) -> sqlx::Result<i64> {
    let total = query_scalar("SELECT COALESCE(SUM(cents), 0) FROM fines");
    total.fetch_one(conn).await
}

#[cfg(not(feature = "dbop"))]
pub(crate) async fn largest(pool: &SqlitePool) -> sqlx::Result<Option<i64>> {
    let largest = query_scalar("SELECT MAX(cents) FROM fines");
    largest.fetch_one(pool).await
}

#[cfg(feature = "dbop")]
#[dbop::db_op(read_only)]
pub(crate) async fn largest(conn: &mut Conn<'_, Sqlite>) -> sqlx::Result<Option<i64>> {
    let largest = query_scalar("SELECT MAX(cents) FROM fines");
    largest.fetch_one(conn).await
}

#[cfg(not(feature = "dbop"))]
pub(crate) async fn forgive(pool: &SqlitePool, fine: i64) -> sqlx::Result<()> {
    query(FORGIVE).bind(fine).execute(pool).await.map(|_| ())
}

#[cfg(feature = "dbop")]
#[dbop::db_op(idempotent)]
pub(crate) async fn forgive(conn: &mut Conn<'_, Sqlite>, fine: i64) -> sqlx::Result<()> {
    query(FORGIVE).bind(fine).execute(conn).await.map(|_| ())
}

#[cfg(not(feature = "dbop"))]
pub(crate) async fn pay_all(pool: &SqlitePool, member: i64) -> sqlx::Result<i64> {
    let mut tx = pool.begin().await?;
    let owed = query_scalar(OWED).bind(member).fetch_one(&mut *tx).await?;
    query(PAY).bind(member).execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(owed)
}

#[cfg(feature = "dbop")]
#[dbop::transactional]
pub(crate) async fn pay_all(tx: &mut Tx<'_, Sqlite>, member: i64) -> sqlx::Result<i64> {
    let owed = query_scalar(OWED).bind(member).fetch_one(&mut *tx).await?;
    query(PAY).bind(member).execute(&mut *tx).await?;
    Ok(owed)
}

#[cfg(not(feature = "dbop"))]
pub(crate) async fn merge(pool: &SqlitePool, from: i64, to: i64) -> sqlx::Result<u64> {
    let mut tx = pool.begin().await?;
    let merge = query(MERGE).bind(to).bind(from);
    let fines = merge.execute(&mut *tx).await?.rows_affected();
    let delete = query("DELETE FROM cards WHERE member = ?").bind(from);
    delete.execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(fines)
}

#[cfg(feature = "dbop")]
#[dbop::transactional]
pub(crate) async fn merge(tx: &mut Tx<'_, Sqlite>, from: i64, to: i64) -> sqlx::Result<u64> {
    let merge = query(MERGE).bind(to).bind(from);
    let fines = merge.execute(&mut *tx).await?.rows_affected();
    let delete = query("DELETE FROM cards WHERE member = ?").bind(from);
    delete.execute(&mut *tx).await?;
    Ok(fines)
}
