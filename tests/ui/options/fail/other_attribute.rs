//! Options that only `#[transactional]` has.
#![allow(unused)]

use dbop::{Conn, db_op};
use sqlx::Sqlite;

#[db_op(isolation = serializable, deferrable, nested)]
async fn statement(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

fn main() {}
