//! Two places for the same error.
#![allow(unused)]

use dbop::DbError;

#[derive(Debug, thiserror::Error, DbError)]
enum BankError {
    #[error("reading")]
    Read(#[source] sqlx::Error),
    #[error("writing")]
    Write(#[source] sqlx::Error),
}

fn main() {}
