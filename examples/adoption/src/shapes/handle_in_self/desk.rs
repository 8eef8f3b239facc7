//! The desk where books are lent: transactions that call helpers of other shapes.

use sqlx::{SqlitePool, query, query_scalar};
#[cfg(feature = "dbop")]
use {
    dbop::{Conn, Tx},
    sqlx::{Sqlite, Transaction},
};

use crate::error::{LibraryError, Result};
use crate::shapes::mut_connection as loans;
use crate::shapes::{generic_executor as members, transaction_alias as holds};

const MOST_LOANS: i64 = 3;
const DAYS: i64 = 14;
const CENTS_A_DAY: i64 = 25;

const DUE: &str = "SELECT COUNT(*) FROM loans WHERE due < ? AND returned IS NULL";
const OPEN: &str = "SELECT COUNT(*) FROM loans WHERE returned IS NULL";
const EXTEND: &str = "UPDATE loans SET due = due + ? WHERE id = ? AND returned IS NULL";
const FINE: &str = "INSERT INTO fines (member, cents) VALUES (?, ?)";

pub(crate) struct Desk {
    pub(crate) pool: SqlitePool,
}

impl Desk {
    #[cfg(not(feature = "dbop"))]
    pub(crate) async fn lend(&self, book: i64, member: i64, day: i64) -> Result<i64> {
        let mut tx = self.pool.begin().await?;
        if loans::open_of(&mut tx, member).await? >= MOST_LOANS {
            return Err(LibraryError::TooManyLoans(member));
        }
        if loans::copies_left(&mut *tx, book).await? < 1 {
            return Err(LibraryError::NoCopyLeft(book));
        }
        let loan = loans::insert(&mut tx, book, member, day + DAYS).await?;
        holds::cancel(&mut tx, book, member).await?;
        tx.commit().await?;
        Ok(loan)
    }

    // The helpers join this transaction. `cancel` still takes a transaction of sqlx's.
    #[cfg(feature = "dbop")]
    #[dbop::transactional(db = self.pool)]
    pub(crate) async fn lend(
        &self,
        tx: &mut Tx<'_, Sqlite>,
        book: i64,
        member: i64,
        day: i64,
    ) -> Result<i64> {
        if loans::open_of(&mut *tx, member).await? >= MOST_LOANS {
            return Err(LibraryError::TooManyLoans(member));
        }
        if loans::copies_left(&mut *tx, book).await? < 1 {
            return Err(LibraryError::NoCopyLeft(book));
        }
        let loan = loans::insert(&mut *tx, book, member, day + DAYS).await?;
        tx.with_sqlx(async |tx: &mut Transaction<'_, Sqlite>| -> Result<()> {
            Ok(holds::cancel(&mut *tx, book, member).await?)
        })
        .await?;
        Ok(loan)
    }

    #[cfg(not(feature = "dbop"))]
    pub(crate) async fn give_back(&self, loan: i64, day: i64) -> Result<i64> {
        let mut tx = self.pool.begin().await?;
        let (member, due) = loans::close(&mut tx, loan, day).await?;
        let cents = CENTS_A_DAY * (day - due).max(0);
        if cents > 0 {
            let fine = query(FINE).bind(member).bind(cents);
            fine.execute(&mut *tx).await?;
            members::block(&mut *tx, member).await?;
        }
        tx.commit().await?;
        Ok(cents)
    }

    #[cfg(feature = "dbop")]
    #[dbop::transactional(db = self.pool)]
    pub(crate) async fn give_back(
        &self,
        tx: &mut Tx<'_, Sqlite>,
        loan: i64,
        day: i64,
    ) -> Result<i64> {
        let (member, due) = loans::close(&mut *tx, loan, day).await?;
        let cents = CENTS_A_DAY * (day - due).max(0);
        if cents > 0 {
            let fine = query(FINE).bind(member).bind(cents);
            fine.execute(&mut *tx).await?;
            members::block(&mut *tx, member).await?;
        }
        Ok(cents)
    }

    #[cfg(not(feature = "dbop"))]
    pub(crate) async fn extend(&self, loan: i64, days: i64) -> sqlx::Result<u64> {
        let extend = query(EXTEND).bind(days).bind(loan);
        Ok(extend.execute(&self.pool).await?.rows_affected())
    }

    // Not idempotent: a second run would extend the loan twice. dbop retries it only if nothing
    // can have been applied.
    #[cfg(feature = "dbop")]
    #[dbop::db_op(db = self.pool)]
    pub(crate) async fn extend(
        &self,
        conn: &mut Conn<'_, Sqlite>,
        loan: i64,
        days: i64,
    ) -> sqlx::Result<u64> {
        let extend = query(EXTEND).bind(days).bind(loan);
        Ok(extend.execute(&mut *conn).await?.rows_affected())
    }

    #[cfg(not(feature = "dbop"))]
    pub(crate) async fn overdue(&self, day: i64) -> sqlx::Result<i64> {
        query_scalar(DUE).bind(day).fetch_one(&self.pool).await
    }

    #[cfg(feature = "dbop")]
    #[dbop::db_op(read_only, db = self.pool)]
    pub(crate) async fn overdue(&self, conn: &mut Conn<'_, Sqlite>, day: i64) -> sqlx::Result<i64> {
        query_scalar(DUE).bind(day).fetch_one(&mut *conn).await
    }

    #[cfg(not(feature = "dbop"))]
    pub(crate) async fn open(&self) -> sqlx::Result<i64> {
        query_scalar(OPEN).fetch_one(&self.pool).await
    }

    #[cfg(feature = "dbop")]
    #[dbop::db_op(read_only, db = self.pool)]
    pub(crate) async fn open(&self, conn: &mut Conn<'_, Sqlite>) -> sqlx::Result<i64> {
        query_scalar(OPEN).fetch_one(&mut *conn).await
    }
}
