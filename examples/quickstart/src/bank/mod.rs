//! The bank: plain database functions, and the attributes that run them.
//!
//! A function belongs to one database, so the functions stand once for each: an application with one
//! database has one of the two files.

mod postgres;
mod sqlite;

use std::time::Duration;

use dbop::{Db, DbError};
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

/// The bank on either database.
#[derive(Clone, Debug)]
pub(crate) enum Bank {
    Sqlite(Db<Sqlite>),
    Postgres(Db<Postgres>),
}

impl Bank {
    pub(crate) async fn connect(url: &str) -> dbop::Result<Self> {
        if url.starts_with("postgres") {
            Db::connect(url).await.map(Self::Postgres)
        } else {
            Db::connect(url).await.map(Self::Sqlite)
        }
    }

    pub(crate) async fn open(&self, last: i64, cents: i64) -> Result<(), BankError> {
        match self {
            Self::Sqlite(db) => sqlite::open(db, last, cents).await,
            Self::Postgres(db) => postgres::open(db, last, cents).await,
        }
    }

    pub(crate) async fn total(&self) -> Result<i64, BankError> {
        match self {
            Self::Sqlite(db) => sqlite::total(db).await,
            Self::Postgres(db) => postgres::total(db).await,
        }
    }

    pub(crate) async fn balance(&self, id: i64) -> Result<i64, BankError> {
        match self {
            Self::Sqlite(db) => sqlite::balance(db, id).await,
            Self::Postgres(db) => postgres::balance(db, id).await,
        }
    }

    pub(crate) async fn transfer(&self, from: i64, to: i64, cents: i64) -> Result<(), BankError> {
        match self {
            Self::Sqlite(db) => sqlite::transfer(db, from, to, cents).await,
            Self::Postgres(db) => postgres::transfer(db, from, to, cents).await,
        }
    }

    pub(crate) async fn gift(&self, from: i64, to: i64, cents: i64) -> Result<(), BankError> {
        match self {
            Self::Sqlite(db) => sqlite::gift(db, from, to, cents).await,
            Self::Postgres(db) => postgres::gift(db, from, to, cents).await,
        }
    }

    pub(crate) async fn payday(
        &self,
        employer: i64,
        staff: &[i64],
        cents: i64,
    ) -> Result<(), BankError> {
        match self {
            Self::Sqlite(db) => sqlite::payday(db, employer, staff, cents).await,
            Self::Postgres(db) => postgres::payday(db, employer, staff, cents).await,
        }
    }

    pub(crate) async fn settle(&self, from: i64, to: i64, cents: i64) -> Result<(), BankError> {
        match self {
            Self::Sqlite(db) => sqlite::settle(db, from, to, cents).await,
            Self::Postgres(db) => postgres::settle(db, from, to, cents).await,
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
