//! Errors that do not implement `DbError`.
#![allow(unused)]

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::Sqlite;

#[derive(Debug)]
enum BankError {
    InsufficientFunds,
}

#[transactional]
async fn transaction(tx: &mut Tx<'_, Sqlite>) -> Result<i64, BankError> {
    Err(BankError::InsufficientFunds)
}

#[db_op]
async fn session(conn: &mut Conn<'_, Sqlite>) -> Result<i64, String> {
    Ok(1)
}

#[db_op]
async fn without_session(id: i64) -> Result<i64, Box<dyn std::error::Error>> {
    Ok(1)
}

fn main() {}
