//! A session type that does not say of which database.
#![allow(unused)]

use dbop::{Conn, Tx, db_op, transactional};

#[transactional]
async fn transaction(tx: &mut Tx<'_>) -> dbop::Result<()> {
    Ok(())
}

#[db_op]
async fn session(conn: &mut Conn) -> dbop::Result<()> {
    Ok(())
}

fn main() {}
