//! The functions, as their application has them.

use super::call::{Result, operation};
use super::joined::{Tx, join, nest};
use super::session::{self, Database, Mode, session, transaction};
use crate::world::{ADD, READ};

pub(crate) async fn add(database: &Database, id: i64, cents: i64) -> Result<u64> {
    session(operation!("add"), database, Mode::Writes, async |conn| {
        let add = sqlx::query(ADD).bind(cents).bind(id);
        Ok(add.execute(&mut *conn).await?.rows_affected())
    })
    .await
}

/// On a pool whose connections only read.
pub(crate) async fn read(database: &Database, id: i64) -> Result<i64> {
    session(operation!("read"), database, Mode::Reads, async |conn| {
        let read = sqlx::query_scalar(READ).bind(id);
        read.fetch_one(&mut *conn).await
    })
    .await
}

/// On one whose connections write, too.
pub(crate) async fn guarded_read(database: &Database, id: i64) -> Result<i64> {
    session(
        operation!("guarded_read"),
        database,
        Mode::Guarded,
        async |conn| {
            let read = sqlx::query_scalar(READ).bind(id);
            read.fetch_one(&mut *conn).await
        },
    )
    .await
}

pub(crate) async fn transfer(database: &Database, from: i64, to: i64, cents: i64) -> Result<u64> {
    transaction(operation!("transfer"), database, async |tx| {
        let take = sqlx::query(ADD).bind(-cents).bind(from);
        let taken = take.execute(&mut *tx.conn).await?.rows_affected();
        let give = sqlx::query(ADD).bind(cents).bind(to);
        Ok(taken + give.execute(&mut *tx.conn).await?.rows_affected())
    })
    .await
}

pub(crate) async fn idle(database: &Database, id: i64) -> Result<i64> {
    session(operation!("idle"), database, Mode::Writes, async |_| Ok(id)).await
}

pub(crate) async fn sessionless(id: i64) -> Result<i64> {
    session::sessionless(operation!("sessionless"), async || Ok(id)).await
}

pub(crate) async fn joined(tx: &mut Tx<'_>, id: i64) -> sqlx::Result<i64> {
    join(operation!("joined"), tx, async |_| Ok(id)).await
}

pub(crate) async fn joined_add(tx: &mut Tx<'_>, id: i64, cents: i64) -> sqlx::Result<u64> {
    join(operation!("joined_add"), tx, async |conn| {
        let add = sqlx::query(ADD).bind(cents).bind(id);
        Ok(add.execute(&mut *conn).await?.rows_affected())
    })
    .await
}

pub(crate) async fn nested_add(tx: &mut Tx<'_>, id: i64, cents: i64) -> sqlx::Result<u64> {
    nest(operation!("nested_add"), tx, async |conn| {
        let add = sqlx::query(ADD).bind(cents).bind(id);
        Ok(add.execute(&mut *conn).await?.rows_affected())
    })
    .await
}
