//! Options that do not exist, near to one that does or not, and things that are no option at all.
#![allow(unused)]

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::Sqlite;

#[transactional(tiemout = "2s")]
async fn near(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[db_op(backoff = 2)]
async fn far(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[db_op(retry(attempt = 3))]
async fn nested(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[db_op("read_only")]
async fn text(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[db_op(, read_only)]
async fn comma(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

fn main() {}
