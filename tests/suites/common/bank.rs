//! The operations that most suites use: accounts, and transfers between them.

use dbop::{Conn, DbBuilder, DbError, Tx, db_op, transactional};
use dbop_tests::Fresh;
use sqlx::Executor;

use super::{Database, fresh_with};

#[derive(Debug, thiserror::Error, DbError)]
pub(crate) enum BankError {
    #[error("account {0} has insufficient funds")]
    InsufficientFunds(i64),
    #[error(transparent)]
    Database(#[from] dbop::Error),
}

pub(crate) async fn open() -> Fresh<Database> {
    open_with(|builder| builder).await
}

/// Opens a database with four accounts of 100 each.
pub(crate) async fn open_with(
    configure: fn(DbBuilder<Database>) -> DbBuilder<Database>,
) -> Fresh<Database> {
    let fresh = fresh_with(configure).await;
    let schema = "CREATE TABLE accounts (id BIGINT PRIMARY KEY, cents BIGINT NOT NULL);
         INSERT INTO accounts VALUES (1, 100), (2, 100), (3, 100), (4, 100);
         CREATE TABLE log (id BIGINT PRIMARY KEY, note TEXT)";
    fresh.pool().execute(schema).await.expect("the schema");
    fresh
}

#[db_op(read_only)]
pub(crate) async fn balance(conn: &mut Conn<'_, Database>, id: i64) -> Result<i64, BankError> {
    let cents = sqlx::query_scalar("SELECT cents FROM accounts WHERE id = $1");
    Ok(cents.bind(id).fetch_one(&mut *conn).await?)
}

#[db_op(read_only)]
pub(crate) async fn total(conn: &mut Conn<'_, Database>) -> Result<i64, BankError> {
    let cents = sqlx::query_scalar("SELECT CAST(SUM(cents) AS BIGINT) FROM accounts");
    Ok(cents.fetch_one(&mut *conn).await?)
}

#[transactional]
pub(crate) async fn transfer(
    tx: &mut Tx<'_, Database>,
    from: i64,
    to: i64,
    cents: i64,
) -> Result<(), BankError> {
    let take =
        sqlx::query_scalar("UPDATE accounts SET cents = cents - $1 WHERE id = $2 RETURNING cents");
    let left: i64 = take.bind(cents).bind(from).fetch_one(&mut *tx).await?;
    if left < 0 {
        return Err(BankError::InsufficientFunds(from));
    }
    let give = sqlx::query("UPDATE accounts SET cents = cents + $1 WHERE id = $2");
    give.bind(cents).bind(to).execute(&mut *tx).await?;
    Ok(())
}

#[transactional]
pub(crate) async fn payday(tx: &mut Tx<'_, Database>, staff: &[i64]) -> Result<(), BankError> {
    for id in staff {
        transfer(&mut *tx, 1, *id, 10).await?;
    }
    Ok(())
}
