//! The bank: plain database functions, and the attributes that run them. Each is compiled once for
//! SQLite and once for PostgreSQL.

use std::time::Duration;

use dbop::{Conn, DbError, Tx, db_op, transactional};
use tokio::sync::Notify;

#[derive(Debug, thiserror::Error, DbError)]
pub(crate) enum BankError {
    #[error("account {0} has insufficient funds")]
    InsufficientFunds(i64),
    #[error("account {0} is closed")]
    Closed(i64),
    #[error(transparent)]
    Database(#[from] dbop::Error),
}

/// Opens accounts 0 to `last`, each with the same money. The last one is closed.
#[transactional(on = [Sqlite, Postgres])]
pub(crate) async fn open(tx: &mut Tx<'_, DB>, last: i64, cents: i64) -> Result<(), BankError> {
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
#[db_op(read_only, on = [Sqlite, Postgres])]
pub(crate) async fn total(conn: &mut Conn<'_, DB>) -> Result<i64, BankError> {
    let total = "SELECT CAST(SUM(cents) AS BIGINT) FROM quickstart_accounts";
    Ok(sqlx::query_scalar(total).fetch_one(&mut *conn).await?)
}

#[db_op(read_only, on = [Sqlite, Postgres])]
pub(crate) async fn balance(conn: &mut Conn<'_, DB>, id: i64) -> Result<i64, BankError> {
    let balance = "SELECT cents FROM quickstart_accounts WHERE id = $1";
    Ok(sqlx::query_scalar(balance)
        .bind(id)
        .fetch_one(&mut *conn)
        .await?)
}

#[transactional(on = [Sqlite, Postgres])]
pub(crate) async fn transfer(
    tx: &mut Tx<'_, DB>,
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

/// Transfers money, and then looks at the account that it has paid into. If that account is closed, the
/// error undoes the transfer, because both are one transaction.
#[transactional(on = [Sqlite, Postgres])]
pub(crate) async fn gift(
    tx: &mut Tx<'_, DB>,
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
#[transactional(on = [Sqlite, Postgres])]
pub(crate) async fn payday(
    tx: &mut Tx<'_, DB>,
    employer: i64,
    staff: &[i64],
    cents: i64,
) -> Result<(), BankError> {
    for id in staff {
        transfer(&mut *tx, employer, *id, cents).await?;
    }
    Ok(())
}

/// Transfers money without overwriting what another transaction has changed since this one began.
///
/// PostgreSQL refuses such a write (40001). The transaction is then rolled back and run again. On
/// SQLite, a transaction waits for the others before it begins, so there is no such write.
#[transactional(isolation = serializable, on = [Sqlite, Postgres])]
pub(crate) async fn settle(
    tx: &mut Tx<'_, DB>,
    from: i64,
    to: i64,
    cents: i64,
) -> Result<(), BankError> {
    transfer(&mut *tx, from, to, cents).await
}

/// Transfers money in one statement, without a transaction around it.
///
/// When another connection holds the lock for long, SQLite refuses the statement (SQLITE_BUSY). Nothing
/// has been applied then, and the statement is sent again. On PostgreSQL, the statement waits.
#[db_op(on = [Sqlite, Postgres])]
pub(crate) async fn shift(
    conn: &mut Conn<'_, DB>,
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

/// Stands in for another program: changes the account, which locks it, says so through `locked`, and
/// commits after a while.
#[transactional(on = [Sqlite, Postgres])]
#[dbop::allow(
    foreign_await,
    reason = "another program that keeps its locks for too long"
)]
pub(crate) async fn hold(
    tx: &mut Tx<'_, DB>,
    account: i64,
    time: Duration,
    locked: &Notify,
) -> Result<(), BankError> {
    sqlx::query("UPDATE quickstart_accounts SET cents = cents WHERE id = $1")
        .bind(account)
        .execute(&mut *tx)
        .await?;
    locked.notify_one();
    tokio::time::sleep(time).await;
    Ok(())
}
