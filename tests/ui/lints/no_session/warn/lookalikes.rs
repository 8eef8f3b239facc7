//! Operations that get no session, although they seem to be meant to.
#![deny(deprecated)]
#![allow(unused)]

use dbop::{Db, db_op};
use sqlx::pool::PoolConnection;
use sqlx::{PgPool, Pool, Postgres, Sqlite, SqlitePool, Transaction};

struct State<T>(T);

struct Accounts {
    pool: PgPool,
}

#[db_op(read_only)]
async fn pool(pool: &PgPool, id: i64) -> dbop::Result<i64> {
    Ok(sqlx::query_scalar("SELECT cents FROM accounts WHERE id = $1").bind(id).fetch_one(pool).await?)
}

#[db_op]
async fn any_pool(pool: Pool<Sqlite>) -> dbop::Result<()> {
    let mut tx = pool.begin().await?;
    sqlx::query("UPDATE accounts SET cents = 0 WHERE id = 1").execute(&mut *tx).await?;
    Ok(tx.commit().await?)
}

// A function that only calls other operations needs no session.
#[db_op(idempotent)]
async fn only_calls(accounts: &SqlitePool, db: &Db<Sqlite>) -> dbop::Result<()> {
    handle(accounts).await?;
    handle(db.pool()).await
}

#[db_op(allow(no_session))]
async fn handle(pool: &SqlitePool) -> dbop::Result<()> {
    sqlx::query("UPDATE accounts SET cents = 0 WHERE id = 1").execute(pool).await?;
    Ok(())
}

#[db_op]
async fn extracted(State(pool): State<SqlitePool>) -> dbop::Result<()> {
    Ok(())
}

#[db_op]
async fn connection(conn: &mut PoolConnection<Postgres>) -> dbop::Result<()> {
    Ok(())
}

#[db_op]
async fn optional(tx: Option<&mut Transaction<'_, Sqlite>>) -> dbop::Result<()> {
    Ok(())
}

impl Accounts {
    #[db_op(read_only)]
    async fn in_self(&self, id: i64) -> dbop::Result<i64> {
        Ok(sqlx::query_scalar("SELECT cents FROM accounts WHERE id = $1").bind(id).fetch_one(&self.pool).await?)
    }
}

fn main() {}
