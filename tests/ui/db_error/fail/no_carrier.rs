//! Types with no place for what the database says.
#![allow(unused)]

use dbop::DbError;

#[derive(Debug, thiserror::Error, DbError)]
enum BankError {
    #[error("insufficient funds")]
    InsufficientFunds,
}

#[derive(Debug, thiserror::Error, DbError)]
#[error("closed")]
struct Closed;

#[derive(Debug, thiserror::Error, DbError)]
enum OtherFields {
    #[error("query {text}")]
    Query { text: String, source: sqlx::Error },
}

/// The mistake in the derive is the only one that is reported.
#[dbop::db_op]
async fn uses(conn: &mut dbop::Conn<'_, sqlx::Sqlite>) -> Result<(), BankError> {
    Err(BankError::InsufficientFunds)
}

fn main() {}
