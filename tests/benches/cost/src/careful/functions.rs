//! The functions, as an application would write them.

use std::time::Duration;

use sqlx::{Sqlite, SqlitePool};

use super::call::{Result, operation};
use super::joined::{Tx, join};
use super::session::{self, Database, Mode, session};
use crate::texts::sqlite::READ;

/// Defines the functions for a database. They differ in the type of the connection only.
macro_rules! functions {
    ($module:ident, $database:ident) => {
        pub(crate) mod $module {
            use crate::careful::call::{Result, operation};
            use crate::careful::dialect::Dialect;
            use crate::careful::joined::{Tx, join, nest};
            use crate::careful::session::{Database, Mode, session, transaction};
            use crate::texts::$module::{ADD, READ};

            type DB = sqlx::$database;

            pub(crate) async fn add(database: &Database<DB>, id: i64, cents: i64) -> Result<u64> {
                session(
                    operation!("add", DB::SYSTEM),
                    database,
                    Mode::Writes,
                    async |conn| {
                        let add = sqlx::query(ADD).bind(cents).bind(id);
                        Ok(add.execute(&mut *conn).await?.rows_affected())
                    },
                )
                .await
            }

            /// Reads on a pool whose connections only read.
            pub(crate) async fn read(database: &Database<DB>, id: i64) -> Result<i64> {
                session(
                    operation!("read", DB::SYSTEM),
                    database,
                    Mode::Reads,
                    async |conn| {
                        let read = sqlx::query_scalar(READ).bind(id);
                        read.fetch_one(&mut *conn).await
                    },
                )
                .await
            }

            pub(crate) async fn transfer(
                database: &Database<DB>,
                from: i64,
                to: i64,
                cents: i64,
            ) -> Result<u64> {
                transaction(operation!("transfer", DB::SYSTEM), database, async |tx| {
                    let take = sqlx::query(ADD).bind(-cents).bind(from);
                    let taken = take.execute(&mut *tx.conn).await?.rows_affected();
                    let give = sqlx::query(ADD).bind(cents).bind(to);
                    Ok(taken + give.execute(&mut *tx.conn).await?.rows_affected())
                })
                .await
            }

            pub(crate) async fn joined_add(
                tx: &mut Tx<'_, DB>,
                id: i64,
                cents: i64,
            ) -> sqlx::Result<u64> {
                join(operation!("joined_add", DB::SYSTEM), tx, async |conn| {
                    let add = sqlx::query(ADD).bind(cents).bind(id);
                    Ok(add.execute(&mut *conn).await?.rows_affected())
                })
                .await
            }

            pub(crate) async fn nested_add(
                tx: &mut Tx<'_, DB>,
                id: i64,
                cents: i64,
            ) -> sqlx::Result<u64> {
                nest(operation!("nested_add", DB::SYSTEM), tx, async |conn| {
                    let add = sqlx::query(ADD).bind(cents).bind(id);
                    Ok(add.execute(&mut *conn).await?.rows_affected())
                })
                .await
            }
        }
    };
}

functions!(sqlite, Sqlite);
functions!(postgres, Postgres);

pub(crate) async fn sessionless(id: i64) -> Result<i64> {
    session::sessionless(operation!("sessionless", "sqlite"), async || Ok(id)).await
}

/// Reads on a pool whose connections write, too.
pub(crate) async fn guarded_read(database: &Database<Sqlite>, id: i64) -> Result<i64> {
    session(
        operation!("guarded_read", "sqlite"),
        database,
        Mode::Guarded,
        async |conn| {
            let read = sqlx::query_scalar(READ).bind(id);
            read.fetch_one(&mut *conn).await
        },
    )
    .await
}

/// Reads on a pool of the application's own, where a deadline is all that is left to promise.
pub(crate) async fn callers_read(pool: &SqlitePool, id: i64) -> sqlx::Result<i64> {
    let read = sqlx::query_scalar(READ).bind(id).fetch_one(pool);
    let read = tokio::time::timeout(Duration::from_secs(30), read).await;
    read.unwrap_or(Err(sqlx::Error::PoolTimedOut))
}

pub(crate) async fn idle(database: &Database<Sqlite>, id: i64) -> Result<i64> {
    session(
        operation!("idle", "sqlite"),
        database,
        Mode::Writes,
        async |_| Ok(id),
    )
    .await
}

pub(crate) async fn joined(tx: &mut Tx<'_, Sqlite>, id: i64) -> sqlx::Result<i64> {
    join(operation!("joined", "sqlite"), tx, async |_| Ok(id)).await
}
