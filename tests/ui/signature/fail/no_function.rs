//! The attributes on other items.
#![allow(unused)]

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::Sqlite;

#[db_op]
struct Account {
    id: i64,
}

#[transactional]
impl Account {
    async fn rename(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<()> {
        Ok(())
    }
}

trait Accounts {
    #[db_op]
    async fn count(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<i64>;
}

fn main() {}
