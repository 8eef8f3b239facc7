//! Options that are valid by themselves and wrong together.
#![allow(unused)]

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::Sqlite;

#[db_op(read_only, idempotent)]
async fn both(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[transactional(deferrable)]
async fn deferrable_alone(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[transactional(deferrable, read_only, isolation = repeatable_read)]
async fn deferrable_at_a_lower_level(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

struct Repository {
    pool: sqlx::SqlitePool,
}

impl Repository {
    #[db_op(db = self.pool)]
    async fn handle_without_session(&self) -> dbop::Result<()> {
        Ok(())
    }
}

fn main() {}
