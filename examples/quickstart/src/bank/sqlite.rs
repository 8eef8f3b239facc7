//! The bank's functions on SQLite.

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::Sqlite;

use super::BankError;

/// Opens accounts 0 to `last`, each with the same money. The last one is closed.
#[transactional]
pub(super) async fn open(tx: &mut Tx<'_, Sqlite>, last: i64, cents: i64) -> Result<(), BankError> {
    sqlx::query("DROP TABLE IF EXISTS quickstart_accounts")
        .execute(&mut *tx)
        .await?;
    sqlx::query(
        "CREATE TABLE quickstart_accounts
         (id BIGINT PRIMARY KEY, cents BIGINT NOT NULL, closed BOOLEAN NOT NULL)",
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "WITH RECURSIVE ids (id) AS
             (SELECT 0 UNION ALL SELECT id + 1 FROM ids WHERE id < CAST($1 AS BIGINT))
         INSERT INTO quickstart_accounts (id, cents, closed)
         SELECT id, CAST($2 AS BIGINT), id = CAST($1 AS BIGINT) FROM ids",
    )
    .bind(last)
    .bind(cents)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Returns the sum of all accounts.
#[db_op(read_only)]
pub(super) async fn total(conn: &mut Conn<'_, Sqlite>) -> Result<i64, BankError> {
    let total = "SELECT CAST(SUM(cents) AS BIGINT) FROM quickstart_accounts";
    Ok(sqlx::query_scalar(total).fetch_one(&mut *conn).await?)
}

#[db_op(read_only)]
pub(super) async fn balance(conn: &mut Conn<'_, Sqlite>, id: i64) -> Result<i64, BankError> {
    let balance = "SELECT cents FROM quickstart_accounts WHERE id = $1";
    Ok(sqlx::query_scalar(balance)
        .bind(id)
        .fetch_one(&mut *conn)
        .await?)
}

#[transactional]
pub(super) async fn transfer(
    tx: &mut Tx<'_, Sqlite>,
    from: i64,
    to: i64,
    cents: i64,
) -> Result<(), BankError> {
    let left: i64 = sqlx::query_scalar(
        "UPDATE quickstart_accounts SET cents = cents - $1 WHERE id = $2 RETURNING cents",
    )
    .bind(cents)
    .bind(from)
    .fetch_one(&mut *tx)
    .await?;
    if left < 0 {
        return Err(BankError::InsufficientFunds(from));
    }
    sqlx::query("UPDATE quickstart_accounts SET cents = cents + $1 WHERE id = $2")
        .bind(cents)
        .bind(to)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// Transfers money, and then looks at the account it has just paid into. If that
/// account is closed, the error undoes the transfer, because both are one transaction.
#[transactional]
pub(super) async fn gift(
    tx: &mut Tx<'_, Sqlite>,
    from: i64,
    to: i64,
    cents: i64,
) -> Result<(), BankError> {
    transfer(&mut *tx, from, to, cents).await?;
    let closed = "SELECT closed FROM quickstart_accounts WHERE id = $1";
    if sqlx::query_scalar(closed)
        .bind(to)
        .fetch_one(&mut *tx)
        .await?
    {
        return Err(BankError::Closed(to));
    }
    Ok(())
}

/// Pays everybody, or nobody.
#[transactional]
pub(super) async fn payday(
    tx: &mut Tx<'_, Sqlite>,
    employer: i64,
    staff: &[i64],
    cents: i64,
) -> Result<(), BankError> {
    for id in staff {
        transfer(&mut *tx, employer, *id, cents).await?;
    }
    Ok(())
}

/// Transfers money in one statement. When another connection holds the write lock for long, SQLite
/// refuses the statement (SQLITE_BUSY). It was the first one, so nothing has been applied, and it
/// is sent again.
#[db_op]
pub(super) async fn settle(
    conn: &mut Conn<'_, Sqlite>,
    from: i64,
    to: i64,
    cents: i64,
) -> Result<(), BankError> {
    sqlx::query(
        "UPDATE quickstart_accounts SET cents = cents + CASE id WHEN $1 THEN -$3 ELSE $3 END
         WHERE id IN ($1, $2)",
    )
    .bind(from)
    .bind(to)
    .bind(cents)
    .execute(&mut *conn)
    .await?;
    Ok(())
}
