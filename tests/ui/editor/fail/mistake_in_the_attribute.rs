//! A mistake in the attribute is the only one that is reported: callers and the body see the function as it is meant.
#![allow(unused)]

use dbop::{Conn, Db, DbError, Tx, db_op, transactional};
use sqlx::Sqlite;

#[transactional(tiemout = "2s")]
async fn option(tx: &mut Tx<'_, Sqlite>, id: i64) -> dbop::Result<i64> {
    Ok(id)
}

#[transactional]
async fn argument(tx: &mut Tx<'_, Sqlite>, log: &mut Vec<i64>) -> dbop::Result<i64> {
    Ok(log[0])
}

struct Repository {
    db: Db<Sqlite>,
}

impl Repository {
    #[db_op(db = self.db, read_only, read_only)]
    async fn method(&self, conn: &mut Conn<'_, Sqlite>) -> dbop::Result<i64> {
        Ok(1)
    }
}

async fn caller(repository: Repository) -> dbop::Result<i64> {
    let db = &repository.db;
    Ok(option(db, 1).await? + argument(db, &mut Vec::new()).await? + repository.method().await?)
}

fn main() {}
