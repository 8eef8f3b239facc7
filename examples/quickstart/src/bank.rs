//! The bank: plain database functions, and the attributes that run them.

use std::time::Duration;

use dbop::{Conn, Db, DbError, Tx, db_op, transactional};
use sqlx::{Connection as _, Postgres, Sqlite};
use tokio::sync::oneshot;

#[derive(Debug, thiserror::Error, DbError)]
pub(crate) enum BankError {
    #[error("account {0} has insufficient funds")]
    InsufficientFunds(i64),
    #[error("account {0} is closed")]
    Closed(i64),
    #[error(transparent)]
    Database(#[from] dbop::Error),
}

/// SQLite reads `$1` as Postgres does, so one text serves both. An application with one database
/// writes these functions as they stand, without the macro around them.
macro_rules! bank {
    ($module:ident, $Database:ident) => {
        mod $module {
            use dbop::{Conn, Tx, db_op, transactional};
            use sqlx::$Database;

            use super::BankError;

            /// Opens accounts 0 to `last`, each with the same money. The last one is closed.
            #[transactional]
            pub(super) async fn open(
                tx: &mut Tx<'_, $Database>,
                last: i64,
                cents: i64,
            ) -> Result<(), BankError> {
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
            pub(super) async fn total(conn: &mut Conn<'_, $Database>) -> Result<i64, BankError> {
                let total = "SELECT CAST(SUM(cents) AS BIGINT) FROM quickstart_accounts";
                Ok(sqlx::query_scalar(total).fetch_one(&mut *conn).await?)
            }

            #[db_op(read_only)]
            pub(super) async fn balance(
                conn: &mut Conn<'_, $Database>,
                id: i64,
            ) -> Result<i64, BankError> {
                let balance = "SELECT cents FROM quickstart_accounts WHERE id = $1";
                Ok(sqlx::query_scalar(balance).bind(id).fetch_one(&mut *conn).await?)
            }

            #[transactional]
            pub(super) async fn transfer(
                tx: &mut Tx<'_, $Database>,
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
                tx: &mut Tx<'_, $Database>,
                from: i64,
                to: i64,
                cents: i64,
            ) -> Result<(), BankError> {
                transfer(&mut *tx, from, to, cents).await?;
                let closed = "SELECT closed FROM quickstart_accounts WHERE id = $1";
                if sqlx::query_scalar(closed).bind(to).fetch_one(&mut *tx).await? {
                    return Err(BankError::Closed(to));
                }
                Ok(())
            }

            /// Pays everybody, or nobody.
            #[transactional]
            pub(super) async fn payday(
                tx: &mut Tx<'_, $Database>,
                employer: i64,
                staff: &[i64],
                cents: i64,
            ) -> Result<(), BankError> {
                for id in staff {
                    transfer(&mut *tx, employer, *id, cents).await?;
                }
                Ok(())
            }
        }
    };
}

bank!(sqlite, Sqlite);
bank!(postgres, Postgres);

/// Transfers money in one statement. When another connection holds the write lock for long, SQLite
/// refuses the statement (SQLITE_BUSY). It was the first one, so nothing has been applied, and it
/// is sent again.
#[db_op(name = "settle")]
async fn settle_on_sqlite(
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

/// Transfers money without overwriting what another transaction has changed since this one began.
/// Postgres refuses such a write (40001), the transaction rolls back, and it is run again.
#[transactional(isolation = serializable, name = "settle")]
async fn settle_on_postgres(
    tx: &mut Tx<'_, Postgres>,
    from: i64,
    to: i64,
    cents: i64,
) -> Result<(), BankError> {
    postgres::transfer(&mut *tx, from, to, cents).await
}

/// The bank on either database.
#[derive(Clone, Debug)]
pub(crate) enum Bank {
    Sqlite(Db<Sqlite>),
    Postgres(Db<Postgres>),
}

macro_rules! on_either {
    ($(fn $function:ident($($argument:ident: $Type:ty),*) -> $Output:ty;)*) => {
        impl Bank {
            $(
                pub(crate) async fn $function(&self, $($argument: $Type),*) -> Result<$Output, BankError> {
                    match self {
                        Self::Sqlite(db) => sqlite::$function(db, $($argument),*).await,
                        Self::Postgres(db) => postgres::$function(db, $($argument),*).await,
                    }
                }
            )*
        }
    };
}

on_either! {
    fn open(last: i64, cents: i64) -> ();
    fn total() -> i64;
    fn balance(id: i64) -> i64;
    fn transfer(from: i64, to: i64, cents: i64) -> ();
    fn gift(from: i64, to: i64, cents: i64) -> ();
    fn payday(employer: i64, staff: &[i64], cents: i64) -> ();
}

impl Bank {
    pub(crate) async fn connect(url: &str) -> dbop::Result<Self> {
        if url.starts_with("postgres") {
            Db::connect(url).await.map(Self::Postgres)
        } else {
            Db::connect(url).await.map(Self::Sqlite)
        }
    }

    pub(crate) async fn settle(&self, from: i64, to: i64, cents: i64) -> Result<(), BankError> {
        match self {
            Self::Sqlite(db) => settle_on_sqlite(db, from, to, cents).await,
            Self::Postgres(db) => settle_on_postgres(db, from, to, cents).await,
        }
    }

    /// Stands in for another program: changes the account on a connection of its own, which locks
    /// it, reports that through `locked`, and commits after a while.
    pub(crate) async fn lock_from_elsewhere(
        &self,
        url: &str,
        account: i64,
        time: Duration,
        locked: oneshot::Sender<()>,
    ) -> sqlx::Result<()> {
        const CHANGE: &str = "UPDATE quickstart_accounts SET cents = cents WHERE id = $1";
        match self {
            Self::Sqlite(_) => {
                let mut connection = sqlx::SqliteConnection::connect(url).await?;
                let mut tx = connection.begin().await?;
                sqlx::query(CHANGE).bind(account).execute(&mut *tx).await?;
                let _ = locked.send(());
                tokio::time::sleep(time).await;
                tx.commit().await?;
                connection.close().await
            }
            Self::Postgres(_) => {
                let mut connection = sqlx::PgConnection::connect(url).await?;
                let mut tx = connection.begin().await?;
                sqlx::query(CHANGE).bind(account).execute(&mut *tx).await?;
                let _ = locked.send(());
                tokio::time::sleep(time).await;
                tx.commit().await?;
                connection.close().await
            }
        }
    }

    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(db) => db.close().await,
            Self::Postgres(db) => db.close().await,
        }
    }
}
