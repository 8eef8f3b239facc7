//! A database call can fail, so there must be a `Result`.
#![allow(unused)]

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::Sqlite;

#[transactional]
async fn nothing(tx: &mut Tx<'_, Sqlite>) {}

#[db_op]
async fn unit(conn: &mut Conn<'_, Sqlite>) -> () {}

fn main() {}
