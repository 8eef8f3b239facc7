//! Functions that cannot await a statement.
#![allow(unused)]

use std::pin::Pin;

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::Sqlite;

#[db_op]
fn plain(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[db_op]
const fn constant(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[transactional]
fn no_block<'a>(tx: &'a mut Tx<'_, Sqlite>) -> Pin<Box<dyn Future<Output = dbop::Result<()>> + 'a>> {
    Box::pin(std::future::ready(Ok(())))
}

fn main() {}
