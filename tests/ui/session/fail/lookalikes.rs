//! What looks like a session and is none, in a transaction.
#![allow(unused)]

use dbop::{Db, transactional};
use sqlx::{Database, Executor, PgPool, Pool, Postgres, Sqlite, Transaction};

struct State<T>(T);

struct Accounts {
    pool: PgPool,
}

#[transactional]
async fn pool(pool: &PgPool, id: i64) -> dbop::Result<()> {
    Ok(())
}

#[transactional]
async fn handle(id: i64, db: &Db<Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[transactional]
async fn extracted(State(pool): State<Pool<Postgres>>) -> dbop::Result<()> {
    Ok(())
}

#[transactional]
async fn any_database<'e, D: Database>(executor: impl Executor<'e, Database = D>) -> dbop::Result<()> {
    Ok(())
}

impl Accounts {
    #[transactional]
    async fn in_self(&self, id: i64) -> dbop::Result<()> {
        let mut tx = self.pool.begin().await?;
        tx.commit().await?;
        Ok(())
    }
}

#[transactional]
async fn optional(tx: Option<&mut Transaction<'_, Sqlite>>, id: i64) -> dbop::Result<()> {
    Ok(())
}

fn main() {}
